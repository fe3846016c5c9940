/** One metered call: asked for, run, settled. */
import { defined } from "./asking.js";
import type { Asking } from "./asking.js";
import { isPreamble } from "./chunks.js";
import type { Engine } from "./engine.js";
import { CueBXError, HoldEnded } from "./errors.js";
import { failureType, reasonOf } from "./failures.js";
import type { Usage } from "./holds.js";
import { newId } from "./ids.js";
import * as limits from "./limits.js";
import { hasTokens, partsOf, Production } from "./production.js";
import type { Tokens } from "./production.js";
import type { SpoolRecord } from "./spool-format.js";
import { ended } from "./telemetry.js";
import type { Span } from "./telemetry.js";
import { monotonic } from "./time.js";
import type { Answer, Body } from "./transport.js";
import type { FailureType } from "./wire.js";

const LONGEST_LATENCY = 3_600_000;
const LONGEST_REASON = 1000;
/** `canceled` is told by cancel alone. */
const FAILURE_TYPES: ReadonlySet<string> = new Set([
    "internal_error", "timeout", "rate_limited", "invalid_response", "upstream_error", "client_error",
    "validation_error",
]);
/** Seconds after which a disk that does not answer is taken for broken. */
const DISK_SECONDS = 30;
/** Seconds by which an aborted call is kept until its outcome is on the disk. */
const ABORTED_WAITS = 0.05;

/** What a call used, in total. */
export interface Settlement {
    inputTokens?: number;
    outputTokens?: number;
    cachedInputTokens?: number;
    reasoningTokens?: number;
    model?: string;
    /** A decimal text, e.g. "0.25", instead of tokens; beside what was captured before. */
    credits?: string;
}

/** What the body of a metered call has: tell by it what was used, or that it failed. */
export class Call {
    /** The call's name; the same request id and payload never run twice. */
    readonly requestId: string;
    private settled?: Body;
    private result?: Body;
    private failure?: { type: FailureType; reason: string };
    private production?: Production;
    private mustStop = false;
    private hasEnded = false;
    private readonly start = monotonic();
    private tokensATenth = Infinity;
    private canRaise = true;
    private assumedModel?: string;
    /** What validate has held. */
    private readonly held: string;

    /** Made by the client. */
    constructor(
        private readonly engine: Engine, private readonly asking: Asking,
        private readonly usage: Usage, private readonly span?: Span,
    ) {
        this.requestId = asking.requestId;
        this.held = usage.creditsReserved;
        engine.keepAlive(usage, () => this.extensionRefused());
    }

    get usageId(): string {
        return this.usage.usageId;
    }

    get userId(): string {
        return this.usage.userId;
    }

    /** Of a customer's call, whose `userId` is empty; else empty. */
    get clientId(): string {
        return this.usage.clientId;
    }

    /** Whether a customer asked with a test key: it costs nothing; answer canned data. */
    get isTestKey(): boolean {
        return this.usage.isTest;
    }

    get creditsReserved(): string {
        return this.usage.creditsReserved;
    }

    /** Whether it runs unasked, since the service is away, and is told afterwards. */
    get isJournaled(): boolean {
        return this.usage.journal !== undefined;
    }

    /** Aborted when whoever asked for the call goes away. */
    get signal(): AbortSignal | undefined {
        return this.asking.options.signal;
    }

    toString(): string {
        return `[cuebx call ${this.asking.feature} ${this.usageId}]`;
    }

    /**
     * What the call used, in total; the last word before the end counts. Left out, the whole hold is
     * charged. Throws InvalidRequest for what the service would not take.
     */
    settle(used: Settlement): void {
        this.settled = limits.settlement({
            input_tokens: used.inputTokens, output_tokens: used.outputTokens,
            cached_input_tokens: used.cachedInputTokens, reasoning_tokens: used.reasoningTokens,
            model_used: used.model, credits: used.credits,
        });
    }

    /** The call has failed, though its body returns: what it holds is given back. */
    fail(type: FailureType, reason: string): void {
        if (!FAILURE_TYPES.has(type)) {
            limits.refuse("failure.failure_type", `must be one of ${[...FAILURE_TYPES].join(", ")}`);
        }
        this.failure = { type, reason };
    }

    /**
     * What the user finds in their history, if the call succeeds; the last word before the end counts. It
     * is told with the outcome, and lies in no spool unless `spoolResults` says so. Throws InvalidRequest
     * for what the service would not take. A customer's call has no history, nor has one that runs unasked.
     *
     * `title`: 1 to 255 characters; `data`: any JSON, at most 256 KiB, nested at most 20 deep.
     */
    keepResult(title: string, data: unknown): void {
        if (this.clientId) limits.refuse("result", "is kept for users alone");
        this.result = limits.result(title, data);
    }

