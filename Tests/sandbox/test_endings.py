"""How an ending is planned and taken back: the flag, the date, the portal, either billing mode."""

import pytest
import stripe
from conftest import DAY

HOUR = 3_600


def ends(subscription):
    return [item.current_period_end for item in subscription["items"].data]


def ending(subscription):
    return subscription.cancel_at_period_end, subscription.cancel_at


def classic(sandbox, **params):
    return sandbox.subscription(
        sandbox.price(3000), billing_mode={"type": "classic"}, **params)


def portal(sandbox, subscription):
    return sandbox.client.v1.billing_portal.sessions.create(
        {"customer": subscription.customer}).url


def test_with_flexible_billing_the_portal_sets_a_date_and_leaves_the_flag(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    assert subscription.billing_mode.type == "flexible"
    url = portal(sandbox, subscription)
    sandbox.press(url, subscription=subscription.id, action="cancel")
    found = api.subscriptions.retrieve(subscription.id)
    assert ending(found) == (False, ends(found)[0])
    assert found.canceled_at and found.cancellation_details.reason == "cancellation_requested"
    sandbox.press(url, subscription=subscription.id, action="resume")
    found = api.subscriptions.retrieve(subscription.id)
    assert (ending(found), found.canceled_at) == ((False, None), None)
    assert found.cancellation_details.reason is None


def test_with_classic_billing_the_portal_sets_the_flag(sandbox, api):
    subscription = classic(sandbox)
    assert subscription.billing_mode.type == "classic"
    sandbox.press(portal(sandbox, subscription), subscription=subscription.id, action="cancel")
    found = api.subscriptions.retrieve(subscription.id)
    assert ending(found) == (True, ends(found)[0])


def test_a_portals_cancellation_ends_on_its_date(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.press(portal(sandbox, subscription), subscription=subscription.id, action="cancel")
    end = ends(subscription)[0]
    sandbox.advance_to(end + 1)
    found = api.subscriptions.retrieve(subscription.id)
    assert (found.status, found.ended_at) == ("canceled", end)
    assert len(api.invoices.list({"subscription": subscription.id}).data) == 1
    assert receiver.types().count("customer.subscription.deleted") == 1


@pytest.mark.parametrize("first", [
    {"cancel_at_period_end": True}, {"cancel_at": "max_period_end"},
    {"cancel_at": "min_period_end"}, {"cancel_at": "max_billed_until"}, {"cancel_at": 40}])
@pytest.mark.parametrize("undo, how", [
    ({"cancel_at_period_end": False}, "flag"), ({"cancel_at": ""}, "date")])
def test_the_date_takes_back_every_ending_and_the_flag_those_at_a_periods_end(
        sandbox, api, first, undo, how):
    subscription = sandbox.subscription(sandbox.price(2000))
    isElsewhere = isinstance(first.get("cancel_at"), int)
    if isElsewhere:
        first = {"cancel_at": ends(subscription)[0] + 40 * DAY}
    planned = api.subscriptions.update(subscription.id, first)
    assert planned.cancel_at and planned.status == "active"
    assert planned.cancel_at_period_end == ("cancel_at_period_end" in first)
    undone = api.subscriptions.update(subscription.id, undo)
    if isElsewhere and how == "flag":
        assert ending(undone) == ending(planned)
    else:
        assert (ending(undone), undone.canceled_at) == ((False, None), None)


@pytest.mark.parametrize("clears, left", [("any", False), ("none", True), ("period_end", False)])
def test_a_test_chooses_what_the_flag_takes_back(sandbox, api, clears, left):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.knob("undo", flag_clears=clears)
    api.subscriptions.update(subscription.id, {"cancel_at": "max_period_end"})
    undone = api.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (undone.cancel_at is not None) == left


@pytest.mark.parametrize("both", [
    {"cancel_at_period_end": True, "cancel_at": "max_period_end"},
    {"cancel_at_period_end": False, "cancel_at": ""}])
def test_both_ways_in_one_request_are_refused(sandbox, api, both):
    subscription = sandbox.subscription(sandbox.price(2000))
    with pytest.raises(stripe.InvalidRequestError, match="Please pass in only one") as error:
        api.subscriptions.update(subscription.id, both)
    assert (error.value.code, error.value.param) == (None, None)


@pytest.mark.parametrize("date", [1, "tomorrow", -1, "max"])
def test_a_date_that_is_none_or_past_is_refused(sandbox, api, date):
    subscription = sandbox.subscription(sandbox.price(2000))
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(subscription.id, {"cancel_at": date})
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()


def test_a_date_within_the_period_shortens_it_and_credits_the_rest(sandbox, api):
    price = sandbox.price(3000, recurring={"interval": "day", "interval_count": 30})
    subscription = sandbox.subscription(price)
    start, end = (subscription["items"].data[0][name]
                  for name in ("current_period_start", "current_period_end"))
    date = start + 20 * DAY
    planned = api.subscriptions.update(subscription.id, {
        "cancel_at": date, "proration_behavior": "always_invoice", "expand": ["latest_invoice"]})
    assert ends(planned) == [date]
    assert [line.amount for line in planned.latest_invoice.lines.data] == [-1000]
    undone = api.subscriptions.update(subscription.id, {
        "cancel_at": "", "proration_behavior": "always_invoice", "expand": ["latest_invoice"]})
    assert ends(undone) == [end]
    assert [line.amount for line in undone.latest_invoice.lines.data] == [1000]


def test_a_date_in_a_later_period_bills_the_last_one_in_part(sandbox, api):
    price = sandbox.price(3000, recurring={"interval": "day", "interval_count": 30})
    subscription = sandbox.subscription(price)
    end = ends(subscription)[0]
    api.subscriptions.update(subscription.id, {"cancel_at": end + 10 * DAY})
    sandbox.advance_to(end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (ends(found), found.latest_invoice.amount_paid) == ([end + 10 * DAY], 1000)
    sandbox.advance_to(end + 10 * DAY + 1)
    found = api.subscriptions.retrieve(subscription.id)
    assert (found.status, found.ended_at) == ("canceled", end + 10 * DAY)


def test_the_flag_follows_a_period_that_moves_and_the_date_does_not(sandbox, api):
    price = sandbox.price(2000)
    for params, follows in [({"cancel_at_period_end": True}, True),
                            ({"cancel_at": "max_period_end"}, False)]:
        subscription = sandbox.subscription(price, trial_period_days=7)
        api.subscriptions.update(subscription.id, params)
        moved = api.subscriptions.update(
            subscription.id, {"trial_end": subscription.trial_end + 7 * DAY})
        sandbox.advance_to(subscription.trial_end + 1)
        status = api.subscriptions.retrieve(subscription.id).status
        assert (moved.status, status) == ("trialing", "trialing" if follows else "canceled")


def test_an_ending_can_be_planned_at_creation(sandbox, api):
    price = sandbox.price(2000)
    flagged = sandbox.subscription(price, cancel_at_period_end=True)
    dated = sandbox.subscription(price, cancel_at=sandbox.now() + 40 * DAY)
    assert flagged.cancel_at_period_end and not dated.cancel_at_period_end
    assert dated.cancel_at > ends(dated)[0]


def test_details_of_a_cancellation_are_kept_and_unknown_words_are_refused(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    params = {"cancel_at_period_end": True,
              "cancellation_details": {"comment": "bye", "feedback": "too_expensive"}}
    details = api.subscriptions.update(subscription.id, params).cancellation_details
    assert (details.comment, details.feedback) == ("bye", "too_expensive")
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(
            subscription.id, {"cancellation_details": {"feedback": "dear"}})


# Trials that are moved.

def test_a_longer_trial_makes_an_invoice_of_nothing(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000), trial_period_days=7)
    line = api.invoices.retrieve(subscription.latest_invoice).lines.data[0]
    assert line.description == "Free trial for 1 × Plan 2000"
    sandbox.settle()
    receiver.clear()
    end = subscription.trial_end + 21 * DAY
    moved = api.subscriptions.update(
        subscription.id, {"trial_end": end, "proration_behavior": "none",
                          "expand": ["latest_invoice"]})
    assert (moved.status, moved.trial_end, moved.billing_cycle_anchor) == ("trialing", end, end)
    assert (moved.trial_start, ends(moved)) == (subscription.trial_start, [end])
    invoice = moved.latest_invoice
    assert (invoice.id != subscription.latest_invoice, invoice.status) == (True, "paid")
    assert (invoice.billing_reason, invoice.total) == ("subscription_update", 0)
    sandbox.settle()
    assert receiver.types().count("invoice.paid") == 1
    assert "invoice.payment_succeeded" not in receiver.types()
    sandbox.advance_to(end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.amount_paid) == ("active", 2000)


def test_a_trial_can_begin_while_the_subscription_runs(sandbox, api):
    price = sandbox.price(3000, recurring={"interval": "day", "interval_count": 30})
    subscription = sandbox.subscription(price)
    end = sandbox.now() + 10 * DAY
    moved = api.subscriptions.update(subscription.id, {
        "trial_end": end, "expand": ["latest_invoice"]})
    assert (moved.status, ends(moved)) == ("trialing", [end])
    assert -3000 <= moved.latest_invoice.total <= -2999
    shorter = api.subscriptions.update(subscription.id, {"trial_end": end - 5 * DAY})
    assert ends(shorter) == [end - 5 * DAY]


def test_classic_billing_names_the_trial_in_its_own_words(sandbox, api):
    subscription = classic(sandbox, trial_period_days=7)
    line = api.invoices.retrieve(subscription.latest_invoice).lines.data[0]
    assert line.description == "Trial period for Plan 3000"


@pytest.mark.parametrize("params", [{"trial_end": 1}, {"trial_end": "soon"}])
def test_a_trial_does_not_end_in_the_past(sandbox, api, params):
    subscription = sandbox.subscription(sandbox.price(2000), trial_period_days=7)
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.update(subscription.id, params)
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()


# Anchors.

@pytest.mark.parametrize("mode, asks, moves", [
    ("flexible", False, False), ("flexible", True, True), ("classic", False, True)])
def test_the_anchor_moves_on_another_interval_only_if_asked_or_with_classic_billing(
        sandbox, api, mode, asks, moves):
    subscription = sandbox.subscription(sandbox.price(2000), billing_mode={"type": mode})
    sandbox.advance(10 * DAY)
    now = sandbox.now()
    item = {"id": subscription["items"].data[0].id,
            "price": sandbox.price(20_000, interval="year").id}
    more = {"billing_cycle_anchor": {"type": "now"}} if asks else {}
    updated = api.subscriptions.update(subscription.id, {"items": [item], **more})
    assert (updated.billing_cycle_anchor >= now) == moves
    assert (updated.latest_invoice != subscription.latest_invoice) == moves
    if not moves:
        assert updated.billing_cycle_anchor == subscription.billing_cycle_anchor
        assert ends(updated)[0] - subscription.billing_cycle_anchor in (365 * DAY, 366 * DAY)


def test_free_to_paid_moves_the_anchor_with_classic_billing_only(sandbox, api):
    free, paid = sandbox.price(0), sandbox.price(2000)
    for mode, moves in [("flexible", False), ("classic", True)]:
        subscription = sandbox.subscription(free, billing_mode={"type": mode})
        sandbox.advance(DAY)
        item = {"id": subscription["items"].data[0].id, "price": paid.id}
        updated = api.subscriptions.update(subscription.id, {"items": [item]})
        assert (updated.billing_cycle_anchor > subscription.billing_cycle_anchor) == moves


def test_after_a_change_without_proration_classic_billing_credits_the_current_price(sandbox, api):
    for mode, credit in [("flexible", -1000), ("classic", -2000)]:
        days = {"interval": "day", "interval_count": 30}
        low, high = (sandbox.price(amount, recurring=days) for amount in (2000, 4000))
        subscription = sandbox.subscription(low, billing_mode={"type": mode})
        item = subscription["items"].data[0]
        api.subscriptions.update(subscription.id, {
            "items": [{"id": item.id, "price": high.id}], "proration_behavior": "none"})
        preview = api.invoices.create_preview({
            "subscription": subscription.id, "subscription_details": {
                "items": [{"id": item.id, "price": low.id}],
                "proration_behavior": "always_invoice",
                "proration_date": item.current_period_start + 15 * DAY}})
        assert preview.lines.data[0].amount == credit


# Resuming what is paused.

def paused(sandbox):
    customer = sandbox.customer(None)
    subscription = sandbox.subscription(
        sandbox.price(2000), customer, trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}})
    sandbox.advance(7 * DAY + 1)
    return sandbox.client.v1.subscriptions.retrieve(subscription.id)


@pytest.mark.parametrize("how", ["paid", "expired", "voided"])
def test_what_is_paused_stays_so_until_its_invoice_is_paid(sandbox, api, receiver, how):
    subscription = paused(sandbox)
    assert subscription.status_details.paused.subscription.type == (
        "trial_end_without_payment_method")
    resumed = api.subscriptions.resume(subscription.id, {"expand": ["latest_invoice"]})
    invoice = resumed.latest_invoice
    assert (resumed.status, invoice.status, invoice.amount_due) == ("paused", "open", 2000)
    if how == "paid":
        before = sandbox.now()
        assert sandbox.press(invoice.hosted_invoice_url, action="pay")[0] == 303
        found = api.subscriptions.retrieve(subscription.id)
        assert (found.status, found.status_details) == ("active", None)
        assert before - 60 <= found.billing_cycle_anchor <= sandbox.now()
        sandbox.settle()
        assert receiver.types().count("customer.subscription.resumed") == 1
        return
    if how == "expired":
        sandbox.advance(23 * HOUR + 1)
    else:
        api.invoices.void_invoice(invoice.id)
    assert api.invoices.retrieve(invoice.id).status == "void"
    assert api.subscriptions.retrieve(subscription.id).status == "paused"


def test_only_what_is_paused_is_resumed_and_with_a_new_anchor_alone(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.resume(subscription.id)
    stopped = paused(sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.resume(stopped.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    assert api.subscriptions.retrieve(stopped.id).to_dict() == stopped.to_dict()
