"""Several processes on one PostgreSQL: what one process promises, all of them together keep."""

import collections
import json
import random
import subprocess
import threading
import time

import psycopg
import pytest

import postgresql
from conftest import BINARY, PLUS, PRO, ROOT, Service, User, databases, together
from test_payments import checkout, sdk

PROCESSES = 3
# The load asks for no more than this user's plan lets it.
FEATURE = "career.extract_keywords"


class Cluster:
    """Processes that share a database, each with a port of its own."""

    def __init__(self, folder, url, number=PROCESSES, **settings):
        catalog = json.loads((ROOT / "catalog.json").read_text())
        catalog["plans"][0] |= {
            "credits_allocation": "100000.00", "rate_limit_per_minute": None,
            "rate_limit_per_day": None}
        path = folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        self.services = []
        for index in range(number):
            place = folder / str(index)
            place.mkdir()
            self.services.append(Service(
                place, DATABASE_URL=url, CATALOG=str(path), LOG_LEVEL="warning",
                # Nobody pays here; a sandbox for each would only take time.
                STRIPE_API_BASE="http://127.0.0.1:1", **settings))

    def start(self):
        for service in self.services:
            service.start()
        return self

    def stop(self):
        for service in self.services:
            service.stop()

    def end(self):
        """Whatever a failed test has left."""
        for service in self.services:
            if service.process and service.process.poll() is None:
                service.kill()

    def __getitem__(self, index):
        return self.services[index % len(self.services)]

    def seen_from(self, index, user):
        """The same user, at another of the processes."""
        return User(self[index], user.email, user.tokens, user.id)


@pytest.fixture
def database_url():
    url = postgresql.new_database(databases.server_url)
    yield url
    postgresql.drop_database(url)


@pytest.fixture
def cluster(tmp_path, database_url):
    cluster = Cluster(tmp_path, database_url)
    try:
        yield cluster.start()
        audit = cluster[0].audit()
        cluster.stop()
        assert audit.returncode == 0, audit.stdout + audit.stderr
    finally:
        cluster.end()


def codes(answers):
    return collections.Counter(answer.code for answer in answers)


def test_one_credit_left_is_granted_once_whichever_process_is_asked(cluster):
    user = cluster[0].sign_up()
    assert user.adjust("-99999.00").returncode == 0
    answers = together(50, lambda index: cluster.seen_from(index, user).validate())
    assert codes(answers) == {"reserved": 1, "quota_exceeded": 49}
    assert {answer.status for answer in answers} == {200, 429}
    assert user.balance["credits_reserved"] == "1.00"


def test_one_request_raced_over_all_processes_is_reserved_once(cluster):
    user = cluster[0].sign_up()
    for number in range(5):
        answers = together(30, lambda index: cluster.seen_from(index, user).validate(
            request_id=f"raced-{number}"))
        assert codes(answers) == {"reserved": 1, "replayed": 29}
        assert len({answer.json["usage_id"] for answer in answers}) == 1
    assert user.balance["credits_reserved"] == "5.00"


def test_commits_raced_over_all_processes_charge_once(cluster):
    user = cluster[0].sign_up()
    usage = user.validate().json["usage_id"]
    answers = together(30, lambda index: cluster.seen_from(index, user).commit(usage))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["credits_charged"] for answer in answers} == {"1.00"}
    assert user.balance["credits_used"] == "1.00"


def test_of_two_outcomes_raced_over_all_processes_one_wins(cluster):
    user = cluster[0].sign_up()
    for _ in range(5):
        usage = user.validate().json["usage_id"]
        answers = together(20, lambda index: cluster.seen_from(index, user).commit(
            usage, success=index % 2 == 0))
        assert sorted(answer.status for answer in answers) == [200] * 10 + [409] * 10
        assert len({answer.json["status"] for answer in answers}) == 1
    assert user.balance["credits_reserved"] == "0.00"


