"""What a metering cycle costs, in figures that a busy machine hardly moves: instructions, allocations,
statements, round trips, rows that are written in place, bytes of the answers. docs/internals/hot-path.md
tells them."""

import contextlib
import http.client
import json
import re
import socket
import subprocess
import threading
import urllib.parse
import uuid
from collections import Counter
from statistics import median

import pytest

import postgresql
from conftest import BINARY, KEY, PROVIDER, ROOT, Service, databases
from test_payments_queue import until

# Both engines are looked at here, each for what it is told of.
ENGINE = "sqlite"
CYCLES = 128
# A validate and a commit of one user, one request at a time, so that each batch has one decision.
# 1.18 million of them are the cycle's. The rest is what ticks meanwhile, which is more if all is slow.
MOST_INSTRUCTIONS = 2_000_000
MOST_ALLOCATIONS = 1_450
ALLOCATING = re.compile(r"(malloc|calloc|realloc|posix_memalign|aligned_alloc)\b")


def settings(folder):
    """A service that does nothing else, and whose Free plan lets one user call on."""
    catalog = json.loads((ROOT / "catalog.json").read_text())
    catalog["products"]["career"]["plans"][0] |= {
        "credits_allocation": "1000000.00", "rate_limit_per_minute": 100_000, "rate_limit_per_day": 100_000}
    path = folder / "catalog.json"
    path.write_text(json.dumps(catalog))
    return {"CATALOG": str(path), "LOG_LEVEL": "warning", "STRIPE_API_BASE": "http://127.0.0.1:1",
            **PROVIDER.settings(folder)}


def cycles(user, number):
    """On one connection, as tool servers keep theirs."""
    connection = http.client.HTTPConnection(user.service.host, user.service.port, timeout=60)
    with contextlib.closing(connection):
        for _ in range(number):
            granted = ask(connection, "validate", {**user.auth, **KEY}, {
                "request_id": str(uuid.uuid4()), "feature_key": "career.job_match",
                "endpoint": "/v1/job-match", "method": "POST", "payload_hash": "ab" * 32})
            ask(connection, "commit", KEY, {
                "user_id": user.id, "usage_id": granted["usage_id"], "success": True,
                "metrics": {"model_used": "m", "input_tokens": 100, "output_tokens": 20}})


def ask(connection, verb, headers, body):
    connection.request("POST", f"/career/internal/usage/{verb}", json.dumps(body),
                       {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    return json.loads(answer)


class Proxied(Service):
    """A service that finds its PostgreSQL behind something that counts."""

    def __init__(self, folder, **settings):
        self.made = postgresql.new_database(databases.server_url)
        server = urllib.parse.urlsplit(self.made)
        self.wire = CountingWire(server.hostname, server.port)
        host = f"{server.username}:{server.password}@127.0.0.1:{self.wire.port}"
        super().__init__(folder, DATABASE_URL=server._replace(netloc=host).geturl(), **settings)


class Direction:
    """The messages that a client of PostgreSQL sends, however they are cut on the wire. The first has no
    type (PostgreSQL's manual, 55.7 Message Formats)."""

    def __init__(self):
        self.rest, self.is_first = b"", True

    def messages(self, data):
        self.rest += data
        while True:
            head = 0 if self.is_first else 1
            if len(self.rest) < head + 4:
                return
            end = head + int.from_bytes(self.rest[head:head + 4], "big")
            if len(self.rest) < end:
                return
            kind = "" if self.is_first else chr(self.rest[0])
            message, self.rest, self.is_first = self.rest[:end], self.rest[end:], False
            yield kind, message


class CountingWire:
    """Passes bytes on between a service and its PostgreSQL, and counts of each connection that has ever
    named the usage logs: executed statements, and round trips (each ends with a Sync)."""

    def __init__(self, host, port):
        self.server = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.server)
            counts = Counter()
            self.connections.append(counts)
            for source, target, name in ((client, server, "client"), (server, client, "server")):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.pass_on, args=(source, target, name, counts),
                                 daemon=True).start()

    def pass_on(self, source, target, name, counts):
        direction = Direction()
        try:
            while data := source.recv(65536):
                if name == "client":
                    for kind, message in direction.messages(data):
                        counts["trips"] += kind in ("S", "Q")
                        counts["statements"] += kind in ("E", "Q")
                        counts["is_metering"] |= b"career_usage_logs" in message
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def total(self, name):
        return sum(counts[name] for counts in self.connections if counts["is_metering"])


