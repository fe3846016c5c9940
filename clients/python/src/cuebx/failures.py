"""Which `failure_type` an exception stands for."""

from __future__ import annotations

import asyncio
import json
from .wire import FailureType

# Whoever called has gone, or asked to stop.
GONE = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
# By the names that SDKs use, so that none of them need be here. The first that matches counts.
NAMES: tuple[tuple[str, FailureType], ...] = (
    ("Timeout", "timeout"),
    ("RateLimit", "rate_limited"),
    ("ResponseValidation", "invalid_response"),
    ("JSONDecode", "invalid_response"),
    ("ValidationError", "validation_error"),
    ("BadRequest", "validation_error"),
    ("UnprocessableEntity", "validation_error"),
    ("ClientDisconnect", "client_error"),
    ("HTTPException", "client_error"),
    ("Connect", "upstream_error"),
    ("APIError", "upstream_error"),
    ("APIStatusError", "upstream_error"),
    ("TransportError", "upstream_error"),
    ("ProtocolError", "upstream_error"),
    ("NetworkError", "upstream_error"),
)


def failure_type(error: BaseException) -> FailureType:
    """| exception | type |
    |---|---|
    | cancellation, a closed generator, interrupts, the web framework's refusals below 500 | `client_error` |
    | a timeout of any library | `timeout` |
    | a provider's 429 | `rate_limited` |
    | what a provider sent cannot be read | `invalid_response` |
    | input that a schema or the provider refuses | `validation_error` |
    | a provider that cannot be reached, or fails | `upstream_error` |
    | anything else | `internal_error` |
    """
    if isinstance(error, GONE):
        return "client_error"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "timeout"
    if isinstance(error, json.JSONDecodeError):
        return "invalid_response"
    if isinstance(error, ConnectionError):
        return "upstream_error"
    status = getattr(error, "status_code", None)
    names = [kind.__name__ for kind in type(error).__mro__]
    for part, kind in NAMES:
        if any(part in name for name in names):
            if kind == "client_error" and isinstance(status, int) and status >= 500:
                return "internal_error"
            return kind
    if isinstance(status, int):
        return "rate_limited" if status == 429 else "upstream_error"
    return "internal_error"
