"""Subscription schedules: another price at the end of the period, and how that is taken back."""

import pytest
import stripe
from conftest import DAY


@pytest.fixture
def pro(sandbox):
    return sandbox.price(4000)


@pytest.fixture
def plus(sandbox):
    return sandbox.price(2000)


def item(subscription):
    return subscription["items"]["data"][0]


def kept(phase):
    """The running phase as it was answered, to be named again."""
    return {
        "items": [{"price": one.price, "quantity": one.quantity} for one in phase["items"]],
        "start_date": phase.start_date, "end_date": phase.end_date}


def lower(api, schedule, price, **more):
    """Has the price follow after the running phase, for a month."""
    return api.subscription_schedules.update(schedule.id, {
        "end_behavior": "release", "proration_behavior": "none",
        "phases": [kept(schedule.phases[0]), {
            "items": [{"price": price.id, "quantity": 1}], "proration_behavior": "none",
            "duration": {"interval": "month", "interval_count": 1}, **more}]})


def attached(sandbox, api, price, **params):
    subscription = sandbox.subscription(price, **params)
    schedule = api.subscription_schedules.create({"from_subscription": subscription.id})
    return subscription, schedule


def told(sandbox, receiver, *prefixes):
    sandbox.settle()
    return [kind for kind in receiver.types() if kind.startswith(prefixes)]


def test_a_schedule_of_a_subscription_has_its_period_as_the_only_phase(
        sandbox, api, receiver, pro):
    subscription, schedule = attached(sandbox, api, pro, metadata={"user_id": "42"})
    period = item(subscription)
    assert (schedule.status, schedule.subscription, schedule.customer) == (
        "active", subscription.id, subscription.customer)
    [phase] = schedule.phases
    assert (phase.start_date, phase.end_date) == (
        period.current_period_start, period.current_period_end)
    assert schedule.current_phase.to_dict() == {
        "start_date": phase.start_date, "end_date": phase.end_date}
    assert [(one.price, one.quantity) for one in phase["items"]] == [(pro.id, 1)]
    assert schedule.end_behavior == "release" and schedule.metadata.to_dict() == {}
    now = api.subscriptions.retrieve(subscription.id)
    assert now.schedule == schedule.id and item(now).price.id == pro.id
    assert sorted(told(sandbox, receiver, "subscription_schedule", "customer.subscription.up")) == [
        "customer.subscription.updated", "subscription_schedule.created"]
    listed = api.subscription_schedules.list({"customer": subscription.customer}).data
    assert [one.id for one in listed] == [schedule.id]


def test_a_lower_price_begins_with_the_next_period_and_nothing_is_prorated(
        sandbox, api, receiver, pro, plus):
    subscription, schedule = attached(sandbox, api, pro)
    changed = lower(api, schedule, plus)
    end = schedule.phases[0].end_date
    assert [phase.start_date for phase in changed.phases] == [schedule.phases[0].start_date, end]
    assert item(api.subscriptions.retrieve(subscription.id)).price.id == pro.id
    invoices = len(api.invoices.list({"subscription": subscription.id}).data)
    assert invoices == 1
    sandbox.settle()
    receiver.clear()
    sandbox.advance_to(end + 2 * 3600)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert item(now).price.id == plus.id and item(now).current_period_start == end
    assert item(now).id == item(subscription).id and now.schedule == schedule.id
    assert (now.latest_invoice.amount_paid, now.latest_invoice.billing_reason) == (
        2000, "subscription_cycle")
    assert [line.amount for line in now.latest_invoice.lines.data] == [2000]
    assert "subscription_schedule.updated" in told(sandbox, receiver, "subscription_schedule")
    present = api.subscription_schedules.retrieve(schedule.id)
    assert present.current_phase.start_date == end
    # The schedule hangs on for the first lower month; then it lets go.
    sandbox.settle()
    receiver.clear()
    sandbox.advance_to(item(now).current_period_end + 1)
    after = api.subscriptions.retrieve(subscription.id)
    assert (after.status, after.schedule, item(after).price.id) == ("active", None, plus.id)
    gone = api.subscription_schedules.retrieve(schedule.id)
    assert (gone.status, gone.subscription, gone.released_subscription) == (
        "released", None, subscription.id)
    assert told(sandbox, receiver, "subscription_schedule") == ["subscription_schedule.released"]


