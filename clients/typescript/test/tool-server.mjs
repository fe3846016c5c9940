// What clients/python/proof.py kills and breaks off: see clients/scenarios/README.md.
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import * as cuebx from "../dist/esm/index.js";

const FEATURE = "career.job_match";
const TASKS = 6;
const STREAMS = 32;
const WAYS = ["consumer leaves", "provider fails", "canceled", "canceled at once", "to the end"];

/** As a host would, but for the signature. */
export function userOf(token) {
    return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8")).sub;
}

/** Whole numbers below a bound, which a seed tells (FNV-1a, then mulberry32). */
function drawing(seed) {
    let state = 0x811c9dc5;
    for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193);
    return (bound) => {
        state = (state + 0x6d2b79f5) | 0;
        let value = Math.imul(state ^ (state >>> 15), state | 1);
        value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
        return ((value ^ (value >>> 14)) >>> 0) % bound;
    };
}

/** Makes calls until it is killed; some ask again for what others asked before. */
export async function serve(hasOutages, url, spool, record, seed, ...tokens) {
    const outage = cuebx.failOpenWithJournal(10_000_000, 3600, userOf);
    const client = new cuebx.Client({
        url, spool, adoptEvery: 0.2, firstPause: 0.01, longestPause: 0.1,
        ...(hasOutages ? { outage, validateSeconds: 0.1 } : {}),
    });
    const file = openSync(record, "a", 0o600);
    const write = (...words) => writeSync(file, `${words.join(" ")}\n`);
    write("began", "-");
    const asked = [];
    const late = new DOMException("late", "TimeoutError");

    async function one(draw, user, requestId) {
        const fails = draw(5) === 0;
        const pause = draw(2) === 0 ? draw(20) : 0;
        let usage;
        try {
            await client.metered(FEATURE, { user: tokens[user], payload: "p", requestId }, async (call) => {
                usage = call.usageId;
                write("ran", usage, user, requestId);
                await sleep(pause);
                if (fails) throw late;
            });
            write("success", usage);
        } catch (error) {
            if (error === late) return write("failure", usage);
            if (error instanceof cuebx.AlreadyRunning || error instanceof cuebx.AlreadyFinished) {
                return write("known", "-");
            }
            if (!hasOutages || !(error instanceof cuebx.Unavailable)) throw error;
            write("away", "-");
            await sleep(10);
        }
    }

    await Promise.all(Array.from({ length: TASKS }, async (_, number) => {
        const draw = drawing(`${seed}-${number}`);
        for (let count = 0; ; count++) {
            let call = [draw(tokens.length), `${seed}-${number}-${count}`];
            if (asked.length > 0 && draw(5) === 0) call = asked[draw(asked.length)];
            asked.push(call);
            await one(draw, ...call);
        }
    }));
}

/** Says of each stream that was entered its usage, how many chunks its consumer got, and how it was to end. */
export async function streams(url, spool, token, number, seed) {
    const client = new cuebx.Client({ url, spool, captureEvery: 0.001 });
    let left = Number(number);

    async function one(draw) {
        const [length, at, way, turns] = [draw(6), draw(7), WAYS[draw(WAYS.length)], draw(12)];
        const abort = new AbortController();
        async function* source() {
            for (let chunk = 0; chunk < length; chunk++) {
                if (way === "provider fails" && chunk === at) throw new TypeError("fetch failed");
                await new Promise(setImmediate);
                yield "word ".repeat(chunk);
            }
        }
        let usage;
        let handed = 0;
        const options = { user: token, signal: abort.signal };
        const running = (async () => {
            for await (const _ of client.stream(FEATURE, options, (call) => {
                usage = call.usageId;
                return source();
            })) {
                handed++;
                if (handed <= at) continue;
                if (way === "consumer leaves") break;
                if (way === "canceled") abort.abort();
            }
        })().catch(() => undefined);
        if (way === "canceled at once") {
            for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
            abort.abort();
        }
        await running;
        if (usage) process.stdout.write(`${usage} ${handed} ${way}\n`);
    }

    await Promise.all(Array.from({ length: STREAMS }, async (_, worker) => {
        const draw = drawing(`${seed}-${worker}`);
        while (left-- > 0) await one(draw);
    }));
    if (!await client.close(120)) process.exit(1);
}
