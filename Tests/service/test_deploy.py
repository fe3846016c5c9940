"""What is built and how it is run: versions that do not move by themselves, files that only their
owner reads, units that may do no more than the service does, and one process that checkpoints."""

import configparser
import os
import re
import shutil
import sqlite3
import subprocess
import time

import pytest

from conftest import BINARY, PROVIDER, ROOT, Service

ENGINE = "sqlite"


# Versions

def test_every_package_is_pinned_to_one_version():
    text = (ROOT / "Package.swift").read_text()
    packages = re.findall(r"\.package\((.*?)\)", text, re.DOTALL)
    assert len(packages) >= 10
    for package in packages:
        assert re.search(r'exact: "\d+\.\d+\.\d+"', package), package


def test_every_image_has_a_full_version_or_a_digest():
    texts = [(ROOT / "deploy" / name).read_text() for name in ("Dockerfile", "compose.yaml")]
    images = re.findall(r"^\s*(?:FROM|image:)\s+(\S+)", "\n".join(texts), re.MULTILINE)
    images = [image for image in images if image != "cuebx-career"]
    assert len(images) == 4
    for image in images:
        assert re.search(r"@sha256:[0-9a-f]{64}$|:\d+\.\d+(\.\d+)?-[a-z]+$", image), image


def test_every_python_package_of_the_tests_is_pinned():
    lines = (ROOT / "Tests/requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted and all(re.match(r"[\w.\[\],-]+==[\w.]+( |$|;)", line) for line in wanted), wanted


# The binary

def test_the_binary_is_position_independent_and_binds_every_symbol_before_it_starts():
    seen = subprocess.run(
        ["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", BINARY],
        check=True, capture_output=True, text=True).stdout
    assert "Position-Independent Executable" in seen
    assert "GNU_RELRO" in seen and "BIND_NOW" in seen
    stack = next(line for line in seen.splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack


# Units

SANDBOX = {
    "NoNewPrivileges": "true", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
    "ProtectSystem": "strict", "ProtectHome": "true", "ProtectProc": "invisible",
    "ProcSubset": "pid", "PrivateTmp": "true", "PrivateDevices": "true", "DevicePolicy": "closed",
    "PrivateUsers": "true", "PrivateIPC": "true", "RemoveIPC": "true", "KeyringMode": "private",
    "ProtectClock": "true", "ProtectHostname": "true", "ProtectKernelLogs": "true",
    "ProtectKernelTunables": "true", "ProtectKernelModules": "true",
    "ProtectControlGroups": "true", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "true", "RestrictRealtime": "true", "RestrictSUIDSGID": "true",
    "LockPersonality": "true", "MemoryDenyWriteExecute": "true",
    "SystemCallArchitectures": "native", "SystemCallErrorNumber": "EPERM", "UMask": "0077",
    "StateDirectoryMode": "0700"}


@pytest.mark.parametrize("unit", ["cuebx.service", "cuebx-worker.service"])
def test_a_unit_lets_the_service_do_no_more_than_it_does(unit):
    path = ROOT / "deploy" / unit
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(path)
    service = dict(parser["Service"])
    assert {name: service.get(name) for name in SANDBOX} == SANDBOX
    filters = re.findall(r"^SystemCallFilter=(.*)$", path.read_text(), re.MULTILINE)
    assert filters == ["@system-service", "~@privileged @resources"]


# Files

def run_with_umask(service, umask, *arguments):
    return subprocess.run(
        ["sh", "-c", f'umask {umask}; exec "$0" "$@"', BINARY, *arguments],
        env=service.environment, cwd=service.folder, text=True, capture_output=True, timeout=60)


def modes(folder):
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()
            if ".db" in path.name or "sandbox" in path.name}


@pytest.mark.parametrize("umask", ["0000", "0022", "0077"])
def test_the_files_of_a_database_are_their_owners_whatever_the_umask(tmp_path, umask):
    service = Service(tmp_path)
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\numask {umask}\nexec "{BINARY}" "$@"\n')
    program.chmod(0o700)
    service.program = [str(program)]
    service.start()
    service.sign_up()
    seen = modes(tmp_path)
    assert {"cuebx.db", "cuebx.db-wal", "cuebx.db-shm", "cuebx.db.stripe-sandbox"} <= set(seen)
    assert set(seen.values()) == {"0o600"}, seen
    service.stop()
    for name in ("copy.db", "export.jsonl"):
        command = "backup" if name == "copy.db" else "export"
        assert run_with_umask(service, umask, command, name).returncode == 0
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_files_that_others_may_read_are_their_owners_after_the_next_start(tmp_path):
    service = Service(tmp_path)
    assert service.command("migrate").returncode == 0
    service.database.chmod(0o644)
    assert service.command("users", "find", "nobody@example.test").returncode == 1
    assert modes(tmp_path)["cuebx.db"] == "0o600"


# Checkpoints

def pages_in_file(service):
    """How much of the WAL has been copied back into the file: the file's own size."""
    return service.database.stat().st_size


def test_a_command_beside_a_server_never_checkpoints(tmp_path):
    service = Service(tmp_path, **PROVIDER.settings(tmp_path)).start()
    user = service.new_user()
    # Another process holds the file open, as a server that is not asked anything does.
    with sqlite3.connect(service.database) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        assert other.execute("SELECT count(*) FROM users").fetchone() == (1,)
        before = service.database.read_bytes()
        wal = service.database.with_name("cuebx.db-wal")
        size = wal.stat().st_size
        for number in range(40):
            assert user.adjust("0.01", reason="x" * 1000).returncode == 0
        while wal.stat().st_size < size + 4000 * 4096 // 4:
            other.execute(
                "INSERT INTO mails (id, recipient, subject, text, html, created_at) "
                "VALUES (randomblob(16), 'x', 'x', ?, '', 1)", ("x" * 500_000,))
            other.commit()
        assert user.adjust("0.01").returncode == 0
        assert service.database.read_bytes() == before
    service.stop()


def test_of_a_servers_own_connections_one_checkpoints(tmp_path):
    """The WAL does not grow for ever beside a server that is at work."""
    service = Service(tmp_path, **PROVIDER.settings(tmp_path), LOG_LEVEL="warning").start()
    user = service.new_user()
    wal = service.database.with_name("cuebx.db-wal")
    for _ in range(3):
        with sqlite3.connect(service.database) as other:
            other.execute("PRAGMA wal_autocheckpoint = 0")
            for _ in range(24):
                other.execute(
                    "INSERT INTO mails (id, recipient, subject, text, html, created_at) "
                    "VALUES (randomblob(16), 'x', 'x', ?, '', 1)", ("x" * 1_000_000,))
                other.commit()
        other.close()
        # The server's next commit finds more pages than it leaves in the WAL.
        assert user.spend().status == 200
        time.sleep(0.2)
    assert pages_in_file(service) > 24_000_000
    assert wal.stat().st_size < 60_000_000
    service.stop()
