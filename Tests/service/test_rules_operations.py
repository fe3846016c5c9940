"""Rules of running the service: clocks that do not move, a database that is away, a shutdown."""

import json
import resource
import select
import signal
import socket
import struct
import threading
import time

import pytest

from conftest import DAY, KEY, Service
from test_operations import PRODUCTION
from test_payments_queue import until

VALIDATE = "/career/internal/usage/validate"
COMMIT = "/career/internal/usage/commit"


def test_in_production_a_stored_clock_offset_is_ignored(tmp_path):
    service = Service(tmp_path).start()
    user = service.sign_up()
    now = user.token
    service.advance(40 * DAY)
    asked = {"Authorization": f"Bearer {now}"}
    assert service.call("GET", "/auth/me", headers=asked).status == 401
    service.stop()
    service.environment.update(PRODUCTION, PASSWORD_COST="")
    service.offset = 0
    service.start()
    secret = PRODUCTION["JWT_SECRET"]
    today = {"Authorization": f"Bearer {service.mint(secret=secret, sub=user.id)}"}
    assert service.call("GET", "/auth/me", headers=today).status == 200
    made = service.command(
        "users", "create", "today@example.test", CUEBX_USER_PASSWORD="Operator-1")
    assert made.returncode == 0, made
    [(created,)] = service.rows(
        "SELECT created_at FROM users WHERE email_key = ?", "today@example.test")
    assert abs(created / 1_000_000 - time.time()) < 60
    service.stop()


@pytest.mark.parametrize("settings", [
    {"STRIPE_SECRET_KEY": "sk_test_x"},
    {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_API_BASE": "https://stripe.example.test"}])
def test_with_a_real_stripe_the_development_clock_cannot_be_moved(tmp_path, settings):
    service = Service(tmp_path, **settings).start()
    refused = service.call("POST", "/dev/clock", {"advance_seconds": 1})
    assert refused.status == 409 and refused.code == "clock_is_fixed"
    assert service.rows("SELECT clock_offset FROM installation") == [(0,)]
    service.stop()


def test_with_no_local_stripe_the_clock_moves_without_it(tmp_path):
    service = Service(tmp_path, STRIPE_API_BASE="http://127.0.0.1:9").start()
    service.advance(DAY)
    assert service.rows("SELECT clock_offset FROM installation") == [(DAY * 1_000_000,)]
    assert "no local Stripe listens" in service.log.read_text()
    service.stop()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"])
def test_a_local_stripe_that_fails_is_told_and_is_no_defect_of_ours(tmp_path, answer):
    with socket.create_server(("127.0.0.1", 0)) as stripe:
        stripe.settimeout(30)
        base = f"http://127.0.0.1:{stripe.getsockname()[1]}"
        service = Service(tmp_path, STRIPE_API_BASE=base).start()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            service.call("POST", "/dev/clock", {"advance_seconds": DAY})))
        thread.start()
        connection, _ = stripe.accept()
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()
        thread.join()
    [refused] = answers
    assert refused.status == 503 and refused.code == "payment_provider_unavailable"
    assert "has moved" in refused.json["detail"]
    assert service.rows("SELECT clock_offset FROM installation") == [(DAY * 1_000_000,)]
    assert "request failed" not in service.log.read_text()
    service.stop()


def request(user, body, path=VALIDATE):
    """The bytes of a request on a connection of its own."""
    data = json.dumps(body).encode()
    headers = {"Host": "x", "Content-Type": "application/json", "Content-Length": len(data),
               **user.auth, **KEY}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + data


def send(service, data):
    connection = socket.create_connection((service.host, service.port), timeout=60)
    connection.sendall(data)
    return connection


def hang_up(connection):
    """Resets the connection: an orderly end would have the server wait to answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def validation(name):
    return {"request_id": name, "feature_key": "career.job_match", "endpoint": "/x",
            "method": "POST", "payload_hash": "ab" * 32}


def refused(answer, code):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: " in head.lower()
    assert json.loads(body)["code"] == code


def test_with_the_database_away_or_too_much_waiting_it_is_503_and_nothing_is_done(tmp_path):
    # Each of the many connections is an open file, here and there.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(8192, hard)), hard))
    service = Service(tmp_path, LOG_LEVEL="error").start()
    user, other = service.sign_up(), service.sign_up()
    one = request(user, validation("waiting"))
    waiting, answered = {}, select.poll()
    with service.seized("career_subscription_contexts"):
        lone = send(service, request(user, validation("away")))
        assert service.call("GET", "/health").status == 200
        # 2048 requests are all that the server takes in; none of them can be answered yet.
        for _ in range(2100):
            connection = send(service, one)
            waiting[connection.fileno()] = connection
            answered.register(connection, select.POLLIN)
        until(lambda: len(answered.poll(0)) >= 20)
        # The last ones: by now the first may have waited for the database in vain.
        for number, _ in answered.poll(0)[-20:]:
            refused(waiting[number].recv(65536), "overloaded")
        # The database has been waited for.
        refused(lone.recv(65536), "database_unavailable")
        for connection in (lone, *waiting.values()):
            hang_up(connection)
    until(lambda: other.validate().status == 200)
    # All that waited asked the same thing, so it was done once at most; the lone one never was.
    names = [log["request_id"] for log in user.get("/career/usage/logs").json["items"]]
    assert names in ([], ["waiting"])
    assert service.audit().returncode == 0
    service.stop()


def test_a_shutdown_finishes_what_the_ledger_has_taken_though_nobody_waits_for_it(tmp_path):
    service = Service(tmp_path).start()
    users = [service.sign_up() for _ in range(6)]
    usages = [user.validate().json["usage_id"] for user in users]
    bodies = [{"user_id": user.id, "usage_id": usage, "success": True}
              for user, usage in zip(users, usages)]
    connections = []
    until(lambda: service.metric("cuebx_ledger_operations_in_progress") == 0)
    with service.seized("career_subscription_contexts"):
        # The first is in work and waits for the database, the others wait for the first.
        for user, body in zip(users, bodies):
            connections.append(send(service, request(user, body, COMMIT)))
            until(lambda: service.metric("cuebx_ledger_operations_in_progress")
                  == len(connections))
        for connection in connections:
            hang_up(connection)
        service.process.send_signal(signal.SIGTERM)
        until(lambda: "the ledger finishes what it has taken" in service.log.read_text())
        assert service.process.poll() is None
    assert service.process.wait(30) == 0
    assert service.rows("SELECT DISTINCT status FROM career_usage_logs") == [("SUCCESS",)]
    assert service.audit().returncode == 0
