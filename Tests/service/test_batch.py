"""Many calls of the internal API in one request: each answered as the single call is."""

import json
import time
import uuid

import pytest

from conftest import KEY, together
from test_metrics import numbers
from test_payments_queue import until
from test_rules_usage import TABLES

PATH = "/career/internal/usage/"
HASH = "ab" * 32
# What an element tells of the headers of the single call's answer.
TOLD = ("retry-after", "www-authenticate", "preference-applied", "x-ratelimit-")


def batch(service, operations, headers=KEY, **more):
    return service.call("POST", PATH + "batch", {"operations": operations}, headers=headers, **more)


def results(service, operations, **more):
    answer = batch(service, operations, **more)
    assert answer.status == 200, answer
    return answer.json["results"]


def validate(user, request_id=None, token=True, **more):
    operation = {
        "op": "validate", "request_id": request_id or str(uuid.uuid4()),
        "feature_key": "career.job_match", "endpoint": "/v1/tool", "method": "POST",
        "payload_hash": HASH}
    if token:
        operation["token"] = user.token if token is True else token
    return {**operation, **more}


def commit(user, usage, success=True, **more):
    operation = {"op": "commit", "user_id": user.id, "usage_id": usage, "success": success}
    if not success:
        operation["failure"] = {"failure_type": "timeout", "reason": "too slow"}
    return {**operation, **more}


def altered(operation, name, value):
    """The operation with another value of this member; without it if that is `...`."""
    altered = {**operation, name: value}
    if value is ...:
        del altered[name]
    return altered


def single(service, operation):
    """The same call as a request of its own."""
    operation = dict(operation)
    headers = dict(KEY)
    if token := operation.pop("token", None):
        headers["Authorization"] = f"Bearer {token}"
    if preference := operation.pop("prefer", None):
        headers["Prefer"] = preference
    return service.call("POST", PATH + operation.pop("op"), operation, headers=headers)


def element(service, operation):
    """What a batch must say of the operation, byte for byte."""
    answer = single(service, operation)
    told = ",".join(
        f'"{name}":"{value}"' for name, value in answer.named if name.lower().startswith(TOLD))
    headers = f'"headers":{{{told}}},' if told else ""
    return b'{"status":%d,%b"body":%b}' % (answer.status, headers.encode(), answer.bytes)


@pytest.fixture(scope="module")
def people(service):
    """Users in whom a call finds each of its refusals."""
    users = {name: service.sign_up() for name in
             ("usual", "other", "gone", "locked", "unsubscribed", "spent", "busy")}
    for table in ("subscription_changes", *TABLES):
        column = "user_id" if table != "subscription_changes" else \
            "subscription_id IN (SELECT id FROM subscriptions WHERE user_id"
        end = ")" if table == "subscription_changes" else ""
        service.write(f"DELETE FROM {table} WHERE {column} = ?{end}",
                      uuid.UUID(users["unsubscribed"].id))
    assert users["spent"].adjust("-25.00").returncode == 0
    assert service.command("users", "deactivate", users["locked"].id).returncode == 0
    assert service.call("DELETE", "/auth/me", headers=users["gone"].auth).status == 200
    return users