    /** Throws HoldEnded if the hold could not be prolonged and the client is to stop then. */
    check(): void {
        if (this.mustStop) throw new HoldEnded("The hold could not be prolonged.");
    }

    /** Asks, in the background, for more time or more credits than what is held. */
    extend(more: { holdSeconds?: number; additionalCredits?: string }): void {
        this.engine.extend(this.usage, () => this.extensionRefused(), defined({
            hold_seconds: more.holdSeconds === undefined
                ? undefined : limits.holdSeconds(more.holdSeconds),
            additional_credits: more.additionalCredits === undefined
                ? undefined : limits.amount("additional_credits", more.additionalCredits),
        }));
    }

    /**
     * The source's chunks, counted and captured as they are handed out. It ends the source if its
     * consumer goes away.
     */
    async *stream<Chunk>(
        source: AsyncIterable<Chunk> | Iterable<Chunk>,
    ): AsyncGenerator<Chunk, void, undefined> {
        for await (const chunk of source) {
            await this.produced(chunk);
            yield chunk;
        }
    }

    /**
     * Counts a chunk that is handed out, for streams that are no iterables. What it returns, of a call
     * that runs unasked, is to be awaited before: then the first is on the disk, should this process die.
     */
    produced(chunk: unknown): Promise<void> | undefined {
        this.check();
        if (!this.production) {
            this.production = new Production();
            this.captureLater(this.production);
        }
        this.production.add(chunk);
        if (!isPreamble(chunk)) this.production.chunks++;
        if (this.isJournaled && this.production.chunks === 1 && !isPreamble(chunk)) {
            return this.noteFirst(this.production);
        }
        if (this.production.uncaptured >= this.tokensATenth) this.capture(this.production);
        return undefined;
    }

    /** Throws SpoolUnavailable: what could not be told after all is not handed out. */
    private noteFirst(production: Production): Promise<void> {
        const noted = this.notePart(production, true).catch((error: unknown) => {
            production.chunks--;
            throw error;
        });
        // Who does not wait for it hands it out all the same.
        noted.catch(() => undefined);
        return noted;
    }

    /**
     * Ends the call: with an error it failed. Returns once the outcome is on the disk; the service is
     * told in the background. Called by `metered`; by hand only for a call of `begin`.
     */
    async end(error?: unknown): Promise<void> {
        if (this.hasEnded) throw new CueBXError("The call has ended already.");
        this.hasEnded = true;
        const operations = this.outcome(error);
        ended(this.span, operations, this.failure?.type);
        if (operations.length === 0) return this.engine.records.drop(this.usage);
        const written = this.engine.finish(this.usage, operations);
        await written.wait(this.signal?.aborted ? ABORTED_WAITS : DISK_SECONDS);
        if (written.error) throw written.error;
    }

    /** A timer, since a provider may pause after any chunk. */
    private captureLater(production: Production): void {
        this.engine.sender.later(this.engine.options.captureEvery, false, () => {
            if (!this.usage.isOpen) return;
            this.capture(production);
            this.captureLater(production);
        });
    }

    private capture(production: Production): void {
        if (this.isJournaled) return void this.notePart(production, false);
        // Without a model the service would take all that is held.
        if (!this.model || this.usage.isTakenWhole) return;
        if (!this.usage.isOpen || !this.engine.canCapture(this.usage)) return;
        const whole = production.part();
        if (!whole) return;
        const part = partsOf(whole)[0] as Tokens;
        const body = this.captureBody(part, `c${production.captures + 1}-${newId()}`);
        production.take(part);
        this.engine.captures.capture(
            this.usage, body, (answer) => this.captured(production, answer),
            (isExceeded) => this.notCaptured(production, part, body, isExceeded));
    }

    /** Of a call that runs unasked: what it has handed out so far, should this process die. */
    private async notePart(production: Production, mustSync: boolean): Promise<void> {
        if (production.chunks === 0 || !this.usage.isOpen) return;
        const record = this.record(production.metrics(production.total));
        await this.engine.records.notePart(this.usage, record, mustSync);
    }

    /**
     * By what was charged so far it is known how many tokens a tenth of the hold is; a stream that has
     * less than half of it left, and goes on, is given as much again.
     */
    private captured(production: Production, answer: Answer): void {
        if (!this.asking.options.estimate) return;
        const charged = Number(answer.body.credits_charged);
        const left = Number(answer.body.credits_reserved);
        const held = Number(this.held);
        if (!(charged > 0 && held > 0 && left >= 0)) return;
        this.tokensATenth = Math.max(1, production.capturedTokens * held / charged / 10);
        if (left * 2 < held) this.raiseHold();
    }

    /** The part is charged later: with the next capture, once more is held, or by the commit. */
    private notCaptured(production: Production, part: Tokens, body: Body, isExceeded: boolean): void {
        if (this.usage.isOpen) {
            production.take(part, -1);
            // Not at each chunk from now on, but as the timer has it.
            this.tokensATenth = Infinity;
        } else {
            this.engine.captures.owe(this.usage, body);
        }
        if (isExceeded && this.asking.options.estimate) this.raiseHold();
    }

