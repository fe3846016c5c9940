"""A proxy between a client and the service that breaks what it is told to break, and notes all calls.

It speaks HTTP/1.1, a thread a connection. What stands in a batch is noted operation by operation, so
that a scenario's expectation is the same for a client that sends batches and for one that does not.
"""

import contextlib
import http.client
import json
import socket
import struct
import threading
import time

# Bytes of a request's head, and of a body, that the proxy takes.
LARGEST_HEAD, LARGEST_BODY = 64 * 1024, 4 * 1024 * 1024
# Seconds that the service may take to answer the proxy.
SERVICE_TIMEOUT = 60
OPERATIONS = ("validate", "commit", "extend", "capture", "cancel", "record")


# What a service of the release before does not have: its addresses, and members of answers.
OF_THIS_RELEASE = ("batch", "extend", "capture", "cancel", "record")
MEMBERS_OF_THIS_RELEASE = ("credits_not_charged", "is_late")


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.is_batch = path.rstrip("/").endswith("/usage/batch")
        self.elements = []
        if self.is_batch:
            with contextlib.suppress(ValueError, AttributeError):
                self.elements = json.loads(body).get("operations") or []
        last = path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        self.operations = [str(element.get("op")) for element in self.elements] if self.is_batch \
            else [last] if last in OPERATIONS else []

    def meets(self, fault):
        on, product = fault["on"], fault.get("product")
        if product and not self.path.startswith(f"/{product}/"):
            return False
        return on == "any" or on == "batch" and self.is_batch or on in self.operations


class Proxy:
    """- upstream: (host, port) of the service.
    - release: "next" or "previous": answers are those of such a service.

    `sent` lists each operation that came whole from the client, and `requests` those of each request;
    `wire` each that the service has
    answered, as "operation status", whether or not the client got to hear of it.
    """

    def __init__(self, upstream, release=None):
        self.upstream, self.imitated = upstream, release
        self.lock = threading.Condition()
        self.sent, self.requests, self.wire, self.faults = [], [], [], []
        self.held, self.released = 0, 0
        self.connections = set()
        self.port = 0
        # The listening socket; while it is down, the one that keeps its port.
        self.listener = self.place = None
        self.up()

    # What a scenario asks for

    def up(self):
        """Takes connections, on the same port as before."""
        if self.listener:
            return
        listener, self.place = self.place or self.bound(), None
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def bound(self):
        """Who connects to a port that is bound and not listened on is refused."""
        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", self.port))
        return place

    def down(self):
        """Refuses connections; those that were open end. The port stays taken: else the proxy of another
        scenario might get it, and what this one's client still sends."""
        listener, self.listener = self.listener, None
        if listener:
            # Closing alone would leave the thread in `accept`, and the port open.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self.place = self.bound()
        for connection in list(self.connections):
            # A thread that reads from it would otherwise go on reading.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def add(self, fault):
        with self.lock:
            self.faults.append({"times": 1, "on": "any", **fault})

    def heal(self):
        with self.lock:
            self.faults.clear()
        self.up()

    def release(self):
        """Lets go on what is held."""
        with self.lock:
            self.released = self.held
            self.lock.notify_all()

    def wait_until_held(self, number, seconds=20):
        with self.lock:
            assert self.lock.wait_for(lambda: self.held - self.released >= number, seconds), \
                f"{self.held - self.released} requests are held, not {number}"

    def close(self):
        self.down()
        self.release()
        self.place.close()

    # Connections

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.add(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        upstream = http.client.HTTPConnection(*self.upstream, timeout=SERVICE_TIMEOUT)
        received = b""
        try:
            while True:
                request, received = read_request(connection, received)
                if request is None or not self.answer(connection, upstream, request):
                    break
        except (OSError, ValueError, http.client.HTTPException):
            # Whoever went away, the client or the service, the other is told by the end of this.
            reset(connection)
        finally:
            self.connections.discard(connection)
            upstream.close()
            connection.close()

    def answer(self, connection, upstream, request):
        """Whether the connection goes on."""
        with self.lock:
            self.sent += request.operations
            self.requests.append(request.operations)
            fault = self.fault_for(request)
        kind = fault["kind"] if fault else None
        if kind == "reset":
            return reset(connection)
        if kind == "answer":
            return write_answer(connection, fault["status"], fault.get("headers", {}),
                                json.dumps(fault.get("body", problem(fault["status"]))).encode())
        if kind == "slow":
            time.sleep(fault["seconds"])
        if kind == "hold":
            self.hold()
        status, headers, body = self.forward(
            upstream, request, fault if kind in ("refuse", "refuse_one") else None)
        if kind == "hold_answer":
            self.hold()
        if kind == "slow_answer":
            time.sleep(fault["seconds"])
        if kind == "garbage":
            body = b'{"results": [{"sta'
        if kind == "lost":
            whole = answer_bytes(status, headers, body)
            connection.sendall(whole[:fault.get("bytes", 0)])
            return reset(connection)
        return write_answer(connection, status, headers, body)

    def fault_for(self, request):
        for fault in self.faults:
            if fault["times"] != 0 and request.meets(fault):
                fault["times"] -= 1
                return fault
        return None

    def hold(self):
        with self.lock:
            self.held += 1
            mine = self.held
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.released >= mine, SERVICE_TIMEOUT)

    # The service

    def forward(self, upstream, request, refused):
        """The service's answer. With `refused`, operations of that kind are answered here, and the
        rest of the batch by the service."""
        if refused and not request.is_batch:
            headers = {"Content-Type": "application/json", **refused.get("headers", {})}
            body = refused.get("body", problem(refused["status"]))
            return refused["status"], headers, json.dumps(body).encode()
        if refused:
            return self.forward_part(upstream, request, refused)
        return self.exchange(upstream, request.method, request.path, request.headers, request.body,
                             request.operations)

    def exchange(self, upstream, method, path, headers, body, operations):
        if self.imitated == "previous" and path.rstrip("/").rsplit("/", 1)[-1] in OF_THIS_RELEASE:
            return 404, {}, json.dumps(problem(404)).encode()
        kept = {name: value for name, value in headers.items()
                if name.lower() not in ("host", "connection", "content-length", "transfer-encoding")}
        upstream.request(method, path, body=body or None, headers=kept)
        response = upstream.getresponse()
        answer = response.read()
        self.note(response.status, answer, operations, path)
        names = ("content-type", "retry-after", "date", "x-request-id", "www-authenticate")
        headers = {name: value for name, value in response.getheaders()
                   if name.lower() in names or name.lower().startswith("x-ratelimit")}
        if self.imitated:
            change = of_next_release if self.imitated == "next" else of_previous_release
            answer = json.dumps(change(json.loads(answer))).encode()
        return response.status, headers, answer

    def note(self, status, answer, operations, path):
        noted = [f"{operation} {status}" for operation in operations]
        if path.rstrip("/").endswith("/usage/batch"):
            noted = []
            if status == 200:
                noted = [f"{operation} {result['status']}" for operation, result
                         in zip(operations, json.loads(answer)["results"])]
        with self.lock:
            self.wire += noted

    def forward_part(self, upstream, request, refused):
        at = [number for number, operation in enumerate(request.operations) if operation == refused["on"]]
        if refused["kind"] == "refuse_one":
            at = at[:1]
        passed = [element for number, element in enumerate(request.elements) if number not in at]
        results, status, headers = [], 200, {"Content-Type": "application/json"}
        if passed:
            status, headers, answer = self.exchange(
                upstream, request.method, request.path, request.headers,
                json.dumps({"operations": passed}).encode(), [str(element["op"]) for element in passed])
            if status != 200:
                return status, headers, answer
            results = json.loads(answer)["results"]
        mine = {"status": refused["status"], "body": refused.get("body", problem(refused["status"]))}
        if "headers" in refused:
            mine["headers"] = refused["headers"]
        remaining = iter(results)
        merged = [mine if number in at else next(remaining) for number in range(len(request.elements))]
        return 200, headers, json.dumps({"results": merged}).encode()


