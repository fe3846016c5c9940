"""`make demo`, walked by a person in a browser."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(ROOT / "Tests/servers"), str(ROOT / "Tests/service")]

from chromium import Chromium  # noqa: E402
from ports import free_ports  # noqa: E402

# One demo for both tests.
pytestmark = pytest.mark.xdist_group("demo")
EMAIL, PASSWORD = "ada@example.com", "Passw0rd-x"
# Seconds in which a page shows what it is to show.
PATIENCE = 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The pages that the demo says to open."""
    folder = tmp_path_factory.mktemp("demo")
    port, _, tools_port = free_ports(3)
    process = subprocess.Popen(
        [sys.executable, HERE / "demo.py"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PORT": str(port), "TOOLS_PORT": str(tools_port), "PASSWORD_COST": "4",
             "DATABASE_URL": f"sqlite:{folder / 'demo.db'}", "STRIPE_API_BASE": "http://127.0.0.1:1"})
    lines = ""
    while "ends both" not in lines:
        line = process.stdout.readline()
        assert line, lines
        lines += line
    yield re.findall(r"http://\S+", lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser():
    browser = Chromium()
    yield browser
    browser.close()


def fill(browser, **fields):
    browser.run("for (const [name, value] of Object.entries(arguments[0]))"
                " document.querySelector(`[name=${name}]`).value = value", fields)


def click(browser, selector):
    browser.run("document.querySelector(arguments[0]).click()", selector)


def until(browser, condition):
    """What the condition, a script, is once it is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := browser.run(f"return {condition}")):
        assert time.monotonic() < deadline, browser.run("return document.body.innerText")
        browser.run_async("setTimeout(arguments[0], 25)")
    return found


def test_each_page_that_the_demo_names_is_there(demo):
    assert len(demo) == 5
    for url in demo:
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.status == 200


def test_a_person_signs_up_spends_and_sees_it_in_their_account(demo, browser):
    tools, mailbox = demo[0], demo[1]
    service = mailbox.removesuffix("/dev/mailbox")
    browser.get(tools)
    fill(browser, email=EMAIL, password=PASSWORD)
    click(browser, "#sign-up")
    until(browser, "!document.getElementById('code').hidden")
    with urllib.request.urlopen(f"{mailbox}?to={EMAIL}", timeout=30) as answer:
        mails = json.load(answer)["messages"]
    fill(browser, code=re.search(r"\b\d{6}\b", mails[-1]["text"])[0])
    click(browser, "#sign-in button")
    credits = "document.getElementById('credits').textContent"
    before = float(until(browser, f"!document.getElementById('tools').hidden && !{credits}.includes('–')"
                                  f" && {credits}"))

    fill(browser, resume="Swift and PostgreSQL", job="You must know Swift.")
    click(browser, "[data-tool=job-match]")
    until(browser, "document.querySelector('output').textContent.includes('They fit by')")
    until(browser, f"{credits} === '{before - 1:.2f}' && {credits}")
    click(browser, "[data-tool=feedback]")
    until(browser, f"{credits} !== '{before - 1:.2f}' && {credits}")

    browser.get(f"{service}/signin")
    fill(browser, email=EMAIL, password=PASSWORD)
    click(browser, "form button")
    browser.wait_for("/account")
    browser.get(f"{service}/account/usage")
    calls = browser.run("return document.querySelector('main').innerText")
    assert "Job match" in calls and "Feedback" in calls
