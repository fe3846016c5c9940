"""What the clients saw: each call with the instants between which it ran and what was answered, as
JSON lines that can be kept and checked again.

Instants are nanoseconds of the machine's monotonic clock, which all the clients share.
"""

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from decimal import Decimal


def micro_credits(text):
    """Credits as the wire has them, in whole micro-credits."""
    return int(Decimal(text) * 1_000_000)


@dataclass
class Call:
    """One call of a client about one account.

    kind        validate, commit, accept (a commit with `Prefer: respond-async`), balance, adjust
    account     whose account it is about
    tries       without an answer: each process that was asked, and when the client gave up on it.
                Asked again and again, one call can still have an effect only once.
    asked       what was asked: the fields that the model needs
    start, end  the client began after `start` and had its answer, or gave up, before `end`
    answer      the fields that the model tells too; None where there was none
    latest      by when a call without an answer was either done or never will be: whatever could
                still have done it was dead by then
    """

    kind: str
    account: str
    asked: dict
    start: int
    end: int
    answer: dict | None
    tries: list = field(default_factory=list)
    latest: int | None = None

    @property
    def deadline(self):
        return self.latest if self.answer is None else self.end


class History:
    """Collects calls from all the clients, and the instants at which a process was surely dead."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls, self.deaths = [], []

    def add(self, call):
        with self.lock:
            self.calls.append(call)

    def record_death(self, *processes):
        """Nothing that these processes were asked before now is still going on, anywhere."""
        with self.lock:
            self.deaths += [(time.monotonic_ns(), process) for process in processes]

    def finish(self):
        """Gives each call without an answer its latest end. Called when all is at rest."""
        now = time.monotonic_ns()
        for call in self.calls:
            if call.answer is None:
                call.latest = max(self.death(process, end, now) for process, end in call.tries)
        return self.calls

    def death(self, process, end, now):
        return min((instant for instant, dead in self.deaths if dead == process and instant >= end),
                   default=now)

    def write(self, path):
        with open(path, "w") as file:
            file.writelines(json.dumps(asdict(call)) + "\n" for call in self.calls)


def read(path):
    with open(path) as file:
        return [Call(**json.loads(line)) for line in file]
