"""The scenarios that clients of all languages share, by those that were built before: TypeScript's `dist` and
Swift's driver. Python's own tests run them by threads and by tasks."""

import pytest
from conftest import CLIENTS
from run import NotRun, Run, runnable

CASES = [(client, file, scenario) for client in CLIENTS for file, scenario in runnable()]


@pytest.mark.parametrize("client, file, scenario", CASES,
                         ids=[f"{client}-{file}: {scenario['name']}" for client, file, scenario in CASES])
def test_scenario(client, file, scenario, drivers, services):
    try:
        Run(scenario, drivers[client], services).run()
    except NotRun as reason:
        pytest.fail(f"not run: {reason}")
