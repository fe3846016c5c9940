"""The built binary as its users meet it: a process on a free port, driven over real HTTP."""

import calendar
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from pathlib import Path

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/servers"))
import postgresql  # noqa: E402
import rabbitmq as rabbitmq_server  # noqa: E402
from memory import memory_folder  # noqa: E402

# SQLite's files too, and the logs: else a test waits as long as a busy disk makes it, and longer than
# what is tested allows.
tempfile.tempdir = memory_folder()

BINARY = os.environ.get("CUEBX_BINARY", str(ROOT / ".build/release/cuebx"))
SECRET = "dev-jwt-secret-change-me-0123456789abcdef"
KEY = {"X-Internal-API-Key": "dev-internal-key"}
PASSWORD = "Passw0rd-x"
DAY = 86_400
# Files with tests that take half a minute and more.
LONG = ("test_several_processes", "test_rabbitmq", "test_payments_orders", "test_document",
        "test_integers", "test_encrypted", "test_hashing", "test_clocks", "test_stripe_states")
# A migrated database that each service is given a copy of; set for the processes of one run.
MIGRATED = "CUEBX_TEST_MIGRATED"
FREE, PLUS, PRO, PLUS_YEARLY, PRO_YEARLY = (
    f"0198c0de-0000-7000-8000-00000000000{n}" for n in range(1, 6))


def pytest_addoption(parser):
    parser.addoption(
        "--engine", choices=["sqlite", "postgresql"],
        default=os.environ.get("CUEBX_TEST_ENGINE", "sqlite"),
        help="the database that the services under test use")


class Databases:
    """Makes a database for each service: a file, or one on a PostgreSQL of the tests' own."""

    def __init__(self):
        self.chosen = self.engine = "sqlite"
        self.server = None
        self.made = []
        # The folder of SQLite's migrated file, made when the first service of this process starts.
        self.folder = None

    @contextlib.contextmanager
    def as_chosen(self):
        """For what outlives the test that asks for it first."""
        engine, self.engine = self.engine, self.chosen
        yield
        self.engine = engine

    def make(self, folder):
        if self.engine == "sqlite":
            return f"sqlite:{folder / 'cuebx.db'}"
        # Hundreds of services need not migrate the same empty database.
        return self.copy(os.environ[MIGRATED])

    def make_empty(self, folder):
        """One without a schema; on SQLite there is no file yet."""
        if self.engine == "sqlite":
            return self.make(folder)
        return self.keep(postgresql.new_database(self.server_url))

    def migrate_one(self):
        return self.migrate(postgresql.new_database(self.server_url))

    @staticmethod
    def migrate(url):
        subprocess.run([BINARY, "migrate"], check=True, stdout=subprocess.DEVNULL, env={
            "DATABASE_URL": url, "CATALOG": str(ROOT / "catalog.json")})
        return url

    def copy_file(self, database):
        """A migrated file where none is yet: to migrate takes a third of what a start computes."""
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory()
            self.migrate(f"sqlite:{self.folder.name}/cuebx.db")
        if not database.exists():
            shutil.copy(f"{self.folder.name}/cuebx.db", database)

    def make_other(self, folder):
        """One of the other engine."""
        if self.engine == "postgresql":
            return f"sqlite:{folder / 'cuebx.db'}"
        return self.keep(postgresql.new_database(self.server_url))

    def copy(self, url):
        return self.keep(postgresql.copy_database(url))

    def keep(self, url):
        self.made.append(url)
        return url

    @property
    def server_url(self):
        if postgresql.VARIABLE in os.environ:
            return os.environ[postgresql.VARIABLE]
        if self.server is None:
            self.server = postgresql.PostgreSQL()
        return self.server.url

    def drop(self, number):
        """Drops those beyond the first so many."""
        while len(self.made) > number:
            postgresql.drop_database(self.made.pop())


databases = Databases()


def pytest_configure(config):
    databases.chosen = databases.engine = config.getoption("--engine")
    if databases.chosen == "postgresql":
        # One for all the processes that the tests are spread over; those inherit the environment.
        os.environ[postgresql.VARIABLE] = databases.server_url
        if MIGRATED not in os.environ:
            os.environ[MIGRATED] = databases.migrate_one()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Spread over processes (`-n 4 --dist loadgroup`), the tests that share what was made for their
    file stay together; the others go wherever there is time."""
    def of_file(item):
        definitions = [made[-1] for made in item._fixtureinfo.name2fixturedefs.values()]
        return {made for made in definitions if made.scope == "module"
                or made.scope == "session" and made.baseid.endswith(".py")}

    # Of what shares nothing, what takes long begins first, so that no process is left with it at the end.
    items.sort(key=lambda item: item.path.stem not in LONG)
    groups = []
    for item in items:
        if "rabbitmq_to_stop" in item.fixturenames:
            # One such server is enough.
            item.add_marker(pytest.mark.xdist_group("rabbitmq_to_stop"))
        elif shared := of_file(item):
            met = [group for group in groups if group[0] & shared]
            groups = [group for group in groups if group not in met] + [
                (shared.union(*(group[0] for group in met)),
                 [item, *(other for group in met for other in group[1])])]
    for number, (_, members) in enumerate(groups):
        for item in members:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{number}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """A file of tests about one engine's own files says so by `ENGINE`."""
    databases.engine = getattr(item.module, "ENGINE", databases.chosen)


