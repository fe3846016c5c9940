"""What Stripe knows already and we have not heard, or hear late: events held back, lost, or in an
order of their own."""

import uuid

import pytest

from conftest import DAY, PLUS, PRO
from test_payments import (
    EVENT, buy, checkout, knob, post_event, press, sdk, settle)
from test_payments_events import dead_letters, notices
from test_payments_life import HOUR, subscriber


def hold(service):
    knob(service, "/_test/webhooks", {"mode": "hold"})


def release(service):
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)


def live(service):
    return [item for item in sdk(service).v1.subscriptions.list({"status": "all"}).data
            if item.status != "canceled"]


def refunds(service):
    return sdk(service).v1.refunds.list().data


def second_page(service, user, customer, plan="career_plus_monthly"):
    """A second tab: a page that is paid though the first was."""
    client = sdk(service)
    price = client.v1.prices.list({"lookup_keys": [plan]}).data[0]
    return client.v1.checkout.sessions.create({
        "mode": "subscription", "customer": customer,
        "line_items": [{"price": price.id, "quantity": 1}], "client_reference_id": user.id,
        "success_url": "http://127.0.0.1:9/ok"}).url


def two_paid(service):
    """A user who has had their trial, and two subscriptions that they paid, the first one first;
    nobody has told of either."""
    user = service.new_user()
    buy(service, user)
    user.post("/career/subscriptions/cancel", {"cancel_at_period_end": False})
    settle(service)
    assert user.subscription["plan"]["name"] == "Free"
    customer = sdk(service).v1.customers.list().data[0].id
    hold(service)
    assert press(checkout(user).json["checkout_url"], "pay")[0] == 303
    [first] = live(service)
    service.advance(2)
    assert press(second_page(service, user, customer), "pay")[0] == 303
    second, = (item for item in live(service) if item.id != first.id)
    return user, first.id, second.id


def tell_of(service, *subscriptions):
    for subscription in subscriptions:
        body = {**EVENT, "id": f"evt_told_{uuid.uuid4().hex}", "type": "customer.subscription.updated",
                "data": {"object": {"id": subscription, "object": "subscription"}}}
        assert post_event(service, body).status == 200


@pytest.mark.parametrize("order", ["first", "second"])
def test_of_two_paid_checkouts_the_first_one_keeps_whichever_is_heard_of_first(own_service, order):
    user, first, second = two_paid(own_service)
    for subscription in (first, second) if order == "first" else (second, first):
        tell_of(own_service, subscription)
        settle(own_service)
    release(own_service)
    assert [item.id for item in live(own_service)] == [first]
    assert [refund.amount for refund in refunds(own_service)] == [2000]
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_remaining"] == "500.00"
    assert notices(own_service).count("duplicate_subscription") == 1
    assert f"{second} was paid besides {first}" in notices(own_service)
    assert dead_letters(own_service) == "No dead letters."


@pytest.mark.parametrize("call", ["/v1/refunds", "/v1/subscriptions"])
def test_a_second_payment_is_given_back_though_stripe_fails_in_the_middle(own_service, call):
    user, first, second = two_paid(own_service)
    tell_of(own_service, first)
    settle(own_service)
    knob(own_service, "/_test/faults", {
        "path_prefix": call, "method": "POST" if call == "/v1/refunds" else "DELETE",
        "kind": "status", "status": 500, "times": 1, "should_retry": False})
    tell_of(own_service, second)
    settle(own_service)
    assert len(live(own_service)) == 2
    own_service.advance(61)
    release(own_service)
    assert [item.id for item in live(own_service)] == [first]
    assert [refund.amount for refund in refunds(own_service)] == [2000]
    assert user.balance["credits_remaining"] == "500.00"


def declined_upgrade(service, user):
    """Made at Stripe by another's hand, which lets it stand though its card is declined."""
    client = sdk(service)
    subscription = client.v1.subscriptions.list().data[0]
    knob(service, f"/_test/customers/{subscription.customer}", {"next_charge": "decline"})
    change_price(service, "career_pro_monthly", "always_invoice")
    settle(service)
    return subscription


