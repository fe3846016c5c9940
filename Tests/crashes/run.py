"""Kills the service at random instants under load, restarts it, hundreds of times, and checks all
that the clients saw. `make crashes` runs it:

    .venv/bin/python Tests/crashes/run.py [--kills 60] [--seed …] [--engine sqlite|postgresql]

A seed draws the worlds again: plans, choices of the clients, instants of the kills. What the
machine makes of them is its own affair, so a failure may need a few tries to come back; the history
that failed is kept in var/crashes and can be checked again.
"""

import argparse
import secrets
import sys
import time

from disks import FaultyDisk
from world import World, postgresql, scratch_folder

# Kills in one world, before it is checked and the next one begins.
KILLS_OF_A_WORLD = 20


def run(engine, seed, kills, server=None, out=print):
    """- returns: kills, calls explained, calls without an answer."""
    totals, number = [0, 0, 0], 0
    while totals[0] < kills:
        number += 1
        name = f"{seed}-{engine}-{number}"
        with scratch_folder() as folder:
            settings = {"postgres": server.url, "processes": 2} if server else {}
            # The longer a commit takes, the more kills come between its parts: what is answered
            # too early is lost.
            slow = FaultyDisk(folder, "SLOW") if not server and number % 2 == 1 else None
            if slow:
                settings = {"database": slow.database, **slow.settings}
            with World(folder / "world", name, **settings) as world:
                if slow:
                    slow.fail(world)
                world.kill_at_random(min(KILLS_OF_A_WORLD, kills - totals[0]))
                world.load.wait(20)
        figures = (world.kills, world.checked, world.unanswered)
        totals = [total + figure for total, figure in zip(totals, figures)]
        out(f"{name}: {figures[0]} kills, {figures[1]} answers explained, "
            f"{figures[2]} calls without one")
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--kills", type=int, default=60, help="on each engine")
    parser.add_argument("--seed", default=str(secrets.randbelow(1_000_000)))
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for engine in [options.engine] if options.engine else ["sqlite", "postgresql"]:
        start = time.monotonic()
        server = postgresql.PostgreSQL(durable=True) if engine == "postgresql" else None
        try:
            kills, checked, unanswered = run(
                engine, options.seed, options.kills, server,
                lambda line: print(line, flush=True))
        finally:
            if server:
                server.remove()
        print(f"{engine}: survived {kills} kills; {checked} answers explained, {unanswered} calls "
              f"without an answer settled; {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
