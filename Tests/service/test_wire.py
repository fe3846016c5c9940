"""What arrives byte by byte: framing that two readers could read differently, slow and greedy
clients, floods, injection, and what browsers are told."""

import re
import resource
import socket
import tempfile
import threading

import pytest

from conftest import KEY, Service

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /auth/signout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HIDDEN = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def resident(service):
    """Bytes of memory that the process holds."""
    with open(f"/proc/{service.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024


AMBIGUOUS = {
    "a length and a transfer coding":
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a transfer coding and a length": CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + HIDDEN,
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}" + HIDDEN,
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN,
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}" + HIDDEN,
    "a length with a space in its name": POST + b"Content-Length : 2\r\n\r\n{}" + HIDDEN,
    "a folded header": GET + b"X-A: b\r\n c\r\n\r\n" + HIDDEN,
    "bare line feeds": b"GET /health HTTP/1.1\nHost: x\n\n" + HIDDEN,
    "one bare line feed": GET + b"X-A: b\nX-B: c\r\n\r\n" + HIDDEN,
    "a bare carriage return": GET + b"X-A: b\rX-B: c\r\n\r\n" + HIDDEN,
    "NUL in a header": GET + b"X-A: b\x00c\r\n\r\n" + HIDDEN,
    "a nameless header": GET + b": b\r\n\r\n" + HIDDEN,
    "the identity coding": POST + b"Transfer-Encoding: identity\r\n\r\n" + HIDDEN,
    "the identity coding and a length":
        POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "identity, then chunked":
        POST + b"Transfer-Encoding: identity, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "chunked, then identity":
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding that nobody undoes":
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked behind a vertical tab":
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked in HTTP/1.0":
        CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk that ends in a line feed": CHUNKED + b"\r\n2\n{}\n0\n\n" + HIDDEN,
    "an extension that ends in a line feed": CHUNKED + b"\r\n2;a\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a negative chunk": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk with a prefix": CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk beyond 64 bits": CHUNKED + b"\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk that is longer than it says": CHUNKED + b"\r\n2\r\n{}{}\r\n0\r\n\r\n" + HIDDEN,
    "no host": b"GET /health HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": GET + b"Host: y\r\n\r\n" + HIDDEN,
    "a later version": GET.replace(b"1.1", b"2.0") + b"\r\n" + HIDDEN,
    "no version": b"GET /health\r\n\r\n" + HIDDEN,
    "a method in lower case": GET.replace(b"GET", b"get") + b"\r\n" + HIDDEN,
    "a hundred and more headers": GET + b"X-A: b\r\n" * 120 + b"\r\n" + HIDDEN,
    "an endless address": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_a_request_that_others_may_read_otherwise_is_400_and_the_last(service, shape):
    received = service.raw(AMBIGUOUS[shape])
    assert statuses(received) == [400], received[:300]
    assert b"connection: close" in received.lower()
    assert b"application/problem+json" in received


