"""Streams of chunks, handed on one by one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any

from .errors import SpoolUnavailable
from .signals import Signal

if TYPE_CHECKING:
    from .call import Call
    from .metered import Metered

# Seconds after which a disk that does not answer is taken for broken.
DISK_SECONDS = 30.0


def sync_stream(call: Call, source: Any) -> Iterator[Any]:
    try:
        for chunk in source:
            call._produced(chunk)
            if noted := call._first_noted():
                noted.wait(DISK_SECONDS)
                judge(noted)
            call._handed_out()
            yield chunk
    finally:
        close = getattr(source, "close", None)
        if close:
            close()


async def async_stream(call: Call, source: Any) -> AsyncGenerator[Any, None]:
    try:
        async for chunk in source:
            call._produced(chunk)
            if noted := call._first_noted():
                await noted.wait_async(DISK_SECONDS)
                judge(noted)
            call._handed_out()
            yield chunk
    finally:
        close = getattr(source, "aclose", None) or getattr(source, "close", None)
        if close:
            closing = close()
            if inspect.isawaitable(closing):
                await closing


def judge(noted: Signal) -> None:
    """What could not be told after all is not handed out."""
    if not noted.is_set or noted.error:
        raise SpoolUnavailable("The spool cannot be written.")


class MeteredStream:
    """A stream that is a whole call: entered before its first chunk, left after its last, or when its
    consumer goes away, even if it never began to read."""

    def __init__(self, metered: Metered, call: Call, source: Any) -> None:
        self.call = call
        self._metered, self._chunks, self._has_ended = metered, async_stream(call, source), False

    def __aiter__(self) -> MeteredStream:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._chunks.__anext__()
        except StopAsyncIteration:
            await self._end(None)
            raise
        except BaseException as error:
            await self._end(error)
            raise

    async def aclose(self) -> None:
        await self._chunks.aclose()
        await self._end(GeneratorExit())

    async def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            await self._metered.__aexit__(type(error) if error else None, error, None)

    def __del__(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self.call._finish(GeneratorExit())
