"""What an operator meets: settings, commands, audit, shutdown, crashes."""

import http.client
import json
import signal
import threading
import time

import pytest

from conftest import BINARY, ROOT, Service

PRODUCTION = {
    "CUEBX_ENV": "production", "JWT_SECRET": "p" * 40, "INTERNAL_API_KEYS": "a" * 20 + "," + "b" * 20,
    "STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_WEBHOOK_SECRET": "whsec_x", "PORT": "0", "TOKEN_HASH_SECRETS": "h" * 40,
}


@pytest.mark.parametrize("name,value", [
    ("JWT_SECRET", None), ("JWT_SECRET", "dev-jwt-secret-change-me-0123456789abcdef"),
    ("JWT_SECRET", "short"), ("TOKEN_HASH_SECRETS", None), ("TOKEN_HASH_SECRETS", " , "),
    ("TOKEN_HASH_SECRETS", "short"), ("TOKEN_HASH_SECRETS", "h" * 40 + ",short"),
    ("TOKEN_HASH_SECRETS", "h" * 40 + ", dev-token-hash-secret-change-me-0123456789"),
    ("OPERATOR_SECRET", "short"),
    ("OPERATOR_SECRET", "dev-operator-secret-change-me-0123456789"), ("INTERNAL_API_KEYS", None),
    ("INTERNAL_API_KEYS", "dev-internal-key"), ("STRIPE_SECRET_KEY", None),
    ("STRIPE_WEBHOOK_SECRET", None), ("CUEBX_ENV", "staging"), ("PORT", "x"),
    ("RESERVATION_TTL", "-1"), ("LOG_LEVEL", "loud")])
def test_a_missing_or_default_secret_stops_the_start_in_one_line(tmp_path, name, value):
    settings = {**PRODUCTION, name: value}
    service = Service(tmp_path, **{key: value for key, value in settings.items() if value})
    if value is None:
        service.environment.pop(name, None)
    result = service.command("serve")
    assert result.returncode == 1
    assert result.stderr.startswith(f"cuebx: {name}: ") and result.stderr.count("\n") == 1
    assert "p" * 40 not in result.stderr


def test_in_production_both_keys_are_good_and_development_is_not_there(tmp_path):
    service = Service(tmp_path, **PRODUCTION).start()
    for path in ("/dev/mailbox", "/dev/clock"):
        assert service.call("GET", path).status == 404
    commit = "/career/internal/usage/commit"
    for key, status in (("a" * 20, 415), ("b" * 20, 415), ("dev-internal-key", 401)):
        answer = service.call("POST", commit, raw=b"{}", headers={"X-Internal-API-Key": key})
        assert answer.status == status
    service.stop()


def test_the_committed_document_is_the_codes(service):
    printed = service.command("openapi").stdout
    assert json.loads(printed) == json.loads((ROOT / "openapi.json").read_text())


def test_every_declared_endpoint_needs_what_it_says(service):
    document = service.call("GET", "/openapi.json").json
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["security"]:
                concrete = path.replace("{", "").replace("}", "")
                answer = service.call(method.upper(), concrete)
                assert answer.status == 401, (method, path)


def test_a_sync_of_an_unchanged_catalog_changes_nothing(service, tmp_path):
    assert "Nothing differs" in service.command("catalog", "sync").stdout
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["features"][0]["internal_cost_credits"] = "1.75"
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    dry = service.command("catalog", "sync", "--dry-run", CATALOG=str(tmp_path / "catalog.json"))
    assert "costs 1.75" in dry.stdout and "would be applied" in dry.stdout
    catalog["features"][0]["internal_cost_credits"] = "-1"
    catalog["plans"][1]["rank"] = "x"
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    bad = service.command("catalog", "sync", CATALOG=str(tmp_path / "catalog.json"))
    assert bad.returncode == 1 and "internal_cost_credits" in bad.stderr and "rank" in bad.stderr


@pytest.mark.parametrize("sql", [
    "UPDATE career_subscription_contexts SET credits_used = credits_used + 1",
    "UPDATE career_subscription_contexts SET credits_reserved = credits_reserved + 1",
    "UPDATE career_subscription_contexts SET credits_allocated = credits_allocated + 1",
    "UPDATE career_usage_logs SET credits_charged = credits_charged + 1"])
def test_the_audit_names_a_planted_row_and_fails(tmp_path, sql):
    service = Service(tmp_path).start()
    user = service.sign_up()
    user.spend()
    assert service.audit().returncode == 0
    service.rows(sql)
    audit = service.audit()
    assert audit.returncode == 1 and "invariant" in audit.stdout
    service.stop()


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="warning").start()
    users = [service.sign_up() for _ in range(4)]
    granted, committed, stopped = [], [], threading.Event()

    def work(user):
        while not stopped.is_set():
            try:
                answer = user.validate(feature="career.extract_keywords")
                if answer.status != 200:
                    return
                usage = answer.json["usage_id"]
                granted.append((user, usage))
                if user.commit(usage).status == 200:
                    committed.append((user, usage))
            except OSError:
                return

    threads = [threading.Thread(target=work, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    while len(committed) < 12:
        time.sleep(0.001)
    service.kill()
    stopped.set()
    for thread in threads:
        thread.join()
    assert service.audit().returncode == 0
    service.start()
    status = {}
    for user in users:
        for item in user.get("/career/usage/logs?limit=100").json["items"]:
            status[item["id"]] = item["status"]
    assert all(status[usage] == "SUCCESS" for _, usage in committed)
    assert all(usage in status for _, usage in granted)
    # A retried commit after the crash charges nothing twice.
    for user, usage in committed:
        assert user.commit(usage).json["credits_charged"] == "0.50"
    assert service.audit().returncode == 0
    service.stop()


def test_a_shutdown_finishes_what_is_in_flight(tmp_path):
    service = Service(tmp_path, PASSWORD_COST="").start()
    connection = http.client.HTTPConnection(service.host, service.port, timeout=30)
    connection.request(
        "POST", "/auth/signup",
        body=json.dumps({"email": "slow@example.test", "password": "Passw0rd-x"}),
        headers={"Content-Type": "application/json"})
    # The password takes a tenth of a second to hash.
    service.process.send_signal(signal.SIGTERM)
    assert connection.getresponse().status == 201
    assert service.process.wait(30) == 0


def test_no_secret_code_or_email_gets_into_the_log(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="trace").start()
    user = service.sign_up()
    code = service.code(user.email)
    user.spend()
    service.call("POST", "/auth/signin", {"email": user.email, "password": "Wrong-Passw0rd1"})
    service.stop()
    log = service.log.read_text()
    secrets = [
        user.email, "Passw0rd-x", "Wrong-Passw0rd1", user.tokens["access_token"],
        user.tokens["refresh_token"], "dev-internal-key", "whsec_development", "sk_test_sandbox",
        "dev-jwt-secret"]
    assert [secret for secret in secrets if secret in log] == []
    assert f'"{code}"' not in log and f" {code} " not in log
