"""`with` and `async with` around a call, and the same as a decorator."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from . import telemetry
from .asking import Asking
from .call import Call
from .entry import Entry
from .errors import Unavailable
from .signals import Signal
from .streams import DISK_SECONDS, MeteredStream

if TYPE_CHECKING:
    from .client import Client

Function = TypeVar("Function", bound=Callable[..., Any])

# Seconds by which a canceled task is kept until its outcome is on the disk.
CANCELED_WAITS = 0.05


class Metered:
    """Use it once, with `with` or `async with`; as a decorator as often as the function is called.

    Entering asks the service, and raises what keeps the call from running (see `cuebx.errors`).
    Leaving writes the outcome down, durably, and tells the service in the background.
    """

    def __init__(self, client: Client, feature: str, arguments: dict[str, Any]) -> None:
        self._client, self._feature, self._arguments = client, feature, arguments
        self._call: Optional[Call] = None

    def __repr__(self) -> str:
        return f"<cuebx.Metered {self._feature}>"

    def _begin(self) -> Entry:
        if self._call is not None:
            raise RuntimeError("A metered call is entered once; ask the client for another.")
        entry = self._client._begin(Asking.of(self._feature, **self._arguments))
        self._call = entry.call
        return entry

    # Synchronous

    def __enter__(self) -> Call:
        entry = self._begin()
        try:
            is_there = entry.signal.wait(entry.seconds_left)
            begun = entry.unasked()
            if begun:
                begun.wait(DISK_SECONDS)
        except BaseException as error:
            leave(entry, error)
            raise
        return enter(entry, is_there, begun)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._call is not None
        written = self._call._finish(error)
        written.wait(DISK_SECONDS)
        if written.error:
            raise written.error

    # Asynchronous

    async def __aenter__(self) -> Call:
        entry = self._begin()
        try:
            is_there = await entry.signal.wait_async(entry.seconds_left)
            begun = entry.unasked()
            if begun:
                await begun.wait_async(DISK_SECONDS)
        except BaseException as error:
            leave(entry, error)
            raise
        return enter(entry, is_there, begun)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._call is not None
        is_canceled = isinstance(error, (asyncio.CancelledError, GeneratorExit))
        # The writing is the spool's thread's: whatever happens to this task, it goes on.
        written = self._call._finish(error)
        await written.wait_async(CANCELED_WAITS if is_canceled else DISK_SECONDS)
        if written.error and not is_canceled:
            raise written.error

    async def stream(self, source: Any) -> MeteredStream:
        """Enters, and makes the source's chunks the call: for an answer that is streamed after the
        handler has returned. A refusal is raised here, before anything of the answer is sent."""
        return MeteredStream(self, await self.__aenter__(), source)

    # As a decorator

    def __call__(self, function: Function) -> Function:
        """Around a function, a coroutine, a generator or an async generator. `user`, `payload` and
        `request_id` may be functions, which get the call's own arguments. A parameter named
        `metered_call` gets the `Call`, and is not seen by callers."""
        wrapped: Function = decorated(self, function)
        return wrapped

    def _for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Metered:
        arguments = {
            name: value(*args, **kwargs) if callable(value) else value
            for name, value in self._arguments.items()}
        return Metered(self._client, self._feature, arguments)


def enter(entry: Entry, is_there: bool, begun: Signal | None) -> Call:
    if begun and entry.is_journaled:
        return entry.enter_unasked(begun)
    if not is_there and entry.abandon():
        late = Unavailable("The service did not answer within the budget.")
        entry.call._describe(telemetry.not_granted, late)
        raise late
    return entry.enter()


def leave(entry: Entry, error: BaseException) -> None:
    """Whoever waited goes away."""
    entry.closed()
    if entry.is_journaled:
        entry.call._finish(error)
    elif not entry.abandon() and entry.error is None:
        entry.call._finish(error)


def decorated(metered: Metered, function: Any) -> Any:
    signature = inspect.signature(function)
    takes_call = "metered_call" in signature.parameters

    def arguments(call: Call, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**kwargs, "metered_call": call} if takes_call else kwargs

    async def async_generator(*args: Any, **kwargs: Any) -> Any:
        async with metered._for(args, kwargs) as call:
            async for chunk in call.stream(function(*args, **arguments(call, kwargs))):
                yield chunk

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        async with metered._for(args, kwargs) as call:
            return await function(*args, **arguments(call, kwargs))

    def generator(*args: Any, **kwargs: Any) -> Any:
        with metered._for(args, kwargs) as call:
            yield from call.stream(function(*args, **arguments(call, kwargs)))

    def plain(*args: Any, **kwargs: Any) -> Any:
        with metered._for(args, kwargs) as call:
            return function(*args, **arguments(call, kwargs))

    around: Any = plain
    if inspect.isasyncgenfunction(function):
        around = async_generator
    elif inspect.iscoroutinefunction(function):
        around = coroutine
    elif inspect.isgeneratorfunction(function):
        around = generator
    wrapper: Any = functools.wraps(function)(around)
    if takes_call:
        # Frameworks read the signature: the call is none of what their users send.
        wrapper.__signature__ = signature.replace(parameters=[
            each for name, each in signature.parameters.items() if name != "metered_call"])
        wrapper.__annotations__ = {
            name: each for name, each in wrapper.__annotations__.items() if name != "metered_call"}
        del wrapper.__wrapped__
    return wrapper
