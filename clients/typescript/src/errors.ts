/** What can keep a call from running, each with the service's own sentence. */

/** The root of all errors of this package. Its message is one sentence for a person. */
export class CueBXError extends Error {
    constructor(message: string) {
        super(message);
        this.name = new.target.name;
    }
}

/**
 * The service could not be asked within the budget; nothing runs (fail closed).
 * `retryAfter` is the seconds to wait, if the service has said so.
 */
export class Unavailable extends CueBXError {
    constructor(message: string, readonly retryAfter?: number) {
        super(message);
    }
}

/** As many calls as the client takes are waiting already; nothing was asked. */
export class Overloaded extends CueBXError {}

/** The spool cannot be written, so that an outcome could be lost; nothing was asked. */
export class SpoolUnavailable extends CueBXError {}

/** The service refused to prolong the hold, and the client was told to stop then. */
export class HoldEnded extends CueBXError {}

/** A defect of the service, or an answer that is none of the service's. */
export class ServiceError extends CueBXError {
    constructor(
        message: string, readonly status: number, readonly code: string,
        readonly requestId?: string,
    ) {
        super(message);
    }
}

/** One thing that is wrong with a field of a request. */
export interface FieldError {
    loc: string[];
    msg: string;
    type: string;
}

/**
 * What a refusal tells: `retryAfter` in seconds, if waiting helps; `usageId` and `usageStatus` of the
 * log that is in the way; `requestId` of the answer, to quote when you ask for help; `errors` of a 422.
 */
export interface RefusalFacts {
    status: number;
    code: string;
    retryAfter?: number;
    usageId?: string;
    usageStatus?: string;
    requestId?: string;
    errors?: FieldError[];
}

/**
 * The service has decided that the call may not run. Codes that have no class of their own have this
 * one.
 */
export class Refused extends CueBXError {
    readonly status: number;
    readonly code: string;
    readonly retryAfter?: number;
    readonly usageId?: string;
    readonly usageStatus?: string;
    readonly requestId?: string;
    readonly errors: FieldError[];

    constructor(message: string, facts: RefusalFacts) {
        super(message);
        this.status = facts.status;
        this.code = facts.code;
        this.retryAfter = facts.retryAfter;
        this.usageId = facts.usageId;
        this.usageStatus = facts.usageStatus;
        this.requestId = facts.requestId;
        this.errors = facts.errors ?? [];
    }
}

/** 429 `quota_exceeded`: offer a bigger plan or a pack of credits. */
export class OutOfCredits extends Refused {}
/** 429 `rate_limited`: too many calls in this minute or day. */
export class RateLimited extends Refused {}
/** 429 `spending_limit_reached`: the user's own limit. */
export class SpendingLimit extends Refused {}
/** 429 `parent_hold_exceeded`: the parent's hold has not enough left for this child. */
export class ParentHoldExceeded extends Refused {}
/** 429 `key_limit_reached`: the customer's own limit of this key. */
export class KeyLimitReached extends Refused {}
/** 402: no subscription, or one that is not active. */
export class PaymentRequired extends Refused {}
/** 402 `workspace_frozen`: the customer's paid plan has ended. */
export class WorkspaceFrozen extends PaymentRequired {}
/** 402 `workspace_suspended`: an operator has suspended the customer's workspace. */
export class WorkspaceSuspended extends PaymentRequired {}
/** The same request was granted before and is still open; it must not run twice. */
export class AlreadyRunning extends Refused {}
/** 409 `request_already_finished`: `usageStatus` says how. A new call needs a new request id. */
export class AlreadyFinished extends Refused {}
/** 409 `request_mismatch`: the same request id and payload were sent for another feature. */
export class RequestMismatch extends Refused {}
/** 409 `parent_ended`: the parent's hold is over. */
export class ParentEnded extends Refused {}
/** 401: the user's access token is over; refresh it. */
export class TokenExpired extends Refused {}
/** 401: the user's access token is not good. */
export class InvalidToken extends Refused {}
/** 401 `invalid_api_key`: the customer's key is unknown, revoked or expired. */
export class InvalidApiKey extends Refused {}
/** 400 `malformed_api_key`: what the customer sent is no API key. */
export class MalformedApiKey extends Refused {}
/** 403 `key_of_another_workspace`: the customer's key is not one of their `client_id`. */
export class KeyOfAnotherWorkspace extends Refused {}
/** 401 `invalid_internal_key`: a mistake in the tool server's own settings. */
export class InvalidInternalKey extends Refused {}
/** 403 `account_deactivated`: an operator has locked the user out. */
export class AccountDeactivated extends Refused {}
/** 400 or 422: a mistake of the tool server's, e.g. a feature that is not in the catalog. */
export class InvalidRequest extends Refused {}

export type RefusalClass = new (message: string, facts: RefusalFacts) => Refused;

export const BY_CODE: Readonly<Record<string, RefusalClass | undefined>> = {
    quota_exceeded: OutOfCredits,
    rate_limited: RateLimited,
    spending_limit_reached: SpendingLimit,
    parent_hold_exceeded: ParentHoldExceeded,
    key_limit_reached: KeyLimitReached,
    no_subscription: PaymentRequired,
    subscription_inactive: PaymentRequired,
    workspace_frozen: WorkspaceFrozen,
    workspace_suspended: WorkspaceSuspended,
    replayed: AlreadyRunning,
    request_already_finished: AlreadyFinished,
    request_mismatch: RequestMismatch,
    parent_ended: ParentEnded,
    invalid_token: InvalidToken,
    unauthorized: InvalidToken,
    invalid_api_key: InvalidApiKey,
    malformed_api_key: MalformedApiKey,
    key_of_another_workspace: KeyOfAnotherWorkspace,
    invalid_internal_key: InvalidInternalKey,
    account_deactivated: AccountDeactivated,
    validation_error: InvalidRequest,
    malformed_json: InvalidRequest,
};

/** For codes that this version does not know. */
export const BY_STATUS: Readonly<Record<number, RefusalClass | undefined>> = {
    402: PaymentRequired, 422: InvalidRequest,
};
