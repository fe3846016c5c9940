"""Automatic top-ups: what a user must agree to, what is charged, and the brakes on it."""

import calendar
import time
import uuid

from conftest import DAY, PASSWORD, PROVIDER, ROOT, together
from test_packs import (
    HUNDRED, LASTING, bought, dispute, give_back, grants, left, opened, payment, subjects)
from test_payments import buy, knob, press, sdk, settle
from test_payments_provider import requests
from test_plan_moves import at_stripe, reconcile

PATH = "/career/credits/auto-top-up"
ON = {"pack_id": HUNDRED, "below": "10", "monthly_maximum": 3, "enabled": True}
BOUGHT, DECLINED, OFF = (
    "Your credits were topped up", "Your automatic top-up failed", "Your automatic top-up is off")


def put(user, **more):
    return user.service.call("PUT", PATH, {**ON, **more}, user.auth)


def agree(user, **more):
    answer = put(user, current_password=PASSWORD, **more)
    assert answer.status == 200, answer
    return answer.json


def payer(service):
    """A user on a paid plan, with a card, whose credits are nearly used up."""
    user = service.sign_up()
    buy(service, user)
    user.adjust("-495")
    return user


def run_low(user):
    """A charge that leaves too little, and what follows from it."""
    user.spend()
    user.service.advance(1)


def customer(user):
    return at_stripe(user.service, user).customer


def set_card(user, card):
    knob(user.service, f"/_test/customers/{customer(user)}", {"card": card})


def invoices(user):
    found = sdk(user.service).v1.invoices.list({"customer": customer(user)}).data
    return [(invoice.status, invoice.amount_due) for invoice in found
            if invoice.metadata and "cuebx_top_up_id" in invoice.metadata]


def mails(user):
    return [subject for subject in subjects(user.service, user)
            if subject in (BOUGHT, DECLINED, OFF)]


def early_in_a_month(service):
    """What is counted by the month is counted within one."""
    now = time.gmtime(service.now)
    days = calendar.monthrange(now.tm_year, now.tm_mon)[1]
    service.advance((days - now.tm_mday + 1) * DAY)


def late_in_a_month(service):
    now = time.gmtime(service.now)
    service.advance((calendar.monthrange(now.tm_year, now.tm_mon)[1] - now.tm_mday) * DAY)


def journal(user):
    return user.service.rows(
        "SELECT is_on, reason FROM automatic_top_up_changes WHERE user_id = ? ORDER BY id",
        uuid.UUID(user.id))


def test_a_charge_that_leaves_too_little_buys_one_pack_and_no_second_within_an_hour(module_service):
    early_in_a_month(module_service)
    user = payer(module_service)
    assert user.get(PATH).json["enabled"] is False and user.get(PATH).json["pack_id"] is None
    told = agree(user)
    assert (told["enabled"], told["price"], told["credits"], told["below"]) == (
        True, "5.00", "100.00", "10.00")
    user.service.advance(1)
    # Neither the consent nor a hold nor a release is a charge.
    held = user.validate().json["usage_id"]
    failed = user.commit(held, False, failure={"failure_type": "timeout", "reason": "x"})
    assert failed.status == 200
    user.service.advance(1)
    assert left(user) == "5.00" and invoices(user) == []
    run_low(user)
    assert left(user) == "104.00" and invoices(user) == [("paid", 500)]
    assert [grant["is_paid"] for grant in grants(user)] == [True]
    assert mails(user) == [BOUGHT] and user.get(PATH).json["bought_this_month"] == 1
    # With the pack there, only a higher mark is passed.
    agree(user, below="1000")
    run_low(user)
    assert invoices(user) == [("paid", 500)]
    user.service.advance(3600)
    # What was held back is not made up later.
    assert invoices(user) == [("paid", 500)]
    run_low(user)
    assert len(invoices(user)) == 2
    user.service.advance(3600)
    run_low(user)
    user.service.advance(3600)
    run_low(user)
    assert len(invoices(user)) == 3 and user.get(PATH).json["bought_this_month"] == 3
    assert journal(user) == [(1, None), (1, None)]


