"""Holds that grow, are charged in parts and are canceled, as tool servers see them."""

import uuid

import pytest

from conftest import KEY, together
from test_payments import settle
from test_payments_queue import ASYNC, until

HOUR = 3600


def credits(user):
    balance = user.balance
    return balance["credits_used"], balance["credits_reserved"]


def row(service, usage):
    return service.rows("SELECT * FROM career_usage_logs WHERE id = ?", uuid.UUID(usage))


def test_a_call_is_raised_prolonged_charged_in_parts_and_committed_for_the_rest(user):
    usage = user.validate(hold_seconds=60).json["usage_id"]
    raised = user.extend(usage, "more", additional_credits="1.5", hold_seconds=900)
    assert raised.status == 200 and raised.json["code"] == "extended" and raised.json["success"]
    assert (raised.json["credits_reserved"], raised.json["credits_charged"]) == ("2.50", "0.00")
    part = user.capture(usage, "one", credits="0.75")
    assert part.status == 200 and part.json["code"] == "captured"
    assert part.json["status"] == "PENDING" and part.json["usage_id"] == usage
    assert (part.json["credits_reserved"], part.json["credits_charged"]) == ("1.75", "0.75")
    assert credits(user) == ("0.75", "1.75")
    log = user.get("/career/usage/logs").json["items"][0]
    assert (log["credits_reserved"], log["credits_charged"]) == ("1.75", "0.75")
    done = user.commit(usage, credits="1")
    assert done.json["credits_charged"] == "1.75" and done.json["credits_not_charged"] == "0.00"
    assert done.json["is_late"] is False and credits(user) == ("1.75", "0.00")
    log = user.get("/career/usage/logs").json["items"][0]
    assert (log["credits_reserved"], log["credits_charged"]) == ("2.50", "1.75")
    [day] = user.get("/career/usage/summary").json["items"]
    assert day["credits_charged"] == "1.75"


def test_a_repetition_is_answered_byte_by_byte_as_the_first_and_another_body_is_refused(user):
    usage = user.validate().json["usage_id"]
    first = [user.extend(usage, additional_credits="0.5"), user.capture(usage, credits="0.5")]
    assert user.capture(usage, credits="0.25").json["code"] == "request_mismatch"
    assert user.extend(usage, additional_credits="0.25").json["code"] == "request_mismatch"
    assert user.commit(usage).status == 200
    again = [user.extend(usage, additional_credits="0.5"), user.capture(usage, credits="0.5")]
    assert [answer.bytes for answer in again] == [answer.bytes for answer in first]
    assert user.capture(usage, "other", credits="0.5").json["code"] == "already_ended"
    assert credits(user) == ("1.50", "0.00")


def test_one_part_sent_by_many_at_once_is_charged_once(user):
    usage = user.validate().json["usage_id"]
    answers = together(8, lambda _: user.capture(usage, credits="0.25"))
    assert len({(answer.status, answer.bytes) for answer in answers}) == 1
    assert credits(user) == ("0.25", "0.75")


def test_parts_raced_over_one_hold_never_charge_more_than_it(user):
    usage = user.validate().json["usage_id"]
    answers = together(8, lambda number: user.capture(usage, str(number), credits="0.3"))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [409] * 5
    assert {answer.json["code"] for answer in answers} == {"captured", "hold_exceeded"}
    assert credits(user) == ("0.90", "0.10")
    assert user.commit(usage).json["credits_charged"] == "1.00"


def test_a_raise_beyond_the_quota_leaves_the_hold_as_it_was(service, user):
    usage = user.validate().json["usage_id"]
    before = row(service, usage)
    refused = user.extend(usage, additional_credits="24.000001", hold_seconds=900)
    assert refused.status == 429 and refused.json["code"] == "quota_exceeded"
    assert int(refused.headers["retry-after"]) > 0 and refused.json["credits_reserved"] == "1.00"
    assert row(service, usage) == before
    assert user.extend(usage, additional_credits="24").status == 200
    assert user.validate().json["code"] == "quota_exceeded"


def test_a_cancellation_gives_back_and_nothing_ends_the_call_otherwise(user):
    usage = user.validate().json["usage_id"]
    assert user.capture(usage, credits="0.25").status == 200
    first = user.cancel(usage)
    assert first.status == 200 and first.json["code"] == "canceled"
    assert first.json["status"] == "FAILED" and first.json["credits_charged"] == "0.25"
    assert user.cancel(usage).bytes == first.bytes
    assert user.commit(usage).status == 409
    failed = user.commit(usage, success=False)
    assert failed.status == 200 and failed.json["credits_charged"] == "0.25"
    for answer in (user.capture(usage, "x", credits="0.1"), user.extend(usage, hold_seconds=9)):
        assert answer.status == 409 and answer.json["status"] == "FAILED"
    log = user.get("/career/usage/logs").json["items"][0]
    assert log["failure_type"] == "canceled" and credits(user) == ("0.25", "0.00")


