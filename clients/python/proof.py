#!/usr/bin/env python3
"""Proves on the built binary that a client loses and doubles nothing.

    clients/python/proof.py kills --number 1000 [--outages] [--seed N] [--driver COMMAND]
        kills tool servers at random instants under load, and compares the ledger with what they wrote
        down themselves; with outages the service goes away again and again, answers are lost, and calls
        run all the same
    clients/python/proof.py aborts --number 10000 [--seed N] [--driver COMMAND]
        breaks off streams at random points, by their consumers, their providers and by cancellation, and
        looks for a hold that did not end

    clients/python/proof.py overhead --number 2000
        what a call costs by the client beside bare httpx

With COMMAND it is another language's client that is killed and broken off: its driver, which takes
`serve URL SPOOL RECORD SEED TOKEN…`, with outages `journal …`, and `streams URL SPOOL TOKEN NUMBER SEED`.
`make test` runs a small sample of the first two.
"""

import argparse
import asyncio
import collections
import math
import os
import random
import shlex
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
from proxy import Proxy  # noqa: E402
from world import Service, claims_of, memory_folder  # noqa: E402

FEATURE = "career.job_match"
USERS, SERVERS, THREADS = 8, 2, 6
# Seconds that a tool server lives once it has begun, drawn between these.
SHORTEST_LIFE, LONGEST_LIFE = 0.02, 0.5
# The same where the service goes away: a life sees some of both.
SHORTEST_LIFE_IN_OUTAGES, LONGEST_LIFE_IN_OUTAGES = 0.1, 1.5
# Seconds for which the service is there, and for which it is not.
THERE, AWAY = (0.1, 0.5), (0.1, 0.8)
# Seconds in which a tool server begins.
BEGINS = 60
# Of the measurement of overhead.
ROUNDS = 12
# Of what may run unasked: never the reason why a call does not.
MOST_CREDITS = 10_000_000
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


def tool_server(url, spool, record_path, tokens, seed, has_outages):
    """Threads that make calls until they are killed; some ask again for what others asked before."""
    record = Record(record_path)
    record.write("began", "-")
    options = {"outage": journal(), "validate_seconds": 0.1} if has_outages else {}
    client = cuebx.Client(
        url, spool=spool, adopt_every=0.2, first_pause=0.01, longest_pause=0.1, **options)
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
            except cuebx.Unavailable:
                if not has_outages:
                    raise
                record.write("away", "-")
                time.sleep(0.01)

    for number in range(THREADS):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    draw.shuffle(asked)
    signal.pause()


def journal():
    return cuebx.fail_open_with_journal(MOST_CREDITS, 3600, lambda token: claims_of(token)["sub"])


def fork(work, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            work(*arguments)
        finally:
            os._exit(1)
    return pid


def launched(driver, url, spool, record, tokens, seed, has_outages):
    """A tool server of another language's client."""
    command = [*shlex.split(driver), "journal" if has_outages else "serve", url, spool, record, seed, *tokens]
    return os.posix_spawnp(command[0], list(map(str, command)), os.environ)


def flapping(service, seed):
    """(process, address) of what stands before the service: it refuses connections, and loses answers, by
    turns. A process of its own, since threads and forks do not go together."""
    read, write = os.pipe()

    def flap():
        proxy, draw = Proxy((service.host, service.port)), random.Random(seed)
        os.write(write, str(proxy.port).encode())
        while True:
            time.sleep(draw.uniform(*THERE))
            if draw.random() < 0.3:
                proxy.add({"kind": "lost"})
            else:
                proxy.down()
                time.sleep(draw.uniform(*AWAY))
                proxy.heal()

    pid = fork(flap)
    return pid, f"http://127.0.0.1:{os.read(read, 16).decode()}"


class Beginnings:
    """Reads the record as it grows, and waits until so many tool servers have begun."""

    def __init__(self, path):
        self.file, self.seen = open(path, "rb"), 0

    def wait(self, number):
        deadline = time.monotonic() + BEGINS
        while self.seen < number:
            assert time.monotonic() < deadline, "a tool server does not begin"
            time.sleep(0.002)
            self.seen += self.file.read().count(b"began ")


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def prove_kills(number, seed, say=print, driver=None, has_outages=False):
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="cuebx-proof-", dir=memory_folder()))
    service = Service(RICH).start()
    between, url = None, service.url
    life = (SHORTEST_LIFE_IN_OUTAGES, LONGEST_LIFE_IN_OUTAGES) if has_outages \
        else (SHORTEST_LIFE, LONGEST_LIFE)
    running = {}
    try:
        users = [service.new_user() for _ in range(USERS)]
        tokens = [user.token(86_400) for user in users]
        (folder / "record").touch()
        beginnings, launches = Beginnings(folder / "record"), 0
        if has_outages:
            see_the_hold(service, folder / "spool", users[0])
            between, url = flapping(service, seed)
        for kill in range(number):
            while len(running) < SERVERS:
                arguments = (url, folder / "spool", folder / "record", tokens,
                             f"{seed}-{draw.getrandbits(32)}", has_outages)
                pid = launched(driver, *arguments) if driver else fork(tool_server, *arguments)
                running[pid] = math.inf
                launches += 1
                beginnings.wait(launches)
                running[pid] = time.monotonic() + draw.uniform(*life)
            victim, moment = min(running.items(), key=lambda item: item[1])
            time.sleep(max(0.0, moment - time.monotonic()))
            del running[victim]
            end(victim)
            if kill % 100 == 99:
                say(f"{kill + 1} kills")
        while running:
            end(running.popitem()[0])
        result = judge_kills(service, users, folder)
        assert ", 0 unasked" not in result or not has_outages, "nothing ran in an outage"
        say(f"{number} kills, seed {seed}: {result}")
        return result
    finally:
        for pid in [*running, *([between] if between else [])]:
            end(pid)
        service.stop()
        shutil.rmtree(folder)