def test_a_bare_token_agrees_to_nothing_and_lowers_what_it_likes(module_service):
    user = payer(module_service)
    assert put(user).code == "reauthentication_required"
    assert put(user, current_password="Wrong-0ne").code == "wrong_password"
    assert user.get(PATH).json["enabled"] is False
    agree(user)
    for more in ({"below": "10.01"}, {"monthly_maximum": 4}, {"pack_id": LASTING}):
        assert (put(user, **more).status, put(user, **more).code) == (
            403, "reauthentication_required"), more
    assert put(user, below="9", monthly_maximum=2).status == 200
    assert put(user, enabled=False).json["off_reason"] == "user"
    assert put(user, enabled=True).code == "reauthentication_required"
    run_low(user)
    assert invoices(user) == []


def test_of_another_providers_users_a_fresh_sign_in_is_asked_for(module_service):
    service = module_service
    now = service.time
    call = lambda **claims: service.call("PUT", PATH, ON, {
        "Authorization": "Bearer " + PROVIDER.token(now, sub="top-up-1", **claims)})
    for claims in ({}, {"auth_time": now - 601}, {"auth_time": now + 120}):
        assert call(**claims).code == "reauthentication_required", claims
    assert call(auth_time=now - 500).code == "no_payment_method"


def test_who_has_no_plan_tops_up_with_a_card_saved_with_a_pack(module_service):
    user = module_service.sign_up()
    opened(user)
    settle(module_service)
    assert put(user, current_password=PASSWORD).code == "no_payment_method"
    opened(user, action="keep")
    settle(module_service)
    agree(user, below="1000")
    run_low(user)
    assert len(grants(user)) == 3 and left(user) == "324.00"


BAD = [
    ({"below": "0"}, "below"), ({"below": "-1"}, "below"), ({"below": 5}, "below"),
    ({"monthly_maximum": 0}, "monthly_maximum"), ({"monthly_maximum": 11}, "monthly_maximum"),
    ({"enabled": "yes"}, "enabled"), ({"pack_id": "x"}, "pack_id"),
]


def test_bad_input_is_refused_with_its_place(module_service):
    user = module_service.sign_up()
    for more, name in BAD:
        answer = put(user, **more)
        assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", name]), more
    assert put(user, pack_id=str(uuid.uuid4())).code == "pack_not_found"
    assert put(user, current_password=PASSWORD).code == "no_payment_method"
    assert user.get(PATH).json["enabled"] is False


def test_a_card_that_declines_is_tried_four_times_with_two_mails_and_goes_off(own_service):
    user = payer(own_service)
    agree(user, monthly_maximum=1)
    set_card(user, "decline")
    run_low(user)
    assert mails(user) == [DECLINED] and invoices(user) == [("open", 500)]
    [mail] = [mail for mail in own_service.mail(user.email) if mail["subject"] == DECLINED]
    assert "/i/in_" in mail["text"]
    assert user.get(PATH).json["next_try_at"]
    run_low(user)
    assert len(tries(user)) == 1
    for number in (2, 3, 4):
        own_service.advance(DAY)
        assert len(tries(user)) == number
    assert mails(user) == [DECLINED, OFF] and invoices(user) == [("void", 500)]
    assert user.get(PATH).json["off_reason"] == "card_declined"
    assert put(user, current_password=PASSWORD).code == "card_declined"
    set_card(user, "ok")
    own_service.advance(DAY)
    agree(user)
    run_low(user)
    # Tries that failed do not count to the maximum.
    assert left(user) > "100" and mails(user) == [DECLINED, OFF, BOUGHT]
    assert journal(user) == [(1, None), (0, "card_declined"), (1, None)]


