"""What is left of a user who has deleted their account: a keyed hash, and nothing else."""

import json
import time
import uuid

from conftest import PASSWORD, PLUS, Service
from test_identity import email
from test_payments import post_event


def everything(service):
    """All rows of all tables as text, ids in the form that messages have them in."""
    tables = service.tables
    assert "users" in tables
    return [f"{table}: {' '.join(map(str, row))}" for table, rows in tables.items() for row in rows]


def traces(service, user):
    return [line for line in everything(service)
            if user.id in line or user.email.lower() in line.lower()]


def letter(service, queue, body, reason=None, user=None):
    """A dead letter, or with no reason a message that is due in a thousand years; with no user one
    of those that the version before messages named their account enqueued."""
    now = int(time.time() * 1_000_000)
    far = now + 1_000 * 365 * 86_400 * 1_000_000
    service.write(
        """INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
            leased_until, died_at, account_id)
        VALUES (?, ?, ?, 0, ?, ?, ?, 0, ?, ?)""", uuid.uuid4(), queue,
        json.dumps(body, separators=(",", ":")), reason, now, far, now if reason else None,
        user and uuid.UUID(user.id))


def test_deletion_leaves_nothing_that_names_the_user(own_service):
    service = own_service
    address = "Ada." + email()
    # Until it is verified an address may be written anew, in another case.
    for text in (address, address.upper()):
        service.call("POST", "/auth/signup", {"email": text, "password": PASSWORD})
    user = service.sign_up("aDA." + address.removeprefix("Ada."))
    service.call("POST", "/auth/password/reset", {"email": address})
    user.spend()
    user.validate()
    user.adjust("1.50")
    pages = {"success_url": "https://x.test/s", "cancel_url": "https://x.test/c"}
    checkout = user.post("/career/subscriptions/checkout", {"plan_id": PLUS, **pages})
    assert checkout.status == 200
    # A pack's page, a code that was redeemed and a wrong one.
    pack = "0198c0de-0000-7000-8000-000000000101"
    assert user.post("/career/credits/checkout", {"pack_id": pack, **pages}).status == 200
    assert service.command("codes", "add", "A", "--credits", "1", "--total", "1").returncode == 0
    assert [user.post("/career/credits/redeem", {"code": code}).status
            for code in ("A", "B")] == [200, 404]
    assert traces(service, user)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    # What Stripe tells of it is worked off too.
    service.advance(0)
    assert traces(service, user) == []


def test_deletion_reaches_messages_and_dead_letters(own_service):
    service = own_service
    user, other = service.sign_up(), service.sign_up()
    (mail,), = service.rows("SELECT id FROM mails WHERE recipient = ?", user.email)
    commit = {"user_id": user.id, "usage_id": str(uuid.uuid4()), "success": True}
    paid = {"event": "evt_1", "session": "cs_1", "subscription": "sub_1", "user": user.id}
    for reason in (None, f"refused for {user.id}"):
        letter(service, "career_usage_commits", commit, reason)
        letter(service, "stripe_checkout_completed", paid, reason)
    letter(service, "career_emails", {"mail": str(mail)},
           f"550 no such user {user.email}")
    letter(service, "career_usage_commits", {**commit, "user_id": other.id}, "another's")
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert traces(service, user) == []
    # Money hangs on what Stripe told: an operator can still try it again, without our id.
    left = service.rows("SELECT queue, body, died_at IS NOT NULL FROM messages ORDER BY 3, 1")
    anonymous = {**paid, "user": None}
    assert [(queue, json.loads(body), is_dead) for queue, body, is_dead in left] == [
        ("stripe_checkout_completed", anonymous, 0),
        ("career_usage_commits", {**commit, "user_id": other.id}, 1),
        ("stripe_checkout_completed", anonymous, 1)]


def test_deletion_finds_messages_by_the_account_that_they_are_about(own_service):
    service = own_service
    user, other = service.sign_up(), service.sign_up()
    for one in (user, other):
        for reason in (None, f"refused for {user.id}"):
            # Nothing of the body tells whose a mail or a commit is.
            letter(service, "career_usage_commits", {"of": "somebody"}, reason, one)
            letter(service, "career_emails", {"mail": str(uuid.uuid4())}, reason, one)
            letter(service, "stripe_checkout_completed", {"user": one.id}, reason, one)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert traces(service, user) == []
    left = service.rows("SELECT queue, account_id, count(*) FROM messages GROUP BY 1, 2")
    assert sorted(left, key=str) == sorted([
        ("career_usage_commits", uuid.UUID(other.id), 2),
        ("career_emails", uuid.UUID(other.id), 2),
        ("stripe_checkout_completed", uuid.UUID(other.id), 2),
        ("stripe_checkout_completed", None, 2)], key=str)
    assert service.rows(
        """SELECT DISTINCT body FROM messages
        WHERE queue = 'stripe_checkout_completed' AND account_id IS NULL""") == [('{"user":null}',)]


