// Takes the steps of a scenario: see clients/scenarios/README.md.
import { createInterface } from "node:readline";
import { inspect } from "node:util";

import * as cuebx from "../dist/esm/index.js";
import { serve, streams, userOf } from "./tool-server.mjs";

class RateLimitError extends Error {
    status = 429;
}

/** As schemas' libraries name theirs. */
class ValidationError extends Error {}

function unparsable() {
    try {
        return JSON.parse("no");
    } catch (error) {
        return error;
    }
}

const ERRORS = {
    timeout: new DOMException("late", "TimeoutError"),
    upstream: new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) }),
    rate_limited: new RateLimitError(), invalid_response: unparsable(), validation: new ValidationError(),
    client: new DOMException("gone", "AbortError"), internal: new RangeError("x"),
};
const OPTIONS = {
    validate_seconds: "validateSeconds", commit_seconds: "commitSeconds", answer_seconds: "answerSeconds",
    first_pause: "firstPause", longest_pause: "longestPause", adopt_every: "adoptEvery",
    capture_every: "captureEvery", spool_results: "spoolResults",
};
const FACTS = {
    status: "status", code: "code", retry_after: "retryAfter", usage_id: "usageId",
    usage_status: "usageStatus",
};

let client;
let events = [];
let calls = new Map();

function answer(n, result) {
    process.stdout.write(JSON.stringify({ n, ...result }) + "\n");
}

/** As a host would that logs what it has in its hands. */
function log(what) {
    process.stderr.write(inspect(what, { depth: 6, maxStringLength: null }) + "\n");
}

function told(error) {
    log(error);
    const isOwn = error instanceof cuebx.CueBXError;
    const result = { kind: isOwn ? error.name : "Defect", message: isOwn ? error.message : String(error?.stack) };
    for (const [name, member] of Object.entries(FACTS)) {
        if (error?.[member] !== undefined) result[name] = error[member];
    }
    return { error: result };
}

async function start(step) {
    if (client) await client.close();
    calls = new Map();
    const told = events = [];
    const options = {};
    for (const [name, member] of Object.entries(OPTIONS)) {
        if (name in step.options) options[member] = step.options[name];
    }
    const { outage } = step.options;
    if (outage) options.outage = cuebx.failOpenWithJournal(outage.max_credits, outage.max_seconds, userOf);
    client = new cuebx.Client({
        url: step.url, internalKey: step.internal_key, spool: step.spool,
        onEvent: (event) => {
            log(event);
            told.push({ name: event.name, ...event.fields });
        },
        ...options,
    });
    return { started: true, can: ["cancel_calls", "streams", "journal"] };
}

/** The steps for the body of a call, one by one. */
class Steps {
    waiting = [];
    readers = [];

    put(step) {
        const reader = this.readers.shift();
        if (reader) reader(step);
        else this.waiting.push(step);
    }

    next(signal) {
        return new Promise((resolve, reject) => {
            if (this.waiting.length > 0) return resolve(this.waiting.shift());
            this.readers.push(resolve);
            if (signal.aborted) reject(signal.reason);
            signal.addEventListener("abort", () => reject(signal.reason));
        });
    }
}

function meterOptions(step, signal) {
    const estimate = step.estimate && {
        inputChars: step.estimate.input_chars, inputTokens: step.estimate.input_tokens,
        maxOutputTokens: step.estimate.max_output_tokens, model: step.estimate.model,
    };
    const customer = step.api_key === undefined
        ? undefined : new cuebx.Customer(step.client_id, step.api_key);
    if (customer) log(customer);
    return {
        user: step.user, customer,
        payload: step.payload ?? "", requestId: step.request_id, endpoint: "/v1/tool",
        estimate, holdSeconds: step.hold_seconds,
        parent: "parent" in step ? calls.get(step.parent).call : undefined, signal,
    };
}

function settle(call, step) {
    if (step.settle) {
        const used = step.settle;
        call.settle({
            inputTokens: used.input_tokens, outputTokens: used.output_tokens,
            cachedInputTokens: used.cached_input_tokens, reasoningTokens: used.reasoning_tokens,
            model: used.model, credits: used.credits,
        });
    }
    if (step.result) call.keepResult(step.result.title, step.result.data);
    if (step.fail) call.fail(step.fail.failure_type, step.fail.reason);
    if (step.raise) throw ERRORS[step.raise];
}

function chunkOf(step) {
    if (!step.usage) return step.text;
    const { model, ...usage } = step.usage;
    return { usage, model };
}

async function consume(call, running, signal) {
    async function* source() {
        while (true) {
            const step = running.last = await running.steps.next(signal);
            if (step.do === "end") {
                if (step.raise) throw ERRORS[step.raise];
                return;
            }
            yield chunkOf(step);
        }
    }
    for await (const _ of call.stream(source())) answer(running.last.n, { chunk: true });
    return running.last;
}

async function body(begin, running) {
    const signal = running.abort.signal;
    running.last = begin;
    try {
        await client.metered(begin.feature, meterOptions(begin, signal), async (call) => {
            running.call = call;
            if (begin.api_key !== undefined) process.stderr.write(`${inspect(call)} ${call}\n`);
            answer(begin.n, {
                entered: true, usage_id: call.usageId, credits_reserved: call.creditsReserved,
                is_test_key: call.isTestKey,
            });
            running.last = begin.stream
                ? await consume(call, running, signal) : await running.steps.next(signal);
            settle(call, running.last);
        });
        answer(running.last.n, { ended: true });
        return false;
    } catch (error) {
        if (signal.aborted && error === signal.reason) {
            if (!running.call) answer(begin.n, { error: { kind: "Canceled" } });
            return true;
        }
        const isRaised = Object.values(ERRORS).includes(error);
        answer(running.last.n, isRaised ? { ended: true, raised: true } : told(error));
        return false;
    }
}

async function take(step) {
    switch (step.do) {
        case "begin": {
            const running = { steps: new Steps(), abort: new AbortController() };
            calls.set(step.call, running);
            running.task = body(step, running);
            return;
        }
        case "cancel": {
            const running = calls.get(step.call);
            running.abort.abort();
            return answer(step.n, { canceled: await running.task });
        }
        case "end":
        case "chunk":
            return calls.get(step.call).steps.put(step);
        case "start":
            return answer(step.n, await start(step));
        case "events":
            process.stderr.write(`told ${step.n}\n`);
            return answer(step.n, { events: events.map((event) => event.name), told: events });
        case "gather":
            while (client.engine.sender.queued < step.number) await new Promise(setImmediate);
            return answer(step.n, { gathered: true });
        case "flush":
            return answer(step.n, { flushed: await client.flush(step.seconds ?? 10) });
        default:
            return answer(step.n, { closed: await client.close() });
    }
}

async function takeSteps() {
    for await (const line of createInterface({ input: process.stdin })) {
        const step = JSON.parse(line);
        await take(step).catch((error) => answer(step.n, told(error)));
    }
    if (client) await client.close();
}

const [what, ...words] = process.argv.slice(2);
if (what === "streams") await streams(...words);
else if (what) await serve(what === "journal", ...words);
else await takeSteps();
