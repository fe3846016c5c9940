"""Proration, updates, renewals, dunning, endings: the account as time passes."""

import datetime

import pytest
import stripe
from conftest import DAY

HOUR = 3_600


def period(subscription):
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end


def day_price(sandbox, amount, days):
    return sandbox.price(amount, recurring={"interval": "day", "interval_count": days})


def change(subscription, price, **params):
    item = {"id": subscription["items"].data[0].id, "price": price.id}
    return {"items": [item], **params}


def preview(api, subscription, price, behavior, date):
    return api.invoices.create_preview({
        "customer": subscription.customer, "subscription": subscription.id,
        "subscription_details": {**change(subscription, price), "proration_date": date,
                                 "proration_behavior": behavior}})


# (days in the period, seconds elapsed, old price, new price, credit, debit)
PRORATIONS = [
    pytest.param(30, 10 * DAY, 2000, 4000, -1333, 2667, id="10 of 30 days, each line rounded"),
    pytest.param(30, 15 * DAY, 2000, 4000, -1000, 2000, id="half"),
    pytest.param(31, 10 * DAY, 2000, 4000, -1355, 2710, id="10 of 31 days"),
    pytest.param(30, 0, 2000, 4000, -2000, 4000, id="second 0"),
    pytest.param(30, 30 * DAY - 1, 2000, 4000, 0, 0, id="the last second"),
    pytest.param(30, 10 * DAY, 4000, 2000, -2667, 1333, id="downgrade"),
    pytest.param(30, 20 * DAY, 2000, 1000, -667, 333, id="published: 10 days left"),
    pytest.param(31, 2_232_860, 1000, 3252, -166, 541, id="published: not truncated"),
]


@pytest.mark.parametrize("days, elapsed, old, new, credit, debit", PRORATIONS)
def test_prorations_preview_and_update_agree(
        sandbox, api, days, elapsed, old, new, credit, debit):
    before, after = day_price(sandbox, old, days), day_price(sandbox, new, days)
    customer = sandbox.customer()
    subscription = sandbox.subscription(before, customer)
    date = period(subscription)[0] + elapsed
    seen = preview(api, subscription, after, "always_invoice", date)
    assert [line.amount for line in seen.lines.data] == [credit, debit]
    assert seen.total == credit + debit
    assert seen.amount_due == max(0, credit + debit)
    assert seen.parent.subscription_details.subscription_proration_date == date
    details = [line.parent.subscription_item_details for line in seen.lines.data]
    assert all(d.proration and d.subscription == subscription.id for d in details)
    assert details[0].proration_details.credited_items.invoice == subscription.latest_invoice
    waiting = preview(api, subscription, after, "create_prorations", date)
    assert waiting.total == credit + debit + new
    updated = api.subscriptions.update(subscription.id, change(
        subscription, after, proration_behavior="always_invoice", proration_date=date,
        payment_behavior="error_if_incomplete", expand=["latest_invoice"]))
    invoice = updated.latest_invoice
    assert [line.amount for line in invoice.lines.data] == [credit, debit]
    assert (invoice.status, invoice.total) == ("paid", credit + debit)
    assert invoice.amount_paid == max(0, credit + debit)
    assert api.customers.retrieve(customer.id).balance == min(0, credit + debit)
    assert updated["items"].data[0].price.id == after.id
    assert period(updated) == period(subscription)


def test_descriptions_name_the_plan_and_the_day(sandbox, api):
    subscription = sandbox.subscription(day_price(sandbox, 2000, 30))
    date = period(subscription)[0] + 10 * DAY
    day = datetime.datetime.fromtimestamp(date, datetime.timezone.utc)
    seen = preview(api, subscription, day_price(sandbox, 4000, 30), "always_invoice", date)
    spoken = f"{day.day} {day:%b %Y}"
    assert [line.description for line in seen.lines.data] == [
        f"Unused time on Plan 2000 after {spoken}", f"Remaining time on Plan 4000 after {spoken}"]


