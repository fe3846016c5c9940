"""Updates that are carried out only when their invoice is paid."""

import pytest
import stripe
from conftest import DAY

HOUR = 3_600
OUTCOMES = {"declined": "decline", "needs authentication": "authenticate",
            "processing": "processing"}


def bought(sandbox, card="pm_card_visa"):
    return sandbox.subscription(sandbox.price(2000), sandbox.customer(card))


def upgrade(sandbox, subscription, price=None, **params):
    item = subscription["items"].data[0]
    price = price or sandbox.price(4000)
    return sandbox.client.v1.subscriptions.update(subscription.id, {
        "items": [{"id": item.id, "price": price.id}], "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"], **params})


def held(sandbox, subscription, outcome):
    sandbox.knob(f"customers/{subscription.customer}", next_charge=outcome)
    return upgrade(sandbox, subscription)


def amount(subscription):
    return subscription["items"].data[0].price.unit_amount


def test_an_update_that_is_paid_at_once_is_carried_out(sandbox, api):
    updated = upgrade(sandbox, bought(sandbox))
    assert (amount(updated), updated.pending_update) == (4000, None)
    assert updated.latest_invoice.status == "paid"


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_an_update_that_is_not_paid_waits_and_changes_nothing(sandbox, api, receiver, outcome):
    subscription = bought(sandbox)
    sandbox.settle()
    receiver.clear()
    before = sandbox.now()
    waiting = held(sandbox, subscription, outcome)
    pending = waiting.pending_update
    assert (amount(waiting), waiting.status) == (2000, "active")
    assert before + 23 * HOUR <= pending.expires_at <= sandbox.now() + 23 * HOUR
    assert pending.subscription_items[0].price.unit_amount == 4000
    invoice = waiting.latest_invoice
    assert (invoice.status, invoice.billing_reason) == ("open", "subscription_update")
    sandbox.settle()
    told = receiver.events("customer.subscription.updated")[0]["data"]["object"]
    assert told["pending_update"]["expires_at"] == pending.expires_at
    kinds = receiver.types()
    assert ("invoice.payment_action_required" in kinds) == (outcome == "authenticate")
    assert ("invoice.payment_failed" in kinds) == (outcome != "processing")
    assert "invoice.paid" not in kinds


@pytest.mark.parametrize("how", ["page", "authenticate", "pay with a new card", "bank"])
def test_paying_the_invoice_carries_the_update_out(sandbox, api, receiver, how):
    subscription = bought(sandbox)
    outcome = {"authenticate": "authenticate", "bank": "processing"}.get(how, "decline")
    waiting = held(sandbox, subscription, outcome)
    page = waiting.latest_invoice.hosted_invoice_url
    sandbox.settle()
    receiver.clear()
    if how == "pay with a new card":
        card = api.payment_methods.attach("pm_card_visa", {"customer": subscription.customer})
        api.invoices.pay(waiting.latest_invoice.id, {"payment_method": card.id})
    elif how == "bank":
        sandbox.knob("payments", invoice=waiting.latest_invoice.id, status="succeeded")
    else:
        assert sandbox.press(page, action="pay" if how == "page" else how)[0] == 303
    found = api.subscriptions.retrieve(subscription.id)
    assert (amount(found), found.pending_update, found.status) == (4000, None, "active")
    sandbox.settle()
    for expected in ["invoice.paid", "customer.subscription.pending_update_applied",
                     "customer.subscription.updated"]:
        assert receiver.types().count(expected) == 1, expected
    sandbox.advance(2 * DAY)
    assert "customer.subscription.pending_update_expired" not in receiver.types()
    assert amount(api.subscriptions.retrieve(subscription.id)) == 4000


@pytest.mark.parametrize("how", ["expiry", "void", "another update", "cancellation"])
def test_an_update_that_is_given_up_leaves_nothing(sandbox, api, receiver, how):
    subscription = bought(sandbox)
    waiting = held(sandbox, subscription, "decline")
    invoice = waiting.latest_invoice.id
    sandbox.settle()
    receiver.clear()
    if how == "expiry":
        sandbox.advance(23 * HOUR + 1)
    elif how == "void":
        api.invoices.void_invoice(invoice)
    elif how == "another update":
        upgrade(sandbox, subscription, sandbox.price(6000))
    else:
        api.subscriptions.cancel(subscription.id)
    found = api.subscriptions.retrieve(subscription.id)
    assert found.pending_update is None
    assert amount(found) == (6000 if how == "another update" else 2000)
    assert api.invoices.retrieve(invoice).status == "void"
    sandbox.settle()
    assert receiver.types().count("customer.subscription.pending_update_expired") == 1
    assert receiver.types().count("invoice.voided") == 1


