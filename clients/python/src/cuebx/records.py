"""Calls that run unasked, while the service is away, and what is told of them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import Refused
from .holds import Usage
from .outage import Journal, has_run, usage_of
from .signals import Signal
from .spool_format import Record
from .transport import Answer, Result

if TYPE_CHECKING:
    from .asking import Asking
    from .engine import Engine


class Records:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin(self, journal: Journal, begun: Signal, dropped: Callable[[], None]) -> Usage:
        """- begun: set once its beginning is on the disk; with an error if that failed."""
        usage = Usage(journal.usage_id, user_id=journal.user_id, credits_reserved=journal.credits,
                      journal=journal.body, dropped=dropped)
        with self.engine.lock:
            self.engine.usages[usage.usage_id] = usage
        self.engine.spool.append(usage.opened(), begun.settle)
        return usage

    def note_part(self, usage: Usage, record: Record, noted: Signal | None = None) -> None:
        """What a stream has handed out so far, should this process die.

        - noted: set once it is on the disk; with an error if that failed.
        """
        self.engine.spool.append(
            {**usage.outcome([record]), "is_part": True}, noted.settle if noted else None)

    def ran(self, asking: Asking, granted: Usage) -> Refused | None:
        """Refuses a call that the service has granted, if the same request ran unasked and the service
        does not know: the hold is given back, unless there will be a record, which commits it. Any other
        does not run unasked from now on."""
        if not asking.is_named or asking.customer:
            return None
        engine = self.engine
        name = usage_of(granted.user_id, asking.request_id, asking.payload_hash)
        with engine.lock:
            before, known = engine.usages.get(name), engine.outage.known_as(name)
            if known is None:
                engine.outage.granted(name, granted.usage_id)
                return None
            if before:
                before.dropped = self.also_giving_back(granted, before.dropped)
        if before or engine.outage.is_held(name):
            engine.told(granted, lambda: None)
        else:
            engine.give_back(granted)
        return has_run(known, before is not None and before.is_open)

    def also_giving_back(
        self, granted: Usage, dropped: Callable[[], None] | None,
    ) -> Callable[[], None]:
        def both() -> None:
            if dropped:
                dropped()
            self.engine.give_back(granted)
        return both

    def drop(self, usage: Usage) -> Signal:
        """It has delivered nothing, and costs nothing."""
        usage.is_open = False
        self.engine.outage.acknowledged(usage.usage_id)
        dropped = Signal()
        self.engine.told(usage, dropped.set)
        if usage.dropped:
            usage.dropped()
        return dropped

    def recorded(
        self, usage: Usage, record: Record, result: Result, acknowledged: Callable[[], None],
    ) -> None:
        events = self.engine.events
        if isinstance(result, Answer) and result.status == 200:
            events.tell("recorded", usage_id=usage.usage_id,
                        credits_charged=str(result.body.get("credits_charged")),
                        credits_not_charged=str(result.body.get("credits_not_charged")))
        else:
            status, body = (result.status, result.body) if isinstance(result, Answer) \
                else (0, result.message)
            events.tell("record_refused", usage_id=usage.usage_id, status=status, reason=result.message)
            self.engine.spool.lay_aside(record, status, body)
        self.engine.outage.acknowledged(usage.usage_id)
        self.engine.told(usage, acknowledged)
