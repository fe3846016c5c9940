"""Invoices that are voided, given up, changed, or paid late, and what becomes of the subscription."""

import pytest
import stripe
from conftest import DAY

HOUR = 3_600


def late(sandbox, receiver=None):
    """A subscription whose renewal was declined."""
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", card="decline")
    sandbox.advance_to(subscription["items"].data[0].current_period_end + HOUR + 1)
    found = sandbox.client.v1.subscriptions.retrieve(subscription.id)
    assert found.status == "past_due"
    if receiver:
        sandbox.settle()
        receiver.clear()
    return found


def status(api, subscription):
    return api.subscriptions.retrieve(subscription.id).status


def test_voiding_is_for_open_and_uncollectible_invoices_and_for_good(sandbox, api, receiver):
    subscription = late(sandbox, receiver)
    invoice = api.invoices.void_invoice(subscription.latest_invoice)
    assert (invoice.status, invoice.next_payment_attempt) == ("void", None)
    assert invoice.status_transitions.voided_at
    sandbox.settle()
    assert receiver.types().count("invoice.voided") == 1
    assert receiver.types().count("payment_intent.canceled") == 1
    payment = api.invoice_payments.list({"invoice": invoice.id}).data[0]
    assert payment.status == "canceled"
    assert api.payment_intents.retrieve(payment.payment.payment_intent).status == "canceled"
    for call in [api.invoices.void_invoice, api.invoices.pay, api.invoices.mark_uncollectible]:
        with pytest.raises(stripe.InvalidRequestError):
            call(invoice.id)
    assert "void" in sandbox.request("GET", invoice.hosted_invoice_url)[2]


