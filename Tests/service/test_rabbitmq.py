"""The same service with RabbitMQ for its broker: a real one, that is stopped, killed and restarted."""

import contextlib
import json
import re
import signal
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time
import uuid

import pytest

from conftest import BINARY, Service
from test_mail import SENDER, MailServer
from test_payments import EVENT, checkout, knob, post_event, press, sdk, settle
from test_payments_queue import ASYNC, until
from test_rules_plans import requests

# What is moved, broken or looked at here are SQLite's files.
ENGINE = "sqlite"

QUEUES = {
    "stripe_checkout_completed": 60_000, "stripe_subscription_updated": 60_000,
    "stripe_subscription_deleted": 60_000, "stripe_payment_failed": 60_000,
    "career_usage_commits": 30_000, "career_emails": 30_000, "operator_work": 30_000,
}
COMMITS = "career_usage_commits"


class RabbitService(Service):
    def __init__(self, folder, rabbitmq, **settings):
        url, self.vhost = rabbitmq.new_vhost()
        self.rabbitmq = rabbitmq
        self.workers = []
        super().__init__(folder, BROKER_URL=url, **settings)

    def start_worker(self):
        log = self.folder / f"worker-{len(self.workers)}"
        process = subprocess.Popen(
            [BINARY, "worker"], env={**self.environment, "STRIPE_API_BASE": self.sandbox},
            cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=open(log, "ab"))
        assert "works messages off" in process.stdout.readline(), log.read_text()
        process.log = log
        self.workers.append(process)
        return process

    def stop(self, expected=0):
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(30) == 0, worker.log.read_text()[-2000:]
        super().stop(expected)

    def queues(self):
        return {queue["name"]: queue
                for queue in self.rabbitmq.api("GET", f"/queues/{self.vhost}")}

    def waiting(self):
        return sum(queue.get("messages", 0) for queue in self.queues().values())

    def rest(self, seconds=60):
        """Waits until nothing is left to do; what RabbitMQ tells is up to a second old."""
        since = time.monotonic()
        deadline = since + seconds
        while time.monotonic() < since + 2:
            if self.waiting() or self.rows("SELECT 1 FROM messages WHERE died_at IS NULL"):
                since = time.monotonic()
            assert time.monotonic() < deadline, self.queues()
            time.sleep(0.05)

    def publish(self, queue, body, **properties):
        """As a tool server does that knows nothing but the queue's name."""
        routed = self.rabbitmq.api(
            "POST", f"/exchanges/{self.vhost}/amq.default/publish",
            {"routing_key": queue, "payload": body, "payload_encoding": "string",
             "properties": properties})
        assert routed == {"routed": True}

    def peek(self, queue, count=1000):
        return self.rabbitmq.api(
            "POST", f"/queues/{self.vhost}/{queue}/get",
            {"count": count, "ackmode": "ack_requeue_true", "encoding": "auto"})

    def connections(self):
        return sorted(
            connection["name"] for connection in self.rabbitmq.api("GET", "/connections")
            if connection.get("vhost") == self.vhost)

    def channels(self):
        return sorted(
            channel["name"] for channel in self.rabbitmq.api("GET", "/channels")
            if channel.get("vhost") == self.vhost)

    def enqueue(self, bodies):
        """Puts messages into the outbox, as a database transaction of the service does."""
        now = int(time.time() * 1e6)
        with sqlite3.connect(self.database, timeout=30) as connection:
            connection.executemany(
                "INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until)"
                " VALUES (?, ?, ?, 0, ?, ?, 0)",
                [(uuid.uuid4().bytes, COMMITS, body, now, now) for body in bodies])

    def dead_bodies(self):
        return sorted(body for body, in self.rows(
            "SELECT body FROM messages WHERE died_at IS NOT NULL"))


@contextlib.contextmanager
def running(service, *arguments):
    yield service.start(*arguments)
    service.stop()
    assert service.audit().returncode == 0


@pytest.fixture
def service(rabbitmq, tmp_path):
    with running(RabbitService(tmp_path, rabbitmq)) as service:
        yield service


@pytest.fixture
def stoppable(rabbitmq_to_stop, tmp_path):
    """A service whose RabbitMQ may be stopped."""
    with running(RabbitService(tmp_path, rabbitmq_to_stop)) as service:
        yield service


