"""What each page weighs and how long the server takes for it, on a large database.

    python Tests/service/page_times.py --logs 1000000 --folder var/pages

makes a database of so many usage logs, a hundred for each account but one that has a hundredth of
them all, starts the service on it, and asks for each page of that account and of the console again and
again. It prints a table as docs/benchmarks.md has it: bytes all in (stylesheet and icon included),
the processor time of the whole service a page, and the median time from request to answer, which
has the loopback and this client in it.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from browser import Browser
from conftest import PASSWORD, Service
from ledger_data import fill
from operators import Operator
from test_pages import PAGES

# Pages that nobody can open without more than an address, or that act when they are opened.
LEFT_OUT = {"/reset/confirm", "/verify", "/signout"}
CONSOLE = [
    "/console", "/console/money", "/console/money/notices", "/console/money/returned",
    "/console/letters", "/console/webhooks", "/console/catalog", "/console/catalog/plans",
    "/console/catalog/revisions", "/console/audit", "/console/acts", "/console/operators",
]
HOUR = 3_600


def owner_of_many(service, logs):
    """Gives a hundredth of all logs to the first account of the ledger, and a password that is known."""
    somebody = Browser(service)
    somebody.sign_up("somebody@example.test", PASSWORD)
    [(user, subscription)] = service.rows(
        "SELECT u.id, s.id FROM users u JOIN subscriptions s ON s.user_id = u.id "
        "WHERE u.email = 'user-0@example.test'")
    service.write(
        "UPDATE users SET email_verified_at = created_at, password_hash = (SELECT password_hash "
        "FROM users WHERE email = 'somebody@example.test') WHERE id = ?", user)
    service.write(
        "UPDATE career_usage_logs SET user_id = ?, subscription_id = ?, "
        "request_id = request_id || '-of-many' WHERE payload_hash < '029' AND status <> 'PENDING'",
        user, subscription)
    [(count, call)] = service.rows(
        "SELECT count(*), max(id) FROM career_usage_logs WHERE user_id = ?", user)
    assert count >= logs // 200, count
    return user, call


def busy_seconds(pid):
    """Processor time of all threads of a process, living ones by the kernel's finest clock."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def size(browser, path):
    """Bytes of a page with its stylesheet and icon, each counted once."""
    page = browser.get(path)
    assert page.status == 200 and page.path == path, (path, page.status, page.path)
    total = len(page.answer.bytes)
    for link in page.all("link"):
        if link["href"] and link["href"].startswith("/"):
            total += len(browser.call("GET", link["href"]).bytes)
    return total


def figures(service, browser, path, rounds):
    """Bytes, milliseconds of processor time and median milliseconds of a page."""
    weight = size(browser, path)
    times, begun = [], busy_seconds(service.process.pid)
    for _ in range(rounds):
        start = time.perf_counter()
        answer = browser.call("GET", path)
        times.append(time.perf_counter() - start)
        assert answer.status == 200, path
    busy = (busy_seconds(service.process.pid) - begun) / rounds
    return weight, busy * 1000, statistics.median(times) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path("var/pages"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for file in options.folder.glob("*.db*"):
        file.unlink()
    service = Service(options.folder.resolve(), LOG_LEVEL="warning")
    # The present period still runs while this does.
    accounts = fill(service.database, options.logs, has_overdue=False,
                    until=(int(time.time()) + 2 * HOUR) * 1_000_000)
    service.start()
    try:
        user, call = owner_of_many(service, options.logs)
        print(f"{accounts} accounts, {options.logs} logs, "
              f"{os.path.getsize(service.database) >> 20} MiB", flush=True)
        visitor, person = Browser(service), Browser(service)
        assert person.sign_in("user-0@example.test", PASSWORD).path == "/account"
        operator = Operator(service, "admin@ops.test", "admin")
        assert operator.enter().path == "/console"
        asked = [(visitor, path) for path, who in PAGES.items() if who != "user"]
        asked += [(person, path) for path, who in PAGES.items() if who == "user"]
        asked += [(person, f"/account/usage/{call}")]
        asked += [(operator, path) for path in CONSOLE]
        asked += [(operator, f"/console/people/{user}"), (operator, f"/console/people/{user}/calls"),
                  (operator, f"/console/calls/{call}")]
        print("| page | bytes | processor ms | median ms |\n|---|---|---|---|")
        for browser, path in asked:
            if path in LEFT_OUT:
                continue
            weight, busy, median = figures(service, browser, path, options.rounds)
            name = path.replace(str(user), "{user_id}").replace(str(call), "{usage_id}")
            print(f"| `{name}` | {weight:,} | {busy:.1f} | {median:.1f} |".replace(",", " "), flush=True)
    finally:
        service.stop()


if __name__ == "__main__":
    main()