def test_a_release_leaves_everything_as_it_is_and_happens_once(sandbox, api, receiver, pro, plus):
    subscription, schedule = attached(sandbox, api, pro)
    lower(api, schedule, plus)
    sandbox.settle()
    receiver.clear()
    released = api.subscription_schedules.release(schedule.id)
    assert (released.status, released.current_phase) == ("released", None)
    assert schedule.created <= released.released_at <= sandbox.now()
    assert sorted(told(sandbox, receiver, "subscription_schedule", "customer.subscription")) == [
        "customer.subscription.updated", "subscription_schedule.released"]
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.subscription_schedules.release(schedule.id)
    assert "released" in str(error.value)
    with pytest.raises(stripe.InvalidRequestError):
        lower(api, schedule, plus)
    sandbox.advance_to(schedule.phases[0].end_date + 1)
    now = api.subscriptions.retrieve(subscription.id)
    assert (item(now).price.id, now.schedule) == (pro.id, None)
    # Another may be attached then.
    assert api.subscription_schedules.create({"from_subscription": subscription.id}).id


def test_while_one_is_attached_the_end_is_not_set_directly(sandbox, api, pro):
    subscription, schedule = attached(sandbox, api, pro)
    for change in ({"cancel_at_period_end": True}, {"cancel_at_period_end": False},
                   {"cancel_at": sandbox.now() + 5 * DAY}):
        with pytest.raises(stripe.InvalidRequestError) as error:
            api.subscriptions.update(subscription.id, change)
        assert schedule.id in str(error.value) and error.value.param == next(iter(change))
    api.subscriptions.update(subscription.id, {"metadata": {"a": "1"}})
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.subscription_schedules.create({"from_subscription": subscription.id})
    assert "already attached" in str(error.value)
    api.subscription_schedules.release(schedule.id)
    assert api.subscriptions.update(
        subscription.id, {"cancel_at_period_end": True}).cancel_at_period_end


def test_a_cancel_ends_the_subscription_too(sandbox, api, receiver, pro):
    subscription, schedule = attached(sandbox, api, pro)
    canceled = api.subscription_schedules.cancel(
        schedule.id, {"invoice_now": False, "prorate": False})
    assert canceled.status == "canceled"
    assert schedule.created <= canceled.canceled_at <= sandbox.now()
    now = api.subscriptions.retrieve(subscription.id)
    assert (now.status, now.schedule) == ("canceled", None)
    # Events arrive in any order.
    assert {"subscription_schedule.canceled", "customer.subscription.deleted"} <= set(
        told(sandbox, receiver, "subscription_schedule", "customer.subscription.deleted"))


def test_a_subscription_that_ends_takes_its_schedule_with_it(sandbox, api, pro, plus):
    subscription, schedule = attached(sandbox, api, pro)
    lower(api, schedule, plus)
    api.subscriptions.cancel(subscription.id)
    assert api.subscription_schedules.retrieve(schedule.id).status == "canceled"


def test_a_schedule_may_end_the_subscription_after_its_last_phase(sandbox, api, pro):
    subscription, schedule = attached(sandbox, api, pro)
    api.subscription_schedules.update(
        schedule.id, {"end_behavior": "cancel", "phases": [kept(schedule.phases[0])]})
    sandbox.advance_to(schedule.phases[0].end_date + 1)
    now = api.subscriptions.retrieve(subscription.id)
    assert (now.status, now.ended_at) == ("canceled", schedule.phases[0].end_date)


def test_what_a_phase_does_not_name_is_unset_and_metadata_are_merged(sandbox, api, pro, plus):
    coupon = api.coupons.create({"percent_off": 50, "duration": "forever"})
    customer = sandbox.customer()
    card = customer.invoice_settings and api.customers.retrieve(
        customer.id).invoice_settings.default_payment_method
    subscription, schedule = attached(
        sandbox, api, pro, customer=customer, default_payment_method=card,
        discounts=[{"coupon": coupon.id}], metadata={"user_id": "42", "old": "1"})
    assert [one.coupon for one in schedule.phases[0].discounts] == [coupon.id]
    lower(api, schedule, plus, metadata={"new": "2", "old": ""})
    sandbox.advance_to(schedule.phases[0].end_date + 2 * 3600)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert now.discounts == [] and now.default_payment_method is None
    assert now.latest_invoice.total == 2000
    assert now.metadata.to_dict() == {"user_id": "42", "new": "2"}


def test_a_discount_that_a_phase_names_goes_on(sandbox, api, pro, plus):
    coupon = api.coupons.create({"percent_off": 50, "duration": "forever"})
    subscription, schedule = attached(
        sandbox, api, pro, discounts=[{"coupon": coupon.id}])
    lower(api, schedule, plus, discounts=[{"coupon": coupon.id}])
    sandbox.advance_to(schedule.phases[0].end_date + 2 * 3600)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert now.latest_invoice.total == 1000 and len(now.discounts) == 1


def test_a_phase_of_another_interval_may_move_the_anchor(sandbox, api, plus):
    yearly = sandbox.price(20_000, interval="year")
    subscription, schedule = attached(sandbox, api, yearly)
    lower(api, schedule, plus, billing_cycle_anchor="phase_start")
    end = schedule.phases[0].end_date
    sandbox.advance_to(end + 1)
    now = api.subscriptions.retrieve(subscription.id)
    assert (item(now).price.id, now.billing_cycle_anchor) == (plus.id, end)
    assert 28 * DAY <= item(now).current_period_end - end <= 31 * DAY


