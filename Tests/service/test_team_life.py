"""A team's life in a real browser, by the keyboard: made, paid for, used, lost and had again."""

import re
import uuid

from browser import Browser
from chromium import KEY_ENTER, KEY_SPACE, axe
from conftest import DAY, PASSWORD
from test_calls_by_key import HASH, MATCH, tell
from test_chromium import chromium, sign_in  # noqa: F401
from test_pages import own_site  # noqa: F401
from test_payments import knob, sdk, settle
from test_workspace_pages import ROOT

WIDTHS = [390, 768, 1280]


class Desk:
    """The owner at a browser: every act is a key that is pressed."""

    def __init__(self, chromium, service, email):  # noqa: F811
        self.chromium, self.service, self.email = chromium, service, email
        self.source, self.found = axe(), []

    @property
    def text(self):
        return self.chromium.run("return document.querySelector('main').innerText")

    def open(self, path):
        self.chromium.get(self.service.url + path)

    def fill(self, **fields):
        for name, text in fields.items():
            self.chromium.tab_to(name)
            self.chromium.type(text)

    def press(self, button, leads_to, key=KEY_ENTER):
        self.chromium.tab_to(button)
        self.chromium.press_to(key, leads_to)

    def send(self, leads_to):
        self.chromium.press_to(KEY_ENTER, leads_to)

    def later(self, seconds):
        """A session of a page lasts a week."""
        self.service.advance(seconds)
        sign_in(self.chromium, self.service, self.email)

    def look(self, schemes=(False, True)):
        """What axe finds on this page at each width in both schemes, and whether all of it fits."""
        for width in WIDTHS:
            for is_dark in schemes:
                self.chromium.look(width, is_dark)
                self.found += [(self.chromium.url, width, is_dark, *flaw)
                               for flaw in self.chromium.violations(self.source)]
            wide = self.chromium.run("return document.documentElement.scrollWidth")
            assert wide <= width, (self.chromium.url, wide, width)


def call(service, client, key):
    body = {"request_id": str(uuid.uuid4()), "client_id": client, "api_key": key, "feature_key": MATCH,
            "endpoint": "/v1/tool", "method": "post", "payload_hash": HASH}
    return tell(service, "validate", body)


def test_a_team_is_made_paid_for_used_lost_and_had_again(chromium, own_site):  # noqa: F811
    service, email = own_site, "owner@example.test"
    desk = Desk(chromium, service, email)
    chromium.look(1280)
    chromium.devtools("Network.clearBrowserCookies")
    desk.open("/signup?next=" + ROOT.replace("/", "%2F"))
    desk.fill(email=email, password=PASSWORD)
    desk.send("/verify")
    desk.fill(otp_code=service.code(email))
    desk.send(ROOT)
    desk.fill(display_name="Acme")
    desk.send(ROOT + "/")
    at = chromium.url.removeprefix(service.url)
    assert "has no subscription yet" in desk.text

    # Three seats, whose price stands before the way to the payment provider.
    desk.press("See the plans", "/plan")
    desk.look([True])
    desk.press("Try Basic free for 7 days", "/plan/buy")
    desk.fill(seat_count="3")
    desk.send("seat_count=3")
    desk.look()
    assert "$25.00 a month, first when the trial ends on" in desk.text
    desk.press("Go on to start the trial", "/c/pay/", KEY_SPACE)
    desk.press("Start the trial", at + "/plan")
    assert "tries Basic free of charge" in desk.text and "$25.00 is charged" in desk.text
    desk.look()

    # A member by the link of a mail, a key that is shown once, a call by it.
    desk.open(at + "/invitations")
    desk.fill(email="grace@example.test")
    desk.send("/invitations")
    assert "The invitation is on its way." in desk.text
    grace = Browser(service)
    token = re.search(r"/invitations/([\w-]{43})$", service.mail("grace@example.test")[-1]["text"], re.M)[1]
    grace.sign_up("grace@example.test", PASSWORD, "Grace Hopper")
    page = grace.get("/invitations/" + token).send("/invitations/" + token)
    assert page.notice == "Welcome. You are a member now."
    desk.open(at + "/keys")
    desk.fill(name="Backend")
    desk.send("/keys")
    key = chromium.run("return document.querySelector('.copy').value")
    client = re.search(r"ws_[0-9a-f]{32}", grace.get(at).html)[0]
    granted = call(service, client, key)
    assert granted.json["code"] == "reserved", granted
    tell(service, "commit", {"client_id": client, "usage_id": granted.json["usage_id"], "success": True})
    settle(service)
    desk.open(at + "/usage")
    assert "Job match" in desk.text and "Backend" in desk.text and "Done" in desk.text

    # The plan is lost: each step has its sentence, its date and one thing to do.
    [theirs] = sdk(service).v1.subscriptions.list().data
    knob(service, "/_test/dunning", {"ends_as": "unpaid"})
    desk.later(8 * DAY)
    desk.open(at + "/plan")
    assert "It renews on" in desk.text and "for $25.00" in desk.text
    knob(service, f"/_test/customers/{theirs.customer}", {"card": "decline"})
    for seconds, sentence in ((31 * DAY, "If it is not paid by"),
                              (3 * DAY, "keys are refused until it is paid"), (40 * DAY, "since")):
        desk.later(seconds)
        desk.open(at + "/plan")
        assert sentence in desk.text and "Pay now" in desk.text, desk.text
    assert "only its owner has a seat" in desk.text and "Try Basic" not in desk.text
    desk.look([False])
    desk.press("Pay now", "/p/session/")
    sdk(service).v1.subscriptions.cancel(theirs.id)
    settle(service)
    assert call(service, client, key).json["code"] == "workspace_frozen"
    grace.sign_in("grace@example.test", PASSWORD)
    assert grace.get(at + "/plan").status == 403

    # It is paid again, without a second trial, and the owner says who is back.
    knob(service, f"/_test/customers/{theirs.customer}", {"card": "ok"})
    desk.open(at)
    assert "until a plan is bought again" in desk.text and "left of" not in desk.text
    desk.press("See the plans", "/plan")
    desk.press("Choose Basic", "/plan/buy")
    desk.fill(seat_count="2")
    desk.send("seat_count=2")
    assert "To pay now" in desk.text and "$23.00" in desk.text
    desk.press("Go on to the payment", "/c/pay/")
    desk.press("Pay", at + "/plan")
    assert "1 member has no seat" in desk.text
    assert call(service, client, key).json["code"] == "reserved"
    desk.press("Choose who gets a seat", "/plan/members")
    desk.look()
    chromium.tab_to("seat_1")
    chromium.press(KEY_SPACE)
    desk.press("Give them a seat", "/members")
    assert "They have a seat and are let in again." in desk.text
    assert "2 of 2 taken" in grace.get(at + "/plan").text
    # One seat more, for what was shown.
    desk.open(at + "/plan")
    desk.fill(seat_count="3")
    desk.send("seat_count=3")
    desk.look([True])
    desk.press("Pay $2.00 and add them", "/plan")
    assert "2 of 3 taken, 1 free" in desk.text
    assert desk.found == []


