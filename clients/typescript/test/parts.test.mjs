import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import {
    canonicalJSON, Customer, failureType, InvalidRequest, InvalidToken, MalformedApiKey, payloadHash,
} from "../dist/esm/index.js";
import * as limits from "../dist/esm/limits.js";
import { readChunk } from "../dist/esm/chunks.js";
import { Operation, Secret } from "../dist/esm/transport.js";
import { crc32, decode, encode, header, todo, UnknownVersion, USERS, versionOf } from "../dist/esm/spool-format.js";
import { fakeService, newClient, newFolder } from "./service.mjs";

const VECTORS = new URL("../../scenarios/vectors/", import.meta.url);
const vectors = (name) => JSON.parse(readFileSync(new URL(name, VECTORS), "utf8"));

test("payload_hash is the same in all languages", () => {
    const { json, bytes, refused } = vectors("payload_hash.json");
    for (const each of json) {
        assert.equal(canonicalJSON(JSON.parse(each.json)), each.canonical, each.name);
        const value = JSON.parse(each.json);
        // A text is hashed as it is; only as a member is it JSON.
        if (typeof value !== "string") assert.equal(payloadHash(value), each.sha256, each.name);
    }
    for (const each of bytes) assert.equal(payloadHash(Buffer.from(each.hex, "hex")), each.sha256, each.name);
    for (const each of refused) assert.throws(() => canonicalJSON(JSON.parse(each.json)), TypeError, each.name);
});

test("a header is read alike in all languages", () => {
    for (const { name, given, credential } of vectors("credentials.json").cases) {
        const customer = new Customer("ws_" + "0a".repeat(16), given);
        if (credential === null) {
            assert.throws(() => Customer.judged(customer), MalformedApiKey, name);
            assert.throws(() => limits.token(given), InvalidToken, name);
        } else {
            assert.equal(Customer.judged(customer).text, credential, name);
            assert.equal(limits.token(given), credential, name);
        }
    }
});

test("an operation shows no secret before or after it was encoded", () => {
    const operation = new Operation("validate", { client_id: "ws" }, () => undefined, {
        token: new Secret("the token"), apiKey: new Secret("the key"),
    });
    for (const shown of [inspect(operation), operation.element() && inspect(operation, { showHidden: true })]) {
        assert.ok(!shown.includes("the token") && !shown.includes("the key"), shown);
    }
    assert.ok(operation.element().includes("the key"));
});

test("what is no JSON has no hash", () => {
    for (const value of [NaN, Infinity, 1n, () => 1, Symbol("x"), { a: NaN }, [-Infinity], "\ud800"]) {
        assert.throws(() => payloadHash(value), TypeError);
    }
    // What has its content elsewhere than in its members would be hashed as nothing.
    for (const value of [new Map(), new Set(), new FormData(), new URLSearchParams("a=1"), new Blob(["a"])]) {
        assert.throws(() => payloadHash(value), TypeError);
    }
    const bytes = new Uint8Array([1, 2, 3]);
    for (const value of [bytes.buffer, new DataView(bytes.buffer)]) assert.equal(payloadHash(value), payloadHash(bytes));
    // As JSON.stringify has it.
    assert.equal(canonicalJSON({ b: undefined, a: [undefined], at: new Date(0) }),
        '{"a":[null],"at":"1970-01-01T00:00:00.000Z"}');
});

test("a spool is read alike in all languages", () => {
    for (const each of vectors("spool.json").files) {
        const data = Buffer.from(each.hex, "hex");
        if (each.todo === null) {
            assert.throws(() => decode(data, each.newest), UnknownVersion, each.name);
            continue;
        }
        const left = todo(decode(data, each.newest)).map(({ usageId, userId, clientId, operations }) => ({
            usage_id: usageId, ...(clientId ? { client_id: clientId } : { user_id: userId }),
            operations: operations ?? null,
        }));
        assert.deepEqual(left, each.todo, each.name);
    }
});

test("a spool that ends anywhere is read up to there, and one bit more is no record", () => {
    const records = [{ r: "open", usage_id: "a", user_id: "é" }, { r: "done", usage_id: "a" }];
    const beginning = header(USERS);
    const whole = Buffer.concat([beginning, ...records.map(encode)]);
    assert.deepEqual(decode(whole), records);
    const first = beginning.length + encode(records[0]).length;
    for (let length = beginning.length; length < whole.length; length++) {
        assert.equal(decode(whole.subarray(0, length)).length, length < first ? 0 : 1);
    }
    for (let bit = beginning.length * 8; bit < whole.length * 8; bit++) {
        const broken = Buffer.from(whole);
        broken[bit >> 3] ^= 1 << (bit & 7);
        assert.ok(decode(broken).length < 2);
    }
    assert.equal(crc32(Buffer.from("123456789")), 0xcbf43926);
});

