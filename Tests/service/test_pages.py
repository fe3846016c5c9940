"""The pages for people, as a browser without scripts meets them."""

import concurrent.futures
import json
import re
import uuid

import pytest

from browser import Browser, Document
from conftest import DAY, PASSWORD, PLUS, PRO, PROVIDER, ROOT, Service
from test_payments import sdk

NASTY = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>&{{7*7}}"""
# Every page and who may open it: a visitor, a user, or both. What a role may not open leads elsewhere.
VISITOR, USER = "visitor", "user"
PAGES = {
    "/": "both", "/pricing": "both", "/embed/pricing": "both", "/reset": "both",
    "/reset/confirm": "both", "/signout": "both",
    "/signup": VISITOR, "/verify": VISITOR, "/verify/resend": VISITOR, "/signin": VISITOR,
    "/account": USER, "/account/plan": USER, "/account/usage": USER, "/account/receipts": USER,
    "/account/credits": USER, "/account/limits": USER, "/account/history": USER,
    "/account/profile": USER, "/account/security": USER, "/account/data": USER,
    "/account/data/delete": USER, "/account/credits/auto": USER,
}
# Forms that act on an account: the address, and fields that would do.
ACTS = {
    "/account/plan/checkout": {"plan_id": PLUS}, "/account/plan/cancel": {},
    "/account/plan/resume": {}, "/account/plan/billing": {}, "/account/plan/activate": {},
    f"/account/plan/upgrade?plan_id={PRO}": {"new_plan_id": PRO, "shown_at": "1"},
    f"/account/plan/downgrade?plan_id={PLUS}": {},
    "/account/credits/buy": {"pack_id": "0198c0de-0000-7000-8000-000000000101"},
    "/account/credits/redeem": {"code": "X"}, "/account/profile": {"full_name": "X"},
    "/account/limits": {"daily_credits": "5"},
    "/account/credits/auto": {"pack_id": "0198c0de-0000-7000-8000-000000000101", "below": "5",
                              "monthly_maximum": "2"}, "/account/credits/auto/off": {},
    "/account/security": {"current_password": PASSWORD, "new_password": PASSWORD},
    "/account/security/signout": {"session_id": str(uuid.uuid4())},
    "/account/security/everywhere": {}, "/account/data/delete": {},
}
MOST_BYTES = 51_200


def new_email():
    return f"{uuid.uuid4().hex[:12]}@example.test"


@pytest.fixture(scope="module")
def site(service):
    return service


@pytest.fixture
def own_site(tmp_path):
    """One of the test's own, whose clock may be moved, and whose users have their passwords here."""
    service = Service(tmp_path).start()
    yield service
    audit = service.audit()
    service.stop()
    assert audit.returncode == 0, audit.stdout


@pytest.fixture
def visitor(site):
    return Browser(site)


@pytest.fixture
def user(site):
    browser = Browser(site)
    browser.email = new_email()
    browser.sign_up(browser.email, PASSWORD, "Ada")
    return browser


# Ways in and out


def test_a_visitor_signs_up_by_a_code_and_is_signed_in(visitor):
    email = new_email()
    page = visitor.sign_up(email, PASSWORD, "Ada <b>")
    assert page.notice == "Your address is confirmed. Welcome."
    assert "25.00 left of 25.00" in page.text and "Nothing will be charged." in page.text
    assert visitor.get("/account").notice == ""
    profile = visitor.get("/account/profile")
    assert email in profile.text and profile.fields("/account/profile")["full_name"] == "Ada <b>"
    assert visitor.get("/signin").path == "/account"
    page = visitor.get("/account").send("/signout")
    assert page.path == "/" and page.notice == "You are signed out."
    assert visitor.get("/account").path == "/signin?next=%2Faccount"


def test_a_sign_in_leads_to_the_page_that_was_wanted(user):
    user.get("/account").send("/signout")
    page = user.get("/account/usage?status=FAILED")
    assert page.path.startswith("/signin?next=")
    page = page.send(page.form("/signin")["action"], email=user.email, password=PASSWORD)
    assert page.path == "/account/usage?status=FAILED" and page.notice == "Welcome back."
    user.get("/account").send("/signout")
    answer = user.get("/signin?next=//evil.test").send(
        "/signin", follow=False, email=user.email, password=PASSWORD)
    assert answer.headers["location"] == "/account"


