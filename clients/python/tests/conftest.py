"""One service for all tests of a process, started when first asked for; its ledger is judged in the end."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "clients/python/src"), str(ROOT / "clients/scenarios")]

import cuebx  # noqa: E402
from run import Drivers, Services  # noqa: E402
from world import Service  # noqa: E402

DRIVER = [sys.executable, str(ROOT / "clients/python/tests/driver.py"), "--mode"]


@pytest.fixture(scope="session")
def services():
    services = Services()
    yield services
    services.stop()


@pytest.fixture(scope="session")
def drivers():
    made = {mode: Drivers([*DRIVER, mode]) for mode in ("async", "sync")}
    yield made
    for each in made.values():
        each.end()


@pytest.fixture
def service(services):
    if services.shared is None:
        services.shared = Service().start()
    return services.shared


@pytest.fixture
def user(service):
    return service.new_user()


@pytest.fixture
def events():
    return []


@pytest.fixture
def career(service, tmp_path, events):
    """A client of the shared service with a spool of its own."""
    with cuebx.Client(service.url, spool=tmp_path / "spool", on_event=events.append) as client:
        yield client
