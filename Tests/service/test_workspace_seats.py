"""Seats as the second thing that a workspace pays for, on the local Stripe over real HTTP. The tests
named `fault_` are what an earlier service of this kind got wrong."""

import uuid

import pytest

from conftest import DAY, together
from teams import Team
from test_payments import knob, press, sdk, settle
from test_workspace_billing import (
    BASIC, FREE, PROFESSIONAL, at, bought, item, live, notices, reconciled, subscription, unpaid_team)


def seats(team, count, by=None, process=None):
    return (process or team.service).call(
        "PATCH", at(team, "/seats"), {"seat_count": count}, headers=(by or team.owner).auth)


def ask(team, verb, by=None, **body):
    return (by or team.owner).post(at(team, verb), body)


def counts(team):
    told = team.get().json
    return told["seat_count"], told["pending_seat_count"], told["available_seats"]


def paid_team(service, count=3, plan=BASIC):
    """A team whose trial is over, and whose seats were paid for a moment ago."""
    team = unpaid_team(service)
    bought(service, team, plan, count)
    sdk(service).v1.subscriptions.update(live(service, team).id, {"trial_end": "now"})
    settle(service)
    assert subscription(team)["status"] == "active"
    return team


def invoices(service, team):
    """What was paid for what changed within a period, newest first."""
    found = sdk(service).v1.invoices.list({"customer": live(service, team).customer}).data
    return [invoice.total for invoice in found
            if invoice.billing_reason == "subscription_update" and invoice.status == "paid"
            and any(line.parent.subscription_item_details
                    and line.parent.subscription_item_details.proration for line in invoice.lines.data)]


def next_charge(service, team, outcome):
    knob(service, f"/_test/customers/{live(service, team).customer}", {"next_charge": outcome})


def enable(team, user):
    return team.patch(f"/members/{user.id}", {"status": "enabled"})


def test_more_seats_are_prorated_charged_now_and_usable_when_paid(service):
    team = paid_team(service)
    admin = team.member("admin")
    before = invoices(service, team)
    shown = ask(team, "/preview-seats", admin, seat_count=5)
    assert shown.status == 200, shown
    assert (shown.json["total_due"], shown.json["currency"]) == ("4.00", "usd")
    assert (shown.json["seat_count"], shown.json["new_seat_count"]) == (3, 5)
    assert counts(team) == (3, None, 1) and invoices(service, team) == before
    answer = seats(team, 5, admin)
    assert (answer.status, answer.json["seat_count"], answer.json["pending_seat_count"]) == (200, 5, None)
    assert counts(team) == (5, None, 3)
    assert invoices(service, team) == [400] + before
    # The same once more costs nothing.
    assert seats(team, 5).status == 200 and invoices(service, team) == [400] + before
    for _ in range(3):
        assert enable(team, team.member(status="disabled")).status == 200
    assert enable(team, team.member(status="disabled")).code == "no_seat_left"
    assert any("has 5 seats" in mail["text"] for mail in service.mail(team.owner.email))
    [line] = [line for line in team.get("/audit-log?limit=100").json["items"]
              if line["action"] == "seats_asked"]
    assert (line["actor"], line["before"]["seat_count"], line["after"]["seat_count"]) == (admin.id, 3, 5)


def test_a_declined_card_changes_nothing_and_a_new_attempt_is_charged_once(service):
    team = paid_team(service)
    next_charge(service, team, "decline")
    answer = seats(team, 5)
    assert (answer.status, answer.code) == (402, "card_declined")
    settle(service)
    now = live(service, team)
    assert now.pending_update is None and item(service, team, True).quantity == 3
    assert counts(team) == (3, None, 2) and invoices(service, team) == []
    assert seats(team, 5).json["seat_count"] == 5
    assert invoices(service, team) == [400]


