"""Settings: what is refused at the start, in one line that names it, and where the service listens."""

import hmac
import http.client
import json
import socket
import time
import uuid
from datetime import datetime

import pytest

from conftest import ROOT, SECRET, Service
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
    ("STRIPE_SECRET_KEY", "sk_test_sandbox"), ("STRIPE_SECRET_KEY", " sk_test_sandbox\n"),
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
    ("PASSWORD_COST", "0"), ("PASSWORD_COST", "15"), ("PORT", "65536"), ("PORT", "-1"),
    ("PORT", "8080x"), ("PORT", "1e3"),
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


CANNOT_WORK = [
    ("HOST", "*"), ("HOST", "127.0.0.1,::1"), ("HOST", "http://127.0.0.1"), ("HOST", "999"),
    ("PORT", "9" * 30), ("PORT", "0x1F90"), ("PORT", "-0x1"), ("PORT", "\u0669"),
    ("PORT", str(2 ** 63)), ("PORT", str(-2 ** 63)), ("PORT", "65536"),
    ("WORKER_METRICS_PORT", "-1"), ("WORKER_METRICS_PORT", str(2 ** 64)),
    ("RESERVATION_TTL", "86401"), ("RESERVATION_TTL", str(2 ** 63)), ("RESERVATION_TTL", "9e9"),
    ("PAST_DUE_GRACE", "31536001"), ("PAST_DUE_GRACE", str(2 ** 63 - 1)),
    ("PAST_DUE_GRACE", str(-2 ** 63)), ("PAST_DUE_GRACE", "3 days"),
    ("DATABASE_URL", "sqlite:"), ("DATABASE_URL", "mysql://h/d"), ("DATABASE_URL", "postgres://"),
    ("DATABASE_URL", "sqlite::memory:"), ("DATABASE_URL", "var/cuebx.db"),
    ("BROKER_URL", "embedded"), ("BROKER_URL", "redis://127.0.0.1"),
    ("STRIPE_PROMOTION_CODES", "yes"), ("STRIPE_TAX", "1"),
    ("INTERNAL_API_KEYS", ","), ("INTERNAL_API_KEYS", "a key of words"),
    ("INTERNAL_API_KEYS", "first\nsecond"), ("INTERNAL_API_KEYS", "schl\u00fcssel-1234567890"),
    ("STRIPE_SECRET_KEY", "pk_test_x"), ("STRIPE_SECRET_KEY", "sk_test_"),
    ("STRIPE_SECRET_KEY", "x"), ("STRIPE_SECRET_KEY", "whsec_x"),
    ("STRIPE_SECRET_KEY", "sk_test_x y"),
    ("STRIPE_WEBHOOK_SECRET", "x"), ("STRIPE_WEBHOOK_SECRET", "whsec_"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_good,x"), ("STRIPE_WEBHOOK_SECRET", "whsec_a b"),
    ("STRIPE_WEBHOOK_SECRET", "sk_test_x"),
    ("STRIPE_API_BASE", "api.stripe.com"), ("STRIPE_API_BASE", "ftp://127.0.0.1"),
    ("STRIPE_API_BASE", "https://"), ("STRIPE_API_BASE", "https://127.0.0.1?x=y"),
    ("STRIPE_API_BASE", "https://user:word@127.0.0.1"), ("STRIPE_API_BASE", "https://h:99999"),
    ("SMTP_URL", "mail.example.test"), ("SMTP_URL", "http://mail.example.test"),
    ("SMTP_URL", "smtp://"), ("SMTP_URL", "smtp://h:0"), ("SMTP_URL", "smtp://h:99999"),
    ("SMTP_URL", "smtp://us%ZZer:p@h"), ("SMTP_URL", "smtp://h?x=y"), ("SMTP_URL", "smtp://h#x"),
    ("MAIL_FROM", "nobody"), ("MAIL_FROM", "a@b, c@d"), ("MAIL_FROM", "a@b?c"),
    ("SUPPORT_EMAIL", "a@b.de?subject=x"), ("SUPPORT_EMAIL", "Ada <a@b.de>"),
    ("BRAND_LOGO", str(ROOT / "README.md")), ("BRAND_LOGO", "no/such.svg"),
    ("PUBLIC_URL", "javascript:alert(1)"), ("PUBLIC_URL", "app.example.test"),
    ("PUBLIC_URL", "https://"), ("PUBLIC_URL", "//app.example.test"), ("PUBLIC_URL", "/"),
    ("PUBLIC_URL", "file:///etc/passwd"), ("PUBLIC_URL", "https://app.example.test/?x"),
    ("PUBLIC_URL", "https://app.example.test/#x"), ("PUBLIC_URL", "https://a b.test"),
    ("PUBLIC_URL", "https://user@app.example.test"), ("PUBLIC_URL", "data:text/html,x"),
    ("CORS_ORIGINS", "*"), ("CORS_ORIGINS", "null"), ("CORS_ORIGINS", "app.example.test"),
    ("CORS_ORIGINS", "https://app.example.test/"), ("CORS_ORIGINS", "https://App.example.test"),
    ("CORS_ORIGINS", "https://app.example.test:443"), ("CORS_ORIGINS", "http://a.test:80"),
    ("CORS_ORIGINS", "https://app.example.test/path"), ("CORS_ORIGINS", "https://*.example.test"),
    ("CORS_ORIGINS", "https://a.test https://b.test"), ("CORS_ORIGINS", "https://a.test:0"),
    ("CORS_ORIGINS", "https://a.test,https://b.test/"), ("CORS_ORIGINS", "https://b\u00fccher.test"),
    ("CORS_ORIGINS", "https://user@a.test"), ("CORS_ORIGINS", "https://a.test:99999"),
    ("AUTH_JWKS", "http://keys.example.test/jwks"), ("AUTH_JWKS", "ftp://keys.example.test/jwks"),
    ("AUTH_JWKS", "javascript:x"), ("AUTH_JWKS", "no/such/file.json"), ("AUTH_JWKS", "https://"),
    ("AUTH_JWKS", str(ROOT)),
    ("AUTH_JWKS", "http://127.0.0.1.example.test/jwks"), ("AUTH_JWKS", "http://10.0.0.1/jwks"),
    ("AUTH_ISSUER", "https://issuer.example.test"), ("AUTH_AUDIENCE", "career"),
    ("TRUSTED_PROXIES", "all"), ("TRUSTED_PROXIES", "*"), ("TRUSTED_PROXIES", "10.0.0.0/-8"),
    ("TOKEN_HASH_SECRETS", ","), ("LOG_LEVEL", "0"), ("CUEBX_ENV", "prod")]


@pytest.mark.parametrize("name,value", CANNOT_WORK)
def test_a_value_that_cannot_work_stops_the_start_and_is_named(tmp_path, name, value):
    others = {"AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"} if name == "AUTH_JWKS" else {}
    assert refusal(tmp_path, **{**others, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("name,content", [
    ("logo.png", b"no picture"), ("logo.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("logo.svg", b"no picture"), ("logo.svg", b"\x89PNG\r\n\x1a\n"), ("logo.svg", b"")])
def test_a_logo_that_is_no_picture_of_its_kind_stops_the_start(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path, BRAND_LOGO=str(tmp_path / name)).startswith("BRAND_LOGO: ")


def test_a_host_that_is_nobodys_is_named_in_one_line(tmp_path):
    # A label of more than 63 characters is no name: no server is asked for it.
    host = "h" * 70
    result = Service(tmp_path, **{**PRODUCTION, "HOST": host}).command("serve")
    assert result.returncode == 1
    assert f"HOST, PORT: cannot listen on {host}" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("name,value", [
    ("TRUSTED_PROXIES", "0.0.0.0/0"), ("TRUSTED_PROXIES", "::/0"), ("TRUSTED_PROXIES", "0.0.0.0/1"),
    ("TRUSTED_PROXIES", "10.0.0.1, 128.0.0.0/1"), ("TRUSTED_PROXIES", "::ffff:0:0/96"),
    ("TRUSTED_PROXIES", "2000::/3"), ("STRIPE_API_BASE", "http://stripe.example.test"),
    ("SMTP_URL", "smtps://mail.example.test"), ("INTERNAL_API_KEYS", "fifteen-bytes--")])
def test_production_refuses_what_development_may_do(tmp_path, name, value):
    assert refusal(tmp_path, **{**PRODUCTION, name: value}).startswith(
        "MAIL_FROM: " if name == "SMTP_URL" else f"{name}: ")
    if name == "TRUSTED_PROXIES":
        service = Service(tmp_path, TRUSTED_PROXIES=value).start()
        service.stop()


@pytest.mark.parametrize("name,value", [
    ("PUBLIC_URL", "https://app.example.test/"), ("PUBLIC_URL", "http://localhost:3000/app"),
    ("CORS_ORIGINS", "https://app.example.test,http://localhost:5173,capacitor://localhost"),
    ("CORS_ORIGINS", "http://[::1]:3000"), ("TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8,fc00::/7"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_first, whsec_second"), ("RESERVATION_TTL", "86400"),
    ("RESERVATION_TTL", "1"), ("PAST_DUE_GRACE", "0"), ("PAST_DUE_GRACE", "31536000"),
    ("MAIL_FROM", "Career <career@example.test>"), ("LOG_LEVEL", "ERROR"),
    ("INTERNAL_API_KEYS", "first-key-of-the-two,second-key-of-the-two")])
def test_a_value_that_works_starts_in_development_and_in_production(tmp_path, name, value):
    for others in ({}, PRODUCTION):
        service = Service(tmp_path, **{**others, name: value}).start()
        assert service.call("GET", "/health").status == 200
        service.stop()


@pytest.mark.parametrize("around", ["\n{}", "{}\r\n", " \t{}\t ", "\u00a0{}\u2003", "\ufeff{}\n", "\v{}\f"])
def test_white_space_around_a_value_is_no_part_of_it(tmp_path, around):
    values = {
        "INTERNAL_API_KEYS": "first-key-of-the-two,second-key-of-the-two",
        "STRIPE_WEBHOOK_SECRET": "whsec_of_a_file", "JWT_SECRET": "j" * 40, "HOST": "127.0.0.1",
        "CORS_ORIGINS": "https://app.example.test", "RESERVATION_TTL": "60", "LOG_LEVEL": "debug",
        "STRIPE_SECRET_KEY": "sk_test_x", "CUEBX_ENV": "development", "PAST_DUE_GRACE": "60",
        "PUBLIC_URL": "https://app.example.test", "STRIPE_API_BASE": "http://127.0.0.1:9",
        "MAIL_FROM": "career@example.test", "TRUSTED_PROXIES": "127.0.0.1", "BROKER_URL": "embedded:"}
    service = Service(
        tmp_path, **{name: around.format(value) for name, value in values.items()}).start()
    commit = "/career/internal/usage/commit"
    for key in values["INTERNAL_API_KEYS"].split(","):
        assert service.call("POST", commit, {}, headers={"X-Internal-API-Key": key}).status == 422
    body = json.dumps({"id": "evt_1", "object": "event", "type": "x", "data": {"object": {}}}).encode()
    at = int(time.time())
    signature = hmac.new(b"whsec_of_a_file", f"{at}.".encode() + body, "sha256").hexdigest()
    answer = service.call("POST", "/webhooks/stripe", raw=body, headers={
        "Stripe-Signature": f"t={at},v1={signature}"})
    assert answer.code != "invalid_signature"
    token = service.mint(secret=values["JWT_SECRET"], sub=str(uuid.uuid4()))
    assert service.call(
        "GET", "/auth/me", headers={"Authorization": f"Bearer {token}"}).status == 401
    page = service.call("GET", "/health", headers={"Origin": "https://app.example.test"})
    assert page.headers["access-control-allow-origin"] == "https://app.example.test"
    service.stop()


def test_a_secret_of_white_space_alone_is_missing(tmp_path):
    assert refusal(tmp_path, **{**PRODUCTION, "JWT_SECRET": " \n"}).startswith("JWT_SECRET: is missing")


OTHER_HOSTS = ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
               "192.168.1.10", "0.0.0.0", "[2001:db8::1]", "[::ffff:10.0.0.1]:8080", "1.1.1.1",
               "evil.example.", "2130706433.example", "LOCALHOST.EVIL.EXAMPLE"]
OWN_HOSTS = ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:80", "[::1]:8080", "app.localhost",
             "localhost.", "career", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_in_development_a_host_that_is_not_this_machine_is_refused(service, host):
    for path in ("/dev/mailbox", "/health", "/auth/me", "/nowhere"):
        answer = service.call("GET", path, headers={"Host": host})
        assert answer.status == 421 and answer.code == "misdirected_request"
    whole = service.raw(f"GET http://{host}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert whole.startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_in_development_this_machines_hosts_are_answered(service, host):
    assert service.call("GET", "/health", headers={"Host": host}).status == 200


def test_in_production_any_host_is_answered(tmp_path):
    service = Service(tmp_path, **PRODUCTION).start()
    for host in OTHER_HOSTS + OWN_HOSTS:
        assert service.call("GET", "/health", headers={"Host": host}).status == 200
    service.stop()