def refusals(service, people):
    """One call of each kind that changes nothing, by what it shows."""
    usual, locked = people["usual"], people["locked"]
    granted = usual.validate(request_id="open").json["usage_id"]
    usual.validate(request_id="held")
    ended, failed = (usual.validate(request_id=name).json["usage_id"] for name in ("ended", "failed"))
    usual.commit(ended)
    usual.commit(failed, success=False)
    others = people["other"].validate(request_id="theirs").json["usage_id"]
    expired = service.mint(sub=usual.id, email=usual.email, exp=1)
    wrong = {"metrics": {"input_tokens": -1, "latency_ms": "1"}}
    table = {
        "a replay": validate(usual, "open"),
        "no token": validate(usual, token=None),
        "an empty token": validate(usual, token=""),
        "no JWT": validate(usual, token="x"),
        "two tokens": validate(usual, token=f"{usual.token}, {usual.token}"),
        "a token with a line break": validate(usual, token="x y"),
        "an expired token": validate(usual, token=expired),
        "a user who is gone": validate(people["gone"]),
        "a user who is locked out": validate(locked),
        "no subscription": validate(people["unsubscribed"]),
        "an ended call": validate(usual, "ended"),
        "a failed call": validate(usual, "failed"),
        "another feature": validate(usual, "open", feature_key="career.career_path"),
        "no credits": validate(people["spent"]),
        "an unknown feature": validate(usual, feature_key="career.unknown"),
        "a bad token, and fields too": validate(usual, token="x", method="BREW"),
        "locked out, and fields too": validate(locked, method="BREW"),
        "gone, and fields too": validate(people["gone"], request_id=""),
        "an empty estimate": validate(usual, usage_estimate={}),
        "a client of another type": validate(usual, client="me"),
        "all of it": {"op": "validate", "token": usual.token},
        "a commit again": commit(usual, ended),
        "a failure again": commit(usual, failed, success=False),
        "the other outcome": commit(usual, ended, success=False),
        "… queued": commit(usual, failed, prefer="respond-async"),
        "an unknown usage": commit(usual, str(uuid.uuid4())),
        "another's usage": commit(usual, others),
        "a token where none is asked": commit(usual, ended, token="x"),
        "a preference nobody knows": commit(usual, ended, prefer="return=minimal"),
        "metrics out of bounds": commit(usual, granted, **wrong),
        "a failure with a success": commit(usual, granted, failure={"failure_type": "timeout"}),
        "a failure without why": altered(commit(usual, granted, success=False), "failure", ...),
        "nothing but the verb": {"op": "commit"},
    }
    for field in ("request_id", "feature_key", "endpoint", "method", "payload_hash"):
        for name, value in (("no", ...), ("a null", None), ("a number as", 7), ("a long", "x" * 3000)):
            table[f"{name} {field}"] = altered(validate(usual), field, value)
    for field in ("user_id", "usage_id", "success"):
        for name, value in (("no", ...), ("a null", None), ("a number as", 7), ("a list as", [])):
            table[f"{name} {field}"] = altered(commit(usual, granted), field, value)
    return table


def test_each_answer_is_byte_for_byte_the_single_calls(service, people):
    table = refusals(service, people)
    for _ in range(5):
        # What tells how long to wait may change from one second to the next.
        before = [element(service, operation) for operation in table.values()]
        answer = batch(service, list(table.values()))
        assert answer.status == 200
        expected = b'{"results":[%b]}' % b",".join(before)
        if answer.bytes == expected:
            break
    told = dict(zip(table, answer.json["results"], strict=True))
    for name, once in zip(table, before, strict=True):
        assert told[name] == json.loads(once), name
    assert answer.bytes == expected
    assert {result["status"] for result in told.values()} == {200, 401, 402, 403, 404, 409, 422, 429}
    for user in ("usual", "other"):
        # All that any of it has changed is what was asked for alone, before.
        assert people[user].balance["credits_reserved"] == {"usual": "2.00", "other": "1.00"}[user]


def test_a_full_window_refuses_in_its_place_and_says_how_long(service, people):
    user = people["busy"]
    while 30 < time.time() % 60:
        time.sleep(0.2)
    told = results(service, [validate(user) for _ in range(12)])
    assert [result["status"] for result in told] == [200] * 10 + [429] * 2
    left = [result["headers"]["X-RateLimit-Remaining-Minute"] for result in told]
    assert left == [*(str(number) for number in range(9, -1, -1)), "0", "0"]
    assert 0 < int(told[-1]["headers"]["Retry-After"]) <= 60
    assert told[-1]["body"]["code"] == "rate_limited"


def test_of_duplicates_in_one_batch_the_first_reserves(service, user):
    told = results(service, [validate(user, "same") for _ in range(9)])
    assert [result["body"]["code"] for result in told] == ["reserved"] + ["replayed"] * 8
    assert len({result["body"]["usage_id"] for result in told}) == 1
    assert user.balance["credits_reserved"] == "1.00"


