"""What operators do about money: payments that go back, and how revenue moved."""

import urllib.parse
import uuid

import pytest

from conftest import DAY, PRO
from operators import Operator
from test_console import WHY, acts
from test_packs import bought, opened, pack, payment
from test_payments import buy, knob, sdk, settle


def admin(service):
    who = Operator(service, f"{uuid.uuid4().hex[:12]}@ops.test", "admin")
    who.enter()
    return who


@pytest.fixture(scope="module")
def who(service):
    return admin(service)


def address(user, id):
    return f"/console/people/{user.id}/refund?payment={urllib.parse.quote(id)}"


def refund(who, user, id, amount="", **more):
    page = who.get(address(user, id))
    if page.status != 200:
        return page
    fields = {"refund_amount": amount, **WHY, **more}
    if "operator_code" in page.fields(address(user, id)):
        fields.setdefault("operator_code", who.recovery.pop())
    return page.send(address(user, id), **fields)


def refunds(service, session):
    return [item.amount for item in
            sdk(service).v1.refunds.list({"payment_intent": payment(service, session)}).data]


def journal(service, who):
    return service.rows("SELECT outcome, subject, reason FROM operator_actions WHERE actor = ? "
                        "AND action = 'refund_payment' ORDER BY id", who.email)


def test_a_payment_goes_back_in_parts_with_its_credits_and_stands_in_the_journal(service, who):
    user = service.sign_up()
    session = bought(service, user)
    price = sdk(service).v1.checkout.sessions.retrieve(session).amount_total
    assert pack(user)["remaining"] == "100.00"
    page = who.get(f"/console/people/{user.id}/payments")
    assert page.status == 200 and session in page.text and "Pack" in page.text
    # Half of it: money at Stripe, and half of the credits, without waiting for an event.
    knob(service, "/_test/webhooks", {"mode": "hold"})
    page = refund(who, user, session, f"{price / 200:.2f}")
    assert page.path == f"/console/people/{user.id}/payments" and "Given back" in page.notice, page.text
    assert refunds(service, session) == [price // 2]
    assert user.balance["credits_remaining"] == "75.00"
    knob(service, "/_test/webhooks", {"mode": "deliver"})
    settle(service)
    assert user.balance["credits_remaining"] == "75.00", "Stripe's event of the same takes no more"
    # The rest, by an empty field; then there is nothing left.
    assert "Given back" in refund(who, user, session).notice
    assert sum(refunds(service, session)) == price
    assert user.balance["credits_remaining"] == "25.00"
    page = refund(who, user, session)
    assert page.status == 409 and "went back before" in page.problems[0][0], page.text
    assert [row[0] for row in journal(service, who)[-3:]] == ["done", "done", "refused"]
    assert journal(service, who)[-3][1:] == (f"{session} {price / 200:.2f}", "a test")


@pytest.mark.parametrize("amount, words", [
    ("0", "is more than"), ("-1", "is more than"), ("999999", "is more than"),
    ("5.001", "must be an amount"), ("five", "must be an amount"), ("=1+1", "must be an amount"),
    ("1e2", "must be an amount")])
def test_an_amount_that_cannot_go_back_moves_no_money(service, who, amount, words):
    user = service.sign_up()
    session = bought(service, user)
    page = refund(who, user, session, amount)
    assert page.status == 422 and words in page.problems[0][0], page.text
    assert page.problems[0][1] == "#refund_amount"
    assert refunds(service, session) == [] and pack(user)["remaining"] == "100.00"


def test_nobody_elses_payment_and_none_that_was_not_made_goes_back(service, who):
    user, other = service.sign_up(), service.sign_up()
    session = bought(service, user)
    bought(service, other)
    unpaid = opened(other, action="cancel")
    for id in [session, unpaid, "cs_test_unknown", "in_unknown", "' OR 1=1"]:
        assert who.get(address(other, id)).status == 404, id
    assert who.get(address(service.sign_up(), session)).status == 404
    assert refunds(service, session) == []


def test_a_double_click_gives_back_once(service, who):
    user = service.sign_up()
    session = bought(service, user)
    place = address(user, session)
    fields = {**who.get(place).fields(place), "refund_amount": "1.00", **WHY}
    if "operator_code" in fields:
        fields["operator_code"] = who.recovery.pop()
    before = dict(who.cookies)
    first = who.post(place, fields, follow=False)
    after, who.cookies = dict(who.cookies), before
    second = who.post(place, fields, follow=False)
    who.cookies = after
    assert first.status == second.status == 303
    assert refunds(service, session) == [100]


def test_with_stripe_away_nothing_goes_back_and_the_page_says_so(own_service):
    who, user = admin(own_service), own_service.new_user()
    session = bought(own_service, user)
    place = address(user, session)
    page = who.get(place)
    code = who.recovery.pop()
    knob(own_service, "/_test/faults", {
        "path_prefix": "/v1/refunds", "method": "POST", "kind": "status", "status": 500,
        "times": 50, "should_retry": False})
    answer = page.send(place, refund_amount="", operator_code=code, **WHY)
    assert answer.status in (502, 503), answer.text
    assert refunds(own_service, session) == [] and pack(user)["remaining"] == "100.00"
    assert [row[0] for row in journal(own_service, who)] in (["refused"], ["failed"])


def test_a_plan_whose_payment_goes_back_whole_ends_and_revenue_tells_each_move(own_service):
    who, user = admin(own_service), own_service.new_user()

    def moved():
        page = who.get("/console")
        [section] = [part for part in page.all("section")
                     if part["aria-labelledby"] == "overview.movement"]
        rows = [[cell.text for cell in row.all("td")] for row in section.all("tbody")[0].all("tr")]
        facts = [fact.text for fact in section.all("dd")]
        return facts, {row[0]: row[1:] for row in rows}

    nothing = ["0", "–"]
    assert moved() == (["0 / 0", "–"], {
        "Pay now": nothing, "To a dearer plan": nothing, "To a cheaper plan": nothing,
        "Pay no longer": nothing})
    buy(own_service, user)
    assert moved()[0] == ["0 / 0", "–"], "a trial brings nothing yet"
    own_service.advance(8 * DAY)
    plus = "$20.00"
    assert moved() == (["1 / 1", "+" + plus], {
        "Pay now": ["1", "+" + plus], "To a dearer plan": nothing, "To a cheaper plan": nothing,
        "Pay no longer": nothing})
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    facts, rows = moved()
    assert rows["To a dearer plan"][0] == "1" and rows["To a dearer plan"][1].startswith("+$")
    # The first payment of two goes back whole: the plan is over at once.
    [first] = [item for item in sdk(own_service).v1.invoices.list({"limit": 10}).data
               if item.amount_paid and item.billing_reason == "subscription_cycle"]
    assert first.id in who.get(f"/console/people/{user.id}/payments").text
    assert "Given back" in refund(who, user, first.id).notice
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    facts, rows = moved()
    assert rows["Pay no longer"][0] == "1" and facts[1] == "–", (facts, rows)
    # What lies further back than thirty days is told no more.
    own_service.advance(31 * DAY)
    assert moved()[0] == ["0 / 0", "–"]
