/** The files of a spool: made, locked, and gathered from those whom nobody holds any more. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";

import { lock } from "./lock.js";
import { decode, header, UnknownVersion } from "./spool-format.js";
import type { SpoolRecord } from "./spool-format.js";

/** The files of a process that dies become free one after the other; milliseconds until all are. */
const ALL_ARE_FREE_AFTER = 100;
/** Milliseconds after which a file that never got its name is taken for a killed process's. */
const NAMELESS_FOR = 60_000;

/** A file under this process's lock. It is removed once no usage in it is left to be told. */
export interface SpoolFile {
    readonly path: string;
    readonly name: string;
    readonly handle: fs.FileHandle;
    size: number;
    usages: Set<string>;
}

/** Files that are under this process's lock now; `strange` are names of files of another format. */
export interface Found {
    files: { file: SpoolFile; records: SpoolRecord[] }[];
    strange: Set<string>;
}

export async function makeFile(folder: string, version: number): Promise<SpoolFile> {
    const beginning = header(version);
    await makeFolder(folder);
    const id = randomUUID();
    const hidden = join(folder, `${id}.new`);
    const path = join(folder, `${id}.spool`);
    const handle = await fs.open(hidden, "ax", 0o600);
    try {
        // Locked before it has its name: nobody takes over a file that is in use.
        if (!await lock(handle.fd)) throw new Error("locked by another process");
        await handle.write(beginning, 0, beginning.length);
        await handle.datasync();
        await fs.rename(hidden, path);
        await syncFolder(folder);
    } catch (error) {
        await handle.close();
        throw error;
    }
    return { path, name: `${id}.spool`, handle, size: beginning.length, usages: new Set() };
}

/**
 * All files that nobody holds; undefined if another process is gathering. One call's records may lie in
 * several files, so that one process must have all of them before any is judged.
 */
export async function gather(folder: string, mine: Set<string>): Promise<Found | undefined> {
    const turn = await fs.open(folder, "r");
    try {
        const names = await fs.readdir(folder);
        const found: Found = { files: [], strange: new Set() };
        await removeNameless(folder, names);
        if (!names.some((name) => name.endsWith(".spool") && !mine.has(name))) return found;
        if (!await lock(turn.fd)) return undefined;
        await addFree(folder, mine, found);
        const records = found.files.flatMap((each) => each.records);
        const ended = new Set(
            records.filter((record) => record.r !== "open").map((record) => record.usage_id));
        if (records.some((record) => !ended.has(record.usage_id))) {
            // The outcome of what is open may lie in a file that is free in a moment.
            await new Promise((resolve) => setTimeout(resolve, ALL_ARE_FREE_AFTER));
            await addFree(folder, new Set([...mine, ...found.files.map((each) => each.file.name)]), found);
        }
        return found;
    } finally {
        await turn.close();
    }
}

async function addFree(folder: string, known: Set<string>, found: Found): Promise<void> {
    for (const name of (await fs.readdir(folder)).sort()) {
        if (name.endsWith(".spool") && !known.has(name)) await addFile(folder, name, found);
    }
}

async function addFile(folder: string, name: string, found: Found): Promise<void> {
    const path = join(folder, name);
    let handle: fs.FileHandle;
    try {
        handle = await fs.open(path, "r");
    } catch {
        return; // Somebody was faster.
    }
    const file: SpoolFile = { path, name, handle, size: 0, usages: new Set() };
    try {
        const isMine = await lock(handle.fd)
            && (await handle.stat()).ino === (await fs.stat(path)).ino;
        if (isMine) {
            found.files.push({ file, records: decode(await handle.readFile()) });
            return;
        }
    } catch (error) {
        if (error instanceof UnknownVersion) found.strange.add(name);
    }
    await release(file, false);
}

/** Of processes that were killed between a file's beginning and its name; nothing is in them. */
async function removeNameless(folder: string, names: string[]): Promise<void> {
    for (const name of names.filter((each) => each.endsWith(".new"))) {
        const path = join(folder, name);
        const state = await fs.stat(path).catch(() => undefined);
        if (state && Date.now() - state.mtimeMs > NAMELESS_FOR) {
            await fs.unlink(path).catch(() => undefined);
        }
    }
}

export async function release(file: SpoolFile, remove: boolean): Promise<void> {
    if (remove) await fs.unlink(file.path).catch(() => undefined);
    await file.handle.close().catch(() => undefined);
}

/** With its parents. Node's own way to make these never ends below /proc, which refuses them. */
export async function makeFolder(folder: string): Promise<void> {
    try {
        await fs.mkdir(folder, 0o700);
    } catch (error) {
        const code = codeOf(error);
        if (code === "EEXIST") return;
        const parent = dirname(folder);
        if (code !== "ENOENT" || parent === folder) throw error;
        await makeFolder(parent);
        await fs.mkdir(folder, 0o700).catch((failure) => {
            if (codeOf(failure) !== "EEXIST") throw failure;
        });
    }
}

async function syncFolder(folder: string): Promise<void> {
    const handle = await fs.open(folder, "r");
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}

export function codeOf(error: unknown): string {
    const facts = error as { code?: unknown; message?: unknown };
    if (typeof facts?.code === "string") return facts.code;
    return typeof facts?.message === "string" ? facts.message : "unknown";
}
