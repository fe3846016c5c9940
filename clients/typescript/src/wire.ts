/** The wire's types. Written by clients/wire_types.py from openapi.json; do not edit. */

// Unknown members and codes may come; a client must not fail on them.

/** Who called the tool server. */
export interface UsageClient {
    ip?: string | null;
    user_agent?: string | null;
}

/** What the call is expected to take; at least one field. */
export interface UsageEstimate {
    input_chars?: number | null;
    max_output_tokens?: number | null;
    model?: string | null;
    input_tokens?: number | null;
}

/** Asks whether the user may run a feature now. */
export interface UsageValidateRequest {
    request_id: string;
    feature_key: string;
    endpoint: string;
    method: string;
    payload_hash: string;
    hold_seconds?: number | null;
    parent_usage_id?: string | null;
    client?: UsageClient | null;
    usage_estimate?: UsageEstimate | null;
}

/** The call `validate` as an operation of a batch. */
export type UsageValidateOperation = UsageValidateRequest & { op: "validate"; token?: string; };

/** Asks to hold longer, or more. */
export interface UsageExtendRequest {
    user_id: string;
    usage_id: string;
    extension_id: string;
    hold_seconds?: number | null;
    additional_credits?: string | null;
    usage_estimate?: UsageEstimate | null;
}

/** The call `extend` as an operation of a batch. */
export type UsageExtendOperation = UsageExtendRequest & { op: "extend"; };

/** What the tool server measured. */
export interface UsageMetrics {
    model_used?: string | null;
    input_tokens?: number | null;
    output_tokens?: number | null;
    latency_ms?: number | null;
    cached_input_tokens?: number | null;
    reasoning_tokens?: number | null;
}

/** Charges a part of what is held. */
export interface UsageCaptureRequest {
    user_id: string;
    usage_id: string;
    capture_id: string;
    credits?: string | null;
    metrics?: UsageMetrics | null;
}

/** The call `capture` as an operation of a batch. */
export type UsageCaptureOperation = UsageCaptureRequest & { op: "capture"; };

export type FailureType = "internal_error" | "timeout" | "rate_limited" | "invalid_response" | "upstream_error" | "client_error" | "validation_error" | "canceled";

/** Why a call failed. */
export interface UsageFailure {
    failure_type: FailureType;
    reason: string;
}

/** The result of a call, kept for its user. */
export interface UsageResult {
    title: string;
    data: Record<string, unknown>;
}

/** Tells how a call ended. */
export interface UsageCommitRequest {
    user_id: string;
    usage_id: string;
    success: boolean;
    metrics?: UsageMetrics | null;
    credits?: string | null;
    failure?: UsageFailure | null;
    result?: UsageResult | null;
}

/** The call `commit` as an operation of a batch. */
export type UsageCommitOperation = UsageCommitRequest & { op: "commit"; prefer?: string; };

/** Stops a call. */
export interface UsageCancelRequest {
    user_id: string;
    usage_id: string;
}

/** The call `cancel` as an operation of a batch. */
export type UsageCancelOperation = UsageCancelRequest & { op: "cancel"; };

/** Tells of a call that ran unasked. */
export interface UsageRecordRequest {
    user_id: string;
    request_id: string;
    payload_hash: string;
    feature_key: string;
    ran_at: string;
    metrics?: UsageMetrics | null;
}

/** The call `record` as an operation of a batch. */
export type UsageRecordOperation = UsageRecordRequest & { op: "record"; };

/** Calls of the internal API, to be answered together. */
export interface UsageBatchRequest {
    operations: (UsageValidateOperation | UsageExtendOperation | UsageCaptureOperation | UsageCommitOperation | UsageCancelOperation | UsageRecordOperation)[];
}

export type UsageAccess = "granted" | "denied";

export type UsageStatus = "PENDING" | "SUCCESS" | "FAILED" | "EXPIRED";

export type UsageDecision = "reserved" | "replayed" | "no_subscription" | "subscription_inactive" | "rate_limited" | "request_already_finished" | "request_mismatch" | "quota_exceeded" | "spending_limit_reached" | "parent_ended" | "parent_hold_exceeded";

/** The decision on a call. */
export interface UsageValidateResponse {
    access: UsageAccess;
    user_id: string;
    usage_id: string | null;
    message: string;
    credits_reserved: string;
    status: UsageStatus | null;
    code: UsageDecision;
    expires_at: string | null;
}

export type HoldDecision = "extended" | "captured" | "canceled" | "already_ended" | "request_mismatch" | "hold_exceeded" | "subscription_inactive" | "quota_exceeded" | "spending_limit_reached" | "parent_ended" | "parent_hold_exceeded";

/** What became of a hold. */
export interface UsageHoldResponse {
    success: boolean;
    code: HoldDecision;
    message: string;
    status: UsageStatus;
    usage_id: string;
    credits_reserved: string;
    credits_charged: string;
    expires_at: string;
}

/** What became of a commit. */
export interface UsageCommitResponse {
    success: boolean;
    message: string;
    status: UsageStatus;
    credits_charged: string;
    credits_not_charged: string;
    is_late: boolean;
    result_kept: boolean | null;
}

