"""Nothing that is a secret, and nobody's address, is in what the processes print: at the level that
prints most, with every secret driven through every door where it is used, refused or broken."""

import json
import re
import time
import uuid

import pytest
import stripe

from conftest import PASSWORD, Service

SETTINGS = {
    "JWT_SECRET": "j" * 20 + "wt-secret-of-this-test",
    "TOKEN_HASH_SECRETS": "first-hash-secret-of-this-test-0123456789,second-hash-secret-of-it",
    "INTERNAL_API_KEYS": "first-key-of-this-test,second-key-of-this-test",
    "STRIPE_WEBHOOK_SECRET": "whsec_first_of_this_test,whsec_second_of_this_test",
    # Nobody listens: every mail fails, which is when its server's address gets printed.
    "SMTP_URL": "smtp://post:smtp-word-of-this-test@127.0.0.1:1",
    "LOG_LEVEL": "trace",
}


class Driven:
    """A server through which every kind of secret went, and all of them."""

    def __init__(self, folder):
        self.service = Service(folder, **SETTINGS).start()
        self.secrets = {
            word for value in SETTINGS.values() for word in value.split(",")} - {"trace"}
        self.secrets -= {SETTINGS["SMTP_URL"]}
        self.secrets |= {"smtp-word-of-this-test", "sk_test_sandbox"}
        self.identity()
        self.metering()
        self.webhooks()
        self.service.advance(0)
        self.service.stop()
        self.log = self.service.log.read_text()

    def secret(self, *words):
        self.secrets |= set(words)
        return words[0] if words else None

    def post(self, path, body, **headers):
        return self.service.call("POST", path, body, headers=headers)

    def identity(self):
        email = self.secret(f"Full.Name+{uuid.uuid4().hex}@example.test")
        self.secret(email.lower())
        self.secret(PASSWORD)
        name = self.secret("Nomina Sunt Odiosa")
        self.post("/auth/signup", {"email": email, "password": PASSWORD, "full_name": name})
        wrong = {"email": email, "otp_code": self.secret("990099")}
        self.post("/auth/signup/verify", wrong)
        code = self.secret(self.service.code(email))
        self.tokens = self.post("/auth/signup/verify", {"email": email, "otp_code": code}).json
        self.secret(self.tokens["access_token"], self.tokens["refresh_token"])
        self.bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        self.post("/auth/signup", {"email": email, "password": self.secret("Again-Passw0rd")})
        self.post("/auth/signin", {"email": email, "password": self.secret("Wrong-Passw0rd1")})
        again = self.post("/auth/signin", {"email": email, "password": PASSWORD}).json
        self.secret(again["access_token"], again["refresh_token"])
        for _ in range(2):  # The second time is the reuse of a spent token.
            fresh = self.post("/auth/token/refresh", {"refresh_token": again["refresh_token"]})
            self.secret(*[fresh.json[name] for name in ("access_token", "refresh_token")
                          if name in fresh.json])
        self.post("/auth/token/refresh", {"refresh_token": self.secret("unknown-refresh-token")})
        self.post("/auth/password/reset", {"email": email})
        self.post("/auth/password/reset/confirm", {
            "email": email, "otp_code": "990099", "new_password": self.secret("Never-Passw0rd1")})
        changed = self.secret("Changed-Passw0rd1")
        self.post("/auth/password/change", {
            "current_password": PASSWORD, "new_password": changed}, **self.bearer)
        self.service.call("PATCH", "/auth/me", {"full_name": name}, headers=self.bearer)
        for path in ("/auth/me", "/auth/me/export", "/auth/sessions"):
            self.service.call("GET", path, headers=self.bearer)
        self.service.call("GET", "/auth/me?access_token=" + self.tokens["access_token"])
        self.service.call("GET", "/dev/mailbox?to=" + email.replace("+", "%2B"))

    def metering(self):
        body = {
            "request_id": "r", "feature_key": "career.job_match", "endpoint": "/x",
            "method": "POST", "payload_hash": "ab" * 32,
            "client": {"ip": "203.0.113.77", "user_agent": "Agent of this test"}}
        self.secret("203.0.113.77", "Agent of this test")
        for key in SETTINGS["INTERNAL_API_KEYS"].split(",") + [self.secret("guess-of-this-test")]:
            self.post("/career/internal/usage/validate", body,
                      **self.bearer, **{"X-Internal-API-Key": key})
        forged = self.secret(self.tokens["access_token"][:-6] + "AAAAAA")
        self.service.call("GET", "/auth/me", headers={"Authorization": f"Bearer {forged}"})
        self.post("/career/subscriptions/checkout", {
            "plan_id": "0198c0de-0000-7000-8000-000000000002",
            "success_url": "https://example.test/ok", "cancel_url": "https://example.test/no"},
            **self.bearer)

    def webhooks(self):
        event = json.dumps({
            "id": "evt_of_this_test", "object": "event", "type": "customer.subscription.updated",
            "created": int(time.time()), "livemode": False,
            "data": {"object": {"id": "sub_nowhere", "object": "subscription",
                                "customer_email": self.secret("payer@example.test")}}})
        for key in SETTINGS["STRIPE_WEBHOOK_SECRET"].split(",") + ["whsec_wrong"]:
            stamp = int(time.time())
            code = stripe.WebhookSignature._compute_signature(f"{stamp}.{event}", key)
            self.secret(code)
            self.service.call("POST", "/webhooks/stripe", raw=event.encode(), headers={
                "Stripe-Signature": f"t={stamp},v1={code}"})


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    return Driven(tmp_path_factory.mktemp("secrets"))


def test_no_secret_and_no_address_gets_into_the_log(driven):
    assert len(driven.secrets) > 25 and len(driven.log) > 5000
    # By chance six digits in a row may stand in an id.
    log = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "", driven.log)
    assert [word for word in driven.secrets
            if word in (log if word.isdigit() else driven.log)] == []


def test_the_log_was_one_in_which_they_could_have_been(driven):
    """Mails that could not be sent, refused webhooks and failed messages were all logged."""
    for text in ("career_emails", "/webhooks/stripe", "/auth/signin", "stripe_subscription_updated"):
        assert text in driven.log, text


@pytest.mark.parametrize("name,value", [
    ("DATABASE_URL", "postgres://career:word-of-this-test@127.0.0.1:1/career"),
    ("DATABASE_URL", "nonsense://career:word-of-this-test@127.0.0.1:1/career"),
    ("SMTP_URL", "nonsense://post:word-of-this-test@127.0.0.1"),
    ("SMTP_URL", "smtp://post:word-of-this-test@[::1"),
    ("STRIPE_API_BASE", "http://user:word-of-this-test@127.0.0.1:1"),
    ("STRIPE_SECRET_KEY", "word-of-this-test"),
    ("AUTH_JWKS", "https://user:word-of-this-test@127.0.0.1:1/jwks"),
    ("JWT_SECRET", "word-of-this-test"), ("INTERNAL_API_KEYS", "word-of-this-test,")])
def test_a_bad_setting_is_named_and_not_shown(tmp_path, name, value):
    service = Service(tmp_path, **{"LOG_LEVEL": "trace", name: value})
    for command in (["migrate"], ["stripe", "reconcile"], ["users", "find", "a@b.co"]):
        result = service.command(*command)
        assert "word-of-this-test" not in result.stdout + result.stderr, command