def test_the_operations_of_one_account_are_decided_in_their_order(service, user):
    usages = [user.validate().json["usage_id"] for _ in range(4)]
    told = results(service, [
        commit(user, usages[0]), commit(user, usages[0], success=False),
        commit(user, usages[1], success=False), commit(user, usages[1]),
        validate(user, "new"), commit(user, usages[2]), validate(user, "new"),
        commit(user, usages[2], success=False), commit(user, usages[3])])
    assert [result["status"] for result in told] == [200, 409, 200, 409, 200, 200, 200, 409, 200]
    assert [told[4]["body"]["code"], told[6]["body"]["code"]] == ["reserved", "replayed"]
    assert user.balance["credits_used"] == "3.00" and user.balance["credits_reserved"] == "1.00"


def test_only_the_first_is_granted_what_is_left(service):
    user = service.sign_up()
    assert user.adjust("-24.00").returncode == 0
    told = results(service, [validate(user) for _ in range(40)])
    assert [result["status"] for result in told] == [200] + [429] * 39
    assert {result["body"]["code"] for result in told[1:]} == {"quota_exceeded"}


def test_users_in_one_batch_do_not_meet(service):
    users = [service.sign_up() for _ in range(3)]
    told = results(service, [validate(users[number % 3], str(number)) for number in range(30)])
    assert [result["body"]["user_id"] for result in told] \
        == [users[number % 3].id for number in range(30)]
    told = results(service, [
        commit(users[number % 3], result["body"]["usage_id"], success=number < 15)
        for number, result in enumerate(told)])
    assert {result["status"] for result in told} == {200}
    assert {user.balance["credits_used"] for user in users} == {"5.00"}
    assert {user.balance["credits_reserved"] for user in users} == {"0.00"}


def test_batches_at_once_of_one_account_overspend_nothing(service):
    user = service.sign_up()
    assert user.adjust("-22.00").returncode == 0
    told = together(6, lambda number: results(
        service, [validate(user, f"{number}-{place}") for place in range(20)]))
    granted = [result for answer in told for result in answer if result["status"] == 200]
    assert len(granted) == 3 and user.balance["credits_reserved"] == "3.00"


def test_256_operations_are_answered_and_one_more_is_refused_whole(service, user):
    operations = [commit(user, str(uuid.uuid4())) for _ in range(255)]
    told = results(service, [*operations, validate(user, "last")])
    assert [result["status"] for result in told] == [404] * 255 + [200]
    refused = batch(service, [*operations, validate(user, "a"), validate(user, "b")])
    assert refused.status == 422 and refused.code == "validation_error"
    assert refused.json["errors"] == [{
        "loc": ["body", "operations"], "msg": "must have at most 256 elements",
        "type": "list_too_long"}]
    assert user.balance["credits_reserved"] == "1.00"


def test_nothing_asked_is_nothing_answered(service):
    assert batch(service, []).bytes == b'{"results":[]}'


@pytest.mark.parametrize("operation", [
    None, 7, "commit", [], True, {}, {"op": None}, {"op": 7}, {"op": "commits"}, {"op": "Commit"},
    {"op": ["commit"]}, {"op": "batch"}, {"op": ""}, {"operations": []}])
def test_what_is_no_operation_is_422_in_its_place(service, user, operation):
    told = results(service, [validate(user, "a"), operation, validate(user, "b")])
    assert [result["status"] for result in told] == [200, 422, 200]
    assert told[1]["body"]["code"] == "validation_error"
    [error] = told[1]["body"]["errors"]
    assert error["loc"] == (["body", "op"] if isinstance(operation, dict) else ["body"])


@pytest.mark.parametrize("body,type", [
    ({}, "missing"), ({"operations": None}, "list_type"), ({"operations": {}}, "list_type"),
    ([], "object_type"), ({"Operations": []}, "missing")])
def test_what_is_no_batch_is_422_whole(service, body, type):
    refused = service.call("POST", PATH + "batch", body, headers=KEY)
    assert refused.status == 422 and refused.json["errors"][0]["type"] == type


@pytest.mark.parametrize("headers", [
    {}, {"X-Internal-API-Key": "wrong"}, {"X-Internal-API-Key": ""},
    {"Authorization": "Bearer x"}])
def test_without_a_good_key_the_whole_is_401_and_nothing_is_done(service, user, headers):
    refused = batch(service, [validate(user), {"op": "brew"}], headers=headers)
    assert refused.status == 401 and refused.code == "invalid_internal_key"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert user.balance["credits_reserved"] == "0.00"