def test_a_refresh_token_raced_over_two_processes_is_good_once_and_ends_the_session(cluster):
    token = cluster[0].sign_up().tokens["refresh_token"]
    answers = together(6, lambda index: cluster[index].call(
        "POST", "/auth/token/refresh", {"refresh_token": token}))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 5
    winner = next(answer for answer in answers if answer.status == 200)
    again = cluster[1].call("POST", "/auth/token/refresh",
                            {"refresh_token": winner.json["refresh_token"]})
    assert again.status == 401


def test_wrong_passwords_count_together(cluster):
    user = cluster[0].sign_up()
    body = {"email": user.email, "password": "Wrong-Passw0rd1"}
    statuses = [cluster[index].call("POST", "/auth/signin", body).status for index in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_a_user_erased_by_one_process_is_gone_for_all(cluster):
    user = cluster[0].sign_up()
    assert cluster.seen_from(1, user).validate().status == 200
    assert cluster[2].call("DELETE", "/auth/me", headers=user.auth).status == 200
    for index in range(PROCESSES):
        assert cluster.seen_from(index, user).get("/auth/me").status == 401
        assert cluster.seen_from(index, user).validate().status == 401


def test_a_catalog_changed_by_one_process_binds_all(cluster, tmp_path):
    user = cluster[0].sign_up()
    for index in range(PROCESSES):
        assert cluster.seen_from(index, user).validate().json["credits_reserved"] == "1.00"
    catalog = json.loads((tmp_path / "catalog.json").read_text())
    for feature in catalog["features"]:
        if feature["feature_key"] == "career.job_match":
            feature["internal_cost_credits"] = "1.75"
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    assert cluster[0].command("catalog", "sync").returncode == 0
    for index in range(PROCESSES):
        assert cluster.seen_from(index, user).validate().json["credits_reserved"] == "1.75"


def test_each_message_is_claimed_by_one_worker(cluster):
    # The database itself keeps a record of who claims what.
    cluster[0].rows("CREATE TABLE claims (id uuid, attempts bigint)")
    cluster[0].rows("""
        CREATE FUNCTION record_claim() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO claims VALUES (NEW.id, NEW.attempts);
            RETURN NULL;
        END $$""")
    cluster[0].rows("""
        CREATE TRIGGER record_claim AFTER UPDATE OF attempts ON messages
        FOR EACH ROW EXECUTE FUNCTION record_claim()""")
    user = cluster[0].sign_up()
    usages = [user.validate(feature=FEATURE).json["usage_id"] for _ in range(60)]
    answers = together(60, lambda index: cluster.seen_from(index, user).commit(
        usages[index], headers={"Prefer": "respond-async"}))
    assert {answer.status for answer in answers} == {202}
    deadline = time.monotonic() + 30
    while cluster[0].rows("SELECT 1 FROM messages") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cluster[0].rows("SELECT count(*), count(DISTINCT id), max(attempts) FROM claims") == [
        (60, 60, 1)]
    assert user.balance["credits_used"] == "30.00"


def test_checkouts_at_two_processes_leave_one_page_open(tmp_path, database_url):
    first, second = Cluster(tmp_path, database_url, number=2).services
    del first.environment["STRIPE_API_BASE"]
    try:
        first.start()
        second.environment["STRIPE_API_BASE"] = first.sandbox
        second.start()
        for _ in range(5):
            user = first.sign_up()
            seen = [user, User(second, user.email, user.tokens, user.id)]
            answers = together(6, lambda index: checkout(seen[index % 2], (PLUS, PRO)[index % 3 == 0]))
            assert {answer.status for answer in answers} <= {200, 409}
            assert {answer.code for answer in answers if answer.status == 409} <= {
                "checkout_superseded"}
            [customer] = {name for (name,) in first.rows(
                "SELECT stripe_customer_id FROM subscriptions WHERE user_id = CAST(? AS UUID)",
                user.id)}
            pages = sdk(first).v1.checkout.sessions.list({"customer": customer, "limit": 100})
            opened = [page.id for page in pages.data if page.status == "open"]
            assert len(opened) == 1 and len(pages.data) >= 2
            assert opened[0] in {
                answer.json["session_id"] for answer in answers if answer.status == 200}
        assert first.audit().returncode == 0
    finally:
        for service in (first, second):
            service.kill()


def test_ten_processes_start_at_once_on_an_empty_database(tmp_path, database_url):
    cluster = Cluster(tmp_path, database_url, number=10)
    together(10, lambda index: cluster[index].start())
    migrations = cluster[0].rows("SELECT version FROM schema_migrations ORDER BY version")
    assert migrations == [(number,) for number in range(1, len(migrations) + 1)]
    assert cluster[0].rows("SELECT count(*), max(catalog_revision) FROM installation") == [(1, 1)]
    assert len(cluster[0].call("GET", "/career/subscriptions/plans").json["plans"]) == 3
    # All hash under the one secret: a code that one has mailed is good at another.
    email = "ten@example.test"
    body = {"email": email, "password": "Passw0rd-x"}
    assert cluster[3].call("POST", "/auth/signup", body).status == 201
    verified = cluster[7].call(
        "POST", "/auth/signup/verify", {"email": email, "otp_code": cluster[5].code(email)})
    assert verified.status == 200
    cluster.stop()


class Load:
    """Clients that validate and commit on all processes until they are told to stop. A client that
    got no answer asks another process, as a tool server does."""

    def __init__(self, cluster, users, clients=12):
        self.cluster, self.users = cluster, users
        self.reserved, self.committed = {}, set()
        self.statuses = collections.Counter()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(index,))
                        for index in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def work(self, index):
        generator = random.Random(index)
        number = 0
        while not self.stopped.is_set():
            number += 1
            user = generator.choice(self.users)
            name = f"load-{index}-{number}"
            validated = self.ask(lambda process: self.cluster.seen_from(process, user).validate(
                request_id=name, feature=FEATURE), generator)
            if validated is None or validated.status != 200:
                continue
            usage = validated.json["usage_id"]
            self.reserved[usage] = (user, name)
            committed = self.ask(
                lambda process: self.cluster.seen_from(process, user).commit(usage), generator)
            if committed is not None and committed.status == 200:
                self.committed.add(usage)

    def ask(self, question, generator):
        try:
            answer = question(generator.randrange(len(self.cluster.services)))
        except (OSError, EOFError, ValueError, ConnectionError) as error:
            self.statuses[type(error).__name__] += 1
            return None
        except Exception as error:
            self.statuses[repr(error)] += 1
            return None
        self.statuses[answer.status] += 1
        return answer

    def wait(self, more):
        """Until so many more cycles are done."""
        goal = len(self.committed) + more
        deadline = time.monotonic() + 60
        while len(self.committed) < goal:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.01)

    def check(self, service):
        """What was acknowledged is there, and each call was charged once."""
        rows = dict(service.rows(
            "SELECT CAST(id AS TEXT), status FROM career_usage_logs"))
        assert self.reserved.keys() <= rows.keys()
        assert {rows[usage] for usage in self.committed} <= {"SUCCESS"}
        assert service.rows("""
            SELECT count(*) FROM career_usage_logs
            GROUP BY user_id, request_id HAVING count(*) > 1""") == []
        audit = service.audit()
        assert audit.returncode == 0, audit.stdout + audit.stderr


