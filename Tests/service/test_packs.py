"""Packs of credits: bought once, granted once, taken back with their money."""

import itertools
import json
import uuid

import pytest

from conftest import DAY, PLUS, PRO, ROOT, together
from test_payments import URLS, buy, knob, post_event, press, sdk, settle
from test_payments_events import dead_letters, notices
from test_payments_returned import reconcile

HUNDRED = "0198c0de-0000-7000-8000-000000000101"
LASTING = "0198c0de-0000-7000-8000-000000000102"


def page(user, pack=HUNDRED, **more):
    return user.post("/career/credits/checkout", {"pack_id": pack, **URLS, **more})


def opened(user, pack=HUNDRED, action="pay"):
    """The page of a pack, on which a button was pressed."""
    answer = page(user, pack)
    assert answer.status == 200, answer
    assert press(answer.json["checkout_url"], action)[0] == 303
    return answer.json["session_id"]


def bought(service, user, pack=HUNDRED):
    session = opened(user, pack)
    settle(service)
    return session


def payment(service, session):
    return sdk(service).v1.checkout.sessions.retrieve(session).payment_intent


def give_back(service, session, **more):
    """A refund made in Stripe's dashboard: nothing in it names us."""
    refund = knob(service, "/_test/refunds", {"payment_intent": payment(service, session), **more})
    settle(service)
    return refund["id"]


def dispute(service, session, **more):
    knob(service, "/_test/disputes", {"payment_intent": payment(service, session), **more})
    settle(service)


AMOUNTS = ("amount", "remaining", "held", "captured", "expired", "taken_back")


def grants(user):
    """The user's grants beside the pool, as they are stored."""
    names = ("id", "source", "is_paid", "is_frozen", "expires_at", *AMOUNTS)
    rows = user.service.rows(
        f"SELECT {', '.join(names)} FROM standalone_grants WHERE account_id = ? ORDER BY id",
        uuid.UUID(user.id))
    return [{
        name: f"{value / 1_000_000:.2f}" if name in AMOUNTS
        else bool(value) if name.startswith("is_") else value
        for name, value in zip(names, row)} for row in rows]


def pack(user):
    """The one grant of a pack."""
    [found] = [grant for grant in grants(user) if grant["source"] == "top_up"]
    return found


def left(user):
    """What the user can spend now."""
    return user.balance["credits_remaining"]


def subjects(service, user):
    return [mail["subject"] for mail in service.mail(user.email)]


def test_a_pack_is_bought_granted_once_and_used_after_the_plans_credits(module_service):
    service = module_service
    user = service.new_user()
    bought(service, user)
    grant = pack(user)
    assert (grant["amount"], grant["remaining"], grant["is_paid"]) == ("100.00", "100.00", True)
    assert abs(grant["expires_at"] / 1_000_000 - service.time - 365 * DAY) < 60
    assert left(user) == "125.00"
    assert subjects(service, user) == ["Your credits are there"]
    user.adjust("-24.50")
    user.spend()
    assert pack(user)["captured"] == "0.50" and left(user) == "99.50"
    # A second one is another payment, and another grant.
    bought(service, user)
    assert [grant["remaining"] for grant in grants(user)] == ["99.50", "100.00"]
    told = user.get("/auth/me/export").json["pack_purchases"]
    assert [(item["pack_id"], item["price"], item["returned"]) for item in told] == [
        (HUNDRED, "5.00", "0.00")] * 2


TOLD = ("checkout.session.completed", "charge.refunded", "refund.failed", "charge.dispute.closed")


