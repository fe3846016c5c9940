"""PostgreSQL itself is killed, under two processes of the service and their clients."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import psycopg
import pytest

from world import World, postgresql

SEED = os.environ.get("SEED", "1")


@pytest.fixture(scope="module")
def server():
    server = postgresql.PostgreSQL(durable=True)
    yield server
    server.remove()


@pytest.fixture
def world(tmp_path, server):
    return World(tmp_path / "world", SEED, server.url, processes=2, accounts=3)


def backends(world):
    """The processes of PostgreSQL that serve the service."""
    with psycopg.connect(world.url, autocommit=True) as connection:
        return [pid for (pid,) in connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'start-%'")]


def is_alive(pid):
    """False for one that has ended too, though nobody has waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes(server):
    """All of a server's processes: they run in the folder of its data."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd") == os.path.realpath(server.data):
                found.append(int(entry.name))
    return found


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(world):
    try:
        psycopg.connect(world.url).close()
        return True
    except psycopg.OperationalError:
        return False


def settle(world, pids):
    """Until the server answers and none of these processes of its last life is left, so that
    whatever they were asked has been done or never will be."""
    until(lambda: not any(map(is_alive, pids)) and answers(world))
    world.history.record_death(*range(len(world.services)))


def test_a_killed_backend_and_the_recovery_it_causes_are_an_outage_and_nothing_more(world):
    generator = random.Random(SEED)
    with world:
        for _ in range(2):
            world.load.wait(40)
            pids = backends(world)
            os.kill(generator.choice(pids), signal.SIGKILL)
            settle(world, pids)
        world.load.wait(100)
    assert world.load.statuses[503] > 0


def start_again(server):
    """Once nothing of the killed server is left."""
    until(lambda: not any(map(is_alive, processes(server))))
    # The dead one still has its id where nobody waits for orphans, as in many containers; the next
    # would take it for alive.
    lock_file(server).unlink()
    server.start()


def lock_file(server):
    return Path(server.data) / "postmaster.pid"


def postmaster(server):
    return int(lock_file(server).read_text().split()[0])


def test_a_killed_postmaster_is_an_outage_until_it_is_started_again(world, server):
    with world:
        world.load.wait(40)
        os.kill(postmaster(server), signal.SIGKILL)
        # Backends notice when they next wait for their client.
        until(lambda: not any(map(is_alive, processes(server))))
        world.load.wait(5, status=503)
        refused = world.bystander.validate()
        assert (refused.status, refused.code) == (503, "database_unavailable")
        assert world.services[0].call("GET", "/health").status == 200
        start_again(server)
        world.history.record_death(0, 1)
        world.load.wait(40)


def test_postgresql_and_the_service_die_together_and_lose_nothing(world, server):
    """As when the machine ends, apart from what only its memory had."""
    with world:
        world.load.wait(40)
        os.kill(postmaster(server), signal.SIGKILL)
        for pid in processes(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for number in range(2):
            world.kill(number)
        start_again(server)
        for number in range(2):
            world.restart(number)
        world.load.wait(40)