@pytest.fixture
def unworked(rabbitmq, tmp_path):
    """A service that leaves its messages to worker processes."""
    with running(RabbitService(tmp_path, rabbitmq), "--no-worker") as service:
        yield service


# Bad settings


@pytest.mark.parametrize("url", [
    "redis://127.0.0.1", "amqp://", "amqp://127.0.0.1:0", "amqp://user:secret@127.0.0.1/a/b",
    "amqps://user:secret@127.0.0.1", "nonsense", "amqp://user:secret@127.0.0.1:1/%2F"])
def test_a_broker_that_is_none_stops_the_start_in_one_line(tmp_path, url):
    service = Service(tmp_path, BROKER_URL=url)
    for command in ("serve", "worker"):
        result = service.command(command)
        assert result.returncode == 1
        assert result.stderr.startswith("cuebx: BROKER_URL: ") and result.stderr.count("\n") == 1
        assert "secret" not in result.stderr
    assert not service.database.exists()


def test_a_broker_that_refuses_us_stops_the_start_in_one_line(tmp_path, rabbitmq):
    good = rabbitmq.url()
    for url in (good.replace("p%40ss", "secret"), good.replace("/%2F", "/not-there")):
        result = Service(tmp_path, BROKER_URL=url).command("serve")
        assert result.returncode == 1
        assert result.stderr.startswith("cuebx: BROKER_URL: RabbitMQ")
        assert result.stderr.count("\n") == 1 and "secret" not in result.stderr
    assert not (tmp_path / "cuebx.db").exists()


def test_queues_that_somebody_made_otherwise_stop_the_start(tmp_path, rabbitmq):
    service = RabbitService(tmp_path, rabbitmq)
    rabbitmq.api("PUT", f"/queues/{service.vhost}/{COMMITS}", {"durable": True})
    result = service.command("serve")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "BROKER_URL" in result.stderr and COMMITS in result.stderr


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_broker_that_is_slow_to_answer_is_waited_for_at_the_start(tmp_path, rabbitmq):
    # Later than a call may take once the process runs.
    silence = [6]

    class Between(socketserver.BaseRequestHandler):
        def handle(self):
            if silence:
                time.sleep(silence.pop())
            with socket.create_connection(("127.0.0.1", rabbitmq.port)) as there:
                threading.Thread(target=pump, args=(there, self.request), daemon=True).start()
                pump(self.request, there)

    between = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Between)
    between.daemon_threads = True
    threading.Thread(target=between.serve_forever, daemon=True).start()
    service = RabbitService(tmp_path, rabbitmq)
    service.environment["BROKER_URL"] = service.environment["BROKER_URL"].replace(
        f":{rabbitmq.port}/", f":{between.server_address[1]}/")
    with running(service):
        assert silence == [] and service.call("GET", "/ready").status == 200
        user = service.sign_up()
        user.commit(user.validate().json["usage_id"], headers=ASYNC)
        service.advance(0)
        assert user.balance["credits_used"] == "1.00"
    between.shutdown()
    between.server_close()


# What it carries


def test_the_queues_are_durable_quorum_queues_that_lose_nothing_on_the_way(service):
    queues = service.queues()
    assert set(queues) == {name + end for name in QUEUES for end in ("", "_retry", "_dead")}
    assert all(queue["durable"] and queue["type"] == "quorum" for queue in queues.values())
    for name, pause in QUEUES.items():
        retry = queues[name + "_retry"]["arguments"]
        assert retry["x-message-ttl"] == pause and retry["x-dead-letter-routing-key"] == name
        assert retry["x-dead-letter-strategy"] == "at-least-once"
        assert retry["x-overflow"] == "reject-publish"


def test_a_commit_that_is_queued_is_applied(service):
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.commit(usage, headers=ASYNC).status == 202
    service.advance(0)
    assert user.balance["credits_used"] == "1.00" and user.balance["credits_reserved"] == "0.00"
    assert service.rows("SELECT * FROM messages") == []


