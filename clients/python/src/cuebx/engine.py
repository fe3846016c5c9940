"""What a client runs on in one process: the sender, the spool, and the usages that are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .events import Events
from .holds import Usage, date_of, failure_of, has_error, hold_ends, is_positive, is_unknown_verb, with_part
from .ids import new_id
from .options import Options
from .sender import Sender
from .signals import Signal
from .spool import Spool
from .spool_format import Record, Todo
from .transport import Answer, NoAnswer, Operation, Result, Secret, Transport

# A hold is prolonged when so much of what was left is over.
EXTEND_AT = 0.5
# How often a little less time is asked for, should the first be more than the feature's maximum.
EXTEND_TRIES = 3
# Seconds of a hold below which nothing is asked: the answer would come too late.
SHORTEST_EXTENSION = 0.05


class Engine:
    def __init__(
        self, url: str, internal_key: Secret, spool: Path | None, options: Options, events: Events,
    ) -> None:
        self.options, self.events = options, events
        self.lock = threading.RLock()
        self.usages: dict[str, Usage] = {}
        self.can_extend = self.can_capture = True
        # Features that have turned out to have no price of tokens.
        self.fixed_prices: set[str] = set()
        # The service's clock, in Unix seconds, less ours.
        self.clock_offset = 0.0
        self.transport = Transport(url, internal_key, events, options.answer_seconds)
        self.sender = Sender(self.transport, events, options.first_pause, options.longest_pause)
        self.spool = Spool(spool, events, self.take_over, options.adopt_every)

    # Holds

    def register(self, answer: Answer, feature: str, hold_seconds: int | None) -> Usage:
        body = answer.body
        usage = Usage(str(body["usage_id"]), str(body["user_id"]), feature=feature,
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
        self.sender.count(1)
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
        self.sender.count(-1)

    # Heartbeats

    def keep_alive(self, usage: Usage, on_refused: Callable[[], None]) -> None:
        """Prolongs the hold whenever half of what was left of it is over, until the call ends."""
        if usage.hold_ends is None or not self.can_extend:
            return
        left = usage.hold_ends - time.monotonic()
        if left < SHORTEST_EXTENSION:
            return
        with self.lock:
            usage.beat += 1
            beat = usage.beat

        def prolong() -> None:
            if usage.beat == beat:
                self.extend(usage, on_refused, {"hold_seconds": usage.hold_seconds})

        self.sender.later(time.monotonic() + left * EXTEND_AT, prolong)

    def extend(
        self, usage: Usage, on_refused: Callable[[], None], asked: dict[str, Any], tries: int = 1,
    ) -> None:
        if not usage.is_open or not self.can_extend:
            return

        def done(result: Result) -> None:
            if isinstance(result, NoAnswer):
                return self.events.tell("extend_refused", usage_id=usage.usage_id, reason=result.message)
            if is_unknown_verb(result):
                self.can_extend = False
                return self.events.tell("extend_unsupported")
            if result.status == 422 and asked.get("hold_seconds") == usage.hold_seconds > 1 \
                    and tries < EXTEND_TRIES:
                # What was left of the first hold is read from two clocks that show whole seconds.
                usage.hold_seconds -= 1
                shorter = {**asked, "hold_seconds": usage.hold_seconds}
                return self.extend(usage, on_refused, shorter, tries + 1)
            if result.status != 200:
                self.events.tell("extend_refused", usage_id=usage.usage_id, status=result.status,
                                 code=result.code, reason=result.message)
                return on_refused()
            usage.hold_ends = hold_ends(result)
            usage.credits_reserved = str(result.body.get("credits_reserved", usage.credits_reserved))
            self.events.tell("extended", usage_id=usage.usage_id)
            self.keep_alive(usage, on_refused)

        body = {"user_id": usage.user_id, "usage_id": usage.usage_id, "extension_id": new_id(), **asked}
        self.in_order(usage, Operation("extend", body, done, deadline=usage.hold_ends))

    # Ends

    def finish(self, usage: Usage, operations: list[Record], is_spooled: bool = True) -> Signal:
        """Writes the outcome to the spool, then sends it. The signal is set once it is written; if it
        cannot be, once the service has acknowledged it."""
        written, acknowledged = Signal(), Signal()
        usage.is_open = False
        self.sender.count(1)

        def send(error: Exception | None) -> None:
            for operation in operations:
                self.send_outcome(usage, operation, operation is operations[-1], acknowledged.set)
            self.sender.count(-1)
            if error:
                acknowledged.when_set(written.set)
            else:
                written.set()

        if is_spooled:
            record = {"r": "outcome", "usage_id": usage.usage_id, "operations": operations,
                      "at": int(time.time() * 1000)}
            self.spool.append(record, send)
        else:
            send(None)
        return written

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
                self.captured(usage, body, result)
            else:
                self.settled(usage, record, result)
            if is_last:
                with self.lock:
                    self.usages.pop(usage.usage_id, None)
                self.spool.append({"r": "done", "usage_id": usage.usage_id})
                acknowledged()

        self.in_order(usage, Operation(
            record["op"], body, done, is_rest=usage.is_rest,
            deadline=time.monotonic() + self.options.commit_seconds))

    def settled(self, usage: Usage, record: Record, result: Result) -> None:
        if isinstance(result, NoAnswer):
            self.events.tell("commit_given_up", usage_id=usage.usage_id, reason=result.message)
            return self.spool.lay_aside(record, 0, result.message)
        if result.status in (200, 202):
            return self.events.tell("settled", usage_id=usage.usage_id,
                                    status=str(result.body.get("status")),
                                    credits_charged=str(result.body.get("credits_charged")))
        self.events.tell("commit_refused", usage_id=usage.usage_id, status=result.status,
                         code=result.code, ended=str(result.body.get("status")),
                         reason=result.message)
        self.spool.lay_aside(record, result.status, result.body)

    def capture(
        self, usage: Usage, body: dict[str, Any], taken: Callable[[Answer], None],
        refused: Callable[[], None],
    ) -> None:
        """Charges a part of the hold while the call runs."""
        def done(result: Result) -> None:
            if not self.captured(usage, body, result):
                refused()
            elif isinstance(result, Answer) and result.status == 200:
                taken(result)

        self.in_order(usage, Operation(
            "capture", body, done, deadline=time.monotonic() + self.options.commit_seconds))

    def captured(self, usage: Usage, body: dict[str, Any], result: Result) -> bool:
        """Whether the part is charged, or will be by an operation that was put in its place."""
        if isinstance(result, NoAnswer):
            self.events.tell("capture_refused", usage_id=usage.usage_id, reason=result.message)
            return False
        if result.status == 200:
            usage.credits_reserved = str(result.body.get("credits_reserved", usage.credits_reserved))
            return True
        if is_unknown_verb(result):
            self.can_capture = False
            self.charge_by_commit(usage, body)
            return False
        held = usage.credits_reserved
        if result.code == "hold_exceeded":
            held = str(result.body.get("credits_reserved", held))
        elif has_error(result, "not_priced"):
            self.fixed_prices.add(usage.feature)
        else:
            self.events.tell("capture_refused", usage_id=usage.usage_id, status=result.status,
                             code=result.code, reason=result.message)
            return False
        if "metrics" not in body or not is_positive(held):
            # Of what another process left, nobody knows how much is held.
            self.charge_by_commit(usage, body)
            return True
        whole = {"user_id": usage.user_id, "usage_id": usage.usage_id,
                 "capture_id": f"{body['capture_id']}-whole", "credits": held}
        self.in_order(usage, Operation(
            "capture", whole, lambda answer: self.whole_captured(usage, whole, answer),
            is_rest=usage.is_rest, deadline=time.monotonic() + self.options.commit_seconds),
            is_next=True)
        return True

    def whole_captured(self, usage: Usage, body: dict[str, Any], result: Result) -> None:
        self.captured(usage, body, result)

    def charge_by_commit(self, usage: Usage, capture: dict[str, Any]) -> None:
        """What could not be captured is charged with the commit that waits behind it: one that was to
        give back becomes a success, one of a success has the part's tokens, too."""
        with self.lock:
            for following in usage.waiting:
                if following.name == "commit":
                    following.body = with_part(following.body, capture.get("metrics", {}))

    def take_over(self, left: Todo) -> None:
        """What another process did not get to tell."""
        usage_id, user_id, operations = left
        usage = Usage(usage_id, user_id, is_open=False, is_rest=True)
        if operations is None:
            operations = [failure_of(usage, "internal_error", "The process ended before the call did.")]
        with self.lock:
            if usage_id in self.usages:
                return
            self.usages[usage_id] = usage
        for operation in operations:
            self.send_outcome(usage, operation, operation is operations[-1], lambda: None)
        if not operations:
            self.spool.append({"r": "done", "usage_id": usage_id})

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
        self.sender.stop()
        self.spool.close()
        self.sender.thread.join(1)
        self.transport.close()
        return is_empty
