"""No integer from outside ends the process: each door, with each integer at the bounds at which
somebody's numbers end. What is asked for is an answer and a process that lives; a crash is never one."""

import contextlib
import copy
import hashlib
import hmac
import http.client
import http.server
import json
import sqlite3
import subprocess
import threading
import time
import uuid

import psycopg
import pytest

from conftest import BINARY, DAY, PRO, PROVIDER, Service, databases
from test_moving import bring, edited, sealed, source, target  # noqa: F401
from test_payments import buy, checkout, settle

MOST, LEAST = 2 ** 63 - 1, -2 ** 63
BOUNDS = sorted({
    0, 1, -1, MOST, MOST - 1, LEAST, LEAST + 1,
    *(sign * 2 ** power + near for power in (31, 53, 62) for sign in (1, -1) for near in (-1, 0, 1)),
    # The last second and microsecond of the year 9999, and the seconds that a million overflows.
    253_402_300_799, 253_402_300_800, 253_402_300_799_999_999, 253_402_300_800_000_000,
    9_223_372_036_854, 9_223_372_036_855, -9_223_372_036_855,
    # Beyond what any integer holds.
    MOST + 1, LEAST - 1, 10 ** 30, -10 ** 30})
EXTREMES = [MOST, LEAST, 2 ** 53 + 1, -1]


def lives(service):
    """Whether the server is there and works; else what its log says of its end."""
    time.sleep(0.005)
    assert service.process.poll() is None, service.last_words()
    assert service.call("GET", "/health").status == 200, service.last_words()
    return True


