/** What a client runs on: the sender, the spool, and the usages that are open. */
import type { Events } from "./events.js";
import {
    dateOf, failureOf, hasError, holdEnds, isPositive, isUnknownVerb, Usage, withPart,
} from "./holds.js";
import { newId } from "./ids.js";
import type { Options } from "./options.js";
import { Sender } from "./sender.js";
import { Spool } from "./spool.js";
import type { SpoolRecord, Todo } from "./spool-format.js";
import { monotonic, Signal } from "./time.js";
import { NoAnswer, Operation, Transport } from "./transport.js";
import type { Answer, Body, Fetch, Result, Secret } from "./transport.js";

/** A hold is prolonged when so much of what was left is over. */
const EXTEND_AT = 0.5;
/** How often a little less time is asked for, should the first be more than the feature's maximum. */
const EXTEND_TRIES = 3;
/** Seconds of a hold below which nothing is asked: the answer would come too late. */
const SHORTEST_EXTENSION = 0.05;

export class Engine {
    canExtend = true;
    canCapture = true;
    /** Features that have turned out to have no price of tokens. */
    readonly fixedPrices = new Set<string>();
    /** The service's clock, in Unix seconds, less ours. */
    clockOffset = 0;
    readonly sender: Sender;
    readonly spool: Spool;
    private readonly usages = new Map<string, Usage>();

    constructor(
        url: string, internalKey: Secret, folder: string | undefined, fetch: Fetch,
        readonly options: Options, readonly events: Events,
    ) {
        const transport = new Transport(url, internalKey, events, options.answerSeconds, fetch);
        this.sender = new Sender(transport, events, options.firstPause, options.longestPause);
        this.spool = new Spool(folder, events, (left) => this.takeOver(left), options.adoptEvery);
    }

    // Holds

    register(answer: Answer, feature: string, holdSeconds: number | undefined): Usage {
        const usage = new Usage(String(answer.body.usage_id), String(answer.body.user_id));
        usage.creditsReserved = String(answer.body.credits_reserved ?? "0.00");
        usage.feature = feature;
        usage.holdEnds = holdEnds(answer);
        if (usage.holdEnds !== undefined) {
            usage.holdSeconds = holdSeconds ?? Math.max(1, Math.trunc(usage.holdEnds - answer.received));
        }
        this.usages.set(usage.usageId, usage);
        this.noteTime(answer);
        return usage;
    }

    noteTime(answer: Answer): void {
        const told = dateOf(answer);
        if (told !== undefined) this.clockOffset = told - Date.now() / 1000;
    }

    isRunning(usageId: string): boolean {
        return this.usages.has(usageId);
    }

    /**
     * Sends it once the usage's operation before it was answered; with `isNext` before those that
     * wait.
     */
    private inOrder(usage: Usage, operation: Operation, isNext = false): void {
        const done = operation.done;
        operation.done = (result) => {
            try {
                done(result);
            } finally {
                usage.isBusy = false;
                this.nextOf(usage);
            }
        };
        this.sender.count(1);
        if (isNext) usage.waiting.unshift(operation);
        else usage.waiting.push(operation);
        this.nextOf(usage);
    }

    private nextOf(usage: Usage): void {
        if (usage.isBusy) return;
        const operation = usage.waiting.shift();
        if (!operation) return;
        usage.isBusy = true;
        this.sender.submit(operation);
        this.sender.count(-1);
    }

    // Heartbeats

    /** Prolongs the hold whenever half of what was left of it is over, until the call ends. */
    keepAlive(usage: Usage, onRefused: () => void): void {
        if (usage.holdEnds === undefined || !this.canExtend) return;
        const left = usage.holdEnds - monotonic();
        if (left < SHORTEST_EXTENSION) return;
        const beat = ++usage.beat;
        this.sender.later(left * EXTEND_AT, false, () => {
            if (usage.beat === beat) this.extend(usage, onRefused, { hold_seconds: usage.holdSeconds });
        });
    }

