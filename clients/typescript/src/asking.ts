/** What is asked before a call. */
import { payloadHash } from "./hashing.js";
import type { Payload } from "./hashing.js";
import { newId } from "./ids.js";
import * as limits from "./limits.js";
import { isJournal } from "./outage.js";
import { Secret } from "./transport.js";
import type { Body } from "./transport.js";

/** What a feature that is priced by tokens holds. */
export interface Estimate {
    inputChars?: number;
    inputTokens?: number;
    maxOutputTokens?: number;
    model?: string;
}

/** A header as Node, Express and Fetch have it; what was sent more than once, or not at all, is none. */
export type Header = string | readonly string[] | null | undefined;

/** A customer of the API product, as their software names itself to the tool server. */
export class Customer {
    /** Of their workspace, `ws_` and 32 hexadecimal digits; no secret. */
    readonly clientId: string;
    /** It is sent with the one call that asks, and shown, written or logged nowhere. */
    readonly #apiKey: Secret;

    /**
     * What is missing is refused once a call is asked for: there its error is the host's answer.
     * `apiKey`: with or without "Bearer ".
     */
    constructor(clientId: Header, apiKey: Header) {
        this.clientId = only(clientId);
        this.#apiKey = new Secret(limits.withoutScheme(only(apiKey)));
    }

    /** Throws MalformedApiKey or KeyOfAnotherWorkspace for what the service could not read. */
    static judged(customer: Customer): Secret {
        limits.apiKey(customer.#apiKey);
        limits.clientId(customer.clientId);
        return customer.#apiKey;
    }
}

function only(header: Header): string {
    const text = Array.isArray(header) ? header.length === 1 ? header[0] : "" : header;
    return typeof text === "string" ? text : "";
}

/** What may be said of a call beside whose it is. */
export interface CallOptions {
    /**
     * What the call is about: bytes or a text as they came, else a JSON value. Together with the
     * request id it says which calls are the same one.
     */
    payload?: Payload;
    /** The host's Idempotency-Key; else a new one. */
    requestId?: string;
    /** The tool server's own address, for the user's log. */
    endpoint?: string;
    method?: string;
    estimate?: Estimate;
    /** Seconds at first; a call that runs longer is prolonged by itself. */
    holdSeconds?: number;
    /** The call, or its usage id, out of whose hold this one is taken. */
    parent?: string | { readonly usageId: string };
    /** Who called. */
    client?: { ip?: string; userAgent?: string };
    /** Whoever aborts leaves nothing held. */
    signal?: AbortSignal;
}

/** Whose call it is. */
export interface Caller {
    /** The user's access token, with or without "Bearer ". */
    user?: string;
    /**
     * In place of a user, a customer of the API product, whose software calls by key; the feature is one
     * of `api.`. It never runs unasked.
     */
    customer?: Customer;
}

export type MeterOptions = CallOptions
    & ({ user: string; customer?: undefined } | { user?: undefined; customer: Customer });

/** A customer's call is no user's, whatever the request's `Authorization` says. */
export function callOf({ user, customer, ...options }: CallOptions & Caller): MeterOptions {
    return customer ? { ...options, customer } : { ...options, user: user ?? "" };
}

export class Asking {
    /** The user's; undefined if a customer asks. */
    readonly token?: Secret;
    /** The customer's. */
    readonly apiKey?: Secret;
    readonly clientId?: string;
    readonly requestId: string;
    /** Without what is secret or large. */
    readonly options: Omit<CallOptions, "payload">;
    /** The request's body, judged. */
    readonly body: Body;

    /**
     * Throws InvalidRequest, InvalidToken, MalformedApiKey or KeyOfAnotherWorkspace for what the service
     * could not read; TypeError for a call that would be a user's and a customer's.
     */
    constructor(readonly feature: string, options: MeterOptions) {
        const { user, customer, payload, ...rest } = options;
        this.options = rest;
        if (user !== undefined && customer) {
            throw new TypeError("A call is a user's or a customer's: give one of both.");
        }
        if (customer) {
            if (!(customer instanceof Customer)) throw new TypeError("customer must be a Customer.");
            this.apiKey = Customer.judged(customer);
            this.clientId = customer.clientId;
        } else {
            this.token = new Secret(limits.token(user));
        }
        this.requestId = options.requestId
            ? limits.text("request_id", options.requestId, limits.LONGEST_ID) : newId();
        this.body = this.judged(payloadHash(payload ?? ""));
    }

    private judged(hash: string): Body {
        const { estimate, holdSeconds, parent, client } = this.options;
        const named = typeof parent === "object" ? parent.usageId : parent;
        // The service does not know a call that ran unasked: its child is charged by itself.
        const parentId = typeof named === "string" && isJournal(named) ? undefined : named;
        const optional = {
            usage_estimate: limits.estimate(estimate && {
                input_chars: estimate.inputChars, input_tokens: estimate.inputTokens,
                max_output_tokens: estimate.maxOutputTokens, model: estimate.model,
            }),
            hold_seconds: holdSeconds === undefined ? undefined : limits.holdSeconds(holdSeconds),
            parent_usage_id: parentId === undefined
                ? undefined : limits.text("parent_usage_id", parentId, limits.LONGEST_ID),
            client: limits.whoCalled(client && { ip: client.ip, user_agent: client.userAgent }),
        };
        return {
            ...(this.clientId === undefined ? {} : { client_id: this.clientId }),
            request_id: this.requestId,
            feature_key: limits.text("feature_key", this.feature, limits.LONGEST_ID),
            endpoint: limits.endpoint(this.options.endpoint ?? ""),
            method: limits.text("method", this.options.method ?? "POST", 16),
            payload_hash: hash, ...defined(optional),
        };
    }

    /**
     * How long the token is good by the service's clock; undefined if it does not say. It is read, not
     * judged: that is the service's.
     */
    secondsOfToken(clockOffset: number): number | undefined {
        if (!this.token) return undefined;
        try {
            const part = this.token.text.split(".")[1] ?? "";
            const text = Buffer.from(part, "base64url").toString("utf8");
            const { exp } = JSON.parse(text) as { exp?: unknown };
            return typeof exp === "number" ? exp - Date.now() / 1000 - clockOffset : undefined;
        } catch {
            return undefined;
        }
    }

    isTokenOver(clockOffset: number): boolean {
        const left = this.secondsOfToken(clockOffset);
        return left !== undefined && left <= 0;
    }
}

/** The members that have a value. */
export function defined(members: Body): Body {
    return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
