"""The wire's types. Written by clients/wire_types.py from openapi.json; do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, TypedDict, Union

# Unknown members and codes may come; a client must not fail on them.


class _UsageClient(TypedDict):
    pass


class UsageClient(_UsageClient, total=False):
    """Who called the tool server."""

    ip: Union[str, None]
    user_agent: Union[str, None]


class _UsageEstimate(TypedDict):
    pass


class UsageEstimate(_UsageEstimate, total=False):
    """What the call is expected to take; at least one field."""

    input_chars: Union[int, None]
    max_output_tokens: Union[int, None]
    model: Union[str, None]
    input_tokens: Union[int, None]


class _UsageValidateRequest(TypedDict):
    request_id: str
    feature_key: str
    endpoint: str
    method: str
    payload_hash: str


class UsageValidateRequest(_UsageValidateRequest, total=False):
    """Asks whether the user may run a feature now."""

    hold_seconds: Union[int, None]
    parent_usage_id: Union[str, None]
    client: Union["UsageClient", None]
    usage_estimate: Union["UsageEstimate", None]


UsageValidateOperation = Union["UsageValidateRequest", Dict[str, Any]]


class _UsageExtendRequest(TypedDict):
    user_id: str
    usage_id: str
    extension_id: str


class UsageExtendRequest(_UsageExtendRequest, total=False):
    """Asks to hold longer, or more."""

    hold_seconds: Union[int, None]
    additional_credits: Union[str, None]
    usage_estimate: Union["UsageEstimate", None]


UsageExtendOperation = Union["UsageExtendRequest", Dict[str, Any]]


class _UsageMetrics(TypedDict):
    pass


class UsageMetrics(_UsageMetrics, total=False):
    """What the tool server measured."""

    model_used: Union[str, None]
    input_tokens: Union[int, None]
    output_tokens: Union[int, None]
    latency_ms: Union[int, None]
    cached_input_tokens: Union[int, None]
    reasoning_tokens: Union[int, None]


class _UsageCaptureRequest(TypedDict):
    user_id: str
    usage_id: str
    capture_id: str


class UsageCaptureRequest(_UsageCaptureRequest, total=False):
    """Charges a part of what is held."""

    credits: Union[str, None]
    metrics: Union["UsageMetrics", None]


UsageCaptureOperation = Union["UsageCaptureRequest", Dict[str, Any]]


FailureType = Literal[
    "internal_error",
    "timeout",
    "rate_limited",
    "invalid_response",
    "upstream_error",
    "client_error",
    "validation_error",
    "canceled",
]


class _UsageFailure(TypedDict):
    failure_type: "FailureType"
    reason: str


class UsageFailure(_UsageFailure, total=False):
    """Why a call failed."""


class _UsageResult(TypedDict):
    title: str
    data: Dict[str, Any]


class UsageResult(_UsageResult, total=False):
    """The result of a call, kept for its user."""


class _UsageCommitRequest(TypedDict):
    user_id: str
    usage_id: str
    success: bool


class UsageCommitRequest(_UsageCommitRequest, total=False):
    """Tells how a call ended."""

    metrics: Union["UsageMetrics", None]
    credits: Union[str, None]
    failure: Union["UsageFailure", None]
    result: Union["UsageResult", None]


UsageCommitOperation = Union["UsageCommitRequest", Dict[str, Any]]


class _UsageCancelRequest(TypedDict):
    user_id: str
    usage_id: str


class UsageCancelRequest(_UsageCancelRequest, total=False):
    """Stops a call."""


UsageCancelOperation = Union["UsageCancelRequest", Dict[str, Any]]


class _UsageRecordRequest(TypedDict):
    user_id: str
    request_id: str
    payload_hash: str
    feature_key: str
    ran_at: str


class UsageRecordRequest(_UsageRecordRequest, total=False):
    """Tells of a call that ran unasked."""

    metrics: Union["UsageMetrics", None]


UsageRecordOperation = Union["UsageRecordRequest", Dict[str, Any]]


class _UsageBatchRequest(TypedDict):
    operations: List[Union[
        "UsageValidateOperation",
        "UsageExtendOperation",
        "UsageCaptureOperation",
        "UsageCommitOperation",
        "UsageCancelOperation",
        "UsageRecordOperation",
    ]]


class UsageBatchRequest(_UsageBatchRequest, total=False):
    """Calls of the internal API, to be answered together."""


UsageAccess = Literal["granted", "denied"]


UsageStatus = Literal["PENDING", "SUCCESS", "FAILED", "EXPIRED"]


UsageDecision = Literal[
    "reserved",
    "replayed",
    "no_subscription",
    "subscription_inactive",
    "rate_limited",
    "request_already_finished",
    "request_mismatch",
    "quota_exceeded",
    "spending_limit_reached",
    "parent_ended",
    "parent_hold_exceeded",
]


class _UsageValidateResponse(TypedDict):
    access: "UsageAccess"
    user_id: str
    usage_id: Union[str, None]
    message: str
    credits_reserved: str
    status: Union["UsageStatus", None]
    code: "UsageDecision"
    expires_at: Union[str, None]


class UsageValidateResponse(_UsageValidateResponse, total=False):
    """The decision on a call."""


HoldDecision = Literal[
    "extended",
    "captured",
    "canceled",
    "already_ended",
    "request_mismatch",
    "hold_exceeded",
    "subscription_inactive",
    "quota_exceeded",
    "spending_limit_reached",
    "parent_ended",
    "parent_hold_exceeded",
]


class _UsageHoldResponse(TypedDict):
    success: bool
    code: "HoldDecision"
    message: str
    status: "UsageStatus"
    usage_id: str
    credits_reserved: str
    credits_charged: str
    expires_at: str


class UsageHoldResponse(_UsageHoldResponse, total=False):
    """What became of a hold."""


class _UsageCommitResponse(TypedDict):
    success: bool
    message: str
    status: "UsageStatus"
    credits_charged: str
    credits_not_charged: str
    is_late: bool
    result_kept: Union[bool, None]


class UsageCommitResponse(_UsageCommitResponse, total=False):
    """What became of a commit."""


RecordDecision = Literal["recorded", "already_ended", "request_mismatch", "no_subscription"]


class _UsageRecordResponse(TypedDict):
    success: bool
    code: "RecordDecision"
    message: str
    usage_id: Union[str, None]
    status: Union["UsageStatus", None]
    credits_charged: str
    credits_not_charged: str


class UsageRecordResponse(_UsageRecordResponse, total=False):
    """What became of a call that ran unasked."""


class _Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    code: str


class Problem(_Problem, total=False):
    """A refusal (RFC 9457)."""

    errors: List[Dict[str, Any]]


class _UsageOperationResult(TypedDict):
    status: int
    body: Union[
        "UsageValidateResponse",
        "UsageHoldResponse",
        "UsageCommitResponse",
        "UsageRecordResponse",
        "Problem",
    ]


class UsageOperationResult(_UsageOperationResult, total=False):
    """What the single call would be answered with."""

    headers: Dict[str, Any]


class _UsageBatchResponse(TypedDict):
    results: List["UsageOperationResult"]


class UsageBatchResponse(_UsageBatchResponse, total=False):
    """The answers to the operations of a batch."""


class _APIUsageValidateRequest(TypedDict):
    client_id: str
    api_key: str
    request_id: str
    feature_key: str
    endpoint: str
    method: str
    payload_hash: str


class APIUsageValidateRequest(_APIUsageValidateRequest, total=False):
    """Asks whether a call with the key may run a feature now."""

    hold_seconds: Union[int, None]
    parent_usage_id: Union[str, None]
    client: Union["UsageClient", None]
    usage_estimate: Union["UsageEstimate", None]


APIUsageValidateOperation = Union["APIUsageValidateRequest", Dict[str, Any]]


class _APIUsageExtendRequest(TypedDict):
    client_id: str
    usage_id: str
    extension_id: str


class APIUsageExtendRequest(_APIUsageExtendRequest, total=False):
    """Asks to hold longer, or more."""

    hold_seconds: Union[int, None]
    additional_credits: Union[str, None]
    usage_estimate: Union["UsageEstimate", None]


APIUsageExtendOperation = Union["APIUsageExtendRequest", Dict[str, Any]]


class _APIUsageCaptureRequest(TypedDict):
    client_id: str
    usage_id: str
    capture_id: str


class APIUsageCaptureRequest(_APIUsageCaptureRequest, total=False):
    """Charges a part of what is held."""

    credits: Union[str, None]
    metrics: Union["UsageMetrics", None]


APIUsageCaptureOperation = Union["APIUsageCaptureRequest", Dict[str, Any]]


class _APIUsageCommitRequest(TypedDict):
    client_id: str
    usage_id: str
    success: bool


class APIUsageCommitRequest(_APIUsageCommitRequest, total=False):
    """Tells how a call by key ended."""

    metrics: Union["UsageMetrics", None]
    credits: Union[str, None]
    failure: Union["UsageFailure", None]


APIUsageCommitOperation = Union["APIUsageCommitRequest", Dict[str, Any]]


class _APIUsageCancelRequest(TypedDict):
    client_id: str
    usage_id: str


class APIUsageCancelRequest(_APIUsageCancelRequest, total=False):
    """Stops a call."""


APIUsageCancelOperation = Union["APIUsageCancelRequest", Dict[str, Any]]


class _APIUsageBatchRequest(TypedDict):
    operations: List[Union[
        "APIUsageValidateOperation",
        "APIUsageExtendOperation",
        "APIUsageCaptureOperation",
        "APIUsageCommitOperation",
        "APIUsageCancelOperation",
    ]]


class APIUsageBatchRequest(_APIUsageBatchRequest, total=False):
    """Calls by key of the internal API, to be answered together."""


APIUsageDecision = Literal[
    "reserved",
    "replayed",
    "workspace_frozen",
    "workspace_suspended",
    "no_subscription",
    "subscription_inactive",
    "rate_limited",
    "request_already_finished",
    "request_mismatch",
    "quota_exceeded",
    "spending_limit_reached",
    "key_limit_reached",
    "parent_ended",
    "parent_hold_exceeded",
]


class _APIUsageValidateResponse(TypedDict):
    access: "UsageAccess"
    workspace_id: str
    is_test_key: bool
    usage_id: Union[str, None]
    message: str
    credits_reserved: str
    status: Union["UsageStatus", None]
    code: "APIUsageDecision"
    expires_at: Union[str, None]


class APIUsageValidateResponse(_APIUsageValidateResponse, total=False):
    """The decision on a call by key."""


APIHoldDecision = Literal[
    "extended",
    "captured",
    "canceled",
    "already_ended",
    "request_mismatch",
    "hold_exceeded",
    "workspace_frozen",
    "workspace_suspended",
    "subscription_inactive",
    "quota_exceeded",
    "spending_limit_reached",
    "key_limit_reached",
    "parent_ended",
    "parent_hold_exceeded",
]


class _APIUsageHoldResponse(TypedDict):
    success: bool
    code: "APIHoldDecision"
    message: str
    status: "UsageStatus"
    usage_id: str
    credits_reserved: str
    credits_charged: str
    expires_at: str


class APIUsageHoldResponse(_APIUsageHoldResponse, total=False):
    """What became of a hold of a call by key."""


class _APIUsageCommitResponse(TypedDict):
    success: bool
    message: str
    status: "UsageStatus"
    credits_charged: str
    credits_not_charged: str
    is_late: bool


class APIUsageCommitResponse(_APIUsageCommitResponse, total=False):
    """What became of a commit of a call by key."""


class _APIUsageOperationResult(TypedDict):
    status: int
    body: Union[
        "APIUsageValidateResponse",
        "APIUsageHoldResponse",
        "APIUsageCommitResponse",
        "Problem",
    ]


class APIUsageOperationResult(_APIUsageOperationResult, total=False):
    """What the single call would be answered with."""

    headers: Dict[str, Any]


class _APIUsageBatchResponse(TypedDict):
    results: List["APIUsageOperationResult"]


class APIUsageBatchResponse(_APIUsageBatchResponse, total=False):
    """The answers to the operations of a batch."""