    extend(usage: Usage, onRefused: () => void, asked: Body, tries = 1): void {
        if (!usage.isOpen || !this.canExtend) return;
        const done = (result: Result): void => {
            const facts = { usage_id: usage.usageId, reason: result.message };
            if (result instanceof NoAnswer) return this.events.tell("extend_refused", facts);
            if (isUnknownVerb(result)) {
                this.canExtend = false;
                return this.events.tell("extend_unsupported");
            }
            const isHeartbeat = asked.hold_seconds === usage.holdSeconds && usage.holdSeconds > 1;
            if (result.status === 422 && isHeartbeat && tries < EXTEND_TRIES) {
                // What was left of the first hold is read from two clocks that show whole seconds.
                usage.holdSeconds--;
                const shorter = { ...asked, hold_seconds: usage.holdSeconds };
                return this.extend(usage, onRefused, shorter, tries + 1);
            }
            if (result.status !== 200) {
                this.events.tell(
                    "extend_refused", { ...facts, status: result.status, code: result.code });
                return onRefused();
            }
            usage.holdEnds = holdEnds(result);
            usage.creditsReserved = String(result.body.credits_reserved ?? usage.creditsReserved);
            this.events.tell("extended", { usage_id: usage.usageId });
            this.keepAlive(usage, onRefused);
        };
        const body = {
            user_id: usage.userId, usage_id: usage.usageId, extension_id: newId(), ...asked,
        };
        this.inOrder(usage, new Operation("extend", body, done, { deadline: usage.holdEnds }));
    }

    // Ends

    /**
     * Writes the outcome to the spool, then sends it. The signal is set once it is written; if it
     * cannot be, once the service has acknowledged it.
     */
    finish(usage: Usage, operations: SpoolRecord[], isSpooled = true): Signal {
        const written = new Signal();
        const acknowledged = new Signal();
        usage.isOpen = false;
        this.sender.count(1);
        const send = (error?: Error): void => {
            this.sendOutcome(usage, operations, () => acknowledged.set());
            this.sender.count(-1);
            if (error) acknowledged.whenSet(() => written.set());
            else written.set();
        };
        if (isSpooled) {
            const record = { r: "outcome", usage_id: usage.usageId, operations, at: Date.now() };
            this.spool.append(record, send);
        } else {
            send();
        }
        return written;
    }

    /** The hold of a call that nobody waited for any more. */
    giveBack(usage: Usage): void {
        this.events.tell("hold_given_back", { usage_id: usage.usageId });
        this.finish(usage, [failureOf(usage, "client_error", "Nobody waited for the answer.")], false);
    }

    private sendOutcome(usage: Usage, records: SpoolRecord[], acknowledged: () => void): void {
        records.forEach((record, index) => {
            const { op, ...body } = record;
            const isLast = index === records.length - 1;
            const done = (result: Result): void => {
                if (op === "capture") this.captured(usage, body, result);
                else this.settled(usage, record, result);
                if (!isLast) return;
                this.usages.delete(usage.usageId);
                this.spool.append({ r: "done", usage_id: usage.usageId });
                acknowledged();
            };
            this.inOrder(usage, new Operation(String(op), body, done, {
                isRest: usage.isRest, deadline: monotonic() + this.options.commitSeconds,
            }));
        });
    }

    private settled(usage: Usage, record: SpoolRecord, result: Result): void {
        const usageId = usage.usageId;
        if (result instanceof NoAnswer) {
            this.events.tell("commit_given_up", { usage_id: usageId, reason: result.message });
            return this.layAside(record, 0, result.message);
        }
        if (result.status === 200 || result.status === 202) {
            return this.events.tell("settled", {
                usage_id: usageId, status: String(result.body.status),
                credits_charged: String(result.body.credits_charged),
            });
        }
        this.events.tell("commit_refused", {
            usage_id: usageId, status: result.status, code: result.code,
            ended: String(result.body.status), reason: result.message,
        });
        this.layAside(record, result.status, result.body);
    }

