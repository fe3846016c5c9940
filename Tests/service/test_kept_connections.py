"""A connection that is kept answers its next request, whatever the one before asked for: the whole
table of request shapes, each followed by a second request; Java's client; a proxy with a pool."""

import itertools
import re
import shutil
import socket
import subprocess

import pytest

from conftest import ROOT, together
from caddy import Caddy

METHODS = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    # Known to parsers, not to this service; the last ones are not known at all.
    "PROPFIND", "M-SEARCH", "PURGE", "LINK", "SOURCE", "QUERY", "BREW", "get"]
TARGETS = ["/health", "/nowhere", "/auth/me", "/auth/signin", "/openapi.json"]
SETTINGS = "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
WEBSOCKET = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
CONNECTIONS = {
    "nothing": "", "keep-alive": "Connection: keep-alive\r\n", "close": "Connection: close\r\n",
    "h2c as Java asks":
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + SETTINGS,
    "h2c": "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "a websocket": "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + WEBSOCKET,
    "another protocol": "connection: upgrade\r\nupgrade: x\r\n",
    "several protocols": "Connection: Upgrade\r\nUpgrade: TLS/1.3, h2c, IRC/6.9\r\n",
    "upgrade and close": "Connection: Upgrade, close\r\nUpgrade: h2c\r\n",
    "a protocol without the option": "Upgrade: h2c\r\n",
    "the option without a protocol": "Connection: Upgrade\r\n",
    "an empty protocol": "Connection: Upgrade\r\nUpgrade:\r\n",
    "two protocols in two headers": "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: x\r\n",
    "the option in the second header":
        "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
    "the option twice": "Connection: Upgrade, upgrade\r\nUpgrade: h2c\r\n",
    "an empty option": "Connection: Upgrade,\r\nUpgrade: h2c\r\n",
    "an empty option first": "Connection: ,Upgrade\r\nUpgrade: h2c\r\n",
    "spaces around the option": "Connection: x ,  Upgrade  , y\r\nUpgrade: h2c\r\n",
    "a tab behind the option": "Connection: Upgrade\t\r\nUpgrade: h2c\r\n",
    "a longer option": "Connection: xupgrade, upgrades\r\nUpgrade: h2c\r\n",
    "an option with more": "Connection: Upgrade;q=1\r\nUpgrade: h2c\r\n",
    "an option with a word behind": "Connection: Upgrade h2c\r\nUpgrade: h2c\r\n",
    "the protocol before the option": "Upgrade: h2c\r\nConnection: Upgrade\r\n"}
