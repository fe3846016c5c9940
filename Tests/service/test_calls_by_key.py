"""Calls by key: what a customer's software asks for, and the AI server meters, over HTTP."""

import uuid

import pytest

from conftest import KEY, together

AT = "/api/internal/usage"
HASH = "ab" * 32
MATCH = "api.job_match"


class Workspace:
    """A personal workspace on the Free plan: 100 credits a month."""

    def __init__(self, service):
        self.service, self.owner = service, service.sign_up()
        answer = self.owner.post("/api/workspaces/activate")
        assert answer.status == 200, answer
        self.id, self.client_id = answer.json["id"], answer.json["client_id"]

    def key(self, name="a key", **more):
        answer = self.owner.post(
            f"/api/workspaces/{self.id}/api-keys", {"name": name, "is_test_key": False, **more})
        assert answer.status == 201, answer
        return answer.json

    def revoke(self, key):
        answer = self.service.call(
            "DELETE", f"/api/workspaces/{self.id}/api-keys/{key['id']}", headers=self.owner.auth)
        assert answer.status == 204, answer

    def body(self, key, request_id=None, **more):
        return {
            "request_id": request_id or str(uuid.uuid4()), "client_id": self.client_id,
            "api_key": secret(key), "feature_key": MATCH, "endpoint": "/v1/tool", "method": "post",
            "payload_hash": HASH, **more}

    def validate(self, key, request_id=None, **more):
        return tell(self.service, "validate", self.body(key, request_id, **more))

    def settle(self, verb, usage_id, **more):
        return tell(self.service, verb, {"client_id": self.client_id, "usage_id": usage_id, **more})

    def commit(self, usage_id, **more):
        return self.settle("commit", usage_id, **{"success": True, **more})

    @property
    def counters(self):
        return self.service.rows(
            "SELECT credits_allocated, credits_used, credits_reserved FROM api_subscription_contexts "
            "WHERE workspace_id = ?", uuid.UUID(self.id))[0]


def secret(key):
    return key if isinstance(key, str) else key["api_key"]


def tell(service, verb, body, headers=KEY):
    return service.call("POST", f"{AT}/{verb}", body, headers=headers)


def meters_as_one(space, processes):
    """Asked by a test that has three processes over one database."""
    keys = [space.key(str(n)) for n in range(10)]
    run = space.validate(keys[0]).json["usage_id"]
    assert space.settle("extend", run, extension_id="e", additional_credits="98").status == 200
    # One credit is left.
    answers = together(10, lambda n: tell(processes[n % 3], "validate", space.body(keys[n])))
    assert sorted(answer.status for answer in answers) == [200] + [429] * 9, answers
    assert space.counters == (100_000_000, 0, 100_000_000)
    assert space.commit(run, credits="2").status == 200
    together(4, lambda n: space.revoke(keys[0]) if n == 0
             else tell(processes[n - 1], "validate", space.body(keys[0])))
    for process in processes:
        answer = tell(process, "validate", space.body(keys[0]))
        assert (answer.status, answer.code) == (401, "invalid_api_key"), answer


@pytest.fixture(scope="session")
def space(service):
    return Workspace(service)


def test_a_call_by_key_is_held_and_charged_once(service):
    space = Workspace(service)
    key = space.key()
    first = space.validate(key, "r")
    assert first.status == 200, first
    assert first.json["access"] == "granted" and first.json["code"] == "reserved"
    assert first.json["workspace_id"] == space.id and first.json["is_test_key"] is False
    assert first.json["credits_reserved"] == "1.00" and "user_id" not in first.json
    assert first.headers["x-ratelimit-limit-minute"] == "20"
    usage = first.json["usage_id"]
    again = space.validate(key, "r")
    assert again.json["code"] == "replayed" and again.json["usage_id"] == usage
    assert space.counters == (100_000_000, 0, 1_000_000)
    for _ in range(2):
        done = space.commit(usage)
        assert done.status == 200 and done.json["credits_charged"] == "1.00", done
    assert space.counters == (100_000_000, 1_000_000, 0)
    ended = space.validate(key, "r")
    assert ended.status == 409 and ended.json["code"] == "request_already_finished"
    other = space.commit(usage, success=False, failure={"failure_type": "timeout", "reason": "slow"})
    assert other.status == 409 and other.json["success"] is False
    part = space.validate(key).json["usage_id"]
    assert space.settle("capture", part, capture_id="c", credits="0.25").json["credits_charged"] == "0.25"
    more = space.settle("extend", part, extension_id="e", additional_credits="2")
    assert more.status == 200 and more.json["credits_reserved"] == "2.75", more
    stopped = space.settle("cancel", part)
    assert stopped.status == 200 and stopped.json["code"] == "canceled"
    assert space.counters == (100_000_000, 1_250_000, 0)


