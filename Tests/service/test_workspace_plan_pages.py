"""A workspace's plan and seats on its pages: what each costs stands before its button, and just that is
bought. On the local Stripe, without scripts."""

import re
import urllib.parse
import uuid

from browser import Browser, Document
from conftest import PASSWORD
from teams import Team
from test_pages import MOST_BYTES
from test_payments import press as press_at_stripe, sdk, settle
from test_workspace_billing import BASIC, FREE, PROFESSIONAL, item, live, subscription
from test_workspace_pages import ROOT, ROWS, Person, press
from test_workspace_seats import counts, enable, invoices, next_charge, paid_team


def signed_in(team, user=None):
    browser = Browser(team.service)
    browser.sign_in((user or team.owner).email, PASSWORD)
    return browser


def plan(team, path="", **query):
    at = f"{ROOT}/{team.id}/plan{path}"
    return at + ("?" + urllib.parse.urlencode(query) if query else "")


def fits(browser, path):
    """The page at a path, which is within the bound with all that it loads."""
    answer = browser.get(path, follow=False)
    root = Document(answer.bytes.decode()).root
    [style] = [link["href"] for link in root.all("link", rel="stylesheet")]
    total = len(answer.bytes) + sum(
        len(browser.get(asset, follow=False).bytes) for asset in (style, "/assets/icon.svg"))
    assert total <= MOST_BYTES, (path, total)
    return browser.get(path)


def order(page):
    """The form that agrees, if there is one."""
    forms = [form for form in page.all("main")[0].all("form") if form["method"] == "post"]
    return forms[0] if forms else None


def agree(page, **more):
    return page.send(order(page)["action"], **more)


def marked(page):
    """The value of the field that is wrong, which the summary leads to."""
    [field] = page.all("input", id="seat_count")
    assert field["aria-invalid"] == "true" and "autofocus" in field.attributes, page.text
    [error] = page.all("p", id="seat_count-error")
    assert page.problems == [(error.text, "#seat_count")], page.problems
    return field["value"] or ""


def buttons(page):
    main = page.all("main")[0]
    return [each.text for each in main.all("button")] + [
        each.text for each in main.all("a") if "button" in (each["class"] or "")]


