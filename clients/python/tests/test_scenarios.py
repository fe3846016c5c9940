"""The scenarios that clients of all languages share, by tasks and by threads."""

import pytest
from run import NotRun, Run, runnable

# What tasks can do and threads cannot.
OF_TASKS = "cancel_calls"
CASES = [(mode, file, scenario) for file, scenario in runnable() for mode in ("async", "sync")
         if mode == "async" or OF_TASKS not in scenario.get("needs", [])]


@pytest.mark.parametrize("mode, file, scenario", CASES,
                         ids=[f"{mode}-{file}: {scenario['name']}" for mode, file, scenario in CASES])
def test_scenario(mode, file, scenario, drivers, services):
    try:
        Run(scenario, drivers[mode], services).run()
    except NotRun as reason:
        pytest.fail(f"not run: {reason}")
