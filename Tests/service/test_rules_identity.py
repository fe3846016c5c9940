"""What is counted against an address, and how many mails anybody can cause to another."""

import itertools
import tempfile

import pytest

from conftest import PASSWORD, Service
from test_identity import email

VERIFY = "/auth/signup/verify"
MINUTES = 60
# No two tests count against the same address.
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def proxied():
    """A server behind a proxy at 127.0.0.1, which tells the clients' addresses."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, TRUSTED_PROXIES="127.0.0.1").start()
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


def fail(service, forwarded=None):
    """A wrong code, each time for another account."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    body = {"email": email(), "otp_code": "000000"}
    return service.call("POST", VERIFY, body, headers=headers)


def statuses(service, addresses):
    return [fail(service, address).status for address in addresses]


def test_fifty_failures_from_one_address_wait_a_quarter_of_an_hour(proxied):
    address = f"203.0.113.{next(NUMBERS)}"
    assert statuses(proxied, [address] * 49) == [400] * 49
    proxied.advance(14 * MINUTES)
    assert fail(proxied, address).status == 400
    refused = fail(proxied, address)
    assert refused.status == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    sign_in = {"email": email(), "password": "Wrong-Passw0rd"}
    headers = {"X-Forwarded-For": address}
    assert proxied.call("POST", "/auth/signin", sign_in, headers=headers).status == 429
    assert fail(proxied, f"203.0.113.{next(NUMBERS)}").status == 400
    proxied.advance(MINUTES)
    assert fail(proxied, address).status == 400


def test_in_development_loopback_addresses_have_no_throttle(proxied):
    assert set(statuses(proxied, [None] * 52)) == {400}
    for loopback in ("127.0.0.2", "::1", "::ffff:127.0.0.1"):
        assert set(statuses(proxied, [loopback] * 52)) == {400}


@pytest.mark.parametrize("path", ["/auth/signup/resend", "/auth/password/reset"])
def test_anybody_can_cause_five_mails_an_hour_to_one_address(proxied, path):
    if path == "/auth/signup/resend":
        address = email()
        body = {"email": address, "password": PASSWORD}
        assert proxied.call("POST", "/auth/signup", body).status == 201
    else:
        address = proxied.sign_up().email

    def ask(times):
        answers = [proxied.call("POST", path, {"email": address}) for _ in range(times)]
        assert {answer.status for answer in answers} == {200}
        return len(proxied.mail(address))

    # The sign-up's own is the first of the five.
    assert [ask(4), ask(4)] == [5, 5]
    proxied.advance(59 * MINUTES)
    assert ask(1) == 5
    proxied.advance(MINUTES)
    assert [ask(5), ask(1)] == [10, 10]
