import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { inspect } from "node:util";

import * as browser from "../dist/esm/browser.js";
import * as cuebx from "../dist/esm/index.js";
import { fakeService, gate, newClient, usual } from "./service.mjs";

const USER = { user: "t" };

test("a handler is metered by its request, and a refusal is the caller's answer", async (t) => {
    let refusal;
    const service = await fakeService(t, (operation) => refusal ?? usual(operation));
    const { client } = newClient(t, service);
    const handle = cuebx.meteredHandler(client, "f", async (request, call) => {
        const text = await request.text();
        call.settle({ outputTokens: text.length });
        return new Response(text, { status: text === "fail" ? 502 : 200 });
    });
    const ask = (body) => handle(new Request("http://tool.example/v1/match?x=1", {
        method: "POST", body, headers: { Authorization: "Bearer u", "Idempotency-Key": `key-${body}` },
    }));
    assert.equal(await (await ask("good")).text(), "good");
    assert.equal((await ask("fail")).status, 502);
    assert.ok(await client.flush());
    const [validate] = service.operations("validate");
    assert.deepEqual([validate.request_id, validate.endpoint, validate.method],
        ["key-good", "/v1/match", "POST"]);
    assert.equal(validate.payload_hash, cuebx.payloadHash("good"));
    const [good, fail] = service.operations("commit");
    assert.equal(good.metrics.output_tokens, 4);
    assert.equal(fail.failure.failure_type, "upstream_error");

    refusal = { status: 429, headers: { "Retry-After": "9" },
        body: { access: "denied", code: "quota_exceeded", message: "Not enough credits." } };
    const refused = await ask("more");
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "9");
    assert.equal((await refused.json()).code, "quota_exceeded");
    // A wrong key is the tool server's own mistake: nothing of it is told.
    refusal = { status: 401, body: { code: "invalid_internal_key", detail: "Send a valid key." } };
    const ours = await ask("again");
    assert.equal(ours.status, 500);
    assert.ok(!(await ours.text()).includes("key"));
    // A call that runs already: the service says so with a 200, the caller is refused all the same.
    refusal = { status: 200, body: { access: "granted", code: "replayed", usage_id: "x", user_id: "u" } };
    assert.equal((await ask("twice")).status, 409);
    refusal = { status: 401, body: { code: "invalid_token", detail: "No." } };
    assert.equal((await ask("other")).headers.get("www-authenticate"), "Bearer");
});

test("a customer is who the host reads from the request, and their key is told to nobody", async (t) => {
    let refusal;
    const service = await fakeService(t, (operation) => (operation.op === "validate" && refusal) || {
        ...usual(operation), body: { ...usual(operation).body, is_test_key: true },
    });
    const { client, events } = newClient(t, service);
    const key = "cbx_test_secret-key";
    const handle = cuebx.meteredHandler(client, "api.f", (request, call) => Response.json(
        { client: call.clientId, user: call.userId, test: call.isTestKey, shown: inspect(call, { depth: 9 }) }), {
        of: (request) => ({
            customer: new cuebx.Customer(request.headers.get("x-client-id"), request.headers.get("authorization")),
        }),
    });
    const clientId = "ws_" + "0a".repeat(16);
    const ask = async (name = clientId, apiKey = key) => {
        const headers = { "X-Client-ID": name, Authorization: `Bearer ${apiKey}` };
        const answer = await handle(new Request("http://tool.example/x", { method: "POST", body: "b", headers }));
        return [answer.status, await answer.json(), answer.headers.get("www-authenticate")];
    };
    const [status, { shown, ...told }] = await ask();
    assert.deepEqual([status, told], [200, { client: clientId, user: "", test: true }]);
    const [validate] = service.operations("validate");
    assert.deepEqual([validate.api_key, validate.client_id], [key, clientId]);
    assert.equal(service.requests[0].headers.authorization, undefined);
    for (const [answered, code, expected, challenge] of [
        [401, "invalid_api_key", 401, "Bearer"], [400, "malformed_api_key", 401, "Bearer"],
        [403, "key_of_another_workspace", 403, null], [402, "workspace_frozen", 402, null],
        [429, "key_limit_reached", 429, null]]) {
        refusal = { status: answered, body: { code, detail: "No." } };
        const [refused, body, asked] = await ask();
        assert.deepEqual([refused, body.code, asked], [expected, code, challenge]);
    }
    assert.equal((await ask("nobody"))[1].code, "key_of_another_workspace");
    assert.equal((await ask(clientId, "a b"))[1].code, "malformed_api_key");
    assert.ok(await client.flush());
    const [commit] = service.operations("commit");
    assert.deepEqual([commit.client_id, "user_id" in commit], [clientId, false]);
    assert.ok(!JSON.stringify([shown, events, service.operations("commit")]).includes("secret-key"));
    const customer = new cuebx.Customer(clientId, [key]);
    assert.ok(!`${inspect(customer, { depth: 9, showHidden: true })}${JSON.stringify(customer)}`.includes(key));
    await assert.rejects(client.begin("f", { user: "u", customer }), TypeError);
    await assert.rejects(client.begin("f", { customer: { clientId, apiKey: key } }), TypeError);
    for (const none of [undefined, null, [], [key, key], 5]) {
        await assert.rejects(client.begin("f", { customer: new cuebx.Customer(clientId, none) }), cuebx.MalformedApiKey);
    }
    await assert.rejects(
        client.begin("f", { customer: new cuebx.Customer([clientId, clientId], key) }), cuebx.KeyOfAnotherWorkspace);
});

