"""A plan with seats: a base once and a seat as often as there are seats, wherever quantities count."""

import json

import pytest
import stripe
from conftest import DAY

HOUR = 3_600
DAYS = {"interval": "day", "interval_count": 30}


@pytest.fixture
def base(sandbox):
    return sandbox.price(1900, recurring=DAYS)


@pytest.fixture
def seat(sandbox):
    return sandbox.price(200, recurring=DAYS)


def bought(subscription):
    """What is subscribed to: how often each price, by the price."""
    return {item.price.id: item.quantity for item in subscription["items"].data}


def item_of(subscription, price):
    return next(item for item in subscription["items"].data if item.price.id == price.id)


def lines(invoice):
    return sorted((line.quantity, line.amount) for line in invoice.lines.data)


def team(sandbox, base, seat, seats=3, **params):
    customer = sandbox.customer()
    return sandbox.client.v1.subscriptions.create({
        "customer": customer.id, **params,
        "items": [{"price": base.id}, {"price": seat.id, "quantity": seats}]})


def more(subscription, seat, seats, **params):
    item = item_of(subscription, seat)
    return {"items": [{"id": item.id, "quantity": seats}],
            "proration_behavior": "always_invoice", **params}


def seats_later(api, schedule, base, seat, seats, turned=False):
    """Has another number of seats follow, after the running phase as it was answered."""
    running = schedule.phases[-1]
    later = [{"price": base.id, "quantity": 1}, {"price": seat.id, "quantity": seats}]
    return api.subscription_schedules.update(schedule.id, {
        "end_behavior": "release", "proration_behavior": "none",
        "phases": [
            {"items": [{"price": one.price, "quantity": one.quantity} for one in running["items"]],
             "start_date": running.start_date, "end_date": running.end_date,
             **({"trial_end": running.trial_end} if running.trial_end else {})},
            {"items": later[::-1] if turned else later, "proration_behavior": "none",
             "duration": {"interval": "day", "interval_count": 30}}]})


@pytest.mark.parametrize("days, due", [(None, 2900), (7, 0)])
def test_a_checkout_sells_a_base_and_seats(sandbox, api, base, seat, days, due):
    session = sandbox.session(
        base, line_items=[{"price": base.id, "quantity": 1}, {"price": seat.id, "quantity": 5}],
        **({"subscription_data": {"trial_period_days": days}} if days else {}))
    assert session.amount_total == due
    listed = api.checkout.sessions.line_items.list(session.id).data
    assert [(line.price.id, line.quantity) for line in listed] == [(base.id, 1), (seat.id, 5)]
    page = sandbox.request("GET", session.url)[2]
    assert "5 × Plan 200" in page and "1 ×" not in page
    sandbox.press(session.url, action="pay")
    done = api.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})
    assert bought(done.subscription) == {base.id: 1, seat.id: 5}
    assert done.invoice.amount_paid == due
    assert done.subscription.status == ("trialing" if days else "active")
    end = item_of(done.subscription, seat).current_period_end
    assert item_of(done.subscription, base).current_period_end == end
    sandbox.advance_to(end + HOUR + 1)
    now = api.subscriptions.retrieve(done.subscription.id, {"expand": ["latest_invoice"]})
    assert bought(now) == {base.id: 1, seat.id: 5}
    assert lines(now.latest_invoice) == [(1, 1900), (5, 1000)]


@pytest.mark.parametrize("items", [
    [("seat", 0)], [("base", 1), ("seat", -1)], [("base", 1), ("seat", "many")],
    [("base", 1), ("seat", 2), ("seat", 3)]])
def test_a_checkout_of_quantities_that_cannot_be_is_refused(sandbox, base, seat, items):
    prices = {"base": base, "seat": seat}
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(base, line_items=[
            {"price": prices[name].id, "quantity": quantity} for name, quantity in items])


@pytest.mark.parametrize("seats, expected", [
    (5, [(3, -400), (5, 667)]), (2, [(2, 267), (3, -400)]), (3, [])])
