"""The operators' console: who gets in, who may do what, and that it is written down."""

import re
import urllib.parse
import uuid

import pytest

from browser import Browser
from conftest import DAY, PASSWORD, ROOT, Service
from operators import Operator, add
from test_operations import PRODUCTION
from test_packs import bought
from test_pages import MOST_BYTES, NASTY, policy
from test_payments_queue import until

ROLES = ["viewer", "support", "admin"]
# Every page, and who may open it; what acts asks for more (ACTS). A page without an entry fails
# test_each_address_of_the_console_has_its_roles.
PAGES = {path: ROLES for path in [
    "/console", "/console/acts", "/console/operators", "/console/catalog", "/console/catalog/plans",
    "/console/catalog/revisions",
    "/console/webhooks", "/console/audit", "/console/people/{user_id}",
    "/console/people/{user_id}/{table}", "/console/people/{user_id}/payments",
    "/console/calls/{usage_id}", "/console/money",
    "/console/money/notices", "/console/money/returned", "/console/letters",
    "/console/letters/{letter_id}"]}
# What is a file, for every role.
FILES = {"/console/catalog/revisions/{revision}"}
# Every address that acts: the roles that may, and fields that would do.
WHY = {"reason": "a test"}
ACTS = {
    "/console/people": (ROLES, {"name": "nobody"}),
    "/console/people/{user_id}/grant": (["support", "admin"], {"credits": "1", **WHY}),
    "/console/people/{user_id}/signout": (["support", "admin"], WHY),
    "/console/people/{user_id}/deactivate": (["admin"], {"subscription_end": "keep", **WHY}),
    "/console/people/{user_id}/reactivate": (["admin"], WHY),
    "/console/people/{user_id}/refund": (["admin"], {"refund_amount": "", **WHY}),
    "/console/letters/{letter_id}/retry": (["support", "admin"], WHY),
    "/console/letters/{letter_id}/discard": (["admin"], WHY),
    "/console/money/reconcile": (["admin"], WHY),
    "/console/audit/run": (["admin"], WHY),
    "/console/catalog/try": (["admin"], {"catalog": "{}", **WHY}),
    "/console/catalog/publish": (["admin"], {"catalog": "{}", **WHY}),
    "/console/clock": (["admin"], {"days": "0", **WHY}),
}
TABLES = ["calls", "grants", "changes", "mails", "sessions", "acts"]


@pytest.fixture(scope="module")
def site(service):
    return service


@pytest.fixture(scope="module")
def crew(site):
    """One of each role, signed in."""
    crew = {}
    for role in ROLES:
        crew[role] = Operator(site, f"{role}-{uuid.uuid4().hex[:8]}@ops.test", role)
        page = crew[role].enter()
        assert page.path == "/console", page.text
    return crew


@pytest.fixture(scope="module")
def person(site):
    """Somebody whose name and calls are as hostile as they can be, with a dead letter."""
    user = site.sign_up(full_name=NASTY)
    assert user.spend(request_id="=cmd|' /C calc'!A0").status == 200
    failed = user.validate(request_id=NASTY).json["usage_id"]
    user.commit(failed, success=False, failure={"failure_type": "timeout", "reason": NASTY})
    user.call_id, user.letter_id = failed, str(dead_letter(site, user.id))
    user.payment_id = bought(site, user)
    return user


def dead_letter(site, user):
    """A message that was given up on."""
    letter = uuid.uuid4()
    site.rows(
        """INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
               leased_until, died_at, account_id) VALUES (?, 'usage_commits', ?, 8, ?, 1, 1, 0, 2, ?)""",
        letter, "{}", NASTY, uuid.UUID(user))
    return letter


@pytest.fixture(autouse=True, scope="module")
def tidied(site):
    """The letters of these tests lie in no other file's way."""
    yield
    site.rows("DELETE FROM messages WHERE died_at = 2")