def test_a_bank_that_asks_holds_the_seats_back_until_it_is_paid(service):
    team = paid_team(service)
    next_charge(service, team, "authenticate")
    answer = seats(team, 5)
    assert (answer.status, answer.code) == (402, "payment_needs_action")
    # The same again is not charged twice.
    again = seats(team, 5)
    assert (again.code, again.json["url"]) == ("payment_needs_action", answer.json["url"])
    assert counts(team) == (3, None, 2)
    # The mail speaks of seats, and of no plan that is not paid.
    settle(service)
    [mail] = [mail for mail in service.mail(team.owner.email) if answer.json["url"] in mail["text"]]
    assert mail["subject"] == "Your new seats are not paid yet (Acme)"
    assert "your bank asks you to confirm the payment of more seats on basic" in \
        " ".join(mail["text"].split()).lower()
    assert press(answer.json["url"], "authenticate")[0] == 303
    settle(service)
    assert counts(team) == (5, None, 4) and invoices(service, team) == [400]
    # Another number takes the place of one that waits.
    next_charge(service, team, "authenticate")
    team = paid_team(service)
    next_charge(service, team, "authenticate")
    assert seats(team, 5).code == "payment_needs_action"
    assert seats(team, 4).json["seat_count"] == 4
    assert invoices(service, team) == [200]


def test_seats_that_are_paid_late_take_back_the_fewer_that_were_to_follow(service):
    team = paid_team(service, 4)
    assert seats(team, 3).json["pending_seat_count"] == 3
    next_charge(service, team, "authenticate")
    answer = seats(team, 5)
    assert answer.code == "payment_needs_action"
    settle(service)
    # Until it is paid, what was to follow still does.
    assert counts(team) == (4, 3, 2) and live(service, team).schedule
    assert press(answer.json["url"], "authenticate")[0] == 303
    settle(service)
    assert counts(team) == (5, None, 4) and live(service, team).schedule is None
    assert invoices(service, team) == [200]


def test_any_number_but_a_higher_one_gives_up_what_waits_for_its_payment(service):
    team = paid_team(service)
    for count, pending in ((3, None), (2, 2), (2, 2)):
        next_charge(service, team, "authenticate")
        answer = seats(team, 5)
        assert answer.code == "payment_needs_action"
        assert seats(team, count).json["pending_seat_count"] == pending
        assert live(service, team).pending_update is None
        press(answer.json["url"], "authenticate")
        settle(service)
        assert counts(team) == (3, pending, (pending or 3) - 1) and invoices(service, team) == []


def test_the_present_number_takes_back_what_a_process_that_died_has_left(service):
    team = paid_team(service)
    team.set(pending_seat_count=2)
    assert seats(team, 3).json["pending_seat_count"] is None
    assert counts(team) == (3, None, 2)
    # Seats that are paid for and that nobody has heard of yet are there once they are asked for.
    team.set(seat_count=1)
    assert seats(team, 3).json["seat_count"] == 3
    assert "From the next period on it has 2." not in " ".join(
        " ".join(mail["text"].split()) for mail in service.mail(team.owner.email))


def test_seats_outside_the_plan_are_refused_and_change_nothing(service):
    team = paid_team(service)
    for count, status, code in ((6, 409, "seats_outside_plan"), (0, 422, "validation_error"),
                                (-1, 422, "validation_error"), ("5", 422, "validation_error"),
                                (10**9, 422, "validation_error")):
        for answer in (seats(team, count), ask(team, "/preview-seats", seat_count=count)):
            assert (answer.status, answer.code) == (status, code), answer
    answer = ask(team, "/preview-upgrade", new_seat_count=6)
    assert answer.code == "seats_outside_plan"
    personal = team.owner.post("/api/workspaces/activate").json["id"]
    for path, body in (("/preview-seats", {"seat_count": 2}), ("/upgrade", {"new_plan_id": BASIC})):
        answer = team.owner.post(f"/api/subscriptions/workspaces/{personal}{path}", body)
        assert (answer.status, answer.code) == (402, "no_subscription")
    without = unpaid_team(service)
    assert seats(without, 3).code == "no_subscription"
    assert counts(team) == (3, None, 2) and invoices(service, team) == []


