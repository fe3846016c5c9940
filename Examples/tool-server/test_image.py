"""What the example's image is made of, checked without Docker: its steps, taken in a folder."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "clients/scenarios"), str(ROOT / "Tests/servers")]

from ports import free_ports  # noqa: E402
from run import wait_for  # noqa: E402
from world import Service  # noqa: E402

DOCKERFILES = [HERE / "Dockerfile", ROOT / "deploy/Dockerfile"]


def instructions(path):
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(line.strip().split(None, 1)) for line in text.splitlines() if line.strip()]


def copied(path):
    """What is copied from the repository: (sources, destination) of each step."""
    steps = [rest.split() for name, rest in instructions(path) if name == "COPY" and "--from" not in rest]
    return [(words[:-1], words[-1]) for words in steps]


def argument(name):
    [rest] = [rest for instruction, rest in instructions(HERE / "Dockerfile") if instruction == name]
    return rest


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_an_image_copies_is_there_and_reaches_the_builder(path):
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [source.rstrip("/") for sources, _ in copied(path) for source in sources]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(f"{source}/".startswith(f"{each}/") for each in kept), f"{source} is ignored"


def test_the_image_has_what_the_tests_run_with():
    tried = dict(re.findall(r"^(\S+) +\S+ +(\S+)$", (ROOT / "clients/python/versions.txt").read_text(), re.M))
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", (HERE / "requirements.txt").read_text(), re.M))
    assert pinned and pinned == {name: tried[name] for name in pinned}


def test_the_compose_files_example_names_what_there_is():
    whole = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    services, tools = whole["services"], whole["services"]["tool-server"]
    assert tools["profiles"] == ["demo"] and set(tools["depends_on"]) <= set(services)
    assert ROOT / tools["build"]["dockerfile"] in DOCKERFILES
    settings = services["cuebx"]["environment"]
    assert tools["environment"]["CUEBX_URL"] == f"http://cuebx:{settings['PORT']}"
    [volume] = tools["volumes"]
    assert volume.split(":")[0] in whole["volumes"] and volume.split(":")[1] == argument("VOLUME")
    [port] = tools["ports"]
    assert port == f"127.0.0.1:8000:{argument('EXPOSE')}"
    sources = (HERE / "tool_server.py").read_text() + "".join(
        path.read_text() for path in (ROOT / "clients/python/src/cuebx").glob("*.py"))
    assert [name for name in tools["environment"] if f'"{name}"' not in sources] == []


@pytest.fixture
def image(tmp_path):
    """The image's working directory, and where its client was installed to."""
    for sources, destination in copied(HERE / "Dockerfile"):
        for source in sources if destination == "./" else []:
            shutil.copy(ROOT / source, tmp_path)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
                   cwd=ROOT / "clients/python", check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    return tmp_path


def test_what_the_image_runs_is_healthy_and_meters(image):
    service = Service().start()
    user = service.new_user()
    [port] = free_ports(1)

    def here(words):
        return [word.replace("8000", str(port)).replace("0.0.0.0", "127.0.0.1") for word in words]

    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "CUEBX_URL": service.url,
                   "PYTHONPATH": str(image / "installed"), "CUEBX_SPOOL": str(image / "spool")}
    process = subprocess.Popen(here(json.loads(argument("CMD"))), cwd=image, env=environment)
    try:
        check = here(shlex.split(argument("HEALTHCHECK").split(" CMD ")[1]))
        wait_for(lambda: subprocess.run(check, env=environment, capture_output=True).returncode == 0,
                 lambda: f"not healthy: {process.poll()}")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/job-match", method="POST",
            data=json.dumps({"resume": "Swift", "job": "Swift"}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {user.token()}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["score"] == 100
    finally:
        process.terminate()
        assert process.wait(30) in (0, -15)
    assert [log["status"] for log in user.logs] == ["SUCCESS"]
    service.stop()
