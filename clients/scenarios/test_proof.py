"""A sample of what `make proof` shows at length, by the Swift client. Python's own tests have theirs."""

import sys
import time

from conftest import CLIENTS
from run import ROOT

sys.path.append(str(ROOT / "clients/python"))

import proof  # noqa: E402

[DRIVER] = CLIENTS["swift"]


def test_killed_tool_servers_lose_and_double_nothing():
    proof.prove_kills(8, seed=int(time.time()), driver=DRIVER)


def test_streams_that_are_broken_off_leave_no_hold():
    proof.prove_aborts(150, seed=int(time.time()), driver=DRIVER)
