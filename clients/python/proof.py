#!/usr/bin/env python3
"""Proves on the built binary that a client loses and doubles nothing.

    clients/python/proof.py kills --number 1000 [--seed N] [--driver PROGRAM]
        kills tool servers at random instants under load, and compares the ledger with what they wrote
        down themselves
    clients/python/proof.py aborts --number 10000 [--seed N] [--driver PROGRAM]
        breaks off streams at random points, by their consumers, their providers and by cancellation, and
        looks for a hold that did not end

    clients/python/proof.py overhead --number 2000
        a call's time by the client beside bare httpx, on a machine that does nothing else

With PROGRAM it is another language's client that is killed and broken off: its driver, which takes
`serve URL SPOOL RECORD SEED TOKEN…` and `streams URL SPOOL TOKEN NUMBER SEED`. `make test` runs a small
sample of the first two.
"""

import argparse
import asyncio
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "clients/python/src"), str(ROOT / "clients/scenarios")]

import cuebx  # noqa: E402
from world import Service, memory_folder  # noqa: E402

FEATURE = "career.job_match"
USERS, SERVERS, THREADS = 8, 2, 6
# Seconds that a tool server lives, drawn between these.
SHORTEST_LIFE, LONGEST_LIFE = 0.02, 0.5
TTL = 900
RICH = {"plan": {"credits_allocation": "10000000.00"}}


# Kills


class Record:
    """What a tool server writes down itself: a line before and after each run. A file that is appended
    to outlives the process."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words):
        os.write(self.descriptor, (" ".join(words) + "\n").encode())


def tool_server(url, spool, record_path, tokens, seed):
    """Threads that make calls until they are killed; some ask again for what others asked before."""
    record = Record(record_path)
    client = cuebx.Client(url, spool=spool, adopt_every=0.2, first_pause=0.01, longest_pause=0.1)
    draw = random.Random(seed)
    asked = []

    def work(number):
        mine = random.Random(f"{seed}-{number}")
        while True:
            user = mine.randrange(len(tokens))
            request = f"{seed}-{number}-{mine.getrandbits(40)}"
            if asked and mine.random() < 0.2:
                user, request = mine.choice(asked)
            asked.append((user, request))
            fails = mine.random() < 0.2
            try:
                with client.metered(FEATURE, user=tokens[user], payload="p", request_id=request) as call:
                    record.write("ran", call.usage_id, str(user), request)
                    if mine.random() < 0.5:
                        time.sleep(mine.random() * 0.02)
                    if fails:
                        raise TimeoutError
                record.write("success", call.usage_id)
            except TimeoutError:
                record.write("failure", call.usage_id)
            except (cuebx.AlreadyRunning, cuebx.AlreadyFinished):
                record.write("known", "-")

    for number in range(THREADS):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    draw.shuffle(asked)
    signal.pause()


def fork(*arguments):
    pid = os.fork()
    if pid == 0:
        try:
            tool_server(*arguments)
        finally:
            os._exit(1)
    return pid


def launched(driver):
    """A tool server of another language's client."""
    def launch(url, spool, record, tokens, seed):
        return os.posix_spawn(
            driver, [driver, "serve", url, str(spool), str(record), seed, *tokens], os.environ)
    return launch


def prove_kills(number, seed, say=print, driver=None):
    launch = launched(driver) if driver else fork
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="cuebx-proof-", dir=memory_folder()))
    service = Service(RICH).start()
    try:
        users = [service.new_user() for _ in range(USERS)]
        tokens = [user.token(86_400) for user in users]
        running = {}
        for kill in range(number):
            while len(running) < SERVERS:
                arguments = (service.url, folder / "spool", folder / "record", tokens,
                             f"{seed}-{draw.getrandbits(32)}")
                running[launch(*arguments)] = time.monotonic() + draw.uniform(SHORTEST_LIFE, LONGEST_LIFE)
            victim, end = min(running.items(), key=lambda item: item[1])
            time.sleep(max(0.0, end - time.monotonic()))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            del running[victim]
            if kill % 100 == 99:
                say(f"{kill + 1} kills")
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        result = judge_kills(service, users, folder)
        say(f"{number} kills, seed {seed}: {result}")
        return result
    finally:
        service.stop()
        shutil.rmtree(folder)


