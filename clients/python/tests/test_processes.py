"""Several processes: forks, a server that forks, kills, what others left, and the package itself."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile

import cuebx
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "clients/python"))

import proof  # noqa: E402

FEATURE = "career.job_match"
SOURCES = ROOT / "clients/python"


def logs_of(user):
    return [f"{log['status']} {log['failure_type'] or ''}".strip() for log in reversed(user.logs)]


def in_child(work):
    """Its exit status; a child never comes back into the test."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = work() or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_has_a_file_a_pool_and_threads_of_its_own(career, user, tmp_path):
    token = user.token()
    with career.metered(FEATURE, user=token):
        parents = set((tmp_path / "spool").glob("*.spool"))

        def work():
            with career.metered(FEATURE, user=token):
                files = set((tmp_path / "spool").glob("*.spool"))
            return 0 if len(files - parents) == 1 and career.flush(20) else 2

        assert in_child(work) == 0
    with career.metered(FEATURE, user=token):
        pass
    assert career.flush(20)
    assert logs_of(user) == ["SUCCESS"] * 3


def test_a_child_that_is_killed_is_made_good_by_another_process(service, career, user, tmp_path):
    token = user.token()

    def work():
        with career.metered(FEATURE, user=token):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(work) == -signal.SIGKILL
    with cuebx.Client(service.url, spool=tmp_path / "spool") as other:
        assert other.flush(20)
    assert logs_of(user) == ["FAILED internal_error"]


def test_ids_of_a_child_are_its_own(career):
    read, write = os.pipe()
    from cuebx.ids import new_id

    def work():
        os.write(write, json.dumps([new_id() for _ in range(50)]).encode())

    assert in_child(work) == 0
    theirs = set(json.loads(os.read(read, 65536)))
    assert len(theirs) == 50 and not theirs & {new_id() for _ in range(50)}


APPLICATION = """
import os, sys
sys.path.insert(0, {sources!r})
import cuebx
career = cuebx.Client({url!r}, spool={spool!r})
with career.metered({feature!r}, user={token!r}):
    pass  # Before the fork, so that there is something not to share.

def app(environ, start):
    with career.metered({feature!r}, user={token!r}) as call:
        start("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


def test_gunicorn_with_preload_serves_from_all_its_workers(service, user, tmp_path):
    (tmp_path / "tools.py").write_text(APPLICATION.format(
        sources=str(SOURCES / "src"), url=service.url, spool=str(tmp_path / "spool"), feature=FEATURE,
        token=user.token()))
    bound = tmp_path / "bound"
    (tmp_path / "config.py").write_text(
        "def when_ready(server):\n"
        f"    open({str(bound)!r}, 'w').write(str(server.LISTENERS[0].sock.getsockname()[1]))\n")
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0",
         "--config", "config.py", "--worker-tmp-dir", str(tmp_path), "tools:app"],
        cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while not bound.exists() or not bound.read_text():
            assert server.poll() is None, server.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        workers = set()
        calls = 0
        while len(workers) < 2 or calls < 10:
            with urllib.request.urlopen(f"http://127.0.0.1:{bound.read_text()}/", timeout=20) as answer:
                workers.add(answer.read())
            calls += 1
            assert calls < 20, "one worker alone answers"
    finally:
        server.terminate()
        server.wait(30)
    with cuebx.Client(service.url, spool=tmp_path / "spool") as other:
        assert other.flush(20)
    assert logs_of(user) == ["SUCCESS"] * (calls + 1)


def test_killed_tool_servers_lose_and_double_nothing():
    proof.prove_kills(8, seed=int(time.time()), say=print)


def test_killed_tool_servers_lose_and_double_nothing_in_outages():
    proof.prove_kills(8, seed=int(time.time()), say=print, has_outages=True)


def test_streams_that_are_broken_off_leave_no_hold():
    proof.prove_aborts(150, seed=int(time.time()), say=print)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_package_has_its_types_and_httpx_alone(kind, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(tmp_path)],
        cwd=SOURCES, check=True, capture_output=True)
    [path] = tmp_path.iterdir()
    if kind == "wheel":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            [metadata] = [name for name in names if name.endswith("METADATA")]
            text = archive.read(metadata).decode()
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
            [metadata] = [name for name in names if name.endswith("PKG-INFO")]
            text = archive.extractfile(metadata).read().decode()
    assert any(name.endswith("cuebx/py.typed") for name in names)
    requires = [line for line in text.split("\n") if line.startswith("Requires-Dist")]
    assert len(requires) == 1 and "httpx" in requires[0]
    assert f"Version: {cuebx.__version__}" in text


def test_the_clients_modules_need_nothing_but_httpx():
    """Web frameworks and SDKs are loaded by the modules that are named after them, and by nothing else."""
    code = ("import sys; import cuebx; import cuebx.asgi; "
            "print([name for name in ('fastapi', 'fastmcp', 'openai', 'anthropic', 'starlette', 'pydantic')"
            " if name in sys.modules])")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={"PYTHONPATH": str(SOURCES / "src"), "PATH": os.environ["PATH"]})
    assert shown.stdout.strip() == "[]"


def test_the_readmes_lists_are_whole():
    text = (SOURCES / "README.md").read_text()
    from dataclasses import fields

    from cuebx.errors import BY_CODE
    from cuebx.events import LEVELS

    names = [field.name for field in fields(cuebx.Options)] + list(LEVELS)
    names += [kind.__name__ for kind in BY_CODE.values()] + [
        name for name in cuebx.__all__ if isinstance(getattr(cuebx, name), type)
        and issubclass(getattr(cuebx, name), Exception)]
    assert [name for name in names if f"`{name}`" not in text] == []
