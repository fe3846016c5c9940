"""How workspaces pay: checkout with seats, freezes, the end, on the local Stripe over real HTTP. The
tests named `fault_` are what an earlier service of this kind got wrong."""

import itertools
import json
import threading
import time
import uuid

import pytest

from browser import Browser
from conftest import DAY, PLUS, together
from teams import Team
from test_calls_by_key import tell, HASH, MATCH
from test_payments import EVENT, URLS, knob, post_event, press, sdk, settle

FREE, BASIC, PROFESSIONAL = (f"0198c0de-0000-7000-8000-00000000020{n}" for n in (1, 2, 3))


def at(team, verb=""):
    return f"/api/subscriptions/workspaces/{team.id}{verb}"


def checkout(team, plan=BASIC, seats=3, by=None, **more):
    return (by or team.owner).post(
        at(team, "/checkout"), {"plan_id": plan, "seat_count": seats, **URLS, **more})


def bought(service, team, plan=BASIC, seats=3, by=None):
    answer = checkout(team, plan, seats, by)
    assert answer.status == 200, answer
    assert press(answer.json["checkout_url"], "pay")[0] == 303
    settle(service)
    return subscription(team)


def subscription(team):
    answer = team.owner.get(at(team))
    assert answer.status == 200, answer
    return answer.json


def unpaid_team(service, owner=None):
    return Team(service, seats=0, owner=owner)


def live(service, team):
    """What the workspace subscribes to at Stripe."""
    [id] = [row[0] for row in service.rows(
        "SELECT stripe_subscription_id FROM api_subscriptions WHERE workspace_id = ?", uuid.UUID(team.id))]
    return sdk(service).v1.subscriptions.retrieve(id)


def item(service, team, is_seat):
    [found] = [item for item in live(service, team)["items"]["data"]
               if (item.price.metadata.to_dict().get("cuebx_item") == "seat") == is_seat]
    return found


def calls(service, team):
    """What becomes of a call with a key of the team's, made while it could be."""
    body = {"request_id": str(uuid.uuid4()), "client_id": team.made["client_id"],
            "api_key": team.secret, "feature_key": MATCH, "endpoint": "/v1/tool", "method": "post",
            "payload_hash": HASH}
    answer = tell(service, "validate", body)
    return answer.status, answer.json.get("code")


def give_key(team):
    answer = team.key(is_test_key=False)
    assert answer.status == 201, answer
    team.secret = answer.json["api_key"]


def state(team):
    told = team.get().json
    return told["status"], told["seat_count"], told["enabled_member_count"]


def notices(service):
    return [row[0] for row in service.rows("SELECT text FROM operator_notices ORDER BY id")]


def reconciled(service):
    return service.command("stripe", "reconcile", STRIPE_API_BASE=service.sandbox)