export type RecordDecision = "recorded" | "already_ended" | "request_mismatch" | "no_subscription";

/** What became of a call that ran unasked. */
export interface UsageRecordResponse {
    success: boolean;
    code: RecordDecision;
    message: string;
    usage_id: string | null;
    status: UsageStatus | null;
    credits_charged: string;
    credits_not_charged: string;
}

/** A refusal (RFC 9457). */
export interface Problem {
    type: string;
    title: string;
    status: number;
    detail: string;
    code: string;
    errors?: ({ loc: string[]; msg: string; type: string; })[];
}

/** What the single call would be answered with. */
export interface UsageOperationResult {
    status: number;
    headers?: Record<string, string>;
    body: UsageValidateResponse | UsageHoldResponse | UsageCommitResponse | UsageRecordResponse | Problem;
}

/** The answers to the operations of a batch. */
export interface UsageBatchResponse {
    results: UsageOperationResult[];
}

/** Asks whether a call with the key may run a feature now. */
export interface APIUsageValidateRequest {
    client_id: string;
    api_key: string;
    request_id: string;
    feature_key: string;
    endpoint: string;
    method: string;
    payload_hash: string;
    hold_seconds?: number | null;
    parent_usage_id?: string | null;
    client?: UsageClient | null;
    usage_estimate?: UsageEstimate | null;
}

/** The call `validate` as an operation of a batch. */
export type APIUsageValidateOperation = APIUsageValidateRequest & { op: "validate"; };

/** Asks to hold longer, or more. */
export interface APIUsageExtendRequest {
    client_id: string;
    usage_id: string;
    extension_id: string;
    hold_seconds?: number | null;
    additional_credits?: string | null;
    usage_estimate?: UsageEstimate | null;
}

/** The call `extend` as an operation of a batch. */
export type APIUsageExtendOperation = APIUsageExtendRequest & { op: "extend"; };

/** Charges a part of what is held. */
export interface APIUsageCaptureRequest {
    client_id: string;
    usage_id: string;
    capture_id: string;
    credits?: string | null;
    metrics?: UsageMetrics | null;
}

/** The call `capture` as an operation of a batch. */
export type APIUsageCaptureOperation = APIUsageCaptureRequest & { op: "capture"; };

/** Tells how a call by key ended. */
export interface APIUsageCommitRequest {
    client_id: string;
    usage_id: string;
    success: boolean;
    metrics?: UsageMetrics | null;
    credits?: string | null;
    failure?: UsageFailure | null;
}

/** The call `commit` as an operation of a batch. */
export type APIUsageCommitOperation = APIUsageCommitRequest & { op: "commit"; };

/** Stops a call. */
export interface APIUsageCancelRequest {
    client_id: string;
    usage_id: string;
}

/** The call `cancel` as an operation of a batch. */
export type APIUsageCancelOperation = APIUsageCancelRequest & { op: "cancel"; };

/** Calls by key of the internal API, to be answered together. */
export interface APIUsageBatchRequest {
    operations: (APIUsageValidateOperation | APIUsageExtendOperation | APIUsageCaptureOperation | APIUsageCommitOperation | APIUsageCancelOperation)[];
}

export type APIUsageDecision = "reserved" | "replayed" | "workspace_frozen" | "workspace_suspended" | "no_subscription" | "subscription_inactive" | "rate_limited" | "request_already_finished" | "request_mismatch" | "quota_exceeded" | "spending_limit_reached" | "key_limit_reached" | "parent_ended" | "parent_hold_exceeded";

/** The decision on a call by key. */
export interface APIUsageValidateResponse {
    access: UsageAccess;
    workspace_id: string;
    is_test_key: boolean;
    usage_id: string | null;
    message: string;
    credits_reserved: string;
    status: UsageStatus | null;
    code: APIUsageDecision;
    expires_at: string | null;
}

export type APIHoldDecision = "extended" | "captured" | "canceled" | "already_ended" | "request_mismatch" | "hold_exceeded" | "workspace_frozen" | "workspace_suspended" | "subscription_inactive" | "quota_exceeded" | "spending_limit_reached" | "key_limit_reached" | "parent_ended" | "parent_hold_exceeded";

/** What became of a hold of a call by key. */
export interface APIUsageHoldResponse {
    success: boolean;
    code: APIHoldDecision;
    message: string;
    status: UsageStatus;
    usage_id: string;
    credits_reserved: string;
    credits_charged: string;
    expires_at: string;
}

/** What became of a commit of a call by key. */
export interface APIUsageCommitResponse {
    success: boolean;
    message: string;
    status: UsageStatus;
    credits_charged: string;
    credits_not_charged: string;
    is_late: boolean;
}

/** What the single call would be answered with. */
export interface APIUsageOperationResult {
    status: number;
    headers?: Record<string, string>;
    body: APIUsageValidateResponse | APIUsageHoldResponse | APIUsageCommitResponse | Problem;
}

/** The answers to the operations of a batch. */
export interface APIUsageBatchResponse {
    results: APIUsageOperationResult[];
}
