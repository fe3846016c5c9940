"""Families of holds, as tool servers see them: agents whose calls are paid out of one hold."""

import json
import uuid

from conftest import KEY, together

LOGS = "/career/usage/logs/"


def hold(user, more=None, parent=None, **asked):
    """A call that holds 1.00, and more."""
    if parent:
        asked["parent_usage_id"] = parent
    answer = user.validate(**asked)
    assert answer.status == 200, answer
    usage = answer.json["usage_id"]
    if more:
        assert user.extend(usage, "room", additional_credits=more).status == 200
    return usage


def pool(user):
    balance = user.balance
    return balance["credits_used"], balance["credits_reserved"]


def log(user, usage):
    answer = user.get(LOGS + usage)
    assert answer.status == 200, answer
    return answer.json


def test_a_family_is_paid_out_of_one_hold_and_goes_back_to_it(user):
    run = hold(user, "3")
    step = hold(user, parent=run)
    leaf = hold(user, parent=step)
    assert pool(user) == ("0.00", "4.00")
    assert [log(user, usage)["credits_reserved"] for usage in (run, step, leaf)] \
        == ["3.00", "0.00", "1.00"]
    assert user.commit(leaf, credits="0.25").json["credits_charged"] == "0.25"
    assert user.extend(step, additional_credits="2").status == 200
    assert user.commit(step, success=False).status == 200
    assert pool(user) == ("0.25", "3.75")
    done = user.commit(run).json
    assert done["credits_charged"] == "3.75" and pool(user) == ("4.00", "0.00")


def test_the_refusals_of_a_child_name_the_parent(service, user):
    run = hold(user)
    for nobodys in (str(uuid.uuid4()), hold(service.sign_up())):
        answer = user.validate(parent_usage_id=nobodys)
        assert (answer.status, answer.code) == (404, "usage_not_found"), answer
    assert user.validate(parent_usage_id="nonsense").status == 422
    hold(user, parent=run)
    full = user.validate(parent_usage_id=run)
    assert full.status == 429 and full.json["code"] == "parent_hold_exceeded"
    assert full.json["access"] == "denied" and full.json["usage_id"] is None
    assert "0.00" in full.json["message"] and "Retry-After" not in full.headers
    raised = user.extend(hold(user, "1"), "e", additional_credits="0.5")
    assert raised.status == 200
    assert user.commit(run).status == 200
    over = user.validate(parent_usage_id=run)
    assert over.status == 409 and over.json["code"] == "parent_ended"
    assert "SUCCESS" in over.json["message"]


def test_a_childs_raise_stops_at_its_parent(user):
    run = hold(user, "0.5")
    step = hold(user, parent=run)
    full = user.extend(step, additional_credits="0.500001")
    assert full.status == 429 and full.json["code"] == "parent_hold_exceeded"
    assert "Retry-After" not in full.headers and full.json["credits_reserved"] == "1.00"
    assert user.extend(step, "f", additional_credits="0.5").json["credits_reserved"] == "1.50"
    assert user.commit(run).json["credits_charged"] == "0.00"
    ended = user.extend(step, "g", additional_credits="0.5")
    assert ended.status == 409 and ended.json["code"] == "parent_ended"
    assert user.extend(step, "h", hold_seconds=60).status == 200


def test_a_repetition_must_name_the_same_parent(user):
    run = hold(user, "2")
    first = user.validate("a", parent_usage_id=run)
    again = user.validate("a", parent_usage_id=run)
    assert again.json["code"] == "replayed" and again.json["usage_id"] == first.json["usage_id"]
    for other in ({}, {"parent_usage_id": first.json["usage_id"]}):
        answer = user.validate("a", **other)
        assert answer.status == 409 and answer.json["code"] == "request_mismatch", answer
    assert pool(user) == ("0.00", "3.00")


def test_children_that_are_asked_for_at_once_stop_at_the_ceiling_exactly(user):
    run = hold(user, "4")
    answers = together(8, lambda _: user.validate(parent_usage_id=run))
    codes = sorted(answer.json["code"] for answer in answers)
    assert codes == ["parent_hold_exceeded"] * 3 + ["reserved"] * 5
    children = [answer.json["usage_id"] for answer in answers if answer.status == 200]
    assert pool(user) == ("0.00", "5.00")
    together(5, lambda number: user.commit(children[number], credits="0.5"))
    assert user.commit(run, credits="0").status == 200
    assert pool(user) == ("2.50", "0.00")


def test_canceling_a_run_stops_all_that_runs_below_it(user):
    run = hold(user, "3")
    step = hold(user, "1", parent=run)
    leaf = hold(user, parent=step)
    assert user.commit(step, credits="0.5").status == 200
    stopped = user.cancel(run)
    assert stopped.status == 200 and stopped.json["status"] == "FAILED"
    assert [log(user, usage)["status"] for usage in (run, step, leaf)] \
        == ["FAILED", "SUCCESS", "FAILED"]
    assert log(user, leaf)["failure_type"] == "canceled" and pool(user) == ("0.50", "0.00")
    assert user.cancel(run).status == 200
    late = user.commit(leaf)
    assert late.status == 409 and late.json["status"] == "FAILED"


def test_a_batch_asks_for_children_as_single_calls_do(service, user):
    run = hold(user, "1")
    token = user.auth["Authorization"].removeprefix("Bearer ")
    asked = [{
        "op": "validate", "token": token, "request_id": f"c{number}",
        "feature_key": "career.job_match", "endpoint": "/v1/tool", "method": "post",
        "payload_hash": "ab" * 32, "parent_usage_id": parent,
    } for number, parent in enumerate([run, run, run, str(uuid.uuid4())])]
    answers = service.call(
        "POST", "/career/internal/usage/batch", {"operations": asked}, headers=KEY)
    told = [(result["status"], result["body"]["code"]) for result in answers.json["results"]]
    assert told == [
        (200, "reserved"), (200, "reserved"), (429, "parent_hold_exceeded"),
        (404, "usage_not_found")]


def test_a_call_and_its_parent_name_each_other(service, user):
    run = hold(user, "1")
    step = hold(user, parent=run)
    assert user.commit(step).status == 200
    child, parent = log(user, step), log(user, run)
    assert (child["parent_usage_id"], parent["parent_usage_id"]) == (run, None)
    assert (child["credits_lent"], parent["credits_lent"]) == ("0.00", "1.00")
    assert f"paid out of the hold of call {run}" in child["sentence"]
    assert "1.00 it held went to calls that it started" in parent["sentence"]
    assert (child["balance_before"], child["balance_after"]) == ("23.00", "23.00")
    told = service.command("usage", "explain", step)
    assert json.loads(told.stdout.splitlines()[2])["parent_usage_id"] == run
    [exported] = [item for item in user.get("/auth/me/export").json["usage_logs"]
                  if item["id"] == step]
    assert exported["parent_usage_id"] == run


def test_a_child_lapses_by_itself_and_its_parent_has_back_what_it_held(own_service):
    user = own_service.sign_up()
    run = hold(user, "1")
    step = hold(user, parent=run, hold_seconds=60)
    own_service.advance(61)
    assert user.commit(run).json["credits_charged"] == "2.00"
    assert log(user, step)["status"] == "EXPIRED" and pool(user) == ("2.00", "0.00")


def test_what_lapses_tells_what_was_left_before_the_next_call_held(own_service):
    user = own_service.sign_up()
    first = hold(user)
    own_service.advance(3600)
    hold(user, "2")
    call = log(user, first)
    assert (call["status"], call["balance_after"]) == ("EXPIRED", "25.00")
