#!/usr/bin/env python3
"""Runs the scenarios against the built binary, with a client of any language behind a driver.

    clients/scenarios/run.py [--only TEXT] [--list] -- DRIVER [ARGUMENTS]

README.md beside this file tells the format of a scenario and what a driver reads and writes.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from proxy import Proxy  # noqa: E402
from world import KEY, ROOT, Customer, Service, memory_folder  # noqa: E402

FOLDER = Path(__file__).resolve().parent
# Seconds that a driver may take for one step.
STEP_TIMEOUT = 30
# Of what a driver has printed, that are shown if a scenario fails.
MOST_LINES = 50
# Of a file of the spool: see spool.md.
SPOOL_HEADER = 12
# Seconds in which the ledger must come to its end.
SETTLE_TIMEOUT = 20
# Of a client, unless a scenario says otherwise: pauses are short, since nobody learns from waiting; budgets
# are not, so that a busy machine ends none.
OPTIONS = {"validate_seconds": 25, "first_pause": 0.02, "longest_pause": 0.2, "answer_seconds": 25,
           "adopt_every": 60}
# What a scenario may need, and the address by which the service shows that it has it.
OF_SERVICE = {name: f"/career/internal/usage/{name}"
              for name in ("batch", "extend", "capture", "cancel", "record")}
OF_SERVICE["keys"] = "/api/internal/usage/validate"
# What a customer may send in place of a key of theirs.
NO_KEYS = {"unknown": "cbx_live_" + "A" * 43, "malformed": "no-key-at-all", "no_header": "\u00e9\n\u6f22"}


def scenarios():
    """(name of file, scenario), in the files' order."""
    for path in sorted(FOLDER.glob("*.json")):
        for scenario in json.loads(path.read_text())["scenarios"]:
            yield path.stem, scenario


def runnable():
    """Those whose needs the service has, by its document."""
    paths = json.loads((ROOT / "openapi.json").read_text())["paths"]
    return [(file, scenario) for file, scenario in scenarios()
            if all(OF_SERVICE[need] in paths for need in scenario.get("needs", []) if need in OF_SERVICE)]