def tries(user):
    return {request["idempotency_key"] for request in requests(user.service)
            if request["path"].endswith("/pay")}


def test_a_failed_top_up_can_be_paid_on_its_page_until_it_is_given_up(own_service):
    late_in_a_month(own_service)
    user = payer(own_service)
    agree(user)
    set_card(user, "authenticate")
    run_low(user)
    assert mails(user) == [DECLINED]
    [invoice] = [invoice for invoice in sdk(own_service).v1.invoices.list().data
                 if invoice.status == "open"]
    own_service.advance(DAY - int(own_service.now) % DAY)
    assert press(invoice.hosted_invoice_url, "authenticate")[0] == 303
    settle(own_service)
    assert left(user) == "104.00" and mails(user) == [DECLINED, BOUGHT]
    # It counts in the month in which it is paid.
    assert user.get(PATH).json["bought_this_month"] == 1
    own_service.advance(2 * DAY)
    assert len(grants(user)) == 1 and mails(user) == [DECLINED, BOUGHT]


def test_what_is_switched_off_while_a_card_declines_is_given_up(own_service):
    user = payer(own_service)
    agree(user)
    set_card(user, "decline")
    run_low(user)
    assert put(user, enabled=False).status == 200
    set_card(user, "ok")
    own_service.advance(2 * DAY)
    assert invoices(user) == [("void", 500)] and left(user) == "4.00"
    assert mails(user) == [DECLINED]


def test_money_that_goes_back_switches_it_off(module_service):
    service = module_service
    for happens in ("refund", "dispute", "own"):
        user = payer(service)
        session = bought(service, user)
        agree(user, below="1000")
        if happens == "refund":
            give_back(service, session)
        elif happens == "dispute":
            dispute(service, session)
        else:
            run_low(user)
            [paid] = [invoice for invoice in sdk(service).v1.invoices.list(
                {"customer": customer(user)}).data if "cuebx_top_up_id" in invoice.metadata]
            knob(service, "/_test/refunds", {"invoice": paid.id, "amount": 250})
            settle(service)
            assert grants(user)[1]["taken_back"] == "50.00"
        told = user.get(PATH).json
        assert (told["enabled"], told["off_reason"]) == (False, "money_returned"), happens
        assert OFF in mails(user)
        agree(user, below="1")
        service.advance(1)
        assert user.get(PATH).json["enabled"] is True


def test_nothing_is_bought_past_due_or_for_who_is_locked_out(own_service):
    service = own_service
    user, locked = payer(service), payer(service)
    agree(user)
    agree(locked)
    running = locked.validate().json["usage_id"]
    assert service.command("users", "deactivate", "--keep-billing", locked.email).returncode == 0
    assert locked.commit(running).status == 200
    set_card(user, "decline")
    service.advance(8 * DAY)
    assert user.subscription["status"] == "past_due"
    run_low(user)
    assert invoices(user) == [] and invoices(locked) == []
    assert mails(user) == [] and user.get(PATH).json["enabled"] is True


def test_a_pack_that_is_sold_otherwise_switches_it_off_with_a_mail(own_service, tmp_path):
    service = own_service
    user, other = payer(service), payer(service)
    agree(user)
    agree(other, pack_id=LASTING)
    catalog = (ROOT / "catalog.json").read_text()
    changed = tmp_path / "catalog.json"
    changed.write_text(catalog.replace('"price": "5.00"', '"price": "6.00"'))
    assert changed.read_text() != catalog
    assert service.command("catalog", "sync", CATALOG=str(changed)).returncode == 0
    service.advance(1)
    assert user.get(PATH).json["off_reason"] == "pack_changed" and mails(user) == [OFF]
    assert other.get(PATH).json["enabled"] is True and mails(other) == []
    run_low(user)
    assert invoices(user) == []


def test_many_charges_at_once_buy_once(own_service):
    user = payer(own_service)
    user.adjust("20")
    agree(user, below="24.5")
    together(8, lambda _: user.spend())
    own_service.advance(1)
    assert invoices(user) == [("paid", 500)] and len(grants(user)) == 1


