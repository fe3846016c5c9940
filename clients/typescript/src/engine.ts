/** What a client runs on: the sender, the spool, and the usages that are open. */
import type { Asking } from "./asking.js";
import { Captures } from "./captures.js";
import { SpoolUnavailable } from "./errors.js";
import type { Events } from "./events.js";
import {
    chargesWhole, dateOf, failureOf, hasAmounts, holdEnds, isUnknownVerb, Usage, withoutResult,
} from "./holds.js";
import { newId } from "./ids.js";
import type { Options } from "./options.js";
import { isJournal, Outage } from "./outage.js";
import { Records } from "./records.js";
import { Sender } from "./sender.js";
import { Spool } from "./spool.js";
import type { SpoolRecord, Todo } from "./spool-format.js";
import { monotonic, Signal } from "./time.js";
import { NoAnswer, Operation, Transport } from "./transport.js";
import type { Answer, Body, Fetch, Product, Result, Secret } from "./transport.js";

/** A hold is prolonged when so much of what was left is over. */
const EXTEND_AT = 0.5;
/** How often a little less time is asked for, should the first be more than the feature's maximum. */
const EXTEND_TRIES = 3;
/** A service that had no `/extend`, or no `/capture`, is asked for it again after so many seconds. */
const ASKED_AGAIN = 600;
/** Seconds of a hold below which nothing is asked: the answer would come too late. */
const SHORTEST_EXTENSION = 0.05;

export class Engine {
    readonly captures = new Captures(this);
    readonly records = new Records(this);
    readonly outage: Outage;
    /** Since when the service may have these verbs for a product, which an older one lacks. */
    private readonly extendFrom: Record<Product, number> = { career: 0, api: 0 };
    private readonly captureFrom: Record<Product, number> = { career: 0, api: 0 };
    private isClosed = false;
    /** The service's clock, in Unix seconds, less ours. */
    clockOffset = 0;
    readonly sender: Sender;
    readonly spool: Spool;
    readonly usages = new Map<string, Usage>();

    constructor(
        url: string, internalKey: Secret, folder: string | undefined, fetch: Fetch,
        readonly options: Options, readonly events: Events,
    ) {
        const transport = new Transport(url, internalKey, events, options.answerSeconds, fetch);
        this.sender = new Sender(transport, events, options.firstPause, options.longestPause);
        this.outage = new Outage(options.outage, folder, events, () => this.sender.heardAt);
        this.spool = new Spool(
            folder, events, (left) => this.takeOver(left), options.adoptEvery, () => this.outage.save());
    }

    canExtend(usage: Usage): boolean {
        return monotonic() >= this.extendFrom[usage.product];
    }

    canCapture(usage: Usage): boolean {
        return monotonic() >= this.captureFrom[usage.product];
    }

    noCaptures(usage: Usage): void {
        this.captureFrom[usage.product] = monotonic() + ASKED_AGAIN;
    }

    // Holds

    register(answer: Answer, asking: Asking): Usage {
        const { clientId, options: { holdSeconds } } = asking;
        const { usage_id: usageId, user_id: userId } = answer.body;
        const usage = new Usage(String(usageId), clientId ? "" : String(userId), clientId);
        usage.isTest = answer.body.is_test_key === true;
        usage.creditsReserved = String(answer.body.credits_reserved ?? "0.00");
        usage.holdEnds = holdEnds(answer);
        if (usage.holdEnds !== undefined) {
            usage.holdSeconds = holdSeconds ?? Math.max(1, Math.trunc(usage.holdEnds - answer.received));
        }
        this.keep(usage);
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

    isOpen(usageId: string): boolean {
        return this.usages.get(usageId)?.isOpen ?? false;
    }

    keep(usage: Usage): void {
        this.usages.set(usage.usageId, usage);
    }

    /** Whether calls may run unasked: then what other processes ran must be known, too. */
    get mayOpen(): boolean {
        return this.outage.mayOpen && this.spool.hasLooked.isSet;
    }

    /**
     * Sends it once the usage's operation before it was answered; with `isNext` before those that
     * wait.
     */
    inOrder(usage: Usage, operation: Operation, isNext = false): void {
        const done = operation.done;
        operation.done = (result) => {
            try {
                done(result);
            } finally {
                usage.isBusy = false;
                this.nextOf(usage);
            }
        };
        this.sender.count(1, operation.isRest);
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
        this.sender.count(-1, operation.isRest);
    }

    // Heartbeats

    /** Prolongs the hold whenever half of what was left of it is over, until the call ends. */
    keepAlive(usage: Usage, onRefused: () => void): void {
        if (usage.holdEnds === undefined || !usage.isOpen) return;
        const left = usage.holdEnds - monotonic();
        if (left < SHORTEST_EXTENSION) return;
        const beat = ++usage.beat;
        this.sender.later(left * EXTEND_AT, false, () => {
            if (usage.beat !== beat) return;
            if (!this.canExtend(usage)) return this.keepAlive(usage, onRefused);
            this.extend(usage, onRefused, { hold_seconds: usage.holdSeconds });
        });
    }

    extend(usage: Usage, onRefused: () => void, asked: Body, tries = 1): void {
        if (!usage.isOpen || !this.canExtend(usage) || usage.journal) return;
        const done = (result: Result): void => {
            const facts = { usage_id: usage.usageId, reason: result.message };
            if (result instanceof NoAnswer) {
                // It was asked until the hold was over.
                this.events.tell("extend_refused", facts);
                return onRefused();
            }
            if (isUnknownVerb(result)) {
                this.extendFrom[usage.product] = monotonic() + ASKED_AGAIN;
                this.events.tell("extend_unsupported");
                return this.keepAlive(usage, onRefused);
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
                // A gateway's, or a key that is being changed: nothing was decided.
                const isDecided = result.isOwn && (result.status !== 401 || result.isCustomers);
                return isDecided ? onRefused() : this.keepAlive(usage, onRefused);
            }
            usage.holdEnds = holdEnds(result);
            usage.creditsReserved = String(result.body.credits_reserved ?? usage.creditsReserved);
            this.events.tell("extended", { usage_id: usage.usageId });
            this.keepAlive(usage, onRefused);
        };
        const body = { ...usage.named, extension_id: newId(), ...asked };
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
            if (this.isClosed) {
                // Nobody sends any more: what is on the disk is told by the next process.
                if (error || !this.spool.isKept) {
                    written.error = new SpoolUnavailable(
                        "The client was closed before the call ended, and its outcome cannot be kept.");
                }
                return written.set();
            }
            this.sendOutcome(usage, operations, () => acknowledged.set());
            this.sender.count(-1);
            if (error) acknowledged.whenSet(() => written.set());
            else written.set();
        };
        if (isSpooled) {
            this.spool.append(usage.outcome(operations.map((each) => this.spooled(each))), send);
        } else {
            send();
        }
        return written;
    }

