// What a host writes, as far as types go; it is compiled, not run.
import { Client, Customer, ExpressRequest, ExpressResponse, OutOfCredits, failureType, meteredExpress, wire } from "../../dist/esm/index.js";
import { UserClient } from "../../dist/esm/browser.js";

const career = new Client({ url: "http://127.0.0.1:8080", onEvent: (event) => event.name.length });

export async function host(token: string, body: Uint8Array): Promise<number> {
    try {
        return await career.metered("career.job_match", { user: token, payload: body }, async (call) => {
            call.settle({ outputTokens: 7 });
            return call.usageId.length;
        });
    } catch (error) {
        if (error instanceof OutOfCredits) return error.retryAfter ?? 0;
        const type: wire.FailureType = failureType(error);
        throw new Error(type);
    }
}

// @ts-expect-error A user is asked for.
void career.metered("f", {}, () => 1);
// @ts-expect-error A call is a user's or a customer's.
void career.metered("f", { user: "t", customer: new Customer("ws", "k") }, () => 1);
// @ts-expect-error A key that stands open in an object would be shown with it.
void career.metered("f", { customer: { clientId: "ws", apiKey: "k" } }, () => 1);

export async function byKey(headers: Record<string, string | string[] | undefined>, body: Uint8Array): Promise<boolean> {
    const customer = new Customer(headers["x-client-id"], headers["authorization"]);
    return career.metered("api.job_match", { customer, payload: body }, (call) => call.isTestKey);
}

export function ofFetch(request: Request): Customer {
    return new Customer(request.headers.get("x-client-id"), request.headers.get("authorization"));
}

// @ts-expect-error There is no such failure.
void career.metered("f", { user: "t" }, (call) => call.fail("nonsense", "x"));

interface Asked extends ExpressRequest { params: { id: string } }

export const route = meteredExpress(career, "f", (request: Asked, response: ExpressResponse, call) => {
    response.setHeader("X-Usage", call.usageId);
    return request.params.id;
});

export const user = new UserClient({ url: "/", token: () => "t" });
