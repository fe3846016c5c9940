"""What clients can cost: time linear in the bytes they send, however they cut them; memory within
named limits, whatever they leave unread or unfinished; a shutdown that waits for nobody long."""

import contextlib
import http.client
import json
import re
import signal
import socket
import threading
import time
import uuid

import pytest

import ledger_data
from conftest import FREE, Service

MIB = 1 << 20
# `HeldBytes.maximum`, and what a connection may keep beside it: `HeldBytes.allowance`, a piece of
# an answer, the parser's own buffers.
BUDGET = 64 * MIB
LOGS = 100_000
BESIDE = 64 << 10
SIGN_IN = b"POST /auth/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"


def resident(service):
    """Bytes of memory that the process holds."""
    with open(f"/proc/{service.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024


def one_byte_chunks(number):
    return CHUNKED + b"1\r\nx\r\n" * number + END


def chunks_with_extensions(number):
    return CHUNKED + b"1;a=b\r\nx\r\n" * number + END


def chunks_behind_a_slow_request(number):
    """They wait while the request before is worked on."""
    body = b'{"email":"nobody@example.test","password":"Passw0rd-x"}'
    return SIGN_IN + b"Content-Length: %d\r\n\r\n" % len(body) + body + one_byte_chunks(number)


def small_requests_sent_ahead(number):
    return (GET + b"\r\n") * (number // 100)


def many_members(number):
    body = json.dumps({f"m{index}": 0 for index in range(number // 8)}).encode()
    return SIGN_IN + b"Content-Length: %d\r\n\r\n" % len(body) + body


def deep_escapes(number):
    body = b'{"email":"' + b"\\u0041" * (number // 4) + b'"}'
    return SIGN_IN + b"Content-Length: %d\r\n\r\n" % len(body) + body


CUTS = [one_byte_chunks, chunks_with_extensions, chunks_behind_a_slow_request,
        small_requests_sent_ahead, many_members, deep_escapes]


def processor_time(service, data):
    before = service.cpu_seconds
    with socket.create_connection((service.host, service.port), timeout=120) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while part := client.recv(1 << 20):
            received += part
    assert received.startswith(b"HTTP/1.1 "), received[:100]
    return service.cpu_seconds - before


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
def test_time_is_linear_in_the_bytes_however_they_are_cut(service, cut):
    processor_time(service, cut(1000))
    half, whole = processor_time(service, cut(200_000)), processor_time(service, cut(400_000))
    # A fifth of a second for what the machine adds.
    assert whole < 3 * half + 0.2, (half, whole)


def test_time_is_linear_in_the_segments_in_which_bytes_come(service):
    def send(number):
        before = service.cpu_seconds
        with socket.create_connection((service.host, service.port), timeout=60) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(SIGN_IN + b"Content-Length: %d\r\n\r\n" % number)
            for _ in range(number):
                client.send(b"x")
            assert b" 400 " in client.recv(65536)
        return service.cpu_seconds - before

    half, whole = send(20_000), send(40_000)
    assert whole < 3 * half + 0.2, (half, whole)


def test_nobody_waits_for_a_strangers_bytes(service):
    data = one_byte_chunks(800_000)
    slowest = 0
    senders = [
        threading.Thread(target=processor_time, args=(service, data)) for _ in range(4)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        start = time.monotonic()
        assert service.call("GET", "/health").status == 200
        slowest = max(slowest, time.monotonic() - start)
    assert slowest < 2, slowest


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """A server with somebody who has used it for years: a hundred thousand logs, with texts as long
    as they may be in the newest."""
    service = Service(tmp_path_factory.mktemp("stocked"), LOG_LEVEL="critical").start()
    user = service.sign_up()
    ledger_data.settled_logs(service, user, LOGS)
    service.write(
        "UPDATE career_usage_logs SET endpoint = ?, user_agent = ? WHERE user_id = ? AND id >= ?",
        "/" + "e" * 2047, "a" * 1024, uuid.UUID(user.id),
        service.rows(
            "SELECT id FROM career_usage_logs WHERE user_id = ? ORDER BY id DESC LIMIT 1 OFFSET 200",
            uuid.UUID(user.id))[0][0])
    regular = service.sign_up()
    ledger_data.settled_logs(service, regular, 3650, days_apart=1, start=1_600_000_000)
    for _ in range(100):
        service.sign_up()
    yield service, user, regular
    service.stop()


def asked(service, path, user=None):
    """A connection on which the answer to the request is not read."""
    client = socket.create_connection((service.host, service.port), timeout=30)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    token = f"Authorization: Bearer {user.token}\r\n" if user else ""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n".encode())
    return client


def test_an_export_of_many_logs_is_whole_and_adds_forty_mebibytes_at_most(stocked):
    service, user, _ = stocked
    before, most, parts = resident(service), 0, []
    client = http.client.HTTPConnection(service.host, service.port, timeout=60)
    client.request("GET", "/auth/me/export", headers=user.auth)
    answer = client.getresponse()
    assert answer.status == 200 and answer.headers["Transfer-Encoding"] == "chunked"
    while part := answer.read(MIB):
        parts.append(part)
        most = max(most, resident(service))
    client.close()
    assert most - before < 40 * MIB, (before, most)
    export = json.loads(b"".join(parts))
    ids = [log["id"] for log in export["usage_logs"]]
    assert len(ids) == len(set(ids)) == LOGS and ids == sorted(ids, reverse=True)


def test_an_export_has_the_members_that_the_document_names(service, user):
    user.spend()
    schemas = service.call("GET", "/openapi.json").json["components"]["schemas"]
    export = user.get("/auth/me/export").json
    assert list(export) == schemas["ExportResponse"]["required"]
    assert len(export["usage_logs"]) == 1 and len(export["credit_grants"]) == 1
    assert list(export["usage_logs"][0]) == schemas["ExportedUsageLog"]["required"]


def test_an_export_of_many_rows_of_every_list_tells_each_once(service):
    user = service.sign_up()
    [(subscription,)] = service.rows(
        "SELECT id FROM subscriptions WHERE user_id = ?", uuid.UUID(user.id))
    [(at,)] = service.rows(
        "SELECT created_at FROM users WHERE id = ?", uuid.UUID(user.id))
    ledger_data.settled_logs(service, user, 230)
    for number in range(230):
        # Of several rows one time, so that the page's key must tell them apart.
        time_of = at + number // 7
        service.write(
            "INSERT INTO subscription_changes (id, subscription_id, event, plan_id, status, at) "
            "VALUES (?, ?, 'resumed', ?, 'active', ?)",
            uuid.uuid4(), subscription, uuid.UUID(FREE), time_of)
        service.write(
            "INSERT INTO credit_grants (user_id, period_number, kind, cause, credits, reason, "
            "created_at) VALUES (?, 0, 'adjustment', ?, 1, ?, ?)",
            uuid.UUID(user.id), f"cause-{number}", f"reason-{number}", time_of)
        service.write(
            "INSERT INTO sessions (id, user_id, device_info, remember_me, created_at, expires_at) "
            "VALUES (?, ?, ?, 0, ?, ?)",
            uuid.uuid4(), uuid.UUID(user.id), f"device-{number}", at, at + 10 ** 15)
    export = user.get("/auth/me/export").json
    # Rows from before the account's first period are nothing that the closing audit may find.
    service.write("DELETE FROM credit_grants WHERE user_id = ? AND period_number = 0",
                  uuid.UUID(user.id))
    service.write("DELETE FROM career_usage_logs WHERE user_id = ?", uuid.UUID(user.id))
    service.write("DELETE FROM subscription_changes WHERE subscription_id = ? AND event = 'resumed'",
                  subscription)
    assert len({log["id"] for log in export["usage_logs"]}) == len(export["usage_logs"]) == 230
    assert [change["at"] for change in export["subscription_history"]] \
        == sorted(change["at"] for change in export["subscription_history"])
    assert len(export["subscription_history"]) == 231
    reasons = [grant["reason"] for grant in export["credit_grants"] if grant["reason"]]
    assert len(set(reasons)) == len(reasons) == 230
    devices = [session["device_info"] for session in export["sessions"]]
    assert len(set(devices)) == len(devices) >= 230


def test_exports_are_sent_a_few_at_a_time_and_one_a_user(stocked):
    service, user, _ = stocked
    before = resident(service)
    clients = [asked(service, "/auth/me/export", user) for _ in range(80)]
    heads = [client.recv(4096) for client in clients]
    try:
        assert resident(service) - before < 40 * MIB
        served = [head for head in heads if head.startswith(b"HTTP/1.1 200 ")]
        refused = [head for head in heads if head.startswith(b"HTTP/1.1 503 ")]
        assert len(served) == 1 and len(refused) == 79
        assert all(b"exports_busy" in head and b"Retry-After: " in head for head in refused)
        # Nobody else is kept out.
        assert service.sign_up().get("/auth/me/export").status == 200
    finally:
        for client in clients:
            client.close()
    deadline = time.monotonic() + 10
    while user.get("/auth/me/export").status != 200:
        assert time.monotonic() < deadline, "who went away keeps the turn"


@pytest.mark.parametrize("path,open_to_all", [
    ("/openapi.json", True), ("/docs", True), ("/metrics", True), ("/dev/mailbox", True),
    ("/career/subscriptions/plans", True), ("/career/usage/logs?limit=100", False),
    ("/career/usage/summary?from=2020-09-01&to=2030-08-31", False), ("/auth/sessions", False),
    ("/auth/me/export", False), ("/health", True)])
def test_answers_that_nobody_reads_stay_within_the_budget(stocked, path, open_to_all):
    service, user, regular = stocked
    user = regular if "summary" in path else user
    service.call("GET", path, headers=user.auth)
    before, number = resident(service), 400
    clients = [asked(service, path, None if open_to_all else user) for _ in range(number)]
    try:
        # As much is asked of each connection as it takes, a second time and a third.
        for client in clients:
            client.sendall(GET + b"\r\n" + GET + b"\r\n")
        for _ in range(20):
            assert service.call("GET", "/health").status == 200
        assert resident(service) - before < BUDGET + number * BESIDE
        assert user.get("/career/usage/logs").status == 200
    finally:
        for client in clients:
            client.close()


def test_bodies_that_never_end_stay_within_the_budget_and_keep_nobody_out(service):
    service.call("POST", "/webhooks/stripe", raw=b"x" * 500_000)
    before, number = resident(service), 300
    clients = []
    try:
        for _ in range(number):
            client = socket.create_connection((service.host, service.port), timeout=30)
            clients.append(client)
            with contextlib.suppress(OSError):
                # Who is cut in favour of another has nothing to complain of.
                client.sendall(SIGN_IN + b"Content-Length: 1048576\r\n\r\n" + b"x" * 1_000_000)
        for _ in range(20):
            answer = service.call("POST", "/webhooks/stripe", raw=b"x" * 500_000)
            assert answer.code == "invalid_signature"
        assert resident(service) - before < 2 * BUDGET + number * BESIDE
    finally:
        for client in clients:
            client.close()


def test_requests_sent_ahead_on_many_connections_stay_within_the_budget(service):
    service.call("GET", "/openapi.json")
    before, number = resident(service), 200
    ahead = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1500
    clients = []
    try:
        for _ in range(number):
            client = socket.create_connection((service.host, service.port), timeout=30)
            client.setblocking(False)
            clients.append(client)
            with contextlib.suppress(OSError):
                client.send(ahead)
        for _ in range(20):
            assert service.call("GET", "/health").status == 200
        assert resident(service) - before < BUDGET + number * BESIDE
    finally:
        for client in clients:
            client.close()


def half(service, data):
    client = socket.create_connection((service.host, service.port), timeout=30)
    client.sendall(data)
    return client


def test_a_shutdown_ends_within_ten_seconds_whatever_clients_have_left_undone(tmp_path):
    service = Service(tmp_path).start()
    user = service.sign_up()
    ledger_data.settled_logs(service, user, 5000)
    clients = [
        half(service, b""), half(service, GET), half(service, GET + b"\r\n" + GET),
        half(service, SIGN_IN + b"Content-Length: 9\r\n\r\n{"),
        half(service, CHUNKED + b"1\r\n{\r\n9"),
        half(service, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"),
        asked(service, "/openapi.json"), asked(service, "/docs"),
        asked(service, "/auth/me/export", user)]
    for _ in range(50):
        clients[6].sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
    assert service.call("GET", "/health").status == 200
    start = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    try:
        assert service.process.wait(30) == 0
        assert time.monotonic() - start < 10
        # Whose request did not come whole is told so.
        assert b" 408 " in clients[3].recv(65536)
    finally:
        for client in clients:
            client.close()