def test_an_update_expires_with_the_period_or_the_trial(sandbox, api):
    subscription = bought(sandbox)
    sandbox.advance_to(subscription["items"].data[0].current_period_end - 2 * HOUR)
    # So little time costs less than can be charged unless the price is high.
    sandbox.knob(f"customers/{subscription.customer}", next_charge="decline")
    waiting = upgrade(sandbox, subscription, sandbox.price(900_000))
    end = subscription["items"].data[0].current_period_end
    assert waiting.pending_update.expires_at == end
    sandbox.advance_to(end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (amount(found), found.latest_invoice.amount_paid) == (2000, 2000)


def test_ending_a_trial_can_wait_for_the_payment(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer, trial_period_days=7)
    sandbox.knob(f"customers/{customer.id}", next_charge="authenticate")
    waiting = api.subscriptions.update(subscription.id, {
        "trial_end": "now", "payment_behavior": "pending_if_incomplete",
        "expand": ["latest_invoice"]})
    assert (waiting.status, waiting.trial_end) == ("trialing", subscription.trial_end)
    sandbox.press(waiting.latest_invoice.hosted_invoice_url, action="authenticate")
    assert api.subscriptions.retrieve(subscription.id).status == "active"


def test_what_waited_before_stays_out_of_the_invoice(sandbox, api):
    subscription = bought(sandbox)
    middle = sandbox.price(3000)
    api.subscriptions.update(subscription.id, {
        "items": [{"id": subscription["items"].data[0].id, "price": middle.id}]})
    updated = upgrade(sandbox, subscription)
    assert len(updated.latest_invoice.lines.data) == 2
    sandbox.advance_to(subscription["items"].data[0].current_period_end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert len(found.latest_invoice.lines.data) == 3


def test_after_an_update_is_dropped_the_next_credit_is_of_what_was_billed(sandbox, api):
    subscription = bought(sandbox)
    waiting = held(sandbox, subscription, "decline")
    api.invoices.void_invoice(waiting.latest_invoice.id)
    lines = upgrade(sandbox, subscription).latest_invoice.lines.data
    assert -2000 <= lines[0].amount <= -1999


@pytest.mark.parametrize("params", [
    {"default_payment_method": "pm_x"}, {"off_session": True}, {"description": "x"},
    {"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}])
def test_what_a_pending_update_does_not_support_is_refused(sandbox, api, params):
    subscription = bought(sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        upgrade(sandbox, subscription, **params)
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()


def test_an_open_invoice_has_a_secret_for_a_page_of_ones_own(sandbox, api):
    subscription = bought(sandbox)
    waiting = held(sandbox, subscription, "authenticate")
    invoice = api.invoices.retrieve(
        waiting.latest_invoice.id, {"expand": ["confirmation_secret", "payments"]})
    assert invoice.confirmation_secret.client_secret.startswith("pi_")
    intent = invoice.payments.data[0].payment.payment_intent
    assert api.payment_intents.retrieve(intent).status == "requires_action"


def test_with_default_incomplete_the_change_is_made_and_the_payment_waits(sandbox, api):
    subscription = bought(sandbox)
    updated = upgrade(sandbox, subscription, payment_behavior="default_incomplete")
    assert (amount(updated), updated.status) == (4000, "past_due")
    assert updated.latest_invoice.status == "open"
    api.invoices.pay(updated.latest_invoice.id)
    assert api.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize("outcome", ["decline", "authenticate"])
def test_with_error_if_incomplete_nothing_is_left(sandbox, api, outcome):
    subscription = bought(sandbox)
    sandbox.knob(f"customers/{subscription.customer}", next_charge=outcome)
    with pytest.raises(stripe.CardError):
        upgrade(sandbox, subscription, payment_behavior="error_if_incomplete")
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()


def test_confirming_the_payment_of_an_invoice_pays_the_invoice(sandbox, api):
    subscription = bought(sandbox)
    waiting = held(sandbox, subscription, "decline")
    invoice = api.invoices.retrieve(waiting.latest_invoice.id, {"expand": ["payments"]})
    intent = invoice.payments.data[0].payment.payment_intent
    card = api.payment_methods.attach("pm_card_visa", {"customer": subscription.customer})
    confirmed = api.payment_intents.confirm(intent, {"payment_method": card.id})
    assert confirmed.status == "succeeded"
    assert api.invoices.retrieve(invoice.id).status == "paid"
    assert amount(api.subscriptions.retrieve(subscription.id)) == 4000