def see_the_hold(service, spool, user):
    """Of a feature that was never asked for nothing would run."""
    with cuebx.Client(service.url, spool=spool, outage=journal()) as client:
        with client.metered(FEATURE, user=user.token(), request_id="first") as call:
            (spool.parent / "record").write_text(f"ran {call.usage_id} 0 first\nsuccess {call.usage_id}\n")
        assert client.flush(20)


def judge_kills(service, users, folder):
    """What the last client finds in the spool is told; then the ledger and the record must agree."""
    with cuebx.Client(service.url, spool=folder / "spool") as client:
        assert client.flush(120), "what was in the spool was not acknowledged"
    assert not list((folder / "spool").glob("*.spool")), "a spool is left"
    assert not list((folder / "spool").glob("refused/*")), "what was told was refused"
    # Granted and never entered: such holds end by themselves.
    service.advance(TTL + 60)
    logs = [(number, log) for number, user in enumerate(users) for log in user.logs]
    # A request's call is the one that was charged, if any was.
    charged = collections.Counter(
        (number, log["request_id"]) for number, log in logs if log["status"] == "SUCCESS")
    twice = [request for request, times in charged.items() if times > 1]
    assert not twice, f"charged twice: {twice[:3]}"
    failed = {log["id"] for _, log in logs if log["status"] == "FAILED"}
    runs = read_record(folder / "record")
    for request, each in runs.items():
        judge_request(request, each, request in charged, failed)
    unasked = [request for request in charged if request not in runs]
    assert not unasked, f"charged without a run: {unasked[:3]}"
    for number, user in enumerate(users):
        mine = sum(owner == number for owner, _ in charged)
        balance = user.balance
        assert float(balance["credits_used"]) == mine, f"{balance['credits_used']} used, {mine} runs"
        assert balance["credits_reserved"] == "0.00"
    statuses = collections.Counter(log["status"] for _, log in logs)
    told = [run for each in runs.values() for run in each]
    return (f"{len(logs)} calls ({dict(statuses)}), {len(told)} ran, "
            f"{sum(is_journal(run) for run in told)} unasked, "
            f"{sum(run[1] == 'ran' for run in told)} cut off by a kill; 0 lost, 0 double")


def read_record(path):
    """Of each request its runs, in order: the usage, and how it ended, "ran" if nobody knows."""
    runs, last = {}, {}
    for words in (line.split() for line in path.read_text().split("\n") if line):
        if words[0] == "ran":
            last[words[1]] = [words[1], "ran"]
            runs.setdefault((int(words[2]), words[3]), []).append(last[words[1]])
        elif words[0] in ("success", "failure"):
            last[words[1]][1] = words[0]
    return runs