def test_a_password_is_reset_by_a_code(user):
    other = Browser(user.service)
    page = other.get("/reset").send("/reset", email=user.email)
    page = page.send("/reset/confirm", otp_code=other.service.code(user.email),
                     new_password="Another1-x")
    assert page.path == "/signin" and "Your password is changed" in page.notice
    assert user.get("/account").path.startswith("/signin"), "signed out everywhere"
    assert other.sign_in(user.email, PASSWORD).status == 401
    assert other.sign_in(user.email, "Another1-x").path == "/account"


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(visitor):
    page = visitor.get("/signup").send("/signup", email="nobody", password="short", full_name=NASTY)
    assert page.status == 422 and page.title.startswith("Error: Create an account")
    assert page.problems == [
        ("Enter an email address such as name@example.com", "#email"),
        ("Your password must have at least 8 characters", "#password")]
    [email], [password] = page.all("input", id="email"), page.all("input", id="password")
    assert email["value"] == "nobody" and email["aria-invalid"] == "true"
    assert "autofocus" in email.attributes and "autofocus" not in password.attributes
    assert email["aria-describedby"] == "email-error"
    assert page.all("p", id="email-error")[0].text == page.problems[0][0]
    assert password["value"] is None and "short" not in page.html
    assert page.all("input", id="full_name")[0]["value"] == NASTY
    assert page.all("script") == [] and "<img src=x" not in page.html


@pytest.mark.parametrize("fields, status, problem", [
    ({"email": "", "password": ""}, 422, "Enter your email address"),
    ({"email": "who@example.test", "password": "Wrong-0ne"}, 401, "do not match"),
    ({"email": "who@example.test", "password": "x" * 129}, 422, "at most 128"),
    ({"email": "who@example.test", "password": "a\0b"}, 422, "Password: must not contain NUL"),
], ids=["empty", "wrong", "too long", "NUL"])
def test_a_bad_sign_in_is_the_page_itself(visitor, fields, status, problem):
    page = visitor.get("/signin").send("/signin", **fields)
    assert page.status == status and problem in page.problems[0][0]
    assert page.form("/signin")


def test_a_wrong_code_and_too_many_of_them(site, visitor):
    email = new_email()
    page = visitor.get("/signup").send("/signup", email=email, password=PASSWORD)
    code = site.code(email)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        page = page.send("/verify", otp_code=wrong)
        assert page.status == 400 and page.problems == [
            ("The code is wrong or has expired. Check it, or ask for a new one", "#otp_code")]
        assert page.fields("/verify")["email"] == email and wrong not in page.html
    page = page.send("/verify", otp_code=code)
    assert page.status == 429 and "Wait" in page.problems[0][0]
    assert int(page.headers["retry-after"]) > 0


# Forms act once, for who was given them


def test_a_double_click_does_nothing_twice_and_leads_where_the_first_does(site, visitor):
    email = new_email()
    page = visitor.get("/signup").send("/signup", email=email, password=PASSWORD)
    fields = {**page.fields("/verify"), "otp_code": site.code(email)}
    before = dict(visitor.cookies)

    def press(_):
        browser = Browser(site)
        browser.cookies = dict(before)
        answer = browser.post("/verify", fields, follow=False)
        return answer.status, answer.headers.get("location"), browser.cookies.get("cuebx_session")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(press, range(4)))
    assert len(set(answers)) == 1 and answers[0][:2] == (303, "/account"), answers
    visitor.cookies["cuebx_session"] = answers[0][2]
    security = visitor.get("/account/security")
    assert security.text.count("This device") == 1
    assert len(security.all("tr")) == 2, "one session, though it was pressed four times"
    assert len([mail for mail in site.mail(email)]) == 1


def test_a_form_that_was_sent_is_answered_as_the_first_time(user):
    page = user.get("/account/profile")
    fields = {**page.fields("/account/profile"), "full_name": "Grace"}
    first = user.post("/account/profile", fields, follow=False)
    user.get("/account/profile").send("/account/profile", full_name="Ada")
    again = user.post("/account/profile", fields, follow=False)
    assert (first.status, first.headers["location"]) == (again.status, again.headers["location"])
    assert user.get("/account/profile").fields("/account/profile")["full_name"] == "Ada"
    # Other fields are another act.
    user.post("/account/profile", {**fields, "full_name": "Joan"})
    assert user.get("/account/profile").fields("/account/profile")["full_name"] == "Joan"


@pytest.mark.parametrize("headers, status", [
    ({"Origin": "https://evil.test"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "", "Sec-Fetch-Site": "cross-site"}, 403), ({}, 303),
], ids=["another", "none to tell", "empty", "ours"])
def test_a_form_from_another_origin_is_not_carried_out(user, headers, status):
    answer = user.get("/account/profile").send(
        "/account/profile", follow=False, headers=headers, full_name="Eve")
    assert answer.status == status, answer
    name = user.get("/account/profile").fields("/account/profile")["full_name"]
    assert name == ("Eve" if status == 303 else "Ada")


def test_a_token_of_another_browser_or_none_or_an_old_one_does_nothing(site, user):
    other = Browser(site)
    theirs = other.get("/signin").fields("/signin")["form_token"]
    for token in ["", "nonsense", theirs]:
        page = user.get("/account/profile").send(
            "/account/profile", form_token=token, full_name="Eve")
        assert page.status == 403 and "open for too long" in page.problems[0][0]
        assert page.fields("/account/profile")["full_name"] == "Eve", "what was typed stays"
        page = page.send("/account/profile")
        assert page.notice == "Saved."
        page.send("/account/profile", full_name="Ada")


