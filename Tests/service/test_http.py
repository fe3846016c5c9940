"""What every address has in common: refusals, bad input, tokens."""

import base64
import gzip
import hashlib
import hmac
import json
import re
import time
import uuid

import jwt
import pytest

from conftest import KEY, PASSWORD, SECRET

VALIDATE = "/career/internal/usage/validate"
GOOD = {"request_id": "r", "feature_key": "career.job_match", "endpoint": "/x",
        "method": "POST", "payload_hash": "ab" * 32}


def problem(answer, status, code=None):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["title"] and answer.json["detail"]
    if code:
        assert answer.code == code
    assert answer.headers["x-request-id"]
    text = answer.bytes.decode().lower()
    assert "select " not in text and "sqlite" not in text and "swift" not in text
    return answer


def test_an_unknown_address_is_404_and_another_method_405(service):
    problem(service.call("GET", "/nowhere"), 404, "not_found")
    answer = problem(service.call("PUT", "/auth/me"), 405, "method_not_allowed")
    assert {"GET", "PATCH", "DELETE"} <= set(answer.headers["allow"].split(", "))
    problem(service.call("TRACE", VALIDATE), 405)


def test_a_trailing_slash_is_accepted_everywhere(service):
    assert service.call("GET", "/career/subscriptions/plans/").status == 200
    assert service.call("GET", "/health/").status == 200
    assert service.call("POST", VALIDATE + "/", GOOD).status == 401


def test_head_is_get_without_the_body(service):
    answer = service.call("HEAD", "/health")
    assert answer.status == 200 and answer.bytes == b"" and answer.headers["content-length"] != "0"


def test_a_request_id_is_echoed_only_where_it_is_a_decent_one(service):
    given = service.call("GET", "/health", headers={"X-Request-ID": "abc-1.2_3"})
    assert given.headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 129, "<script>"):
        assert service.call("GET", "/health", headers={"X-Request-ID": bad}) \
            .headers["x-request-id"] != bad


def test_refusals_come_in_the_order_of_the_contract(service, somebody):
    both = {**somebody.auth, **KEY}
    problem(service.call("POST", "/nowhere", raw=b"{"), 404)
    problem(service.call("POST", VALIDATE, raw=b"x" * 2_000_000), 401)
    problem(service.call("POST", VALIDATE, raw=b"x" * 2_000_000, headers=both), 413)
    problem(service.call("POST", VALIDATE, raw=b"{", headers=both), 415)
    json_type = {"Content-Type": "application/json"}
    problem(service.call("POST", VALIDATE, raw=b"{", headers={**both, **json_type}), 400)
    problem(service.call("POST", VALIDATE, {}, headers=both), 422)


def test_a_wrong_content_type_is_told_before_an_unreadable_query(service, user):
    headers = {**user.auth, **KEY, "Content-Type": "text/plain"}
    body = json.dumps(GOOD).encode()
    problem(service.call("POST", VALIDATE + "?q=%zz", raw=body, headers=headers), 415)
    headers["Content-Type"] = "application/json"
    problem(service.call("POST", VALIDATE + "?q=%zz", raw=body, headers=headers), 400)


