"""Nobody pays for what they can neither use nor cancel: whoever locks a user out says what becomes of
what they pay for, and what goes on all the same is told."""

import pytest

from conftest import DAY, PROVIDER
from teams import Team
from test_payments import buy, checkout, knob, press, sdk, settle
from test_payments_events import notices
from test_stripe_states import World, at_a_price_of_no_plan
from test_workspace_billing import Personal, bought, checkout as workspace_checkout, reconciled


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


def test_who_is_locked_out_is_asked_of_what_their_personal_workspace_pays_for_too(own_service):
    service, owner = own_service, own_service.sign_up()
    own = Personal(service, owner)
    bought(service, own, seats=1)
    service.advance(8 * DAY)
    buy(service, owner)
    paid = [item.id for item in live(service)]
    assert len(paid) == 2
    refused = deactivate(service, owner)
    assert refused.returncode == 1 and all(id in refused.stderr for id in paid), refused
    assert owner.get("/auth/me").status == 200 and len(live(service)) == 2
    assert deactivate(service, owner, "--keep-billing").returncode == 0
    service.advance(31 * DAY)
    told = " ".join(notices(service).split())
    assert told.count("deactivated_payer") == 2, told
    assert f"paid by workspace {own.id}, and user {owner.id} is deactivated" in told, told
    assert told.count(f"cuebx users deactivate {owner.id} --cancel") == 2, told
    done = deactivate(service, owner, "--cancel", "now")
    assert done.returncode == 0 and done.stdout.count("canceled sub_") == 2, done
    assert live(service) == []


@pytest.mark.parametrize("payment", [("--cancel", "period-end"), ("--keep-billing",)])
def test_workspaces_end_with_their_owner_as_it_is_said(own_service, payment):
    service, owner = own_service, own_service.sign_up()
    own, team = Personal(service, owner), Team(service, seats=0, owner=owner)
    bought(service, own, seats=1)
    bought(service, team)
    done = deactivate(service, owner, *payment)
    assert done.returncode == 0, done
    is_over = payment[0] == "--cancel"
    ends = {item.metadata.to_dict()["workspace_id"]: item.cancel_at_period_end for item in live(service)}
    assert ends == {own.id: is_over, team.id: is_over}
    service.advance(40 * DAY)
    told = " ".join(notices(service).split())
    for id in (own.id, team.id):
        assert (f"paid by workspace {id}, and user {owner.id} is deactivated" in told) != is_over, told
    assert (f"cuebx workspaces transfer {team.id}, or cancel it with" in told) != is_over, told
    assert f"cuebx workspaces transfer {own.id}" not in told


def test_who_owns_a_team_that_pays_is_locked_out_only_once_it_is_said_what_becomes_of_it(own_service):
    """Nobody but the owner can cancel, however many members use it."""
    service = own_service
    team = Team(service, seats=0)
    bought(service, team)
    admin, owner = team.member("admin"), team.owner
    [paid] = [item.id for item in live(service)]
    # Who owns nothing that pays is locked out without a question.
    assert deactivate(service, team.member()).returncode == 0
    refused = deactivate(service, owner)
    assert refused.returncode == 1 and f"{paid} of the team {team.made['slug']}" in refused.stderr, refused
    assert "workspaces transfer" in refused.stderr and "--cancel" in refused.stderr, refused
    assert owner.get("/auth/me").status == 200 and live(service)[0].id == paid
    assert deactivate(service, owner, "--keep-billing").returncode == 0
    found = reconciled(service)
    assert found.returncode == 1 and f"workspace {team.id}: {paid} goes on being paid" in found.stdout, found
    assert f"user {owner.id} is deactivated" in found.stdout, found
    # Somebody can cancel it again.
    assert service.command("workspaces", "transfer", team.id, admin.email).returncode == 0
    assert reconciled(service).returncode == 0
    refused = deactivate(service, admin)
    assert refused.returncode == 1 and paid in refused.stderr, refused
    done = deactivate(service, admin, "--cancel", "now")
    assert done.returncode == 0 and f"canceled {paid}" in done.stdout, done
    assert live(service) == [] and reconciled(service).returncode == 0


def test_a_team_whose_owners_identity_provider_is_gone_is_told_of(own_service):
    service, user = own_service, own_service.new_user()
    team = Team(service, seats=0, owner=user)
    bought(service, team)
    without = {name: "" for name in PROVIDER.settings(service.folder)}
    told = service.command("stripe", "reconcile", STRIPE_API_BASE=service.sandbox, **without)
    assert told.returncode == 1 and f"workspace {team.id}: " in told.stdout, told
    assert PROVIDER.issuer in told.stdout and f"workspaces transfer {team.id}" in told.stdout, told


def test_nobody_pays_on_the_page_of_a_team_whose_owner_is_locked_out(own_service):
    service = own_service
    team = Team(service, seats=0)
    page = workspace_checkout(team).json
    done = deactivate(service, team.owner)
    assert done.returncode == 0 and page["session_id"] in done.stdout, done
    assert press(page["checkout_url"], "pay")[0] == 410
    assert live(service) == []


def test_who_suspends_a_workspace_is_told_what_it_goes_on_paying_for(own_service):
    service = own_service
    team, other = Team(service, seats=0), Team(service, seats=0, name="Other")
    bought(service, team)
    [paid] = [item.id for item in live(service)]

    def suspend(space):
        done = service.command("workspaces", "suspend", space.id, "--reason", "a test")
        assert done.returncode == 0, done
        return done.stdout

    assert "goes on paying" not in suspend(other)
    told = suspend(team)
    assert f"goes on paying for {paid}: its owner can cancel" in told, told
    assert deactivate(service, team.owner, "--keep-billing").returncode == 0
    told = suspend(team)
    assert f"users deactivate {team.owner.id} --cancel now" in told, told
    assert deactivate(service, team.owner, "--cancel", "period-end").returncode == 0
    assert "goes on paying" not in suspend(team)


def test_who_is_locked_out_can_no_longer_pay_on_their_workspaces_page(own_service):
    service, owner = own_service, own_service.sign_up()
    page = workspace_checkout(Personal(service, owner), seats=1).json
    done = deactivate(service, owner)
    assert done.returncode == 0 and page["session_id"] in done.stdout, done
    assert press(page["checkout_url"], "pay")[0] == 410
    assert live(service) == []


def test_a_personal_workspace_whose_users_identity_provider_is_gone_is_told_of(own_service):
    user = own_service.new_user()
    own = Personal(own_service, user)
    bought(own_service, own, seats=1)
    without = {name: "" for name in PROVIDER.settings(own_service.folder)}
    told = own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox, **without)
    assert told.returncode == 1 and f"workspace {own.id}: " in told.stdout, told
    assert f"users deactivate {user.id} --cancel now" in told.stdout, told
