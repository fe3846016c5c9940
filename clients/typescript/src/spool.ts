/** What a process must not forget, on the disk (clients/spool.md). */
import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";

import { SpoolUnavailable } from "./errors.js";
import type { Events } from "./events.js";
import { codeOf, gather, makeFile, makeFolder, release } from "./spool-files.js";
import type { Found, SpoolFile } from "./spool-files.js";
import { encode, todo, USERS, VERSIONS, versionOf } from "./spool-format.js";
import type { SpoolRecord, Todo } from "./spool-format.js";
import { after, Signal } from "./time.js";

/** A file of so many bytes is followed by a new one. */
const LARGEST_FILE = 64 << 20;
/** Seconds until the next look, if another process is looking. */
const LOOK_AGAIN = 1;

/** Called once the record is on the disk, or with the error. */
export type Written = (error?: Error) => void;

interface Waiting {
    record: SpoolRecord;
    written?: Written;
}

export class Spool {
    /** Set once the files that others have left were looked for. */
    readonly hasLooked = new Signal();
    private queue: Waiting[] = [];
    private files = new Map<string, SpoolFile>();
    /** Those that are written to, by their version. */
    private readonly current = new Map<number, SpoolFile>();
    private readonly strange = new Set<string>();
    /** All that touches files goes one after the other. */
    private turn: Promise<void> = Promise.resolve();
    private isWriting = false;
    private isClosed = false;
    /** Of calls that were running when it was closed. */
    private running = new Set<string>();
    private stopLooking: () => void = () => undefined;
    private readonly atExit = (): void => this.removeAtExit();

    /**
     * `folder` is made with mode 0700 if it is not there; undefined: in memory, kept by nobody.
     * `adopt` is called with what another process has left to do, `afterWrite` after each batch of
     * records.
     */
    constructor(
        private readonly folder: string | undefined, private readonly events: Events,
        private readonly adopt: (left: Todo) => void, private readonly adoptEvery: number,
        private readonly afterWrite: () => Promise<void> = async () => undefined,
    ) {
        if (folder === undefined || adoptEvery <= 0) this.hasLooked.set();
        else this.inTurn(() => this.look());
        if (folder !== undefined) process.once("exit", this.atExit);
    }

    /** Throws SpoolUnavailable if there is no file of the version to write to. */
    async ensure(version = USERS): Promise<void> {
        const folder = this.folder;
        if (folder === undefined || this.current.has(version)) return;
        try {
            await this.inTurn(async () => {
                if (!this.current.has(version)) this.current.set(version, await makeFile(folder, version));
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
            await this.afterWrite();
        });
    }

    /** Whether what is written outlives the process. */
    get isKept(): boolean {
        return this.folder !== undefined;
    }

    /**
     * Writes what waits, and lets the files go: removed if nothing in them is left to be told. Those that
     * name one of the `running` usages, whose outcome may still come, are kept until then, so that nobody
     * takes them for those of a process that died.
     */
    async close(running: Set<string>): Promise<void> {
        this.stopLooking();
        await this.inTurn(async () => {
            this.isClosed = true;
            this.running = running;
            await this.letGo();
        });
        process.removeListener("exit", this.atExit);
    }

    /** Of the files of a spool that was closed, all that name no call which is still running. */
    private async letGo(): Promise<void> {
        for (const file of this.all()) {
            if ([...file.usages].some((usage) => this.running.has(usage))) continue;
            await release(file, file.usages.size === 0);
            this.files.delete(file.name);
            for (const [version, each] of this.current) if (each === file) this.current.delete(version);
        }
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
        return [...this.files.values(), ...this.current.values()];
    }

    private inTurn(work: () => Promise<void>): Promise<void> {
        const done = this.turn.then(work);
        this.turn = done.catch(() => undefined);
        return done;
    }

    private async write(batch: Waiting[]): Promise<void> {
        for (const version of VERSIONS) {
            const some = batch.filter(({ record }) => versionOf(record) === version);
            if (some.length > 0) await this.writeVersion(version, some);
        }
    }

    private async writeVersion(version: number, batch: Waiting[]): Promise<void> {
        let failure: Error | undefined;
        try {
            if (this.folder !== undefined) {
                await this.writeToDisk(
                    this.folder, version, batch.map((each) => each.record), batch.some((each) => each.written));
            }
        } catch (error) {
            this.events.tell("spool_failed", { error: codeOf(error) });
            failure = error instanceof Error ? error : new Error("unknown");
            // Whatever reached the file, nothing is written behind it.
            await this.retire(version);
        }
        for (const { record } of batch) {
            if (record.r === "outcome" && !record.is_part && !failure) this.running.delete(String(record.usage_id));
        }
        if (this.isClosed) await this.letGo();
        for (const { written } of batch) {
            try {
                written?.(failure);
            } catch (error) {
                this.events.tell("defect", { error: codeOf(error) });
            }
        }
    }

    private async writeToDisk(
        folder: string, version: number, records: SpoolRecord[], mustSync: boolean,
    ): Promise<void> {
        let file = this.current.get(version);
        if (!file) {
            if (records.every((record) => record.r === "done")) return this.forget(records);
            file = await makeFile(folder, version);
            this.current.set(version, file);
        }
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
        if (file.size >= LARGEST_FILE) await this.retire(version);
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

    /** The next record of the version goes to a new file. */
    private async retire(version: number): Promise<void> {
        const file = this.current.get(version);
        if (!file) return;
        this.files.set(file.name, file);
        this.current.delete(version);
        await this.forget([]);
    }

    // What others have left

    private async look(): Promise<void> {
        if (this.isClosed || this.folder === undefined) return;
        let again = this.adoptEvery;
        try {
            const mine = new Set(this.all().map((file) => file.name));
            const found = await gather(this.folder, mine);
            if (found) await this.takeOver(found);
            // Another process is looking; what it leaves is found soon.
            else again = Math.min(LOOK_AGAIN, again);
        } catch {
            // No folder yet, or none that can be read: `ensure` tells.
        }
        this.hasLooked.set();
        this.stopLooking = after(again, false, () => void this.inTurn(() => this.look()));
    }

    private async takeOver(found: Found): Promise<void> {
        for (const name of found.strange) {
            if (this.strange.has(name)) continue;
            this.strange.add(name);
            this.events.tell("spool_unknown", { file: name });
        }
        const left = todo(found.files.flatMap((each) => each.records));
        const usages = new Set(left.map((each) => each.usageId));
        for (const { file, records } of found.files) {
            file.usages = new Set(
                records.map((record) => String(record.usage_id)).filter((usage) => usages.has(usage)));
            if (file.usages.size === 0) {
                await release(file, true);
                continue;
            }
            this.files.set(file.name, file);
            this.events.tell("spool_adopted", { file: file.name, usages: file.usages.size });
        }
        for (const each of left) this.adopt(each);
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

function join8(parts: Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        whole.set(part, at);
        at += part.length;
    }
    return whole;
}
