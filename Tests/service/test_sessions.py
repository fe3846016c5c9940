"""Refresh tokens in a race, and what is swept away when its time is over."""

import secrets
import time
import uuid

import pytest

from conftest import DAY, PASSWORD, Service, together
from test_identity import email, refresh, sign_in
from test_operations import PRODUCTION

SWEPT = ("auth_throttles", "one_time_codes", "refresh_tokens", "sessions")


def count(service, table):
    return service.rows(f"SELECT count(*) FROM {table}")[0][0]


def test_two_refreshes_at_once_leave_no_live_session(service):
    for _ in range(5):
        user = service.sign_up()
        first = user.tokens["refresh_token"]
        answers = together(4, lambda _: refresh(service, first))
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [200, 401, 401, 401]
        winner = next(answer for answer in answers if answer.status == 200)
        # One of the four may be a thief, and nobody can tell which.
        assert refresh(service, winner.json["refresh_token"]).status == 401
        assert service.call("GET", "/auth/sessions", headers=user.auth).json["sessions"] == []


def test_other_sessions_outlive_the_reuse_of_a_token(service, user):
    other = sign_in(service, user.email).json["refresh_token"]
    first = user.tokens["refresh_token"]
    assert [refresh(service, first).status for _ in range(2)] == [200, 401]
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
    service.advance(9 * 60)
    assert count(service, "sessions") == 1 and count(service, "refresh_tokens") == 2
    assert count(service, "one_time_codes") == 1 and count(service, "auth_throttles") > 0
    # The used token is still known, so its reuse ends the session.
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


@pytest.mark.parametrize("table,time", [
    ("auth_throttles", "window_started_at"), ("one_time_codes", "expires_at"),
    ("refresh_tokens", "expires_at"), ("sessions", "expires_at"), ("mails", "created_at")])
def test_sweeping_reads_no_whole_table(service, table, time):
    plan = service.plan(
        f"SELECT 1 FROM {table} WHERE {time} <= 1 ORDER BY {time} LIMIT 500")
    if service.uses_sqlite:
        assert all("SEARCH" in step and "INDEX" in step for step in plan), plan
    else:
        assert any("Index" in step for step in plan) and "Seq Scan" not in str(plan), plan
