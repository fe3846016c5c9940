"""The way into a call: validate, and its `open` on the disk."""

from __future__ import annotations

import threading
import time
from typing import Optional

from . import telemetry
from .call import Call
from .errors import (
    BY_CODE, BY_STATUS, AlreadyRunning, CueBXError, InvalidRequest, InvalidToken, Refused, ServiceError,
    SpoolUnavailable, TokenExpired, Unavailable)
from .sender import ASKED_IN_THE_BACKGROUND
from .signals import Signal
from .transport import Answer, NoAnswer, Operation, Result


class Entry:
    """Whoever waits may go away at any time; what was granted is then given back."""

    def __init__(self, call: Call) -> None:
        self.call, self.engine, self.asking = call, call._engine, call._asking
        self.lock = threading.RLock()
        self.signal = Signal()
        self.error: Optional[CueBXError] = None
        self.is_abandoned = False
        # Whether nothing was decided since the service is away: then the call may run unasked.
        self.is_outage = False
        # It runs unasked: what validate may have held, the record of the call commits.
        self.is_journaled = False
        # It ran unasked and ended with nothing to record: what validate may have held is given back.
        self.is_dropped = False
        # What came of the validate.
        self.result: Optional[Result] = None
        now = self.asked_at = time.monotonic()
        self.deadline = now + self.engine.options.validate_seconds
        left = self.asking.seconds_of_token(self.engine.clock_offset)
        if self.asking.customer is None and self.engine.outage.is_on:
            # Others have waited for the whole budget. A customer's call cannot run unasked.
            left = 0.0
        self.operation = Operation(
            "validate", self.asking.body(), self.answered, token=self.asking.token,
            api_key=self.asking.api_key, deadline=self.deadline,
            retry_until=None if left is None else now + left)
        self.engine.sender.submit(self.operation)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    @property
    def may_open(self) -> bool:
        """Whether it may run unasked: only a user's call can be recorded afterwards."""
        return self.asking.customer is None and self.engine.may_open

    # On the sender's thread, then on the spool's

    def answered(self, result: Result) -> None:
        with self.lock:
            self.result = result
            is_journaled, is_dropped = self.is_journaled, self.is_dropped
        if is_journaled:
            return self.left_over(result) if is_dropped else None
        error = Unavailable(f"The service could not be asked: {result.message}.") \
            if isinstance(result, NoAnswer) else self.error_of(result)
        if isinstance(error, Unavailable):
            return self.not_answered(error, result)
        if error:
            return self.resolve(error)
        assert isinstance(result, Answer)
        usage = self.engine.register(result, self.asking)
        if not self.asking.customer:
            self.engine.outage.saw(self.asking.feature, usage.credits_reserved)
        if error := self.engine.records.ran(self.asking, usage):
            return self.resolve(error)
        with self.lock:
            is_journaled = self.is_journaled
            if not is_journaled:
                self.call._usage, self.call._held = usage, usage.credits_reserved
        if is_journaled:
            self.engine.told(usage, lambda: None)
            return self.left_over(result) if self.is_dropped else None
        # Until it is on the disk it is not settled, or a client that closes would not wait for it.
        self.engine.sender.count(1)
        self.engine.spool.append(usage.opened(), self.opened)

    def not_answered(self, error: CueBXError, result: Result) -> None:
        """The budget is over."""
        is_outage = self.may_open and self.engine.outage.is_of(self.operation, result, self.asked_at)
        with self.lock:
            # Whoever waits decides whether the call runs all the same.
            self.is_outage = is_outage and not self.signal.is_set
        self.resolve(error)
        if not self.is_outage:
            self.ask_on()

    def dropped(self) -> None:
        """The call ran unasked, and no record of it commits what validate may have held."""
        with self.lock:
            self.is_dropped, result = True, self.result
        if result is not None:
            self.left_over(result)

    def left_over(self, result: Result) -> None:
        if isinstance(result, NoAnswer):
            return self.ask_on()
        error = self.error_of(result)
        if isinstance(error, Unavailable):
            self.ask_on()
        elif error is None:
            usage = self.engine.register(result, self.asking)
            if self.engine.records.ran(self.asking, usage) is None:
                self.engine.give_back(usage)

    def ask_on(self) -> None:
        """If the service may hold something, it is asked on in the background, and what it has granted
        is given back."""
        with self.lock:
            is_asked_on = self.operation.is_unsure and not self.is_abandoned
            self.is_abandoned = self.is_abandoned or is_asked_on
        if is_asked_on:
            asked = self.operation
            self.operation = Operation(
                "validate", asked.body, self.answered, token=asked.token, api_key=asked.api_key,
                is_unsure=True, is_abandoned=True, deadline=time.monotonic() + ASKED_IN_THE_BACKGROUND,
                retry_until=asked.retry_until)
            self.engine.sender.submit(self.operation)

    def error_of(self, answer: Answer) -> CueBXError | None:
        if answer.status == 200 and answer.body.get("access") == "granted":
            usage_id = str(answer.body.get("usage_id"))
            is_own = answer.code != "replayed" or self.operation.is_unsure
            if is_own and not self.engine.is_running(usage_id):
                return None
            return refusal(answer, AlreadyRunning, "This request is running already.", "replayed")
        if answer.status in (502, 503, 504, 408):
            return Unavailable(answer.message, answer.retry_after)
        if answer.status >= 500 or answer.status < 400 or answer.is_no_address:
            return ServiceError(answer.message, answer.status, answer.code,
                                answer.headers.get("x-request-id"))
        kind = BY_CODE.get(answer.code) or BY_STATUS.get(answer.status, Refused)
        if kind is InvalidToken and self.asking.is_token_over(self.engine.clock_offset):
            kind = TokenExpired
        return refusal(answer, kind)

    def opened(self, error: Exception | None) -> None:
        if error:
            self.engine.give_back(self.call._granted)
            self.resolve(SpoolUnavailable("The spool cannot be written."))
        else:
            self.resolve(None)
        self.engine.sender.count(-1)

    def resolve(self, error: CueBXError | None) -> None:
        with self.lock:
            is_abandoned = self.is_abandoned
            if not self.signal.is_set:
                # Whoever waited has been told; what comes later is no news for them.
                self.error = error
                self.signal.set()
        if is_abandoned and error is None:
            self.engine.give_back(self.call._granted)

    # On the thread of whoever waits

    def abandon(self) -> bool:
        """Whether nothing had come yet. What comes later is given back."""
        with self.lock:
            if self.signal.is_set:
                return False
            self.is_abandoned = True
        self.engine.sender.abandon(self.operation)
        return True

    def unasked(self) -> Signal | None:
        """Lets the call run all the same, if the service is away and the host's policy allows it: what
        is to be waited for then. Raises what a service that is there would refuse."""
        outage = self.engine.outage
        with self.lock:
            if self.may_open and not self.signal.is_set:
                self.is_outage = outage.is_of(self.operation, None, self.asked_at)
        if not self.is_outage:
            return None
        journal = outage.open(
            self.asking, time.time() + self.engine.clock_offset, self.engine.is_open)
        if journal is None:
            self.closed()
            return None
        with self.lock:
            # Something may have come meanwhile.
            is_decided = self.call._usage is not None or self.signal.is_set \
                and not isinstance(self.error, Unavailable)
            self.is_journaled = not is_decided
        if is_decided:
            outage.forget(journal.usage_id)
            return self.signal
        self.engine.sender.drop(self.operation)
        begun = Signal()
        self.call._usage = self.engine.records.begin(journal, begun, self.dropped)
        return begun

    def closed(self) -> None:
        """The call does not run: what validate may hold is given back."""
        with self.lock:
            was_told, self.is_outage = self.is_outage and self.signal.is_set, False
        if was_told:
            self.ask_on()

    def enter_unasked(self, begun: Signal) -> Call:
        if not begun.is_set or begun.error:
            self.engine.records.drop(self.call._granted)
            raise SpoolUnavailable("The spool cannot be written.")
        usage = self.call._granted
        self.call._describe(telemetry.granted, usage.usage_id, usage.credits_reserved)
        self.call._start = time.monotonic()
        return self.call

    def enter(self) -> Call:
        """Raises what kept the call from being granted."""
        if self.error:
            self.call._describe(telemetry.not_granted, self.error)
            if isinstance(self.error, Refused):
                self.engine.events.tell("refused", feature=self.asking.feature, code=self.error.code)
            raise self.error
        usage = self.call._granted
        self.engine.events.tell("granted", feature=self.asking.feature, usage_id=usage.usage_id)
        self.call._describe(telemetry.granted, usage.usage_id, usage.credits_reserved)
        self.call._start = time.monotonic()
        self.engine.keep_alive(usage, self.call._extension_refused)
        return self.call


def refusal(
    answer: Answer, kind: type[Refused], message: str | None = None, code: str | None = None,
) -> Refused:
    body = answer.body
    errors = body.get("errors")
    text = message or answer.message
    if kind is InvalidRequest and isinstance(errors, list) and errors:
        text += " " + "; ".join(
            f"{'.'.join(map(str, each.get('loc', [])[1:]))} {each.get('msg', '')}" for each in errors[:5])
    return kind(
        text, status=answer.status, code=code or answer.code, retry_after=answer.retry_after,
        usage_id=body.get("usage_id"), usage_status=body.get("status")
        if isinstance(body.get("status"), str) else None,
        request_id=answer.headers.get("x-request-id"), errors=errors if isinstance(errors, list) else None)
