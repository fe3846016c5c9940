"""Something that happens once, on any thread, and is waited for by a thread or by a task."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


class Signal:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_set = False
        # Why what was waited for did not happen.
        self.error: Exception | None = None
        self.callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        with self.lock:
            self.is_set = True
            callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()

    def settle(self, error: Exception | None) -> None:
        self.error = error
        self.set()

    def when_set(self, callback: Callable[[], None]) -> None:
        with self.lock:
            if not self.is_set:
                self.callbacks.append(callback)
                return
        callback()

    def wait(self, seconds: float | None) -> bool:
        """Whether it has happened within the seconds."""
        if self.is_set:
            return True
        happened = threading.Lock()
        happened.acquire()
        self.when_set(happened.release)
        return happened.acquire(timeout=-1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))

    async def wait_async(self, seconds: float | None) -> bool:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def resolve() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            # A loop that was closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(resolve)

        self.when_set(wake)
        done, _ = await asyncio.wait({future}, timeout=seconds)
        return bool(done) or self.is_set
