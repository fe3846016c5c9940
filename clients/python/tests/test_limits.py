"""What a host may say is judged where it enters; what JSON cannot write never reaches others."""

import json
import traceback
import uuid
from decimal import Decimal
from ipaddress import ip_address

import cuebx
import pytest
from cuebx import limits
from cuebx.spool_format import Todo, todo
from world import ROOT

NO_JSON = [float("nan"), float("inf"), "\ud800", {"a": object()}, Decimal("1"), uuid.UUID(int=1)]


@pytest.mark.parametrize("value", NO_JSON, ids=[type(value).__name__ for value in NO_JSON])
def test_what_json_cannot_write_is_a_value_error(value):
    with pytest.raises(ValueError):
        limits.encoded(value)
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError):
        limits.encoded(nested)


@pytest.mark.parametrize("given", [
    {"output_tokens": 1.0}, {"output_tokens": -1}, {"output_tokens": True}, {"output_tokens": 10**9 + 1},
    {"input_tokens": 1, "cached_input_tokens": 2}, {"reasoning_tokens": 1}, {"credits": 0.25},
    {"credits": "0.1234567"}, {"credits": "-1"}, {"credits": "1e3"}, {"credits": Decimal("NaN")},
    {"credits": "1", "output_tokens": 1}, {"credits": "1000000001"}], ids=repr)
def test_a_settlement_that_the_service_could_not_take_is_refused_at_once(given):
    with pytest.raises(cuebx.InvalidRequest):
        limits.settlement(given)


def test_exact_amounts_of_any_kind_are_texts():
    assert limits.amount("credits", Decimal("0.250")) == "0.25"
    assert limits.amount("credits", Decimal("1E+2")) == "100" and limits.amount("credits", 3) == "3"


@pytest.mark.parametrize("user", ["", "é", "a\nb", "漢", "a b", None, 5], ids=repr)
def test_a_token_that_no_header_carries_is_refused_at_once(career, user):
    with pytest.raises(cuebx.InvalidToken):
        career.metered("career.job_match", user=user).__enter__()


ANY_KEY, ANY_CLIENT = "cbx_live_" + "k" * 43, "ws_" + "0a" * 16


@pytest.mark.parametrize("key", ["", "é", "a\nb", "a b", "x" * 256, "Bearer ", None, 5], ids=repr)
def test_a_key_that_no_service_reads_is_refused_at_once(career, key):
    with pytest.raises(cuebx.MalformedApiKey) as refused:
        career.metered("api.job_match", customer=cuebx.Customer(ANY_CLIENT, key)).__enter__()
    assert (refused.value.status, refused.value.code) == (400, "malformed_api_key")
    frames = [frame for frame, _ in traceback.walk_tb(refused.value.__traceback__)
              if frame.f_globals["__name__"].startswith("cuebx.")]
    kept = [value for frame in frames for value in frame.f_locals.values()]
    assert frames and not (key and key in kept)


@pytest.mark.parametrize("client_id", [
    "", "ws_", "ws_" + "A" * 32, "ws_" + "a" * 31, ANY_CLIENT + "0", ANY_CLIENT + "\n", None, 5], ids=repr)
def test_a_client_id_that_is_none_is_refused_at_once(career, client_id):
    with pytest.raises(cuebx.KeyOfAnotherWorkspace) as refused:
        career.metered("api.job_match", customer=cuebx.Customer(client_id, ANY_KEY)).__enter__()
    assert (refused.value.status, refused.value.code) == (403, "key_of_another_workspace")


def test_a_call_is_a_users_or_a_customers(career, user):
    customer = cuebx.Customer(ANY_CLIENT, f"Bearer {ANY_KEY}")
    assert customer.api_key.text == ANY_KEY
    for whose in ({"user": user.token(), "customer": customer}, {"user": None, "customer": customer}, {},
                  {"customer": None}):
        with pytest.raises(TypeError, match="give one of both"):
            career.metered("api.job_match", **whose)


CREDENTIALS = json.loads((ROOT / "clients/scenarios/vectors/credentials.json").read_text())["cases"]


@pytest.mark.parametrize("case", CREDENTIALS, ids=[case["name"] for case in CREDENTIALS])
def test_a_header_is_read_alike_in_all_clients(case):
    key = cuebx.Customer(ANY_CLIENT, case["given"])
    if case["credential"] is None:
        with pytest.raises(cuebx.MalformedApiKey):
            key.judged()
        with pytest.raises(cuebx.InvalidToken):
            limits.token(case["given"])
    else:
        assert key.judged().api_key.text == limits.token(case["given"]) == case["credential"]


@pytest.mark.parametrize("more", [
    {"estimate": {"model": "\ud800"}}, {"estimate": {"input_chars": float("nan")}}, {"estimate": {}},
    {"estimate": {"nested": [[]]}}, {"request_id": "x" * 256}, {"request_id": "a\0"}, {"hold_seconds": 0},
    {"hold_seconds": 1.5}], ids=repr)
def test_what_the_service_could_not_read_is_refused_for_its_own_call(career, user, more):
    with pytest.raises(cuebx.InvalidRequest):
        career.metered("career.job_match", user=user.token(), **more).__enter__()
    names = {"request_id": uuid.uuid4(), "client": {"ip": ip_address("127.0.0.1"), "user_agent": "\ud800"}}
    with career.metered("career.job_match", user=user.token(), estimate={"input_chars": Decimal(5)}, **names):
        pass
    assert career.flush(20) and [log["status"] for log in user.logs] == ["SUCCESS"]


def nested(depth):
    return [nested(depth - 1)] if depth > 1 else []


@pytest.mark.parametrize("title, data", [
    ("", 7), ("x" * 256, 7), ("a\0", 7), (None, 7), ("t", {1, 2}), ("t", float("nan")), ("t", "\ud800"),
    ("t", nested(21)), ("t", {"a": nested(20)}), ("t", "x" * (256 * 1024 - 1)), ("t", ["é"] * 60_000)],
    ids=lambda value: repr(value)[:20])
def test_a_result_that_the_service_could_not_take_is_refused_at_once(title, data):
    with pytest.raises(cuebx.InvalidRequest):
        limits.result(title, data)


def test_a_result_is_a_copy_as_large_and_as_deep_as_may_be():
    data = {"a": [1, None, "é"]}
    kept = limits.result("t", data)
    data["a"].append(2)
    assert kept == {"title": "t", "data": {"a": [1, None, "é"]}}
    for most in (nested(20), "x" * (256 * 1024 - 2), None, 1.5):
        assert limits.result("t", most)["data"] == most


def test_a_usages_records_may_lie_in_any_order():
    start = {"r": "open", "usage_id": "a", "user_id": "u"}
    end = {"r": "outcome", "usage_id": "a", "operations": [{"op": "commit"}]}
    done = {"r": "done", "usage_id": "a"}
    assert todo([start, end]) == todo([end, start]) == [Todo("a", "u", [{"op": "commit"}])]
    assert todo([done, start, end]) == todo([start, done, end]) == todo([end, start, done]) == []
