/**
 * What a host may say, judged where it enters: what JSON or the service cannot take is refused for its
 * own call, before it is in a batch or a spool that others share.
 */
import { InvalidRequest, InvalidToken, KeyOfAnotherWorkspace, MalformedApiKey } from "./errors.js";
import type { Body, Secret } from "./transport.js";

// The service's own bounds (openapi.json).
export const MOST_TOKENS = 2_000_000;
const MOST_CHARACTERS = 10_000_000;
export const LONGEST_ID = 255;
export const LONGEST_MODEL = 100;
const LONGEST_ENDPOINT = 2048;
const LONGEST_USER_AGENT = 1024;
const LONGEST_IP = 64;
const LONGEST_HOLD = 1_000_000_000;
const MOST_CREDITS = 1_000_000_000;
const LARGEST_RESULT = 256 << 10;
const DEEPEST_RESULT = 20;
/** A call's total: more than the service takes at once is told in parts. */
const MOST_TOKENS_OF_A_CALL = 1_000_000_000;
export const CREDITS = /^[0-9]{1,12}(\.[0-9]{1,6})?$/;
/** What may stand in a header behind "Bearer". */
const TOKEN = /^[\x21-\x7e]+$/;
const CLIENT_ID = /^ws_[0-9a-f]{32}$/;
// eslint-disable-next-line no-control-regex
const NO_TEXT = /[\x00-\x1f\x7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ALL_NO_TEXT = new RegExp(NO_TEXT, "g");

/** As the service refuses a field. */
export function refuse(name: string, message: string): never {
    throw new InvalidRequest(`The request is not valid. ${name} ${message}`, {
        status: 422, code: "validation_error",
        errors: [{ loc: ["body", ...name.split(".")], msg: message, type: "value_error" }],
    });
}

export function whole(name: string, value: unknown, most: number, least = 0): number {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
        refuse(name, `must be an integer from ${least} to ${most}`);
    }
    return value as number;
}

export function holdSeconds(value: unknown): number {
    return whole("hold_seconds", value, LONGEST_HOLD, 1);
}

/** Credits as an exact decimal text, from a text, a whole number, or an object that writes itself so. */
export function amount(name: string, value: unknown): string {
    const isExact = typeof value === "string" || typeof value === "bigint" || Number.isInteger(value)
        || typeof value === "object" && value !== null;
    const text = isExact ? String(value) : "";
    if (!CREDITS.test(text) || Number(text) > MOST_CREDITS) {
        refuse(name, "must be a decimal text of at most a billion with at most six decimals");
    }
    return text;
}

export function isText(value: unknown, most: number): value is string {
    return typeof value === "string" && value.length >= 1 && value.length <= most && !NO_TEXT.test(value);
}

export function text(name: string, value: unknown, most: number): string {
    if (!isText(value, most)) {
        refuse(name, `must be a text of 1 to ${most} characters, without control characters`);
    }
    return value as string;
}

/** For people to read: what is no text in it is replaced, what is too long is cut. */
export function shown(value: unknown, most: number): string {
    return String(value).slice(0, most).replace(ALL_NO_TEXT, "\ufffd");
}

/** The user's token without "Bearer ". Throws InvalidToken for what is no header's value. */
export function token(user: unknown): string {
    const text = withoutScheme(user);
    if (!TOKEN.test(text)) {
        throw new InvalidToken("The access token is not valid.", { status: 401, code: "invalid_token" });
    }
    return text;
}

/**
 * What a header carries behind "Bearer" and blanks; an empty text for what is none. The same in all
 * clients: clients/scenarios/vectors/credentials.json.
 */
export function withoutScheme(credential: unknown): string {
    if (typeof credential !== "string") return "";
    if (`${credential} `.slice(0, 7).toLowerCase() !== "bearer ") return credential;
    return credential.slice(7).replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}

/** Throws MalformedApiKey; the service's own judgement is stricter. */
export function apiKey(key: Secret): void {
    if (key.text.length > LONGEST_ID || !TOKEN.test(key.text)) {
        throw new MalformedApiKey(
            "The api_key is not written as an API key is.", { status: 400, code: "malformed_api_key" });
    }
}

/** Throws KeyOfAnotherWorkspace: the service says no more of a workspace that there is not. */
export function clientId(name: string): void {
    if (!CLIENT_ID.test(name)) {
        throw new KeyOfAnotherWorkspace(
            "The api_key is not a key of this client_id.",
            { status: 403, code: "key_of_another_workspace" });
    }
}

export function endpoint(value: unknown): string {
    return shown(value, LONGEST_ENDPOINT);
}

/** By the names of the wire; undefined if nothing was announced. */
export function estimate(given: Body | undefined): Body | undefined {
    if (given === undefined) return undefined;
    const told: Body = {};
    const numbers: Record<string, number> = {
        input_chars: MOST_CHARACTERS, input_tokens: MOST_TOKENS, max_output_tokens: MOST_TOKENS,
    };
    for (const [name, value] of Object.entries(given)) {
        if (value === undefined || value === null) continue;
        const place = `usage_estimate.${name}`;
        told[name] = name === "model" ? text(place, value, LONGEST_MODEL)
            : whole(place, value, numbers[name] ?? MOST_TOKENS);
    }
    if (Object.keys(told).length === 0) refuse("usage_estimate", "must have at least one field");
    return told;
}

export function whoCalled(given: Body | undefined): Body | undefined {
    if (given === undefined) return undefined;
    const told: Body = {};
    for (const [name, most] of [["ip", LONGEST_IP], ["user_agent", LONGEST_USER_AGENT]] as const) {
        if (given[name] !== undefined && given[name] !== null) told[name] = shown(given[name], most);
    }
    return told;
}

/** What is kept for the user: a copy, which the host may change no more. */
export function result(title: unknown, data: unknown): Body {
    let written: string | undefined;
    try {
        written = JSON.stringify(data);
    } catch {
        // What holds itself, or a BigInt.
    }
    if (written === undefined) refuse("result.data", "must be what JSON can write");
    if (new TextEncoder().encode(written).length > LARGEST_RESULT) {
        refuse("result.data", `must have at most ${LARGEST_RESULT} bytes without white space`);
    }
    const copy: unknown = JSON.parse(written);
    if (isNested(copy, DEEPEST_RESULT)) {
        refuse("result.data", `must be nested at most ${DEEPEST_RESULT} deep`);
    }
    return { title: text("result.title", title, LONGEST_ID), data: copy };
}

/** Whether arrays and objects are nested deeper. */
function isNested(value: unknown, depth: number): boolean {
    return typeof value === "object" && value !== null
        && (depth === 0 || Object.values(value).some((each) => isNested(each, depth - 1)));
}

/** What a call used, in total, by the names of the wire. */
export function settlement(told: Body): Body {
    const settled: Body = {};
    for (const [name, value] of Object.entries(told)) {
        if (value === undefined || value === null || name === "model_used" && value === "") continue;
        if (name === "credits") settled[name] = amount(name, value);
        else if (name === "model_used") settled[name] = shown(value, LONGEST_MODEL);
        else settled[name] = whole(name, value, MOST_TOKENS_OF_A_CALL);
    }
    for (const [part, of] of [
        ["cached_input_tokens", "input_tokens"], ["reasoning_tokens", "output_tokens"],
    ] as const) {
        if (Number(settled[part] ?? 0) > Number(settled[of] ?? 0)) {
            refuse(part, `must not be more than ${of}`);
        }
    }
    if ("credits" in settled && Object.keys(settled).some((name) => name.endsWith("_tokens"))) {
        refuse("credits", "must be absent beside counts of tokens");
    }
    return settled;
}
