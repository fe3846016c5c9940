import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import * as cuebx from "../dist/esm/index.js";
import { Asking } from "../dist/esm/asking.js";
import { Events } from "../dist/esm/events.js";
import { isJournal, nameOf, Outage } from "../dist/esm/outage.js";
import { Sender } from "../dist/esm/sender.js";
import { decode } from "../dist/esm/spool-format.js";
import { Answer, NoAnswer, Operation } from "../dist/esm/transport.js";
import { committed, fakeService, gate, granted, newClient, newFolder, usual } from "./service.mjs";

const USER = { user: "Bearer a.secret-token.b", payload: { text: "secret-payload" } };

test("asks before the body, settles after it, and returns what the body returns", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const result = await client.metered("career.job_match", USER, async (call) => {
        call.settle({ inputTokens: 7, outputTokens: 5, model: "m" });
        return 42;
    });
    assert.equal(result, 42);
    assert.ok(await client.flush());
    const [validate] = service.operations("validate");
    assert.equal(validate.feature_key, "career.job_match");
    assert.match(validate.request_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const [commit] = service.operations("commit");
    assert.equal(commit.success, true);
    assert.equal(commit.metrics.output_tokens, 5);
    assert.equal(commit.metrics.model_used, "m");
    assert.equal(service.requests[0].headers.authorization, "Bearer a.secret-token.b");
    // Later verbs need no token.
    assert.equal(service.requests[1].headers.authorization, undefined);
});

test("an error of the body is thrown on, and told by its class alone", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    class ProviderTimeout extends Error {}
    const error = new ProviderTimeout("secret-text");
    await assert.rejects(client.metered("f", USER, () => Promise.reject(error)), (thrown) => thrown === error);
    await assert.rejects(client.metered("f", USER, () => Promise.reject(undefined)), (e) => e === undefined);
    assert.ok(await client.flush());
    const [first, second] = service.operations("commit");
    assert.deepEqual(first.failure, { failure_type: "timeout", reason: "Error" });
    assert.equal(second.failure.failure_type, "internal_error");
    assert.ok(!JSON.stringify(service.requests).includes("secret-text"));
});

test("what is refused is typed, and the body does not run", async (t) => {
    const cases = [
        [429, "quota_exceeded", cuebx.OutOfCredits], [429, "rate_limited", cuebx.RateLimited],
        [402, "no_subscription", cuebx.PaymentRequired], [402, "of_tomorrow", cuebx.PaymentRequired],
        [409, "request_already_finished", cuebx.AlreadyFinished], [401, "unauthorized", cuebx.InvalidToken],
        [403, "account_deactivated", cuebx.AccountDeactivated], [422, "validation_error", cuebx.InvalidRequest],
        [418, "of_tomorrow", cuebx.Refused], [500, "internal_error", cuebx.ServiceError],
        [404, "not_found", cuebx.ServiceError], [200, "replayed", cuebx.AlreadyRunning],
    ];
    let next;
    const service = await fakeService(t, () => next);
    const { client } = newClient(t, service);
    for (const [status, code, kind] of cases) {
        next = {
            status, headers: { "Retry-After": "7" },
            body: { access: status === 200 ? "granted" : "denied", code, message: "Because.", usage_id: "u" },
        };
        await assert.rejects(client.metered("f", USER, () => assert.fail("it ran")), (error) => {
            assert.equal(error.constructor, kind);
            assert.equal(error.name, kind.name);
            if (error instanceof cuebx.Refused) assert.equal(error.retryAfter, 7);
            return true;
        });
    }
    assert.equal(service.operations("commit").length, 0);
});

test("what gathers while a request is in flight goes in the next one, and a lone call at once", async (t) => {
    const { held, release } = gate();
    const service = await fakeService(t, usual, async () => {
        if (service.requests.length === 1) await held;
    });
    const { client } = newClient(t, service);
    const first = client.metered("f", USER, () => 0);
    while (service.requests.length === 0) await new Promise(setImmediate);
    const others = Array.from({ length: 300 }, (_, number) => client.metered("f", USER, () => number));
    while (client.engine.sender.queued < 300) await new Promise(setImmediate);
    release();
    assert.deepEqual(await Promise.all([first, ...others]), [0, ...Array(300).keys()]);
    assert.equal(service.requests[0].verb, "validate");
    assert.equal(service.requests[1].verb, "batch");
    assert.equal(service.requests[1].operations.length, 256);
    assert.ok(await client.flush());
    assert.equal(service.operations("commit").length, 301);
});

