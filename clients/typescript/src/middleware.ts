/** For models of the Vercel AI SDK: `wrapLanguageModel({ model, middleware: meteredMiddleware(…) })`. */
import type { MeterOptions } from "./asking.js";
import type { Call } from "./call.js";
import { sdkCounts } from "./chunks.js";
import type { Client } from "./client.js";

/** The parts of the SDK's middleware that are used; its own types are wider. */
export interface LanguageModelMiddleware {
    wrapGenerate<Result>(asked: {
        doGenerate: () => PromiseLike<Result>; params: unknown; model?: unknown;
    }): Promise<Result>;
    wrapStream<Result extends { stream: ReadableStream<unknown> }>(asked: {
        doStream: () => PromiseLike<Result>; params: unknown; model?: unknown;
    }): Promise<Result>;
}

/**
 * Meters each call of a model.
 *
 * `options` makes what is asked of the SDK's own parameters, e.g. the user of the request. A call's
 * tokens are those that the model tells.
 */
export function meteredMiddleware(
    client: Client, feature: string, options: (params: unknown) => MeterOptions,
): LanguageModelMiddleware {
    return {
        wrapGenerate: ({ doGenerate, params, model }) => client.metered(
            feature, options(params), async (call) => {
                const result = await doGenerate();
                settle(call, result, model);
                return result;
            }),
        async wrapStream({ doStream, params, model }) {
            const call = await client.begin(feature, options(params));
            call.assumeModel(idOf(model));
            try {
                const result = await doStream();
                return { ...result, stream: handedOn(call, result.stream) };
            } catch (error) {
                await call.end(error);
                throw error;
            }
        },
    };
}

function settle(call: Call, result: unknown, model: unknown): void {
    const { usage, response } = result as { usage?: unknown; response?: unknown };
    const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = sdkCounts(usage);
    if (outputTokens === undefined) return;
    const input = inputTokens ?? 0;
    call.settle({
        inputTokens: input, outputTokens, cachedInputTokens: atMost(cachedInputTokens, input),
        reasoningTokens: atMost(reasoningTokens, outputTokens), model: idOf(response) ?? idOf(model),
    });
}

/** A part that a provider counts beside its whole must not make the whole unreadable. */
function atMost(part: number | undefined, whole: number): number | undefined {
    return part === undefined ? undefined : Math.min(part, whole);
}

function idOf(model: unknown): string | undefined {
    const id = (model as { modelId?: unknown } | null | undefined)?.modelId;
    return typeof id === "string" && id ? id : undefined;
}

/** Counts what is read of the stream; the call ends with it, however it ends. */
function handedOn(call: Call, stream: ReadableStream<unknown>): ReadableStream<unknown> {
    const reader = stream.getReader();
    return new ReadableStream<unknown>({
        async pull(controller) {
            try {
                const { done, value } = await reader.read();
                if (done) {
                    await call.end();
                    return controller.close();
                }
                await call.produced(value);
                controller.enqueue(value);
            } catch (error) {
                await call.end(error);
                controller.error(error);
            }
        },
        async cancel(reason) {
            await call.end(new DOMException("The consumer went away.", "AbortError"));
            await reader.cancel(reason);
        },
    });
}
