"""Meters an AI tool server's calls at a CueBX service: hold before, settle after, lose or double
nothing, whatever breaks.

    career = cuebx.Client()
    async with career.metered("career.job_match", user=token, payload=body) as call:
        result = await run_model(body)
"""

from .call import Call
from .client import Client
from .errors import (
    AccountDeactivated, AlreadyFinished, AlreadyRunning, CueBXError, HoldEnded, InvalidInternalKey,
    InvalidRequest, InvalidToken, OutOfCredits, Overloaded, ParentEnded, ParentHoldExceeded,
    PaymentRequired, RateLimited, Refused, RequestMismatch, ServiceError, SpendingLimit,
    SpoolUnavailable, TokenExpired, Unavailable)
from .events import Event
from .failures import failure_type
from .hashing import canonical_json, payload_hash
from .metered import Metered
from .options import Options
from .outage import FailClosed, FailOpenWithJournal, fail_closed, fail_open_with_journal

__version__ = "0.1.0"

__all__ = [
    "AccountDeactivated", "AlreadyFinished", "AlreadyRunning", "Call", "Client", "CueBXError", "Event",
    "FailClosed", "FailOpenWithJournal", "HoldEnded", "InvalidInternalKey", "InvalidRequest",
    "InvalidToken", "Metered", "Options", "OutOfCredits", "Overloaded", "ParentEnded",
    "ParentHoldExceeded", "PaymentRequired", "RateLimited", "Refused", "RequestMismatch", "ServiceError",
    "SpendingLimit", "SpoolUnavailable", "TokenExpired", "Unavailable", "canonical_json", "fail_closed",
    "fail_open_with_journal", "failure_type", "payload_hash",
]
