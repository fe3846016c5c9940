// What the client uses of Node, so that its types need no package.

declare module "node:crypto" {
    interface Hash {
        update(data: Uint8Array): Hash;
        update(data: string, encoding: "utf8"): Hash;
        digest(encoding: "hex"): string;
    }
    export function createHash(algorithm: "sha256"): Hash;
    export function randomBytes(size: number): Uint8Array;
    export function randomUUID(): string;
}

declare module "node:fs" {
    export function readFileSync(path: string, encoding: "utf8"): string;
    export function unlinkSync(path: string): void;
}

declare module "node:fs/promises" {
    export interface FileHandle {
        readonly fd: number;
        write(data: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }>;
        writeFile(data: string): Promise<void>;
        readFile(): Promise<Uint8Array>;
        stat(): Promise<{ ino: number; mtimeMs: number }>;
        sync(): Promise<void>;
        datasync(): Promise<void>;
        close(): Promise<void>;
    }
    export function open(path: string, flags: string, mode?: number): Promise<FileHandle>;
    export function mkdir(path: string, mode: number): Promise<void>;
    export function readdir(path: string): Promise<string[]>;
    export function rename(from: string, to: string): Promise<void>;
    export function stat(path: string): Promise<{ ino: number; mtimeMs: number }>;
    export function unlink(path: string): Promise<void>;
}

declare module "node:path" {
    export function dirname(path: string): string;
    export function join(...parts: string[]): string;
    export function resolve(...parts: string[]): string;
}

declare module "node:child_process" {
    interface ChildProcess {
        on(event: "error", listener: (error: Error) => void): void;
        on(event: "exit", listener: (status: number | null) => void): void;
    }
    export function spawn(
        program: string, args: readonly string[],
        options: { stdio: ("ignore" | number)[] },
    ): ChildProcess;
}

declare const process: {
    readonly env: Record<string, string | undefined>;
    once(event: "exit", listener: () => void): void;
    removeListener(event: "exit", listener: () => void): void;
};

declare const Buffer: {
    from(text: string, encoding: "base64url"): { toString(encoding: "utf8"): string };
};
