/**
 * flock(2) on an open file. Node has no call for it, so a program locks what it inherits: such a lock
 * belongs to the open file, so that it stays with this process and goes when this process ends, however
 * it does.
 */
import { spawn } from "node:child_process";

/** Tried in turn: util-linux's program, and Perl where that is not there (macOS). */
const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
    ["flock", ["--exclusive", "--nonblock", "3"]],
    ["perl", ["-e", "open(my $f, '+>&=', 3) || open($f, '<&=', 3) or exit 2; exit !flock($f, 6)"]],
];

/**
 * Whether the lock is this process's now; false: it is another's.
 * Throws if this machine has no program that can lock.
 */
export async function lock(descriptor: number): Promise<boolean> {
    for (const [program, args] of PROGRAMS) {
        const status = await run(program, args, descriptor);
        if (status === 0) return true;
        if (status === 1) return false;
    }
    throw new Error("flock(1), of util-linux, is not there");
}

/** Undefined: there is no such program. */
function run(
    program: string, args: readonly string[], descriptor: number,
): Promise<number | undefined> {
    return new Promise((resolve) => {
        const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", descriptor] });
        child.on("error", () => resolve(undefined));
        child.on("exit", (status: number | null) => resolve(status ?? undefined));
    });
}
