import Database
import FoundationEssentials
import Synchronization

/// Which messages are in work, in the table `message_tries`: RabbitMQ's own count tells how often
/// it handed a message out, not how often a worker died of it.
///
/// A try is written down before it begins and struck out when it has ended, however it did. While
/// it lasts its `beat` goes on rising. So whoever is handed the message next can tell: there is no
/// row where nobody had begun it, the beat rises where its worker lives and has only lost its
/// connection, and it stands still where the worker has died. Clocks are not compared.
final class RabbitMQTries: Sendable {
    /// How often the beat of a try rises.
    static let beatInterval = Duration.seconds(1)
    /// A beat that stands still for so long is a dead worker's.
    static let lostAfter = Duration.seconds(6)

    /// What another try has left behind.
    struct Trace: Sendable, Equatable {
        let tries: Int64
        /// 0 where nobody has the message in work.
        let beat: Int64
    }

    private struct Ending: Sendable {
        let id: UUID
        let answer: CheckedContinuation<Void, any Error>
    }

    private struct State {
        /// In work here.
        var begun: Set<UUID> = []
        /// Ended here, and no outcome could be told: these tries do not count. They are given
        /// back with the next that begin.
        var undone: Set<UUID> = []
        var lastBeat = ContinuousClock.now
        /// Told, and to be struck out in one database transaction.
        var ending: [Ending] = []
        var isEnding = false
    }

    private let database: any Database
    private let state = Mutex(State())

    init(database: any Database) {
        self.database = database
    }

    /// Begins tries of messages that nobody has begun before.
    /// - Returns: those it could; of the others there is a trace.
    func begin(_ ids: [UUID]) async throws -> Set<UUID> {
        guard !ids.isEmpty else { return [] }
        let undone = state.withLock { $0.undone }
        let counts = try await database.write { connection in
            try Self.giveBack(undone, in: connection)
            return try connection.executeMany(
                """
                INSERT INTO message_tries (id, tries, beat) VALUES (?, 1, 1)
                ON CONFLICT (id) DO NOTHING
                """, ids.map { [.uuid($0)] })
        }
        let begun = Set(zip(ids, counts).filter { $1 > 0 }.map(\.0))
        state.withLock { state in
            state.undone.subtract(undone)
            state.begun.formUnion(begun)
        }
        return begun
    }

    /// Begins the try of a message whose last worker died, unless another worker was faster.
    /// - Returns: how many tries never ended; `nil` where another has it.
    func takeOver(_ id: UUID, _ trace: Trace) async throws -> Int64? {
        let tries: Int64? = try await database.write { connection in
            let row = try connection.queryOne(
                """
                UPDATE message_tries SET tries = tries + 1, beat = beat + 1
                WHERE id = ? AND tries = ? AND beat = ? RETURNING tries
                """, [.uuid(id), .integer(trace.tries), .integer(trace.beat)])
            guard var reader = row?.reader else { return nil }
            return try reader.integer()
        }
        guard let tries else { return nil }
        state.withLock { _ = $0.begun.insert(id) }
        return tries - 1
    }

    func traces(of ids: [UUID]) async throws -> [UUID: Trace] {
        let rows = try await database.read { connection in
            try connection.queryMany(
                "SELECT tries, beat FROM message_tries WHERE id = ?", ids.map { [.uuid($0)] })
        }
        var traces: [UUID: Trace] = [:]
        for (id, rows) in zip(ids, rows) {
            guard var reader = rows.first?.reader else { continue }
            traces[id] = try Trace(tries: reader.integer(), beat: reader.integer())
        }
        return traces
    }

    /// Tells the others, now and then, that this worker lives.
    func keepAlive() async throws {
        let (begun, undone) = state.withLock { state -> (Set<UUID>, Set<UUID>) in
            guard ContinuousClock.now - state.lastBeat >= Self.beatInterval else { return ([], []) }
            state.lastBeat = ContinuousClock.now
            return (state.begun, state.undone)
        }
        guard !begun.isEmpty || !undone.isEmpty else { return }
        // Rows are locked in the order of their ids, here and where tries end, so that neither
        // waits for the other; what is given back would begin that order anew.
        if !undone.isEmpty {
            _ = try await database.write { try Self.giveBack(undone, in: $0) }
        }
        _ = try await database.write { connection in
            try connection.executeMany(
                "UPDATE message_tries SET beat = beat + 1 WHERE id = ?",
                begun.sorted().map { [.uuid($0)] })
        }
        state.withLock { $0.undone.subtract(undone) }
    }

    /// The try has ended and its outcome is on its way: strikes it out, with those that end
    /// meanwhile.
    func end(_ id: UUID) async throws {
        try await withCheckedThrowingContinuation { answer in
            let isFirst = state.withLock { state in
                state.ending.append(Ending(id: id, answer: answer))
                defer { state.isEnding = true }
                return !state.isEnding
            }
            if isFirst { Task { await writeEndings() } }
        }
    }

    private func writeEndings() async {
        while let endings = nextEndings() {
            do {
                _ = try await database.write { connection in
                    try Self.strikeOut(endings.map(\.id), in: connection)
                }
                state.withLock { $0.begun.subtract(endings.map(\.id)) }
                for ending in endings { ending.answer.resume() }
            } catch {
                for ending in endings { ending.answer.resume(throwing: error) }
            }
        }
    }

    private func nextEndings() -> [Ending]? {
        state.withLock { state in
            guard !state.ending.isEmpty else {
                state.isEnding = false
                return nil
            }
            defer { state.ending = [] }
            return state.ending
        }
    }

    /// The try has ended, and its outcome cannot be told: it does not count.
    func undo(_ id: UUID) {
        state.withLock { state in
            if state.begun.remove(id) != nil { state.undone.insert(id) }
        }
    }

    static func strikeOut(_ ids: [UUID], in connection: any DatabaseConnection) throws {
        try connection.executeMany(
            "DELETE FROM message_tries WHERE id = ?", ids.sorted().map { [.uuid($0)] })
    }

    private static func giveBack(
        _ ids: Set<UUID>, in connection: any DatabaseConnection
    ) throws {
        let arguments: [[SQLValue]] = ids.sorted().map { [.uuid($0)] }
        try connection.executeMany(
            "UPDATE message_tries SET tries = tries - 1, beat = 0 WHERE id = ?", arguments)
        try connection.executeMany(
            "DELETE FROM message_tries WHERE id = ? AND tries <= 0", arguments)
    }
}
