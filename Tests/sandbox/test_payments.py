"""Checkout that sells once: mode=payment, and what becomes of the money afterwards."""

import pytest
import stripe
from conftest import DAY


def pack(sandbox, amount=2000, **params):
    product = sandbox.client.v1.products.create({"name": "100 credits"}).id
    return sandbox.client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": amount, **params})


def session(sandbox, customer=None, price=None, **params):
    price = price or pack(sandbox)
    return sandbox.session(price, customer, **{"mode": "payment", **params})


def bought(sandbox, api, customer=None, action="pay", **params):
    """The completed session."""
    opened = session(sandbox, customer, **params)
    assert sandbox.press(opened.url, action=action)[0] == 303
    return api.checkout.sessions.retrieve(opened.id)


def told(sandbox, receiver, *prefixes):
    sandbox.settle()
    return sorted(kind for kind in receiver.types() if kind.startswith(prefixes))


def test_a_session_sells_once_and_makes_no_subscription(sandbox, api, receiver):
    customer = sandbox.customer(None)
    opened = session(
        sandbox, customer, client_reference_id="42", metadata={"a": "1"},
        payment_intent_data={"metadata": {"b": "2"}, "description": "Credits"})
    assert (opened.mode, opened.payment_intent, opened.invoice) == ("payment", None, None)
    assert (opened.amount_total, opened.payment_status, opened.status) == (2000, "unpaid", "open")
    page = sandbox.request("GET", opened.url)[2]
    assert "100 credits" in page and "$20.00</td>" in page and "/ month" not in page
    sandbox.settle()
    receiver.clear()
    status, headers, _ = sandbox.press(opened.url, action="pay")
    assert status == 303 and opened.id in headers["Location"]
    done = api.checkout.sessions.retrieve(opened.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.subscription, done.invoice, done.customer) == (None, None, customer.id)
    intent = done.payment_intent
    assert (intent.status, intent.amount_received, intent.customer) == (
        "succeeded", 2000, customer.id)
    # The session's own metadata are not copied.
    assert intent.metadata.to_dict() == {"b": "2"} and intent.description == "Credits"
    assert intent.setup_future_usage is None
    assert api.subscriptions.list({"customer": customer.id}).data == []
    assert api.invoices.list({"customer": customer.id}).data == []
    # No card is kept that the buyer did not ask to keep.
    assert api.payment_methods.list({"customer": customer.id}).data == []
    assert told(sandbox, receiver, "checkout", "payment_intent", "charge", "invoice") == [
        "charge.succeeded", "checkout.session.completed", "payment_intent.created",
        "payment_intent.succeeded"]
    found = api.checkout.sessions.list({"payment_intent": intent.id}).data
    assert [one.id for one in found] == [opened.id]
    assert api.checkout.sessions.line_items.list(opened.id).data[0].amount_total == 2000


def test_a_card_is_kept_if_the_payment_is_set_up_for_it(sandbox, api):
    customer = sandbox.customer(None)
    done = bought(sandbox, api, customer,
                  payment_intent_data={"setup_future_usage": "off_session"})
    [card] = api.payment_methods.list({"customer": customer.id}).data
    intent = api.payment_intents.retrieve(done.payment_intent)
    assert (intent.payment_method, intent.setup_future_usage) == (card.id, "off_session")


@pytest.mark.parametrize("creation, made", [({}, False), ({"customer_creation": "always"}, True)])
def test_a_customer_is_made_only_if_it_is_asked_for(sandbox, api, creation, made):
    done = bought(sandbox, api, customer_email="new@example.test", **creation)
    assert (done.customer is not None) == made and done.payment_status == "paid"
    assert done.customer_details.email == "new@example.test"
    assert done.customer_creation == creation.get("customer_creation", "if_required")


def test_paying_twice_charges_once(sandbox, api):
    customer = sandbox.customer(None)
    opened = session(sandbox, customer)
    assert [sandbox.press(opened.url, action="pay")[0] for _ in range(2)] == [303, 303]
    assert len(api.charges.list({"customer": customer.id}).data) == 1


def test_a_decline_leaves_the_session_open(sandbox, api, receiver):
    customer = sandbox.customer(None)
    opened = session(sandbox, customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="decline")
    assert "declined" in sandbox.press(opened.url, action="pay")[2]
    assert sandbox.press(opened.url, action="decline")[0] == 200
    still = api.checkout.sessions.retrieve(opened.id)
    assert (still.status, still.payment_intent) == ("open", None)
    assert told(sandbox, receiver, "checkout") == []
    assert sandbox.press(opened.url, action="authenticate")[0] == 303
    assert api.checkout.sessions.retrieve(opened.id).payment_status == "paid"


@pytest.mark.parametrize("outcome, status, intent_status, event", [
    ("succeeded", "paid", "succeeded", "checkout.session.async_payment_succeeded"),
    ("failed", "unpaid", "requires_payment_method", "checkout.session.async_payment_failed")])