def change_price(service, key, behavior):
    client = sdk(service)
    subscription = client.v1.subscriptions.list().data[0]
    price = client.v1.prices.list({"lookup_keys": [key]}).data[0].id
    return client.v1.subscriptions.update(subscription.id, {
        "items": [{"id": subscription["items"]["data"][0].id, "price": price}],
        "proration_behavior": behavior})


def test_an_upgrade_that_was_declined_grants_nothing_until_it_is_paid(own_service):
    user = subscriber(own_service)
    declined_upgrade(own_service, user)
    assert user.subscription["status"] == "past_due"
    assert user.balance["credits_allocated"] == "500.00"
    [unpaid] = sdk(own_service).v1.invoices.list({"status": "open"}).data
    sdk(own_service).v1.invoices.pay(unpaid.id)
    settle(own_service)
    assert user.subscription["status"] == "active"
    assert 1900 < float(user.balance["credits_allocated"]) < 2000


def test_a_higher_plan_that_is_billed_later_grants_nothing_now(own_service):
    user = subscriber(own_service)
    change_price(own_service, "career_pro_monthly", "create_prorations")
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Pro"
    assert user.balance["credits_allocated"] == "500.00"
    change_price(own_service, "career_plus_monthly", "create_prorations")
    settle(own_service)
    assert user.balance["credits_allocated"] == "500.00"


def test_what_was_paid_in_an_earlier_period_pays_for_nothing_in_this_one(own_service):
    user = subscriber(own_service)
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    change_price(own_service, "career_plus_monthly", "none")
    own_service.advance_past_period(user)
    assert user.balance["credits_allocated"] == "500.00"
    change_price(own_service, "career_pro_monthly", "create_prorations")
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Pro"
    assert user.balance["credits_allocated"] == "500.00"


