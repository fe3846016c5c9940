/** Seconds by a clock that cannot jump. */
export function monotonic(): number {
    return performance.now() / 1000;
}

/** What a timer of Node has besides a number. */
interface NodeTimer {
    unref?(): void;
}

/** The longest span that a timer takes, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/**
 * Calls back after so many seconds.
 * `keepsAlive`: whether the process waits for it; else it may end before.
 */
export function after(seconds: number, keepsAlive: boolean, callback: () => void): () => void {
    const timer = setTimeout(callback, Math.min(LONGEST, Math.max(0, Math.ceil(seconds * 1000))));
    if (!keepsAlive) (timer as unknown as NodeTimer).unref?.();
    return () => clearTimeout(timer);
}

/** Something that happens once. */
export class Signal {
    isSet = false;
    /** Why what was waited for did not happen. */
    error?: Error;
    private callbacks: (() => void)[] = [];

    set(): void {
        if (this.isSet) return;
        this.isSet = true;
        const callbacks = this.callbacks;
        this.callbacks = [];
        for (const callback of callbacks) callback();
    }

    whenSet(callback: () => void): void {
        if (this.isSet) callback();
        else this.callbacks.push(callback);
    }

    /** Whether it has happened within the seconds; `abort` ends the wait before. */
    wait(seconds: number, abort?: AbortSignal): Promise<boolean> {
        return new Promise((resolve) => {
            const end = (): void => {
                stop();
                abort?.removeEventListener("abort", end);
                resolve(this.isSet);
            };
            const stop = after(seconds, true, end);
            abort?.addEventListener("abort", end);
            this.whenSet(end);
            if (abort?.aborted) end();
        });
    }
}