def test_what_is_known_beside_a_body_goes_with_the_message_and_comes_back_with_a_dead_letter(
        rabbitmq, tmp_path):
    service = RabbitService(tmp_path, rabbitmq, LOG_LEVEL="debug")
    with running(service, "--no-worker"):
        user = service.sign_up()
        account, now = uuid.UUID(user.id), int(time.time() * 1e6)
        user.commit(user.validate().json["usage_id"], headers={**ASYNC, "X-Request-ID": "good"})
        service.write(
            """INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until,
                request_id, account_id) VALUES (?, ?, '{}', 0, ?, ?, 0, 'bad', ?)""",
            uuid.uuid4(), COMMITS, now, now, account)
        until(lambda: service.rows("SELECT 1 FROM messages") == [])
        headers = [message["properties"]["headers"] for message in service.peek(COMMITS)]
        assert {(each["cuebx-request-id"], each["cuebx-account-id"]) for each in headers} \
            == {("good", user.id), ("bad", user.id)}
        # A tool server's own names neither, and what it writes is nobody's request.
        service.publish(COMMITS, json.dumps({"user_id": user.id, "x_request_id": "forged\nline"}))
        worker = service.start_worker()
        until(lambda: len(service.dead_bodies()) == 2)
        until(lambda: "message handled" in worker.log.read_text())
        rows = service.rows("SELECT request_id, account_id FROM messages")
        assert sorted(rows, key=str) == sorted([("bad", account), (None, None)], key=str)
        log = worker.log.read_text()
        assert re.search(r"request_id=good.* message handled", log)
        assert re.search(r"request_id=bad.* message failed", log)
        assert "forged" not in log
        assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
        assert service.rows("SELECT * FROM messages") == []


def test_a_commit_that_a_tool_server_publishes_itself_is_applied(service):
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    body = {"user_id": user.id, "usage_id": usage, "success": True}
    service.publish(COMMITS, json.dumps(body), timestamp=int(time.time()))
    until(lambda: user.balance["credits_used"] == "1.00")
    # The same once more changes nothing.
    service.publish(COMMITS, json.dumps(body))
    service.advance(0)
    assert user.balance["credits_used"] == "1.00"
    assert service.dead_bodies() == []


def test_the_life_of_a_subscription_goes_by_webhooks_through_the_queues(service):
    user = service.sign_up()
    press(checkout(user).json["checkout_url"], "pay")
    settle(service)
    assert user.subscription["plan"]["name"] == "Plus"
    user.post("/career/subscriptions/cancel")
    settle(service)
    service.advance(40 * 86_400)
    assert user.subscription["plan"]["name"] == "Free"


@pytest.mark.parametrize("body", [
    "", "not JSON", "{}", "[1]", "\\u0000", "x" * 200_000, '{"user_id":"a\\u0000"}'])
def test_poison_is_a_dead_letter_with_its_reason_and_holds_nothing_up(service, body):
    body = body.replace("\\u0000", "\0") if body == "\\u0000" else body
    service.publish(COMMITS, body, headers={"cuebx-attempts": -5, "cuebx-enqueued-at": 2 ** 62})
    until(service.dead_bodies)
    line = service.command("dead-letters", "list").stdout
    assert COMMITS in line and "1 tries" in line
    letter = line.split()[0]
    shown = service.command("dead-letters", "show", letter).stdout
    assert re.search(r"^reason +\S+", shown, re.MULTILINE)
    assert service.command("dead-letters", "retry", letter).returncode == 0
    until(lambda: service.rows(
        "SELECT 1 FROM messages WHERE died_at IS NOT NULL AND leased_until = 0"))
    assert service.command("dead-letters", "discard", letter).returncode == 0
    assert service.rows("SELECT * FROM messages") == []
    user = service.sign_up()
    assert user.commit(user.validate().json["usage_id"], headers=ASYNC).status == 202
    service.advance(0)
    assert user.balance["credits_used"] == "1.00"


def test_a_dead_letter_that_is_retried_is_handled(rabbitmq, tmp_path):
    server = MailServer()
    server.refusal = "550 5.1.1 there is nobody of this name"
    server.start()
    service = RabbitService(
        tmp_path, rabbitmq, SMTP_URL=server.url, MAIL_FROM=SENDER).start()
    user = service.sign_up()
    until(service.dead_bodies)
    server.refusal = None
    letter = service.command("dead-letters", "list").stdout.split()[0]
    assert service.command("dead-letters", "retry", letter).returncode == 0
    assert server.next()[0].rcpt_tos == [user.email]
    service.advance(0)
    assert service.rows("SELECT * FROM messages") == [] and server.arrived.empty()
    service.stop()
    server.stop()