def test_a_trial_goes_on_under_a_schedule_until_it_ends(sandbox, api, pro, plus):
    subscription, schedule = attached(sandbox, api, pro, trial_period_days=7)
    assert schedule.phases[0].trial_end == subscription.trial_end
    lower(api, schedule, plus)
    sandbox.advance_to(subscription.trial_end + 2 * 3600)
    now = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (now.status, item(now).price.id) == ("active", plus.id)
    assert now.latest_invoice.amount_paid == 2000


@pytest.mark.parametrize("change", [
    {"items": []}, {"items": [{"price": "price_none"}]}, {"duration": {"interval": "month"},
                                                         "end_date": 4_000_000_000},
    {"start_date": 1}, {"duration": {"interval": "fortnight"}}, {"end_date": 1},
    {"proration_behavior": "some"}, {"discounts": [{"coupon": "none"}]},
    {"billing_cycle_anchor": "later"}, {"items": [{"price": "once"}]}])
def test_a_phase_that_cannot_be_is_refused_and_changes_nothing(sandbox, api, pro, plus, change):
    _, schedule = attached(sandbox, api, pro)
    if change.get("items") == [{"price": "once"}]:
        product = api.products.create({"name": "Once"}).id
        once = api.prices.create({"product": product, "currency": "usd", "unit_amount": 500})
        change = {"items": [{"price": once.id}]}
    phase = {"items": [{"price": plus.id}], **change}
    if "end_date" not in change and "duration" not in change:
        phase["duration"] = {"interval": "month"}
    with pytest.raises(stripe.InvalidRequestError):
        api.subscription_schedules.update(
            schedule.id, {"phases": [kept(schedule.phases[0]), phase]})
    assert len(api.subscription_schedules.retrieve(schedule.id).phases) == 1


@pytest.mark.parametrize("running", [{"start_date": None}, {"end_date": None}, {"items": "plus"}])
def test_the_running_phase_is_named_as_it_is(sandbox, api, pro, plus, running):
    _, schedule = attached(sandbox, api, pro)
    phase = kept(schedule.phases[0])
    for name, value in running.items():
        if value is None:
            del phase[name]
        else:
            phase[name] = [{"price": plus.id, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.subscription_schedules.update(schedule.id, {"phases": [phase]})
    assert error.value.param.startswith("phases[0]")


def test_a_subscription_that_is_over_or_about_to_end_gets_no_schedule(sandbox, api, pro):
    ending, over = sandbox.subscription(pro), sandbox.subscription(pro)
    api.subscriptions.update(ending.id, {"cancel_at_period_end": True})
    api.subscriptions.cancel(over.id)
    for subscription in (ending.id, over.id, "sub_none"):
        with pytest.raises(stripe.InvalidRequestError) as error:
            api.subscription_schedules.create({"from_subscription": subscription})
        assert error.value.param == "from_subscription"
    with pytest.raises(stripe.InvalidRequestError):
        api.subscription_schedules.create({"customer": ending.customer})


def test_the_next_invoice_of_a_schedule_is_the_one_that_its_next_phase_makes(sandbox, api, pro):
    yearly = sandbox.price(20000, interval="year")
    coupon = api.coupons.create({"percent_off": 25, "duration": "forever"})
    subscription, schedule = attached(sandbox, api, pro)
    lower(api, schedule, yearly, discounts=[{"coupon": coupon.id}],
          billing_cycle_anchor="phase_start", duration={"interval": "year", "interval_count": 1})
    told = [event.id for event in api.events.list({"limit": 100}).data]
    for _ in range(2):
        preview = api.invoices.create_preview({"schedule": schedule.id, "expand": ["discounts"]})
    assert preview.discounts[0].source.coupon == coupon.id
    # A preview redeems nothing and tells nobody of anything.
    assert api.coupons.retrieve(coupon.id).times_redeemed == 0
    assert [event.id for event in api.events.list({"limit": 100}).data] == told
    end = item(subscription).current_period_end
    [line] = preview.lines.data
    assert (preview.total, preview.amount_due, line.period.start) == (15000, 15000, end)
    assert line.period.end - end in (365 * DAY, 366 * DAY)
    assert api.invoices.create_preview({"subscription": subscription.id}).total == 4000
    before = api.subscriptions.retrieve(subscription.id)
    assert item(before).price.id == pro.id and before.discounts == []
    with pytest.raises(stripe.InvalidRequestError):
        api.invoices.create_preview({"schedule": schedule.id, "subscription": subscription.id})
    sandbox.advance_to(end + 2 * 3600)
    [made] = api.invoices.list({"subscription": subscription.id, "limit": 1}).data
    assert (made.amount_paid, made.lines.data[0].period.end) == (15000, line.period.end)
