/** `payload_hash`: SHA-256 of a payload's bytes. What is no bytes is made canonical JSON first. */
import { createHash } from "node:crypto";

/** Bytes and texts are taken as they came; all else as a JSON value. */
export type Payload = ArrayBuffer | ArrayBufferView | string | JSONValue;
export type JSONValue =
    null | boolean | number | string | readonly JSONValue[] | { readonly [name: string]: unknown };

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/**
 * In lower-case hexadecimal. Bytes are taken as they are, a text as its UTF-8, all else as canonical
 * JSON (RFC 8785).
 *
 * Throws a TypeError for what has no canonical JSON: NaN, infinities, a lone surrogate, a BigInt, a
 * function, too deep a nesting; and for objects whose content is not in their members: a Map, a Set, a
 * FormData, URLSearchParams, a Blob.
 */
export function payloadHash(payload: Payload): string {
    const hash = createHash("sha256");
    const bytes = bytesOf(payload);
    if (bytes) return hash.update(bytes).digest("hex");
    const text = typeof payload === "string" ? wellFormed(payload) : canonicalJSON(payload);
    return hash.update(text, "utf8").digest("hex");
}

function bytesOf(payload: unknown): Uint8Array | undefined {
    if (ArrayBuffer.isView(payload)) {
        return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
    }
    const isBuffer = /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(payload));
    return isBuffer ? new Uint8Array(payload as ArrayBuffer) : undefined;
}

/** RFC 8785: one text for equal values, whatever language wrote it. */
export function canonicalJSON(value: unknown): string {
    try {
        return canonical(value);
    } catch (error) {
        if (error instanceof RangeError) throw new TypeError("the payload is nested too deeply");
        throw error;
    }
}

function canonical(value: unknown): string {
    if (typeof value === "string") return JSON.stringify(wellFormed(value));
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "number") {
        if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON`);
        // Minus zero is written as zero.
        return String(value === 0 ? 0 : value);
    }
    if (typeof value !== "object") throw new TypeError(`a ${typeof value} is no JSON`);
    if (Array.isArray(value)) {
        return "[" + value.map((each) => canonical(each === undefined ? null : each)).join(",") + "]";
    }
    const members = value as Record<string, unknown>;
    if (typeof members.toJSON === "function") return canonical(members.toJSON());
    const kind = Object.prototype.toString.call(value);
    if (kind !== "[object Object]") throw new TypeError(`${kind} is no JSON`);
    // In the order of UTF-16 code units, which is how JavaScript compares.
    const names = Object.keys(members).filter((name) => members[name] !== undefined).sort();
    return "{" + names.map(
        (name) => `${JSON.stringify(wellFormed(name))}:${canonical(members[name])}`).join(",") + "}";
}

function wellFormed(text: string): string {
    if (LONE_SURROGATE.test(text)) throw new TypeError("a lone surrogate is no text");
    return text;
}
