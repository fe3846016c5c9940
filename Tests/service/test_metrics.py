"""What is counted, and how a request is followed into the worker."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest

from conftest import BINARY, Service
from ports import free_port
from test_payments import buy, post_event


def numbers(service):
    """Every sample of the page by its name and labels; each family announced once, before them."""
    text = service.call("GET", "/metrics").bytes.decode()
    samples, families = {}, []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert re.fullmatch(r"[a-z_]+(\{[a-z]+=\"[^\"\n]*\"(,[a-z]+=\"[^\"\n]*\")*\})?", name)
            assert name.startswith(families[-1])
            assert name not in samples
            samples[name] = float(value)
    assert len(set(families)) == len(families)
    return samples


def decisions(service, operation, code, product="career"):
    name = f'cuebx_ledger_decisions_total{{operation="{operation}",code="{code}",product="{product}"}}'
    return numbers(service).get(name, 0)


def test_decisions_are_counted_by_their_code(own_service):
    user = own_service.new_user()
    usage = user.validate(request_id="a").json["usage_id"]
    user.validate(request_id="a")
    user.commit(usage)
    user.commit(usage)
    user.commit(usage, success=False)
    user.validate(request_id="a")
    user.commit(str(uuid.uuid4()))
    user.commit(user.validate().json["usage_id"], success=False)
    user.adjust("-23.50")
    user.validate(feature="career.career_path")
    for operation, code, count in (
            ("validate", "reserved", 2), ("validate", "replayed", 1),
            ("validate", "request_already_finished", 1), ("validate", "quota_exceeded", 1),
            ("commit", "success", 1), ("commit", "replayed", 1), ("commit", "already_ended", 1),
            ("commit", "unknown_usage", 1), ("commit", "failed", 1)):
        assert decisions(own_service, operation, code) == count, (operation, code)


def test_batches_are_a_histogram_of_size_and_of_time(own_service):
    user = own_service.new_user()
    # What the local Stripe tells at its start is over by then.
    own_service.advance(0)
    before = numbers(own_service)
    for _ in range(5):
        user.spend()
    after = numbers(own_service)

    def grown(name):
        return after[name] - before[name]

    # Ten decisions of one client, one after another: ten batches of one.
    assert grown("cuebx_ledger_batch_operations_sum") >= 10
    assert grown('cuebx_ledger_batch_operations_bucket{le="1.0"}') >= 10
    assert grown("cuebx_ledger_batch_seconds_count") == grown("cuebx_ledger_batch_operations_count")
    assert 0 < grown("cuebx_ledger_batch_seconds_sum") < 10
    for name in ("cuebx_ledger_batch_operations", "cuebx_ledger_batch_seconds"):
        counts = [value for key, value in after.items() if key.startswith(name + "_bucket")]
        assert counts == sorted(counts) and counts[-1] == after[name + "_count"]


def test_the_lag_of_stripes_events_is_counted_from_event_to_effect(own_service):
    buy(own_service, own_service.new_user())
    counted = numbers(own_service)
    for stage in ("received", "applied"):
        assert counted[f'cuebx_webhook_lag_seconds_count{{stage="{stage}"}}'] > 0
    assert counted['cuebx_webhook_lag_seconds_bucket{stage="applied",le="86400.0"}'] > 0


def test_the_sweeper_tells_how_late_it_was(own_service):
    user = own_service.new_user()
    user.validate()
    own_service.advance(15 * 60 + 42)
    counted = numbers(own_service)
    assert counted["cuebx_sweeper_last_sweep_timestamp_seconds"] > time.time() + 900
    # A sweep of the same moment has found nothing more, or this one has: either is the truth.
    assert 0 <= counted["cuebx_sweeper_lag_seconds"] <= 60
    # Workspaces' beside users'.
    assert counted['cuebx_sweeper_last_sweep_timestamp_seconds{product="api"}'] > time.time() + 900
    assert counted['cuebx_sweeper_lag_seconds{product="api"}'] == 0
    assert counted['cuebx_ledger_operations_in_progress{product="api"}'] == 0


def test_a_request_is_followed_into_the_worker_by_its_id(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="debug").start()
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    queued = user.commit(usage, headers={"Prefer": "respond-async", "X-Request-ID": "follow-me-1"})
    assert queued.status == 202
    body = {
        "id": "evt_followed", "object": "event", "type": "customer.subscription.updated",
        "created": int(time.time()), "livemode": False,
        "data": {"object": {"id": "sub_unknown", "object": "subscription"}}}
    answer = post_event(service, body)
    assert answer.status == 200
    service.advance(0)
    # As the version before messages named their request beside the body enqueued them.
    old = {"x_request_id": "from-before", "user_id": user.id, "success": True,
           "usage_id": user.validate().json["usage_id"]}
    now = int(time.time() * 1_000_000)
    service.write(
        """INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until)
        VALUES (?, 'career_usage_commits', ?, 0, ?, ?, 0)""", uuid.uuid4(), json.dumps(old), now, now)
    service.advance(0)
    assert user.balance["credits_used"] == "2.00"
    service.stop()
    log = service.log.read_text()
    assert re.search(
        r"debug .*queue=career_usage_commits .*request_id=from-before.* message handled", log)
    assert re.search(
        r"debug .*queue=career_usage_commits .*request_id=follow-me-1.* message handled", log)
    event = answer.headers["x-request-id"]
    assert re.search(rf"queue=stripe_subscription_updated .*request_id={event}\b", log)


@pytest.fixture
def worker(tmp_path):
    """A worker process beside a server without one, and the port of its metrics."""
    service = Service(tmp_path)
    service.start("--no-worker")
    port = free_port()
    process = subprocess.Popen(
        [BINARY, "worker"], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        env={**service.environment, "STRIPE_API_BASE": service.sandbox,
             "WORKER_METRICS_PORT": str(port)},
        stderr=open(tmp_path / "worker-log", "ab"))
    process.service = service
    try:
        process.url = f"http://127.0.0.1:{port}/metrics"
        assert process.stdout.readline().endswith(f"works messages off, metrics on {process.url}\n")
        yield process
        process.terminate()
        assert process.wait(30) == 0
        service.stop()
    finally:
        process.kill()


def test_a_worker_tells_its_own_metrics_where_it_is_given_a_port(worker):
    def fetch(path):
        with urllib.request.urlopen(urllib.parse.urljoin(worker.url, path)) as response:
            return response.read().decode()

    assert json.loads(fetch("/health")) == {"status": "ok"}
    assert json.loads(fetch("/ready")) == {"status": "ready"}
    user = worker.service.sign_up()
    usage = user.validate().json["usage_id"]
    assert user.commit(usage, headers={"Prefer": "respond-async"}).status == 202
    # The decision is the worker's: it counts there and not at the server.
    counted = '\ncuebx_ledger_decisions_total{operation="commit",code="success",product="career"} 1\n'
    deadline = time.monotonic() + 30
    while counted not in fetch("/metrics") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert counted in fetch("/metrics")
    assert decisions(worker.service, "commit", "success") == 0
    for path in ("/docs", "/career/subscriptions/plans", "/dev/mailbox"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(path)


def test_a_worker_whose_port_is_taken_says_so_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = Service(tmp_path).command("worker", WORKER_METRICS_PORT=str(port))
    assert result.returncode == 1
    assert f"WORKER_METRICS_PORT: cannot listen on 127.0.0.1:{port}" \
        in result.stderr.splitlines()[-1]


def test_what_somebody_else_put_into_a_message_is_not_logged_as_a_request(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="trace").start()
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    user.commit(usage, headers={"Prefer": "respond-async"}, x_request_id="forged\nline",
                request_id="forged")
    service.advance(0)
    service.stop()
    assert "forged" not in service.log.read_text()
