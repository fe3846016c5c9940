import HTTPEndpoint
import HTTPTypes
import JSON

/// Many calls of the internal API in one request.
///
/// - Parameters:
///   - path: the batch's own address.
///   - verbs: what an operation may name.
///   - calls: handles each operation.
///   - canTake: whether so many more operations can be decided now.
package func batchEndpoint(
    _ path: String, _ verbs: [Endpoint], calls: CallHandler,
    canTake: @escaping @Sendable (Int) -> Bool
) -> Endpoint {
    let batch = BatchUsageCalls(verbs: verbs, calls: calls, canTake: canTake)
    return Endpoint(.post, path, tag: "Internal", batch, answering: batch.answerSchema)
}

/// The action behind ``batchEndpoint(_:_:calls:canTake:)``; a product whose batch is told of in
/// other words has an action of its own around it.
package struct BatchUsageCalls: Action {
    static let maximumOperations = 256

    private let verbs: UsageVerbs
    private let calls: CallHandler
    private let canTake: @Sendable (Int) -> Bool

    /// - Parameters:
    ///   - verbs: the endpoints that an operation may name by the last part of their addresses.
    ///     What they ask the ledger they must ask before they first wait for something, so that
    ///     operations are decided in their order.
    ///   - calls: handles each operation as it handles a request.
    ///   - prefix: stands before the names of the batch's schemas.
    ///   - canTake: whether the ledger takes so many more commands now.
    package init(
        verbs: [Endpoint], calls: CallHandler, prefix: String = "",
        canTake: @escaping @Sendable (Int) -> Bool
    ) {
        self.verbs = UsageVerbs(verbs, prefix: prefix)
        self.calls = calls
        self.canTake = canTake
    }

    package static let about = About(
        "Many calls of the internal API in one request",
        details: """
            Each operation is a call of its own: it is answered in its place exactly as the single \
            call would be, and one that is refused disturbs no other. The operations of one \
            account are decided in the order given; nothing else holds them together. Of \
            duplicates the first reserves. `token` is the user's access token and counts in its \
            operation alone; `prefer` is the header `Prefer`. An operation's request id is the \
            batch's with `.` and its place, counted from 0. The whole batch is refused if its key \
            is not good, it cannot be read, has more than 256 operations, finds no room (503) or \
            nothing of it could be decided (503).
            """,
        access: .internalKey, refusals: [.invalidInternalKey])

    package var answerSchema: Schema { UsageBatchResponse.schema(of: verbs) }

    package func read(_ input: inout InputReader) -> UsageBatchRequest {
        input.body(UsageBatchRequest.self) { [verbs] reader in
            UsageBatchRequest(&reader, verbs)
        }
    }

    package func perform(
        _ request: UsageBatchRequest, _ call: Call
    ) async throws -> Reply<UsageBatchResponse> {
        let operations = request.operations
        guard !operations.isEmpty else { return Reply(UsageBatchResponse(results: [])) }
        guard canTake(operations.count) else { throw Problem.overloaded }
        let start = ContinuousClock.now
        // Whoever has to be looked up may keep others waiting, but nobody out of their turn.
        let admitted = await together(operations.count) { number in
            await admit(operations[number], as: number, of: call)
        }
        let results = await together(operations.count) { number in
            await answer(operations[number], admitted[number], since: start)
        }
        // Nothing was decided: whoever sends it again need not look at its operations.
        if results.allSatisfy({ $0.refusal?.status == 503 }), let refusal = results[0].refusal {
            throw refusal
        }
        return Reply(UsageBatchResponse(results: results))
    }

    private struct Admission: Sendable {
        let call: Call
        let refusal: Problem?
    }

    private func admit(
        _ operation: UsageOperation, as number: Int, of batch: Call
    ) async -> Admission {
        var call = Call(
            id: RequestID.of(operation: number, in: batch.id),
            headers: operation.headers(in: batch.headers), remoteAddress: batch.remoteAddress)
        guard let endpoint = operation.endpoint else { return Admission(call: call, refusal: nil) }
        do {
            try await calls.gatekeeper.admit(&call, to: endpoint.about.access)
            return Admission(call: call, refusal: nil)
        } catch {
            return Admission(call: call, refusal: calls.problem(for: error, of: call))
        }
    }

    private func answer(
        _ operation: UsageOperation, _ admission: Admission, since start: ContinuousClock.Instant
    ) async -> UsageOperationResult {
        let call = admission.call
        guard let endpoint = operation.endpoint else {
            return UsageOperationResult(operation.refusal)
        }
        let result: UsageOperationResult
        do {
            if let refusal = admission.refusal { throw refusal }
            result = UsageOperationResult(
                try await calls.perform(endpoint, call) { try operation.work.get() })
        } catch {
            result = UsageOperationResult(calls.problem(for: error, of: call))
        }
        calls.observe(
            call, method: endpoint.method.rawValue, route: endpoint.path, status: result.status,
            since: start)
        return result
    }

    /// Starts all in their order, each up to where it first waits, and waits for all.
    private func together<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (Int, Value).self) { group in
            for number in 0..<count {
                group.addImmediateTask { (number, await body(number)) }
            }
            var values = [Value?](repeating: nil, count: count)
            for await (number, value) in group { values[number] = value }
            return values.compactMap { $0 }
        }
    }
}