test("users' and customers' records go each to files of their own version", async (t) => {
    const folder = newFolder(t);
    const { client } = newClient(t, await fakeService(t), { spool: folder });
    const customer = new Customer(`ws_${"0a".repeat(16)}`, "k");
    const calls = [await client.begin("f", { user: "t" }), await client.begin("f", { customer })];
    const versions = () => readdirSync(folder).sort().map((name) => readFileSync(join(folder, name)))
        .map((data) => [data[11], ...new Set(decode(data).map(versionOf))]).sort();
    assert.deepEqual(versions(), [[1, 1], [2, 2]]);
    await calls[1].end();
    assert.ok(await client.flush());
    assert.deepEqual(versions(), [[1, 1], [2, 2]]);
    await calls[0].end();
    assert.ok(await client.close());
    assert.deepEqual(versions(), []);
});

test("a spool is nobody else's to read, and goes once all is told", async (t) => {
    const folder = newFolder(t);
    const { client } = newClient(t, await fakeService(t), { spool: folder });
    await client.metered("f", { user: "t" }, () => null);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    const [name] = readdirSync(folder);
    assert.match(name, /\.spool$/);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    // The lock is this process's: nobody else gets it.
    assert.equal(spawnSync("flock", ["--nonblock", join(folder, name), "true"]).status, 1);
    assert.ok(await client.close());
    assert.deepEqual(readdirSync(folder), []);
});

test("a file that is in use is nobody's to take over", async (t) => {
    const folder = newFolder(t);
    const service = await fakeService(t);
    const { client } = newClient(t, service, { spool: folder });
    const call = await client.begin("f", { user: "t" });
    const { client: other, events } = newClient(t, service, { spool: folder });
    assert.ok(await other.flush());
    assert.deepEqual(events, []);
    assert.equal(service.operations("commit").length, 0);
    await call.end();
    assert.ok(await client.flush());
    assert.equal(service.operations("commit").length, 1);
});

test("a process that ends by itself leaves no file that says nothing", (t) => {
    const folder = newFolder(t);
    const script = `import { Client } from "cuebx-under-test";
        const client = new Client({ url: "http://127.0.0.1:9", spool: process.env.FOLDER, validateSeconds: 0.2 });
        await client.metered("f", { user: "t" }, () => null).catch(() => null);`;
    const url = new URL("../dist/esm/index.js", import.meta.url).href;
    const result = spawnSync(process.execPath, [
        "--input-type=module", "--eval", script.replace("cuebx-under-test", url),
    ], { env: { ...process.env, FOLDER: folder }, encoding: "utf8" });
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(readdirSync(folder), []);
});

test("what is no spool is left, and told once", async (t) => {
    const folder = newFolder(t);
    mkdirSync(folder);
    writeFileSync(join(folder, "other.spool"), "something else");
    const { client, events } = newClient(t, await fakeService(t), { spool: folder });
    await client.flush();
    await client.engine.spool.look();
    assert.equal(events.filter((event) => event.name === "spool_unknown").length, 1);
    assert.deepEqual(readdirSync(folder), ["other.spool"]);
});

test("each error has its failure type", () => {
    const named = (name, more = {}) => Object.assign(new Error("x"), { name }, more);
    for (const [error, type] of [
        [new DOMException("", "AbortError"), "client_error"],
        [new DOMException("", "TimeoutError"), "timeout"],
        [named("APIConnectionTimeoutError"), "timeout"], [named("RateLimitError"), "rate_limited"],
        [named("APIError", { status: 429 }), "upstream_error"], [named("X", { status: 429 }), "rate_limited"],
        [named("X", { statusCode: 500 }), "upstream_error"], [named("ZodError"), "validation_error"],
        [named("BadRequestError"), "validation_error"], [named("AI_APICallError"), "upstream_error"],
        [new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } }), "upstream_error"],
        [new TypeError("fetch failed", { cause: { code: "UND_ERR_HEADERS_TIMEOUT" } }), "timeout"],
        [new InvalidRequest("x", { status: 422, code: "validation_error" }), "internal_error"],
        [new SyntaxError("x"), "invalid_response"], [new TypeError("x"), "internal_error"],
        ["text", "internal_error"], [null, "internal_error"], [undefined, "internal_error"],
    ]) assert.equal(failureType(error), type, String(error));
});