    /** As it may lie on the disk. */
    private spooled(record: SpoolRecord): SpoolRecord {
        return this.options.spoolResults ? record : withoutResult(record);
    }

    /** The hold of a call that nobody waited for any more. */
    giveBack(usage: Usage): void {
        this.events.tell("hold_given_back", { usage_id: usage.usageId });
        this.finish(usage, [failureOf(usage, "client_error", "Nobody waited for the answer.")], false);
    }

    private sendOutcome(usage: Usage, records: SpoolRecord[], acknowledged: () => void): void {
        records.forEach((record, index) => {
            this.sendOne(usage, record, index === records.length - 1, acknowledged);
        });
    }

    private sendOne(
        usage: Usage, record: SpoolRecord, isLast: boolean, acknowledged: () => void,
    ): void {
        const { op, ...body } = record;
        const done = (result: Result): void => {
            if (op === "capture") return this.captures.judgeOutcome(usage, body, result);
            if (op === "record") return this.records.recorded(usage, record, result, acknowledged);
            const told = { op: "commit", ...operation.body };
            const again = this.toldAgain(usage, told, result);
            if (again) return this.sendOne(usage, again, isLast, acknowledged);
            this.settled(usage, told, result);
            if (isLast) this.told(usage, acknowledged);
        };
        const operation = new Operation(String(op), body, done, {
            isRest: usage.isRest, mustBeTold: true,
            deadline: monotonic() + this.options.commitSeconds,
        });
        if (op === "commit") this.captures.pay(usage, operation);
        this.inOrder(usage, operation);
    }

    told(usage: Usage, acknowledged: () => void): void {
        this.usages.delete(usage.usageId);
        this.spool.append(usage.acknowledged());
        acknowledged();
    }

    /**
     * A success without what the service cannot take of it: first its result, then its amounts, when all
     * that is held is charged. Else the call would be free.
     */
    private toldAgain(usage: Usage, record: SpoolRecord, result: Result): SpoolRecord | undefined {
        if (result instanceof NoAnswer || ![400, 413, 422].includes(result.status)) return undefined;
        const hasResult = "result" in record;
        if (!result.isOwn || !hasResult && !hasAmounts(record)) return undefined;
        this.events.tell(hasResult ? "result_refused" : "settle_refused", {
            usage_id: usage.usageId, status: result.status, code: result.code, reason: result.message,
        });
        return hasResult ? withoutResult(record) : chargesWhole(record);
    }

    private settled(usage: Usage, record: SpoolRecord, result: Result): void {
        const usageId = usage.usageId;
        if (result instanceof NoAnswer) {
            this.events.tell("commit_given_up", { usage_id: usageId, reason: result.message });
            return this.layAside(record, 0, result.message);
        }
        // The user's results take as much as they may.
        if (result.body.result_kept === false) this.events.tell("result_not_kept", { usage_id: usageId });
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

    layAside(record: SpoolRecord, status: number, answer: unknown): void {
        this.sender.count(1);
        void this.spool.layAside(this.spooled(record), status, answer).finally(() => this.sender.count(-1));
    }

    /** What another process did not get to tell. */
    private takeOver(left: Todo): void {
        if (this.usages.has(left.usageId)) return;
        const usage = new Usage(left.usageId, left.userId, left.clientId);
        usage.isOpen = false;
        usage.isRest = true;
        // One that ran unasked and has no outcome ended before it had delivered anything.
        const unheard = isJournal(left.usageId)
            ? [] : [failureOf(usage, "internal_error", "The process ended before the call did.")];
        const operations = left.operations ?? unheard;
        if (operations.length === 0) {
            return this.spool.append(usage.acknowledged());
        }
        this.keep(usage);
        for (const operation of operations) {
            if (operation.op === "record") this.outage.adopt(usage.usageId, operation, left.counted);
        }
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
        this.isClosed = true;
        this.sender.stop();
        const running = [...this.usages.values()].filter((usage) => usage.isOpen);
        await this.spool.close(new Set(running.map((usage) => usage.usageId)));
        return isEmpty;
    }
}
