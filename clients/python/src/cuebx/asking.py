"""What is asked before a call."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any, Optional

from . import limits
from .customers import Customer
from .hashing import Payload, payload_hash
from .ids import new_id
from .outage import is_journal
from .transport import Secret


@dataclass
class Asking:
    """- token: of the user; None if a customer asks.
    - seconds_of_token: None if there is no token, or it does not say when it ends.
    """

    feature: str
    token: Optional[Secret]
    customer: Optional[Customer]
    request_id: str
    payload_hash: str
    endpoint: str
    method: str
    estimate: Optional[dict[str, Any]] = None
    hold_seconds: Optional[int] = None
    parent: Optional[str] = None
    client: Optional[dict[str, str]] = None
    # Whether the host names the request, and may ask for it again.
    is_named: bool = False

    @classmethod
    def of(
        cls, feature: str, payload: Payload, *, request_id: Any, endpoint: str,
        method: str, estimate: dict[str, Any] | None, hold_seconds: int | None, parent: Any,
        client: dict[str, str] | None, user: Any = None, customer: Customer | None = None,
    ) -> Asking:
        """Raises InvalidRequest, InvalidToken, MalformedApiKey or KeyOfAnotherWorkspace for what the
        service could not read."""
        if hold_seconds is not None:
            hold_seconds = limits.whole("hold_seconds", hold_seconds, limits.LONGEST_HOLD, 1)
        parent = getattr(parent, "usage_id", parent)
        if is_journal(str(parent)):
            parent = None  # The service does not know it; this call is charged by itself.
        if parent is not None:
            parent = limits.text("parent_usage_id", parent, limits.LONGEST_ID)
        return cls(
            limits.text("feature_key", feature, limits.LONGEST_ID),
            None if customer else Secret(limits.token(user)), customer.judged() if customer else None,
            limits.text("request_id", request_id, limits.LONGEST_ID) if request_id else new_id(),
            payload_hash(payload), limits.shown(endpoint, limits.LONGEST_ENDPOINT),
            limits.text("method", method, 16), limits.estimate(estimate), hold_seconds, parent,
            limits.who_called(client), bool(request_id))

    @property
    def api_key(self) -> Optional[Secret]:
        return self.customer.api_key if self.customer else None

    def body(self) -> dict[str, Any]:
        optional = {"usage_estimate": self.estimate, "hold_seconds": self.hold_seconds,
                    "parent_usage_id": self.parent, "client": self.client}
        whose = {"client_id": self.customer.client_id} if self.customer else {}
        return {**whose, "request_id": self.request_id, "feature_key": self.feature,
                "endpoint": self.endpoint, "method": self.method, "payload_hash": self.payload_hash,
                **{name: value for name, value in optional.items() if value is not None}}

    def seconds_of_token(self, clock_offset: float) -> float | None:
        """How long the token is good by the service's clock. It is read, not judged: that is the
        service's."""
        if self.token is None:
            return None
        try:
            part = self.token.text.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            return float(claims["exp"]) - time.time() - clock_offset
        except (IndexError, ValueError, KeyError, TypeError):
            return None

    def is_token_over(self, clock_offset: float) -> bool:
        left = self.seconds_of_token(clock_offset)
        return left is not None and left <= 0
