"""Moving a database: export and import, and all that can go wrong with them."""

import hashlib
import json
import sqlite3
import subprocess
import threading
import time
import uuid

import psycopg
import pytest

from conftest import BINARY, PASSWORD, Service, databases, together
from teams import Team


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A stopped service with a bit of everything, and its export."""
    service = Service(tmp_path_factory.mktemp("source")).start()
    users = [service.sign_up(full_name="Zoë “the \\ seeker” 😀 Ünal"), service.sign_up()]
    for user in users:
        user.spend()
        user.commit(user.validate().json["usage_id"], success=False)
    users[0].adjust("12.25", reason="a line\nbreak, a \ttab, a \x07 and a \"quote\"")
    team = Team(service, owner=users[0], name="Zoë’s team")
    team.put(users[1], "admin", "disabled")
    assert team.key(expires_in_days=3, credit_limit="1").status == 201
    assert team.invite("late@example.test").status == 201
    users[1].post("/auth/signout", {"refresh_token": users[1].tokens["refresh_token"]})
    service.call("POST", "/auth/password/reset", {"email": users[0].email})
    service.pending = users[0].validate().json["usage_id"]
    service.users = users
    service.stop()
    # A message that a worker holds.
    service.write(
        """INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
            leased_until, died_at)
        VALUES (?, 'career_usage_commits', '{}', 1, NULL, 5, 5, 9000000000000000, 7)""",
        uuid.uuid4())
    service.export = service.folder / "export.jsonl"
    result = service.command("export", str(service.export))
    assert result.returncode == 0, result.stderr
    service.lines = service.export.read_text().splitlines()
    return service


@pytest.fixture
def target(tmp_path):
    """A service whose database is not there yet."""
    return Service(tmp_path, DATABASE_URL=databases.make_empty(tmp_path))


def bring(service, stream, *flags, **settings):
    """Imports what is given: a path, or lines through a pipe."""
    if isinstance(stream, list):
        text = "".join(line + "\n" for line in stream)
        return subprocess.run(
            [BINARY, "import", "-", *flags], env={**service.environment, **settings},
            cwd=service.folder, input=text, text=True, capture_output=True, timeout=60)
    return service.command("import", str(stream), *flags, **settings)


def refused(result, reason):
    assert result.returncode == 1, result
    assert result.stderr.startswith("cuebx: ") and result.stderr.count("\n") == 1, result.stderr
    assert reason in result.stderr, result.stderr
    return True


def sealed(lines):
    """The lines with a last line that fits them."""
    rows, table = {}, None
    for line in lines[1:-1]:
        value = json.loads(line)
        if isinstance(value, dict):
            table = value["table"]
            rows[table] = 0
        else:
            rows[table] += 1
    data = "".join(line + "\n" for line in lines[:-1]).encode()
    return lines[:-1] + [
        json.dumps({"rows": rows, "sha256": hashlib.sha256(data).hexdigest()})]


def heading(lines, table):
    return next(
        index for index, line in enumerate(lines) if line.startswith(f'{{"table":"{table}"'))


def edited(lines, table, edit, row=1):
    """The lines with one row of a table changed by the edit."""
    lines = list(lines)
    place = heading(lines, table) + row
    columns = json.loads(lines[heading(lines, table)])["columns"]
    values = dict(zip(columns, json.loads(lines[place])))
    edit(values)
    lines[place] = json.dumps(list(values.values()))
    return lines


def is_untouched(service):
    """No file, or a database without a schema."""
    return not service.database.exists() if service.uses_sqlite else service.columns == {}


def is_empty(service):
    """A database with a schema and nothing in it, or none at all."""
    if is_untouched(service):
        return True
    filled = [name for name, rows in service.tables.items() if rows]
    mark = service.rows("SELECT import_started_at FROM installation")
    return sorted(filled) == ["installation", "schema_migrations"] and mark == [(None,)]


# What is the same on both sides

def test_what_was_imported_exports_as_the_same_and_passes_the_audit(source, target):
    assert source.audit().returncode == 0
    result = bring(target, source.export)
    assert result.returncode == 0, result.stderr
    assert target.audit().stdout == source.audit().stdout
    again = target.command("export").stdout.splitlines()
    assert again[1:-1] == source.lines[1:-1]
    assert json.loads(again[-1])["rows"] == json.loads(source.lines[-1])["rows"]


def test_a_stream_through_a_pipe_is_as_good_as_a_file(source, target):
    assert bring(target, source.lines).returncode == 0
    assert target.command("export").stdout.splitlines()[1:-1] == source.lines[1:-1]


def test_users_go_on_where_they_were(source, target):
    assert bring(target, source.export).returncode == 0
    target.start()
    first = source.users[0]
    signed_in = target.call(
        "POST", "/auth/signin", {"email": first.email, "password": PASSWORD})
    assert signed_in.status == 200, signed_in
    first.service = target
    assert first.balance["credits_used"] == "1.00"
    assert first.balance["credits_allocated"] == "37.25"
    assert first.commit(source.pending).json["status"] == "SUCCESS"
    assert first.balance["credits_used"] == "2.00"
    first.service = source
    target.stop()
    assert target.audit().returncode == 0


def test_the_export_has_every_table_and_column_of_the_schema(source):
    here = {}
    for line in source.lines[1:-1]:
        if line.startswith("{"):
            value = json.loads(line)
            here[value["table"]] = set(value["columns"])
    schema = {table: set(columns) for table, columns in source.columns.items()}
    # The header speaks for the migrations; the mark of an import belongs to the import.
    del schema["schema_migrations"]
    schema["installation"].remove("import_started_at")
    assert here == schema


def test_a_lease_does_not_move_with_its_message(source):
    index = heading(source.lines, "messages")
    columns = json.loads(source.lines[index])["columns"]
    row = dict(zip(columns, json.loads(source.lines[index + 1])))
    assert row["leased_until"] == 0 and row["attempts"] == 1
    assert source.rows("SELECT leased_until FROM messages") == [(9000000000000000,)]


def test_numbers_are_integers_and_bytes_are_text(source):
    columns = json.loads(source.lines[heading(source.lines, "installation")])
    row = dict(zip(columns["columns"], json.loads(source.lines[-2])))
    assert columns["kinds"] == ["integer", "bytes", "integer", "integer"]
    ((secret,),) = source.rows("SELECT secret FROM installation")
    assert row["secret"] == secret.hex() and type(row["catalog_revision"]) is int
    assert "." not in source.lines[heading(source.lines, "credit_grants") + 1]


def test_a_database_that_goes_to_the_other_engine_and_back_is_the_same(source, target, tmp_path):
    """From SQLite to PostgreSQL and back, or the other way round, as the tests' engine is."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Service(elsewhere, DATABASE_URL=databases.make_other(elsewhere))
    assert other.uses_sqlite != source.uses_sqlite
    stream = elsewhere / "export.jsonl"
    for place, origin in ((other, source.export), (target, stream)):
        assert bring(place, origin).returncode == 0
        assert place.audit().returncode == 0
        assert place.audit().stdout == source.audit().stdout
        if place is other:
            assert place.command("export", str(stream)).returncode == 0
        exported = place.command("export").stdout.splitlines()
        assert exported[1:-1] == source.lines[1:-1]
        assert json.loads(exported[0])["schema"] == json.loads(source.lines[0])["schema"]
    # Whoever was there goes on there.
    other.start()
    user = source.users[1]
    signed_in = other.call("POST", "/auth/signin", {"email": user.email, "password": PASSWORD})
    assert signed_in.status == 200, signed_in
    other.stop()


