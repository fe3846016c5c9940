"""The scenarios that clients of all languages share, by tasks and by threads."""

import json

import pytest
from conftest import ROOT
from run import OF_SERVICE, NotRun, Run, scenarios

# What tasks can do and threads cannot.
OF_TASKS = "cancel_calls"
PATHS = json.loads((ROOT / "openapi.json").read_text())["paths"]


def can_run(mode, scenario):
    """Whether the mode and the service have what the scenario needs, the service by its document."""
    return all(OF_SERVICE[need] in PATHS if need in OF_SERVICE else mode == "async" or need != OF_TASKS
               for need in scenario.get("needs", []))


CASES = [(mode, file, scenario) for file, scenario in scenarios() for mode in ("async", "sync")
         if can_run(mode, scenario)]


@pytest.mark.parametrize("mode, file, scenario", CASES,
                         ids=[f"{mode}-{file}: {scenario['name']}" for mode, file, scenario in CASES])
def test_scenario(mode, file, scenario, drivers, services):
    try:
        Run(scenario, drivers[mode], services).run()
    except NotRun as reason:
        pytest.fail(f"not run: {reason}")