def judge_kills(service, users, folder):
    """What the last client finds in the spool is told; then the ledger and the record must agree."""
    with cuebx.Client(service.url, spool=folder / "spool") as client:
        assert client.flush(120), "what was in the spool was not acknowledged"
    assert not list((folder / "spool").glob("*.spool")), "a spool is left"
    # Granted and never entered: such holds end by themselves.
    service.advance(TTL + 60)
    logs = {log["id"]: (log, number) for number, user in enumerate(users) for log in user.logs}
    told, requests = {}, collections.Counter()
    lines = (folder / "record").read_text().split("\n")
    for words in (line.split() for line in lines if line):
        if words[0] == "ran":
            told.setdefault(words[1], "ran")
            requests[(words[2], words[3])] += 1
        elif words[0] != "known":
            told[words[1]] = words[0]
    twice = [request for request, number in requests.items() if number > 1]
    assert not twice, f"ran twice: {twice[:3]}"
    lost = [usage for usage, how in told.items() if how == "success" and status_of(logs, usage) != "SUCCESS"]
    assert not lost, f"a result was handed out and not charged: {lost[:3]}"
    charged = [usage for usage, how in told.items()
               if how == "failure" and status_of(logs, usage) != "FAILED"]
    assert not charged, f"a failure was not told: {charged[:3]}"
    open_ended = [usage for usage, how in told.items() if status_of(logs, usage) not in ("SUCCESS", "FAILED")]
    assert not open_ended, f"ran, and nothing was told: {open_ended[:3]}"
    unasked = [usage for usage, (log, _) in logs.items() if log["status"] == "SUCCESS" and usage not in told]
    assert not unasked, f"charged without a run: {unasked[:3]}"
    assert not list((folder / "spool").glob("refused/*")), "a commit was refused"
    for number, user in enumerate(users):
        mine = sum(log["status"] == "SUCCESS" for log, owner in logs.values() if owner == number)
        balance = user.balance
        assert float(balance["credits_used"]) == mine, f"{balance['credits_used']} used, {mine} runs"
        assert balance["credits_reserved"] == "0.00"
    statuses = collections.Counter(log["status"] for log, _ in logs.values())
    unsure = sum(how == "ran" for how in told.values())
    return (f"{len(logs)} calls ({dict(statuses)}), {len(told)} ran, {unsure} of them cut off by a kill; "
            "0 lost, 0 double")


def status_of(logs, usage):
    return logs[usage][0]["status"] if usage in logs else "not there"


# Aborts


class ProviderFailed(Exception):
    pass


async def one_stream(client, token, draw, outcomes):
    """A stream of some chunks, broken off somewhere, or not."""
    length, at = draw.randrange(6), draw.randrange(7)
    how = draw.choice(["consumer leaves", "provider fails", "canceled", "canceled at once", "to the end"])
    handed = 0
    usage = []

    async def source():
        for number in range(length):
            if how == "provider fails" and number == at:
                raise ProviderFailed
            await asyncio.sleep(0)
            yield "word " * draw.randrange(20)

    async def work():
        nonlocal handed
        async with client.metered(FEATURE, user=token) as call:
            usage.append(call.usage_id)
            stream = call.stream(source())
            try:
                async for _ in stream:
                    handed += 1
                    if handed > at and how == "consumer leaves":
                        break
                    if handed > at and how == "canceled":
                        asyncio.current_task().cancel()
                        await asyncio.sleep(0)
            finally:
                await stream.aclose()
            if how == "consumer leaves":
                raise GeneratorExit

    task = asyncio.ensure_future(work())
    if how == "canceled at once":
        for _ in range(draw.randrange(12)):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
    if usage:
        outcomes.append((usage[0], how, handed))


def break_off(url, spool, token, number, seed):
    """(usage, how it was to end, chunks that were handed out) of each stream that was entered."""
    draw = random.Random(seed)
    outcomes = []

    async def main(client):
        left = iter(range(number))

        async def worker():
            for _ in left:
                await one_stream(client, token, random.Random(draw.getrandbits(64)), outcomes)

        await asyncio.gather(*(worker() for _ in range(32)))

    with cuebx.Client(url, spool=spool, capture_every=0.001) as client:
        try:
            asyncio.run(main(client))
        except GeneratorExit:
            pass
        assert client.flush(120)
    return outcomes


