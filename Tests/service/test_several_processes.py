"""Several processes on one PostgreSQL, and with RabbitMQ on that too: what one process promises, all
of them together keep."""

import collections
import contextlib
import datetime
import json
import random
import shutil
import signal
import subprocess
import threading
import time

import psycopg
import pytest

import postgresql
from conftest import BINARY, PLUS, PRO, ROOT, Service, User, databases, together
from ports import free_ports
from teams import Team
from test_payments import URLS, checkout, knob, post_event, press, sdk
from test_payments_queue import ASYNC, until
from test_products import BASIC

PROCESSES = 3
# The load asks for no more than this user's plan lets it.
FEATURE = "career.extract_keywords"


class Worker:
    """A process that works messages off and serves nobody."""

    def __init__(self, folder, service):
        self.service, self.log = service, folder / "log"

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "worker"], env=self.service.environment, cwd=self.log.parent, text=True,
            stdout=subprocess.PIPE, stderr=open(self.log, "ab"))
        assert "works messages off" in self.process.stdout.readline(), self.log.read_text()
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait(30)


class Cluster:
    """Processes that share a database, each with a port of its own. With RabbitMQ they leave their
    messages to two workers."""

    def __init__(self, folder, url, number=PROCESSES, rabbitmq=None, **settings):
        catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
        catalog["plans"][0] |= {
            "credits_allocation": "100000.00", "rate_limit_per_minute": None,
            "rate_limit_per_day": None}
        path = folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        self.services, self.workers = [], []
        if rabbitmq:
            settings["BROKER_URL"] = rabbitmq.new_vhost()[0]
        # They find their ports free again after a restart.
        for index, port in enumerate(free_ports(number)):
            place = folder / str(index)
            place.mkdir()
            self.services.append(Service(
                place, **{
                    "DATABASE_URL": url, "CATALOG": str(path), "LOG_LEVEL": "warning",
                    "PORT": str(port),
                    # Nobody pays here; a sandbox for each would only take time.
                    "STRIPE_API_BASE": "http://127.0.0.1:1", **settings}))
        if rabbitmq:
            for name in ("worker-a", "worker-b"):
                (folder / name).mkdir()
                self.workers.append(Worker(folder / name, self.services[0]))

    def start(self):
        for service in self.services:
            self.start_one(service)
        for worker in self.workers:
            worker.start()
        return self

    def start_with_a_stripe(self):
        """The first one's local Stripe serves all; the workers are left to be started."""
        first, *others = self.services
        del first.environment["STRIPE_API_BASE"]
        first.environment["PORT"] = "0"
        self.start_one(first)
        for service in others:
            service.environment["STRIPE_API_BASE"] = first.sandbox
            self.start_one(service)

    def start_one(self, service):
        service.start(*(["--no-worker"] if self.workers else []))

    def stop(self):
        for process in self.workers + self.services:
            process.stop()

    def end(self):
        """Whatever a failed test has left."""
        for one in self.workers + self.services:
            if getattr(one, "process", None) and one.process.poll() is None:
                one.kill()

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


@contextlib.contextmanager
def running(cluster):
    try:
        yield cluster.start()
        audit = cluster[0].audit()
        letters = cluster[0].command("dead-letters", "list").stdout
        cluster.stop()
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert letters.strip() == "No dead letters."
    finally:
        cluster.end()


@pytest.fixture
def embedded(tmp_path, database_url):
    with running(Cluster(tmp_path, database_url, BROKER_URL="embedded:")) as cluster:
        yield cluster


@pytest.fixture
def queued(tmp_path, database_url, rabbitmq):
    with running(Cluster(tmp_path, database_url, rabbitmq=rabbitmq)) as cluster:
        yield cluster


@pytest.fixture
def stoppable(tmp_path, database_url, rabbitmq_to_stop):
    """One whose RabbitMQ may be stopped."""
    with running(Cluster(tmp_path, database_url, rabbitmq=rabbitmq_to_stop)) as cluster:
        yield cluster