class Driver:
    """A process of the client's language. Each line in is a step, each line out its result."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            bufsize=1, errors="replace")
        self.number, self.results, self.lock = 0, {}, threading.Condition()
        self.has_ended = False
        # What it prints beside the results, and the steps up to which all of that has come.
        self.printed, self.marks = [], set()
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.read_printed, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            result = json.loads(line)
            with self.lock:
                self.results[result["n"]] = result
                self.lock.notify_all()
        with self.lock:
            self.has_ended = True
            self.lock.notify_all()

    def read_printed(self):
        for line in self.process.stderr:
            with self.lock:
                self.printed.append(line)
                if line.startswith("told "):
                    self.marks.add(line.strip())
                    self.lock.notify_all()

    def told(self):
        """All that it has told of so far: its events with their fields, and what it has printed."""
        number = self.send({"do": "events"})
        events = json.dumps(self.result(number)["told"])
        with self.lock:
            there = self.lock.wait_for(lambda: f"told {number}" in self.marks, STEP_TIMEOUT)
            assert there, "the driver has not printed its mark"
            return events + "".join(self.printed)

    def send(self, step):
        self.number += 1
        self.process.stdin.write(json.dumps({"n": self.number, **step}) + "\n")
        self.process.stdin.flush()
        return self.number

    def result(self, number, seconds=STEP_TIMEOUT):
        with self.lock:
            there = self.lock.wait_for(lambda: number in self.results or self.has_ended, seconds)
            assert there, "the driver did not answer in time"
            assert number in self.results, f"the driver ended ({self.process.poll()})"
            return self.results[number]

    @property
    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def end(self):
        """A driver ends by itself once nothing more can come."""
        if self.is_alive:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Drivers:
    """One process serves scenario after scenario, unless it is killed: starting it is what takes long."""

    def __init__(self, command):
        self.command, self.free = command, None

    def take(self):
        driver, self.free = self.free, None
        return driver if driver and driver.is_alive else Driver(self.command)

    def put(self, driver):
        self.free = driver

    def end(self):
        if self.free:
            self.free.end()


class NotRun(Exception):
    """The service or the client lacks what the scenario needs."""


class Services:
    """Started when first asked for: one for all scenarios with the same catalog and settings. Those that move
    the clock or kill the service share one of their own."""

    def __init__(self):
        self.running = {}

    def of(self, scenario):
        is_moved = any(step["do"] in ("clock", "service") for step in scenario["steps"])
        key = json.dumps([scenario.get("catalog"), scenario.get("service"), is_moved], sort_keys=True)
        if key not in self.running:
            settings = scenario.get("service", {})
            self.running[key] = Service(scenario.get("catalog"), **settings).start()
        return self.running[key]

    @property
    def shared(self):
        return self.of({"steps": []})

    def stop(self):
        for service in self.running.values():
            service.stop()


class Run:
    """One scenario with one driver."""

    def __init__(self, scenario, drivers, services):
        self.scenario, self.drivers = scenario, drivers
        self.service = services.of(scenario)
        self.proxy = Proxy((self.service.host, self.service.port), scenario.get("release"))
        self.folder = Path(tempfile.mkdtemp(prefix="cuebx-spool-", dir=memory_folder()))
        self.driver, self.awaited, self.tokens = None, {}, []

    def run(self):
        try:
            for need in self.scenario.get("needs", []):
                if need in OF_SERVICE and not self.service.knows(OF_SERVICE[need]):
                    raise NotRun(f"the service has no {need}")
            self.users = {name: self.new_user(options)
                          for name, options in self.scenario.get("users", {"ada": {}}).items()}
            self.customers = {name: Customer(self.service) for name in self.scenario.get("customers", [])}
            self.do_start({})
            for number, step in enumerate(self.scenario["steps"], 1):
                try:
                    self.perform(step)
                except AssertionError as error:
                    raise AssertionError(f"step {number} {json.dumps(step)}: {error}") from None
            if self.driver.is_alive:
                self.driver.result(self.driver.send({"do": "close"}))
                self.search()
            self.judge()
            self.drivers.put(self.driver)
            self.driver = None
        except Exception:
            if self.driver:
                print(*self.driver.printed[-MOST_LINES:], sep="", file=sys.stderr)
            raise
        finally:
            if self.driver and self.driver.is_alive:
                self.driver.kill()
            self.proxy.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def new_user(self, options):
        user = self.service.new_user()
        if "credits" in options:
            user.leave(options["credits"])
        return user

    # Steps

    def perform(self, step):
        if "repeat" in step:
            for number in range(step["repeat"]):
                one = {name: value for name, value in step.items() if name != "repeat"}
                self.perform(json.loads(json.dumps(one).replace("{i}", str(number))))
            return None
        mine = getattr(self, "do_" + step["do"], None)
        if mine:
            return mine(step)
        line = {name: value for name, value in step.items()
                if name not in ("expect", "await", "token", "customer", "key", "of")}
        if "user" in step:
            line["user"] = self.token(step)
        if "customer" in step:
            line |= self.key(step)
        number = self.driver.send(line)
        if step.get("await") is False:
            self.awaited[step["call"]] = number
        else:
            self.expect(step, self.driver.result(number))

    def token(self, step):
        kind = step.get("token", "good")
        if isinstance(kind, str) and kind != "good":
            return {"expired": lambda: self.users[step["user"]].token(-60), "nonsense": lambda: "nonsense",
                    "no_header": lambda: "\u00e9\n\u6f22",
                    "ends_soon": lambda: self.users[step["user"]].token(2)}[kind]()
        self.tokens.append(self.users[step["user"]].token())
        return self.tokens[-1]

    def key(self, step):
        """Of the customer, as the step names it; `of` another customer's client_id, or what is none."""
        name = step.get("key", "live")
        found = NO_KEYS.get(name) or self.customers[step["customer"]].keys[name]["api_key"]
        of = step.get("of", step["customer"])
        return {"client_id": self.customers[of].client_id if of in self.customers else of, "api_key": found}

    def do_key(self, step):
        """Makes a key of a customer's (`more` of it), or revokes it."""
        customer = self.customers[step["customer"]]
        if step["how"] == "revoke":
            customer.revoke(step["key"])
        else:
            customer.make_key(step["key"], **step.get("more", {}))

    def no_secret(self, told):
        """No customer's key stands in what a client told, nor the tool server's own, nor a user's token."""
        secrets = [KEY, *self.tokens, *(key for each in self.customers.values() for key in each.secrets)]
        assert not any(secret in told for secret in secrets), "what is secret was told"

    def search(self):
        """For the same in the events of the client that was started last, and in what the driver printed."""
        if self.customers and self.driver and self.driver.is_alive:
            self.no_secret(self.driver.told())

    def do_secrets(self, step):
        """Nor in what lies on the disk; nor do these texts."""
        for path in (self.folder / "spool").rglob("*"):
            if path.is_file():
                told = path.read_bytes().decode(errors="replace")
                self.no_secret(told)
                found = [text for text in step.get("texts", []) if text in told]
                assert not found, f"{found} is in {path.name}"

    def expect(self, step, result):
        """Of what is expected, each member must be there; a text that begins with "~" is contained."""
        self.no_secret(json.dumps(result))
        difference = unlike(step.get("expect", {}), result)
        assert not difference, f"{difference}; the driver says {json.dumps(result)}"
        assert "expect" in step or "error" not in result, f"the driver says {json.dumps(result)}"

    def do_start(self, step):
        """A client in place of the one before, with the same spool; in another process, if the one
        before was killed."""
        self.search()
        if not self.driver or not self.driver.is_alive:
            self.driver = self.drivers.take()
            self.driver.printed.clear()
        spool = self.scenario.get("client", {}).get("spool", str(self.folder / "spool"))
        options = {**OPTIONS, **self.scenario.get("client", {}), **step.get("client", {})}
        options.pop("spool", None)
        url = f"http://127.0.0.1:{self.proxy.port}"
        result = self.driver.result(self.driver.send(
            {"do": "start", "url": url, "internal_key": step.get("internal_key", KEY), "spool": spool,
             "options": options}))
        assert result.get("started"), result
        for need in self.scenario.get("needs", []):
            if need not in OF_SERVICE and need not in result.get("can", []):
                raise NotRun(f"the client has no {need}")

    def do_await(self, step):
        self.expect(step, self.driver.result(self.awaited.pop(step["call"])))

    def do_kill(self, _):
        self.search()
        self.driver.kill()

    def do_fault(self, step):
        fault = {name: value for name, value in step.items() if name != "do"}
        if step["kind"] == "down":
            self.proxy.down()
        else:
            self.proxy.add(fault)

    def do_heal(self, _):
        self.proxy.heal()

    def do_release(self, _):
        self.proxy.release()

    def do_wait_held(self, step):
        self.proxy.wait_until_held(step.get("number", 1))

    def do_clock(self, step):
        self.service.advance(step["advance"])

    def do_service(self, step):
        if step["how"] == "kill":
            self.service.kill()
        else:
            self.service.start()

    def do_operator(self, step):
        """A command of the binary; {name} stands for a user's id."""
        ids = {name: each.id for name, each in {**self.users, **self.customers}.items()}
        self.service.command(*(word.format(**ids) for word in step["arguments"]))

    def do_wait_wire(self, step):
        """Until the service has answered so, so many times."""
        wait_for(lambda: self.proxy.wire.count(step["has"]) >= step.get("number", 1),
                 lambda: f"the service has answered {self.proxy.wire}")

    def do_wait_event(self, step):
        """Until the client has told of it."""
        def events():
            return self.driver.result(self.driver.send({"do": "events"}))["events"]
        wait_for(lambda: step["event"] in events(), lambda: f"the client told of {events()}")

    def do_requests(self, step):
        """In how many requests, at most, the client has sent its operations of a kind."""
        number = sum(step["operation"] in operations for operations in self.proxy.requests)
        assert number <= step["most"], f"{number} requests carried {step['operation']}"

    def do_leave(self, step):
        self.users[step["user"]].leave(step["credits"])

    def do_spool(self, step):
        """What lies in the spool's folder: the number of files, their versions, and the number of
        those laid aside."""
        def count(pattern):
            return len(list((self.folder / "spool").glob(pattern)))
        wait_for(lambda: count("*.spool") == step["files"],
                 lambda: f"{count('*.spool')} files are in the spool, not {step['files']}")
        if "versions" in step:
            found = sorted(int.from_bytes(path.read_bytes()[8:SPOOL_HEADER], "big")
                           for path in (self.folder / "spool").glob("*.spool"))
            assert found == step["versions"], f"the files are of versions {found}"
        if "refused" in step:
            assert count("refused/*") == step["refused"], f"{count('refused/*')} were laid aside"

    def do_damage(self, step):
        """To the one file of the spool: its last bytes are cut off (torn) as by a machine that lost
        its power, changed (flip) or more (append), its header names a version that nobody knows, or its
        first record lies in a file of its own, whose name begins with `first` (split)."""
        [path] = (self.folder / "spool").glob("*.spool")
        data = bytearray(path.read_bytes())
        if step["how"] == "split":
            # As after a file that was full, or that failed: the first record in one, the rest in another.
            end = SPOOL_HEADER + 8 + int.from_bytes(data[SPOOL_HEADER:SPOOL_HEADER + 4], "big")
            path.with_name(f"{step['first'] * 8}{path.name}").write_bytes(data[:end])
            data = data[:SPOOL_HEADER] + data[end:]
        if step["how"] == "torn":
            data = data[:-step.get("bytes", 3)]
        if step["how"] == "flip":
            data[-1] ^= 1
        if step["how"] == "append":
            data += bytes.fromhex(step["hex"])
        if step["how"] == "version":
            data[8:12] = (99).to_bytes(4, "big")
        path.write_bytes(data)

    # The end

    def judge(self):
        ledger = self.scenario.get("ledger", {})
        for name, expected in ledger.items():
            user = self.users.get(name) or self.customers[name]
            wait_for(lambda: self.ledger_of(user, expected) == expected,
                     lambda: f"{name}'s ledger is {json.dumps(self.ledger_of(user, expected))}, "
                             f"not {json.dumps(expected)}")
        for kind in ("wire", "sent"):
            if kind in self.scenario:
                found, expected = getattr(self.proxy, kind), self.scenario[kind]
                found = [one for one in found if one.split()[0] not in self.scenario.get("ignoring", [])]
                if self.scenario.get("order") == "any":
                    found, expected = sorted(found), sorted(expected)
                assert found == expected, f"{kind}: {found}, not {expected}"

    @staticmethod
    def ledger_of(user, expected):
        balance, logs = user.balance, user.logs
        found = {"used": balance["credits_used"], "reserved": balance["credits_reserved"],
                 "remaining": balance["credits_remaining"],
                 "logs": [text_of(log) for log in reversed(logs)],
                 "counts": {}, "history": user.history if "history" in expected else None}
        for log in found["logs"]:
            found["counts"][log] = found["counts"].get(log, 0) + 1
        return {name: found[name] for name in expected}