test("one request is in flight at a time, whatever goes wrong", async (t) => {
    let inFlight = 0;
    let most = 0;
    const service = await fakeService(t, usual, async () => {
        most = Math.max(most, ++inFlight);
        await new Promise(setImmediate);
        inFlight--;
        return Math.random() < 0.4 ? { status: 503, headers: { "Retry-After": "0" }, body: {} } : undefined;
    });
    const { client } = newClient(t, service, { validateSeconds: 30 });
    await Promise.all(Array.from({ length: 100 }, () => client.metered("f", USER, () => null)));
    assert.ok(await client.flush());
    assert.equal(most, 1);
    const committedIds = service.operations("commit").map((each) => each.usage_id);
    assert.equal(new Set(committedIds).size, 100);
});

test("of a batch only what was answered 503 is sent again, and under the same request id", async (t) => {
    const seen = new Map();
    const service = await fakeService(t, (operation) => {
        const times = (seen.get(operation.request_id) ?? 0) + 1;
        seen.set(operation.request_id, times);
        if (operation.op === "commit") return committed;
        return times === 1 && operation.feature_key === "busy"
            ? { status: 503, headers: { "Retry-After": "0" }, body: { code: "overloaded" } } : granted(operation);
    });
    const { client } = newClient(t, service);
    await Promise.all(["busy", "free", "busy", "free"].map((name) => client.metered(name, USER, () => null)));
    assert.deepEqual([...seen.values()].slice(0, 4).sort(), [1, 1, 2, 2]);
});

test("too much waiting is Overloaded, and nothing was asked", async (t) => {
    const { held, release } = gate();
    const service = await fakeService(t, usual, () => held);
    const { client } = newClient(t, service, { mostWaiting: 2 });
    const calls = Array.from({ length: 4 }, () => client.metered("f", USER, () => null));
    await assert.rejects(calls[3], cuebx.Overloaded);
    release();
    const ends = await Promise.allSettled(calls);
    assert.equal(ends.filter((end) => end.reason instanceof cuebx.Overloaded).length, 2);
    assert.ok(await client.flush());
    assert.equal(service.operations("validate").length, 2);
});

test("whoever aborts leaves nothing held", async (t) => {
    const { held, release } = gate();
    const service = await fakeService(t, usual, (verb) => verb === "validate" ? held : undefined);
    const { client, events } = newClient(t, service);
    const before = AbortSignal.abort();
    await assert.rejects(
        client.metered("f", { ...USER, signal: before }, () => assert.fail("it ran")), { name: "AbortError" });
    assert.equal(service.requests.length, 0);
    const during = new AbortController();
    const call = client.metered("f", { ...USER, signal: during.signal }, () => assert.fail("it ran"));
    while (service.requests.length === 0) await new Promise(setImmediate);
    during.abort();
    await assert.rejects(call, { name: "AbortError" });
    release();
    assert.ok(await client.flush());
    const [commit] = service.operations("commit");
    assert.equal(commit.failure.failure_type, "client_error");
    assert.ok(events.some((event) => event.name === "hold_given_back"));
});

test("a stream is counted as it is handed out, and ends its call however it ends", async (t) => {
    const service = await fakeService(t, (operation) => operation.op === "capture"
        ? { status: 404, body: { code: "not_found" } } : usual(operation));
    const { client } = newClient(t, service);
    let isClosed = false;
    async function* source() {
        try {
            for (let number = 0; number < 5; number++) yield "sixteen letters!";
            yield { usage: { prompt_tokens: 3, completion_tokens: 20 }, model: "m", choices: [] };
        } finally {
            isClosed = true;
        }
    }
    const chunks = [];
    for await (const chunk of client.stream("f", USER, source)) chunks.push(chunk);
    assert.equal(chunks.length, 6);
    isClosed = false;
    for await (const _ of client.stream("f", USER, source)) break;
    assert.ok(isClosed);
    assert.ok(await client.flush());
    const [whole, part] = service.operations("commit");
    assert.equal(whole.metrics.output_tokens, 20);
    assert.equal(whole.metrics.input_tokens, 3);
    // This service knows no capture: what was produced is charged as a success.
    assert.equal(part.success, true);
    assert.equal(part.metrics.output_tokens, 2);
});

