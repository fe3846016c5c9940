"""Another identity provider's keys: fetched at the start, anew when one is missing, kept."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from conftest import Service, together

ISSUER = "https://issuer.example.test"


class Provider:
    """Shows the keys that it has; may be away, or answer without end."""

    def __init__(self):
        self.keys, self.fetched, self.answer = {}, 0, None
        self.was_asked, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.fetched += 1
                provider.was_asked.set()
                provider.goes_on.wait(30)
                status, body = provider.answer or (200, provider.document)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, name):
        self.keys[name] = ed25519.Ed25519PrivateKey.generate()
        return self

    @property
    def document(self):
        documents = []
        for name, key in self.keys.items():
            algorithm = jwt.get_algorithm_by_name("EdDSA")
            document = algorithm.to_jwk(key.public_key(), as_dict=True)
            # A provider need not name its keys.
            documents.append(document if name is None else {**document, "kid": name})
        return json.dumps({"keys": documents}).encode()

    def token(self, name, type="JWT", names_key=True, **claims):
        now = int(time.time())
        payload = {
            "iss": ISSUER, "aud": "career", "sub": "ada", "iat": now, "exp": now + 600, **claims}
        key = self.keys.get(name) or ed25519.Ed25519PrivateKey.generate()
        headers = {"typ": type, **({"kid": name} if names_key and name else {})}
        return jwt.encode(payload, key, algorithm="EdDSA", headers=headers)


@pytest.fixture
def provider():
    provider = Provider().add("one")
    yield provider
    provider.goes_on.set()
    provider.server.shutdown()


@pytest.fixture
def service(tmp_path, provider):
    service = Service(
        tmp_path, AUTH_JWKS=f"http://127.0.0.1:{provider.server.server_port}/keys",
        AUTH_ISSUER=ISSUER, AUTH_AUDIENCE="career")
    yield service
    provider.goes_on.set()
    service.stop()


def me(service, token):
    return service.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})


def soon(service, token, status):
    """The first answer of that status; fails where none comes in good time."""
    deadline = time.monotonic() + 30
    while (answer := me(service, token)).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def test_keys_are_there_before_the_first_token_asks(provider, service):
    service.start()
    assert provider.was_asked.wait(10)
    assert me(service, provider.token("one")).status == 200
    assert provider.fetched == 1


def test_a_provider_that_hangs_at_the_start_delays_its_own_tokens_alone(provider, service):
    provider.goes_on.clear()
    service.start()
    assert provider.was_asked.wait(10)
    start = time.monotonic()
    user = service.sign_up()
    assert user.get("/auth/me").status == 200
    assert time.monotonic() - start < 5
    answer = me(service, provider.token("one"))
    assert answer.status == 503 and answer.code == "identity_provider_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    provider.goes_on.set()
    soon(service, provider.token("one"), 200)


def test_a_new_key_is_fetched_when_a_token_names_it(provider, service):
    service.start()
    id = soon(service, provider.token("one"), 200).json["id"]
    provider.add("two")
    assert soon(service, provider.token("two"), 200).json["id"] == id


def test_unknown_keys_cause_no_flood_of_fetches(provider, service):
    service.start()
    soon(service, provider.token("one"), 200)
    for round in range(5):
        answers = together(10, lambda index: me(service, provider.token(f"{round}-{index}")))
        assert {answer.status for answer in answers} == {401}
    assert provider.fetched <= 6
    assert me(service, provider.token("one", sub="bob")).status == 200


@pytest.mark.parametrize("answer", [
    (500, b"down"), (200, b"not JSON"), (200, b'{"keys": []}'), (200, b'{"keys": [{"kid": 1}]}'),
    (404, b"")])
def test_known_keys_stay_good_while_the_provider_answers_nonsense(provider, service, answer):
    service.start()
    soon(service, provider.token("one"), 200)
    provider.answer = answer
    before = provider.fetched
    # Until a fetch has failed the key is unknown; then nobody can say.
    refused = soon(service, provider.token("two"), 503)
    assert refused.code == "identity_provider_unavailable" and provider.fetched > before
    assert me(service, provider.token("one", sub="bob")).status == 200


def test_a_provider_that_never_was_there_stops_no_start(tmp_path):
    service = Service(
        tmp_path, AUTH_JWKS="http://127.0.0.1:9/keys", AUTH_ISSUER=ISSUER,
        AUTH_AUDIENCE="career").start()
    assert service.sign_up().get("/auth/me").status == 200
    assert me(service, Provider().add("one").token("one")).status == 503
    service.stop()


@pytest.mark.parametrize("name", [None, "one"])
def test_a_token_that_names_no_key_means_the_only_one_of_its_algorithm(tmp_path, name):
    provider = Provider().add(name)
    service = Service(
        tmp_path, AUTH_JWKS=f"http://127.0.0.1:{provider.server.server_port}/keys",
        AUTH_ISSUER=ISSUER, AUTH_AUDIENCE="career").start()
    nameless = lambda: provider.token(name, names_key=False, jti=uuid.uuid4().hex)
    soon(service, nameless(), 200)
    # Signed with another key, it is refused all the same.
    assert me(service, provider.token("another", names_key=False)).status == 401
    # A token that names a key which nobody showed means none of them.
    assert me(service, provider.token("another")).status == 401
    provider.add("two")
    soon(service, provider.token("two"), 200)
    # By now two keys fit, and nothing tells which one is meant.
    assert me(service, nameless()).status == 401
    service.stop()
    provider.server.shutdown()


@pytest.mark.parametrize("type,status", [
    ("JWT", 200), ("at+jwt", 200), ("AT+JWT", 200), ("application/at+jwt", 200),
    ("application/jwt", 200), ("refresh+jwt", 401), ("text/jwt", 401),
    # The library then writes none.
    ("", 200)])
def test_a_token_says_that_it_is_an_access_token_or_a_jwt(provider, service, type, status):
    service.start()
    soon(service, provider.token("one"), 200)
    answer = me(service, provider.token("one", type=type, sub="typed"))
    assert answer.status == status, answer
