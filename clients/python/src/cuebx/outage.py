"""What happens to calls while the service cannot be asked: nothing runs, or, if the host says so, what
runs is written down, bounded, and told afterwards."""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from . import limits
from .errors import AlreadyFinished, AlreadyRunning, InvalidToken, Refused
from .events import Events
from .transport import Answer, NoAnswer, Operation, Result

if TYPE_CHECKING:
    from .asking import Asking

# Of all that may run in an outage, the part that may be one user's.
PART_OF_A_USER = Decimal("0.1")
# The service takes nothing that ran longer ago.
LONGEST_OUTAGE = 86_400
# A gateway's, or the service's own: nothing was decided.
OUTAGE_STATUSES = (502, 503)
# What the features held when they were last asked for; beside the spool's files.
HOLDS_FILE = "holds.json"
MOST_FEATURES = 4_096
JOURNAL = "journal-"
# So many of the requests that ran last are known.
MOST_FINISHED = 16_384


@dataclass(frozen=True)
class FailClosed:
    """Nothing runs while the service cannot be asked."""


@dataclass(frozen=True)
class FailOpenWithJournal:
    """See `fail_open_with_journal`."""

    max_credits: Decimal
    max_seconds: float
    verify_token: Callable[[str], Optional[str]]


OutagePolicy = Union[FailClosed, FailOpenWithJournal]


def fail_closed() -> FailClosed:
    """The default: while the service cannot be asked, `Unavailable` is raised and nothing runs."""
    return FailClosed()


def fail_open_with_journal(
    max_credits: Decimal | str | int, max_seconds: float, verify_token: Callable[[str], Optional[str]],
) -> FailOpenWithJournal:
    """While the service cannot be reached, does not answer in time, or answers 502 or 503, calls run
    all the same. They are written to the spool and charged afterwards, as far as there are credits
    then. Needs a spool on a disk, and a service whose `RECORD_WITHIN` allows it.

    - max_credits: of all calls of this process that ran and were not told yet, by what their
      features last held; a tenth of it may be one user's. A feature of which no hold was seen does
      not run.
    - max_seconds: after the first call of an outage no other begins.
    - verify_token: gets the user's access token, which the service cannot judge now, and returns the
      user's id; None, or any exception: the token is not good.

    Raises ValueError for what makes no sense.
    """
    most = Decimal(limits.amount("max_credits", max_credits))
    if most <= 0 or not 0 < max_seconds <= LONGEST_OUTAGE:
        raise ValueError(f"max_credits must be positive, max_seconds at most {LONGEST_OUTAGE}.")
    return FailOpenWithJournal(most, float(max_seconds), verify_token)


def is_journal(usage_id: str) -> bool:
    """Whether it names a call that ran unasked: the service has no such usage."""
    return usage_id.startswith(JOURNAL)


@dataclass(frozen=True)
class Journal:
    """A call that runs unasked. The id is the same for the same call.

    - credits: what it counts against the ceiling.
    - body: what `record` is told of it, but for what it used.
    """

    usage_id: str
    user_id: str
    credits: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Held:
    user_id: str
    credits: Decimal
    ran_at: float


