"""What one network can cost the service, and that it keeps nobody of another network out."""

import itertools
import tempfile

import pytest

from conftest import PASSWORD, Service, together
from test_identity import email, sign_in
from test_operations import PRODUCTION

WRONG, CHOSEN = "Wrong-Passw0rd1", "Chosen-Passw0rd1"
MINUTES = 60
# No two tests count against the same networks.
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def proxied():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, TRUSTED_PROXIES="127.0.0.1").start()
        yield service
        service.stop()


def network():
    number = next(NUMBERS)
    return f"10.7.{number >> 8}.{number & 255}"


class Person:
    """Somebody who asks from one network."""

    def __init__(self, service, address=None):
        self.service, self.headers = service, {"X-Forwarded-For": address or network()}

    def post(self, path, **body):
        return self.service.call("POST", path, body, headers=self.headers)

    def sign_up(self, email, password=PASSWORD):
        return self.post("/auth/signup", email=email, password=password)

    def sign_in(self, email, password=PASSWORD):
        return self.post("/auth/signin", email=email, password=password)

    def resend(self, email):
        return self.post("/auth/signup/resend", email=email)

    def reset(self, email):
        return self.post("/auth/password/reset", email=email)

    def verify(self, email, code, **more):
        return self.post("/auth/signup/verify", email=email, otp_code=code, **more)

    def confirm(self, email, code):
        return self.post(
            "/auth/password/reset/confirm", email=email, otp_code=code, new_password=CHOSEN)


def wrong(service, address):
    known = {mail["text"] for mail in service.mail(address)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444")
                if not any(code in text for text in known))


# What a stranger may send about somebody else's address, each as often as ever they like.
ATTACKS = {
    "wrong passwords": lambda it, address: it.sign_in(address, WRONG),
    "wrong codes for the sign-up": lambda it, address: it.verify(
        address, wrong(it.service, address)),
    "wrong codes for the reset": lambda it, address: it.confirm(
        address, wrong(it.service, address)),
    "resets": lambda it, address: it.reset(address),
    "resends": lambda it, address: it.resend(address),
    "sign-ups": lambda it, address: it.sign_up(address, WRONG),
}


def attack(service, address, kinds, times=70):
    stranger = Person(service)
    for _ in range(times):
        for kind in kinds:
            assert ATTACKS[kind](stranger, address).status < 500
    return stranger


ALL = [[kind] for kind in ATTACKS] + [list(ATTACKS)]


@pytest.mark.parametrize("kinds", ALL, ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all")
def test_nothing_that_one_network_sends_keeps_an_owner_out_who_comes_from_another(proxied, kinds):
    owner, address = Person(proxied), proxied.sign_up().email
    # She asks for a code, and a stranger goes on before she types it.
    assert owner.reset(address).status == 200
    code = proxied.code(address)
    attack(proxied, address, kinds)
    assert owner.confirm(address, code).status == 200
    assert owner.sign_in(address, CHOSEN).status == 200
    # And asks afterwards.
    before = len(proxied.mail(address))
    assert owner.reset(address).status == 200
    assert len(proxied.mail(address)) == before + 1
    assert owner.confirm(address, proxied.code(address)).status == 200
    assert owner.sign_in(address, WRONG).status == 401
    assert owner.sign_in(address, CHOSEN).status == 200


@pytest.mark.parametrize("kinds", ALL, ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all")
def test_nor_whoever_signs_up_from_another(proxied, kinds):
    owner, address = Person(proxied), email()
    attack(proxied, address, kinds)
    before = len(proxied.mail(address))
    assert owner.sign_up(address).status == 201
    assert len(proxied.mail(address)) == before + 1
    attack(proxied, address, kinds)
    assert owner.resend(address).status == 200
    assert owner.verify(address, proxied.code(address), password=CHOSEN).status == 200
    assert owner.sign_in(address, CHOSEN).status == 200


def test_her_own_code_is_good_although_a_stranger_has_asked_for_newer_ones(proxied):
    owner, stranger, address = Person(proxied), Person(proxied), email()
    owner.sign_up(address)
    code = proxied.code(address)
    for _ in range(4):
        stranger.resend(address)
    assert owner.verify(address, code, password=PASSWORD).status == 200
    owner.reset(address)
    code = proxied.code(address)
    for _ in range(4):
        stranger.reset(address)
    # It is used once, and with it all the others.
    other = proxied.code(address)
    assert owner.confirm(address, code).status == 200
    assert [owner.confirm(address, word).status for word in (code, other)] == [400, 400]


def test_over_all_networks_an_account_has_ten_times_as_many_failures(proxied):
    address = proxied.sign_up().email
    strangers = [Person(proxied) for _ in range(10)]
    for stranger in strangers:
        statuses = [stranger.sign_in(address, WRONG).status for _ in range(11)]
        assert statuses == [401] * 10 + [429]
    assert Person(proxied).sign_in(address).status == 429
    proxied.advance(15 * MINUTES)
    assert Person(proxied).sign_in(address).status == 200


def test_over_all_networks_an_address_gets_ten_times_as_many_mails(proxied):
    address = proxied.sign_up().email
    before = len(proxied.mail(address))
    for _ in range(12):
        stranger = Person(proxied)
        for _ in range(6):
            assert stranger.reset(address).status == 200
    # The sign-up's own came from the first of the networks.
    assert len(proxied.mail(address)) == before + 49


def test_a_code_has_five_tries_from_one_network_and_fifty_from_all(proxied):
    address = email()
    Person(proxied).sign_up(address)
    code = wrong(proxied, address)
    for _ in range(10):
        stranger = Person(proxied)
        statuses = [stranger.verify(address, code).status for _ in range(6)]
        assert statuses == [400] * 5 + [429]
    assert Person(proxied).verify(address, proxied.code(address)).status == 429
    # A new one is mailed, and its tries count anew.
    owner = Person(proxied)
    owner.resend(address)
    assert owner.verify(address, proxied.code(address)).status == 200


def causes(service):
    """What has been written and computed for strangers so far."""
    rows = [service.rows(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("users", "mails", "one_time_codes")]
    return rows, service.cpu_seconds


@pytest.mark.parametrize("ask", ["sign_up", "resend", "reset"])
def test_one_network_asks_for_fifty_mails_an_hour_and_no_more(proxied, ask):
    stranger = Person(proxied)
    statuses = [getattr(stranger, ask)(email()).status for _ in range(50)]
    assert set(statuses) <= {200, 201}
    before, _ = causes(proxied)
    for other in ("sign_up", "resend", "reset"):
        refused = getattr(stranger, other)(email())
        assert refused.status == 429 and refused.code == "too_many_attempts"
        assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert causes(proxied)[0] == before
    assert getattr(Person(proxied), ask)(email()).status in (200, 201)


def test_in_production_every_network_has_its_bound(tmp_path):
    service = Service(tmp_path, **PRODUCTION).start()
    person = Person(service)
    statuses = [person.reset(email()).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    service.stop()


def test_wrong_passwords_sent_at_once_cost_one_network_a_bounded_number_of_hashes(tmp_path):
    service = Service(tmp_path, **PRODUCTION, TRUSTED_PROXIES="127.0.0.1").start()
    stranger = Person(service)
    statuses = together(200, lambda _: stranger.sign_in(email(), WRONG).status)
    # Fifty are answered in a quarter of an hour, and those that were at work meanwhile.
    assert statuses.count(401) <= 50 and set(statuses) <= {401, 429, 503}
    assert sign_in(service, email(), WRONG).status == 401
    service.stop()
