"""The operators' console: who gets in, who may do what, and that it is written down."""

import re
import uuid

import pytest

from browser import Browser
from conftest import DAY, PASSWORD, ROOT, Service
from operators import Operator, add
from test_operations import PRODUCTION
from test_pages import MOST_BYTES, NASTY, policy

ROLES = ["viewer", "support", "admin"]
# Every page, and who may open it; what acts asks for more (ACTS). A page without an entry fails
# test_each_address_of_the_console_has_its_roles.
PAGES = {"/console": ROLES, "/console/acts": ROLES}
# Every address that acts, by the roles that may.
ACTS = {}


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


# Who may open what


def test_each_address_of_the_console_has_its_roles():
    source = (ROOT / "Sources/Console/ConsoleRoutes.swift").read_text()
    forms = set(re.findall(r'form\(\s*"(/console[^"]*)"', source))
    pages = set(re.findall(r'Endpoint\(\s*"(/console[^"]*)"', source))
    assert forms | pages, source
    assert pages == PAGES.keys()
    assert forms - {"/console/signin", "/console/signout"} == ACTS.keys()


def place(address, **ids):
    for name, value in ids.items():
        address = address.replace("{%s}" % name, value)
    return address


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_its_roles_alone(site, crew, path):
    address = place(path)
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
        assert page.all("script") == []
        [style] = [link["href"] for link in page.all("link", rel="stylesheet")]
        total = len(answer.bytes) + len(who.get(style, follow=False).bytes)
        assert total <= MOST_BYTES, (path, total)


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
