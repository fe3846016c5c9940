"""What an SQLite database has of its own: a file, and backups of it."""

import re
import sqlite3
import subprocess
import threading

import pytest

from conftest import BINARY, Service, together
from test_stolen_database import OLD, Victims
from test_moving import OTHER_SCHEMAS, begun, bring, refused, source, target  # noqa: F401

ENGINE = "sqlite"


# No database, or none of ours

def test_an_audit_of_no_database_makes_none(tmp_path):
    service = Service(tmp_path)
    audit = service.audit()
    assert audit.returncode == 1 and audit.stdout == ""
    assert audit.stderr == f"cuebx: there is no database at {service.database}\n"
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_no_database_makes_none(target):
    assert refused(target.command("export", "x.jsonl"), "there is no database")
    assert list(target.folder.iterdir()) == []


def test_a_file_that_is_no_database_is_not_exported(target):
    target.database.write_text("x" * 10_000)
    result = target.command("export", "x.jsonl")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert target.database.read_text() == "x" * 10_000
    assert not (target.folder / "x.jsonl").exists()


# Backups

def test_a_backup_beside_a_live_server_passes_the_audit_and_starts(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="warning").start()
    users = [service.sign_up() for _ in range(3)]
    copied = threading.Event()
    copies = [tmp_path / f"copy-{number}" / "cuebx.db" for number in range(3)]

    def work(index):
        if index == len(users):
            for copy in copies:
                copy.parent.mkdir()
                result = service.command("backup", str(copy))
                assert result.returncode == 0, result.stderr
            return copied.set()
        while not copied.is_set():
            answer = users[index].validate(feature="career.extract_keywords")
            assert answer.status in (200, 429), answer
            if answer.status == 200:
                assert users[index].commit(answer.json["usage_id"]).status == 200

    together(len(users) + 1, work)
    service.stop()
    for copy in copies:
        assert [entry.name for entry in copy.parent.iterdir()] == ["cuebx.db"]
        assert copy.stat().st_mode & 0o777 == 0o600
        other = Service(copy.parent)
        assert other.rows("PRAGMA integrity_check") == [("ok",)]
        assert other.audit().returncode == 0
        other.start()
        assert other.call("GET", "/ready").status == 200
        users[0].service = other
        assert users[0].balance["credits_allocated"] == "25.00"
        other.stop()


def test_a_backup_overwrites_nothing(source):
    existing = source.folder / "existing.db"
    existing.write_text("precious")
    assert refused(source.command("backup", str(existing)), "File exists")
    assert refused(source.command("backup", str(source.database)), "File exists")
    assert existing.read_text() == "precious" and source.audit().returncode == 0


def test_a_backup_that_cannot_be_written_leaves_nothing(source):
    assert refused(source.command("backup", "no/such/folder/x.db"), "No such file")


def test_a_backup_of_no_database_makes_none(target):
    assert refused(target.command("backup", "copy.db"), "there is no database")
    assert list(target.folder.iterdir()) == []


def test_postgresql_is_backed_up_with_its_own_tool(target):
    for scheme in ("postgres", "postgresql"):
        url = f"{scheme}://user:secret@127.0.0.1:1/x"
        result = target.command("backup", "copy.db", DATABASE_URL=url)
        assert refused(result, "pg_dump") and "secret" not in result.stderr
    assert list(target.folder.iterdir()) == []


def test_a_full_disk_ends_a_backup_and_leaves_no_file(source):
    # As much as SQLite's index of the log takes (32 KiB) may be written, and no database.
    limited = f"trap '' XFSZ; ulimit -f 128; exec {BINARY} backup limited.db"
    result = subprocess.run(
        ["sh", "-c", limited], env=source.environment, cwd=source.folder, text=True,
        capture_output=True, timeout=60)
    assert refused(result, "database")
    assert not list(source.folder.glob("limited.db*"))


@OTHER_SCHEMAS
def test_a_database_of_another_schema_is_not_backed_up(source, target, sql, reason):
    assert bring(target, source.export).returncode == 0
    target.write(sql)
    assert refused(target.command("backup", "copy.db"), reason)
    assert not (target.folder / "copy.db").exists()


def test_what_a_killed_import_left_is_not_backed_up(source, target):
    process = begun(target, source.lines)
    process.kill()
    process.communicate()
    assert refused(target.command("backup", "copy.db"), "--start-over")
    assert not (target.folder / "copy.db").exists()


# What lies in the file

def test_the_file_itself_holds_no_code(tmp_path):
    """Nor do its log, what it has forgotten, and a copy of it."""
    service = Service(tmp_path, TOKEN_HASH_SECRETS=OLD).start()
    victims = Victims(service)
    assert service.command("backup", "copy.db").returncode == 0
    files = [*tmp_path.glob("cuebx.db*"), tmp_path / "copy.db"]
    raw = b"".join(path.read_bytes() for path in files if "sandbox" not in path.name)
    for code in victims.codes.values():
        # By chance six digits in a row may stand in a longer number or an id.
        assert not re.search(rb"(?<![0-9a-f-])" + code.encode() + rb"(?![0-9a-f-])", raw)
    assert OLD.encode() not in raw
    service.stop()
