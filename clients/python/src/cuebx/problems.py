"""What a tool server answers its own caller if a call may not run: RFC 9457."""

from __future__ import annotations

import math
from typing import Any

from .errors import (
    CueBXError, InvalidApiKey, InvalidInternalKey, InvalidRequest, InvalidToken, MalformedApiKey, Refused,
    TokenExpired)
from .limits import LONGEST_ID, NO_TEXT

# Of what is no decision: nothing ran, and it may be tried again.
RETRY_AFTER = 2.0


def problem_of(error: CueBXError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body. The tool server's own mistakes (its key, its feature) are a 500 without
    their details."""
    headers = {"Content-Type": "application/problem+json"}
    if isinstance(error, (InvalidInternalKey, InvalidRequest)) or not isinstance(error, Refused):
        is_mistake = isinstance(error, Refused)
        status, code = (500, "metering_misconfigured") if is_mistake else (503, "metering_unavailable")
        detail = "The call could not be metered; nothing was run or charged."
        if not is_mistake:
            headers["Retry-After"] = seconds(getattr(error, "retry_after", None) or RETRY_AFTER)
    else:
        status, code, detail = error.status if error.status >= 400 else 409, error.code, str(error)
        if error.retry_after is not None:
            headers["Retry-After"] = seconds(error.retry_after)
        if isinstance(error, (TokenExpired, InvalidToken, InvalidApiKey, MalformedApiKey)):
            # Whose request is this one's has presented no good credential, whatever is wrong with it.
            status, headers["WWW-Authenticate"] = 401, "Bearer"
    body: dict[str, Any] = {
        "type": f"urn:cuebx:problem:{code}", "title": type(error).__name__, "status": status,
        "detail": detail, "code": code}
    if isinstance(error, Refused) and error.usage_id:
        body["usage_id"] = error.usage_id
    return status, headers, body


def seconds(value: float) -> str:
    return str(max(1, math.ceil(value)))


def key_of(header: str | None) -> str | None:
    """The request id that an Idempotency-Key names; an empty one is none. Raises ValueError for what
    is no name of a request."""
    if header and (len(header) > LONGEST_ID or NO_TEXT.search(header)):
        raise ValueError(f"The Idempotency-Key must be at most {LONGEST_ID} characters, none of control.")
    return header or None


def wrong_key(error: ValueError) -> tuple[int, dict[str, str], dict[str, Any]]:
    return 400, {"Content-Type": "application/problem+json"}, {
        "type": "urn:cuebx:problem:invalid_idempotency_key", "title": "Invalid Idempotency-Key",
        "status": 400, "detail": str(error), "code": "invalid_idempotency_key"}


def missing_token() -> tuple[int, dict[str, str], dict[str, Any]]:
    return 401, {"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"}, {
        "type": "urn:cuebx:problem:unauthorized", "title": "Unauthorized", "status": 401,
        "detail": "A bearer token is required.", "code": "unauthorized"}
