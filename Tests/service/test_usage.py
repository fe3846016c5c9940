"""Metering: validate, commit, balance, logs, summaries."""

import calendar
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from conftest import DAY, KEY, Service, together


def test_validate_reserves_and_commit_charges(user):
    granted = user.validate(client={"ip": "203.0.113.9", "user_agent": "x"})
    assert granted.status == 200
    assert set(granted.json) == {
        "access", "user_id", "usage_id", "message", "credits_reserved", "status", "code",
        "expires_at"}
    assert granted.json["access"] == "granted" and granted.json["code"] == "reserved"
    assert granted.json["credits_reserved"] == "1.00" and granted.json["user_id"] == user.id
    assert user.balance["credits_reserved"] == "1.00"
    committed = user.commit(granted.json["usage_id"], metrics={"latency_ms": 5})
    assert committed.status == 200
    assert committed.json == {
        "success": True, "message": "Committed.", "status": "SUCCESS", "credits_charged": "1.00",
        "credits_not_charged": "0.00", "is_late": False, "result_kept": None}
    balance = user.balance
    assert set(balance) == {
        "credits_allocated", "credits_used", "credits_reserved", "credits_remaining",
        "by_source", "period_start", "period_end", "rate_limits"}
    assert [balance[f"credits_{name}"] for name in ("allocated", "used", "reserved", "remaining")] \
        == ["25.00", "1.00", "0.00", "24.00"]
    assert [limit["window"] for limit in balance["rate_limits"]] == ["minute", "day"]


def test_every_validate_answer_carries_the_limits_in_headers(user):
    headers = user.validate().headers
    assert headers["x-ratelimit-limit-minute"] == "10"
    assert headers["x-ratelimit-remaining-minute"] == "9"
    assert headers["x-ratelimit-limit-day"] == "100"
    assert int(headers["x-ratelimit-reset-day"]) % DAY == 0


def test_a_failed_call_costs_nothing_and_gives_its_reservation_back(user):
    granted = user.validate().json
    answer = user.commit(granted["usage_id"], success=False)
    assert answer.json["status"] == "FAILED" and answer.json["credits_charged"] == "0.00"
    assert user.balance["credits_remaining"] == "25.00"


def test_fifty_parallel_validates_with_one_credit_left_grant_exactly_one(service):
    user = service.sign_up()
    assert user.adjust("-24.00").returncode == 0
    answers = together(50, lambda _: user.validate())
    assert sorted({answer.status for answer in answers}) == [200, 429]
    assert sum(answer.status == 200 for answer in answers) == 1
    assert user.balance["credits_reserved"] == "1.00"


def test_a_quota_refusal_tells_what_is_missing_and_when_to_come_back(user):
    user.adjust("-24.50")
    refused = user.validate()
    assert refused.status == 429 and refused.code == "quota_exceeded"
    assert refused.json["access"] == "denied" and refused.json["usage_id"] is None
    assert "0.50" in refused.json["message"] and int(refused.headers["retry-after"]) > 27 * DAY


def test_racing_duplicates_make_one_log_and_no_error(user):
    answers = together(20, lambda _: user.validate(request_id="same"))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["usage_id"] for answer in answers}) == 1
    assert sorted(answer.code for answer in answers).count("reserved") == 1
    assert user.balance["credits_reserved"] == "1.00"


def test_a_retried_commit_charges_once(user):
    usage = user.validate().json["usage_id"]
    answers = together(10, lambda _: user.commit(usage))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["credits_charged"] for answer in answers} == {"1.00"}
    assert user.balance["credits_used"] == "1.00"


def test_a_contradicting_commit_is_refused_and_changes_nothing(user):
    usage = user.validate().json["usage_id"]
    user.commit(usage)
    refused = user.commit(usage, success=False)
    assert refused.status == 409 and refused.json["success"] is False
    assert refused.json["status"] == "SUCCESS" and refused.json["credits_charged"] == "1.00"
    assert user.balance["credits_used"] == "1.00"


def test_racing_contradictions_settle_once(user):
    usage = user.validate().json["usage_id"]
    answers = together(10, lambda index: user.commit(usage, success=index % 2 == 0))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [409] * 5
    assert user.balance["credits_used"] in ("0.00", "1.00")


