"""Idempotency at Stripe: a retry has the old key, a new attempt a new one, and what a process that died
has left there can be used by nobody."""

import re
import threading

import pytest

from conftest import PRO, PROVIDER, User
from test_payments import buy, checkout, knob, sdk, settle
from test_payments_provider import requests
from test_payments_queue import until
from test_stripe_states import ACTIONS, World


@pytest.fixture
def world(own_service):
    world = World(own_service)
    yield world
    world.close()


class Stored:
    """Stripe's memory of keys: the first call to a path fails with 500 once it has been carried out, or
    before, and each call with the same key gets that answer again for a day."""

    def __init__(self, world, method, path, times=1):
        self.world, self.method, self.path, self.left = world, method, path, times
        self.keys = set()
        world.proxy.before.append(self.answer)

    def answer(self, method, path, form):
        if method != self.method or not re.fullmatch(self.path, path):
            return None
        key = self.world.proxy.calls[-1][3]
        if key in self.keys or self.left > 0:
            if key not in self.keys:
                self.left -= 1
                self.keys.add(key)
            return 500, {"error": {"type": "api_error", "message": "An unknown error occurred"}}
        return None


def newcomer(world):
    user = world.service.new_user()
    return User(world.other, user.email, user.tokens, user.id)


POSTS = {
    "customer": ("checkout", r"/v1/customers"),
    "page": ("checkout", r"/v1/checkout/sessions"),
    "upgrade": ("upgrade", r"/v1/subscriptions/sub_\w+"),
    "cancel": ("cancel", r"/v1/subscriptions/sub_\w+"),
    "resume": ("resume", r"/v1/subscriptions/sub_\w+"),
    "portal": ("portal", r"/v1/billing_portal/sessions"),
    "preview": ("preview", r"/v1/invoices/create_preview"),
}


@pytest.mark.parametrize("post", POSTS)
def test_after_a_failure_that_stripe_repeats_for_its_key_the_next_attempt_succeeds(world, post):
    action, path = POSTS[post]
    user = newcomer(world) if action == "checkout" else world.subscriber()
    if action == "resume":
        assert ACTIONS["cancel"](user).status == 200
    stored = Stored(world, "POST", path)
    first = ACTIONS[action](user)
    assert first.status == 503 and first.code == "payment_provider_unavailable", first
    # All tries of the one attempt had its key.
    [key] = stored.keys
    tries = [call for call in world.proxy.made("POST", "/v1/") if re.fullmatch(path, call[1])]
    assert len({call[3] for call in tries if call[3] == key}) == 1
    assert [call[3] for call in tries].count(key) == 3
    second = ACTIONS[action](user)
    assert second.status == 200, second


def test_commands_of_an_operator_succeed_after_a_failure_that_stripe_repeats(world):
    knob(world.service, "/_test/reset", {})
    for path in (r"/v1/products", r"/v1/prices"):
        Stored(world, "POST", path)
    results = [world.other.command("catalog", "sync", "--stripe") for _ in range(2)]
    assert results[-1].returncode == 0, results
    keys = [item.lookup_key for item in sdk(world.service).v1.prices.list({"active": True}).data
            if item.lookup_key]
    assert sorted(keys) == [
        "api_basic_monthly", "api_basic_seat_monthly", "api_professional_monthly",
        "api_professional_seat_monthly", "career_pack_100", "career_pack_500",
        "career_plus_monthly", "career_plus_yearly", "career_pro_monthly", "career_pro_yearly"]


LOST = {"customer": "/v1/customers", "page": "/v1/checkout/sessions"}


@pytest.mark.parametrize("object", LOST)
@pytest.mark.parametrize("plan", ["same", "another"])
def test_what_was_made_and_never_answered_is_found_or_closed_by_the_next_attempt(
        world, object, plan):
    user = newcomer(world)
    world.proxy.loses = lambda method, path: method == "POST" and path == LOST[object]
    assert checkout(user).status == 503
    world.proxy.loses = lambda method, path: False
    again = checkout(user) if plan == "same" else checkout(user, PRO)
    assert again.status == 200, again
    client = sdk(world.service)
    assert len(client.v1.customers.list().data) == 1
    is_open = [item.id for item in client.v1.checkout.sessions.list().data
               if item.status == "open"]
    assert is_open == [again.json["session_id"]]


@pytest.mark.parametrize("object", LOST)
def test_a_process_that_is_killed_before_it_keeps_what_stripe_made_leaves_nothing_usable(
        own_service, object):
    user = own_service.new_user()
    knob(own_service, "/_test/faults", {
        "path_prefix": LOST[object], "method": "POST", "kind": "hang", "seconds": 2, "times": 1})
    other = own_service.beside(
        STRIPE_API_BASE=own_service.sandbox, **PROVIDER.settings(own_service.folder)).start()
    elsewhere = User(other, user.email, user.tokens, user.id)

    def ask():
        try:
            checkout(elsewhere)
        except OSError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    client = sdk(own_service)
    until(lambda: any(call["path"] == LOST[object] and call["method"] == "POST"
                      for call in requests(own_service)))
    other.kill()
    thread.join()
    listed = client.v1.customers.list if object == "customer" else client.v1.checkout.sessions.list
    until(lambda: listed().data)
    again = checkout(user, PRO)
    assert again.status == 200
    assert len(client.v1.customers.list().data) == 1
    is_open = [item.id for item in client.v1.checkout.sessions.list().data
               if item.status == "open"]
    assert is_open == [again.json["session_id"]]


def test_a_deletion_reaches_the_customer_that_was_made_and_never_linked(world):
    user = newcomer(world)
    world.proxy.loses = lambda method, path: method == "POST" and path == "/v1/customers"
    assert checkout(user).status == 503
    world.proxy.loses = lambda method, path: False
    client = sdk(world.service)
    assert len(client.v1.customers.list().data) == 1
    assert ACTIONS["delete"](user).status == 200
    assert client.v1.customers.list({"email": user.email}).data == []


def test_each_attempt_has_a_key_that_no_other_has(own_service):
    """Walks all that was ever sent: what users do, and do again."""
    user = own_service.new_user()
    for _ in range(2):
        buy(own_service, user)
        for action in ("preview", "upgrade", "cancel", "resume", "portal", "end"):
            assert ACTIONS[action](user).status == 200, action
        settle(own_service)
    keys = [call["idempotency_key"] for call in requests(own_service)
            if call["method"] == "POST" and "/products" not in call["path"]
            and "/prices" not in call["path"]]
    assert None not in keys and len(keys) == len(set(keys)) and len(keys) >= 13
