"""An open hold, and what answers say of it."""

from __future__ import annotations

import calendar
import email.utils
import functools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Optional

from .limits import MOST_TOKENS
from .spool_format import Record
from .transport import Answer, Operation, Result


@dataclass
class Usage:
    """An open hold. Its operations go one after the other.

    - user_id: whose it is; of a customer's call, `client_id` is there in its place.
    - is_test: asked for with a test key: canned data is to be answered.
    - hold_ends: monotonic seconds; None if the service has not said.
    - hold_seconds: how long the first hold was, and so each that follows.
    - beat: of the timer that counts; those before it do nothing.
    - owed: captures that were to charge what the commit has to.
    - journal: of a call that runs unasked: what `record` is told of it, but for what it used.
    - dropped: called if such a call ends with nothing to tell.
    """

    usage_id: str
    user_id: str = ""
    client_id: str = ""
    is_test: bool = False
    credits_reserved: str = "0.00"
    is_open: bool = True
    is_rest: bool = False
    # Whether a fixed price, or all that was left, was captured.
    is_taken_whole: bool = False
    hold_ends: Optional[float] = None
    hold_seconds: int = 0
    beat: int = 0
    waiting: deque[Operation] = field(default_factory=deque)
    owed: list[dict[str, Any]] = field(default_factory=list)
    is_busy: bool = False
    journal: Optional[dict[str, Any]] = None
    dropped: Optional[Callable[[], None]] = None

    @property
    def holder(self) -> Record:
        """As the wire and the spool name it."""
        return {"client_id": self.client_id} if self.client_id else {"user_id": self.user_id}

    @property
    def product(self) -> str:
        return "api" if self.client_id else "career"

    @property
    def named(self) -> Record:
        return {**self.holder, "usage_id": self.usage_id}

    @property
    def customer(self) -> Record:
        """As the spool names a customer in each record; of a user's call nothing."""
        return {"client_id": self.client_id} if self.client_id else {}

    def opened(self) -> Record:
        """As the spool has it before its body runs."""
        return {"r": "open", **self.named, "at": int(time.time() * 1000)}

    def outcome(self, operations: list[Record]) -> Record:
        """As the spool has it; of a call that runs unasked with what it counts, for whoever adopts it."""
        counted = {} if self.journal is None else {"counted": self.credits_reserved}
        return {"r": "outcome", **self.customer, "usage_id": self.usage_id, "operations": operations,
                "at": int(time.time() * 1000), **counted}

    def acknowledged(self) -> Record:
        """As the spool has it once the service has answered the last of its operations."""
        return {"r": "done", **self.customer, "usage_id": self.usage_id}


def is_unknown_verb(answer: Answer) -> bool:
    """An older service: it has no such address, or no such operation of a batch."""
    return answer.is_no_address or has_error(answer, None, ["body", "op"])


def has_error(answer: Result, kind: str | None, place: list[str] | None = None) -> bool:
    if not isinstance(answer, Answer):
        return False
    errors = answer.body.get("errors")
    return answer.status == 422 and isinstance(errors, list) and any(
        isinstance(each, dict) and kind in (None, each.get("type"))
        and place in (None, each.get("loc")) for each in errors)


def is_positive(credits: str) -> bool:
    try:
        return Decimal(credits) > 0
    except ArithmeticError:
        return False


def with_part(commit: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A commit of a success that has the part's tokens, too: as many as one commit can tell. One
    that charges credits stays as it is, since it may have no tokens beside them."""
    if "credits" in commit:
        return commit
    metrics = {**commit.get("metrics", {})}
    for name, value in part.items():
        metrics[name] = min(MOST_TOKENS, value + metrics.get(name, 0)) if name.endswith("_tokens") \
            else value
    rest = {name: value for name, value in commit.items() if name != "failure"}
    return {**rest, "success": True, "metrics": metrics}


def failure_of(usage: Usage, kind: str, reason: str) -> Record:
    return {"op": "commit", **usage.named, "success": False,
            "failure": {"failure_type": kind, "reason": reason}}


def date_of(answer: Answer) -> float | None:
    return seconds_of(answer.headers.get("date", ""))


@functools.lru_cache(maxsize=16)
def seconds_of(date: str) -> float | None:
    """The Unix seconds that a header tells; the same text comes again within a second."""
    parsed = email.utils.parsedate(date)
    return float(calendar.timegm(parsed)) if parsed else None


def hold_ends(answer: Answer) -> float | None:
    """What is left of the hold by the service's own clock, counted from now by ours that cannot jump."""
    told = answer.body.get("expires_at")
    now = date_of(answer)
    if not isinstance(told, str) or now is None:
        return None
    try:
        ends = datetime.fromisoformat(f"{told[:19]}+00:00").timestamp()
    except ValueError:
        return None
    return answer.received + ends - now


def has_amounts(commit: Record) -> bool:
    """Whether a commit says what a success costs."""
    return bool(commit.get("success")) and (
        "credits" in commit or any(name.endswith("_tokens") for name in commit.get("metrics", {})))


def without_result(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "result"}


def charges_whole(commit: Record) -> Record:
    """The same commit without amounts: all that is held is charged."""
    latency = {name: value for name, value in commit.get("metrics", {}).items() if name == "latency_ms"}
    return {**{name: value for name, value in commit.items() if name != "credits"}, "metrics": latency}
