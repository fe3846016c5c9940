"""One metered call: asked for, run, settled."""

from __future__ import annotations

import math
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Optional

from .errors import (
    BY_CODE, BY_STATUS, AlreadyRunning, CueBXError, HoldEnded, InvalidRequest, InvalidToken, Refused,
    ServiceError, SpoolUnavailable, TokenExpired, Unavailable)
from .engine import Engine, Usage
from .failures import failure_type
from .ids import new_id
from .production import Production
from .signals import Signal
from .spool_format import Record
from .transport import Answer, NoAnswer, Operation, Result
from .wire import FailureType

if TYPE_CHECKING:
    from .asking import Asking

LONGEST_LATENCY = 3_600_000
LONGEST_REASON = 1000


class Call:
    """What the body of a metered call has: tell by it what was used, or that it failed.

    - usage_id, user_id, credits_reserved: what validate has answered.
    - request_id: the call's name; the same request id and payload never run twice.
    """

    def __init__(self, engine: Engine, asking: Asking) -> None:
        self._engine, self._asking = engine, asking
        self._usage: Usage | None = None
        self._settled: dict[str, Any] | None = None
        self._failure: tuple[FailureType, str] | None = None
        self._production: Production | None = None
        self._must_stop = False
        self._start = time.monotonic()
        self._next_capture, self._tokens_a_tenth = 0.0, math.inf
        # What validate has held.
        self._held = "0"
        self.request_id = asking.request_id

    def __repr__(self) -> str:
        return f"<cuebx.Call {self._asking.feature} {self._usage.usage_id if self._usage else 'not granted'}>"

    @property
    def usage_id(self) -> str:
        return self._granted.usage_id

    @property
    def user_id(self) -> str:
        return self._granted.user_id

    @property
    def credits_reserved(self) -> str:
        return self._granted.credits_reserved

    @property
    def _granted(self) -> Usage:
        if self._usage is None:
            raise CueBXError("The call was not granted yet.")
        return self._usage

    def settle(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None,
        cached_input_tokens: int | None = None, reasoning_tokens: int | None = None,
        model: str | None = None, credits: str | None = None,
    ) -> None:
        """What the call used, in total; the last word before the end counts. Left out, the whole hold
        is charged.

        - credits: a decimal text, e.g. "0.25", instead of tokens.
        """
        told = {"input_tokens": input_tokens, "output_tokens": output_tokens,
                "cached_input_tokens": cached_input_tokens, "reasoning_tokens": reasoning_tokens,
                "model_used": model[:100] if model else None, "credits": credits}
        self._settled = {name: value for name, value in told.items() if value is not None}

    def fail(self, failure_type: FailureType, reason: str) -> None:
        """The call has failed, though its body returns: what it holds is given back."""
        self._failure = (failure_type, reason)

    def check(self) -> None:
        """Raises HoldEnded if the hold could not be prolonged and the client is to stop then."""
        if self._must_stop:
            raise HoldEnded("The hold could not be prolonged.")

    def extend(self, *, hold_seconds: int | None = None, additional_credits: str | None = None) -> None:
        """Asks, in the background, for more time or more credits than what is held."""
        more = {"hold_seconds": hold_seconds, "additional_credits": additional_credits}
        self._engine.extend(self._granted, self._extension_refused,
                            {name: value for name, value in more.items() if value is not None})

    def stream(self, source: Any) -> Any:
        """The source's chunks, counted and captured as they are handed out; a generator, or an async
        generator if the source is one. It ends the source if its consumer goes away."""
        from .streams import async_stream, sync_stream

        return async_stream(self, source) if hasattr(source, "__aiter__") else sync_stream(self, source)

    # For streams

    def _produced(self, chunk: Any) -> None:
        self.check()
        if self._production is None:
            self._production = Production()
            self._next_capture = time.monotonic() + self._engine.options.capture_every
        self._production.add(chunk)
        if time.monotonic() >= self._next_capture or self._production.uncaptured >= self._tokens_a_tenth:
            self._capture()

    def _handed_out(self) -> None:
        if self._production:
            self._production.chunks += 1

    def _capture(self) -> None:
        production = self._production
        self._next_capture = time.monotonic() + self._engine.options.capture_every
        if production is None or not self._engine.can_capture or (part := production.part()) is None:
            return
        body = self._capture_body(part, production)
        production.take(part)
        self._engine.capture(
            self._granted, body, lambda answer: self._captured(production, answer),
            lambda: production.take(part, -1))

    def _captured(self, production: Production, answer: Answer) -> None:
        """By what was charged so far it is known how many tokens a tenth of the hold is; a stream that
        has less than a fifth of it left, and goes on, is given as much again. What has a fixed price was
        taken whole by the first capture."""
        if not self._asking.estimate:
            return
        try:
            charged = Decimal(str(answer.body["credits_charged"]))
            left = Decimal(str(answer.body["credits_reserved"]))
            held = Decimal(self._held)
        except (ArithmeticError, KeyError):
            return
        if charged > 0 and held > 0:
            self._tokens_a_tenth = max(1.0, float(production.captured_tokens * held / charged / 10))
            if left * 5 < held and self._granted.is_open:
                self.extend(additional_credits=self._held)

    def _capture_body(self, part: dict[str, Any], production: Production) -> dict[str, Any]:
        return {"user_id": self.user_id, "usage_id": self.usage_id,
                "capture_id": f"c{production.captures + 1}-{new_id()}", "metrics": part}

    # The end

    def _extension_refused(self) -> None:
        if self._engine.options.if_extension_refused == "stop":
            self._must_stop = True

    def _finish(self, error: BaseException | None) -> Signal:
        return self._engine.finish(self._granted, self._outcome(error))

    def _outcome(self, error: BaseException | None) -> list[Record]:
        if error is not None and self._failure is None:
            self._failure = (failure_type(error), type(error).__name__)
        return self._success() if self._failure is None else self._released(*self._failure)

    def _success(self) -> list[Record]:
        settled = self._settled
        if settled is None and self._production is not None and self._production.chunks:
            settled = self._production.metrics(self._production.total)
        if settled is None and self._asking.estimate:
            self._engine.events.tell("settle_left_out", usage_id=self.usage_id)
        return [self._commit(settled or {})]

    def _released(self, kind: FailureType, reason: str) -> list[Record]:
        """What was produced is captured, the rest goes back."""
        production = self._production
        part = production.part() if production else None
        failure = {"failure_type": kind, "reason": reason[:LONGEST_REASON] or kind}
        if production is None or part is None:
            return [self._commit({}, failure)]
        if not self._engine.can_capture:
            # An older service charges on success alone.
            return [self._commit(production.metrics(production.total))]
        capture = {"op": "capture", **self._capture_body(part, production)}
        return [capture, self._commit({}, failure)]

    def _commit(self, settled: dict[str, Any], failure: dict[str, str] | None = None) -> Record:
        latency = min(LONGEST_LATENCY, int((time.monotonic() - self._start) * 1000))
        metrics = {name: value for name, value in settled.items() if name != "credits"}
        record: Record = {
            "op": "commit", "user_id": self.user_id, "usage_id": self.usage_id,
            "success": failure is None, "metrics": {**metrics, "latency_ms": latency}}
        if failure:
            record["failure"] = failure
        elif "credits" in settled:
            record["credits"] = settled["credits"]
        return record