def test_a_period_that_was_paid_and_ended_before_it_was_heard_of_leaves_its_grace(own_service):
    user = subscriber(own_service)
    user.spend()
    # To half an hour after the end of the next period: its invoice is paid, the one after it is a
    # draft for an hour.
    own_service.advance_past_period(user, beyond=0)
    start = sdk(own_service).v1.subscriptions.list().data[0]["items"].data[0]
    own_service.advance(start.current_period_end - start.current_period_start + HOUR // 2)
    assert user.balance["credits_remaining"] == "500.00"
    assert user.validate().status == 200


def test_a_cancellation_is_asked_for_whatever_we_know(own_service):
    user = subscriber(own_service)
    assert user.post("/career/subscriptions/cancel").status == 200
    hold(own_service)
    client = sdk(own_service)
    id = client.v1.subscriptions.list().data[0].id
    client.v1.subscriptions.update(id, {"cancel_at_period_end": False})
    assert user.post("/career/subscriptions/cancel").status == 200
    assert client.v1.subscriptions.retrieve(id).cancel_at_period_end is True
    release(own_service)
    assert user.subscription["cancel_at_period_end"] is True


def test_a_cancellation_made_at_stripe_is_taken_back_before_it_was_heard_of(own_service):
    user = subscriber(own_service)
    hold(own_service)
    client = sdk(own_service)
    id = client.v1.subscriptions.list().data[0].id
    client.v1.subscriptions.update(id, {"cancel_at_period_end": True})
    assert user.post("/career/subscriptions/resume").json["cancel_at_period_end"] is False
    assert client.v1.subscriptions.retrieve(id).cancel_at_period_end is False


@pytest.mark.parametrize("call", ["cancel", "resume"])
def test_what_has_ended_at_stripe_is_on_free_whatever_is_asked(own_service, call):
    user = subscriber(own_service)
    hold(own_service)
    client = sdk(own_service)
    client.v1.subscriptions.cancel(client.v1.subscriptions.list().data[0].id)
    answer = user.post(f"/career/subscriptions/{call}")
    if call == "cancel":
        assert answer.status == 409 and answer.code == "nothing_to_cancel"
    else:
        assert answer.status == 200
    assert user.subscription["plan"]["name"] == "Free"


def test_whoever_has_just_paid_gets_no_second_page(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    hold(own_service)
    assert press(page, "pay")[0] == 303
    for plan in (PLUS, PRO):
        refused = checkout(user, plan)
        assert refused.status == 409 and refused.code == "already_subscribed"
    assert user.subscription["plan"]["name"] == "Plus"
    release(own_service)
    assert len(live(own_service)) == 1


def test_whoever_has_just_paid_and_ended_it_may_buy_again(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    hold(own_service)
    assert press(page, "pay")[0] == 303
    client = sdk(own_service)
    client.v1.subscriptions.cancel(client.v1.subscriptions.list().data[0].id)
    again = checkout(user)
    assert again.status == 200 and again.json["checkout_url"] != page


@pytest.mark.parametrize("how", ["refund", "dispute"])
def test_reconciliation_finds_money_that_went_back_and_nobody_told(own_service, how):
    user = subscriber(own_service)
    hold(own_service)
    invoice = sdk(own_service).v1.subscriptions.list().data[0].latest_invoice
    knob(own_service, f"/_test/{how}s",
         {"invoice": invoice, **({"status": "lost"} if how == "dispute" else {})})
    settle(own_service)
    reconcile = lambda *more: own_service.command(
        "stripe", "reconcile", *more, STRIPE_API_BASE=own_service.sandbox)
    found = reconcile()
    assert found.returncode == 1 and f"is paid by {invoice} only here" in found.stdout
    assert user.subscription["plan"]["name"] == "Plus"
    assert reconcile("--repair").returncode == 0
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert live(own_service) == []
    assert reconcile().returncode == 0


def test_what_another_customer_subscribes_to_is_not_the_users_whatever_its_metadata_says(
        own_service):
    user = subscriber(own_service)
    user.post("/career/subscriptions/cancel", {"cancel_at_period_end": False})
    settle(own_service)
    client = sdk(own_service)
    other = client.v1.customers.create({"email": "x@example.test"}).id
    price = client.v1.prices.list({"lookup_keys": ["career_pro_monthly"]}).data[0].id
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": other})
    client.v1.subscriptions.create({
        "customer": other, "items": [{"price": price}], "default_payment_method": method.id,
        "metadata": {"user_id": user.id}})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert dead_letters(own_service) == "No dead letters."


def test_an_event_that_tells_neither_its_time_nor_its_mode_is_taken(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    hold(own_service)
    press(page, "pay")
    id = live(own_service)[0].id
    body = {"id": "evt_bare", "object": "event", "type": "customer.subscription.updated",
            "data": {"object": {"id": id, "object": "subscription"}}}
    assert post_event(own_service, body).status == 200
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"


def test_why_a_signature_is_refused_is_told_in_a_sentence(service):
    told = {post_event(service, EVENT, **how).json["detail"] for how in (
        {"secret": "whsec_other"}, {"header": None}, {"header": "t=1,v1"}, {"timestamp": 1})}
    assert told == {
        "No signature is that of this body under one of our secrets.",
        "The request has no Stripe-Signature header.",
        "The Stripe-Signature header cannot be read.",
        "The signature is too old; is the clock right?"}


def test_the_last_failed_try_that_ends_the_plan_asks_for_no_payment(own_service):
    user = own_service.sign_up()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    customer = sdk(own_service).v1.customers.list().data[0].id
    knob(own_service, f"/_test/customers/{customer}", {"card": "decline"})
    own_service.advance_past_period(user, beyond=12 * DAY)
    assert user.subscription["plan"]["name"] == "Free"
    mails = own_service.mail(user.email)
    assert any("ended" in mail["subject"] for mail in mails)
    assert not any("for Free" in mail["text"] for mail in mails)
