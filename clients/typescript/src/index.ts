/**
 * Meters an AI tool server's calls at a CueBX service: hold before, settle after, lose or double
 * nothing, whatever breaks.
 *
 *     const career = new Client();
 *     const result = await career.metered("career.job_match", { user: token, payload: body },
 *         async (call) => runModel(body));
 */
export { Customer } from "./asking.js";
export type { Caller, CallOptions, Estimate, Header, MeterOptions } from "./asking.js";
export { Call } from "./call.js";
export type { Settlement } from "./call.js";
export { Client } from "./client.js";
export type { ClientOptions, MeterOptionsOf } from "./client.js";
export * from "./errors.js";
export type { ClientEvent, EventLevel } from "./events.js";
export { meteredExpress } from "./express.js";
export type { ExpressHandler, ExpressOptions, ExpressRequest, ExpressResponse } from "./express.js";
export { failureType } from "./failures.js";
export { canonicalJSON, payloadHash } from "./hashing.js";
export type { JSONValue, Payload } from "./hashing.js";
export { meteredHandler } from "./handlers.js";
export type { Handler, HandlerOptions } from "./handlers.js";
export { meteredMiddleware } from "./middleware.js";
export type { LanguageModelMiddleware } from "./middleware.js";
export { DEFAULTS } from "./options.js";
export type { Options } from "./options.js";
export { failClosed, failOpenWithJournal } from "./outage.js";
export type { FailClosed, FailOpenWithJournal, OutagePolicy, VerifyToken } from "./outage.js";
export type { Span } from "./telemetry.js";
export type { Fetch } from "./transport.js";
export type { FailureType } from "./wire.js";
export * as wire from "./wire.js";
