"""`payload_hash`: SHA-256 of a payload's bytes. What is no bytes is made canonical JSON first."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Union

Payload = Union[bytes, bytearray, memoryview, str, dict[str, Any], list[Any], int, float, bool, None]

SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
ESCAPES = {number: SHORT_ESCAPES.get(number, f"\\u{number:04x}") for number in (*range(32), 34, 92)}


def payload_hash(payload: Payload) -> str:
    """In lower-case hexadecimal. Bytes are taken as they are, a text as its UTF-8, all else as
    canonical JSON (RFC 8785).

    Raises ValueError for what has no canonical JSON: NaN, infinities, a lone surrogate, an integer
    that is equal to no double, a name that is no text, an object of another kind, too deep a nesting.
    """
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return hashlib.sha256(payload).hexdigest()
    try:
        text = payload if isinstance(payload, str) else canonical_json(payload)
    except RecursionError:
        raise ValueError("the payload is nested too deeply") from None
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """RFC 8785: one text for equal values, whatever language wrote it."""
    if isinstance(value, str):
        return canonical_text(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return canonical_number(value)
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("a member's name is no text")
        # In the order of UTF-16 code units, as JavaScript compares.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(
            f"{canonical_text(name)}:{canonical_json(value[name])}" for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical_json(element) for element in value) + "]"
    raise ValueError(f"{type(value).__name__} is no JSON")


def canonical_text(text: str) -> str:
    # Raises UnicodeEncodeError, a ValueError, for a lone surrogate.
    text.encode()
    return '"' + text.translate(ESCAPES) + '"'


def canonical_number(number: int | float) -> str:
    """As ECMAScript writes a double (ECMA-262, Number::toString)."""
    try:
        double = float(number)
    except OverflowError:
        raise ValueError(f"{number} is beyond a double") from None
    if math.isnan(double) or math.isinf(double):
        raise ValueError(f"{number} is no JSON")
    if double != number:
        raise ValueError(f"{number} is equal to no double")
    if double == 0:
        return "0"
    sign, digits, exponent = shortest(double)
    # The point stands after so many digits.
    point = len(digits) + exponent
    if 0 < point <= 21:
        text = digits[:point].ljust(point, "0") + ("." + digits[point:] if digits[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"
    return sign + text


def shortest(double: float) -> tuple[str, str, int]:
    """Sign, the fewest digits that name the double, and the power of ten of the last of them."""
    sign = "-" if double < 0 else ""
    mantissa, _, exponent = repr(abs(double)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction)
    stripped = digits.rstrip("0")
    return sign, stripped, power + len(digits) - len(stripped)
