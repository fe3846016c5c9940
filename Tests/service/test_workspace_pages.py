"""The pages of workspaces, as a browser without scripts meets them."""

import contextlib
import json
import re
import time
import uuid

import pytest

from browser import Browser, Document
from conftest import PASSWORD, ROOT as REPOSITORY, Service, databases, together
from teams import Team
from test_calls_by_key import Workspace
from test_pages import MOST_BYTES, NASTY, new_email

ROOT = "/account/workspaces"
# Of a list's page.
ROWS = 15
ROLES = ["member", "admin", "owner"]
# Every page below a workspace: the least role that it opens to.
PAGES = {
    "": "member", "/members": "member", "/members/{user_id}": "admin",
    "/members/{user_id}/remove": "admin", "/members/{user_id}/transfer": "owner",
    "/invitations": "admin", "/keys": "member", "/keys/{key_id}": "admin",
    "/keys/{key_id}/revoke": "admin", "/usage": "member", "/audit": "admin", "/settings": "admin",
    "/leave": "member", "/delete": "owner",
    "/plan": "member", "/plan/paid": "member", "/plan/buy": "admin", "/plan/seats": "admin",
    "/plan/upgrade": "admin", "/plan/downgrade": "admin", "/plan/cancel": "owner", "/plan/members": "owner",
}
STATES = ["active", "without", "frozen", "suspended"]
NOT_ACTIVE, SUSPENDED = STATES[1:], STATES[3:]
# Pages that are refused in some states, as what they ask before is.
CLOSED = {"/plan/buy": SUSPENDED, "/plan/members": NOT_ACTIVE}
# Pages that lead back to the plan's if there is nothing to agree to.
LEAD_BACK = ["/plan/paid", "/plan/seats", "/plan/upgrade", "/plan/downgrade", "/plan/cancel"]
# Forms below a workspace: the least role, fields that would do, and in which states they are refused
# since they add something.
ACTS = {
    "/members/{user_id}": ("owner", {"role": "admin"}, []),
    "/members/{user_id}/status": ("admin", {"status": "disabled"}, []),
    "/members/{user_id}/remove": ("admin", {}, []),
    "/members/{user_id}/transfer": ("owner", {}, []),
    "/invitations": ("admin", {"email": "x@example.test", "role": "member"}, NOT_ACTIVE),
    "/invitations/resend": ("admin", {"invitation_id": str(uuid.uuid4())}, NOT_ACTIVE),
    "/invitations/revoke": ("admin", {"invitation_id": str(uuid.uuid4())}, []),
    "/keys": ("admin", {"name": "k"}, NOT_ACTIVE),
    "/keys/{key_id}": ("admin", {"name": "other"}, []),
    "/keys/{key_id}/rotate": ("admin", {"overlap_seconds": "0"}, NOT_ACTIVE),
    "/keys/{key_id}/revoke": ("admin", {}, []),
    "/settings": ("admin", {"display_name": "Other", "slug": "other"}, []),
    "/leave": ("member", {}, []), "/delete": ("owner", {}, []),
    "/plan/buy": ("admin", {}, SUSPENDED), "/plan/seats": ("admin", {"shown_at": "1"}, []),
    "/plan/upgrade": ("admin", {"shown_at": "1"}, NOT_ACTIVE), "/plan/billing": ("admin", {}, []),
    "/plan/downgrade": ("admin", {}, []),
    "/plan/cancel": ("owner", {}, []), "/plan/resume": ("owner", {}, SUSPENDED),
    "/plan/members": ("owner", {"seat_0": str(uuid.uuid4())}, NOT_ACTIVE),
}
# A page that needs a call, which only a workspace that pays can make.
OF_A_CALL = "/usage/{usage_id}"
# Forms whose page is another's.
BUTTONS = {"/members/{user_id}/status", "/invitations/resend", "/invitations/revoke",
           "/keys/{key_id}/rotate", "/plan/billing", "/plan/resume"}


class Person(Browser):
    """Somebody who is signed in by pages and by the API."""

    def __init__(self, service):
        super().__init__(service)
        self.user = service.sign_up()
        self.sign_in(self.user.email, PASSWORD)

    @property
    def id(self):
        return self.user.id


def press(browser, path, fields, follow=False, token=None):
    """Sends a form that may not stand in any page that the visitor sees."""
    if token is None:
        page = browser.get("/account/profile")
        token = page.fields("/account/profile")["form_token"]
    return browser.post(path, {**fields, "form_token": token}, follow=follow)