def test_what_has_succeeded_or_was_accepted_stays(service, user):
    done, accepted = (user.validate().json["usage_id"] for _ in range(2))
    assert user.commit(done).status == 200
    assert user.cancel(done).json["code"] == "already_ended"
    assert user.commit(accepted, credits="0.25", headers=ASYNC).status == 202
    for answer in (user.cancel(accepted), user.capture(accepted, credits="0.1"),
                   user.extend(accepted, hold_seconds=9)):
        assert answer.status == 409 and answer.json["status"] == "SUCCESS"
    # The first amount counts, whichever way it is sent again.
    assert user.commit(accepted, credits="1").json["credits_charged"] == "0.25"
    until(lambda: credits(user) == ("1.25", "0.00"))


def test_a_commit_charges_at_most_what_is_held_and_tells_the_rest(user):
    usage = user.validate().json["usage_id"]
    answer = user.commit(usage, credits="1.5")
    assert answer.json["credits_charged"] == "1.00"
    assert answer.json["credits_not_charged"] == "0.50"
    assert user.commit(usage, credits="0").bytes == answer.bytes
    free = user.validate().json["usage_id"]
    assert user.commit(free, credits="0").json["credits_charged"] == "0.00"
    log = user.get("/career/usage/logs").json["items"][0]
    assert (log["status"], log["credits_charged"]) == ("SUCCESS", "0.00")
    assert credits(user) == ("1.00", "0.00")


BAD = [
    ("capture", {"capture_id": "c"}), ("capture", {"capture_id": "c", "credits": "0"}),
    ("capture", {"capture_id": "c", "credits": "-1"}),
    ("capture", {"capture_id": "c", "credits": "0.0000001"}),
    ("capture", {"capture_id": "c", "credits": "1000000000.01"}),
    ("capture", {"capture_id": "c", "credits": 1}), ("capture", {"capture_id": "c", "credits": "1e3"}),
    ("capture", {"capture_id": "", "credits": "1"}), ("capture", {"credits": "1"}),
    ("capture", {"capture_id": "x" * 256, "credits": "1"}),
    ("capture", {"capture_id": "c", "credits": "1", "metrics": {"input_tokens": 1}}),
    ("capture", {"capture_id": "c", "metrics": {"latency_ms": 1}}),
    ("capture", {"capture_id": "c", "metrics": {"input_tokens": 1}}),
    ("extend", {"extension_id": "e"}), ("extend", {"extension_id": "e", "hold_seconds": 0}),
    ("extend", {"extension_id": "e", "hold_seconds": 901}),
    ("extend", {"extension_id": "e", "hold_seconds": 1.5}),
    ("extend", {"extension_id": "e", "additional_credits": "0"}),
    ("extend", {"extension_id": "e", "additional_credits": "1",
                "usage_estimate": {"input_chars": 1}}),
    ("extend", {"extension_id": "e", "usage_estimate": {}}), ("extend", {"hold_seconds": 1}),
    ("commit", {"success": True, "credits": "-0.01"}),
    ("commit", {"success": True, "credits": "1", "metrics": {"output_tokens": 1}}),
    ("commit", {"success": False, "credits": "1",
                "failure": {"failure_type": "timeout", "reason": "x"}}),
    ("commit", {"success": False, "failure": {"failure_type": "canceled", "reason": "x"}}),
]


@pytest.fixture(scope="module")
def held(service):
    user = service.sign_up()
    return user, user.validate().json["usage_id"]


@pytest.mark.parametrize("verb, body", BAD, ids=lambda value: str(value)[:60])
def test_what_makes_no_sense_is_422_and_changes_no_row(service, held, verb, body):
    user, usage = held
    before = row(service, usage)
    answer = user.step(verb, usage, **body)
    assert answer.status == 422, answer
    assert row(service, usage) == before


def test_a_hold_beyond_the_features_maximum_is_422_and_names_it(user):
    refused = user.validate(hold_seconds=901)
    assert refused.status == 422 and "at most 900" in refused.json["errors"][0]["msg"]
    assert refused.json["errors"][0]["loc"] == ["body", "hold_seconds"]
    assert user.validate(hold_seconds=0).status == 422
    assert credits(user) == ("0.00", "0.00")


def test_unknown_calls_are_404_anothers_403_and_no_key_401(service, user):
    other = service.sign_up()
    usage = user.validate().json["usage_id"]
    for verb, body in [("extend", {"extension_id": "e", "hold_seconds": 1}),
                       ("capture", {"capture_id": "c", "credits": "0.1"}), ("cancel", {})]:
        assert user.step(verb, str(uuid.uuid4()), **body).code == "usage_not_found"
        assert other.step(verb, usage, **body).code == "usage_of_another_user"
        assert service.call(
            "POST", f"/career/internal/usage/{verb}",
            {"user_id": user.id, "usage_id": usage, **body}, headers=user.auth).status == 401
    assert credits(user) == ("0.00", "1.00")