def test_batches_of_all_processes_never_deadlock(cluster):
    users = [cluster[0].sign_up() for _ in range(6)]
    with Load(cluster, users, clients=24) as load:
        load.wait(1500)
    assert set(load.statuses) == {200}
    assert cluster[0].rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    load.check(cluster[0])


def test_a_process_killed_under_load_loses_nothing_and_holds_up_nobody(cluster):
    users = [cluster[0].sign_up() for _ in range(6)]
    with Load(cluster, users) as load:
        load.wait(100)
        cluster[1].kill()
        load.wait(100)
        cluster[1].start()
        load.wait(100)
    assert 500 not in load.statuses
    load.check(cluster[0])


def until_ready(service):
    """A process asks a server that was away again after a second at most."""
    deadline = time.monotonic() + 10
    while service.call("GET", "/ready").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_restart_of_the_server_under_load_is_an_outage_and_nothing_more(tmp_path):
    server = postgresql.PostgreSQL()
    cluster = Cluster(tmp_path, postgresql.new_database(server.url))
    try:
        cluster.start()
        users = [cluster[0].sign_up() for _ in range(6)]
        with Load(cluster, users) as load:
            for mode in ("fast", "immediate"):
                load.wait(100)
                server.stop(mode)
                seen = load.statuses[503]
                while load.statuses[503] < seen + 5:
                    time.sleep(0.01)
                assert cluster[0].call("GET", "/health").status == 200
                unready = cluster[0].call("GET", "/ready")
                assert (unready.status, unready.code) == (503, "database_unavailable")
                assert "retry-after" in unready.headers
                server.start()
            load.wait(100)
        assert set(load.statuses) == {200, 503}
        for index in range(PROCESSES):
            until_ready(cluster[index])
        # What was asked while the server was away may have been done or not; asking again tells.
        load.check(cluster[0])
        cluster.stop()
        assert "cuebx-test" not in "".join(
            service.log.read_text() for service in cluster.services)
    finally:
        cluster.end()
        server.remove()


