"""A workspace's lower plan at the end of what is paid, and what becomes of it by every other change,
on the local Stripe over real HTTP."""

import uuid

import pytest

from conftest import DAY, together
from test_payments import URLS, knob, press, sdk, settle
from test_workspace_billing import (
    BASIC, FREE, PROFESSIONAL, Personal, at, bought, checkout, live, notices, reconciled, subscription,
    unpaid_team)
from test_workspace_seats import ask, counts, enable, invoices, next_charge, paid_team, seats


def lower(team, plan=BASIC, seats=None, by=None, **more):
    body = {"new_plan_id": plan, **({} if seats is None else {"new_seat_count": seats}), **more}
    return ask(team, "/downgrade", by, **body)


def follows(team):
    """The plan that follows, and how many seats it begins with."""
    told = subscription(team)
    pending = told["pending_seat_count"]
    return told["scheduled_plan_id"], told["seat_count"] if pending is None else pending


def told(service, email, words):
    """How many mails to the address say so in subject or text, whatever the lines."""
    return sum(words in " ".join([mail["subject"], *mail["text"].split()]) for mail in service.mail(email))


def phase(service, team):
    """What Stripe begins the next period with: prices and how often."""
    schedule = sdk(service).v1.subscription_schedules.retrieve(live(service, team).schedule)
    return sorted(item.quantity for item in schedule.phases[-1]["items"])


def test_a_lower_plan_follows_with_the_seats_that_are_bought_meanwhile(own_service):
    service = own_service
    team = paid_team(service, 4, PROFESSIONAL)
    admin = team.member("admin")
    end = subscription(team)["current_period_end"]
    shown = ask(team, "/preview-upgrade", admin, new_plan_id=BASIC, new_seat_count=3)
    assert shown.status == 200, shown
    assert (shown.json["total_due"], shown.json["effective_at"]) == ("0.00", end)
    assert (shown.json["new_plan"]["name"], shown.json["new_seat_count"]) == ("Basic", 3)
    assert follows(team) == (None, 4)
    answer = lower(team, seats=3, by=admin)
    assert answer.status == 200, answer
    assert (answer.json["scheduled_plan_id"], answer.json["scheduled_at"]) == (BASIC, end)
    assert (answer.json["plan"]["name"], answer.json["seat_count"], answer.json["pending_seat_count"]) == (
        "Professional", 4, 3)
    assert not answer.json["cancel_at_period_end"]
    # Fewer seats count at once; nothing is charged.
    assert counts(team) == (4, 3, 1) and invoices(service, team) == []
    # Asked for again, it is the same one; without a number the fewer stay.
    schedule = live(service, team).schedule
    assert lower(team).json["pending_seat_count"] == 3
    settle(service)
    assert live(service, team).schedule == schedule and phase(service, team) == [1, 3]
    assert reconciled(service).returncode == 0
    [line] = [line for line in team.get("/audit-log?limit=100").json["items"]
              if line["action"] == "plan_asked"]
    assert (line["actor"], line["before"]["plan_id"]) == (admin.id, PROFESSIONAL)
    assert line["after"] == {"plan_id": BASIC, "seat_count": 3}
    # It is mailed once, at what it costs with its seats, and says which team it is of.
    assert told(service, team.owner.email, f"Your plan changes to Basic on {end[:10]} (Acme)") == 1
    assert told(service, team.owner.email, "to Basic: $25.00 / month") == 1
    assert told(service, team.owner.email, "This is about the workspace Acme.") >= 1
    assert told(service, team.owner.email, "From the next period on it has 3.") == 1
    # More seats are bought now, and the plan begins with these.
    assert seats(team, 5).json["scheduled_plan_id"] == BASIC
    settle(service)
    assert (follows(team), counts(team)[0], phase(service, team)) == ((BASIC, 5), 5, [1, 5])
    assert invoices(service, team) == [500]
    for answer in (seats(team, 6), ask(team, "/preview-seats", seat_count=6)):
        assert (answer.status, answer.code) == (409, "seats_outside_plan")
    # Fewer of them begin with the plan, and the present number takes only them back.
    assert seats(team, 4).json["pending_seat_count"] == 4
    assert seats(team, 5).json["pending_seat_count"] is None
    settle(service)
    assert (follows(team), phase(service, team)) == ((BASIC, 5), [1, 5])
    assert team.get().json["credits"]["allocated"] == "25000.00"
    service.advance(33 * DAY)
    later = subscription(team)
    assert (later["plan"]["name"], later["status"], counts(team)) == ("Basic", "active", (5, None, 3))
    assert later["scheduled_plan_id"] is None
    assert team.get().json["credits"]["allocated"] == "5000.00"
    [latest] = sdk(service).v1.invoices.list({"customer": live(service, team).customer, "limit": 1}).data
    assert (latest.amount_paid, sorted(line.amount for line in latest.lines.data)) == (2900, [1000, 1900])
    assert told(service, team.owner.email, "Your plan is Basic now (Acme)") == 1
    assert told(service, team.owner.email, "has changed to Basic: $29.00 / month") == 1
    # While the schedule hangs on, every other change is free.
    assert seats(team, 4).json["pending_seat_count"] == 4
    assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).json["plan"]["name"] == "Professional"
    assert live(service, team).schedule is None and counts(team) == (5, None, 3)
    assert reconciled(service).returncode == 0
    assert notices(service) == []


