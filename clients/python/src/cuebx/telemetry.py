"""Names of OpenTelemetry on the host's current span, if the host has it. Nothing is imported here that the
host has not imported: a host without OpenTelemetry pays one look into a dictionary a call."""

from __future__ import annotations

import sys
from typing import Any, Optional, Protocol

from .errors import CueBXError, Refused
from .spool_format import Record


class Span(Protocol):
    def set_attributes(self, attributes: dict[str, Any]) -> None: ...


def current_span() -> Optional[Span]:
    """The span in which the call is made, if somebody records it."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span = trace.get_current_span()
    return span if span.is_recording() else None


def asked(feature: str, request_id: str) -> dict[str, Any]:
    return {"cuebx.feature": feature, "cuebx.request_id": request_id}


def granted(usage_id: str, credits_reserved: str) -> dict[str, Any]:
    return {"cuebx.usage_id": usage_id, "cuebx.credits_reserved": credits_reserved}


def not_granted(error: CueBXError) -> dict[str, Any]:
    code = error.code if isinstance(error, Refused) else ""
    return {"cuebx.outcome": "not_run", "error.type": code or type(error).__name__}


def ended(operations: list[Record], failure: str | None) -> dict[str, Any]:
    """Of what the service is told: by the conventions for calls of models where they have a name."""
    told = operations[-1].get("metrics") or {} if operations else {}
    found = {"cuebx.outcome": "failure" if failure else "success", "error.type": failure,
             "gen_ai.response.model": told.get("model_used"),
             "gen_ai.usage.input_tokens": told.get("input_tokens"),
             "gen_ai.usage.output_tokens": told.get("output_tokens")}
    return {name: value for name, value in found.items() if value is not None}
