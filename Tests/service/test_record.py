"""Calls that ran while the service could not be asked, told afterwards."""

import tempfile
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from conftest import KEY, Service, together

PATH = "/career/internal/usage/"
HASH = "ab" * 32


@pytest.fixture(scope="module")
def recording():
    """A service that takes what ran within the last day; its ledger is judged in the end."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, RECORD_WITHIN="86400").start()
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


@pytest.fixture
def guest(recording):
    return recording.sign_up()


def told(user, ago=60, **more):
    ran = datetime.now(timezone.utc) - timedelta(seconds=ago)
    return {"user_id": user.id, "request_id": str(uuid.uuid4()), "feature_key": "career.job_match",
            "payload_hash": HASH, "ran_at": ran.isoformat(timespec="seconds"), **more}


def record(service, body, headers=KEY):
    return service.call("POST", PATH + "record", body, headers=headers)


def credits(user):
    balance = user.get("/career/usage/").json
    return balance["credits_used"], balance["credits_reserved"]


def validate(service, user, body):
    return service.call("POST", PATH + "validate", {
        "endpoint": "/v1/tool", "method": "POST",
        **{name: body[name] for name in ("request_id", "feature_key", "payload_hash")}},
        headers={**KEY, "Authorization": f"Bearer {user.token}"})


def test_what_ran_is_charged_once_however_often_it_is_told(recording, guest):
    body = told(guest, metrics={"latency_ms": 7})
    first = record(recording, body)
    assert first.status == 200 and first.json["code"] == "recorded" and first.json["status"] == "SUCCESS"
    assert (first.json["credits_charged"], first.json["credits_not_charged"]) == ("1.00", "0.00")
    old = record(recording, {**body, "ran_at": "2020-01-01"})
    for answer in [old, *together(8, lambda _: record(recording, body))]:
        assert answer.json == first.json
    assert credits(guest) == ("1.00", "0.00")
    assert validate(recording, guest, body).json["code"] == "request_already_finished"


def test_in_a_batch_each_is_told_in_its_place(recording, guest):
    good, bad = told(guest), told(guest, ago=90_000)
    answer = recording.call("POST", PATH + "batch", {
        "operations": [{"op": "record", **each} for each in (good, bad, good)]}, headers=KEY)
    first, refused, again = answer.json["results"]
    assert first == again and first["status"] == 200 and refused["status"] == 422
    assert credits(guest) == ("1.00", "0.00")


def test_a_hold_that_validate_made_after_all_is_what_is_charged(recording, guest):
    body = told(guest)
    held = validate(recording, guest, body)
    assert credits(guest) == ("0.00", "1.00")
    answer = record(recording, body)
    assert answer.json["usage_id"] == held.json["usage_id"] and answer.json["credits_charged"] == "1.00"
    assert credits(guest) == ("1.00", "0.00")
    mismatch = record(recording, {**body, "feature_key": "career.feedback_analyzer"})
    assert (mismatch.status, mismatch.json["code"]) == (409, "request_mismatch")


def test_a_call_that_was_told_to_have_failed_stays_free(recording, guest):
    body = told(guest)
    usage = validate(recording, guest, body).json["usage_id"]
    recording.call("POST", PATH + "commit", {
        "user_id": guest.id, "usage_id": usage, "success": False,
        "failure": {"failure_type": "timeout", "reason": "slow"}}, headers=KEY)
    answer = record(recording, body)
    assert (answer.status, answer.json["code"], answer.json["status"]) == (409, "already_ended", "FAILED")
    assert credits(guest) == ("0.00", "0.00")


def test_more_than_there_is_is_noted_and_not_owed(recording, guest):
    answers = together(30, lambda _: record(recording, told(guest)))
    assert {answer.status for answer in answers} == {200}
    charged = sorted(answer.json["credits_charged"] for answer in answers)
    assert charged == ["0.00"] * 5 + ["1.00"] * 25
    assert sum(answer.json["credits_not_charged"] == "1.00" for answer in answers) == 5
    assert credits(guest) == ("25.00", "0.00")


@pytest.mark.parametrize("change, status, kind", [
    ({"ran_at": "2020-01-01T00:00:00Z"}, 422, "not_recent"),
    ({"ran_at": (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()}, 422, "not_recent"),
    ({"ran_at": "yesterday"}, 422, None), ({"ran_at": None}, 422, None),
    ({"feature_key": "career.nothing"}, 422, "unknown_feature"),
    ({"payload_hash": "AB" * 32}, 422, None), ({"request_id": ""}, 422, None),
    ({"metrics": {"input_tokens": -1}}, 422, None),
    ({"user_id": "0198c0de-0000-7000-8000-00000000ffff"}, 404, None)])
def test_what_makes_no_sense_is_refused_and_charges_nothing(recording, guest, change, status, kind):
    answer = record(recording, {**told(guest), **change})
    assert answer.status == status, answer
    if kind:
        assert answer.json["errors"][0]["type"] == kind
    assert credits(guest) == ("0.00", "0.00")


def test_without_the_setting_and_without_the_key_nothing_is_recorded(service, user, recording, guest):
    answer = record(service, told(user))
    assert (answer.status, answer.json["code"]) == (403, "usage_record_disabled")
    assert record(recording, told(guest), headers={}).status == 401
    assert credits(user) == credits(guest) == ("0.00", "0.00")


def test_a_users_own_limit_bounds_what_is_charged(recording, guest):
    answer = recording.call("PUT", "/career/usage/limits", {
        "daily_credits": "1.50", "monthly_credits": None, "alert_at": [50]}, guest.auth)
    assert answer.status == 200, answer
    charged = [record(recording, told(guest)).json for _ in range(3)]
    assert [each["credits_charged"] for each in charged] == ["1.00", "0.50", "0.00"]
    assert [each["credits_not_charged"] for each in charged] == ["0.00", "0.50", "1.00"]
    assert credits(guest) == ("1.50", "0.00")