def test_a_team_buys_seats_uses_them_is_frozen_at_the_end_and_buys_again(own_service):
    service = own_service
    team = unpaid_team(service)
    assert subscription(team) is None
    assert team.invite("a@example.test").code == "no_subscription"
    page = checkout(team).json
    assert set(page) == {"checkout_url", "session_id"}
    assert checkout(team).json == page
    # What is begun and not paid is told to nobody.
    assert subscription(team) is None and state(team) == ("active", 0, 1)
    assert press(page["checkout_url"], "pay")[0] == 303
    settle(service)
    told = subscription(team)
    assert (told["plan"]["name"], told["status"], told["seat_count"]) == ("Basic", "trialing", 3)
    assert told["workspace_id"] == team.id and told["pending_seat_count"] is None
    assert team.get().json["credits"]["allocated"] == "5000.00"
    assert checkout(team).code == "already_subscribed"
    give_key(team)
    assert calls(service, team) == (200, "reserved")
    first, second = team.member(), team.member(status="disabled")
    assert team.patch(f"/members/{second.id}", {"status": "enabled"}).status == 200
    third = team.member(status="disabled")
    assert team.patch(f"/members/{third.id}", {"status": "enabled"}).code == "no_seat_left"
    service.advance(8 * DAY)
    assert subscription(team)["status"] == "active"
    invoices = sdk(service).v1.invoices.list({"customer": live(service, team).customer}).data
    assert [invoice.amount_paid for invoice in invoices] == [2500, 0]
    assert team.owner.post(at(team, "/cancel")).json["success"] is True
    assert subscription(team)["cancel_at_period_end"] is True
    resumed = team.owner.post(at(team, "/resume"))
    assert resumed.json["cancel_at_period_end"] is False and resumed.json["seat_count"] == 3
    answer = team.owner.post(at(team, "/cancel"), {"cancel_at_period_end": False})
    assert answer.json["message"] == "The subscription has ended; the workspace is frozen."
    assert state(team) == ("frozen", 0, 1)
    assert team.get().json["credits"]["remaining"] == "0.00"
    assert {status for id, (_, status) in team.members.items() if id != team.owner.id} == {"disabled"}
    assert calls(service, team) == (402, "workspace_frozen")
    assert team.key().code == "workspace_frozen"
    told = subscription(team)
    assert (told["status"], told["seat_count"], told["plan"]["name"]) == ("canceled", 0, "Basic")
    assert team.owner.post(at(team, "/cancel")).code == "nothing_to_cancel"
    # No second trial; the owner alone until they say who has the seats.
    told = bought(service, team, PROFESSIONAL, 2)
    assert (told["status"], told["seat_count"]) == ("active", 2)
    assert state(team) == ("active", 2, 1)
    assert calls(service, team) == (200, "reserved")
    assert team.reactivate(first).json["enabled_member_count"] == 2
    # No mail says what is not so.
    mails = service.mail(team.owner.email)
    assert not any("Free" in mail["text"] for mail in mails)
    assert [mail["subject"] for mail in mails if "frozen" in mail["subject"].lower()]
    assert any("$25" in mail["text"] for mail in mails), [mail["text"] for mail in mails]
    noted = {"checkout_begun", "cancellation_asked", "resumption_asked", "frozen", "unfrozen"}
    assert noted <= set(team.acts)
    answer = reconciled(service)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_personal_workspace_buys_one_seat_and_falls_back_to_free(own_service):
    service = own_service
    owner = service.sign_up()
    own = Personal(service, owner)
    give_key(own)
    # fault: canceling Free bricked the personal workspace.
    assert owner.post(at(own, "/cancel")).code == "nothing_to_cancel"
    assert calls(service, own) == (200, "reserved")
    assert checkout(own, seats=2).code == "seats_outside_plan"
    told = bought(service, own, seats=1)
    assert (told["plan"]["name"], told["seat_count"]) == ("Basic", 1)
    # fault: Free's usage was carried into the first paid month.
    assert own.get().json["credits"] == {
        "allocated": "5000.00", "used": "0.00", "reserved": "0.00", "remaining": "5000.00"}
    answer = owner.post(at(own, "/cancel"), {"cancel_at_period_end": False})
    assert answer.json["message"] == "The subscription has ended; the workspace is on the Free plan."
    told = subscription(own)
    assert (told["plan"]["name"], told["status"], told["seat_count"]) == ("Free", "active", 1)
    assert state(own) == ("active", 1, 1)
    assert calls(service, own) == (200, "reserved")
    assert owner.post(at(own, "/resume")).status == 200


class Personal(Team):
    def __init__(self, service, owner):
        self.service, self.owner = service, owner
        answer = owner.post("/api/workspaces/activate")
        assert answer.status == 200, answer
        self.id, self.made = answer.json["id"], answer.json
        self.path = f"/api/workspaces/{self.id}"


