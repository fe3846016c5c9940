"""What can keep a call from running, each with the service's own sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CueBXError(Exception):
    """The root of all errors of this package. `str()` of it is one sentence for a person."""


class Unavailable(CueBXError):
    """The service could not be asked within the budget; nothing runs (fail closed).

    - retry_after: seconds to wait, if the service has said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(CueBXError):
    """As many calls as the client takes are waiting already; nothing was asked."""


class SpoolUnavailable(CueBXError):
    """The spool cannot be written, so that an outcome could be lost; nothing was asked."""


class HoldEnded(CueBXError):
    """The service refused to prolong the hold, and the client was told to stop then."""


class ServiceError(CueBXError):
    """A defect of the service, or an answer that is none of the service's."""

    def __init__(self, message: str, status: int, code: str, request_id: str | None) -> None:
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


class Refused(CueBXError):
    """The service has decided that the call may not run. Codes that have no class of their own have
    this one.

    - status, code: of the answer.
    - retry_after: seconds to wait, if waiting helps.
    - usage_id, usage_status: of the log that is in the way, if there is one.
    - request_id: of the answer; quote it when you ask for help.
    - errors: which fields are wrong, of a 422.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        retry_after: float | None = None,
        usage_id: str | None = None,
        usage_status: str | None = None,
        request_id: str | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.retry_after = retry_after
        self.usage_id, self.usage_status = usage_id, usage_status
        self.request_id = request_id
        self.errors = errors or []

    @property
    def message(self) -> str:
        return str(self)


class OutOfCredits(Refused):
    """429 `quota_exceeded`: offer a bigger plan or a pack of credits."""


class RateLimited(Refused):
    """429 `rate_limited`: too many calls in this minute or day."""


class SpendingLimit(Refused):
    """429 `spending_limit_reached`: the user's own limit."""


class ParentHoldExceeded(Refused):
    """429 `parent_hold_exceeded`: the parent's hold has not enough left for this child."""


class KeyLimitReached(Refused):
    """429 `key_limit_reached`: the customer's own limit of this key."""


class PaymentRequired(Refused):
    """402: no subscription, or one that is not active."""


class WorkspaceFrozen(PaymentRequired):
    """402 `workspace_frozen`: the customer's paid plan has ended."""


class WorkspaceSuspended(PaymentRequired):
    """402 `workspace_suspended`: an operator has suspended the customer's workspace."""


class AlreadyRunning(Refused):
    """The same request was granted before and is still open; it must not run twice."""


class AlreadyFinished(Refused):
    """409 `request_already_finished`: `usage_status` says how. A new call needs a new request id."""


class RequestMismatch(Refused):
    """409 `request_mismatch`: the same request id and payload were sent for another feature."""


class ParentEnded(Refused):
    """409 `parent_ended`: the parent's hold is over."""


class TokenExpired(Refused):
    """401: the user's access token is over; refresh it."""


class InvalidToken(Refused):
    """401: the user's access token is not good."""


class InvalidApiKey(Refused):
    """401 `invalid_api_key`: the customer's key is unknown, revoked or expired."""


class MalformedApiKey(Refused):
    """400 `malformed_api_key`: what the customer sent is no API key."""


class KeyOfAnotherWorkspace(Refused):
    """403 `key_of_another_workspace`: the customer's key is not one of their `client_id`."""


class InvalidInternalKey(Refused):
    """401 `invalid_internal_key`: a mistake in the tool server's own settings."""


class AccountDeactivated(Refused):
    """403 `account_deactivated`: an operator has locked the user out."""


class InvalidRequest(Refused):
    """400 or 422: a mistake of the tool server's, e.g. a feature that is not in the catalog."""


BY_CODE: Mapping[str, type[Refused]] = {
    "quota_exceeded": OutOfCredits,
    "rate_limited": RateLimited,
    "spending_limit_reached": SpendingLimit,
    "parent_hold_exceeded": ParentHoldExceeded,
    "key_limit_reached": KeyLimitReached,
    "no_subscription": PaymentRequired,
    "subscription_inactive": PaymentRequired,
    "workspace_frozen": WorkspaceFrozen,
    "workspace_suspended": WorkspaceSuspended,
    "replayed": AlreadyRunning,
    "request_already_finished": AlreadyFinished,
    "request_mismatch": RequestMismatch,
    "parent_ended": ParentEnded,
    "invalid_token": InvalidToken,
    "unauthorized": InvalidToken,
    "invalid_api_key": InvalidApiKey,
    "malformed_api_key": MalformedApiKey,
    "key_of_another_workspace": KeyOfAnotherWorkspace,
    "invalid_internal_key": InvalidInternalKey,
    "account_deactivated": AccountDeactivated,
    "validation_error": InvalidRequest,
    "malformed_json": InvalidRequest,
}
# For codes that this version does not know.
BY_STATUS: Mapping[int, type[Refused]] = {402: PaymentRequired, 422: InvalidRequest}
