"""Every state that a user's customer and subscription can have at Stripe, met by every action: no
answer claims what is not so, and every state can be left again."""

import sys
import time
import uuid

import pytest

from browser import Browser
from conftest import PASSWORD, PLUS, PRO, PROVIDER, ROOT, User
from operators import Operator
from test_identity import email
from test_payments import buy, checkout, knob, press, sdk, settle

sys.path.append(str(ROOT / "Tests/servers"))
from stripe_proxy import StripeProxy, each, missing, refused  # noqa: E402, F401

ACTIONS = {
    "activate": lambda user: user.post("/career/subscriptions/activate"),
    "checkout": lambda user: checkout(user, PRO),
    "preview": lambda user: user.post(
        "/career/subscriptions/preview-upgrade", {"new_plan_id": PRO}),
    "upgrade": lambda user: user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}),
    "cancel": lambda user: user.post("/career/subscriptions/cancel"),
    "end": lambda user: user.post(
        "/career/subscriptions/cancel", {"cancel_at_period_end": False}),
    "resume": lambda user: user.post("/career/subscriptions/resume"),
    "portal": lambda user: user.post("/career/subscriptions/portal"),
    "delete": lambda user: user.service.call("DELETE", "/auth/me", headers=user.auth),
}
OK = (200, None)
BOUGHT = (409, "already_subscribed")
# What each action answers where the subscription goes on, and where it is over or nobody's.
RUNS = {**{name: OK for name in ACTIONS}, "checkout": BOUGHT}
OVER = {
    **{name: OK for name in ACTIONS},
    "preview": (409, "checkout_required"), "upgrade": (409, "checkout_required"),
    "cancel": (409, "nothing_to_cancel"), "end": (409, "nothing_to_cancel")}
NO_CUSTOMER = {**OVER, "portal": (409, "no_billing_account")}


def refusing(status, code):
    return {**RUNS, "preview": (status, code), "upgrade": (status, code)}


def with_status(status):
    def change(subscription):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            subscription["status"] = status
            if status in ("canceled", "incomplete_expired"):
                subscription["ended_at"] = subscription["canceled_at"] = int(time.time())
    return change


def of_another_customer(subscription):
    subscription["customer"] = "cus_another"


def at_a_price_of_no_plan(subscription):
    for item in subscription["items"]["data"]:
        if item["price"]["lookup_key"] == "career_plus_monthly":
            item["price"].update(
                id="price_unheard", product="prod_unheard", lookup_key=None, metadata={})


# state: what the subscription looks like, whether Stripe knows it and its customer, the answers,
# and whether it is over.
STATES = {
    "running": (None, True, True, RUNS, False),
    "customer unknown": (None, False, False, NO_CUSTOMER, True),
    "customer deleted": (with_status("canceled"), True, False, NO_CUSTOMER, True),
    "subscription unknown": (None, False, True, OVER, True),
    "of another customer": (of_another_customer, True, True, OVER, True),
    "canceled": (with_status("canceled"), True, True, OVER, True),
    "incomplete_expired": (with_status("incomplete_expired"), True, True, OVER, True),
    "incomplete": (
        with_status("incomplete"), True, True, refusing(402, "payment_incomplete"), False),
    "past_due": (with_status("past_due"), True, True, refusing(402, "payment_past_due"), False),
    "unpaid": (with_status("unpaid"), True, True, refusing(402, "payment_past_due"), False),
    "paused": (with_status("paused"), True, True, refusing(409, "subscription_paused"), False),
    "of a status nobody knows": (
        with_status("frozen"), True, True, refusing(409, "subscription_paused"), False),
    "at a price of no plan": (at_a_price_of_no_plan, True, True, RUNS, False),
}


