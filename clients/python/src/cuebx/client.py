"""The client: one for the whole process, for all its threads, tasks and loops."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Union, overload
from urllib.parse import urlsplit

from .asking import Asking
from .call import Call
from .customers import Customer
from .engine import Engine
from .entry import Entry
from .errors import CueBXError, Overloaded
from .events import Event, Events
from .metered import Metered
from .options import Options
from .outage import FailClosed
from .spool_format import CUSTOMERS, USERS
from .transport import Secret

DEFAULT_URL = "http://127.0.0.1:8080"
MEMORY = "memory"
# Seconds for which an interpreter that ends waits for what is on its way; the spool has it anyway.
AT_EXIT_SECONDS = 1.0

# A user's token that nobody has given: None is what a request without one may have had.
MISSING = object()

PayloadOf = Union[Any, Callable[..., Any]]


class Client:
    """- url: of the service; `CUEBX_URL`, else http://127.0.0.1:8080.
    - internal_key: the tool server's key; `CUEBX_INTERNAL_KEY`, else the one of development, which is
      taken for loopback addresses only.
    - spool: a folder for what must outlive this process; `CUEBX_SPOOL`, else `var/cuebx-spool`.
      "memory" keeps it nowhere: a process that is killed then loses the outcomes not yet told, whose
      holds end by themselves and cost nothing.
    - on_event: called with each `Event`, on any thread.
    - options: see `Options`.
    """

    def __init__(
        self, url: str | None = None, internal_key: str | None = None,
        spool: str | os.PathLike[str] | None = None, *,
        on_event: Callable[[Event], None] | None = None, **options: Any,
    ) -> None:
        self.url = url or os.environ.get("CUEBX_URL") or DEFAULT_URL
        self._internal_key = Secret(internal_key or os.environ.get("CUEBX_INTERNAL_KEY")
                                    or key_of_development(self.url))
        folder = spool or os.environ.get("CUEBX_SPOOL") or "var/cuebx-spool"
        self._spool = None if folder == MEMORY else Path(folder).absolute()
        self.options = replace(Options(), **options)
        if self._spool is None and not isinstance(self.options.outage, FailClosed):
            raise ValueError("What runs in an outage must outlive the process: it needs a spool on a disk.")
        self._events = Events(on_event)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._is_closed = False
        if self._spool is None:
            self._events.tell("spool_volatile")
        # What processes before this one have left need not wait for the first call.
        self._running()
        CLIENTS.add(self)

    def __repr__(self) -> str:
        address = urlsplit(self.url)
        return f"<cuebx.Client {address.scheme}://{address.hostname}:{address.port or ''}>"

    @overload
    def metered(
        self, feature: str, *, user: str | Callable[..., str],
        payload: PayloadOf = b"",
        request_id: str | Callable[..., str | None] | None = None, endpoint: str = "",
        method: str = "POST", estimate: dict[str, Any] | None = None,
        hold_seconds: int | None = None, parent: Call | str | None = None,
        client: dict[str, str] | None = None,
    ) -> Metered: ...

    @overload
    def metered(
        self, feature: str, *, customer: Customer | Callable[..., Customer],
        payload: PayloadOf = b"",
        request_id: str | Callable[..., str | None] | None = None, endpoint: str = "",
        method: str = "POST", estimate: dict[str, Any] | None = None,
        hold_seconds: int | None = None, parent: Call | str | None = None,
        client: dict[str, str] | None = None,
    ) -> Metered: ...

    def metered(
        self, feature: str, *, user: Any = MISSING, customer: Any = None,
        payload: PayloadOf = b"",
        request_id: str | Callable[..., str | None] | None = None, endpoint: str = "",
        method: str = "POST", estimate: dict[str, Any] | None = None,
        hold_seconds: int | None = None, parent: Call | str | None = None,
        client: dict[str, str] | None = None,
    ) -> Metered:
        """Asks before, settles after: `with`, `async with`, or a decorator.

        - feature: its key in the catalog.
        - user: the user's access token, with or without "Bearer ".
        - customer: in place of a user, a customer of the API product, whose software calls by key; the
          feature is one of `api.`. It never runs unasked.
        - payload: what the call is about: bytes or a text as they came, else a JSON value. Together
          with the request id it says which calls are the same one.
        - request_id: the host's Idempotency-Key; else a new one.
        - endpoint, method: the tool server's own, for the user's log.
        - estimate: `input_chars` or `input_tokens`, `max_output_tokens`, `model`: what a feature that is
          priced by tokens holds.
        - hold_seconds: at first; a call that runs longer is prolonged by itself.
        - parent: the call out of whose hold this one is taken.
        - client: `ip` and `user_agent` of who called.

        Raises TypeError for neither of user and customer, and for both. Entering raises what
        `cuebx.errors` lists: `OutOfCredits`, `RateLimited`, `Unavailable` …
        """
        if (customer is None) == (user is MISSING):
            raise TypeError("A call is a user's or a customer's: give one of both.")
        whose = {"user": user} if customer is None else {"customer": customer}
        return Metered(self, feature, {
            **whose, "payload": payload, "request_id": request_id,
            "endpoint": endpoint, "method": method, "estimate": estimate, "hold_seconds": hold_seconds,
            "parent": parent, "client": client})

    def flush(self, seconds: float = 10.0) -> bool:
        """Whether the service has acknowledged everything within the seconds."""
        return self._running().flush(seconds)

    def close(self, seconds: float | None = None) -> bool:
        """Sends what is left for so many seconds (`close_seconds`), and lets the spool go. Whether all
        of it was acknowledged; the rest is told by the next process."""
        with self._lock:
            engine, self._engine, self._is_closed = self._engine, None, True
        CLIENTS.discard(self)
        return engine.close(self.options.close_seconds if seconds is None else seconds) \
            if engine else True

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, asking: Asking) -> Entry:
        engine = self._running()
        engine.spool.ensure(CUSTOMERS if asking.customer else USERS)
        if engine.sender.waiting >= self.options.most_waiting:
            raise Overloaded("Too many calls are waiting to be asked for.")
        return Entry(Call(engine, asking))

    def _running(self) -> Engine:
        engine = self._engine
        if engine is not None:
            return engine
        with self._lock:
            if self._is_closed:
                raise CueBXError("The client was closed.")
            if self._engine is None:
                self._engine = Engine(
                    self.url, self._internal_key, self._spool, self.options, self._events)
            return self._engine

    def _after_fork(self) -> None:
        """The child has a spool file, a pool, a queue and threads of its own; what the parent has open
        is the parent's."""
        engine, self._engine, self._lock = self._engine, None, threading.Lock()
        if engine:
            engine.spool.abandon()


CLIENTS: weakref.WeakSet[Client] = weakref.WeakSet()


def key_of_development(url: str) -> str:
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return "dev-internal-key"
    raise CueBXError("internal_key, or CUEBX_INTERNAL_KEY, is missing.")


def after_fork() -> None:
    for client in list(CLIENTS):
        client._after_fork()


def at_exit() -> None:
    for client in list(CLIENTS):
        client.close(AT_EXIT_SECONDS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
atexit.register(at_exit)
