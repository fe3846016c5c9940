"""Money that goes back: refunds and disputes, of invoices' payments and of others."""

import pytest
import stripe
from conftest import DAY


def paid(sandbox, card="pm_card_visa"):
    """A customer's paid subscription and its payment intent."""
    subscription = sandbox.subscription(sandbox.price(2000), sandbox.customer(card))
    payments = sandbox.client.v1.invoice_payments.list({"invoice": subscription.latest_invoice})
    return subscription, payments.data[0].payment.payment_intent


def charge(api, intent):
    return api.charges.list({"payment_intent": intent}).data[0]


def types(sandbox, receiver, *prefixes):
    sandbox.settle()
    return sorted(kind for kind in receiver.types() if kind.startswith(prefixes))


def test_refunds_in_parts_add_up_on_the_charge(sandbox, api, receiver):
    _, intent = paid(sandbox)
    for amount, total, isAll in [(500, 500, False), (300, 800, False), (None, 2000, True)]:
        receiver.clear()
        params = {"amount": amount} if amount else {}
        refund = api.refunds.create({"payment_intent": intent, "reason": "duplicate",
                                     "metadata": {"why": "test"}, **params})
        assert (refund.status, refund.reason) == ("succeeded", "duplicate")
        assert refund.metadata.why == "test"
        sandbox.settle()
        told = receiver.events("charge.refunded")[0]["data"]["object"]
        assert (told["amount_refunded"], told["refunded"]) == (total, isAll)
        assert types(sandbox, receiver, "refund.", "charge.refund") == [
            "charge.refunded", "refund.created"]
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.refunds.create({"payment_intent": intent})
    assert error.value.code == "charge_already_refunded"
    assert len(charge(api, intent).to_dict()) and charge(api, intent).amount_refunded == 2000


@pytest.mark.parametrize("card, first", [
    ("pm_card_visa", "succeeded"), ("pm_card_pendingRefund", "pending")])
def test_a_refund_may_fail_later(sandbox, api, receiver, card, first):
    _, intent = paid(sandbox, card)
    refund = api.refunds.create({"payment_intent": intent, "amount": 700})
    assert refund.status == first
    sandbox.settle()
    receiver.clear()
    sandbox.knob("refunds", refund=refund.id, status="failed")
    found = api.refunds.retrieve(refund.id)
    assert (found.status, bool(found.failure_reason)) == ("failed", True)
    assert types(sandbox, receiver, "refund.", "charge.refund") == [
        "charge.refund.updated", "refund.failed", "refund.updated"]
    back = charge(api, intent)
    assert (back.amount_refunded, back.refunded) == (0, False)
    assert sandbox.request("POST", "/_test/refunds", {
        "refund": refund.id, "status": "succeeded"})[0] == 400


def test_a_pending_refund_arrives(sandbox, api, receiver):
    subscription, intent = paid(sandbox)
    made = sandbox.knob("refunds", invoice=subscription.latest_invoice, status="pending")
    assert (made["status"], made["pending_reason"]) == ("pending", "processing")
    sandbox.knob("refunds", refund=made["id"], status="succeeded")
    assert api.refunds.retrieve(made["id"]).status == "succeeded"
    assert charge(api, intent).refunded
    assert "refund.updated" in types(sandbox, receiver, "refund.")


def test_some_cards_refund_only_seemingly(sandbox, api, receiver):
    _, intent = paid(sandbox, "pm_card_refundFail")
    refund = api.refunds.create({"payment_intent": intent})
    assert api.refunds.retrieve(refund.id).status == "failed"
    assert types(sandbox, receiver, "refund.", "charge.refunded") == [
        "charge.refunded", "refund.created", "refund.failed", "refund.updated"]


def test_a_refund_that_waits_for_the_customer_can_be_canceled(sandbox, api):
    subscription, intent = paid(sandbox)
    made = sandbox.knob("refunds", invoice=subscription.latest_invoice, status="requires_action")
    assert api.refunds.cancel(made["id"]).status == "canceled"
    assert charge(api, intent).amount_refunded == 0
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.cancel(made["id"])


@pytest.mark.parametrize("params", [
    {}, {"charge": "ch_none"}, {"payment_intent": "pi_none"}, {"amount": 0}, {"amount": -1},
    {"amount": 2001}, {"reason": "regret"}, {"reason": "expired_uncaptured_charge"}])
def test_a_refund_that_cannot_be_is_refused(sandbox, api, params):
    _, intent = paid(sandbox)
    named = "charge" in params or "payment_intent" in params or not params
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create(params if named else {"payment_intent": intent, **params})
    assert charge(api, intent).amount_refunded == 0


def test_lists_of_refunds_and_disputes_honour_their_filters(sandbox, api):
    for make, kind in [("refunds", api.refunds), ("disputes", api.disputes)]:
        subscription, intent = paid(sandbox)
        _, other = paid(sandbox)
        made = sandbox.knob(make, invoice=subscription.latest_invoice)
        now = sandbox.now()
        for params, isThere in [
                ({"payment_intent": intent}, True), ({"payment_intent": other}, False),
                ({"charge": made["charge"]}, True), ({"charge": "ch_x"}, False),
                ({"created": {"gte": made["created"]}}, True),
                ({"created": {"gt": now + 1}}, False), ({"created": made["created"]}, True)]:
            found = [one.id for one in kind.list(params).data]
            assert found == ([made["id"]] if isThere else []), (make, params)