def test_a_commit_for_an_unknown_usage_is_404_and_for_anothers_403(service, user):
    assert user.commit(str(uuid.uuid4())).status == 404
    other = service.sign_up()
    usage = other.validate().json["usage_id"]
    assert user.commit(usage).status == 403
    assert other.balance["credits_reserved"] == "1.00"


@pytest.mark.parametrize("success,status", [(True, "SUCCESS"), (False, "FAILED")])
def test_a_replay_of_a_finished_request_is_not_granted(user, success, status):
    usage = user.validate(request_id="r").json["usage_id"]
    user.commit(usage, success=success)
    replay = user.validate(request_id="r")
    assert replay.status == 409 and replay.code == "request_already_finished"
    assert replay.json["usage_id"] == usage and replay.json["status"] == status


def test_a_known_request_for_another_feature_is_a_mismatch(user):
    user.validate(request_id="r")
    answer = user.validate(request_id="r", feature="career.career_path")
    assert answer.status == 409 and answer.code == "request_mismatch"


def test_the_same_request_id_with_another_payload_is_another_request(user):
    first = user.validate(request_id="r").json["usage_id"]
    second = user.validate(request_id="r", hash="cd" * 32).json["usage_id"]
    assert first != second and user.balance["credits_reserved"] == "2.00"


def test_refused_requests_and_replays_do_not_eat_the_rate_limit(user):
    # Never across the turn of a minute, which would empty the window.
    while 30 < time.time() % 60:
        time.sleep(0.2)
    for _ in range(3):
        user.validate(request_id="r")
    user.validate(request_id="r", feature="career.career_path")
    user.adjust("-24.00")
    assert user.validate().status == 429
    assert user.validate(request_id="r").headers["x-ratelimit-remaining-minute"] == "9"


def test_the_eleventh_call_in_a_minute_waits_for_the_next(own_service):
    user = own_service.new_user()
    while 30 < time.time() % 60:
        time.sleep(0.2)
    for _ in range(10):
        assert user.validate(feature="career.extract_keywords").status == 200
    refused = user.validate(feature="career.extract_keywords")
    assert refused.status == 429 and refused.code == "rate_limited"
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= 60 and refused.headers["x-ratelimit-remaining-minute"] == "0"
    own_service.advance(seconds)
    assert user.validate(feature="career.extract_keywords").status == 200


def test_an_unknown_feature_is_listed_with_everything_else_that_is_wrong(user):
    answer = user.validate(feature="career.nothing", hash="XYZ", method="BREW")
    assert answer.status == 422
    assert [error["loc"][-1] for error in answer.json["errors"]] \
        == ["feature_key", "method", "payload_hash"]


def test_an_overdue_reservation_is_expired_for_replay_commit_and_quota(own_service):
    user = own_service.new_user()
    user.adjust("-24.00")
    usage = user.validate(request_id="r").json["usage_id"]
    own_service.advance(15 * 60)
    replay = user.validate(request_id="r")
    assert replay.status == 409 and replay.json["status"] == "EXPIRED"
    refused = user.commit(usage)
    assert refused.status == 409 and refused.json["status"] == "EXPIRED"
    assert user.validate().status == 200


def test_the_free_budget_returns_each_month(own_service):
    user = own_service.new_user()
    user.spend()
    user.adjust("5.00", reason="sorry")
    assert user.balance["credits_allocated"] == "30.00"
    own_service.advance(32 * DAY)
    balance = user.balance
    assert balance["credits_allocated"] == "25.00" and balance["credits_used"] == "0.00"


def test_the_31st_does_not_drift_to_the_28th(own_service):
    now = own_service.now
    day = time.gmtime(now)
    # The last of January that comes next.
    january = time.mktime((day.tm_year + 1, 1, 31, 12, 0, 0, 0, 0, 0)) - time.timezone
    own_service.advance(int(january - now))
    user = own_service.new_user()
    assert user.balance["period_start"][5:10] == "01-31"
    assert user.balance["period_end"][5:10] in ("02-28", "02-29")
    own_service.advance(30 * DAY)
    assert user.balance["period_end"][5:10] == "03-31"


def test_a_commit_after_the_period_has_turned_leaves_the_new_period_alone():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, RESERVATION_TTL="86400").start()
        user = service.sign_up()
        end = calendar.timegm(time.strptime(user.balance["period_end"][:19], "%Y-%m-%dT%H:%M:%S"))
        service.advance(end - service.now - 3600)
        usage = user.validate().json["usage_id"]
        service.advance(2 * 3600)
        assert user.commit(usage).status == 200
        assert user.balance["credits_used"] == "0.00"
        assert user.balance["credits_reserved"] == "0.00"
        assert service.audit().returncode == 0
        service.stop()