test("what no call can be made of is refused before the service is asked", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const handle = cuebx.meteredHandler(client, "f", () => new Response("ran"));
    const ask = (headers) => handle(new Request("http://tool.example/x", { method: "POST", body: "b", headers }));
    const status = async (headers) => (await ask(headers)).status;
    assert.equal((await ask({})).headers.get("www-authenticate"), "Bearer");
    assert.equal(await status({}), 401);
    assert.equal(await status({ Authorization: "Bearer \u00e9" }), 401);
    assert.equal(await status({ Authorization: "Bearer u", "Idempotency-Key": "x".repeat(256) }), 400);
    assert.equal(service.requests.length, 0);
    assert.equal(await status({ Authorization: "Bearer u", "Idempotency-Key": "" }), 200);
    assert.ok(service.operations("validate")[0].request_id.length > 30);
});

/** A server whose handler gets what Express's would: a parsed body. */
async function served(t, handler) {
    const errors = [];
    const server = createServer(async (request, response) => {
        let text = "";
        for await (const part of request) text += part;
        request.body = text && JSON.parse(text);
        await handler(request, response, (error) => {
            errors.push(error);
            response.statusCode = 500;
            response.end();
        });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    return { url: `http://127.0.0.1:${server.address().port}`, errors };
}

test("a handler of Express's shape is metered, and its answer sent once the outcome is written", async (t) => {
    let refusal;
    const service = await fakeService(t, (operation) => refusal ?? usual(operation));
    const { client } = newClient(t, service);
    const handle = cuebx.meteredExpress(client, "f", async (request, response, call) => {
        if (request.body.does === "throw") throw new RangeError("x");
        if (request.body.does === "fail") response.statusCode = 502;
        call.settle({ outputTokens: 7 });
        return { done: request.body.does };
    }, { of: () => ({ holdSeconds: 9 }) });
    const { url, errors } = await served(t, handle);
    const ask = (does) => fetch(`${url}/v1/match?x=1`, {
        method: "POST", body: JSON.stringify({ does }),
        headers: { Authorization: "Bearer u", "Idempotency-Key": `key-${does}` },
    });
    assert.deepEqual(await (await ask("well")).json(), { done: "well" });
    assert.equal((await ask("fail")).status, 502);
    assert.equal((await ask("throw")).status, 500);
    assert.equal(errors[0].name, "RangeError");
    assert.ok(await client.flush());
    const [validate] = service.operations("validate");
    assert.deepEqual([validate.request_id, validate.endpoint, validate.hold_seconds], ["key-well", "/v1/match", 9]);
    assert.equal(validate.payload_hash, cuebx.payloadHash({ does: "well" }));
    const failures = service.operations("commit").map((each) => each.failure?.failure_type);
    assert.deepEqual(failures, [undefined, "upstream_error", "internal_error"]);
    refusal = { status: 402, body: { access: "denied", code: "no_subscription", message: "None." } };
    const refused = await ask("more");
    assert.equal(refused.status, 402);
    assert.equal((await refused.json()).detail, "None.");
});

test("a caller of Express's that goes away leaves nothing held", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const { held, release } = gate();
    const handle = cuebx.meteredExpress(client, "f", (request, response, call) => {
        release();
        return new Promise((_, reject) => {
            call.signal.addEventListener("abort", () => reject(call.signal.reason));
        });
    });
    const { url } = await served(t, handle);
    const away = new AbortController();
    const asked = fetch(url, {
        method: "POST", body: "{}", signal: away.signal, headers: { Authorization: "Bearer u" },
    }).catch((error) => error.name);
    await held;
    away.abort();
    assert.equal(await asked, "AbortError");
    while (service.operations("commit").length === 0) await new Promise(setImmediate);
    assert.equal(service.operations("commit")[0].failure.failure_type, "client_error");
});

test("a model of the AI SDK is metered by its middleware", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const middleware = cuebx.meteredMiddleware(client, "f", (params) => ({ user: params.user }));
    const params = { user: "t" };
    const model = { modelId: "m-1" };
    await middleware.wrapGenerate({
        doGenerate: async () => ({ usage: { inputTokens: 2, outputTokens: 3 } }), params, model,
    });
    const stream = () => new ReadableStream({
        start(controller) {
            for (let number = 0; number < 9; number++) controller.enqueue({ type: "text-delta", delta: "12345678" });
            controller.enqueue({ type: "finish", usage: { inputTokens: 2, outputTokens: 30 } });
            controller.close();
        },
    });
    const read = await middleware.wrapStream({ doStream: async () => ({ stream: stream() }), params, model });
    const parts = [];
    for await (const part of read.stream) parts.push(part);
    assert.equal(parts.length, 10);
    await assert.rejects(middleware.wrapStream({
        doStream: () => Promise.reject(new DOMException("late", "TimeoutError")), params, model,
    }), { name: "TimeoutError" });
    assert.ok(await client.flush());
    const [generated, streamed, failed] = service.operations("commit");
    assert.deepEqual([generated.metrics.output_tokens, generated.metrics.model_used], [3, "m-1"]);
    assert.equal(streamed.metrics.output_tokens, 30);
    assert.equal(failed.failure.failure_type, "timeout");
});

