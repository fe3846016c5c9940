"""Meters an AI tool server's calls at a CueBX service: hold before, settle after, lose or double
nothing, whatever breaks.

    career = cuebx.Client()
    async with career.metered("career.job_match", user=token, payload=body) as call:
        result = await run_model(body)
"""

from .call import Call
from .client import Client
from .customers import Customer
from .errors import (
    AccountDeactivated, AlreadyFinished, AlreadyRunning, CueBXError, HoldEnded, InvalidApiKey,
    InvalidInternalKey, InvalidRequest, InvalidToken, KeyLimitReached, KeyOfAnotherWorkspace,
    MalformedApiKey, OutOfCredits, Overloaded, ParentEnded, ParentHoldExceeded, PaymentRequired,
    RateLimited, Refused, RequestMismatch, ServiceError, SpendingLimit, SpoolUnavailable, TokenExpired,
    Unavailable, WorkspaceFrozen, WorkspaceSuspended)
from .events import Event
from .failures import failure_type
from .hashing import canonical_json, payload_hash
from .metered import Metered
from .options import Options
from .outage import FailClosed, FailOpenWithJournal, fail_closed, fail_open_with_journal

__version__ = "0.1.0"

__all__ = [
    "AccountDeactivated", "AlreadyFinished", "AlreadyRunning", "Call", "Client", "CueBXError",
    "Customer", "Event", "FailClosed", "FailOpenWithJournal", "HoldEnded", "InvalidApiKey",
    "InvalidInternalKey", "InvalidRequest", "InvalidToken", "KeyLimitReached", "KeyOfAnotherWorkspace",
    "MalformedApiKey", "Metered", "Options", "OutOfCredits", "Overloaded", "ParentEnded",
    "ParentHoldExceeded", "PaymentRequired", "RateLimited", "Refused", "RequestMismatch", "ServiceError",
    "SpendingLimit", "SpoolUnavailable", "TokenExpired", "Unavailable", "WorkspaceFrozen",
    "WorkspaceSuspended", "canonical_json", "fail_closed", "fail_open_with_journal", "failure_type",
    "payload_hash",
]
