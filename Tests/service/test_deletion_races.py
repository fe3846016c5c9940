"""Every request raced with the deletion of its account: nothing fails, and nothing is left, neither
here nor at Stripe."""

import http.client
import json
import random
import threading
import time
import urllib.request

import pytest

from conftest import KEY, PLUS, PRO, PASSWORD, User
from test_access import OF_USERS, each
from test_deletion import traces
from test_packs import HUNDRED
from test_payments import URLS, buy, checkout, sdk
from test_stripe_states import World

ROUNDS = 6
# The outcome of a request whose answer had begun with its 200 and ended before its end.
CUT_SHORT = "cut short"


def race(service, user, request, seconds=0.03):
    """Deletes the account while others ask; returns the outcomes: statuses, or ``CUT_SHORT``."""
    headers, over, statuses = user.auth, threading.Event(), set()
    pause = random.random() * seconds

    def delete():
        time.sleep(pause)
        statuses.add(("deletion", service.call("DELETE", "/auth/me", headers=headers).status))
        over.set()

    def ask():
        while True:
            is_last = over.is_set()
            try:
                statuses.add(("request", request(headers).status))
            except http.client.IncompleteRead:
                statuses.add(("request", CUT_SHORT))
            if is_last:
                return

    threads = [threading.Thread(target=work) for work in (delete, ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def left_at_stripe(service, user):
    """Customers of the user's that are not deleted."""
    return [customer.id for customer in sdk(service).v1.customers.list({"limit": 100})
            .auto_paging_iter()
            if customer.email == user.email
            or (customer.to_dict().get("metadata") or {}).get("user_id") == user.id]


@pytest.fixture
def world(own_service):
    world = World(own_service)
    yield world
    world.close()


def requests_to(service):
    url = service.sandbox + "/_test/requests"
    return json.loads(urllib.request.urlopen(url, timeout=30).read())["requests"]


def check(service, user, statuses, beside=()):
    """`beside`: what else the endpoint's requests may come to."""
    assert all(status in beside if status == CUT_SHORT else status < 500 or status in beside
               for _, status in statuses), statuses
    assert ("deletion", 200) in statuses or ("deletion", 401) in statuses
    assert user.get("/auth/me").status == 401
    service.advance(0)
    assert traces(service, user) == []
    assert left_at_stripe(service, user) == []


# Too many ask for one at once, or its rows are gone while it is sent: its connection is closed before
# the end that a whole one has.
EXPORTS = (503, CUT_SHORT)


@each([operation for operation in OF_USERS if "{workspace_id}" not in operation.path])
def test_a_request_that_meets_its_accounts_deletion_fails_with_no_5xx_and_leaves_nothing(
        module_service, operation):
    service = module_service
    for _ in range(ROUNDS):
        user = service.sign_up()
        known = {
            "user_id": user.id, "plan_id": PLUS, "new_plan_id": PRO, "password": PASSWORD,
            "current_password": PASSWORD, "new_password": "Newer-Passw0rd1"}
        more = KEY if operation.needs_key else {}
        statuses = race(
            service, user, lambda headers: operation.call(service, {**headers, **more}, known))
        if operation.name == "CreateWorkspace" and ("deletion", 409) in statuses:
            statuses |= delete_after_all(service, user)
        check(service, user, statuses, EXPORTS if operation.name == "ExportMe" else ())


def delete_after_all(service, user):
    """Whoever has made a team before the deletion owns it, and keeps the account until it is gone."""
    for team in user.get("/api/workspaces?limit=100").json["items"]:
        assert service.call("DELETE", "/api/workspaces/" + team["id"], headers=user.auth).status == 204
    return {("deletion", service.call("DELETE", "/auth/me", headers=user.auth).status)}


PAYING = ["PreviewUpgrade", "UpgradePlan", "CancelSubscription", "ResumeSubscription",
          "OpenPortal", "StartCheckout", "GetSubscription"]


@pytest.mark.parametrize("name", PAYING)
def test_nor_does_one_of_somebody_who_pays(module_service, name):
    service = module_service
    operation, = [operation for operation in OF_USERS if operation.name == name]
    known = {"plan_id": PLUS, "new_plan_id": PRO}
    for _ in range(2):
        user = service.sign_up()
        buy(service, user)
        statuses = race(
            service, user, lambda headers: operation.call(service, headers, known), seconds=0.1)
        check(service, user, statuses)


def test_a_customer_made_while_the_account_was_erased_is_deleted_at_stripe(module_service):
    """The first checkout makes the customer; the deletion comes at every point of it."""
    service = module_service
    for number in range(12):
        user = service.sign_up()
        headers, answers = user.auth, []

        def buy_plan():
            answers.append(checkout(user))

        thread = threading.Thread(target=buy_plan)
        thread.start()
        time.sleep(number * 0.004)
        assert service.call("DELETE", "/auth/me", headers=headers).status == 200
        thread.join()
        assert answers[0].status < 500, answers
        check(service, user, {("deletion", 200)})


@pytest.mark.parametrize("address", ["/career/subscriptions/checkout", "/career/credits/checkout"])
def test_a_customer_whose_making_meets_the_deletion_and_is_never_heard_of_goes_too(world, address):
    """The deletion comes when the request is on its way to Stripe, and the answer to it is lost."""
    service = world.service
    user = service.sign_up()
    there = User(world.other, user.email, user.tokens, user.id)
    deleted = []

    def delete(method, path, form):
        if (method, path) == ("POST", "/v1/customers") and not deleted:
            deleted.append(service.call("DELETE", "/auth/me", headers=user.auth).status)
        return None

    world.proxy.before.append(delete)
    world.proxy.loses = lambda method, path: (method, path) == ("POST", "/v1/customers")
    body = {"plan_id": PLUS, "pack_id": HUNDRED, **URLS}
    assert there.post(address, body).status in (401, 503)
    assert deleted == [200]
    service.advance(0)
    assert left_at_stripe(service, user) == [] and traces(service, user) == []
    # Who is being deleted begins nothing more.
    assert there.post(address, body).status == 401


def test_the_erasure_itself_hands_the_customer_over(module_service):
    """In its own database transaction, whatever Stripe was asked to do before it."""
    service = module_service
    user = service.sign_up()
    assert checkout(user).status == 200
    [customer] = left_at_stripe(service, user)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    service.advance(0)
    calls = [call for call in requests_to(service) if customer in call["path"]]
    # Once before the erasure, and once for what may have been made since.
    assert [call["method"] for call in calls].count("DELETE") == 2
    assert left_at_stripe(service, user) == [] and traces(service, user) == []


def test_deletions_at_the_same_time_are_one(module_service):
    service = module_service
    for _ in range(ROUNDS):
        user = service.sign_up()
        buy(service, user)
        statuses = race(
            service, user,
            lambda headers: service.call("DELETE", "/auth/me", headers=headers), seconds=0.02)
        check(service, user, statuses)