test("the host's span gets OpenTelemetry's names", async (t) => {
    let refusal;
    const service = await fakeService(t, (operation) => refusal ?? usual(operation));
    const spans = [];
    const activeSpan = () => {
        const attributes = {};
        spans.push(attributes);
        return { setAttributes: (more) => Object.assign(attributes, more) };
    };
    const { client } = newClient(t, service, { activeSpan });
    await client.metered("f", { user: "secret", requestId: "one" },
        (call) => call.settle({ inputTokens: 2, outputTokens: 3, model: "m" }));
    await assert.rejects(client.metered("f", USER, () => { throw new DOMException("late", "TimeoutError"); }));
    refusal = { status: 429, body: { access: "denied", code: "quota_exceeded", message: "None." } };
    await assert.rejects(client.metered("f", USER, () => undefined), cuebx.OutOfCredits);
    assert.deepEqual(spans[0], {
        "cuebx.feature": "f", "cuebx.request_id": "one", "cuebx.usage_id": "usage-one",
        "cuebx.credits_reserved": "1.00", "cuebx.outcome": "success", "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 2, "gen_ai.usage.output_tokens": 3,
    });
    assert.deepEqual([spans[1]["cuebx.outcome"], spans[1]["error.type"]], ["failure", "timeout"]);
    assert.deepEqual([spans[2]["cuebx.outcome"], spans[2]["error.type"]], ["not_run", "quota_exceeded"]);
});

test("a wrapped function is metered each time, by its own arguments", async (t) => {
    const service = await fakeService(t);
    const { client } = newClient(t, service);
    const double = client.wrap("f", (user, number) => ({ user, payload: number }), (_, number) => number * 2);
    assert.deepEqual([await double("t", 2), await double("t", 3)], [4, 6]);
    assert.ok(await client.flush());
    assert.deepEqual(service.operations("validate").map((each) => each.payload_hash),
        [cuebx.payloadHash(2), cuebx.payloadHash(3)]);
});

test("CommonJS has the same as ESM", () => {
    const required = createRequire(import.meta.url)("../dist/cjs/index.js");
    assert.deepEqual(Object.keys(required).sort(), Object.keys(cuebx).sort());
});

test("a browser meets the user's own endpoints, and the internal key throws there", async () => {
    assert.throws(() => new browser.Client(), TypeError);
    assert.throws(() => new browser.UserClient({ url: "/", token: () => "", internalKey: "k" }), TypeError);
    const text = readFileSync(new URL("../dist/esm/browser.js", import.meta.url), "utf8");
    assert.ok(!/node:|career\/internal|X-Internal-API-Key|\bimport\b/.test(text));
});

test("the types of the package are whole without Node's", (t) => {
    const folder = new URL("types/", import.meta.url).pathname;
    const result = spawnSync("tsc", ["--project", folder], { encoding: "utf8" });
    assert.equal(result.status, 0, result.stdout);
});