def test_fewer_seats_follow_and_count_at_once_and_the_present_number_takes_them_back(service):
    team = paid_team(service, 5)
    first = team.member()
    assert seats(team, 1).code == "seats_in_use"
    shown = ask(team, "/preview-seats", seat_count=3).json
    assert (shown["total_due"], shown["effective_at"]) == ("0.00", shown["billing_period_end"])
    answer = seats(team, 3)
    assert (answer.status, answer.json["seat_count"], answer.json["pending_seat_count"]) == (200, 5, 3)
    assert counts(team) == (5, 3, 1)
    assert enable(team, team.member(status="disabled")).status == 200
    last = team.member(status="disabled")
    assert enable(team, last).code == "no_seat_left"
    assert seats(team, 2).code == "seats_in_use"
    # Up to what is paid is free, in either direction.
    assert seats(team, 4).json["pending_seat_count"] == 4
    assert enable(team, last).status == 200
    assert seats(team, 3).code == "seats_in_use" and counts(team) == (5, 4, 0)
    assert seats(team, 5).json["pending_seat_count"] is None
    assert counts(team) == (5, None, 1) and live(service, team).schedule is None
    assert invoices(service, team) == []
    mails = [mail["text"] for mail in service.mail(team.owner.email) if "seats" in mail["text"]]
    assert any("From the next period on it has 3." in " ".join(text.split()) for text in mails)
    # Each number is told of once.
    for number in (3, 4):
        told = f"From the next period on it has {number}."
        assert sum(told in " ".join(text.split()) for text in mails) == 1
    assert team.members[first.id] == ("member", "enabled")


def test_fewer_seats_begin_with_the_next_period_also_after_a_trial(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team, seats=3)
    # A trial's seats are free.
    assert seats(team, 5).json["seat_count"] == 5
    assert ask(team, "/preview-upgrade", new_plan_id=PROFESSIONAL).json["total_due"] == "0.00"
    assert seats(team, 4).json["pending_seat_count"] == 4
    member = team.member()
    service.advance(5 * DAY)
    assert any("Then Basic begins, and $27.00 / month is charged." in " ".join(mail["text"].split())
               for mail in service.mail(team.owner.email))
    service.advance(3 * DAY)
    assert (subscription(team)["status"], counts(team)) == ("active", (4, None, 2))
    paid = sdk(service).v1.invoices.list({"customer": live(service, team).customer}).data
    assert [invoice.amount_paid for invoice in paid] == [2700, 0]
    assert seats(team, 2).json["pending_seat_count"] == 2
    service.advance(40 * DAY)
    assert counts(team) == (2, None, 0) and item(service, team, True).quantity == 2
    assert team.members[member.id] == ("member", "enabled")
    paid = sdk(service).v1.invoices.list({"customer": live(service, team).customer}).data
    assert paid[0].amount_paid == 2300
    # One that is about to end has no period to begin with, and takes no more.
    assert team.owner.post(at(team, "/cancel")).status == 200
    for count in (1, 3):
        assert seats(team, count).code == ("seats_in_use" if count == 1 else "cancellation_pending")


def test_fault_three_five_three_five_within_a_day_gave_seats_for_free(service):
    team = paid_team(service)
    assert seats(team, 5).json["seat_count"] == 5
    assert seats(team, 3).json["pending_seat_count"] == 3
    assert seats(team, 5).json["pending_seat_count"] is None
    # What is paid for is not paid for again.
    assert invoices(service, team) == [400]
    # An operator lowers them at Stripe at once, and the money is the customer's again.
    client = sdk(service)
    client.v1.subscriptions.update(live(service, team).id, {
        "items": [{"id": item(service, team, True).id, "quantity": 3}],
        "proration_behavior": "always_invoice"})
    settle(service)
    assert counts(team)[0] == 3
    assert seats(team, 5).json["seat_count"] == 5
    assert invoices(service, team) == [400, -400, 400]
    assert item(service, team, True).quantity == 5


