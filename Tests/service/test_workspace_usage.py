"""What members of a workspace see of what its keys have spent."""

import time
import uuid

import pytest

from teams import Team
from test_calls_by_key import MATCH, Workspace

CREDITS = ("credits_allocated", "credits_used", "credits_reserved", "credits_remaining")


def usage(space, more="", user=None, **query):
    tail = "&".join(f"{name}={value}" for name, value in query.items())
    return (user or space.owner).get(f"/api/workspaces/{space.id}/usage{more}?{tail}")


def told(space):
    answer = space.owner.get(f"/api/workspaces/{space.id}")
    assert answer.status == 200, answer
    return tuple(answer.json["credits"][name] for name in ("allocated", "used", "reserved", "remaining"))


@pytest.fixture(scope="module")
def spent(service):
    """Two keys: one call that succeeded, one that failed, one that runs; and a test call."""
    space = Workspace(service)
    first, second, test = space.key(), space.key(), space.key(is_test_key=True)
    calls = [space.validate(key).json["usage_id"] for key in (first, first, second, test)]
    assert space.commit(calls[0], credits="0.25").status == 200
    assert space.commit(
        calls[1], success=False, failure={"failure_type": "timeout", "reason": "slow"}).status == 200
    return space, (first["id"], second["id"], test["id"]), calls


def test_credits_are_told_with_the_workspace_and_with_its_usage(service, spent):
    space, _, _ = spent
    answer = usage(space)
    assert answer.status == 200, answer
    assert tuple(answer.json[name] for name in CREDITS) == ("100.00", "0.25", "1.00", "98.75")
    assert told(space) == ("100.00", "0.25", "1.00", "98.75")
    windows = {limit["window"]: limit for limit in answer.json["rate_limits"]}
    assert windows["day"]["limit"] == 500 and windows["day"]["remaining"] == 497
    listed = space.owner.get("/api/workspaces").json["items"]
    assert [item["credits"]["used"] for item in listed if item["id"] == space.id] == ["0.25"]


def test_without_a_subscription_there_is_nothing_to_tell(service):
    team = Team(service)
    answer = team.owner.get(f"/api/workspaces/{team.id}/usage")
    assert (answer.status, answer.code) == (404, "subscription_not_found"), answer
    assert team.owner.get(f"/api/workspaces/{team.id}").json["credits"] == {
        name: "0.00" for name in ("allocated", "used", "reserved", "remaining")}
    assert team.owner.get(f"/api/workspaces/{team.id}/usage/logs").json["items"] == []
    assert team.owner.get(f"/api/workspaces/{team.id}/usage/summary").json["items"] == []


def test_a_personal_workspace_from_before_the_plan_is_given_it(own_service):
    space = Workspace(own_service)
    own_service.stop()
    own_service.write("DELETE FROM api_subscription_changes")
    for table in ("api_credit_grants", "api_subscription_contexts", "api_subscriptions"):
        own_service.write(f"DELETE FROM {table}")
    own_service.start()
    end = time.monotonic() + 20
    while told(space)[0] != "100.00":
        assert time.monotonic() < end, told(space)
    assert space.validate(space.key()).status == 200
    assert own_service.audit().returncode == 0


def test_the_subscription_is_told_whatever_there_is(service, spent):
    space, _, _ = spent
    answer = space.owner.get(f"/api/subscriptions/workspaces/{space.id}")
    assert answer.status == 200 and answer.json["workspace_id"] == space.id, answer
    assert (answer.json["status"], answer.json["seat_count"]) == ("active", 1)
    assert answer.json["pending_seat_count"] is None and "user_id" not in answer.json
    assert answer.json["plan_id"] == answer.json["plan"]["id"]
    assert answer.json["plan"]["seat_price"] is not None and answer.json["plan"]["type"] == "free"
    team = Team(service)
    assert team.owner.get(f"/api/subscriptions/workspaces/{team.id}").json is None


def test_logs_tell_the_key_of_each_call_page_by_page(service, spent):
    space, keys, calls = spent
    logs = usage(space, "/logs").json["items"]
    assert [log["id"] for log in logs] == calls[::-1]
    assert [log["api_key_id"] for log in logs] == [keys[2], keys[1], keys[0], keys[0]]
    assert [log["is_test"] for log in logs] == [True, False, False, False]
    assert [log["credits_charged"] for log in logs] == [None, None, None, "0.25"]
    assert "user_id" not in logs[0] and logs[0]["feature_key"] == MATCH
    page = usage(space, "/logs", limit=3).json
    rest = usage(space, "/logs", limit=3, cursor=page["next_cursor"]).json
    assert page["items"] + rest["items"] == logs and rest["next_cursor"] is None
    failed = usage(space, "/logs", status="FAILED").json["items"]
    assert [log["id"] for log in failed] == [calls[1]]
    assert usage(space, "/logs", feature_key="api.none").json["items"] == []
    for bad in ({"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"status": "GONE"}):
        assert usage(space, "/logs", **bad).status == 422, bad


def test_sums_are_by_day_by_feature_or_by_key(service, spent):
    space, keys, _ = spent
    sums = usage(space, "/summary", by="key").json["items"]
    assert {(item["key"], item["requests"], item["credits_charged"]) for item in sums} == {
        (keys[0], 2, "0.25"), (keys[1], 1, "0.00"), (keys[2], 1, "0.00")}
    (feature,) = usage(space, "/summary", by="feature").json["items"]
    assert feature == {"key": MATCH, "requests": 4, "succeeded": 1, "failed": 1,
                       "credits_charged": "0.25"}
    (day,) = usage(space, "/summary").json["items"]
    assert day == {**feature, "key": day["key"]} and len(day["key"]) == 10
    assert usage(space, "/summary", to="2020-01-01").json["items"] == []
    for bad in ({"by": "hour"}, {"from": "x"}, {"from": "2026-02-01", "to": "2026-01-01"},
                {"from": "2000-01-01", "to": "2026-01-01"}):
        assert usage(space, "/summary", **bad).status == 422, bad


def test_nobody_elses_calls_are_told(service, spent):
    space, _, calls = spent
    other = Workspace(service)
    other.validate(other.key())
    for more in ("", "/logs", "/summary"):
        answer = usage(space, more, user=other.owner)
        assert (answer.status, answer.code) == (404, "workspace_not_found"), more
    assert not {log["id"] for log in usage(other, "/logs").json["items"]} & set(calls)
    assert space.owner.get("/career/usage/logs").json["items"] == []


def test_when_a_key_was_last_used_is_told_to_the_minute(own_service):
    space = Workspace(own_service)
    key, idle = space.key(), space.key(is_test_key=True)

    def last_uses():
        keys = space.owner.get(f"/api/workspaces/{space.id}/api-keys").json["items"]
        return {row["id"]: row["last_used_at"] for row in keys}

    assert set(last_uses().values()) == {None}
    assert space.validate(key).status == 200
    own_service.advance(60)
    first = last_uses()[key["id"]]
    assert first.endswith(":00Z") and last_uses()[idle["id"]] is None, first
    # A key that is refused was not used, and what is known is not moved back.
    assert space.validate(key, client_id="ws_" + uuid.uuid4().hex).status == 403
    own_service.advance(60)
    assert last_uses()[key["id"]] == first
    assert space.validate(key).status == 200
    own_service.advance(1)
    assert last_uses()[key["id"]] > first