def test_every_order_of_a_payments_events_each_twice_ends_in_the_same_state(module_service):
    """A pack that was paid, refunded in part, refunded once more, which failed, and disputed in
    part and lost."""
    service = module_service
    # In every fifth of them, too, each event comes before each other; that is enough where only the
    # database is another.
    orders = list(itertools.permutations(TOLD))[::1 if service.uses_sqlite else 5]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    users = [service.new_user() for _ in orders]
    payments = []
    for user in users:
        intent = payment(service, opened(user))
        payments.append(intent)
        knob(service, "/_test/refunds", {"payment_intent": intent, "amount": 125})
        second = knob(service, "/_test/refunds", {"payment_intent": intent, "amount": 50})
        knob(service, "/_test/refunds", {"refund": second["id"], "status": "failed"})
        knob(service, "/_test/disputes", {
            "payment_intent": intent, "amount": 100, "status": "lost"})
    events = {}
    for event in sdk(service).v1.events.list({"limit": 100}).auto_paging_iter():
        if event.type in TOLD and event.data.object["payment_intent"] in payments:
            events[event.data.object["payment_intent"], event.type] = json.loads(str(event))
    for number, (intent, order) in enumerate(zip(payments, orders)):
        for kind in order:
            event = events[intent, kind]
            for id in (event["id"], f"{event['id']}_{number}"):
                assert post_event(service, {**event, "id": id}).status == 200
    settle(service)
    different = []
    for user, order in zip(users, orders):
        # A quarter and a fifth of the money.
        grant = pack(user)
        standing = [grant[name] for name in ("amount", "taken_back", "remaining", "is_frozen")]
        if standing != ["100.00", "45.00", "55.00", False] or left(user) != "80.00" \
                or subjects(service, user).count("Your credits are there") != 1:
            different.append((order, standing, left(user), subjects(service, user)))
    assert not different, (len(different), different[:3])
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)
    assert {pack(user)["taken_back"] for user in users} == {"45.00"}
    assert dead_letters(service) == "No dead letters."


def test_a_purchase_that_is_heard_of_many_times_at_once_grants_once(module_service):
    service = module_service
    user = service.new_user()
    knob(service, "/_test/webhooks", {"mode": "hold"})
    session = opened(user)
    [event] = [json.loads(str(event)) for event in sdk(service).v1.events.list({"limit": 20})
               if event.type == TOLD[0] and event.data.object["id"] == session]
    answers = together(
        16, lambda index: post_event(service, {**event, "id": f"{event['id']}_{index}"}))
    assert {answer.status for answer in answers} == {200}
    knob(service, "/_test/webhooks", {"mode": "release"})
    settle(service)
    assert pack(user)["amount"] == "100.00" and left(user) == "125.00"


def test_a_bank_that_takes_days_grants_once_it_has_paid(module_service):
    service = module_service
    payer, refused = service.new_user(), service.new_user()
    sessions = [opened(user, action="process") for user in (payer, refused)]
    settle(service)
    assert left(payer) == left(refused) == "25.00" and grants(payer) == []
    # What is paid for already is not offered again.
    assert page(payer).json["session_id"] != sessions[0]
    for session, status in zip(sessions, ("succeeded", "failed")):
        knob(service, "/_test/payments", {
            "payment_intent": payment(service, session), "status": status})
    settle(service)
    assert left(payer) == "125.00" and left(refused) == "25.00" and grants(refused) == []


def test_a_declined_or_left_page_grants_nothing_and_asking_again_leads_to_it(own_service):
    user = own_service.new_user()
    first = page(user).json
    assert press(first["checkout_url"], "decline")[0] == 200
    assert press(first["checkout_url"], "cancel")[1] == URLS["cancel_url"]
    assert page(user).json == first
    assert page(user, LASTING).json != first
    assert page(user, success_url="http://127.0.0.1:9/other").json != first
    own_service.advance(DAY + 1)
    assert page(user).json != first and left(user) == "25.00"


def test_a_page_for_a_pack_stays_open_when_one_for_a_plan_is_asked_for(own_service):
    user = own_service.new_user()
    for_pack = page(user).json
    assert user.post("/career/subscriptions/checkout", {"plan_id": PLUS, **URLS}).status == 200
    assert press(for_pack["checkout_url"], "pay")[0] == 303
    settle(own_service)
    assert pack(user)["amount"] == "100.00"


