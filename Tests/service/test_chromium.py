"""The pages in a real browser: what only one can tell."""

import uuid

import pytest

from browser import Browser
from chromium import KEY_ENTER, KEY_SPACE, Chromium, axe
from conftest import PASSWORD
from operators import Operator
from teams import Team
from test_console import ACTS as CONSOLE_ACTS, PAGES as CONSOLE, dead_letter
from test_pages import PAGES, USER, VISITOR, own_site  # noqa: F401
from test_workspace_pages import LEAD_BACK, PAGES as SPACE_PAGES, ROOT as SPACES

# One question after another looks alike.
ALIKE = {"/members/{user_id}/transfer", "/keys/{key_id}/revoke", "/leave", "/delete", *LEAD_BACK}


@pytest.fixture(scope="module")
def chromium():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def email(service):
    """Of a user who has made some calls."""
    email = f"{uuid.uuid4().hex[:12]}@example.test"
    user = service.sign_up(email, full_name="Ada Lovelace")
    user.spend()
    user.commit(user.validate().json["usage_id"], success=False)
    user.validate()
    return email


def sign_in(chromium, service, email):
    """The session of a browser without a screen, in this one."""
    browser = Browser(service)
    browser.sign_in(email, PASSWORD)
    chromium.get(service.url + "/pricing")
    chromium.devtools("Network.clearBrowserCookies")
    for name, value in browser.cookies.items():
        chromium.devtools("Network.setCookie", name=name, value=value, url=service.url)


def flaws(chromium, url, number, source):
    """What axe finds on a page at two widths and in both schemes, and what is lost on a small screen."""
    found = []
    chromium.look(390, is_dark=number % 2 == 0)
    chromium.get(url)
    found += [(url, 390, *each) for each in chromium.violations(source)]
    chromium.look(1280, is_dark=number % 2 == 1)
    found += [(url, 1280, *each) for each in chromium.violations(source)]
    # WCAG 2.2: reflow at 320 px (1.4.10), targets of 24 px (2.5.8; links in a sentence need none).
    chromium.look(320)
    width, small = chromium.run("""
        const size = e => e.getBoundingClientRect()
        const small = [...document.querySelectorAll(
            'button, .button, nav a, .acts a, input:not([type=hidden]), select, summary')]
            .filter(e => size(e).width && size(e).height < 24).map(e => e.outerHTML.slice(0, 99))
        return [document.documentElement.scrollWidth, small]""")
    assert width <= 320, (url, width)
    assert small == [], (url, small)
    return found


def test_axe_finds_nothing_and_nothing_is_lost_on_a_small_screen(chromium, service, email):
    source = axe()
    found = []
    for role in (VISITOR, USER):
        chromium.get(service.url + "/pricing")
        chromium.devtools("Network.clearBrowserCookies")
        if role == USER:
            sign_in(chromium, service, email)
        pages = [path for path, roles in PAGES.items() if roles in (role, "both")]
        if role == VISITOR:
            pages += ["/no/such/page", "/dev/mail", "/dev/time"]
            pages += [f"/dev/components/{name}" for name in ("field", "meter", "columns", "confirm")]
        for number, path in enumerate(pages):
            found += flaws(chromium, service.url + path, number, source)
    assert found == []


def test_axe_finds_nothing_in_the_console(chromium, service, email):
    operator = Operator(service, f"{uuid.uuid4().hex[:12]}@ops.test", "admin")
    operator.enter()
    [[person]] = service.rows("SELECT id FROM users WHERE email = ?", email)
    [call, *_] = service.rows("SELECT id FROM career_usage_logs WHERE user_id = ?", person)
    letter = dead_letter(service, str(person))
    chromium.get(service.url + "/pricing")
    chromium.devtools("Network.clearBrowserCookies")
    source = axe()
    found = flaws(chromium, service.url + "/console/signin", 0, source)
    for name, value in operator.cookies.items():
        chromium.devtools("Network.setCookie", name=name, value=value, url=service.url)
    for number, path in enumerate([*CONSOLE, *CONSOLE_ACTS]):
        path = path.format(user_id=person, usage_id=call[0], letter_id=letter, table="grants")
        found += flaws(chromium, service.url + path, number, source)
    assert found == []
    service.rows("DELETE FROM messages WHERE id = ?", letter)


def test_axe_finds_nothing_on_the_pages_of_workspaces_and_a_key_is_made_by_the_keyboard(chromium, service):
    owner = service.sign_up()
    team = Team(service, owner=owner)
    email = f"{uuid.uuid4().hex[:12]}@example.test"
    assert team.invite(email).status == 201
    person, key = team.member("admin"), team.key().json["id"]
    sign_in(chromium, service, owner.email)
    source, found = axe(), []
    pages = [SPACES] + [
        f"{SPACES}/{team.id}{path}".replace("{user_id}", person.id).replace("{key_id}", key)
        for path in SPACE_PAGES if path not in ALIKE]
    pages.append("/invitations/" + team.token(email))
    for number, path in enumerate(pages):
        found += flaws(chromium, service.url + path, number, source)
    chromium.look(1280)
    chromium.get(f"{service.url}{SPACES}/{team.id}/keys")
    chromium.tab_to("name")
    chromium.type("Backend")
    chromium.press(KEY_ENTER)
    chromium.wait_for("/keys")
    made = chromium.run("return document.querySelector('.copy').value")
    assert made.startswith("cbx_live_")
    found += chromium.violations(source)
    assert found == []


def test_the_first_screen_of_a_phone_says_what_is_left_and_what_comes_next(chromium, service, email):
    sign_in(chromium, service, email)
    chromium.look(390, height=844)
    chromium.get(service.url + "/account")
    bottom = chromium.run(
        "return document.querySelector('.card .button').getBoundingClientRect().bottom")
    text = chromium.run("return document.querySelector('.card').innerText")
    assert bottom < 844
    for words in ("left of", "new credits on", "Nothing will be charged.", "See or change your plan"):
        assert words in text


def test_a_purchase_is_made_by_the_keyboard_alone_without_scripts(chromium, own_site):  # noqa: F811
    service = own_site
    chromium.look(1280)
    chromium.devtools("Network.clearBrowserCookies")
    email = f"{uuid.uuid4().hex[:12]}@example.test"
    chromium.get(service.url + "/")
    chromium.tab_to("Skip to the content")
    chromium.tab_to("Create a free account")
    chromium.press(KEY_ENTER)
    chromium.wait_for("/signup")
    chromium.tab_to("email")
    chromium.type(email)
    chromium.tab_to("password")
    chromium.type("weak")
    chromium.press(KEY_ENTER)
    chromium.wait_for("/signup")
    assert chromium.focused() == "password", "the first wrong field has the focus"
    chromium.type(PASSWORD)
    chromium.press(KEY_ENTER)
    chromium.wait_for("/verify")
    chromium.tab_to("otp_code")
    chromium.type(service.code(email))
    chromium.press(KEY_ENTER)
    chromium.wait_for("/account")
    chromium.tab_to("See or change your plan")
    chromium.press(KEY_ENTER)
    chromium.wait_for("/account/plan")
    chromium.tab_to("Try Plus free")
    chromium.press(KEY_SPACE)
    chromium.wait_for("/c/pay/")
    chromium.tab_to("Start the trial")
    chromium.press(KEY_ENTER)
    chromium.wait_for("/account/plan")
    assert "You are trying Plus" in chromium.run("return document.querySelector('main').innerText")
