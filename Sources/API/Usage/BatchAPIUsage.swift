import HTTPEndpoint
import UsageBatch

/// `POST /api/internal/usage/batch`: many calls of the internal API in one request.
struct BatchAPIUsage: Action {
    let batch: BatchUsageCalls
    let verbs: UsageVerbs

    static let about = About(
        "Many calls by key of the internal API in one request",
        details: """
            Each operation is a call of its own: it is answered in its place exactly as the single \
            call would be, and one that is refused disturbs no other. The operations of one \
            workspace are decided in the order given; nothing else holds them together. An \
            operation's request id is the batch's with `.` and its place, counted from 0. The \
            whole batch is refused if its internal key is not good, it cannot be read, has more \
            than 256 operations, finds no room (503) or nothing of it could be decided (503).
            """,
        access: .internalKey, refusals: [.invalidInternalKey])

    var answerSchema: Schema { batch.answerSchema }

    func read(_ input: inout InputReader) -> APIUsageBatchRequest {
        input.body(APIUsageBatchRequest.self) { [verbs] reader in
            APIUsageBatchRequest(&reader, verbs)
        }
    }

    func perform(
        _ request: APIUsageBatchRequest, _ call: Call
    ) async throws -> Reply<UsageBatchResponse> {
        try await batch.perform(request.batch, call)
    }
}

/// The same as Career's batch, of the verbs of this product.
struct APIUsageBatchRequest: JSONInput {
    let batch: UsageBatchRequest

    static let about = "Calls by key of the internal API, to be answered together."

    init(_ reader: inout ObjectReader) {
        batch = UsageBatchRequest(&reader)
    }

    init(_ reader: inout ObjectReader, _ verbs: UsageVerbs) {
        batch = UsageBatchRequest(&reader, verbs)
    }
}