def integers(value, path=()):
    """The paths of all integers in a JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from integers(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from integers(inner, (*path, place))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path


def changed(value, path, number):
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = number
    return value


# Stripe's events

def send(service, event):
    body = json.dumps(event).encode()
    seconds = int(time.time())
    code = hmac.new(
        b"whsec_development", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return service.call("POST", "/webhooks/stripe", raw=body, headers={
        "Stripe-Signature": f"t={seconds},v1={code}"})


def event(kind, about, **more):
    return {
        "id": "evt_" + uuid.uuid4().hex, "object": "event", "type": kind,
        "created": int(time.time()), "livemode": False, "api_version": "2025-09-30.clover",
        "pending_webhooks": 1, "data": {"object": about}, **more}


ABOUT = {
    "customer.updated": {"id": "cus_1", "object": "customer", "created": 1, "balance": 0},
    "customer.subscription.updated": {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "created": 1,
        "current_period_end": 1, "items": {"data": [{"quantity": 1, "current_period_end": 1}]}},
    "invoice.paid": {
        "id": "in_1", "object": "invoice", "amount_paid": 1, "created": 1, "period_end": 1,
        "parent": {"subscription_details": {"subscription": "sub_1"}}},
    "invoice.payment_failed": {
        "id": "in_1", "object": "invoice", "attempt_count": 1, "next_payment_attempt": 1,
        "parent": {"subscription_details": {"subscription": "sub_1"}}},
    "charge.refunded": {
        "id": "ch_1", "object": "charge", "amount": 1, "amount_refunded": 1,
        "payment_intent": "pi_1", "refunded": True},
    "charge.dispute.created": {
        "id": "dp_1", "object": "dispute", "amount": 1, "payment_intent": "pi_1",
        "status": "needs_response", "evidence_details": {"due_by": 1}},
    "checkout.session.completed": {
        "id": "cs_1", "object": "checkout.session", "amount_total": 1, "expires_at": 1,
        "subscription": "sub_1", "client_reference_id": None},
}


@pytest.mark.parametrize("kind", ABOUT)
def test_no_integer_of_a_signed_event_ends_the_process(module_service, kind):
    sample = event(kind, ABOUT[kind])
    for path in integers(sample):
        for number in BOUNDS:
            answer = send(module_service, {
                **changed(sample, path, number), "id": "evt_" + uuid.uuid4().hex})
            assert answer.status in (200, 400), (path, number, answer)
            assert path == ("created",) or answer.status == 200, (path, number, answer)
    assert lives(module_service)


# Stripe's answers

class Bent(http.server.BaseHTTPRequestHandler):
    """Passes a request on to the local Stripe and bends its answer."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() in ("authorization", "content-type", "idempotency-key",
                                       "stripe-version")}
        seen = self.server.stripe.call(self.command, self.path, raw=body or None, headers=headers)
        data = self.server.bend(self.command, self.path, seen.json)
        data = json.dumps(data).encode()
        self.send_response(seen.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def bent(tmp_path_factory):
    """A server whose Stripe's answers a test may bend, and a user who pays."""
    folder = tmp_path_factory.mktemp("bent")
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bent)
    proxy.daemon_threads = True
    proxy.bend = lambda method, path, data: data
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    service = Service(
        folder, STRIPE_API_BASE=f"http://127.0.0.1:{proxy.server_port}",
        STRIPE_SECRET_KEY="sk_test_sandbox", STRIPE_WEBHOOK_SECRET="whsec_development",
        **PROVIDER.settings(folder))
    service.start()
    local = subprocess.Popen(
        [BINARY, "sandbox", "--port", "0", "--webhook-url", service.url + "/webhooks/stripe"],
        env=service.environment, cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    stripe = Service.__new__(Service)
    stripe.host, _, port = local.stdout.readline().split("http://")[1].split()[0].partition(":")
    stripe.port = int(port)
    proxy.stripe, service.proxy = stripe, proxy
    service.sandbox = f"http://{stripe.host}:{port}"
    assert service.command("catalog", "sync", "--stripe").returncode == 0
    yield service
    service.stop()
    local.terminate()
    local.wait(30)
    proxy.shutdown()
    proxy.server_close()


def refresh(service, subscription):
    """Has the subscription fetched anew, by an event and by the repair of a reconciliation."""
    assert send(service, event(
        "customer.subscription.updated",
        {"id": subscription, "object": "subscription"})).status == 200
    service.call("POST", "/dev/clock", {"advance_seconds": 61})
    service.offset += 61


def test_no_integer_of_an_answer_of_stripes_ends_the_process(bent):
    user = bent.new_user()
    buy(bent, user)
    bent.advance(8 * DAY)
    ((subscription,),) = bent.rows("SELECT stripe_subscription_id FROM subscriptions")
    kinds = {}

    def note(method, path, data):
        kinds.setdefault((method, path.partition("?")[0]), data)
        return data

    def calls():
        refresh(bent, subscription)
        user.post("/career/subscriptions/preview-upgrade", {"new_plan_id": PRO})
        user.post("/career/subscriptions/cancel")
        user.post("/career/subscriptions/resume")
        user.post("/career/subscriptions/portal")

    bent.proxy.bend = note
    calls()
    assert len(kinds) >= 4
    paths = {name for data in kinds.values() for path in integers(data)
             for name in path[-1:] if isinstance(name, str)}
    assert {"created", "current_period_end", "amount_due"} <= paths, paths
    for name in sorted(paths):
        for number in EXTREMES:
            def bend(method, path, data):
                for place in list(integers(data)):
                    if place[-1] == name:
                        data = changed(data, place, number)
                return data

            bent.proxy.bend = bend
            calls()
            assert lives(bent), (name, number)
    bent.proxy.bend = lambda method, path, data: data
    assert bent.command("stripe", "reconcile").returncode in (0, 1)
    assert lives(bent)


# Requests

def requests(user, number):
    """Each request of the wire that carries an integer, with that one."""
    post, get = user.service.call, user.get
    yield post("POST", "/dev/clock", {"advance_seconds": number})
    for query in (f"logs?limit={number}", f"logs?cursor={number}", f"summary?from={number}",
                  f"summary?from={number % 10_000:04}-01-01&to=9999-12-31"):
        yield get("/career/usage/" + query)
    for name in ("input_chars", "max_output_tokens"):
        yield user.validate(usage_estimate={name: number})
    for name in ("input_tokens", "output_tokens", "latency_ms"):
        yield user.commit(str(uuid.uuid4()), metrics={name: number})
    yield post("POST", "/auth/signin", {"email": "a@b.de", "password": number})
    yield get("/dev/mailbox?to=a@b.de&limit=" + str(number))


def test_no_integer_of_a_request_ends_the_process(own_service):
    user = own_service.new_user()
    for number in BOUNDS:
        if number not in (0, 1):
            for answer in requests(user, number):
                assert answer.status in (200, 400, 401, 402, 404, 409, 422, 429), answer
    assert lives(own_service)


def test_the_development_clock_stops_before_the_years_end(own_service):
    user = own_service.new_user()
    own_service.rows("UPDATE installation SET clock_offset = ?", 7400 * 366 * DAY * 10 ** 6)
    refused = None
    for _ in range(40):
        answer = own_service.call("POST", "/dev/clock", {"advance_seconds": 10 * 366 * DAY})
        own_service.offset = 0
        if answer.status != 200:
            refused = answer
            break
    assert refused.status == 409 and refused.code == "clock_at_its_end"
    assert lives(own_service)
    assert own_service.call("GET", "/career/subscriptions/plans").status == 200


def test_no_time_of_a_token_ends_the_process(own_service):
    user = own_service.new_user()
    for number in [*BOUNDS, 1e300, -1e300, 1e18, 2 ** 53 + 0.5]:
        for name in ("iat", "exp", "nbf"):
            tokens = [own_service.mint(sub=user.id, **{name: number}),
                      PROVIDER.token(sub="x", now=own_service.time, **{name: number})]
            for token in tokens:
                answer = own_service.call(
                    "GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
                assert answer.status in (200, 401), (name, number, answer)
    assert lives(own_service)


# Settings and commands

@pytest.mark.parametrize("name", ["RESERVATION_TTL", "PAST_DUE_GRACE", "PORT", "PASSWORD_COST"])
def test_no_integer_of_a_setting_ends_a_command_otherwise_than_by_a_line(tmp_path, name):
    service = Service(tmp_path, DATABASE_URL=databases.make_empty(tmp_path))
    for number in BOUNDS:
        result = service.command("migrate", **{name: str(number)})
        assert result.returncode in (0, 1), (number, result)
        assert result.returncode == 0 or result.stderr.count("\n") == 1, (number, result)


def test_no_amount_of_an_adjustment_ends_the_command(own_service):
    user = own_service.new_user()
    for number in BOUNDS:
        for text in (str(number), f"{number}.000001", f"0.{abs(number)}"):
            assert user.adjust(text).returncode in (0, 1, 64), (text, user.adjust(text))
    assert lives(own_service)
    assert user.balance["credits_remaining"]


# Rows

def integer_columns(service):
    """The integer columns of every table, by what the schema says."""
    if service.uses_sqlite:
        found = service.rows(
            """SELECT made.name, col.name FROM sqlite_master made, pragma_table_info(made.name) col
            WHERE made.type = 'table' AND made.name NOT LIKE 'sqlite_%'
                AND upper(col.type) IN ('INTEGER', 'BIGINT')""")
    else:
        found = service.rows(
            """SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type IN ('bigint', 'integer')""")
    return sorted(pair for pair in found if pair[0] != "schema_migrations")


EVERYTHING = {
    "one_time_codes", "sessions", "refresh_tokens", "mails", "former_accounts", "subscriptions",
    "subscription_changes", "career_subscription_contexts", "credit_grants", "career_usage_logs",
    "stripe_events", "stripe_tickets", "checkouts", "upgrade_previews", "plans",
    "plan_pricing_rules", "feature_cost_configs", "users", "installation", "messages"}


def full(folder):
    """A service at work, with a row in almost every table, and the user who pays."""
    service = Service(folder, **PROVIDER.settings(folder)).start()
    service.sign_up()
    gone = service.sign_up()
    assert service.call("DELETE", "/auth/me", headers=gone.auth).status == 200
    user = service.sign_up()
    buy(service, user)
    service.advance(8 * DAY)
    service.sign_up()
    service.call("POST", "/auth/password/reset", {"email": user.email})
    user.spend()
    user.validate()
    user.post("/career/subscriptions/preview-upgrade", {"new_plan_id": PRO})
    service.rows(
        """INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
            leased_until, died_at)
        VALUES (?, 'career_usage_commits', '{}', 1, 'x', 5, 5, 0, 7)""", uuid.uuid4())
    service.rows("INSERT INTO message_tries (id, tries, beat) VALUES (?, 1, 1)", uuid.uuid4())
    service.rows("INSERT INTO revoked_invoices VALUES ('in_0', 'x', 1)")
    service.rows("INSERT INTO operator_notices VALUES (?, 'x', 'y', 'z', 1)", uuid.uuid4())
    filled = {table for table, rows in service.tables.items() if rows}
    assert filled >= EVERYTHING, EVERYTHING - filled
    return service, user


class Snapshot:
    """What every table holds, to be put back after each case."""

    def __init__(self, service):
        self.service = service
        self.tables = service.tables
        del self.tables["schema_migrations"]
        if service.uses_sqlite:
            # Its pages as they are: thousands of rows need not be written one by one each time.
            self.pages = sqlite3.connect(":memory:")
            with contextlib.closing(sqlite3.connect(service.database)) as connection:
                connection.backup(self.pages)

    def restore(self):
        if self.service.uses_sqlite:
            with contextlib.closing(sqlite3.connect(self.service.database, timeout=30)) as file:
                return self.pages.backup(file)
        with psycopg.connect(self.service.environment["DATABASE_URL"]) as connection:
            self.fill(lambda sql, rows: connection.cursor().executemany(
                sql.replace("?", "%s"), rows))

    def fill(self, run):
        for table, rows in self.tables.items():
            run(f"DELETE FROM {table}", [()])
            if rows:
                run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def commands(user):
    return [("audit",), ("users", "find", user.email), ("dead-letters", "list"),
            ("export", "-"), ("users", "adjust", user.email, "1", "--reason", "x")]


def readers(used, table):
    """The commands that read the table: those that fail where there is none of its name. The others
    do not meet what its rows hold."""
    assert used.rows(f"SELECT 1 FROM {table} LIMIT 1"), table
    used.break_by_hand(f"ALTER TABLE {table} RENAME TO {table}_away")
    found = [arguments for arguments in commands(used.user)
             if used.command(*arguments).returncode != 0]
    used.break_by_hand(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert ("export", "-") in found
    return found


# Each part is a test of its own, since several processes are started for each integer.
PARTS = 12


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    service, user = full(tmp_path_factory.mktemp("used"))
    service.user = user
    service.stop()
    # Only now: on PostgreSQL the rules of the schema go for good.
    service.break_by_hand()
    service.whole = Snapshot(service)
    for arguments in commands(user):
        assert service.command(*arguments).returncode == 0, arguments
    service.whole.restore()
    return service


@pytest.mark.parametrize("part", range(PARTS))
def test_no_integer_of_a_row_ends_a_command_otherwise_than_by_a_status(used, part):
    columns = [pair for pair in integer_columns(used) if used.whole.tables[pair[0]]]
    assert len(columns) > 60
    tables = sorted({table for table, _ in columns})
    for table in tables[part::PARTS]:
        found = readers(used, table)
        for column in [column for owner, column in columns if owner == table]:
            for number in (MOST, LEAST):
                used.break_by_hand(f"UPDATE {table} SET {column} = {number}")
                for arguments in found:
                    result = used.command(*arguments)
                    assert result.returncode in (0, 1), (table, column, number, arguments, result)
                used.whole.restore()


READS = ("/career/usage", "/career/usage/logs", "/career/usage/summary", "/career/subscriptions",
         "/career/subscriptions/plans", "/auth/me", "/auth/sessions")


def test_no_integer_of_a_row_ends_a_server_that_meets_it(tmp_path):
    service, user = full(tmp_path)
    with contextlib.closing(sqlite3.connect(
            service.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for table, column in integer_columns(service):
            described = connection.execute(f"PRAGMA table_info({table})").fetchall()
            keys = [name for _, name, _, _, _, is_key in described if is_key]
            # The clock of development only goes forward; a key is of another row then.
            if column in keys or (table, column) == ("installation", "clock_offset"):
                continue
            place = " AND ".join(f"{key} = ?" for key in keys)
            rows = connection.execute(f"SELECT {column}, {', '.join(keys)} FROM {table}").fetchall()
            for number in (MOST, LEAST):
                connection.execute(f"UPDATE {table} SET {column} = ?", (number,))
                met = [user.get(path).status for path in READS] + [user.validate().status]
                assert all(status < 600 for status in met) and lives(service), (table, column)
                connection.executemany(f"UPDATE {table} SET {column} = ? WHERE {place}", rows)
    service.stop()


# Imports

def test_an_import_refuses_each_integer_that_no_server_could_read(
        source, target, tmp_path_factory):  # noqa: F811
    """Of each table with a row, each integer column with each bound: a line that names it, or a
    database like any other."""
    taken = []
    for index, line in enumerate(source.lines):
        value = json.loads(line)
        if not isinstance(value, dict) or "columns" not in value:
            continue
        row = source.lines[index + 1]
        if not row.startswith("["):
            continue
        for name, cell in zip(value["columns"], json.loads(row)):
            if not isinstance(cell, int):
                continue
            for number in EXTREMES:
                lines = sealed(edited(
                    source.lines, value["table"], lambda row: row.update({name: number})))
                result = bring(target, lines)
                assert result.returncode in (0, 1), (value["table"], name, number, result)
                if result.returncode == 0:
                    taken.append((value["table"], name, number))
                    target = Service(
                        tmp_path_factory.mktemp("next"),
                        DATABASE_URL=databases.make_empty(tmp_path_factory.mktemp("next")))
                else:
                    assert result.stderr.count("\n") == 1, result.stderr
    # Times in micro-seconds and amounts are as large; only what was taken away is negative.
    assert {number for *_, number in taken} <= {2 ** 53 + 1, -1}
    assert {name for _, name, number in taken if number == -1} \
        <= {"credits", "credits_allocated"}, taken
