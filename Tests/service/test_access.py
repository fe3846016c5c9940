"""Who may call what, for every operation of the document: an endpoint that is added is tested here
without anybody thinking of it, and one that asks for nobody's credentials must be named below."""

import json
import uuid

import pytest

from conftest import KEY, PASSWORD, ROOT
from teams import Team

DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
OPEN = {
    "ListPlans", "GetPlan", "ListPacks", "SignUp", "VerifySignUp", "ResendSignUpCode", "SignIn",
    "RefreshToken", "SignOut", "RequestPasswordReset", "ConfirmPasswordReset", "ReceiveStripeEvent",
    "CheckHealth", "CheckReadiness", "GetMetrics", "GetOpenAPI", "GetDocs", "ShowInvitation",
    "ListAPIPlans", "GetAPIPlan", "ListAPIPacks"}
# What may stand for something of a user's, and whose it is in these tests. A plan is nobody's.
IDS = {"plan_id", "new_plan_id", "session_id", "usage_id", "user_id", "cursor", "request_id",
       "extension_id", "capture_id", "result_id", "pack_id", "workspace_id", "invitation_id", "key_id",
       "grant_id", "parent_usage_id", "client_id"}


class Operation:
    def __init__(self, method, path, description):
        self.method, self.path, self.description = method.upper(), path, description
        self.name = description["operationId"]
        schemes = {name for entry in description["security"] for name in entry}
        self.needs_user, self.needs_key = "user" in schemes, "internalKey" in schemes
        content = description.get("requestBody", {}).get("content", {})
        self.body = content.get("application/json", {}).get("schema")
        self.parameters = description.get("parameters", [])

    def call(self, service, headers={}, known={}, query=""):
        """Calls it with all that it may be told, the ids among it from `known`."""
        path = self.path
        for parameter in self.parameters:
            name = parameter["name"]
            value = known.get(name, sample(parameter["schema"], name, known))
            if parameter["in"] == "path":
                path = path.replace("{%s}" % name, value)
            elif parameter["in"] == "query" and name in known:
                query += f"&{name}={value}"
        body = None if self.body is None else sample(self.body, "", known)
        path += "?" + query.lstrip("&") if query else ""
        return service.call(self.method, path, body, headers=headers)


def sample(schema, name, known):
    """A value that the schema accepts."""
    if name in known:
        return known[name]
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], name, known)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: sample(inner, key, known) for key, inner in schema["properties"].items()}
        case "integer":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    match name, schema.get("format"):
        case _, "uuid":
            return str(uuid.uuid4())
        case _, "email":
            return "somebody@example.test"
        case _, "password":
            return "Wrong-Passw0rd1"
        case _, "date-time":
            return "2026-01-01T00:00:00Z"
        case "payload_hash", _:
            return "cd" * 32
        case "otp_code", _:
            return "000000"
        case "method", _:
            return "POST"
        case "feature_key", _:
            return "career.job_match"
        case "success_url" | "cancel_url", _:
            return "https://example.test/back"
    return "x"


def operations():
    return [
        Operation(method, path, description)
        for path, methods in DOCUMENT["paths"].items()
        for method, description in methods.items()]


ALL = operations()
OF_USERS = [operation for operation in ALL if operation.needs_user]
OF_KEYS = [operation for operation in ALL if operation.needs_key]


