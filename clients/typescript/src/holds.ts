/** An open hold, and what answers say of it. */
import { MOST_TOKENS } from "./limits.js";
import type { SpoolRecord } from "./spool-format.js";
import { Answer } from "./transport.js";
import type { Body, Operation, Product, Result } from "./transport.js";

/** An open hold. Its operations go one after the other. */
export class Usage {
    creditsReserved = "0.00";
    isOpen = true;
    isRest = false;
    /** Whether a fixed price, or all that was left, was captured. */
    isTakenWhole = false;
    /** By the monotonic clock; undefined if the service has not said. */
    holdEnds?: number;
    /** How long the first hold was, and so each that follows. */
    holdSeconds = 0;
    /** Of the timer that counts; those before it do nothing. */
    beat = 0;
    readonly waiting: Operation[] = [];
    /** Captures that were to charge what the commit has to. */
    readonly owed: Body[] = [];
    isBusy = false;
    /** Of a call that runs unasked: what `record` is told of it, but for what it used. */
    journal?: Body;
    /** Called if such a call ends with nothing to tell. */
    dropped?: () => void;

    /** Asked for with a test key: canned data is to be answered. */
    isTest = false;

    /** `userId`: whose it is; of a customer's call, `clientId` is there in its place. */
    constructor(readonly usageId: string, readonly userId: string, readonly clientId = "") {}

    get product(): Product {
        return this.clientId ? "api" : "career";
    }

    /** As the wire and the spool name it. */
    get named(): Body {
        const holder: Body = this.clientId ? { client_id: this.clientId } : { user_id: this.userId };
        return { ...holder, usage_id: this.usageId };
    }

    /** As the spool names a customer in each record; of a user's call nothing. */
    private get customer(): SpoolRecord {
        return this.clientId ? { client_id: this.clientId } : {};
    }

    /** As the spool has it before its body runs. */
    opened(): SpoolRecord {
        return { r: "open", ...this.named, at: Date.now() };
    }

    /** As the spool has it; of a call that runs unasked with what it counts, for whoever adopts it. */
    outcome(operations: SpoolRecord[]): SpoolRecord {
        const counted = this.journal ? { counted: this.creditsReserved } : {};
        return {
            r: "outcome", ...this.customer, usage_id: this.usageId, operations, at: Date.now(), ...counted,
        };
    }

    /** As the spool has it once the service has answered the last of its operations. */
    acknowledged(): SpoolRecord {
        return { r: "done", ...this.customer, usage_id: this.usageId };
    }
}

/** An older service: it has no such address, or no such operation of a batch. */
export function isUnknownVerb(answer: Answer): boolean {
    return answer.isNoAddress || hasError(answer, undefined, ["body", "op"]);
}

/** Whether the answer is a 422 with an error of this type, or at this place. */
export function hasError(answer: Result, type?: string, place?: string[]): boolean {
    if (!(answer instanceof Answer) || answer.status !== 422 || !Array.isArray(answer.body.errors)) return false;
    return answer.body.errors.some((each: { type?: unknown; loc?: unknown } | null) => (
        (type === undefined || each?.type === type)
        && (place === undefined || JSON.stringify(each?.loc) === JSON.stringify(place))));
}

export function isPositive(credits: string): boolean {
    return Number(credits) > 0;
}

/**
 * A commit of a success that has the part's tokens, too: as many as one commit can tell. One that
 * charges credits stays as it is, since it may have no tokens beside them.
 */
export function withPart(commit: Body, part: Body): Body {
    if ("credits" in commit) return commit;
    const metrics: Body = { ...(commit.metrics as Body | undefined) };
    for (const [name, value] of Object.entries(part)) {
        metrics[name] = name.endsWith("_tokens")
            ? Math.min(MOST_TOKENS, Number(value) + Number(metrics[name] ?? 0)) : value;
    }
    const { failure: _, ...rest } = commit;
    return { ...rest, success: true, metrics };
}

export function failureOf(usage: Usage, kind: string, reason: string): SpoolRecord {
    return {
        op: "commit", ...usage.named, success: false,
        failure: { failure_type: kind, reason },
    };
}

/** When the service answered, in Unix seconds. */
export function dateOf(answer: Answer): number | undefined {
    const told = Date.parse(answer.headers["date"] ?? "");
    return Number.isNaN(told) ? undefined : told / 1000;
}

/**
 * What is left of the hold by the service's own clock, counted from now by ours that cannot jump.
 */
export function holdEnds(answer: Answer): number | undefined {
    const told = answer.body.expires_at;
    const now = dateOf(answer);
    const ends = typeof told === "string" ? Date.parse(told) : NaN;
    if (now === undefined || Number.isNaN(ends)) return undefined;
    // The service's Date shows whole seconds.
    return answer.received + Math.floor(ends / 1000) - now;
}

/** Whether a commit says what a success costs. */
export function hasAmounts(commit: Body): boolean {
    const names = Object.keys((commit.metrics ?? {}) as Body);
    return commit.success === true
        && ("credits" in commit || names.some((name) => name.endsWith("_tokens")));
}

export function withoutResult(record: SpoolRecord): SpoolRecord {
    const { result: _, ...rest } = record;
    return rest;
}

/** The same commit without amounts: all that is held is charged. */
export function chargesWhole(commit: Body): Body {
    const { credits: _, metrics, ...rest } = commit;
    const latency = ((metrics ?? {}) as Body).latency_ms;
    return { ...rest, metrics: latency === undefined ? {} : { latency_ms: latency } };
}
