"""A clock a customer, beside the sandbox's own."""

import pytest
import stripe
from conftest import DAY, wait_for

HOUR = 3_600
START = 1_893_456_000  # 1 January 2030


def clock(sandbox, time=START, **params):
    return sandbox.client.v1.test_helpers.test_clocks.create({"frozen_time": time, **params})


def arrive(sandbox, made, time):
    """Steps a clock and waits until it is ready."""
    clocks = sandbox.client.v1.test_helpers.test_clocks
    stepped = clocks.advance(made.id, {"frozen_time": time})
    assert stepped.status == "advancing"
    assert stepped.status_details.advancing.target_frozen_time == time
    assert stepped.frozen_time < time
    wait_for(lambda: clocks.retrieve(made.id).status == "ready")
    found = clocks.retrieve(made.id)
    assert found.frozen_time == time
    return found


def clocked(sandbox, made, interval="month"):
    customer = sandbox.customer(test_clock=made.id)
    return sandbox.subscription(sandbox.price(2000, interval=interval), customer)


def test_a_customer_goes_by_its_clock_and_nobody_else_does(sandbox, api, receiver):
    start = sandbox.now()
    made = clock(sandbox, name="theirs")
    assert (made.status, made.frozen_time, made.name) == ("ready", START, "theirs")
    ours = sandbox.subscription(sandbox.price(3000))
    theirs = clocked(sandbox, made)
    assert (theirs.created, theirs.test_clock) == (START, made.id)
    assert api.customers.retrieve(theirs.customer).created == START
    invoice = api.invoices.retrieve(theirs.latest_invoice)
    assert (invoice.created, invoice.test_clock, invoice.status) == (START, made.id, "paid")
    end = theirs["items"].data[0].current_period_end
    assert end == START + 31 * DAY
    arrive(sandbox, made, end + HOUR + 1)
    renewed = api.invoices.list({"subscription": theirs.id}).data
    assert [(one.created, one.status) for one in renewed] == [(end, "paid"), (START, "paid")]
    assert renewed[0].status_transitions.paid_at == end + HOUR
    assert len(api.invoices.list({"subscription": ours.id}).data) == 1
    assert start <= sandbox.now() < start + HOUR


def test_the_sandboxs_clock_moves_no_customer_who_has_another(sandbox, api):
    theirs = clocked(sandbox, clock(sandbox, sandbox.now()), "week")
    sandbox.advance(25 * DAY)
    assert len(api.invoices.list({"subscription": theirs.id}).data) == 1
    found = api.subscriptions.update(theirs.id, {"cancel_at_period_end": True})
    assert found.canceled_at == theirs.created


def test_a_clock_stands_still_between_its_steps_and_pages_go_by_it(sandbox, api):
    made = clock(sandbox)
    customer = sandbox.customer(None, test_clock=made.id)
    session = sandbox.session(sandbox.price(2000), customer,
                              subscription_data={"trial_period_days": 7})
    assert session.expires_at == START + DAY
    assert sandbox.press(session.url, action="pay")[0] == 303
    subscription = api.subscriptions.list({"customer": customer.id}).data[0]
    assert subscription.trial_end == START + 7 * DAY
    arrive(sandbox, made, START + 8 * DAY)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.amount_paid) == ("active", 2000)
    sandbox.knob("refunds", invoice=found.latest_invoice.id)
    assert api.refunds.list({"limit": 1}).data[0].created == START + 8 * DAY


def test_events_tell_of_a_clock(sandbox, api, receiver):
    made = clock(sandbox)
    arrive(sandbox, made, START + DAY)
    api.test_helpers.test_clocks.delete(made.id)
    sandbox.settle()
    told = [kind for kind in receiver.types() if kind.startswith("test_helpers")]
    assert sorted(told) == ["test_helpers.test_clock." + word
                            for word in ("advancing", "created", "deleted", "ready")]


