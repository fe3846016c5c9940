"""Sign-up, sign-in, sessions, deletion."""

import base64
import hashlib
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from conftest import FREE, PASSWORD, PLUS, Service, together


def email():
    return f"{uuid.uuid4().hex}@example.test"


def sign_in(service, address, password=PASSWORD, **more):
    return service.call(
        "POST", "/auth/signin", {"email": address, "password": password, **more})


def test_a_password_is_kept_as_its_scrypt_hash_with_a_salt_of_its_own(tmp_path):
    service = Service(tmp_path, PASSWORD_COST="").start()
    kept = []
    for _ in range(2):
        (text,), = service.rows(
            "SELECT password_hash FROM users WHERE id = ?", uuid.UUID(service.sign_up().id))
        salt, hash = re.fullmatch(
            r"\$scrypt\$ln=14,r=8,p=5\$([\w-]{22})\$([\w-]{43})", text).groups()
        salt, hash = (base64.urlsafe_b64decode(part + "==") for part in (salt, hash))
        assert hash == hashlib.scrypt(
            PASSWORD.encode(), salt=salt, n=2**14, r=8, p=5, maxmem=2**25, dklen=32)
        kept.append(salt)
    assert kept[0] != kept[1]
    service.stop()


def test_a_new_user_has_the_free_plan_and_an_account(service, user):
    subscription = user.subscription
    assert set(subscription) == {
        "id", "user_id", "plan_id", "status", "current_period_start", "current_period_end",
        "cancel_at_period_end", "cancel_at", "canceled_at", "scheduled_plan_id", "scheduled_at",
        "trial_end", "plan"}
    assert subscription["plan"]["name"] == "Free" and subscription["status"] == "active"
    assert subscription["user_id"] == user.id
    me = user.get("/auth/me").json
    assert set(me) == {
        "id", "email", "email_verified", "full_name", "is_active", "created_at", "updated_at",
        "time_zone"}
    assert me["email"] == user.email and me["email_verified"] is True
    assert set(user.tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert user.tokens["token_type"] == "bearer" and user.tokens["expires_in"] == 900
    again = user.post("/career/subscriptions/activate")
    assert again.status == 200 and again.json["id"] == subscription["id"]


def test_the_case_of_an_email_makes_no_second_account(service):
    user = service.sign_up("Ada." + email())
    answer = service.call(
        "POST", "/auth/signup", {"email": user.email.upper(), "password": PASSWORD})
    assert answer.status == 201
    assert "already" in service.mail(user.email)[-1]["subject"]
    assert sign_in(service, user.email.upper()).status == 200


def test_nothing_tells_a_stranger_whether_an_email_has_an_account(service, user):
    nobody = email()
    for path in ("/auth/signup/resend", "/auth/password/reset"):
        known = service.call("POST", path, {"email": user.email})
        unknown = service.call("POST", path, {"email": nobody})
        assert (known.status, known.json) == (unknown.status, unknown.json) and known.status == 200
    known = sign_in(service, user.email, "Wrong-Passw0rd")
    unknown = sign_in(service, nobody, "Wrong-Passw0rd")
    assert (known.status, known.json) == (unknown.status, unknown.json) and known.status == 401
    for path, more in (("/auth/signup/verify", {}),
                       ("/auth/password/reset/confirm", {"new_password": PASSWORD})):
        body = {"otp_code": "000000", **more}
        known = service.call("POST", path, {"email": user.email, **body})
        unknown = service.call("POST", path, {"email": nobody, **body})
        assert (known.status, known.json) == (unknown.status, unknown.json) and known.status == 400
    taken = service.call("POST", "/auth/signup", {"email": user.email, "password": PASSWORD})
    free = service.call("POST", "/auth/signup", {"email": nobody, "password": PASSWORD})
    assert taken.status == free.status == 201
    assert set(taken.json) == set(free.json) == {"message", "email", "requires_verification"}


def test_an_unverified_user_cannot_sign_in(service):
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    assert sign_in(service, address).status == 401


def test_five_wrong_codes_lock_the_right_one_until_a_new_one_is_asked_for(service):
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    code = service.code(address)
    wrong = "000000" if code != "000000" else "111111"
    verify = lambda code: service.call(
        "POST", "/auth/signup/verify", {"email": address, "otp_code": code})
    assert [verify(wrong).status for _ in range(5)] == [400] * 5
    locked = verify(code)
    assert locked.status == 429 and int(locked.headers["retry-after"]) > 0
    service.call("POST", "/auth/signup/resend", {"email": address})
    assert verify(service.code(address)).status == 200


def test_a_code_expires_after_ten_minutes(own_service):
    address = email()
    own_service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    code = own_service.code(address)
    own_service.advance(600)
    answer = own_service.call("POST", "/auth/signup/verify", {"email": address, "otp_code": code})
    assert answer.status == 400 and answer.code == "invalid_code"


def test_a_code_is_good_once_even_when_it_is_sent_at_once(service):
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    body = {"email": address, "otp_code": service.code(address)}
    answers = together(4, lambda _: service.call("POST", "/auth/signup/verify", body))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]


