"""Who proves an address decides: whatever others do with it before, between and after."""

import itertools
import tempfile

import pytest

from conftest import Service, together
from test_identity import email, sign_in

ADA, BOB, PROVER, OPERATOR = "Ada-Passw0rd", "Bob-Passw0rd", "Prover-Passw0rd1", "Oper-Passw0rd1"
ALL = (ADA, BOB, PROVER, OPERATOR)
SEVERAL = "Several people have asked"
# No two walks count against the same networks.
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def proxied():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, TRUSTED_PROXIES="127.0.0.1").start()
        yield service
        service.stop()


class Model:
    """What an account is to be: its password and name, whether it is proven."""

    def __init__(self):
        self.erase()

    def erase(self):
        self.exists, self.proven, self.password, self.name = False, False, None, None

    def sign_up(self, password, name):
        if self.proven:
            return
        if not self.exists:
            self.exists, self.password, self.name = True, password, name
        elif password == self.password:
            self.name = name
        else:
            self.password = self.name = None

    def prove(self, password=None):
        if password is not None:
            self.name = self.name if password == self.password else None
            self.password = password
        self.proven = True

    def create(self, password):
        if not self.proven:
            self.exists = self.proven = True
            self.password, self.name = password, None


class Walk:
    """Does with one address what the letters say: a and b sign up, r resends, v verifies, p does with
    a password, c creates by command, d deletes."""

    def __init__(self, service):
        self.service, self.email, self.model, self.token = service, email(), Model(), None
        number = next(NUMBERS)
        self.networks = [f"10.{person}.{number >> 8}.{number & 255}" for person in (1, 2)]

    def may(self, step):
        if step in "vp":
            return self.model.exists and not self.model.proven
        return step != "d" or self.token is not None

    def post(self, path, body, step):
        """Each person asks from a network of their own; she who proves is the first."""
        headers = {"X-Forwarded-For": self.networks[step == "b"]}
        return self.service.call("POST", path, body, headers=headers)

    def do(self, step):
        if step in "ab":
            password, name = (ADA, "Ada") if step == "a" else (BOB, "Bob")
            body = {"email": self.email, "password": password, "full_name": name}
            assert self.post("/auth/signup", body, step).status == 201
            self.model.sign_up(password, name)
        elif step == "r":
            assert self.post("/auth/signup/resend", {"email": self.email}, "b").status == 200
        elif step in "vp":
            body = {"email": self.email, "otp_code": self.service.code(self.email)}
            if step == "p":
                body["password"] = PROVER
            is_contested = self.model.password is None
            assert (SEVERAL in self.service.mail(self.email)[-1]["text"]) == is_contested
            answer = self.post("/auth/signup/verify", body, step)
            assert answer.status == 200, answer
            self.model.prove(PROVER if step == "p" else None)
            self.token = answer.json["access_token"]
        elif step == "c":
            assert self.service.command(
                "users", "create", self.email, CUEBX_USER_PASSWORD=OPERATOR).returncode == 0
            self.model.create(OPERATOR)
        elif step == "d":
            assert self.call("DELETE", "/auth/me").status == 200
            self.model.erase()
            self.token = None

    def call(self, method, path):
        return self.service.call(
            method, path, headers={"Authorization": f"Bearer {self.token}"})

    def check(self):
        opened = {password for password in ALL
                  if sign_in(self.service, self.email, password).status == 200}
        assert opened == ({self.model.password} if self.model.proven else set()) - {None}
        if self.token:
            assert self.call("GET", "/auth/me").json["full_name"] == self.model.name


def sequences(first, every):
    """Sign-ups and proofs in every order, or in one of so many, and with the operator's command in
    shorter ones."""
    four = (steps for steps in itertools.product("abrvpd", repeat=4) if steps[0] == first)
    yield from itertools.islice(four, 0, None, every)
    yield from (steps for steps in itertools.product("abvpcd", repeat=3)
                if steps[0] == first and "c" in steps)