class Outage:
    """Counts what runs unasked, before it runs, until the service has acknowledged it."""

    def __init__(
        self, policy: OutagePolicy, folder: Path | None, events: Events,
        heard_at: Callable[[], float],
    ) -> None:
        self.policy = policy if isinstance(policy, FailOpenWithJournal) else None
        self.path = folder / HOLDS_FILE if folder else None
        self.events, self.heard_at = events, heard_at
        self.lock = threading.Lock()
        self.held: dict[str, Held] = {}
        # Requests that ran, or run by the service's leave, and do not count; by their names, the usage of
        # each. The oldest is first.
        self.finished: dict[str, str] = {}
        self.holds: dict[str, str] = self.stored() if self.policy else {}
        self.is_changed = False
        # When the first call ran unasked, by the monotonic clock and by that of the wall.
        self.began: tuple[float, float] | None = None

    @property
    def is_on(self) -> bool:
        """Whether a call has run unasked and nothing was heard of the service since."""
        return self.began is not None and self.heard_at() < self.began[0]

    def is_of(self, operation: Operation, result: Result | None, asked_at: float) -> bool:
        """Whether nothing was decided because the service is away, and never because of what it says.

        - result: None: the budget was over before anything came.
        """
        last = result if isinstance(result, Answer) or result and result.is_outage else operation.last
        if last is None:
            return self.heard_at() < asked_at
        return last.is_outage if isinstance(last, NoAnswer) else last.status in OUTAGE_STATUSES

    # What features hold

    def saw(self, feature: str, credits: str) -> None:
        if self.policy is None or self.holds.get(feature) == credits:
            return
        with self.lock:
            if feature in self.holds or len(self.holds) < MOST_FEATURES:
                self.holds[feature] = credits
                self.is_changed = True

    def stored(self) -> dict[str, str]:
        try:
            told = json.loads(self.path.read_bytes()) if self.path else {}
        except (OSError, ValueError):
            return {}
        return {feature: credits for feature, credits in told.items()
                if isinstance(credits, str) and limits.CREDITS.fullmatch(credits)} \
            if isinstance(told, dict) else {}

    def save(self) -> None:
        """What was seen, for the next process; on the spool's thread."""
        if not self.is_changed or self.path is None:
            return
        with self.lock:
            self.is_changed = False
            seen = dict(self.holds)
        hidden = self.path.with_name(f"{uuid.uuid4()}.new")
        with contextlib.suppress(OSError):
            # Another process may have seen other features.
            whole = dict(list({**self.stored(), **seen}.items())[-MOST_FEATURES:])
            descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(limits.encoded(whole))
            os.replace(hidden, self.path)

    # What runs

    def open(
        self, asking: Asking, ran_at: float, is_running: Callable[[str], bool],
    ) -> Journal | None:
        """None if it may not run. Raises InvalidToken if the host says that the token is not good;
        AlreadyRunning, AlreadyFinished if the same call ran before, as far as this process knows.

        - ran_at: by the service's clock, in Unix seconds.
        """
        assert asking.token is not None, "only a user's call runs unasked"
        user_id = self.user_of(asking.token.text)
        usage_id = usage_of(user_id, asking.request_id, asking.payload_hash)
        if known := self.known_as(usage_id):
            raise has_run(known, is_running(known))
        credits = self.holds.get(asking.feature)
        reason = "the feature's hold was never seen" if credits is None \
            else self.reserve(usage_id, user_id, Decimal(credits), ran_at)
        if credits is None or reason:
            self.events.tell("outage_refused", feature=asking.feature, reason=reason)
            return None
        self.events.tell("journaled", feature=asking.feature, usage_id=usage_id, credits=credits,
                         total=str(self.total()))
        return Journal(usage_id, user_id, credits, {
            "user_id": user_id, "request_id": asking.request_id, "feature_key": asking.feature,
            "payload_hash": asking.payload_hash, "ran_at": rfc3339(ran_at)})

    def user_of(self, token: str) -> str:
        assert self.policy is not None
        with contextlib.suppress(Exception):
            user_id = self.policy.verify_token(token)
            if isinstance(user_id, str):
                return limits.text("user_id", user_id, limits.LONGEST_ID)
        raise InvalidToken("The access token is not valid.", status=401, code="invalid_token")

    def reserve(self, usage_id: str, user_id: str, credits: Decimal, ran_at: float) -> str:
        """Why it may not run; an empty text: it is counted."""
        assert self.policy is not None
        now = (time.monotonic(), time.time())
        with self.lock:
            began = self.began if self.is_on and self.began else (now[0], self.first(now[1]))
            if max(now[0] - began[0], now[1] - began[1]) > self.policy.max_seconds:
                return "the outage lasts too long"
            users = sum(each.credits for each in self.held.values() if each.user_id == user_id)
            if users + credits > self.policy.max_credits * PART_OF_A_USER:
                return "the user's part is used up"
            if sum(each.credits for each in self.held.values()) + credits > self.policy.max_credits:
                return "the ceiling is reached"
            if usage_id in self.held:
                return "the same request runs already"
            self.held[usage_id] = Held(user_id, credits, ran_at)
            if began is not self.began:
                self.began = began
                self.events.tell("outage_opened")
        return ""

    def first(self, now: float) -> float:
        """When an outage began that is met now: a process that begins in one goes on with that of
        which its files tell."""
        if self.heard_at() > float("-inf"):
            return now
        return min((each.ran_at for each in self.held.values()), default=now)

    def total(self) -> Decimal:
        with self.lock:
            return sum((each.credits for each in self.held.values()), Decimal(0))

    def is_held(self, name: str) -> bool:
        with self.lock:
            return name in self.held

    def known_as(self, name: str) -> str | None:
        """The usage of the request of that name, if it ran or runs, as far as this process knows."""
        with self.lock:
            return name if name in self.held else self.finished.get(name)

    def adopt(self, usage_id: str, body: dict[str, Any], counted: object = None) -> None:
        """What a process before this one ran counts until it is told.

        - counted: what it counted there; of an older client's it is not known.
        """
        if not isinstance(counted, str) or not limits.CREDITS.fullmatch(counted):
            counted = self.holds.get(str(body.get("feature_key")), "0")
        credits = Decimal(counted)
        with self.lock:
            self.held[usage_id] = Held(
                str(body.get("user_id")), credits, seconds_of(str(body.get("ran_at"))))

    def forget(self, usage_id: str) -> None:
        """It does not run after all."""
        with self.lock:
            self.held.pop(usage_id, None)

    def acknowledged(self, usage_id: str) -> None:
        with self.lock:
            self.held.pop(usage_id, None)
            self.finish(usage_id, usage_id)

    def granted(self, name: str, usage_id: str) -> None:
        """The service has granted the request of that name, and would not grant it again."""
        if self.policy is None:
            return
        with self.lock:
            self.finish(name, usage_id)

    def finish(self, name: str, usage_id: str) -> None:
        """Under the lock."""
        self.finished.pop(name, None)
        self.finished[name] = usage_id
        if len(self.finished) > MOST_FINISHED:
            del self.finished[next(iter(self.finished))]


def has_run(usage_id: str, is_running: bool) -> Refused:
    """What the service would say of a request that ran unasked, were it told already."""
    kind, code, status = (AlreadyRunning, "replayed", 200) if is_running \
        else (AlreadyFinished, "request_already_finished", 409)
    return kind("This request has run already.", status=status, code=code, usage_id=usage_id)


def usage_of(user_id: str, request_id: str, payload_hash: str) -> str:
    key = limits.encoded([user_id, request_id, payload_hash])
    return JOURNAL + hashlib.sha256(key).hexdigest()[:32]


def rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def seconds_of(instant: str) -> float:
    """The Unix seconds of an instant of ours; now for any other."""
    try:
        return float(calendar.timegm(time.strptime(instant, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return time.time()
