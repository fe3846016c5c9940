/** What a process must not forget, on the disk (clients/spool.md). */
import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";

import { SpoolUnavailable } from "./errors.js";
import type { Events } from "./events.js";
import { lock } from "./lock.js";
import { decode, encode, HEADER, todo, UnknownVersion } from "./spool-format.js";
import type { SpoolRecord, Todo } from "./spool-format.js";
import { after, Signal } from "./time.js";

/** A file of so many bytes is followed by a new one. */
const LARGEST_FILE = 64 << 20;

/** Called once the record is on the disk, or with the error. */
export type Written = (error?: Error) => void;

/** A file under this process's lock. It is removed once no usage in it is left to be told. */
interface SpoolFile {
    readonly path: string;
    readonly name: string;
    readonly handle: fs.FileHandle;
    size: number;
    usages: Set<string>;
}

export class Spool {
    /** Set once the files that others have left were looked for. */
    readonly hasLooked = new Signal();
    private queue: { record: SpoolRecord; written?: Written }[] = [];
    private files = new Map<string, SpoolFile>();
    private current?: SpoolFile;
    private readonly strange = new Set<string>();
    /** All that touches files goes one after the other. */
    private turn: Promise<void> = Promise.resolve();
    private isWriting = false;
    private isClosed = false;
    private stopLooking: () => void = () => undefined;
    private readonly atExit = (): void => this.removeAtExit();

    /**
     * `folder` is made with mode 0700 if it is not there; undefined: in memory, kept by nobody.
     * `adopt` is called with what another process has left to do.
     */
    constructor(
        private readonly folder: string | undefined, private readonly events: Events,
        private readonly adopt: (left: Todo) => void, private readonly adoptEvery: number,
    ) {
        if (folder === undefined || adoptEvery <= 0) this.hasLooked.set();
        else this.inTurn(() => this.look());
        if (folder !== undefined) process.once("exit", this.atExit);
    }

    /** Throws SpoolUnavailable if there is no file to write to. */
    async ensure(): Promise<void> {
        if (this.folder === undefined || this.current) return;
        try {
            await this.inTurn(async () => {
                this.current ??= await this.makeFile(this.folder!);
            });
        } catch (error) {
            const reason = codeOf(error);
            this.events.tell("spool_failed", { error: reason });
            throw new SpoolUnavailable(`The spool cannot be written: ${reason}.`);
        }
    }

    append(record: SpoolRecord, written?: Written): void {
        this.queue.push({ record, written });
        if (this.isWriting) return;
        this.isWriting = true;
        // What is noted in the same turn shares one sync.
        void this.inTurn(async () => {
            this.isWriting = false;
            await this.write(this.queue.splice(0));
        });
    }

    /** Writes what waits, and lets the files go: removed if nothing in them is left to be told. */
    async close(): Promise<void> {
        this.stopLooking();
        await this.inTurn(async () => {
            this.isClosed = true;
            for (const file of this.all()) await release(file, file.usages.size === 0);
            this.files.clear();
            this.current = undefined;
        });
        process.removeListener("exit", this.atExit);
    }

    /** Keeps for a person what the service refused for good. */
    async layAside(operation: SpoolRecord, status: number, answer: unknown): Promise<void> {
        if (this.folder === undefined) return;
        const folder = join(this.folder, "refused");
        await this.inTurn(async () => {
            try {
                await makeFolder(folder);
                const file = await fs.open(join(folder, `${randomUUID()}.json`), "wx", 0o600);
                try {
                    await file.writeFile(JSON.stringify({ operation, status, answer, at: Date.now() }));
                    await file.sync();
                } finally {
                    await file.close();
                }
            } catch (error) {
                this.events.tell("spool_failed", { error: codeOf(error) });
            }
        });
    }

    private all(): SpoolFile[] {
        return [...this.files.values(), ...(this.current ? [this.current] : [])];
    }

    private inTurn(work: () => Promise<void>): Promise<void> {
        const done = this.turn.then(work);
        this.turn = done.catch(() => undefined);
        return done;
    }

    private async write(batch: { record: SpoolRecord; written?: Written }[]): Promise<void> {
        let failure: Error | undefined;
        try {
            if (this.folder !== undefined) {
                await this.writeToDisk(
                    this.folder, batch.map((each) => each.record), batch.some((each) => each.written));
            }
        } catch (error) {
            this.events.tell("spool_failed", { error: codeOf(error) });
            failure = error instanceof Error ? error : new Error("unknown");
            // Whatever reached the file, nothing is written behind it.
            await this.retire();
        }
        for (const { written } of batch) written?.(failure);
    }