def test_what_cannot_be_bought_is_refused(service):
    team = unpaid_team(service)
    admin, member, stranger = team.member("admin"), team.member(), service.sign_up()
    for change, expected in [
            ({"plan": FREE, "seats": 1}, (404, "plan_not_found")),
            ({"plan": PLUS}, (404, "plan_not_found")),
            ({"plan": str(uuid.uuid4())}, (404, "plan_not_found")),
            ({"seats": 6}, (409, "seats_outside_plan")),
            ({"seats": 0}, (422, "validation_error")), ({"seats": "3"}, (422, "validation_error")),
            ({"seats": 100_001}, (422, "validation_error")),
            ({"success_url": "javascript:alert(1)"}, (422, "validation_error")),
            ({"by": member}, (403, "role_required")),
            ({"by": stranger}, (404, "workspace_not_found"))]:
        answer = checkout(team, **change)
        assert (answer.status, answer.code) == expected, (change, answer)
    assert subscription(team) is None
    assert team.owner.post(at(team, "/portal")).code == "no_billing_account"
    assert team.owner.post(at(team, "/cancel")).code == "subscription_not_found"
    assert team.owner.post(at(team, "/resume")).code == "subscription_not_found"
    assert admin.post(at(team, "/cancel")).code == "role_required"
    team.suspend()
    assert checkout(team).code == "workspace_suspended"
    assert service.rows(
        "SELECT count(*) FROM api_subscriptions WHERE workspace_id = ?", uuid.UUID(team.id)) == [(0,)]
    team.sell(5)


def test_a_frozen_team_may_check_out_and_a_declined_card_changes_nothing(service):
    """The fault: a checkout forced the status to ACTIVE."""
    team = unpaid_team(service)
    team.freeze()
    page = checkout(team)
    assert page.status == 200
    assert press(page.json["checkout_url"], "decline")[0] == 200
    assert press(page.json["checkout_url"], "cancel")[1] == URLS["cancel_url"]
    settle(service)
    assert state(team) == ("frozen", 0, 1) and subscription(team) is None
    assert team.key().code == "workspace_frozen"


def test_fault_billing_was_tied_to_whoever_clicked(service):
    owner = service.sign_up()
    one, other = unpaid_team(service, owner), unpaid_team(service, owner)
    admin = one.member("admin")
    bought(service, one, by=admin)
    bought(service, other)
    customers = [sdk(service).v1.customers.retrieve(live(service, team).customer) for team in (one, other)]
    assert customers[0].id != customers[1].id
    for team, customer in zip((one, other), customers):
        assert customer.email == owner.email
        assert customer.metadata.to_dict() == {"workspace_id": team.id}
    assert sdk(service).v1.customers.list({"email": admin.email}).data == []


def test_the_trial_is_given_once_an_owner_whichever_page_was_first(service):
    owner = service.sign_up()
    one, other, third = (unpaid_team(service, owner) for _ in range(3))
    first = checkout(one).json
    second = checkout(other).json
    # Of two pages that are open one offers it.
    assert sdk(service).v1.checkout.sessions.retrieve(first["session_id"]).status == "expired"
    assert press(second["checkout_url"], "pay")[0] == 303
    settle(service)
    assert subscription(other)["status"] == "trialing"
    assert bought(service, one)["status"] == "active"
    assert bought(service, third)["status"] == "active"


def test_a_trial_that_was_paid_for_is_used_before_stripe_can_tell_of_it(own_service):
    service, owner = own_service, own_service.sign_up()
    one, other = (unpaid_team(service, owner) for _ in range(2))
    page = checkout(one).json["checkout_url"]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    assert press(page, "pay")[0] == 303
    # What the page made cannot be fetched when its event is worked off.
    fault = {"path_prefix": "/v1/subscriptions", "method": "GET", "kind": "status", "status": 500,
             "times": 1, "should_retry": False}
    [completed] = [
        event for event in sdk(service).v1.events.list({"limit": 100}).data
        if event.type == "checkout.session.completed"]
    knob(service, "/_test/faults", fault)
    assert post_event(service, str(completed)).status == 200
    settle(service)
    page = checkout(other).json["checkout_url"]
    assert subscription(one)["status"] == "trialing"
    knob(service, "/_test/webhooks", {"mode": "release"})
    assert press(page, "pay")[0] == 303
    settle(service)
    assert subscription(other)["status"] == "active"


def forget_purchase(service, team):
    """As if the database were restored from before the team began to buy."""
    team.set(subscription="none", seat_count=0, pending_seat_count=None)
    id = uuid.UUID(team.id)
    of_it = "(SELECT id FROM api_subscriptions WHERE workspace_id = ?)"
    service.write(f"DELETE FROM api_subscription_changes WHERE subscription_id IN {of_it}", id)
    for table in ("api_credit_grants", "api_subscription_contexts", "api_subscriptions",
                  "workspace_checkouts", "workspace_trials"):
        service.write(f"DELETE FROM {table} WHERE workspace_id = ?", id)


