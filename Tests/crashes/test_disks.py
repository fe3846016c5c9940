"""Disks that are full, read-only or broken under an SQLite database, and torn tails of its log."""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from disks import FaultyDisk, LimitedDisk, namespace
from world import BINARY, Service, World

SEED = os.environ.get("SEED", "1")


def carry_on_through_a_failure(folder, disk):
    """Fails the disk under load, twice: it is mended under the running process, then found failing
    by one that starts."""
    # Enough that calls have something to write to the end.
    with World(folder / "world", SEED, accounts=3, allocation=100_000, database=disk.database,
               program=[*disk.program, BINARY], **disk.settings) as world:
        service = world.services[0]
        world.load.wait(100)
        disk.fail(world)
        world.load.wait(20, status=503)
        refused = [world.bystander.validate() for _ in range(3)]
        assert {answer.status for answer in refused} == {503}, refused
        for answer in refused:
            assert answer.code == "database_unavailable"
            assert answer.headers["content-type"].startswith("application/problem+json")
            assert int(answer.headers["retry-after"]) > 0
        # It lives, and tells who asks that it cannot work.
        assert service.call("GET", "/health").status == 200
        disk.mend(world)
        world.load.wait(100)
        disk.fail(world)
        world.load.wait(20, status=503)
        world.kill(0)
        disk.mend(world)
        world.restart(0)
        world.load.wait(100)
    # The checks that ended the world looked at every call, the refused ones too.
    assert world.load.statuses.keys() <= {200, 202, 403, 404, 409, 429, 503, None}
    return world


@pytest.mark.parametrize("fault", ["EROFS", "EIO", "SYNC"])
def test_a_disk_that_fails_is_an_outage_that_ends_by_itself(tmp_path, fault):
    carry_on_through_a_failure(tmp_path, FaultyDisk(tmp_path, fault))


def test_a_file_that_may_not_grow_is_an_outage_that_ends_by_itself(tmp_path):
    carry_on_through_a_failure(tmp_path, LimitedDisk(tmp_path))


def test_a_full_disk_is_an_outage_that_ends_by_itself(tmp_path):
    """On a real file system, where the kernel lets this user mount one; elsewhere the calls that
    write fail as they do on one."""
    command = namespace()
    if command is None:
        print("no mount namespace to be had: ENOSPC comes from a preloaded library")
        carry_on_through_a_failure(tmp_path, FaultyDisk(tmp_path, "ENOSPC"))
        return
    small = subprocess.run(
        [*command, sys.executable, Path(__file__).with_name("small_disk.py"), tmp_path],
        text=True, capture_output=True, timeout=300)
    assert small.returncode == 0, small.stdout + small.stderr


def test_a_start_on_a_disk_that_fails_ends_in_one_line_or_serves_again_when_it_is_mended(tmp_path):
    disk = FaultyDisk(tmp_path, "EROFS")
    service = Service(tmp_path, DATABASE_URL=f"sqlite:{disk.database}", **disk.settings)
    service.start()
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    service.kill()
    disk.fail(None)
    failed = service.command("serve")
    assert failed.returncode == 1
    [line] = failed.stderr.strip().splitlines()[-1:]
    assert line.startswith("cuebx: database unavailable: "), failed.stderr
    disk.mend(None)
    service.start()
    assert user.commit(usage).json["credits_charged"] == "1.00"
    assert service.audit().returncode == 0
    service.stop()


class Torn:
    """The files that a killed process leaves, so that their tails can be torn off in many ways."""

    # https://sqlite.org/fileformat2.html#walformat
    HEADER, FRAME_HEADER = 32, 24

    def __init__(self, folder):
        self.folder = folder
        self.service = Service(folder, LOG_LEVEL="warning").start()
        self.user = self.service.sign_up()

    @property
    def log(self):
        return Path(f"{self.service.database}-wal")

    def kill(self):
        self.service.kill()
        self.left = self.service.database.read_bytes(), self.log.read_bytes()

    def variant(self, name, change):
        """A copy whose log's bytes are changed, as a machine that dies leaves them: the memory that
        processes share is gone."""
        folder = self.folder / name
        folder.mkdir()
        service = Service(folder, LOG_LEVEL="warning")
        database, log = self.left
        service.database.write_bytes(database)
        Path(f"{service.database}-wal").write_bytes(change(log))
        return service