def test_a_paid_invoice_is_not_voided(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    for call in [api.invoices.void_invoice, api.invoices.pay, api.invoices.mark_uncollectible]:
        with pytest.raises(stripe.InvalidRequestError):
            call(subscription.latest_invoice)


def test_voiding_the_first_invoice_ends_what_is_incomplete(sandbox, api, receiver):
    customer = sandbox.customer("pm_card_chargeCustomerFail")
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    assert subscription.status == "incomplete"
    api.invoices.void_invoice(subscription.latest_invoice)
    assert status(api, subscription) == "incomplete_expired"


@pytest.mark.parametrize("call", ["void_invoice", "mark_uncollectible"])
def test_giving_the_latest_invoice_up_makes_a_late_subscription_active(
        sandbox, api, receiver, call):
    subscription = late(sandbox, receiver)
    invoice = getattr(api.invoices, call)(subscription.latest_invoice)
    assert status(api, subscription) == "active"
    sandbox.settle()
    assert receiver.types().count("customer.subscription.updated") == 1
    event = "invoice.voided" if call == "void_invoice" else "invoice.marked_uncollectible"
    assert receiver.types().count(event) == 1
    assert invoice.auto_advance is False
    sandbox.advance(10 * DAY)
    assert status(api, subscription) == "active"


@pytest.mark.parametrize("ends_as, expected", [
    ("canceled", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")])
def test_voiding_the_latest_looks_at_the_one_before_whose_retries_are_used_up(
        sandbox, api, ends_as, expected):
    sandbox.knob("dunning", ends_as="past_due")
    subscription = late(sandbox)
    sandbox.advance(40 * DAY)
    found = api.subscriptions.retrieve(subscription.id)
    assert found.latest_invoice != subscription.latest_invoice and found.status == "past_due"
    sandbox.knob("dunning", ends_as=ends_as)
    api.invoices.void_invoice(found.latest_invoice)
    assert status(api, subscription) == expected


@pytest.mark.parametrize("call", ["void_invoice", "mark_uncollectible"])
def test_voiding_the_latest_after_one_that_was_given_up_makes_it_active(sandbox, api, call):
    sandbox.knob("dunning", ends_as="past_due")
    subscription = late(sandbox)
    sandbox.advance(40 * DAY)
    found = api.subscriptions.retrieve(subscription.id)
    getattr(api.invoices, call)(subscription.latest_invoice)
    assert status(api, subscription) == "past_due"
    api.invoices.void_invoice(found.latest_invoice)
    assert status(api, subscription) == "active"


def test_voiding_after_the_end_changes_the_invoice_alone(sandbox, api, receiver):
    subscription = late(sandbox)
    sandbox.advance(6 * DAY)
    assert status(api, subscription) == "canceled"
    sandbox.settle()
    receiver.clear()
    assert api.invoices.void_invoice(subscription.latest_invoice).status == "void"
    assert status(api, subscription) == "canceled"
    sandbox.settle()
    assert not [kind for kind in receiver.types() if kind.startswith("customer.")]


def test_an_uncollectible_invoice_can_still_be_paid(sandbox, api):
    subscription = late(sandbox)
    api.invoices.mark_uncollectible(subscription.latest_invoice)
    sandbox.knob(f"customers/{subscription.customer}", card="ok")
    assert api.invoices.pay(subscription.latest_invoice).status == "paid"


def test_an_invoice_is_paid_by_its_page_after_dunning_gave_up(sandbox, api):
    subscription = late(sandbox)
    sandbox.advance(6 * DAY)
    sandbox.knob(f"customers/{subscription.customer}", card="ok")
    url = api.invoices.retrieve(subscription.latest_invoice).hosted_invoice_url
    assert sandbox.press(url, action="pay")[0] == 303
    assert api.invoices.retrieve(subscription.latest_invoice).status == "paid"
    assert status(api, subscription) == "canceled"


def test_what_is_paid_outside_of_stripe_has_no_payment_that_succeeded(sandbox, api, receiver):
    subscription = late(sandbox, receiver)
    api.invoices.pay(subscription.latest_invoice, {"paid_out_of_band": True})
    assert status(api, subscription) == "active"
    sandbox.settle()
    assert "invoice.paid" in receiver.types()
    assert "invoice.payment_succeeded" not in receiver.types()


def test_a_draft_can_be_held_changed_and_finalized_but_not_deleted(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.advance_to(subscription["items"].data[0].current_period_end + 1)
    draft = api.subscriptions.retrieve(subscription.id).latest_invoice
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.delete(draft)
    held = api.invoices.update(draft, {
        "auto_advance": False, "description": "held", "metadata": {"a": "1"}, "footer": "f"})
    assert (held.auto_advance, held.next_payment_attempt) == (False, None)
    assert (held.description, held.footer, held.metadata.a) == ("held", "f", "1")
    sandbox.advance(2 * HOUR)
    assert api.invoices.retrieve(draft).status == "draft"
    assert api.invoices.finalize_invoice(draft, {"auto_advance": True}).status == "open"
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.finalize_invoice(draft)
    assert api.invoices.pay(draft).status == "paid"


def test_first_invoices_and_those_of_updates_do_not_advance_by_themselves(sandbox, api):
    customer = sandbox.customer("pm_card_chargeCustomerFail")
    first = sandbox.subscription(sandbox.price(2000), customer)
    assert api.invoices.retrieve(first.latest_invoice).auto_advance is False
    second = sandbox.subscription(sandbox.price(3000))
    sandbox.knob(f"customers/{second.customer}", card="decline")
    updated = api.subscriptions.update(second.id, {
        "items": [{"id": second["items"].data[0].id, "price": sandbox.price(6000).id}],
        "proration_behavior": "always_invoice", "expand": ["latest_invoice"]})
    assert (updated.status, updated.latest_invoice.auto_advance) == ("past_due", False)
    assert updated.latest_invoice.next_payment_attempt is None


def test_who_is_unpaid_gets_drafts_that_nobody_charges(sandbox, api):
    sandbox.knob("dunning", ends_as="unpaid")
    subscription = late(sandbox)
    sandbox.advance(6 * DAY)
    assert status(api, subscription) == "unpaid"
    sandbox.knob(f"customers/{subscription.customer}", card="ok")
    sandbox.advance(30 * DAY)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    draft = found.latest_invoice
    assert (found.status, draft.status, draft.auto_advance) == ("unpaid", "draft", False)
    assert api.invoices.pay(draft.id).status == "paid"
    assert status(api, subscription) == "active"


def test_without_a_card_nothing_is_made_where_money_is_due(sandbox, api):
    customer = sandbox.customer(None)
    price = sandbox.price(2000)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source") as error:
        sandbox.subscription(price, customer)
    assert (error.value.http_status, error.value.code) == (400, "resource_missing")
    for kind in [api.subscriptions, api.invoices]:
        assert kind.list({"customer": customer.id}).data == []
    waits = sandbox.subscription(price, customer, payment_behavior="default_incomplete")
    assert waits.status == "incomplete"
    assert sandbox.subscription(price, customer, trial_period_days=7).status == "trialing"


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_bank_takes_days_to_pay_a_first_invoice(sandbox, api, receiver, succeeds):
    customer = sandbox.customer(None)
    session = sandbox.session(sandbox.price(2000), customer)
    assert sandbox.press(session.url, action="process")[0] == 303
    session = api.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    subscription = api.subscriptions.retrieve(session.subscription)
    assert subscription.status == "active"
    assert api.invoices.retrieve(session.invoice).status == "open"
    sandbox.settle()
    assert "invoice.paid" not in receiver.types()
    assert "payment_intent.processing" in receiver.types()
    sandbox.knob("payments", invoice=session.invoice,
                 status="succeeded" if succeeds else "failed")
    sandbox.settle()
    assert status(api, subscription) == ("active" if succeeds else "past_due")
    assert ("invoice.paid" in receiver.types()) == succeeds
    ending = "succeeded" if succeeds else "failed"
    assert receiver.types().count("checkout.session.async_payment_" + ending) == 1
    assert api.checkout.sessions.retrieve(session.id).payment_status == (
        "paid" if succeeds else "unpaid")


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_bank_takes_days_to_pay_a_renewal(sandbox, api, receiver, succeeds):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="processing")
    sandbox.advance_to(subscription["items"].data[0].current_period_end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", "open")
    if succeeds:
        sandbox.advance(4 * DAY)
    else:
        sandbox.knob("payments", invoice=found.latest_invoice.id, status="failed")
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == (
        ("active", "paid") if succeeds else ("past_due", "open"))
    assert (found.latest_invoice.next_payment_attempt is None) == succeeds


def test_a_try_to_pay_that_fails_is_refused_and_told_all_the_same(sandbox, api, receiver):
    subscription = late(sandbox, receiver)
    before = api.invoices.retrieve(subscription.latest_invoice)
    with pytest.raises(stripe.CardError) as error:
        api.invoices.pay(before.id, {}, {"idempotency_key": "try"})
    assert error.value.code == "card_declined"
    sandbox.settle()
    assert receiver.types().count("invoice.payment_failed") == 1
    assert receiver.types().count("charge.failed") == 1
    # The plan of the retries is not moved by it.
    found = api.invoices.retrieve(before.id)
    assert (found.status, found.next_payment_attempt) == ("open", before.next_payment_attempt)
    assert status(api, subscription) == "past_due"
    with pytest.raises(stripe.CardError):
        api.invoices.pay(before.id, {}, {"idempotency_key": "try"})
    sandbox.settle()
    assert receiver.types().count("charge.failed") == 1


def own(api, customer, amount=500, **more):
    """A draft of one's own, with one line."""
    invoice = api.invoices.create({
        "customer": customer.id, "currency": "usd", "auto_advance": False,
        "pending_invoice_items_behavior": "exclude", "metadata": {"k": "v"}, **more})
    assert (invoice.status, invoice.total, invoice.auto_advance) == ("draft", 0, False)
    api.invoice_items.create({
        "customer": customer.id, "invoice": invoice.id, "amount": amount, "currency": "usd",
        "description": "A pack"})
    return invoice


def test_an_invoice_of_ones_own_is_charged_when_asked_and_once(sandbox, api, receiver):
    customer = sandbox.customer()
    invoice = own(api, customer)
    sandbox.advance(2 * DAY)
    assert api.invoices.retrieve(invoice.id).status == "draft"
    opened = api.invoices.finalize_invoice(invoice.id, {"auto_advance": False})
    assert (opened.status, opened.amount_due, opened.parent) == ("open", 500, None)
    assert opened.lines.data[0].description == "A pack" and opened.metadata["k"] == "v"
    paid = api.invoices.pay(invoice.id, {"off_session": True})
    assert (paid.status, paid.amount_paid) == ("paid", 500)
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.pay(invoice.id)
    sandbox.settle()
    assert receiver.types().count("invoice.paid") == 1


def test_an_invoice_of_ones_own_that_is_declined_stays_open_and_can_be_voided(sandbox, api):
    customer = sandbox.customer()
    sandbox.knob(f"customers/{customer.id}", card="decline")
    invoice = own(api, customer)
    api.invoices.finalize_invoice(invoice.id)
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            api.invoices.pay(invoice.id, {"off_session": True})
    sandbox.advance(10 * DAY)
    assert api.invoices.retrieve(invoice.id).status == "open"
    assert api.invoices.void_invoice(invoice.id).status == "void"


@pytest.mark.parametrize("change", [
    {"customer": "cus_none"}, {"invoice": "in_none"}, {"currency": "eur"}, {"amount": "x"}])
def test_a_line_that_does_not_fit_its_invoice_is_refused(sandbox, api, change):
    customer = sandbox.customer()
    invoice = api.invoices.create({"customer": customer.id, "currency": "usd"})
    line = {"customer": customer.id, "invoice": invoice.id, "amount": 1, "currency": "usd"}
    with pytest.raises(stripe.InvalidRequestError):
        api.invoice_items.create({**line, **change})
    api.invoices.finalize_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        api.invoice_items.create(line)