@pytest.mark.parametrize("way", ["reconcile", "event"])
def test_a_teams_first_purchase_is_found_after_an_older_database_was_restored(own_service, way):
    service = own_service
    team = unpaid_team(service)
    bought(service, team)
    assert "of nobody here" not in service.log.read_text(), "what one product knows is not told by the other"
    theirs = live(service, team)
    forget_purchase(service, team)
    assert subscription(team) is None and state(team)[1] == 0
    if way == "reconcile":
        told = reconciled(service)
        assert told.returncode == 1, told
        assert f"workspace {team.id}: {theirs.customer} has bought at Stripe" in told.stdout
        repaired = service.command(
            "stripe", "reconcile", "--repair", STRIPE_API_BASE=service.sandbox)
        assert repaired.returncode == 0, repaired
    else:
        assert post_event(service, {
            **EVENT, "id": "evt_after", "type": "customer.subscription.updated",
            "data": {"object": {"id": theirs.id, "object": "subscription"}}}).status == 200
        settle(service)
    told = subscription(team)
    assert (told["plan"]["name"], told["status"], told["seat_count"]) == ("Basic", "trialing", 3)
    assert state(team) == ("active", 3, 1)
    assert team.get().json["credits"]["allocated"] == "5000.00"
    assert reconciled(service).returncode == 0


def test_two_workspaces_of_an_owner_that_race_for_the_trial_have_one(service):
    owner = service.sign_up()
    teams = [unpaid_team(service, owner) for _ in range(2)]
    answers = together(2, lambda n: checkout(teams[n]))
    assert {answer.code for answer in answers if answer.status != 200} <= {"checkout_superseded"}
    for team, answer in zip(teams, answers):
        if answer.status != 200 or press(answer.json["checkout_url"], "pay")[0] != 303:
            assert press(checkout(team).json["checkout_url"], "pay")[0] == 303
    settle(service)
    assert sorted(subscription(team)["status"] for team in teams) == ["active", "trialing"]


def test_racing_checkouts_meet_in_one_customer_and_one_page(service):
    team = unpaid_team(service)
    answers = together(4, lambda n: checkout(team, seats=1 + n % 2))
    assert {answer.code for answer in answers if answer.status != 200} <= {"checkout_superseded"}
    customers = sdk(service).v1.customers.list({"email": team.owner.email}).data
    assert len(customers) == 1
    sessions = sdk(service).v1.checkout.sessions.list({"customer": customers[0].id}).data
    assert len([session for session in sessions if session.status == "open"]) == 1


def test_a_second_subscription_that_is_paid_is_canceled_and_refunded(service):
    team = unpaid_team(service)
    page = checkout(team).json
    first = sdk(service).v1.checkout.sessions.retrieve(page["session_id"], {"expand": ["line_items"]})
    second = sdk(service).v1.checkout.sessions.create({
        "mode": "subscription", "customer": first.customer, "client_reference_id": team.id,
        "line_items": [{"price": line.price.id, "quantity": line.quantity} for line in first.line_items.data],
        "metadata": {"workspace_id": team.id},
        "subscription_data": {"metadata": {"workspace_id": team.id}}, **URLS})
    assert press(page["checkout_url"], "pay")[0] == 303
    # Events of two subscriptions are worked off in no order: the first is heard of before the second is paid.
    settle(service)
    assert press(second.url, "pay")[0] == 303
    settle(service)
    theirs = sdk(service).v1.subscriptions.list({"customer": first.customer, "status": "all"}).data
    assert sorted(item.status for item in theirs) == ["canceled", "trialing"]
    kept = sdk(service).v1.checkout.sessions.retrieve(page["session_id"]).subscription
    assert live(service, team).id == kept
    [gone] = [item for item in theirs if item.id != kept]
    [paid] = sdk(service).v1.invoice_payments.list({"invoice": gone.latest_invoice}).data
    refunds = sdk(service).v1.refunds.list({"payment_intent": paid.payment.payment_intent}).data
    assert [refund.amount for refund in refunds] == [2500]
    assert state(team) == ("active", 3, 1)


