"""What the hashing of passwords costs, and whom it keeps waiting: it has threads and a queue of its own."""

import contextlib
import json
import threading

import pytest

from conftest import Service, together
from test_abuse import WRONG, Person
from test_bounds import BESIDE, BUDGET, resident
from test_identity import email, sign_in


def test_signing_in_costs_a_hash_whether_or_not_there_is_an_account(tmp_path):
    service = Service(tmp_path, PASSWORD_COST="").start()
    user = service.sign_up()

    def computed(address):
        """Seconds of a processor, which a busy machine does not change."""
        before = service.cpu_seconds
        for _ in range(4):
            assert sign_in(service, address, WRONG).status == 401
        return service.cpu_seconds - before

    known, unknown = computed(user.email), computed(email())
    # Without a hash it would be a hundredth.
    assert known / 2 < unknown < known * 2
    service.stop()


def test_a_refused_sign_up_costs_no_hash(tmp_path):
    service = Service(tmp_path, PASSWORD_COST="", TRUSTED_PROXIES="127.0.0.1").start()
    stranger = Person(service)

    def computed(times):
        before = service.cpu_seconds
        for _ in range(times):
            stranger.sign_up(email())
        return service.cpu_seconds - before

    one = computed(4) / 4
    for _ in range(46):
        stranger.resend(email())
    assert stranger.sign_up(email()).status == 429
    assert computed(20) / 20 < one / 10
    # Nor one to an address that gets no more mails.
    address, person = email(), Person(service)
    for _ in range(5):
        person.resend(address)
    before = service.cpu_seconds
    assert person.sign_up(address).status == 201
    assert service.cpu_seconds - before < one / 2
    service.stop()


@pytest.mark.parametrize("forwarded", [None, "one network", "own networks"])
def test_who_signs_in_is_let_in_while_others_sign_up(tmp_path, forwarded):
    """150 connections sign up as fast as they can; hashing their passwords has a queue, which is full."""
    # An eighth of a hash's work: the queue is bounded by their number.
    service = Service(tmp_path, PASSWORD_COST="11", TRUSTED_PROXIES="127.0.0.1").start()
    user, over, refused = service.sign_up(), threading.Event(), threading.Event()
    statuses = set()

    def flood(index):
        address = {None: "127.0.0.1", "one network": "203.0.113.9"}.get(
            forwarded, f"10.9.0.{index}")
        while not over.is_set():
            # A queue that is long on a busy machine is not what is asked here.
            with contextlib.suppress(OSError):
                statuses.add(Person(service, address).sign_up(email()).status)
            if 503 in statuses:
                refused.set()

    threads = [threading.Thread(target=flood, args=(index,)) for index in range(150)]
    for thread in threads:
        thread.start()
    try:
        assert refused.wait(60), statuses
        seen = [sign_in(service, user.email).status for _ in range(3)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert seen == [200] * 3
    assert statuses <= {201, 429, 503}
    service.stop()


def test_what_a_request_carried_is_not_kept_while_it_waits(tmp_path):
    """Sign-ins wait for one another's hashes, which take their time here; the rest of their bodies
    does not."""
    service = Service(tmp_path, PASSWORD_COST="", LOG_LEVEL="critical").start()
    body = json.dumps({
        "email": "nobody@example.test", "password": "Passw0rd-x", "more": [0] * 200_000}).encode()
    before, most = resident(service), []

    def sign_in(_):
        answer = service.call("POST", "/auth/signin", raw=body, headers={
            "Content-Type": "application/json"})
        most.append(resident(service))
        return answer.status

    assert set(together(100, sign_in)) <= {401, 429, 503}
    assert max(most) - before < 2 * BUDGET + 100 * BESIDE
    service.stop()
