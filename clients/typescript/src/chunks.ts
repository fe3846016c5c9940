/**
 * What a chunk of a stream says: how much text it brings, and what the provider counted. By the shape
 * of the chunk, so that no SDK need be here: texts and bytes; OpenAI's chat completions and responses;
 * Anthropic's messages; the stream parts of the AI SDK.
 */

/** What was counted so far; undefined: the provider has not said. */
export interface Counts {
    inputTokens?: number;
    outputTokens?: number;
    cachedInputTokens?: number;
    reasoningTokens?: number;
    model?: string;
}

/** What a chunk says. */
export interface ReadChunk {
    size: number;
    counts: Counts;
}

const encoder = new TextEncoder();

/** The member of that name, and so on down; undefined if there is none. */
function member(value: unknown, ...names: string[]): unknown {
    for (const name of names) {
        if (typeof value !== "object" || value === null) return undefined;
        value = (value as Record<string, unknown>)[name];
    }
    return value;
}

function whole(value: unknown): number | undefined {
    return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function text(value: unknown): string | undefined {
    return typeof value === "string" && value ? value : undefined;
}

/** Bytes of a text in UTF-8; of what is no text, none. */
function sizeOf(value: unknown): number {
    if (typeof value === "string") return encoder.encode(value).length;
    return value instanceof Uint8Array ? value.length : 0;
}

function list(value: unknown): unknown[] {
    return Array.isArray(value) ? value : [];
}

export function readChunk(chunk: unknown): ReadChunk {
    if (typeof chunk === "string" || chunk instanceof Uint8Array) return { size: sizeOf(chunk), counts: {} };
    const kind = text(member(chunk, "type")) ?? "";
    if (kind.startsWith("response.")) return responseEvent(chunk, kind);
    if (kind.startsWith("message_") || kind.startsWith("content_block")) return messageEvent(chunk, kind);
    if (member(chunk, "choices") !== undefined) return completionChunk(chunk);
    if (/^(text|reasoning|tool-input)(-delta)?$/.test(kind) || kind === "finish") return streamPart(chunk);
    if (kind === "response-metadata") return { size: 0, counts: { model: text(member(chunk, "modelId")) } };
    return {
        size: sizeOf(member(chunk, "text")),
        counts: openAICounts(member(chunk, "usage"), member(chunk, "model")),
    };
}

/** OpenAI's chat completions, and others' that are shaped alike. */
function completionChunk(chunk: unknown): ReadChunk {
    let size = 0;
    for (const choice of list(member(chunk, "choices"))) {
        const delta = member(choice, "delta");
        for (const name of ["content", "refusal", "reasoning_content"]) size += sizeOf(member(delta, name));
        size += sizeOf(member(choice, "text"));
        for (const call of list(member(delta, "tool_calls"))) {
            size += sizeOf(member(call, "function", "arguments"));
        }
    }
    return { size, counts: openAICounts(member(chunk, "usage"), member(chunk, "model")) };
}

/** OpenAI's responses. */
function responseEvent(chunk: unknown, kind: string): ReadChunk {
    const response = member(chunk, "response");
    return {
        size: kind.endsWith(".delta") ? sizeOf(member(chunk, "delta")) : 0,
        counts: openAICounts(member(response, "usage"), member(response, "model")),
    };
}

function openAICounts(usage: unknown, model: unknown): Counts {
    return {
        inputTokens: whole(member(usage, "prompt_tokens")) ?? whole(member(usage, "input_tokens")),
        outputTokens: whole(member(usage, "completion_tokens")) ?? whole(member(usage, "output_tokens")),
        cachedInputTokens: whole(member(usage, "prompt_tokens_details", "cached_tokens"))
            ?? whole(member(usage, "input_tokens_details", "cached_tokens")),
        reasoningTokens: whole(member(usage, "completion_tokens_details", "reasoning_tokens"))
            ?? whole(member(usage, "output_tokens_details", "reasoning_tokens")),
        model: text(model),
    };
}

/**
 * Anthropic's messages. Their input tokens leave out what was read from and written to the cache; ours
 * are all of them, of which some were cached.
 */
function messageEvent(chunk: unknown, kind: string): ReadChunk {
    const delta = member(chunk, "delta");
    const usage = kind === "message_start" ? member(chunk, "message", "usage") : member(chunk, "usage");
    const fresh = whole(member(usage, "input_tokens"));
    const cached = whole(member(usage, "cache_read_input_tokens"));
    const written = whole(member(usage, "cache_creation_input_tokens"));
    return {
        size: ["text", "partial_json", "thinking"].reduce(
            (sum, name) => sum + sizeOf(member(delta, name)), 0),
        counts: {
            inputTokens: fresh === undefined ? undefined : fresh + (cached ?? 0) + (written ?? 0),
            outputTokens: whole(member(usage, "output_tokens")),
            cachedInputTokens: fresh === undefined ? undefined : cached,
            model: text(member(chunk, "message", "model")),
        },
    };
}

/** The AI SDK's: `delta` or `textDelta`, and `usage` at the end. */
function streamPart(chunk: unknown): ReadChunk {
    return {
        size: sizeOf(member(chunk, "delta")) + sizeOf(member(chunk, "textDelta"))
            + sizeOf(member(chunk, "text")),
        counts: sdkCounts(member(chunk, "usage")),
    };
}

/** The AI SDK's usage: of its version 6, whose counts are objects, of 5, and of 4. */
export function sdkCounts(usage: unknown): Counts {
    const input = member(usage, "inputTokens");
    const output = member(usage, "outputTokens");
    return {
        inputTokens: whole(member(input, "total")) ?? whole(input) ?? whole(member(usage, "promptTokens")),
        outputTokens: whole(member(output, "total")) ?? whole(output)
            ?? whole(member(usage, "completionTokens")),
        cachedInputTokens: whole(member(input, "cacheRead")) ?? whole(member(usage, "cachedInputTokens"))
            ?? whole(member(usage, "inputTokenDetails", "cacheReadTokens")),
        reasoningTokens: whole(member(output, "reasoning")) ?? whole(member(usage, "reasoningTokens"))
            ?? whole(member(usage, "outputTokenDetails", "reasoningTokens")),
    };
}

/** The AI SDK's parts by which nothing is produced yet. */
export function isPreamble(chunk: unknown): boolean {
    return /^(stream-start|response-metadata|raw|error|(text|reasoning|tool-input)-(start|end))$/.test(
        text(member(chunk, "type")) ?? "");
}