def test_in_a_trial_it_begins_at_the_trials_end_and_who_owes_is_not_moved(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team, PROFESSIONAL, 2)
    trial_end = subscription(team)["trial_end"]
    assert lower(team).json["scheduled_at"] == trial_end
    # Seats are free in a trial, and follow.
    assert seats(team, 3).json["scheduled_plan_id"] == BASIC
    settle(service)
    assert (follows(team), phase(service, team)) == ((BASIC, 3), [1, 3])
    service.advance(8 * DAY)
    later = subscription(team)
    assert (later["plan"]["name"], later["status"], later["seat_count"]) == ("Basic", "active", 3)
    paid = sdk(service).v1.invoices.list({"customer": live(service, team).customer}).data
    assert sorted(invoice.amount_paid for invoice in paid)[-1] == 2500
    assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).status == 200
    knob(service, f"/_test/customers/{live(service, team).customer}", {"card": "decline"})
    service.advance(32 * DAY)
    assert subscription(team)["status"] == "past_due"
    for answer in (lower(team), ask(team, "/preview-upgrade", new_plan_id=BASIC)):
        assert (answer.status, answer.code) == (402, "payment_past_due")
    # Less is no debt.
    assert seats(team, 2).json["pending_seat_count"] == 2


def test_what_makes_no_sense_is_refused_and_changes_nothing(service):
    team = paid_team(service, 6, PROFESSIONAL)
    team.member()
    for body, status, code in (
            ({"plan": PROFESSIONAL}, 409, "same_plan"), ({"plan": FREE}, 404, "plan_not_found"),
            ({"plan": str(uuid.uuid4())}, 404, "plan_not_found"),
            # Basic is had with five at most: which of the six go, nobody else can say.
            ({}, 409, "seats_outside_plan"), ({"seats": 6}, 409, "seats_outside_plan"),
            ({"seats": 1}, 409, "seats_in_use"), ({"seats": 0}, 422, "validation_error"),
            ({"seats": 10**9}, 422, "validation_error"), ({"plan": "basic"}, 422, "validation_error")):
        answer = lower(team, **body)
        assert (answer.status, answer.code) == (status, code), (body, answer)
        if status != 422 and body.get("plan") != PROFESSIONAL:
            shown = ask(team, "/preview-upgrade", new_plan_id=body.get("plan", BASIC),
                        **({"new_seat_count": body["seats"]} if "seats" in body else {}))
            assert (shown.status, shown.code) == (status, code), (body, shown)
    basic = paid_team(service, 2)
    assert lower(basic, PROFESSIONAL).code == "upgrade_not_downgrade"
    assert ask(basic, "/upgrade", new_plan_id=FREE).code == "plan_not_found"
    professional = paid_team(service, 2, PROFESSIONAL)
    assert lower(professional, seats=3).code == "more_seats_now"
    assert lower(unpaid_team(service)).code == "no_subscription"
    # What is about to end has no next period; who owes is not moved.
    assert professional.owner.post(at(professional, "/cancel")).status == 200
    assert lower(professional).code == "cancellation_pending"
    settle(service)
    for one, count in ((team, 6), (basic, 2), (professional, 2)):
        assert (follows(one), counts(one)[:2]) == ((None, count), (count, None))
        assert live(service, one).schedule is None and invoices(service, one) == []
    sdk(service).v1.subscriptions.cancel(live(service, team).id)
    settle(service)
    assert (lower(team).status, lower(team).code) == (402, "workspace_frozen")


