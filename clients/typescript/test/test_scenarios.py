"""The scenarios that clients of all languages share, by Node. `dist` must have been built."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "clients/scenarios"))

from run import OF_SERVICE, Drivers, NotRun, Run, Services, scenarios  # noqa: E402

PATHS = json.loads((ROOT / "openapi.json").read_text())["paths"]
DRIVER = ["node", str(ROOT / "clients/typescript/test/driver.mjs")]


def can_run(scenario):
    """Whether the service has what the scenario needs, by its document."""
    return all(OF_SERVICE[need] in PATHS for need in scenario.get("needs", []) if need in OF_SERVICE)


CASES = [(file, scenario) for file, scenario in scenarios() if can_run(scenario)]


@pytest.fixture(scope="session")
def node_services():
    services = Services()
    yield services
    services.stop()


@pytest.fixture(scope="session")
def node():
    drivers = Drivers(DRIVER)
    yield drivers
    drivers.end()


@pytest.mark.parametrize("file, scenario", CASES,
                         ids=[f"node-{file}: {scenario['name']}" for file, scenario in CASES])
def test_scenario(file, scenario, node, node_services):
    try:
        Run(scenario, node, node_services).run()
    except NotRun as reason:
        pytest.fail(f"not run: {reason}")
