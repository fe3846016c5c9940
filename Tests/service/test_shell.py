"""The operator's shell: its version, help, completions, manual, tables, JSON and progress."""

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from types import SimpleNamespace

import pytest

from conftest import BINARY, ROOT, Service
from teams import Team

sys.path.insert(0, str(ROOT / "scripts"))

import manual  # noqa: E402

ENGINE = "sqlite"


def dump():
    """The help of every command, as the parser tells it."""
    text = subprocess.run([BINARY, "--experimental-dump-help"], capture_output=True, check=True,
                          text=True).stdout
    return json.loads(text)["command"]


COMMANDS = dict(manual.commands(dump()))
LEAVES = {name: command for name, command in COMMANDS.items()
          if not command.get("subcommands") and name != "cuebx help"}
# Those that answer nothing: they run until somebody stops them, or print one document.
SILENT = {"cuebx serve", "cuebx worker", "cuebx sandbox", "cuebx tour", "cuebx openapi"}


def test_the_version_is_that_of_the_document(service):
    document = service.call("GET", "/openapi.json").json
    told = service.command("--version")
    assert told.returncode == 0 and told.stdout == f"cuebx {document['info']['version']}\n"


@pytest.mark.parametrize("name", sorted(set(LEAVES) - SILENT))
def test_every_command_that_answers_takes_json(name):
    flags = {one["name"] for argument in LEAVES[name]["arguments"]
             for one in argument.get("names", [])}
    assert "json" in flags, name


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_has_an_example(name):
    assert manual.examples(LEAVES[name]), name


# Completions and the manual

@pytest.mark.parametrize("shell, words", [
    ("bash", ["complete -o filenames -F _cuebx cuebx", "dead-letters"]),
    ("zsh", ["#compdef cuebx", "dead-letters"]), ("fish", ["complete -c 'cuebx'", "dead-letters"])])
def test_a_shell_gets_its_completions(service, shell, words):
    made = service.command("--generate-completion-script", shell)
    assert made.returncode == 0 and all(word in made.stdout for word in words), made.stdout[:500]
    if shell == "bash":
        read = subprocess.run(["bash", "-c", made.stdout + "\ncomplete -p cuebx"], text=True,
                              capture_output=True)
        assert read.returncode == 0 and "_cuebx" in read.stdout, read.stderr


def test_a_shell_that_is_not_known_gets_none(service):
    made = service.command("--generate-completion-script", "tcsh")
    assert made.returncode == 64 and made.stdout == ""


def test_the_manual_has_a_page_for_each_command_with_its_options(tmp_path):
    manual.write(dump(), "1.0.0", tmp_path)
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(pages) == {name.replace(" ", "-") + ".1" for name in COMMANDS}
    for name, command in COMMANDS.items():
        page = pages[name.replace(" ", "-") + ".1"]
        for argument in command["arguments"]:
            for one in argument.get("names", []):
                if one["kind"] == "long":
                    assert ("\\-\\-" + one["name"].replace("-", "\\-")) in page, (name, one)
        # A line that began with a dot or an apostrophe by chance would be an instruction of roff.
        requests = set(re.findall(r"^([.'].*?)(?:\s|$)", page, re.M))
        assert requests <= {".TH", ".SH", ".TP", ".PP", ".nf", ".fi", ".RS", ".RE"}, requests


def test_the_manual_can_be_read(tmp_path):
    manual.write(dump(), "1.0.0", tmp_path)
    for page in sorted(tmp_path.iterdir()):
        read = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", "-ww", str(page)], text=True,
                              capture_output=True)
        assert read.returncode == 0 and read.stderr == "" and "NAME" in read.stdout, (page, read)


# Examples, in the order in which they can be run, and what they find there.

ORDER = [
    "cuebx", "cuebx migrate", "cuebx openapi", "cuebx catalog sync", "cuebx users create",
    "cuebx users find", "cuebx users adjust", "cuebx grants add", "cuebx users reset-clock",
    "cuebx users deactivate", "cuebx users reactivate", "cuebx codes add", "cuebx codes list",
    "cuebx codes end", "cuebx workspaces list", "cuebx workspaces show",
    "cuebx workspaces suspend", "cuebx workspaces unsuspend", "cuebx workspaces transfer",
    "cuebx workspaces adjust", "cuebx workspaces reset-clock", "cuebx operators add",
    "cuebx operators list", "cuebx operators remove",
    "cuebx usage explain", "cuebx audit", "cuebx dead-letters list", "cuebx dead-letters show",
    "cuebx dead-letters retry", "cuebx dead-letters discard", "cuebx stripe portal create",
    "cuebx stripe portal check", "cuebx stripe webhooks create", "cuebx stripe webhooks check",
    "cuebx stripe check", "cuebx stripe reconcile", "cuebx stripe notices", "cuebx export",
    "cuebx import", "cuebx backup"]
# They run until they are told to stop, and say first that they have begun.
RUNNING = {"cuebx serve": "serves on", "cuebx worker": "works messages",
           "cuebx sandbox": "listens on"}
