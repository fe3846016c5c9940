"""What an operator does at Stripe is followed or told, and what is paid ends as a period, a refund or
a notice."""

import calendar
import time

import pytest

from conftest import DAY, PLUS, PRO
from test_payments import EVENT, buy, checkout, knob, post_event, press, sdk, settle
from test_payments_events import dead_letters, notices
from test_payments_life import customer, subscriber
from test_payments_returned import credits, invoices, reconcile
from test_payments_unheard import hold, live, release


def update(service, **changes):
    [subscription] = live(service)
    sdk(service).v1.subscriptions.update(subscription.id, changes)
    knob(service, "/_test/webhooks/settle", {})
    settle(service)


def item(service):
    return live(service)[0]["items"].data[0]


def price_of(service, key):
    return sdk(service).v1.prices.list({"lookup_keys": [key]}).data[0].id


def other_price(service, **more):
    client = sdk(service)
    product = client.v1.products.create({"name": "Book club"})
    return client.v1.prices.create({
        "product": product.id, "currency": "usd", "unit_amount": 500,
        "recurring": {"interval": "month"}, **more}).id


def in_order(service):
    assert "No dead letters" in dead_letters(service)
    found = reconcile(service)
    assert found.returncode == 0, found


@pytest.mark.parametrize("days", [21, -2])
def test_a_trial_that_is_moved_lasts_as_long_as_stripe_says(own_service, days):
    user = own_service.new_user()
    buy(own_service, user)
    told = []
    if days > 0:
        own_service.advance(5 * DAY)
        told = [f"Your trial ends on {user.subscription['trial_end'][:10]}"]
    end = live(own_service)[0].trial_end + days * DAY
    update(own_service, trial_end=end, proration_behavior="none")
    subscription = user.subscription
    told.append(f"Your trial ends on {subscription['trial_end'][:10]}")
    assert subscription["current_period_end"] == subscription["trial_end"]
    assert calendar.timegm(time.strptime(subscription["trial_end"], "%Y-%m-%dT%H:%M:%SZ")) == end
    assert credits(user) == 50000
    own_service.advance(end - own_service.now - 60)
    assert user.subscription["status"] == "trialing" and user.validate().status == 200
    in_order(own_service)
    own_service.advance(DAY // 6)
    assert user.subscription["status"] == "active" and credits(user) == 50000
    in_order(own_service)
    # Each of its ends is mailed of.
    assert [mail["subject"] for mail in own_service.mail(user.email)
            if "trial" in mail["subject"]] == told


def test_another_product_of_the_same_customer_is_none_of_ours(own_service):
    user = own_service.new_user()
    checkout(user)
    client, price = sdk(own_service), other_price(own_service)
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer(own_service)})
    client.v1.subscriptions.create({
        "customer": customer(own_service), "items": [{"price": price}],
        "default_payment_method": method.id})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    in_order(own_service)
    assert "No notices" in notices(own_service)
    own_service.advance(32 * DAY)
    in_order(own_service)


@pytest.mark.parametrize("order", [("other", "plus"), ("plus", "other")])
def test_the_plan_is_found_wherever_an_add_on_stands(own_service, order):
    user = own_service.new_user()
    checkout(user)
    client = sdk(own_service)
    prices = {"other": other_price(own_service), "plus": price_of(own_service, "career_plus_monthly")}
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer(own_service)})
    client.v1.subscriptions.create({
        "customer": customer(own_service), "items": [{"price": prices[name]} for name in order],
        "default_payment_method": method.id})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus" and credits(user) == 50000
    own_service.advance_past_period(user)
    assert credits(user) == 50000
    in_order(own_service)


def test_a_price_of_no_plan_of_ours_keeps_the_plan_and_is_told(own_service):
    user = subscriber(own_service)
    update(own_service, items=[{"id": item(own_service).id, "price": other_price(own_service)}],
           proration_behavior="none")
    assert user.subscription["plan"]["name"] == "Plus"
    assert "unknown_price" in notices(own_service)
    in_order(own_service)
    own_service.advance_past_period(user)
    assert user.subscription["plan"]["name"] == "Plus" and credits(user) == 50000
    sdk(own_service).v1.subscriptions.cancel(live(own_service)[0].id)
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    in_order(own_service)


def quantity(service):
    update(service, items=[{"id": item(service).id, "quantity": 2}], proration_behavior="none")
    return "quantity 2"


def interval(service):
    yearly = sdk(service).v1.prices.create({
        "product": item(service).price.product, "currency": "usd", "unit_amount": 20000,
        "recurring": {"interval": "year"}}).id
    update(service, items=[{"id": item(service).id, "price": yearly}])
    return "billed every 1 year"