@pytest.fixture(params=["embedded", "queued"])
def cluster(request):
    return request.getfixturevalue(request.param)


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


def test_a_refresh_token_raced_over_two_processes_has_one_successor(cluster):
    token = cluster[0].sign_up().tokens["refresh_token"]
    answers = together(6, lambda index: cluster[index].call(
        "POST", "/auth/token/refresh", {"refresh_token": token}))
    assert [answer.status for answer in answers] == [200] * 6
    [successor] = {answer.json["refresh_token"] for answer in answers}
    again = cluster[1].call("POST", "/auth/token/refresh", {"refresh_token": successor})
    assert again.status == 200


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


def test_each_message_is_claimed_by_one_worker(embedded):
    cluster = embedded
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


@pytest.mark.parametrize("product", ["career", "api"])
def test_checkouts_at_three_processes_leave_one_page_open(tmp_path, database_url, product):
    processes = Cluster(tmp_path, database_url).services
    first, *others = processes
    del first.environment["STRIPE_API_BASE"]
    for service in processes:
        service.environment["CATALOG"] = str(ROOT / "catalog.json")
    try:
        first.start()
        for service in others:
            service.environment["STRIPE_API_BASE"] = first.sandbox
            service.start()
        for _ in range(5):
            user = first.sign_up()
            seen = [User(service, user.email, user.tokens, user.id) for service in processes]
            holder, table, column = user.id, "subscriptions", "user_id"
            if product == "api":
                holder = Team(first, seats=0, owner=user).id
                table, column = "api_subscriptions", "workspace_id"

            def buy(index):
                if product == "career":
                    return checkout(seen[index % 3], (PLUS, PRO)[index % 2])
                return seen[index % 3].post(
                    f"/api/subscriptions/workspaces/{holder}/checkout",
                    {"plan_id": BASIC, "seat_count": 1 + index % 2, **URLS})

            answers = together(6, buy)
            assert {answer.status for answer in answers} <= {200, 409}
            assert {answer.code for answer in answers if answer.status == 409} <= {
                "checkout_superseded"}
            [customer] = {name for (name,) in first.rows(
                f"SELECT stripe_customer_id FROM {table} WHERE {column} = CAST(? AS UUID)",
                holder)}
            pages = sdk(first).v1.checkout.sessions.list({"customer": customer, "limit": 100})
            opened = [page.id for page in pages.data if page.status == "open"]
            assert len(opened) == 1 and len(pages.data) >= 2
            assert opened[0] in {
                answer.json["session_id"] for answer in answers if answer.status == 200}
        assert first.audit().returncode == 0
    finally:
        for service in processes:
            if getattr(service, "process", None):
                service.kill()


def test_ten_processes_start_at_once_on_an_empty_database(tmp_path, database_url):
    cluster = Cluster(tmp_path, database_url, number=10)
    together(10, lambda index: cluster[index].start())
    migrations = cluster[0].rows("SELECT version FROM schema_migrations ORDER BY version")
    assert migrations == [(number,) for number in range(1, len(migrations) + 1)]
    assert cluster[0].rows("SELECT count(*), max(catalog_revision) FROM installation") == [(1, 1)]
    assert len(cluster[0].call("GET", "/career/subscriptions/plans").json["plans"]) == 5
    # All hash under the one secret: a code that one has mailed is good at another.
    email = "ten@example.test"
    body = {"email": email, "password": "Passw0rd-x"}
    assert cluster[3].call("POST", "/auth/signup", body).status == 201
    verified = cluster[7].call(
        "POST", "/auth/signup/verify", {"email": email, "otp_code": cluster[5].code(email)})
    assert verified.status == 200
    cluster.stop()