def new_operator(site, role="admin"):
    return Operator(site, f"{uuid.uuid4().hex[:12]}@ops.test", role)


def acts(site, who):
    """What the journal says of an operator, the oldest first."""
    return site.rows("SELECT action, outcome, reason, credits, user_id FROM operator_actions "
                     "WHERE actor = ? ORDER BY id", who.email)


# The command


def test_an_operator_is_added_shown_once_listed_and_removed(site):
    who = new_operator(site, "support")
    assert who.address.startswith("otpauth://totp/CueBX%20Career:" + who.email.replace("@", "%40"))
    assert len(set(who.recovery)) == 10
    listed = site.command("operators", "list").stdout
    assert re.search(rf"^{who.email}  support  since 20\S+Z$", listed, re.M)
    assert who.recovery[0] not in listed and "otpauth" not in listed
    again = add(site, who.email.upper(), "admin")
    assert again.returncode == 1 and "is an operator already" in again.stderr
    assert who.enter().path == "/console"
    assert site.command("operators", "remove", who.email).stdout == f"removed {who.email}\n"
    assert who.get("/console").path == "/console/signin?next=%2Fconsole"
    assert site.command("operators", "remove", who.email).stderr == f"cuebx: no operator {who.email}\n"


@pytest.mark.parametrize("email, role, password, problem", [
    ("nobody", "admin", PASSWORD, "nobody is no email address"),
    ("a@ops.test", "root", PASSWORD, "the role must be one of viewer, support, admin"),
    ("a@ops.test", "admin", "weak", "the password must have 8 to 128 characters"),
    ("a@ops.test", "admin", "weakling", "upper-case letter"),
])
def test_an_operator_who_cannot_be_is_not_added(site, email, role, password, problem):
    answer = add(site, email, role, password)
    assert answer.returncode == 1 and problem in answer.stderr, answer
    assert "a@ops.test" not in site.command("operators", "list").stdout


def test_nothing_that_lies_in_the_database_signs_an_operator_in(site):
    who = new_operator(site)
    [row] = site.rows("SELECT * FROM operators WHERE email = ?", who.email)
    hashes = site.rows("SELECT code_hash FROM operator_recovery_codes")
    kept = b"".join(bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
                    for line in [row, *hashes] for value in line)
    assert who.secret not in kept and PASSWORD.encode() not in kept
    for code in who.recovery:
        assert code.encode() not in kept and code.replace("-", "").encode() not in kept


# The way in


def test_an_operator_signs_in_with_password_and_code_and_out_again(site):
    who = new_operator(site)
    page = who.get("/console/acts")
    assert page.path == "/console/signin?next=%2Fconsole%2Facts"
    code = who.code()
    page = page.send("/console/signin?next=%2Fconsole%2Facts"
                     if page.all("form")[0]["action"] != "/console/signin" else "/console/signin",
                     email=who.email.upper(), password=PASSWORD, operator_code=code)
    assert page.path == "/console/acts"
    assert who.get("/console/signin").path == "/console"
    page = who.get("/console").send("/console/signout")
    assert page.path == "/console/signin" and who.get("/console").path.startswith("/console/signin")
    page = who.enter(code)
    assert page.status == 401, "each code is good once"


@pytest.mark.parametrize("wrong, status, problem", [
    ({"email": "nobody@ops.test"}, 401, "do not match"), ({"password": "Wrong-0ne"}, 401, "do not match"),
    ({"operator_code": "000000"}, 401, "do not match"), ({"operator_code": ""}, 422, "Enter a code"),
    ({"operator_code": NASTY[:32]}, 401, "do not match"), ({"operator_code": "0" * 33}, 422, "at most 32"),
], ids=["email", "password", "code", "no code", "nasty", "long"])
def test_what_was_wrong_is_not_told_and_never_shown_again(site, wrong, status, problem):
    who = new_operator(site)
    page = who.enter(**{"operator_code": who.code(), **wrong})
    assert page.status == status and problem in page.problems[0][0], page.text
    assert page.fields("/console/signin")["operator_code"] == ""
    assert page.fields("/console/signin")["password"] == ""
    assert page.all("script") == []
    assert who.get("/console").path.startswith("/console/signin")