    /** By what was held at first; once it is refused, it is not asked for again. */
    private raiseHold(): void {
        if (!this.usage.isOpen || !this.canRaise) return;
        const refused = (): void => {
            this.canRaise = false;
            this.extensionRefused();
        };
        this.engine.extend(this.usage, refused, { additional_credits: this.held });
    }

    /** What the provider says that it is, else what was announced. */
    private get model(): string | undefined {
        const told = this.production?.model ?? this.assumedModel ?? this.asking.options.estimate?.model;
        return told ? limits.shown(told, limits.LONGEST_MODEL) : undefined;
    }

    private captureBody(part: Body, captureId: string): Body {
        const model = this.model && !part.model_used ? { model_used: this.model } : {};
        const metrics = Object.fromEntries(Object.entries(part).filter(([name, value]) => (
            value !== 0 || name === "input_tokens" || name === "output_tokens")));
        return {
            ...this.usage.named, capture_id: captureId,
            metrics: { ...metrics, ...model },
        };
    }

    /** The model that is asked, for a stream whose chunks do not name it. */
    assumeModel(model: unknown): void {
        if (typeof model === "string" && model) this.assumedModel = model;
    }

    private extensionRefused(): void {
        if (this.engine.options.ifExtensionRefused === "stop") this.mustStop = true;
    }

    private outcome(error: unknown): SpoolRecord[] {
        if (error !== undefined) {
            this.failure ??= { type: failureType(error), reason: reasonOf(error) };
        }
        if (this.isJournaled) return this.recorded();
        return this.failure ? this.released(this.failure.type, this.failure.reason) : this.success();
    }

    /** Of a call that ran unasked: what it used, or nothing if it has delivered nothing. */
    private recorded(): SpoolRecord[] {
        const production = this.production?.chunks ? this.production : undefined;
        if (this.failure && !production) return [];
        const told = production && (this.failure || !this.settled)
            ? production.metrics(production.total) : this.settled ?? {};
        return [this.record(told)];
    }

    /** As much as one may tell; credits are none of it: the service knows the price. */
    private record(used: Body): SpoolRecord {
        const { credits: _, ...rest } = used;
        const metrics: Body = { ...rest, latency_ms: this.latency };
        for (const [name, value] of Object.entries(rest)) {
            if (name.endsWith("_tokens")) metrics[name] = Math.min(limits.MOST_TOKENS, Number(value));
        }
        if (hasTokens(metrics) && !("model_used" in metrics) && this.model) metrics.model_used = this.model;
        return { op: "record", ...this.usage.journal, metrics };
    }

    private get latency(): number {
        return Math.min(LONGEST_LATENCY, Math.trunc((monotonic() - this.start) * 1000));
    }

    private success(): SpoolRecord[] {
        const production = this.production;
        let settled = this.settled;
        if (!settled && production?.chunks) settled = production.metrics(production.total);
        if (!settled && this.asking.options.estimate) {
            this.engine.events.tell("settle_left_out", { usage_id: this.usageId });
        }
        let told = settled ?? {};
        if (production) {
            told = production.withoutCaptured(told);
            const named = production.model ?? this.assumedModel;
            if (named && hasTokens(told) && !("model_used" in told)) {
                told = { ...told, model_used: limits.shown(named, limits.LONGEST_MODEL) };
            }
        }
        const parts = partsOf(told);
        const last = parts.pop()!;
        return [...this.inParts(parts), this.commit(last)];
    }

    /** More tokens than a commit may tell are captured before it. */
    private inParts(parts: Body[]): SpoolRecord[] {
        return parts.map((part, index) => (
            { op: "capture", ...this.captureBody(part, `s${index + 1}-${newId()}`) }));
    }

    /** What was produced is captured, the rest goes back. */
    private released(type: FailureType, reason: string): SpoolRecord[] {
        const production = this.production;
        const part = this.usage.isTakenWhole ? undefined : production?.part();
        const failure = { failure_type: type, reason: limits.shown(reason, LONGEST_REASON) || type };
        if (!production || !part) return [this.commit({}, failure)];
        // An older service charges on success alone.
        if (!this.engine.canCapture(this.usage)) return [this.commit(production.metrics(part))];
        return [...this.inParts(partsOf(part)), this.commit({}, failure)];
    }

    private commit(settled: Body, failure?: Body): SpoolRecord {
        const { credits, ...metrics } = settled;
        return defined({
            op: "commit", ...this.usage.named, success: !failure,
            metrics: { ...metrics, latency_ms: this.latency }, failure,
            credits: failure ? undefined : credits, result: failure ? undefined : this.result,
        });
    }
}
