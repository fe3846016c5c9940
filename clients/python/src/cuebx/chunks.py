"""What a chunk of a stream says: how much text it brings, and what the provider counted.

By the shape of the chunk, so that no SDK need be here: texts and bytes; OpenAI's chat completions and
responses; Anthropic's messages; and the same as plain objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional


@dataclass(frozen=True)
class Counts:
    """What was counted so far; None: the provider has not said."""

    input_tokens: Optional[int] = None
    output_tokens: Optional[int] = None
    cached_input_tokens: Optional[int] = None
    reasoning_tokens: Optional[int] = None
    model: Optional[str] = None

    def updated(self, other: Counts) -> Counts:
        """Counts never shrink: the last event of a stream may leave out what the first has told,
        e.g. what was cached."""
        told = {name: value for name, value in vars(other).items() if value is not None}
        for name, value in told.items():
            if isinstance(value, int):
                told[name] = max(value, getattr(self, name) or 0)
        return replace(self, **told)


def member(value: Any, *names: str) -> Any:
    """The member of that name, of an object or a dictionary, and so on down; None if there is none."""
    for name in names:
        if value is None:
            return None
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def size_of(value: Any) -> int:
    """Bytes of a text in UTF-8; of what is no text, none."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, (bytes, bytearray)) else 0


def read_chunk(chunk: Any) -> tuple[int, Counts]:
    """Bytes of text that it brings, and what it says of the counts so far."""
    if isinstance(chunk, (str, bytes, bytearray)):
        return size_of(chunk), Counts()
    kind = member(chunk, "type")
    if isinstance(kind, str) and kind.startswith("response."):
        return read_response_event(chunk, kind)
    if isinstance(kind, str) and (kind.startswith("message_") or kind.startswith("content_block")):
        return read_message_event(chunk, kind)
    if member(chunk, "choices") is not None:
        return read_completion_chunk(chunk)
    return size_of(member(chunk, "text")), openai_counts(member(chunk, "usage"), member(chunk, "model"))


def read_completion_chunk(chunk: Any) -> tuple[int, Counts]:
    """OpenAI's chat completions, and others' that are shaped alike."""
    size = 0
    for choice in member(chunk, "choices") or []:
        delta = member(choice, "delta")
        size += size_of(member(delta, "content")) + size_of(member(delta, "refusal"))
        size += size_of(member(delta, "reasoning_content")) + size_of(member(choice, "text"))
        for call in member(delta, "tool_calls") or []:
            size += size_of(member(call, "function", "arguments"))
    return size, openai_counts(member(chunk, "usage"), member(chunk, "model"))


def read_response_event(chunk: Any, kind: str) -> tuple[int, Counts]:
    """OpenAI's responses."""
    size = size_of(member(chunk, "delta")) if kind.endswith(".delta") else 0
    return size, openai_counts(member(chunk, "response", "usage"), member(chunk, "response", "model"))


def openai_counts(usage: Any, model: Any) -> Counts:
    def told(*names: str) -> int | None:
        for name in names:
            if (found := number(member(usage, *name.split(".")))) is not None:
                return found
        return None

    return Counts(
        input_tokens=told("prompt_tokens", "input_tokens"),
        output_tokens=told("completion_tokens", "output_tokens"),
        cached_input_tokens=told(
            "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens"),
        reasoning_tokens=told(
            "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
        model=model if isinstance(model, str) and model else None)


def read_message_event(chunk: Any, kind: str) -> tuple[int, Counts]:
    """Anthropic's messages. Their input tokens leave out what was read from and written to the cache;
    ours are all of them, of which some were cached."""
    delta = member(chunk, "delta")
    size = sum(size_of(member(delta, name)) for name in ("text", "partial_json", "thinking"))
    usage = member(chunk, "message", "usage") if kind == "message_start" else member(chunk, "usage")
    fresh, cached = number(member(usage, "input_tokens")), number(member(usage, "cache_read_input_tokens"))
    written = number(member(usage, "cache_creation_input_tokens"))
    whole = None if fresh is None else fresh + (cached or 0) + (written or 0)
    model = member(chunk, "message", "model")
    return size, Counts(
        input_tokens=whole, output_tokens=number(member(usage, "output_tokens")),
        cached_input_tokens=cached if whole is not None else None,
        model=model if isinstance(model, str) and model else None)