def test_ten_wrong_codes_are_enough_and_wait(site):
    who = new_operator(site)
    for _ in range(10):
        assert who.enter("000000").status == 401
    page = who.enter(who.code())
    assert page.status == 429 and int(page.headers["retry-after"]) > 0


def test_users_are_no_operators_and_operators_no_users(site, crew):
    user = Browser(site)
    email = f"{uuid.uuid4().hex[:12]}@example.test"
    user.sign_up(email, PASSWORD)
    user.cookies["cuebx_console"] = user.cookies["cuebx_session"]
    assert user.get("/console").path.startswith("/console/signin")
    page = user.get("/console/signin").send(
        "/console/signin", email=email, password=PASSWORD, operator_code="000000")
    assert page.status == 401
    admin = Browser(site)
    admin.cookies["cuebx_session"] = crew["admin"].cookies["cuebx_console"]
    assert admin.get("/account").path.startswith("/signin")


def test_a_sign_in_leads_to_pages_of_the_console_alone(site):
    for wanted in ["/account", "//evil.test", "https://evil.test", "/console\\..", "/consoles"]:
        who = new_operator(site)
        assert who.enter(page="/console/signin", next=wanted).path == "/console", wanted


def test_a_form_from_another_origin_or_without_its_token_signs_nobody_in(site):
    who = new_operator(site)
    fields = {"email": who.email, "password": PASSWORD, "operator_code": who.recovery[0]}
    form = who.get("/console/signin")
    answer = form.send("/console/signin", follow=False, headers={"Origin": "https://evil.test"}, **fields)
    assert answer.status == 403
    assert who.post("/console/signin", fields, follow=False).status == 403
    assert who.get("/console").path.startswith("/console/signin")


def test_a_double_click_signs_in_once(site):
    who = new_operator(site)
    form = who.get("/console/signin").fields("/console/signin")
    fields = {**form, "email": who.email, "password": PASSWORD, "operator_code": who.recovery[0]}
    first, second = (who.post("/console/signin", fields, follow=False) for _ in range(2))
    assert (first.status, second.status) == (303, 303)
    assert who.get("/console").path == "/console"
    assert [row[0] for row in acts(site, who)] == ["sign_in"]


def test_a_sign_in_that_is_sent_again_after_the_sign_out_greets_nobody(site):
    """Of operators and of users alike: the session that the form began is over."""
    who, user = new_operator(site), Browser(site)
    person = site.sign_up()
    code = {"operator_code": who.recovery[0]}
    for browser, email, more, home in [
            (who, who.email, code, "/console"), (user, person.email, {}, "/account")]:
        realm = "/console" if more else ""
        form = browser.get(realm + "/signin").fields(realm + "/signin")
        fields = {**form, "email": email, "password": PASSWORD, **more}
        assert browser.post(realm + "/signin", fields, follow=False).status == 303
        assert browser.get(home).path == home
        browser.get(home).send(realm + "/signout")
        again = browser.post(realm + "/signin", fields)
        assert again.status == 403 and again.path == realm + "/signin" and not again.notice
        assert "Welcome" not in again.text
        assert browser.get(home).path.startswith(realm + "/signin")


# Who may open what


def test_each_address_of_the_console_has_its_roles():
    source = (ROOT / "Sources/Console/ConsoleRoutes.swift").read_text()
    forms = set(re.findall(r'form\(\s*"(/console[^"]*)"', source))
    pages = set(re.findall(r'Endpoint\(\s*"(/console[^"]*)"', source))
    assert forms | pages, source
    assert pages - FILES == PAGES.keys()
    assert forms - {"/console/signin", "/console/signout"} == ACTS.keys()