def breaking_off(driver):
    """The same by another language's client."""
    def run(url, spool, token, number, seed):
        told = subprocess.run([driver, "streams", url, str(spool), token, str(number), str(seed)],
                              capture_output=True, text=True, check=True, timeout=600).stdout
        words = (line.split(" ", 2) for line in told.splitlines())
        return [(usage, how, int(handed)) for usage, handed, how in words]
    return run


def prove_aborts(number, seed, say=print, driver=None):
    service = Service(RICH).start()
    folder = Path(tempfile.mkdtemp(prefix="cuebx-proof-", dir=memory_folder()))
    try:
        user = service.new_user()
        outcomes = (breaking_off(driver) if driver else break_off)(
            service.url, folder / "spool", user.token(86_400), number, seed)
        result = judge_aborts(user, outcomes)
        say(f"{number} streams, seed {seed}: {result}")
        return result
    finally:
        service.stop()
        shutil.rmtree(folder)


def judge_aborts(user, outcomes):
    logs = {log["id"]: log for log in user.logs}
    assert user.balance["credits_reserved"] == "0.00", "a hold leaks"
    statuses = collections.Counter(log["status"] for log in logs.values())
    assert set(statuses) <= {"SUCCESS", "FAILED"}, f"a hold did not end: {statuses}"
    for usage, how, handed in outcomes:
        charged = float(logs[usage]["credits_charged"] or 0)
        # Of a fixed price the whole, once the first chunk was handed out.
        expected = 1.0 if handed or logs[usage]["status"] == "SUCCESS" else 0.0
        assert charged == expected, f"{how} after {handed} chunks: {charged} charged"
    return f"{len(logs)} holds ({dict(statuses)}), {len(outcomes)} entered; none leaks"


# Overhead


def measure_overhead(number, say=print):
    """Medians, in milliseconds, of what a caller waits for: bare validate and commit, one after the other;
    bare validate alone; a metered call, whose commit goes in the background."""
    service = Service(RICH).start()
    folder = Path(tempfile.mkdtemp(prefix="cuebx-proof-", dir=memory_folder()))
    try:
        user = service.new_user()
        token = user.token(86_400)
        validate, commit = bare(service, token, user, number)
        times = []
        with cuebx.Client(service.url, spool=folder / "spool") as client:
            for _ in range(number):
                start = time.perf_counter()
                with client.metered(FEATURE, user=token):
                    pass
                times.append(time.perf_counter() - start)
                client.flush()
        metered = median(times)
        result = (f"bare validate {validate:.3f}, bare commit {commit:.3f}, metered {metered:.3f}: "
                  f"{metered - validate:.3f} ms more than validate alone")
        say(result)
        return result
    finally:
        service.stop()
        shutil.rmtree(folder)


def bare(service, token, user, number):
    import httpx

    headers = {"Authorization": f"Bearer {token}", "X-Internal-API-Key": "dev-internal-key"}
    asked, told = [], []
    with httpx.Client(base_url=f"{service.url}/career/internal/usage", headers=headers) as client:
        for each in range(number):
            start = time.perf_counter()
            granted = client.post("/validate", json={
                "request_id": f"bare-{each}", "feature_key": FEATURE, "endpoint": "", "method": "POST",
                "payload_hash": "ab" * 32}).json()
            between = time.perf_counter()
            client.post("/commit", json={
                "user_id": user.id, "usage_id": granted["usage_id"], "success": True})
            asked.append(between - start)
            told.append(time.perf_counter() - between)
    return median(asked), median(told)


def median(times):
    return sorted(times)[len(times) // 2] * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["kills", "aborts", "overhead"])
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--driver", help="of another language's client; for kills and aborts")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    if arguments.what == "overhead":
        measure_overhead(arguments.number, say_now)
    else:
        {"kills": prove_kills, "aborts": prove_aborts}[arguments.what](
            arguments.number, arguments.seed, say_now, arguments.driver)


def say_now(text):
    print(text, flush=True)


if __name__ == "__main__":
    main()
