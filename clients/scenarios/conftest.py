"""One service for all scenarios of a process, and a driver of each language that serves many."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))

from run import ROOT, Drivers, Services  # noqa: E402

PYTHON = [sys.executable, str(ROOT / "clients/python/tests/driver.py"), "--mode"]
CLIENTS = {
    "python tasks": [*PYTHON, "async"],
    "python threads": [*PYTHON, "sync"],
    "typescript": ["node", str(ROOT / "clients/typescript/test/driver.mjs")],
    "swift": [str(ROOT / "clients/swift/.build/debug/driver")],
}
# What a client cannot do.
LACKS = {"python threads": ["cancel_calls"]}


@pytest.fixture(scope="session")
def services():
    services = Services()
    yield services
    services.stop()


@pytest.fixture(scope="session")
def drivers():
    made = {name: Drivers(command) for name, command in CLIENTS.items()}
    yield made
    for each in made.values():
        each.end()
