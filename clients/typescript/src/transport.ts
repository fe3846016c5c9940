/** Operations over HTTP: many in one request, or call by call where the service has no `/batch`. */
import type { Events } from "./events.js";
import { monotonic } from "./time.js";

/** Calls that are under way at once where they go one by one. */
const MOST_CALLS = 8;
/** Of a batch, the service's bounds less some room for the frame around the operations. */
export const MOST_OPERATIONS = 256;
export const MOST_BYTES = (1 << 20) - 16_384;
/** A service that had no `/batch` is asked for it again after so many seconds. */
const BATCH_ASKED_AGAIN = 600;
/** Where each product's calls are told: those of users, and those of customers by key. */
const PATHS = { career: "/career/internal/usage", api: "/api/internal/usage" } as const;
export type Product = keyof typeof PATHS;
/** Answers to a batch that would be each operation's own: the key is wrong, or it is to be tried later. */
const OF_ALL = new Set([401, 408, 429]);

export type Body = Record<string, unknown>;
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A text that no representation shows. */
export class Secret {
    readonly #text: string;

    constructor(text: string) {
        this.#text = text;
    }

    get text(): string {
        return this.#text;
    }

    toString(): string {
        return "Secret(…)";
    }

    toJSON(): string {
        return "Secret(…)";
    }
}

/** An answer; the names of `headers` are in lower case, `body` is empty if there was none. */
export class Answer {
    readonly received = monotonic();

    constructor(
        readonly status: number, readonly headers: Readonly<Record<string, string>>, readonly body: Body,
    ) {}

    get code(): string {
        return typeof this.body.code === "string" ? this.body.code : "";
    }

    get message(): string {
        const told = this.body.message ?? this.body.detail;
        return typeof told === "string" && told ? told : `HTTP ${this.status}`;
    }

    /** Seconds; dates, which the service never sends, are left aside. */
    get retryAfter(): number | undefined {
        const told = this.headers["retry-after"];
        const seconds = told === undefined || told === "" ? NaN : Number(told);
        return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
    }

    /**
     * Whether the service has said it, not a gateway before it: each of its refusals has a code, each of
     * its decisions a message.
     */
    get isOwn(): boolean {
        return this.code !== "" || "message" in this.body;
    }

    /** Whether a 401 is a decision on the customer's key; any other is about the tool server's own. */
    get isCustomers(): boolean {
        return this.code === "invalid_api_key";
    }

    /**
     * The service's own 404 of an address that it does not have; not a gateway's, nor that of a usage
     * that it does not know.
     */
    get isNoAddress(): boolean {
        return (this.status === 404 || this.status === 405)
            && ["not_found", "method_not_allowed"].includes(this.code);
    }
}

/**
 * No answer came. `wasSent`: the service may have seen the operation. `isOutage`: it could not be reached,
 * or did not answer in time.
 */
export class NoAnswer {
    constructor(readonly message: string, readonly wasSent: boolean, readonly isOutage = false) {}
}

export type Result = Answer | NoAnswer;

/** What is known of an operation at first. */
export interface OperationFacts {
    /** The user's. Neither it nor `apiKey` is ever a part of the body. */
    token?: Secret;
    /** The customer's. */
    apiKey?: Secret;
    /** By the monotonic clock: nobody waits for it after that. */
    deadline?: number;
    /** No further try begins after it. */
    retryUntil?: number;
    /** What a spool still held: it never delays live calls. */
    isRest?: boolean;
    /** A part of an outcome, as a commit is: sent until the service has judged it. */
    mustBeTold?: boolean;
}

export class Operation {
    readonly token?: Secret;
    readonly apiKey?: Secret;
    deadline?: number;
    readonly retryUntil?: number;
    readonly isRest: boolean;
    readonly mustBeTold: boolean;
    isAbandoned = false;
    /** The service may have carried it out. */
    isUnsure = false;
    attempts = 0;
    /** What came of it last. */
    last?: Result;
    /** With what is secret. */
    #encoded?: string;

    /** `done` is called once, with what came of it. */
    constructor(
        readonly name: string, private members: Body, public done: (result: Result) => void,
        facts: OperationFacts = {},
    ) {
        this.token = facts.token;
        this.apiKey = facts.apiKey;
        this.deadline = facts.deadline;
        this.retryUntil = facts.retryUntil;
        this.isRest = facts.isRest ?? false;
        this.mustBeTold = facts.mustBeTold ?? name === "commit";
    }

    get body(): Body {
        return this.members;
    }

    set body(body: Body) {
        this.members = body;
        this.#encoded = undefined;
    }

    /** By its body, as the spool has it, too. */
    get product(): Product {
        return "client_id" in this.members ? "api" : "career";
    }

    /** The body as the service gets it. */
    get sent(): Body {
        return this.apiKey ? { ...this.members, api_key: this.apiKey.text } : this.members;
    }

    /** As a batch has it; the same text at each try. */
    element(): string {
        this.#encoded ??= JSON.stringify({
            op: this.name, ...(this.token ? { token: this.token.text } : {}), ...this.sent,
        });
        return this.#encoded;
    }
}