def text_of(log):
    """E.g. "SUCCESS 1.00", "FAILED - timeout", "PENDING -"."""
    words = [log["status"], log["credits_charged"] or "-", log["failure_type"]]
    return " ".join(word for word in words if word)


def unlike(expected, found, at=""):
    """Where `found` lacks what is expected; an empty text if nowhere."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return f"{at or 'the result'} is {json.dumps(found)}"
        for name, value in expected.items():
            if difference := unlike(value, found.get(name), f"{at}.{name}".strip(".")):
                return difference
        return ""
    if isinstance(expected, str) and expected.startswith("~"):
        return "" if expected[1:] in str(found) else f"{at} {json.dumps(found)} lacks {expected[1:]!r}"
    if isinstance(expected, list) and expected[:1] == ["times"]:
        counts = {name: (found or []).count(name) for name in expected[1]}
        return unlike(expected[1], counts, at)
    if isinstance(expected, list) and expected[:1] == ["contains"]:
        missing = [one for one in expected[1:] if one not in (found or [])]
        return f"{at} {json.dumps(found)} lacks {missing}" if missing else ""
    return "" if expected == found else f"{at} is {json.dumps(found)}, not {json.dumps(expected)}"


def wait_for(condition, complaint):
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="those whose name contains this")
    parser.add_argument("--list", action="store_true", help="name them and run none")
    parser.add_argument("driver", nargs="*", help="the driver's command line, after --")
    arguments = parser.parse_args()
    chosen = [(file, one) for file, one in scenarios() if arguments.only in f"{file}: {one['name']}"]
    if arguments.list:
        print("\n".join(f"{file}: {one['name']}" for file, one in chosen))
        return 0
    services, drivers = Services(), Drivers(arguments.driver)
    passed, failed, not_run = 0, 0, 0
    try:
        for file, scenario in chosen:
            name, start = f"{file}: {scenario['name']}", time.monotonic()
            try:
                Run(scenario, drivers, services).run()
                passed += 1
                print(f"passed  {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except NotRun as reason:
                not_run += 1
                print(f"not run {name}: {reason}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED  {name}: {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
    finally:
        drivers.end()
        services.stop()
    print(f"{passed} passed, {failed} failed, {not_run} not run")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
