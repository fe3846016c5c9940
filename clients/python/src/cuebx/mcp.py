"""For MCP tools of fastmcp:

    @mcp.tool
    @metered(career, "career.job_match")
    async def job_match(resume: str, job: str) -> dict: ...

The user is the bearer token of the HTTP request that carries the tool's call, the payload its arguments;
a refusal becomes the tool's error, with the service's sentence. For calls by key, of customers:

    @metered(career, "api.job_match", customer=lambda **_: Customer(
        header_of_request("x-client-id"), header_of_request("authorization")))
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_request
from pydantic_core import to_jsonable_python

from .asgi import bearer
from .client import Client
from .errors import CueBXError
from .hashing import canonical_json
from .problems import key_of

Function = TypeVar("Function", bound=Callable[..., Any])


def metered(client: Client, feature: str, **options: Any) -> Callable[[Function], Function]:
    """Options are those of `Client.metered`; `user=…` if the token comes in another way, `customer=…` if
    there is no user."""
    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)

        def payload(*args: Any, **kwargs: Any) -> dict[str, Any]:
            arguments = signature.bind_partial(*args, **kwargs).arguments
            return {name: as_json(value) for name, value in arguments.items()
                    if not is_injected(value, signature.parameters[name])}

        whose = {} if options.get("customer") else {"user": token_of_request}
        given: dict[str, Any] = {
            **whose, "payload": payload, "request_id": key_of_request,
            "endpoint": f"mcp:{getattr(function, '__name__', feature)}", **options}
        tool: Function = with_tool_errors(client.metered(feature, **given)(function))
        return tool

    return decorate


def is_injected(value: Any, parameter: inspect.Parameter) -> bool:
    """What fastmcp hands over beside the tool's own arguments."""
    return isinstance(value, Context) or "Depend" in "".join(
        kind.__name__ for kind in type(parameter.default).__mro__)


def as_json(value: Any) -> Any:
    """An argument as the caller's JSON had it: models, dates, UUIDs, decimals, enums, bytes. Raises
    ValueError for what has no JSON; `payload=` says then what the call is about."""
    if isinstance(value, (set, frozenset)):
        # Else equal sets would differ from process to process.
        return sorted((as_json(each) for each in value), key=canonical_json)
    return to_jsonable_python(value)


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
    """Of the HTTP request that carries the tool's call; None if there is none."""
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
    try:
        return key_of(header_of_request("idempotency-key"))
    except ValueError as error:
        raise ToolError(str(error)) from None
