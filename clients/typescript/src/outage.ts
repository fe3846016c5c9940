/**
 * What happens to calls while the service cannot be asked: nothing runs, or, if the host says so, what runs
 * is written down, bounded, and told afterwards.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";

import type { Asking } from "./asking.js";
import { AlreadyFinished, AlreadyRunning, CueBXError, InvalidToken } from "./errors.js";
import type { Refused } from "./errors.js";
import type { Events } from "./events.js";
import * as limits from "./limits.js";
import { monotonic } from "./time.js";
import { Answer, NoAnswer } from "./transport.js";
import type { Body, Operation, Result } from "./transport.js";

/** Of all that may run in an outage, one user's part: one of so many. */
const PARTS = 10n;
/** Seconds; the service takes nothing that ran longer ago. */
const LONGEST_OUTAGE = 86_400;
/** A gateway's, or the service's own: nothing was decided. */
const OUTAGE_STATUSES = new Set([502, 503]);
/** What the features held when they were last asked for; beside the spool's files. */
const HOLDS_FILE = "holds.json";
const MOST_FEATURES = 4_096;
const JOURNAL = "journal-";
/** So many of the requests that ran last are known. */
const MOST_FINISHED = 16_384;

/** Nothing runs while the service cannot be asked. */
export interface FailClosed {
    readonly kind: "fail_closed";
}

/** The user's id; anything else, or an error: the token is not good. */
export type VerifyToken = (
    token: string,
) => string | null | undefined | PromiseLike<string | null | undefined>;

/** See `failOpenWithJournal`. */
export interface FailOpenWithJournal {
    readonly kind: "fail_open_with_journal";
    readonly maxCredits: string;
    readonly maxSeconds: number;
    readonly verifyToken: VerifyToken;
}

export type OutagePolicy = FailClosed | FailOpenWithJournal;

/** The default: while the service cannot be asked, `Unavailable` is thrown and nothing runs. */
export function failClosed(): FailClosed {
    return { kind: "fail_closed" };
}

/**
 * While the service cannot be reached, does not answer in time, or answers 502 or 503, calls run all the
 * same. They are written to the spool and charged afterwards, as far as there are credits then. Needs a
 * spool on a disk, and a service whose `RECORD_WITHIN` allows it.
 *
 * `maxCredits`: of all calls of this process that ran and were not told yet, by what their features last
 * held; a tenth of it may be one user's. A feature of which no hold was seen does not run. `maxSeconds`:
 * after the first call of an outage no other begins. `verifyToken` gets the user's access token, which
 * the service cannot judge now, and returns the user's id.
 *
 * Throws a CueBXError for what makes no sense.
 */
export function failOpenWithJournal(
    maxCredits: string | number, maxSeconds: number, verifyToken: VerifyToken,
): FailOpenWithJournal {
    const most = limits.amount("max_credits", maxCredits);
    if (micros(most) <= 0n || !(maxSeconds > 0 && maxSeconds <= LONGEST_OUTAGE)) {
        throw new CueBXError(`maxCredits must be positive, maxSeconds at most ${LONGEST_OUTAGE}.`);
    }
    return { kind: "fail_open_with_journal", maxCredits: most, maxSeconds, verifyToken };
}

/** Whether it names a call that ran unasked: the service has no such usage. */
export function isJournal(usageId: string): boolean {
    return usageId.startsWith(JOURNAL);
}

/** A call that runs unasked. The id is the same for the same call. */
export interface Journal {
    readonly usageId: string;
    readonly userId: string;
    /** What it counts against the ceiling. */
    readonly credits: string;
    /** What `record` is told of it, but for what it used. */
    readonly body: Body;
}

interface Held {
    userId: string;
    micros: bigint;
    /** In Unix seconds. */
    ranAt: number;
}

/** Counts what runs unasked, before it runs, until the service has acknowledged it. */
export class Outage {
    private readonly policy?: FailOpenWithJournal;
    private readonly held = new Map<string, Held>();
    /**
     * Requests that ran, or run by the service's leave, and do not count: by their names, the usage of
     * each. The oldest is first.
     */
    private readonly finished = new Map<string, string>();
    private readonly holds: Map<string, string>;
    private isChanged = false;
    /** When the first call ran unasked: by the monotonic clock, and in Unix seconds. */
    private began?: { at: number; unix: number };

