/** Calls that run unasked, while the service is away, and what is told of them afterwards. */
import type { Engine } from "./engine.js";
import { SpoolUnavailable } from "./errors.js";
import { Usage } from "./holds.js";
import type { Journal } from "./outage.js";
import type { SpoolRecord } from "./spool-format.js";
import { Answer } from "./transport.js";
import type { Result } from "./transport.js";

export class Records {
    constructor(private readonly engine: Engine) {}

    /** Once its beginning is on the disk. Throws SpoolUnavailable. */
    async begin(journal: Journal): Promise<Usage> {
        const usage = new Usage(journal.usageId, journal.userId);
        usage.creditsReserved = journal.credits;
        usage.journal = journal.body;
        this.engine.keep(usage);
        const open = { r: "open", usage_id: usage.usageId, user_id: usage.userId, at: Date.now() };
        const failure = await new Promise<Error | undefined>((resolve) => {
            this.engine.spool.append(open, resolve);
        });
        if (!failure) return usage;
        this.drop(usage);
        throw new SpoolUnavailable("The spool cannot be written.");
    }

    /** What a stream has handed out so far, should this process die. */
    notePart(usage: Usage, record: SpoolRecord): void {
        this.engine.spool.append({
            r: "outcome", usage_id: usage.usageId, operations: [record], at: Date.now(),
        });
    }

    /** It has delivered nothing, and costs nothing. */
    drop(usage: Usage): void {
        usage.isOpen = false;
        this.engine.outage.forget(usage.usageId);
        this.engine.told(usage, () => undefined);
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
        outage.forget(usage.usageId);
        this.engine.told(usage, acknowledged);
    }
}