def test_a_hold_that_was_prolonged_outlives_its_first_end_and_expires_by_its_last(module_service):
    user = module_service.sign_up()
    usage, short = (user.validate(hold_seconds=60).json["usage_id"] for _ in range(2))
    assert user.extend(usage, hold_seconds=900).status == 200
    module_service.advance(120)
    assert user.capture(usage, credits="0.25").status == 200
    assert user.capture(short, credits="0.25").json["status"] == "EXPIRED"
    assert credits(user) == ("0.25", "0.75")
    module_service.advance(HOUR)
    assert user.extend(usage, "late", hold_seconds=9).json["status"] == "EXPIRED"
    late = user.commit(usage)
    assert late.status == 409 and late.json["credits_charged"] == "0.25"
    assert credits(user) == ("0.25", "0.00")
    # What was answered is answered so for good.
    assert user.capture(usage, credits="0.25").json["status"] == "PENDING"


def test_tokens_are_charged_by_the_catalogs_prices_part_by_part(service, user):
    chat = {"feature": "career.coach_chat"}
    estimate = {"model": "coach-large-1", "input_tokens": 10_000, "max_output_tokens": 4_000}
    held = user.validate(**chat, usage_estimate=estimate).json
    assert held["credits_reserved"] == "2.25"
    usage = held["usage_id"]
    metrics = {"model_used": "coach-large-1", "input_tokens": 10_000, "output_tokens": 1_000}
    part = user.capture(usage, metrics=metrics)
    assert (part.json["credits_charged"], part.json["credits_reserved"]) == ("1.125", "1.125")
    assert user.commit(
        usage, metrics={"output_tokens": 2_000}).json["credits_charged"] == "1.875"
    other = user.validate(**chat, usage_estimate=estimate).json["usage_id"]
    metrics["output_tokens"] = 3_000
    assert user.commit(other, metrics=metrics).json["credits_charged"] == "1.875"
    # Of a model that has no price the whole hold is charged, and nothing is held for free.
    unknown = user.validate("u", **chat).json
    assert unknown["credits_reserved"] == "2.00"
    assert user.commit(unknown["usage_id"], metrics={
        "model_used": "another", "input_tokens": 1}).json["credits_charged"] == "2.00"


def test_who_is_locked_out_may_finish_and_not_hold_more(service, user):
    usage = user.validate().json["usage_id"]
    assert service.command("users", "deactivate", user.id).returncode == 0
    refused = user.extend(usage, additional_credits="1")
    assert refused.status == 403 and refused.code == "account_deactivated"
    assert user.extend(usage, hold_seconds=900).status == 200
    assert user.capture(usage, credits="0.5").status == 200
    assert user.commit(usage).json["credits_charged"] == "1.00"
    assert service.command("users", "reactivate", user.id).returncode == 0


def test_a_part_that_passes_the_80th_percent_is_told_of(own_service):
    user = own_service.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="20").status == 200
    assert user.capture(usage, credits="20").status == 200
    settle(own_service)
    mails = own_service.call("GET", f"/dev/mailbox?to={user.email}").json
    assert "80" in str(mails)
    assert own_service.call(
        "POST", "/career/internal/usage/cancel", {"user_id": user.id, "usage_id": usage},
        headers=KEY).status == 200


def test_what_was_done_with_holds_moves_with_the_database_and_goes_with_the_account(own_service):
    user = own_service.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.capture(usage, credits="0.5").status == 200
    assert own_service.rows("SELECT count(*) FROM career_usage_steps") == [(1,)]
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert own_service.rows("SELECT count(*) FROM career_usage_steps") == [(0,)]


def test_a_queued_commit_tells_what_parts_have_cost_until_then(user):
    usage = user.validate().json["usage_id"]
    assert user.capture(usage, credits="0.25").status == 200
    answer = user.commit(usage, headers=ASYNC)
    assert (answer.status, answer.json["credits_charged"]) == (202, "0.25")
    until(lambda: credits(user) == ("1.00", "0.00"))


def test_the_export_of_a_users_data_has_what_was_done_with_calls_and_all_counts(user):
    usage = user.validate(feature="career.coach_chat").json["usage_id"]
    assert user.extend(usage, "more", hold_seconds=900).status == 200
    metrics = {"input_tokens": 9, "cached_input_tokens": 1, "output_tokens": 8, "reasoning_tokens": 2}
    assert user.capture(usage, "part", metrics=metrics).status == 200
    export = user.get("/auth/me/export").json
    assert {(step["usage_id"], step["kind"], step["name"]) for step in export["usage_steps"]} \
        == {(usage, "extend", "more"), (usage, "capture", "part")}
    told = export["usage_logs"][0]["metrics"]
    assert {name: told[name] for name in metrics} == metrics
