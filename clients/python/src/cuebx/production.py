"""What a stream has produced so far, and which part of it was captured: lower bounds until the
provider tells."""

from __future__ import annotations

from typing import Any

from .chunks import Counts, read_chunk
from .limits import LONGEST_MODEL, shown

# A token of output is at most so many bytes of UTF-8, as good as always.
BYTES_OF_A_TOKEN = 8
TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")


class Production:
    def __init__(self) -> None:
        self.size, self.counts, self.chunks = 0, Counts(), 0
        self.captured = dict.fromkeys(TOKENS, 0)
        self.captures = 0

    def add(self, chunk: Any) -> None:
        size, told = read_chunk(chunk)
        self.size += size
        self.counts = self.counts.updated(told)

    @property
    def total(self) -> dict[str, int]:
        """Tokens so far, at least."""
        counts = self.counts
        output = max(counts.output_tokens or 0, self.size // BYTES_OF_A_TOKEN)
        whole = counts.input_tokens or 0
        return {"input_tokens": whole, "output_tokens": output,
                "cached_input_tokens": min(counts.cached_input_tokens or 0, whole),
                "reasoning_tokens": min(counts.reasoning_tokens or 0, output)}

    @property
    def uncaptured(self) -> int:
        """Tokens of input and output since the last capture."""
        total = self.total
        return total["input_tokens"] + total["output_tokens"] - self.captured_tokens

    @property
    def captured_tokens(self) -> int:
        return self.captured["input_tokens"] + self.captured["output_tokens"]

    def part(self) -> dict[str, Any] | None:
        """The tokens since the last capture; None if there is nothing to capture. What was handed out
        first counts even if it is less than a token: of a fixed price it takes the whole."""
        part = {name: max(0, number - self.captured[name]) for name, number in self.total.items()}
        if not self.chunks or self.captures and not any(part.values()):
            return None
        part["cached_input_tokens"] = min(part["cached_input_tokens"], part["input_tokens"])
        part["reasoning_tokens"] = min(part["reasoning_tokens"], part["output_tokens"])
        return self.metrics({name: number for name, number in part.items()})

    def without_captured(self, total: dict[str, Any]) -> dict[str, Any]:
        """Of a call's total, what no capture has told."""
        rest = {name: max(0, value - self.captured.get(name, 0)) if name in TOKENS else value
                for name, value in total.items()}
        for part, whole in (("cached_input_tokens", "input_tokens"), ("reasoning_tokens", "output_tokens")):
            if part in rest:
                rest[part] = min(rest[part], rest.get(whole, 0))
        return rest

    def metrics(self, tokens: dict[str, int]) -> dict[str, Any]:
        metrics: dict[str, Any] = {
            name: number for name, number in tokens.items()
            if number or name in ("input_tokens", "output_tokens")}
        if self.counts.model:
            metrics["model_used"] = shown(self.counts.model, LONGEST_MODEL)
        return metrics

    def take(self, part: dict[str, Any], sign: int = 1) -> None:
        """Notes a part as captured; with -1, as not captured after all."""
        self.captures += sign
        for name in TOKENS:
            self.captured[name] += sign * part.get(name, 0)
