/** Calls that run unasked, while the service is away, and what is told of them afterwards. */
import type { Asking } from "./asking.js";
import type { Engine } from "./engine.js";
import { SpoolUnavailable } from "./errors.js";
import type { Refused } from "./errors.js";
import { Usage } from "./holds.js";
import { hasRun, nameOf } from "./outage.js";
import type { Journal } from "./outage.js";
import type { SpoolRecord } from "./spool-format.js";
import { Answer } from "./transport.js";
import type { Result } from "./transport.js";

export class Records {
    constructor(private readonly engine: Engine) {}

    /** Once its beginning is on the disk. Throws SpoolUnavailable. */
    async begin(journal: Journal, dropped: () => void): Promise<Usage> {
        const usage = new Usage(journal.usageId, journal.userId);
        usage.creditsReserved = journal.credits;
        usage.journal = journal.body;
        usage.dropped = dropped;
        this.engine.keep(usage);
        try {
            await this.synced(usage.opened());
        } catch (error) {
            this.drop(usage);
            throw error;
        }
        return usage;
    }

    /** What a stream has handed out so far, should this process die; once it is on the disk, if it must be. */
    notePart(usage: Usage, record: SpoolRecord, mustSync: boolean): Promise<void> {
        const part = { ...usage.outcome([record]), is_part: true };
        if (mustSync) return this.synced(part);
        this.engine.spool.append(part);
        return Promise.resolve();
    }

    private async synced(record: SpoolRecord): Promise<void> {
        const failure = await new Promise<Error | undefined>((resolve) => {
            this.engine.spool.append(record, resolve);
        });
        if (failure) throw new SpoolUnavailable("The spool cannot be written.");
    }

    /**
     * Refuses a call that the service has granted, if the same request ran unasked and the service does
     * not know: the hold is given back, unless there will be a record, which commits it. Any other does
     * not run unasked from now on.
     */
    ran(asking: Asking, granted: Usage): Refused | undefined {
        // Only what the host names may be asked for again.
        if (!asking.options.requestId || asking.clientId) return undefined;
        const name = nameOf(asking, granted.userId);
        const known = this.engine.outage.knownAs(name);
        if (known === undefined) {
            this.engine.outage.granted(name, granted.usageId);
            return undefined;
        }
        const before = this.engine.usages.get(name);
        if (!before) {
            this.engine.giveBack(granted);
            return hasRun(known, false);
        }
        const { dropped } = before;
        before.dropped = () => {
            dropped?.();
            this.engine.giveBack(granted);
        };
        this.engine.told(granted, () => undefined);
        return hasRun(known, before.isOpen);
    }

    /** It has delivered nothing, and costs nothing. */
    drop(usage: Usage): void {
        usage.isOpen = false;
        this.engine.outage.acknowledged(usage.usageId);
        this.engine.told(usage, () => undefined);
        usage.dropped?.();
    }

    recorded(usage: Usage, record: SpoolRecord, result: Result, acknowledged: () => void): void {
        const { events, outage } = this.engine;
        if (result instanceof Answer && result.status === 200) {
            events.tell("recorded", {
                usage_id: usage.usageId, credits_charged: String(result.body.credits_charged),
                credits_not_charged: String(result.body.credits_not_charged),
            });
        } else {
            const [status, answer] = result instanceof Answer
                ? [result.status, result.body] : [0, result.message];
            events.tell("record_refused", { usage_id: usage.usageId, status, reason: result.message });
            this.engine.layAside(record, status, answer);
        }
        outage.acknowledged(usage.usageId);
        this.engine.told(usage, acknowledged);
    }
}