    private async writeToDisk(folder: string, records: SpoolRecord[], mustSync: boolean): Promise<void> {
        if (!this.current) {
            if (this.isClosed || records.every((record) => record.r === "done")) return this.forget(records);
            this.current = await this.makeFile(folder);
        }
        const file = this.current;
        const data = join8(records.map(encode));
        for (const record of records) {
            if (record.r !== "done") file.usages.add(String(record.usage_id));
        }
        for (let at = 0; at < data.length;) {
            at += (await file.handle.write(data, at, data.length - at)).bytesWritten;
        }
        if (mustSync) await file.handle.datasync();
        file.size += data.length;
        await this.forget(records);
        if (file.size >= LARGEST_FILE) await this.retire();
    }

    /** What is done needs no file any more. */
    private async forget(records: SpoolRecord[]): Promise<void> {
        for (const record of records) {
            if (record.r === "done") {
                for (const file of this.all()) file.usages.delete(String(record.usage_id));
            }
        }
        for (const file of [...this.files.values()]) {
            if (file.usages.size > 0) continue;
            this.files.delete(file.name);
            await release(file, true);
        }
    }

    private async retire(): Promise<void> {
        if (!this.current) return;
        this.files.set(this.current.name, this.current);
        this.current = undefined;
        await this.forget([]);
    }

    private async makeFile(folder: string): Promise<SpoolFile> {
        await makeFolder(folder);
        const id = randomUUID();
        const hidden = join(folder, `${id}.new`);
        const path = join(folder, `${id}.spool`);
        const handle = await fs.open(hidden, "ax", 0o600);
        try {
            // Locked before it has its name: nobody takes over a file that is in use.
            if (!await lock(handle.fd)) throw new Error("locked by another process");
            await handle.write(HEADER, 0, HEADER.length);
            await handle.datasync();
            await fs.rename(hidden, path);
            await syncFolder(folder);
        } catch (error) {
            await handle.close();
            throw error;
        }
        return { path, name: `${id}.spool`, handle, size: HEADER.length, usages: new Set() };
    }

    // What others have left

    private async look(): Promise<void> {
        if (this.isClosed || this.folder === undefined) return;
        try {
            const mine = new Set([...this.files.keys(), this.current?.name]);
            for (const name of (await fs.readdir(this.folder)).sort()) {
                if (name.endsWith(".spool") && !mine.has(name)) await this.takeOver(this.folder, name);
            }
        } catch {
            // No folder yet, or none that can be read: `ensure` tells.
        }
        this.hasLooked.set();
        this.stopLooking = after(
            this.adoptEvery, false, () => void this.inTurn(() => this.look()));
    }

    private async takeOver(folder: string, name: string): Promise<void> {
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
            if (!isMine) return await release(file, false);
            const left = todo(decode(await handle.readFile()));
            if (left.length === 0) return await release(file, true);
            file.usages = new Set(left.map((each) => each.usageId));
            this.files.set(name, file);
            this.events.tell("spool_adopted", { file: name, usages: left.length });
            for (const each of left) this.adopt(each);
        } catch (error) {
            if (error instanceof UnknownVersion && !this.strange.has(name)) {
                this.strange.add(name);
                this.events.tell("spool_unknown", { file: name });
            }
            await release(file, false);
        }
    }

    /** A process that ends by itself leaves no file that says nothing. */
    private removeAtExit(): void {
        for (const file of this.all()) {
            if (file.usages.size > 0) continue;
            try {
                unlinkSync(file.path);
            } catch {
                // The next process removes it.
            }
        }
    }
}

async function release(file: SpoolFile, remove: boolean): Promise<void> {
    if (remove) await fs.unlink(file.path).catch(() => undefined);
    await file.handle.close().catch(() => undefined);
}

/** With its parents. Node's own way to make these never ends below /proc, which refuses them. */
async function makeFolder(folder: string): Promise<void> {
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

function join8(parts: Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        whole.set(part, at);
        at += part.length;
    }
    return whole;
}

function codeOf(error: unknown): string {
    const facts = error as { code?: unknown; message?: unknown };
    if (typeof facts?.code === "string") return facts.code;
    return typeof facts?.message === "string" ? facts.message : "unknown";
}