def test_a_call_takes_its_hold_out_of_a_running_calls_of_its_workspace_alone(service):
    space, other = Workspace(service), Workspace(service)
    key, test = space.key(credit_limit="3"), space.key(is_test_key=True)
    run = space.validate(key).json["usage_id"]
    assert space.settle("extend", run, extension_id="e", additional_credits="2").status == 200
    step = space.validate(key, parent_usage_id=run)
    assert step.status == 200 and space.counters == (100_000_000, 0, 3_000_000), step
    theirs = other.validate(other.key()).json["usage_id"]
    for bad, by in ((str(uuid.uuid4()), key), (theirs, key), (run, test)):
        answer = space.validate(by, parent_usage_id=bad)
        assert (answer.status, answer.code) == (404, "usage_not_found"), answer
    assert space.validate(key, parent_usage_id="nonsense").status == 422
    leaf = space.validate(key, parent_usage_id=step.json["usage_id"])
    full = space.validate(key, parent_usage_id=step.json["usage_id"])
    assert leaf.status == 200 and full.json["code"] == "parent_hold_exceeded", full
    assert full.status == 429 and "Retry-After" not in full.headers
    assert space.settle("cancel", run).status == 200
    over = space.validate(key, parent_usage_id=run)
    assert over.status == 409 and over.json["code"] == "parent_ended"
    ended = space.settle("extend", leaf.json["usage_id"], extension_id="f", additional_credits="1")
    assert ended.status == 409 and ended.json["code"] == "already_ended"
    assert space.counters == (100_000_000, 0, 0)


def test_a_key_is_judged_before_all_that_a_request_could_tell(service, space):
    key = space.key()
    assert space.validate(key, "known").status == 200
    garbage = "cbx_live_" + "A" * 43
    for bad in (garbage, garbage.replace("live", "test")):
        answer = space.validate(bad, "known")
        assert (answer.status, answer.code) == (401, "invalid_api_key"), answer
    space.revoke(key)
    answer = space.validate(key, "known")
    assert (answer.status, answer.code) == (401, "invalid_api_key")
    # Without the internal key nothing is told, whatever the body.
    assert tell(service, "validate", space.body(key), headers={}).status == 401


def test_a_key_that_is_not_written_as_one_is_400_alone_and_an_error_among_others(service, space):
    key = secret(space.key())
    others = (key[:-1], key + "A", key.replace("cbx_live", "cbx_prod"), key[:-1] + "/", key[:-1] + "é")
    for bad in ("x", *others):
        answer = space.validate(bad)
        assert (answer.status, answer.code) == (400, "malformed_api_key"), bad
        assert key[9:] not in answer.bytes.decode()
        both = space.validate(bad, payload_hash="x")
        assert both.status == 422
        assert {error["loc"][-1] for error in both.json["errors"]} == {"api_key", "payload_hash"}, both
    for bad in (None, 7, "", [], "x" * 256):
        assert space.validate(key, api_key=bad).status == 422, bad
    for bad in ("ws_", space.id, space.client_id.upper(), space.client_id + "0", None, "ws_" + "g" * 32):
        answer = space.validate(key, client_id=bad)
        assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["body", "client_id"], bad


def test_another_workspaces_key_and_calls_are_403(service, space):
    other = Workspace(service)
    key = space.key()
    usage = space.validate(key).json["usage_id"]
    for client_id in (other.client_id, "ws_" + uuid.uuid4().hex):
        answer = space.validate(key, client_id=client_id)
        assert (answer.status, answer.code) == (403, "key_of_another_workspace"), answer
        for verb, more in (
            ("commit", {"success": True}), ("capture", {"capture_id": "c", "credits": "1"}),
            ("extend", {"extension_id": "e", "hold_seconds": 60}), ("cancel", {}),
        ):
            answer = tell(service, verb, {"client_id": client_id, "usage_id": usage, **more})
            assert (answer.status, answer.code) == (403, "usage_of_another_workspace"), (verb, answer)
    for verb, more in (("commit", {"success": True}), ("cancel", {})):
        answer = space.settle(verb, str(uuid.uuid4()), **more)
        assert (answer.status, answer.code) == (404, "usage_not_found")
    assert space.commit(usage).status == 200


def test_no_product_meters_the_others_features(service, space):
    key = space.key()
    for feature in ("career.job_match", "job_match", "api.nothing"):
        answer = space.validate(key, feature_key=feature)
        assert answer.status == 422 and answer.json["errors"][0]["type"] == "unknown_feature", answer
    # Nor is a log of one settled by the other's address.
    usage = space.validate(key).json["usage_id"]
    answer = space.owner.commit(usage)
    assert (answer.status, answer.code) == (404, "usage_not_found")
    assert service.rows("SELECT count(*) FROM career_usage_logs WHERE feature_key LIKE 'api.%'") == [(0,)]


def test_test_keys_cost_nothing_and_are_counted_apart(service):
    space = Workspace(service)
    live, test = space.key(), space.key("a test", is_test_key=True)
    before = space.counters
    answer = space.validate(test, "r")
    assert answer.status == 200 and answer.json["is_test_key"] is True
    assert answer.json["credits_reserved"] == "0.00"
    call = space.validate(live, "r")
    assert call.json["code"] == "reserved" and call.json["usage_id"] != answer.json["usage_id"]
    done = space.commit(answer.json["usage_id"], credits="5")
    assert done.json["credits_charged"] == done.json["credits_not_charged"] == "0.00", done
    assert space.counters == (*before[:2], before[2] + 1_000_000)
    while (last := space.validate(test)).status == 200:
        pass
    assert (last.status, last.json["code"]) == (429, "rate_limited")
    assert last.headers["x-ratelimit-remaining-minute"] == "0"
    assert space.validate(live).status == 200


