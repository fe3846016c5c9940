"""One service for all tests of a process, started when first asked for; its ledger is judged in the end."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "clients/python/src"), str(ROOT / "clients/scenarios")]

import cuebx  # noqa: E402
from run import Services  # noqa: E402


@pytest.fixture(scope="session")
def services():
    services = Services()
    yield services
    services.stop()


@pytest.fixture
def service(services):
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