def test_what_the_pack_said_when_its_page_was_opened_is_granted_and_stays(own_service, tmp_path):
    user, owner = own_service.new_user(), own_service.new_user()
    bought(own_service, owner)
    chosen = page(user).json
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["credit_packs"][0] |= {"credits": "7.00", "valid_days": 1, "is_active": False}
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    assert own_service.command("catalog", "sync", CATALOG=str(path)).returncode == 0
    own_service.advance(2)
    assert page(user).code == "pack_not_found"
    press(chosen["checkout_url"], "pay")
    settle(own_service)
    own_service.advance(2 * DAY)
    assert {pack(one)["remaining"] for one in (user, owner)} == {"100.00"}
    assert left(user) == left(owner) == "125.00"


def test_a_pack_outlives_renewals_subscribing_upgrades_and_the_end_of_a_plan(own_service):
    user = own_service.new_user()
    bought(own_service, user, LASTING)
    bought(own_service, user)
    before = grants(user)
    assert before[0]["expires_at"] is None
    own_service.advance(32 * DAY)
    assert left(user) == "625.00"
    buy(own_service, user, PLUS)
    assert left(user) == "1100.00"
    own_service.advance(8 * DAY)
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    own_service.advance_past_period(user)
    user.post("/career/subscriptions/cancel", {"cancel_at_period_end": False})
    settle(own_service)
    assert grants(user) == before and left(user) == "625.00"
    # What is left of one ends by the clock, swept or not.
    own_service.advance(330 * DAY)
    assert left(user) == "525.00"


@pytest.mark.parametrize("amount,taken", [(None, "100.00"), (250, "50.00"), (1, "0.20")])
def test_money_that_goes_back_takes_its_share_and_a_failed_refund_gives_it_again(
        module_service, amount, taken):
    service = module_service
    user = service.new_user()
    session = bought(service, user)
    refund = give_back(service, session, **({"amount": amount} if amount else {}))
    assert pack(user)["taken_back"] == taken
    assert len([subject for subject in subjects(service, user) if "returned" in subject]) == 1
    knob(service, "/_test/refunds", {"refund": refund, "status": "failed"})
    settle(service)
    assert pack(user)["taken_back"] == "0.00" and left(user) == "125.00"
    assert f"{refund} of a pack failed" in notices(service)
    # A refund that was not heard to succeed takes nothing.
    give_back(service, session, status="pending")
    assert pack(user)["taken_back"] == "0.00"


def test_what_was_used_is_not_owed_and_what_is_held_is_taken_on_release(module_service):
    service = module_service
    user = service.new_user()
    session = bought(service, user)
    user.adjust("-25.00")
    user.spend()
    held = user.validate().json["usage_id"]
    give_back(service, session)
    grant = pack(user)
    assert (grant["captured"], grant["held"], grant["taken_back"]) == ("1.00", "1.00", "98.00")
    user.commit(held, success=False)
    grant = pack(user)
    assert (grant["captured"], grant["held"], grant["taken_back"]) == ("1.00", "0.00", "99.00")
    assert left(user) == "0.00" and user.validate().code == "quota_exceeded"


def test_a_refund_and_a_lost_dispute_of_one_payment_take_back_once(module_service):
    service = module_service
    for amount in ({"amount": 250}, {}):
        user = service.new_user()
        session = bought(service, user)
        give_back(service, session, **amount)
        dispute(service, session, status="lost")
        bought(service, user)
        assert [grant["taken_back"] for grant in grants(user)] == ["100.00", "0.00"]
        assert left(user) == "125.00"


@pytest.mark.parametrize("end,remaining", [("won", "99.00"), ("lost", "0.00")])
def test_a_dispute_freezes_and_its_end_frees_or_takes(module_service, end, remaining):
    service = module_service
    user = service.new_user()
    session = bought(service, user)
    user.adjust("-25.00")
    held = user.validate().json["usage_id"]
    dispute(service, session)
    assert pack(user)["is_frozen"] is True and left(user) == "0.00"
    assert f"disputes {payment(service, session)} of a pack" in notices(service)
    # A call that is running goes on; none begins.
    assert user.validate().code == "quota_exceeded"
    assert user.commit(held).json["credits_charged"] == "1.00"
    dispute(service, session, status=end)
    grant = pack(user)
    assert grant["is_frozen"] is False and grant["remaining"] == remaining
    assert left(user) == remaining


