"""Settings: what is refused at the start, in one line that names it, and where the service listens."""

import http.client
import socket
import time
from datetime import datetime

import pytest

from conftest import SECRET, Service
from test_operations import PRODUCTION


def refusal(folder, **settings):
    """What `serve` says on standard error when it does not start."""
    service = Service(folder, **settings)
    result = service.command("serve")
    assert result.returncode == 1, result
    assert result.stderr.startswith("cuebx: ") and result.stderr.count("\n") == 1, result.stderr
    assert result.stdout == ""
    return result.stderr.removeprefix("cuebx: ")


@pytest.mark.parametrize("name,value", [
    ("STRIPE_SECRET_KEY", "sk_test_sandbox"), ("STRIPE_SECRET_KEY", " sk_test_sandbox "),
    ("STRIPE_WEBHOOK_SECRET", "whsec_development"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_live, whsec_development"),
    ("STRIPE_WEBHOOK_SECRET", " , "),
    ("JWT_SECRET", SECRET), ("JWT_SECRET", f" {SECRET}"),
    ("INTERNAL_API_KEYS", "a" * 20 + ",dev-internal-key"),
    ("INTERNAL_API_KEYS", "dev-internal-key , " + "a" * 20), ("INTERNAL_API_KEYS", "short")])
def test_production_does_not_start_with_what_everybody_knows(tmp_path, name, value):
    told = refusal(tmp_path, **{**PRODUCTION, name: value})
    assert told.startswith(f"{name}: ")
    assert SECRET not in told and "a" * 20 not in told


def test_production_hashes_passwords_at_no_other_cost(tmp_path):
    told = refusal(tmp_path, **PRODUCTION, PASSWORD_COST="14")
    assert told == "PASSWORD_COST: is for development only\n"


@pytest.mark.parametrize("name,value", [
    ("PASSWORD_COST", "0"), ("PASSWORD_COST", "15"), ("PORT", "65536"), ("PORT", "-1"), ("PORT", "8080x"), ("PORT", "1e3"), ("PORT", " 80"),
    ("WORKER_METRICS_PORT", "0"), ("WORKER_METRICS_PORT", "65536"),
    ("RESERVATION_TTL", "-900"), ("RESERVATION_TTL", "0"), ("RESERVATION_TTL", "1.5"),
    ("PAST_DUE_GRACE", "-1"), ("LOG_LEVEL", "loud"), ("CUEBX_ENV", "Production"),
    ("HOST", "0.0.0.0"), ("HOST", "::"), ("HOST", "127.evil.example.test"),
    ("HOST", "127.0.0.1:8080"), ("HOST", "[::1]:8080"), ("HOST", "a b"), ("HOST", "::1/"),
    ("TRUSTED_PROXIES", "proxy.example.test"), ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/33"),
    ("TRUSTED_PROXIES", "10.0.0.0/"), ("TRUSTED_PROXIES", "10.0.0/8"),
    ("TRUSTED_PROXIES", "127.0.0.1:80"), ("TRUSTED_PROXIES", "::1/129"),
    ("TRUSTED_PROXIES", "::1/-1"), ("TRUSTED_PROXIES", "::ffff:10.0.0.0/95")])
def test_a_bad_setting_is_told_in_one_line(tmp_path, name, value):
    assert refusal(tmp_path, **{name: value}).startswith(f"{name}: ")


def test_an_empty_variable_leaves_the_choice_to_the_file(tmp_path):
    (tmp_path / ".env").write_text("LOG_LEVEL=loud\nRESERVATION_TTL=60\n")
    assert refusal(tmp_path, LOG_LEVEL="", RESERVATION_TTL="0").startswith("RESERVATION_TTL: ")
    assert refusal(tmp_path, LOG_LEVEL="").startswith("LOG_LEVEL: ")
    service = Service(tmp_path, LOG_LEVEL="info", RESERVATION_TTL="").start()
    expires_at = service.sign_up().validate().json["expires_at"]
    assert 0 < datetime.fromisoformat(expires_at).timestamp() - time.time() <= 61
    service.stop()


def test_an_unknown_log_level_is_told_the_known_ones(tmp_path):
    told = refusal(tmp_path, LOG_LEVEL="loud")
    assert all(level in told for level in ("trace", "debug", "info", "warning", "critical"))


def test_the_last_port_leaves_none_for_the_local_stripe(tmp_path):
    assert refusal(tmp_path, PORT="65535").startswith("PORT: 65535 leaves no port")


def test_a_short_secret_is_counted_in_bytes(tmp_path):
    told = refusal(tmp_path, **{**PRODUCTION, "JWT_SECRET": "s" * 31})
    assert told == "JWT_SECRET: must have at least 32 bytes, has 31\n"
    # Sixteen letters, two bytes each.
    service = Service(tmp_path, **{**PRODUCTION, "JWT_SECRET": "\u00e4" * 16}).start()
    service.stop()


def test_in_development_a_short_secret_is_a_warning(tmp_path):
    service = Service(tmp_path, JWT_SECRET="short").start()
    user = service.sign_up()
    mine = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    assert service.call("GET", "/auth/me", headers=mine).status == 200
    told = [line for line in service.log.read_text().splitlines() if "JWT_SECRET" in line]
    assert len(told) == 1 and "warning" in told[0]
    assert "must have at least 32 bytes, has 5" in told[0]
    service.stop()


@pytest.mark.parametrize("level", ["warn", "WARN", "warning", "Warning"])
def test_warn_is_a_warning(tmp_path, level):
    service = Service(tmp_path, LOG_LEVEL=level, JWT_SECRET="short").start()
    service.stop()
    lines = service.log.read_text().splitlines()
    assert any("JWT_SECRET" in line for line in lines)
    assert not any(" info " in line or " debug " in line for line in lines)


@pytest.mark.parametrize("line,value", [
    ("{}=x", "x"), ("{}=x\r\n", "x"), ("  {} = x y  ", "x y"), ("export {}=x", "x"),
    ("\texport\t{}=x", "x"), ('{}="x"', "x"), ("{}='x'", "x"), ("export {}='x' # why", "x"),
    ("{}=x # why", "x"), ("{}=x\t#why", "x"), ('{}="x"\t# it\'s "why"', "x"), ("{}=x#y", "x#y"),
    ('{}="x"# y', '"x"# y'), ('{}="x # y"', "x # y"), ("{}='x\"", "'x\""), ('{}="x', '"x'),
    ('{}=""x""', '"x"'), ('{}="x"y"', 'x"y'), ("{}=it's", "it's"), ("{}=x=y", "x=y"),
    ("{}=#x", "#x"), ("{0}=x\n{0}=y", "y"), ("\n\n{}=x\n\n", "x"), ("A=1\n{}=x\nB=2", "x"),
    ("{}= # why", None), ("{}=", None), ('{}=""', None), ("#{}=x", None), ("# {}=x", None),
    ("{}", None), ("{}: x", None), ("export {}", None), ("=x", None), ("set {}=x", None)])
def test_a_line_of_the_file_is_read_as_shells_read_it(tmp_path, line, value):
    (tmp_path / ".env").write_text(line.format("TRUSTED_PROXIES"), newline="")
    # A bad proxy is told as it was read; what comes after it, only where there is none.
    told = refusal(tmp_path, RESERVATION_TTL="0")
    if value is None:
        assert told.startswith("RESERVATION_TTL: ")
    else:
        assert told.startswith(f"TRUSTED_PROXIES: {value} is neither an address nor a network")


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path):
    (tmp_path / ".env").mkdir()
    assert refusal(tmp_path).startswith(".env: ")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_stands_in_brackets_wherever_it_is_a_url(tmp_path, host):
    service = Service(tmp_path, HOST=host).start()
    assert service.url == f"http://[::1]:{service.port}"
    assert service.call("GET", "/health").status == 200
    user = service.sign_up()
    # The local Stripe's events find the way back too.
    pages = {"success_url": "https://x.test/s", "cancel_url": "https://x.test/c"}
    plans = service.call("GET", "/career/subscriptions/plans").json["plans"]
    checkout = user.post(
        "/career/subscriptions/checkout", {"plan_id": plans[1]["id"], **pages}).json
    port, page = checkout["checkout_url"].removeprefix("http://127.0.0.1:").split("/", 1)
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request("POST", "/" + page, body="action=pay", headers={
        "Content-Type": "application/x-www-form-urlencoded"})
    assert connection.getresponse().status == 303
    service.advance(0)
    assert user.subscription["plan"]["name"] == plans[1]["name"]
    portal = user.post("/career/subscriptions/portal")
    assert portal.status == 200
    service.stop()


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = Service(tmp_path, PORT=str(port)).command("serve")
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr.splitlines()[-1]