@pytest.fixture(scope="module")
def teams(service):
    """A team in each state with the same members, a key and a member whom nobody else is."""
    people = {(role, status): Person(service)
              for role in ("admin", "member") for status in ("enabled", "disabled")}
    owner, stranger = Person(service), Person(service)
    teams = {}
    for state in STATES:
        team = teams[state] = Team(service, seats=9, owner=owner.user)
        for (role, status), person in people.items():
            team.put(person.user, role, status)
        team.other = team.member()
        team.made = team.key().json["id"]
    teams["without"].set(subscription="none", seat_count=0)
    teams["frozen"].freeze()
    teams["suspended"].suspend()
    yield teams, {("owner", "enabled"): owner, **people, (None, None): stranger}
    for team in teams.values():
        service.write("DELETE FROM workspace_members WHERE workspace_id = ?", uuid.UUID(team.id))
        team.set(owner_id=None, slug=None, closed_at=1, subscription="none", seat_count=0,
                 pending_seat_count=None, frozen_at=None)


def address(team, path):
    at = f"{ROOT}/{team.id}{path}"
    return at.replace("{user_id}", team.other.id).replace("{key_id}", team.made)


def refusal(role, status, least, even_disabled=False):
    if role is None:
        return 404, "You are in no such workspace"
    if status == "disabled" and not even_disabled:
        return 403, "You have no seat in this workspace"
    if ROLES.index(role) < ROLES.index(least):
        return 403, "Your role in this workspace may not do this"
    return None


def test_every_page_and_every_form_below_a_workspace_has_a_line():
    bases = {"own": "", "members": "/members", "sent": "/invitations", "keys": "/keys",
             "plan": "/plan"}
    pages, forms = set(), set()
    for line in (REPOSITORY / "Sources/WorkspacePages/WorkspacePageRoutes.swift").read_text().splitlines():
        if found := re.search(r'let one = (\w+) \+ "([^"]+)"', line):
            bases["one"] = bases[found[1]] + found[2]
        for kind, base, rest in re.findall(r'(form|Endpoint)\((\w+)(?: \+ "([^"]+)")?,', line):
            if base in bases:
                (forms if kind == "form" else pages).add(bases[base] + rest)
    assert forms == set(ACTS) and (pages | forms) - BUTTONS - {OF_A_CALL} == set(PAGES)
    assert len(pages) == 7


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "/")
def test_each_page_of_a_workspace_is_for_its_roles(service, teams, path):
    teams, people = teams
    for state, team in teams.items():
        at = address(team, path)
        for (role, status), person in people.items():
            page = person.get(at)
            cell = (state, role, status, page.status, page.text[:200])
            expected = refusal(role, status, PAGES[path], even_disabled=path == "/leave")
            if expected:
                assert page.status == expected[0] and expected[1] in page.text, cell
                assert team.other.email not in page.html and team.made not in page.html, cell
            elif state in CLOSED.get(path, []):
                assert page.status == 402, cell
            else:
                assert page.status == 200, cell
    visitor = Browser(service).get(address(teams["active"], path), follow=False)
    assert visitor.status == 303
    assert visitor.headers["location"].startswith("/signin?next=%2Faccount%2Fworkspaces%2F")


@pytest.mark.parametrize("path", ACTS)
def test_no_form_of_a_workspace_acts_for_who_may_not(service, teams, path):
    teams, people = teams
    least, fields, closed = ACTS[path]
    for state, team in teams.items():
        before = (team.members, team.get("/api-keys").json, team.get().json["display_name"],
                  team.get("/invitations").json)
        for (role, status), person in people.items():
            expected = refusal(role, status, least, even_disabled=path == "/leave")
            if expected is None and state in closed:
                expected = (402, "nothing can be added to it")
            if expected is None:
                continue
            page = press(person, address(team, path), fields, follow=True)
            assert page.status == expected[0] and expected[1] in page.text, (state, role, status, page.text)
        assert before == (team.members, team.get("/api-keys").json, team.get().json["display_name"],
                          team.get("/invitations").json)
    at = address(teams["active"], path)
    visitor = press(Browser(service), at, fields, token="x")
    assert visitor.status == 303 and visitor.headers["location"].startswith("/signin?next=")
    assert people[("owner", "enabled")].post(at, fields, follow=False).status == 403, "without a token"


