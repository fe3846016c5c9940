"""What operators do about money: payments that go back, and how revenue moved."""

import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest

from conftest import DAY, FREE, PLUS, PRO
from operators import Operator
from test_console import WHY, acts
from test_packs import bought, opened, pack, payment
from test_payments import buy, knob, opener, sdk, settle


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
    return send(who, page, address(user, id), refund_amount=amount, **more)


def send(who, page, place, **fields):
    if "operator_code" in page.fields(place):
        fields.setdefault("operator_code", who.recovery.pop())
    return page.send(place, **WHY, **fields)


def use_up_faults(service):
    """Refunds of nothing, until one of them is answered."""
    request = urllib.request.Request(
        service.sandbox + "/v1/refunds", data=b"", headers={"Authorization": "Bearer sk_test_x"})
    while True:
        try:
            opener.open(request, timeout=30)
        except urllib.error.HTTPError as answer:
            assert answer.code == 400
            return
        except OSError:
            pass


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


@pytest.mark.parametrize("amount", ["1.00", ""])
def test_a_refund_whose_answer_was_lost_is_the_same_when_its_form_is_sent_again(
        own_service, amount):
    who, user = admin(own_service), own_service.new_user()
    session = bought(own_service, user)
    price = sdk(own_service).v1.checkout.sessions.retrieve(session).amount_total
    made = 100 if amount else price
    # Stripe makes the refund, and none of the tries gets its answer.
    knob(own_service, "/_test/faults", {
        "path_prefix": "/v1/refunds", "method": "POST", "kind": "drop_after", "times": 10})
    page = refund(who, user, session, amount)
    assert page.status in (502, 503, 504) and page.problems, page.text
    assert refunds(own_service, session) == [made]
    use_up_faults(own_service)
    # The page that came back still is the form of that refund, though its token is another.
    again = send(who, page, address(user, session))
    assert again.path == f"/console/people/{user.id}/payments" and "Given back" in again.notice
    assert refunds(own_service, session) == [made]
    left = 100 * (price - made) / price
    assert user.balance["credits_remaining"] == f"{25 + left:.2f}"
    assert [row[0] for row in journal(own_service, who)] == ["failed", "done"]


def test_two_forms_of_one_standing_give_back_once_and_equal_parts_after_each_other_twice(
        service, who):
    user = service.sign_up()
    session = bought(service, user)
    refund(who, user, session, "0.00")
    place = address(user, session)
    for page in (who.get(place), who.get(place)):
        assert "Given back" in send(who, page, place, refund_amount="1.00").notice
    assert refunds(service, session) == [100]
    for times in (2, 3):
        assert "Given back" in refund(who, user, session, "1.00").notice
        assert refunds(service, session) == [100] * times
    # What was shown is no longer so, and is more than is left.
    stale = who.get(place)
    assert "Given back" in refund(who, user, session).notice
    page = send(who, stale, place, refund_amount="1.50")
    assert page.status in (409, 422) and page.problems, page.text
    assert len(refunds(service, session)) == 4


@pytest.mark.parametrize("standing", ["", "x", "-1-0", "0", "0-0-0", "9" * 30 + "-0", "0-999"])
def test_what_a_form_says_of_the_standing_gives_back_no_more_than_was_paid(service, who, standing):
    user = service.sign_up()
    session = bought(service, user)
    price = sdk(service).v1.checkout.sessions.retrieve(session).amount_total
    refund(who, user, session, f"{price / 200:.2f}")
    refund(who, user, session, refund_standing=standing)
    assert sum(refunds(service, session)) <= price


def test_money_that_went_back_is_a_refund_also_if_its_credits_follow_later(own_service):
    who, user = admin(own_service), own_service.new_user()
    session = bought(own_service, user)
    page = who.get(address(user, session))
    # The refund is made; what looks at the payment afterwards finds Stripe away.
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    knob(own_service, "/_test/faults", {
        "path_prefix": "/v1/invoice_payments", "method": "GET", "kind": "status", "status": 500,
        "times": 3, "should_retry": True})
    page = send(who, page, address(user, session))
    assert "Given back" in page.notice, page.text
    assert len(refunds(own_service, session)) == 1 and pack(user)["remaining"] == "100.00"
    assert [row[0] for row in journal(own_service, who)] == ["done"]
    knob(own_service, "/_test/webhooks", {"mode": "deliver"})
    settle(own_service)
    assert user.balance["credits_remaining"] == "25.00"


def test_a_payment_that_went_back_unheard_is_followed_when_somebody_would_give_it_back(own_service):
    who, user = admin(own_service), own_service.new_user()
    session = bought(own_service, user)
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    knob(own_service, "/_test/refunds", {"payment_intent": payment(own_service, session)})
    assert user.balance["credits_remaining"] == "125.00"
    page = refund(who, user, session)
    assert page.status == 409 and "went back before" in page.problems[0][0], page.text
    assert user.balance["credits_remaining"] == "25.00"


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


