"""Several items, quantities and periods of their own; coupons; sums too small; paused collection."""

import pytest
import stripe
from conftest import DAY

HOUR = 3_600


def items(subscription):
    return subscription["items"].data


def both(sandbox, *prices, **params):
    customer = sandbox.customer()
    return sandbox.client.v1.subscriptions.create({
        "customer": customer.id, "items": [{"price": price.id} for price in prices], **params})


@pytest.mark.parametrize("turned", [False, True])
def test_add_ons_may_stand_before_the_plan_or_behind_it(sandbox, api, turned):
    prices = [sandbox.price(2000), sandbox.price(500)]
    subscription = both(sandbox, *(prices[::-1] if turned else prices))
    assert [item.price.id for item in items(subscription)] == [
        price.id for price in (prices[::-1] if turned else prices)]
    assert api.invoices.retrieve(subscription.latest_invoice).total == 2500
    plan = next(item for item in items(subscription) if item.price.id == prices[0].id)
    updated = api.subscriptions.update(subscription.id, {
        "items": [{"id": plan.id, "price": sandbox.price(4000).id}],
        "proration_behavior": "always_invoice", "expand": ["latest_invoice"]})
    # What did not change is not billed.
    assert len(updated.latest_invoice.lines.data) == 2
    assert sorted(item.price.unit_amount for item in items(updated)) == [500, 4000]