export class Transport {
    private readonly base: string;
    private readonly batchFrom: Record<Product, number> = { career: 0, api: 0 };

    constructor(
        url: string, private readonly internalKey: Secret, private readonly events: Events,
        private readonly answerSeconds: number, private readonly fetch: Fetch,
    ) {
        this.base = url.replace(/\/+$/, "");
    }

    /** What came of each, in order; all are of one product. Throws nothing. */
    async send(operations: Operation[]): Promise<Result[]> {
        if (operations.length === 1) return [await this.call(operations[0]!)];
        if (monotonic() >= this.batchFrom[operations[0]!.product]) {
            const results = await this.batch(operations);
            if (results) return results;
        }
        return this.oneByOne(operations);
    }

    private async oneByOne(operations: Operation[]): Promise<Result[]> {
        const results = new Array<Result>(operations.length);
        let next = 0;
        const worker = async (): Promise<void> => {
            while (next < operations.length) {
                const index = next++;
                results[index] = await this.call(operations[index]!);
            }
        };
        await Promise.all(Array.from({ length: Math.min(MOST_CALLS, operations.length) }, worker));
        return results;
    }

    private async call(operation: Operation): Promise<Result> {
        const headers: Record<string, string> = {};
        if (operation.token) headers["Authorization"] = `Bearer ${operation.token.text}`;
        const address = `${this.base}${PATHS[operation.product]}/${operation.name}`;
        return this.post(address, JSON.stringify(operation.sent), headers);
    }

    /**
     * Undefined: it is to be sent one by one, since the service has no `/batch`, or would not take the
     * whole: what is wrong with one operation must not be the others' answer.
     */
    private async batch(operations: Operation[]): Promise<Result[] | undefined> {
        const body = `{"operations":[${operations.map((each) => each.element()).join(",")}]}`;
        const { product } = operations[0]!;
        const whole = await this.post(`${this.base}${PATHS[product]}/batch`, body, {});
        if (whole instanceof NoAnswer) return operations.map(() => whole);
        if (whole.isNoAddress) {
            this.batchFrom[product] = monotonic() + BATCH_ASKED_AGAIN;
            this.events.tell("batch_unsupported");
            return undefined;
        }
        if (OF_ALL.has(whole.status) || whole.status >= 500) return operations.map(() => whole);
        if (whole.status !== 200) return undefined;
        const results = whole.body.results;
        if (!Array.isArray(results) || results.length !== operations.length) {
            const unread = new NoAnswer("the batch's answer cannot be read", true);
            return operations.map(() => unread);
        }
        return results.map((each) => elementAnswer(each, whole));
    }

    private async post(url: string, body: string, headers: Record<string, string>): Promise<Result> {
        const patience = new AbortController();
        const timer = setTimeout(() => patience.abort(), this.answerSeconds * 1000);
        try {
            const response = await this.fetch(url, {
                method: "POST", body, redirect: "manual", signal: patience.signal,
                headers: {
                    "Content-Type": "application/json", "X-Internal-API-Key": this.internalKey.text,
                    ...headers,
                },
            });
            return read(response.status, response.headers, await response.text());
        } catch (error) {
            if (patience.signal.aborted) return new NoAnswer("the service did not answer in time", true, true);
            const code = codeOf(error);
            return NOT_SENT.has(code)
                ? new NoAnswer(`the service cannot be reached (${code})`, false, true)
                : new NoAnswer(`the connection broke (${code})`, true);
        } finally {
            clearTimeout(timer);
        }
    }
}

/** What says that the service has seen nothing. */
const NOT_SENT = new Set([
    "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT",
]);

/** The code of an error of `fetch`, which tells it as its cause; never a text that could quote. */
function codeOf(error: unknown): string {
    let found = "unknown";
    for (let each = error; typeof each === "object" && each !== null;) {
        const facts = each as { code?: unknown; cause?: unknown; errors?: unknown };
        if (typeof facts.code === "string") found = facts.code;
        each = Array.isArray(facts.errors) && facts.cause === undefined ? facts.errors[0] : facts.cause;
    }
    return found;
}

function read(status: number, headers: Headers, text: string): Result {
    let body: unknown = {};
    try {
        if (text) body = JSON.parse(text);
    } catch {
        if (status < 300) return new NoAnswer("the answer cannot be read", true);
        // A gateway's page, e.g. of a 502.
    }
    const told: Record<string, string> = {};
    headers.forEach((value, name) => {
        told[name.toLowerCase()] = value;
    });
    return new Answer(status, told, asBody(body));
}

function elementAnswer(element: unknown, whole: Answer): Result {
    const { status, headers, body } = asBody(element);
    if (typeof status !== "number") return new NoAnswer("an answer within the batch cannot be read", true);
    const told: Record<string, string> = { date: whole.headers["date"] ?? "" };
    for (const [name, value] of Object.entries(asBody(headers))) told[name.toLowerCase()] = String(value);
    return new Answer(status, told, asBody(body));
}

function asBody(value: unknown): Body {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Body : {};
}
