/**
 * One loop a product that sends: whatever has gathered while its last request was in flight goes next.
 * There is no timer for a batch, so a lone call waits for nobody; nor does a user's call wait for what
 * the service does with customers' calls.
 */
import type { Events } from "./events.js";
import { isUnknownVerb } from "./holds.js";
import { after, monotonic } from "./time.js";
import { MOST_BYTES, MOST_OPERATIONS, NoAnswer, Answer } from "./transport.js";
import type { Operation, Product, Result, Transport } from "./transport.js";

/** Of a batch, for what a spool still held: it never delays live calls by more. */
const MOST_OF_THE_REST = MOST_OPERATIONS / 4;
/** Seconds that a validate nobody waits for any more is asked about, if its hold may be open. */
export const ASKED_IN_THE_BACKGROUND = 60;
/** A commit is not kept waiting longer than so many seconds, whatever Retry-After says. */
const LONGEST_RETRY_AFTER = 3600;
/** What a commit, or another operation on an open usage, is told for good. */
const FINAL = new Set([200, 202, 400, 409, 413, 415, 422]);
const FINAL_CODES = new Set(["usage_not_found", "usage_of_another_user", "usage_of_another_workspace"]);
/** What says that somebody else answers for the service. */
const AWAY = new Set([502, 503, 504]);
/** What a call that ran unasked is told for good, by the service itself. */
const FINAL_OF_RECORDS = new Set([200, 400, 402, 409, 413, 415, 422]);

/** What waits to be sent of one product. */
class Lane {
    readonly live: Operation[] = [];
    readonly rest: Operation[] = [];
    isRunning = false;
}

export class Sender {
    /** Operations, and outcomes on their way to the disk, that are not settled yet. */
    outstanding = 0;
    /**
     * When the service last decided anything on users' calls, by the monotonic clock. What it says to
     * customers does not tell whether users are answered.
     */
    heardAt = -Infinity;
    /** Those of them that a spool still held. */
    private outstandingRest = 0;
    private readonly lanes: Readonly<Record<Product, Lane>> = { career: new Lane(), api: new Lane() };
    private isStopped = false;
    private readonly stops = new Set<() => void>();
    private idlers: (() => void)[] = [];

    constructor(
        private readonly transport: Transport, private readonly events: Events,
        private readonly firstPause: number, private readonly longestPause: number,
    ) {}

    submit(operation: Operation): void {
        this.count(1, operation.isRest);
        this.enqueue(operation);
    }

    /** `keepsAlive`: whether the process waits for it; else the spool has what is left. */
    later(seconds: number, keepsAlive: boolean, callback: () => void): void {
        if (this.isStopped) return;
        const stop = after(seconds, keepsAlive, () => {
            this.stops.delete(stop);
            this.guarded(callback);
        });
        this.stops.add(stop);
    }

    /** Operations of live calls that are not in flight. */
    get queued(): number {
        return this.lanes.career.live.length + this.lanes.api.live.length;
    }

    /** Operations of live calls that are not settled yet. */
    get waiting(): number {
        return this.outstanding - this.outstandingRest;
    }

    count(change: number, isRest = false): void {
        this.outstanding += change;
        if (isRest) this.outstandingRest += change;
        if (this.outstanding === 0) {
            const idlers = this.idlers;
            this.idlers = [];
            for (const idler of idlers) idler();
        }
    }

    /** Calls back once nothing is outstanding. */
    whenIdle(callback: () => void): void {
        if (this.outstanding === 0) callback();
        else this.idlers.push(callback);
    }

    /** Nobody waits for it any more; if the service may hold something for it, it is asked on. */
    abandon(operation: Operation): void {
        operation.isAbandoned = true;
        operation.deadline = monotonic() + ASKED_IN_THE_BACKGROUND;
        this.kick(this.lanes[operation.product]);
    }

    /** It is not sent again, whatever came of it. */
    drop(operation: Operation): void {
        operation.deadline = monotonic();
        this.kick(this.lanes[operation.product]);
    }

    stop(): void {
        this.isStopped = true;
        for (const stop of this.stops) stop();
        this.stops.clear();
    }

    private enqueue(operation: Operation): void {
        const lane = this.lanes[operation.product];
        (operation.isRest ? lane.rest : lane.live).push(operation);
        this.kick(lane);
    }

    private kick(lane: Lane): void {
        if (lane.isRunning || this.isStopped) return;
        lane.isRunning = true;
        // What is asked in the same turn goes into the same batch.
        queueMicrotask(() => void this.run(lane));
    }

    private async run(lane: Lane): Promise<void> {
        while (!this.isStopped) {
            const { over, batch } = this.take(lane, monotonic());
            for (const operation of over) {
                this.end(operation, new NoAnswer("the service was not reached in time", false));
            }
            if (batch.length > 0) {
                const results = await this.exchange(batch);
                batch.forEach((operation, index) => {
                    this.guarded(() => this.judge(operation, results[index]!));
                });
            } else if (over.length === 0) {
                break;
            }
        }
        lane.isRunning = false;
    }

