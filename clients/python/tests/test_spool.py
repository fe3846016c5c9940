"""The spool's files, without a service."""

import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from cuebx.errors import SpoolUnavailable
from cuebx.events import Events
from cuebx.spool import Spool
from cuebx.spool_format import (
    CUSTOMERS, HEADER_SIZE, USERS, VERSIONS, Todo, UnknownVersion, decode, encode, header, todo)

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "scenarios/vectors/spool.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_what_is_left_to_do_of_a_file(vector):
    data = bytes.fromhex(vector["hex"])
    newest = vector.get("newest", CUSTOMERS)
    if vector["todo"] is None:
        with pytest.raises(UnknownVersion):
            decode(data, newest)
    else:
        found = [{"usage_id": left.usage_id, **whose(left), "operations": left.operations}
                 for left in todo(decode(data, newest))]
        assert found == vector["todo"]


def whose(left):
    return {"client_id": left.client_id} if left.client_id else {"user_id": left.user_id}


def test_every_cut_of_a_file_leaves_a_beginning_of_its_records():
    records = [{"r": "open", "usage_id": f"u{number}", "user_id": "x"} for number in range(4)]
    data = header(USERS) + b"".join(map(encode, records))
    for length in range(len(data) + 1):
        found = decode(data[:length])
        assert found == records[:len(found)]


def test_every_flipped_byte_behind_the_header_leaves_true_records_only():
    records = [{"r": "open", "usage_id": f"u{number}", "user_id": "x"} for number in range(3)]
    data = header(USERS) + b"".join(map(encode, records))
    for at in range(HEADER_SIZE, len(data)):
        broken = bytearray(data)
        broken[at] ^= 0x40
        assert all(record in records for record in decode(bytes(broken)))


@pytest.fixture
def make(tmp_path):
    made = []

    def make(adopt=lambda todo: None, folder=tmp_path / "spool", adopt_every=60.0, heard=None):
        spool = Spool(folder, Events(heard), adopt, adopt_every)
        made.append(spool)
        return spool

    yield make
    for spool in made:
        spool.close()


def written(spool, record):
    done = threading.Event()
    errors = []
    spool.append(record, lambda error: (errors.append(error), done.set()))
    assert done.wait(10)
    return errors[0]


def opened(usage):
    return {"r": "open", "usage_id": usage, "user_id": "u", "at": 0}


def asked(usage):
    return {"r": "open", "usage_id": usage, "client_id": "ws_1", "at": 0}


def files_of(folder):
    """Their records, by the version of the file."""
    found = {}
    for path in folder.glob("*.spool"):
        data = path.read_bytes()
        found.setdefault(data[HEADER_SIZE - 1], []).append([each["usage_id"] for each in decode(data)])
    return found


def test_users_and_customers_records_go_each_to_files_of_their_own_version(make, tmp_path):
    spool = make()
    spool.ensure(CUSTOMERS)
    assert files_of(tmp_path / "spool") == {CUSTOMERS: [[]]}
    for record in (opened("a"), asked("b"), opened("c"), asked("d")):
        assert written(spool, record) is None
    spool.append({"r": "done", "usage_id": "b", "client_id": "ws_1"})
    assert written(spool, {"r": "outcome", "usage_id": "d", "client_id": "ws_1", "operations": []}) is None
    assert files_of(tmp_path / "spool") == {USERS: [["a", "c"]], CUSTOMERS: [["b", "d", "b", "d"]]}
    spool.append({"r": "done", "usage_id": "d", "client_id": "ws_1"})
    spool.close()
    # Nothing of customers is left to be told, of users there is.
    assert files_of(tmp_path / "spool") == {USERS: [["a", "c"]]}


@pytest.mark.parametrize("failing", VERSIONS)
def test_a_write_that_fails_in_a_file_of_one_version_fails_nobody_of_the_other(make, monkeypatch, failing):
    spool = make()
    for version in VERSIONS:
        spool.ensure(version)
    real, bad = os.write, spool.current[failing].descriptor

    def write(descriptor, data):
        if descriptor == bad:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("cuebx.spool.os.write", write)
    told, both = {}, threading.Semaphore(0)
    with spool.lock:
        for version, record in zip(VERSIONS, (opened("a"), asked("b"))):
            spool.append(
                record, lambda error, version=version: (told.update({version: error}), both.release()))
    assert both.acquire(timeout=10) and both.acquire(timeout=10)
    assert {version for version, error in told.items() if error} == {failing}
    assert failing not in spool.current and written(spool, asked("c")) is None


def test_a_client_that_knows_version_1_alone_leaves_customers_files_and_a_newer_one_finds_all(
        make, tmp_path, monkeypatch):
    spool = make()
    assert [written(spool, record) for record in (opened("a"), asked("b"))] == [None, None]
    spool.close()
    found, heard = [], []

    def look(adopt):
        other = make(adopt, heard=heard.append)
        with other.condition:
            assert other.condition.wait_for(lambda: other.has_looked, 10)
        return other

    with monkeypatch.context() as older:
        older.setattr("cuebx.spool_files.decode", lambda data: decode(data, newest=USERS))
        [left] = [path for path in (tmp_path / "spool").glob("*.spool") if b"ws_1" in path.read_bytes()]
        before = left.read_bytes()
        look(found.append)
        assert found == [Todo("a", "u")] and left.read_bytes() == before
        assert [event.fields["file"] for event in heard if event.name == "spool_unknown"] == [left.name]
    look(found.append)
    assert found == [Todo("a", "u"), Todo("b", "", client_id="ws_1")]