def state(service):
    """What the ledger holds."""
    with contextlib.closing(sqlite3.connect(service.database)) as connection:
        return [connection.execute(sql).fetchall() for sql in (
            """SELECT status, credits_reserved, credits_charged, request_id
               FROM career_usage_logs ORDER BY request_id""",
            """SELECT credits_allocated, credits_used, credits_reserved
               FROM career_subscription_contexts""")]


@pytest.fixture
def torn(tmp_path):
    torn = Torn(tmp_path)
    yield torn
    if torn.service.process.poll() is None:
        torn.service.kill()


def test_a_torn_tail_leaves_what_was_acknowledged_before_it_and_all_or_nothing_after(torn):
    """The last call was never acknowledged, as far as this test is concerned: of what it wrote, a
    machine that loses its power may keep any part, and the rest may be anything."""
    torn.user.spend(request_id="1")
    usage = torn.user.validate(request_id="2").json["usage_id"]
    acknowledged, before = torn.log.stat().st_size, state(torn.service)
    assert torn.user.commit(usage).status == 200
    size, after = torn.log.stat().st_size, state(torn.service)
    torn.kill()
    assert before != after and size > acknowledged
    frame = 4096 + Torn.FRAME_HEADER
    frames, odd = divmod(size - Torn.HEADER, frame)
    assert odd == 0 and (size - acknowledged) % frame == 0
    last = range(acknowledged, size)
    generator = random.Random(SEED)
    cuts = {acknowledged, acknowledged + 1, acknowledged + Torn.FRAME_HEADER, size - 1, *(
        generator.choice(last) for _ in range(4)), *last[::frame]}
    variants = {f"cut at {cut}": lambda log, cut=cut: log[:cut] for cut in cuts}
    for at in [acknowledged, size - frame, size - 1, *(generator.choice(last) for _ in range(4))]:
        variants[f"flipped at {at}"] = lambda log, at=at: (
            log[:at] + bytes([log[at] ^ 0x40]) + log[at + 1:])
        variants[f"zero from {at}"] = lambda log, at=at: log[:at] + bytes(len(log) - at)
        variants[f"noise from {at}"] = lambda log, at=at: log[:at] + generator.randbytes(
            len(log) - at)
    for number, (name, change) in enumerate(variants.items()):
        service = torn.variant(str(number), change)
        audit = service.audit()
        assert audit.returncode == 0, (name, audit.stdout, audit.stderr)
        # Where there were zeros, writing zeros changes nothing.
        is_whole = change(torn.left[1]) == torn.left[1]
        assert state(service) == (after if is_whole else before), name
    # Whole, it holds what was acknowledged last.
    for name, change in {
            "whole": lambda log: log, "with noise behind it": lambda log: log + os.urandom(3000),
            "with half a frame behind it": lambda log: log + log[-frame:-2000],
            "with an old frame behind it": lambda log: log + log[-frame:]}.items():
        service = torn.variant(name, change)
        assert state(service) == after, name
        assert service.audit().returncode == 0, name


def test_the_service_starts_on_a_torn_tail_and_goes_on(torn):
    usage = torn.user.validate(request_id="1").json["usage_id"]
    acknowledged = torn.log.stat().st_size
    assert torn.user.commit(usage).status == 200
    torn.kill()
    for number, change in enumerate([
            lambda log: log[:acknowledged + 100],
            lambda log: log[:acknowledged] + os.urandom(len(log) - acknowledged)]):
        service = torn.variant(str(number), change).start()
        user = type(torn.user)(service, torn.user.email, torn.user.tokens, torn.user.id)
        assert user.balance["credits_reserved"] == "1.00"
        # Whoever had no answer asks again.
        assert user.commit(usage).json["credits_charged"] == "1.00"
        assert user.spend(request_id="2").status == 200
        service.kill()
        assert user.service.start() and user.balance["credits_used"] == "2.00"
        assert service.audit().returncode == 0
        service.stop()