class Load:
    """Clients that validate and commit on all processes until they are told to stop; every other
    commit is left to the queue. A client that got no answer asks another process, as a tool server
    does. Each pauses for so many seconds after a cycle."""

    def __init__(self, cluster, users, clients=12, pause=0):
        self.cluster, self.users, self.pause = cluster, users, pause
        self.reserved, self.committed, self.accepted = {}, set(), set()
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
        while not self.stopped.wait(self.pause):
            number += 1
            user = generator.choice(self.users)
            name = f"load-{index}-{number}"
            validated = self.ask(lambda process: self.cluster.seen_from(process, user).validate(
                request_id=name, feature=FEATURE), generator)
            if validated is None or validated.status != 200:
                continue
            usage = validated.json["usage_id"]
            self.reserved[usage] = (user, name)
            headers = ASYNC if number % 2 else {}
            committed = self.ask(lambda process: self.cluster.seen_from(process, user).commit(
                usage, headers=headers), generator)
            if committed is not None and committed.status == 200:
                self.committed.add(usage)
            if committed is not None and committed.status == 202:
                self.accepted.add(usage)

    def ask(self, question, generator):
        while True:
            try:
                answer = question(generator.randrange(len(self.cluster.services)))
            except ConnectionRefusedError:
                # Nobody has seen the request.
                self.statuses["refused"] += 1
                if self.stopped.is_set():
                    return None
                continue
            except Exception as error:
                self.statuses[repr(error)] += 1
                return None
            self.statuses[answer.status] += 1
            return answer

    def wait(self, more):
        """Until so many more cycles are done."""
        def done():
            return len(self.committed) + len(self.accepted)

        goal = done() + more
        deadline = time.monotonic() + 120
        while done() < goal:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.01)

    def check(self, service):
        """What was acknowledged is there, what was accepted is carried out, and each call was
        charged once."""
        until(lambda: service.rows(
            "SELECT count(*) FROM career_usage_logs WHERE status = 'PENDING'"
            " AND commit_accepted_at IS NOT NULL") == [(0,)], 90)
        rows = dict(service.rows(
            "SELECT CAST(id AS TEXT), status FROM career_usage_logs"))
        assert self.reserved.keys() <= rows.keys()
        assert {rows[usage] for usage in self.committed | self.accepted} <= {"SUCCESS"}
        assert service.rows("""
            SELECT count(*) FROM career_usage_logs
            GROUP BY user_id, request_id HAVING count(*) > 1""") == []
        audit = service.audit()
        assert audit.returncode == 0, audit.stdout + audit.stderr


def test_batches_of_all_processes_never_deadlock(cluster):
    users = [cluster[0].sign_up() for _ in range(6)]
    with Load(cluster, users, clients=24) as load:
        load.wait(800)
    assert set(load.statuses) == {200, 202}
    assert cluster[0].rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    load.check(cluster[0])


def test_a_process_killed_under_load_loses_nothing_and_holds_up_nobody(cluster):
    users = [cluster[0].sign_up() for _ in range(6)]
    with Load(cluster, users) as load:
        load.wait(100)
        cluster[1].kill()
        load.wait(100)
        cluster.start_one(cluster[1])
        load.wait(100)
    assert 500 not in load.statuses
    release_leases(cluster)
    load.check(cluster[0])


def release_leases(cluster):
    """The embedded broker's lease of a dead worker runs out after five minutes."""
    if not cluster.workers:
        cluster[0].rows("UPDATE messages SET leased_until = 1 WHERE leased_until > 0")


def test_a_worker_killed_in_mid_batch_loses_nothing_and_does_nothing_twice(queued):
    users = [queued[0].sign_up() for _ in range(6)]
    with Load(queued, users) as load:
        for worker in queued.workers:
            load.wait(150)
            worker.kill()
            load.wait(50)
            worker.start()
        load.wait(100)
    assert set(load.statuses) == {200, 202}
    load.check(queued[0])