def test_an_export_beside_a_live_server_is_one_snapshot(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="warning").start()
    users = [service.sign_up() for _ in range(4)]
    exported = threading.Event()
    exports = []

    def export():
        for number in range(3):
            exports.append(tmp_path / f"{number}.jsonl")
            assert service.command("export", str(exports[-1])).returncode == 0
        exported.set()

    def spend(index):
        if index == len(users):
            return export()
        while not exported.is_set():
            answer = users[index].validate(feature="career.extract_keywords")
            assert answer.status in (200, 429), answer
            if answer.status == 200:
                assert users[index].commit(answer.json["usage_id"]).status == 200

    together(len(users) + 1, spend)
    service.stop()
    for number, export in enumerate(exports):
        (tmp_path / str(number)).mkdir()
        target = Service(tmp_path / str(number))
        assert bring(target, export).returncode == 0
        audit = target.audit()
        assert audit.returncode == 0, audit.stdout


# Exports that are refused

def test_an_export_is_its_owners_alone_and_says_what_it_holds(source):
    assert source.export.stat().st_mode & 0o777 == 0o600
    result = source.command("export", "-")
    assert "password hashes" in result.stderr and "secret" in result.stderr
    assert "password hashes" not in result.stdout


def test_an_export_overwrites_nothing(source):
    before = source.export.read_bytes()
    assert refused(source.command("export", str(source.export)), "File exists")
    assert source.export.read_bytes() == before


