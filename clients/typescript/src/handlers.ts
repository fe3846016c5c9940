/** Around a handler of the shape `(Request) => Response`: Fetch's, and so Hono's, Next's, Deno's, Bun's. */
import type { MeterOptions } from "./asking.js";
import type { Call } from "./call.js";
import type { Client } from "./client.js";
import { CueBXError, Refused, Unavailable } from "./errors.js";

/** A handler that has the call, too. */
export type Handler = (request: Request, call: Call) => Response | PromiseLike<Response>;

export interface HandlerOptions extends Partial<Omit<MeterOptions, "payload" | "requestId" | "signal">> {
    /** Makes more of what is asked of the request and its body. */
    of?: (request: Request, body: Uint8Array) => Partial<MeterOptions>;
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
        const asked: MeterOptions = {
            user: request.headers.get("authorization") ?? "", payload: body,
            requestId: request.headers.get("idempotency-key") ?? undefined,
            endpoint: new URL(request.url).pathname, method: request.method, signal: request.signal,
            ...fixed, ...of?.(request, body),
        };
        try {
            return await client.metered(feature, asked, async (call) => {
                const response = await handler(request, call);
                if (response.status >= 500) call.fail("upstream_error", `status ${response.status}`);
                return response;
            });
        } catch (error) {
            if (!(error instanceof CueBXError)) throw error;
            const { status, headers, body: told } = problemOf(error);
            return new Response(told, { status, headers });
        }
    };
}

/** A refusal as the caller sees it (RFC 9457). A mistake of the tool server's is none of theirs. */
export function problemOf(
    error: CueBXError,
): { status: number; headers: Record<string, string>; body: string } {
    const isTheirs = error instanceof Refused && ![400, 422].includes(error.status)
        && error.code !== "invalid_internal_key";
    // A call that runs already is refused, though the service has answered 200.
    const told = isTheirs ? (error as Refused).status : 503;
    const status = told >= 400 ? told : 409;
    const code = isTheirs ? (error as Refused).code : "metering_unavailable";
    const headers: Record<string, string> = { "Content-Type": "application/problem+json" };
    const retryAfter = error instanceof Refused || error instanceof Unavailable
        ? error.retryAfter : undefined;
    if (retryAfter !== undefined) headers["Retry-After"] = String(Math.ceil(retryAfter));
    const detail = isTheirs ? error.message : "The call could not be metered; try again shortly.";
    const body = JSON.stringify({ type: "about:blank", title: error.name, status, detail, code });
    return { status, headers, body };
}