test("chunks are read by their shape", () => {
    for (const [chunk, size, counts] of [
        ["é", 2, {}], [new Uint8Array(5), 5, {}], [null, 0, {}], [7, 0, {}], [{}, 0, {}],
        [{ choices: [{ delta: { content: "abc", tool_calls: [{ function: { arguments: "{}" } }] } }] }, 5, {}],
        [{ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4,
            prompt_tokens_details: { cached_tokens: 1 } }, model: "m" }, 0,
        { inputTokens: 3, outputTokens: 4, cachedInputTokens: 1, model: "m" }],
        [{ type: "response.output_text.delta", delta: "ab" }, 2, {}],
        [{ type: "response.completed", response: { model: "r", usage: { input_tokens: 1, output_tokens: 2,
            output_tokens_details: { reasoning_tokens: 1 } } } }, 0,
        { inputTokens: 1, outputTokens: 2, reasoningTokens: 1, model: "r" }],
        [{ type: "message_start", message: { model: "c", usage: { input_tokens: 5,
            cache_read_input_tokens: 2, cache_creation_input_tokens: 1, output_tokens: 1 } } }, 0,
        { inputTokens: 8, cachedInputTokens: 2, outputTokens: 1, model: "c" }],
        [{ type: "content_block_delta", delta: { type: "text_delta", text: "abc" } }, 3, {}],
        [{ type: "text-delta", id: "0", delta: "abcd" }, 4, {}],
        [{ type: "text-delta", textDelta: "abcd" }, 4, {}],
        [{ type: "finish", usage: { inputTokens: 2, outputTokens: 3 } }, 0, { inputTokens: 2, outputTokens: 3 }],
        [{ type: "finish", usage: { promptTokens: 2, completionTokens: -3 } }, 0, { inputTokens: 2 }],
    ]) {
        const read = readChunk(chunk);
        assert.equal(read.size, size, JSON.stringify(chunk));
        const told = Object.fromEntries(Object.entries(read.counts).filter(([, value]) => value !== undefined));
        assert.deepEqual(told, counts, JSON.stringify(chunk));
    }
});

test("what a host says is judged where it enters", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const refused = async (kind, options) => {
        await assert.rejects(client.metered("f", options, () => assert.fail("it ran")), kind, JSON.stringify(options));
    };
    for (const user of ["", "é", "a\nb", "a b", undefined, 5]) await refused(InvalidToken, { user });
    for (const more of [
        { estimate: { model: "\ud800" } }, { estimate: { inputChars: NaN } }, { estimate: {} },
        { estimate: { inputTokens: 1.5 } }, { requestId: "x".repeat(256) }, { requestId: "a\0" },
        { holdSeconds: 0 }, { holdSeconds: 1.5 }, { method: "" }, { parent: "" },
    ]) await refused(InvalidRequest, { user: "t", ...more });
    assert.equal(service.requests.length, 0);
    const names = { requestId: "one", endpoint: "/\ud800", client: { userAgent: "\ud800" } };
    await client.metered("f", { user: "t", ...names }, (call) => {
        for (const used of [
            { outputTokens: 1.5 }, { outputTokens: -1 }, { outputTokens: true }, { outputTokens: 1e9 + 1 },
            { inputTokens: 1, cachedInputTokens: 2 }, { reasoningTokens: 1 }, { credits: 0.25 },
            { credits: "0.1234567" }, { credits: "-1" }, { credits: "1e3" }, { credits: "1", outputTokens: 1 },
            { credits: "1000000001" },
        ]) assert.throws(() => call.settle(used), InvalidRequest, JSON.stringify(used));
        assert.throws(() => call.fail("canceled", "x"), InvalidRequest);
        assert.throws(() => call.extend({ holdSeconds: 0 }), InvalidRequest);
        call.settle({ credits: 3 });
    });
    assert.ok(await client.flush());
    assert.equal(service.operations("validate")[0].endpoint, "/\ufffd");
    assert.equal(service.operations("commit")[0].credits, "3");
});

test("a result is a copy, as large and as deep as may be", () => {
    const nested = (depth) => (depth > 1 ? [nested(depth - 1)] : []);
    const loop = {};
    loop.loop = loop;
    for (const [title, data] of [
        ["", 7], ["x".repeat(256), 7], ["a\0", 7], [undefined, 7], ["t", undefined], ["t", () => 1], ["t", 1n],
        ["t", loop], ["t", nested(21)], ["t", { a: nested(20) }], ["t", "x".repeat(256 * 1024 - 1)],
        ["t", "é".repeat(128 * 1024)]]) {
        assert.throws(() => limits.result(title, data), InvalidRequest);
    }
    const data = { a: [1, null, "é"] };
    const kept = limits.result("t", data);
    data.a.push(2);
    assert.deepEqual(kept, { title: "t", data: { a: [1, null, "é"] } });
    for (const most of [nested(20), "x".repeat(256 * 1024 - 2), null, 1.5]) {
        assert.deepEqual(limits.result("t", most).data, most);
    }
});

test("a usage's records may lie in any order", () => {
    const start = { r: "open", usage_id: "a", user_id: "u" };
    const end = { r: "outcome", usage_id: "a", operations: [{ op: "commit" }] };
    const done = { r: "done", usage_id: "a" };
    const left = [{ usageId: "a", userId: "u", operations: [{ op: "commit" }] }];
    assert.deepEqual(todo([start, end]), left);
    assert.deepEqual(todo([end, start]), left);
    for (const records of [[done, start, end], [start, done, end], [end, start, done]]) {
        assert.deepEqual(todo(records), []);
    }
});
