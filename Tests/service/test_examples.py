"""What documentation shows is run as it is printed: each example does what it says, and each
command and option that is named is there."""

import re
import shlex
import signal
import subprocess

import pytest

from caddy import free_port
from conftest import BINARY, PASSWORD, ROOT, Service

PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
# They serve until they are told to stop; what they print once they do.
SERVING = {"serve": "serves on", "worker": "works messages off", "sandbox": "listens on"}
EXAMPLE = re.compile(r"((?:[A-Z_]+=\S+ )*)cuebx ([a-z][a-z-]*(?: .*)?)$")


def help_of(*path):
    result = subprocess.run(
        [BINARY, *path, "--help"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def tree(path=()):
    """Every command by its words, with its help."""
    text = help_of(*path)
    found = {path: text}
    if "SUBCOMMANDS:" in text:
        for name in re.findall(r"^  ([a-z-]+)(?: |$)", text.split("SUBCOMMANDS:")[1], re.M):
            if name != "help":
                found |= tree((*path, name.strip()))
    return found


COMMANDS = tree()


def fences(page):
    return re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S)


def examples_of(fence):
    """The commands of ours in it, each with the settings before it; what runs them is left out."""
    for line in fence.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+# .*", "", line).strip()
        for start in reversed([match.start() for match in re.finditer(r"\bcuebx ", line)]):
            words = line[start:].split()
            if words[1:] and (words[1],) in COMMANDS:
                yield re.search(r"((?:[A-Z_]+=\S+ )*)$", line[:start]).group(1) + line[start:]
                break


def examples_of_pages():
    for page in PAGES:
        for number, fence in enumerate(fences(page)):
            if found := list(examples_of(fence)):
                yield f"{page.name}, fence {number + 1}", found


def spans():
    """What stands in the text as `cuebx …`."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        for span in re.findall(r"`cuebx ([^`\n]+)`", text):
            yield page.name, span


def words_of(text):
    """The command that a text names, and its options."""
    path = ()
    for word in text.split():
        if (*path, word) not in COMMANDS:
            break
        path = (*path, word)
    return path, re.findall(r"--[a-z][a-z-]*", text)


def missing(path, options):
    """A command without a name of its own below another has the options of that one."""
    known = "".join(text for command, text in COMMANDS.items() if command[:len(path)] == path)
    return [option for option in options if not re.search(rf"{option}\b", known)]


@pytest.mark.parametrize("page,span", sorted(set(spans())))
def test_each_command_and_option_that_a_page_names_is_there(page, span):
    path, options = words_of(span)
    assert path or options or span.isupper(), f"{page}: there is no command {span}"
    assert missing(path, options) == [], (page, span)


def test_each_command_of_the_reference_has_the_options_that_it_names():
    table = (ROOT / "docs/reference/cli.md").read_text()
    for cell in re.findall(r"^\| (`[^|]+`) \|", table, re.M):
        for span in re.findall(r"`([^`]+)`", cell):
            span = span.replace("|", " ")
            assert missing(*words_of(span)) == [], span


# Those of the help are run by `test_shell.py`.
EXAMPLES = list(examples_of_pages())


def test_there_are_examples():
    places = {place.split(",")[0] for place, _ in EXAMPLES}
    assert {"sandbox.md", "deployment.md"} <= places


def run(service, example):
    """Runs it as a shell would, beside the service, with ports and folders of the test's own."""
    folder = service.folder
    for path in set(re.findall(r"(?<![\w.])/var/[\w/]+(?=/)", example)):
        (folder / path.strip("/")).mkdir(parents=True, exist_ok=True)
    example = re.sub(r"(?<![\w.])/var/", f"{folder}/var/", example)
    settings, command = EXAMPLE.match(example).groups()
    environment = {**service.environment, "PORT": str(service.port),
                   "STRIPE_API_BASE": service.sandbox, "CUEBX_OPERATOR_PASSWORD": PASSWORD}
    name = shlex.split(command)[0]
    if name in SERVING:
        environment["PORT"] = str(free_port())
    with subprocess.Popen(
            ["sh", "-c", f"{settings}exec {BINARY} {command}"], env=environment, cwd=folder,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if name in SERVING:
            assert SERVING[name] in process.stdout.readline(), process.stderr.read()
            process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=60)
        assert process.returncode == 0, (example, output)


@pytest.mark.parametrize("place,examples", EXAMPLES, ids=[place for place, _ in EXAMPLES])
def test_the_examples_work_as_they_are_printed_one_after_another(tmp_path, place, examples):
    service = Service(tmp_path).start()
    service.sign_up(email="ada@example.com")
    (tmp_path / "var").mkdir(exist_ok=True)
    port = str(free_port())
    try:
        for example in examples:
            run(service, example.replace("8081", port))
    finally:
        service.stop()


@pytest.mark.parametrize("amount", ["-2.50", "-1", "-0.000001", "3", "0.50", "-.5"])
@pytest.mark.parametrize("order", [
    "EMAIL AMOUNT --reason WHY", "--reason WHY EMAIL AMOUNT", "EMAIL --reason WHY AMOUNT",
    "--reason WHY -- EMAIL AMOUNT", "EMAIL AMOUNT --reason=WHY --id NAME"])
def test_an_amount_is_read_wherever_it_stands(service, amount, order):
    user = service.sign_up()
    before = float(user.balance["credits_allocated"])
    words = {"EMAIL": user.email, "AMOUNT": amount, "WHY": "a reason", "NAME": "name-" + user.id,
             "--reason=WHY": "--reason=a reason"}
    result = service.command(
        "users", "adjust", *[words.get(word, word) for word in order.split()])
    if amount == "-.5":
        assert result.returncode == 1 and "-.5 is no amount of credits" in result.stderr
        return
    assert result.returncode == 0, result
    after = float(user.balance["credits_allocated"])
    assert abs(after - before - float(amount)) < 1e-5
