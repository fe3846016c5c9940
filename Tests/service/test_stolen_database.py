"""Who has the database's file, a backup or an export of it signs in nowhere: neither with what lies
in it, nor with what can be computed from it."""

import hashlib
import hmac
import json
import re
import time
import uuid

import pytest

from conftest import DAY, PASSWORD, Service
from teams import Team
from test_identity import email, refresh, sign_in

OLD, NEW = "old-secret-" + "o" * 32, "new-secret-" + "n" * 32
CONFIRM = "/auth/password/reset/confirm"


def ask_for_reset(service, address):
    assert service.call("POST", "/auth/password/reset", {"email": address}).status == 200
    return service.code(address)


def confirm(service, address, code, password="Newer-Passw0rd1"):
    return service.call(
        "POST", CONFIRM, {"email": address, "otp_code": code, "new_password": password})


class Victims:
    """An account with a running reset, one that awaits its proof, one that is gone, and a team whose
    bills are to go to an address that awaits its proof. Each code by what it belongs to."""

    def __init__(self, service):
        self.service = service
        self.user = service.sign_up(full_name="Ada")
        self.codes = {("password_reset", self.user.id): ask_for_reset(service, self.user.email)}
        self.waiting = email()
        service.call("POST", "/auth/signup", {"email": self.waiting, "password": PASSWORD})
        (id,), = service.rows("SELECT id FROM users WHERE email_key = ?", self.waiting)
        self.codes["signup", str(id)] = service.code(self.waiting)
        team, payer = Team(service, seats=0), email()
        assert team.patch("", {"billing_email": payer}).status == 200
        self.codes["billing email", team.id, payer] = service.code(payer)
        self.gone = service.sign_up()
        assert service.call("DELETE", "/auth/me", headers=self.gone.auth).status == 200
        assert sign_in(service, self.user.email, "Wrong-Passw0rd1").status == 401


def stolen(service, how):
    """Every value of every table, as it lies in what was stolen."""
    if how == "rows":
        tables = service.tables
        return [value for rows in tables.values() for row in rows for value in row
                if value is not None]
    lines = service.command("export").stdout.splitlines()
    return [value for line in lines if line.startswith("[") for value in json.loads(line)
            if value is not None]


def texts(values):
    return [value if isinstance(value, str) else value.decode(errors="ignore")
            for value in values if isinstance(value, (str, bytes))]


def keys(values):
    """All that could be a key: bytes, texts, and texts that are bytes in hexadecimal."""
    found = set()
    for value in values:
        if isinstance(value, bytes):
            found.add(value)
        elif isinstance(value, uuid.UUID):
            found.add(value.bytes)
        elif isinstance(value, str):
            found.add(value.encode())
            if re.fullmatch("([0-9a-f]{2})+", value):
                found.add(bytes.fromhex(value))
    return found


def framed(*parts):
    return b"".join(len(part).to_bytes(8, "big") + part.encode() for part in parts)


def candidates(code, owner):
    yield from (code.encode(), framed(code), framed("code", *owner, code),
                framed(*owner, code), ("".join(owner) + code).encode())


@pytest.mark.parametrize("how", ["rows", "export"])
def test_no_code_can_be_read_or_computed_from_what_lies_in_the_database(tmp_path, how):
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD).start()
    victims = Victims(service)
    values = stolen(service, how)
    hashes = keys(values)
    assert len(hashes) > 50
    for owner, code in victims.codes.items():
        for text in texts(values):
            # By chance six digits in a row may stand in a longer number or an id.
            assert not re.search(rf"(?<![0-9a-f-]){code}(?![0-9a-f-])", text), text
        for message in candidates(code, owner):
            assert hashlib.sha256(message).digest() not in hashes
            for key in hashes:
                made = hmac.digest(key, message, "sha256")
                assert made not in hashes, (key, message)
    service.stop()


def test_nothing_that_lies_in_the_database_is_a_token_or_a_code(tmp_path):
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD).start()
    victims = Victims(service)
    words = {word for text in texts(stolen(service, "export"))
             for word in [text, *text.split()] if 0 < len(word) <= 512 and word.isascii()}
    for word in words:
        assert refresh(service, word).status == 401, word
        if word.isprintable():
            bearer = {"Authorization": f"Bearer {word.strip()}"}
            assert service.call("GET", "/auth/me", headers=bearer).status == 401, word
    digits = {word for word in words if re.fullmatch(r"\d{6}", word)}
    for address, path in ((victims.user.email, CONFIRM), (victims.waiting, "/auth/signup/verify")):
        for word in digits:
            body = {"email": address, "otp_code": word, "new_password": PASSWORD}
            assert service.call("POST", path, body).status in (400, 429)
    service.stop()


