/** What happens inside a client that its host may want to know: structured, and without any secret. */

export type EventLevel = "debug" | "info" | "warn" | "error";

/** Names do not change; new ones may come. */
const LEVELS: Readonly<Record<string, EventLevel>> = {
    granted: "debug",
    refused: "info",
    settled: "debug",
    retrying: "info",
    extended: "debug",
    extend_refused: "warn",
    extend_unsupported: "warn",
    capture_refused: "warn",
    batch_unsupported: "info",
    settle_left_out: "warn",
    settle_refused: "error",
    result_refused: "error",
    result_not_kept: "warn",
    hold_given_back: "info",
    commit_refused: "error",
    commit_given_up: "error",
    spool_adopted: "warn",
    spool_unknown: "error",
    spool_failed: "error",
    spool_volatile: "warn",
    outage_opened: "warn",
    outage_refused: "warn",
    journaled: "warn",
    recorded: "info",
    record_refused: "error",
    defect: "error",
};

/** `fields` are e.g. `usage_id`, `status`, `code`, `seconds`. */
export interface ClientEvent {
    readonly name: string;
    readonly level: EventLevel;
    readonly fields: Readonly<Record<string, unknown>>;
}

export class Events {
    constructor(private readonly listener?: (event: ClientEvent) => void) {}

    tell(name: string, fields: Record<string, unknown> = {}): void {
        if (!this.listener) return;
        try {
            this.listener({ name, level: LEVELS[name] ?? "info", fields });
        } catch {
            // A listener's defect stays its own.
        }
    }
}