@pytest.mark.parametrize("first", "abc")
def test_at_most_the_provers_secrets_open_an_account_whatever_came_in_which_order(proxied, first):
    walked = 0
    # In every fifth of them, too, each step comes just after each other; that is enough where only the
    # database is another.
    every = 1 if proxied.uses_sqlite else 5
    for steps in sequences(first, every):
        walk = Walk(proxied)
        try:
            for step in steps:
                if not walk.may(step):
                    break
                walk.do(step)
            else:
                walk.check()
                walked += 1
        except AssertionError as error:
            raise AssertionError(f"{''.join(steps)}: {error}") from error
    assert walked > (5 if first == "c" else 80) / every


def test_who_types_the_newest_code_owns_the_account_and_no_stranger_does(proxied):
    """A stranger signs up with her address just after her; she types the newest code."""
    walk = Walk(proxied)
    for step in "abv":
        walk.do(step)
    assert sign_in(proxied, walk.email, BOB).status == 401
    assert walk.call("GET", "/auth/me").json["full_name"] is None
    # She has no password yet, and chooses one by a reset.
    proxied.call("POST", "/auth/password/reset", {"email": walk.email})
    body = {"email": walk.email, "otp_code": proxied.code(walk.email), "new_password": PROVER}
    assert proxied.call("POST", "/auth/password/reset/confirm", body).status == 200
    assert sign_in(proxied, walk.email, PROVER).status == 200


def test_a_sign_up_at_the_moment_of_the_proof_gets_nothing(proxied):
    for number in range(12):
        walk = Walk(proxied)
        walk.do("a")
        code = proxied.code(walk.email)
        more = {"password": PROVER} if number % 2 else {}

        def work(index):
            if index == 0:
                return walk.post("/auth/signup/verify", {
                    "email": walk.email, "otp_code": code, **more}, "a")
            body = {"email": walk.email, "password": BOB, "full_name": "Bob"}
            return walk.post("/auth/signup", body, "b")

        answers = together(3, work)
        assert answers[0].status == 200, answers
        assert sign_in(proxied, walk.email, BOB).status == 401
        walk.token = answers[0].json["access_token"]
        assert walk.call("GET", "/auth/me").json["full_name"] != "Bob"
        if more:
            assert sign_in(proxied, walk.email, PROVER).status == 200


def test_an_old_code_of_the_sign_up_changes_no_password_of_a_verified_account(proxied):
    """Each network that asks gets a code of its own; the first that is typed ends the others."""
    walk = Walk(proxied)
    walk.do("a")
    other = proxied.code(walk.email)
    walk.do("r")
    assert proxied.code(walk.email) != other or len(proxied.mail(walk.email)) == 2
    walk.do("v")
    body = {"email": walk.email, "otp_code": other, "password": BOB}
    assert walk.post("/auth/signup/verify", body, "b").status == 400
    assert sign_in(proxied, walk.email, ADA).status == 200


def test_signing_up_twice_with_one_password_is_one_person(proxied):
    walk = Walk(proxied)
    for step in "aav":
        walk.do(step)
    assert sign_in(proxied, walk.email, ADA).status == 200
    address = email()
    together(2, lambda _: proxied.call(
        "POST", "/auth/signup", {"email": address, "password": ADA}))
    proxied.call("POST", "/auth/signup/verify", {
        "email": address, "otp_code": proxied.code(address)})
    assert sign_in(proxied, address, ADA).status == 200


@pytest.mark.parametrize("password", ["short1A", "alllower1"])
def test_a_weak_password_with_the_code_is_refused(proxied, password):
    walk = Walk(proxied)
    walk.do("a")
    body = {"email": walk.email, "otp_code": proxied.code(walk.email), "password": password}
    answer = walk.post("/auth/signup/verify", body, "a")
    assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["body", "password"]
    walk.do("p")
    walk.check()