FAULTS = [
    {"kind": "stored", "times": 1, "acts": True}, {"kind": "stored", "times": 1, "acts": False},
    {"kind": "drop_after", "times": 3}, {"kind": "drop_before", "times": 3},
]


def test_wherever_stripe_fails_between_two_calls_one_pack_is_charged_and_granted(own_service):
    users = {}
    for path in ("/v1/invoices", "/v1/invoiceitems", "/v1/invoices/in_"):
        for fault in FAULTS:
            user = payer(own_service)
            agree(user)
            knob(own_service, "/_test/faults", {"method": "POST", "path_prefix": path, **fault})
            run_low(user)
            users[user] = (path, fault)
    own_service.advance(301)
    own_service.advance(301)
    for user, case in users.items():
        assert [status for status, _ in invoices(user)].count("paid") == 1, case
        assert (left(user), mails(user)) == ("104.00", [BOUGHT]), case


def test_a_deletion_takes_all_of_it_along(module_service):
    service = module_service
    user = payer(service)
    agree(user)
    run_low(user)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    for table in ("automatic_top_ups", "automatic_top_up_changes", "top_up_purchases"):
        assert service.rows(f"SELECT 1 FROM {table} WHERE user_id = ?", uuid.UUID(user.id)) == []


def test_a_deletion_voids_the_invoice_that_a_card_did_not_pay(module_service):
    user = payer(module_service)
    agree(user)
    set_card(user, "decline")
    run_low(user)
    [invoice] = [invoice for invoice in sdk(module_service).v1.invoices.list(
        {"customer": customer(user)}).data if invoice.status == "open"]
    assert module_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert sdk(module_service).v1.invoices.retrieve(invoice.id).status == "void"


def test_an_invoice_that_stripe_refuses_to_make_is_a_decline(own_service):
    for path in ("/v1/invoices", "/v1/invoiceitems"):
        user = payer(own_service)
        agree(user)
        knob(own_service, "/_test/faults", {
            "method": "POST", "path_prefix": path, "kind": "status", "status": 400, "times": 1})
        run_low(user)
        assert mails(user) == [DECLINED] and left(user) == "4.00", path
        assert user.get(PATH).json["next_try_at"]
        own_service.advance(DAY)
        assert mails(user) == [DECLINED, BOUGHT] and left(user) == "104.00", path


def give(user, grant):
    return user.post(f"/career/credits/top-ups/{grant['id']}/refund")


def refunds(service):
    return [refund.amount for refund in sdk(service).v1.refunds.list().data]


def test_bought_credits_are_given_back_with_their_money(own_service):
    user = payer(own_service)
    bought(own_service, user)
    agree(user, below="1000")
    run_low(user)
    by_hand, by_itself = grants(user)
    user.adjust("20")
    for number, grant in enumerate((by_hand, by_itself), start=1):
        for _ in range(2):
            answer = give(user, grant)
            assert (answer.status, answer.json["status"]) == (200, "returned"), answer
        assert refunds(own_service) == [500] * number
    assert [grant["taken_back"] for grant in grants(user)] == ["100.00", "100.00"]
    assert left(user) == "24.00"
    told = user.get(PATH).json
    assert (told["enabled"], told["off_reason"]) == (False, "money_returned")
    # A refund that fails afterwards gives the credits again.
    [refund, _] = sdk(own_service).v1.refunds.list().data
    knob(own_service, "/_test/refunds", {"refund": refund.id, "status": "failed"})
    settle(own_service)
    assert left(user) == "124.00"


