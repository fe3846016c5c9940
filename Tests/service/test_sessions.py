"""Refresh tokens in a race, and what is swept away when its time is over."""

import secrets
import time
import uuid

import pytest

from browser import Browser
from conftest import DAY, PASSWORD, Service, together
from test_identity import email, refresh, sign_in
from test_operations import PRODUCTION

SWEPT = ("auth_throttles", "one_time_codes", "refresh_tokens", "sessions")


def count(service, table):
    return service.rows(f"SELECT count(*) FROM {table}")[0][0]


def refresh_as(service, token, agent):
    headers = {"User-Agent": agent} if agent else {}
    return service.call(
        "POST", "/auth/token/refresh", {"refresh_token": token}, headers=headers)


def test_refreshes_at_once_are_answered_with_one_successor(service):
    for _ in range(5):
        user = service.sign_up()
        first = user.tokens["refresh_token"]
        answers = together(4, lambda _: refresh(service, first))
        assert [answer.status for answer in answers] == [200] * 4
        [second] = {answer.json["refresh_token"] for answer in answers}
        assert second != first and refresh(service, second).status == 200


@pytest.mark.parametrize("agent,other", [
    ("Browser/1", "Thief/1"), ("Browser/1", None), (None, "Thief/1")])
def test_a_token_that_comes_again_from_another_user_agent_ends_the_session(
        service, user, agent, other):
    first = user.tokens["refresh_token"]
    second = refresh_as(service, first, agent).json["refresh_token"]
    assert refresh_as(service, first, agent).json["refresh_token"] == second
    assert refresh_as(service, first, other).status == 401
    assert refresh_as(service, second, agent).status == 401
    assert refresh_as(service, first, agent).status == 401
    assert service.call("GET", "/auth/sessions", headers=user.auth).json["sessions"] == []


def test_ten_seconds_later_a_token_that_comes_again_ends_the_session(own_service):
    for seconds, status in ((9, 200), (10, 401)):
        first = own_service.sign_up().tokens["refresh_token"]
        second = refresh(own_service, first).json["refresh_token"]
        own_service.advance(seconds)
        again = refresh(own_service, first)
        # The wall's own seconds pass as well.
        assert again.status in (status, 401)
        if again.status == 401:
            assert refresh(own_service, second).status == 401
        else:
            assert again.json["refresh_token"] == second


def test_within_ten_seconds_a_lost_answer_harms_no_deactivated_or_ended_session(service):
    user = service.sign_up()
    first = user.tokens["refresh_token"]
    second = refresh(service, first).json["refresh_token"]
    service.call("POST", "/auth/signout", {"refresh_token": second})
    assert refresh(service, first).status == 401
    user = service.sign_up()
    first = user.tokens["refresh_token"]
    refresh(service, first)
    assert service.command("users", "deactivate", user.id).returncode == 0
    assert refresh(service, first).status == 401


def test_other_sessions_outlive_the_reuse_of_a_token(service, user):
    other = sign_in(service, user.email).json["refresh_token"]
    first = user.tokens["refresh_token"]
    assert [refresh_as(service, first, agent).status for agent in ("a", "b")] == [200, 401]
    assert refresh(service, other).status == 200


def test_what_is_over_is_swept_away(own_service):
    service = own_service
    user = service.sign_up()
    for address in (user.email, email()):
        service.call("POST", "/auth/password/reset", {"email": address})
        assert sign_in(service, address, "Wrong-Passw0rd").status == 401
    refresh(service, user.tokens["refresh_token"])
    assert all(count(service, table) > 0 for table in SWEPT)
    mails = count(service, "mails")
    service.advance(7 * DAY)
    assert [count(service, table) for table in SWEPT] == [0, 0, 0, 0]
    # In development mails are the mailbox.
    service.advance(60 * DAY)
    assert count(service, "mails") == mails


def test_what_is_not_over_stays(own_service):
    service = own_service
    user = service.sign_up()
    first = sign_in(service, user.email, remember_me=True).json["refresh_token"]
    service.advance(20 * DAY)
    second = refresh(service, first).json["refresh_token"]
    assert sign_in(service, user.email, "Wrong-Passw0rd").status == 401
    service.call("POST", "/auth/password/reset", {"email": user.email})
    service.advance(9 * 60 - 10)
    assert count(service, "sessions") == 1 and count(service, "refresh_tokens") == 2
    assert count(service, "one_time_codes") == 1 and count(service, "auth_throttles") > 0
    # The used token is still known, so its reuse ends the session.
    service.advance(10)
    assert refresh(service, first).status == 401
    assert refresh(service, second).status == 401


