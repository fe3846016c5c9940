/**
 * The way into a call: validate, and its `open` on the disk. Whoever waits may go away at any time;
 * what was granted is then given back.
 */
import type { Asking } from "./asking.js";
import { Call } from "./call.js";
import type { Engine } from "./engine.js";
import {
    AlreadyRunning, BY_CODE, BY_STATUS, CueBXError, InvalidRequest, InvalidToken, Refused, ServiceError,
    SpoolUnavailable, TokenExpired, Unavailable,
} from "./errors.js";
import type { FieldError, RefusalClass } from "./errors.js";
import type { Usage } from "./holds.js";
import type { Journal } from "./outage.js";
import { ASKED_IN_THE_BACKGROUND } from "./sender.js";
import { granted, notGranted } from "./telemetry.js";
import type { Span } from "./telemetry.js";
import { monotonic, Signal } from "./time.js";
import { NoAnswer, Operation } from "./transport.js";
import type { Answer, Result } from "./transport.js";

/** Seconds after which a disk that does not answer is taken for broken. */
const DISK_SECONDS = 30;

export class Entry {
    private readonly signal = new Signal();
    private operation: Operation;
    private readonly deadline: number;
    private error?: CueBXError;
    private usage?: Usage;
    private isAbandoned = false;
    private readonly askedAt = monotonic();
    /** Nothing was decided since the service is away: then the call may run unasked. */
    private isOutage = false;
    /** It runs unasked: what validate may have held, the record of the call commits. */
    private isJournaled = false;
    /** It ran unasked and ended with nothing to record: what validate may have held is given back. */
    private isDropped = false;
    /** What came of the validate. */
    private result?: Result;

    constructor(
        private readonly engine: Engine, private readonly asking: Asking, private readonly span?: Span,
    ) {
        const now = monotonic();
        this.deadline = now + engine.options.validateSeconds;
        // Once it is known that the service is away, no user waits for the whole budget. A customer's call
        // cannot run unasked.
        const left = asking.token && engine.outage.isOn ? 0 : asking.secondsOfToken(engine.clockOffset);
        this.operation = new Operation(
            "validate", asking.body, (result) => this.answered(result), {
                token: asking.token, apiKey: asking.apiKey, deadline: this.deadline,
                retryUntil: left === undefined ? undefined : now + left,
            });
        engine.sender.submit(this.operation);
    }

    /** Throws what kept the call from being granted; the signal's reason if it is aborted. */
    async call(): Promise<Call> {
        const abort = this.asking.options.signal;
        await this.signal.wait(this.deadline - monotonic(), abort);
        const unasked = await this.unasked(abort);
        if (unasked) return unasked;
        if (!this.signal.isSet) {
            this.goAway();
            if (abort?.aborted) throw abort.reason;
            const late = new Unavailable("The service did not answer within the budget.");
            notGranted(this.span, this.asking.feature, this.asking.requestId, late);
            throw late;
        }
        const { asking, engine, usage, error, span } = this;
        if (error) notGranted(span, asking.feature, asking.requestId, error);
        if (error instanceof Refused) {
            engine.events.tell("refused", { feature: asking.feature, code: error.code });
        }
        if (error) throw error;
        if (!usage) throw new CueBXError("The call was not granted.");
        const call = new Call(engine, asking, usage, span);
        granted(span, asking.feature, asking.requestId, usage.usageId, usage.creditsReserved);
        if (abort?.aborted) {
            await call.end(abort.reason);
            throw abort.reason;
        }
        engine.events.tell("granted", { feature: asking.feature, usage_id: usage.usageId });
        return call;
    }

    /** Whether it may run unasked: only a user's call can be recorded afterwards. */
    private get mayOpen(): boolean {
        return this.asking.clientId === undefined && this.engine.mayOpen;
    }

    /** What comes from now on is given back. */
    private goAway(): void {
        this.isAbandoned = true;
        this.engine.sender.abandon(this.operation);
    }

    /**
     * The call, if it runs all the same: the service is away and the host's policy allows it. Throws what
     * a service that is there would refuse.
     */
    private async unasked(abort: AbortSignal | undefined): Promise<Call | undefined> {
        const { asking, engine, span } = this;
        if (this.mayOpen && !this.signal.isSet && !abort?.aborted) {
            this.isOutage = engine.outage.isOf(this.operation, undefined, this.askedAt);
        }
        if (!this.isOutage) return undefined;
        const journal = await this.journal();
        if (!journal) return undefined;
        // Something may have come while the host judged the token.
        if (this.usage || this.signal.isSet && !(this.error instanceof Unavailable)) {
            engine.outage.forget(journal.usageId);
            await this.signal.wait(DISK_SECONDS);
            return undefined;
        }
        this.isJournaled = true;
        engine.sender.drop(this.operation);
        const usage = await engine.records.begin(journal, () => this.dropped());
        const call = new Call(engine, asking, usage, span);
        granted(span, asking.feature, asking.requestId, usage.usageId, usage.creditsReserved);
        if (!abort?.aborted) return call;
        await call.end(abort.reason);
        throw abort.reason;
    }