class World:
    """A service beside a local Stripe, and another that sees it through a proxy."""

    def __init__(self, service, provider=PROVIDER):
        self.service = service
        self.proxy = StripeProxy(service.sandbox)
        self.other = service.beside(
            STRIPE_API_BASE=self.proxy.url,
            **(provider.settings(service.folder) if provider else {})).start()
        self.looks, self.unknown = {}, set()
        self.proxy.before.append(self.answer)
        self.proxy.after.append(self.bend)

    def answer(self, method, path, form):
        parts = path.split("/")
        if len(parts) > 3 and parts[3] in self.unknown:
            return missing("id")
        if path == "/v1/products/prod_unheard":
            return 200, {
                "id": "prod_unheard", "object": "product", "active": True, "created": 1,
                "images": [], "livemode": False, "marketing_features": [], "metadata": {},
                "name": "Something else", "type": "service", "updated": 1}
        if form.get("customer") in self.unknown:
            return missing("customer")
        return None

    def bend(self, method, path, form, answer):
        each(answer, "subscription",
             lambda subscription: self.looks.get(subscription["id"], lambda _: None)(subscription))
        if path == "/v1/subscriptions" and "customer" in form and "data" in answer:
            answer["data"] = [item for item in answer["data"] if item["id"] not in self.unknown
                              and item["customer"] == form["customer"]]

    def subscriber(self, user=None):
        """On Plus, in its trial; what they do next is seen through the proxy."""
        user = user or self.service.new_user()
        buy(self.service, user)
        customer, subscription = self.service.rows(
            """SELECT stripe_customer_id, stripe_subscription_id FROM subscriptions
            WHERE user_id = ?""", uuid.UUID(user.id))[0]
        there = User(self.other, user.email, user.tokens, user.id)
        there.customer, there.paid = customer, subscription
        return there

    def put(self, user, look, is_known, has_customer):
        if look:
            self.looks[user.paid] = look
        if not is_known:
            self.unknown.add(user.paid)
        if not has_customer:
            self.unknown.add(user.customer)

    def reconcile(self, *flags):
        return self.other.command("stripe", "reconcile", *flags)

    def close(self):
        self.other.stop()
        self.proxy.close()


@pytest.fixture
def world(own_service):
    world = World(own_service)
    yield world
    world.close()


def test_in_every_state_at_stripe_whoever_looks_is_answered(own_service):
    """The pages that ask Stripe, of the payer and of the operator."""
    world = World(own_service, provider=None)
    operator = Operator(world.other, email(), "admin")
    operator.enter()
    for state, (look, is_known, has_customer, _, _) in STATES.items():
        user = world.subscriber(own_service.sign_up())
        world.put(user, look, is_known, has_customer)
        visitor = Browser(world.other)
        visitor.sign_in(user.email, PASSWORD)
        for path in ("/account/receipts", "/account/plan", "/account/credits"):
            assert visitor.get(path).status == 200, (state, path)
        for path in (f"/console/people/{user.id}", f"/console/people/{user.id}/payments"):
            assert operator.get(path).status == 200, (state, path)
    world.close()


@pytest.mark.parametrize("state", STATES)
def test_in_every_state_at_stripe_each_action_says_what_is_so_and_the_state_can_be_left(
        world, state):
    look, is_known, has_customer, answers, is_over = STATES[state]
    users = {name: world.subscriber() for name in ACTIONS}
    # What Stripe tells of what is done now comes after all.
    knob(world.service, "/_test/webhooks", {"mode": "hold"})
    for user in users.values():
        world.put(user, look, is_known, has_customer)
    client = sdk(world.service)
    for name, act in ACTIONS.items():
        user = users[name]
        answer = act(user)
        assert (answer.status, answer.json.get("code")) == answers[name], (name, answer)
        if name == "delete":
            continue
        standing = user.subscription
        # Activation alone asks nothing of Stripe.
        if is_over and name not in ("activate", "portal"):
            assert standing["plan"]["name"] == "Free", (name, standing)
        if name == "end":
            assert standing["plan"]["name"] == "Free", (name, standing)
        if name == "cancel" and not is_over:
            assert standing["cancel_at_period_end"] is True and standing["cancel_at"]
        if name == "upgrade" and answer.status == 200:
            assert standing["plan"]["name"] == "Pro"
        elif not is_over and name != "end":
            assert standing["plan"]["name"] == "Plus", (name, standing)
    if state == "of another customer":
        # Nobody touches what is not the user's.
        paths = {f"/v1/subscriptions/{user.paid}" for name, user in users.items()
                 if name != "delete"}
        assert not [call for call in world.proxy.calls if call[0] != "GET" and call[1] in paths]
        assert client.v1.subscriptions.retrieve(users["end"].paid).status == "trialing"
    mended = world.reconcile("--repair")
    if state == "at a price of no plan":
        # That is an operator's to mend, who is told.
        notices = world.other.command("stripe", "notices").stdout
        assert f"unknown_price:  {users['resume'].paid}" in notices, notices
    assert mended.returncode == 0, mended
    assert world.reconcile().returncode == 0
    if is_over:
        assert users["activate"].subscription["plan"]["name"] == "Free"
        assert checkout(users["activate"]).status == 200
        told = world.other.command("stripe", "notices").stdout.count("unknown_subscription")
        assert bool(told) == (not is_known or state == "of another customer")


