"""Encrypted connections to PostgreSQL and RabbitMQ, whose certificates are checked, and ours by them."""

import socket
import threading

import psycopg
import pytest

import postgresql
from conftest import Service
from test_payments_queue import ASYNC, until
from test_rabbitmq import COMMITS, RabbitService, running

# The service's own database is another where it must not be made at all.
ENGINE = "sqlite"


@pytest.fixture(scope="module")
def encrypted_postgresql():
    server = postgresql.PostgreSQL(encrypted=True)
    yield server
    server.remove()


@pytest.fixture
def encrypted(encrypted_postgresql, rabbitmq, tmp_path):
    """A service that reaches both by certificates, and leaves its messages to workers."""
    service = RabbitService(tmp_path, rabbitmq, DATABASE_URL=encrypted_postgresql.encrypted_url())
    service.environment["BROKER_URL"] = rabbitmq.encrypted_url(
        service.vhost, certfile="client.pem", keyfile="client.key")
    with running(service, "--no-worker"):
        yield service


def test_all_connections_are_encrypted_and_show_who_we_are(encrypted, encrypted_postgresql):
    encrypted.start_worker()
    user = encrypted.sign_up()
    usage_id = user.validate().json["usage_id"]
    assert user.commit(usage_id, headers=ASYNC).status == 202
    until(lambda: user.balance["credits_used"] == "1.00")
    with psycopg.connect(encrypted_postgresql.encrypted_url()) as connection:
        sessions = connection.execute(
            """SELECT ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE client_port IS NOT NULL""").fetchall()
    assert len(sessions) > 2 and set(sessions) == {(True, "/CN=career")}
    # RabbitMQ tells of a connection a second later.
    until(lambda: len(shown(encrypted)) >= 2)
    assert set(shown(encrypted)) == {(True, "CN=career")}


def shown(service):
    """Of each connection to the service's virtual host: is it encrypted, and whose is it."""
    return [
        (connection["ssl"], connection["peer_cert_subject"])
        for connection in service.rabbitmq.api("GET", "/connections")
        if connection.get("vhost") == service.vhost]


def test_thousands_of_messages_pass_an_encrypted_connection(encrypted):
    """What came with one record and was not read yet shows on no socket."""
    encrypted.write(
        """INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until)
        SELECT gen_random_uuid(), ?, repeat('x', n), 0, 0, 0, 0 FROM generate_series(1, 2000) AS n
        """, COMMITS)
    encrypted.start_worker()
    until(lambda: encrypted.rows("SELECT count(*) FROM messages WHERE died_at IS NOT NULL")
          == [(2000,)], seconds=240)
    assert encrypted.rows("SELECT count(DISTINCT length(body)) FROM messages") == [(2000,)]


def refused_start(tmp_path, **settings):
    """The line that a start ends with, which has made no database."""
    service = Service(tmp_path, **settings)
    result = service.command("serve")
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result.stderr
    assert not any(word in result.stderr for word in ("p%40ss", "p@ss", "cuebx-test"))
    assert not (tmp_path / "cuebx.db").exists()
    return result.stderr


@pytest.mark.parametrize("change, reason", [
    ({"sslrootcert": "other.pem"}, "certificate verify failed"),
    ({"host": "127.0.0.1"}, "does not match host name"),
    ({"sslcert": None, "sslkey": None}, "requires a valid client certificate"),
    ({"sslcert": "stranger.pem", "sslkey": "stranger.key"}, "unknown ca"),
    ({"sslkey": "stranger.key"}, "key values mismatch"),
    ({"sslmode": "disable", "sslcert": None, "sslkey": None}, "no pg_hba.conf entry"),
])
def test_a_postgresql_that_is_not_ours_or_does_not_know_us_stops_the_start(
        tmp_path, encrypted_postgresql, change, reason):
    change = {
        name: f"{encrypted_postgresql.certificates}/{value}"
        if value and value.endswith((".pem", ".key")) else value
        for name, value in change.items()}
    said = refused_start(tmp_path, DATABASE_URL=encrypted_postgresql.encrypted_url(**change),
                         HOME=str(tmp_path))
    assert reason in said


@pytest.mark.parametrize("change, reason", [
    ({"cacertfile": "other.pem"}, "cert verification"),
    ({"host": "127.0.0.1"}, "hostname verification"),
    ({"certfile": "stranger.pem", "keyfile": "stranger.key"}, "cannot log in"),
    ({"certfile": "client.pem", "keyfile": "stranger.key"}, "no certificate and its key"),
    ({"certfile": "client.pem", "keyfile": "locked.key"}, "no certificate and its key"),
    ({"cacertfile": "client.key"}, "no certificates of authorities"),
    ({"cacertfile": "missing.pem"}, "cannot be read"),
    ({"certfile": "client.pem"}, "only together"),
    ({"verify": "verify_none"}, "takes ?cacertfile="),
])
def test_a_rabbitmq_that_is_not_ours_or_does_not_know_us_stops_the_start(
        tmp_path, rabbitmq, change, reason):
    said = refused_start(tmp_path, BROKER_URL=rabbitmq.encrypted_url(**change))
    assert said.startswith("cuebx: BROKER_URL: ") and reason in said


def test_a_rabbitmq_of_an_authority_that_the_system_does_not_trust_stops_the_start(
        tmp_path, rabbitmq):
    said = refused_start(tmp_path, BROKER_URL=rabbitmq.encrypted_url().partition("?")[0])
    assert "cert verification" in said


def test_an_encrypted_port_and_a_plain_one_are_not_taken_for_each_other(tmp_path, rabbitmq):
    plain, encrypted = rabbitmq.url(), rabbitmq.encrypted_url()
    for url, reason in (
            (plain.replace(f":{rabbitmq.port}/", f":{rabbitmq.encrypted}/"), "cannot log in"),
            (encrypted.replace(f":{rabbitmq.encrypted}/", f":{rabbitmq.port}/"), "SSL"),
            (plain + encrypted[encrypted.index("?"):], "only with amqps://")):
        said = refused_start(tmp_path, BROKER_URL=url)
        assert said.startswith("cuebx: BROKER_URL: ") and reason in said


def test_who_takes_a_connection_and_says_nothing_holds_an_encrypted_start_up_for_seconds_only(
        tmp_path, rabbitmq):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(silent.accept()), daemon=True)
        thread.start()
        url = rabbitmq.encrypted_url().replace(
            f":{rabbitmq.encrypted}/", f":{silent.getsockname()[1]}/")
        assert "timed out" in refused_start(tmp_path, BROKER_URL=url)
        thread.join()
        accepted[0][0].close()
