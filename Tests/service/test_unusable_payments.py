"""Nobody pays for what they can neither use nor cancel: whoever locks a user out says what becomes of
what they pay for, and what goes on all the same is told."""

import pytest

from conftest import DAY, PROVIDER
from test_payments import buy, checkout, knob, press, sdk, settle
from test_payments_events import notices
from test_stripe_states import World, at_a_price_of_no_plan


def deactivate(service, user, *how):
    return service.command(
        "users", "deactivate", user.id, *how, STRIPE_API_BASE=service.sandbox)


def payer(service, how="trialing"):
    user = service.new_user()
    buy(service, user)
    if how == "active":
        service.advance(8 * DAY)
    if how == "past_due":
        service.advance(8 * DAY)
        customer = sdk(service).v1.customers.list().data[0].id
        knob(service, f"/_test/customers/{customer}", {"card": "decline"})
        service.advance_past_period(user)
    if how == "ending":
        assert user.post("/career/subscriptions/cancel").status == 200
    return user


def live(service):
    return [item for item in sdk(service).v1.subscriptions.list({"status": "all"}).data
            if item.status != "canceled"]


@pytest.mark.parametrize("state", ["trialing", "active", "past_due", "ending"])
def test_who_pays_is_locked_out_only_once_it_is_said_what_becomes_of_it(own_service, state):
    user = payer(own_service, state)
    refused = deactivate(own_service, user)
    assert refused.returncode == 1
    assert "--cancel" in refused.stderr and "--keep-billing" in refused.stderr
    assert user.get("/auth/me").status == 200 and len(live(own_service)) == 1
    assert deactivate(own_service, user, "--cancel", "now", "--keep-billing").returncode == 64
    assert deactivate(own_service, user, "--cancel", "tomorrow").returncode == 64
    assert user.get("/auth/me").status == 200


@pytest.mark.parametrize("state", ["trialing", "active", "past_due", "ending"])
def test_a_subscription_is_canceled_with_the_lock(own_service, state):
    user = payer(own_service, state)
    done = deactivate(own_service, user, "--cancel", "now")
    assert done.returncode == 0 and "canceled sub_" in done.stdout and "deactivated" in done.stdout
    assert live(own_service) == []
    assert user.get("/auth/me").code == "account_deactivated"
    assert own_service.rows("SELECT stripe_subscription_id FROM subscriptions") == [(None,)]
    again = deactivate(own_service, user)
    assert again.returncode == 0, again


def test_a_subscription_ends_with_its_period_after_the_lock(own_service):
    user = payer(own_service, "active")
    done = deactivate(own_service, user, "--cancel", "period-end")
    assert done.returncode == 0 and "ends with its period" in done.stdout
    [subscription] = live(own_service)
    assert subscription.cancel_at_period_end is True
    own_service.advance(40 * DAY)
    assert live(own_service) == []
    assert "deactivated_payer" not in notices(own_service)


def test_what_goes_on_after_the_lock_is_told_with_each_payment(own_service):
    user = payer(own_service, "active")
    assert deactivate(own_service, user, "--keep-billing").returncode == 0
    assert user.get("/auth/me").code == "account_deactivated"
    assert len(live(own_service)) == 1
    own_service.advance(31 * DAY)
    own_service.advance(31 * DAY)
    assert notices(own_service).count("deactivated_payer") == 2
    done = deactivate(own_service, user, "--cancel", "now")
    assert done.returncode == 0 and live(own_service) == []


def test_who_is_locked_out_can_no_longer_pay_on_a_page_that_is_open(own_service):
    user = own_service.new_user()
    page = checkout(user).json
    done = deactivate(own_service, user)
    assert done.returncode == 0 and page["session_id"] in done.stdout
    assert press(page["checkout_url"], "pay")[0] == 410
    assert live(own_service) == []


def test_who_paid_a_moment_before_the_lock_is_a_payer_too(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    refused = deactivate(own_service, user)
    assert refused.returncode == 1 and "--keep-billing" in refused.stderr
    done = deactivate(own_service, user, "--cancel", "now")
    assert done.returncode == 0 and live(own_service) == []
    knob(own_service, "/_test/webhooks", {"mode": "release"})
    settle(own_service)
    assert user.get("/auth/me").code == "account_deactivated"
    assert "deactivated_payer" not in notices(own_service)


def test_with_stripe_away_nobody_who_pays_is_half_locked_out(own_service):
    user = payer(own_service)
    knob(own_service, "/_test/faults", {
        "path_prefix": "/v1/", "kind": "status", "status": 500, "times": 50,
        "should_retry": False})
    refused = deactivate(own_service, user, "--cancel", "now")
    assert refused.returncode == 1, refused
    assert user.get("/auth/me").status == 200
    # What needs no Stripe needs no Stripe.
    assert deactivate(own_service, user, "--keep-billing").returncode == 0


@pytest.mark.parametrize("command", ["--cancel now", "--cancel period-end"])
def test_what_is_over_at_stripe_already_is_no_hindrance(own_service, command):
    user = payer(own_service)
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    sdk(own_service).v1.subscriptions.cancel(live(own_service)[0].id)
    done = deactivate(own_service, user, *command.split())
    assert done.returncode == 0 and "over already" in done.stdout, done


def test_who_pays_at_a_price_of_no_plan_keeps_their_plan_and_can_cancel(own_service):
    world = World(own_service)
    try:
        user = world.subscriber()
        world.put(user, at_a_price_of_no_plan, True, True)
        assert world.reconcile("--repair").returncode == 0
        assert user.subscription["plan"]["name"] == "Plus" and user.validate().status == 200
        assert user.post("/career/subscriptions/cancel").status == 200
        assert sdk(own_service).v1.subscriptions.retrieve(user.paid).cancel_at_period_end is True
    finally:
        world.close()


def test_who_pays_and_whose_identity_provider_is_gone_is_told_of(own_service):
    user = payer(own_service)
    assert own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox).returncode == 0
    without = {name: "" for name in PROVIDER.settings(own_service.folder)}
    told = own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox, **without)
    assert told.returncode == 1 and f"user {user.id}: " in told.stdout
    assert PROVIDER.issuer in told.stdout, told.stdout
    done = deactivate(own_service, user, "--cancel", "now")
    assert done.returncode == 0
    assert own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox, **without).returncode == 0
