"""One service for all scenarios of a process, and a driver of each language that serves many."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))

from run import ROOT, Drivers, Services  # noqa: E402

SWIFT = ROOT / "clients/swift/.build/debug"
CLIENTS = {
    "typescript": ["node", str(ROOT / "clients/typescript/test/driver.mjs")],
    "swift": [str(SWIFT / "driver")],
}


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
