"""The user's own brakes: what they let themselves spend in a UTC day and month."""

import re

import pytest

from conftest import DAY, together
from test_payments_queue import ASYNC, until

LIMITS = "/career/usage/limits"
NONE = {"daily_credits": None, "monthly_credits": None, "alert_at": [50, 80, 100]}


def put(user, **limits):
    return user.service.call("PUT", LIMITS, limits, user.auth)


def used(user):
    answer = user.get(LIMITS).json["used"]
    return answer["daily_credits"], answer["monthly_credits"]


def limit_mails(user):
    return [mail["subject"] for mail in user.service.mail(user.email)
            if "own limit" in mail["subject"]]


def test_limits_are_read_and_replaced_as_a_whole(user):
    assert user.get(LIMITS).json == NONE | {
        "used": {"daily_credits": "0.00", "monthly_credits": "0.00"}}
    assert user.spend().status == 200
    answer = put(user, daily_credits="5", monthly_credits="12.5", alert_at=[90, 10, 90])
    assert answer.status == 200 and answer.json == {
        "daily_credits": "5.00", "monthly_credits": "12.50", "alert_at": [10, 90],
        "used": {"daily_credits": "1.00", "monthly_credits": "1.00"}}
    assert user.get(LIMITS).json == answer.json
    assert put(user, monthly_credits="3").json["daily_credits"] is None
    assert put(user).json == NONE | {"used": answer.json["used"]}
    assert put(user, daily_credits=None, alert_at=None).json["alert_at"] == [50, 80, 100]
    assert put(user, alert_at=[]).json["alert_at"] == []


BAD = [
    ("daily_credits", "-1"), ("daily_credits", "1.0000001"), ("daily_credits", "1000000000.01"),
    ("daily_credits", 5), ("monthly_credits", "x"), ("monthly_credits", ""),
    ("alert_at", [0]), ("alert_at", [101]), ("alert_at", ["50"]), ("alert_at", [50.5]),
    ("alert_at", 50), ("alert_at", list(range(1, 12))), ("alert_at", [50, None]),
]


def test_what_is_no_limit_is_refused_with_its_place_and_changes_nothing(user):
    assert put(user, daily_credits="7").status == 200
    for name, value in BAD:
        answer = put(user, **{name: value})
        assert (answer.status, answer.code) == (422, "validation_error"), (name, value)
        assert answer.json["errors"][0]["loc"][:2] == ["body", name]
    assert user.get(LIMITS).json["daily_credits"] == "7.00"
    both = put(user, daily_credits="x", alert_at=[50, 101])
    assert [error["loc"] for error in both.json["errors"]] == [
        ["body", "daily_credits"], ["body", "alert_at", "1"]]


def test_nobody_limits_or_reads_another(service, user):
    assert put(user, daily_credits="1").status == 200
    stranger = service.sign_up()
    assert stranger.get(LIMITS).json["daily_credits"] is None
    assert service.call("GET", LIMITS).status == 401
    assert service.call("PUT", LIMITS, {}).status == 401


def test_a_call_beyond_the_limit_is_refused_and_told_when_to_come_back(user):
    assert put(user, daily_credits="2").status == 200
    usage = user.validate().json["usage_id"]
    assert user.spend().status == 200
    refused = user.validate()
    assert refused.status == 429 and refused.code == "spending_limit_reached"
    assert refused.json["access"] == "denied" and refused.json["usage_id"] is None
    assert "for today is reached: 2.00 of 2.00" in refused.json["message"]
    assert 0 < int(refused.headers["retry-after"]) <= DAY
    # What is running goes on, and what it gives back is free again.
    raised = user.extend(usage, additional_credits="0.5", hold_seconds=60)
    assert raised.status == 429 and raised.json["code"] == "spending_limit_reached"
    assert int(raised.headers["retry-after"]) > 0 and raised.json["credits_reserved"] == "1.00"
    assert user.extend(usage, "time", hold_seconds=600).status == 200
    assert user.commit(usage, credits="0.25").status == 200
    assert user.validate(feature="career.extract_keywords").status == 200
    assert user.validate().json["code"] == "spending_limit_reached"


def test_racing_calls_stop_at_the_limit_exactly(user):
    assert put(user, monthly_credits="3").status == 200
    answers = together(9, lambda _: user.validate())
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 6
    assert {answer.json["code"] for answer in answers} == {"reserved", "spending_limit_reached"}


def test_the_day_and_the_month_begin_anew(own_service):
    user = own_service.sign_up()
    assert put(user, daily_credits="1").status == 200
    assert user.spend().status == 200
    wait = int(user.validate().headers["retry-after"])
    own_service.advance(wait)
    assert user.spend().status == 200
    assert put(user, monthly_credits="1").status == 200
    wait = int(user.validate().headers["retry-after"])
    assert wait > 0
    own_service.advance(wait)
    assert used(user) == ("0.00", "0.00") and user.spend().status == 200


def test_each_percentage_is_mailed_once(user):
    assert put(user, daily_credits="4", alert_at=[50, 100]).status == 200
    told = []
    for _ in range(4):
        usage = user.validate().json["usage_id"]
        answers = together(4, lambda _: user.commit(usage))
        assert {answer.status for answer in answers} == {200}
        told.append(len(limit_mails(user)))
    assert told == [0, 1, 1, 2]
    half, whole = limit_mails(user)
    assert "50 %" in half and "100 %" in whole and "for today" in whole
    [text] = [mail["text"] for mail in user.service.mail(user.email) if mail["subject"] == whole]
    assert "4.00 of the 4.00 credits" in re.sub(r"\s+", " ", text)
    assert "Calls that cost something are refused" in re.sub(r"\s+", " ", text)


def test_parts_and_queued_commits_count_and_are_told_of_like_any_other(user):
    assert put(user, monthly_credits="1", alert_at=[25, 100]).status == 200
    usage = user.validate().json["usage_id"]
    assert user.capture(usage, credits="0.25").status == 200
    assert used(user) == ("0.25", "0.25") and len(limit_mails(user)) == 1
    assert user.commit(usage, headers=ASYNC).status == 202
    until(lambda: used(user) == ("1.00", "1.00"))
    assert len(limit_mails(user)) == 2 and "this month" in limit_mails(user)[1]


def test_limits_go_with_the_user_into_the_export_and_out_with_them(service):
    user = service.sign_up()
    assert user.get("/auth/me/export").json["spending_limits"] is None
    assert put(user, daily_credits="2", alert_at=[1]).status == 200
    assert user.get("/auth/me/export").json["spending_limits"] == {
        "daily_credits": "2.00", "monthly_credits": None, "alert_at": [1]}
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    again = service.sign_up(user.email)
    assert again.get(LIMITS).json["daily_credits"] is None


@pytest.mark.parametrize("limit", ["0", "0.000000"])
def test_a_limit_of_nothing_stops_all(user, limit):
    assert put(user, daily_credits=limit).status == 200
    assert user.validate().json["code"] == "spending_limit_reached"
    assert put(user).status == 200
    assert user.validate().status == 200
