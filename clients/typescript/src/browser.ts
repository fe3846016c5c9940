/** For browsers: what a signed-in user may ask for themselves. The internal key has no place there. */

export interface BrowserOptions {
    /** Of the service. */
    url: string;
    /** Gives the user's access token; called for each request. */
    token: () => string | Promise<string>;
}

/** What the service answered instead of what was asked for; `code` is for programs. */
export class RequestFailed extends Error {
    constructor(message: string, readonly status: number, readonly code: string) {
        super(message);
        this.name = "RequestFailed";
    }
}

export class UserClient {
    private readonly url: string;
    private readonly token: () => string | Promise<string>;

    constructor(options: BrowserOptions) {
        if ("internalKey" in options) {
            throw new TypeError("The internal key must never be in a browser.");
        }
        this.url = options.url.replace(/\/+$/, "");
        this.token = options.token;
    }

    /** Credits that are left, and the limits of the plan. */
    balance(): Promise<Record<string, unknown>> {
        return this.get("/career/usage/");
    }

    /** A page of the user's calls, newest first. */
    logs(query: { cursor?: string; limit?: number; status?: string; featureKey?: string } = {},
    ): Promise<Record<string, unknown>> {
        return this.get("/career/usage/logs", {
            cursor: query.cursor, limit: query.limit, status: query.status,
            feature_key: query.featureKey,
        });
    }

    /** What was spent, by day or by feature. */
    summary(query: { from?: string; to?: string; by?: "day" | "feature" } = {},
    ): Promise<Record<string, unknown>> {
        return this.get("/career/usage/summary", query);
    }

    /** The user's subscription; null if there is none. */
    async subscription(): Promise<Record<string, unknown> | null> {
        return this.get("/career/subscriptions/");
    }

    private async get<Answer>(
        path: string, query: Record<string, string | number | undefined> = {},
    ): Promise<Answer> {
        const address = new URL(this.url + path);
        for (const [name, value] of Object.entries(query)) {
            if (value !== undefined) address.searchParams.set(name, String(value));
        }
        const response = await fetch(address, {
            headers: { Authorization: `Bearer ${await this.token()}` },
        });
        const body: unknown = await response.json().catch(() => ({}));
        if (response.ok) return body as Answer;
        const { detail, code } = body as { detail?: unknown; code?: unknown };
        throw new RequestFailed(
            typeof detail === "string" ? detail : `HTTP ${response.status}`, response.status,
            typeof code === "string" ? code : "");
    }
}

/** Throws: metering takes the internal key, which must never be in a browser. */
export class Client {
    constructor() {
        throw new TypeError("Metering takes the internal key, which must never be in a browser.");
    }
}