def test_one_connection_carries_thousands_of_messages(service):
    service.enqueue(["warm up"])
    until(service.dead_bodies)
    # One to publish, one to be delivered to, each with one channel.
    until(lambda: len(service.connections()) == 2 and len(service.channels()) == 2)
    before = service.connections(), service.channels()
    bodies = [f"message {number}" for number in range(2500)]
    service.enqueue(bodies)
    until(lambda: len(service.dead_bodies()) == 2501, 120)
    assert service.dead_bodies() == sorted(bodies + ["warm up"])
    assert (service.connections(), service.channels()) == before


# When things go wrong


def test_while_the_broker_is_away_webhooks_are_taken_and_messages_wait(stoppable):
    service = stoppable
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    page = checkout(user).json["checkout_url"]
    service.rabbitmq.stop()
    try:
        started = time.monotonic()
        ready = service.call("GET", "/ready")
        assert (ready.status, ready.code) == (503, "broker_unavailable")
        assert time.monotonic() - started < 5
        assert press(page, "pay")[0] == 303
        event = {**EVENT, "id": "evt_away", "type": "checkout.session.expired",
                 "data": {"object": {"id": "cs_x", "object": "checkout.session"}}}
        assert post_event(service, event).status == 200
        assert user.commit(usage, headers=ASYNC).status == 202
        assert user.spend().status == 200
        assert user.balance["credits_reserved"] == "1.00"
        assert service.metric("cuebx_broker_up") == 0
        assert service.metric(
            f'cuebx_queue_messages{{queue="{COMMITS}",state="outbox"}}') == 1
        assert service.metric(
            f'cuebx_queue_oldest_age_seconds{{queue="{COMMITS}"}}') > 0
        letters = service.command("dead-letters", "list")
        assert letters.stdout.strip() == "No dead letters."
    finally:
        service.rabbitmq.start()
    until(lambda: service.call("GET", "/ready").status == 200, 60)
    until(lambda: user.balance["credits_reserved"] == "0.00", 60)
    until(lambda: user.subscription["plan"]["name"] == "Plus", 60)
    until(lambda: service.rows("SELECT 1 FROM messages") == [])
    assert service.metric("cuebx_broker_up") == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_is_restarted_under_load_loses_nothing(stoppable, how):
    service = stoppable
    bodies = [f"message {number}" for number in range(1200)]
    stopped = threading.Event()

    def load():
        for start in range(0, len(bodies), 10):
            service.enqueue(bodies[start:start + 10])
            if stopped.wait(0.02):
                return

    loading = threading.Thread(target=load)
    loading.start()
    try:
        until(lambda: len(service.dead_bodies()) > 100, 60)
        getattr(service.rabbitmq, how)()
        service.rabbitmq.start()
    finally:
        loading.join()
    until(lambda: len(service.dead_bodies()) >= len(bodies), 90)
    until(lambda: service.call("POST", "/dev/clock", {"advance_seconds": 0}).status == 200, 30)
    assert service.dead_bodies() == sorted(bodies)
    # Each for its own reason, none for the restart's.
    reasons = service.rows("SELECT DISTINCT reason FROM messages")
    assert all(reason.startswith("not JSON") for reason, in reasons)


@pytest.mark.parametrize("broker", ["embedded", "rabbitmq"])
def test_while_stripe_hangs_mails_and_commits_go_through(rabbitmq, tmp_path, broker):
    server = MailServer()
    server.start()
    settings = {"SMTP_URL": server.url, "MAIL_FROM": SENDER}
    service = (
        RabbitService(tmp_path, rabbitmq, **settings) if broker == "rabbitmq"
        else Service(tmp_path, BROKER_URL="embedded:", **settings)).start()
    user = service.sign_up()
    assert server.next()[0].rcpt_tos == [user.email]
    usages = [user.validate().json["usage_id"] for _ in range(5)]
    knob(service, "/_test/faults",
         {"path_prefix": "/v1/subscriptions", "method": "GET", "kind": "hang", "seconds": 60,
          "times": 100})
    for number in range(20):
        event = {**EVENT, "id": f"evt_hang_{number}", "type": "customer.subscription.updated",
                 "data": {"object": {"id": f"sub_{number}", "object": "subscription"}}}
        assert post_event(service, event).status == 200
    in_work = 'cuebx_queue_messages{queue="stripe_subscription_updated",state="in_work"}'
    until(lambda: service.metric(in_work) >= 4)
    started = time.monotonic()
    for usage in usages:
        assert user.commit(usage, headers=ASYNC).status == 202
    until(lambda: user.balance["credits_used"] == "5.00", 10)
    other = service.sign_up()
    assert server.next()[0].rcpt_tos == [other.email]
    # No call to Stripe has ended meanwhile.
    assert time.monotonic() - started < 15
    assert service.metric(in_work) >= 4
    service.kill()
    assert service.audit().returncode == 0
    server.stop()


