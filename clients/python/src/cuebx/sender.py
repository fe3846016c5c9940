"""One thread a product that sends: whatever has gathered while its last request was in flight goes next.

There is no timer for a batch, so a lone call waits for nobody; nor does a user's call wait for what the
service does with customers' calls.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .events import Events, log
from .holds import is_unknown_verb
from .transport import (
    MOST_BYTES, MOST_OPERATIONS, PATHS, Answer, NoAnswer, Operation, Result, Transport)

# Of a batch, for what a spool still held: it never delays live calls by more.
MOST_OF_THE_REST = MOST_OPERATIONS // 4
# Seconds that a validate nobody waits for any more is asked about, if its hold may be open.
ASKED_IN_THE_BACKGROUND = 60.0
# A commit is not kept waiting longer than so many seconds, whatever Retry-After says.
LONGEST_RETRY_AFTER = 3600.0
# What a commit, or another operation on an open usage, is told for good.
FINAL = {200, 202, 400, 409, 413, 415, 422}
FINAL_CODES = {"usage_not_found", "usage_of_another_user", "usage_of_another_workspace"}
# What says that somebody else answers for the service.
AWAY = {502, 503, 504}
# What a call that ran unasked is told for good, by the service itself.
FINAL_OF_RECORDS = {200, 400, 402, 409, 413, 415, 422}


class Lane:
    """What waits to be sent of one product. `condition` tells its thread of what is new."""

    def __init__(self, lock: threading.RLock) -> None:
        # Its lock is that of all lanes.
        self.condition = threading.Condition(lock)
        self.live: deque[Operation] = deque()
        self.rest: deque[Operation] = deque()
        self.timers: list[tuple[float, int, Callable[[], None]]] = []

    def put(self, operation: Operation) -> None:
        (self.rest if operation.is_rest else self.live).append(operation)
        self.condition.notify()


class Sender:
    def __init__(
        self, transport: Transport, events: Events, first_pause: float, longest_pause: float,
    ) -> None:
        self.transport, self.events = transport, events
        self.first_pause, self.longest_pause = first_pause, longest_pause
        self.lock = threading.RLock()
        # Told once nothing is outstanding.
        self.condition = threading.Condition(self.lock)
        self.lanes = {product: Lane(self.lock) for product in PATHS}
        self.order = itertools.count()
        # Operations, and outcomes on their way to the disk, that are not settled yet.
        self.outstanding = 0
        # Those of them that a spool still held.
        self.outstanding_rest = 0
        # When the service last decided anything on users' calls, by the monotonic clock. What it says to
        # customers does not tell whether users are answered.
        self.heard_at = float("-inf")
        self.is_stopped = False
        self.random = random.Random()
        self.threads = [
            threading.Thread(target=self.run, args=(lane,), name=f"cuebx-sender-{product}", daemon=True)
            for product, lane in self.lanes.items()]
        for thread in self.threads:
            thread.start()

    # For other threads

    def submit(self, operation: Operation) -> None:
        with self.lock:
            self.outstanding += 1
            self.outstanding_rest += operation.is_rest
            self.lanes[operation.product].put(operation)

    def later(self, when: float, product: str, callback: Callable[[], None]) -> None:
        """Calls back on the product's thread."""
        lane = self.lanes[product]
        timer = (when, next(self.order), callback)
        with self.lock:
            heapq.heappush(lane.timers, timer)
            # Before those that come earlier the thread need not wake up for this one.
            if lane.timers[0] is timer:
                lane.condition.notify()

    def count(self, change: int, is_rest: bool = False) -> None:
        with self.lock:
            self.outstanding += change
            if is_rest:
                self.outstanding_rest += change
            if self.outstanding == 0:
                self.condition.notify_all()

    @property
    def waiting(self) -> int:
        """Operations of live calls that are not settled yet."""
        return self.outstanding - self.outstanding_rest

    def abandon(self, operation: Operation) -> None:
        """Nobody waits for it any more; if the service may hold something for it, it is asked on."""
        with self.lock:
            operation.is_abandoned = True
            now = time.monotonic()
            operation.deadline = now + ASKED_IN_THE_BACKGROUND
            self.lanes[operation.product].condition.notify()

    def drop(self, operation: Operation) -> None:
        """It is not sent again, whatever came of it."""
        with self.lock:
            operation.deadline = time.monotonic()
            self.lanes[operation.product].condition.notify()

    def stop(self) -> None:
        with self.lock:
            self.is_stopped = True
            for lane in self.lanes.values():
                lane.condition.notify()

    def join(self, seconds: float) -> None:
        """Waits so long for each of the threads of a sender that was stopped."""
        for thread in self.threads:
            thread.join(seconds)

    # The threads

    def run(self, lane: Lane) -> None:
        while True:
            with self.lock:
                now = time.monotonic()
                due = self.due(lane, now) if lane.timers else []
                over, batch = self.take(lane, now)
                if self.is_stopped:
                    return
                if not (due or over or batch):
                    lane.condition.wait(lane.timers[0][0] - now if lane.timers else None)
                    continue
            for callback in due:
                self.guarded(callback)
            for operation in over:
                self.end(operation, NoAnswer("the service was not reached in time", False))
            if batch:
                for operation, result in zip(batch, self.exchange(batch)):
                    operation.is_in_flight = False
                    self.guarded(self.judge, operation, result)

    def exchange(self, batch: list[Operation]) -> list[Result]:
        try:
            return self.transport.send(batch)
        except Exception as error:  # It raises nothing; if it did, the thread goes on.
            self.tell_defect(error)
            return [NoAnswer(f"a defect of the client ({type(error).__name__})", True)] * len(batch)

    @staticmethod
    def due(lane: Lane, now: float) -> list[Callable[[], None]]:
        found = []
        while lane.timers and lane.timers[0][0] <= now:
            found.append(heapq.heappop(lane.timers)[2])
        return found

    @staticmethod
    def take(lane: Lane, now: float) -> tuple[list[Operation], list[Operation]]:
        """What is over, and the next batch."""
        over: list[Operation] = []
        batch: list[Operation] = []
        size = 0
        is_lone = len(lane.live) + len(lane.rest) == 1
        for queue, most in ((lane.live, MOST_OPERATIONS), (lane.rest, MOST_OF_THE_REST)):
            taken = 0
            while queue and taken < most and len(batch) < MOST_OPERATIONS:
                operation = queue[0]
                if is_over(operation, now):
                    over.append(queue.popleft())
                    continue
                try:
                    size += len(operation.alone() if is_lone else operation.element()) + 1
                except ValueError:
                    # Of what is judged where it enters, nothing comes here.
                    over.append(queue.popleft())
                    continue
                if size > MOST_BYTES and batch:
                    break
                operation.is_in_flight = True
                batch.append(queue.popleft())
                taken += 1
        return over, batch

    def judge(self, operation: Operation, result: Result) -> None:
        operation.attempts += 1
        operation.last = result
        is_decided = isinstance(result, Answer) and result.is_own and result.status not in AWAY
        if is_decided and operation.product == "career":
            self.heard_at = time.monotonic()
        if isinstance(result, NoAnswer):
            operation.is_unsure = operation.is_unsure or result.was_sent
        elif result.status in (500, 502, 504):
            operation.is_unsure = True
        if is_final(operation, result):
            return self.end(operation, result)
        now = time.monotonic()
        pause = self.pause(operation, result)
        last = min(limit for limit in (operation.deadline, operation.retry_until, now + 1e9)
                   if limit is not None)
        if now + pause >= last:
            return self.end(operation, result)
        self.events.tell(
            "retrying", operation=operation.name, attempt=operation.attempts, seconds=round(pause, 3),
            reason=result.message if isinstance(result, NoAnswer) else f"status {result.status}")
        self.later(now + pause, operation.product, lambda: self.again(operation))

    def pause(self, operation: Operation, result: Result) -> float:
        """Full jitter: somewhere between nothing and what doubles with each try."""
        most = min(self.longest_pause, self.first_pause * 2 ** min(operation.attempts - 1, 30))
        pause = self.random.uniform(0, most)
        asked = result.retry_after if isinstance(result, Answer) else None
        if asked is None:
            return pause
        return max(pause, asked if operation.name == "validate" else min(asked, LONGEST_RETRY_AFTER))

    def again(self, operation: Operation) -> None:
        with self.lock:
            self.lanes[operation.product].put(operation)

    def end(self, operation: Operation, result: Result) -> None:
        self.guarded(operation.done, result)
        self.count(-1, operation.is_rest)

    def guarded(self, callback: Callable[..., None], *arguments: Any) -> None:
        """A defect in what follows from one answer must not end the thread."""
        try:
            callback(*arguments)
        except Exception as error:
            self.tell_defect(error)

    def tell_defect(self, error: Exception) -> None:
        self.events.tell("defect", error=type(error).__name__)
        log.exception("a defect of the client")