def pause(service):
    update(service, pause_collection={"behavior": "void"})
    return "collection is paused (void)"


@pytest.mark.parametrize("edit", [quantity, interval, pause])
def test_what_an_operator_makes_of_a_subscription_is_told_once(own_service, edit):
    user = subscriber(own_service)
    words = edit(own_service)
    update(own_service, metadata={"note": "x"})
    assert notices(own_service).count(words) == 1
    assert user.subscription["plan"]["name"] == "Plus"
    in_order(own_service)


def test_an_anchor_that_is_reset_starts_a_period_when_it_is_paid(own_service):
    user = subscriber(own_service)
    user.spend()
    own_service.advance(3 * DAY)
    update(own_service, billing_cycle_anchor={"type": "now"}, proration_behavior="none")
    assert user.balance["credits_remaining"] == "500.00"
    in_order(own_service)


# Disputes of payments that are none of ours


@pytest.mark.parametrize("type,status", [
    ("charge.dispute.created", "needs_response"), ("charge.dispute.closed", "lost"),
    ("charge.dispute.funds_withdrawn", "lost")])
def test_a_dispute_of_a_payment_that_is_none_of_ours_is_not_told(own_service, type, status):
    answer = post_event(own_service, {
        **EVENT, "id": "evt_" + type.replace(".", "_"), "type": type, "data": {"object": {
            "id": "du_1", "object": "dispute", "payment_intent": "pi_foreign", "charge": "ch_1",
            "amount": 500, "status": status, "livemode": False}}})
    assert answer.status == 200
    settle(own_service)
    assert "No notices" in notices(own_service)
    assert "No dead letters" in dead_letters(own_service)


# What is paid


def test_nobody_can_pay_for_what_has_ended(own_service):
    user = subscriber(own_service)
    knob(own_service, f"/_test/customers/{customer(own_service)}", {"card": "decline"})
    own_service.advance_past_period(user)
    own_service.advance(20 * DAY)
    assert user.subscription["plan"]["name"] == "Free"
    assert sdk(own_service).v1.invoices.list({"status": "open"}).data == []
    in_order(own_service)


def test_what_is_paid_after_the_end_is_refunded_and_told(own_service):
    user = subscriber(own_service)
    knob(own_service, f"/_test/customers/{customer(own_service)}", {"card": "decline"})
    own_service.advance_past_period(user)
    # The end is not heard of, so the invoice stays open.
    hold(own_service)
    own_service.advance(20 * DAY)
    [unpaid] = sdk(own_service).v1.invoices.list({"status": "open"}).data
    knob(own_service, f"/_test/customers/{customer(own_service)}", {"card": "ok"})
    sdk(own_service).v1.invoices.pay(unpaid.id)
    found = reconcile(own_service)
    assert found.returncode == 1 and unpaid.id in found.stdout
    release(own_service)
    assert user.subscription["plan"]["name"] == "Free" and credits(user) == 2500
    assert [refund.amount for refund in sdk(own_service).v1.refunds.list().data] == [2000]
    told = notices(own_service)
    assert "paid_after_end" in told and unpaid.id in told
    in_order(own_service)


def test_what_is_paid_and_granted_nowhere_is_named_and_told(own_service):
    user = subscriber(own_service)
    [paid] = invoices(own_service)
    [grant] = own_service.rows("SELECT * FROM credit_grants WHERE cause = ?", paid.id)
    [(allocated, end)] = own_service.rows(
        "SELECT credits_allocated, period_end FROM career_subscription_contexts")
    own_service.rows("DELETE FROM credit_grants WHERE cause = ?", paid.id)
    own_service.rows(
        "UPDATE career_subscription_contexts SET credits_allocated = 0, period_end = ?",
        int((own_service.now + 900 * DAY) * 1_000_000))
    found = reconcile(own_service)
    assert found.returncode == 1 and f"was paid by {paid.id}" in found.stdout
    assert reconcile(own_service, "--repair").returncode == 0
    assert "paid_unused" in notices(own_service)
    assert reconcile(own_service).returncode == 0
    own_service.rows("DELETE FROM operator_notices")
    # What was taken out of the ledger by hand is put back, as the closing audit wants it.
    own_service.rows(
        f"INSERT INTO credit_grants VALUES ({', '.join('?' for _ in grant)})", *grant)
    own_service.rows(
        "UPDATE career_subscription_contexts SET credits_allocated = ?, period_end = ?",
        allocated, end)