@pytest.mark.parametrize("type", [
    "text/plain", "application/xml", "application/json; charset=utf-16",
    "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_other_content_types_are_415(service, somebody, type):
    answer = service.call(
        "POST", VALIDATE, raw=json.dumps(GOOD).encode(),
        headers={**somebody.auth, **KEY, "Content-Type": type})
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[", b"nul", b'{"a":1,"a":2}', b'{"a":01}', b'{"a":"\xff"}', b'{"a":"\\ud800"}',
    b"{} {}", b'{"a":' * 5000, b"[" * 100_000, b'{"a":"\x00"}', b"\xef\xbb\xbf{}"])
def test_what_is_not_strict_json_is_400(service, somebody, body):
    answer = service.call(
        "POST", VALIDATE, raw=body,
        headers={**somebody.auth, **KEY, "Content-Type": "application/json"})
    problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
def test_json_that_is_no_object_is_422(service, somebody, body):
    answer = service.call(
        "POST", VALIDATE, raw=body.encode(),
        headers={**somebody.auth, **KEY, "Content-Type": "application/json"})
    assert problem(answer, 422).json["errors"][0]["loc"] == ["body"]


def test_all_that_is_wrong_is_told_at_once(service, somebody):
    body = {
        "request_id": "x" * 5000, "feature_key": 7, "endpoint": "x" * 2049, "method": "FETCH",
        "payload_hash": "AB" * 32, "client": [], "usage_estimate": {},
    }
    answer = problem(service.call("POST", VALIDATE, body, headers={**somebody.auth, **KEY}), 422)
    errors = {".".join(error["loc"]): error["type"] for error in answer.json["errors"]}
    assert errors == {
        "body.request_id": "string_too_long", "body.feature_key": "string_type",
        "body.endpoint": "string_too_long", "body.method": "http_method",
        "body.payload_hash": "string_pattern_mismatch", "body.client": "object_type",
        "body.usage_estimate": "too_few_fields"}
    assert all(error["msg"] for error in answer.json["errors"])


@pytest.mark.parametrize("change", [
    {"request_id": "a\u0000b"}, {"request_id": ""}, {"request_id": None}, {"endpoint": "x" * 2049},
    {"usage_estimate": {"input_chars": -1}}, {"usage_estimate": {"input_chars": 10_000_001}},
    {"usage_estimate": {"input_chars": 1.0}}, {"usage_estimate": {"input_chars": "1"}},
    {"usage_estimate": {"input_chars": 10 ** 30}}, {"usage_estimate": {"model": "m" * 101}},
    {"usage_estimate": {"max_output_tokens": True}}, {"client": {"ip": 1}},
    {"usage_estimate": {"input_tokens": -1}}, {"usage_estimate": {"input_tokens": 2_000_001}}])
def test_a_bad_field_is_422_and_reserves_nothing(service, somebody, change):
    answer = service.call("POST", VALIDATE, {**GOOD, **change}, headers={**somebody.auth, **KEY})
    problem(answer, 422, "validation_error")
    assert somebody.balance["credits_reserved"] == "0.00"


@pytest.mark.parametrize("change", [
    {"success": "true"}, {"success": None}, {"user_id": "x"}, {"usage_id": "1" * 32},
    {"success": True, "failure": {"failure_type": "timeout", "reason": "x"}}, {"success": False},
    {"success": False, "failure": {"failure_type": "bad", "reason": "x"}},
    {"success": False, "failure": {"failure_type": "timeout", "reason": ""}},
    {"success": False, "failure": {"failure_type": "timeout", "reason": "x" * 1001}},
    {"metrics": {"latency_ms": 3_600_001}}, {"metrics": {"output_tokens": -1}},
    {"metrics": {"cached_input_tokens": -1}}, {"metrics": {"reasoning_tokens": 2_000_001}},
    {"metrics": {"input_tokens": 5, "cached_input_tokens": 6}},
    {"metrics": {"cached_input_tokens": 1}}, {"metrics": {"reasoning_tokens": 1}},
    {"metrics": {"output_tokens": 0, "reasoning_tokens": 1}}])
def test_a_bad_commit_is_422_and_settles_nothing(service, user, change):
    usage = user.validate().json["usage_id"]
    body = {"user_id": user.id, "usage_id": usage, "success": True, **change}
    problem(service.call("POST", "/career/internal/usage/commit", body, headers=KEY), 422)
    assert user.balance["credits_reserved"] == "1.00"


def test_a_part_of_the_tokens_is_no_more_than_its_whole(service, user):
    usage = user.validate(usage_estimate={"input_tokens": 5}).json["usage_id"]
    body = {"user_id": user.id, "usage_id": usage, "success": True}

    def flaws(**metrics):
        answer = service.call(
            "POST", "/career/internal/usage/commit", {**body, "metrics": metrics}, headers=KEY)
        return {error["loc"][-1]: error["type"] for error in problem(answer, 422).json["errors"]}

    assert flaws(input_tokens=5, cached_input_tokens=6, output_tokens=1, reasoning_tokens=2) == {
        "cached_input_tokens": "part_exceeds_whole", "reasoning_tokens": "part_exceeds_whole"}
    # A whole that cannot be read is the one error.
    assert flaws(input_tokens="5", cached_input_tokens=6) == {"input_tokens": "int_type"}
    good = {"input_tokens": 5, "cached_input_tokens": 5, "output_tokens": 0, "reasoning_tokens": 0}
    assert user.commit(usage, metrics=good).status == 200


@pytest.mark.parametrize("success", ["yes", "false", None, 0, [], {}])
def test_a_success_that_cannot_be_read_asks_for_no_failure(service, user, success):
    body = {"user_id": user.id, "usage_id": str(uuid.uuid4()), "success": success}
    answer = problem(service.call(
        "POST", "/career/internal/usage/commit", body, headers=KEY), 422)
    assert [(error["loc"], error["type"]) for error in answer.json["errors"]] \
        == [(["body", "success"], "bool_type")]


def test_what_a_client_sends_of_itself_refuses_no_call(service, user):
    body = {**GOOD, "endpoint": "", "client": {"ip": "", "user_agent": "\u00e4" * 5000}}
    granted = service.call("POST", VALIDATE, body, headers={**user.auth, **KEY})
    assert granted.status == 200, granted
    assert service.rows(
        "SELECT endpoint, client_ip, user_agent FROM career_usage_logs WHERE id = ?",
        uuid.UUID(granted.json["usage_id"])) == [("", "", "\u00e4" * 1024)]


@pytest.mark.parametrize("path", [
    "/career/subscriptions//plans/{id}", "/career/subscriptions/plans//{id}",
    "//career/subscriptions/plans/{id}", "/career//subscriptions/plans/{id}",
    "/career/subscriptions/plans/{id}//", "/career/subscriptions/plans//",
    "//career/subscriptions/plans", "/career/subscriptions//plans", "//health", "/health//"])
def test_a_doubled_slash_is_another_address(service, path):
    plan = service.call("GET", "/career/subscriptions/plans").json["plans"][0]["id"]
    assert service.call("GET", f"/career/subscriptions/plans/{plan}/").status == 200
    problem(service.call("GET", path.replace("{id}", plan)), 404, "not_found")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", "UTF8", '"utf-8"', '"utf8"'])
def test_utf_8_has_two_spellings(service, user, charset):
    answer = service.call(
        "POST", VALIDATE, raw=json.dumps(GOOD).encode(),
        headers={**user.auth, **KEY, "Content-Type": f"application/json; charset={charset}"})
    assert answer.status == 200, answer


def test_unknown_fields_are_ignored(service, user):
    body = {**GOOD, "surprise": {"deep": [1]}}
    assert service.call("POST", VALIDATE, body, headers={**user.auth, **KEY}).status == 200


def test_text_is_kept_as_it_was_sent(service, user):
    name = "r \U0001F600 \u00e9 ' \" \\ % _ --"
    user.validate(request_id=name)
    assert user.get("/career/usage/logs").json["items"][0]["request_id"] == name
    # Canonically equal to Unicode, different to the ledger: two requests.
    first, second = user.validate(request_id="\u00e9"), user.validate(request_id="e\u0301")
    assert first.json["usage_id"] != second.json["usage_id"]


def test_a_huge_body_and_odd_headers_do_no_harm(service, user):
    head = f"POST {VALIDATE} HTTP/1.1\r\nHost: x\r\n"
    assert b" 401 " in service.raw(
        (head + "Content-Length: 4\r\nX-Internal-API-Key: ").encode() + b"\xff\xfe\r\n\r\nabcd")
    doubled = f"Authorization: Bearer {user.token}\r\n" * 2
    assert b" 401 " in service.raw(
        (head + doubled + "X-Internal-API-Key: dev-internal-key\r\nContent-Length: 2\r\n\r\n{}")
        .encode())
    assert b" 400 " in service.raw(b"NOT HTTP AT ALL\r\n\r\n")
    assert b" 400 " in service.raw((head + "Content-Length: x\r\n\r\n").encode())
    answer = service.raw((head + "X-Long: " + "y" * 100_000 + "\r\n\r\n").encode())
    assert b" 200 " not in answer
    assert service.call("GET", "/health").status == 200


def forged(user):
    now = jwt.decode(user.token, options={"verify_signature": False})
    claims = {**now, "sub": user.id}
    head, body, signature = user.token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return {
        "none": "", "garbage": "abc", "unsigned": f"{none}.{body}.",
        "alg none, signed": f"{none}.{body}.{signature}",
        "another secret": jwt.encode(claims, "x" * 40, algorithm="HS256"),
        "another algorithm": jwt.encode(claims, SECRET + "y" * 40, algorithm="HS512"),
        "expired": jwt.encode({**claims, "exp": 1}, SECRET, algorithm="HS256"),
        "no exp": jwt.encode(
            {key: value for key, value in claims.items() if key != "exp"}, SECRET,
            algorithm="HS256"),
        "a refresh token": jwt.encode({**claims, "type": "refresh"}, SECRET, algorithm="HS256"),
        "no type": jwt.encode(
            {key: value for key, value in claims.items() if key != "type"}, SECRET,
            algorithm="HS256"),
        "a strange subject": jwt.encode({**claims, "sub": "1"}, SECRET, algorithm="HS256"),
        "an unknown user": jwt.encode(
            {**claims, "sub": "00000000-0000-7000-8000-000000000000"}, SECRET,
            algorithm="HS256"),
        "a changed body": f"{head}.{body[:-2]}AA.{signature}",
        "too long": user.token + "A" * 10_000,
    }


def test_no_other_token_lets_anybody_in(service, somebody):
    for name, token in forged(somebody).items():
        for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": token}):
            answer = service.call("GET", "/auth/me", headers=headers)
            assert answer.status == 401, name
            assert answer.headers["www-authenticate"].startswith("Bearer"), name
        answer = service.call(
            "POST", VALIDATE, GOOD, headers={"Authorization": f"Bearer {token}", **KEY})
        assert answer.status == 401, name


@pytest.mark.parametrize("session", ["not-a-uuid", "", 7, None, ["x"], {"a": 1}])
def test_a_token_of_ours_whose_session_cannot_be_read_has_none(service, somebody, session):
    # Who signs with our secret may name sessions of their own.
    now = int(time.time())
    token = jwt.encode(
        {"sub": somebody.id, "type": "access", "iat": now, "exp": now + 60, "sid": session},
        SECRET, algorithm="HS256")
    headers = {"Authorization": f"Bearer {token}"}
    assert service.call("GET", "/auth/me", headers=headers).status == 200
    sessions = service.call("GET", "/auth/sessions", headers=headers).json["sessions"]
    assert not any(item["is_current"] for item in sessions)


def test_the_document_is_served_and_readable(service):
    document = service.call("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    page = service.call("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert b"/career/internal/usage/validate" in page.bytes and b"<script" not in page.bytes
    metrics = service.call("GET", "/metrics").bytes.decode()
    assert "cuebx_ledger_decisions_total" in metrics
    assert service.call("GET", "/ready").json == {"status": "ready"}


def test_every_answer_is_kept_out_of_caches_and_taken_for_what_it_says(service, user):
    tokens = service.call(
        "POST", "/auth/signin", {"email": user.email, "password": PASSWORD})
    assert tokens.status == 200 and tokens.json["access_token"]
    answers = [
        tokens, user.get("/auth/me"), service.call("GET", "/health"),
        service.call("GET", "/nowhere"), service.call("PUT", "/auth/me"),
        service.call("GET", "/auth/me"), service.call("GET", "/docs"),
        service.call("GET", "/metrics"), service.call("POST", VALIDATE, raw=b"x" * 2_000_000)]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff", answer
        assert answer.headers["cache-control"] == "no-store", answer
    no_request = service.raw(b"NOT HTTP AT ALL\r\n\r\n").lower()
    assert b"x-content-type-options: nosniff" in no_request


def test_the_docs_page_runs_nothing_and_stands_in_no_frame(service):
    page = service.call("GET", "/docs")
    policy = dict(part.strip().split(" ", 1)
                  for part in page.headers["content-security-policy"].split(";"))
    style = re.search(b"<style>(.*?)</style>", page.bytes, re.DOTALL).group(1)
    hash = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert policy == {
        "default-src": "'none'", "style-src": f"'sha256-{hash}'", "base-uri": "'none'",
        "form-action": "'none'", "frame-ancestors": "'none'"}
    assert page.headers["referrer-policy"] == "no-referrer"
    # What the policy would forbid is not in the page.
    for forbidden in (b"<script", b" style=", b" onclick=", b"<img", b"<link", b"<form"):
        assert forbidden not in page.bytes


def test_the_document_lists_what_any_address_may_answer(service):
    paths = service.call("GET", "/openapi.json").json["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert "method_not_allowed" in answers["405"]["description"], (method, path)
            assert "request_timeout" in answers["408"]["description"], (method, path)
            # Any other parameter is a resource of that name, or none: an empty one is no address.
            assert ("404" in answers) >= ("{" in path), (method, path)
    deletion = paths["/auth/sessions/{session_id}"]["delete"]["responses"]["404"]["description"]
    assert "session_not_found" in deletion and "`not_found`" in deletion


@pytest.mark.parametrize("coding", [
    "gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, identity", "x"])
@pytest.mark.parametrize("path,headers", [
    ("/auth/signin", {}), ("/webhooks/stripe", {}), ("/career/internal/usage/commit", KEY)])
def test_a_body_with_a_content_coding_is_415(service, path, headers, coding):
    body = gzip.compress(b'{"email":"ada@example.test","password":"x"}')
    answer = service.call("POST", path, raw=body, headers={
        **headers, "Content-Type": "application/json", "Content-Encoding": coding})
    problem(answer, 415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "identity, identity"])
def test_a_body_as_it_is_may_say_so(service, coding):
    answer = service.call("POST", "/auth/signin", raw=b"{}", headers={
        "Content-Type": "application/json", "Content-Encoding": coding})
    problem(answer, 422)


def test_a_coding_of_no_body_is_no_matter(service):
    assert service.call("GET", "/health", headers={"Content-Encoding": "gzip"}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_is_the_first_page(service, method):
    answer = service.call(method, "/")
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (b"</html>" in answer.bytes) == (method == "GET")
    assert service.call("POST", "/").status == 405


PING = {
    "id": "evt_test_ping", "object": "v2.core.event", "type": "v2.core.event_destination.ping",
    "livemode": False, "created": "2026-11-29T19:56:56.947Z", "reason": None,
    "related_object": {"id": "ed_1", "type": "v2.core.event_destination",
                       "url": "/v2/core/event_destinations/ed_1"}}


def post_event(service, event, secret="whsec_development"):
    body, at = json.dumps(event).encode(), int(time.time())
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    return service.call("POST", "/webhooks/stripe", raw=body, headers={
        "Stripe-Signature": f"t={at},v1={signature}"})


@pytest.mark.parametrize("change", [{}, {"livemode": True}, {"related_object": None}, {"x": "y"}])
def test_stripes_question_whether_the_endpoint_is_there_is_answered(service, change):
    before = service.rows("SELECT count(*) FROM stripe_events")
    answer = post_event(service, {**PING, **change})
    assert answer.status == 200 and answer.json == {"received": True}
    assert service.rows("SELECT count(*) FROM stripe_events") == before


def test_a_question_that_is_not_signed_is_refused(service):
    problem(post_event(service, PING, "whsec_another"), 400, "invalid_signature")
