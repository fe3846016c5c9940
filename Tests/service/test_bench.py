"""That a bench runs at all; what it measures is told by `make bench`."""

import json
import subprocess
from pathlib import Path

import pytest

from conftest import BINARY, ROOT

BENCH = Path(BINARY).with_name("cuebx-bench")


def bench(folder, *arguments):
    return subprocess.run(
        [BENCH, "metering", "--folder", folder, *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=120)


@pytest.mark.parametrize("load", [[], ["--batched"]], ids=["single", "batched"])
def test_calls_by_key_are_measured_beside_users_calls(load, tmp_path):
    figures = tmp_path / "figures.json"
    shown = bench(tmp_path / "work", "--product", "api", "--clients", "2", "--workspaces", "1", "--seconds",
                  "1", "--rounds", "1", "--json", figures, *load)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    told = json.loads(figures.read_text())
    assert told["errors"] == 0 and told["audit_is_sound"] is True
    assert (told["clients"], told["workspaces"], told["keys"]) == (2, 1, 2)
    assert told["cycles_per_second"] > 0 and told["career_cycles_per_second"] > 0
    assert told["ratio"] == pytest.approx(
        told["cycles_per_second"] / told["career_cycles_per_second"], abs=0.02)
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("arguments", [
    ["--workspaces", "2"], ["--product", "api", "--workspaces", "65"],
    ["--product", "api", "--workspaces", "1"], ["--product", "shop"]], ids=" ".join)
def test_what_no_bench_can_measure_is_64(arguments, tmp_path):
    assert bench(tmp_path, *arguments).returncode == 64
