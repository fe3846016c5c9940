"""One metered call: asked for, run, settled."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from . import limits, telemetry
from .engine import Engine
from .errors import CueBXError, HoldEnded
from .failures import failure_type
from .holds import Usage
from .ids import new_id
from .production import TOKENS, Production
from .signals import Signal
from .spool_format import Record
from .transport import Answer
from .wire import FailureType

if TYPE_CHECKING:
    from .asking import Asking

LONGEST_LATENCY = 3_600_000
LONGEST_REASON = 1000
# `canceled` is told by cancel alone.
FAILURE_TYPES = set(get_args(FailureType)) - {"canceled"}


class Call:
    """What the body of a metered call has: tell by it what was used, or that it failed.

    - usage_id, user_id, credits_reserved: what validate has answered; of a call that runs unasked, in
      an outage, a name that the service does not know, and what its feature last held.
    - client_id: of a customer's call, whose `user_id` is empty; else empty.
    - request_id: the call's name; the same request id and payload never run twice.
    """

    def __init__(self, engine: Engine, asking: Asking) -> None:
        self._engine, self._asking = engine, asking
        self._usage: Usage | None = None
        self._settled: dict[str, Any] | None = None
        self._failure: tuple[FailureType, str] | None = None
        self._result: dict[str, Any] | None = None
        self._production: Production | None = None
        self._must_stop = False
        self._start = time.monotonic()
        self._lock = threading.RLock()
        self._tokens_a_tenth = math.inf
        self._can_raise = True
        # What validate has held.
        self._held = "0"
        self.request_id = asking.request_id
        self._span = telemetry.current_span()
        self._describe(telemetry.asked, asking.feature, asking.request_id)

    def __repr__(self) -> str:
        return f"<cuebx.Call {self._asking.feature} {self._usage.usage_id if self._usage else 'not granted'}>"

    @property
    def usage_id(self) -> str:
        return self._granted.usage_id

    @property
    def user_id(self) -> str:
        return self._granted.user_id

    @property
    def client_id(self) -> str:
        return self._granted.client_id

    @property
    def is_test_key(self) -> bool:
        """Whether a customer asked with a test key: it costs nothing; answer canned data."""
        return self._granted.is_test

    @property
    def credits_reserved(self) -> str:
        return self._granted.credits_reserved

    @property
    def is_journaled(self) -> bool:
        """Whether it runs unasked, since the service is away, and is told afterwards."""
        return self._granted.journal is not None

    @property
    def _granted(self) -> Usage:
        if self._usage is None:
            raise CueBXError("The call was not granted yet.")
        return self._usage

    def settle(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None,
        cached_input_tokens: int | None = None, reasoning_tokens: int | None = None,
        model: str | None = None, credits: str | Decimal | None = None,
    ) -> None:
        """What the call used, in total; the last word before the end counts. Left out, the whole hold
        is charged. Raises InvalidRequest for what the service would not take.

        - cached_input_tokens, reasoning_tokens: parts of `input_tokens`, of `output_tokens`.
        - credits: a decimal text, e.g. "0.25", or a Decimal, instead of tokens; beside what was
          captured before.
        """
        self._settled = limits.settlement({
            "input_tokens": input_tokens, "output_tokens": output_tokens,
            "cached_input_tokens": cached_input_tokens, "reasoning_tokens": reasoning_tokens,
            "model_used": model, "credits": credits})

    def fail(self, failure_type: FailureType, reason: str) -> None:
        """The call has failed, though its body returns: what it holds is given back."""
        if failure_type not in FAILURE_TYPES:
            limits.refuse("failure.failure_type", f"must be one of {', '.join(sorted(FAILURE_TYPES))}")
        self._failure = (failure_type, limits.shown(reason, LONGEST_REASON))

    def keep_result(self, title: str, data: Any) -> None:
        """What the user finds in their history, if the call succeeds; the last word before the end counts.
        It is told with the outcome, and lies in no spool unless `spool_results` says so. Raises
        InvalidRequest for what the service would not take. A customer's call has no history, nor has one
        that runs unasked.

        - title: 1 to 255 characters.
        - data: any JSON, at most 256 KiB, nested at most 20 deep.
        """
        if self.client_id:
            limits.refuse("result", "is kept for users alone")
        self._result = limits.result(title, data)

    def check(self) -> None:
        """Raises HoldEnded if the hold could not be prolonged and the client is to stop then."""
        if self._must_stop:
            raise HoldEnded("The hold could not be prolonged.")

    def extend(
        self, *, hold_seconds: int | None = None, additional_credits: str | Decimal | None = None,
    ) -> None:
        """Asks, in the background, for more time or more credits than what is held. Raises
        InvalidRequest for what the service would not take."""
        more: dict[str, Any] = {}
        if hold_seconds is not None:
            more["hold_seconds"] = limits.whole("hold_seconds", hold_seconds, limits.LONGEST_HOLD, 1)
        if additional_credits is not None:
            more["additional_credits"] = limits.amount("additional_credits", additional_credits)
        self._engine.extend(self._granted, self._extension_refused, more)

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
            self._capture_later()
        self._production.add(chunk)
        if self._production.uncaptured >= self._tokens_a_tenth:
            self._capture()

    def _first_noted(self) -> Signal | None:
        """Of a call that runs unasked, before its first chunk is handed out: what it has delivered with
        it, should this process die. To be waited for."""
        with self._lock:
            production, usage = self._production, self._granted
            if production is None or production.chunks or not self.is_journaled or not usage.is_open:
                return None
            noted = Signal()
            self._engine.records.note_part(
                usage, self._record(production.metrics(production.total)), noted)
            return noted

    def _handed_out(self) -> None:
        if self._production:
            self._production.chunks += 1

    def _capture_later(self) -> None:
        """A timer, since a provider may pause after any chunk."""
        def tick() -> None:
            if self._granted.is_open:
                self._capture()
                self._capture_later()

        self._engine.sender.later(
            time.monotonic() + self._engine.options.capture_every, self._granted.product, tick)

    def _capture(self) -> None:
        with self._lock:
            self._capture_part()

    def _capture_part(self) -> None:
        production = self._production
        if self.is_journaled:
            return self._note_part()
        if production is None or not self._model or self._granted.is_taken_whole:
            # Without a model the service would take all that is held.
            return
        if not self._granted.is_open or not self._engine.can_capture(self._granted):
            return
        part = production.part()
        if part is None:
            return
        part = parts_of(part)[0]
        body = self._capture_body(part, production)
        production.take(part)
        self._engine.captures.capture(
            self._granted, body, lambda answer: self._captured(production, answer),
            lambda is_exceeded: self._not_captured(production, part, body, is_exceeded))

    def _note_part(self) -> None:
        """Of a call that runs unasked: what it has handed out so far, should this process die."""
        production = self._production
        if production and production.chunks and self._granted.is_open:
            self._engine.records.note_part(self._granted, self._record(production.metrics(production.total)))

    def _captured(self, production: Production, answer: Answer) -> None:
        """By what was charged so far it is known how many tokens a tenth of the hold is; a stream that
        has less than half of it left, and goes on, is given as much again."""
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
            if left * 2 < held:
                self._raise_hold()

    def _not_captured(
        self, production: Production, part: dict[str, Any], body: dict[str, Any], is_exceeded: bool,
    ) -> None:
        """The part is charged later: with the next capture, once more is held, or by the commit."""
        with self._lock:
            if self._granted.is_open:
                production.take(part, -1)
                # Not at each chunk from now on, but as the timer has it.
                self._tokens_a_tenth = math.inf
            else:
                self._engine.captures.owe(self._granted, body)
        if is_exceeded and self._asking.estimate:
            self._raise_hold()

    def _raise_hold(self) -> None:
        """By what was held at first; once it is refused, it is not asked for again."""
        def refused() -> None:
            self._can_raise = False
            self._extension_refused()

        if self._granted.is_open and self._can_raise:
            self._engine.extend(self._granted, refused, {"additional_credits": self._held})

    @property
    def _model(self) -> str | None:
        """What the provider says that it is, else what was announced."""
        told = self._production.counts.model if self._production else None
        model = told or (self._asking.estimate or {}).get("model")
        return limits.shown(model, limits.LONGEST_MODEL) if model else None

    def _capture_body(self, part: dict[str, Any], production: Production) -> dict[str, Any]:
        model = {"model_used": self._model} if self._model else {}
        return {**self._granted.named, "capture_id": f"c{production.captures + 1}-{new_id()}",
                "metrics": {**part, **model}}

    @property
    def _latency(self) -> int:
        return min(LONGEST_LATENCY, int((time.monotonic() - self._start) * 1000))

    def _describe(self, attributes: Callable[..., dict[str, Any]], *told: Any) -> None:
        if self._span:
            self._span.set_attributes(attributes(*told))

    # The end

    def _extension_refused(self) -> None:
        if self._engine.options.if_extension_refused == "stop":
            self._must_stop = True

    def _finish(self, error: BaseException | None) -> Signal:
        with self._lock:
            # No capture begins after its outcome was decided.
            self._granted.is_open = False
            operations = self._outcome(error)
        self._describe(telemetry.ended, operations, self._failure[0] if self._failure else None)
        if not operations:
            return self._engine.records.drop(self._granted)
        return self._engine.finish(self._granted, operations)

    def _outcome(self, error: BaseException | None) -> list[Record]:
        if error is not None and self._failure is None:
            self._failure = (failure_type(error), type(error).__name__)
        if self.is_journaled:
            return self._recorded()
        return self._success() if self._failure is None else self._released(*self._failure)

    def _recorded(self) -> list[Record]:
        """Of a call that ran unasked: what it used, or nothing if it has delivered nothing."""
        settled, production = self._settled, self._production
        has_delivered = production is not None and production.chunks > 0
        if self._failure and not has_delivered:
            return []
        if production is not None and has_delivered and (self._failure or settled is None):
            settled = production.metrics(production.total)
        return [self._record(settled or {})]

    def _record(self, used: dict[str, Any]) -> Record:
        """As much as one may tell; credits are none of it: the service knows the price."""
        metrics = {name: min(value, limits.MOST_TOKENS) if name in TOKENS else value
                   for name, value in used.items() if name != "credits"}
        if model_is_missing(metrics) and self._model:
            metrics["model_used"] = self._model
        return {"op": "record", **(self._granted.journal or {}),
                "metrics": {**metrics, "latency_ms": self._latency}}

    def _success(self) -> list[Record]:
        settled, production = self._settled, self._production
        if settled is None and production is not None and production.chunks:
            settled = production.metrics(production.total)
        if settled is None and self._asking.estimate:
            self._engine.events.tell("settle_left_out", usage_id=self.usage_id)
        settled = settled or {}
        if production is not None:
            settled = production.without_captured(settled)
            if model_is_missing(settled) and production.counts.model:
                settled["model_used"] = limits.shown(production.counts.model, limits.LONGEST_MODEL)
        *parts, last = parts_of(settled)
        return [*(self._part(part, number) for number, part in enumerate(parts)), self._commit(last)]

    def _part(self, part: dict[str, Any], number: int) -> Record:
        """More tokens than a commit may tell are captured before it."""
        if self._model and "model_used" not in part:
            part = {**part, "model_used": self._model}
        return {"op": "capture", **self._granted.named, "capture_id": f"s{number + 1}-{new_id()}",
                "metrics": part}

    def _released(self, kind: FailureType, reason: str) -> list[Record]:
        """What was produced is captured, the rest goes back."""
        production = self._production
        part = production.part() if production and not self._granted.is_taken_whole else None
        failure = {"failure_type": kind, "reason": limits.shown(reason, LONGEST_REASON) or kind}
        if production is None or part is None:
            return [self._commit({}, failure)]
        if not self._engine.can_capture(self._granted):
            # An older service charges on success alone.
            return [self._commit(part)]
        parts = [self._part(each, number) for number, each in enumerate(parts_of(part))]
        return [*parts, self._commit({}, failure)]

    def _commit(self, settled: dict[str, Any], failure: dict[str, str] | None = None) -> Record:
        metrics = {name: value for name, value in settled.items() if name != "credits"}
        record: Record = {
            "op": "commit", **self._granted.named, "success": failure is None,
            "metrics": {**metrics, "latency_ms": self._latency}}
        if failure:
            record["failure"] = failure
        elif "credits" in settled:
            record["credits"] = settled["credits"]
        if self._result and not failure:
            record["result"] = self._result
        return record


def model_is_missing(settled: dict[str, Any]) -> bool:
    return "model_used" not in settled and any(name in settled for name in TOKENS)


def parts_of(tokens: dict[str, Any]) -> list[dict[str, Any]]:
    """Each with at most as many tokens as the service takes at once; one at least."""
    parts, rest = [], dict(tokens)
    while rest and any(rest.get(name, 0) > limits.MOST_TOKENS for name in TOKENS):
        part = {name: min(limits.MOST_TOKENS, rest[name]) for name in TOKENS if name in rest}
        for name, value in part.items():
            rest[name] -= value
        parts.append({**part, **{name: rest[name] for name in ("model_used",) if name in rest}})
    return [*parts, rest]
