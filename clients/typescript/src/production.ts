/**
 * What a stream has produced so far, and which part of it was captured: lower bounds until the provider
 * tells.
 */
import { readChunk } from "./chunks.js";
import type { Counts } from "./chunks.js";
import { LONGEST_MODEL, MOST_TOKENS, shown } from "./limits.js";
import type { Body } from "./transport.js";

/** A token of output is at most so many bytes of UTF-8, as good as always. */
const BYTES_OF_A_TOKEN = 8;
const TOKENS = [
    "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens",
] as const;

export type Tokens = Record<typeof TOKENS[number], number>;

export class Production {
    /** Chunks that were handed out. */
    chunks = 0;
    captures = 0;
    private size = 0;
    private counts: Counts = {};
    private readonly captured: Tokens = none();

    add(chunk: unknown): void {
        const { size, counts } = readChunk(chunk);
        this.size += size;
        for (const [name, value] of Object.entries(counts)) {
            if (value === undefined) continue;
            // Counts never shrink: the last event of a stream may leave out what the first has told.
            const known = this.counts[name as keyof Counts];
            const most = typeof value === "number" && typeof known === "number" ? Math.max(known, value) : value;
            this.counts = { ...this.counts, [name]: most };
        }
    }

    /** What the provider says that it is. */
    get model(): string | undefined {
        return this.counts.model;
    }

    /** Tokens so far, at least. */
    get total(): Tokens {
        const input = this.counts.inputTokens ?? 0;
        const output = Math.max(
            this.counts.outputTokens ?? 0, Math.floor(this.size / BYTES_OF_A_TOKEN));
        return {
            input_tokens: input, output_tokens: output,
            cached_input_tokens: Math.min(this.counts.cachedInputTokens ?? 0, input),
            reasoning_tokens: Math.min(this.counts.reasoningTokens ?? 0, output),
        };
    }

    /** Tokens of input and output since the last capture. */
    get uncaptured(): number {
        const total = this.total;
        return total.input_tokens + total.output_tokens - this.capturedTokens;
    }

    get capturedTokens(): number {
        return this.captured.input_tokens + this.captured.output_tokens;
    }

    /**
     * The tokens since the last capture; undefined if there is nothing to capture. What was handed out
     * first counts even if it is less than a token: of a fixed price it takes the whole.
     */
    part(): Tokens | undefined {
        const total = this.total;
        const part = none();
        for (const name of TOKENS) part[name] = Math.max(0, total[name] - this.captured[name]);
        const isEmpty = TOKENS.every((name) => part[name] === 0);
        if (this.chunks === 0 || this.captures > 0 && isEmpty) return undefined;
        part.cached_input_tokens = Math.min(part.cached_input_tokens, part.input_tokens);
        part.reasoning_tokens = Math.min(part.reasoning_tokens, part.output_tokens);
        return part;
    }

    /** Of a call's total, what no capture has told. */
    withoutCaptured(total: Body): Body {
        const rest = { ...total };
        for (const name of TOKENS) {
            if (name in rest) rest[name] = Math.max(0, Number(rest[name]) - this.captured[name]);
        }
        for (const [part, whole] of [
            ["cached_input_tokens", "input_tokens"], ["reasoning_tokens", "output_tokens"],
        ] as const) {
            if (part in rest) rest[part] = Math.min(Number(rest[part]), Number(rest[whole] ?? 0));
        }
        return rest;
    }

    metrics(tokens: Tokens): Body {
        const metrics: Body = {};
        for (const name of TOKENS) {
            if (tokens[name] || name === "input_tokens" || name === "output_tokens") {
                metrics[name] = tokens[name];
            }
        }
        if (this.counts.model) metrics.model_used = shown(this.counts.model, LONGEST_MODEL);
        return metrics;
    }

    /** Notes a part as captured; with -1, as not captured after all. */
    take(part: Tokens, sign: 1 | -1 = 1): void {
        this.captures += sign;
        for (const name of TOKENS) this.captured[name] += sign * part[name];
    }
}

function none(): Tokens {
    return { input_tokens: 0, output_tokens: 0, cached_input_tokens: 0, reasoning_tokens: 0 };
}

export function hasTokens(metrics: Body): boolean {
    return TOKENS.some((name) => name in metrics);
}

/** Each with at most as many tokens as the service takes at once; one at least. */
export function partsOf(tokens: Body): Body[] {
    const parts: Body[] = [];
    const rest = { ...tokens };
    while (TOKENS.some((name) => Number(rest[name] ?? 0) > MOST_TOKENS)) {
        const part: Body = "model_used" in rest ? { model_used: rest.model_used } : {};
        for (const name of TOKENS) {
            if (!(name in rest)) continue;
            part[name] = Math.min(MOST_TOKENS, Number(rest[name]));
            rest[name] = Number(rest[name]) - Number(part[name]);
        }
        parts.push(part);
    }
    return [...parts, rest];
}