def test_folder_and_files_are_their_owners_alone(make, tmp_path):
    spool = make()
    spool.ensure()
    [file] = (tmp_path / "spool").glob("*.spool")
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_in_use_is_not_taken_over_and_one_that_was_left_is(make):
    first = make()
    assert written(first, opened("a")) is None
    found = []
    second = make(found.append)
    with second.condition:
        assert second.condition.wait_for(lambda: second.has_looked, 10)
    assert found == []
    first.close()
    there = threading.Event()
    make(lambda todo: (found.append(todo), there.set()))
    assert there.wait(10)
    assert found == [Todo("a", "u")]


def test_a_file_is_removed_once_nothing_in_it_is_left_to_be_told(make, tmp_path):
    spool = make()
    assert written(spool, opened("a")) is None
    spool.append({"r": "done", "usage_id": "a"})
    spool.close()
    assert list((tmp_path / "spool").glob("*")) == []


def test_a_large_file_is_followed_by_a_new_one(make, tmp_path, monkeypatch):
    monkeypatch.setattr("cuebx.spool.LARGEST_FILE", 200)
    spool = make()
    for number in range(10):
        assert written(spool, opened(f"a{number}")) is None
    files = list((tmp_path / "spool").glob("*.spool"))
    assert len(files) > 2 and all(file.stat().st_size < 300 for file in files)
    for number in range(10):
        spool.append({"r": "done", "usage_id": f"a{number}"})
    assert written(spool, opened("b")) is None
    assert len(list((tmp_path / "spool").glob("*.spool"))) == 1


def test_a_folder_that_cannot_be_made_is_told(make):
    heard = []
    spool = make(folder=Path("/proc/nowhere/spool"), heard=heard.append)
    with pytest.raises(SpoolUnavailable):
        spool.ensure()
    assert [event.name for event in heard] == ["spool_failed"]


def test_a_write_that_fails_is_told_to_who_waits_and_the_next_goes_to_another_file(make, monkeypatch):
    spool = make()
    spool.ensure()
    real, failing = os.write, [True]

    def write(descriptor, data):
        if failing and failing.pop():
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("cuebx.spool.os.write", write)
    assert written(spool, opened("a")).errno == 28
    assert written(spool, opened("b")) is None


@pytest.mark.parametrize("making", VERSIONS)
def test_a_file_that_is_made_while_another_is_written_to_fails_nobody(make, making):
    """Of either version, at the moment in which what is done is looked for."""

    class Usages(set):
        def discard(self, usage):
            spool.ensure(making)
            super().discard(usage)

    spool = make()
    record = asked if making == USERS else opened
    assert written(spool, record("a")) is None
    [file] = spool.current.values()
    file.usages = Usages(file.usages)
    both, errors = threading.Semaphore(0), []
    done = {**record("a"), "r": "done"}
    for each in (done, record("b")):
        spool.append(each, lambda error: (errors.append(error), both.release()))
    assert both.acquire(timeout=10) and both.acquire(timeout=10)
    assert errors == [None, None] and set(spool.current) == set(VERSIONS)


def test_many_records_share_a_sync(make, monkeypatch):
    spool = make()
    spool.ensure()
    syncs, real, gate = [], os.fdatasync, threading.Event()

    def sync(descriptor):
        syncs.append(descriptor)
        gate.wait(10)
        real(descriptor)

    monkeypatch.setattr("cuebx.spool.os.fdatasync", sync)
    left = threading.Semaphore(0)
    for number in range(100):
        spool.append(opened(f"a{number}"), lambda error: left.release())
    gate.set()
    for _ in range(100):
        assert left.acquire(timeout=10)
    assert len(syncs) <= 3


def outcome(usage):
    return {"r": "outcome", "usage_id": usage, "operations": []}


def until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_what_is_done_is_written_with_what_comes_next_or_soon_by_itself(make, monkeypatch):
    monkeypatch.setattr("cuebx.spool.DONE_WAITS", 60)
    spool, batches = make(), []
    real = spool.write

    def write(batch):
        batches.append([record["r"] for record, _ in batch])
        real(batch)

    monkeypatch.setattr(spool, "write", write)
    assert written(spool, opened("a")) is None and written(spool, outcome("a")) is None
    spool.append({"r": "done", "usage_id": "a"})
    assert written(spool, opened("b")) is None
    assert batches == [["open"], ["outcome"], ["done", "open"]]
    # Nobody comes: it is written all the same.
    monkeypatch.setattr("cuebx.spool.DONE_WAITS", 0.01)
    assert written(spool, outcome("b")) is None
    spool.append({"r": "done", "usage_id": "b"})
    until(lambda: batches[3:] == [["outcome"], ["done"]])
    # What is told long after the last outcome, as what was adopted, waits for nothing.
    until(lambda: not spool.looks_soon)
    monkeypatch.setattr("cuebx.spool.DONE_WAITS", 60)
    spool.append({"r": "done", "usage_id": "b"})
    until(lambda: batches[5:] == [["done"]])


def test_a_part_of_an_outcome_ends_no_call_that_runs_on_after_its_client_was_closed(make, tmp_path):
    spool, found = make(), []
    assert written(spool, opened("a")) is None
    spool.close({"a"})
    part = {"r": "outcome", "usage_id": "a", "operations": [{"op": "record"}]}
    assert written(spool, {**part, "is_part": True}) is None
    other = make(found.append, adopt_every=0.01)
    with other.condition:
        assert other.condition.wait_for(lambda: other.has_looked, 10)
    assert found == []
    assert written(spool, {**part, "operations": [{"op": "last"}]}) is None
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found == [Todo("a", "u", [{"op": "last"}])]