    /** `heardAt`: when the service last decided anything, by the monotonic clock. */
    constructor(
        policy: OutagePolicy, private readonly folder: string | undefined,
        private readonly events: Events, private readonly heardAt: () => number,
        private readonly clocks = { monotonic, unix: (): number => Date.now() / 1000 },
    ) {
        if (policy.kind === "fail_open_with_journal") this.policy = policy;
        this.holds = this.policy ? this.stored() : new Map();
    }

    get mayOpen(): boolean {
        return this.policy !== undefined;
    }

    /** Whether a call has run unasked and nothing was heard of the service since. */
    get isOn(): boolean {
        return this.began !== undefined && this.heardAt() < this.began.at;
    }

    /**
     * Whether nothing was decided because the service is away, and never because of what it says;
     * undefined: the budget was over before anything came.
     */
    isOf(operation: Operation, result: Result | undefined, askedAt: number): boolean {
        const isTold = result instanceof Answer || result?.isOutage;
        const last = isTold ? result : operation.last;
        if (last === undefined) return this.heardAt() < askedAt;
        return last instanceof NoAnswer ? last.isOutage : OUTAGE_STATUSES.has(last.status);
    }

    // What features hold

    saw(feature: string, credits: string): void {
        if (!this.policy || this.holds.get(feature) === credits) return;
        if (!this.holds.has(feature) && this.holds.size >= MOST_FEATURES) return;
        this.holds.set(feature, credits);
        this.isChanged = true;
    }

    private stored(): Map<string, string> {
        const found = new Map<string, string>();
        if (this.folder === undefined) return found;
        try {
            const told = JSON.parse(readFileSync(join(this.folder, HOLDS_FILE), "utf8")) as unknown;
            for (const [feature, credits] of Object.entries(told as Body)) {
                if (typeof credits === "string" && limits.CREDITS.test(credits)) found.set(feature, credits);
            }
        } catch {
            // Nothing was seen yet, or nothing that can be read.
        }
        return found;
    }

    /** What was seen, for the next process. */
    async save(): Promise<void> {
        if (!this.isChanged || this.folder === undefined) return;
        this.isChanged = false;
        // Another process may have seen other features.
        const whole = [...new Map([...this.stored(), ...this.holds])].slice(-MOST_FEATURES);
        const hidden = join(this.folder, `${randomUUID()}.new`);
        try {
            const file = await fs.open(hidden, "wx", 0o600);
            try {
                await file.writeFile(JSON.stringify(Object.fromEntries(whole)));
            } finally {
                await file.close();
            }
            await fs.rename(hidden, join(this.folder, HOLDS_FILE));
        } catch {
            // The next process sees them anew.
        }
    }

    // What runs

    /**
     * Undefined if it may not run. Throws InvalidToken if the host says that the token is not good;
     * AlreadyRunning, AlreadyFinished if the same call ran before, as far as this process knows.
     * `ranAt`: by the service's clock, in Unix seconds.
     */
    async open(
        asking: Asking, ranAt: number, isRunning: (usageId: string) => boolean,
    ): Promise<Journal | undefined> {
        const userId = await this.userOf(asking.token?.text ?? "");
        const hash = String(asking.body.payload_hash);
        const usageId = nameOf(asking, userId);
        const known = this.knownAs(usageId);
        if (known !== undefined) throw hasRun(known, isRunning(known));
        const credits = this.holds.get(asking.feature);
        const reason = credits === undefined
            ? "the feature's hold was never seen" : this.reserve(usageId, userId, micros(credits), ranAt);
        if (credits === undefined || reason) {
            this.events.tell("outage_refused", { feature: asking.feature, reason });
            return undefined;
        }
        this.events.tell("journaled", {
            feature: asking.feature, usage_id: usageId, credits, total: decimal(this.total),
        });
        return {
            usageId, userId, credits, body: {
                user_id: userId, request_id: asking.requestId, feature_key: asking.feature,
                payload_hash: hash, ran_at: rfc3339(ranAt),
            },
        };
    }