def test_a_message_names_its_request_and_its_account_beside_its_body(tmp_path):
    service = Service(tmp_path, SMTP_URL="smtp://127.0.0.1:9").start("--no-worker")
    user = service.sign_up()
    service.rows("DELETE FROM messages")
    usage = user.validate().json["usage_id"]

    def name(request):
        return {"X-Request-ID": request}

    user.commit(user.validate().json["usage_id"], headers=name("at-once"))
    user.commit(usage, headers={"Prefer": "respond-async", **name("commit")})
    service.call("POST", "/auth/password/reset", {"email": user.email}, headers=name("reset"))
    requests = {}
    for kind, more in (("checkout.session.completed", {"client_reference_id": user.id}),
                       ("checkout.session.expired", {"client_reference_id": "a payment link's"}),
                       ("customer.subscription.updated", {})):
        requests[kind] = post_event(service, {
            "id": f"evt_{kind}", "object": "event", "type": kind, "created": int(time.time()),
            "livemode": False, "data": {"object": {"id": "x", **more}}}).headers["x-request-id"]
    rows = service.rows("SELECT queue, request_id, account_id FROM messages")
    theirs = uuid.UUID(user.id)
    assert sorted(rows, key=str) == sorted([
        ("career_usage_commits", "commit", theirs), ("career_emails", "reset", theirs),
        ("stripe_checkout_completed", requests["checkout.session.completed"], theirs),
        ("stripe_checkout_completed", requests["checkout.session.expired"], None),
        ("stripe_subscription_updated", requests["customer.subscription.updated"], None)], key=str)
    assert not [body for body, in service.rows("SELECT body FROM messages")
                if "request_id" in body]
    # Whom the deletion hands over to Stripe is named by Stripe's id alone.
    service.write("UPDATE subscriptions SET stripe_customer_id = 'cus_gone'")
    answer = service.call("DELETE", "/auth/me", headers={**user.auth, **name("deletion")})
    assert answer.status == 200
    assert traces(service, user) == []
    assert service.rows("SELECT body, request_id, account_id FROM messages "
                        "WHERE queue = 'stripe_subscription_deleted'") \
        == [('{"erased_customer":"cus_gone"}', "deletion", None)]
    service.stop()


def test_deletion_reaches_what_the_operator_is_told(own_service):
    service = own_service
    user, other = service.sign_up(), service.sign_up()
    for number, subject in enumerate((f"invoice of {user.id}", f"of {user.email}", other.id)):
        service.write(
            """INSERT INTO operator_notices (id, kind, subject, text, created_at)
            VALUES (?, 'kind', ?, ?, 1)""", uuid.uuid4(), subject,
            f"in_{number} of user {user.id}, {user.email}, was paid and nothing is granted")
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert traces(service, user) == []
    notices = service.rows("SELECT subject, text FROM operator_notices ORDER BY text")
    assert len(notices) == 3 and [text[:4] for _, text in notices] == ["in_0", "in_1", "in_2"]
    assert all("a deleted user" in text for _, text in notices) and notices[2][0] == other.id


def test_a_mail_that_waits_for_its_server_goes_with_its_user(tmp_path):
    # Nothing listens there, so the mail is tried again later.
    service = Service(tmp_path, SMTP_URL="smtp://127.0.0.1:9").start()
    user = service.sign_up()
    queued = "SELECT count(*) FROM messages WHERE queue = 'career_emails'"
    assert service.rows(queued) == [(1,)]
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert service.rows(queued) == [(0,)]
    assert traces(service, user) == []
    service.stop()


def test_a_user_with_hundreds_of_mails_can_be_deleted(own_service):
    service = own_service
    user = service.sign_up()
    for _ in range(150):
        mail = uuid.uuid4()
        service.write(
            """INSERT INTO mails (id, recipient, subject, text, html, created_at)
            VALUES (?, ?, 's', 't', 'h', ?)""", mail, user.email, int(time.time() * 1_000_000))
        letter(service, "career_emails", {"mail": str(mail)})
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert traces(service, user) == []
    assert service.rows("SELECT count(*) FROM messages WHERE queue = 'career_emails'") == [(0,)]


def test_deletion_leaves_others_mails_alone(service):
    user, other = service.sign_up(), service.sign_up()
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert service.mail(user.email) == [] and len(service.mail(other.email)) == 1
