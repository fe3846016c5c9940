"""Money that goes back takes back exactly what it bought: refunds in full and in parts, disputes, of
each kind of payment, heard of before and after the period has turned."""

import pytest

from conftest import DAY, PLUS, PRO
from test_payments import buy, knob, sdk, settle
from test_payments_events import dead_letters, notices
from test_payments_life import subscriber, switch
from test_payments_unheard import change_price, hold, live, release


def reconcile(service, *flags):
    return service.command("stripe", "reconcile", *flags, STRIPE_API_BASE=service.sandbox)


def invoices(service, reason=None):
    found = sdk(service).v1.invoices.list({"limit": 100}).data
    return [item for item in found if item.amount_paid and reason in (None, item.billing_reason)]


def credits(user):
    return round(float(user.balance["credits_allocated"]) * 100)


def spend(user, times):
    for _ in range(times):
        user.spend()


# Kinds of payments: each makes one and returns its invoice and what it bought, in hundredths.


def first(service, user):
    return invoices(service)[0], 50000


def renewal(service, user):
    service.advance_past_period(user)
    return invoices(service)[0], 50000


def upgrade(service, user):
    before = credits(user)
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    return invoices(service, "subscription_update")[0], credits(user) - before


def second_upgrade(service, user):
    upgrade(service, user)
    change_price(service, "career_plus_monthly", "always_invoice")
    settle(service)
    return upgrade(service, user)


PERIODS, UPGRADES = [first, renewal], [upgrade, second_upgrade]


# How money goes back: each returns the part of the payment, of 4.


def refunded(service, invoice):
    knob(service, "/_test/refunds", {"invoice": invoice.id})
    return 4


