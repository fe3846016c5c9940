"""What a host may say, judged where it enters: what JSON or the service cannot take is refused for its
own call, before it is in a batch or a spool that others share."""

from __future__ import annotations

import json
import operator
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from .errors import InvalidRequest, InvalidToken, KeyOfAnotherWorkspace, MalformedApiKey

if TYPE_CHECKING:
    from .transport import Secret

# The service's own bounds (openapi.json).
MOST_TOKENS = 2_000_000
MOST_CHARACTERS = 10_000_000
LONGEST_ID = 255
LONGEST_MODEL = 100
LONGEST_ENDPOINT = 2048
LONGEST_USER_AGENT = 1024
LONGEST_IP = 64
# A call's total: more than the service takes at once is told in parts.
MOST_TOKENS_OF_A_CALL = 1_000_000_000
LONGEST_HOLD = 1_000_000_000
CREDITS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
MOST_CREDITS = Decimal(1_000_000_000)
LARGEST_RESULT, DEEPEST_RESULT = 256 << 10, 20
# What may stand in a header behind "Bearer".
TOKEN = re.compile(r"[\x21-\x7e]+")
CLIENT_ID = re.compile("ws_[0-9a-f]{32}")
NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)
ESTIMATES = {"input_chars": MOST_CHARACTERS, "input_tokens": MOST_TOKENS, "max_output_tokens": MOST_TOKENS}


def refuse(name: str, message: str) -> NoReturn:
    """As the service refuses a field."""
    raise InvalidRequest(
        f"The request is not valid. {name} {message}", status=422, code="validation_error",
        errors=[{"loc": ["body", *name.split(".")], "msg": message, "type": "value_error"}])


def encoded(value: Any) -> bytes:
    """JSON in UTF-8. Raises ValueError for what JSON cannot write."""
    try:
        return ENCODER.encode(value).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from None


def whole(name: str, value: Any, most: int, least: int = 0) -> int:
    """An integer of any library's kind; no fraction, and no float, which may have been one."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    try:
        number = operator.index(value)
    except TypeError:
        refuse(name, "must be an integer")
    if isinstance(value, bool) or not least <= number <= most:
        refuse(name, f"must be an integer from {least} to {most}")
    return number


def amount(name: str, value: Any) -> str:
    """Credits as an exact decimal text, from a text, a Decimal or an integer."""
    if isinstance(value, Decimal) and value.is_finite():
        value = format(value.normalize(), "f") if value else "0"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not CREDITS.fullmatch(value) or Decimal(value) > MOST_CREDITS:
        refuse(name, "must be a decimal text (or Decimal) of at most a billion with at most six decimals")
    return value


def text(name: str, value: Any, most: int, least: int = 1) -> str:
    if isinstance(value, UUID):
        value = str(value)
    if not isinstance(value, str) or not least <= len(value) <= most or NO_TEXT.search(value):
        refuse(name, f"must be a text of {least} to {most} characters, without control characters")
    return str(value)


def shown(value: Any, most: int) -> str:
    """For people to read: what is no text in it is replaced, what is too long is cut."""
    return NO_TEXT.sub("\ufffd", str(value))[:most]


def token(user: Any) -> str:
    """The user's token without "Bearer ". Raises InvalidToken for what is no header's value."""
    text = without_scheme(user)
    if not TOKEN.fullmatch(text):
        raise InvalidToken("The access token is not valid.", status=401, code="invalid_token")
    return text


def without_scheme(credential: Any) -> str:
    """What a header carries behind "Bearer" and blanks; an empty text for what is none. The same in all
    clients: clients/scenarios/vectors/credentials.json."""
    if isinstance(credential, bytes):
        credential = credential.decode("latin-1")
    text = credential if isinstance(credential, str) else ""
    return text[7:].strip(" \t") if (text + " ")[:7].lower() == "bearer " else text


def api_key(key: Secret) -> None:
    """Raises MalformedApiKey; the service's own judgement is stricter. No frame of the traceback has the
    key as a text."""
    if len(key.text) > LONGEST_ID or not TOKEN.fullmatch(key.text):
        raise MalformedApiKey(
            "The api_key is not written as an API key is.", status=400, code="malformed_api_key")


def client_id(name: Any) -> None:
    """Raises KeyOfAnotherWorkspace: the service says no more of a workspace that there is not."""
    if not isinstance(name, str) or not CLIENT_ID.fullmatch(name):
        raise KeyOfAnotherWorkspace(
            "The api_key is not a key of this client_id.", status=403, code="key_of_another_workspace")


def estimate(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        refuse("usage_estimate", "must be a dictionary")
    told: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in ESTIMATES:
            told[name] = whole(f"usage_estimate.{name}", value, ESTIMATES[name])
        elif name == "model":
            told[name] = text("usage_estimate.model", value, LONGEST_MODEL)
        else:
            refuse(f"usage_estimate.{shown(name, LONGEST_ID)}", "is not known")
    if not told:
        refuse("usage_estimate", "must have at least one field")
    return told


def who_called(given: Any) -> dict[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        refuse("client", "must be a dictionary")
    bounds = {"ip": LONGEST_IP, "user_agent": LONGEST_USER_AGENT}
    return {name: shown(given[name], most) for name, most in bounds.items()
            if given.get(name) is not None}


def result(title: Any, data: Any) -> dict[str, Any]:
    """What is kept for the user: a copy, which the host may change no more."""
    title = text("result.title", title, LONGEST_ID)
    try:
        written = encoded(data)
    except ValueError:
        refuse("result.data", "must be what JSON can write")
    copy = json.loads(written)
    if len(written) > LARGEST_RESULT:
        refuse("result.data", f"must have at most {LARGEST_RESULT} bytes without white space")
    if is_nested(copy, DEEPEST_RESULT):
        refuse("result.data", f"must be nested at most {DEEPEST_RESULT} deep")
    return {"title": title, "data": copy}


def is_nested(value: Any, depth: int) -> bool:
    """Whether arrays and objects are nested deeper."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (depth == 0 or any(is_nested(each, depth - 1) for each in inner))


def settlement(told: dict[str, Any]) -> dict[str, Any]:
    """What a call used, in total, by the names of the wire."""
    settled: dict[str, Any] = {}
    for name, value in told.items():
        if value is None:
            continue
        if name == "credits":
            settled[name] = amount("credits", value)
        elif name == "model_used":
            settled[name] = shown(value, LONGEST_MODEL)
            if not settled[name]:
                del settled[name]
        else:
            settled[name] = whole(name, value, MOST_TOKENS_OF_A_CALL)
    for part, of in (("cached_input_tokens", "input_tokens"), ("reasoning_tokens", "output_tokens")):
        if settled.get(part, 0) > settled.get(of, 0):
            refuse(part, f"must not be more than {of}")
    if "credits" in settled and any(name.endswith("_tokens") for name in settled):
        refuse("credits", "must be absent beside counts of tokens")
    return settled
