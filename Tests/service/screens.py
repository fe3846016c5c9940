"""Takes the pictures in docs/screens anew.

    python Tests/service/screens.py [NAME …]

starts a service with the local Stripe, brings people into each state that a subscription can be in, and
takes each picture in a real browser; with names, those alone are kept. `pngquant` makes them small.
Look at each of them before it is committed.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from browser import Browser
from chromium import KEY_ENTER, Chromium
from conftest import DAY, PASSWORD, PLUS, PLUS_YEARLY, PRO, ROOT, Service
from operators import Operator
from teams import Team
from test_calls_by_key import Workspace
from test_packs import bought as buy_pack
from test_payments import buy, knob
from test_plan_moves import act, at_stripe
from test_workspace_billing import BASIC, PROFESSIONAL, bought, live

SCREENS = ROOT / "docs/screens"
DESKTOP, PHONE = 1100, 390
TEAMS = "/account/workspaces"
# A picture has no more colours than this.
COLOURS = 64


class Studio:
    """One browser and where its pictures go."""

    def __init__(self, service, names):
        self.service, self.names, self.taken = service, names, []
        self.chromium = Chromium()

    def take(self, name, path, who=None, width=DESKTOP, is_dark=False, most=None, press=None,
             typed={}):
        """A picture of a page, as a browser without a screen is signed in, has typed into fields and has
        pressed the button that begins so, which is refused; at most so many pixels high."""
        if self.names and name not in self.names:
            return
        chromium, file = self.chromium, SCREENS / f"{name}.png"
        chromium.look(width, is_dark, height=600)
        chromium.get(self.service.url + "/pricing")
        chromium.devtools("Network.clearBrowserCookies")
        for cookie, value in (who.cookies if who else {}).items():
            chromium.devtools("Network.setCookie", name=cookie, value=value, url=self.service.url)
        chromium.get(path if path.startswith("http") else self.service.url + path)
        for field, text in typed.items():
            chromium.tab_to(field)
            chromium.type(text)
        if press:
            chromium.tab_to(press)
            chromium.press_to(KEY_ENTER, "")
            assert chromium.run("return !!document.querySelector('#problem')"), name
        chromium.picture(file, most)
        subprocess.run(["pngquant", "--force", "--speed", "1", "--strip", "--output", file, str(COLOURS),
                        file], check=True)
        self.taken.append(name)
        print(name, file.stat().st_size)


class Person(Browser):
    """Somebody who is signed in by pages and by the API."""

    def __init__(self, service, email, name="Ada Lovelace"):
        super().__init__(service)
        self.email = email
        self.user = service.sign_up(email, full_name=name)
        self.id = self.user.id
        self.enter()

    def enter(self):
        self.cookies = {}
        page = self.sign_in(self.email, PASSWORD, remember_me="on")
        assert page.path == "/account", page.text


def spend(user, times):
    for number in range(times):
        user.spend(feature=["career.job_match", "career.extract_cues.resume"][number % 2])


def later(service, seconds, *people):
    """Moves the clock on; a session of a page lasts a month."""
    service.advance(seconds)
    for person in people:
        person.enter()


def public(studio):
    studio.take("home", "/", most=1000)
    studio.take("pricing", "/pricing")
    studio.take("signup-error", "/signup", width=PHONE, press="Create account",
                typed={"email": "nobody", "password": "short"})
    studio.take("pricing-phone", "/pricing", width=PHONE, is_dark=True, most=1400)


def states(studio):
    """Each state of a subscription has its sentence, its date and one thing to do."""
    service, plan, top = studio.service, "/account/plan", 620
    free = Person(service, "free@example.test")
    spend(free.user, 6)
    studio.take("state-free", plan, free, most=top)
    studio.take("state-arriving", plan + "?arriving=1", free, most=top)
    ada = Person(service, "ada@example.test")
    late = Person(service, "late@example.test", "Grace Hopper")
    for person in (ada, late):
        buy(service, person.user, PLUS)
    studio.take("state-trial", plan, ada, most=top)
    later(service, 8 * DAY, ada, late)
    spend(ada.user, 9)
    studio.take("state-active", plan, ada, most=top)
    studio.take("account", "/account", ada)
    studio.take("phone", "/account", ada, width=PHONE, is_dark=True, most=844)
    studio.take("credits", "/account/credits", ada)
    studio.take("usage", "/account/usage", ada)
    [call, *_] = [a["href"] for a in ada.get("/account/usage").all("a")
                  if a["href"].startswith("/account/usage/")]
    studio.take("call", call, ada)
    studio.take("security", "/account/security", ada)
    studio.take("limits", "/account/limits", ada)
    studio.take("receipts", "/account/receipts", ada)
    studio.take("upgrade", f"{plan}/upgrade?plan_id={PRO}", ada)
    studio.take("upgrade-year", f"{plan}/upgrade?plan_id={PLUS_YEARLY}", ada)
    ada.get(plan + "/cancel").send(plan + "/cancel")
    studio.take("state-canceling", plan, ada, most=top)
    ada.get(plan).send(plan + "/resume")
    secure(studio, late)
    assert act(ada.user, "upgrade", PRO).status == 200
    assert act(ada.user, "downgrade", PLUS).status == 200
    studio.take("state-lowered", plan, ada, most=top)
    customer = at_stripe(service, late.user).customer
    knob(service, f"/_test/customers/{customer}", {"card": "decline"})
    service.advance_past_period(late.user)
    later(service, 0, ada, late)
    studio.take("state-past-due", plan, late, most=top)
    later(service, 3 * DAY, ada, late)
    studio.take("state-past-due-over", plan, late, most=top)
    years(studio)


def secure(studio, person):
    """An upgrade that the bank wants to see confirmed."""
    service, place = studio.service, f"/account/plan/upgrade?plan_id={PRO}"
    customer = at_stripe(service, person.user).customer
    knob(service, f"/_test/customers/{customer}", {"next_charge": "authenticate"})
    studio.take("state-3d-secure", place, person, most=620, press="Pay")


def years(studio):
    service, plan = studio.service, "/account/plan"
    person = Person(service, "year@example.test", "Mary Shelley")
    buy(service, person.user, PLUS_YEARLY)
    later(service, 8 * DAY, person)
    spend(person.user, 5)
    studio.take("plan-year", plan, person)
    studio.take("account-year", "/account", person, most=700)
    studio.take("receipts-year", "/account/receipts", person)


def history(studio):
    service = studio.service
    person = Person(service, "results@example.test")
    for title, data in (("Backend engineer at Acme", {"match": 0.82, "gaps": ["Kubernetes"]}),
                        ("Data engineer at Initech", {"match": 0.64, "gaps": ["Spark", "Airflow"]})):
        usage = person.user.validate().json["usage_id"]
        assert person.user.commit(usage, result={"title": title, "data": data}).status == 200
    studio.take("history", "/account/history", person)
    [link, *_] = [a["href"] for a in person.get("/account/history").all("main")[0].all("a")
                  if a["href"].count("/") == 3 and "history" in a["href"]]
    studio.take("result", link, person)


def personal(studio, owner):
    """The owner's own workspace on Free, which has made some calls."""
    space = Workspace.__new__(Workspace)
    space.service, space.owner = studio.service, owner.user
    made = owner.user.post("/api/workspaces/activate").json
    space.id, space.client_id = made["id"], made["client_id"]
    live, test = space.key("Backend, production"), space.key("Tests", is_test_key=True)
    for number in range(7):
        space.commit(space.validate(test if number % 4 == 3 else live).json["usage_id"])
    studio.take("workspace", f"{TEAMS}/{space.id}", owner)
    studio.take("workspace-phone", f"{TEAMS}/{space.id}", owner, width=PHONE, is_dark=True)
    studio.take("workspace-usage", f"{TEAMS}/{space.id}/usage", owner)


