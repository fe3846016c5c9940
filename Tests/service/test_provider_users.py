"""Users of another identity provider: which of its tokens are taken, what is known of its users by
them, what becomes of those who have no email, and of those who have deleted their account."""

import base64
import functools
import json
import time
import urllib.request
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conftest import DAY, PLUS, Service
from test_payments import URLS, knob, press, sdk

ISSUER, AUDIENCE = "https://idp.example.test/", "career"
LEEWAY = 60


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Key:
    """A key of one kind: how it is written, and how it signs."""

    def __init__(self, kind, **more):
        self.kind = kind
        self.id = uuid.uuid4().hex
        if kind == "RS256":
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            numbers = self.key.public_key().public_numbers()
            self.document = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        elif kind == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            numbers = self.key.public_key().public_numbers()
            self.document = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")),
                             "y": b64(numbers.y.to_bytes(32, "big"))}
        else:
            self.key = ed25519.Ed25519PrivateKey.generate()
            raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.document = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        self.document |= {"kid": self.id, "use": "sig", **more}
        self.document = {name: value for name, value in self.document.items() if value != "-"}

    def sign(self, text):
        if self.kind == "RS256":
            return self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if self.kind == "ES256":
            pair = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
            return b"".join(part.to_bytes(32, "big") for part in pair)
        return self.key.sign(text)

    def token(self, algorithm=None, now=None, header={}, **claims):
        now = int(now or time.time())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": uuid.uuid4().hex, "iat": now,
                   "exp": now + 900, **claims}
        payload = {name: value for name, value in payload.items() if value != "-"}
        head = {"alg": algorithm or self.kind, "typ": "JWT", "kid": self.id, **header}
        text = ".".join(b64(json.dumps(part).encode()) for part in (head, payload))
        return f"{text}.{b64(self.sign(text.encode()))}"


KEY = Key("EdDSA")


def serve(folder, *documents, text=None, **settings):
    """A service that has these keys."""
    path = folder / "keys.json"
    path.write_text(text or json.dumps({"keys": list(documents)}))
    return Service(folder, AUTH_JWKS=str(path), AUTH_ISSUER=ISSUER,
                   **{"AUTH_AUDIENCE": AUDIENCE, **settings}).start()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = serve(tmp_path_factory.mktemp("provider"), KEY.document)
    yield service
    service.stop()


def me(service, token):
    return service.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})


# Which tokens are taken

