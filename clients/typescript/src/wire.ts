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
    client?: UsageClient | null;
    usage_estimate?: UsageEstimate | null;
}

/** The call `validate` as an operation of a batch. */
export type UsageValidateOperation = UsageValidateRequest & { op: "validate"; token?: string; };

/** What the tool server measured. */
export interface UsageMetrics {
    model_used?: string | null;
    input_tokens?: number | null;
    output_tokens?: number | null;
    latency_ms?: number | null;
    cached_input_tokens?: number | null;
    reasoning_tokens?: number | null;
}

export type FailureType = "internal_error" | "timeout" | "rate_limited" | "invalid_response" | "upstream_error" | "client_error" | "validation_error";

/** Why a call failed. */
export interface UsageFailure {
    failure_type: FailureType;
    reason: string;
}

/** Tells how a call ended. */
export interface UsageCommitRequest {
    user_id: string;
    usage_id: string;
    success: boolean;
    metrics?: UsageMetrics | null;
    failure?: UsageFailure | null;
}

/** The call `commit` as an operation of a batch. */
export type UsageCommitOperation = UsageCommitRequest & { op: "commit"; prefer?: string; };

/** Calls of the internal API, to be answered together. */
export interface UsageBatchRequest {
    operations: (UsageValidateOperation | UsageCommitOperation)[];
}

export type UsageAccess = "granted" | "denied";

export type UsageStatus = "PENDING" | "SUCCESS" | "FAILED" | "EXPIRED";

export type UsageDecision = "reserved" | "replayed" | "no_subscription" | "subscription_inactive" | "rate_limited" | "request_already_finished" | "request_mismatch" | "quota_exceeded";

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

/** What became of a commit. */
export interface UsageCommitResponse {
    success: boolean;
    message: string;
    status: UsageStatus;
    credits_charged: string;
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
    body: UsageValidateResponse | UsageCommitResponse | Problem;
}

/** The answers to the operations of a batch. */
export interface UsageBatchResponse {
    results: UsageOperationResult[];
}