@pytest.mark.parametrize("tail,expected", [
    (b"Content-Length: 2\r\n\r\n{}", 422),
    (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422),
    (b"Transfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 422),
    (b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\n\r\n", 422),
    (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\n", 422)])
def test_a_request_ends_where_it_says_and_the_next_is_read_from_there(service, tail, expected):
    assert statuses(service.raw(POST + tail + GET + b"\r\n")) == [expected, 200]


def test_a_trailer_grants_nothing(service):
    head = b"POST /career/internal/usage/commit HTTP/1.1\r\nHost: x\r\n" \
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    end = b"2\r\n{}\r\n0\r\nX-Internal-API-Key: dev-internal-key\r\n\r\n"
    assert statuses(service.raw(head + end)) == [401]


def test_the_host_is_not_asked_of_http_1_0(service):
    assert statuses(service.raw(b"GET /health HTTP/1.0\r\n\r\n")) == [200]


def test_requests_sent_ahead_are_answered_in_order_also_behind_a_slow_one(service):
    body = b'{"email":"nobody@example.test","password":"Passw0rd-x"}'
    slow = b"POST /auth/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" \
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    received = service.raw(slow + (GET + b"\r\n") * 2000 + HIDDEN, seconds=30)
    assert statuses(received) == [401] + [200] * 2000 + [404]


def test_a_client_that_sends_byte_by_byte_is_answered(service):
    with socket.create_connection((service.host, service.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST + b"Content-Length: 2\r\n\r\n{}":
            connection.send(bytes([byte]))
        assert b" 422 " in connection.recv(4096)


def test_a_client_that_reads_nothing_cannot_fill_the_memory(service):
    """Two thousand documents would be three hundred megabytes of answers."""
    service.call("GET", "/openapi.json")
    before = resident(service)
    with socket.create_connection((service.host, service.port), timeout=1) as greedy:
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 2000
        try:
            greedy.sendall(asked)
        except TimeoutError:
            # The server reads no further, which is as good.
            pass
        for _ in range(20):
            assert service.call("GET", "/health").status == 200
        assert resident(service) - before < 64 << 20


def test_the_answers_that_waited_for_a_slow_reader_all_come(service):
    with socket.create_connection((service.host, service.port), timeout=10) as slow:
        slow.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100 + HIDDEN)
        assert service.call("GET", "/health").status == 200
        slow.shutdown(socket.SHUT_WR)
        received = bytearray()
        while chunk := slow.recv(65536):
            received += chunk
    assert statuses(bytes(received)) == [200] * 100 + [404]


def test_hundreds_of_idle_connections_keep_nobody_out(service, user):
    idle = []
    try:
        for number in range(400):
            connection = socket.create_connection((service.host, service.port), timeout=10)
            idle.append(connection)
            # A third says nothing, a third half a head, a third half a body.
            connection.sendall([b"", GET, POST + b"Content-Length: 9\r\n\r\n{"][number % 3])
        for _ in range(20):
            assert user.get("/auth/me").status == 200
        assert user.validate().status == 200
        idle[0].sendall(GET + b"\r\n")
        assert b" 200 " in idle[0].recv(4096)
        idle[1].sendall(b"\r\n")
        assert b" 200 " in idle[1].recv(4096)
    finally:
        for connection in idle:
            connection.close()


def test_a_server_that_has_run_out_of_files_recovers(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="critical")
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, former[1]))
    try:
        service.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, former)
    flood = [
        socket.create_connection((service.host, service.port), timeout=10) for _ in range(300)]
    for connection in flood:
        connection.close()
    assert service.call("GET", "/ready").status == 200
    service.stop()


INJECTIONS = [
    "a\r\nSet-Cookie: a=b", "a\nfake level=error", "a\r\n\r\nHTTP/1.1 200 OK", "a\x1b[2J",
    "a\u2028b", "a\x85b", "%0d%0aSet-Cookie:%20a=b", "\x7f"]


def inject(service, user, text):
    sent = text.encode()
    for request in [
            GET + b"X-Request-ID: " + sent + b"\r\n\r\n",
            GET.replace(b"/health", b"/health?" + sent) + b"\r\n",
            GET.replace(b"/health", b"/" + sent) + b"\r\n",
            GET + b"User-Agent: " + sent + b"\r\n\r\n",
            GET + b"Origin: " + sent + b"\r\n\r\n",
            GET.replace(b"GET", b"GET" + sent) + b"\r\n"]:
        head = service.raw(request).split(b"\r\n\r\n")[0]
        assert b"set-cookie" not in head.lower() and head.count(b"HTTP/1.1") == 1
    failure = {"failure_type": "timeout", "reason": text}
    usage = user.validate(request_id=text).json["usage_id"]
    user.commit(usage, success=False, failure=failure, headers={"Prefer": "respond-async"})
    user.post("/career/subscriptions/checkout", {
        "plan_id": text, "success_url": text, "cancel_url": text})
    service.call("POST", "/auth/signin", {"email": text, "password": text})
    service.call("POST", "/webhooks/stripe", {"id": text, "type": text}, headers={
        "Stripe-Signature": f"t=1,v1={text.encode().hex()}"})


def test_no_header_and_no_log_line_is_made_of_what_a_client_sent(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="trace").start()
    user = service.sign_up()
    for text in INJECTIONS:
        inject(service, user, text)
    service.stop()
    lines = service.log.read_bytes().split(b"\n")
    assert len(lines) > 50
    for line in lines:
        assert not line or re.match(rb"\d{4}-\d\d-\d\dT[\d:]+\+0000 \w+ cuebx", line), line
        assert not re.search(rb"[\x00-\x1f\x7f]", line), line


@pytest.fixture(scope="module")
def friendly():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            folder, CORS_ORIGINS="https://app.example.test,https://b.example.test").start()
        yield service
        service.stop()


def preflight(service, origin, path="/auth/me", method="PATCH"):
    return service.call("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type"})


def test_a_page_of_a_named_origin_may_call(friendly):
    answer = preflight(friendly, "https://app.example.test")
    assert answer.status == 204 and answer.bytes == b""
    assert answer.headers["access-control-allow-origin"] == "https://app.example.test"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "x-internal-api-key" not in allowed
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    plain = friendly.call("GET", "/auth/me", headers={"Origin": "https://b.example.test"})
    assert plain.status == 401
    assert plain.headers["access-control-allow-origin"] == "https://b.example.test"


def test_a_page_may_read_what_tells_it_to_wait_and_whom_to_name(friendly):
    origin = {"Origin": "https://app.example.test"}
    for answer in (friendly.call("GET", "/health", headers=origin),
                   friendly.call("GET", "/auth/me", headers=origin)):
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert exposed == ["X-Request-ID", "Retry-After"] + [
            f"X-RateLimit-{name}-{window}"
            for window in ("Minute", "Day") for name in ("Limit", "Remaining", "Reset")]
    other = friendly.call("GET", "/health", headers={"Origin": "https://evil.example"})
    assert "access-control-expose-headers" not in other.headers


@pytest.mark.parametrize("origin", [
    "https://evil.example", "null", "*", "https://app.example.test.evil.example",
    "http://app.example.test", "https://app.example.test:8443", "https://APP.example.test",
    "https://app.example.test, https://evil.example", "https://app.example.test/"])
def test_a_page_of_any_other_origin_may_not(friendly, origin):
    answer = preflight(friendly, origin)
    assert answer.status == 405 and "access-control-allow-origin" not in answer.headers
    plain = friendly.call("GET", "/health", headers={"Origin": origin})
    assert "access-control-allow-origin" not in plain.headers and plain.headers["vary"] == "Origin"


def test_without_named_origins_no_page_may_call(service):
    answer = preflight(service, "https://app.example.test")
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_forwarded_address_is_believed_only_of_a_trusted_proxy(tmp_path):
    """Guesses are counted per address, so a forged one would be a way around the count."""
    service = Service(tmp_path, TRUSTED_PROXIES="127.0.0.1").start()

    def guess(number, forwarded):
        body = {"email": f"nobody{number}@example.test", "otp_code": "000000"}
        return service.call(
            "POST", "/auth/signup/verify", body, headers={"X-Forwarded-For": forwarded}).status

    # The last address is what the proxy saw; the ones before it are whatever the client wrote.
    answers = [guess(number, f"203.0.113.{number}, 198.51.100.7") for number in range(51)]
    assert answers == [400] * 50 + [429]
    assert guess(99, "198.51.100.7, 198.51.100.8") == 400
    service.stop()


def test_many_connections_at_once_are_all_answered(service):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(service.call(
            "POST", "/career/internal/usage/commit", raw=b"{", headers=KEY).status))
        for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [415] * 100
