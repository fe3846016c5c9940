/** Parts of a hold that are charged while its call runs, and what becomes of those that were not. */
import type { Engine } from "./engine.js";
import { hasError, isPositive, isUnknownVerb, withPart } from "./holds.js";
import type { Usage } from "./holds.js";
import { monotonic } from "./time.js";
import { Answer, Operation } from "./transport.js";
import type { Body, Result } from "./transport.js";

export class Captures {
    constructor(private readonly engine: Engine) {}

    /**
     * Charges a part of the hold while the call runs. `notTaken` is called if it was not charged and
     * will not be, with whether the hold is too small.
     */
    capture(
        usage: Usage, body: Body, taken: (answer: Answer) => void,
        notTaken: (isExceeded: boolean) => void,
    ): void {
        const done = (result: Result): void => {
            if (result instanceof Answer && result.status === 200) {
                this.noteReserved(usage, result);
                return taken(result);
            }
            const isFixed = hasError(result, "not_priced");
            if (isFixed && this.chargeAll(usage, body, usage.creditsReserved)) {
                // It is charged; its tokens are for the log.
                return notTaken(false);
            }
            this.tell(usage, result);
            notTaken(result instanceof Answer && result.code === "hold_exceeded");
        };
        this.engine.inOrder(usage, new Operation("capture", body, done, { deadline: this.deadline }));
    }

    /** What a capture was to charge whose call has ended meanwhile: its commit does. */
    owe(usage: Usage, body: Body): void {
        usage.owed.push(body);
        for (const commit of usage.waiting.filter((each) => each.name === "commit")) {
            this.pay(usage, commit);
        }
    }

    /**
     * A commit that is about to be sent takes what is owed; one that is to give back is preceded by a
     * capture of it.
     */
    pay(usage: Usage, commit: Operation): void {
        for (const body of usage.owed.splice(0)) {
            if (usage.isTakenWhole && commit.body.success !== true) continue;
            if (commit.body.success === true || !this.engine.canCapture(usage)) {
                commit.body = withPart(commit.body, (body.metrics ?? {}) as Body);
            } else {
                this.outcomeCapture(usage, body);
            }
        }
    }

    /** Of a capture that is a part of an outcome, whose commit waits behind it. */
    judgeOutcome(usage: Usage, body: Body, result: Result): void {
        if (result instanceof Answer && result.status === 200) return this.noteReserved(usage, result);
        this.tell(usage, result);
        if (!(result instanceof Answer)) return;
        if (isUnknownVerb(result)) return this.chargeByCommit(usage, body);
        const isExceeded = result.code === "hold_exceeded";
        if (!isExceeded && !hasError(result, "not_priced")) return;
        const isSuccess = usage.waiting.some(
            (each) => each.name === "commit" && each.body.success === true);
        // A commit may take more than what is held, if the feature's overuse allows it.
        if (isExceeded && isSuccess) return this.chargeByCommit(usage, body);
        const held = isExceeded ? result.body.credits_reserved : undefined;
        if (!this.chargeAll(usage, body, String(held ?? usage.creditsReserved))) {
            // Of what another process left, nobody knows how much is held.
            this.chargeByCommit(usage, body);
        }
    }

    /**
     * In place of a part that is more than what is left, or has no price of its own. Whether there was
     * anything to charge.
     */
    private chargeAll(usage: Usage, body: Body, held: string): boolean {
        if (!("metrics" in body) || !isPositive(held)) return false;
        usage.isTakenWhole = true;
        this.outcomeCapture(usage, {
            ...usage.named, capture_id: `${String(body.capture_id)}-whole`,
            credits: held,
        });
        return true;
    }

    private outcomeCapture(usage: Usage, body: Body): void {
        const done = (result: Result): void => this.judgeOutcome(usage, body, result);
        this.engine.inOrder(usage, new Operation("capture", body, done, {
            isRest: usage.isRest, mustBeTold: true, deadline: this.deadline,
        }), true);
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

    private noteReserved(usage: Usage, answer: Answer): void {
        usage.creditsReserved = String(answer.body.credits_reserved ?? usage.creditsReserved);
    }

    private tell(usage: Usage, result: Result): void {
        if (result instanceof Answer && isUnknownVerb(result)) this.engine.noCaptures(usage);
        if (hasError(result, "not_priced")) return;
        const more = result instanceof Answer ? { status: result.status, code: result.code } : {};
        this.engine.events.tell(
            "capture_refused", { usage_id: usage.usageId, reason: result.message, ...more });
    }

    private get deadline(): number {
        return monotonic() + this.engine.options.commitSeconds;
    }
}