def test_the_free_plan_of_a_personal_workspace_is_a_cancellation(own_service):
    service = own_service
    owner = service.sign_up()
    team = Personal(service, owner)
    bought(service, team, BASIC, 1)
    shown = ask(team, "/preview-upgrade", new_plan_id=FREE)
    assert (shown.json["total_due"], shown.json["new_plan"]["name"]) == ("0.00", "Free")
    answer = lower(team, FREE)
    assert (answer.status, answer.json["cancel_at_period_end"]) == (200, True), answer
    assert answer.json["scheduled_plan_id"] is None
    assert lower(team, FREE).code == "cancellation_pending"
    assert owner.post(at(team, "/resume")).json["cancel_at_period_end"] is False
    assert lower(team, FREE, seats=2).code == "seats_outside_plan"
    assert lower(team, FREE).status == 200
    service.advance(9 * DAY)
    assert subscription(team)["plan"]["name"] == "Free"


@pytest.mark.parametrize("how", ["resume", "upgrade", "cancel", "another", "declined", "authenticate"])
def test_every_other_move_takes_it_back_or_leaves_it(service, how):
    """Seven seats would be too many for the lower plan, so four are, and three of them follow."""
    team = paid_team(service, 4, PROFESSIONAL if how != "upgrade" else BASIC)
    if how == "upgrade":
        # On the highest plan nothing is an upgrade: fewer seats alone are taken back by one.
        assert seats(team, 3).status == 200
        assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).status == 200
        expected = None, 4
    else:
        assert lower(team, seats=3).status == 200
        expected = {"resume": (None, 4), "cancel": (None, 4), "another": (BASIC, 2),
                    "declined": (BASIC, 3), "authenticate": (BASIC, 5)}[how]
    if how in ("resume", "cancel"):
        assert team.owner.post(at(team, f"/{how}")).status == 200
    if how == "another":
        assert lower(team, seats=2).status == 200
    if how == "declined":
        next_charge(service, team, "decline")
        assert seats(team, 5).code == "card_declined"
    if how == "authenticate":
        next_charge(service, team, "authenticate")
        answer = seats(team, 5)
        assert answer.code == "payment_needs_action"
        settle(service)
        # Until it is paid, what was to follow does.
        assert follows(team) == (BASIC, 3)
        assert press(answer.json["url"], "authenticate")[0] == 303
        settle(service)
        # Another process, or the events, have seen to it: no seat that is paid is lost at the turn.
        assert phase(service, team) == [1, 5]
    settle(service)
    assert follows(team) == expected
    assert subscription(team)["cancel_at_period_end"] == (how == "cancel")
    assert (live(service, team).schedule is None) == (expected[0] is None)
    subject = "Your plan changes to Basic"
    assert told(service, team.owner.email, subject) == (how != "upgrade")


def test_a_lower_plan_that_stripe_refuses_or_does_not_answer_leaves_what_is_true(service):
    team = paid_team(service, 4, PROFESSIONAL)
    knob(service, "/_test/faults", {"kind": "status", "status": 400, "method": "POST",
                                    "path_prefix": "/v1/subscription_schedules", "times": 1})
    assert lower(team, seats=3).status == 502
    settle(service)
    # Nothing was to follow, so nobody is kept out.
    assert (follows(team), counts(team)) == ((None, 4), (4, None, 3))
    assert lower(team).status == 200
    path = f"/v1/subscription_schedules/{live(service, team).schedule}"
    knob(service, "/_test/webhooks", {"mode": "hold"})
    knob(service, "/_test/faults", {"kind": "drop_after", "method": "POST", "path_prefix": path, "times": 10})
    assert lower(team, seats=3).status == 503
    # Fewer follow at Stripe, and nobody is enabled who would be disabled then.
    assert counts(team) == (4, 3, 2)
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)
    assert (follows(team), counts(team)) == ((BASIC, 3), (4, 3, 2))


def test_of_a_lower_plan_with_fewer_seats_and_one_who_takes_the_last_one_comes_first(service):
    for _ in range(2):
        team = paid_team(service, 3, PROFESSIONAL)
        team.member()
        user = team.member(status="disabled")
        answers = together(2, lambda n: enable(team, user) if n else lower(team, seats=2))
        codes = [answer.status == 200 or answer.code for answer in answers]
        assert codes in ([True, "no_seat_left"], ["seats_in_use", True]), answers
        settle(service)
        seen = team.get().json
        assert seen["enabled_member_count"] <= (seen["pending_seat_count"] or seen["seat_count"])
        assert follows(team)[0] == (BASIC if codes[0] is True else None)