def test_messages_that_arrive_twice_change_nothing_twice(unworked):
    user = unworked.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.commit(usage, headers=ASYNC).status == 202
    press(checkout(user).json["checkout_url"], "pay")
    until(lambda: unworked.waiting() >= 3)
    # As if the relay had died each time before it could tell that it had published.
    copied = 0
    for name in QUEUES:
        for message in unworked.peek(name):
            unworked.publish(name, message["payload"], **message["properties"])
            copied += 1
    assert copied >= 3
    unworked.start_worker()
    until(lambda: user.subscription["plan"]["name"] == "Plus")
    unworked.rest()
    assert user.balance["credits_allocated"] == "500.00"
    subjects = [mail["subject"] for mail in unworked.mail(user.email)]
    assert subjects.count("Your Plus plan is active") == 1
    assert unworked.dead_bodies() == []
    logs = user.get("/career/usage/logs").json
    assert [log["status"] for log in logs["items"]] == ["SUCCESS"]


def test_two_workers_share(unworked):
    workers = [unworked.start_worker() for _ in range(2)]
    # Each is delivered to; nobody has had anything to publish yet.
    until(lambda: len(unworked.connections()) == 2)
    bodies = [f"message {number}" for number in range(400)]
    unworked.enqueue(bodies)
    until(lambda: len(unworked.dead_bodies()) == len(bodies), 60)
    assert unworked.dead_bodies() == sorted(bodies)

    def handled():
        return [worker.log.read_text().count("message is dead") for worker in workers]

    until(lambda: sum(handled()) == len(bodies))
    assert min(handled()) > 0


def test_a_worker_killed_in_mid_message_leaves_it_to_another(unworked):
    user = unworked.sign_up()
    first = unworked.start_worker()
    press(checkout(user).json["checkout_url"], "pay")
    until(lambda: user.subscription["plan"]["name"] == "Plus")
    unworked.rest()
    # A change at Stripe of which only the event below tells.
    knob(unworked, "/_test/webhooks", {"mode": "hold"})
    stripe = sdk(unworked).v1.subscriptions
    id = stripe.list().data[0].id
    stripe.update(id, {"cancel_at_period_end": True})
    knob(unworked, "/_test/faults",
         {"path_prefix": "/v1/subscriptions", "method": "GET", "kind": "hang", "seconds": 60,
          "times": 1})
    event = {**EVENT, "id": "evt_change", "type": "customer.subscription.updated",
             "data": {"object": {"id": id, "object": "subscription"}}}
    known = len(requests(unworked, "GET", f"/v1/subscriptions/{id}"))
    assert post_event(unworked, event).status == 200
    until(lambda: len(requests(unworked, "GET", f"/v1/subscriptions/{id}")) > known, 30)
    assert user.subscription["cancel_at_period_end"] is False
    first.kill()
    first.wait(30)
    unworked.start_worker()
    until(lambda: user.subscription["cancel_at_period_end"], 30)
    assert unworked.command("dead-letters", "list").stdout.strip() == "No dead letters."
    assert unworked.rows("SELECT * FROM messages") == []
    # The local Stripe would finish the call that it lets hang.
    unworked.kill()


def test_a_message_that_kills_its_workers_becomes_a_dead_letter(unworked):
    knob(unworked, "/_test/faults",
         {"path_prefix": "/v1/subscriptions", "method": "GET", "kind": "hang", "seconds": 60,
          "times": 20})
    event = {**EVENT, "id": "evt_hang", "type": "customer.subscription.updated",
             "data": {"object": {"id": "sub_x", "object": "subscription"}}}
    assert post_event(unworked, event).status == 200
    for tries in range(5):
        worker = unworked.start_worker()
        until(lambda: unworked.rows("SELECT tries FROM message_tries") == [(tries + 1,)])
        worker.kill()
        worker.wait(30)
    unworked.start_worker()
    until(unworked.dead_bodies)
    letters = unworked.command("dead-letters", "list").stdout
    assert "5 tries" in letters and "the last try never ended" in letters
    until(lambda: unworked.rows("SELECT * FROM message_tries") == [])
    unworked.kill()