def teams(studio):
    """A team from its first day on: what it buys, who is in it, how it ends and begins anew."""
    service = studio.service
    owner = Person(service, "owner@example.test", "Katherine Johnson")
    personal(studio, owner)
    team = Team(service, seats=0, owner=owner.user, name="Acme")
    at = f"{TEAMS}/{team.id}"
    plan = at + "/plan"
    studio.take("team-none", plan, owner)
    studio.take("team-buy", f"{plan}/buy?plan_id={BASIC}&seat_count=4", owner)
    studio.take("team-buy-error", f"{plan}/buy?plan_id={BASIC}&seat_count=9", owner, width=PHONE)
    studio.take("team-arriving", plan + "?arriving=1", owner, most=620)
    bought(service, team, seats=4)
    studio.take("team-trial", plan, owner)
    for name, role in (("Grace Hopper", "admin"), ("Alan Turing", "member"), ("Edsger Dijkstra", "member")):
        email = name.split()[1].lower() + "@example.test"
        team.put(service.sign_up(email, full_name=name), role, "disabled" if name[0] == "E" else "enabled")
    team.invite("barbara@example.test")
    team.key(name="Billing service", credit_limit="500")
    studio.take("workspaces", TEAMS, owner)
    studio.take("workspace-members", at + "/members", owner)
    studio.take("workspace-invitations", at + "/invitations", owner)
    studio.take("workspace-keys", at + "/keys", owner)
    studio.take("invitation", "/invitations/" + team.token("barbara@example.test"))
    later(service, 12 * DAY, owner)
    studio.take("team-plan", plan, owner)
    studio.take("team-plan-phone", plan, owner, width=PHONE, is_dark=True)
    studio.take("team-seats", f"{plan}/seats?seat_count=5", owner)
    studio.take("team-seats-fewer", f"{plan}/seats?seat_count=3", owner, width=PHONE, is_dark=True)
    studio.take("team-upgrade", f"{plan}/upgrade?plan_id={PROFESSIONAL}&seat_count=6", owner)
    member = Person.__new__(Person)
    Browser.__init__(member, service)
    member.email = "turing@example.test"
    member.enter()
    studio.take("team-plan-member", plan, member, most=620)
    studio.take("team-cancel", plan + "/cancel", owner)
    owner.get(plan + "/cancel").send(plan + "/cancel")
    studio.take("team-canceling", plan, owner, most=620)
    owner.get(plan).send(plan + "/resume")
    customer = live(service, team).customer
    knob(service, f"/_test/customers/{customer}", {"card": "decline"})
    later(service, 27 * DAY, owner)
    studio.take("team-past-due", plan, owner, most=620)
    later(service, 60 * DAY, owner)
    studio.take("state-frozen", at, owner)
    studio.take("team-frozen", plan, owner)
    knob(service, f"/_test/customers/{customer}", {"card": "ok"})
    bought(service, team, seats=3)
    studio.take("team-back", plan, owner, most=620)
    studio.take("team-give", plan + "/members", owner)


def console(studio):
    """The operator's desk: the overview, a person, a refund, a catalog that is tried."""
    service = studio.service
    operator = Operator(service, "grace@ops.test", "admin")
    operator.enter()
    person = Person(service, "mary@example.test", "Mary Jackson")
    payment = buy_pack(service, person.user)
    spend(person.user, 5)
    person.user.commit(person.user.validate().json["usage_id"], success=False)
    studio.take("console", "/console", operator)
    at = f"/console/people/{person.id}"
    studio.take("console-person", at, operator, most=1100)
    studio.take("console-refund", at + "/refund?payment=" + payment, operator, width=PHONE, is_dark=True)
    studio.take("console-try", "/console/catalog/try", operator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="pictures to take; all if none is named")
    names = parser.parse_args().names
    assert shutil.which("pngquant"), "pngquant is missing: run scripts/install.sh screens"
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder).start()
        studio = Studio(service, names)
        try:
            for scene in (public, teams, history, states, console):
                scene(studio)
        finally:
            studio.chromium.close()
            service.stop()
    assert not set(names) - set(studio.taken), set(names) - set(studio.taken)


if __name__ == "__main__":
    main()