def refunded_in_part(service, invoice):
    knob(service, "/_test/refunds", {"invoice": invoice.id, "amount": invoice.amount_paid // 4})
    return 1


def refunded_in_parts(service, invoice):
    for part in (1, 2):
        knob(service, "/_test/refunds",
             {"invoice": invoice.id, "amount": invoice.amount_paid * part // 4})
        settle(service)
    return 3


def disputed(service, invoice):
    knob(service, "/_test/disputes", {"invoice": invoice.id})
    return 0


def won(service, invoice):
    knob(service, "/_test/disputes", {"invoice": invoice.id})
    settle(service)
    knob(service, "/_test/disputes", {"invoice": invoice.id, "status": "won"})
    return 0


def lost(service, invoice):
    knob(service, "/_test/disputes", {"invoice": invoice.id, "status": "lost"})
    return 4


RETURNS = [refunded, refunded_in_part, refunded_in_parts, disputed, won, lost]


@pytest.mark.parametrize("back", RETURNS)
@pytest.mark.parametrize("bought", UPGRADES)
def test_an_upgrade_whose_money_goes_back_loses_its_share_and_the_plan_stays(
        own_service, bought, back):
    user = subscriber(own_service)
    invoice, worth = bought(own_service, user)
    before = credits(user)
    part = back(own_service, invoice)
    settle(own_service)
    # Amounts of money have a remainder where they are cut in four.
    assert abs(before - credits(user) - worth * part / 4) <= 50
    assert user.subscription["plan"]["name"] == "Pro"
    told = notices(own_service)
    assert (f"of {invoice.id} went back" in told) == (part > 0)
    assert ("the plan stays" in told) == (part > 0)
    assert "No dead letters" in dead_letters(own_service)
    assert reconcile(own_service).returncode == 0


@pytest.mark.parametrize("back", RETURNS)
@pytest.mark.parametrize("bought", PERIODS)
def test_a_period_whose_money_goes_back_loses_its_share_or_in_full_the_plan(
        own_service, bought, back):
    user = subscriber(own_service)
    invoice, worth = bought(own_service, user)
    part = back(own_service, invoice)
    settle(own_service)
    assert credits(user) == (2500 if part == 4 else worth - worth * part // 4)
    assert user.subscription["plan"]["name"] == ("Free" if part == 4 else "Plus")
    assert (f"of {invoice.id} went back" in notices(own_service)) == (part > 0)
    assert reconcile(own_service).returncode == 0


@pytest.mark.parametrize("back", [refunded, refunded_in_part, lost])
@pytest.mark.parametrize("bought", PERIODS + UPGRADES)
def test_reconciliation_names_money_that_went_back_and_takes_its_share(
        own_service, bought, back):
    user = subscriber(own_service)
    invoice, worth = bought(own_service, user)
    before = credits(user)
    hold(own_service)
    part = back(own_service, invoice)
    settle(own_service)
    assert credits(user) == before
    found = reconcile(own_service)
    assert found.returncode == 1 and "1 differences" in found.stdout, found
    assert "went back" in found.stdout or "had money back for" in found.stdout
    assert reconcile(own_service, "--repair").returncode == 0
    if bought in PERIODS and part == 4:
        assert credits(user) == 2500
    else:
        assert abs(before - credits(user) - worth * part / 4) <= 50
    assert f"of {invoice.id} went back" in notices(own_service)
    assert reconcile(own_service).returncode == 0
    standing = (user.subscription, user.credits)
    release(own_service)
    assert (user.subscription, user.credits) == standing


@pytest.mark.parametrize("part", [1, 4])
@pytest.mark.parametrize("bought", [upgrade, renewal])
def test_a_refund_that_fails_later_gives_back_what_it_had_taken(own_service, bought, part):
    user = subscriber(own_service)
    invoice, worth = bought(own_service, user)
    before = credits(user)
    knob(own_service, "/_test/refunds",
         {"invoice": invoice.id, "amount": invoice.amount_paid * part // 4})
    settle(own_service)
    assert credits(user) < before
    [refund] = sdk(own_service).v1.refunds.list().data
    knob(own_service, "/_test/refunds", {"refund": refund.id, "status": "failed"})
    settle(own_service)
    told = notices(own_service)
    assert told.count("refund_failed") == 1 and refund.id in told
    # A plan that has ended at Stripe does not come back.
    has_ended = bought is renewal and part == 4
    assert credits(user) == (2500 if has_ended else before)
    plan = "Pro" if bought is upgrade else "Plus"
    assert user.subscription["plan"]["name"] == ("Free" if has_ended else plan)
    assert reconcile(own_service).returncode == 0


def test_a_refund_that_is_on_its_way_takes_nothing_until_it_arrives(own_service):
    user = subscriber(own_service)
    invoice, worth = upgrade(own_service, user)
    before = credits(user)
    knob(own_service, "/_test/refunds", {"invoice": invoice.id, "status": "pending"})
    settle(own_service)
    assert credits(user) == before
    [refund] = sdk(own_service).v1.refunds.list().data
    knob(own_service, "/_test/refunds", {"refund": refund.id, "status": "succeeded"})
    settle(own_service)
    assert credits(user) == before - worth


def test_a_refund_and_a_dispute_of_one_payment_take_back_once(own_service):
    user = subscriber(own_service)
    invoice, worth = upgrade(own_service, user)
    before = credits(user)
    refunded_in_part(own_service, invoice)
    settle(own_service)
    lost(own_service, invoice)
    settle(own_service)
    assert credits(user) == before - worth
    assert reconcile(own_service).returncode == 0


def test_a_refund_in_parts_that_sums_up_to_all_ends_the_plan(own_service):
    user = subscriber(own_service)
    invoice = invoices(own_service)[0]
    for _ in range(4):
        assert user.subscription["plan"]["name"] == "Plus"
        refunded_in_part(own_service, invoice)
        settle(own_service)
    assert user.subscription["plan"]["name"] == "Free" and credits(user) == 2500


@pytest.mark.parametrize("heard", ["before the turn", "after the turn"])
def test_what_was_used_of_a_returned_upgrade_reduces_the_next_plan_grant(own_service, heard):
    user = subscriber(own_service)
    # In the last day of its month an upgrade buys few credits, which can be used up. It costs just
    # what can still be charged.
    end = live(own_service)[0]["items"].data[0].current_period_end
    own_service.advance(end - own_service.now - DAY)
    invoice, worth = upgrade(own_service, user)
    own_service.rows(
        "UPDATE credit_grants SET credits = 10000000 WHERE kind = 'plan' AND cause LIKE 'in_%'")
    own_service.rows(
        "UPDATE career_subscription_contexts SET credits_allocated = 10000000 + ?", worth * 10000)
    spend(user, 12)
    if heard == "after the turn":
        hold(own_service)
    refunded(own_service, invoice)
    settle(own_service)
    if heard == "before the turn":
        assert credits(user) == 1200
    own_service.advance(DAY * 7 // 4)
    if heard == "after the turn":
        release(own_service)
    assert credits(user) == 200000 - 200
    assert own_service.rows("SELECT credits_owed FROM career_subscription_contexts") == [(0,)]
    assert user.subscription["plan"]["name"] == "Pro"
    assert reconcile(own_service).returncode == 0


def test_an_earlier_periods_money_takes_nothing_and_is_told(own_service):
    user = subscriber(own_service)
    invoice = invoices(own_service)[0]
    own_service.advance_past_period(user)
    refunded(own_service, invoice)
    settle(own_service)
    assert credits(user) == 50000 and user.subscription["plan"]["name"] == "Plus"
    told = notices(own_service)
    assert "an earlier period" in told and "goes on and renews" in told
    assert reconcile(own_service).returncode == 0


# Plan moves


@pytest.mark.parametrize("way", ["portal", "always_invoice", "create_prorations"])
def test_a_lower_plan_by_which_money_goes_back_takes_the_share_back(own_service, way):
    user = subscriber(own_service)
    before = credits(user)
    upgrade(own_service, user)
    if way == "portal":
        page = user.post("/career/subscriptions/portal").json["url"]
        price = sdk(own_service).v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
        switch(page, live(own_service)[0].id, price.id)
    else:
        change_price(own_service, "career_plus_monthly", way)
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"
    # Both were made in the same moment or a few seconds apart; what is given is rounded down.
    assert before - 2 <= credits(user) <= before + 1
    own_service.advance_past_period(user)
    assert credits(user) == 50000
    assert reconcile(own_service).returncode == 0


def test_a_lower_plan_by_which_nothing_goes_back_keeps_the_periods_credits(own_service):
    user = subscriber(own_service, PRO)
    change_price(own_service, "career_plus_monthly", "none")
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus" and credits(user) == 200000
    own_service.advance_past_period(user)
    assert credits(user) == 50000


def test_up_and_down_every_month_buys_no_more_than_was_paid(own_service):
    user = subscriber(own_service)
    for _ in range(3):
        upgrade(own_service, user)
        change_price(own_service, "career_plus_monthly", "create_prorations")
        settle(own_service)
        assert 49990 <= credits(user) <= 50001
        own_service.advance_past_period(user)
        assert 49990 <= credits(user) <= 50000
    assert reconcile(own_service).returncode == 0