test("no secret is in what can be printed or told", async (t) => {
    const service = await fakeService(t);
    const { client, events } = newClient(t, service, { internalKey: "secret-key", spool: newFolder(t) });
    const call = await client.begin("f", USER);
    const shown = [client, call, events].map((each) => inspect(each, { depth: 20, showHidden: true }) + each
        + JSON.stringify(each instanceof cuebx.Call ? String(each) : each)).join();
    for (const secret of ["secret-key", "secret-token", "secret-payload"]) assert.ok(!shown.includes(secret));
    await call.end();
    await assert.rejects(call.end(), cuebx.CueBXError);
});

test("the key of development is for loopback alone", () => {
    assert.throws(() => new cuebx.Client({ url: "https://cuebx.example", spool: "memory" }), cuebx.CueBXError);
});

test("a closed client takes no call, and is closed once", async (t) => {
    const { client } = newClient(t, await fakeService(t));
    assert.equal(await client.close(), true);
    assert.equal(await client.close(), true);
    await assert.rejects(client.metered("f", USER, () => null), cuebx.CueBXError);
});

test("what a spool held takes at most a quarter of a batch, and goes behind live calls", async () => {
    const batches = [];
    const transport = {
        async send(operations) {
            batches.push(operations.map((operation) => operation.body.id));
            return operations.map(() => new Answer(200, {}, {}));
        },
    };
    const sender = new Sender(transport, new Events(), 0.001, 0.01);
    const submit = (id, isRest) => sender.submit(new Operation("commit", { id }, () => undefined, { isRest }));
    for (let number = 0; number < 100; number++) submit(`rest-${number}`, true);
    for (let number = 0; number < 250; number++) submit(`live-${number}`, false);
    await new Promise((resolve) => sender.whenIdle(resolve));
    const numbers = batches.map((ids) => [
        ids.filter((id) => id.startsWith("live")).length, ids.filter((id) => id.startsWith("rest")).length,
    ]);
    assert.deepEqual(numbers, [[250, 6], [0, 64], [0, 30]]);
    assert.ok(batches[0][0] === "live-0" && batches[0][250] === "rest-0");
});

/** An outage with clocks that are moved by hand. */
function outageCase(policy = {}) {
    const clock = { now: 1000, heard: -Infinity, isRunning: true };
    const told = [];
    const { most = "100", seconds = 60, verify = (token) => token } = policy;
    const outage = new Outage(
        cuebx.failOpenWithJournal(most, seconds, verify), undefined,
        new Events((event) => told.push(event.fields.reason ?? event.name)), () => clock.heard,
        { monotonic: () => clock.now, unix: () => 1_800_000_000 + clock.now });
    const run = async (user, requestId) => {
        const found = await outage.open(
            new Asking("f", { user, requestId }), 1_800_000_000 + clock.now, () => clock.isRunning);
        return found ? found.usageId : told.at(-1);
    };
    return { outage, run, clock };
}

test("a user has a tenth of what may run unasked, and all of them the whole", async () => {
    const { outage, run } = outageCase();
    assert.equal(await run("ada"), "the feature's hold was never seen");
    outage.saw("f", "4.00");
    assert.ok(isJournal(await run("ada")) && isJournal(await run("ada")));
    assert.equal(await run("ada"), "the user's part is used up");
    let last;
    for (let number = 0; number < 23; number++) last = await run(`user-${number}`);
    assert.ok(isJournal(last));
    assert.equal(await run("late"), "the ceiling is reached");
    outage.forget(last);
    assert.ok(isJournal(await run("late")));
    assert.equal(outage.total, 100_000_000n);
});