BODIES = {
    "none": ("", b""),
    "a length": ("Content-Type: application/json\r\nContent-Length: 2\r\n", b"{}"),
    "no bytes": ("Content-Length: 0\r\n", b""),
    "chunks": ("Transfer-Encoding: chunked\r\n", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
    "continue": ("Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}"),
    "continue without a body": ("Expect: 100-continue\r\n", b""),
    "another expectation": ("Expect: miracles\r\nContent-Length: 2\r\n", b"{}"),
    "a coding": ("Content-Encoding: gzip\r\nContent-Length: 2\r\n", b"{}"),
    "too many bytes": ("Content-Length: 2000000\r\n", b""),
    "two lengths": ("Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    "two hosts": ("Host: y\r\n", b""),
    "a header too long": (f"X-Long: {'x' * 40_000}\r\n", b""),
    "a hundred headers": ("X-A: b\r\n" * 120, b"")}
NEXT = b"GET /auth/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Connection:
    """Reads one answer after another from a socket."""

    def __init__(self, host, port, seconds=5):
        self.socket = socket.create_connection((host, port), timeout=seconds)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, method="GET"):
        """The status, the headers, and whether the body came whole."""
        line = self.file.readline()
        status = int(re.match(rb"HTTP/1\.1 (\d{3}) ", line).group(1))
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        if status < 200:
            return self.answer(method)
        if method != "HEAD" and status not in (204, 304):
            self.file.read(int(headers["content-length"]))
        return status, headers

    @property
    def is_closed(self):
        """Whether the server closes, now or soon."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()


def what_is_wrong(service, method, target, version, connection, body):
    """Nothing, where the answer says that the connection closes, and it does, or the next request
    is answered."""
    more, data = BODIES[body]
    if method == "CONNECT":
        target = "example.test:443"
    client = Connection(service.host, service.port)
    try:
        head = f"{method} {target} HTTP/{version}\r\nHost: x\r\n{CONNECTIONS[connection]}{more}\r\n"
        client.send(head.encode() + data)
        status, headers = client.answer(method)
        said = headers.get("connection", "").lower()
        if said == "close":
            # What may have more to come is read and dropped for a second, if the client stays.
            client.socket.shutdown(socket.SHUT_WR)
            return "" if client.is_closed else f"{status} says close and stays open"
        if version == "1.0" and said != "keep-alive":
            return f"{status} does not say that the connection is kept"
        client.send(NEXT)
        return "" if client.answer()[0] == 401 else "the next request is answered otherwise"
    except (OSError, AttributeError, KeyError) as failure:
        return f"{type(failure).__name__}: {failure}"
    finally:
        client.close()


def walk(service, shapes):
    wrong = {}
    for shape in shapes:
        if found := what_is_wrong(service, *shape):
            wrong[shape] = found
            # A server that hangs would take an hour for the rest.
            assert len(wrong) < 3, wrong
    assert not wrong


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_after_any_method_the_next_request_is_answered_or_the_connection_closed(
        service, connection):
    walk(service, itertools.product(
        METHODS, TARGETS[:2], ("1.1", "1.0"), [connection], ("none", "a length")))


@pytest.mark.parametrize("body", BODIES)
def test_after_any_body_and_any_refusal_the_next_request_is_answered_or_the_connection_closed(
        service, body):
    walk(service, itertools.product(
        ("POST", "GET"), TARGETS, ("1.1", "1.0"), CONNECTIONS, [body]))


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("method", ["GET", "CONNECT", "BREW"])
def test_who_says_close_closes_also_where_the_client_stays(service, method, connection):
    client = Connection(service.host, service.port)
    target = "x:443" if method == "CONNECT" else "/health"
    client.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{CONNECTIONS[connection]}\r\n".encode())
    if client.answer()[1].get("connection") == "close":
        assert client.is_closed
    client.close()


def test_a_request_to_change_the_protocol_is_ignored_and_the_connection_kept(service):
    client = Connection(service.host, service.port)
    for _ in range(50):
        client.send(
            b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n")
        status, headers = client.answer()
        assert status == 200 and "connection" not in headers
    client.close()


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_requests_sent_ahead_behind_any_of_them_are_answered_or_the_connection_closed(
        service, connection):
    client = Connection(service.host, service.port)
    client.send(
        f"POST /auth/signin HTTP/1.1\r\nHost: x\r\n{CONNECTIONS[connection]}"
        "Content-Length: 2\r\n\r\n{}".encode() + NEXT)
    status, headers = client.answer()
    assert status == 415
    if headers.get("connection") == "close":
        assert client.is_closed
    else:
        assert client.answer()[0] == 401
    client.close()


@pytest.mark.parametrize("version,more,goes_on", [
    ("1.1", "Content-Length: 2\r\n", True), ("1.1", "Transfer-Encoding: chunked\r\n", True),
    ("1.0", "Content-Length: 2\r\n", False), ("1.1", "", False),
    ("1.1", "Content-Length: 0\r\n", False)])
def test_only_who_announces_a_body_in_http_1_1_is_told_to_go_on(service, version, more, goes_on):
    body = b"2\r\n{}\r\n0\r\n\r\n" if "chunked" in more else b"{}" if "2" in more else b""
    received = service.raw(
        f"POST /auth/signin HTTP/{version}\r\nHost: x\r\nExpect: 100-continue\r\n{more}\r\n"
        .encode() + body)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") is goes_on, received
    assert received.count(b"HTTP/1.1 ") == 1 + goes_on


def test_a_client_of_http_1_0_is_told_that_its_connection_is_kept(service):
    """As `ab -k` asks."""
    client = Connection(service.host, service.port)
    for _ in range(20):
        client.send(b"GET /health HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: x\r\n\r\n")
        status, headers = client.answer()
        assert status == 200 and headers["connection"] == "keep-alive"
    client.send(b"GET /health HTTP/1.0\r\n\r\n")
    assert client.answer()[1]["connection"] == "close" and client.is_closed


def test_javas_own_client_is_answered_on_every_call(service):
    assert shutil.which("java"), "java is missing: run scripts/install.sh tests"
    result = subprocess.run(
        ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(ROOT / "Tests/servers/Client.java"),
         service.url, "10"], capture_output=True, text=True, timeout=120)
    assert result.stdout.split() == ["200", "422"] * 10, result.stderr[-2000:]


@pytest.mark.parametrize("shape", [
    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST /auth/signin HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
    b"Content-Length: 2\r\n\r\n{}"])
def test_behind_a_proxy_with_a_pool_nobodys_request_hangs_on_anothers(service, somebody, shape):
    with Caddy((service.host, service.port)) as caddy:
        # All at once, so that the proxy's pool holds as many connections afterwards.
        def ask(_):
            client = Connection(caddy.host, caddy.port)
            client.send(shape)
            status = client.answer()[0]
            client.close()
            return status
        assert set(together(20, ask)) <= {200, 415}

        me = f"GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {somebody.token}\r\n\r\n"

        def read(_):
            client = Connection(caddy.host, caddy.port, seconds=10)
            client.send(me.encode())
            try:
                return client.answer()[0]
            except TimeoutError:
                return "hangs"
            finally:
                client.close()
        assert together(20, read) == [200] * 20