def test_a_keys_limit_binds_its_family_and_is_asked_last(service):
    space = Workspace(service)
    key = space.key(credit_limit="2")
    held = [space.validate(key).json["usage_id"] for _ in range(2)]
    answer = space.validate(key)
    assert (answer.status, answer.json["code"]) == (429, "key_limit_reached"), answer
    assert int(answer.headers["retry-after"]) > 0 and answer.json["usage_id"] is None
    raised = space.settle("extend", held[0], extension_id="e", additional_credits="1")
    assert (raised.status, raised.json["code"]) == (429, "key_limit_reached")
    rotated = space.owner.post(
        f"/api/workspaces/{space.id}/api-keys/{key['id']}/rotate", {"overlap_seconds": 60})
    assert rotated.status in (200, 201), rotated
    for one in (key, rotated.json):
        assert space.validate(one).json["code"] == "key_limit_reached"
    assert space.settle("cancel", held[0]).status == 200
    assert space.validate(rotated.json).status == 200
    # Other keys go on.
    assert space.validate(space.key()).status == 200


def test_a_suspended_workspace_spends_nothing_and_settles_all(service):
    space = Workspace(service)
    key = space.key()
    usage = space.validate(key, "r").json["usage_id"]
    done = service.command("workspaces", "suspend", space.id, "--reason", "a test")
    assert done.returncode == 0, done
    for request in ("r", "new"):
        answer = space.validate(key, request)
        assert (answer.status, answer.json["code"]) == (402, "workspace_suspended"), answer
    more = space.settle("extend", usage, extension_id="e", additional_credits="1")
    assert (more.status, more.json["code"]) == (402, "workspace_suspended")
    assert space.settle("extend", usage, extension_id="t", hold_seconds=900).status == 200
    assert space.commit(usage).json["credits_charged"] == "1.00"
    assert service.command("workspaces", "unsuspend", space.id).returncode == 0
    assert space.validate(key, "new").status == 200


def test_a_deactivated_users_personal_workspace_spends_nothing_and_settles_all(service):
    space = Workspace(service)
    key = space.key()
    held = space.validate(key).json["usage_id"]
    assert service.command("users", "deactivate", space.owner.id).returncode == 0
    answer = space.validate(key)
    assert (answer.status, answer.json["code"]) == (402, "workspace_suspended"), answer
    raised = space.settle("extend", held, extension_id="e", additional_credits="1")
    assert (raised.status, raised.json["code"]) == (402, "workspace_suspended"), raised
    assert space.commit(held).status == 200
    assert service.command("users", "reactivate", space.owner.id).returncode == 0
    assert space.validate(key).status == 200


def test_a_batch_answers_each_call_by_key_in_its_place(service):
    space = Workspace(service)
    key, limited = space.key(), space.key(credit_limit="1")
    bad = "cbx_live_" + "B" * 43
    calls = [space.body(key, "a"), space.body(bad, "a"), space.body("x"), space.body(limited, "b"),
             space.body(limited, "c"), space.body(key, "a"), space.body(key, feature_key="career.job_match")]
    answer = tell(service, "batch", {"operations": [{"op": "validate", **call} for call in calls]})
    assert answer.status == 200, answer
    results = answer.json["results"]
    assert [one["status"] for one in results] == [200, 401, 400, 200, 429, 200, 422]
    assert [one["body"]["code"] for one in results[:6]] == [
        "reserved", "invalid_api_key", "malformed_api_key", "reserved", "key_limit_reached", "replayed"]
    ended = tell(service, "batch", {"operations": [
        {"op": "commit", "client_id": space.client_id, "usage_id": results[0]["body"]["usage_id"],
         "success": True},
        {"op": "cancel", "client_id": space.client_id, "usage_id": results[3]["body"]["usage_id"]}]})
    assert [one["status"] for one in ended.json["results"]] == [200, 200]
    assert space.counters == (100_000_000, 1_000_000, 0)


def test_a_key_is_nowhere_in_clear_and_its_row_is_left_alone(own_service):
    space = Workspace(own_service)
    key = space.key()
    row = ("SELECT id, workspace_id, family_id, name, key_hash, is_test, credit_limit, created_at, "
           "expires_at, expiry_told_at, revoked_at FROM workspace_api_keys")
    before = own_service.rows(row)
    usage = space.validate(key).json["usage_id"]
    space.validate(key, payload_hash="x")
    space.commit(usage)
    # Every call of a workspace would wait for the row of its key: only when it was last used is
    # told there, by nobody who waits.
    assert own_service.rows(row) == before
    assert secret(key)[9:] not in own_service.log.read_text()
    exported = own_service.command("export", "-")
    assert exported.returncode == 0 and secret(key)[9:] not in exported.stdout
    assert usage in exported.stdout and space.id in exported.stdout
