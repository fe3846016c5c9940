"""A sample of what `make proof` shows at length, by the other languages. Python's own tests have theirs."""

import shlex
import sys
import time

import pytest
from conftest import CLIENTS
from run import ROOT

sys.path.append(str(ROOT / "clients/python"))

import proof  # noqa: E402

DRIVERS = {name: shlex.join(CLIENTS[name]) for name in ("typescript", "swift")}


@pytest.mark.parametrize("has_outages", [False, True], ids=["", "in outages"])
@pytest.mark.parametrize("language", DRIVERS)
def test_killed_tool_servers_lose_and_double_nothing(language, has_outages):
    proof.prove_kills(
        8, seed=int(time.time()), driver=DRIVERS[language], has_outages=has_outages)


@pytest.mark.parametrize("language", DRIVERS)
def test_streams_that_are_broken_off_leave_no_hold(language):
    proof.prove_aborts(150, seed=int(time.time()), driver=DRIVERS[language])
