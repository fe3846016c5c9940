import CPQ

/// What the server says to one command.
struct PostgreSQLAnswer {
    var rows: [Row] = []
    var changed = 0
}

/// libpq's pipeline mode on one connection: commands are sent without waiting, their answers are
/// read together, in their order. Owns the connection.
final class PostgreSQLPipeline {
    private let handle: OpaquePointer
    /// Commands that were sent and whose answers were not read.
    private(set) var awaited = 0
    /// What the server refused since the database transaction began.
    private(set) var failure: PostgreSQLFailure?
    /// Whether the connection can be used no more.
    var isBroken = false
    /// Whether the server has answered anything in this database transaction.
    private(set) var hasAnswered = false
    /// Whether what is awaited is the answer to COMMIT.
    var isCommitting = false

    private var bytes: [UInt8] = []
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    /// The format of each parameter; libpq reads as many as there are parameters.
    private var formats: [Int32] = []

    /// Takes over an open connection.
    init(_ handle: OpaquePointer) throws {
        self.handle = handle
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
    }

    deinit {
        PQfinish(handle)
    }

    /// A database transaction begins: what is known of the one before it is of no use any more.
    func forgetTransaction() {
        failure = nil
        hasAnswered = false
        isCommitting = false
    }

    // MARK: Commands

    func sendText(_ sql: String) throws {
        try sent(PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1))
    }

    func sendPrepare(_ name: String, _ text: String) throws {
        try sent(PQsendPrepare(handle, name, text, 0, nil))
    }

    func sendDescribe(_ name: String) throws {
        try sent(PQsendDescribePrepared(handle, name))
    }

    private func sent(_ status: Int32) throws {
        guard status == 1 else { throw lost() }
        awaited += 1
    }

    /// Runs a prepared statement.
    func send(
        _ name: String, _ parameters: [PostgreSQLType], _ arguments: [SQLValue]
    ) throws {
        try check(arguments.count, against: parameters)
        try send(name, parameters) { index, type in
            guard arguments[index] != .null else { return false }
            try type.append(arguments[index], to: &bytes)
            return true
        }
    }

    /// Runs one whose parameters are arrays: of the arguments of many runs.
    func send(
        _ name: String, _ elements: [PostgreSQLType], columnsOf rows: [[SQLValue]]
    ) throws {
        for row in rows { try check(row.count, against: elements) }
        try send(name, elements) { index, type in
            try type.append(column: index, of: rows, to: &bytes)
            return true
        }
    }

    private func check(_ count: Int, against parameters: [PostgreSQLType]) throws {
        guard parameters.count == count else {
            throw DatabaseError.other("\(parameters.count) parameters, \(count) arguments")
        }
    }

    /// - Parameter append: adds a parameter to `bytes`, or returns false for NULL.
    private func send(
        _ name: String, _ parameters: [PostgreSQLType],
        append: (Int, PostgreSQLType) throws -> Bool
    ) throws {
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        for (index, type) in parameters.enumerated() {
            let start = bytes.count
            offsets.append(try append(index, type) ? start : -1)
            lengths.append(Int32(bytes.count - start))
        }
        while formats.count < parameters.count { formats.append(Self.binary) }
        // An empty value still needs an address that is not NULL.
        bytes.append(0)
        let isSent = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                let values = offsets.map { offset in
                    offset < 0 ? nil : characters.baseAddress.map { $0 + offset }
                }
                return PQsendQueryPrepared(
                    handle, name, Int32(parameters.count), values, lengths, formats, 1) == 1
            }
        }
        guard isSent else { throw lost() }
        awaited += 1
    }

    // MARK: Answers

    /// Reads the answers to all that was sent, in its order.
    ///
    /// - Parameter inspect: sees each answer that is no error.
    /// - Throws: the first error; the server skipped what came after it.
    func receive(
        _ inspect: (OpaquePointer) throws -> Void = { _ in }
    ) throws -> [PostgreSQLAnswer] {
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        var answers: [PostgreSQLAnswer] = []
        answers.reserveCapacity(awaited)
        var firstError: (any Error)?
        for _ in 0..<awaited {
            var answer = PostgreSQLAnswer()
            while let result = PQgetResult(handle) {
                defer { PQclear(result) }
                do {
                    try read(result, into: &answer)
                    if firstError == nil { try inspect(result) }
                } catch {
                    if isBroken { throw error }
                    if firstError == nil { firstError = error }
                }
            }
            answers.append(answer)
        }
        awaited = 0
        guard let end = PQgetResult(handle) else { throw lost() }
        defer { PQclear(end) }
        guard PQresultStatus(end) == PGRES_PIPELINE_SYNC else { throw lost() }
        if let firstError { throw firstError }
        hasAnswered = true
        return answers
    }

    private func read(_ result: OpaquePointer, into answer: inout PostgreSQLAnswer) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK: answer.changed = changed(result)
        case PGRES_TUPLES_OK:
            answer.changed = changed(result)
            answer.rows = try rows(result)
        // Skipped after an error, which has been read before.
        case PGRES_PIPELINE_ABORTED: break
        default:
            let failure = PostgreSQLFailure(result)
            if self.failure == nil { self.failure = failure }
            if PQstatus(handle) != CONNECTION_OK || failure.state.isEmpty { throw lost() }
            throw failure.error
        }
    }

    private func changed(_ result: OpaquePointer) -> Int {
        PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    private func rows(_ result: OpaquePointer) throws -> [Row] {
        let count = PQntuples(result)
        guard count > 0 else { return [] }
        let types = try (0..<PQnfields(result)).map { try PostgreSQLType(PQftype(result, $0)) }
        return try (0..<count).map { row in
            Row(
                values: try types.enumerated().map { column, type in
                    let column = Int32(column)
                    if PQgetisnull(result, row, column) == 1 { return .null }
                    return try type.value(
                        UnsafeRawBufferPointer(
                            start: PQgetvalue(result, row, column),
                            count: Int(PQgetlength(result, row, column))))
                })
        }
    }

    /// The connection is gone.
    private func lost() -> DatabaseError {
        isBroken = true
        let reason = PostgreSQLFailure.oneLine(PQerrorMessage(handle))
        return .unavailable(
            isCommitting ? "the answer to COMMIT was lost: \(reason)" : reason)
    }

    private static let binary: Int32 = 1
}