def test_preview_and_update_of_seats_agree(sandbox, api, base, seat, seats, expected):
    subscription = team(sandbox, base, seat)
    date = item_of(subscription, seat).current_period_start + 10 * DAY
    change = more(subscription, seat, seats, proration_date=date)
    preview = api.invoices.create_preview({
        "subscription": subscription.id, "subscription_details": change})
    updated = api.subscriptions.update(
        subscription.id, {**change, "expand": ["latest_invoice"]})
    assert bought(updated) == {base.id: 1, seat.id: seats}
    assert lines(preview) == expected
    if expected:
        assert lines(updated.latest_invoice) == expected
        assert updated.latest_invoice.total == preview.total
    else:
        assert updated.latest_invoice.id == subscription.latest_invoice


def test_another_plan_and_more_seats_are_one_change(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat)
    higher, place = sandbox.price(4900, recurring=DAYS), sandbox.price(500, recurring=DAYS)
    date = item_of(subscription, seat).current_period_start + 15 * DAY
    change = {
        "items": [{"id": item_of(subscription, base).id, "price": higher.id, "quantity": 1},
                  {"id": item_of(subscription, seat).id, "price": place.id, "quantity": 4}],
        "proration_behavior": "always_invoice", "proration_date": date}
    preview = api.invoices.create_preview({
        "subscription": subscription.id, "subscription_details": change})
    expected = [(1, -950), (1, 2450), (3, -300), (4, 1000)]
    assert lines(preview) == expected and preview.amount_due == 2200
    updated = api.subscriptions.update(subscription.id, {
        **change, "payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"]})
    assert updated.pending_update is None
    assert bought(updated) == {higher.id: 1, place.id: 4}
    assert (lines(updated.latest_invoice), updated.latest_invoice.status) == (expected, "paid")


@pytest.mark.parametrize("charge", ["decline", "authenticate"])
def test_seats_that_are_not_paid_wait_with_their_quantity(sandbox, api, base, seat, charge):
    subscription = team(sandbox, base, seat)
    sandbox.knob(f"customers/{subscription.customer}", next_charge=charge)
    held = api.subscriptions.update(
        subscription.id,
        more(subscription, seat, 5, payment_behavior="pending_if_incomplete"))
    assert bought(held) == {base.id: 1, seat.id: 3}
    waiting = {one.price.id: one.quantity for one in held.pending_update.subscription_items}
    assert waiting == {base.id: 1, seat.id: 5}
    invoice = held.latest_invoice
    sandbox.press(
        api.invoices.retrieve(invoice).hosted_invoice_url, action="authenticate")
    now = api.subscriptions.retrieve(subscription.id)
    assert now.pending_update is None and bought(now) == {base.id: 1, seat.id: 5}
    # What was billed last is credited next: five seats, not three.
    date = item_of(now, seat).current_period_start + 15 * DAY
    preview = api.invoices.create_preview({
        "subscription": now.id,
        "subscription_details": more(now, seat, 6, proration_date=date)})
    assert lines(preview) == [(5, -500), (6, 600)]


def test_seats_that_were_given_up_are_not_credited(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat)
    sandbox.knob(f"customers/{subscription.customer}", next_charge="decline")
    held = api.subscriptions.update(
        subscription.id,
        more(subscription, seat, 5, payment_behavior="pending_if_incomplete"))
    api.invoices.void_invoice(held.latest_invoice)
    now = api.subscriptions.retrieve(subscription.id)
    assert now.pending_update is None and bought(now) == {base.id: 1, seat.id: 3}
    date = item_of(now, seat).current_period_start + 15 * DAY
    preview = api.invoices.create_preview({
        "subscription": now.id,
        "subscription_details": more(now, seat, 4, proration_date=date)})
    assert lines(preview) == [(3, -300), (4, 400)]


def test_seats_of_a_trial_cost_nothing_before_its_end(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat, trial_period_days=7)
    updated = api.subscriptions.update(
        subscription.id,
        more(subscription, seat, 5, payment_behavior="pending_if_incomplete"))
    assert (updated.status, bought(updated)) == ("trialing", {base.id: 1, seat.id: 5})
    assert updated.latest_invoice == subscription.latest_invoice
    preview = api.invoices.create_preview({
        "subscription": updated.id, "subscription_details": more(updated, seat, 6)})
    assert preview.amount_due == 0
    sandbox.advance_to(subscription.trial_end + HOUR + 1)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (now.status, lines(now.latest_invoice)) == ("active", [(1, 1900), (5, 1000)])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("days", [0, 7])