def pytest_unconfigure():
    if databases.server:
        databases.server.remove()
    if databases.folder:
        databases.folder.cleanup()


@pytest.fixture(autouse=True)
def dropped():
    """The databases and virtual hosts that a test made for itself go when it ends; what was there
    before it stays."""
    number, vhosts = len(databases.made), brokers.number
    yield
    databases.drop(number)
    brokers.drop(vhosts)


class Brokers:
    """The RabbitMQ that the tests share: one that is running, by its ports in the environment, or
    one of this process's own, started when it is first asked for. With CUEBX_TEST_BROKER=rabbitmq
    each service has it for its broker."""

    is_chosen = os.environ.get("CUEBX_TEST_BROKER") == "rabbitmq"

    def __init__(self):
        self.server = None

    @property
    def shared(self):
        if self.server is None:
            ports = os.environ.get(rabbitmq_server.PORTS)
            self.server = rabbitmq_server.RunningRabbitMQ(*ports.split()) if ports \
                else rabbitmq_server.RabbitMQ().start()
        return self.server

    @property
    def number(self):
        return len(self.server.vhosts) if self.server else 0

    def drop(self, number):
        """Drops the virtual hosts beyond the first so many."""
        if self.server:
            self.server.drop_vhosts(number)

    def close(self):
        if isinstance(self.server, rabbitmq_server.RabbitMQ):
            self.server.close()


brokers = Brokers()


def pytest_sessionstart(session):
    # The processes that the tests are spread over inherit the environment.
    if brokers.is_chosen:
        os.environ.setdefault(rabbitmq_server.PORTS, brokers.shared.ports)


def pytest_sessionfinish(session):
    for process in Service.running:
        process.kill()
    brokers.close()


@pytest.fixture
def rabbitmq():
    return brokers.shared


@pytest.fixture(scope="session")
def rabbitmq_to_stop():
    """Nobody else's, so that it may be stopped and killed."""
    server = rabbitmq_server.RabbitMQ()
    try:
        yield server.start()
    finally:
        server.close()


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        # As they were written and in their order; and by their names in lower case.
        self.named = response.getheaders()
        self.headers = {name.lower(): value for name, value in self.named}
        # Of a header that is there several times, all values.
        self.all_headers = {}
        for name, value in self.named:
            self.all_headers.setdefault(name.lower(), []).append(value)
        self.bytes = body

    @property
    def json(self):
        return json.loads(self.bytes)

    @property
    def code(self):
        return self.json.get("code")

    def __repr__(self):
        return f"<{self.status} {self.bytes[:400]!r}>"