# What arrives when a dispute goes this way; the last is its status.
ROADS = {
    "open": ["needs_response"],
    "answered": ["needs_response", "under_review"],
    "lost": ["needs_response", "lost"],
    "won": ["needs_response", "under_review", "won"],
    "lost at once": ["lost"],
    "won at once": ["won"],
    "inquiry": ["warning_needs_response"],
    "inquiry closed": ["warning_needs_response", "warning_under_review", "warning_closed"],
    "inquiry that becomes a dispute": ["warning_needs_response", "needs_response", "lost"],
    "prevented": ["prevented"],
}


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
@pytest.mark.parametrize("amount", [None, 500])
def test_a_dispute_moves_money_as_its_status_says(sandbox, api, receiver, road, amount):
    subscription, intent = paid(sandbox)
    for status in road:
        more = {"amount": amount, "reason": "product_not_received"} if amount else {}
        dispute = sandbox.knob(
            "disputes", invoice=subscription.latest_invoice, status=status, **more)
        assert dispute["status"] == status
    found = api.disputes.retrieve(dispute["id"])
    assert (found.amount, found.payment_intent) == (amount or 2000, intent)
    assert charge(api, intent).disputed
    moved = sum(transaction.amount for transaction in found.balance_transactions)
    told = types(sandbox, receiver, "charge.dispute")
    isInquiry = all(status.startswith("warning_") for status in road)
    isReturned = road[-1] in ("won", "prevented")
    assert moved == (0 if isInquiry or isReturned else -(amount or 2000))
    assert ("charge.dispute.funds_withdrawn" in told) != isInquiry
    assert ("charge.dispute.funds_reinstated" in told) == isReturned
    isClosed = road[-1] in ("won", "lost", "prevented", "warning_closed")
    assert told.count("charge.dispute.closed") == int(isClosed)
    assert told.count("charge.dispute.created") == 1


@pytest.mark.parametrize("evidence, status", [
    ("winning_evidence", "won"), ("losing_evidence", "lost"), ("a letter", "under_review")])
def test_evidence_decides_a_dispute_as_in_test_mode(sandbox, api, evidence, status):
    _, intent = paid(sandbox, "pm_card_createDispute")
    dispute = api.disputes.list({"payment_intent": intent}).data[0]
    assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.refunds.create({"payment_intent": intent})
    assert error.value.code == "charge_disputed"
    updated = api.disputes.update(dispute.id, {
        "evidence": {"uncategorized_text": evidence}, "metadata": {"a": "1"}})
    assert (updated.status, updated.metadata.a) == (status, "1")


def test_closing_a_dispute_loses_it_and_an_inquiry_may_be_refunded(sandbox, api):
    _, intent = paid(sandbox, "pm_card_createDispute")
    dispute = api.disputes.list({"payment_intent": intent}).data[0]
    assert api.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        api.disputes.close(dispute.id)
    _, intent = paid(sandbox, "pm_card_createDisputeInquiry")
    inquiry = api.disputes.list({"payment_intent": intent}).data[0]
    assert (inquiry.status, inquiry.is_charge_refundable) == ("warning_needs_response", True)
    assert api.refunds.create({"payment_intent": intent}).status == "succeeded"


# Payments of the account that no subscription knows of.

def test_a_payment_that_is_not_ours_is_refunded_and_disputed_alike(sandbox, api, receiver):
    customer = sandbox.customer()
    intent = api.payment_intents.create({
        "amount": 900, "currency": "usd", "customer": customer.id, "confirm": True,
        "payment_method": "pm_card_visa", "description": "a mug", "metadata": {"mug": "1"}})
    assert (intent.status, intent.amount_received) == ("succeeded", 900)
    assert (intent.description, intent.metadata.mug) == ("a mug", "1")
    assert api.invoice_payments.list({"payment": {
        "type": "payment_intent", "payment_intent": intent.id}}).data == []
    sandbox.knob("refunds", payment_intent=intent.id, amount=100)
    sandbox.knob("disputes", payment_intent=intent.id)
    assert charge(api, intent.id).amount_refunded == 100
    assert "charge.dispute.created" in types(sandbox, receiver, "charge.dispute")


@pytest.mark.parametrize("card, status", [
    ("pm_card_threeDSecure2Required", "requires_action"), (None, "requires_payment_method")])
def test_a_payment_waits_for_what_it_lacks(sandbox, api, card, status):
    more = {"payment_method": card, "confirm": True} if card else {}
    intent = api.payment_intents.create({"amount": 900, "currency": "usd", **more})
    assert intent.status == status
    if not card:
        with pytest.raises(stripe.InvalidRequestError):
            api.payment_intents.confirm(intent.id)
        paid = api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
        assert paid.status == "succeeded"


def test_a_payment_that_is_declined_is_a_card_error(api):
    with pytest.raises(stripe.CardError) as error:
        api.payment_intents.create({"amount": 900, "currency": "usd", "confirm": True,
                                    "payment_method": "pm_card_chargeCustomerFail"})
    assert error.value.code == "card_declined"


@pytest.mark.parametrize("params", [
    {"amount": 0}, {"amount": 49}, {"currency": "x"}, {"allowed_payment_method_types": ["oxxo"]},
    {"payment_method_types": ["card"]}])
def test_a_payment_that_cannot_be_is_refused(api, params):
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create({"amount": 900, "currency": "usd", **params})


def test_a_disputed_payment_leads_back_to_its_invoice_after_days(sandbox, api):
    subscription, intent = paid(sandbox)
    sandbox.advance(20 * DAY)
    made = sandbox.knob("disputes", charge=charge(api, intent).id)
    found = api.invoice_payments.list({"payment": {
        "type": "payment_intent", "payment_intent": made["payment_intent"]}}).data
    assert [payment.invoice for payment in found] == [subscription.latest_invoice]