def test_three_processes_change_plans_and_seats_as_one(own_service):
    service = own_service
    # They leave what events ask for to the first, whose clock the test waits for.
    others = [service.beside(STRIPE_API_BASE=service.sandbox).start("--no-worker") for _ in range(2)]
    processes = [service, *others]

    def at_once(user, *calls):
        """Each of the calls by another process."""
        answers = together(len(calls), lambda n: processes[n % 3].call(*calls[n], headers=user.auth))
        assert {answer.status for answer in answers} <= {200, 409}, answers
        return [answer.status == 200 or answer.code for answer in answers]

    def move(team, verb, **body):
        return "POST", at(team, verb), body

    try:
        # Of three teams of one owner one has the trial, however their pages race.
        owner = service.sign_up()
        teams = [unpaid_team(service, owner) for _ in range(3)]
        pages = together(3, lambda n: processes[n].call(
            "POST", at(teams[n], "/checkout"), {"plan_id": PROFESSIONAL, "seat_count": 3, **URLS},
            headers=owner.auth))
        assert {page.code for page in pages if page.status != 200} <= {"checkout_superseded"}
        for team, page in zip(teams, pages):
            if page.status != 200 or press(page.json["checkout_url"], "pay")[0] != 303:
                assert press(checkout(team, PROFESSIONAL).json["checkout_url"], "pay")[0] == 303
        settle(service)
        assert sorted(subscription(team)["status"] for team in teams) == ["active", "active", "trialing"]
        # Seats that are lowered race with two who take the last ones.
        first, second, third = teams
        users = [first.member(status="disabled") for _ in range(3)]
        lowered, *taken = at_once(
            owner, ("PATCH", at(first, "/seats"), {"seat_count": 2}),
            *(("PATCH", f"{first.path}/members/{user.id}", {"status": "enabled"}) for user in users[:2]))
        assert {lowered, *taken} <= {True, "seats_in_use", "no_seat_left"}
        settle(service)
        enabled = 1 + taken.count(True)
        assert counts(first)[:2] == (3, 2 if lowered is True else None)
        assert enabled <= (2 if lowered is True else 3) and enabled > 1
        # Of several lower plans at once each is whole or refused: what is told is what follows.
        for _ in range(2):
            asked = at_once(owner, *(move(second, "/downgrade", new_plan_id=BASIC, new_seat_count=n)
                                     for n in (1, 2, 3)))
            assert True in asked and {*asked} <= {True, "change_under_way"}
            settle(service)
            plan, count = follows(second)
            assert plan == BASIC and asked[count - 1] is True
            assert phase(service, second) == sorted([1, count])
        # A lower plan and more seats: both, in either order, or one.
        five = "PATCH", at(third, "/seats"), {"seat_count": 5}
        lower_plan, more, again = at_once(
            owner, move(third, "/downgrade", new_plan_id=BASIC), five, five)
        assert {lower_plan, more, again} <= {True, "change_under_way"}
        settle(service)
        count = 5 if True in (more, again) else 3
        assert follows(third) == (BASIC if lower_plan is True else None, count)
        assert invoices(service, third).count(1000) <= 1
        # A higher plan and the Free one: the subscription ends, or goes on, with what was paid for.
        own = Personal(service, owner)
        assert press(checkout(own, BASIC, 1).json["checkout_url"], "pay")[0] == 303
        settle(service)
        higher, free, again = at_once(
            owner, move(own, "/upgrade", new_plan_id=PROFESSIONAL),
            move(own, "/downgrade", new_plan_id=FREE), move(own, "/upgrade", new_plan_id=PROFESSIONAL))
        assert {higher, free, again} <= {True, "change_under_way", "cancellation_pending", "same_plan"}
        settle(service)
        told_now = subscription(own)
        assert (told_now["plan"]["name"] == "Professional") == (True in (higher, again))
        assert told_now["cancel_at_period_end"] == (free is True)
        assert len(invoices(service, own)) == (True in (higher, again))
        assert reconciled(service).returncode == 0
    finally:
        for other in others:
            other.stop()


def test_a_suspended_team_may_have_a_lower_plan(service):
    team = paid_team(service, 2, PROFESSIONAL)
    team.suspend()
    assert lower(team).json["scheduled_plan_id"] == BASIC
    service.command("workspaces", "unsuspend", team.id)