class Entry:
    """The way into a call: validate, and its `open` on the disk. Whoever waits may go away at any time;
    what was granted is then given back."""

    def __init__(self, call: Call) -> None:
        self.call, self.engine, self.asking = call, call._engine, call._asking
        self.lock = threading.Lock()
        self.signal = Signal()
        self.error: Optional[CueBXError] = None
        self.is_abandoned = False
        now = time.monotonic()
        self.deadline = now + self.engine.options.validate_seconds
        left = self.asking.seconds_of_token(self.engine.clock_offset)
        self.operation = Operation(
            "validate", self.asking.body(), self.answered, token=self.asking.token,
            deadline=self.deadline, retry_until=None if left is None else now + left)
        self.engine.sender.submit(self.operation)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    # On the sender's thread, then on the spool's

    def answered(self, result: Result) -> None:
        if isinstance(result, NoAnswer):
            return self.resolve(Unavailable(f"The service could not be asked: {result.message}."))
        error = self.error_of(result)
        if error:
            return self.resolve(error)
        usage = self.engine.register(result)
        self.call._usage, self.call._held = usage, usage.credits_reserved
        # Until it is on the disk it is not settled, or a client that closes would not wait for it.
        self.engine.sender.count(1)
        self.engine.spool.append(
            {"r": "open", "usage_id": usage.usage_id, "user_id": usage.user_id,
             "at": int(time.time() * 1000)}, self.opened)

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

    def enter(self) -> Call:
        """Raises what kept the call from being granted."""
        if self.error:
            if isinstance(self.error, Refused):
                self.engine.events.tell("refused", feature=self.asking.feature, code=self.error.code)
            raise self.error
        usage = self.call._granted
        self.engine.events.tell("granted", feature=self.asking.feature, usage_id=usage.usage_id)
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