    private async userOf(token: string): Promise<string> {
        let userId: unknown;
        try {
            userId = await this.policy?.verifyToken(token);
        } catch {
            // What it says may quote the token.
        }
        if (limits.isText(userId, limits.LONGEST_ID)) return userId;
        throw new InvalidToken("The access token is not valid.", { status: 401, code: "invalid_token" });
    }

    /** Why it may not run; an empty text: it is counted. */
    private reserve(usageId: string, userId: string, credits: bigint, ranAt: number): string {
        const { maxCredits, maxSeconds } = this.policy!;
        const now = { at: this.clocks.monotonic(), unix: this.clocks.unix() };
        const began = this.isOn && this.began ? this.began : { at: now.at, unix: this.first(now.unix) };
        if (Math.max(now.at - began.at, now.unix - began.unix) > maxSeconds) {
            return "the outage lasts too long";
        }
        const users = [...this.held.values()].filter((each) => each.userId === userId)
            .reduce((sum, each) => sum + each.micros, 0n);
        if ((users + credits) * PARTS > micros(maxCredits)) return "the user's part is used up";
        if (this.total + credits > micros(maxCredits)) return "the ceiling is reached";
        this.held.set(usageId, { userId, micros: credits, ranAt });
        if (began !== this.began) {
            this.began = began;
            this.events.tell("outage_opened");
        }
        return "";
    }

    /** When an outage began that is met now: a process that begins in one goes on with its files'. */
    private first(now: number): number {
        if (this.heardAt() > -Infinity) return now;
        return Math.min(now, ...[...this.held.values()].map((each) => each.ranAt));
    }

    get total(): bigint {
        return [...this.held.values()].reduce((sum, each) => sum + each.micros, 0n);
    }

    /**
     * What a process before this one ran counts until it is told: what it counted there; of an older
     * client's that is not known.
     */
    adopt(usageId: string, body: Body, counted?: unknown): void {
        const isKnown = typeof counted === "string" && limits.CREDITS.test(counted);
        const credits = isKnown ? counted : this.holds.get(String(body.feature_key)) ?? "0";
        const ranAt = Date.parse(String(body.ran_at)) / 1000;
        this.held.set(usageId, {
            userId: String(body.user_id), micros: micros(credits),
            ranAt: Number.isNaN(ranAt) ? this.clocks.unix() : ranAt,
        });
    }

    /** It does not run after all. */
    forget(usageId: string): void {
        this.held.delete(usageId);
    }

    acknowledged(usageId: string): void {
        this.held.delete(usageId);
        this.finish(usageId, usageId);
    }

    /** The service has granted the request of that name, and would not grant it again. */
    granted(name: string, usageId: string): void {
        if (this.policy) this.finish(name, usageId);
    }

    /** The usage of the request of that name, if it ran or runs, as far as this process knows. */
    knownAs(name: string): string | undefined {
        return this.held.has(name) ? name : this.finished.get(name);
    }

    private finish(name: string, usageId: string): void {
        this.finished.delete(name);
        this.finished.set(name, usageId);
        if (this.finished.size <= MOST_FINISHED) return;
        const [oldest] = this.finished.keys();
        if (oldest !== undefined) this.finished.delete(oldest);
    }
}

/** What the service would say of a request that ran unasked, were it told already. */
export function hasRun(usageId: string, isRunning: boolean): Refused {
    const [kind, code, status] = isRunning
        ? [AlreadyRunning, "replayed", 200] as const
        : [AlreadyFinished, "request_already_finished", 409] as const;
    return new kind("This request has run already.", { status, code, usageId });
}

/** The usage of a call that runs unasked; the same for the same call. */
export function nameOf(asking: Asking, userId: string): string {
    const key = JSON.stringify([userId, asking.requestId, String(asking.body.payload_hash)]);
    return JOURNAL + createHash("sha256").update(key, "utf8").digest("hex").slice(0, 32);
}

function micros(credits: string): bigint {
    const [whole, decimals] = credits.split(".");
    return BigInt(whole ?? "0") * 1_000_000n + BigInt((decimals ?? "").padEnd(6, "0").slice(0, 6));
}

function decimal(amount: bigint): string {
    const text = amount.toString().padStart(7, "0");
    return `${text.slice(0, -6)}.${text.slice(-6)}`;
}

function rfc3339(seconds: number): string {
    return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