@pytest.mark.parametrize("path", ACTS, ids=lambda path: path.partition("?")[0])
def test_no_act_is_carried_out_for_who_is_not_signed_in_or_has_no_token(site, user, path):
    visitor = Browser(site)
    token = visitor.get("/signin").fields("/signin")["form_token"]
    answer = visitor.post(path, {**ACTS[path], "form_token": token}, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith("/signin?next=")
    answer = user.post(path, ACTS[path], follow=False)
    assert answer.status == 403, answer
    assert user.get("/account").path == "/account"


@pytest.mark.parametrize("content, status", [
    ("application/json", 415), ("multipart/form-data; boundary=x", 415), (None, 415)])
def test_what_is_no_form_is_refused(visitor, content, status):
    answer = visitor.call("POST", "/signin", b"{}", {"Content-Type": content} if content else {})
    assert answer.status == status and answer.headers["content-type"].startswith("text/html")


# Who may open what


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_its_roles(site, path):
    visitor = Browser(site)
    answer = visitor.get(path, follow=False)
    if PAGES[path] == USER:
        assert answer.status == 303 and answer.headers["location"].startswith("/signin?next=%2Faccount")
    else:
        assert answer.status == 200


def test_each_page_for_users_opens_for_a_user_and_fits_in_fifty_kilobytes(user):
    for path, role in PAGES.items():
        answer = user.get(path, follow=False)
        if role == VISITOR:
            assert (answer.status, answer.headers["location"]) == (303, "/account"), path
            continue
        assert answer.status == 200, path
        page = Document(answer.bytes.decode()).root
        [style] = [link["href"] for link in page.all("link", rel="stylesheet")]
        total = len(answer.bytes) + sum(
            len(user.get(asset, follow=False).bytes) for asset in [style, "/assets/icon.svg"])
        assert total <= MOST_BYTES, (path, total)


def test_one_users_calls_and_sessions_are_not_anothers(site, user):
    owner = site.sign_up()
    assert owner.spend().status == 200
    usage = owner.get("/career/usage/logs").json["items"][0]["id"]
    assert user.get(f"/account/usage/{usage}").status == 404
    [session] = owner.get("/auth/sessions").json["sessions"]
    page = user.get("/account/security")
    token = page.fields("/account/security")["form_token"]
    page = user.post("/account/security/signout", {"form_token": token, "session_id": session["id"]})
    assert page.status == 404 and "signed out already" in page.problems[0][0]


# What every answer says


def policy(answer):
    return dict(part.strip().split(" ", 1) for part in
                answer.headers["content-security-policy"].split(";"))


@pytest.mark.parametrize("path", ["/", "/signin", "/account", "/no/such/page", "/assets/icon.svg"])
def test_no_page_runs_a_script_or_lets_itself_be_framed(user, path):
    answer = (Browser(user.service) if path == "/signin" else user).get(path, follow=False)
    rules = policy(answer)
    assert rules["default-src"] == "'none'" and "script-src" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    if path.startswith("/assets"):
        return
    assert rules["frame-ancestors"] == "'none'" and rules["base-uri"] == "'none'"
    assert rules["style-src"] == "'self'" and rules["img-src"] == "'self'"
    assert rules["form-action"].split() == ["'self'", user.service.sandbox.rstrip("/")]
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers, "development speaks plain HTTP"
    page = Document(answer.bytes.decode()).root
    assert page.all("script") == [] and page.all("html")[0]["lang"] == "en"
    assert not re.search(r"\son\w+=|style=|javascript:", answer.bytes.decode())
    for link in page.all("link") + page.all("img"):
        assert (link["href"] or link["src"]).startswith("/")


def test_what_is_private_is_not_indexed(user):
    for path, private in [("/", False), ("/pricing", False), ("/account", True), ("/signin", True)]:
        browser = user if path == "/account" else Browser(user.service)
        answer = browser.get(path, follow=False)
        assert (answer.headers.get("x-robots-tag") == "noindex") == private, path


def test_errors_are_pages_for_browsers_and_json_for_programs(site, visitor):
    page = visitor.get("/no/such/page?<script>")
    assert page.status == 404 and page.title.startswith("Page not found")
    assert page.headers["x-request-id"] in page.text and "<script>" not in page.html
    assert site.call("GET", "/no/such/page").code == "not_found"
    for path in ["/auth/me", "/career/usage", "/career/nothing", "/webhooks/nothing"]:
        answer = visitor.get(path, follow=False)
        assert answer.headers["content-type"] == "application/problem+json", path
    page = Browser(site).get("/signin?next=%ZZ")
    assert page.status == 400 and page.title.startswith("That address is broken")
    answer = site.call("POST", "/pricing", raw=b"", headers={"Accept": "text/html"})
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"
    assert b"<h1>That cannot be done here</h1>" in answer.bytes
    assert site.call("HEAD", "/pricing").status == 200


def test_prices_may_be_framed_by_nobody_unless_somebody_is_named(site):
    assert policy(Browser(site).get("/embed/pricing", follow=False))["frame-ancestors"] == "'none'"


def test_every_word_that_is_asked_for_is_there_and_none_is_idle():
    folder = ROOT / "Sources/PageFrame/Resources"
    words = dict(line.split(" = ", 1) for line in (folder / "Words/en.txt").read_text().splitlines()
                 if line and not line.startswith("#"))
    templates = "\n".join(path.read_text() for path in (folder / "Templates").iterdir())
    swift = "\n".join(
        path.read_text() for target in ["PageFrame", "Pages", "IdentityPages", "WorkspacePages", "Console"]
        for path in (ROOT / "Sources" / target).glob("*.swift"))
    asked = set(re.findall(r"\[\[([\w.]+)\]\]", templates))
    asked |= set(re.findall(r'words\.html\(\s*"([\w.]+)"', swift))
    assert asked - words.keys() == set()
    # Keys that are put together while the page is.
    made = ("title.", "side.", "month.", "state.", "badge.", "source.", "call.", "failure.", "field.",
            "hint.", "error.", "problem.", "notice.", "signout.", "cancel.", "downgrade.", "delete.",
            "act.", "plan.", "upgrade.", "time.", "receipt.", "credits.source.", "language", "console.",
            "column.", "fact.",
            "role.", "layout.", "delete_result.", "card.",
            "top_up.off.", "space.", "invitation.role.", "plans.")
    literals = set(re.findall(r'"([a-z_]+(?:\.\w+)+)"', swift))
    assert [key for key in words if key not in asked | literals and not key.startswith(made)] == []
    # A template has no words of its own.
    for path in (folder / "Templates").iterdir():
        text = re.sub(r"\{\{.*?\}\}+|\[\[.*?\]\]|<[^>]*>|&\w+;|[–·:•]", "", path.read_text())
        assert text.split() == [], (path.name, text.split())


def cases(path, name):
    """The raw values of a Swift enumeration of strings."""
    text = (ROOT / "Sources" / path).read_text()
    body = re.search(rf"enum {name}\b[^{{]*{{(.*?)\n *}}", text, re.S)[1]
    lines = re.findall(r"^ *case (.+)$", body, re.M)
    return {re.search(r'"(\w+)"', one)[1] if "=" in one else one.strip()
            for line in lines for one in line.split(",")}


def test_whatever_a_page_of_workspaces_names_by_its_kind_has_words():
    words = {line.split(" = ", 1)[0] for line in
             (ROOT / "Sources/PageFrame/Resources/Words/en.txt").read_text().splitlines()}
    state = ROOT / "Sources/WorkspacePages/SpaceState.swift"
    states = set(re.findall(r'\(kind, tone, at\) = \("(\w+)"', state.read_text()))
    states |= cases("Pages/SubscriptionState.swift", "Kind")
    kinds = {
        "space.done.": cases("WorkspaceAuditLog/AuditLine.swift", "WorkspaceAct"),
        "space.state.": states, "space.badge.": states,
        "space.invitation.": cases("Workspaces/InvitationRow.swift", "InvitationStatus"),
        "space.key.": cases("APIKeys/APIKeyRow.swift", "APIKeyState"),
    }
    assert all(kinds.values())
    assert {prefix + name for prefix, names in kinds.items() for name in names} - words == set()


# The account


def test_a_call_is_seen_and_explained(site, user):
    me = by_token(site, user)
    me.spend()
    log = me.validate().json["usage_id"]
    me.commit(log, success=False, failure={"failure_type": "timeout", "reason": NASTY})
    held = me.validate().json["usage_id"]
    page = user.get("/account")
    assert "23.00 left of 25.00" in page.text and "Used 1.00 Held 1.00 Left 23.00" in page.text
    assert "Job match" in page.text and "Running" in page.text and "Failed" in page.text
    assert page.all("time")[0]["datetime"].endswith("Z")
    page = user.get(f"/account/usage/{log}")
    assert "This call failed. It cost nothing." in page.text
    assert NASTY in page.text and page.all("img") == []
    assert "1.00 credits are held" in user.get(f"/account/usage/{held}").text
    for nonsense in ["nonsense", str(uuid.uuid4()), NASTY.replace("/", "")]:
        assert user.get("/account/usage/" + nonsense.replace("<", "%3C").replace(">", "%3E")
                        .replace('"', "%22").replace(" ", "%20").replace("{", "%7B")
                        .replace("}", "%7D").replace("&", "%26")).status == 404


def by_token(site, browser):
    """The same user to tool servers."""
    from conftest import User
    id = browser.get("/account/profile").all("span", class_="code")[0].text
    return User(site, browser.email, {}, id)


def test_usage_is_filtered_paged_and_saved_for_a_spreadsheet(site, user):
    me = by_token(site, user)
    site.write(
        "UPDATE career_subscription_contexts SET minute_count = 0 WHERE user_id = ?", uuid.UUID(me.id))
    for number in range(9):
        me.validate(request_id=f"=cmd|{number}" if number else "@a,\"b\"")
    page = user.get("/account/usage")
    assert len(page.all("tr")) == 10
    page = user.get("/account/usage?status=SUCCESS&feature_key=&from=&to=")
    assert "No calls yet" in page.text and page.fields("/account/usage")["status"] == "SUCCESS"
    lines = user.get("/account/usage.csv?status=PENDING", follow=False)
    assert lines.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    rows = lines.bytes.decode().splitlines()
    assert len(rows) == 10 and all("=cmd" not in row or "'=cmd" in row for row in rows)
    assert "\"'@a,\"\"b\"\"\"" in rows[-1]
    today = rows[1][:10]
    assert len(user.get(f"/account/usage?from={today}&to={today}").all("tr")) == 10
    assert "No calls yet" in user.get("/account/usage?to=2020-01-01").text
    for query, problem in [("from=nonsense", "Enter a date"), ("status=x", "Choose a state"),
                           ("cursor=x", "This link is broken")]:
        page = user.get("/account/usage?" + query)
        assert page.status == 422 and problem in page.problems[0][0]


def test_the_password_is_changed_and_devices_are_signed_out(site, user):
    other = Browser(site)
    other.sign_in(user.email, PASSWORD)
    page = user.get("/account/security")
    assert len(page.all("form", action="/account/security/signout")) == 1
    page = page.send("/account/security/signout")
    assert page.notice == "That device is signed out."
    assert other.get("/account").path.startswith("/signin")
    page = page.send("/account/security", current_password="Wrong-0ne", new_password="Another1-x")
    assert page.problems == [("Your current password is not right", "#current_password")]
    page = page.send("/account/security", current_password=PASSWORD, new_password="weak")
    assert page.status == 422 and page.problems[0][1] == "#new_password"
    page = page.send("/account/security", current_password=PASSWORD, new_password="Another1-x")
    assert page.notice.startswith("Your password is changed")
    page = page.send("/account/security/everywhere")
    assert page.path == "/" and user.get("/account").path.startswith("/signin")


def test_the_data_are_taken_along_and_erased(site, user):
    answer = user.get("/account/data/export", follow=False)
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert user.email in answer.bytes.decode() and json.loads(answer.bytes)
    page = user.get("/account/data/delete").send("/account/data/delete")
    assert page.path == "/" and page.notice == "Your account is deleted."
    assert user.get("/account").path.startswith("/signin")
    assert user.sign_in(user.email, PASSWORD).status == 401


def test_a_remembered_session_has_an_end_and_the_other_goes_with_the_browser(site, user):
    for more, expected in [({}, False), ({"remember_me": "on"}, True)]:
        answer = Browser(site).get("/signin").send(
            "/signin", follow=False, email=user.email, password=PASSWORD, **more)
        [cookie] = [line for line in answer.all_headers["set-cookie"] if "session=" in line]
        assert ("Max-Age=2592000" in cookie) == expected
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


# Paying


def pay(browser, answer, action="pay"):
    """On the local Stripe's page."""
    import urllib.parse
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    opener = urllib.request.build_opener(Stay)
    try:
        opener.open(urllib.request.Request(
            answer.headers["location"], data=f"action={action}".encode(), method="POST"))
    except urllib.error.HTTPError as error:
        assert error.code == 303, error.read()
        return urllib.parse.urlsplit(error.headers["Location"])
    raise AssertionError("the local Stripe led nowhere")


def test_a_plan_is_bought_upgraded_canceled_and_resumed(own_site):
    user = Browser(own_site)
    user.email = new_email()
    user.sign_up(user.email, PASSWORD)
    page = user.get("/account/plan")
    assert "You are on Free. It costs nothing." in page.text
    form = next(form for form in page.all("form", action="/account/plan/checkout")
                if form.all("input", name="plan_id")[0]["value"] == PLUS)
    assert form.text == "Try Plus free for 7 days"
    answer = user.post("/account/plan/checkout", {
        "plan_id": PLUS, "form_token": form.all("input", name="form_token")[0]["value"]}, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith(own_site.sandbox)
    back = pay(user, answer)
    page = user.get(back.path + "?" + back.query)
    assert page.path == "/account/plan" and page.notice == "Thank you. Your plan has started."
    assert "You are trying Plus free of charge." in page.text and "$20.00 is charged" in page.text
    own_site.advance(8 * DAY)
    page = user.sign_in(user.email, PASSWORD) and user.get("/account/plan")
    assert "You are on Plus. It renews on" in page.text
    # The price stands before the button, and just that is charged.
    own_site.advance(10 * DAY)
    user.sign_in(user.email, PASSWORD)
    page = user.get(f"/account/plan/upgrade?plan_id={PRO}")
    [due] = re.findall(r"To pay now ?\$(\d+\.\d\d)", page.text)
    assert 0 < float(due) < 20 and f"Pay ${due} and upgrade" in page.text
    action = f"/account/plan/upgrade?plan_id={PRO}"
    # After ten minutes the new price is shown first.
    own_site.advance(601)
    page = page.send(action)
    assert page.status == 409 and "This is the price now" in page.problems[0][0]
    [due] = re.findall(r"To pay now ?\$(\d+\.\d\d)", page.text)
    page = page.send(action)
    assert page.path == "/account/plan" and page.notice.startswith("You are upgraded"), page.text
    assert "You are on Pro." in page.text
    # Canceled in two clicks, resumed in one.
    [link] = [link["href"] for link in page.all("a") if link.text == "Cancel your plan"]
    page = user.get(link).send("/account/plan/cancel")
    assert page.notice.startswith("You have canceled.") and "It ends on" in page.text
    page = page.send("/account/plan/resume")
    assert page.notice == "Your plan goes on." and "It renews on" in page.text
    receipts = user.get("/account/receipts")
    assert [row.all("td")[2].text for row in receipts.all("tr")[1:]] == [f"${due}", "$20.00", "$0.00"]
    assert "Paid" in receipts.text and receipts.all("a", href="")  == []
    assert "The next payment is made by Visa, ending in 4242." in receipts.text
    answer = page.send("/account/plan/billing", follow=False)
    assert answer.headers["location"].startswith(own_site.sandbox)
    # What is not possible is told on the page.
    page = user.get(f"/account/plan/upgrade?plan_id={PRO}")
    assert page.status == 409 and page.problems[0][0] == "You are on this plan already"
    page = user.get(f"/account/plan/upgrade?plan_id={uuid.uuid4()}")
    assert page.status == 404 and "no longer offered" in page.problems[0][0]
    # A lower plan: its button leads to what it means, and one more undoes it.
    page = user.get("/account/plan")
    [link] = [link["href"] for link in page.all("a") if link.text == "Move to Plus"]
    page = user.get(link)
    assert "You keep Pro and its credits until" in page.text and "Nothing is charged now" in page.text
    page = page.send(link)
    assert page.path == "/account/plan" and page.notice.startswith("Your plan changes at the end")
    assert re.search(r"You are on Pro. On .* it changes to Plus for \$20.00.", page.text)
    assert "Begins on" in page.text and not [a for a in page.all("a") if a.text == "Move to Plus"]
    assert re.search(r"Next charge: \$20.00 on", user.get("/account").text)
    page = user.get("/account/plan").send("/account/plan/resume")
    assert "It renews on" in page.text and [a for a in page.all("a") if a.text == "Move to Plus"]
    client = sdk(own_site)
    [subscription] = client.v1.subscriptions.list().data
    coupon = client.v1.coupons.create({"name": "Spring", "percent_off": 25, "duration": "forever"})
    client.v1.subscriptions.update(subscription.id, {"discounts": [{"coupon": coupon.id}]})
    assert "Your coupon Spring goes on." in user.get(
        f"/account/plan/downgrade?plan_id={PLUS}").text
    for plan, status, problem in ((PRO, 409, "You are on this plan already"),
                                  (uuid.uuid4(), 404, "This plan is no longer offered")):
        page = user.get(f"/account/plan/downgrade?plan_id={plan}")
        assert page.status == status and page.problems[0][0] == problem
    assert user.get("/account/plan/downgrade").path == "/account/plan"


def test_a_pack_is_bought_and_a_code_redeemed(own_site):
    user = Browser(own_site)
    user.sign_up(new_email(), PASSWORD)
    page = user.get("/account/credits")
    assert "25.00 credits to spend" in page.text
    form = page.all("form", action="/account/credits/buy")[0]
    assert form.text == "Buy 100 credits"
    answer = user.post("/account/credits/buy", {
        "pack_id": form.all("input", name="pack_id")[0]["value"],
        "form_token": form.all("input", name="form_token")[0]["value"]}, follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith(own_site.sandbox)
    back = pay(user, answer)
    page = user.get(back.path + "?" + back.query)
    assert page.path == "/account/credits" and page.notice == "Thank you. Your credits are there."
    assert "125.00 credits to spend" in page.text
    # Coming back twice, or with a page of somebody else's, grants nothing.
    assert user.get(back.path + "?" + back.query).path == "/account/credits"
    assert "125.00 credits to spend" in user.get("/account/credits").text
    assert user.get("/account/credits/paid?session=cs_test_x").path == "/account/credits?arriving=1"
    assert "100.00 credits beside your plan" in user.get("/account").text
    # What is wrong with a code stands at its field.
    for code, problem in (("", "Enter the code"), ("NONE", "There is no such code")):
        page = user.get("/account/credits").send("/account/credits/redeem", code=code)
        assert problem in page.problems[0][0] and page.problems[0][1] == "#code", page.problems
    assert own_site.command(
        "codes", "add", "GIFT", "--credits", "7.50", "--total", "1").returncode == 0
    page = page.send("/account/credits/redeem", code=" gift ")
    assert page.notice == "The code is redeemed. Your credits are there."
    assert "132.50 credits to spend" in page.text and "Given to you" in page.text


def test_the_form_of_an_earlier_sign_in_signs_another_person_in(site):
    first, second = site.sign_up(), site.sign_up()
    browser = Browser(site)
    form = browser.get("/signin")
    assert form.send("/signin", email=first.email, password=PASSWORD).path == "/account"
    browser.get("/account/usage").send("/signout")
    page = form.send("/signin", email=second.email, password=PASSWORD)
    assert page.status == 200 and page.path == "/account"
    assert second.email in browser.get("/account/profile").html


def test_in_production_cookies_are_sealed_and_development_is_not_there(tmp_path):
    secrets = {"CUEBX_ENV": "production", "JWT_SECRET": "j" * 32, "TOKEN_HASH_SECRETS": "t" * 32,
               "INTERNAL_API_KEYS": "k" * 16, "STRIPE_SECRET_KEY": "sk_test_x",
               "STRIPE_WEBHOOK_SECRET": "whsec_x", "STRIPE_API_BASE": "http://127.0.0.1:9",
               "BRAND_NAME": NASTY, "SUPPORT_EMAIL": "help@career.test",
               "EMBED_ORIGINS": "https://shop.test,https://blog.test"}
    service = Service(tmp_path, **secrets).start()
    try:
        browser = Browser(service)
        answer = browser.get("/signin", follow=False)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        [cookie] = answer.all_headers["set-cookie"]
        assert cookie.startswith("__Host-cuebx_visit=") and cookie.endswith("; Secure")
        page = browser.get("/")
        assert "For developers" not in page.text and NASTY in page.title
        assert page.all("img") == [] and page.all("script") == []
        assert browser.get("/dev/mail").status == browser.get("/dev/components").status == 404
        answer = browser.get("/embed/pricing", follow=False)
        assert policy(answer)["frame-ancestors"] == "https://shop.test https://blog.test"
        page = browser.get("/signin").send("/signin", email=new_email(), password=PASSWORD)
        assert page.status == 401
    finally:
        service.stop()


def test_users_of_another_provider_enter_by_a_link_that_is_good_once(tmp_path):
    service = Service(tmp_path, **PROVIDER.settings(tmp_path)).start()
    try:
        browser = Browser(service)
        assert "/signin" not in browser.get("/").html and "/signup" not in browser.get("/pricing").html
        for path in ("/signin", "/signup", "/verify", "/reset"):
            assert browser.get(path).status == 404
        assert "Open your account from the application" in browser.get("/account").text
        owner = service.new_user()
        link = owner.post("/auth/page-session").json["url"].removeprefix(service.url)
        page = browser.get(link)
        other = Browser(service)
        theirs = other.get(link)
        page = page.send("/enter")
        assert page.path == "/account" and "25.00 left" in page.text
        assert owner.email in browser.get("/account/profile").text
        assert "You sign in with another provider" in browser.get("/account/security").text
        page = theirs.send("/enter")
        assert page.status == 403 and "used already" in page.problems[0][0]
        assert other.get("/account").path == "/enter"
        late = owner.post("/auth/page-session").json["url"].removeprefix(service.url)
        page = other.get(late)
        service.advance(61)
        assert page.send("/enter").status == 403
        for nonsense in ("nonsense", late.partition("link=")[2][:-1] + "A"):
            assert other.get("/enter?link=" + nonsense).send("/enter").status == 403
        assert service.call("POST", "/auth/page-session").status == 401
    finally:
        service.stop()


def test_components_are_shown_each_on_a_page(visitor):
    names = [link["href"] for link in visitor.get("/dev/components").all("a")
             if link["href"].startswith("/dev/components/")]
    assert len(names) > 12
    for name in names:
        page = visitor.get(name)
        assert page.status == 200 and len(page.html) < MOST_BYTES, name
    assert visitor.get("/dev/components/nothing").status == 404
    page = visitor.get("/dev/time").send("/dev/time", days="x")
    assert page.problems[0][0] == "Enter a whole number of days" or page.status == 422
    assert visitor.get("/dev/mail").status == 200


# Limits


def test_a_user_limits_what_they_spend_and_sees_what_they_spent(site):
    owner = site.sign_up()
    assert owner.spend().status == 200
    browser = Browser(site)
    browser.sign_in(owner.email, PASSWORD)
    at = "/account/limits"
    page = browser.get(at)
    assert "Today: 1.00 credits, without a limit." in page.text
    assert (page.fields(at)["daily_credits"], page.fields(at)["alert_at"]) == ("", "50, 80, 100")
    page = page.send(at, daily_credits="2.5", alert_at="60 90")
    assert page.path == at and "Today: 1.00 of 2.50 credits." in page.text
    assert "Your limits are set." in page.notice and page.fields(at)["alert_at"] == "60, 90"
    assert owner.get("/career/usage/limits").json["daily_credits"] == "2.50"
    page = page.send(at, daily_credits="-1", alert_at="0, x")
    assert page.status == 422 and [href for _, href in page.problems] == [
        "#daily_credits", "#alert_at"]
    assert page.fields(at)["daily_credits"] == "-1"
    assert owner.get("/career/usage/limits").json["daily_credits"] == "2.50"
    page.send(at, daily_credits="", alert_at="")
    limits = owner.get("/career/usage/limits").json
    assert limits["daily_credits"] is None and limits["alert_at"] == []


# Time zones


def zoned(site, zone):
    user = Browser(site)
    user.sign_up(f"{uuid.uuid4().hex}@example.test", PASSWORD)
    page = user.get("/account/profile").send("/account/profile", time_zone=zone)
    assert page.status == 200, page.text
    return user


def test_dates_are_in_the_zone_that_somebody_chose_and_say_so(site):
    for zone, offset in [("UTC", None), ("Asia/Tokyo", "(UTC+9)"), ("Asia/Kathmandu", "(UTC+5:45)")]:
        user = zoned(site, zone)
        for path in ["/account", "/account/security", "/account/credits", "/account/usage"]:
            page = user.get(path)
            [foot] = page.all("footer")
            assert f"Dates are in {zone}" in foot.text, path
        page = user.get("/account/security")
        [since, *_] = page.all("time")
        assert since["title"].endswith(" UTC") and since["datetime"].endswith("Z")
        assert offset in since.text if offset else "(UTC" not in since.text
        assert user.get("/account/profile").fields("/account/profile")["time_zone"] == zone
    assert "Dates are in" not in Browser(site).get("/pricing").all("footer")[0].text


def test_a_day_of_the_filter_is_a_day_on_the_readers_clocks(site):
    user = zoned(site, "Pacific/Kiritimati")
    page = user.get("/account/usage?from=2026-01-05&to=2026-01-05")
    fields = page.fields("/account/usage")
    assert (fields["from"], fields["to"]) == ("2026-01-05", "2026-01-05")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "EST", "utc", "x" * 65, 7, ["UTC"]])
def test_what_is_no_time_zone_is_refused_and_changes_nothing(site, zone):
    user = site.sign_up()
    answer = site.call("PATCH", "/auth/me", {"time_zone": "Europe/Berlin"}, headers=user.auth)
    assert answer.json["time_zone"] == "Europe/Berlin"
    assert site.call("PATCH", "/auth/me", {"time_zone": zone}, headers=user.auth).status == 422
    assert user.get("/auth/me").json["time_zone"] == "Europe/Berlin"
    assert user.get("/auth/me/export").json["user"]["time_zone"] == "Europe/Berlin"
    assert site.call("PATCH", "/auth/me", {"full_name": "Ada"}, headers=user.auth).json[
        "time_zone"] == "Europe/Berlin", "what is left out stays"
    assert site.call("PATCH", "/auth/me", {"time_zone": None}, headers=user.auth).json[
        "time_zone"] == "UTC"


def test_an_automatic_top_up_is_set_and_switched_off(own_site):
    user = Browser(own_site)
    user.sign_up(new_email(), PASSWORD)
    at = "/account/credits/auto"
    page = user.get(at)
    assert "Nothing is bought unless you buy it." in page.text
    page = page.send(at, below="5", current_password="")
    assert "Enter your password" in page.problems[0][0]
    page = page.send(at, below="0", current_password=PASSWORD)
    assert page.problems[0][1] == "#below"
    page = page.send(at, below="5", current_password=PASSWORD)
    assert "There is no card" in page.problems[0][0]
    # With a card, here that of a plan.
    answer = user.get("/account/plan").all("form", action="/account/plan/checkout")[0]
    answer = user.post("/account/plan/checkout", {
        "plan_id": PLUS,
        "form_token": answer.all("input", name="form_token")[0]["value"]}, follow=False)
    pay(user, answer)
    page = user.get(at).send(at, below="5", monthly_maximum="2", current_password=PASSWORD)
    assert page.notice == "Your automatic top-up is on." and "at most 2 times" in page.text
    page = page.send(at + "/off")
    assert page.notice == "Your automatic top-up is off."
    assert "Nothing is bought unless you buy it." in page.text
