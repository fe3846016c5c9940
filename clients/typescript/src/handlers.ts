/** Around a handler of the shape `(Request) => Response`: Fetch's, and so Hono's, Next's, Deno's, Bun's. */
import { callOf } from "./asking.js";
import type { Caller, CallOptions, MeterOptions } from "./asking.js";
import type { Call } from "./call.js";
import type { Client } from "./client.js";
import {
    CueBXError, InvalidApiKey, InvalidInternalKey, InvalidRequest, InvalidToken, MalformedApiKey, Refused,
    TokenExpired, Unavailable,
} from "./errors.js";
import { isText, LONGEST_ID } from "./limits.js";

/** Seconds; of what is no decision: nothing ran, and it may be tried again. */
const RETRY_AFTER = 2;

/** An answer to the tool server's own caller. */
export interface Told {
    status: number;
    headers: Record<string, string>;
    body: string;
}

/** A handler that has the call, too. */
export type Handler = (request: Request, call: Call) => Response | PromiseLike<Response>;

export interface HandlerOptions extends Caller, Omit<CallOptions, "payload" | "requestId" | "signal"> {
    /** Makes more of what is asked of the request and its body. */
    of?: (request: Request, body: Uint8Array) => CallOptions & Caller;
}

/**
 * Meters each request: the user is who its `Authorization` names, the request id its `Idempotency-Key`,
 * the payload its body. A call that may not run is answered with the service's status, code and
 * sentence; a Response of 500 and above fails the call.
 */
export function meteredHandler(
    client: Client, feature: string, handler: Handler, options: HandlerOptions = {},
): (request: Request) => Promise<Response> {
    const { of, ...fixed } = options;
    return async (request) => {
        const body = new Uint8Array(await request.clone().arrayBuffer());
        const asked = callOf({
            user: request.headers.get("authorization") ?? "", payload: body,
            // An empty one names nothing.
            requestId: request.headers.get("idempotency-key") || undefined,
            endpoint: new URL(request.url).pathname, method: request.method, signal: request.signal,
            ...fixed, ...of?.(request, body),
        });
        const lack = lackOf(asked);
        if (lack) return responseOf(lack);
        try {
            return await client.metered(feature, asked, async (call) => {
                const response = await handler(request, call);
                if (response.status >= 500) call.fail("upstream_error", `status ${response.status}`);
                return response;
            });
        } catch (error) {
            if (!(error instanceof CueBXError)) throw error;
            return responseOf(problemOf(error));
        }
    };
}

function responseOf({ status, headers, body }: Told): Response {
    return new Response(body, { status, headers });
}

/** A refusal as the caller sees it (RFC 9457). A mistake of the tool server's is none of theirs. */
export function problemOf(error: CueBXError): Told {
    const isTheirs = error instanceof Refused && !(error instanceof InvalidRequest)
        && !(error instanceof InvalidInternalKey);
    if (!isTheirs) {
        const isMistake = error instanceof Refused;
        const retryAfter = error instanceof Unavailable ? error.retryAfter : undefined;
        return told(
            isMistake ? 500 : 503, isMistake ? "metering_misconfigured" : "metering_unavailable",
            error.name, "The call could not be metered; nothing was run or charged.",
            isMistake ? {} : { "Retry-After": seconds(retryAfter ?? RETRY_AFTER) });
    }
    const headers: Record<string, string> = {};
    // Whose request is this one's has presented no good credential, whatever is wrong with it.
    const isUnknown = [InvalidToken, TokenExpired, InvalidApiKey, MalformedApiKey]
        .some((kind) => error instanceof kind);
    if (error.retryAfter !== undefined) headers["Retry-After"] = seconds(error.retryAfter);
    if (isUnknown) headers["WWW-Authenticate"] = "Bearer";
    // A call that runs already is refused, though the service has answered 200.
    const status = isUnknown ? 401 : error.status >= 400 ? error.status : 409;
    return told(status, error.code, error.name, error.message, headers);
}

/** What a request lacks before anybody is asked: a token, or a key that names a request. */
export function lackOf(asked: MeterOptions): Told | undefined {
    if (!asked.user && !asked.customer) {
        return told(401, "unauthorized", "Unauthorized", "A bearer token is required.", {
            "WWW-Authenticate": "Bearer",
        });
    }
    if (asked.requestId === undefined || isText(asked.requestId, LONGEST_ID)) return undefined;
    return told(
        400, "invalid_idempotency_key", "Invalid Idempotency-Key",
        `The Idempotency-Key must be at most ${LONGEST_ID} characters, none of control.`);
}

function seconds(value: number): string {
    return String(Math.max(1, Math.ceil(value)));
}

function told(
    status: number, code: string, title: string, detail: string, headers: Record<string, string> = {},
): Told {
    const body = JSON.stringify({ type: `urn:cuebx:problem:${code}`, title, status, detail, code });
    return { status, headers: { "Content-Type": "application/problem+json", ...headers }, body };
}
