"""For MCP tools of fastmcp:

    @mcp.tool
    @metered(career, "career.job_match")
    async def job_match(resume: str, job: str) -> dict: ...

The user is the bearer token of the HTTP request that carries the tool's call, the payload its arguments;
a refusal becomes the tool's error, with the service's sentence.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_request

from .asgi import bearer
from .client import Client
from .errors import CueBXError

Function = TypeVar("Function", bound=Callable[..., Any])
PLAIN = (str, int, float, bool, list, dict, tuple, type(None))


def metered(client: Client, feature: str, **options: Any) -> Callable[[Function], Function]:
    """Options are those of `Client.metered`; `user=…` if the token comes in another way."""
    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)

        def payload(*args: Any, **kwargs: Any) -> dict[str, Any]:
            arguments = signature.bind_partial(*args, **kwargs).arguments
            return {name: value for name, value in arguments.items() if isinstance(value, PLAIN)}

        given: dict[str, Any] = {
            "user": token_of_request, "payload": payload, "request_id": key_of_request,
            "endpoint": f"mcp:{getattr(function, '__name__', feature)}", **options}
        tool: Function = with_tool_errors(client.metered(feature, **given)(function))
        return tool

    return decorate


def with_tool_errors(function: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except CueBXError as error:
                raise ToolError(str(error)) from error
        return wrapper

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except CueBXError as error:
            raise ToolError(str(error)) from error
    return plain


def header_of_request(name: str) -> str | None:
    try:
        found: str | None = get_http_request().headers.get(name)
        return found
    except RuntimeError:
        return None  # A tool that is called over standard input has no HTTP request.


def token_of_request(*_: Any, **__: Any) -> str:
    token = bearer(header_of_request("authorization"))
    if token is None:
        raise ToolError("A bearer token is required.")
    return token


def key_of_request(*_: Any, **__: Any) -> str | None:
    return header_of_request("idempotency-key")