def test_after_a_customer_was_lost_there_is_no_portal_before_something_is_bought(world):
    user = world.service.new_user()
    there = User(world.other, user.email, user.tokens, user.id)
    assert checkout(there).status == 200
    assert ACTIONS["portal"](there).status == 200
    (lost,), = world.service.rows("SELECT stripe_customer_id FROM subscriptions")
    world.unknown.add(lost)
    page = checkout(there, PRO)
    assert page.status == 200
    assert ACTIONS["portal"](there).code == "no_billing_account"
    assert press(page.json["checkout_url"], "pay")[0] == 303
    settle(world.service)
    assert ACTIONS["portal"](there).status == 200


def test_a_subscription_that_stripe_does_not_know_leaves_what_was_paid_for(world):
    user = world.subscriber()
    user.spend()
    before = user.credits
    knob(world.service, "/_test/webhooks", {"mode": "hold"})
    world.put(user, None, False, True)
    assert ACTIONS["end"](user).code == "nothing_to_cancel"
    assert user.credits == before and user.subscription["plan"]["name"] == "Free"
    world.service.advance_past_period(user)
    world.other.offset = world.service.offset
    assert user.balance["credits_allocated"] == "25.00"
    assert user.validate().status == 200


def test_a_subscription_that_stripe_does_not_know_gives_way_to_one_that_is_live(world):
    user = world.subscriber()
    world.service.rows(
        "UPDATE subscriptions SET stripe_subscription_id = 'sub_gone' WHERE user_id = ?",
        uuid.UUID(user.id))
    mended = world.reconcile("--repair")
    assert mended.returncode == 0, mended
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_remaining"] == "500.00"
    assert sdk(world.service).v1.subscriptions.retrieve(user.paid).status == "trialing"


PAGES = {
    "open": lambda world, page: None,
    "expired": lambda world, page: sdk(world.service).v1.checkout.sessions.expire(page),
    "unknown": lambda world, page: world.proxy.before.append(
        lambda method, path, form: missing("id") if page in path else None),
    "paid": lambda world, page: press(f"{world.service.sandbox}/c/pay/{page}", "pay"),
}


@pytest.mark.parametrize("plan", ["same", "another"])
@pytest.mark.parametrize("state", PAGES)
def test_in_every_state_of_the_last_page_a_checkout_leads_on(world, state, plan):
    user = world.service.new_user()
    there = User(world.other, user.email, user.tokens, user.id)
    page = checkout(there).json
    knob(world.service, "/_test/webhooks", {"mode": "hold"})
    PAGES[state](world, page["session_id"])
    answer = checkout(there, PLUS if plan == "same" else PRO)
    if state == "paid":
        assert answer.code == "already_subscribed"
        assert there.subscription["plan"]["name"] == "Plus"
        return
    assert answer.status == 200, answer
    assert (answer.json == page) == (state == "open" and plan == "same")
    is_open = [item.id for item in sdk(world.service).v1.checkout.sessions.list().data
               if item.status == "open" and (item.id != page["session_id"] or state != "unknown")]
    assert answer.json["session_id"] in is_open and len(is_open) == 1


@pytest.mark.parametrize("action", ["checkout", "preview", "upgrade"])
@pytest.mark.parametrize("how", ["of another amount"])
def test_a_plan_without_its_price_at_stripe_is_not_sold_and_nothing_changes(own_service, how, action):
    service, client = own_service, sdk(own_service)
    user = service.new_user()
    if action != "checkout":
        buy(service, user)
    price = client.v1.prices.list({"lookup_keys": ["career_pro_monthly"]}).data[0]
    if how == "archived":
        client.v1.prices.update(price.id, {"active": False})
    else:
        client.v1.prices.create({
            "product": price.product, "currency": "usd", "unit_amount": 4100,
            "recurring": {"interval": "month"}, "lookup_key": "career_pro_monthly",
            "transfer_lookup_key": True})
    before = (user.subscription, user.credits)
    refused = ACTIONS[action](user)
    assert refused.status == 502 and refused.code == "payment_provider_error", refused
    assert int(refused.headers["retry-after"]) > 0
    settle(service)
    assert (user.subscription, user.credits) == before
    assert all(item.status != "open" for item in client.v1.checkout.sessions.list().data)
    synced = service.command("catalog", "sync", "--stripe", STRIPE_API_BASE=service.sandbox)
    assert synced.returncode == 0, synced
    assert ACTIONS[action](user).status == 200
