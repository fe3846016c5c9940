/** Around a handler of Express's shape, `(request, response)`; Connect's and Node's own servers have it too. */
import type { Call } from "./call.js";
import type { Client } from "./client.js";
import { CueBXError } from "./errors.js";
import { lackOf, problemOf } from "./handlers.js";
import type { Told } from "./handlers.js";
import { callOf } from "./asking.js";
import type { Caller, CallOptions } from "./asking.js";
import type { Payload } from "./hashing.js";

/** What is used of a request. `rawBody` (bytes as they came) is hashed rather than `body`. */
export interface ExpressRequest {
    readonly method?: string;
    readonly url?: string;
    readonly originalUrl?: string;
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly body?: unknown;
    readonly rawBody?: Uint8Array;
}

/** What is used of a response. */
export interface ExpressResponse {
    statusCode: number;
    readonly headersSent: boolean;
    readonly writableEnded: boolean;
    setHeader(name: string, value: string): unknown;
    end(text?: string): unknown;
    on(event: "close", listener: () => void): unknown;
}

/** What a handler returns is sent as JSON, once the outcome is on the disk; or it writes by itself. */
export type ExpressHandler<Asked, Answer> = (request: Asked, response: Answer, call: Call) => unknown;

export interface ExpressOptions<Asked>
    extends Caller, Omit<CallOptions, "payload" | "requestId" | "signal"> {
    /** Makes more of what is asked of the request. */
    of?: (request: Asked) => CallOptions & Caller;
}

/**
 * Meters each request, as `meteredHandler` does: the user is who its `Authorization` names, the request
 * id its `Idempotency-Key`, the payload its body. A caller that goes away aborts `call.signal`; a status
 * of 500 and above fails the call; other errors go to `next`.
 */
export function meteredExpress<Asked extends ExpressRequest, Answer extends ExpressResponse>(
    client: Client, feature: string, handler: ExpressHandler<Asked, Answer>,
    options: ExpressOptions<Asked> = {},
): (request: Asked, response: Answer, next: (error?: unknown) => void) => Promise<void> {
    const { of, ...fixed } = options;
    return async (request, response, next) => {
        const gone = new AbortController();
        response.on("close", () => {
            if (!response.writableEnded) gone.abort(new DOMException("The caller went away.", "AbortError"));
        });
        const asked = callOf({
            user: headerOf(request, "authorization") ?? "",
            payload: request.rawBody ?? request.body as Payload ?? "",
            requestId: headerOf(request, "idempotency-key") || undefined, method: request.method ?? "POST",
            endpoint: (request.originalUrl ?? request.url ?? "").split("?")[0] ?? "",
            signal: gone.signal, ...fixed, ...of?.(request),
        });
        const lack = lackOf(asked);
        if (lack) return write(response, lack);
        try {
            const answer = await client.metered(feature, asked, async (call) => {
                const made = await handler(request, response, call);
                if (response.statusCode >= 500) call.fail("upstream_error", `status ${response.statusCode}`);
                return made;
            });
            if (answer === undefined || response.headersSent) return;
            response.setHeader("Content-Type", "application/json");
            response.end(JSON.stringify(answer));
        } catch (error) {
            if (!(error instanceof CueBXError) || response.headersSent) return next(error);
            write(response, problemOf(error));
        }
    };
}

function write(response: ExpressResponse, { status, headers, body }: Told): void {
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(body);
}

function headerOf(request: ExpressRequest, name: string): string | undefined {
    const value = request.headers[name];
    return typeof value === "string" ? value : value?.[0];
}