def token_of(length):
    """A good token of exactly that many bytes, or one less."""
    filler = 0
    while len(token := KEY.token(filler="x" * filler, sub="long")) < length:
        filler += max(1, (length - len(token)) * 3 // 4)
    return token


@pytest.mark.parametrize("length,status", [
    (2_000, 200), (8_300, 200), (12_000, 200), (16_300, 200), (16_500, 401), (30_000, 401)])
def test_a_token_may_have_16_kib(service, length, status):
    assert me(service, token_of(length)).status == status


def test_a_token_with_two_hundred_groups_is_taken_again_and_again(service):
    token = KEY.token(groups=[str(uuid.uuid4()) for _ in range(200)])
    assert len(token) > 8192
    assert len({me(service, token).json["id"] for _ in range(3)}) == 1
    # The memory of good tokens is no door for whoever knows a token's hash.
    forged = token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    assert me(service, forged).status == 401


def reasons():
    now = int(time.time())
    other = Key("EdDSA")
    other.id = KEY.id
    return {
        "issuer": ("AUTH_ISSUER", KEY.token(iss="https://evil.example.test/")),
        "no issuer": ("AUTH_ISSUER", KEY.token(iss="-")),
        "audience": ("AUTH_AUDIENCE", KEY.token(aud="other")),
        "no audience": ("AUTH_AUDIENCE", KEY.token(aud="-")),
        "expired": ("expired", KEY.token(exp=now - LEEWAY - 5)),
        "no exp": ("expired", KEY.token(exp="-")),
        "not yet": ("not good yet", KEY.token(nbf=now + LEEWAY + 30)),
        "from the future": ("future", KEY.token(iat=now + LEEWAY + 30)),
        "no subject": ("sub", KEY.token(sub="-")),
        "empty subject": ("sub", KEY.token(sub="")),
        "long subject": ("sub", KEY.token(sub="s" * 256)),
        "unknown key": ("no such key", Key("EdDSA").token()),
        "signature": ("signature", other.token()),
        "algorithm": ("algorithm", KEY.token(algorithm="HS512")),
        "none": ("algorithm", KEY.token(algorithm="none")),
        "too long": ("16 KiB", KEY.token(filler="x" * 20_000)),
        "no token": ("compact form", "no-token"),
        "another type": ("compact form", KEY.token(header={"typ": "refresh+jwt"})),
    }


@pytest.mark.parametrize("case", reasons())
def test_a_refused_token_is_logged_with_its_reason_and_nothing_of_it(service, case):
    reason, token = reasons()[case]
    id = f"refused-{uuid.uuid4().hex}"
    answer = service.call("GET", "/auth/me", headers={
        "Authorization": f"Bearer {token}", "X-Request-ID": id})
    assert answer.status == 401 and answer.code == "invalid_token"
    assert answer.json["detail"] == "The access token is not valid or has expired."
    [line] = [line for line in service.log.read_text().splitlines()
              if id in line and "access token refused" in line]
    assert reason in line
    assert token not in service.log.read_text() or len(token) < 20


@pytest.mark.parametrize("claims,status", [
    ({"exp": -50}, 200), ({"exp": -70}, 401), ({"nbf": 50}, 200), ({"nbf": 80}, 401),
    ({"iat": 50}, 200), ({"iat": 80}, 401), ({"nbf": -1, "exp": 1}, 200)])
def test_the_providers_clock_may_differ_by_a_minute(service, claims, status):
    now = int(time.time())
    token = KEY.token(**{name: now + seconds for name, seconds in claims.items()})
    assert me(service, token).status == status


def test_our_own_tokens_have_no_leeway(service):
    now = int(time.time())
    user = service.sign_up()
    bearer = lambda **claims: {"Authorization": f"Bearer {service.mint(sub=user.id, **claims)}"}
    assert service.call("GET", "/auth/me", headers=bearer(exp=now + 30)).status == 200
    assert service.call("GET", "/auth/me", headers=bearer(exp=now - 1)).status == 401


ALGORITHMS = [
    ("EdDSA", written, used, 200) for written in ("-", "EdDSA", "Ed25519")
    for used in ("EdDSA", "Ed25519")] + [
    ("EdDSA", "Ed448", "EdDSA", 401), ("EdDSA", "ES256", "EdDSA", 401),
    ("RS256", "-", "RS256", 200), ("RS256", "RS256", "RS256", 200),
    ("RS256", "RS512", "RS256", 401), ("RS256", "-", "PS256", 401),
    ("ES256", "-", "ES256", 200), ("ES256", "ES256", "ES256", 200),
    ("ES256", "-", "EdDSA", 401), ("EdDSA", "-", "Ed448", 401)]


@pytest.fixture(scope="module")
def differently_written(tmp_path_factory):
    """A service that has keys of every kind, written in every way."""
    keys = {(kind, written): Key(kind, alg=written) for kind, written, _, _ in ALGORITHMS}
    service = serve(
        tmp_path_factory.mktemp("written"), *(key.document for key in keys.values()))
    service.keys = keys
    yield service
    service.stop()


@pytest.mark.parametrize("kind,written,used,status", ALGORITHMS)
def test_an_algorithm_has_the_names_of_rfc_9864_and_those_before(
        differently_written, kind, written, used, status):
    key = differently_written.keys[kind, written]
    assert me(differently_written, key.token(algorithm=used)).status == status


@functools.cache
def unusable():
    """Keys of every kind that a provider may list and nobody here can use."""
    rsa_key, ec_key, ed_key = (Key(kind).document for kind in ("RS256", "ES256", "EdDSA"))
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    return {
        "null": None, "text": "key", "number": 7, "list": [], "empty": {}, "only a name": {"kid": "k"},
        "symmetric": {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        "another curve": {"kty": "EC", "crv": "secp256k1", "x": ec_key["x"], "y": ec_key["y"]},
        "x25519": {**ed_key, "crv": "X25519"}, "ed448": {**ed_key, "crv": "Ed448"},
        "off the curve": {**ec_key, "y": b64(b"\1" * 32)}, "short x": {**ec_key, "x": "AQ"},
        "no y": {name: value for name, value in ec_key.items() if name != "y"},
        "short ed": {**ed_key, "x": "AQAB"}, "no x": {"kty": "OKP", "crv": "Ed25519"},
        "long ed": {**ed_key, "x": b64(b"\1" * 33)},
        "small rsa": {**rsa_key, "n": number(small.public_numbers().n)},
        "tiny rsa": {**rsa_key, "n": "AQAB"}, "no n": {**rsa_key, "n": None},
        "even n": {**rsa_key, "n": number(2 ** 2048 - 2)}, "n is zero": {**rsa_key, "n": "AA"},
        "no e": {**rsa_key, "e": ""}, "e is zero": {**rsa_key, "e": "AA"},
        "e is one": {**rsa_key, "e": "AQ"}, "e is even": {**rsa_key, "e": "Ag"},
        "e is huge": {**rsa_key, "e": number(2 ** 2000 + 1)},
        "huge n": {**rsa_key, "n": number(2 ** 20_000 + 1)},
        "not base64": {**rsa_key, "n": "!!!"}, "numbers": {**rsa_key, "n": 5, "e": 3},
        "for encryption": {**rsa_key, "use": "enc"},
        "encrypts": {**rsa_key, "use": None, "key_ops": ["encrypt", "wrapKey"]},
        "another algorithm": {**rsa_key, "alg": "RSA-OAEP-256"},
        "post-quantum": {"kty": "AKP", "alg": "ML-DSA-65", "pub": "AQAB", "kid": "pq"},
        "kind is a number": {"kty": 5}, "name is a number": {**ed_key, "kid": 5, "x": "AQ"},
        "odd certificates": {**ec_key, "x5c": [{"deep": [[[[]]]]}], "y": "AQ"},
    }


@functools.cache
def usable():
    """To make one takes a tenth of a second."""
    return Key("RS256"), Key("RS256")


def harm(folder, *keys):
    """What is not as it must be with these keys in the set: a token of the key that stands before
    them, and of the one after them, is taken; one that names a key of these is refused."""
    before, after = usable()
    service = serve(folder, before.document, *keys, after.document)
    heads = [{}, *({"kid": key["kid"]} for key in keys
                   if isinstance(key, dict) and isinstance(key.get("kid"), str))]
    found = [(head, status) for key in (before, after) for head in heads
             if (status := me(service, key.token(header=head)).status) != (401 if head else 200)]
    service.stop()
    return found


def test_an_unusable_key_takes_no_provider_down(tmp_path):
    """All in one set, each of a name of its own; if something is wrong, each is asked alone."""
    keys = {case: {**key, "kid": case} if isinstance(key, dict) and isinstance(key.get("kid"), str)
            else key for case, key in unusable().items()}
    together = harm(tmp_path, *keys.values())
    assert not together, {case: harm(tmp_path, key) for case, key in keys.items()}


def test_odd_key_sets_have_their_good_key_all_the_same(tmp_path):
    key = Key("EdDSA")
    good = json.dumps(key.document)
    many = ",".join(['{"kty": "oct", "k": "AQAB"}'] * 300)
    for text in (
            # Members that stand twice, are null, or that nobody knows; a byte order mark of none.
            '{"keys": [{"kty": "RSA", "kty": "RSA", "n": "AQAB"}, %s]}' % good,
            '{"keys": [%s, %s]}' % (many, good),
            '{"issuer": "x", "keys": [%s], "more": {"a": [1.5e10]}}' % good,
            '{"keys": [%s]}' % good.replace('"use": "sig"', '"use": null, "alg": null'),
            '{"keys": [%s]}' % good.replace('"use": "sig"', '"key_ops": ["sign", "verify"]'),
            '{"keys": [%s]}' % good.replace('"use": "sig"', '"ext": true, "d": 5, "oth": []')):
        service = serve(tmp_path, text=text)
        assert me(service, key.token()).status == 200, text[:200]
        service.stop()


@pytest.fixture(scope="module")
def with_claim(tmp_path_factory):
    """Services of two audiences, by the claim from which they read them."""
    made = {}
    for claim in ("azp", "client_id", None):
        more = {"AUTH_AUDIENCE_CLAIM": claim} if claim else {}
        made[claim] = serve(
            tmp_path_factory.mktemp("claim"), KEY.document,
            AUTH_AUDIENCE="https://app.example.test, client-2", **more)
    yield made
    for service in made.values():
        service.stop()


@pytest.mark.parametrize("claim,claims,status", [
    # Clerk's session tokens name the front end, Amazon Cognito's access tokens the client.
    ("azp", {"aud": "-", "azp": "https://app.example.test"}, 200),
    ("azp", {"aud": "-", "azp": "https://other.example.test"}, 401),
    ("azp", {"aud": "-", "client_id": "https://app.example.test"}, 401),
    ("azp", {"aud": "-"}, 401), ("azp", {"aud": "-", "azp": 5}, 401),
    ("client_id", {"aud": "-", "client_id": "client-2"}, 200),
    ("client_id", {"aud": "-", "client_id": "client-3"}, 401),
    # What has an aud is judged by it.
    ("azp", {"aud": "other", "azp": "https://app.example.test"}, 401),
    ("azp", {"aud": "client-2", "azp": "other"}, 200),
    ("azp", {"aud": ["other", "client-2"]}, 200), ("azp", {"aud": [], "azp": "client-2"}, 401),
    (None, {"aud": "-", "azp": "client-2", "client_id": "client-2"}, 401),
    (None, {"aud": "client-2"}, 200), (None, {"aud": "https://app.example.test"}, 200),
    (None, {"aud": "client-2,https://app.example.test"}, 401)])
def test_a_provider_that_puts_no_aud_into_its_tokens_has_a_setting(
        with_claim, claim, claims, status):
    assert me(with_claim[claim], KEY.token(**claims)).status == status


def test_a_claim_that_cannot_name_an_audience_stops_the_start(tmp_path):
    service = Service(tmp_path, AUTH_JWKS="x", AUTH_ISSUER="i", AUTH_AUDIENCE="a",
                      AUTH_AUDIENCE_CLAIM="sub")
    result = service.command("serve")
    assert result.returncode == 1
    assert result.stderr == "cuebx: AUTH_AUDIENCE_CLAIM: must be aud, azp or client_id\n"


# What is known of a user

ADA = {"email": "ada@example.test", "email_verified": True, "name": "Ada"}
PROFILES = {
    "an email that comes later": ([{}, ADA], ("ada@example.test", True, "Ada")),
    "an email that changes": (
        [ADA, {**ADA, "email": "new@example.test"}], ("new@example.test", True, "Ada")),
    "an email that changes and is not proven": (
        [ADA, {"email": "new@example.test"}], ("new@example.test", False, "Ada")),
    "an email that is proven later": (
        [{"email": "ada@example.test"}, ADA], ("ada@example.test", True, "Ada")),
    "one that is proven no more": (
        [ADA, {**ADA, "email_verified": False}], ("ada@example.test", False, "Ada")),
    "a name that changes": ([ADA, {**ADA, "name": "Eve"}], ("ada@example.test", True, "Eve")),
    "a token that tells nothing": ([ADA, {}], ("ada@example.test", True, "Ada")),
    "an email that is none": ([ADA, {"email": "none"}], ("ada@example.test", True, "Ada")),
    "values of another kind": (
        [ADA, {"email": 5, "name": ["x"], "email_verified": "yes"}],
        ("ada@example.test", True, "Ada")),
    "empty ones": ([ADA, {"email": "", "name": ""}], ("ada@example.test", True, "Ada")),
    "there and back": (
        [ADA, {**ADA, "email": "new@example.test"}, ADA], ("ada@example.test", True, "Ada")),
    "another case": (
        [ADA, {**ADA, "email": "ADA@example.test"}], ("ADA@example.test", True, "Ada")),
}


def shown(service, token):
    answer = me(service, token)
    assert answer.status == 200, answer
    return tuple(answer.json[name] for name in ("email", "email_verified", "full_name"))


@pytest.mark.parametrize("case", PROFILES)
def test_the_profile_follows_the_newest_token(service, case):
    steps, expected = PROFILES[case]
    now, sub = int(time.time()) - 100, uuid.uuid4().hex
    tokens = [KEY.token(now=now + number, sub=sub, **step) for number, step in enumerate(steps)]
    for token in tokens:
        last = shown(service, token)
    assert last == expected
    # An older token that is good still changes nothing, whichever process is shown it.
    older = KEY.token(now=now - 50, sub=sub, email="older@example.test", name="Older")
    assert shown(service, older) == expected
    assert shown(service, tokens[0]) == expected


def test_a_name_that_was_changed_here_stays_until_the_providers_changes(service):
    now, sub = int(time.time()) - 100, uuid.uuid4().hex
    first = KEY.token(now=now, sub=sub, **ADA)
    assert shown(service, first)[2] == "Ada"
    headers = {"Authorization": f"Bearer {first}"}
    service.call("PATCH", "/auth/me", {"full_name": "Countess"}, headers=headers)
    assert shown(service, KEY.token(now=now + 1, sub=sub, **ADA))[2] == "Countess"
    assert shown(service, KEY.token(now=now + 2, sub=sub, **{**ADA, "name": "Eve"}))[2] == "Eve"


def test_a_mail_goes_to_the_address_as_it_is_now_and_deletion_finds_all_of_them(tmp_path):
    service = serve(tmp_path, KEY.document)
    now, sub = int(time.time()) - 100, uuid.uuid4().hex
    headers = {}
    for number, address in enumerate(("old@example.test", "new@example.test")):
        token = KEY.token(now=now + number, sub=sub, email=address, email_verified=True)
        headers = {"Authorization": f"Bearer {token}"}
        assert me(service, token).json["email"] == address
        if number == 0:
            page = service.call(
                "POST", "/career/subscriptions/checkout", {"plan_id": PLUS, **URLS}, headers=headers)
            press(page.json["checkout_url"], "pay")
            service.advance(0)
    assert service.call("POST", "/career/subscriptions/cancel", headers=headers).status == 200
    service.advance(0)
    assert len(service.mail("old@example.test")) == 1
    assert len(service.mail("new@example.test")) == 1
    assert service.call("DELETE", "/auth/me", headers=headers).status == 200
    assert service.rows("SELECT count(*) FROM mails") == [(0,)]
    service.stop()


# Users without an email

def test_a_user_without_an_email_pays(tmp_path):
    service = serve(tmp_path, KEY.document)
    token = KEY.token(sub="auth0|no-email")
    headers = {"Authorization": f"Bearer {token}"}
    assert me(service, token).json["email"] is None
    page = service.call(
        "POST", "/career/subscriptions/checkout", {"plan_id": PLUS, **URLS}, headers=headers)
    assert page.status == 200, page
    [customer] = sdk(service).v1.customers.list().data
    assert customer.email is None
    # Stripe takes an empty value for an order to remove one, and refuses.
    with urllib.request.urlopen(service.sandbox + "/_test/requests") as answer:
        [made] = [call for call in json.load(answer)["requests"]
                  if (call["method"], call["path"]) == ("POST", "/v1/customers")]
    assert "email" not in made["params"]
    press(page.json["checkout_url"], "pay")
    service.advance(0)
    subscription = service.call("GET", "/career/subscriptions", headers=headers).json
    assert subscription["plan"]["name"] == "Plus"
    assert service.call("GET", "/dev/mailbox").json["messages"] == []
    service.stop()


def test_the_operator_is_told_of_a_mail_that_had_no_address(tmp_path):
    service = serve(tmp_path, KEY.document)
    headers = {"Authorization": f"Bearer {KEY.token(sub='no-email', exp=int(time.time()) + 10**7)}"}
    page = service.call(
        "POST", "/career/subscriptions/checkout", {"plan_id": PLUS, **URLS}, headers=headers).json
    press(page["checkout_url"], "pay")
    service.advance(0)
    [customer] = sdk(service).v1.customers.list().data
    knob(service, f"/_test/customers/{customer.id}", {"card": "decline"})
    service.advance(8 * DAY)
    notices = service.command("stripe", "notices").stdout.splitlines()
    told = [line for line in notices if "mail_missing" in line]
    assert any("paymentFailed" in line and "sub_" in line for line in told), notices
    assert len(told) == len(set(told))
    service.stop()


# Deletion is for good

LACKS = [{}, {"iat": "-"}, {"iat": "yesterday"}, {"iat": None}, {"jti": "j"}, {"nbf": "-"},
         {"iat": "-", "email": "-"}, {"iat": "-", "nbf": 1}]


@pytest.mark.parametrize("lack", LACKS, ids=str)
def test_no_token_from_before_a_deletion_brings_the_account_back_whatever_it_lacks(service, lack):
    now, sub = int(time.time()), uuid.uuid4().hex
    first = KEY.token(now=now - 10, sub=sub, **ADA)
    others = [KEY.token(now=now - 10, sub=sub, **{**ADA, **lack, "number": number})
              for number in range(2)]
    assert me(service, first).status == 200
    seen = me(service, others[0])
    headers = {"Authorization": f"Bearer {first}"}
    assert service.call("DELETE", "/auth/me", headers=headers).status == 200
    for token in (first, *others):
        assert me(service, token).status == 401
    assert seen.status == 200
    # Signing in anew makes a new account, which its token shows to be newer.
    time.sleep(1.1)
    again = me(service, KEY.token(sub=sub, **ADA))
    assert again.status == 200 and again.json["id"] != seen.json["id"]