@pytest.fixture
def proxied(tmp_path):
    service = Proxied(tmp_path, **settings(tmp_path)).start()
    yield service
    service.stop()
    service.wire.listener.close()
    postgresql.drop_database(service.made)


@pytest.fixture
def profiled(tmp_path):
    """A service under callgrind, which counts while it is told to."""
    service = Service(tmp_path, **settings(tmp_path))
    service.profile, binary = tmp_path / "profile", tmp_path / "cuebx"
    # Debian's Valgrind does not read all of what Swift tells debuggers; names are enough.
    subprocess.run(["objcopy", "--strip-debug", BINARY, binary], check=True, timeout=60)
    service.program = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no",
                       f"--callgrind-out-file={service.profile}", str(binary)]
    service.start("--no-worker")
    yield service
    service.kill()


def test_a_cycle_takes_no_more_instructions_and_allocations_than_are_told(profiled):
    user = profiled.new_user()
    cycles(user, 64)
    count(profiled, "on")
    cycles(user, CYCLES)
    count(profiled, "off")
    profiled.stop()
    instructions, allocations = read_profile(profiled.profile.read_text())
    print(f"{instructions / CYCLES:.0f} instructions and {allocations / CYCLES:.0f} allocations a cycle")
    assert 0 < instructions / CYCLES <= MOST_INSTRUCTIONS
    assert 0 < allocations / CYCLES <= MOST_ALLOCATIONS


def count(service, state):
    done = subprocess.run(["callgrind_control", f"--instr={state}", str(service.process.pid)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "OK" in done.stdout, done


def read_profile(text):
    """All instructions, and the calls of what allocates. A function's name stands once, then its number
    (Valgrind's manual, Callgrind Format Specification)."""
    names, allocations, called = {}, 0, None
    for line in text.splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = name
            called = names[number]
        elif line.startswith("calls=") and ALLOCATING.match(called):
            allocations += int(line[6:].split()[0])
    [instructions] = re.findall(r"^(?:totals|summary): (\d+)", text, re.M)[-1:]
    return int(instructions), allocations


def test_a_batch_on_postgresql_takes_two_round_trips_and_few_statements(proxied):
    """The median of the cycles: what ticks meanwhile is in a few of them, however slow all is."""
    user = proxied.new_user()
    cycles(user, 64)
    trips, statements = [], []
    for _ in range(CYCLES):
        before = proxied.wire.total("trips"), proxied.wire.total("statements")
        cycles(user, 1)
        trips.append((proxied.wire.total("trips") - before[0]) / 2)
        statements.append((proxied.wire.total("statements") - before[1]) / 2)
    print(f"{median(trips):.2f} round trips and {median(statements):.2f} statements a batch")
    assert 0 < median(trips) <= 2.25
    assert 0 < median(statements) <= 7.5


def test_an_account_is_written_in_place_on_postgresql(proxied):
    """A heap-only tuple: no index has to learn of it."""
    user = proxied.new_user()
    cycles(user, CYCLES)

    def written():
        [row] = proxied.rows(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables "
            "WHERE relname = 'career_subscription_contexts' AND schemaname = current_schema()")
        return row

    # The server tells of a connection's work a second after it has gone idle.
    until(lambda: written()[0] >= 2 * CYCLES)
    changed, in_place = written()
    print(f"{in_place} of {changed} in place")
    assert in_place >= 0.9 * changed


def test_the_answers_of_a_cycle_are_small(service):
    user = service.sign_up()
    granted = user.validate()
    ended = user.commit(granted.json["usage_id"])
    for answer, most in ((granted, 700), (ended, 500)):
        head = sum(len(name) + len(value) + 4 for name, values in answer.all_headers.items()
                   for value in values)
        print(f"{head + len(answer.bytes)} bytes, {head} of them headers")
        assert answer.status == 200 and head + len(answer.bytes) <= most