def test_more_than_one_batch_is_swept(own_service):
    service = own_service
    buckets = [secrets.token_bytes(32) for _ in range(1777)]
    service.write(
        "INSERT INTO auth_throttles (bucket, failures, window_started_at) VALUES "
        + ", ".join(["(?, 1, 1)"] * len(buckets)), *buckets)
    service.advance(0)
    assert count(service, "auth_throttles") == 0


def test_in_production_mails_are_kept_for_thirty_days(tmp_path):
    service = Service(tmp_path, **PRODUCTION)
    assert service.command("migrate").returncode == 0
    now = time.time()
    for days in (29, 31):
        created = int((now - days * DAY) * 1_000_000)
        service.write(
            """INSERT INTO mails (id, recipient, subject, text, html, created_at)
            VALUES (?, ?, 's', 't', 'h', ?)""", uuid.uuid4(), f"{days}@example.test", created)
    service.start()
    deadline = time.monotonic() + 20
    while count(service, "mails") == 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert service.rows("SELECT recipient FROM mails") == [("29@example.test",)]
    service.stop()


def test_an_account_whose_address_nobody_proves_ends_after_a_week(own_service):
    service = own_service
    address, locked, proven = email(), email(), service.sign_up()
    for other in (address, locked):
        service.call("POST", "/auth/signup", {"email": other, "password": PASSWORD})
    assert service.command("users", "deactivate", locked).returncode == 0
    service.advance(6 * DAY)
    assert count(service, "users") == 3
    # Signing up once more begins the week anew.
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    service.advance(6 * DAY)
    assert count(service, "users") == 3
    service.advance(DAY)
    left = {row[0] for row in service.rows("SELECT email FROM users")}
    assert left == {proven.email, locked}
    # Nobody has that address, so it may be signed up.
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    body = {"email": address, "otp_code": service.code(address)}
    assert service.call("POST", "/auth/signup/verify", body).status == 200


def test_every_row_that_a_stranger_causes_has_an_end(tmp_path):
    """A year later nothing is left of what somebody without an account has asked for."""
    # Nothing takes the mails, and they are given up on.
    service = Service(tmp_path, SMTP_URL="smtp://127.0.0.1:9").start()
    # The events of the prices that its start has made.
    service.advance(0)
    before = {table: count(service, table) for table in service.columns}
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    service.call("POST", "/auth/signup", {"email": address, "password": "Another-Passw0rd1"})
    for path in ("/auth/signup/resend", "/auth/password/reset"):
        for other in (address, email()):
            service.call("POST", path, {"email": other})
    for path, more in (("/auth/signup/verify", {}),
                       ("/auth/password/reset/confirm", {"new_password": PASSWORD})):
        service.call("POST", path, {"email": address, "otp_code": "000000", **more})
    sign_in(service, address)
    refresh(service, "unknown")
    Browser(service).get("/reset").send("/reset", email=email())
    grown = {table for table in service.columns if count(service, table) > before[table]}
    assert {"users", "mails", "messages", "one_time_codes", "auth_throttles",
            "form_tokens"} <= grown
    for days in (5, 31, 365):
        service.advance(days * DAY)
    after = {table: count(service, table) for table in service.columns}
    assert after == before
    service.stop()


@pytest.mark.parametrize("table,time", [
    ("auth_throttles", "window_started_at"), ("one_time_codes", "expires_at"),
    ("refresh_tokens", "expires_at"), ("sessions", "expires_at"), ("mails", "created_at"),
    ("form_tokens", "begun_at")])
def test_sweeping_reads_no_whole_table(service, table, time):
    plan = service.plan(
        f"SELECT 1 FROM {table} WHERE {time} <= 1 ORDER BY {time} LIMIT 500")
    if service.uses_sqlite:
        assert all("SEARCH" in step and "INDEX" in step for step in plan), plan
    else:
        assert any("Index" in step for step in plan) and "Seq Scan" not in str(plan), plan