def test_a_token_of_the_request_counts_in_no_operation(service, user):
    told = results(service, [validate(user, token=None)], headers={**KEY, **user.auth})
    assert told[0]["status"] == 401 and told[0]["body"]["code"] == "unauthorized"


def test_what_cannot_be_read_is_refused_whole(service, user):
    operation = json.dumps(validate(user))
    json_type = {**KEY, "Content-Type": "application/json"}
    for raw, headers, status in (
            ('{"operations": [%s, ]}' % operation, json_type, 400),
            ('{"operations": [%s, {"op": "commit", "op": "commit"}]}' % operation, json_type, 400),
            ('{"operations": [%s]}' % operation, {**KEY, "Content-Type": "text/plain"}, 415)):
        assert service.call(
            "POST", PATH + "batch", raw=raw.encode(), headers=headers).status == status
    assert user.balance["credits_reserved"] == "0.00"


def test_a_mebibyte_is_taken_and_a_byte_more_is_413_whole(service, user):
    def body(size):
        text = json.dumps({"operations": [validate(user, "large")], "more": ""})
        return (text[:-2] + "x" * (size - len(text)) + text[-2:]).encode()

    headers = {**KEY, "Content-Type": "application/json"}
    refused = service.call("POST", PATH + "batch", raw=body((1 << 20) + 1), headers=headers)
    assert refused.status == 413 and user.balance["credits_reserved"] == "0.00"
    taken = service.call("POST", PATH + "batch", raw=body(1 << 20), headers=headers)
    assert taken.json["results"][0]["status"] == 200


def test_a_commit_may_be_queued_in_its_place_under_its_own_name(service, user):
    usages = [user.validate().json["usage_id"] for _ in range(2)]
    # The longest name that a client may give a request.
    name = "b" * 128
    told = results(service, [
        commit(user, usages[0], prefer="respond-async"), commit(user, usages[1])],
        headers={**KEY, "X-Request-ID": name, "Prefer": "respond-async"})
    assert [result["status"] for result in told] == [202, 200]
    assert told[0]["headers"] == {"Preference-Applied": "respond-async"}
    assert told[0]["body"]["status"] == "PENDING" and told[1]["body"]["status"] == "SUCCESS"
    until(lambda: user.balance["credits_used"] == "2.00")


def test_each_operation_is_counted_as_the_single_call_is(service, user):
    def counted(before, after, verb, status):
        name = 'cuebx_http_requests_total{method="POST",route="%s",status="%d"}' % (PATH + verb, status)
        return after.get(name, 0) - before.get(name, 0)

    before = numbers(service)
    results(service, [validate(user, "a"), validate(user, token=None), {"op": "brew"}]
            + [commit(user, str(uuid.uuid4())) for _ in range(200)])
    after = numbers(service)
    assert counted(before, after, "validate", 200) == 1
    assert counted(before, after, "validate", 401) == 1
    assert counted(before, after, "commit", 404) == 200
    assert counted(before, after, "batch", 200) == 1
    operations, batches = (
        after[f"cuebx_ledger_batch_operations_{name}"] - before[f"cuebx_ledger_batch_operations_{name}"]
        for name in ("sum", "count"))
    # All of it shares a few database transactions; at rest it is one for each lane.
    assert operations >= 201 and batches <= 20


def test_if_nothing_can_be_decided_the_whole_is_503_else_each_in_its_place(own_service):
    user = own_service.new_user()
    unknown = commit(user, str(uuid.uuid4()))
    asked = [[validate(user), unknown], [unknown, {"op": "brew"}]]
    with own_service.seized("career_subscription_contexts"):
        away, mixed = together(2, lambda number: batch(own_service, asked[number]))
    assert away.status == 503 and away.code == "database_unavailable"
    assert away.headers["retry-after"] == "2"
    assert mixed.status == 200
    assert [result["status"] for result in mixed.json["results"]] == [503, 422]
    assert mixed.json["results"][0]["headers"] == {"Retry-After": "2"}
    assert results(own_service, [validate(user)])[0]["status"] == 200
    assert user.balance["credits_reserved"] == "1.00"