def is_over(operation: Operation, now: float) -> bool:
    """Whether it need not be sent: its time has passed, or nobody waits and nothing can be held."""
    if operation.deadline is not None and now >= operation.deadline:
        return True
    return operation.is_abandoned and not operation.is_unsure


def is_final(operation: Operation, result: Result) -> bool:
    if isinstance(result, NoAnswer):
        return False
    if operation.name == "validate":
        return result.status not in (408, 502, 503, 504)
    if operation.name == "record":
        # It is told again to a service that does not take it yet: an older one, or by its setting.
        is_taken = result.is_own and result.status in FINAL_OF_RECORDS and not is_unknown_verb(result)
        return result.status == 200 or is_taken or result.code == "user_not_found"
    if operation.name != "commit" and result.is_no_address:
        return True  # An older service: it has no such verb.
    is_outcome = operation.must_be_told or operation.name == "commit"
    is_decided = result.is_own and (result.status not in (401, 429) or result.is_customers)
    if not is_outcome and operation.is_unsure and not is_decided:
        return False  # It may have been carried out before: who did not judge it cannot say that it was not.
    if not is_outcome and 400 <= result.status < 500 and result.status != 408:
        return True  # A refused raise is an answer, and what waits behind it must not wait for it.
    return result.status in FINAL or result.code in FINAL_CODES