def test_an_inquiry_freezes_nothing(module_service):
    service = module_service
    user = service.new_user()
    dispute(service, bought(service, user), status="warning_needs_response")
    assert pack(user)["is_frozen"] is False and left(user) == "125.00"


def test_who_could_not_use_credits_buys_none(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    customer = sdk(own_service).v1.customers.list({"email": user.email}).data[0].id
    knob(own_service, f"/_test/customers/{customer}", {"card": "decline"})
    own_service.advance_past_period(user, beyond=4 * DAY)
    assert user.validate().status == 402
    refused = page(user)
    assert refused.status == 409 and refused.code == "subscription_inactive"


@pytest.mark.parametrize("change,status", [
    ({"pack_id": PLUS}, 404), ({"pack_id": "x"}, 422), ({"success_url": "javascript:x"}, 422),
    ({"cancel_url": None}, 422)])
def test_a_bad_request_for_a_pack_is_refused(module_service, change, status):
    user = module_service.new_user()
    answer = user.post("/career/credits/checkout", {"pack_id": HUNDRED, **URLS, **change})
    assert answer.status == status
    if status == 404:
        assert answer.code == "pack_not_found"
    assert module_service.rows(
        "SELECT 1 FROM pack_purchases WHERE user_id = ?", uuid.UUID(user.id)) == []


def test_reconciliation_grants_what_no_event_told_of_and_takes_back_what_went(own_service):
    service = own_service
    user = service.new_user()
    knob(service, "/_test/webhooks", {"drop_first": 1000})
    session = bought(service, user)
    assert left(user) == "25.00"
    seen = reconcile(service)
    assert seen.returncode == 1
    assert f"{session} paid for 100 credits, which is not granted here" in seen.stdout
    assert reconcile(service, "--repair").returncode == 0 and left(user) == "125.00"
    assert reconcile(service).returncode == 0
    give_back(service, session, amount=250)
    dispute(service, session, amount=250)
    mended = reconcile(service, "--repair")
    assert "had money back at Stripe for 50.00 credits, here for 0.00" in mended.stdout
    assert pack(user)["is_frozen"] is True and pack(user)["taken_back"] == "50.00"
    dispute(service, session, amount=250, status="won")
    assert f"{session} is disputed only here" in reconcile(service).stdout
    assert reconcile(service, "--repair").returncode == 0 and left(user) == "75.00"
    assert reconcile(service).returncode == 0


def test_money_for_a_user_who_is_gone_is_told_once_unless_it_went_back(own_service):
    service = own_service
    knob(service, "/_test/webhooks", {"mode": "hold"})
    sessions = []
    for _ in range(2):
        user = service.new_user()
        sessions.append(opened(user))
        intent = payment(service, sessions[-1])
        assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    knob(service, "/_test/refunds", {"payment_intent": intent})
    knob(service, "/_test/webhooks", {"mode": "duplicate"})
    settle(service)
    told = notices(service)
    assert told.count(f"by {sessions[0]}") == 1 and sessions[1] not in told
    assert service.rows("SELECT * FROM pack_purchases") == []
    assert dead_letters(service) == "No dead letters."


def test_a_deletion_ends_the_pages_on_which_a_pack_could_be_bought(own_service):
    user = own_service.new_user()
    chosen = page(user).json
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert press(chosen["checkout_url"], "pay")[0] == 410
    assert sdk(own_service).v1.checkout.sessions.retrieve(chosen["session_id"]).status == "expired"


BOUGHT, CODE = "a paid pack is not granted as it was sold", "a code was redeemed more or less often"


def test_the_audit_names_what_is_not_granted_as_it_was_promised(own_service):
    service = own_service
    user = service.new_user()
    give_back(service, bought(service, user))
    assert service.command("codes", "add", "C", "--credits", "5", "--total", "9").returncode == 0
    assert user.post("/career/credits/redeem", {"code": "C"}).status == 200
    assert service.audit().returncode == 0
    broken = [
        ("pack_purchases", "credits", "credits + 1", "credits - 1", BOUGHT),
        ("pack_purchases", "is_disputed", "1", "0", BOUGHT),
        ("pack_purchases", "returned_minor", "0", "500", BOUGHT),
        ("pack_purchases", "paid_minor", "0", "500", BOUGHT),
        ("standalone_grants", "source", "'top_up'", "'promotion'", "a bought grant has no purchase"),
        ("standalone_grants", "cause", "'code D'", "'code C'", "a code's grant is not among"),
        ("promotion_codes", "redeemed", "2", "1", CODE)]
    for table, column, value, right, said in broken:
        where = " WHERE source = 'promotion'" if column == "cause" else \
            " WHERE cause LIKE 'code %'" if column == "source" else ""
        service.break_by_hand(f"UPDATE {table} SET {column} = {value}{where}")
        found = service.audit()
        assert found.returncode == 1 and said in found.stdout, (table, column, found)
        service.break_by_hand(f"UPDATE {table} SET {column} = {right}{where}")


def lose(service, *users):
    """The database as it was before the packs were bought: a restored one."""
    for user in users:
        id = uuid.UUID(user.id)
        service.rows("DELETE FROM standalone_grants WHERE account_id = ?", id)
        service.rows("DELETE FROM pack_purchases WHERE user_id = ?", id)
        service.rows(
            "UPDATE career_subscription_contexts SET open_grants = 0 WHERE user_id = ?", id)


def test_a_restored_database_finds_whose_first_purchase_came_after_it(own_service):
    """The very customer is unknown here."""
    service = own_service
    user, gone, idle = service.new_user(), service.new_user(), service.new_user()
    for buyer in (user, gone):
        bought(service, buyer)
    lose(service, user, gone)
    for buyer in (user, gone):
        id = uuid.UUID(buyer.id)
        [(buyer.customer,)] = service.rows(
            "SELECT stripe_customer_id FROM subscriptions WHERE user_id = ?", id)
        if buyer is gone:
            # Whom somebody has deleted at Stripe is nobody.
            sdk(service).v1.customers.delete(buyer.customer)
            settle(service)
        service.rows("UPDATE subscriptions SET stripe_customer_id = NULL WHERE user_id = ?", id)
    told = reconcile(service)
    assert told.returncode == 1
    assert user.customer in told.stdout and gone.customer not in told.stdout and idle.id not in told.stdout
    assert reconcile(service, "--repair").returncode == 0
    assert reconcile(service).returncode == 0
    assert pack(user)["remaining"] == "100.00" and grants(gone) == []


def test_a_restored_database_finds_the_packs_that_were_paid_and_grants_each_once(own_service):
    service = own_service
    kinds = ("paid", "lasting", "returned", "in part", "returned since")
    users = {what: service.new_user() for what in kinds}
    sessions = {
        what: bought(service, user, LASTING if what == "lasting" else HUNDRED)
        for what, user in users.items()}
    give_back(service, sessions["returned"])
    give_back(service, sessions["in part"], amount=500)
    before = {what: pack(user) for what, user in users.items()}
    lose(service, *users.values())
    # An event of the payment finds it without reconciliation.
    give_back(service, sessions["returned since"], amount=500)
    assert pack(users["returned since"])["amount"] == before["paid"]["amount"]
    told = reconcile(service)
    assert told.returncode == 1
    named = [what for what, session in sessions.items() if session in told.stdout]
    assert named == ["paid", "lasting", "returned", "in part"], told.stdout
    assert reconcile(service, "--repair").returncode == 0
    assert reconcile(service).returncode == 0
    for what, user in users.items():
        after, was = pack(user), before["in part" if what == "returned since" else what]
        for name in ("source", "is_paid", "is_frozen", *AMOUNTS):
            assert after[name] == was[name], (what, name)
    assert "paid for nothing" not in notices(service)
