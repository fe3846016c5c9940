"""What a client runs on in one process: the sender, the spool, and the usages that are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .captures import Captures
from .errors import SpoolUnavailable
from .events import Events
from .holds import (
    Usage, charges_whole, date_of, failure_of, has_amounts, hold_ends, is_unknown_verb, without_result)
from .ids import new_id
from .options import Options
from .outage import Outage, is_journal
from .records import Records
from .sender import Sender
from .signals import Signal
from .spool import Spool
from .spool_format import Record, Todo
from .transport import PATHS, Answer, NoAnswer, Operation, Result, Secret, Transport

if TYPE_CHECKING:
    from .asking import Asking

# A hold is prolonged when so much of what was left is over.
EXTEND_AT = 0.5
# How often a little less time is asked for, should the first be more than the feature's maximum.
EXTEND_TRIES = 3
# A service that had no `/extend`, or no `/capture`, is asked for it again after so many seconds.
ASKED_AGAIN = 600.0
# Seconds of a hold below which nothing is asked: the answer would come too late.
SHORTEST_EXTENSION = 0.05


class Engine:
    def __init__(
        self, url: str, internal_key: Secret, spool: Path | None, options: Options, events: Events,
    ) -> None:
        self.options, self.events = options, events
        self.lock = threading.RLock()
        self.usages: dict[str, Usage] = {}
        # Since when the service may have these verbs for a product, which an older one lacks.
        self.extend_from = dict.fromkeys(PATHS, 0.0)
        self.capture_from = dict.fromkeys(PATHS, 0.0)
        # The service's clock, in Unix seconds, less ours.
        self.clock_offset = 0.0
        self.captures, self.records = Captures(self), Records(self)
        self.is_closed = False
        self.transport = Transport(url, internal_key, events, options.answer_seconds)
        self.sender = Sender(self.transport, events, options.first_pause, options.longest_pause)
        self.outage = Outage(options.outage, spool, events, lambda: self.sender.heard_at)
        with self.lock:
            # What it adopts at once waits for this lock, until the engine is whole.
            self.spool = Spool(spool, events, self.take_over, options.adopt_every, self.outage.save)

    def can_extend(self, usage: Usage) -> bool:
        return time.monotonic() >= self.extend_from[usage.product]

    def can_capture(self, usage: Usage) -> bool:
        return time.monotonic() >= self.capture_from[usage.product]

    def no_captures(self, usage: Usage) -> None:
        self.capture_from[usage.product] = time.monotonic() + ASKED_AGAIN

    # Holds

    def register(self, answer: Answer, asking: Asking) -> Usage:
        body, customer, hold_seconds = answer.body, asking.customer, asking.hold_seconds
        usage = Usage(
            str(body["usage_id"]), "" if customer else str(body["user_id"]),
            customer.client_id if customer else "", is_test=body.get("is_test_key") is True,
            credits_reserved=str(body.get("credits_reserved", "0.00")))
        with self.lock:
            self.usages[usage.usage_id] = usage
        self.note_time(answer)
        usage.hold_ends = hold_ends(answer)
        if usage.hold_ends is not None:
            usage.hold_seconds = hold_seconds or max(1, int(usage.hold_ends - answer.received))
        return usage

    def note_time(self, answer: Answer) -> None:
        if (told := date_of(answer)) is not None:
            self.clock_offset = told - time.time()

    def is_running(self, usage_id: str) -> bool:
        with self.lock:
            return usage_id in self.usages

    def is_open(self, usage_id: str) -> bool:
        with self.lock:
            return usage_id in self.usages and self.usages[usage_id].is_open

    @property
    def may_open(self) -> bool:
        """Whether calls may run unasked: then what other processes ran must be known, too."""
        return self.outage.policy is not None and self.spool.has_looked

    def in_order(self, usage: Usage, operation: Operation, is_next: bool = False) -> None:
        """Sends it once the usage's operation before it was answered; with `is_next` before those that
        wait."""
        done = operation.done

        def then(result: Result) -> None:
            try:
                done(result)
            finally:
                with self.lock:
                    usage.is_busy = False
                self.next_of(usage)

        operation.done = then
        self.sender.count(1, operation.is_rest)
        with self.lock:
            (usage.waiting.appendleft if is_next else usage.waiting.append)(operation)
        self.next_of(usage)

    def next_of(self, usage: Usage) -> None:
        with self.lock:
            if usage.is_busy or not usage.waiting:
                return
            usage.is_busy = True
            operation = usage.waiting.popleft()
        self.sender.submit(operation)
        self.sender.count(-1, operation.is_rest)

    # Heartbeats

    def keep_alive(self, usage: Usage, on_refused: Callable[[], None]) -> None:
        """Prolongs the hold whenever half of what was left of it is over, until the call ends."""
        if usage.hold_ends is None or not usage.is_open:
            return
        left = usage.hold_ends - time.monotonic()
        if left < SHORTEST_EXTENSION:
            return
        with self.lock:
            usage.beat += 1
            beat = usage.beat

        def prolong() -> None:
            if usage.beat != beat:
                return
            if self.can_extend(usage):
                self.extend(usage, on_refused, {"hold_seconds": usage.hold_seconds})
            else:
                self.keep_alive(usage, on_refused)

        self.sender.later(time.monotonic() + left * EXTEND_AT, usage.product, prolong)

    def extend(
        self, usage: Usage, on_refused: Callable[[], None], asked: dict[str, Any], tries: int = 1,
    ) -> None:
        if not usage.is_open or not self.can_extend(usage) or usage.journal:
            return

        def done(result: Result) -> None:
            if isinstance(result, NoAnswer):
                # It was asked until the hold was over.
                self.events.tell("extend_refused", usage_id=usage.usage_id, reason=result.message)
                return on_refused()
            if is_unknown_verb(result):
                self.extend_from[usage.product] = time.monotonic() + ASKED_AGAIN
                self.events.tell("extend_unsupported")
                return self.keep_alive(usage, on_refused)
            if result.status == 422 and asked.get("hold_seconds") == usage.hold_seconds > 1 \
                    and tries < EXTEND_TRIES:
                # What was left of the first hold is read from two clocks that show whole seconds.
                usage.hold_seconds -= 1
                shorter = {**asked, "hold_seconds": usage.hold_seconds}
                return self.extend(usage, on_refused, shorter, tries + 1)
            if result.status != 200:
                self.events.tell("extend_refused", usage_id=usage.usage_id, status=result.status,
                                 code=result.code, reason=result.message)
                if not result.is_own or result.status == 401 and not result.is_customers:
                    # A gateway's, or a key that is being changed: nothing was decided.
                    return self.keep_alive(usage, on_refused)
                return on_refused()
            usage.hold_ends = hold_ends(result)
            usage.credits_reserved = str(result.body.get("credits_reserved", usage.credits_reserved))
            self.events.tell("extended", usage_id=usage.usage_id)
            self.keep_alive(usage, on_refused)

        body = {**usage.named, "extension_id": new_id(), **asked}
        self.in_order(usage, Operation("extend", body, done, deadline=usage.hold_ends))

    # Ends

    def finish(self, usage: Usage, operations: list[Record], is_spooled: bool = True) -> Signal:
        """Writes the outcome to the spool, then sends it. The signal is set once it is written; if it
        cannot be, once the service has acknowledged it."""
        written, acknowledged = Signal(), Signal()
        usage.is_open = False
        self.sender.count(1)

        def send(error: Exception | None) -> None:
            if self.is_closed:
                # Nobody sends any more: what is on the disk is told by the next process.
                if error or self.spool.folder is None:
                    written.error = SpoolUnavailable(
                        "The client was closed before the call ended, and its outcome cannot be kept.")
                return written.set()
            for operation in operations:
                self.send_outcome(usage, operation, operation is operations[-1], acknowledged.set)
            self.sender.count(-1)
            if error:
                acknowledged.when_set(written.set)
            else:
                written.set()

        if is_spooled:
            self.spool.append(usage.outcome([self.spooled(each) for each in operations]), send)
        else:
            send(None)
        return written

    def spooled(self, record: Record) -> Record:
        """As it may lie on the disk."""
        return record if self.options.spool_results else without_result(record)

    def give_back(self, usage: Usage) -> None:
        """The hold of a call that nobody waited for any more."""
        self.events.tell("hold_given_back", usage_id=usage.usage_id)
        self.finish(usage, [failure_of(usage, "client_error", "Nobody waited for the answer.")],
                    is_spooled=False)

    def send_outcome(
        self, usage: Usage, record: Record, is_last: bool, acknowledged: Callable[[], None],
    ) -> None:
        body = {name: value for name, value in record.items() if name != "op"}

        def done(result: Result) -> None:
            if record["op"] == "capture":
                return self.captures.judge_outcome(usage, body, result)
            if record["op"] == "record":
                return self.records.recorded(usage, record, result, acknowledged)
            told = {"op": "commit", **operation.body}
            if again := self.told_again(usage, told, result):
                return self.send_outcome(usage, again, is_last, acknowledged)
            self.settled(usage, told, result)
            if is_last:
                self.told(usage, acknowledged)

        operation = Operation(
            record["op"], body, done, is_rest=usage.is_rest, must_be_told=True,
            deadline=time.monotonic() + self.options.commit_seconds)
        if record["op"] == "commit":
            self.captures.pay(usage, operation)
        self.in_order(usage, operation)

    def told(self, usage: Usage, acknowledged: Callable[[], None]) -> None:
        with self.lock:
            self.usages.pop(usage.usage_id, None)
        self.spool.append(usage.acknowledged())
        acknowledged()

    def told_again(self, usage: Usage, record: Record, result: Result) -> Record | None:
        """A success without what the service cannot take of it: first its result, then its amounts, when
        all that is held is charged. Else the call would be free."""
        if not isinstance(result, Answer) or result.status not in (400, 413, 422) or not result.is_own:
            return None
        if "result" in record:
            name, again = "result_refused", without_result(record)
        elif has_amounts(record):
            name, again = "settle_refused", charges_whole(record)
        else:
            return None
        self.events.tell(name, usage_id=usage.usage_id, status=result.status, code=result.code,
                         reason=result.message)
        return again

    def settled(self, usage: Usage, record: Record, result: Result) -> None:
        if isinstance(result, NoAnswer):
            self.events.tell("commit_given_up", usage_id=usage.usage_id, reason=result.message)
            return self.spool.lay_aside(self.spooled(record), 0, result.message)
        if result.body.get("result_kept") is False:
            # The user's results take as much as they may.
            self.events.tell("result_not_kept", usage_id=usage.usage_id)
        record = self.spooled(record)
        if result.status in (200, 202):
            return self.events.tell("settled", usage_id=usage.usage_id,
                                    status=str(result.body.get("status")),
                                    credits_charged=str(result.body.get("credits_charged")))
        self.events.tell("commit_refused", usage_id=usage.usage_id, status=result.status,
                         code=result.code, ended=str(result.body.get("status")),
                         reason=result.message)
        self.spool.lay_aside(record, result.status, result.body)

    def take_over(self, left: Todo) -> None:
        """What another process did not get to tell."""
        usage_id, user_id, operations, counted, client_id = left
        usage = Usage(usage_id, user_id, client_id, is_open=False, is_rest=True)
        if operations is None and is_journal(usage_id):
            operations = []  # It ended before it had delivered anything.
        elif operations is None:
            operations = [failure_of(usage, "internal_error", "The process ended before the call did.")]
        with self.lock:
            if usage_id in self.usages:
                return
            self.usages[usage_id] = usage
        for operation in operations:
            if operation.get("op") == "record":
                self.outage.adopt(usage_id, operation, counted)
            self.send_outcome(usage, operation, operation is operations[-1], lambda: None)
        if not operations:
            self.told(usage, lambda: None)

    # The whole

    def flush(self, seconds: float) -> bool:
        """Whether everything was acknowledged within the seconds."""
        deadline = time.monotonic() + seconds
        with self.spool.condition:
            self.spool.condition.wait_for(lambda: self.spool.has_looked, seconds)
        with self.sender.condition:
            return self.sender.condition.wait_for(
                lambda: self.sender.outstanding == 0, max(0.0, deadline - time.monotonic()))

    def close(self, seconds: float) -> bool:
        is_empty = self.flush(seconds)
        with self.lock:
            running = {usage.usage_id for usage in self.usages.values() if usage.is_open}
            self.is_closed = True
        self.sender.stop()
        self.spool.close(running)
        self.sender.join(1)
        self.transport.close()
        return is_empty