def test_a_bank_decides_later(
        sandbox, api, receiver, outcome, status, intent_status, event):
    done = bought(sandbox, api, sandbox.customer(None), action="process")
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    assert api.payment_intents.retrieve(done.payment_intent).status == "processing"
    assert told(sandbox, receiver, "checkout") == ["checkout.session.completed"]
    sandbox.settle()
    receiver.clear()
    sandbox.knob("payments", payment_intent=done.payment_intent, status=outcome)
    sandbox.settle()
    [later] = receiver.events("checkout.session.")
    assert later["type"] == event
    assert later["data"]["object"]["payment_status"] == status
    after = api.checkout.sessions.retrieve(done.id)
    assert (after.status, after.payment_status) == ("complete", status)
    assert api.payment_intents.retrieve(done.payment_intent).status == intent_status


def test_a_bank_that_nobody_asks_pays_after_some_days(sandbox, api, receiver):
    done = bought(sandbox, api, action="process")
    sandbox.advance(5 * DAY)
    assert api.checkout.sessions.retrieve(done.id).payment_status == "paid"
    assert "checkout.session.async_payment_succeeded" in told(sandbox, receiver, "checkout")


def test_what_a_coupon_pays_in_full_is_no_payment(sandbox, api):
    coupon = api.coupons.create({"percent_off": 100, "duration": "once"})
    done = bought(sandbox, api, sandbox.customer(None), discounts=[{"coupon": coupon.id}])
    assert (done.payment_status, done.payment_intent) == ("no_payment_required", None)
    assert (done.amount_total, done.total_details.amount_discount) == (0, 2000)


def test_such_a_payment_is_refunded_in_part_and_in_full_and_a_refund_fails(
        sandbox, api, receiver):
    done = bought(sandbox, api, sandbox.customer(None))
    sandbox.settle()
    receiver.clear()
    part = api.refunds.create({"payment_intent": done.payment_intent, "amount": 500})
    sandbox.settle()
    [event] = receiver.events("charge.refunded")
    charge = event["data"]["object"]
    assert (charge["payment_intent"], charge["amount_refunded"], charge["refunded"]) == (
        done.payment_intent, 500, False)
    rest = api.refunds.create({"payment_intent": done.payment_intent})
    assert rest.amount == 1500
    assert api.charges.retrieve(charge["id"]).refunded
    sandbox.settle()
    receiver.clear()
    sandbox.knob("refunds", refund=rest.id, status="failed")
    assert told(sandbox, receiver, "refund", "charge.refund.") == [
        "charge.refund.updated", "refund.failed", "refund.updated"]
    assert api.charges.retrieve(charge["id"]).amount_refunded == 500
    listed = api.refunds.list({"payment_intent": done.payment_intent}).data
    assert {one.id: one.status for one in listed} == {part.id: "succeeded", rest.id: "failed"}


@pytest.mark.parametrize("end, funds", [
    ("won", ["charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn"]),
    ("lost", ["charge.dispute.funds_withdrawn"])])
def test_such_a_payment_is_disputed(sandbox, api, receiver, end, funds):
    done = bought(sandbox, api)
    sandbox.settle()
    receiver.clear()
    opened = sandbox.knob("disputes", payment_intent=done.payment_intent)
    assert opened["payment_intent"] == done.payment_intent and opened["amount"] == 2000
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create({"payment_intent": done.payment_intent})
    sandbox.knob("disputes", payment_intent=done.payment_intent, status=end)
    assert told(sandbox, receiver, "charge.dispute.funds") == funds
    [dispute] = api.disputes.list({"payment_intent": done.payment_intent}).data
    assert dispute.status == end


@pytest.mark.parametrize("params", [
    {"subscription_data": {"metadata": {"a": "1"}}}, {"payment_method_collection": "always"},
    {"customer_creation": "never"}, {"payment_intent_data": {"setup_future_usage": "x"}},
    {"payment_intent_data": {"metadata": {"k": "v" * 501}}}, {"line_items": []}])
def test_what_payment_mode_does_not_take_is_refused(sandbox, api, params):
    with pytest.raises(stripe.InvalidRequestError):
        session(sandbox, **params)
    with pytest.raises(stripe.InvalidRequestError):
        session(sandbox, sandbox.customer(None), customer_creation="always")
    assert api.checkout.sessions.list().data == []


def test_each_mode_sells_only_prices_of_its_kind(sandbox, api):
    once, monthly = pack(sandbox), sandbox.price(2000)
    for mode, price in [("payment", monthly), ("subscription", once)]:
        with pytest.raises(stripe.InvalidRequestError) as error:
            sandbox.session(price, mode=mode)
        assert error.value.param == "line_items[0][price]"
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(monthly, payment_intent_data={"description": "d"})
    euros = pack(sandbox, currency="eur")
    with pytest.raises(stripe.InvalidRequestError):
        session(sandbox, line_items=[
            {"price": once.id, "quantity": 1}, {"price": euros.id, "quantity": 1}])


def test_less_than_the_least_charge_is_not_sold(sandbox, api):
    cheap = pack(sandbox, 0)
    coupon = api.coupons.create({"percent_off": 99, "duration": "once"})
    with pytest.raises(stripe.InvalidRequestError) as error:
        session(sandbox, discounts=[{"coupon": coupon.id}])
    assert error.value.code == "amount_too_small"
    assert bought(sandbox, api, price=cheap).payment_status == "no_payment_required"