def test_fault_deleted_before_completed_ended_active_for_ever(own_service):
    """Every order of a workspace's subscription events, each twice, ends alike."""
    service = own_service
    kinds = ("checkout.session.completed", "customer.subscription.created", "invoice.paid",
             "customer.subscription.deleted")
    orders = list(itertools.permutations(kinds))[::1 if service.uses_sqlite else 4]
    teams = [unpaid_team(service, service.new_user()) for _ in orders]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    for team in teams:
        assert press(checkout(team).json["checkout_url"], "pay")[0] == 303
    of = {str(id): customer for id, customer in service.rows(
        "SELECT workspace_id, stripe_customer_id FROM api_subscriptions")}
    half = len(teams) // 2
    # The first half is heard of while it lives, too.
    ended = {}
    for theirs in sdk(service).v1.subscriptions.list({"limit": 100}).auto_paging_iter():
        ended[theirs.customer] = theirs.id
    for number, team in enumerate(teams):
        if number < half:
            continue
        sdk(service).v1.subscriptions.cancel(ended[of[team.id]])
    events = {}

    def read():
        for event in sdk(service).v1.events.list({"limit": 100}).auto_paging_iter():
            if event.type in kinds:
                customer = event.data.object["customer"]
                events.setdefault(customer, {})[event.type] = json.loads(str(event))

    def deliver(team, kind, number):
        event = events[of[team.id]][kind]
        for id in (event["id"], f"{event['id']}_{number}"):
            assert post_event(service, {**event, "id": id}).status == 200

    read()
    for number, (team, order) in enumerate(zip(teams, orders)):
        before = itertools.takewhile(lambda kind: kind != kinds[3], order)
        for kind in (before if number < half else order):
            deliver(team, kind, number)
    settle(service)
    for team in teams[:half]:
        sdk(service).v1.subscriptions.cancel(ended[of[team.id]])
    read()
    for number, (team, order) in enumerate(zip(teams[:half], orders)):
        for kind in itertools.dropwhile(lambda kind: kind != kinds[3], order):
            deliver(team, kind, number)
    settle(service)
    rows = service.rows(
        """
        SELECT s.status, s.stripe_subscription_id, s.trial_used, c.credits_allocated, w.subscription,
            w.seat_count, CASE WHEN w.frozen_at IS NULL THEN 0 ELSE 1 END
        FROM api_subscriptions s JOIN workspaces w ON w.id = s.workspace_id
        JOIN api_subscription_contexts c ON c.workspace_id = w.id
        """)
    assert set(rows) == {("canceled", None, 1, 0, "none", 0, 1)} and len(rows) == len(teams), rows
    assert service.rows("SELECT count(*) FROM messages") == [(0,)]


def past_due(service, team):
    bought(service, team)
    service.advance(8 * DAY)
    assert subscription(team)["status"] == "active"
    knob(service, f"/_test/customers/{live(service, team).customer}", {"card": "decline"})
    service.advance(31 * DAY)
    assert subscription(team)["status"] == "past_due"


def test_an_account_that_cannot_be_read_stops_no_other_from_lapsing(own_service):
    service = own_service
    teams = [Team(service, seats=0, name=name) for name in ("Acme", "Broken")]
    for team in teams:
        bought(service, team)
    service.advance(8 * DAY)
    for team in teams:
        knob(service, f"/_test/customers/{live(service, team).customer}", {"card": "decline"})
    service.advance(31 * DAY)
    assert {subscription(team)["status"] for team in teams} == {"past_due"}
    knob(service, "/_test/webhooks", {"mode": "hold"})
    broken = "UPDATE api_subscription_contexts SET period_source = '{}' WHERE workspace_id IN (" \
        "SELECT id FROM workspaces WHERE display_name = 'Broken')"
    standings = "SELECT display_name, subscription FROM workspaces WHERE is_personal = 0"
    service.break_by_hand(broken.format("nothing"))
    service.advance(3 * DAY)
    told = dict(service.rows(standings))
    service.write(broken.format("paid"))
    assert told == {"Acme": "inactive", "Broken": "live"}, told
    service.advance(60)
    assert dict(service.rows(standings)) == {"Acme": "inactive", "Broken": "inactive"}


