"""Who calls by key: a customer of the API product, whose software asks the tool server."""

from __future__ import annotations

from dataclasses import dataclass

from . import limits
from .transport import Secret


@dataclass(frozen=True, init=False)
class Customer:
    """A customer, as their software names itself to the tool server.

    - client_id: of their workspace, `ws_` and 32 hexadecimal digits; no secret.
    - api_key: with or without "Bearer ". It is sent with the one call that asks, and shown, written or
      logged nowhere.
    """

    client_id: str
    api_key: Secret

    def __init__(self, client_id: str | None, api_key: str | bytes | None) -> None:
        # Judged once a call is asked for: there an error becomes the host's answer.
        object.__setattr__(self, "client_id", client_id or "")
        object.__setattr__(self, "api_key", Secret(limits.without_scheme(api_key)))

    def judged(self) -> Customer:
        """Raises KeyOfAnotherWorkspace or MalformedApiKey for what the service could not read."""
        limits.api_key(self.api_key)
        limits.client_id(self.client_id)
        return self