    /** If it does not run, what validate may hold is given back. */
    private async journal(): Promise<Journal | undefined> {
        const { engine } = this;
        const ranAt = Date.now() / 1000 + engine.clockOffset;
        try {
            const journal = await engine.outage.open(this.asking, ranAt, (usage) => engine.isOpen(usage));
            if (!journal) this.closed();
            return journal;
        } catch (error) {
            this.closed();
            if (!this.signal.isSet) this.goAway();
            throw error;
        }
    }

    private closed(): void {
        this.isOutage = false;
        if (this.signal.isSet) this.askOn();
    }

    private answered(result: Result): void {
        this.result = result;
        if (this.isJournaled) return this.isDropped ? this.leftOver(result) : undefined;
        if (result instanceof NoAnswer) {
            return this.notAnswered(
                new Unavailable(`The service could not be asked: ${result.message}.`), result);
        }
        this.engine.noteTime(result);
        const error = this.errorOf(result);
        if (error instanceof Unavailable) return this.notAnswered(error, result);
        if (error) return this.resolve(error);
        const usage = this.engine.register(result, this.asking);
        if (!this.asking.clientId) this.engine.outage.saw(this.asking.feature, usage.creditsReserved);
        const ran = this.engine.records.ran(this.asking, usage);
        if (ran) return this.resolve(ran);
        this.usage = usage;
        // Until it is on the disk it is not settled, or a client that closes would not wait for it.
        this.engine.sender.count(1);
        this.engine.spool.append(usage.opened(), (failure) => {
            if (failure) {
                this.engine.giveBack(usage);
                this.resolve(new SpoolUnavailable("The spool cannot be written."));
            } else {
                this.resolve();
            }
            this.engine.sender.count(-1);
        });
    }

    /** The budget is over. Whoever waits decides whether the call runs all the same. */
    private notAnswered(error: CueBXError, result: Result): void {
        this.isOutage = this.mayOpen && !this.signal.isSet
            && this.engine.outage.isOf(this.operation, result, this.askedAt);
        this.resolve(error);
        if (!this.isOutage) this.askOn();
    }

    /** The call ran unasked, and no record of it commits what validate may have held. */
    private dropped(): void {
        this.isDropped = true;
        if (this.result) this.leftOver(this.result);
    }

    private leftOver(result: Result): void {
        if (result instanceof NoAnswer) return this.askOn();
        const error = this.errorOf(result);
        if (error instanceof Unavailable) return this.askOn();
        if (error) return;
        const usage = this.engine.register(result, this.asking);
        if (!this.engine.records.ran(this.asking, usage)) this.engine.giveBack(usage);
    }

    /**
     * If the service may hold something, it is asked on in the background, and what it has granted is given
     * back.
     */
    private askOn(): void {
        if (!this.operation.isUnsure || this.isAbandoned) return;
        this.isAbandoned = true;
        const asked = this.operation;
        this.operation = new Operation("validate", asked.body, (result) => this.answered(result), {
            token: asked.token, apiKey: asked.apiKey, retryUntil: asked.retryUntil,
            deadline: monotonic() + ASKED_IN_THE_BACKGROUND,
        });
        this.operation.isUnsure = true;
        this.operation.isAbandoned = true;
        this.engine.sender.submit(this.operation);
    }

    private resolve(error?: CueBXError): void {
        if (!this.signal.isSet) {
            // Whoever waited is told; what comes later is no news for them.
            this.error = error;
            this.signal.set();
        }
        if (this.isAbandoned && !error && this.usage) this.engine.giveBack(this.usage);
    }

    private errorOf(answer: Answer): CueBXError | undefined {
        if (answer.status === 200 && answer.body.access === "granted") {
            const isOwn = answer.code !== "replayed" || this.operation.isUnsure;
            if (isOwn && !this.engine.isRunning(String(answer.body.usage_id))) return undefined;
            return refusal(answer, AlreadyRunning, "This request is running already.", "replayed");
        }
        if ([408, 502, 503, 504].includes(answer.status)) {
            return new Unavailable(answer.message, answer.retryAfter);
        }
        if (answer.status >= 500 || answer.status < 400 || answer.isNoAddress) {
            return new ServiceError(
                answer.message, answer.status, answer.code, answer.headers["x-request-id"]);
        }
        let kind: RefusalClass = BY_CODE[answer.code] ?? BY_STATUS[answer.status] ?? Refused;
        if (kind === InvalidToken && this.asking.isTokenOver(this.engine.clockOffset)) {
            kind = TokenExpired;
        }
        return refusal(answer, kind);
    }
}

function refusal(answer: Answer, kind: RefusalClass, message?: string, code?: string): Refused {
    const { body } = answer;
    const errors = Array.isArray(body.errors) ? body.errors as FieldError[] : [];
    let text = message ?? answer.message;
    if (kind === InvalidRequest && errors.length > 0) {
        text += " " + errors.slice(0, 5)
            .map((each) => `${(each.loc ?? []).slice(1).join(".")} ${each.msg}`).join("; ");
    }
    return new kind(text, {
        status: answer.status, code: code ?? answer.code, retryAfter: answer.retryAfter,
        usageId: typeof body.usage_id === "string" ? body.usage_id : undefined,
        usageStatus: typeof body.status === "string" ? body.status : undefined,
        requestId: answer.headers["x-request-id"], errors,
    });
}