def test_fault_a_past_due_customer_could_not_cancel_but_could_buy_a_second_subscription(own_service):
    """And past-due workspaces kept metering."""
    service = own_service
    team = unpaid_team(service)
    past_due(service, team)
    give_key(team)
    assert calls(service, team) == (200, "reserved")
    assert checkout(team).code == "already_subscribed"
    service.advance(3 * DAY)
    # No event tells of the end of the grace.
    assert calls(service, team) == (402, "subscription_inactive")
    assert team.key().code == "subscription_inactive"
    # Users of another issuer enter the pages by a link.
    owner = Browser(service)
    link = team.owner.post("/auth/page-session").json["url"].removeprefix(service.url)
    owner.get(link).send("/enter")
    page = owner.get(f"/account/workspaces/{team.id}")
    assert "keys are refused until it is paid" in page.text and "See and make keys" not in page.text
    assert "The last payment of the plan is missing" in owner.get(page.path + "/keys").text
    assert subscription(team)["seat_count"] == 3
    assert team.owner.post(at(team, "/cancel"), {"cancel_at_period_end": False}).status == 200
    assert state(team) == ("frozen", 0, 1)


def test_what_nobody_pays_for_freezes_though_stripe_keeps_it(own_service):
    service = own_service
    knob(service, "/_test/dunning", {"ends_as": "unpaid"})
    team = unpaid_team(service)
    past_due(service, team)
    give_key(team)
    service.advance(40 * DAY)
    assert subscription(team)["status"] == "unpaid"
    assert state(team) == ("frozen", 0, 1) and calls(service, team) == (402, "workspace_frozen")
    assert checkout(team).code == "already_subscribed"
    # Nobody is told that credits can be used while a payment is awaited that no more is.
    failed = [" ".join(mail["text"].split()) for mail in service.mail(team.owner.email)
              if "payment failed" in mail["subject"]]
    assert "stays usable" in failed[0] and "stays usable" not in failed[-1], failed


def test_a_refund_of_the_running_invoice_freezes_and_ends_it_at_stripe(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team)
    service.advance(8 * DAY)
    give_key(team)
    theirs = live(service, team)
    knob(service, "/_test/refunds", {"invoice": theirs.latest_invoice})
    settle(service)
    assert state(team) == ("frozen", 0, 1) and calls(service, team) == (402, "workspace_frozen")
    assert sdk(service).v1.subscriptions.retrieve(theirs.id).status == "canceled"
    assert not any("Free" in text for text in notices(service))
    assert not any("Free" in mail["text"] for mail in service.mail(team.owner.email))


def test_seats_lowered_at_stripe_disable_the_newest_and_what_no_rule_follows_is_told(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team, seats=4)
    old, new = team.member("admin"), team.member()
    client = sdk(service)

    def change(**items):
        client.v1.subscriptions.update(live(service, team).id, {"items": [items]})
        settle(service)

    seat, base = item(service, team, True).id, item(service, team, False).id
    change(id=seat, quantity=2)
    assert subscription(team)["seat_count"] == 2
    assert team.members[old.id] == ("admin", "enabled") and team.members[new.id] == ("member", "disabled")
    assert any("Acme" in mail["subject"] for mail in service.mail(new.email))
    assert notices(service) == []
    change(id=base, quantity=2)
    assert "has the quantity 2" in notices(service)[-1] and "workspace " + team.id in notices(service)[-1]
    change(id=base, quantity=1)
    change(id=seat, quantity=9)
    assert "has 9 seats, which Basic does not allow" in notices(service)[-1]
    [other] = client.v1.prices.list({"lookup_keys": ["api_professional_seat_monthly"]}).data
    change(id=seat, price=other.id, quantity=2)
    assert "seats of another plan than Basic" in notices(service)[-1]
    assert subscription(team)["seat_count"] == 2
    change(id=seat, deleted=True)
    assert "has no price of a seat" in notices(service)[-1]
    assert state(team) == ("active", 1, 1)


