// A service of the tests' own, and clients of it that leave nothing behind.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client } from "../dist/esm/index.js";

/** What validate and commit answer if nothing goes wrong. */
export function granted(operation) {
    return {
        status: 200,
        body: {
            access: "granted", user_id: "u", usage_id: `usage-${operation.request_id}`, message: "Granted.",
            credits_reserved: "1.00", status: "PENDING", code: "reserved", expires_at: null,
        },
    };
}

export const committed = {
    status: 200,
    body: { success: true, message: "Committed.", status: "SUCCESS", credits_charged: "1.00" },
};

export function usual(operation) {
    return operation.op === "validate" ? granted(operation) : committed;
}

/** `answer` is asked for each operation; `requests` lists what came in each request. */
export async function fakeService(t, answer = usual, whole = async () => undefined) {
    const requests = [];
    const server = createServer(async (request, response) => {
        let text = "";
        for await (const part of request) text += part;
        const verb = request.url.split("/").at(-1);
        const body = JSON.parse(text);
        const operations = verb === "batch" ? body.operations : [{ op: verb, ...body }];
        requests.push({ verb, operations, headers: request.headers });
        const instead = await whole(verb, operations);
        const results = operations.map((operation) => answer(operation, request.headers));
        const result = instead ?? (verb === "batch" ? { status: 200, body: { results } } : results[0]);
        response.writeHead(result.status, { "Content-Type": "application/json", ...result.headers });
        response.end(JSON.stringify(result.body));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
        server.closeAllConnections();
        server.close();
    });
    const operations = (op) => requests.flatMap((each) => each.operations).filter((each) => each.op === op);
    return { url: `http://127.0.0.1:${server.address().port}`, requests, operations };
}

/** `held` waits until `release`. */
export function gate() {
    let release;
    const held = new Promise((resolve) => { release = () => resolve(); });
    return { held, release };
}

export function newFolder(t) {
    const folder = mkdtempSync(join(tmpdir(), "cuebx-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, "spool");
}

export function newClient(t, service, options = {}) {
    const events = [];
    const client = new Client({
        url: service.url, spool: "memory", firstPause: 0.001, longestPause: 0.01, validateSeconds: 5,
        onEvent: (event) => events.push(event), ...options,
    });
    // The service is gone by then, so that nobody is to be waited for.
    t.after(() => client.close(0));
    return { client, events };
}