def place(address, person, table="calls"):
    return (address.replace("{user_id}", person.id).replace("{usage_id}", person.call_id)
            .replace("{letter_id}", person.letter_id).replace("{table}", table)
            .replace("{revision}", "1")
            .replace("/refund", f"/refund?payment={person.payment_id}"))


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_its_roles_alone(site, crew, person, path):
    address = place(path, person)
    answer = Browser(site).get(address, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith("/console/signin?next=")
    for role, who in crew.items():
        answer = who.get(address, follow=False)
        assert answer.status == (200 if role in PAGES[path] else 403), (role, answer)
        rules = policy(answer)
        assert rules["default-src"] == "'none'" and "script-src" not in rules
        assert rules["frame-ancestors"] == "'none'"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        page = who.get(address)
        assert page.all("script") == [] and page.all("img") == [], "nothing breaks out of its cell"
        [style] = [link["href"] for link in page.all("link", rel="stylesheet")]
        total = len(answer.bytes) + len(who.get(style, follow=False).bytes)
        assert total <= MOST_BYTES, (path, total)


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_for_operators_alone(site, crew, person, path):
    address = place(path, person)
    answer = Browser(site).get(address, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith("/console/signin?next=")
    for who in crew.values():
        answer = who.get(address, follow=False)
        assert answer.status == 200 and "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("path", ACTS)
def test_each_act_is_for_its_roles_alone(site, crew, person, path):
    roles, fields = ACTS[path]
    address = place(path, person)
    visitor = Browser(site)
    token = visitor.get("/console/signin").fields("/console/signin")["form_token"]
    answer = visitor.post(address, {**fields, "form_token": token}, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith("/console/signin?next=")
    for role, who in crew.items():
        if role in roles:
            assert who.get(address).status == 200, role
            assert who.post(address, fields, follow=False).status == 403, "without a token"
            continue
        page = who.get(address)
        assert page.status == 403 and "Your role may not do this" in page.text
        token = who.get("/console").all("input", name="form_token")[0]["value"]
        before = acts(site, who)
        answer = who.post(address, {**fields, "form_token": token}, follow=False)
        assert answer.status == 403, (role, answer)
        assert acts(site, who) == before, "nothing was begun"


@pytest.mark.parametrize("table", TABLES)
def test_each_list_of_a_person_is_a_page_and_a_file_that_no_spreadsheet_runs(crew, person, table):
    viewer = crew["viewer"]
    address = place("/console/people/{user_id}/{table}", person, table)
    assert viewer.get(address).status == 200
    answer = viewer.get(address + "?format=csv", follow=False)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    for line in answer.bytes.decode().splitlines():
        assert not re.search(r'(^|,)"?[=+@]', line), line
    assert viewer.get(address.replace(table, "nonsense")).status == 404
    assert viewer.get(address + "?cursor=nonsense").status == 200


@pytest.mark.parametrize("path", ["/console/people", "/console/acts", "/console/operators", "/console/money",
                                  "/console/money/notices", "/console/money/returned", "/console/letters",
                                  "/console/webhooks", "/console/catalog", "/console/catalog/plans",
                                  "/console/catalog/revisions"])
def test_each_table_is_a_file_and_who_took_it_is_noted(site, crew, person, path):
    who = crew["viewer"]
    before = len(acts(site, who))
    answer = who.get(path + "?format=csv", follow=False)
    assert answer.status == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.bytes.count(b"\r\n") >= 1
    assert [row[0] for row in acts(site, who)][before:] == ["take_table"]


# An operator's day


def find(who, name):
    return who.get("/console/people").send("/console/people", name=name)


def test_a_person_is_found_by_whatever_is_known_of_them(site, crew, person):
    who = crew["support"]
    for name in [person.email, f" {person.email.upper()} ", person.id]:
        page = find(who, name)
        assert page.path == f"/console/people/{person.id}", page.text
    for name in [person.call_id, NASTY.replace(" ", "")]:
        page = find(who, name)
        assert page.path == f"/console/calls/{person.call_id}" or name != person.call_id, page.text
    page = find(who, "nobody@example.test")
    assert page.status == 404 and page.problems == [("Nothing has this name", None)]
    assert page.fields("/console/people")["name"] == "nobody@example.test"
    assert find(who, "").status == 422
    assert person.email not in site.log.read_text(), "what was looked for stands in no log"


def test_one_page_tells_everything_of_a_person_and_reading_it_is_noted(site, crew, person):
    who = crew["viewer"]
    page = who.get(f"/console/people/{person.id}")
    for words in [person.email, NASTY, "Free", "24.00", "Failed", "Succeeded", "Signed in",
                  "What operators did"]:
        assert words in page.text, words
    assert "Give or take credits" not in page.text, "a viewer is shown no act"
    assert "Give or take credits" in crew["admin"].get(f"/console/people/{person.id}").text
    assert ("read_person", uuid.UUID(person.id)) in [(row[0], row[4]) for row in acts(site, who)]
    page = who.get(f"/console/calls/{person.call_id}")
    assert NASTY in page.text and "timeout" in page.text
    for path in ["/console/people/nonsense", f"/console/people/{uuid.uuid4()}",
                 f"/console/calls/{uuid.uuid4()}", f"/console/letters/{uuid.uuid4()}"]:
        assert who.get(path).status == 404, path


def test_a_grant_asks_for_a_fresh_code_once_and_keeps_what_was_typed(site):
    who = new_operator(site)
    who.enter()
    user = site.sign_up()
    address = f"/console/people/{user.id}/grant"
    session = who.cookies["cuebx_console"]
    page = who.get(address).send(address, credits="10", reason="An outage")
    assert page.status == 422 and page.problems == [("Enter a code", "#operator_code")]
    page = page.send(address, operator_code="000000")
    assert page.status == 403 and page.problems[0][1] == "#operator_code"
    fields = page.fields(address)
    assert (fields["credits"], fields["reason"], fields["operator_code"]) == ("10", "An outage", "")
    assert user.balance["credits_remaining"] == "25.00"
    page = page.send(address, operator_code=who.code())
    assert page.path == f"/console/people/{user.id}" and "The credits count" in page.notice
    assert user.balance["credits_remaining"] == "35.00"
    assert who.cookies["cuebx_console"] != session, "a code gives the session another secret"
    old = Browser(site)
    old.cookies["cuebx_console"] = session
    assert old.get("/console").path.startswith("/console/signin")
    # For ten minutes no other is asked for.
    page = who.get(address)
    assert "operator_code" not in page.fields(address)
    assert page.send(address, credits="-2.5", reason="Too much").status == 200
    assert user.balance["credits_remaining"] == "32.50"
    assert [row[:2] for row in acts(site, who) if row[3]] == [
        ("grant_credits", "done"), ("take_credits", "done")]


def test_a_code_that_a_refused_act_has_used_is_worth_nothing_to_an_older_cookie(site):
    who = new_operator(site)
    who.enter()
    user = site.sign_up()
    address = f"/console/people/{user.id}/grant"
    old = who.cookies["cuebx_console"]
    page = who.get(address).send(
        address, credits="-1000", reason="Too much", operator_code=who.recovery.pop())
    assert page.status == 409 and page.fields(address)["credits"] == "-1000"
    thief = Browser(site)
    thief.cookies["cuebx_console"] = old
    assert thief.get(address).path.startswith("/console/signin")
    # The session goes on, under its new secret, and asks for no other code; the form is good.
    assert "operator_code" not in page.fields(address)
    page = page.send(address, credits="-1")
    assert page.path == f"/console/people/{user.id}" and user.balance["credits_remaining"] == "24.00"


@pytest.mark.parametrize("credits, status, problem", [
    ("", 422, "Enter an amount of credits"), ("0", 422, "Enter an amount"), ("ten", 422, "Enter an amount"),
    ("1e3", 422, "Enter an amount"), (NASTY[:30], 422, "Enter an amount"),
    ("-1000", 409, "more than the running period"), ("999999999", 409, "cannot take"),
])
def test_an_amount_that_cannot_be_changes_nothing(site, crew, credits, status, problem):
    who = new_operator(site)
    who.enter()
    user = site.sign_up()
    address = f"/console/people/{user.id}/grant"
    page = who.get(address).send(address, credits=credits, reason="x", operator_code=who.recovery.pop())
    assert page.status == status, page.text
    assert user.balance["credits_remaining"] == "25.00"
    assert page.all("img") == []
    assert [row[1] for row in acts(site, who) if row[0] in ("grant_credits", "take_credits")] == (
        ["refused"] if status == 409 else [])


def test_a_double_click_grants_once(site):
    who = new_operator(site)
    who.enter()
    user = site.sign_up()
    address = f"/console/people/{user.id}/grant"
    fields = {**who.get(address).fields(address), "credits": "5", "reason": "x",
              "operator_code": who.recovery[0]}
    before = dict(who.cookies)
    first = who.post(address, fields, follow=False)
    who.cookies = before
    second = who.post(address, fields, follow=False)
    assert first.status == second.status == 303
    assert first.headers["location"] == second.headers["location"]
    assert user.balance["credits_remaining"] == "30.00"


def test_support_grants_a_hundred_credits_a_day_and_takes_none(site):
    who = new_operator(site, "support")
    who.enter()
    user = site.sign_up()
    address = f"/console/people/{user.id}/grant"
    page = who.get(address).send(address, credits="60", reason="x", operator_code=who.recovery.pop())
    assert page.status == 200
    page = who.get(address).send(address, credits="41", reason="x")
    assert page.status == 403 and "at most 100 credits" in page.problems[0][0]
    assert who.get(address).send(address, credits="-1", reason="x").status == 403
    assert who.get(address).send(address, credits="40", reason="x").status == 200
    assert user.balance["credits_remaining"] == "125.00"


def test_a_person_is_signed_out_locked_out_and_let_in_again(site):
    who = new_operator(site)
    who.enter()
    browser, email = Browser(site), f"{uuid.uuid4().hex[:12]}@example.test"
    browser.sign_up(email, PASSWORD)
    page = find(who, email)
    place = page.path
    page = who.get(place + "/signout").send(place + "/signout", reason="lost phone")
    assert "signed out everywhere" in page.notice
    assert browser.get("/account").path.startswith("/signin")
    page = who.get(place + "/deactivate").send(
        place + "/deactivate", reason="abuse", subscription_end="keep", operator_code=who.recovery.pop())
    assert page.path == place and "locked out" in page.notice and "Deactivated" in page.text
    assert browser.sign_in(email, PASSWORD).status == 403
    page = who.get(place + "/reactivate").send(place + "/reactivate", reason="a mistake")
    assert "may sign in again" in page.notice
    assert browser.sign_in(email, PASSWORD).path == "/account"


def test_a_letter_is_tried_again_or_thrown_away(site, crew, person):
    who = new_operator(site)
    who.enter()
    letter = str(dead_letter(site, person.id))
    address = f"/console/letters/{letter}"
    page = who.get(address)
    assert NASTY in page.text and "usage_commits" in page.text
    # Its body may hold what a tool sent for a person: looking is noted.
    assert [(row[0], row[4]) for row in acts(site, who)][-1] == ("read_letter", uuid.UUID(person.id))
    assert who.get("/console/letters").text.count("usage_commits") >= 2
    page = who.get(address + "/discard").send(address + "/discard", reason="nonsense")
    assert page.path == "/console/letters" and "is gone" in page.notice
    assert who.get(address).status == 404 and who.get(address + "/retry").status == 404
    letter = dead_letter(site, person.id)
    address = f"/console/letters/{letter}/retry"
    page = who.get(address).send(address, reason="mended")
    assert "tried again" in page.notice
    site.rows("DELETE FROM messages WHERE id = ?", letter)


@pytest.mark.parametrize("path, back, words", [
    ("/console/audit/run", "/console/audit", "findings"),
    ("/console/money/reconcile", "/console/money", "differences")], ids=["audit", "reconcile"])
def test_what_takes_long_is_begun_and_its_result_stands_on_its_page(site, path, back, words):
    who = new_operator(site)
    who.enter()
    page = who.get(path).send(path, reason="monthly")
    if path == "/console/money/reconcile":
        # It refunds and cancels at Stripe.
        assert page.status == 422 and page.problems == [("Enter a code", "#operator_code")]
        page = page.send(path, operator_code=who.recovery.pop())
    assert page.path == back and "Begun" in page.notice
    until(lambda: acts(site, who)[-1][1] == "done")
    assert words in who.get(back).text


def test_the_overview_counts_what_there_is(site, crew, person):
    page = crew["viewer"].get("/console")
    for words in ["career.job_match", "usage_commits", "Answers", "Viewer", "In a trial"]:
        assert words in page.text, words
    assert "Move the clock" in crew["admin"].get("/console").text


def test_pages_of_a_table_follow_one_another(site, crew, person):
    who = crew["admin"]
    for _ in range(30):
        who.get("/console/catalog?format=csv", follow=False)
    page = who.get("/console/acts")
    seen = [row.text for row in page.all("tbody")[-1].all("tr")]
    assert len(seen) == 25
    [older] = [link["href"] for link in page.all("a", rel="next")]
    page = who.get(older)
    assert page.status == 200 and len(page.all("tbody")[-1].all("tr")) > 0
    assert page.all("a", rel="next") or len(page.all("tbody")[-1].all("tr")) <= 25
    for cursor in ["x", "1.x", "9" * 40, NASTY[:20], "0.0"]:
        for path in ["/console/letters", "/console/webhooks", "/console/money/returned", "/console/people"]:
            assert who.call("GET", f"{path}?cursor={urllib.parse.quote(cursor)}").status == 200


def test_a_page_that_there_is_not_leads_back_to_the_console(crew):
    page = crew["viewer"].get("/console/no/such/page")
    assert page.status == 404


# Settings


def test_without_a_secret_production_has_no_console(tmp_path):
    service = Service(tmp_path, **PRODUCTION)
    answer = service.command("operators", "list")
    assert answer.returncode == 1 and "OPERATOR_SECRET is not set" in answer.stderr
    service.start()
    try:
        assert service.call("GET", "/console/signin").status == 404
    finally:
        service.stop()


def test_with_a_secret_production_has_a_console_whose_cookies_are_sealed(tmp_path):
    service = Service(tmp_path, **PRODUCTION, OPERATOR_SECRET="o" * 40)
    who = Operator(service, "op@ops.test", "admin")
    service.start()
    try:
        form = who.get("/console/signin")
        answer = form.send("/console/signin", follow=False, email=who.email, password=PASSWORD,
                           operator_code=who.code())
        [cookie] = [line for line in answer.all_headers["set-cookie"] if "cuebx_console" in line]
        assert cookie.startswith("__Host-cuebx_console=")
        for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert word in cookie
        assert "max-age=" in answer.headers["strict-transport-security"]
    finally:
        service.stop()


def test_the_development_clock_ends_no_operators_session(tmp_path):
    service = Service(tmp_path).start()
    try:
        who = new_operator(service)
        who.enter(who.code())
        service.advance(40 * DAY)
        assert who.get("/console").path == "/console"
    finally:
        service.stop()