def test_fault_deleting_left_stripe_billing(own_service):
    service = own_service
    owner = service.sign_up()
    team, own = unpaid_team(service, owner), Personal(service, owner)
    bought(service, team)
    bought(service, own, seats=1)
    theirs = [live(service, space) for space in (team, own)]
    assert service.call("DELETE", "/auth/me", {}, headers=owner.auth).code == "owns_workspaces"
    assert team.delete().status == 204
    assert sdk(service).v1.subscriptions.retrieve(theirs[0].id).status == "canceled"
    assert sdk(service).v1.customers.retrieve(theirs[0].customer).deleted
    assert sdk(service).v1.subscriptions.retrieve(theirs[1].id).status == "active"
    settle(service)
    assert service.call("DELETE", "/auth/me", {}, headers=owner.auth).status == 200
    assert sdk(service).v1.subscriptions.retrieve(theirs[1].id).status == "canceled"
    assert sdk(service).v1.customers.retrieve(theirs[1].customer).deleted
    settle(service)
    assert service.rows("SELECT count(*) FROM messages") == [(0,)]
    # Who signs up again has had the trial, as an owner too.
    again = service.sign_up(owner.email)
    assert bought(service, unpaid_team(service, again))["status"] == "active"


def test_of_what_a_deletion_does_before_the_team_goes_nobody_is_told(service):
    team = unpaid_team(service)
    bought(service, team)
    member = team.member()
    # As if the events came before the team has gone.
    service.write("INSERT INTO workspace_deletions (workspace_id, began_at) VALUES (?, ?)",
                  uuid.UUID(team.id), service.now * 1_000_000)
    before = [len(service.mail(user.email)) for user in (team.owner, member)]
    sdk(service).v1.subscriptions.cancel(live(service, team).id)
    settle(service)
    assert state(team) == ("frozen", 0, 1)
    assert [len(service.mail(user.email)) for user in (team.owner, member)] == before
    assert team.delete().status == 204
    settle(service)
    assert service.rows("SELECT count(*) FROM workspace_deletions WHERE workspace_id = ?",
                        uuid.UUID(team.id)) == [(0,)]
    assert [len(service.mail(user.email)) for user in (team.owner, member)] == before
    # One whose deletion has failed, or whose process died long ago, is told as any other.
    other = unpaid_team(service)
    bought(service, other)
    member = other.member()
    service.write("INSERT INTO workspace_deletions (workspace_id, began_at) VALUES (?, 1)",
                  uuid.UUID(other.id))
    sdk(service).v1.subscriptions.cancel(live(service, other).id)
    settle(service)
    assert [mail["subject"] for mail in service.mail(other.owner.email)][-1] == "Acme is frozen"
    assert "Acme" in service.mail(member.email)[-1]["text"]


def test_a_team_is_not_deleted_while_stripe_is_away(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team)
    theirs = live(service, team)
    knob(service, "/_test/faults", {
        "kind": "status", "status": 500, "path_prefix": "/v1/subscriptions", "times": 1,
        "should_retry": False})
    assert team.delete().status in (502, 503)
    assert state(team) == ("active", 3, 1)
    assert team.delete().status == 204
    assert sdk(service).v1.subscriptions.retrieve(theirs.id).status == "canceled"


def test_members_are_told_of_a_freeze_by_a_deletion_that_fails_after_it(own_service):
    service = own_service
    team = unpaid_team(service)
    bought(service, team)
    member = team.member()
    before = len(service.mail(member.email))
    theirs = live(service, team)
    # The subscription is canceled, and the customer cannot be deleted: of the freeze members are
    # told once, whether its event comes before or after that.
    knob(service, "/_test/faults", {
        "method": "DELETE", "path_prefix": "/v1/customers/", "kind": "status", "status": 500,
        "times": 10})
    assert team.delete().status in (502, 503)
    settle(service)
    assert sdk(service).v1.subscriptions.retrieve(theirs.id).status == "canceled"
    assert state(team) == ("frozen", 0, 1)
    assert [mail["subject"] for mail in service.mail(team.owner.email)].count("Acme is frozen") == 1
    assert len(service.mail(member.email)) == before + 1
    assert service.rows("SELECT count(*) FROM workspace_deletions WHERE workspace_id = ?",
                        uuid.UUID(team.id)) == [(0,)]


