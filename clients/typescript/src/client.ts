/** The client: one for the whole process. */
import { resolve } from "node:path";

import { Asking } from "./asking.js";
import type { MeterOptions } from "./asking.js";
import type { Call } from "./call.js";
import { Engine } from "./engine.js";
import { Entry } from "./entry.js";
import { CueBXError, Overloaded } from "./errors.js";
import { Events } from "./events.js";
import type { ClientEvent } from "./events.js";
import { DEFAULTS } from "./options.js";
import type { Options } from "./options.js";
import { CUSTOMERS, USERS } from "./spool-format.js";
import type { Span } from "./telemetry.js";
import { Secret } from "./transport.js";
import type { Fetch } from "./transport.js";

const DEFAULT_URL = "http://127.0.0.1:8080";
const DEFAULT_FOLDER = "var/cuebx-spool";
const MEMORY = "memory";

export interface ClientOptions extends Partial<Options> {
    /** Of the service; `CUEBX_URL`, else http://127.0.0.1:8080. */
    url?: string;
    /**
     * The tool server's key; `CUEBX_INTERNAL_KEY`, else the one of development, which is taken for
     * loopback addresses only.
     */
    internalKey?: string;
    /**
     * A folder for what must outlive this process; `CUEBX_SPOOL`, else `var/cuebx-spool`. `"memory"`
     * keeps it nowhere: a process that is killed then loses the outcomes not yet told, whose holds end
     * by themselves and cost nothing.
     */
    spool?: string;
    /** Called with each event. */
    onEvent?: (event: ClientEvent) => void;
    /** The span in which a call is made: `() => trace.getActiveSpan()` of `@opentelemetry/api`. */
    activeSpan?: () => Span | undefined;
    /** In place of the platform's own. */
    fetch?: Fetch;
}

/** What says how a call is metered, or makes it of the call's own arguments. */
export type MeterOptionsOf<Args extends unknown[]> = MeterOptions | ((...args: Args) => MeterOptions);

export class Client {
    readonly url: string;
    readonly options: Options;
    private readonly engine: Engine;
    private readonly activeSpan?: () => Span | undefined;
    private closing?: Promise<boolean>;

    constructor(options: ClientOptions = {}) {
        const { url, internalKey, spool, onEvent, activeSpan, fetch: ownFetch, ...rest } = options;
        const env = process.env;
        this.activeSpan = activeSpan;
        this.url = url ?? env.CUEBX_URL ?? DEFAULT_URL;
        this.options = { ...DEFAULTS, ...rest };
        const key = new Secret(
            internalKey ?? env.CUEBX_INTERNAL_KEY ?? keyOfDevelopment(this.url));
        const folder = spool ?? env.CUEBX_SPOOL ?? DEFAULT_FOLDER;
        if (folder === MEMORY && this.options.outage.kind !== "fail_closed") {
            throw new CueBXError("What runs in an outage must outlive the process: it needs a spool on a disk.");
        }
        const events = new Events(onEvent);
        if (folder === MEMORY) events.tell("spool_volatile");
        // What processes before this one have left need not wait for the first call.
        this.engine = new Engine(
            this.url, key, folder === MEMORY ? undefined : resolve(folder),
            ownFetch ?? ((address, init) => fetch(address, init)), this.options, events);
    }

    /**
     * Asks before the body, settles after it. Returns what the body returns, once the outcome is on the
     * disk; throws what the body throws, or what keeps the call from running: `OutOfCredits`,
     * `RateLimited`, `Unavailable` …
     */
    async metered<Result>(
        feature: string, options: MeterOptions, body: (call: Call) => Result | PromiseLike<Result>,
    ): Promise<Result> {
        const call = await this.begin(feature, options);
        let result: Result;
        try {
            result = await body(call);
        } catch (error) {
            await call.end(error ?? new Error("nothing was thrown"));
            throw error;
        }
        await call.end();
        return result;
    }

    /**
     * The same for a stream: its chunks are handed on, counted and captured; the call ends with it,
     * also if whoever reads it goes away.
     */
    async *stream<Chunk>(
        feature: string, options: MeterOptions,
        source: (call: Call) => AsyncIterable<Chunk> | PromiseLike<AsyncIterable<Chunk>>,
    ): AsyncGenerator<Chunk, void, undefined> {
        const call = await this.begin(feature, options);
        let gone: unknown = new DOMException("The consumer went away.", "AbortError");
        try {
            yield* call.stream(await source(call));
            gone = undefined;
        } catch (error) {
            gone = error ?? new Error("nothing was thrown");
            throw error;
        } finally {
            await call.end(gone);
        }
    }

    /** A function that is metered each time it is called. */
    wrap<Args extends unknown[], Result>(
        feature: string, options: MeterOptionsOf<Args>, run: (...args: Args) => Result | PromiseLike<Result>,
    ): (...args: Args) => Promise<Result> {
        return (...args) => this.metered(
            feature, typeof options === "function" ? options(...args) : options, () => run(...args));
    }

    /** For what has no body of its own: whoever begins must end it, by `call.end`. */
    async begin(feature: string, options: MeterOptions): Promise<Call> {
        if (this.closing) throw new CueBXError("The client was closed.");
        const asking = new Asking(feature, options);
        const span = this.activeSpan?.();
        await this.engine.spool.ensure(asking.clientId === undefined ? USERS : CUSTOMERS);
        if (options.signal?.aborted) throw options.signal.reason;
        if (this.engine.sender.waiting >= this.options.mostWaiting) {
            throw new Overloaded("Too many calls are waiting to be asked for.");
        }
        return new Entry(this.engine, asking, span).call();
    }

    /** Whether the service has acknowledged everything within the seconds. */
    flush(seconds = 10): Promise<boolean> {
        return this.closing ?? this.engine.flush(seconds);
    }

    /**
     * Sends what is left for so many seconds (`closeSeconds`), and lets the spool go. Whether all of it
     * was acknowledged; the rest is told by the next process.
     */
    close(seconds = this.options.closeSeconds): Promise<boolean> {
        this.closing ??= this.engine.close(seconds);
        return this.closing;
    }

    toString(): string {
        return `[cuebx client ${new URL(this.url).origin}]`;
    }

    toJSON(): string {
        return this.toString();
    }
}

function keyOfDevelopment(url: string): string {
    if (["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname)) return "dev-internal-key";
    throw new CueBXError("internalKey, or CUEBX_INTERNAL_KEY, is missing.");
}