def test_fewer_seats_follow_by_a_schedule(sandbox, api, base, seat, turned, days):
    subscription = team(
        sandbox, base, seat, seats=5, **({"trial_period_days": days} if days else {}))
    ids = {price.id: item_of(subscription, price).id for price in (base, seat)}
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    assert [(one.price, one.quantity) for one in schedule.phases[0]["items"]] == [
        (base.id, 1), (seat.id, 5)]
    changed = seats_later(api, schedule, base, seat, 2, turned)
    assert sorted(one.quantity for one in changed.phases[1]["items"]) == [1, 2]
    assert bought(api.subscriptions.retrieve(subscription.id)) == {base.id: 1, seat.id: 5}
    end = schedule.phases[0].end_date
    sandbox.advance_to(end + HOUR + 1)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (now.status, bought(now)) == ("active", {base.id: 1, seat.id: 2})
    assert lines(now.latest_invoice) == [(1, 1900), (2, 400)]
    # A price keeps its item, in whatever order a phase names them.
    assert {price.id: item_of(now, price).id for price in (base, seat)} == ids


def test_a_phase_names_no_price_twice_and_may_drop_one(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat, seats=5)
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    with pytest.raises(stripe.InvalidRequestError, match="multiple subscription items"):
        seats_later(api, schedule, seat, seat, 2)
    kept = item_of(subscription, seat).id
    running = schedule.phases[0]
    api.subscription_schedules.update(schedule.id, {"phases": [
        {"items": [{"price": one.price, "quantity": one.quantity} for one in running["items"]],
         "start_date": running.start_date, "end_date": running.end_date},
        {"items": [{"price": seat.id, "quantity": 4}],
         "duration": {"interval": "day", "interval_count": 30}}]})
    sandbox.advance_to(running.end_date + HOUR + 1)
    now = api.subscriptions.retrieve(subscription.id)
    assert bought(now) == {seat.id: 4} and item_of(now, seat).id == kept


def test_a_change_made_beside_a_schedule_lasts_until_the_next_phase(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat, seats=5)
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    seats_later(api, schedule, base, seat, 2)
    sandbox.advance(DAY)
    api.subscriptions.update(subscription.id, more(subscription, seat, 6))
    split = api.subscription_schedules.retrieve(schedule.id)
    running = next(
        phase for phase in split.phases if phase.start_date == split.current_phase.start_date)
    assert sorted(one.quantity for one in running["items"]) == [1, 6]
    assert running.end_date == schedule.phases[0].end_date
    # The phase that runs now is named as it is answered.
    split.phases = [running]
    seats_later(api, split, base, seat, 3)
    sandbox.advance_to(running.end_date + HOUR + 1)
    now = api.subscriptions.retrieve(subscription.id)
    assert bought(now) == {base.id: 1, seat.id: 3}


def test_a_portal_without_cancel_plan_and_quantity_changes_cards_alone(sandbox, api, base, seat):
    subscription = team(sandbox, base, seat)
    configuration = api.billing_portal.configurations.create({"features": {
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email"]},
        "invoice_history": {"enabled": True}, "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": False},
        "subscription_update": {"enabled": False}}})
    session = api.billing_portal.sessions.create({
        "customer": subscription.customer, "configuration": configuration.id,
        "return_url": "http://127.0.0.1:9/back"})
    page = sandbox.request("GET", session.url)[2]
    assert 'value="cancel"' not in page and 'value="upgrade"' not in page
    for fields in ({"action": "cancel"}, {"action": "resume"},
                   {"action": "upgrade", "price": base.id}, {"action": "switch", "price": seat.id}):
        status, _, text = sandbox.press(session.url, subscription=subscription.id, **fields)
        assert status == 400 and "does not offer that" in text
    assert sandbox.press(session.url, action="card", card="pm_card_mastercard")[0] == 303
    now = api.subscriptions.retrieve(subscription.id)
    assert (bought(now), now.cancel_at) == ({base.id: 1, seat.id: 3}, None)


def test_before_basil_a_subscription_of_several_items_has_no_plan_of_its_own(
        sandbox, base, seat):
    subscription = team(sandbox, base, seat)
    status, _, text = sandbox.request(
        "GET", f"/v1/subscriptions/{subscription.id}",
        headers={"Authorization": "Bearer sk_test_x", "Stripe-Version": "2024-06-20"})
    found = json.loads(text)
    assert (status, found["plan"], found["quantity"]) == (200, None, None)
