/** An open hold, and what answers say of it. */
import type { SpoolRecord } from "./spool-format.js";
import type { Answer, Body, Operation } from "./transport.js";

/** An open hold. Its operations go one after the other. */
export class Usage {
    creditsReserved = "0.00";
    isOpen = true;
    isRest = false;
    feature = "";
    /** By the monotonic clock; undefined if the service has not said. */
    holdEnds?: number;
    /** How long the first hold was, and so each that follows. */
    holdSeconds = 0;
    /** Of the timer that counts; those before it do nothing. */
    beat = 0;
    readonly waiting: Operation[] = [];
    isBusy = false;

    constructor(readonly usageId: string, readonly userId: string) {}
}

/** An older service: it has no such address, or no such operation of a batch. */
export function isUnknownVerb(answer: Answer): boolean {
    return answer.isNoAddress || hasError(answer, undefined, ["body", "op"]);
}

/** Whether the answer is a 422 with an error of this type, or at this place. */
export function hasError(answer: Answer, type?: string, place?: string[]): boolean {
    if (answer.status !== 422 || !Array.isArray(answer.body.errors)) return false;
    return answer.body.errors.some((each: { type?: unknown; loc?: unknown } | null) => (
        (type === undefined || each?.type === type)
        && (place === undefined || JSON.stringify(each?.loc) === JSON.stringify(place))));
}

export function isPositive(credits: string): boolean {
    return Number(credits) > 0;
}

/** A commit of a success that has the part's tokens, too. */
export function withPart(commit: Body, part: Body): Body {
    const metrics: Body = { ...(commit.metrics as Body | undefined) };
    for (const [name, value] of Object.entries(part)) {
        metrics[name] = name.endsWith("_tokens") ? Number(value) + Number(metrics[name] ?? 0) : value;
    }
    const { failure: _, ...rest } = commit;
    return { ...rest, success: true, metrics };
}

export function failureOf(usage: Usage, kind: string, reason: string): SpoolRecord {
    return {
        op: "commit", user_id: usage.userId, usage_id: usage.usageId, success: false,
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