def test_an_export_that_cannot_be_written_says_so(source):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [BINARY, "export"], env=source.environment, cwd=source.folder, stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60)
    assert refused(result, "No space left")
    assert refused(source.command("export", "no/such/folder/x"), "No such file")


OTHER_SCHEMAS = pytest.mark.parametrize("sql,reason", [
    ("INSERT INTO schema_migrations VALUES (999, 'of tomorrow', 0)", "schema version 999"),
    ("DELETE FROM schema_migrations WHERE version > 3", "cuebx migrate"),
    ("DROP TABLE schema_migrations", "no schema")])


@OTHER_SCHEMAS
def test_a_database_of_another_schema_is_not_exported(source, target, sql, reason):
    assert bring(target, source.export).returncode == 0
    target.write(sql)
    assert refused(target.command("export", "x.jsonl"), reason)
    assert not (target.folder / "x.jsonl").exists()


# Imports that are refused before anything is touched

def header(lines, **changes):
    return [json.dumps({**json.loads(lines[0]), **changes})] + lines[1:]


def without(lines, *names):
    value = json.loads(lines[0])
    return [json.dumps({name: value[name] for name in value if name not in names})] + lines[1:]


def swapped(lines):
    one, other = heading(lines, "plans"), heading(lines, "feature_cost_configs")
    lines = list(lines)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def setting(name, value):
    return lambda row: row.__setitem__(name, value)