def test_a_credit_is_used_by_the_next_invoice(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(day_price(sandbox, 4000, 30), customer)
    date = period(subscription)[0] + 10 * DAY
    api.subscriptions.update(subscription.id, change(
        subscription, day_price(sandbox, 2000, 30), proration_behavior="always_invoice",
        proration_date=date))
    assert api.customers.retrieve(customer.id).balance == -1334
    sandbox.advance(30 * DAY + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = found.latest_invoice
    assert (invoice.total, invoice.starting_balance, invoice.amount_paid) == (2000, -1334, 666)
    assert api.customers.retrieve(customer.id).balance == 0


def test_prorations_wait_for_the_next_invoice(sandbox, api, receiver):
    subscription = sandbox.subscription(day_price(sandbox, 2000, 30))
    date = period(subscription)[0] + 10 * DAY
    updated = api.subscriptions.update(subscription.id, change(
        subscription, day_price(sandbox, 4000, 30), proration_date=date))
    assert updated.latest_invoice == subscription.latest_invoice
    sandbox.settle()
    assert receiver.types().count("invoiceitem.created") == 2
    for params, count in [({"pending": True}, 2), ({"pending": False}, 0), ({"limit": 1}, 1),
                          ({"invoice": subscription.latest_invoice}, 0)]:
        listed = api.invoice_items.list({"customer": subscription.customer, **params}).data
        assert len(listed) == count, params
    sandbox.advance(30 * DAY + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert [line.amount for line in found.latest_invoice.lines.data] == [-1333, 2667, 4000]
    assert found.latest_invoice.amount_paid == 5334
    sandbox.advance(30 * DAY)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert [line.amount for line in found.latest_invoice.lines.data] == [4000]


def test_without_proration_the_credit_is_what_was_billed(sandbox, api):
    subscription = sandbox.subscription(day_price(sandbox, 2000, 30))
    date = period(subscription)[0] + 15 * DAY
    free = change(subscription, day_price(sandbox, 4000, 30), proration_behavior="none")
    updated = api.subscriptions.update(subscription.id, free)
    assert updated.latest_invoice == subscription.latest_invoice
    seen = preview(api, updated, day_price(sandbox, 6000, 30), "always_invoice", date)
    assert [line.amount for line in seen.lines.data] == [-1000, 3000]


def test_an_item_without_an_id_is_added(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    updated = api.subscriptions.update(
        subscription.id, {"items": [{"price": sandbox.price(500).id}]})
    assert len(updated["items"].data) == 2


def test_a_new_price_resets_the_quantity(sandbox, api):
    price, other = sandbox.price(2000), sandbox.price(3000)
    customer = sandbox.customer()
    subscription = api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price.id, "quantity": 3}]})
    assert api.invoices.retrieve(subscription.latest_invoice).amount_paid == 6000
    updated = api.subscriptions.update(subscription.id, change(subscription, other))
    assert updated["items"].data[0].quantity == 1


def test_another_interval_starts_a_new_cycle_and_charges_if_the_anchor_is_reset(sandbox, api):
    subscription = sandbox.subscription(day_price(sandbox, 3000, 30))
    before = sandbox.advance(15 * DAY)
    updated = api.subscriptions.update(subscription.id, change(
        subscription, sandbox.price(20_000, interval="year"), expand=["latest_invoice"],
        billing_cycle_anchor={"type": "now"}))
    assert before <= period(updated)[0] <= sandbox.now()
    credit, full = [line.amount for line in updated.latest_invoice.lines.data]
    assert -1500 <= credit <= -1499 and full == 20_000
    assert updated.latest_invoice.status == "paid"


