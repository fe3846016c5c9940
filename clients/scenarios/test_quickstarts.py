"""What each README begins with, copied into an empty file, meters a call."""

import os
import re
import subprocess
import sys

import pytest
from run import ROOT

CLIENTS = ROOT / "clients"
SWIFT = CLIENTS / "swift/.build/debug/quickstart"


def block(path, heading, language=""):
    """The first fence below a heading."""
    text = path.read_text()
    return re.search(rf"^## {heading}\n.*?^```{language}\n(.*?)^```", text, re.M | re.S)[1]


def quickstart(language, fence):
    return block(CLIENTS / language / "README.md", "Quickstart", fence)


@pytest.fixture(scope="session")
def token(services):
    """As the guide says."""
    script = block(ROOT / "docs/guide/tool-servers.md", "A token to try with")
    script = script.replace("http://127.0.0.1:8080", services.shared.url) + 'printf "\\n%s" "$TOKEN"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    return shown.splitlines()[-1]


def python(folder):
    (folder / "quickstart.py").write_text(quickstart("python", "python"))
    return [sys.executable, "quickstart.py"]


def typescript(folder):
    """`npm install` of a folder makes such a link."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules/cuebx").symlink_to(CLIENTS / "typescript")
    (folder / "quickstart.mjs").write_text(quickstart("typescript", "js"))
    return ["node", "quickstart.mjs"]


def swift(_):
    """It takes minutes to compile a package with all that it needs: it was built with the client."""
    assert (CLIENTS / "swift/Tests/Quickstart/main.swift").read_text() == quickstart("swift", "swift")
    return [str(SWIFT)]


@pytest.mark.parametrize("copied", [python, typescript, swift], ids=lambda copied: copied.__name__)
def test_a_quickstart_meters_a_call(copied, services, token, tmp_path):
    def calls():
        answer = services.shared.call("GET", "/career/usage/logs", token=token)[1]
        return [(log["feature_key"], log["status"], log["credits_charged"]) for log in answer["items"]]

    before = calls()
    environment = {"PATH": os.environ["PATH"], "CUEBX_URL": services.shared.url,
                   "PYTHONPATH": str(CLIENTS / "python/src")}
    shown = subprocess.run([*copied(tmp_path), token], cwd=tmp_path, env=environment,
                           capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "The score is 7.\n"
    assert calls() == [("career.job_match", "SUCCESS", "1.00"), *before]
    # All of it was told, so nothing is left.
    assert not list((tmp_path / "var/cuebx-spool").glob("*.spool"))