    private layAside(record: SpoolRecord, status: number, answer: unknown): void {
        this.sender.count(1);
        void this.spool.layAside(record, status, answer).finally(() => this.sender.count(-1));
    }

    /** Charges a part of the hold while the call runs. */
    capture(
        usage: Usage, body: Body, taken: (answer: Answer) => void, refused: () => void,
    ): void {
        const done = (result: Result): void => {
            if (!this.captured(usage, body, result)) refused();
            else if (!(result instanceof NoAnswer) && result.status === 200) taken(result);
        };
        this.inOrder(usage, new Operation(
            "capture", body, done, { deadline: monotonic() + this.options.commitSeconds }));
    }

    /** Whether the part is charged, or will be by an operation that was put in its place. */
    private captured(usage: Usage, body: Body, result: Result): boolean {
        const facts = { usage_id: usage.usageId, reason: result.message };
        if (result instanceof NoAnswer) {
            this.events.tell("capture_refused", facts);
            return false;
        }
        if (result.status === 200) {
            usage.creditsReserved = String(result.body.credits_reserved ?? usage.creditsReserved);
            return true;
        }
        if (isUnknownVerb(result)) {
            this.canCapture = false;
            this.chargeByCommit(usage, body);
            return false;
        }
        let held = usage.creditsReserved;
        if (result.code === "hold_exceeded") {
            held = String(result.body.credits_reserved ?? held);
        } else if (hasError(result, "not_priced")) {
            this.fixedPrices.add(usage.feature);
        } else {
            this.events.tell("capture_refused", { ...facts, status: result.status, code: result.code });
            return false;
        }
        if (!("metrics" in body) || !isPositive(held)) {
            // Of what another process left, nobody knows how much is held.
            this.chargeByCommit(usage, body);
            return true;
        }
        const whole = {
            user_id: usage.userId, usage_id: usage.usageId,
            capture_id: `${String(body.capture_id)}-whole`, credits: held,
        };
        const done = (answer: Result): void => void this.captured(usage, whole, answer);
        this.inOrder(usage, new Operation("capture", whole, done, {
            isRest: usage.isRest, deadline: monotonic() + this.options.commitSeconds,
        }), true);
        return true;
    }

    /**
     * What could not be captured is charged with the commit that waits behind it: one that was to give
     * back becomes a success, one of a success has the part's tokens, too.
     */
    private chargeByCommit(usage: Usage, capture: Body): void {
        for (const following of usage.waiting) {
            if (following.name !== "commit") continue;
            following.body = withPart(following.body, (capture.metrics ?? {}) as Body);
        }
    }

    /** What another process did not get to tell. */
    private takeOver(left: Todo): void {
        if (this.usages.has(left.usageId)) return;
        const usage = new Usage(left.usageId, left.userId);
        usage.isOpen = false;
        usage.isRest = true;
        const operations = left.operations
            ?? [failureOf(usage, "internal_error", "The process ended before the call did.")];
        if (operations.length === 0) {
            return this.spool.append({ r: "done", usage_id: usage.usageId });
        }
        this.usages.set(usage.usageId, usage);
        this.sendOutcome(usage, operations, () => undefined);
    }

    // The whole

    /** Whether everything was acknowledged within the seconds. */
    async flush(seconds: number): Promise<boolean> {
        const deadline = monotonic() + seconds;
        await this.spool.hasLooked.wait(seconds);
        const idle = new Signal();
        this.sender.whenIdle(() => idle.set());
        return idle.wait(deadline - monotonic());
    }

    async close(seconds: number): Promise<boolean> {
        const isEmpty = await this.flush(seconds);
        this.sender.stop();
        await this.spool.close();
        return isEmpty;
    }
}