def each(chosen):
    return pytest.mark.parametrize("operation", chosen, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def gone(service):
    """A deleted user's tokens still have their time to run."""
    user = service.sign_up()
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    return user


@pytest.fixture(scope="module")
def locked_out(service):
    user = service.sign_up()
    assert service.command("users", "deactivate", user.email).returncode == 0
    return user


def test_only_what_is_named_here_is_open_to_all():
    found = {operation.name for operation in ALL
             if not operation.needs_user and not operation.needs_key}
    assert found == OPEN


def test_every_id_that_a_request_can_name_is_tried_with_another_users():
    named = set()
    for operation in ALL:
        named |= {parameter["name"] for parameter in operation.parameters}
        named |= set(sample(operation.body, "", {}) if operation.body else {})
    assert {name for name in named if name.endswith("_id") or name == "cursor"} == IDS


@each(OF_USERS + [operation for operation in OF_KEYS if not operation.needs_user])
def test_nobody_gets_in_without_credentials(service, operation):
    answer = operation.call(service)
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"


@each(OF_USERS)
def test_a_token_is_heeded_only_in_its_header(service, somebody, operation):
    key, token = KEY if operation.needs_key else {}, somebody.token
    for headers, query in (
            ({"Cookie": f"access_token={token}; Authorization=Bearer {token}"}, ""),
            ({"X-Authorization": f"Bearer {token}"}, ""),
            ({"Authorization": f"Basic {token}"}, ""),
            ({}, f"access_token={token}&token={token}")):
        assert operation.call(service, {**headers, **key}, query=query).status == 401


@each(OF_USERS)
def test_a_refresh_token_opens_nothing_but_a_refresh(service, somebody, operation):
    headers = {"Authorization": f"Bearer {somebody.tokens['refresh_token']}", **KEY}
    assert operation.call(service, headers).status == 401


@each(OF_USERS)
def test_a_deleted_user_gets_in_nowhere(service, gone, operation):
    for token in (gone.token, gone.tokens["access_token"]):
        answer = operation.call(service, {"Authorization": f"Bearer {token}", **KEY})
        assert answer.status == 401, answer


@each(OF_USERS)
def test_a_deactivated_user_is_told_so_everywhere(service, locked_out, operation):
    answer = operation.call(service, {**locked_out.auth, **KEY})
    assert answer.status == 403 and answer.code == "account_deactivated"


@each([operation for operation in OF_USERS if not operation.needs_key])
def test_the_internal_key_stands_for_no_user(service, operation):
    assert operation.call(service, KEY).status == 401


@each(OF_KEYS)
def test_the_internal_key_cannot_be_replaced_nor_guessed(service, somebody, operation):
    wrong = [
        {}, {"X-Internal-API-Key": ""}, {"X-Internal-API-Key": "dev-internal-kez"},
        {"X-Internal-API-Key": "dev-internal-key, dev-internal-key"},
        {"X-Internal-API-Key": "dev-internal-ke"}, {"X-Internal-API-Key": somebody.token},
        {"X-Internal-API-Key": "DEV-INTERNAL-KEY"}, {"X-API-Key": "dev-internal-key"},
        {"Authorization": "Bearer dev-internal-key"}]
    for headers in wrong:
        assert operation.call(service, {**somebody.auth, **headers}).status == 401, headers


@each([operation for operation in OF_KEYS if operation.needs_user])
def test_the_key_alone_does_not_do_where_a_user_is_asked_for(service, operation):
    assert operation.call(service, KEY).status == 401


class Victim:
    """A user with something of everything, and all that can be seen of it."""

    def __init__(self, service):
        self.service, self.user = service, service.sign_up(full_name="Vera Victim")
        self.user.spend(request_id="settled")
        self.usage = self.user.validate(request_id="pending").json["usage_id"]
        assert self.user.give("5.00").returncode == 0
        [given] = [grant["id"] for grant in self.user.grants if grant["source"] == "promotion"]
        self.user.extend(self.usage, "raised", additional_credits="1.00")
        self.user.capture(self.usage, "part", credits="0.50")
        self.user.spend(request_id="last")
        kept = self.user.validate(request_id="kept").json["usage_id"]
        self.user.commit(kept, result={"title": "Victim's result", "data": {"score": 1}})
        result = self.user.get("/career/history").json["items"][0]["id"]
        self.user.spend(request_id="newest")
        page = self.user.get("/career/usage/logs?limit=1").json
        session = self.user.get("/auth/sessions").json["sessions"][0]["id"]
        self.team = Team(service, owner=self.user, name="Vera's team")
        key, invitation = self.team.key().json["id"], self.team.invite("late@example.test").json["id"]
        self.known = {
            "session_id": session, "usage_id": self.usage, "user_id": self.user.id,
            "cursor": page["next_cursor"], "request_id": "pending", "email": self.user.email,
            "extension_id": "raised", "capture_id": "part", "result_id": result,
            "workspace_id": self.team.id, "key_id": key, "invitation_id": invitation,
            "grant_id": given, "parent_usage_id": self.usage,
            "pack_id": "0198c0de-0000-7000-8000-000000000101",
            "plan_id": "0198c0de-0000-7000-8000-000000000002",
            "new_plan_id": "0198c0de-0000-7000-8000-000000000003"}
        self.before = self.seen()

    def seen(self):
        user = self.user
        seen = {
            path: user.get(path).json for path in (
                "/auth/me", "/auth/sessions", "/career/subscriptions", "/career/usage/logs",
                "/career/history", "/career/credits")}
        below = ("", "/members", "/invitations", "/api-keys", "/audit-log")
        return {**seen, "/career/usage": user.credits,
                **{path: self.team.get(path).json for path in below}}

    @property
    def marks(self):
        """What of theirs must never be in an answer to somebody else."""
        subscription = self.before["/career/subscriptions"]["id"]
        logs = [item["id"] for item in self.before["/career/usage/logs"]["items"]]
        return [self.user.id, self.user.email, "Vera Victim", "Victim's result", "Vera's team",
                self.known["session_id"],
                subscription, *logs]


@pytest.fixture(scope="module")
def victim(service):
    return Victim(service)


@each(OF_USERS)
def test_a_stranger_sees_and_changes_nothing_of_anothers(service, victim, operation):
    stranger = service.sign_up()
    answer = operation.call(service, {**stranger.auth, **KEY}, victim.known)
    assert answer.status < 500, answer
    text = answer.bytes.decode()
    # An id that the caller sent may come back in an answer about it.
    assert [mark for mark in victim.marks if mark in text] == []
    assert victim.seen() == victim.before


def test_a_stranger_is_told_that_anothers_session_is_not_there(service, victim):
    stranger = service.sign_up()
    answer = service.call(
        "DELETE", "/auth/sessions/" + victim.known["session_id"], headers=stranger.auth)
    unknown = service.call("DELETE", f"/auth/sessions/{uuid.uuid4()}", headers=stranger.auth)
    assert answer.status == unknown.status == 404 and answer.json == unknown.json
    assert victim.seen() == victim.before


def test_anothers_cursor_leads_to_nothing_of_theirs(service, victim):
    stranger = service.sign_up()
    stranger.spend()
    page = stranger.get("/career/usage/logs?limit=100&cursor=" + victim.known["cursor"]).json
    own = {item["id"] for item in stranger.get("/career/usage/logs").json["items"]}
    assert {item["id"] for item in page["items"]} <= own


def test_whoever_names_anothers_usage_moves_nothing_of_it(service, victim):
    stranger = service.sign_up()
    for success in (True, False):
        answer = stranger.commit(victim.usage, success=success)
        assert answer.status == 403 and answer.code == "usage_of_another_user"
        queued = stranger.commit(victim.usage, success, headers={"Prefer": "respond-async"})
        assert queued.status == 403
    for answer in (
            stranger.extend(victim.usage, "raised", additional_credits="1.00"),
            stranger.extend(victim.usage, "another", hold_seconds=60),
            stranger.capture(victim.usage, "part", credits="0.50"),
            stranger.capture(victim.usage, "another", credits="0.01"),
            stranger.cancel(victim.usage)):
        assert answer.status == 403 and answer.code == "usage_of_another_user"
    assert victim.seen() == victim.before


def test_the_same_request_id_is_another_request_for_another_user(service, victim):
    stranger = service.sign_up()
    answer = stranger.validate(request_id="pending")
    assert answer.json["code"] == "reserved" and answer.json["usage_id"] != victim.usage
    assert victim.seen() == victim.before


@pytest.mark.parametrize("path,body", [
    ("/auth/signup", {"password": "Other-Passw0rd1", "full_name": "Mallory"}),
    ("/auth/signup/verify", {"otp_code": "000000"}), ("/auth/signup/resend", {}),
    ("/auth/password/reset", {}),
    ("/auth/password/reset/confirm", {"otp_code": "000000", "new_password": "Other-Passw0rd1"}),
    ("/auth/signin", {"password": "Other-Passw0rd1"})])
def test_whoever_knows_only_the_email_gets_and_changes_nothing(service, victim, path, body):
    answer = service.call("POST", path, {"email": victim.user.email, **body})
    assert "token" not in answer.json and "Vera" not in answer.bytes.decode()
    assert victim.seen() == victim.before
    again = {"email": victim.user.email, "password": PASSWORD}
    tokens = service.call("POST", "/auth/signin", again)
    assert tokens.status == 200
    service.call("POST", "/auth/signout", {"refresh_token": tokens.json["refresh_token"]})