    private async exchange(batch: Operation[]): Promise<Result[]> {
        try {
            return await this.transport.send(batch);
        } catch (error) {
            // It throws nothing; if it did, the loop goes on.
            this.tellDefect(error);
            const none = new NoAnswer("a defect of the client", true);
            return batch.map(() => none);
        }
    }

    /** What is over, and the next batch. */
    private take(lane: Lane, now: number): { over: Operation[]; batch: Operation[] } {
        const over: Operation[] = [];
        const batch: Operation[] = [];
        let size = 0;
        for (const [queue, most] of [
            [lane.live, MOST_OPERATIONS], [lane.rest, MOST_OF_THE_REST],
        ] as const) {
            let taken = 0;
            while (queue.length > 0 && taken < most && batch.length < MOST_OPERATIONS) {
                const operation = queue[0]!;
                if (isOver(operation, now)) {
                    over.push(operation);
                    queue.shift();
                    continue;
                }
                try {
                    size += utf8Length(operation.element()) + 1;
                } catch (error) {
                    // Of what is judged where it enters, nothing comes here.
                    this.tellDefect(error);
                    over.push(operation);
                    queue.shift();
                    continue;
                }
                if (size > MOST_BYTES && batch.length > 0) break;
                batch.push(operation);
                queue.shift();
                taken++;
            }
        }
        return { over, batch };
    }

    private judge(operation: Operation, result: Result): void {
        operation.attempts++;
        operation.last = result;
        const isDecided = result instanceof Answer && result.isOwn && !AWAY.has(result.status);
        if (isDecided && operation.product === "career") this.heardAt = monotonic();
        if (result instanceof NoAnswer) operation.isUnsure ||= result.wasSent;
        else if ([500, 502, 504].includes(result.status)) operation.isUnsure = true;
        if (isFinal(operation, result)) return this.end(operation, result);
        const now = monotonic();
        const pause = this.pause(operation, result);
        const last = Math.min(operation.deadline ?? Infinity, operation.retryUntil ?? Infinity);
        if (now + pause >= last) return this.end(operation, result);
        this.events.tell("retrying", {
            operation: operation.name, attempt: operation.attempts,
            seconds: Math.round(pause * 1000) / 1000,
            reason: result instanceof NoAnswer ? result.message : `status ${result.status}`,
        });
        const isWaitedFor = operation.name === "validate" && !operation.isAbandoned;
        this.later(pause, isWaitedFor, () => this.enqueue(operation));
    }

    /** Full jitter: somewhere between nothing and what doubles with each try. */
    private pause(operation: Operation, result: Result): number {
        const doubled = this.firstPause * 2 ** Math.min(operation.attempts - 1, 30);
        const pause = Math.random() * Math.min(this.longestPause, doubled);
        const asked = result instanceof Answer ? result.retryAfter : undefined;
        if (asked === undefined) return pause;
        return Math.max(
            pause, operation.name === "validate" ? asked : Math.min(asked, LONGEST_RETRY_AFTER));
    }

    private end(operation: Operation, result: Result): void {
        this.guarded(() => operation.done(result));
        this.count(-1, operation.isRest);
    }

    /** A defect in what follows from one answer must not end the loop. */
    private guarded(callback: () => void): void {
        try {
            callback();
        } catch (error) {
            this.tellDefect(error);
        }
    }

    private tellDefect(error: unknown): void {
        this.events.tell("defect", { error: error instanceof Error ? error.name : typeof error });
    }
}

/** Whether it need not be sent: its time has passed, or nobody waits and nothing can be held. */
function isOver(operation: Operation, now: number): boolean {
    if (operation.deadline !== undefined && now >= operation.deadline) return true;
    return operation.isAbandoned && !operation.isUnsure;
}

function isFinal(operation: Operation, result: Result): boolean {
    if (result instanceof NoAnswer) return false;
    if (operation.name === "validate") return ![408, 502, 503, 504].includes(result.status);
    if (operation.name === "record") {
        // It is told again to a service that does not take it yet: an older one, or by its setting.
        const isTaken = result.isOwn && FINAL_OF_RECORDS.has(result.status) && !isUnknownVerb(result);
        return result.status === 200 || isTaken || result.code === "user_not_found";
    }
    // An older service has no such verb.
    if (operation.name !== "commit" && result.isNoAddress) return true;
    const isDecided = result.isOwn && (![401, 429].includes(result.status) || result.isCustomers);
    // It may have been carried out before: who did not judge it cannot say that it was not.
    if (!operation.mustBeTold && operation.isUnsure && !isDecided) return false;
    // A refused raise is an answer, and what waits behind it must not wait for it.
    if (!operation.mustBeTold && result.status >= 400 && result.status < 500 && result.status !== 408) {
        return true;
    }
    return FINAL.has(result.status) || FINAL_CODES.has(result.code);
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
    return encoder.encode(text).length;
}