def test_rabbitmq_away_under_load_delays_messages_and_fails_no_request(
        stoppable, rabbitmq_to_stop):
    rabbitmq = rabbitmq_to_stop
    users = [stoppable[0].sign_up() for _ in range(6)]
    with Load(stoppable, users, pause=0.1) as load:
        for how in ("stop", "kill"):
            load.wait(100)
            getattr(rabbitmq, how)()
            accepted = len(load.accepted)
            until(lambda: len(load.accepted) >= accepted + 50, 60)
            rabbitmq.start()
        load.wait(100)
    assert set(load.statuses) == {200, 202}
    load.check(stoppable[0])


def test_a_rolling_restart_fails_no_request_of_who_retries_refused_connections(cluster):
    users = [cluster[0].sign_up() for _ in range(6)]
    with Load(cluster, users) as load:
        for service in cluster.services:
            load.wait(100)
            service.stop()
            cluster.start_one(service)
        for worker in cluster.workers:
            load.wait(50)
            worker.stop()
            worker.start()
        load.wait(100)
    assert set(load.statuses) <= {200, 202, "refused"}
    load.check(cluster[0])


def test_a_burst_of_webhooks_over_all_processes_never_deadlocks(tmp_path, database_url):
    cluster = Cluster(tmp_path, database_url)
    first = cluster[0]
    try:
        cluster.start_with_a_stripe()
        users = [first.sign_up() for _ in range(8)]
        for user in users:
            assert press(checkout(user).json["checkout_url"], "pay")[0] == 303
        until(lambda: all(user.subscription["plan"]["name"] == "Plus" for user in users), 30)
        subscriptions = [item.id for item in sdk(first).v1.subscriptions.list({"limit": 100}).data]
        bodies = [{
            "id": f"evt_{number}_{subscription}", "object": "event", "created": 1,
            "livemode": False, "type": "customer.subscription.updated",
            "data": {"object": {"id": subscription, "object": "subscription"}},
        } for number in range(12) for subscription in subscriptions]
        # Each process hears of all of it, in an order of its own.
        orders = [random.Random(index).sample(bodies, len(bodies)) for index in range(PROCESSES)]

        def deliver(index):
            mine = orders[index % PROCESSES][index // PROCESSES::8]
            return {post_event(cluster[index], body).status for body in mine}

        assert set.union(*together(8 * PROCESSES, deliver)) == {200}
        until(lambda: first.rows("SELECT 1 FROM messages LIMIT 1") == [], 60)
        assert first.rows(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
        assert {user.balance["credits_allocated"] for user in users} == {"500.00"}
        assert first.command("dead-letters", "list").stdout.strip() == "No dead letters."
        assert first.audit().returncode == 0
        cluster.stop()
    finally:
        cluster.end()


def test_a_webhook_delivered_to_two_processes_is_applied_once(tmp_path, database_url, rabbitmq):
    cluster = Cluster(tmp_path, database_url, rabbitmq=rabbitmq)
    first = cluster[0]
    try:
        cluster.start_with_a_stripe()
        user = first.sign_up()
        page = checkout(user).json["checkout_url"]
        knob(first, "/_test/webhooks", {"mode": "hold"})
        assert press(page, "pay")[0] == 303
        events = sdk(first).v1.events.list({"limit": 100}).data
        assert "checkout.session.completed" in {event.type for event in events}
        bodies = [json.dumps(event.to_dict(), default=float) for event in events]
        answers = together(4 * len(bodies), lambda index: post_event(
            cluster[index], bodies[index % len(bodies)]))
        assert {answer.status for answer in answers} == {200}
        for worker in cluster.workers:
            worker.service = cluster[1]
            worker.start()
        until(lambda: user.subscription["plan"]["name"] == "Plus", 30)
        until(lambda: first.rows("SELECT 1 FROM messages") == [])
        assert first.rows("SELECT count(*), count(DISTINCT id) FROM stripe_events") == [
            (len(bodies), len(bodies))]
        vhost = first.environment["BROKER_URL"].rsplit("/", 1)[1]
        until(lambda: all(
            queue.get("messages") == 0 for queue in rabbitmq.api("GET", f"/queues/{vhost}")))
        assert user.balance["credits_allocated"] == "500.00"
        subjects = [mail["subject"] for mail in first.mail(user.email)]
        assert subjects.count("Your Plus plan is active") == 1
        assert first.command("dead-letters", "list").stdout.strip() == "No dead letters."
        assert first.audit().returncode == 0
        for worker in cluster.workers:
            worker.stop()
    finally:
        cluster.end()


def test_first_purchases_at_several_processes_at_once_have_one_customer(tmp_path, database_url):
    """Of the customers that were made for one user at once, one stays."""
    cluster = Cluster(tmp_path, database_url, BROKER_URL="embedded:")
    first = cluster[0]
    try:
        cluster.start_with_a_stripe()
        users = [first.sign_up() for _ in range(4)]
        answers = together(12, lambda index: cluster.seen_from(index // 4, users[index % 4]).post(
            "/career/credits/checkout",
            {"pack_id": "0198c0de-0000-7000-8000-000000000101", **URLS}))
        assert {answer.status for answer in answers} == {200}
        until(lambda: first.rows("SELECT 1 FROM messages LIMIT 1") == [], 60)
        customers = {id for (id,) in first.rows("SELECT stripe_customer_id FROM subscriptions")}
        assert {item.id for item in sdk(first).v1.customers.list({"limit": 100}).data} == customers
        cluster.stop()
    finally:
        cluster.end()


def test_a_purchase_confirmed_by_several_processes_at_once_grants_once(tmp_path, database_url):
    cluster = Cluster(tmp_path, database_url, BROKER_URL="embedded:")
    first = cluster[0]
    try:
        cluster.start_with_a_stripe()
        users = [first.sign_up() for _ in range(4)]
        knob(first, "/_test/webhooks", {"mode": "hold"})
        for user in users:
            page = user.post("/career/credits/checkout", {
                "pack_id": "0198c0de-0000-7000-8000-000000000101", **URLS}).json
            assert press(page["checkout_url"], "pay")[0] == 303
        events = [json.loads(str(event)) for event in sdk(first).v1.events.list({"limit": 100}).data
                  if event.type == "checkout.session.completed"]
        assert len(events) == len(users)
        bodies = [{**event, "id": f"{event['id']}_{number}"}
                  for number in range(9) for event in events]
        answers = together(len(bodies), lambda index: post_event(cluster[index // 4], bodies[index]))
        assert {answer.status for answer in answers} == {200}
        until(lambda: first.rows("SELECT 1 FROM messages LIMIT 1") == [], 60)
        assert first.rows("SELECT source, amount, remaining FROM standalone_grants") == [
            ("top_up", 100_000_000, 100_000_000)] * len(users)
        assert first.rows("SELECT count(*) FROM mails WHERE subject = 'Your credits are there'") == [
            (len(users),)]
        assert first.command("dead-letters", "list").stdout.strip() == "No dead letters."
        assert first.audit().returncode == 0
        cluster.stop()
    finally:
        cluster.end()


def test_the_last_uses_of_a_code_raced_over_several_processes_are_so_many(embedded):
    cluster = embedded
    for code in ("RUSH", "BESIDE"):
        assert cluster[0].command(
            "codes", "add", code, "--credits", "1", "--total", "7").returncode == 0
    users = [cluster[0].sign_up() for _ in range(12)]

    def redeem(index):
        # Each user at two processes, and half of them the two codes in another order.
        user = cluster.seen_from(index // 12, users[index % 12])
        order = ("RUSH", "BESIDE")[::1 if index % 2 else -1]
        return [(code, user.post("/career/credits/redeem", {"code": code})) for code in order]

    answers = [answer for found in together(24, redeem) for answer in found]
    for code in ("RUSH", "BESIDE"):
        mine = [answer for name, answer in answers if name == code]
        assert {answer.status for answer in mine} == {200, 409}
        assert {answer.code for answer in mine if answer.status == 409} == {"code_used_up"}
        assert len({answer.json["id"] for answer in mine if answer.status == 200}) == 7
    assert cluster[0].rows("SELECT redeemed FROM promotion_codes") == [(7,), (7,)]
    assert cluster[0].rows("SELECT count(*) FROM standalone_grants") == [(14,)]


SKEW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    const char *seconds = getenv("SKEW_SECONDS");
    if (result == 0 && clock == CLOCK_REALTIME && seconds) time->tv_sec += atol(seconds);
    return result;
}
"""


@pytest.fixture(scope="session")
def skewing_library(tmp_path_factory):
    """Makes a process's wall clock wrong."""
    folder = tmp_path_factory.mktemp("skew")
    (folder / "skew.c").write_text(SKEW)
    compiler = shutil.which("clang") or shutil.which("cc")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", folder / "skew.so", folder / "skew.c", "-ldl"],
        check=True)
    return str(folder / "skew.so")


@pytest.mark.parametrize("broker", ["embedded", "rabbitmq"])
def test_processes_whose_clocks_are_minutes_apart_grant_and_charge_as_one(
        tmp_path, database_url, skewing_library, broker, request):
    rabbitmq = request.getfixturevalue("rabbitmq") if broker == "rabbitmq" else None
    settings = {} if rabbitmq else {"BROKER_URL": "embedded:"}
    cluster = Cluster(tmp_path, database_url, rabbitmq=rabbitmq, **settings)
    for service, seconds in zip(cluster.services, (0, -180, 180)):
        service.environment |= {"LD_PRELOAD": skewing_library, "SKEW_SECONDS": str(seconds)}
    if rabbitmq:
        cluster.workers[1].service = cluster[2]
    with running(cluster):
        expiries = [service.sign_up().validate().json["expires_at"]
                    for service in cluster.services]
        ahead = [datetime.datetime.fromisoformat(expiry).timestamp() - time.time() - 900
                 for expiry in expiries]
        assert ahead == pytest.approx([0, -180, 180], abs=20)
        user = cluster[0].sign_up()
        answers = together(30, lambda index: cluster.seen_from(index, user).validate(
            request_id="raced"))
        assert codes(answers) == {"reserved": 1, "replayed": 29}
        usage = answers[0].json["usage_id"]
        answers = together(30, lambda index: cluster.seen_from(index, user).commit(usage))
        assert {answer.status for answer in answers} == {200}
        users = [user] + [cluster[index].sign_up() for index in range(3)]
        with Load(cluster, users) as load:
            load.wait(300)
        assert set(load.statuses) == {200, 202}
        load.check(cluster[0])
        poor = cluster[1].sign_up()
        assert poor.adjust("-99999.00").returncode == 0
        answers = together(30, lambda index: cluster.seen_from(index, poor).validate())
        assert codes(answers) == {"reserved": 1, "quota_exceeded": 29}


def until_ready(service):
    """A process asks a server that was away again after a second at most."""
    deadline = time.monotonic() + 30
    while service.call("GET", "/ready").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("broker", ["embedded", "rabbitmq"])
def test_a_restart_of_the_server_under_load_is_an_outage_and_nothing_more(
        tmp_path, broker, request):
    server = postgresql.PostgreSQL()
    rabbitmq = request.getfixturevalue("rabbitmq") if broker == "rabbitmq" else None
    settings = {} if rabbitmq else {"BROKER_URL": "embedded:"}
    cluster = Cluster(
        tmp_path, postgresql.new_database(server.url), rabbitmq=rabbitmq, **settings)
    try:
        cluster.start()
        users = [cluster[0].sign_up() for _ in range(6)]
        with Load(cluster, users, pause=0.05) as load:
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
        assert set(load.statuses) == {200, 202, 503}
        for index in range(PROCESSES):
            until_ready(cluster[index])
        # What was asked while the server was away may have been done or not; asking again tells.
        release_leases(cluster)
        load.check(cluster[0])
        letters = cluster[0].command("dead-letters", "list").stdout
        assert letters.strip() == "No dead letters."
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