def test_deleting_a_clock_deletes_its_customers(sandbox, api, receiver):
    made = clock(sandbox)
    theirs, ours = clocked(sandbox, made), sandbox.subscription(sandbox.price(1000))
    assert api.test_helpers.test_clocks.delete(made.id).deleted
    assert api.customers.retrieve(theirs.customer).deleted
    for call, id in [(api.subscriptions, theirs.id), (api.invoices, theirs.latest_invoice),
                     (api.test_helpers.test_clocks, made.id)]:
        if call is api.test_helpers.test_clocks:
            assert call.list().data == []
            continue
        with pytest.raises(stripe.InvalidRequestError):
            call.retrieve(id)
    assert api.subscriptions.retrieve(ours.id).status == "active"
    sandbox.settle()
    assert receiver.types().count("customer.deleted") == 1
    with pytest.raises(stripe.InvalidRequestError):
        api.test_helpers.test_clocks.delete(made.id)


def test_who_has_a_clock_is_listed_by_it(sandbox, api):
    made = clock(sandbox)
    theirs, ours = clocked(sandbox, made), sandbox.subscription(sandbox.price(1000))
    assert [one.id for one in api.customers.list().data] == [ours.customer]
    assert [one.id for one in api.customers.list({"test_clock": made.id}).data] == [
        theirs.customer]
    assert [one.id for one in api.subscriptions.list().data] == [ours.id]
    for params in [{"test_clock": made.id}, {"customer": theirs.customer}]:
        assert [one.id for one in api.subscriptions.list(params).data] == [theirs.id]


def test_a_customer_that_has_nothing_yet_can_be_given_a_clock(sandbox, api):
    customer = sandbox.customer()
    made = clock(sandbox, customer=customer.id)
    assert api.customers.retrieve(customer.id).test_clock == made.id
    assert sandbox.subscription(sandbox.price(2000), customer).created == START
    with pytest.raises(stripe.InvalidRequestError):
        clock(sandbox, customer=customer.id)


@pytest.mark.parametrize("params", [
    {}, {"frozen_time": "soon"}, {"frozen_time": -1}, {"frozen_time": 2 ** 62},
    {"frozen_time": 1, "customer": "cus_x"}])
def test_a_clock_that_cannot_be_is_refused_and_not_kept(sandbox, api, params):
    with pytest.raises(stripe.InvalidRequestError):
        api.test_helpers.test_clocks.create(params)
    assert api.test_helpers.test_clocks.list().data == []


def test_a_customer_of_no_clock_is_refused(sandbox, api):
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.create({"test_clock": "clock_none"})
    customer = api.customers.create({})
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.update(customer.id, {"test_clock": clock(sandbox).id})


@pytest.mark.parametrize("step", [-DAY, 0, 2 ** 61, 63 * DAY])
def test_a_clock_steps_neither_back_nor_beyond_two_periods(sandbox, api, step):
    made = clock(sandbox)
    clocked(sandbox, made)
    with pytest.raises(stripe.InvalidRequestError):
        api.test_helpers.test_clocks.advance(made.id, {"frozen_time": START + step})
    assert api.test_helpers.test_clocks.retrieve(made.id).to_dict() == made.to_dict()


def test_without_a_subscription_a_clock_steps_two_years_at_most(sandbox, api):
    made = clock(sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        api.test_helpers.test_clocks.advance(made.id, {"frozen_time": START + 740 * DAY})
    arrive(sandbox, made, START + 700 * DAY)


def test_while_a_clock_is_on_its_way_nothing_of_its_customers_changes(sandbox, api):
    made = clock(sandbox)
    theirs = clocked(sandbox, made)
    clocks = api.test_helpers.test_clocks
    refused = set()
    # The work may be done before the next call comes: so there are several tries.
    for step in range(1, 21):
        clocks.advance(made.id, {"frozen_time": START + step * HOUR})
        for name, call in {
                "change": lambda: api.subscriptions.update(theirs.id, {"metadata": {"a": "1"}}),
                "step": lambda: clocks.advance(
                    made.id, {"frozen_time": START + step * HOUR + 1})}.items():
            try:
                call()
            except stripe.InvalidRequestError as error:
                assert "underway" in str(error)
                refused.add(name)
        wait_for(lambda: clocks.retrieve(made.id).status == "ready")
        if len(refused) == 2:
            return
    raise AssertionError(refused)


def test_a_clock_is_gone_after_thirty_days(sandbox, api):
    made = clock(sandbox)
    theirs = clocked(sandbox, made)
    assert made.deletes_after == pytest.approx(sandbox.now() + 30 * DAY, abs=60)
    sandbox.advance(30 * DAY + 1)
    assert api.test_helpers.test_clocks.list().data == []
    assert api.customers.retrieve(theirs.customer).deleted