def run(url, *arguments, **settings):
    return subprocess.run(
        [BINARY, *(arguments or ["migrate"])], text=True, capture_output=True, timeout=60,
        env={"DATABASE_URL": url, "CATALOG": str(ROOT / "catalog.json"), "PORT": "0", **settings})


@pytest.mark.parametrize("command", [["migrate"], ["serve"], ["audit"]])
@pytest.mark.parametrize("url, reason", [
    ("mysql://u:secret-word@127.0.0.1/db", "DATABASE_URL"),
    ("postgres", "DATABASE_URL"),
    ("postgres://u:secret-word@127.0.0.1:port/db", "DATABASE_URL|port"),
    ("postgres://u:secret-word@127.0.0.1/db?sslmod=off", "DATABASE_URL"),
    ("postgres://u:secret@word@127.0.0.1/db", "DATABASE_URL"),
    ("postgres://u:secret/word@127.0.0.1/db", "DATABASE_URL"),
    ("postgres://u:secret-word@127.0.0.1:1/db", "refused"),
    ("postgres://u:secret-word@127.0.0.1:1/db?sslmode=nonsense", "DATABASE_URL|sslmode"),
])
def test_a_wrong_url_is_one_line_without_the_password(command, url, reason):
    result = run(url, *command)
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and any(word in lines[0] for word in reason.split("|")), lines
    assert "secret" not in lines[0] and "word@" not in lines[0]


@pytest.mark.parametrize("change", [
    lambda url: url.replace("cuebx-test@", "wrong-secret@"),
    lambda url: url.replace("/postgres?", "/nowhere?"),
    lambda url: url.replace("sslmode=disable", "sslmode=require"),
])
def test_a_server_that_refuses_is_one_line_without_the_password(change):
    result = run(change(databases.server_url))
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and "unavailable" in lines[0], lines
    assert "wrong-secret" not in lines[0] and "cuebx-test" not in lines[0]


def test_a_schema_of_a_newer_version_is_refused_and_not_touched(database_url):
    assert run(database_url).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (999, 'future', 0)")
        connection.execute("DROP TABLE operator_notices")
    result = run(database_url, "serve")
    assert result.returncode == 1 and "999" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('operator_notices')").fetchone() == (None,)


def test_schemas_of_one_database_are_strangers(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA one")
        connection.execute("CREATE SCHEMA two")
    for schema in ("one", "two"):
        assert run(database_url + f"&options=-csearch_path%3D{schema}").returncode == 0
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('public.users')").fetchone() == (None,)
        assert connection.execute("SELECT count(*) FROM two.plans").fetchone() == (0,)


def test_a_server_that_is_too_old_is_refused():
    """The handshake of PostgreSQL's protocol 3, as a server of version 12 makes it."""
    import socket
    listener = socket.create_server(("127.0.0.1", 0))

    def message(kind, body):
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def serve():
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(
            message(b"R", bytes(4)) + message(b"S", b"server_version\x0012.9\x00")
            + message(b"Z", b"I"))
        connection.recv(4096)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    result = run(f"postgres://u:secret-word@127.0.0.1:{port}/db?sslmode=disable")
    thread.join()
    listener.close()
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "cuebx: database unavailable: the server is PostgreSQL 12.9; 13 or newer is needed")