def test_an_accepted_commit_does_not_expire_and_is_applied(own_service):
    user = own_service.new_user()
    usage = user.validate().json["usage_id"]
    accepted = user.commit(usage, headers={"Prefer": "respond-async"})
    assert accepted.status == 202 and accepted.json["status"] in ("PENDING", "SUCCESS")
    own_service.advance(3600)
    assert user.balance["credits_used"] == "1.00"


@pytest.fixture(scope="module")
def without_worker():
    """A server at which what is queued stays queued."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder).start("--no-worker")
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


@pytest.mark.parametrize("success,status", [(True, "SUCCESS"), (False, "FAILED")])
def test_a_replay_of_a_call_whose_commit_is_queued_tells_how_it_ended(
        without_worker, success, status):
    user = without_worker.sign_up()
    usage = user.validate(request_id="r").json["usage_id"]
    accepted = user.commit(usage, success=success, headers={"Prefer": "respond-async"})
    assert accepted.status == 202
    assert accepted.json["status"] == "PENDING" and accepted.json["success"] is True
    replay = user.validate(request_id="r")
    assert replay.status == 409 and replay.code == "request_already_finished"
    assert replay.json["usage_id"] == usage and replay.json["status"] == status
    assert status in replay.json["message"] and "PENDING" not in replay.json["message"]


@pytest.mark.parametrize("preference,status", [
    ("respond-async", 202), ("Respond-Async", 202), (" respond-async ; wait=10", 202),
    ("wait=10,respond-async", 202), ("handling=lenient, RESPOND-ASYNC", 202),
    ("no-respond-async", 200), ("respond-async-please", 200), ("respond async", 200),
    ("x=respond-async", 200), ("wait=10; respond-async", 200), ("", 200), (",;=", 200)])
def test_a_commit_is_queued_only_where_that_is_preferred(without_worker, preference, status):
    user = without_worker.sign_up()
    usage = user.validate().json["usage_id"]
    answer = user.commit(usage, headers={"Prefer": preference})
    assert answer.status == status, answer
    assert ("preference-applied" in answer.headers) == (status == 202)


def test_logs_are_paged_newest_first_without_gaps_or_repeats(user):
    ids = [user.validate(feature="career.extract_keywords").json["usage_id"] for _ in range(5)]
    user.commit(ids[0])
    user.commit(ids[1], success=False)
    seen, cursor = [], None
    while True:
        page = user.get("/career/usage/logs?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [item["id"] for item in seen] == ids[::-1]
    assert set(seen[0]) == {
        "id", "request_id", "feature_key", "status", "credits_reserved", "credits_charged",
        "credits_not_charged", "credits_lent", "parent_usage_id", "is_late",
        "endpoint", "method", "created_at", "committed_at", "expires_at", "failure_type",
        "failure_reason"}
    assert seen[0]["credits_charged"] is None and seen[0]["method"] == "POST"
    failed = user.get("/career/usage/logs?status=FAILED").json["items"]
    assert [item["id"] for item in failed] == [ids[1]] and failed[0]["failure_type"] == "timeout"
    assert user.get("/career/usage/logs?feature_key=career.career_path").json["items"] == []


@pytest.mark.parametrize("query", [
    "limit=0", "limit=101", "limit=1e1", "limit=x", "cursor=%21", "status=DONE", "limit=1&limit=2"])
def test_a_bad_page_is_refused(user, query):
    assert user.get(f"/career/usage/logs?{query}").status == 422


@pytest.mark.parametrize("limit", ["", "-", "--1", "1-", "%2B1", "1.0", "%201"])
def test_a_limit_that_is_no_whole_number_is_told_as_that(user, limit):
    answer = user.get(f"/career/usage/logs?limit={limit}")
    assert answer.status == 422
    assert [error["type"] for error in answer.json["errors"]] == ["int_type"]


def test_usage_is_summed_up_by_feature_and_by_day(user):
    # Never across the turn of a day.
    while user.service.time % DAY > DAY - 20:
        time.sleep(0.5)
    user.spend()
    user.commit(user.validate(feature="career.career_path").json["usage_id"], success=False)
    items = user.get("/career/usage/summary?by=feature").json["items"]
    assert items == [
        {"key": "career.career_path", "requests": 1, "succeeded": 0, "failed": 1,
         "credits_charged": "0.00"},
        {"key": "career.job_match", "requests": 1, "succeeded": 1, "failed": 0,
         "credits_charged": "1.00"}]
    days = user.get("/career/usage/summary").json["items"]
    assert [(item["requests"], item["credits_charged"]) for item in days] == [(2, "1.00")]
    assert len(days[0]["key"]) == 10
    assert user.get("/career/usage/summary?from=2020-01-01&to=2020-02-01").json["items"] == []
    assert user.get("/career/usage/summary?from=2020-02-01&to=2020-01-01").status == 422


def test_a_summary_covers_ten_years_and_the_whole_of_its_last_day(user):
    # Never across the turn of a day.
    while user.service.time % DAY > DAY - 20:
        time.sleep(0.5)
    user.spend()
    now = datetime.fromtimestamp(user.service.time, UTC)
    today, tomorrow = (f"{now + timedelta(days):%Y-%m-%d}" for days in (0, 1))
    summed = lambda query: user.get(f"/career/usage/summary?{query}")
    long_ago = f"{now - timedelta(3659):%Y-%m-%d}"
    for query in (f"to={today}", f"from={today}&to={today}", f"from={today}&to={tomorrow}",
                  f"from={long_ago}&to={today}", f"from={today}&to={tomorrow}T00:00:00.0000001Z"):
        [day] = summed(query).json["items"]
        assert (day["key"], day["requests"]) == (today, 1), query
    # With its time, the end is not covered.
    assert summed(f"from={today}&to={today}T00:00:00Z").json["items"] == []
    too_long = summed(f"from={now - timedelta(3660):%Y-%m-%d}&to={today}")
    assert too_long.status == 422
    assert "at most 3660 days" in too_long.json["errors"][0]["msg"]


def test_a_summary_that_ends_before_it_begins_is_told_with_all_else_that_is_wrong(user):
    told = lambda query: [
        (error["loc"], error["type"])
        for error in user.get(f"/career/usage/summary?{query}").json["errors"]]
    assert told("from=2020-02-02&to=2020-01-31&by=year") \
        == [(["query", "by"], "enum"), (["query", "from"], "range")]
    # Of a time that cannot be read nothing more is said.
    assert told("from=x&to=2020-01-01") == [(["query", "from"], "datetime_parsing")]
    assert told("from=2120-01-01&to=x") == [(["query", "to"], "datetime_parsing")]
    assert told("from=2120-01-01") == [(["query", "from"], "range")]
    assert user.get("/career/usage/summary?from=2020-01-01&to=2020-01-01").json["items"] == []


def test_metering_needs_both_the_users_token_and_the_key(service, user):
    path = "/career/internal/usage/validate"
    assert service.call("POST", path, {}, headers=user.auth).status == 401
    assert service.call("POST", path, {}, headers=KEY).status == 401
    assert service.call("POST", path, {}, headers={**user.auth, "X-Internal-API-Key": "no"}) \
        .status == 401


def test_a_deactivated_user_cannot_meter_and_can_again_when_let_in(service):
    user = service.sign_up()
    assert service.command("users", "deactivate", user.email.upper()).returncode == 0
    refused = user.validate()
    assert refused.status == 403 and refused.code == "account_deactivated"
    # Before anything is said of the body.
    assert user.validate(hash="bad").status == 403
    assert user.get("/career/usage/").status == 403
    assert service.command("users", "reactivate", user.id).returncode == 0
    assert user.validate().status == 200


def test_a_deleted_user_cannot_meter_and_signing_up_again_mints_nothing(service):
    user = service.sign_up()
    for _ in range(3):
        user.spend()
    usage = user.validate().json["usage_id"]
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert user.validate().status == 401 and user.commit(usage).status == 404
    again = service.sign_up(user.email)
    assert again.id != user.id
    assert again.balance["credits_remaining"] == "21.00"


def test_an_adjustment_is_made_once_by_its_name(service, user):
    for _ in range(2):
        done = service.command(
            "users", "adjust", user.email, "2.50", "--reason", "thanks", "--id", "ticket-7")
        assert done.returncode == 0, done.stderr
    assert user.balance["credits_allocated"] == "27.50"
    assert user.adjust("-100").returncode == 1
    assert service.command("users", "adjust", "nobody@example.test", "1", "--reason", "x") \
        .returncode == 1