TOURS = "cuebx tour"
HAS_ACCOUNT = {"cuebx grants add", "cuebx workspaces adjust", "cuebx workspaces reset-clock"}
MAY_FAIL = {"cuebx stripe check": "OFF"}


def test_every_example_is_run_here():
    named = {name for name, command in COMMANDS.items() if manual.examples(command)}
    assert named == {*ORDER, *RUNNING, TOURS}


def dead_letter(service):
    id = uuid.uuid4()
    service.rows(
        "INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at, died_at, "
        "leased_until) VALUES (?, 'mail', '{}', 5, 'refused', 1, 1, 1, 0)", id)
    return str(id)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A service with a metered call, at whose side the examples are run."""
    folder = tmp_path_factory.mktemp("examples")
    tools = folder / "bin"
    tools.mkdir()
    (tools / "cuebx").symlink_to(BINARY)
    service = Service(folder).start()
    user = service.sign_up()
    usage = user.validate().json["usage_id"]
    user.commit(usage)
    service.team = Team(service)
    # A team that has never paid is given nothing.
    service.personal = user.post("/api/workspaces/activate").json["id"]
    service.example = {
        **service.environment, "PATH": f"{tools}:{os.environ['PATH']}", "USAGE_ID": usage,
        "WORKSPACE_ID": service.team.id,
        "CUEBX_USER_PASSWORD": "Operator-1", "CUEBX_OPERATOR_PASSWORD": "Operator-1",
        "STRIPE_API_BASE": service.sandbox}
    yield service
    service.stop()


def run(shop, line, **more):
    return subprocess.run(
        ["bash", "-c", line], env={**shop.example, **more}, cwd=shop.folder, text=True,
        capture_output=True, timeout=60, stdin=subprocess.DEVNULL)


def test_every_example_of_the_help_works_and_answers_json(shop):
    for name in ORDER:
        letter = dead_letter(shop) if "dead-letters" in name else ""
        given = {"WORKSPACE_ID": shop.personal} if name in HAS_ACCOUNT else {}
        if name == "cuebx workspaces transfer":
            [(ada,)] = shop.rows("SELECT id FROM users WHERE email = 'ada@example.com'")
            shop.team.put(SimpleNamespace(id=str(ada)))
        for example in manual.examples(COMMANDS[name]):
            result = run(shop, example, LETTER_ID=letter, **given)
            allowed = name in MAY_FAIL and MAY_FAIL[name] in result.stdout
            assert result.returncode == 0 or allowed, (example, result.stdout, result.stderr)
        if name in ("cuebx", "cuebx openapi"):
            continue
        # The same once more, for a program: a repetition may be refused, but never in half a JSON.
        if "json" not in example and name not in ("cuebx import", "cuebx export", "cuebx backup"):
            result = run(shop, example + " --json", LETTER_ID=letter, **given)
            if result.returncode in (0, 1) and result.stdout:
                assert isinstance(json.loads(result.stdout), dict), example
            else:
                assert result.returncode == 1 and result.stderr.startswith("cuebx: "), result


@pytest.mark.parametrize("line, key", [
    ("cuebx export other.jsonl --json", "rows"), ("cuebx backup other.db --json", "file"),
    ("DATABASE_URL=sqlite:third.db cuebx import career.jsonl --json", "rows")])
def test_what_moves_a_database_answers_json_on_standard_output(shop, line, key):
    if "import" in line:
        assert run(shop, "rm -f career.jsonl; cuebx export career.jsonl").returncode == 0
    result = run(shop, line)
    assert result.returncode == 0 and key in json.loads(result.stdout), result
    assert result.stderr == ""


def test_an_export_to_standard_output_takes_no_json(shop):
    result = run(shop, "cuebx export - --json")
    assert result.returncode == 64 and result.stdout == ""


def test_a_negative_amount_may_follow_json(shop):
    id = shop.sign_up().id
    result = run(shop, f"cuebx users adjust --json {id} -2.50 --reason Twice")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["credits_allocated"] == "22.50"


@pytest.mark.parametrize("name, example", [
    (name, example) for name in RUNNING for example in manual.examples(COMMANDS[name])])
def test_every_example_of_what_runs_until_it_is_stopped_begins_and_stops(shop, name, example):
    arguments = example.replace("8081", "0").split()[1:]
    process = subprocess.Popen(
        [BINARY, *arguments], env={**shop.example, "PORT": "0"}, cwd=shop.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready and RUNNING[name] in process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()


@pytest.mark.parametrize("example", manual.examples(COMMANDS[TOURS]))
def test_every_example_of_the_tour_ends_well(own_service, example):
    result = own_service.command(*example.split()[1:], PORT=str(own_service.port))
    assert result.returncode == 0, (result.stdout[-1000:], result.stderr)


# What a person sees

def on_terminal(shop, *arguments, columns=100):
    """Runs a command on a terminal of its own; returns its status, standard output, and what it
    drew on standard error."""
    streams = [pty.openpty() for _ in range(2)]
    for _, there in streams:
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        mode = termios.tcgetattr(there)
        mode[1] &= ~termios.OPOST
        termios.tcsetattr(there, termios.TCSANOW, mode)
    process = subprocess.Popen(
        [BINARY, *arguments], env=shop.example, cwd=shop.folder, stdin=subprocess.DEVNULL,
        stdout=streams[0][1], stderr=streams[1][1])
    for _, there in streams:
        os.close(there)
    texts, open_ones = [b"", b""], [here for here, _ in streams]
    until = time.monotonic() + 60
    while open_ones and time.monotonic() < until:
        for here in select.select(open_ones, [], [], 1)[0]:
            try:
                got = os.read(here, 65536)
            except OSError:
                got = b""
            if not got:
                open_ones.remove(here)
            texts[[here for here, _ in streams].index(here)] += got
    for here, _ in streams:
        os.close(here)
    return process.wait(10), texts[0].decode(), texts[1].decode()


@pytest.mark.parametrize("arguments, shows", [
    (["audit"], r"\d+ of \d+ checks"), (["export", "bar.jsonl"], r"\d+ of \d+ rows"),
    (["backup", "bar.db"], r"\d+ of \d+ pages"),
    (["stripe", "reconcile"], r"reconcile")])
def test_what_takes_long_draws_its_progress_on_a_terminal_and_takes_it_away(shop, arguments, shows):
    status, _, drawn = on_terminal(shop, *arguments)
    assert status == 0 and re.search(shows, drawn), drawn
    # Each frame ends by erasing what was longer before it; the last of all is empty.
    *frames, left = drawn.split("\x1b[K")
    assert len(frames) > 2 and frames[-1] == "\r"
    assert all(frame.startswith("\r" + arguments[-1 if "stripe" in arguments else 0]) and
               len(frame) <= 100 for frame in frames[:-1]), frames
    assert "\r" not in left


def test_progress_fits_a_narrow_terminal(shop):
    status, _, drawn = on_terminal(shop, "audit", columns=30)
    assert status == 0
    assert all(len(frame.removesuffix("\x1b[K")) < 30 for frame in drawn.split("\r"))


@pytest.mark.parametrize("arguments", [
    ["audit"], ["export", "quiet.jsonl"], ["backup", "quiet.db"], ["stripe", "reconcile"]])
def test_without_a_terminal_there_is_no_progress(shop, arguments):
    result = run(shop, shlex.join(["cuebx", *arguments]))
    assert result.returncode == 0
    assert "\r" not in result.stderr and "\x1b" not in result.stdout + result.stderr


def test_a_list_has_heads_on_a_terminal_alone(shop):
    assert run(shop, "cuebx codes add HEADS --credits 1 --total 1").returncode == 0
    status, seen, _ = on_terminal(shop, "codes", "list")
    assert status == 0 and seen.startswith("CODE") and "HEADS" in seen
    assert not run(shop, "cuebx codes list").stdout.startswith("CODE")


def test_what_somebody_typed_reaches_no_terminal_as_a_command(shop):
    user = shop.sign_up(full_name="Ada")
    shop.rows("UPDATE users SET full_name = ? WHERE id = ?",
              "\x1b]0;owned\x07Ada", uuid.UUID(user.id))
    status, seen, _ = on_terminal(shop, "users", "find", user.email)
    assert status == 0 and "Ada" in seen and "\x1b" not in seen and "\x07" not in seen


def test_the_parsers_own_words_reach_no_terminal_as_a_command():
    told = subprocess.run([BINARY, "users", "\x1b]0;owned\x07\u202e"], capture_output=True, text=True)
    assert told.returncode == 64 and "owned" in told.stderr
    assert not set("\x1b\x07\u202e") & set(told.stderr)


@pytest.mark.parametrize("arguments", [["--experimental-dump-help"], ["--version"], ["--help"]])
def test_an_answer_that_cannot_be_written_is_told_and_is_no_success(arguments):
    with open("/dev/full", "w") as full:
        told = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert told.returncode == 1 and "No space left on device" in told.stderr, told


def test_secrets_that_cannot_be_shown_are_not_lost_in_silence(shop):
    told = run(shop, "cuebx operators add full@example.com --role viewer >/dev/full")
    assert told.returncode == 1 and "could not be written" in told.stderr, told


def test_a_slow_reader_whose_pipe_never_blocks_gets_all_of_it():
    whole = subprocess.run([BINARY, "--experimental-dump-help"], capture_output=True).stdout
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    assert size < len(whole)
    process = subprocess.Popen([BINARY, "--experimental-dump-help"], stdout=writer)
    os.close(writer)
    # Nobody reads before the pipe is full.
    until, waiting = time.monotonic() + 30, 0
    while waiting < size and time.monotonic() < until:
        [waiting] = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, b"    "))
        time.sleep(0.01)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == whole
    assert process.wait(30) == 0


def test_a_reader_that_hangs_up_ends_a_command_quietly(shop):
    result = run(shop, "set -o pipefail; cuebx --experimental-dump-help | head -c 1 >/dev/null")
    assert result.returncode in (0, 1) and result.stderr == ""