DAMAGES = {
    "an empty file": (lambda lines: [], "no export"),
    "another file": (lambda lines: ["hello", "world"], "no export"),
    "other JSON": (lambda lines: ['{"format":"other"}'], "no export"),
    "only the header": (lambda lines: lines[:1], "cut off"),
    "cut off between lines": (lambda lines: lines[:len(lines) // 2], "cut off"),
    "no last line": (lambda lines: lines[:-1], "cut off"),
    "a newer format": (lambda lines: header(lines, format_version=2), "format version"),
    "a newer schema": (
        lambda lines: header(lines, schema_version=999), "schema version 999, this program knows"),
    "an older schema": (lambda lines: header(lines, schema_version=1), "schema version 1"),
    "no schema version": (lambda lines: without(lines, "schema_version"), "schema version"),
    "another schema": (lambda lines: header(lines, schema=["x"]), "another program's schema"),
    "no steps of the schema": (lambda lines: without(lines, "schema"), "another program's schema"),
    "a changed value": (
        lambda lines: edited(lines, "users", setting("email", "x@y.test")), "the checksum"),
    "a changed header": (lambda lines: header(lines, exported_at="yesterday"), "the checksum"),
    "a missing row": (
        lambda lines: [line for number, line in enumerate(lines)
                       if number != heading(lines, "mails") + 1], "the rows of mails"),
    "another number of rows": (
        lambda lines: lines[:-1] + [lines[-1].replace('"users":2', '"users":3')],
        "the rows of users"),
    "no number of rows": (
        lambda lines: lines[:-1] + [lines[-1].replace('"users":2,', "")], "the rows of users"),
    "no table": (
        lambda lines: sealed([line for line in lines if not line.startswith('{"table":"mails"')]),
        "line"),
    "tables missing at the end": (
        lambda lines: sealed(lines[:heading(lines, "installation")] + lines[-1:]),
        "tables are missing"),
    "tables in another order": (lambda lines: swapped(lines), "the table and columns"),
    "an unknown table": (
        lambda lines: sealed([line.replace('"table":"plans"', '"table":"sqlite_master"')
                              for line in lines]), "the table and columns"),
    "an unknown column": (
        lambda lines: sealed([line.replace('"password_hash"', '"password"') for line in lines]),
        "the table and columns"),
    "a row before any table": (lambda lines: [lines[0], "[1]", *lines[1:]], "line 2"),
    "a broken line": (
        lambda lines: [lines[0], '{"table":', *lines[1:]], "line 2: it is not JSON"),
    "a value for a row": (lambda lines: lines[:2] + ["7"] + lines[2:], "line 3"),
    "a short row": (
        lambda lines: sealed(edited(lines, "users", lambda row: row.pop("email"))), "columns"),
    "text for a number": (
        lambda lines: sealed(edited(lines, "credit_grants", setting("credits", "1"))),
        "credit_grants.credits is no integer"),
    "a fraction": (
        lambda lines: sealed(edited(lines, "credit_grants", setting("credits", 1.5))),
        "credit_grants.credits is no integer"),
    "a number too large": (
        lambda lines: sealed(edited(lines, "credit_grants", setting("credits", 2 ** 63))),
        "credit_grants.credits is no integer"),
    "a truth for a number": (
        lambda lines: sealed(edited(lines, "users", setting("is_active", True))),
        "users.is_active is no integer"),
    "a number for text": (
        lambda lines: sealed(edited(lines, "users", setting("email", 7))), "users.email is no text"),
    "a broken id": (
        lambda lines: sealed(edited(lines, "users", setting("id", "0198c0de"))),
        "users.id is no uuid"),
    "broken bytes": (
        lambda lines: sealed(edited(lines, "installation", setting("secret", "abc"))),
        "installation.secret is no bytes"),
    "bytes of other letters": (
        lambda lines: sealed(edited(lines, "installation", setting("secret", "zz"))),
        "installation.secret is no bytes"),
    "something after the end": (lambda lines: lines + ["[]"], "follows the last line"),
    "two ends": (lambda lines: lines + lines[-1:], "follows the last line"),
    "a line without end": (lambda lines: ["x" * (17 << 20)], "too long"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_before_a_database_is_made(source, target, damage):
    edit, reason = DAMAGES[damage]
    path = target.folder / "damaged.jsonl"
    path.write_text("".join(line + "\n" for line in edit(source.lines)))
    assert refused(bring(target, path), reason)
    assert [entry.name for entry in target.folder.iterdir()] == ["damaged.jsonl"]
    assert is_untouched(target)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_stream_leaves_an_empty_database(source, target, damage):
    edit, reason = DAMAGES[damage]
    assert refused(bring(target, edit(source.lines)), reason)
    assert is_empty(target)


def test_a_file_cut_in_a_line_is_refused(source, target):
    for length in (1, 100, source.export.stat().st_size // 2, source.export.stat().st_size - 1):
        path = target.folder / "cut.jsonl"
        path.write_bytes(source.export.read_bytes()[:length])
        assert refused(bring(target, path), "cut off" if length > 1 else "")
        assert is_untouched(target)


def test_no_file_is_refused(target):
    assert refused(bring(target, "missing.jsonl"), "No such file")
    assert refused(bring(target, str(target.folder)), "cannot read")
    assert is_untouched(target)


def test_a_refusal_tells_no_row(source, target):
    lines = sealed(edited(source.lines, "users", setting("created_at", "secret@example.test")))
    result = bring(target, lines)
    assert refused(result, "users.created_at")
    assert "secret@example.test" not in result.stderr


def test_a_database_in_use_is_left_as_it_is(source, target):
    target.start().sign_up()
    target.stop()
    before = target.command("export").stdout.splitlines()[1:-1]
    assert refused(bring(target, source.export), "not empty")
    assert refused(bring(target, source.lines), "not empty")
    assert target.command("export").stdout.splitlines()[1:-1] == before
    target.start()
    target.stop()


def test_a_second_import_is_refused(source, target):
    assert bring(target, source.export).returncode == 0
    assert refused(bring(target, source.export), "not empty")
    assert target.command("export").stdout.splitlines()[1:-1] == source.lines[1:-1]


@pytest.mark.parametrize("sql,reason", [
    ("INSERT INTO schema_migrations VALUES (999, 'of tomorrow', 0)", "schema version 999"),
    ("DELETE FROM schema_migrations WHERE version > 3", "cuebx migrate")])
def test_a_database_of_another_schema_is_not_imported_into(source, target, sql, reason):
    assert target.command("migrate").returncode == 0
    target.write(sql)
    before = target.rows("SELECT * FROM schema_migrations")
    assert refused(bring(target, source.export), reason)
    assert target.rows("SELECT * FROM schema_migrations") == before
    assert target.rows("SELECT * FROM users") == []


# Imports that fail on the way

BREACHES = {
    "a user twice": lambda lines: lines[:heading(lines, "users") + 2]
    + lines[heading(lines, "users") + 1:],
    "a log of no user": lambda lines: edited(
        lines, "career_usage_logs",
        setting("user_id", "00000000-0000-0000-0000-000000000000")),
    "no email key": lambda lines: edited(lines, "users", setting("email_key", None)),
    "no id": lambda lines: edited(lines, "users", setting("id", None)),
    "an unknown status": lambda lines: edited(
        lines, "career_usage_logs", setting("status", "LOST")),
    "a charge of a failure": lambda lines: edited(
        lines, "career_usage_logs", setting("credits_charged", -1)),
    "no installation": lambda lines: lines[:-2] + lines[-1:],
    "two installations": lambda lines: lines[:-1] + lines[-2:],
}


@pytest.mark.parametrize("breach", BREACHES)
def test_what_the_schema_refuses_is_removed_again(source, target, breach):
    lines = sealed(BREACHES[breach](source.lines))
    assert refused(bring(target, lines), "installation" if "inst" in breach else "the rows of ")
    assert is_empty(target)
    # The database is as good as new.
    assert bring(target, source.export).returncode == 0
    assert target.audit().returncode == 0


def begun(service, lines):
    """An import that has written some rows and waits for more."""
    process = subprocess.Popen(
        [BINARY, "import", "-"], env=service.environment, cwd=service.folder, text=True,
        stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    # A table's rows are written at the latest when the next table's come.
    place = heading(lines, "career_usage_logs") + 2
    process.stdin.write("".join(line + "\n" for line in lines[:place]))
    process.stdin.flush()
    process.rest = "".join(line + "\n" for line in lines[place:])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if service.rows("SELECT 1 FROM credit_grants"):
                return process
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            # Not made yet.
            pass
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    raise AssertionError("the import wrote nothing for a minute")


def test_what_a_killed_import_left_serves_nobody_until_it_is_begun_anew(source, target):
    process = begun(target, source.lines)
    process.kill()
    process.communicate()
    commands = (["serve"], ["worker"], ["audit"], ["export"], ["migrate"],
                ["import", str(source.export)], ["users", "find", "x"])
    for command in commands:
        assert refused(target.command(*command), "--start-over"), command
    assert bring(target, source.export, "--start-over").returncode == 0
    assert target.audit().returncode == 0
    assert target.command("export").stdout.splitlines()[1:-1] == source.lines[1:-1]


def test_a_broken_pipe_leaves_an_empty_database(source, target):
    process = begun(target, source.lines)
    _, error = process.communicate()
    assert process.returncode == 1 and "cut off" in error
    assert is_empty(target)


def test_nobody_serves_while_an_import_is_under_way(source, target):
    process = begun(target, source.lines)
    assert refused(target.command("serve"), "under way")
    process.communicate(process.rest)
    assert process.returncode == 0
    target.start()
    target.stop()


def test_an_import_that_another_began_anew_writes_and_removes_no_more(source, target):
    process = begun(target, source.lines)
    assert bring(target, source.export, "--start-over").returncode == 0
    _, error = process.communicate(process.rest)
    assert process.returncode == 1 and "another import" in error
    assert target.command("export").stdout.splitlines()[1:-1] == source.lines[1:-1]


def test_nothing_is_begun_anew_where_nothing_was_broken_off(source, target):
    assert refused(bring(target, source.export, "--start-over"), "no import was broken off")
    assert bring(target, source.export).returncode == 0
    assert refused(bring(target, source.export, "--start-over"), "no import was broken off")
    assert target.audit().returncode == 0