def test_what_cannot_be_given_back_is_told_why(own_service):
    service = own_service
    user, other = payer(service), service.sign_up()
    user.adjust("-5")
    bought(service, user)
    [grant] = grants(user)
    running = user.validate().json["usage_id"]
    assert give(user, grant).code == "top_up_used"
    assert give(other, grant).code == "top_up_not_found"
    assert give(user, {"id": uuid.uuid4()}).code == "top_up_not_found"
    user.give("5")
    [gift] = [grant for grant in grants(user) if grant["source"] == "promotion"]
    assert give(user, gift).code == "top_up_not_found"
    assert user.commit(running).status == 200
    assert give(user, grant).code == "top_up_used"
    disputed = bought(service, user)
    dispute(service, disputed)
    assert give(user, grants(user)[-1]).code == "top_up_disputed"
    bought(service, user)
    service.advance(14 * DAY)
    assert give(user, grants(user)[-1]).code == "too_late"
    assert refunds(service) == []


def test_a_pack_whose_refund_is_on_its_way_stays_frozen(own_service):
    service = own_service
    user = payer(service)
    user.adjust("-5")
    session = bought(service, user)
    [grant] = grants(user)
    pending = knob(service, "/_test/refunds", {
        "payment_intent": payment(service, session), "status": "pending"})
    # Stripe refuses another: this one counts.
    assert give(user, grant).json["status"] == "pending"
    settle(service)
    assert user.validate().json["code"] == "quota_exceeded"
    assert give(user, grant).json["status"] == "pending"
    knob(service, "/_test/refunds", {"refund": pending["id"], "status": "failed"})
    settle(service)
    assert left(user) == "100.00"


def test_a_refund_that_stripe_does_not_answer_is_finished(own_service):
    service = own_service
    for kind in ("status", "stored"):
        user = payer(service)
        user.adjust("-5")
        bought(service, user)
        [grant] = grants(user)
        knob(service, "/_test/faults", {
            "method": "POST", "path_prefix": "/v1/refunds", "kind": kind,
            "times": 1 if kind == "stored" else 3})
        assert give(user, grant).status in (502, 503), kind
        assert user.validate().json["code"] == "quota_exceeded"
        service.advance(301)
        assert grants(user)[0]["taken_back"] == "100.00", kind
        assert give(user, grant).json["status"] == "returned"


def own_invoice(service, user):
    """The latest that was made for an automatic top-up of the user's."""
    return next(invoice for invoice in sdk(service).v1.invoices.list(
        {"customer": customer(user)}).data if "cuebx_top_up_id" in invoice.metadata)


def open_another(service, user, purchase):
    """An invoice that names a purchase and can be paid beside the purchase's own."""
    v1 = sdk(service).v1
    made = v1.invoices.create({
        "customer": customer(user), "currency": "usd", "auto_advance": False,
        "collection_method": "charge_automatically", "pending_invoice_items_behavior": "exclude",
        "metadata": {"user_id": user.id, "cuebx_top_up_id": str(purchase)}})
    v1.invoice_items.create({
        "customer": customer(user), "invoice": made.id, "amount": 500, "currency": "usd",
        "description": "100 credits"})
    return v1.invoices.finalize_invoice(made.id, {"auto_advance": False}).id


def test_a_dispute_of_what_is_being_given_back_switches_it_off_once(own_service):
    service = own_service
    for sold in ("by hand", "by itself"):
        user = payer(service)
        if sold == "by hand":
            what = {"payment_intent": payment(service, bought(service, user))}
            agree(user, below="1000")
        else:
            agree(user)
            run_low(user)
            what = {"invoice": own_invoice(service, user).id}
        user.adjust("-5" if sold == "by hand" else "-4")
        pending = knob(service, "/_test/refunds", {**what, "status": "pending"})
        assert give(user, grants(user)[0]).json["status"] == "pending", sold
        settle(service)
        assert user.get(PATH).json["enabled"] is True, sold
        knob(service, "/_test/disputes", what)
        settle(service)
        told = user.get(PATH).json
        assert (told["enabled"], told["off_reason"]) == (False, "money_returned"), sold
        # Who agrees anew has agreed: the same dispute, heard of again, changes nothing.
        agree(user, below="1")
        knob(service, "/_test/refunds", {"refund": pending["id"], "status": "failed"})
        settle(service)
        assert user.get(PATH).json["enabled"] is True and mails(user).count(OFF) == 1, sold


