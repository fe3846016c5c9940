import FoundationEssentials

/// Lets one thing at a time happen for a user in this process.
package actor UserTurns {
    private var waiting: [UUID: [CheckedContinuation<Void, Never>]] = [:]

    package init() {}

    package nonisolated func inTurn<Value: Sendable>(
        _ user: UUID, _ body: () async throws -> Value
    ) async throws -> Value {
        await enter(user)
        do {
            let value = try await body()
            await leave(user)
            return value
        } catch {
            await leave(user)
            throw error
        }
    }

    private func enter(_ user: UUID) async {
        guard waiting[user] != nil else {
            waiting[user] = []
            return
        }
        await withCheckedContinuation { waiting[user, default: []].append($0) }
    }

    private func leave(_ user: UUID) {
        guard var queue = waiting[user], !queue.isEmpty else {
            waiting[user] = nil
            return
        }
        let next = queue.removeFirst()
        waiting[user] = queue
        next.resume()
    }
}