def test_of_two_who_add_seats_at_once_each_number_is_charged_once(own_service):
    service = own_service
    team = paid_team(service, 2)
    # Those of one process wait for each other; those of two meet at the claim.
    other = service.beside(STRIPE_API_BASE=service.sandbox).start()
    answers = together(6, lambda n: seats(team, 5 if n % 2 else 4, process=[service, other][n // 3]))
    other.stop()
    assert {answer.status for answer in answers} <= {200, 409}, answers
    settle(service)
    if counts(team)[0] < 5:
        assert seats(team, 5).status == 200
    count, pending, _ = counts(team)
    assert count == item(service, team, True).quantity == 5 and pending in (None, 4)
    assert sum(invoices(service, team)) == 600


@pytest.mark.parametrize("way", ["enable", "accept"])
def test_of_fewer_seats_and_one_who_takes_the_last_one_comes_first(service, way):
    for _ in range(3):
        team = paid_team(service, 3)
        team.member()
        user = service.sign_up()
        if way == "enable":
            team.put(user, "member", "disabled")
            taken = lambda: enable(team, user)
        else:
            assert team.invite(user.email).status == 201
            token = team.token(user.email)
            taken = lambda: user.post("/api/invitations/accept", {"token": token})
        answers = together(2, lambda n: taken() if n else seats(team, 2))
        codes = [answer.status == 200 or answer.code for answer in answers]
        assert codes in ([True, "no_seat_left"], ["seats_in_use", True]), answers
        settle(service)
        told = team.get().json
        assert told["enabled_member_count"] <= (told["pending_seat_count"] or told["seat_count"])


def test_an_upgrade_buys_what_the_same_body_has_shown(own_service):
    service = own_service
    team = paid_team(service)
    service.advance(10 * DAY)
    body = {"new_plan_id": PROFESSIONAL, "new_seat_count": 6}
    shown = ask(team, "/preview-upgrade", **body)
    assert shown.status == 200, shown
    assert (shown.json["new_plan"]["name"], shown.json["new_seat_count"]) == ("Professional", 6)
    # Minutes later the price that was shown holds.
    service.advance(500)
    answer = ask(team, "/upgrade", **body)
    assert answer.status == 200, answer
    assert (answer.json["plan"]["name"], answer.json["seat_count"]) == ("Professional", 6)
    [total] = invoices(service, team)
    assert f"{total / 100:.2f}" == shown.json["total_due"] == shown.json["proration_amount"]
    assert 3000 < total < 5000
    assert ask(team, "/upgrade", **body).code == "same_plan"
    assert ask(team, "/upgrade", new_plan_id=BASIC).code == "downgrade_not_allowed"
    # A lower plan begins later, by another address, and not with more seats than it is had with.
    assert ask(team, "/preview-upgrade", new_plan_id=BASIC).code == "seats_outside_plan"
    assert ask(team, "/preview-upgrade", new_plan_id=str(uuid.uuid4())).code == "plan_not_found"
    # Without a plan it is a preview of seats; a price that was shown long ago holds no more.
    shown = ask(team, "/preview-upgrade", new_seat_count=8).json
    service.advance(2 * DAY)
    assert seats(team, 8).json["seat_count"] == 8
    assert invoices(service, team)[0] < float(shown["total_due"]) * 100
    assert "plan_asked" in team.acts
    # With the present plan it is a change of seats, as it was shown.
    body = {"new_plan_id": PROFESSIONAL, "new_seat_count": 9}
    shown = ask(team, "/preview-upgrade", **body).json
    assert ask(team, "/upgrade", **body).json["seat_count"] == 9
    assert f"{invoices(service, team)[0] / 100:.2f}" == shown["total_due"] != "0.00"
    body = {"new_plan_id": PROFESSIONAL, "new_seat_count": 7}
    shown = ask(team, "/preview-upgrade", **body).json
    assert (shown["total_due"], shown["effective_at"]) == ("0.00", shown["billing_period_end"])
    assert ask(team, "/upgrade", **body).json["pending_seat_count"] == 7
    # What is about to end has no next period: the preview says what the change will.
    assert team.owner.post(at(team, "/cancel")).status == 200
    for answer in (ask(team, "/preview-seats", seat_count=8), ask(team, "/preview-upgrade", **{
            **body, "new_seat_count": 8}), seats(team, 8)):
        assert answer.code == "cancellation_pending", answer


def test_an_upgrade_takes_the_seats_along_and_never_loses_some(service):
    team = paid_team(service)
    team.member()
    for count, code in ((2, "fewer_seats_later"), (1, "seats_in_use")):
        for verb in ("/upgrade", "/preview-upgrade"):
            assert ask(team, verb, new_plan_id=PROFESSIONAL, new_seat_count=count).code == code
    assert seats(team, 2).json["pending_seat_count"] == 2
    next_charge(service, team, "decline")
    assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).code == "card_declined"
    settle(service)
    # What was to follow still does, and nothing else has changed.
    assert (subscription(team)["plan"]["name"], counts(team)) == ("Basic", (3, 2, 0))
    assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).json["seat_count"] == 3
    assert (subscription(team)["plan"]["name"], counts(team)) == ("Professional", (3, None, 1))
    assert len(invoices(service, team)) == 1
    assert ask(team, "/preview-upgrade", new_plan_id=FREE).code == "plan_not_found"


def test_a_suspended_team_adds_no_seats_and_may_have_fewer(service):
    team = paid_team(service)
    team.suspend()
    assert seats(team, 4).code == "workspace_suspended"
    assert ask(team, "/upgrade", new_plan_id=PROFESSIONAL).code == "workspace_suspended"
    assert seats(team, 2).json["pending_seat_count"] == 2
    assert seats(team, 3).json["pending_seat_count"] is None
    assert invoices(service, team) == []
    service.command("workspaces", "unsuspend", team.id)


def test_a_team_whose_subscription_has_ended_is_told_that_it_is_frozen(service):
    team = paid_team(service)
    sdk(service).v1.subscriptions.cancel(live(service, team).id)
    settle(service)
    assert team.get().json["status"] == "frozen"
    upgrade = ask(team, "/upgrade", new_plan_id=PROFESSIONAL)
    for answer in (seats(team, 4), seats(team, 3), seats(team, 2), upgrade):
        assert (answer.status, answer.code) == (402, "workspace_frozen")


def test_one_change_at_a_time_in_all_processes(service):
    team = paid_team(service)
    service.write(
        "INSERT INTO workspace_plan_changes (workspace_id, claim_id, claimed_until) VALUES (?, ?, ?)",
        uuid.UUID(team.id), uuid.uuid4(), service.now * 1_000_000 + 60_000_000)
    for answer in (seats(team, 4), seats(team, 2), ask(team, "/upgrade", new_plan_id=PROFESSIONAL)):
        assert (answer.status, answer.code) == (409, "change_under_way") and answer.headers["retry-after"]
    assert ask(team, "/preview-seats", seat_count=4).json["total_due"] == "2.00"
    # Until it is over, what follows at Stripe is half of a change, and told to nobody.
    team.set(pending_seat_count=2)
    before = len(service.mail(team.owner.email))
    client, id = sdk(service), live(service, team).id
    client.v1.subscriptions.update(id, {"metadata": {"note": "1"}})
    settle(service)
    assert counts(team) == (3, 2, 1) and len(service.mail(team.owner.email)) == before
    # Of a process that died the claim is over after a while.
    service.write("UPDATE workspace_plan_changes SET claimed_until = 1 WHERE workspace_id = ?",
                  uuid.UUID(team.id))
    client.v1.subscriptions.update(id, {"metadata": {"note": "2"}})
    settle(service)
    assert counts(team) == (3, None, 2)
    assert seats(team, 4).json["seat_count"] == 4
    # Nor does one bind anybody that no process can have made.
    service.write("UPDATE workspace_plan_changes SET claim_id = ?, claimed_until = ? WHERE workspace_id = ?",
                  uuid.uuid4(), 2**52, uuid.UUID(team.id))
    assert seats(team, 5).json["seat_count"] == 5
    assert invoices(service, team) == [200, 200]


def test_an_answer_that_is_lost_costs_nothing_twice_and_stripe_away_leaves_all_as_it_was(service):
    team = paid_team(service)
    path = f"/v1/subscriptions/{live(service, team).id}"
    # More often than a call is made again; no event tells of it, either.
    knob(service, "/_test/webhooks", {"mode": "hold"})
    knob(service, "/_test/faults", {"kind": "drop_after", "method": "POST", "path_prefix": path, "times": 10})
    assert seats(team, 5).status == 503
    assert counts(team) == (3, None, 2) and item(service, team, True).quantity == 5
    assert seats(team, 5).json["seat_count"] == 5
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)
    assert counts(team) == (5, None, 4)
    assert invoices(service, team) == [400]
    knob(service, "/_test/faults", {"kind": "status", "status": 400, "method": "POST",
                                    "path_prefix": "/v1/subscription_schedules", "times": 1})
    assert seats(team, 3).status == 502
    # Nothing was to follow, so nobody is kept out.
    assert counts(team) == (5, None, 4)
    assert seats(team, 3).json["pending_seat_count"] == 3