test("after a while nothing begins in an outage, until the service was heard", async () => {
    const { outage, run, clock } = outageCase();
    outage.saw("f", "1.00");
    await run("ada");
    clock.now += 60;
    assert.ok(outage.isOn && isJournal(await run("ada")));
    clock.now += 1;
    assert.equal(await run("ben"), "the outage lasts too long");
    clock.heard = clock.now;
    assert.ok(!outage.isOn);
    clock.now += 1;
    // What was not told yet still counts.
    assert.ok(isJournal(await run("ben")));
    assert.equal(outage.total, 3_000_000n);
});

test("the same request never runs twice unasked, and a process goes on with the outage it begins in", async () => {
    const { outage, run, clock } = outageCase();
    outage.saw("f", "8.00");
    const ran_at = new Date((1_800_000_000 + clock.now - 50) * 1000).toISOString();
    outage.adopt("journal-x", { user_id: "ada", feature_key: "f", ran_at });
    assert.equal(await run("ada"), "the user's part is used up");
    const first = await run("ben", "one");
    await assert.rejects(run("ben", "one"), cuebx.AlreadyRunning);
    outage.forget(first);
    assert.equal(await run("ben", "one"), first);
    outage.acknowledged(first);
    clock.isRunning = false;
    await assert.rejects(run("ben", "one"), cuebx.AlreadyFinished);
    clock.now += 11;
    assert.equal(await run("cyd"), "the outage lasts too long");
});

test("a token that the host does not vouch for is refused, and a policy that makes no sense", async () => {
    for (const says of [null, "", 5, "a\nb", Promise.reject(new Error("secret"))]) {
        const { outage, run } = outageCase({ verify: () => says });
        outage.saw("f", "1.00");
        await assert.rejects(run("t"), (error) => (
            error instanceof cuebx.InvalidToken && !error.message.includes("secret")));
        assert.equal(outage.total, 0n);
    }
    for (const [most, seconds] of [["0", 1], ["-1", 1], [0.5, 1], ["1", 0], ["1", 86_401], ["1", NaN]]) {
        assert.throws(() => cuebx.failOpenWithJournal(most, seconds, () => null), cuebx.CueBXError);
    }
    const outage = cuebx.failOpenWithJournal(1, 1, () => null);
    assert.throws(() => new cuebx.Client({ spool: "memory", outage }), cuebx.CueBXError);
});

test("what ran before an outage does not run again in it, as long as it is known", async () => {
    const { outage, run, clock } = outageCase();
    outage.saw("f", "1.00");
    const ran = (requestId) => outage.granted(
        nameOf(new Asking("f", { user: "ada", requestId }), "ada"), "u1");
    ran("one");
    await assert.rejects(run("ada", "one"), { name: "AlreadyRunning", usageId: "u1" });
    clock.isRunning = false;
    await assert.rejects(run("ada", "one"), { name: "AlreadyFinished", usageId: "u1" });
    assert.ok(isJournal(await run("ben", "one")));
    for (let number = 0; number < 16_384; number++) ran(`r${number}`);
    assert.ok(isJournal(await run("ada", "one")));
});

test("what is adopted counts what it counted where it ran", () => {
    const { outage } = outageCase();
    outage.saw("f", "2.00");
    for (const [usage, counted] of [["a", "7.00"], ["b", undefined], ["c", "x"], ["d", 5]]) {
        outage.adopt(`journal-${usage}`, { user_id: "ada", feature_key: "f" }, counted);
    }
    assert.equal(outage.total, 13_000_000n);
});

/** A client that runs calls while the service is away; the feature `f` held so much. */
async function journalingClient(t, service, held, folder = newFolder(t)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "holds.json"), JSON.stringify({ f: held }));
    const { client } = newClient(t, service, {
        spool: folder, validateSeconds: 1, outage: cuebx.failOpenWithJournal("100", 60, (token) => token),
    });
    await client.engine.spool.hasLooked.wait(10);
    return { client, folder };
}

const away = (t) => fakeService(t, usual, async () => ({ status: 503, body: {} }));