def test_items_of_several_intervals_have_periods_of_their_own(sandbox, api):
    subscription = both(sandbox, sandbox.price(2000), sandbox.price(20_000, interval="year"))
    month, year = (item.current_period_end for item in items(subscription))
    assert year - month > 300 * DAY
    sandbox.advance_to(month + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert [line.amount for line in found.latest_invoice.lines.data] == [2000]
    assert items(found)[0].current_period_start == month
    assert items(found)[1].current_period_end == year
    planned = api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert planned.cancel_at == items(found)[0].current_period_end
    last = api.subscriptions.update(subscription.id, {"cancel_at": "max_period_end"})
    assert last.cancel_at == year
    sandbox.advance_to(year + HOUR + 1)
    assert api.subscriptions.retrieve(subscription.id).status == "canceled"


def test_an_item_of_another_interval_is_added_in_its_own_cycle(sandbox, api):
    subscription = both(sandbox, sandbox.price(2000))
    sandbox.advance(10 * DAY)
    updated = api.subscriptions.update(subscription.id, {
        "items": [{"price": sandbox.price(36_500, interval="year").id}],
        "proration_behavior": "always_invoice", "expand": ["latest_invoice"]})
    start = items(subscription)[0].current_period_start
    assert items(updated)[1].current_period_start == start
    assert 35_400 <= updated.latest_invoice.total <= 35_600


@pytest.mark.parametrize("interval, count, fits", [
    ("month", 3, True), ("year", 1, True), ("week", 1, False), ("day", 30, False)])
def test_intervals_must_be_multiples_of_the_shortest(sandbox, api, interval, count, fits):
    other = sandbox.price(500, recurring={"interval": interval, "interval_count": count})
    if fits:
        assert both(sandbox, sandbox.price(2000), other).status == "active"
    else:
        with pytest.raises(stripe.InvalidRequestError):
            both(sandbox, sandbox.price(2000), other)


def test_several_intervals_are_for_flexible_billing_and_not_for_checkout(sandbox, api):
    month, year = sandbox.price(2000), sandbox.price(20_000, interval="year")
    with pytest.raises(stripe.InvalidRequestError):
        both(sandbox, month, year, billing_mode={"type": "classic"})
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(month, line_items=[
            {"price": price.id, "quantity": 1} for price in (month, year)])


def test_the_same_price_twice_is_refused(sandbox, api):
    price, other = sandbox.price(2000), sandbox.price(3000)
    with pytest.raises(stripe.InvalidRequestError, match="multiple subscription items"):
        both(sandbox, price, price)
    subscription = both(sandbox, price, other)
    for item in [{"price": price.id}, {"id": items(subscription)[1].id, "price": price.id}]:
        with pytest.raises(stripe.InvalidRequestError, match="multiple subscription items"):
            api.subscriptions.update(subscription.id, {"items": [item]})


def test_currencies_do_not_mix(sandbox, api):
    usd, eur = sandbox.price(2000), sandbox.price(2000, currency="eur")
    with pytest.raises(stripe.InvalidRequestError):
        both(sandbox, usd, eur)
    subscription = both(sandbox, usd)
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(subscription.id, {"items": [{"price": eur.id}]})
    params = {"customer": subscription.customer, "items": [{"price": eur.id}]}
    with pytest.raises(stripe.InvalidRequestError, match="combine currencies"):
        api.subscriptions.create(params)
    api.subscriptions.cancel(subscription.id)
    assert api.subscriptions.create(params).currency == "eur"


@pytest.mark.parametrize("quantity, isRefused", [(-1, True), ("x", True), (0, False), (5, False)])
def test_quantities_are_not_negative(sandbox, api, quantity, isRefused):
    customer, price = sandbox.customer(), sandbox.price(1000)
    params = {"customer": customer.id, "items": [{"price": price.id, "quantity": quantity}]}
    if isRefused:
        with pytest.raises(stripe.InvalidRequestError) as error:
            api.subscriptions.create(params)
        assert error.value.param == "items[0][quantity]"
        return
    made = api.subscriptions.create(params)
    assert items(made)[0].quantity == quantity
    assert api.invoices.retrieve(made.latest_invoice).total == 1000 * quantity


def test_more_of_a_price_is_prorated(sandbox, api):
    price = sandbox.price(3000, recurring={"interval": "day", "interval_count": 30})
    subscription = both(sandbox, price)
    item = items(subscription)[0]
    updated = api.subscriptions.update(subscription.id, {
        "items": [{"id": item.id, "quantity": 3}], "proration_behavior": "always_invoice",
        "proration_date": item.current_period_start + 20 * DAY, "expand": ["latest_invoice"]})
    assert [line.amount for line in updated.latest_invoice.lines.data] == [-1000, 3000]
    assert items(updated)[0].quantity == 3


def test_items_keep_their_metadata(sandbox, api):
    customer, price = sandbox.customer(), sandbox.price(1000)
    made = api.subscriptions.create({"customer": customer.id, "items": [
        {"price": price.id, "metadata": {"a": "1", "b": "2"}}]})
    assert items(made)[0].metadata.to_dict() == {"a": "1", "b": "2"}
    changed = api.subscriptions.update(made.id, {"items": [
        {"id": items(made)[0].id, "metadata": {"a": "", "c": "3"}}]})
    assert items(changed)[0].metadata.to_dict() == {"b": "2", "c": "3"}


def test_items_are_removed_and_the_last_one_stays(sandbox, api):
    subscription = both(sandbox, sandbox.price(2000), sandbox.price(500))
    first, second = (item.id for item in items(subscription))
    left = api.subscriptions.update(
        subscription.id, {"items": [{"id": second, "deleted": True}]})
    assert [item.id for item in items(left)] == [first]
    for change in [{"id": first, "deleted": True}, {"id": "si_none"}]:
        with pytest.raises(stripe.InvalidRequestError):
            api.subscriptions.update(subscription.id, {"items": [change]})


def test_an_added_item_during_a_trial_makes_an_invoice_of_nothing(sandbox, api):
    subscription = both(sandbox, sandbox.price(2000), trial_period_days=7)
    updated = api.subscriptions.update(subscription.id, {
        "items": [{"price": sandbox.price(500).id}], "expand": ["latest_invoice"]})
    assert updated.latest_invoice.id != subscription.latest_invoice
    assert updated.latest_invoice.total == 0
    assert {item.current_period_end for item in items(updated)} == {subscription.trial_end}


# Sums below what can be charged.

@pytest.mark.parametrize("currency, amount, isCharged", [
    ("usd", 49, False), ("usd", 50, True), ("gbp", 29, False), ("jpy", 49, False),
    ("jpy", 50, True)])
def test_a_sum_below_the_minimum_goes_on_the_balance(
        sandbox, api, receiver, currency, amount, isCharged):
    subscription = both(sandbox, sandbox.price(amount, currency=currency))
    assert subscription.status == "active"
    invoice = api.invoices.retrieve(subscription.latest_invoice)
    assert invoice.status == "paid"
    assert invoice.amount_paid == (amount if isCharged else 0)
    balance = api.customers.retrieve(subscription.customer).balance
    assert balance == (0 if isCharged else amount)
    sandbox.settle()
    assert ("invoice.payment_succeeded" in receiver.types()) == isCharged
    assert "invoice.paid" in receiver.types()


def test_the_debt_is_charged_with_the_next_invoice(sandbox, api):
    subscription = both(sandbox, sandbox.price(40))
    sandbox.advance_to(items(subscription)[0].current_period_end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert found.latest_invoice.amount_paid == 80
    assert api.customers.retrieve(subscription.customer).balance == 0


# Paused collection.

@pytest.mark.parametrize("behavior, status", [
    ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")])
def test_paused_collection_makes_invoices_that_nobody_pays(sandbox, api, behavior, status):
    subscription = both(sandbox, sandbox.price(2000))
    end = items(subscription)[0].current_period_end
    paused = api.subscriptions.update(subscription.id, {"pause_collection": {
        "behavior": behavior, "resumes_at": end + 10 * DAY}})
    assert (paused.status, paused.pause_collection.behavior) == ("active", behavior)
    assert paused.pause_collection.resumes_at == end + 10 * DAY
    sandbox.advance_to(end + 2 * HOUR)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", status)
    sandbox.advance_to(end + 11 * DAY)
    assert api.subscriptions.retrieve(subscription.id).pause_collection is None
    sandbox.advance_to(end + 33 * DAY)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert found.latest_invoice.status == "paid"


def test_paused_collection_is_ended_by_hand_and_unknown_words_are_refused(sandbox, api):
    subscription = both(sandbox, sandbox.price(2000))
    api.subscriptions.update(subscription.id, {"pause_collection": {"behavior": "void"}})
    ended = api.subscriptions.update(subscription.id, {"pause_collection": ""})
    assert ended.pause_collection is None
    for pause in [{"behavior": "later"}, {"behavior": "void", "resumes_at": 1},
                  {"resumes_at": sandbox.now() + DAY}]:
        with pytest.raises(stripe.InvalidRequestError):
            api.subscriptions.update(subscription.id, {"pause_collection": pause})


# Coupons.

def coupon(sandbox, **params):
    return sandbox.client.v1.coupons.create(params)


def test_an_operator_puts_a_coupon_on_a_subscription(sandbox, api, receiver):
    subscription = both(sandbox, sandbox.price(2000))
    half = coupon(sandbox, percent_off=50, duration="forever", name="Half")
    given = api.subscriptions.update(
        subscription.id, {"discounts": [{"coupon": half.id}], "expand": ["discounts"]})
    assert given.discounts[0].source.coupon == half.id
    assert api.coupons.retrieve(half.id).times_redeemed == 1
    preview = api.invoices.create_preview({"subscription": subscription.id})
    assert (preview.subtotal, preview.total) == (2000, 1000)
    end = items(subscription)[0].current_period_end
    sandbox.advance_to(end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = found.latest_invoice
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (2000, 1000, 1000)
    assert [entry.amount for entry in invoice.total_discount_amounts] == [1000]
    assert [entry.amount for entry in invoice.lines.data[0].discount_amounts] == [1000]
    cleared = api.subscriptions.update(subscription.id, {"discounts": ""})
    assert cleared.discounts == []
    sandbox.settle()
    told = sorted(kind for kind in receiver.types() if "discount" in kind)
    assert told == ["customer.discount.created", "customer.discount.deleted"]


@pytest.mark.parametrize("params, paid", [
    ({"percent_off": 25, "duration": "once"}, [1500, 2000, 2000]),
    ({"amount_off": 500, "currency": "usd", "duration": "forever"}, [1500, 1500, 1500]),
    ({"percent_off": 10, "duration": "repeating", "duration_in_months": 1}, [1800, 2000, 2000]),
    ({"percent_off": 100, "duration": "once"}, [0, 2000, 2000])])
def test_a_coupon_lasts_as_long_as_it_says(sandbox, api, params, paid):
    subscription = both(
        sandbox, sandbox.price(2000), discounts=[{"coupon": coupon(sandbox, **params).id}])
    sandbox.advance(64 * DAY)
    invoices = api.invoices.list({"subscription": subscription.id}).data
    assert [invoice.amount_paid for invoice in invoices][::-1] == paid


def test_a_discounted_time_is_credited_with_what_was_paid_for_it(sandbox, api):
    days = {"interval": "day", "interval_count": 30}
    low, high = (sandbox.price(amount, recurring=days) for amount in (2000, 4000))
    once = coupon(sandbox, percent_off=50, duration="once")
    subscription = both(sandbox, low, discounts=[{"coupon": once.id}])
    assert api.invoices.retrieve(subscription.latest_invoice).amount_paid == 1000
    item = items(subscription)[0]
    preview = api.invoices.create_preview({
        "subscription": subscription.id, "subscription_details": {
            "items": [{"id": item.id, "price": high.id}], "proration_behavior": "always_invoice",
            "proration_date": item.current_period_start + 15 * DAY}})
    assert [line.amount for line in preview.lines.data] == [-500, 2000]
    assert not preview.lines.data[0].discountable


def test_a_checkout_with_a_coupon_shows_and_charges_the_lower_sum(sandbox, api):
    once = coupon(sandbox, amount_off=700, currency="usd")
    session = sandbox.session(sandbox.price(2000), discounts=[{"coupon": once.id}])
    assert (session.amount_subtotal, session.amount_total) == (2000, 1300)
    assert session.total_details.amount_discount == 700
    assert session.discounts[0].coupon == once.id
    sandbox.press(session.url, action="pay")
    session = api.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert session.invoice.amount_paid == 1300


def test_coupons_are_kept_listed_changed_and_deleted(sandbox, api):
    made = coupon(sandbox, id="HALF", percent_off=12.5, duration="forever", max_redemptions=1,
                  redeem_by=sandbox.now() + DAY, metadata={"a": "1"})
    assert (made.id, made.percent_off, made.max_redemptions) == ("HALF", 12.5, 1)
    changed = api.coupons.update("HALF", {"name": "A half", "metadata": {"b": "2"}})
    assert (changed.name, changed.metadata.b) == ("A half", "2")
    assert [one.id for one in api.coupons.list().data] == ["HALF"]
    price = sandbox.price(2000)
    both(sandbox, price, discounts=[{"coupon": "HALF"}])
    with pytest.raises(stripe.InvalidRequestError) as error:
        both(sandbox, price, discounts=[{"coupon": "HALF"}])
    assert error.value.code == "coupon_expired"
    assert api.coupons.delete("HALF").deleted
    with pytest.raises(stripe.InvalidRequestError):
        both(sandbox, price, discounts=[{"coupon": "HALF"}])


@pytest.mark.parametrize("params", [
    {}, {"percent_off": 0}, {"percent_off": 101}, {"percent_off": "0x1p3"}, {"amount_off": 5},
    {"percent_off": 5, "amount_off": 5, "currency": "usd"}, {"percent_off": 5, "duration": "x"},
    {"percent_off": 5, "duration": "repeating"}, {"percent_off": 5, "redeem_by": 1},
    {"percent_off": 5, "duration_in_months": 3}, {"percent_off": 5, "max_redemptions": 0}])
def test_a_coupon_that_cannot_be_is_refused(api, params):
    with pytest.raises(stripe.InvalidRequestError):
        api.coupons.create(params)
    assert api.coupons.list().data == []


def test_an_update_that_waited_credits_with_what_was_paid_for_it(sandbox, api):
    forever = coupon(sandbox, percent_off=50, duration="forever")
    days = {"interval": "day", "interval_count": 30}
    low, high, top = (sandbox.price(amount, recurring=days) for amount in (2000, 4000, 6000))
    subscription = both(sandbox, low, discounts=[{"coupon": forever.id}])
    item = items(subscription)[0]
    date = item.current_period_start + 15 * DAY
    sandbox.knob(f"customers/{subscription.customer}", next_charge="decline")
    waiting = api.subscriptions.update(subscription.id, {
        "items": [{"id": item.id, "price": high.id}], "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete", "proration_date": date})
    api.invoices.pay(waiting.latest_invoice)
    preview = api.invoices.create_preview({
        "subscription": subscription.id, "subscription_details": {
            "items": [{"id": item.id, "price": top.id}], "proration_behavior": "always_invoice",
            "proration_date": date}})
    assert [line.amount for line in preview.lines.data] == [-1000, 1500]
