"""The mails: what they say, in text and in HTML, when, and how they leave."""

import asyncio
import email
import email.policy
import html
import queue
import re
import socket
import sqlite3
import threading
import uuid

import pytest
from aiosmtpd.smtp import SMTP

from conftest import DAY, PASSWORD, PLUS_YEARLY, PRO, Service, together
from test_payments import buy, checkout, knob, press, sdk, settle

NAME = 'Ada "A&B" <b>x</b>'
SENDER = "Carrière <no-reply@career.example.test>"
CODE_MAIL = "Your CueBX Career code"


def words_of_html(page):
    page = re.sub(r"<head>.*?</head>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page)).split()


def words_of_text(text):
    # A link is words and an address in text, and words alone in HTML; "--" sets the signature off.
    words = re.sub(r"Open the invoice: \S+", "Open the invoice", text).split()
    return [word for word in words if word != "--"]


def read(service, address):
    """The mails to an address, each held to what is true of all of them."""
    mails = service.mail(address)
    for mail in mails:
        page = mail["html"]
        assert words_of_html(page) == words_of_text(mail["text"])
        assert page.startswith("<!DOCTYPE html>") and "color-scheme" in page
        assert f"<title>{html.escape(mail['subject'], quote=False)}</title>" in page
        # Nothing is fetched when it is opened.
        assert not re.search(r"src=|url\(|@import|<link|<script", page)
        assert "{{" not in mail["subject"] + mail["text"] + page
    return mails


def subjects(service, user):
    """Without the first, which had the code; days are made alike."""
    found = [re.sub(r"\d{4}-\d\d-\d\d", "DAY", mail["subject"])
             for mail in read(service, user.email)]
    assert found[0] == CODE_MAIL
    return found[1:]


# What they say, and when


def test_a_code_is_mailed_in_text_and_html_and_is_its_only_number_of_six_digits(service):
    user = service.sign_up()
    service.call("POST", "/auth/password/reset", {"email": user.email})
    first, second = read(service, user.email)
    assert (first["subject"], second["subject"]) \
        == (CODE_MAIL, "Reset your CueBX Career password")
    for mail in (first, second):
        assert mail["to"] == user.email
        codes = re.findall(r"\b\d{6}\b", mail["text"])
        assert len(codes) == 1 and re.findall(r"\b\d{6}\b", mail["html"]) == codes
        assert "10 minutes" in mail["text"]


def test_a_stranger_cannot_have_words_of_theirs_mailed(service):
    user = service.sign_up(full_name="Win a prize at evil.example")
    assert "evil" not in str(read(service, user.email))


def test_a_code_goes_to_the_address_as_its_account_has_it(service):
    user = service.sign_up()
    service.call("POST", "/auth/password/reset", {"email": user.email.upper()})
    assert [mail["to"] for mail in read(service, user.email)] == [user.email] * 2


def test_a_name_is_a_name_in_text_and_in_html(service):
    user = service.sign_up(full_name=NAME)
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    body = {"current_password": PASSWORD, "new_password": "Newer-Pass1"}
    assert service.call("POST", "/auth/password/change", body, headers=headers).status == 200
    service.call("POST", "/auth/signup", {"email": user.email, "password": PASSWORD})
    assert subjects(service, user) == [
        "Your CueBX Career password was changed", "You already have a CueBX Career account"]
    for mail in read(service, user.email)[1:]:
        assert mail["text"].startswith(f"Hello {NAME},\n")
        assert "Hello Ada &quot;A&amp;B&quot; &lt;b&gt;x&lt;/b&gt;," in mail["html"]
        assert "<b>" not in mail["html"]


def test_without_a_name_the_greeting_has_none(service, user):
    service.call("POST", "/auth/signup", {"email": user.email, "password": PASSWORD})
    assert read(service, user.email)[-1]["text"].startswith("Hello,\n")


def test_each_turn_of_a_subscription_is_told_of_once(own_service):
    user = own_service.sign_up(full_name=NAME)
    buy(own_service, user)
    bought = read(own_service, user.email)[-1]["text"]
    assert "500.00 credits" in bought and "$20 / month is charged" in bought
    later = own_service.sign_up()
    buy(own_service, later, PRO)
    assert later.post(
        "/career/subscriptions/downgrade", {"new_plan_id": PLUS_YEARLY}).status == 200
    settle(own_service)
    own_service.advance(5 * DAY)
    soon = read(own_service, user.email)[-1]["text"]
    assert user.subscription["trial_end"][:10] in soon
    assert "Then Plus begins, and $20 / month is charged" in " ".join(soon.split())
    told = " ".join(read(own_service, later.email)[-1]["text"].split())
    assert "trial of Pro ends on" in told
    assert "Then Plus yearly begins, and $200 / year is charged" in told
    own_service.advance(3 * DAY)
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    settle(own_service)
    assert user.balance["credits_allocated"] in read(own_service, user.email)[-1]["text"]
    end = user.subscription["current_period_end"][:10]
    user.post("/career/subscriptions/cancel")
    settle(own_service)
    assert f"You keep it until {end}" in read(own_service, user.email)[-1]["text"]
    own_service.advance(31 * DAY)
    assert subjects(own_service, user) == [
        "Your Plus plan is active", "Your trial ends on DAY", "You are now on Pro",
        "Your plan ends on DAY", "Your paid plan has ended"]
    for mail in read(own_service, user.email)[1:]:
        assert mail["text"].startswith(f"Hello {NAME},\n") and "<b>" not in mail["html"]


def test_who_has_canceled_the_trial_is_not_told_that_they_will_be_charged(own_service):
    user = own_service.sign_up()
    buy(own_service, user)
    user.post("/career/subscriptions/cancel")
    own_service.advance(6 * DAY)
    assert subjects(own_service, user) == ["Your Plus plan is active", "Your plan ends on DAY"]


@pytest.mark.parametrize("knobs,subject", [
    ({"card": "decline"}, "Your payment failed"),
    ({"next_charge": "authenticate"}, "Please confirm your payment")])
def test_a_payment_that_did_not_go_through_comes_with_a_link_to_its_invoice(
        own_service, knobs, subject):
    user = own_service.sign_up()
    buy(own_service, user)
    own_service.advance(6 * DAY)
    client = sdk(own_service)
    customer = client.v1.subscriptions.list().data[0].customer
    knob(own_service, f"/_test/customers/{customer}", knobs)
    # The trial ends, and the draft of the first invoice is charged an hour later.
    own_service.advance(DAY + 2 * 3600)
    assert user.subscription["status"] == "past_due"
    mail = [mail for mail in read(own_service, user.email) if mail["subject"] == subject][-1]
    invoice = client.v1.invoices.list({"customer": customer, "status": "open"}).data[0]
    assert f"Open the invoice: {invoice.hosted_invoice_url}\n" in mail["text"]
    assert f'<a href="{html.escape(invoice.hosted_invoice_url)}"' in mail["html"]
    assert "Plus" in mail["text"]


def test_a_refund_is_told_of(own_service):
    user = own_service.sign_up()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    subscription = sdk(own_service).v1.subscriptions.list().data[0]
    knob(own_service, "/_test/refunds", {"invoice": subscription.latest_invoice})
    settle(own_service)
    assert subjects(own_service, user)[-1] == "Your payment was returned"


# Credits that are used up

NEARLY, ALL = "You have used 80 % of your credits", "You have used all of your credits"


def test_the_80th_and_the_100th_percent_of_the_credits_are_told_of_once_each(service):
    user = service.sign_up(full_name=NAME)
    assert user.adjust("-20.00").returncode == 0
    told = []
    for _ in range(5):
        assert user.spend().status == 200
        told.append(subjects(service, user))
    assert told == [[], [], [], [NEARLY], [NEARLY, ALL]]
    nearly, used_up = read(service, user.email)[1:]
    assert "4.00 of the 5.00 credits" in nearly["text"]
    assert "all 5.00 credits" in used_up["text"]
    for mail in (nearly, used_up):
        assert user.balance["period_end"][:10] in mail["text"]
        assert mail["text"].startswith(f"Hello {NAME},\n") and "<b>" not in mail["html"]
    assert user.validate().code == "quota_exceeded"
    assert subjects(service, user) == [NEARLY, ALL]


def test_a_commit_that_passes_both_marks_tells_of_the_last_alone(service):
    user = service.sign_up()
    user.adjust("-24.00")
    user.spend()
    assert subjects(service, user) == [ALL]


def test_a_reserved_call_that_fails_is_not_told_of(service):
    user = service.sign_up()
    user.adjust("-24.00")
    usage = user.validate().json["usage_id"]
    assert user.balance["credits_remaining"] == "0.00"
    assert user.commit(usage, success=False).status == 200
    assert subjects(service, user) == []
    # The same credit, spent after all, is.
    user.spend()
    assert subjects(service, user) == [ALL]


def test_a_repeated_commit_is_told_of_once(service):
    user = service.sign_up()
    user.adjust("-24.00")
    usage = user.validate().json["usage_id"]
    answers = together(10, lambda _: user.commit(usage))
    assert {answer.status for answer in answers} == {200}
    assert user.commit(usage, success=False).status == 409
    assert subjects(service, user) == [ALL]


def test_a_queued_commit_is_told_of_like_any_other(own_service):
    user = own_service.sign_up()
    user.adjust("-24.00")
    usage = user.validate().json["usage_id"]
    assert user.commit(usage, headers={"Prefer": "respond-async"}).status == 202
    own_service.advance(1)
    assert user.balance["credits_used"] == "1.00"
    assert subjects(own_service, user) == [ALL]


def test_credits_granted_on_top_can_be_used_up_once_more(service):
    user = service.sign_up()
    user.adjust("-24.00")
    user.spend()
    user.adjust("4.00")
    for _ in range(3):
        user.spend()
    assert subjects(service, user) == [ALL, NEARLY]


def test_each_period_is_told_of(own_service):
    user = own_service.sign_up()
    user.adjust("-24.00")
    user.spend()
    own_service.advance(32 * DAY)
    user.adjust("-24.00")
    user.spend()
    assert subjects(own_service, user) == [ALL, ALL]


def test_a_process_that_is_killed_after_a_commit_has_told_of_it_once(tmp_path):
    service = Service(tmp_path).start()
    user = service.sign_up()
    user.adjust("-24.00")
    usage = user.validate().json["usage_id"]
    assert user.commit(usage).status == 200
    service.kill()
    service.start()
    assert user.commit(usage).status == 200
    assert subjects(service, user) == [ALL]
    assert service.audit().returncode == 0
    service.stop()


# How they leave


class MailServer:
    """An SMTP server on a loopback port of its own, which is taken but closed until it starts."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.arrived = queue.Queue()
        # What it says to each recipient, where it refuses them.
        self.refusal = None
        self.loop = None

    def start(self):
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.loop.create_server(
            lambda: SMTP(self, hostname="mail.example.test", loop=self.loop), sock=self.socket))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def stop(self):
        if self.loop:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()
        self.socket.close()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.arrived.put(envelope)
        return "250 OK"

    def next(self):
        """The next mail, waited for: its envelope and its message."""
        envelope = self.arrived.get(timeout=30)
        return envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)


@pytest.fixture
def mail_server():
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture
def mailing_service(mail_server, tmp_path):
    """A server of the test's own that hands its mails to the mail server."""
    service = Service(
        tmp_path, SMTP_URL=mail_server.url, MAIL_FROM=SENDER, LOG_LEVEL="trace").start()
    yield service
    service.stop()
    assert service.audit().returncode == 0


def messages(service):
    return service.rows("""
        SELECT attempts, CASE WHEN died_at IS NOT NULL THEN 'dead'
            WHEN leased_until = 0 THEN 'waiting' ELSE 'in work' END
        FROM messages""")


def wait_for_messages(service, *expected):
    """Has what is due worked off, until the queue is as expected."""
    for _ in range(100):
        service.advance(0)
        if messages(service) == list(expected):
            return
    assert messages(service) == list(expected)


def test_a_mail_arrives_by_smtp_with_both_parts(mailing_service, mail_server):
    mail_server.start()
    user = mailing_service.sign_up()
    envelope, message = mail_server.next()
    assert envelope.mail_from == "no-reply@career.example.test"
    assert envelope.rcpt_tos == [user.email]
    assert message["From"] == SENDER and message["To"] == user.email
    assert message["Subject"] == CODE_MAIL
    assert message["Message-ID"].endswith("@career.example.test>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(message["Date"].datetime.timestamp() - mailing_service.now) < 120
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] \
        == ["text/plain", "text/html"]
    shown = mailing_service.mail(user.email)[-1]
    assert message.get_body(("plain",)).get_content() == shown["text"]
    assert message.get_body(("html",)).get_content() == shown["html"]
    wait_for_messages(mailing_service)


def lines_about_mails(service, request_id):
    return re.findall(
        rf"queue=career_emails .*request_id={request_id} .*message handled",
        service.log.read_text())


def test_a_mail_is_followed_into_the_worker_by_the_request_that_gave_its_reason(
        mailing_service, mail_server):
    mail_server.start()
    user = mailing_service.sign_up()
    mail_server.next()

    def ask(name, path, body, headers={}):
        answer = mailing_service.call(
            "POST", path, body, headers={**headers, "X-Request-ID": name})
        assert answer.status in (200, 201), answer

    ask("taken", "/auth/signup", {"email": user.email, "password": PASSWORD})
    ask("reset", "/auth/password/reset", {"email": user.email})
    ask("change", "/auth/password/change",
        {"current_password": PASSWORD, "new_password": "Newer-Pass1"},
        {"Authorization": f"Bearer {user.tokens['access_token']}"})
    buy(mailing_service, user)
    # Stripe may tell of it first, and would be the reason then.
    knob(mailing_service, "/_test/webhooks", {"mode": "hold"})
    ask("cancel", "/career/subscriptions/cancel", {}, user.auth)
    knob(mailing_service, "/_test/webhooks", {"mode": "deliver"})
    # One commit is answered at once, one is worked off later.
    for name, credits, prefer in (("eighty", "-498.80", {}),
                                  ("hundred", "0.80", {"Prefer": "respond-async"})):
        user.adjust(credits)
        usage = user.validate().json["usage_id"]
        user.commit(usage, headers={**prefer, "X-Request-ID": name})
        mailing_service.advance(0)
    wait_for_messages(mailing_service)
    for name in ("taken", "reset", "change", "cancel", "eighty", "hundred"):
        assert len(lines_about_mails(mailing_service, name)) == 1, name
    # Stripe's events are requests too: one of them gave the reason for the mail on the new plan.
    events = re.findall(
        r"queue=stripe_\w+ .*?request_id=(\S+) .*message handled", mailing_service.log.read_text())
    assert sum(len(lines_about_mails(mailing_service, name)) for name in events) == 1


def test_a_mail_server_that_is_away_delays_the_mail_and_nothing_else(
        mailing_service, mail_server):
    user = mailing_service.sign_up()
    wait_for_messages(mailing_service, (0, "waiting"))
    assert user.spend().status == 200
    assert mailing_service.call("GET", "/ready").status == 200
    mail_server.start()
    # Not before its time.
    mailing_service.advance(10)
    assert messages(mailing_service) == [(0, "waiting")] and mail_server.arrived.empty()
    mailing_service.advance(21)
    envelope, message = mail_server.next()
    assert envelope.rcpt_tos == [user.email] and message["Subject"] == CODE_MAIL
    wait_for_messages(mailing_service)
    assert mail_server.arrived.empty()


def test_a_mail_server_that_is_away_for_days_uses_up_no_tries(mailing_service, mail_server):
    user = mailing_service.sign_up()
    for hours in (1, 1, 6, 24, 60):
        wait_for_messages(mailing_service, (0, "waiting"))
        mailing_service.advance(hours * 3600)
    wait_for_messages(mailing_service, (0, "waiting"))
    assert mailing_service.command("dead-letters", "list").stdout.strip() == "No dead letters."
    # The pause is never longer than a quarter of an hour.
    mail_server.start()
    mailing_service.advance(15 * 60)
    assert mail_server.next()[0].rcpt_tos == [user.email]
    wait_for_messages(mailing_service)
    assert mail_server.arrived.empty()


def test_a_mail_that_could_not_be_sent_for_four_days_is_kept_for_the_operator(
        mailing_service, mail_server):
    mailing_service.sign_up()
    wait_for_messages(mailing_service, (0, "waiting"))
    mailing_service.advance(4 * DAY)
    wait_for_messages(mailing_service, (1, "dead"))
    assert "waited too long" in mailing_service.command("dead-letters", "list").stdout


def test_a_mail_whose_message_comes_twice_is_sent_once(mailing_service, mail_server):
    user = mailing_service.sign_up()
    wait_for_messages(mailing_service, (0, "waiting"))
    mailing_service.rows("""
        INSERT INTO messages SELECT ?, queue, body, attempts, reason,
            enqueued_at, due_at + 60000000, leased_until, died_at, request_id, account_id
        FROM messages""", uuid.uuid4())
    mail_server.start()
    mailing_service.advance(31)
    assert mail_server.next()[0].rcpt_tos == [user.email]
    mailing_service.advance(60)
    wait_for_messages(mailing_service)
    assert mail_server.arrived.empty()


def test_a_mail_that_is_refused_for_good_is_kept_for_the_operator(mailing_service, mail_server):
    mail_server.refusal = "550 5.1.1 there is nobody of this name"
    mail_server.start()
    user = mailing_service.sign_up()
    wait_for_messages(mailing_service, (1, "dead"))
    letters = mailing_service.command("dead-letters", "list").stdout
    assert "career_emails" in letters and user.email not in letters
    assert user.spend().status == 200


def test_a_refusal_for_now_is_tried_again(mailing_service, mail_server):
    mail_server.refusal = "450 4.2.1 too many mails"
    mail_server.start()
    mailing_service.sign_up()
    wait_for_messages(mailing_service, (0, "waiting"))
    mail_server.refusal = None
    mailing_service.advance(31)
    assert mail_server.next()[1]["Subject"] == CODE_MAIL


def test_no_name_can_add_a_header(mailing_service, mail_server):
    mail_server.start()
    user = mailing_service.sign_up()
    plain = mail_server.next()[1]
    page = checkout(user).json["checkout_url"]
    # Neither gets in from outside; whatever lies in the tables must do no harm.
    inside = "x\r\nBcc: evil@example.test\r\n\r\nword"
    mailing_service.rows("UPDATE users SET full_name = ?", inside)
    mailing_service.rows("UPDATE plans SET name = ? WHERE name = 'Plus'", "Plüs " + inside)
    mailing_service.rows("UPDATE installation SET catalog_revision = catalog_revision + 1")
    assert press(page, "pay")[0] == 303
    settle(mailing_service)
    envelope, message = mail_server.next()
    on_one_line = re.sub(r"[\r\n]", " ", inside)
    assert envelope.rcpt_tos == [user.email]
    assert message.keys() == plain.keys()
    assert message["Subject"].split() == f"Your Plüs {on_one_line} plan is active".split()
    assert message.get_body(("plain",)).get_content().startswith(f"Hello {on_one_line},\n\n")


@pytest.mark.parametrize("name", ["x\r\nBcc: evil@example.test", "x\ny", "x\ty"])
def test_a_name_with_a_control_character_is_refused(service, name):
    body = {"email": "control@example.test", "password": PASSWORD, "full_name": name}
    assert service.call("POST", "/auth/signup", body).status == 422


@pytest.mark.parametrize("address", [
    "a@example.test\r\nBcc: evil@example.test", "a@example.test>", "a,b@example.test",
    "a@example.test\n", "a b@example.test"])
def test_an_address_that_could_end_its_header_is_refused(service, address):
    for path in ("/auth/signup", "/auth/password/reset"):
        assert service.call(
            "POST", path, {"email": address, "password": PASSWORD}).status == 422


@pytest.mark.parametrize("sender", [
    "nobody", "Career <career@a@b>", "Career career@example.test", "<career@example.test",
    "Career <career@example.test>, other@example.test"])
def test_a_sender_that_is_no_address_stops_the_start(tmp_path, sender):
    service = Service(tmp_path, SMTP_URL="smtp://127.0.0.1:1", MAIL_FROM=sender)
    result = service.command("serve")
    assert result.returncode == 1 and "cuebx: MAIL_FROM: must be" in result.stderr


def test_no_address_and_no_code_gets_into_the_log(mailing_service, mail_server):
    user = mailing_service.sign_up()
    code = mailing_service.code(user.email)
    wait_for_messages(mailing_service, (0, "waiting"))
    mail_server.refusal = f"550 5.1.1 <{user.email}> unknown, said {code}"
    mail_server.start()
    mailing_service.advance(31)
    wait_for_messages(mailing_service, (1, "dead"))
    log = mailing_service.log.read_text()
    # Both tries are there, so the log was written and looked at.
    assert "message is postponed" in log and "message is dead" in log
    assert user.email not in log and user.email.split("@")[0] not in log
    assert not re.search(rf"\b{code}\b", log)