def test_too_many_wrong_passwords_wait_and_successes_do_not_count(service):
    user = service.sign_up()
    for _ in range(12):
        assert sign_in(service, user.email).status == 200
    statuses = [sign_in(service, user.email, "Wrong-Passw0rd").status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert sign_in(service, user.email).status == 429


@pytest.mark.parametrize("password", ["Ab1", "alllower1", "ALLUPPER1", "NoDigitsHere", "A1a" * 43])
def test_a_weak_password_is_refused(service, password):
    answer = service.call("POST", "/auth/signup", {"email": email(), "password": password})
    assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["body", "password"]


@pytest.mark.parametrize("address", [
    "", "x", "a@b", "@example.test", "a b@example.test", "a@exa mple.test", "a@@example.test",
    "a@-x.test", "a\u0000@example.test", "x" * 65 + "@example.test", 7])
def test_a_bad_email_is_refused(service, address):
    answer = service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    assert answer.status == 422


def refresh(service, token):
    return service.call("POST", "/auth/token/refresh", {"refresh_token": token})


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(own_service):
    service = own_service
    first = service.sign_up().tokens["refresh_token"]
    second = refresh(service, first)
    assert second.status == 200
    # Two tabs may ask for the same at once.
    service.advance(11)
    assert refresh(service, first).status == 401
    assert refresh(service, second.json["refresh_token"]).status == 401


def test_a_refresh_token_lasts_seven_days_or_thirty(own_service):
    user = own_service.sign_up()
    short = sign_in(own_service, user.email).json["refresh_token"]
    long = sign_in(own_service, user.email, remember_me=True).json["refresh_token"]
    own_service.advance(8 * 86_400)
    assert refresh(own_service, short).status == 401
    assert refresh(own_service, long).status == 200


def test_an_access_token_expires_after_fifteen_minutes(own_service):
    user = own_service.sign_up()
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    own_service.advance(890)
    assert own_service.call("GET", "/auth/me", headers=headers).status == 200
    own_service.advance(11)
    assert own_service.call("GET", "/auth/me", headers=headers).status == 401


def test_sessions_are_listed_ended_one_by_one_and_all_at_once(service, user):
    other = sign_in(service, user.email).json
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    sessions = service.call("GET", "/auth/sessions", headers=headers).json["sessions"]
    assert len(sessions) == 2 and [item["is_current"] for item in sessions].count(True) == 1
    assert set(sessions[0]) == {"id", "device_info", "created_at", "expires_at", "is_current"}
    ended = next(item["id"] for item in sessions if not item["is_current"])
    stranger = service.sign_up()
    path = f"/auth/sessions/{ended}"
    assert service.call("DELETE", path, headers=stranger.auth).status == 404
    assert service.call("DELETE", path, headers=headers).status == 204
    assert service.call("DELETE", path, headers=headers).status == 404
    assert refresh(service, other["refresh_token"]).status == 401
    third = sign_in(service, user.email).json
    assert service.call("POST", "/auth/signout", {"refresh_token": third["refresh_token"]}) \
        .json["success"] is True
    assert refresh(service, third["refresh_token"]).status == 401
    assert service.call("POST", "/auth/signout/all", headers=headers).status == 200
    assert refresh(service, user.tokens["refresh_token"]).status == 401


def test_changing_the_password_signs_out_elsewhere(service, user):
    other = sign_in(service, user.email).json["refresh_token"]
    headers = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    change = lambda current: service.call(
        "POST", "/auth/password/change",
        {"current_password": current, "new_password": "Newer-Pass1"}, headers=headers)
    assert change("Wrong-Passw0rd").code == "wrong_password"
    assert change(PASSWORD).status == 200
    assert refresh(service, other).status == 401
    assert refresh(service, user.tokens["refresh_token"]).status == 200
    assert sign_in(service, user.email).status == 401
    assert sign_in(service, user.email, "Newer-Pass1").status == 200


def test_a_reset_password_signs_out_everywhere(service, user):
    service.call("POST", "/auth/password/reset", {"email": user.email})
    body = {"email": user.email, "otp_code": service.code(user.email), "new_password": "Reset-Pass1"}
    assert service.call("POST", "/auth/password/reset/confirm", body).status == 200
    assert service.call("POST", "/auth/password/reset/confirm", body).status == 400
    assert refresh(service, user.tokens["refresh_token"]).status == 401
    assert sign_in(service, user.email, "Reset-Pass1").status == 200


def test_a_user_changes_their_name_and_exports_their_data(service, user):
    named = service.call("PATCH", "/auth/me", {"full_name": "Ada <b>"}, headers=user.auth)
    assert named.json["full_name"] == "Ada <b>"
    user.spend()
    export = user.get("/auth/me/export").json
    assert export["user"]["id"] == user.id and len(export["usage_logs"]) == 1
    assert export["subscription"]["plan"]["name"] == "Free"
    assert [grant["credits"] for grant in export["credit_grants"]] == ["25.00"]


def test_the_export_holds_all_that_is_kept_of_the_user(service):
    user = service.sign_up()
    other = sign_in(service, user.email).json
    usage = user.validate(
        request_id="r", client={"ip": "203.0.113.9", "user_agent": "Agent"},
        usage_estimate={"input_chars": 5, "max_output_tokens": 6, "model": "small"},
    ).json["usage_id"]
    metrics = {"model_used": "large", "input_tokens": 7, "output_tokens": 8, "latency_ms": 9}
    assert user.commit(usage, metrics=metrics).status == 200
    user.validate()
    mine = {"Authorization": f"Bearer {other['access_token']}"}
    export = service.call("GET", "/auth/me/export", headers=mine).json
    assert [item["is_current"] for item in export["sessions"]] == [True, False]
    bare, log = export["usage_logs"]
    assert log["metrics"] == {**metrics, "cached_input_tokens": None, "reasoning_tokens": None}
    assert log["period"] == 1
    assert {name: log[name] for name in (
        "request_id", "payload_hash", "client_ip", "user_agent", "input_chars",
        "max_output_tokens", "model", "status", "credits_charged")} == {
        "request_id": "r", "payload_hash": "ab" * 32, "client_ip": "203.0.113.9",
        "user_agent": "Agent", "input_chars": 5, "max_output_tokens": 6, "model": "small",
        "status": "SUCCESS", "credits_charged": "1.00"}
    assert bare["client_ip"] is None and set(bare["metrics"].values()) == {None}
    [line] = export["subscription_history"]
    assert (line["event"], line["plan_id"], line["status"]) == ("activated", FREE, "active")
    assert line["stripe_customer_id"] is None and line["stripe_subscription_id"] is None
    # What the list of logs shows stays as it is.
    assert "payload_hash" not in user.get("/career/usage/logs").json["items"][0]


def test_a_name_is_removed_by_null_and_by_nothing_and_stays_where_it_is_not_named(service):
    user = service.sign_up(full_name="Ada")
    change = lambda body: service.call(
        "PATCH", "/auth/me", body, headers=user.auth).json["full_name"]
    assert change({}) == "Ada" and change({"email": "x"}) == "Ada"
    assert change({"full_name": None}) is None and user.get("/auth/me").json["full_name"] is None
    assert change({}) is None
    assert change({"full_name": "Eve"}) == "Eve" and change({"full_name": ""}) is None
    assert service.call(
        "PATCH", "/auth/me", {"full_name": 7}, headers=user.auth).status == 422


def test_an_empty_name_at_sign_up_is_none(service):
    assert service.sign_up(full_name="").get("/auth/me").json["full_name"] is None


def test_deletion_erases_everything_but_a_hash(service):
    user = service.sign_up()
    user.spend()
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert user.get("/auth/me").status == 401
    assert sign_in(service, user.email).status == 401
    assert refresh(service, user.tokens["refresh_token"]).status == 401
    dump = "\n".join(str(row) for table in (
        "users", "mails", "sessions", "career_usage_logs", "subscriptions", "former_accounts")
        for row in service.rows(f"SELECT * FROM {table}"))
    assert user.email not in dump


def test_nobody_reads_what_is_anothers(service, user):
    other = service.sign_up()
    other.spend()
    assert user.get("/career/usage/logs").json["items"] == []
    assert user.subscription["user_id"] == user.id
    assert user.get("/career/usage/summary").json["items"] == []


@pytest.fixture
def provider(tmp_path):
    """Another identity provider: three keys and a server that shows them."""
    keys = {
        "rsa": ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    }
    documents = []
    for name, (algorithm, key) in keys.items():
        document = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        documents.append({**document, "kid": name, "alg": algorithm, "use": "sig"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"keys": documents}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    service = Service(
        tmp_path, AUTH_JWKS=f"http://127.0.0.1:{server.server_port}/keys",
        AUTH_ISSUER="https://issuer.example.test", AUTH_AUDIENCE="career").start()

    def token(name="rsa", **claims):
        algorithm, key = keys[name]
        payload = {
            "iss": "https://issuer.example.test", "aud": "career", "sub": "ada",
            "iat": service.now, "exp": service.now + 600, "email": "ada@example.test", **claims}
        return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": name})

    yield service, token
    service.stop()
    server.shutdown()


def test_another_issuers_tokens_are_accepted_and_keyed_by_subject(provider):
    service, token = provider
    me = lambda token: service.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
    ids = {me(token(name)).json["id"] for name in ("rsa", "ec", "ed")}
    assert len(ids) == 1
    assert me(token(sub="bob")).json["id"] not in ids
    headers = {"Authorization": f"Bearer {token()}"}
    subscription = service.call("GET", "/career/subscriptions", headers=headers).json
    assert subscription["plan"]["name"] == "Free"
    for bad in ({"iss": "https://evil.example.test"}, {"aud": "other"}, {"exp": 1}, {"sub": ""}):
        assert me(token(**bad)).status == 401, bad
    assert service.call("DELETE", "/auth/me", headers=headers).status == 200
    assert service.call("GET", "/auth/me", headers=headers).status == 401