def test_what_fails_on_a_team_that_is_being_deleted_is_answered_as_if_it_were_gone(own_service):
    service = own_service
    team, other = unpaid_team(service), unpaid_team(service)
    bought(service, team)
    # As if the deletion stood between its note and the end.
    for space in (team, other):
        service.write("INSERT INTO workspace_deletions (workspace_id, began_at) VALUES (?, ?)",
                      uuid.UUID(space.id), service.now * 1_000_000)
    assert checkout(other).code == "workspace_not_found"
    assert sdk(service).v1.checkout.sessions.list({"status": "open"}).data == []
    requests = [
        ("POST", "/preview-upgrade", {"new_plan_id": PROFESSIONAL}),
        ("POST", "/upgrade", {"new_plan_id": PROFESSIONAL}),
        ("POST", "/preview-seats", {"seat_count": 4}), ("PATCH", "/seats", {"seat_count": 2}),
        ("POST", "/portal", {}), ("POST", "/cancel", {}), ("POST", "/resume", {})]
    knob(service, "/_test/faults", {
        "kind": "status", "status": 500, "path_prefix": "/v1/", "times": 500, "should_retry": False})
    for method, verb, body in requests:
        answer = service.call(method, at(team, verb), body, headers=team.owner.auth)
        assert (answer.status, answer.code) == (404, "workspace_not_found"), (verb, answer)
    # If it is none that is being deleted, what failed is told.
    service.write("DELETE FROM workspace_deletions")
    for method, verb, body in requests:
        answer = service.call(method, at(team, verb), body, headers=team.owner.auth)
        assert answer.status in (502, 503), (verb, answer)


def test_a_checkout_that_meets_the_deletion_of_its_team_leaves_no_page_open(module_service):
    service = module_service
    for number in range(8):
        team, answers = unpaid_team(service), []
        thread = threading.Thread(target=lambda: answers.append(checkout(team)))
        thread.start()
        time.sleep(number * 0.006)
        assert team.delete().status == 204
        thread.join()
        assert answers[0].status < 500, answers
        open_pages = sdk(service).v1.checkout.sessions.list({"status": "open", "limit": 100}).data
        assert [page.id for page in open_pages if page.client_reference_id == team.id] == []


def test_the_portal_of_workspaces_lets_nobody_cancel_or_change_what_is_bought(service):
    team = unpaid_team(service)
    admin = team.member("admin")
    bought(service, team)
    team.set(seat_count=3)
    for user in (team.owner, admin):
        answer = user.post(at(team, "/portal"))
        assert answer.status == 200 and answer.json["url"].startswith(service.sandbox)
    [configuration] = [
        found for found in sdk(service).v1.billing_portal.configurations.list({"active": True}).data
        if found.metadata.to_dict().get("cuebx_portal") == "workspaces"]
    features = configuration.features
    assert features.payment_method_update.enabled and features.invoice_history.enabled
    assert features.customer_update.enabled and features.customer_update.allowed_updates == ["address"]
    assert not features.subscription_cancel.enabled and not features.subscription_update.enabled
    # What is changed at Stripe by hand is set right, and one that is out of use is made anew.
    configurations = sdk(service).v1.billing_portal.configurations
    configurations.update(configuration.id, {"features": {
        "subscription_cancel": {"enabled": True, "mode": "immediately"}}})
    assert team.owner.post(at(team, "/portal")).status == 200
    assert not configurations.retrieve(configuration.id).features.subscription_cancel.enabled
    configurations.update(configuration.id, {"active": False})
    assert team.owner.post(at(team, "/portal")).status == 200
    [again] = [found for found in configurations.list({"active": True}).data
               if found.metadata.to_dict().get("cuebx_portal") == "workspaces"]
    assert again.id != configuration.id
