"""Streams of chunks, handed on one by one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call


def sync_stream(call: Call, source: Any) -> Iterator[Any]:
    try:
        for chunk in source:
            call._produced(chunk)
            call._handed_out()
            yield chunk
    finally:
        close = getattr(source, "close", None)
        if close:
            close()


async def async_stream(call: Call, source: Any) -> AsyncIterator[Any]:
    try:
        async for chunk in source:
            call._produced(chunk)
            call._handed_out()
            yield chunk
    finally:
        close = getattr(source, "aclose", None) or getattr(source, "close", None)
        if close:
            closing = close()
            if inspect.isawaitable(closing):
                await closing