def test_fewer_seats_of_which_no_answer_came_count_as_stripe_has_them(service):
    team = paid_team(service, 5)
    assert seats(team, 4).json["pending_seat_count"] == 4
    path = f"/v1/subscription_schedules/{live(service, team).schedule}"
    knob(service, "/_test/webhooks", {"mode": "hold"})
    knob(service, "/_test/faults", {"kind": "drop_after", "method": "POST", "path_prefix": path, "times": 10})
    assert seats(team, 3).status == 503
    # They follow at Stripe, and nobody is enabled who would be disabled then.
    assert counts(team) == (5, 3, 2)
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)
    assert counts(team) == (5, 3, 2)


def test_money_of_seats_that_went_back_is_told_to_the_operator_as_that(own_service):
    service = own_service
    team = paid_team(service)
    assert seats(team, 5).json["seat_count"] == 5
    client, customer = sdk(service), live(service, team).customer
    [bill] = [invoice for invoice in client.v1.invoices.list({"customer": customer}).data
              if invoice.billing_reason == "subscription_update" and invoice.total == 400]
    [payment] = client.v1.invoice_payments.list({"invoice": bill.id}).data
    client.v1.refunds.create({"payment_intent": payment.payment.payment_intent})
    settle(service)
    [told] = [text for text in notices(service) if bill.id in text and "went back" in text]
    assert "it paid for more seats within a period, which stay" in told
    assert counts(team) == (5, None, 4)
    # What a process that died has left is found and mended.
    team.set(pending_seat_count=3)
    answer = reconciled(service)
    assert answer.returncode == 1 and "from the next period on at Stripe, 3 here" in answer.stdout, answer
    service.command("stripe", "reconcile", "--repair", STRIPE_API_BASE=service.sandbox)
    assert counts(team) == (5, None, 4)
    assert "from the next period on" not in reconciled(service).stdout


def test_the_customer_at_stripe_has_the_address_that_bills_go_to(service):
    team, email = paid_team(service), f"bills-{uuid.uuid4().hex}@example.test"

    def told():
        settle(service)
        return sdk(service).v1.customers.retrieve(live(service, team).customer).email

    assert told() == team.owner.email
    assert team.patch("", {"billing_email": email}).status == 200
    assert told() == team.owner.email
    assert team.post("/billing-email/verify", {"otp_code": service.code(email)}).status == 200
    assert told() == email
    assert seats(team, 4).status == 200
    # The owner is told, too, and nobody else.
    for address in (email, team.owner.email):
        assert "has 4 seats" in service.mail(address)[-1]["text"]
    assert team.call("PATCH", "", {"billing_email": None}).status == 200
    assert told() == team.owner.email
    heir = team.member()
    assert team.post("/transfer-ownership", {"user_id": heir.id}).status == 200
    settle(service)
    assert sdk(service).v1.customers.retrieve(live(service, team).customer).email == heir.email