def is_journal(run):
    return run[0].startswith("journal-")


def judge_request(request, runs, is_charged, failed):
    """- failed: the usages that the service knows to have failed."""
    assert len(runs) == 1, f"ran twice: {request} {runs}"
    [(usage, how)] = runs
    if how == "success":
        assert is_charged, f"a result was handed out and not charged: {request} {runs}"
    if how == "failure":
        assert not is_charged, f"a failure was charged: {request} {runs}"
    if not is_journal(runs[0]) and not is_charged:
        assert usage in failed, f"ran, and nothing was told: {request} {runs}"


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
        told = subprocess.run(
            [*shlex.split(driver), "streams", url, str(spool), token, str(number), str(seed)],
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
    """In turns, ROUNDS times: bare validate and commit by httpx, one after the other, then metered calls
    with the spool in memory, then on the disk. Told are medians of the rounds: this process's processor
    time a call, of all its threads, which depends little on who else uses the machine; and what a caller
    waits for: of the bare calls validate alone, since a client commits in the background."""
    service = Service(RICH).start()
    folders = {"bare": None, "in memory": memory_folder(), "on the disk": ROOT / "var"}
    figures = collections.defaultdict(list)
    try:
        user = service.new_user()
        token = user.token(86_400)
        for round in range(ROUNDS):
            for how, folder in folders.items():
                calls = max(1, number // ROUNDS)
                figures[how].append(
                    measure_bare(service, user, token, f"{round}", calls) if how == "bare"
                    else measure_metered(service, token, folder, calls))
    finally:
        service.stop()
    processor, waited = ({how: median(each[place] for each in rounds) for how, rounds in figures.items()}
                         for place in (0, 1))
    result = [f"{what}: bare {told['bare']:.3f} ms" + "".join(
        f"; with the spool {how} {told[how]:.3f} ({told[how] - told['bare']:+.3f})" for how in list(told)[1:])
        for what, told in (("processor time a call", processor), ("waited for, p50", waited))]
    say("\n".join(result))
    return result


def measure_bare(service, user, token, prefix, calls):
    """(milliseconds of the processor a call, of waiting for validate)."""
    import httpx

    headers = {"Authorization": f"Bearer {token}", "X-Internal-API-Key": "dev-internal-key"}
    waited = []
    with httpx.Client(base_url=f"{service.url}/career/internal/usage", headers=headers) as client:
        begun = time.process_time()
        for each in range(calls):
            start = time.perf_counter()
            granted = client.post("/validate", json={
                "request_id": f"{prefix}-{each}", "feature_key": FEATURE, "endpoint": "", "method": "POST",
                "payload_hash": "ab" * 32}).json()
            waited.append(time.perf_counter() - start)
            client.post("/commit", json={
                "user_id": user.id, "usage_id": granted["usage_id"], "success": True})
        used = time.process_time() - begun
    return used / calls * 1000, median(waited) * 1000


def measure_metered(service, token, folder, calls):
    """The same of metered calls, each told before the next, as the bare ones are."""
    spool = Path(tempfile.mkdtemp(prefix="cuebx-proof-", dir=folder))
    waited = []
    try:
        with cuebx.Client(service.url, spool=spool / "spool") as client:
            with client.metered(FEATURE, user=token):
                pass
            client.flush()
            begun = time.process_time()
            for _ in range(calls):
                start = time.perf_counter()
                with client.metered(FEATURE, user=token):
                    pass
                waited.append(time.perf_counter() - start)
                client.flush()
            used = time.process_time() - begun
    finally:
        shutil.rmtree(spool)
    return used / calls * 1000, median(waited) * 1000


def median(figures):
    ordered = sorted(figures)
    return ordered[len(ordered) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["kills", "aborts", "overhead"])
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--driver", help="of another language's client; for kills and aborts")
    parser.add_argument("--outages", action="store_true", help="the service goes away by turns; for kills")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    if arguments.what == "overhead":
        measure_overhead(arguments.number, say_now)
    elif arguments.what == "aborts":
        prove_aborts(arguments.number, arguments.seed, say_now, arguments.driver)
    else:
        prove_kills(
            arguments.number, arguments.seed, say_now, arguments.driver, arguments.outages)


def say_now(text):
    print(text, flush=True)


if __name__ == "__main__":
    main()
