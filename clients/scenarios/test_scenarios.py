"""The scenarios that clients of all languages share. `dist` and Swift's driver were built before."""

import pytest
from conftest import CLIENTS, LACKS
from run import NotRun, Run, runnable

CASES = [(client, file, scenario) for file, scenario in runnable() for client in CLIENTS
         if not set(LACKS.get(client, [])) & set(scenario.get("needs", []))]


@pytest.mark.parametrize("client, file, scenario", CASES,
                         ids=[f"{client}-{file}: {scenario['name']}" for client, file, scenario in CASES])
def test_scenario(client, file, scenario, drivers, services):
    try:
        Run(scenario, drivers[client], services).run()
    except NotRun as reason:
        pytest.fail(f"not run: {reason}")
