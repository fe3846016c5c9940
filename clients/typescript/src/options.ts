import { failClosed } from "./outage.js";
import type { OutagePolicy } from "./outage.js";

/** What can be set; all spans are in seconds. */
export interface Options {
    /** The budget of asking, retries included (10). */
    validateSeconds: number;
    /** For how long an outcome is sent again (86 400). */
    commitSeconds: number;
    /** Of one request (10). */
    answerSeconds: number;
    /** Of retries, drawn between 0 and the pause, which doubles (0.1). */
    firstPause: number;
    /** The longest of these pauses (10). */
    longestPause: number;
    /** Between looks for what other processes left; 0: never (60). */
    adoptEvery: number;
    /** Between the captures of a stream (5). */
    captureEvery: number;
    /** Operations of this process's calls that may wait for their turn; beyond, `Overloaded` (4 096). */
    mostWaiting: number;
    /** How long `close` waits for the service (5). */
    closeSeconds: number;
    /** `"stop"`: the next chunk of a stream, or `call.check()`, throws `HoldEnded` ("go_on"). */
    ifExtensionRefused: "go_on" | "stop";
    /**
     * What `call.keepResult` names is written to the spool with the outcome. Else it is told from memory
     * alone, and not kept for the user if this process ends before (false).
     */
    spoolResults: boolean;
    /** `failClosed()`, or `failOpenWithJournal(…)` (`failClosed()`). */
    outage: OutagePolicy;
}

export const DEFAULTS: Readonly<Options> = {
    validateSeconds: 10,
    commitSeconds: 86_400,
    answerSeconds: 10,
    firstPause: 0.1,
    longestPause: 10,
    adoptEvery: 60,
    captureEvery: 5,
    mostWaiting: 4_096,
    closeSeconds: 5,
    ifExtensionRefused: "go_on",
    spoolResults: false,
    outage: failClosed(),
};