def test_a_plan_is_bought_with_seats_whose_price_stands_before_the_button(service):
    owner, admin, member = Person(service), Person(service), Person(service)
    team = Team(service, seats=0, owner=owner.user)
    team.put(admin.user, "admin")
    team.put(member.user)
    page = owner.get(f"{ROOT}/{team.id}")
    assert "See the plans" in page.text and "cannot be bought" not in page.text
    page = fits(admin, plan(team))
    assert "no subscription yet" in page.text and "See the plans" in buttons(page)
    ways = {link.text: link["href"] for link in page.all("main")[0].all("a")}
    assert ways["Try Basic free for 7 days"] == plan(team, "/buy", plan_id=BASIC)
    assert "Free" not in [heading.text for heading in page.all("h2")], "no team has the free plan"
    seen = member.get(plan(team))
    assert buttons(seen) == [] and "An admin or the owner of this workspace can do that." in seen.text
    assert all("/buy" not in link["href"] for link in seen.all("a"))

    for typed, status in (("", 422), ("0", 422), ("x", 422), ("-1", 422), ("2.5", 422), ("6", 409),
                          ("99999999999999999999", 422)):
        page = admin.get(plan(team, "/buy", plan_id=BASIC, seat_count=typed))
        assert page.status == status and marked(page) == typed and order(page) is None, typed
        assert page.title.startswith("Error:")
    assert admin.get(plan(team, "/buy", plan_id=uuid.uuid4())).status == 404
    assert admin.get(plan(team, "/buy", plan_id=FREE)).status == 404

    page = fits(admin, plan(team, "/buy", plan_id=BASIC, seat_count=3))
    assert re.search(r"To pay now ?\$0.00 ?From then on ?\$25.00 a month, first when the trial ends on "
                     r"\d+ \w+", page.text), page.text
    assert "$19.00 and 3 seats at $2.00: $25.00 a month" in page.text
    assert buttons(page)[1:] == ["Go on to start the trial", "Stay as I am"]
    answer = admin.post(order(page)["action"], page.fields(order(page)["action"]), follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith(service.sandbox)
    assert "Your bank has not confirmed the payment yet" in admin.get(plan(team, arriving=1)).text
    status, location = press_at_stripe(answer.headers["location"], "pay")
    assert status == 303
    back = urllib.parse.urlsplit(location)
    # A page of another workspace learns nothing by this session.
    other = Team(service, seats=0, owner=owner.user)
    assert "not confirmed" in owner.get(plan(other, "/paid") + "?" + back.query).text
    page = admin.get(back.path + "?" + back.query)
    assert page.path == plan(team) and page.notice == "Thank you. The plan has started."
    assert "tries Basic free of charge" in page.text and "$25.00 is charged" in page.text
    settle(service)
    assert subscription(team)["seat_count"] == 3
    assert admin.get(plan(team, "/buy", plan_id=BASIC)).path == plan(team)
    answer = page.send(plan(team, "/billing"), follow=False)
    assert answer.status == 303 and answer.headers["location"].startswith(service.sandbox)
    seen = fits(member, plan(team))
    assert buttons(seen) == [] and "3 of 3 taken" in seen.text
    # The owner has had a trial: another workspace of theirs is told what it pays today.
    page = owner.get(plan(other, "/buy", plan_id=PROFESSIONAL, seat_count=2))
    assert re.search(r"To pay now ?\$59.00 ?From then on ?\$59.00 a month, next on", page.text), page.text
    assert "Go on to the payment" in buttons(page)


def test_seats_are_added_for_just_what_was_shown_and_fewer_follow(service):
    team = paid_team(service)
    owner = signed_in(team)
    page = fits(owner, plan(team))
    assert "It renews on" in page.text and "for $25.00" in page.text
    assert page.all("input", id="seat_count")[0]["value"] == "3"
    page = fits(owner, plan(team, "/seats", seat_count=5))
    assert re.search(r"To pay now ?\$4.00 ?From then on ?\$29.00 a month, next on", page.text), page.text
    assert "This price holds until" in page.text and counts(team)[0] == 3
    # The price of another instant is not what this one is.
    shown = int(page.fields(order(page)["action"])["shown_at"])
    page = agree(page, shown_at=str(shown - 1))
    assert page.status == 409 and "This is the price now" in page.problems[0][0], page.text
    assert counts(team)[0] == 3 and invoices(service, team) == []
    page = agree(page)
    assert page.path == plan(team) and page.notice.startswith("Done."), page.text
    assert counts(team) == (5, None, 4) and invoices(service, team) == [400]

    for typed, status in (("6", 409), ("0", 422), ("seven", 422)):
        page = owner.get(plan(team, "/seats", seat_count=typed))
        assert page.status == status and marked(page) == typed and order(page) is None
    for _ in range(2):
        assert enable(team, team.member(status="disabled")).status == 200
    page = owner.get(plan(team, "/seats", seat_count=2))
    assert page.status == 409 and marked(page) == "2" and "More members have a seat" in page.text
    page = owner.get(plan(team, "/seats", seat_count=5))
    assert "the number that there is" in page.text and order(page) is None

    page = fits(owner, plan(team, "/seats", seat_count=3))
    assert re.search(r"To pay now ?\$0.00 ?From then on ?\$25.00 a month", page.text), page.text
    assert "This price holds" not in page.text, "nothing is charged"
    page = agree(page)
    assert page.notice.startswith("Fewer seats follow") and "(from the next period on: 3)" in page.text
    assert page.all("input", id="seat_count")[0]["value"] == "3" and counts(team) == (5, 3, 0)
    page = agree(owner.get(plan(team, "/seats", seat_count=5)))
    assert page.notice.startswith("Done.") and counts(team) == (5, None, 2)
    # What was agreed to as fewer never becomes a purchase.
    page = owner.get(plan(team, "/seats", seat_count=4))
    assert "Have 4 from then on" in buttons(page)
    sdk(service).v1.subscriptions.update(live(service, team).id, {
        "items": [{"id": item(service, team, True).id, "quantity": 3}], "proration_behavior": "none"})
    settle(service)
    page = agree(page)
    assert page.status == 409 and "This is the price now" in page.problems[0][0], page.text
    assert [text for text in buttons(page) if text.lower().endswith("add them")], "as a purchase"
    assert counts(team) == (3, None, 0) and invoices(service, team) == [400]


def test_a_refused_payment_is_the_page_itself_with_the_price(service):
    team = paid_team(service)
    owner = signed_in(team)
    page = owner.get(plan(team, "/seats", seat_count=5))
    next_charge(service, team, "decline")
    page = agree(page)
    assert page.status == 402 and page.problems == [("Your card was declined. Nothing has changed", None)]
    assert "Pay $4.00 and add them" in buttons(page) and counts(team)[0] == 3
    next_charge(service, team, "authenticate")
    page = agree(page)
    assert page.status == 402 and page.problems[0][0].startswith("Your bank asks you to confirm")
    assert page.problems[0][1].startswith(service.sandbox) and counts(team)[0] == 3


def test_a_higher_plan_is_bought_for_just_what_was_shown_and_canceled_by_the_owner_alone(service):
    team = paid_team(service)
    owner, admin = signed_in(team), Person(service)
    team.put(admin.user, "admin")
    page = admin.get(plan(team))
    [way] = [link["href"] for link in page.all("a") if link.text == "Upgrade to Professional"]
    assert page.all("a", href=plan(team, "/cancel")) == []
    page = admin.get(way + "&seat_count=2")
    assert page.status == 409 and marked(page) == "2" and "keeps the seats or adds some" in page.text
    page = fits(admin, way + "&seat_count=4")
    [due] = re.findall(r"To pay now ?\$(\d+\.\d\d)", page.text)
    assert "$49.00 and 4 seats at $5.00: $69.00 a month" in page.text
    assert f"Pay ${due} and upgrade" in buttons(page)
    page = agree(page)
    assert page.path == plan(team) and page.notice.startswith("The plan is upgraded"), page.text
    assert invoices(service, team)[0] == round(float(due) * 100) and counts(team)[0] == 4
    # A lower plan follows at the end of what is paid, and is taken back by the owner.
    [lower] = [link["href"] for link in page.all("a") if link.text == "Move to Basic"]
    assert owner.get(lower.replace("downgrade", "upgrade")).path == lower
    page = admin.get(lower + "&seat_count=9")
    assert page.status == 409 and marked(page) == "9" and order(page) is None
    page = fits(admin, lower + "&seat_count=2")
    assert re.search(r"To pay now ?\$0.00 ?From then on ?\$23.00 a month, first on", page.text), page.text
    page = agree(page)
    assert page.path == plan(team) and page.notice.startswith("The lower plan follows"), page.text
    assert "it changes to Basic for $23.00" in page.text and "Begins on" in page.text
    assert counts(team)[:2] == (4, 2)
    page = owner.get(plan(team))
    page = page.send(plan(team, "/resume"))
    assert page.notice == "The plan goes on." and counts(team)[:2] == (4, None)
    assert admin.get(way).path == plan(team), "nothing to upgrade to"

    assert admin.get(plan(team, "/cancel")).status == 403
    page = owner.get(plan(team))
    assert [link.text for link in page.all("a", href=plan(team, "/cancel"))] == ["Cancel your plan"]
    page = fits(owner, plan(team, "/cancel"))
    assert "Then the team is frozen" in page.text
    page = page.send(plan(team, "/cancel"))
    assert page.notice.startswith("The plan is canceled.") and "It ends on" in page.text
    assert "Resume your plan before you change it." in page.text
    assert page.all("input", id="seat_count") == [] and owner.get(plan(team, "/cancel")).path == plan(team)
    seen = admin.get(plan(team))
    assert "The owner of this workspace can take that back." in seen.text
    assert "Resume your plan" not in buttons(seen)
    page = page.send(plan(team, "/resume"))
    assert page.notice == "The plan goes on." and "It renews on" in page.text


def test_who_is_back_after_a_freeze_is_ticked(service):
    owner = Person(service)
    team = Team(service, seats=3, owner=owner.user)
    people = [team.member(status="disabled") for _ in range(3)]
    page = owner.get(plan(team))
    assert "3 members have no seat" in page.text and "Choose who gets a seat" in buttons(page)
    at = plan(team, "/members")
    page = fits(owner, at)
    names = {box["value"]: box["name"] for box in page.all("input", type="checkbox")}
    assert set(names) == {user.id for user in people}, "whoever has a seat is not asked about"

    def tick(page, *users):
        return page.send(at, **{names[user.id]: user.id for user in users})

    page = tick(page)
    assert page.status == 422 and page.problems == [("Tick who gets a seat", None)]
    page = tick(page, *people)
    assert page.status == 409 and page.problems[0][0].startswith("All seats are taken")
    assert len([box for box in page.all("input", type="checkbox") if "checked" in box.attributes]) == 3
    assert [status for _, status in team.members.values()].count("enabled") == 1, "whole or not at all"
    page = tick(owner.get(at), *people[:2])
    assert page.notice == "They have a seat and are let in again."
    assert [team.members[user.id][1] for user in people] == ["enabled", "enabled", "disabled"]
    # Who has a seat keeps it, and who is gone is none of the members.
    team.sell(4)
    page = owner.get(at)
    assert [box["value"] for box in page.all("input", type="checkbox")] == [people[2].id]
    page = press(owner, at, {"seat_0": str(uuid.uuid4())}, follow=True)
    assert page.status == 409 and page.problems != []
    page = press(owner, at, {"seat_0": people[2].id}, follow=True)
    assert [team.members[user.id][1] for user in people] == ["enabled"] * 3
    assert "have no seat" not in owner.get(plan(team)).text
    # More than a page of them.
    team.sell(99)
    more = [team.member(status="disabled") for _ in range(ROWS)]
    page = owner.get(at)
    [older] = [link["href"] for link in page.all("a") if link["rel"] == "next"]
    page = owner.get(older)
    boxes = {box["value"]: box["name"] for box in page.all("input", type="checkbox")}
    assert more[-1].id in boxes and more[0].id not in boxes
    page = agree(page, **{boxes[more[-1].id]: more[-1].id})
    assert page.notice == "They have a seat and are let in again.", (page.status, page.text)
    assert team.members[more[-1].id][1] == "enabled" and team.members[more[0].id][1] == "disabled"


def test_a_personal_workspace_has_one_seat_and_goes_back_to_free(service):
    owner = Person(service)
    page = owner.get(ROOT).send(ROOT + "/activate")
    at = page.path + "/plan"
    page = fits(owner, at)
    assert "on Free. It costs nothing" in page.text and page.all("input", id="seat_count") == []
    assert {"Free", "Free Free"} <= {heading.text for heading in page.all("h2")}, "card and standing"
    page = owner.get(f"{at}/buy?plan_id={BASIC}&seat_count=4")
    assert page.all("input", id="seat_count") == [], "one seat whatever is asked for"
    assert "$19.00 and 1 seat at $2.00: $21.00 a month" in page.text
    answer = owner.post(order(page)["action"], page.fields(order(page)["action"]), follow=False)
    status, location = press_at_stripe(answer.headers["location"], "pay")
    back = urllib.parse.urlsplit(location)
    page = owner.get(back.path + "?" + back.query)
    assert page.notice == "Thank you. The plan has started." and "$21.00 is charged" in page.text
    [way] = [link["href"] for link in page.all("a") if link.text == "Move to Free"]
    page = owner.get(way)
    assert "Then this workspace is on the free plan" in page.text
    page = page.send(way)
    assert page.notice.startswith("The plan is canceled.")
    assert owner.get(at + "/seats").path == at


def test_a_suspended_workspace_says_whom_to_write_to_and_its_owner_may_still_cancel(service):
    team = paid_team(service)
    owner = signed_in(team)
    team.suspend()
    page = owner.get(plan(team))
    assert "has been suspended by us" in page.text and page.all("input", id="seat_count") == []
    assert not [text for text in buttons(page) if text.startswith(("Upgrade", "Try", "Choose"))]
    page = owner.get(plan(team, "/cancel")).send(plan(team, "/cancel"))
    assert page.notice.startswith("The plan is canceled.")
    page = press(owner, plan(team, "/resume"), {}, follow=True)
    assert page.status == 402 and live(service, team).cancel_at_period_end