def test_what_stands_otherwise_at_stripe_is_heard_of_or_found(own_service):
    service = own_service
    heard, paid, gone, left_open, lost = (payer(service) for _ in range(5))
    for user in (heard, paid, gone, left_open):
        agree(user)
        set_card(user, "decline")
        run_low(user)
    agree(lost)
    run_low(lost)
    status = lambda user: service.rows(
        "SELECT status FROM top_up_purchases WHERE user_id = ?", uuid.UUID(user.id))
    void = sdk(service).v1.invoices.void_invoice
    # An operator's void is heard of at once.
    void(own_invoice(service, heard).id)
    settle(service)
    assert status(heard) == [("given_up",)] and status(gone) == [("open",)]
    own = {user: own_invoice(service, user).id for user in (paid, gone, left_open, lost)}
    purchase = lambda user: service.rows(
        "SELECT id FROM top_up_purchases WHERE user_id = ?", uuid.UUID(user.id))[0][0]
    # That of another invoice which names the purchase ends nothing.
    void(open_another(service, gone, purchase(gone)))
    settle(service)
    assert status(gone) == [("open",)]
    assert reconcile(service).returncode == 0
    knob(service, "/_test/webhooks", {"drop_first": 1000})
    set_card(paid, "ok")
    assert press(own_invoice(service, paid).hosted_invoice_url, "pay")[0] == 303
    void(own[gone])
    service.write("UPDATE top_up_purchases SET status = 'given_up' WHERE user_id = ?",
                  uuid.UUID(left_open.id))
    known = purchase(lost)
    rename = lambda id: service.write(
        "UPDATE top_up_purchases SET id = ? WHERE user_id = ?", id, uuid.UUID(lost.id))
    rename(uuid.uuid4())
    wrong = {
        paid: "paid for 100 credits, which is not granted here",
        gone: "is void at Stripe, and its automatic top-up is awaited here",
        left_open: "can still be paid for an automatic top-up that is over here",
        lost: "paid for an automatic top-up that nobody here has"}
    seen = reconcile(service)
    assert seen.returncode == 1 and len(seen.stdout.splitlines()) == len(wrong) + 1, seen
    for user, words in wrong.items():
        assert f"user {user.id}: {own[user]} {words}" in seen.stdout, seen
    assert reconcile(service, "--repair").returncode == 0
    assert left(paid) == "104.00" and status(gone) == [("given_up",)]
    assert sdk(service).v1.invoices.retrieve(own[left_open]).status == "void"
    assert reconcile(service).returncode == 0
    # What can be paid beside a purchase that is paid, and for one that nobody here has, is voided.
    others = {user: open_another(service, user, id)
              for user, id in ((paid, purchase(paid)), (lost, known))}
    seen = reconcile(service)
    assert seen.returncode == 1 and len(seen.stdout.splitlines()) == len(others) + 1, seen
    for user, id in others.items():
        assert f"user {user.id}: {id} can still be paid for an automatic top-up" in seen.stdout, seen
    assert reconcile(service, "--repair").returncode == 0
    assert [own_invoice(service, user).status for user in others] == ["void", "void"]
    assert reconcile(service).returncode == 0
    knob(service, "/_test/refunds", {"invoice": own[paid], "amount": 250})
    knob(service, "/_test/disputes", {"invoice": own[paid], "amount": 250})
    mended = reconcile(service, "--repair")
    assert "had money back at Stripe for 50.00 credits, here for 0.00" in mended.stdout
    assert grants(paid)[0]["is_frozen"] and grants(paid)[0]["taken_back"] == "50.00"
    assert reconcile(service).returncode == 0
    rename(known)
