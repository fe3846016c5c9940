/** The bytes of a spool (versions 1 and 2, see clients/spool.md): no file is touched here. */

const MAGIC = "CUEBXSPL";
/**
 * Whose calls a file has. A client from before there were customers' calls would misread them, and leaves
 * a file alone whose version it does not know.
 */
export const USERS = 1;
export const CUSTOMERS = 2;
export const VERSIONS = [USERS, CUSTOMERS];
const HEADER_SIZE = 12;
const SMALLEST_PAYLOAD = 2;
const LARGEST_PAYLOAD = 1 << 20;
const FRAME = 8;

export type SpoolRecord = { [name: string]: unknown };

/**
 * What is left to do of one usage: its operations, or undefined if its process died before the
 * outcome.
 */
export interface Todo {
    usageId: string;
    /** Whose it is: the user's, or the customer's `clientId`. */
    userId: string;
    clientId?: string;
    operations?: SpoolRecord[];
    /** Of a call that ran unasked: what it counted against the ceiling, if it is known. */
    counted?: unknown;
}

/** Not a file of this format; it is left as it is. */
export class UnknownVersion extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function header(version: number): Uint8Array {
    const header = new Uint8Array(HEADER_SIZE);
    header.set(encoder.encode(MAGIC));
    new DataView(header.buffer).setUint32(MAGIC.length, version);
    return header;
}

/** Of the file that a record goes to: all of one usage go to files of one version. */
export function versionOf(record: SpoolRecord): number {
    return "client_id" in record ? CUSTOMERS : USERS;
}

export function encode(record: SpoolRecord): Uint8Array {
    const payload = encoder.encode(JSON.stringify(record));
    const bytes = new Uint8Array(FRAME + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, payload.length);
    view.setUint32(4, crc32(payload));
    bytes.set(payload, FRAME);
    return bytes;
}

/** The records that are whole. Throws UnknownVersion, also for versions after the `newest`. */
export function decode(data: Uint8Array, newest = CUSTOMERS): SpoolRecord[] {
    const isWhole = data.length >= HEADER_SIZE;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const version = isWhole ? view.getUint32(MAGIC.length) : 0;
    if (isWhole && (version < USERS || version > newest)) throw new UnknownVersion();
    const known = header(version);
    if (!data.subarray(0, HEADER_SIZE).every((byte, index) => byte === known[index])) throw new UnknownVersion();
    if (!isWhole) return [];
    const records: SpoolRecord[] = [];
    let at = HEADER_SIZE;
    while (at + FRAME <= data.length) {
        const length = view.getUint32(at);
        const payload = data.subarray(at + FRAME, at + FRAME + length);
        if (length < SMALLEST_PAYLOAD || length > LARGEST_PAYLOAD || payload.length < length) break;
        if (crc32(payload) !== view.getUint32(at + 4)) break;
        const record = parse(payload);
        if (!record) break;
        records.push(record);
        at += FRAME + length;
    }
    return records;
}

function parse(payload: Uint8Array): SpoolRecord | undefined {
    try {
        const value: unknown = JSON.parse(decoder.decode(payload));
        const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
        return isObject ? value as SpoolRecord : undefined;
    } catch {
        return undefined;
    }
}

/**
 * What is left to do, in the order of the first record of each usage. The records may be of many files,
 * in any order: an outcome counts wherever it lies, and what is done anywhere is done.
 */
export function todo(records: SpoolRecord[]): Todo[] {
    const done = new Set(
        records.filter((record) => record.r === "done").map((record) => String(record.usage_id)));
    const found = new Map<string, Todo>();
    for (const record of records) {
        const usageId = String(record.usage_id);
        if (done.has(usageId)) continue;
        const known = found.get(usageId);
        if (record.r === "open") {
            const { user_id: userId, client_id: clientId } = record;
            const customer = typeof clientId === "string" ? { clientId } : {};
            found.set(usageId, { ...known, usageId, userId: String(userId ?? ""), ...customer });
        } else if (record.r === "outcome") {
            const operations = Array.isArray(record.operations) ? record.operations as SpoolRecord[] : [];
            const counted = record.counted === undefined ? {} : { counted: record.counted };
            const customer = typeof record.client_id === "string" ? { clientId: record.client_id } : {};
            found.set(usageId, { userId: "", ...known, ...customer, usageId, operations, ...counted });
        }
    }
    return [...found.values()];
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
});

/** As gzip has it (RFC 1952 §8). */
export function crc32(data: Uint8Array): number {
    let value = 0xffffffff;
    for (const byte of data) value = CRC_TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
}