test("what a stream hands out first is on the disk before, with what it counts", async (t) => {
    const { client, folder } = await journalingClient(t, await away(t), "4.00");
    const records = () => {
        const name = readdirSync(folder).find((each) => each.endsWith(".spool"));
        return decode(readFileSync(join(folder, name)));
    };
    let number = 0;
    for await (const _ of client.stream("f", { user: "ada" }, async () => ["one", "two"])) {
        if (number++ > 0) continue;
        const { r, counted, operations: [operation] } = records().at(-1);
        assert.deepEqual([r, counted, operation.op, operation.user_id], ["outcome", "4.00", "record", "ada"]);
        assert.equal(operation.counted, undefined);
        // As a process that died would leave it; meanwhile the feature holds less.
        const left = join(dirname(folder), "left");
        cpSync(folder, left, { recursive: true });
        const { client: next } = await journalingClient(t, await away(t), "1.00", left);
        assert.equal(next.engine.outage.total, 4_000_000n);
    }
    assert.deepEqual(records().map(({ r }) => r), ["open", "outcome", "outcome"]);
});

test("a chunk that cannot be noted is not handed out", async (t) => {
    const { client } = await journalingClient(t, await away(t), "4.00");
    const source = () => {
        client.engine.spool.writeToDisk = () => Promise.reject(new Error("broken"));
        return ["one"];
    };
    await assert.rejects(async () => {
        for await (const _ of client.stream("f", { user: "ada" }, source)) assert.fail("It was handed out.");
    }, cuebx.SpoolUnavailable);
    assert.equal(client.engine.outage.total, 0n);
});

test("what a late validate holds is given back if the call delivers nothing", async (t) => {
    const { held, release } = gate();
    const service = await fakeService(t, usual, async (verb) => {
        if (verb === "validate") await held;
    });
    const { client } = await journalingClient(t, service, "1.00");
    const error = new Error("away");
    await assert.rejects(client.metered("f", { user: "ada" }, (call) => {
        assert.ok(call.isJournaled);
        throw error;
    }), (thrown) => thrown === error);
    release();
    assert.ok(await client.flush());
    const [commit] = service.operations("commit");
    assert.ok(commit.usage_id.startsWith("usage-") && commit.success === false);
});

test("what a lost validate may hold is asked for, and given back", async (t) => {
    let isAway = true;
    const service = await fakeService(t, usual, async () => (isAway ? { status: 502, body: {} } : undefined));
    const { client } = await journalingClient(t, service, "1.00");
    await assert.rejects(client.metered("f", { user: "ada" }, () => {
        isAway = false;
        throw new Error("away");
    }));
    assert.ok(await client.flush());
    assert.equal(service.operations("commit")[0].success, false);
});

test("a call that was granted does not run again in an outage", async (t) => {
    let isAway = false;
    const service = await fakeService(t, usual, async () => (isAway ? { status: 503, body: {} } : undefined));
    const { client } = await journalingClient(t, service, "1.00");
    const run = (requestId) => client.metered("f", { user: "u", requestId }, (call) => call.isJournaled);
    assert.equal(await run("one"), false);
    assert.ok(await client.flush());
    isAway = true;
    await assert.rejects(run("one"), cuebx.AlreadyFinished);
    assert.equal(await run("two"), true);
});

test("only what says that the service is away is an outage", () => {
    const { outage, clock } = outageCase();
    const operation = new Operation("validate", {}, () => undefined);
    const isOf = (result) => outage.isOf(operation, result, clock.now);
    const away = new NoAnswer("away", false, true);
    assert.ok(isOf(away) && isOf(new Answer(502, {}, {})) && isOf(new Answer(503, {}, { code: "overloaded" })));
    for (const status of [200, 401, 402, 404, 408, 409, 422, 429, 500, 504]) {
        assert.ok(!isOf(new Answer(status, {}, {})));
    }
    const over = new NoAnswer("not in time", false);
    assert.ok(isOf(over) && isOf(undefined));
    // Others were answered meanwhile: it is no outage but a queue.
    clock.heard = clock.now;
    assert.ok(!isOf(over) && !isOf(undefined));
    operation.last = new NoAnswer("garbage", true);
    assert.ok(!isOf(over) && !isOf(undefined));
    operation.last = away;
    assert.ok(isOf(over) && isOf(undefined));
});