@pytest.mark.parametrize("knob", [{"next_charge": "decline"}, {"card": "decline"}])
def test_a_decline_with_error_if_incomplete_changes_nothing(sandbox, api, knob):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    pro = sandbox.price(4000)
    sandbox.knob(f"customers/{customer.id}", **knob)
    params = change(subscription, pro, proration_behavior="always_invoice",
                    payment_behavior="error_if_incomplete")
    with pytest.raises(stripe.CardError) as error:
        api.subscriptions.update(subscription.id, params)
    assert (error.value.http_status, error.value.code) == (402, "card_declined")
    assert error.value.json_body["error"]["decline_code"] == "generic_decline"
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()
    assert len(api.invoices.list({"customer": customer.id}).data) == 1
    sandbox.knob(f"customers/{customer.id}", card="ok")
    updated = api.subscriptions.update(subscription.id, params)
    assert updated["items"].data[0].price.id == pro.id


def test_a_decline_with_allow_incomplete_is_past_due(sandbox, api, receiver):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="decline")
    updated = api.subscriptions.update(subscription.id, change(
        subscription, sandbox.price(4000), proration_behavior="always_invoice",
        expand=["latest_invoice"]))
    assert (updated.status, updated.latest_invoice.status) == ("past_due", "open")
    sandbox.settle()
    assert "invoice.payment_failed" in receiver.types()
    assert api.invoices.pay(updated.latest_invoice.id).status == "paid"
    assert api.subscriptions.retrieve(subscription.id).status == "active"


def test_an_upgrade_during_a_trial_costs_nothing(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000), trial_period_days=7)
    pro = sandbox.price(4000)
    seen = preview(api, subscription, pro, "always_invoice", sandbox.now())
    assert (seen.amount_due, seen.lines.data) == (0, [])
    assert api.subscriptions.retrieve(subscription.id).status == "trialing"
    updated = api.subscriptions.update(
        subscription.id, change(subscription, pro, proration_behavior="always_invoice"))
    assert updated.latest_invoice == subscription.latest_invoice
    assert updated.status == "trialing"
    before = sandbox.now()
    ended = api.subscriptions.update(
        subscription.id, {"trial_end": "now", "expand": ["latest_invoice"]})
    assert (ended.status, ended.latest_invoice.amount_paid) == ("active", 4000)
    assert before <= period(ended)[0] <= sandbox.now()


def test_a_first_payment_that_fails_is_incomplete_for_23_hours(sandbox, api, receiver):
    customer = sandbox.customer("pm_card_chargeCustomerFail")
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    assert subscription.status == "incomplete"
    sandbox.advance(23 * HOUR + 1)
    assert api.subscriptions.retrieve(subscription.id).status == "incomplete_expired"
    assert api.invoices.retrieve(subscription.latest_invoice).status == "void"