def assert_past_due_is_no_move(service, moved):
    """Who pays late goes on, and a trial is paid when its first payment comes."""
    user = service.new_user()
    buy(service, user)
    id = next(one.customer for one in sdk(service).v1.subscriptions.list().data
              if one.status == "trialing")
    before = moved()
    knob(service, f"/_test/customers/{id}", {"card": "decline"})
    service.advance(8 * DAY)
    assert user.subscription["status"] == "past_due" and moved() == before
    knob(service, f"/_test/customers/{id}", {"card": "ok"})
    service.advance(2 * DAY)
    facts, rows = moved()
    assert user.subscription["status"] == "active"
    assert facts[0] == "2 / 2" and rows["Pay now"][0] == "2"
    assert rows["Pay no longer"] == before[1]["Pay no longer"]


def assert_the_export_tells_the_refusal(refused, stranger):
    """To whom was refused, and to nobody else."""
    [told] = refused.get("/auth/me/export").json["credit_refusals"]
    assert (told["plan_id"], told["feature_key"]) == (FREE, "career.job_match")
    assert set(told) == {"plan_id", "feature_key", "refused_at"}
    assert stranger.get("/auth/me/export").json["credit_refusals"] == []


def assert_each_subscription_counts_once(service, refused):
    """Whatever it was refused on and however often it moved up, and within the thirty days alone."""
    [(subscription, at)] = service.rows(
        "SELECT subscription_id, min(at) FROM subscription_changes WHERE plan_id = ? "
        "GROUP BY subscription_id", uuid.UUID(PRO))
    service.write(
        "INSERT INTO credit_refusals (subscription_id, plan_id, feature_key, refused_at) "
        "VALUES (?, ?, 'career.job_match', ?)", subscription, uuid.UUID(PLUS), at)
    assert refused() == [["career.job_match", "2", "1"]]
    service.write("DELETE FROM credit_refusals WHERE plan_id = ?", uuid.UUID(PLUS))
    service.write("UPDATE credit_refusals SET refused_at = refused_at - ? WHERE subscription_id = ?",
                  6 * DAY * 10**6, subscription)
    service.advance(8 * DAY)
    assert refused() == [["career.job_match", "1", "0"]], "the move alone is not thirty days old"


def test_a_plan_whose_payment_goes_back_whole_ends_and_revenue_tells_each_move(own_service):
    who, user = admin(own_service), own_service.new_user()

    def moved():
        page = who.get("/console")
        [section] = [part for part in page.all("section")
                     if part["aria-labelledby"] == "overview.movement"]
        rows = [[cell.text for cell in row.all("td")] for row in section.all("tbody")[0].all("tr")]
        facts = [fact.text for fact in section.all("dd")]
        return facts, {row[0]: row[1:] for row in rows}

    def refused():
        [section] = [part for part in who.get("/console").all("section")
                     if part["aria-labelledby"] == "overview.refusals"]
        return [[cell.text for cell in row.all("td")] for row in section.all("tr")[1:]]

    nothing = ["0", "–"]
    assert refused() == [] and user.adjust("-25").returncode == 0
    other = own_service.new_user()
    assert other.adjust("-25").returncode == 0
    for _ in range(2):
        assert user.validate().status == other.validate().status == 429
    own_service.advance(0)
    assert refused() == [["career.job_match", "2", "0"]]
    assert_the_export_tells_the_refusal(user, own_service.new_user())
    assert moved() == (["0 / 0", "–"], {
        "Pay now": nothing, "To a dearer plan": nothing, "To a cheaper plan": nothing,
        "Pay no longer": nothing})
    buy(own_service, user)
    assert moved()[0] == ["0 / 0", "–"], "a trial brings nothing yet"
    assert refused() == [["career.job_match", "2", "1"]], "one went to a higher plan"
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
    assert_past_due_is_no_move(own_service, moved)
    assert refused() == [["career.job_match", "2", "1"]]
    assert_each_subscription_counts_once(own_service, refused)
    # What lies further back than thirty days is told no more.
    own_service.advance(31 * DAY)
    assert moved()[0] == ["0 / 0", "–"] and refused() == []
    # What is noted in memory alone is written at a shutdown.
    own_service.write("DELETE FROM credit_refusals")
    last = own_service.new_user()
    assert last.adjust("-25").returncode == 0 and last.validate().status == 429
    own_service.stop()
    assert own_service.rows("SELECT count(*) FROM credit_refusals") == [(1,)]