class User:
    def __init__(self, service, email, tokens, id):
        self.service, self.email, self.tokens, self.id = service, email, tokens, id

    @property
    def token(self):
        """A token that is good now, wherever the clock stands."""
        return self.service.mint(sub=self.id, email=self.email)

    @property
    def auth(self):
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path):
        return self.service.call("GET", path, headers=self.auth)

    def post(self, path, body=None):
        return self.service.call("POST", path, body, headers=self.auth)

    def validate(self, request_id=None, feature="career.job_match", hash="ab" * 32, **more):
        body = {
            "request_id": request_id or str(uuid.uuid4()), "feature_key": feature,
            "endpoint": "/v1/tool", "method": "post", "payload_hash": hash, **more,
        }
        return self.service.call(
            "POST", "/career/internal/usage/validate", body, headers={**self.auth, **KEY})

    def commit(self, usage_id, success=True, headers={}, **more):
        body = {"user_id": self.id, "usage_id": usage_id, "success": success, **more}
        if not success and "failure" not in more:
            body["failure"] = {"failure_type": "timeout", "reason": "too slow"}
        return self.service.call(
            "POST", "/career/internal/usage/commit", body, headers={**KEY, **headers})

    def extend(self, usage_id, extension_id="e", **more):
        return self.step("extend", usage_id, extension_id=extension_id, **more)

    def capture(self, usage_id, capture_id="c", **more):
        return self.step("capture", usage_id, capture_id=capture_id, **more)

    def cancel(self, usage_id):
        return self.step("cancel", usage_id)

    def step(self, verb, usage_id, **more):
        return self.service.call(
            "POST", f"/career/internal/usage/{verb}",
            {"user_id": self.id, "usage_id": usage_id, **more}, headers=KEY)

    def spend(self, **more):
        answer = self.validate(**more)
        assert answer.status == 200, answer
        return self.commit(answer.json["usage_id"])

    @property
    def balance(self):
        return self.get("/career/usage/").json

    @property
    def credits(self):
        """The balance without the rate windows, which turn by the wall's minute."""
        return {name: value for name, value in self.balance.items() if name != "rate_limits"}

    @property
    def subscription(self):
        return self.get("/career/subscriptions/").json

    def give(self, credits, *more, source="promotion", reason="a test"):
        """Credits beside the pool, by an operator."""
        return self.service.command(
            "grants", "add", self.id, credits, "--source", source, "--reason", reason, *more)

    @property
    def grants(self):
        """The pool and the grants beside it, by what they are called in the list."""
        answer = self.get("/career/credits")
        assert answer.status == 200, answer
        return answer.json["grants"]

    def adjust(self, credits, reason="a test"):
        return self.service.command("users", "adjust", self.id, "--reason", reason, "--", credits)


class IdentityProvider:
    """Issues tokens; its keys are a file."""

    issuer, audience = "https://issuer.example.test", "career"

    def __init__(self):
        self.key = ed25519.Ed25519PrivateKey.generate()

    def settings(self, folder):
        """With which a service accepts its tokens."""
        public = jwt.get_algorithm_by_name("EdDSA").to_jwk(self.key.public_key(), as_dict=True)
        keys = Path(folder) / "keys.json"
        keys.write_text(json.dumps({"keys": [{**public, "kid": "k", "alg": "EdDSA"}]}))
        return {
            "AUTH_JWKS": str(keys), "AUTH_ISSUER": self.issuer, "AUTH_AUDIENCE": self.audience}

    def token(self, now, **claims):
        return jwt.encode(
            {"iss": self.issuer, "aud": self.audience, "iat": now, "exp": now + 900, **claims},
            self.key, algorithm="EdDSA", headers={"kid": "k"})


PROVIDER = IdentityProvider()


# Where the program finds what tells of its crashes: in a toolchain, if one is there.
SWIFT = shutil.which("swift")
BACKTRACES = {"SWIFT_ROOT": str(Path(SWIFT).resolve().parents[1])} if SWIFT else {}


def from_sqlite(row):
    # What else is kept as bytes is longer.
    return tuple(uuid.UUID(bytes=value) if isinstance(value, bytes) and len(value) == 16 else value
                 for value in row)