@pytest.mark.parametrize("id", ["0198c0de-0000-7000-8000-00000000dead", "x", "me"])
def test_what_is_no_workspace_is_answered_as_to_a_stranger(service, teams, id):
    owner = teams[1][("owner", "enabled")]
    for path in PAGES:
        page = owner.get(f"{ROOT}/{id}{path}".replace("{user_id}", "x").replace("{key_id}", "x"))
        assert page.status == 404, (path, page.text)
    team = teams[0]["active"]
    for path in ("/members/{}", "/members/{}/remove", "/keys/{}", "/keys/{}/revoke"):
        assert owner.get(f"{ROOT}/{team.id}{path.format(id)}").status == 404, path


def fill(service, team):
    """Rows with the longest names for more than a page of each list."""
    wide, now = "\u5bec" * 100, int(time.time() * 1e6)
    for _ in range(ROWS + 1):
        assert team.key(name=wide).status == 201
    address = "a&" * 32 + "@" + "example." * 22 + "test"
    service.write_many(
        "INSERT INTO workspace_invitations (id, workspace_id, email, email_key, role, status, "
        "token_hash, created_at, expires_at) VALUES (?, ?, ?, ?, 'admin', 'pending', ?, ?, ?)",
        [(uuid.uuid4(), uuid.UUID(team.id), f"{number:02}" + address[2:], f"{number:02}" + address[2:],
          uuid.uuid4().bytes, now, now + 10**12) for number in range(ROWS + 1)])
    state = json.dumps({"name": '"' * 500, "description": wide * 5})
    service.write_many(
        "INSERT INTO workspace_audit (id, workspace_id, at, actor, action, target, state_before, "
        "state_after) VALUES (?, ?, ?, ?, 'updated', ?, ?, ?)",
        [(uuid.UUID(int=(now // 1000 + 10**6) << 80 | 7 << 76 | 2 << 62 | number), uuid.UUID(team.id),
          now, team.owner.id, team.made["id"], state, state) for number in range(ROWS + 1)])


def test_each_page_of_a_workspace_fits_in_fifty_kilobytes(service, teams):
    person = Person(service)
    full = Team(service, owner=person.user)
    assert service.call("PATCH", "/auth/me", {"full_name": "\u5bec" * 200},
                        headers=person.user.auth).status == 200
    fill(service, full)
    lists = [f"{ROOT}/{full.id}{path}" for path in ("/keys", "/invitations", "/audit", "/members")]
    for path in lists[:3]:
        assert len(person.get(path).all("tr")) == 1 + ROWS, path
    team = teams[0]["active"]
    seen = [(person, path) for path in lists] + [
        (teams[1][("owner", "enabled")], path)
        for path in [ROOT, *(address(team, path) for path in PAGES if path not in LEAD_BACK)]]
    for owner, path in seen:
        answer = owner.get(path, follow=False)
        page = Document(answer.bytes.decode()).root
        [style] = [link["href"] for link in page.all("link", rel="stylesheet")]
        total = len(answer.bytes) + sum(
            len(owner.get(asset, follow=False).bytes) for asset in [style, "/assets/icon.svg"])
        assert answer.headers["x-robots-tag"] == "noindex" and total <= MOST_BYTES, (path, total)


def test_a_team_is_made_and_says_what_it_lacks(service):
    owner = Person(service)
    page = owner.get(ROOT)
    assert "You are in no workspace yet." in page.text
    page = page.send(ROOT, display_name=" ")
    assert page.status == 422 and page.title.startswith("Error:"), page.text
    page = page.send(ROOT, display_name=NASTY, description="For <b>tests</b>")
    assert page.notice == "Your team is there." and NASTY.split()[0] in page.text
    assert "no subscription yet" in page.text and "For <b>tests</b>" in page.text
    at = page.path
    for path in ("/keys", "/invitations"):
        page = owner.get(at + path)
        assert "has no subscription yet, so nothing can be added to it." in page.text
        assert [form for form in page.all("form") if form["action"] == at + path] == []
    page = owner.get(at + "/settings").send(at + "/settings", display_name="Acme", slug="NOT A SLUG")
    assert page.status == 422 and page.fields(at + "/settings")["slug"] == "NOT A SLUG"
    page = page.send(at + "/settings", display_name="", slug="")
    assert page.status == 422 and len(page.problems) == 2, "nothing was saved"
    page = owner.get(at + "/settings").send(at + "/settings", description="one\r\ntwo")
    assert page.notice == "Saved." and page.fields(at + "/settings")["description"] == "one\r\ntwo"
    assert page.all("textarea", name="description") != [], "an input would lose its lines"
    page = page.send(at + "/settings", display_name="Acme", slug=uuid.uuid4().hex, description="")
    assert page.notice == "Saved." and page.title.startswith("Settings of Acme")
    assert "Acme" in owner.get(ROOT).text
    page = owner.get(at + "/delete").send(at + "/delete")
    assert page.path == ROOT and page.notice == "The team is deleted." and "Acme" not in page.text


def test_a_personal_workspace_begins_with_a_button_and_has_credits(service):
    owner = Person(service)
    page = owner.get(ROOT).send(ROOT + "/activate")
    assert page.notice == "Your personal workspace is there."
    assert "on Free" in page.text and "100.00 left of 100.00" in page.text
    at = page.path
    assert "Start my personal workspace" not in owner.get(ROOT).text
    tabs = [link.text for link in page.all("nav")[2].all("a")]
    assert tabs == ["Overview", "Members", "Keys", "Usage", "Plan", "Audit log", "Settings"]
    assert owner.get(at + "/settings").all("a", href=at + "/delete") == []


def test_somebody_who_is_invited_comes_by_the_mails_link_through_a_sign_up(service):
    owner = Person(service)
    team = Team(service, owner=owner.user)
    at, email = f"{ROOT}/{team.id}", new_email()
    page = owner.get(at + "/invitations").send(at + "/invitations", email="nonsense", role="member")
    assert page.status == 422 and page.problems == [("Enter an email address such as name@example.com",
                                                     "#email")]
    page = page.send(at + "/invitations", email=email, role="admin")
    assert page.notice == "The invitation is on its way." and email in page.text
    page = page.send(at + "/invitations", email=email)
    assert page.status == 409 and page.problems[0][1] == "#email"
    text = service.mail(email)[-1]["text"]
    [link] = re.findall(r"^(http\S+/invitations/([\w-]{43}))$", text, re.M)
    path = "/invitations/" + link[1]
    assert link[0].endswith(path) and link[1] == team.token(email)

    newcomer = Browser(service)
    page = newcomer.get(path)
    assert page.title.startswith("Acme") and "as an admin" in page.text and email not in page.html
    [way] = [each["href"] for each in page.all("a") if each["href"].startswith("/signup")]
    page = newcomer.get(way)
    assert newcomer.get(page.all("p")[-1].all("a")[0]["href"]).path.startswith("/signin?next=")
    page = page.send("/signup", email=email, password=PASSWORD)
    page = page.send("/verify", otp_code="000000") if service.code(email) != "000000" else page
    page = page.send("/verify", otp_code=service.code(email))
    assert page.path == path and page.notice.startswith("Your address is confirmed.")
    # What its forms led to names the invitation and the address, and lies sealed.
    kept = repr(service.rows("SELECT * FROM form_tokens"))
    assert link[1] not in kept and email.split("@")[0] not in kept

    other = Person(service)
    page = other.get(path).send(path)
    assert page.status == 403 and "for another email address" in page.problems[0][0]
    page = newcomer.get(path).send(path)
    assert page.path == at and page.notice == "Welcome. You are a member now."
    assert newcomer.get(path).status == 404 and other.get("/invitations/nonsense").status == 404
    assert [status for role, status in team.members.values() if role == "admin"] == ["enabled"]

    # Who has an account comes by the sign-in.
    second = Person(service)
    owner.get(at + "/invitations").send(at + "/invitations", email=second.user.email, role="member")
    visitor, path = Browser(service), "/invitations/" + team.token(second.user.email)
    [way] = [each["href"] for each in visitor.get(path).all("main")[0].all("a")
             if each["href"].startswith("/signin")]
    page = visitor.get(way).send("/signin", email=second.user.email, password=PASSWORD)
    assert page.path == path
    # Whoever is not signed in is led to the sign-in and accepts nothing.
    stranger = Browser(service)
    token = stranger.get("/signin").fields("/signin")["form_token"]
    answer = press(stranger, path, {}, token=token)
    assert answer.status == 303 and answer.headers["location"].startswith("/signin?next=")
    assert list(team.members.values()).count(("member", "enabled")) == 0


def test_a_page_that_was_wanted_is_forgotten_on_no_way_in(service):
    wanted, email = "/account/usage", new_email()
    next = "?next=%2Faccount%2Fusage"

    def way(page, start):
        [href] = {link["href"] for link in page.all("main")[0].all("a")
                  if link["href"].startswith(start)}
        assert href == start + next
        return href

    visitor = Browser(service)
    page = visitor.get("/signup" + next).send("/signup", email="nonsense", password="x")
    assert page.status == 422, page.text
    page = visitor.get(way(page, "/signin")).send("/signin", email=email, password="Wrong-1-word")
    assert page.status == 401, page.text
    reset = way(page, "/reset")
    page = visitor.get(way(page, "/signup")).send("/signup", email=email, password=PASSWORD)
    page = page.send("/verify/resend")
    assert page.path.startswith("/verify?email=") and page.path.endswith("&" + next[1:])
    page = page.send("/verify", otp_code=service.code(email))
    assert page.path == wanted, page.path

    forgetful = Browser(service)
    page = forgetful.get(reset)
    way(page, "/signin")
    page = page.send("/reset", email=email)
    way(page, "/reset")
    page = page.send("/reset/confirm", otp_code=service.code(email), new_password=PASSWORD + "x")
    assert page.path == "/signin" + next, page.path
    page = page.send("/signin", email=email, password=PASSWORD + "x")
    assert page.path == wanted
    # Who is signed in already is led there at once, and out of the site nowhere.
    for place in ("/signin", "/signup", "/verify", "/verify/resend"):
        assert forgetful.get(place + next).path == wanted, place
        assert forgetful.get(place + "?next=//evil.test").path == "/account", place


def test_an_invitation_is_sent_again_and_revoked(service):
    owner = Person(service)
    team = Team(service, owner=owner.user)
    at, email = f"{ROOT}/{team.id}/invitations", new_email()
    owner.get(at).send(at, email=email, role="member")
    first = team.token(email)
    page = owner.get(at).send(at + "/resend")
    assert page.notice == "The invitation is on its way." and team.token(email) != first
    page = page.send(at + "/revoke")
    assert page.notice == "The invitation is revoked." and "Revoked" in page.text
    assert Browser(service).get("/invitations/" + team.token(email)).status == 404
    assert owner.get(at + "/resend").path == at


def test_members_are_changed_as_the_role_allows(service):
    owner, admin, member = Person(service), Person(service), Person(service)
    team = Team(service, seats=3, owner=owner.user)
    team.put(admin.user, "admin")
    team.put(member.user)
    at = f"{ROOT}/{team.id}/members"
    mine = {link["href"] for link in admin.get(at).all("main")[0].all("a")}
    assert f"{at}/{member.id}" in mine and f"{at}/{owner.id}" not in mine
    assert f"{at}/{admin.id}" not in mine, "an admin is the owner's"
    page = admin.get(f"{at}/{member.id}")
    assert [form for form in page.all("form") if form["action"] == f"{at}/{member.id}"] == []
    page = page.send(f"{at}/{member.id}/status")
    assert page.notice == "Saved." and "No seat" in page.text
    assert member.get(at).status == 403 and "Leave" in member.get(ROOT).text
    team.sell(2)
    page = page.send(f"{at}/{member.id}/status")
    assert page.status == 409 and page.problems[0][0].startswith("All seats are taken"), page.text
    team.sell(3)
    page = page.send(f"{at}/{member.id}/status")
    assert "Has a seat" in page.text and member.get(at).status == 200
    page = owner.get(f"{at}/{member.id}").send(f"{at}/{member.id}", role="admin")
    assert page.notice == "Saved." and team.members[member.id] == ("admin", "enabled")
    page = owner.get(f"{at}/{admin.id}/remove").send(f"{at}/{admin.id}/remove")
    assert page.notice == "They are removed." and admin.id not in team.members
    page = owner.get(f"{at}/{member.id}/transfer").send(f"{at}/{member.id}/transfer")
    assert page.notice == "The workspace has another owner."
    assert (team.members[member.id][0], team.members[owner.id][0]) == ("owner", "admin")
    page = member.get(f"{ROOT}/{team.id}/leave").send(f"{ROOT}/{team.id}/leave")
    assert page.status == 409 and page.problems[0][0].startswith("The owner stays")
    page = owner.get(f"{ROOT}/{team.id}/leave").send(f"{ROOT}/{team.id}/leave")
    assert page.path == ROOT and page.notice == "You have left the workspace."
    text = member.get(f"{ROOT}/{team.id}/audit").text
    for words in ("Gave the workspace away", "Removed a member", "Changed a role or a seat", "Left"):
        assert words in text, text


def test_a_key_is_shown_once_and_the_same_form_does_not_show_it_again(service):
    space = Workspace(service)
    owner = Browser(service)
    owner.sign_in(space.owner.email, PASSWORD)
    at = f"{ROOT}/{space.id}/keys"
    page = owner.get(at).send(at, name="", expires_in_days="0", credit_limit="much")
    assert page.status == 422 and len(page.problems) == 3, page.problems
    fields = {**owner.get(at).fields(at), "name": NASTY, "credit_limit": "5"}
    answers = together(3, lambda _: owner.post(at, fields, follow=False))
    assert sorted(answer.status for answer in answers) == [200, 303, 303]
    [shown] = [answer for answer in answers if answer.status == 200]
    assert shown.headers["cache-control"] == "no-store"
    made = Document(shown.bytes.decode()).root.all("textarea", class_="copy")[0].text
    assert made.startswith("cbx_live_") and space.validate(made).status == 200
    for answer in answers:
        assert (made.encode() in answer.bytes) == (answer is shown)
    page = owner.post(at, fields)
    assert page.path == at and "cannot be shown again" in page.notice and made not in page.html
    keys = space.owner.get(f"/api/workspaces/{space.id}/api-keys").json["items"]
    assert [key["name"] for key in keys] == [NASTY], "one was made"
    for table in ("form_tokens", "workspace_api_keys", "workspace_audit", "mails", "messages"):
        assert made not in repr(service.rows(f"SELECT * FROM {table}"))

    [one] = [link["href"] for link in page.all("a") if link["href"].startswith(at + "/")]
    page = owner.get(one).send(one, name="", credit_limit="")
    assert page.status == 422 and page.problems[0][1] == "#name", page.text
    page = owner.get(one).send(one, name="Backend", credit_limit="")
    assert page.notice == "Saved." and page.fields(one)["credit_limit"] == ""
    page = page.send(one + "/rotate", overlap_seconds="3600")
    next_key = page.all("textarea", class_="copy")[0].text
    assert space.validate(next_key).status == 200 and space.validate(made).status == 200
    [link] = [link["href"] for link in owner.get(at).all("a") if link["href"].startswith(at + "/")
              and link["href"] != one]
    page = owner.get(link + "/revoke").send(link + "/revoke")
    assert page.notice == "The key is revoked." and space.validate(next_key).status == 401
    page = press(owner, link + "/rotate", {"overlap_seconds": "0"}, follow=True)
    assert page.status == 409 and page.problems[0][0] == "This key was revoked or has expired"


def test_a_refused_button_leaves_the_pages_own_form_as_it_is_kept(service):
    owner = Person(service)
    team = Team(service, seats=2, owner=owner.user)
    keys = f"{ROOT}/{team.id}/keys"
    owner.get(keys).send(keys, name="Backend", credit_limit="7.5")
    [at] = [link["href"] for link in owner.get(keys).all("a") if link["href"].startswith(keys + "/")]
    page = owner.get(at)
    kept = {**page.fields(at), "form_token": ""}
    assert kept["name"] == "Backend" and float(kept["credit_limit"]) == 7.5
    # A form of the page itself that is refused keeps what was typed, and the button as it was.
    page = page.send(at, name="", credit_limit="much")
    assert page.status == 422 and page.fields(at)["credit_limit"] == "much"
    assert page.fields(at + "/rotate")["overlap_seconds"] == "0"
    team.freeze()
    page = owner.get(at).send(at + "/rotate", overlap_seconds="86400")
    assert page.status == 402 and page.title.startswith("Error:"), page.text
    assert {**page.fields(at), "form_token": ""} == kept
    assert page.fields(at + "/rotate")["overlap_seconds"] == "86400"

    team.set(frozen_at=None)
    team.sell(1)
    member = team.member(status="disabled")
    at = f"{ROOT}/{team.id}/members/{member.id}"
    page = owner.get(at).send(at + "/status")
    assert page.status == 409 and page.problems[0][0].startswith("All seats are taken"), page.text
    assert page.fields(at)["role"] == "member"
    page = page.send(at)
    assert team.members[member.id] == ("member", "disabled"), page.text


@contextlib.contextmanager
def trigger(service, when, statement):
    """A trigger on the service's database."""
    name = "t" + uuid.uuid4().hex
    table = when.split(" ON ")[1]
    if service.uses_sqlite:
        service.write(f"CREATE TRIGGER {name} {when} BEGIN {statement[0]}; END")
    else:
        service.write(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
                      f"AS $$ BEGIN {statement[-1]}; RETURN NEW; END $$")
        service.write(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")
    try:
        yield
    finally:
        if service.uses_sqlite:
            service.write(f"DROP TRIGGER {name}")
        else:
            service.write(f"DROP TRIGGER {name} ON {table}")
            service.write(f"DROP FUNCTION {name}()")


@pytest.mark.parametrize("when, statement", [
    # Who makes the key is in the workspace no more once it is made.
    ("AFTER INSERT ON workspace_api_keys",
     ["DELETE FROM workspace_members WHERE workspace_id = NEW.workspace_id"]),
    # What the form did cannot be kept.
    ("BEFORE UPDATE ON form_tokens", ["SELECT RAISE(ABORT, 'no')", "RAISE EXCEPTION 'no'"])])
def test_a_key_that_is_made_is_shown_whatever_fails_after_it(service, when, statement):
    owner = Person(service)
    team = Team(service, owner=owner.user)
    made = team.key().json["id"]
    at = f"{ROOT}/{team.id}/keys"
    pages = [(owner.get(at), at), (owner.get(f"{at}/{made}"), f"{at}/{made}/rotate")]
    for page, action in pages:
        with trigger(service, when, statement):
            page = page.send(action, name="k") if action == at else page.send(action)
        assert page.status == 200, page.text
        assert page.all("textarea", class_="copy")[0].text.startswith("cbx_live_")
        if "workspace_api_keys" in when:
            team.put(owner.user, "admin")
    assert len(team.get("/api-keys").json["items"]) == 3


def test_usage_is_shown_by_day_key_and_tool_with_its_calls(service):
    space = Workspace(service)
    live, test = space.key("Backend <b>"), space.key("Trial", is_test_key=True)
    for key in (live, live, test):
        space.commit(space.validate(key).json["usage_id"])
    owner = Browser(service)
    owner.sign_in(space.owner.email, PASSWORD)
    page = owner.get(f"{ROOT}/{space.id}/usage")
    assert page.text.count("Job match") >= 4 and "Backend <b> (cbx_live_" in page.text
    assert "Test" in page.text and "2 calls" in page.text and page.text.count("Done") == 3
    assert owner.get(f"{ROOT}/{space.id}").text.count("Used")
    # Each call says why it cost what it cost, to the workspace's members alone.
    calls = [link["href"] for link in page.all("a") if f"{space.id}/usage/" in link["href"]]
    assert len(calls) == 3
    texts = [owner.get(call).text for call in calls]
    assert sum("cost 1.00 credits" in text for text in texts) == 2 and "Backend <b>" in texts[-1]
    assert owner.get(calls[0]).all("a", href=f"{ROOT}/{space.id}/usage") != []
    stranger = Person(service)
    stranger.get(ROOT).send(ROOT + "/activate")
    [own] = {link["href"] for link in stranger.get(ROOT).all("main")[0].all("a")
             if re.fullmatch(ROOT + "/[0-9a-f-]{36}", link["href"])}
    for path in (calls[0], own + "/usage/" + calls[0].split("/")[-1], calls[0][:-1] + "x"):
        assert (stranger if path != calls[0][:-1] + "x" else owner).get(path).status == 404, path


def test_where_there_is_no_api_product_there_are_no_pages_of_it(service, teams, tmp_path):
    owner, team = teams[1][("owner", "enabled")], teams[0]["active"]
    assert owner.get("/account").all("a", href=ROOT) != []
    career = json.loads((REPOSITORY / "catalog.json").read_text())
    del career["products"]["api"]
    (tmp_path / "catalog.json").write_text(json.dumps(career))
    other = Service(tmp_path, DATABASE_URL=databases.make_empty(tmp_path),
                    CATALOG=str(tmp_path / "catalog.json"))
    assert other.command("migrate").returncode == 0
    other.start()
    person = Person(other)
    assert person.get("/account").all("a", href=ROOT) == []
    for path in [ROOT, address(team, ""), address(team, "/keys")]:
        assert person.get(path).status == 404, path
    other.stop()
