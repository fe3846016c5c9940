import { CueBXError } from "./errors.js";
import type { FailureType } from "./wire.js";

/** By the names that SDKs use, so that none of them need be here. The first that matches counts. */
const NAMES: readonly (readonly [string, FailureType])[] = [
    ["AbortError", "client_error"],
    ["Abort", "client_error"],
    ["Timeout", "timeout"],
    ["RateLimit", "rate_limited"],
    ["ResponseValidation", "invalid_response"],
    ["JSONParse", "invalid_response"],
    ["SyntaxError", "invalid_response"],
    ["ZodError", "validation_error"],
    ["ValidationError", "validation_error"],
    ["BadRequest", "validation_error"],
    ["UnprocessableEntity", "validation_error"],
    ["Connect", "upstream_error"],
    ["APIError", "upstream_error"],
    ["APICallError", "upstream_error"],
    ["APIStatusError", "upstream_error"],
];

const AWAY = new Set([
    "ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "EPIPE", "EHOSTUNREACH", "ENETUNREACH",
    "UND_ERR_SOCKET",
]);
const LATE = new Set([
    "ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT",
]);

function names(error: object): string[] {
    const found: string[] = [];
    const own = (error as { name?: unknown }).name;
    if (typeof own === "string") found.push(own);
    for (let kind = Object.getPrototypeOf(error); kind; kind = Object.getPrototypeOf(kind)) {
        const name = kind.constructor?.name;
        if (typeof name === "string") found.push(name);
    }
    return found;
}

/**
 * Which `failure_type` an error stands for.
 *
 * | error | type |
 * |---|---|
 * | an abort | `client_error` |
 * | a timeout of any library | `timeout` |
 * | a provider's 429 | `rate_limited` |
 * | what a provider sent cannot be read | `invalid_response` |
 * | input that a schema or the provider refuses | `validation_error` |
 * | a provider that cannot be reached, or fails | `upstream_error` |
 * | anything else | `internal_error` |
 */
export function failureType(error: unknown): FailureType {
    if (typeof error !== "object" || error === null) return "internal_error";
    const all = names(error);
    for (const [part, type] of NAMES) {
        if (all.some((name) => name.includes(part))) return type;
    }
    // A mistake of the host's own, or a call within the call that was refused: no provider's status.
    if (error instanceof CueBXError) return "internal_error";
    const facts = error as { status?: unknown; statusCode?: unknown; code?: unknown; cause?: unknown };
    const status = typeof facts.status === "number" ? facts.status : facts.statusCode;
    if (typeof status === "number") return status === 429 ? "rate_limited" : "upstream_error";
    if (typeof facts.code === "string" && LATE.has(facts.code)) return "timeout";
    if (typeof facts.code === "string" && AWAY.has(facts.code)) return "upstream_error";
    // What `fetch` throws tells by its cause.
    if (typeof facts.cause === "object" && facts.cause !== null) return failureType(facts.cause);
    return "internal_error";
}

/** The error's class: told as the reason, never its text. */
export function reasonOf(error: unknown): string {
    if (typeof error !== "object" || error === null) return typeof error;
    return names(error)[0] || "Error";
}
