"""Why was I charged? What the user reads, and the operator's command, which tells the same."""

import json
import uuid

from conftest import DAY, ROOT
from test_payments import buy
from test_payments_queue import ASYNC, until

LOGS = "/career/usage/logs/"


def explain(user, usage):
    answer = user.get(LOGS + usage)
    assert answer.status == 200, answer
    return answer.json


def events(call):
    return [(event["event"], event["request_id"], event["credits"]) for event in call["timeline"]]


def test_a_plain_call_is_explained_to_the_credit(user):
    assert user.spend().status == 200
    usage = user.validate("mine").json["usage_id"]
    running = explain(user, usage)
    assert running["status"] == "PENDING" and running["balance_after"] is None
    assert user.commit(usage).status == 200
    call = explain(user, usage)
    [listed, _] = user.get("/career/usage/logs").json["items"]
    assert {name: call[name] for name in listed} == listed
    assert call["price"] == {
        "internal_cost_credits": "1.00", "multiplier": "1.00", "plan": "Free",
        "catalog_revision": 1, "tokens": None}
    assert (call["balance_before"], call["balance_after"]) == ("24.00", "23.00")
    assert call["grants"] == [{
        "source": "plan", "grant_id": None, "period": 1, "credits": "1.00"}]
    assert events(call) == [("held", "mine", "1.00"), ("settled", None, "1.00")]
    minute, day = call["windows"]
    assert (minute["window"], minute["limit"], day["limit"]) == ("minute", 10, 100)
    assert day["calls"] == 2 and day["started_at"].endswith("T00:00:00Z")
    assert call["sentence"].startswith("This call succeeded and cost 1.00 credits, the price of ")


def test_a_call_with_parts_raises_tokens_and_a_queue_is_told_step_by_step(user):
    usage = user.validate("chat", feature="career.coach_chat").json["usage_id"]
    assert user.extend(usage, "more", additional_credits="0.5", hold_seconds=60).status == 200
    assert user.capture(usage, "first", metrics={
        "model_used": "coach-1", "input_tokens": 1000, "output_tokens": 10}).status == 200
    assert user.commit(usage, credits="0.25", headers=ASYNC).status == 202
    until(lambda: explain(user, usage)["status"] == "SUCCESS")
    call = explain(user, usage)
    kinds = [name for name, _, _ in events(call)]
    assert kinds == ["held", "extended", "captured", "commit_accepted", "settled", "released"]
    names = [name for _, name, _ in events(call)]
    assert names == ["chat", "more", "first", None, None, None]
    assert events(call)[1][2] == "0.50" and events(call)[4][2] == "0.25"
    assert call["price"]["catalog_revision"] == 1


def test_a_call_of_an_older_catalog_and_plan_keeps_its_price(own_service, tmp_path):
    user = own_service.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.commit(usage).status == 200
    before = explain(user, usage)
    assert before["price"]["plan"] == "Free"
    own_service.advance(60)
    buy(own_service, user)
    later = explain(user, usage)
    assert later["price"] == before["price"] and later["sentence"] == before["sentence"]
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    for feature in catalog["features"]:
        if feature["feature_key"] == "career.job_match":
            feature["internal_cost_credits"] = "2.00"
    path = tmp_path / "dearer.json"
    path.write_text(json.dumps(catalog))
    assert own_service.command("catalog", "sync", CATALOG=str(path)).returncode == 0
    own_service.advance(DAY)
    assert explain(user, usage)["price"] == before["price"]
    dear = user.validate().json["usage_id"]
    assert explain(user, dear)["price"]["internal_cost_credits"] == "2.00"


def test_anothers_call_and_what_is_none_are_not_found(service, user):
    usage = user.validate().json["usage_id"]
    stranger = service.sign_up()
    for path in (usage, str(uuid.uuid4())):
        answer = stranger.get(LOGS + path)
        assert (answer.status, answer.code) == (404, "usage_not_found")
    assert stranger.get(LOGS + "nonsense").status == 422
    assert service.call("GET", LOGS + usage).status == 401


def test_the_operators_command_tells_what_the_user_reads(service, user):
    usage = user.validate().json["usage_id"]
    assert user.commit(usage, success=False).status == 200
    told = service.command("usage", "explain", usage)
    assert told.returncode == 0, told
    owner, sentence, text = told.stdout.splitlines()
    assert owner == f"user {user.id}" and sentence == "This call failed, so it cost nothing."
    assert json.loads(text) == explain(user, usage)
    for name, word in ((str(uuid.uuid4()), "there is no such call"), ("x", "a usage_id is a UUID")):
        missing = service.command("usage", "explain", name)
        assert missing.returncode == 1 and word in missing.stderr


def test_a_call_that_draws_on_a_grant_tells_which_and_what_was_left(service, user):
    added = service.command(
        "grants", "add", user.email, "0.25", "--source", "promotion", "--reason", "welcome",
        "--priority", "1")
    assert added.returncode == 0, added
    usage = user.validate().json["usage_id"]
    assert user.commit(usage).status == 200
    call = explain(user, usage)
    promotion, pool = call["grants"]
    assert (promotion["source"], promotion["credits"]) == ("promotion", "0.25")
    assert promotion["grant_id"] and promotion["period"] is None
    assert (pool["source"], pool["grant_id"], pool["credits"]) == ("plan", None, "0.75")
    assert (call["balance_before"], call["balance_after"]) == ("25.25", "24.25")
