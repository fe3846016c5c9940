"""A large ledger, made by hand and consistent, and what it costs to audit and to move it.

    python Tests/service/ledger_data.py --logs 1000000 --folder var/moving

makes a database with so many usage logs and prints how long `audit`, `export`, `import` and
`backup` take and how much memory each holds at most. With `--make FILE` it only makes the database,
in which no reservation is overdue, for `cuebx-bench growth`.
"""

import argparse
import os
import random
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CUEBX_BINARY", str(ROOT / ".build/release/cuebx"))
FREE = bytes.fromhex("0198c0de000070008000000000000001")
CREDIT = 1_000_000
SECOND = 1_000_000
# The anchor, 14 November 2023, and the ends of the months that are counted from it.
STARTS = [seconds * SECOND for seconds in (1_700_000_000, 1_702_592_000, 1_705_270_400)]
END = 1_707_948_800 * SECOND
# Logs of an account, over all of its periods.
LOGS_AN_ACCOUNT = 100
PERIODS = 3


def environment(database):
    return {
        "PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:{database}", "LOG_LEVEL": "warning",
        "CATALOG": str(ROOT / "catalog.json"),
    }


def uuid7(micros, random):
    head = (micros // 1000 << 16) | 0x7000 | random.getrandbits(12)
    return ((head << 64) | (0b10 << 62) | random.getrandbits(62)).to_bytes(16, "big")


def settled_logs(service, user, logs, days_apart=0, start=1_700_000_000):
    """Writes so many failed calls of a user, which charge and hold nothing, to a service's database:
    a thousand a second, or one a day."""
    dice = random.Random(1)
    [(subscription,)] = service.rows(
        "SELECT id FROM subscriptions WHERE user_id = ?", uuid.UUID(user.id))
    step = days_apart * 86_400 * SECOND or 1000
    rows = []
    for number in range(logs):
        at = start * SECOND + number * step
        rows.append((
            uuid.UUID(bytes=uuid7(at, dice)), uuid.UUID(user.id), subscription, 1,
            f"request-{number}", f"{dice.getrandbits(256):064x}", "career.job_match", "FAILED", CREDIT,
            "/v1/job-match", "POST", at, at + 900 * SECOND, at + SECOND, "timeout",
            "the model was too slow"))
    service.write_many(
        "INSERT INTO career_usage_logs (id, user_id, subscription_id, period_number, request_id, "
        "payload_hash, feature_key, status, credits_reserved, endpoint, method, created_at, "
        "expires_at, committed_at, failure_type, failure_reason) "
        f"VALUES ({', '.join('?' * 16)})", rows)


def fill(database, logs, seed=1, has_overdue=True, until=END):
    """Makes a database of so many logs, the newest of them just before `until`, in microseconds since
    1970; returns the number of accounts."""
    subprocess.run([BINARY, "catalog", "sync"], env=environment(database), check=True,
                   capture_output=True)
    dice = random.Random(seed)
    starts = [begun + until - END for begun in STARTS]
    start = starts[0]
    accounts = max(1, logs // LOGS_AN_ACCOUNT)
    users = [uuid7(start, dice) for _ in range(accounts)]
    subscriptions = [uuid7(start, dice) for _ in range(accounts)]
    held, used = [0] * accounts, [0] * accounts
    # When the first of what is held lapses.
    lapses = [None] * accounts
    # An account's last decision is the newest of its rows.
    decided = [starts[-1]] * accounts
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA foreign_keys = OFF")
    columns = (
        "id, user_id, subscription_id, period_number, request_id, payload_hash, feature_key, "
        "status, credits_reserved, credits_charged, endpoint, method, created_at, expires_at, "
        "committed_at, model_used, input_tokens, output_tokens, latency_ms, failure_type, "
        "failure_reason")
    insert = (f"INSERT INTO career_usage_logs ({columns}) "
              f"VALUES ({', '.join('?' * (columns.count(',') + 1))})")
    step = (until - start) // logs
    rows = []
    for number in range(logs):
        at = start + number * step
        period = sum(begun <= at for begun in starts)
        account = dice.randrange(accounts)
        cost = dice.choice([CREDIT // 2, CREDIT, 2 * CREDIT])
        status = dice.choices(["SUCCESS", "FAILED", "EXPIRED", "PENDING"], [85, 9, 4, 2])[0]
        if status == "PENDING" and (period < PERIODS or not has_overdue):
            status = "EXPIRED"
        if period == PERIODS:
            used[account] += cost if status == "SUCCESS" else 0
            held[account] += cost if status == "PENDING" else 0
            if status == "PENDING" and lapses[account] is None:
                lapses[account] = at + 900 * SECOND
        settled = at + SECOND if status in ("SUCCESS", "FAILED") else None
        lapsed = at + 900 * SECOND if status == "EXPIRED" else at
        decided[account] = max(decided[account], settled or lapsed)
        rows.append((
            uuid7(at, dice), users[account], subscriptions[account], period, f"request-{number}",
            f"{dice.getrandbits(256):064x}", "career.job_match", status, cost,
            cost if status == "SUCCESS" else None, "/v1/job-match", "POST", at, at + 900 * SECOND,
            settled, *(("some-model-2", 1200, 400, 850) if settled else (None,) * 4),
            *(("timeout", "the model was too slow") if status == "FAILED" else (None, None))))
        if len(rows) == 20_000:
            connection.executemany(insert, rows)
            rows.clear()
    connection.executemany(insert, rows)
    allocation = 1_000_000 * CREDIT
    for number, (user, subscription) in enumerate(zip(users, subscriptions)):
        email = f"user-{number}@example.test"
        connection.execute(
            "INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at) "
            "VALUES (?, ?, ?, 'none', ?, ?)", (user, email, email, start, start))
        connection.execute(
            "INSERT INTO subscriptions (id, user_id, plan_id, status, cancel_at_period_end, "
            "trial_used, created_at, updated_at) VALUES (?, ?, ?, 'active', 0, 0, ?, ?)",
            (subscription, user, FREE, start, start))
        connection.execute(
            "INSERT INTO career_subscription_contexts (user_id, subscription_id, plan_id, "
            "subscription_status, earliest_expiry, period_number, "
            "period_start, period_end, period_source, period_plan_id, period_anchor, "
            "credits_allocated, credits_used, credits_reserved, minute_started_at, minute_count, "
            "day_started_at, day_count, decided_at) "
            "VALUES (?, ?, ?, 'active', ?, ?, ?, ?, 'free', ?, ?, ?, ?, ?, 0, 0, 0, 0, ?)",
            (user, subscription, FREE, lapses[number], PERIODS, starts[-1], until, FREE, start,
             allocation, used[number], held[number], decided[number]))
        connection.execute(
            "INSERT INTO subscription_changes (id, subscription_id, event, plan_id, status, at) "
            "VALUES (?, ?, 'activated', ?, 'active', ?)",
            (uuid7(start, dice), subscription, FREE, start))
        for period, begun in enumerate(starts, 1):
            connection.execute(
                "INSERT INTO credit_grants (user_id, period_number, kind, cause, credits, created_at) "
                "VALUES (?, ?, 'plan', 'free_month', ?, ?)",
                (user, period, allocation, begun))
    connection.commit()
    connection.close()
    return accounts


def measure(database, *arguments):
    """Runs a command; returns its seconds and the most memory it held, in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(
        [BINARY, *arguments], env=environment(database), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return time.monotonic() - began, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("var/moving"))
    parser.add_argument("--make", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.make:
        accounts = fill(options.make, options.logs, has_overdue=False)
        print(f"{accounts} accounts, {options.logs} logs, {options.make.stat().st_size >> 20} MiB")
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    names = ("from.db", "to.db", "copy.db", "export.jsonl")
    source, target, copy, stream = (options.folder / name for name in names)
    for path in (source, target, copy, stream):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    accounts = fill(source, options.logs)
    print(f"{accounts} accounts, {options.logs} logs, {source.stat().st_size >> 20} MiB")
    for database, *arguments in (
            (source, "audit"), (source, "export", str(stream)), (target, "import", str(stream)),
            (target, "audit"), (source, "backup", str(copy)), (copy, "audit")):
        seconds, memory = measure(database, *arguments)
        print(f"{arguments[0]:8} {seconds:7.1f} s {memory:7.0f} MiB", flush=True)
    print(f"the export has {stream.stat().st_size >> 20} MiB")


if __name__ == "__main__":
    main()