class Service:
    """One server process with a database of its own."""

    # What is run; a program that runs another may stand before it.
    program = [BINARY]
    # Processes that run; those that a test left behind when it failed end with the tests.
    running = []

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        # On SQLite, the file.
        self.database = self.folder / "cuebx.db"
        # A database that a test names is as the test has made it, e.g. not there.
        self.is_given_database = "DATABASE_URL" in settings
        if not self.is_given_database:
            settings["DATABASE_URL"] = databases.make(self.folder)
        if settings["DATABASE_URL"].startswith("sqlite:"):
            self.database = Path(settings["DATABASE_URL"].removeprefix("sqlite:"))
        self.environment = {
            "PATH": os.environ["PATH"], "PORT": "0", "LOG_LEVEL": "debug",
            **BACKTRACES,
            "CATALOG": str(ROOT / "catalog.json"),
            # Else the hashing of passwords would take half of the tests' time. Empty it for a test
            # of the hash itself.
            **({} if settings.get("CUEBX_ENV") == "production" else {"PASSWORD_COST": "4"}),
            **({"BROKER_URL": brokers.shared.new_vhost()[0]} if brokers.is_chosen else {}),
            **settings,
        }
        self.log = self.folder / "log"
        self.process = None

    def copy(self, folder):
        """A service at rest with a copy of this one's database, which is at rest too."""
        if not self.uses_sqlite:
            return Service(folder, DATABASE_URL=databases.copy(self.environment["DATABASE_URL"]))
        other = Service(folder)
        assert self.command("backup", str(other.database)).returncode == 0
        return other

    def beside(self, **settings):
        """Another process on the same database and broker."""
        shared = {name: self.environment[name] for name in ("DATABASE_URL", "BROKER_URL")
                  if name in self.environment}
        return Service(self.folder, **shared, **settings)

    def start(self, *arguments):
        if self.uses_sqlite and not self.is_given_database:
            databases.copy_file(self.database)
        self.process = subprocess.Popen(
            [*self.program, "serve", *arguments], env=self.environment, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=open(self.log, "ab"))
        self.running[:] = [other for other in self.running if other.poll() is None]
        self.running.append(self.process)
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = re.search(r"http://\S+", line).group()
        address = urllib.parse.urlsplit(self.url)
        self.host, self.port = address.hostname, address.port
        if self.environment.get("CUEBX_ENV") == "production":
            return self
        for _ in range(4):
            if self.process.poll() is None and "payments" in line:
                self.sandbox = re.search(r"http://\S+", line).group()
            line = self.process.stdout.readline()
            if "stop" in line or not line:
                break
        return self

    def stop(self, expected=0):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(30)
            assert status == expected, self.last_words()

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def call(self, method, path, body=None, headers={}, raw=None):
        headers = dict(headers)
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def raw(self, data, seconds=10):
        """Sends bytes as they are; returns all that comes back until the connection closes."""
        with socket.create_connection((self.host, self.port), timeout=seconds) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received

    def command(self, *arguments, **settings):
        return subprocess.run(
            [BINARY, *arguments], env={**self.environment, **settings}, cwd=self.folder,
            text=True, capture_output=True, timeout=60)

    def mail(self, email):
        path = "/dev/mailbox?to=" + urllib.parse.quote(email)
        return self.call("GET", path).json["messages"]

    def code(self, email):
        return re.search(r"\b\d{6}\b", self.mail(email)[-1]["text"]).group()

    def sign_up(self, email=None, **more):
        email = email or f"{uuid.uuid4().hex}@example.test"
        answer = self.call(
            "POST", "/auth/signup", {"email": email, "password": PASSWORD, **more})
        assert answer.status == 201, answer
        answer = self.call(
            "POST", "/auth/signup/verify", {"email": email, "otp_code": self.code(email)})
        assert answer.status == 200, answer
        tokens = answer.json
        id = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]
        return User(self, email, tokens, id)

    def new_user(self, email=None):
        """A user of the tests' own identity provider, for tests that ask nothing of sign-up and
        passwords: there at once, where a sign-up takes a core a tenth of a second to hash the
        password. Nothing has been mailed to them, and no refresh token is theirs."""
        email = email or f"{uuid.uuid4().hex}@example.test"
        token = PROVIDER.token(sub=email, email=email, email_verified=True, now=self.time)
        me = self.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert me.status == 200, me
        return User(self, email, {"access_token": token}, me.json["id"])

    @property
    def time(self):
        """What time it is there, without asking."""
        return int(time.time()) + getattr(self, "offset", 0)

    @property
    def now(self):
        return int(self.advance(0))

    def advance(self, seconds):
        answer = self.call("POST", "/dev/clock", {"advance_seconds": seconds})
        assert answer.status == 200, answer
        self.offset = getattr(self, "offset", 0) + seconds
        return time.time() + self.offset

    def advance_past_period(self, user, beyond=DAY):
        """Months differ in length: moves the clock to a day after the user's period has ended."""
        end = user.subscription["current_period_end"][:19]
        end = calendar.timegm(time.strptime(end, "%Y-%m-%dT%H:%M:%S"))
        return self.advance(int(end - self.now) + beyond)

    def mint(self, secret=SECRET, algorithm="HS256", **claims):
        now = self.time
        payload = {
            "type": "access", "iat": now, "exp": now + 900, "jti": str(uuid.uuid4()),
            "email": "", **claims,
        }
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, secret, algorithm=algorithm)

    def metric(self, name):
        """A sample's value; what a busy database could not count in time is missing for once."""
        deadline = time.monotonic() + 20
        while True:
            page = self.call("GET", "/metrics").bytes.decode()
            if found := re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE):
                return float(found.group(1))
            assert time.monotonic() < deadline, page

    @property
    def cpu_seconds(self):
        """What the process has computed with so far, on all its threads."""
        # After the program's name in parentheses; user and system time are the 14th and 15th field.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    @property
    def uses_sqlite(self):
        return self.environment["DATABASE_URL"].startswith("sqlite:")

    def rows(self, sql, *arguments):
        """Runs a statement on the database itself, past the service. Ids are `uuid.UUID`, both in
        what is handed over and in what comes back."""
        with self.connected() as run:
            return run(sql, *arguments)

    @contextlib.contextmanager
    def connected(self):
        """What runs statements as `rows` does, for many of them: each new connection to a file of
        SQLite's reads the whole schema."""
        if self.uses_sqlite:
            with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
                yield lambda sql, *arguments: [
                    from_sqlite(row) for row in connection.execute(sql, [
                        argument.bytes if isinstance(argument, uuid.UUID) else argument
                        for argument in arguments]).fetchall()]
            return
        with postgresql.connected(self.environment["DATABASE_URL"]) as connection:
            def run(sql, *arguments):
                cursor = connection.execute(sql.replace("?", "%s"), arguments or None)
                return cursor.fetchall() if cursor.description else []

            yield run

    def write(self, sql, *arguments):
        """Changes rows beside the running server, as another process may."""
        self.rows(sql, *arguments)

    def write_many(self, sql, rows):
        """The same statement for each of the rows, in one database transaction."""
        if self.uses_sqlite:
            with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
                connection.executemany(sql, [
                    [value.bytes if isinstance(value, uuid.UUID) else value for value in row]
                    for row in rows])
            return
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            connection.cursor().executemany(sql.replace("?", "%s"), rows)

    def break_by_hand(self, *statements):
        """Writes past the rules that the schema knows."""
        if self.uses_sqlite:
            # Foreign keys are heeded only where they are asked for.
            with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                for statement in statements:
                    connection.execute(statement)
            return
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            for table, name in connection.execute(
                    """SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
                    WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace""")\
                    .fetchall():
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            for statement in statements:
                connection.execute(statement)

    @property
    def columns(self):
        """The columns of every table that there is."""
        found = self.rows(
            """SELECT made.name, col.name FROM sqlite_master made, pragma_table_info(made.name) col
            WHERE made.type = 'table' AND made.name NOT LIKE 'sqlite_%'
            ORDER BY made.rowid, col.cid""" if self.uses_sqlite else
            """SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' ORDER BY table_name, ordinal_position""")
        columns = {}
        for table, column in found:
            columns.setdefault(table, []).append(column)
        return columns

    @property
    def tables(self):
        """All rows of every table that there is."""
        columns = self.columns
        with self.connected() as run:
            return {table: run(f"SELECT * FROM {table}") for table in columns}

    def plan(self, sql):
        """The steps by which the database would find the rows. A small table is read as a whole by
        PostgreSQL, so it is asked as if all were large."""
        if self.uses_sqlite:
            return [row[3] for row in self.rows("EXPLAIN QUERY PLAN " + sql)]
        with psycopg.connect(
                self.environment["DATABASE_URL"], options="-c enable_seqscan=off") as connection:
            return [row[0] for row in connection.execute("EXPLAIN " + sql).fetchall()]

    @contextlib.contextmanager
    def seized(self, table):
        """Meanwhile another process keeps the table, or on SQLite the whole database, to itself."""
        if self.uses_sqlite:
            with contextlib.closing(sqlite3.connect(self.database)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield
                connection.rollback()
        else:
            with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
                connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                yield
                connection.rollback()

    def last_words(self):
        """What the log says of a crash, else its end."""
        before, crash, report = self.log.read_text().partition("Program crashed")
        return before[-1000:] + crash + report[:6000] if crash else before[-2000:]

    def audit(self):
        return self.command("audit")


class SlowRequest:
    """A request whose body stops half-way; notes what is answered, and when."""

    def __init__(self, service):
        self.connection = socket.create_connection((service.host, service.port), timeout=60)
        self.connection.sendall(
            b"POST /auth/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{")
        self.start = time.monotonic()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        self.answer = b""
        with contextlib.suppress(OSError):
            self.answer = self.connection.recv(65536)
        self.seconds = time.monotonic() - self.start

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def together(number, work):
    """Runs the work that often at once and returns what came of it."""
    results = [None] * number
    barrier = threading.Barrier(number)

    def run(index):
        barrier.wait()
        results[index] = work(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture(scope="session")
def service():
    """The server that tests share; nobody moves its clock."""
    with tempfile.TemporaryDirectory() as folder:
        with databases.as_chosen():
            service = Service(folder).start()
        service.slow = SlowRequest(service)
        yield service
        service.slow.close()
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


@pytest.fixture(scope="module")
def module_service():
    """The server that a file's tests share; whoever needs it later moves its clock on."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, **PROVIDER.settings(folder)).start()
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


@pytest.fixture
def own_service():
    """A server of the test's own, whose clock may be moved."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, **PROVIDER.settings(folder)).start()
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


@pytest.fixture
def user(service):
    return service.sign_up()


@pytest.fixture(scope="session")
def somebody(service):
    """A user for requests that are refused whoever makes them."""
    return service.sign_up()