def test_a_mail_lies_sealed_and_is_read_opened(tmp_path):
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD).start()
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    code = service.code(address)
    [(text, html, sealed)] = service.rows("SELECT text, html, sealed_code FROM mails")
    assert code not in text and code not in html and code.encode() not in bytes(sealed)
    assert code in service.mail(address)[-1]["html"]
    # A sealed code belongs to its own mail.
    service.call("POST", "/auth/signup", {"email": email(), "password": PASSWORD})
    service.write("UPDATE mails SET sealed_code = ?", bytes(sealed))
    shown = [code in mail["text"] for mail in service.call("GET", "/dev/mailbox").json["messages"]]
    assert sorted(shown) == [False, True]
    service.stop()


def restarted(service, **settings):
    service.stop()
    service.environment.update(settings)
    return service.start()


def test_the_first_secret_writes_and_all_are_read(tmp_path):
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD, TRUSTED_PROXIES="127.0.0.1").start()
    user, gone, locked = service.sign_up(), service.sign_up(), service.sign_up()
    gone.spend()
    assert service.call("DELETE", "/auth/me", headers=gone.auth).status == 200
    code = ask_for_reset(service, user.email)
    for _ in range(10):
        assert sign_in(service, locked.email, "Wrong-Passw0rd1").status == 401
    first = refresh(service, user.tokens["refresh_token"])
    restarted(service, TOKEN_HASH_SECRETS=f"{NEW}, {OLD}")
    # Two processes may not change over at the same instant.
    assert sign_in(service, locked.email).status == 429
    assert refresh(service, user.tokens["refresh_token"]).json["refresh_token"] \
        == first.json["refresh_token"]
    assert service.code(user.email) == code
    assert confirm(service, user.email, code).status == 200
    again = service.sign_up(gone.email)
    assert again.balance["credits_remaining"] == "24.00"
    restarted(service, TOKEN_HASH_SECRETS=NEW)
    # What was deleted under both is known under the new one alone.
    assert service.call("DELETE", "/auth/me", headers=again.auth).status == 200
    assert service.sign_up(gone.email).balance["credits_remaining"] == "24.00"
    service.stop()


def test_what_was_written_under_a_secret_that_is_gone_opens_nothing_and_harms_nothing(tmp_path):
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD).start()
    user = service.sign_up()
    code = ask_for_reset(service, user.email)
    restarted(service, TOKEN_HASH_SECRETS=NEW)
    assert code not in service.mail(user.email)[-1]["text"]
    assert confirm(service, user.email, code).status == 400
    assert confirm(service, user.email, ask_for_reset(service, user.email)).status == 200
    assert sign_in(service, user.email, "Newer-Passw0rd1").status == 200
    service.stop()


@pytest.mark.parametrize("moved", [False, True])
def test_an_account_deleted_before_there_was_the_setting_is_still_known(tmp_path, moved):
    """Its hash is one under the database's own secret, which goes wherever the database goes."""
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD)
    assert service.command("migrate").returncode == 0
    address = email()
    (secret,), = service.rows("SELECT secret FROM installation")
    hash = hmac.digest(bytes(secret), framed("former email", address), "sha256")
    now = int(time.time() * 1_000_000)
    service.write(
        "INSERT INTO former_accounts (email_hash, trial_used, period_anchor, period_start,"
        " period_end, credits_remaining, deleted_at) VALUES (?, 1, ?, ?, ?, 3000000, ?)",
        hash, now - 1, now - 1, now + 20 * DAY * 1_000_000, now)
    if moved:
        (tmp_path / "there").mkdir()
        target = Service(tmp_path / "there", TOKEN_HASH_SECRETS=OLD)
        assert service.command("export", str(tmp_path / "export")).returncode == 0
        assert target.command("import", str(tmp_path / "export")).returncode == 0
        service = target
    service.start()
    user = service.sign_up(address)
    assert user.balance["credits_remaining"] == "3.00"
    assert service.rows("SELECT trial_used FROM subscriptions") == [(1,)]
    # Deleted anew, it is kept under the setting's secret alone.
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    [(kept,)] = service.rows("SELECT email_hash FROM former_accounts")
    assert bytes(kept) != hash
    assert service.sign_up(address).balance["credits_remaining"] == "3.00"
    service.stop()