def of_next_release(answer):
    """With members that no client of today knows, and what was granted or done under codes that are new."""
    if isinstance(answer, list):
        return [of_next_release(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    changed = {name: value if name == "headers" else of_next_release(value) for name, value in answer.items()}
    if answer.get("access") == "granted" or answer.get("success") is True:
        changed["code"] = "named_anew"
    return {**changed, "added": {"a": [1, None, "x"]}}


def of_previous_release(answer):
    return {name: value for name, value in answer.items() if name not in MEMBERS_OF_THIS_RELEASE}


def problem(status):
    codes = {503: "overloaded", 500: "internal_error", 404: "not_found", 429: "rate_limited"}
    return {"type": "about:blank", "title": "From the proxy", "status": status,
            "detail": "The proxy answers this.", "code": codes.get(status, "from_the_proxy")}


def reset(connection):
    """Ends a connection so that the other side sees a reset; False, for the caller's own answer."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return False


def read_request(connection, received):
    """The next request, and what came after it; (None, b"") if the client has gone."""
    while b"\r\n\r\n" not in received:
        if len(received) > LARGEST_HEAD:
            raise ValueError("a head that is too large")
        chunk = connection.recv(65536)
        if not chunk:
            return None, b""
        received += chunk
    head, _, received = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = dict(line.split(": ", 1) if ": " in line else line.split(":", 1) for line in lines)
    fields = {name.lower(): value for name, value in headers.items()}
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body, received = read_chunked(connection, received)
    else:
        body, received = read_bytes(connection, received, int(fields.get("content-length", 0)))
    return Request(method, path, headers, body), received


def read_bytes(connection, received, number):
    if number > LARGEST_BODY:
        raise ValueError("a body that is too large")
    while len(received) < number:
        chunk = connection.recv(65536)
        if not chunk:
            raise ValueError("the client went away within a body")
        received += chunk
    return received[:number], received[number:]


def read_chunked(connection, received):
    body = b""
    while True:
        while b"\r\n" not in received:
            line, received = read_bytes(connection, received, len(received) + 1)
            received = line + received
        size, _, received = received.partition(b"\r\n")
        chunk, received = read_bytes(connection, received, int(size.split(b";")[0], 16) + 2)
        if len(chunk) == 2:
            return body, received
        body += chunk[:-2]


def answer_bytes(status, headers, body):
    headers = {"Content-Type": "application/json", **headers}
    head = f"HTTP/1.1 {status} {http.client.responses.get(status, 'Status')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()
                    if name.lower() != "content-length")
    return head.encode("latin-1") + f"content-length: {len(body)}\r\n\r\n".encode() + body


def write_answer(connection, status, headers, body):
    connection.sendall(answer_bytes(status, headers, body))
    return True