def test_a_first_payment_made_later_starts_the_billing(sandbox, api):
    customer = sandbox.customer("pm_card_chargeCustomerFail")
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    visa = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        api.invoices.pay(subscription.latest_invoice)
    api.invoices.pay(subscription.latest_invoice, {"payment_method": visa.id})
    assert api.subscriptions.retrieve(subscription.id).status == "active"
    api.subscriptions.update(subscription.id, {"default_payment_method": visa.id})
    sandbox.advance_to(period(subscription)[1] + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", "paid")
    assert found.latest_invoice.id != subscription.latest_invoice


def test_renewal_makes_a_draft_and_charges_it_an_hour_later(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    end = period(subscription)[1]
    sandbox.settle()
    receiver.clear()
    sandbox.advance_to(end + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, period(found)[0]) == ("active", end)
    assert (found.latest_invoice.status, found.latest_invoice.created) == ("draft", end)
    assert found.latest_invoice.billing_reason == "subscription_cycle"
    assert sorted(receiver.types()) == ["customer.subscription.updated", "invoice.created"]
    updated = receiver.events("customer.subscription.updated")[0]
    assert "items" in updated["data"]["previous_attributes"]
    receiver.clear()
    sandbox.advance(HOUR)
    invoice = api.invoices.retrieve(found.latest_invoice.id)
    assert (invoice.status, invoice.amount_paid) == ("paid", 2000)
    assert invoice.status_transitions.paid_at == end + HOUR
    for expected in ["invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]:
        assert expected in receiver.types()


def test_one_step_over_a_year_renews_every_month_in_order(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.advance(360 * DAY)
    invoices = list(api.invoices.list({"subscription": subscription.id, "limit": 100}).data)
    assert [i.status for i in invoices[1:]] == ["paid"] * (len(invoices) - 1)
    assert len(invoices) == 12
    times = [event["created"] for event in receiver.events()]
    assert len(times) > 60 and max(times) <= sandbox.now()


def test_failed_renewals_are_retried_and_then_canceled(sandbox, api, receiver):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", card="decline")
    failed_at = period(subscription)[1] + HOUR
    for attempt, (days, following) in enumerate([(0, 1), (1, 3), (3, 5)], 1):
        sandbox.advance_to(failed_at + days * DAY + 1)
        found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
        invoice = found.latest_invoice
        assert (found.status, invoice.status) == ("past_due", "open")
        assert invoice.attempt_count == attempt
        assert invoice.next_payment_attempt == failed_at + following * DAY
        assert receiver.types().count("invoice.payment_failed") == attempt
    sandbox.advance_to(failed_at + 5 * DAY + 1)
    found = api.subscriptions.retrieve(subscription.id)
    assert (found.status, found.ended_at) == ("canceled", failed_at + 5 * DAY)
    assert found.cancellation_details.reason == "payment_failed"
    assert api.invoices.retrieve(found.latest_invoice).next_payment_attempt is None
    assert receiver.types().count("customer.subscription.deleted") == 1
    assert receiver.types().count("invoice.payment_failed") == 4


def test_a_retry_that_succeeds_makes_it_active_again(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="decline")
    sandbox.advance_to(period(subscription)[1] + HOUR + 1)
    assert api.subscriptions.retrieve(subscription.id).status == "past_due"
    sandbox.advance(DAY)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", "paid")


def test_a_renewal_that_asks_for_authentication_says_so(sandbox, api, receiver):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="authenticate")
    sandbox.advance_to(period(subscription)[1] + HOUR + 1)
    assert "invoice.payment_action_required" in receiver.types()
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert found.status == "past_due"
    page = found.latest_invoice.hosted_invoice_url
    assert "Confirm" in sandbox.request("GET", page)[2]
    assert sandbox.press(page, action="authenticate")[0] == 303
    assert api.subscriptions.retrieve(subscription.id).status == "active"


def test_a_card_that_needs_authentication_cannot_start_unattended(sandbox, api):
    customer = sandbox.customer("pm_card_threeDSecure2Required")
    with pytest.raises(stripe.CardError) as error:
        sandbox.subscription(
            sandbox.price(2000), customer, payment_behavior="error_if_incomplete")
    assert error.value.code == "authentication_required"


def test_cancel_at_period_end_ends_there(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    before = sandbox.now()
    canceled = api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    end = period(subscription)[1]
    assert (canceled.status, canceled.cancel_at) == ("active", end)
    assert before <= canceled.canceled_at <= sandbox.now()
    sandbox.settle()
    receiver.clear()
    sandbox.advance_to(end + 1)
    found = api.subscriptions.retrieve(subscription.id)
    assert (found.status, found.ended_at) == ("canceled", end)
    assert found.canceled_at == canceled.canceled_at
    assert receiver.types() == ["customer.subscription.deleted"]
    assert len(api.invoices.list({"subscription": subscription.id}).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert api.subscriptions.update(subscription.id, {"metadata": {"a": "1"}}).metadata.a == "1"


def test_a_planned_cancellation_can_be_undone(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    undone = api.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (undone.cancel_at, undone.canceled_at) == (None, None)
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.resume(subscription.id)
    sandbox.advance_to(period(subscription)[1] + HOUR + 1)
    assert api.subscriptions.retrieve(subscription.id).status == "active"


def test_canceling_at_once_refunds_nothing(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    canceled = api.subscriptions.cancel(subscription.id)
    assert canceled.status == "canceled" and canceled.ended_at == canceled.canceled_at
    sandbox.settle()
    assert "customer.subscription.deleted" in receiver.types()
    assert "charge.refunded" not in receiver.types()
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.cancel(subscription.id)


def test_canceling_with_proration_credits_the_customer(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(day_price(sandbox, 3000, 30), customer)
    sandbox.advance(10 * DAY)
    api.subscriptions.cancel(subscription.id, {"invoice_now": True, "prorate": True})
    assert -2000 <= api.customers.retrieve(customer.id).balance <= -1999


def test_a_trial_without_a_card_can_pause_and_resume(sandbox, api, receiver):
    customer = sandbox.customer(None)
    subscription = sandbox.subscription(
        sandbox.price(2000), customer, trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}})
    sandbox.advance(7 * DAY + 1)
    assert api.subscriptions.retrieve(subscription.id).status == "paused"
    assert "customer.subscription.paused" in receiver.types()
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.subscriptions.update(subscription.id, {"default_payment_method": method.id})
    resumed = api.subscriptions.resume(subscription.id, {"expand": ["latest_invoice"]})
    assert (resumed.status, resumed.latest_invoice.amount_paid) == ("active", 2000)


def test_refunds_and_disputes_lead_back_to_the_invoice(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    payment = api.invoice_payments.list({"invoice": subscription.latest_invoice}).data[0]
    intent = payment.payment.payment_intent
    api.refunds.create({"payment_intent": intent, "amount": 500})
    refund = api.refunds.create({"payment_intent": intent})
    assert refund.amount == 1500
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create({"payment_intent": intent})
    sandbox.settle()
    charges = [e["data"]["object"] for e in receiver.events("charge.refunded")]
    # Deliveries run side by side, so that only what arrived is told, not in which order.
    assert sorted((c["amount_refunded"], c["refunded"]) for c in charges) == [
        (500, False), (2000, True)]
    found = api.invoice_payments.list({"payment": {
        "type": "payment_intent", "payment_intent": charges[0]["payment_intent"]}})
    assert [p.invoice for p in found.data] == [subscription.latest_invoice]
    sandbox.knob("disputes", invoice=subscription.latest_invoice)
    sandbox.knob("disputes", invoice=subscription.latest_invoice, status="lost")
    sandbox.settle()
    assert sorted(e["type"] for e in receiver.events("charge.dispute")) == [
        "charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_withdrawn"]
    closed = receiver.events("charge.dispute.closed")[0]["data"]["object"]
    assert (closed["status"], closed["payment_intent"]) == ("lost", intent)


def test_the_refund_knob_refunds_an_invoice(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.knob("refunds", invoice=subscription.latest_invoice)
    sandbox.settle()
    assert receiver.types().count("charge.refunded") == 1


def test_anchors_on_the_31st_clamp_to_the_months_end(sandbox, api):
    now = datetime.datetime.fromtimestamp(sandbox.now(), datetime.timezone.utc)
    start = datetime.datetime(now.year + 1, 1, 31, 12, tzinfo=datetime.timezone.utc)
    sandbox.advance_to(int(start.timestamp()))
    subscription = sandbox.subscription(sandbox.price(2000))
    days = []
    for _ in range(5):
        end = period(api.subscriptions.retrieve(subscription.id))[1]
        days.append(datetime.datetime.fromtimestamp(end, datetime.timezone.utc))
        sandbox.advance_to(end + HOUR + 1)
    leap = (start.year % 4 == 0 and start.year % 100 != 0) or start.year % 400 == 0
    assert [(d.month, d.day) for d in days] == [
        (2, 29 if leap else 28), (3, 31), (4, 30), (5, 31), (6, 30)]
    assert {d.hour for d in days} == {12}
