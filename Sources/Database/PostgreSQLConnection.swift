import CPQ

/// One connection, always in libpq's pipeline mode: commands are sent without waiting, and their
/// answers are read at the next point where somebody needs one. A batch of statements, and the
/// BEGIN before it, thereby cost one round trip.
///
/// Used by one thread at a time.
final class PostgreSQLConnection: DatabaseConnection {
    /// Statements that are kept prepared; the service has some two hundred.
    static let maximumPrepared = 1000
    /// Commands that are sent before their answers are read.
    static let maximumPipelined = 1000
    /// Rows that a walk over a table fetches at a time.
    static let walkedRows = 1000
    /// How long one statement may take, and how long it may wait for another's lock.
    static let statementTimeoutMilliseconds = 15_000
    static let lockTimeoutMilliseconds = 5000
    /// How long a database transaction may idle: one whose process was stopped in the middle must
    /// not hold its locks for good.
    static let idleTransactionMilliseconds = 30_000
    /// What the planner shall not choose for the service's small statements: each finds its rows by
    /// an index, and a plan that was made while a table was small must still be good when it has
    /// grown. Where no index fits, the planner reads the table none the less, and would think that
    /// dear enough to compile it to machine code first.
    static let avoidedPlans = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"]

    /// Database transactions after which all plans are made anew for the first time; each time, it takes
    /// eight times as many until the next, up to the larger number.
    static let plansLast = 64...32_768

    struct Answer {
        var rows: [Row] = []
        var changed = 0
    }

    private struct Statement {
        /// Empty for one that is sent with its text each time.
        let name: String
        let parameters: [PostgreSQLType]
    }

    /// How the runs of a statement are sent.
    private enum Form {
        case single(Statement)
        case arrays(name: String, elements: [PostgreSQLType])
    }

    let dialect = SQLDialect.postgresql
    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]
    /// The names of statements for many runs, by the single one's text; `nil` for what has none.
    private var queriesOfMany: [String: String?] = [:]
    private var changesOfMany: [String: String?] = [:]
    private var prepared = 0
    /// Commands that were sent and whose answers were not read.
    private var awaited = 0
    private var walks = 0
    private var transactions = 0
    private var plansUntil = PostgreSQLConnection.plansLast.lowerBound
    /// What the server refused since the database transaction began.
    private(set) var failure: PostgreSQLFailure?
    /// Whether the connection can be used no more.
    private(set) var isBroken = false
    /// Whether the server has answered anything in this database transaction.
    private(set) var hasAnswered = false
    private(set) var isCommitting = false

    private var bytes: [UInt8] = []
    private var offsets: [Int] = []
    private var lengths: [Int32] = []

    /// Takes over an open connection.
    init(_ handle: OpaquePointer) throws {
        self.handle = handle
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        for (name, value) in [
            ("statement_timeout", Self.statementTimeoutMilliseconds),
            ("lock_timeout", Self.lockTimeoutMilliseconds),
            ("idle_in_transaction_session_timeout", Self.idleTransactionMilliseconds),
        ] {
            try sendText("SET \(name) = \(value)")
        }
        for name in Self.avoidedPlans { try sendText("SET \(name) = off") }
        // They do not depend on the arguments, which are therefore not worth planning for.
        try sendText("SET plan_cache_mode = force_generic_plan")
        // What is answered must be durable, whatever the server's settings say; a stronger promise
        // that they make is left alone.
        try sendText(
            """
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'
            """)
        _ = try receive()
    }

    deinit {
        PQfinish(handle)
    }

    // MARK: Database transactions

    /// Sent with the first statement.
    func begin(_ mode: StaticString) throws {
        failure = nil
        hasAnswered = false
        isCommitting = false
        try sendText("BEGIN \(mode)")
        transactions += 1
        if transactions >= plansUntil { try forgetPlans() }
    }

    /// A plan is made when a statement is first used, and so for the tables as they were then: while
    /// they were small, any index seemed as good as another. The server makes a plan anew when it has
    /// analyzed a table, a minute later at best.
    private func forgetPlans() throws {
        try sendText("DISCARD PLANS")
        plansUntil += min(plansUntil * 7, Self.plansLast.upperBound)
    }

    /// - Throws: ``DatabaseError/unavailable(_:)`` where the answer is lost: whether it was committed is
    ///   then not known.
    func commit() throws {
        // The server would answer a COMMIT after an error by rolling back, and call it a success.
        if let failure { throw failure.error }
        isCommitting = true
        try sendText("COMMIT")
        _ = try receive()
    }

    /// Undoes what has not been committed. A connection that cannot do even that is broken.
    func rollBack() {
        guard !isBroken else { return }
        do {
            if awaited > 0 { try discard() }
            try sendText("ROLLBACK")
            _ = try receive()
            if failure?.isStale == true { isBroken = true }
        } catch {
            isBroken = true
        }
    }

    /// Reads the answers that nobody waits for any more.
    private func discard() throws {
        do {
            _ = try receive()
        } catch  where !isBroken {
            // What they say was undone.
        }
    }

    // MARK: Statements

    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [Row] {
        try run(sql, arguments).rows
    }

    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try run(sql, arguments).changed
    }

    func queryMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [[Row]] {
        try queryBatches([StatementBatch(sql, arguments)])[0]
    }

    func executeMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [Int] {
        guard !arguments.isEmpty else { return [] }
        var changed: [Int] = []
        // The first time, this reads what is outstanding.
        let statement = try statement(sql)
        var expected = 0
        func collect() throws {
            changed += try receive().suffix(expected).map(\.changed)
            expected = 0
        }
        for values in arguments {
            if awaited >= Self.maximumPipelined { try collect() }
            try send(statement, values)
            expected += 1
        }
        try collect()
        return changed
    }

    func queryBatches(_ batches: [StatementBatch]) throws -> [[[Row]]] {
        // Preparing reads what is outstanding, so it comes before all that is asked.
        let forms = try batches.map { batch in
            batch.arguments.isEmpty ? nil : try form(batch)
        }
        var answers: [Answer] = []
        var expected = 0
        func collect() throws {
            answers += try receive().suffix(expected)
            expected = 0
        }
        for (batch, form) in zip(batches, forms) {
            switch form {
            case nil: break
            case .arrays(let name, let elements):
                try send(name, elements, columnsOf: batch.arguments)
                expected += 1
            case .single(let statement):
                for values in batch.arguments {
                    if awaited >= Self.maximumPipelined { try collect() }
                    try send(statement, values)
                    expected += 1
                }
            }
        }
        if expected > 0 { try collect() }
        return try zip(batches, forms).map { batch, form in
            switch form {
            case nil: return []
            case .arrays:
                return try Self.split(answers.removeFirst().rows, into: batch.arguments.count)
            case .single:
                defer { answers.removeFirst(batch.arguments.count) }
                return answers.prefix(batch.arguments.count).map(\.rows)
            }
        }
    }

    private func form(_ batch: StatementBatch) throws -> Form {
        let statement = try statement(batch.sql)
        guard batch.arguments.count > 1, let name = try queryOfMany(batch.sql, statement) else {
            return .single(statement)
        }
        return .arrays(name: name, elements: statement.parameters)
    }

    /// The answers of each run, whose number stands in the last column.
    private static func split(_ rows: [Row], into runs: Int) throws -> [[Row]] {
        var answers = [[Row]](repeating: [], count: runs)
        for row in rows {
            guard case .integer(let run)? = row.values.last, (1...runs).contains(Int(run)) else {
                throw DatabaseError.decoding("an answer to none of the runs")
            }
            answers[Int(run) - 1].append(Row(values: row.values.dropLast()))
        }
        return answers
    }

    func enqueueMany(_ sql: String, _ arguments: [[SQLValue]]) throws {
        let statement = try statement(sql)
        if arguments.count > 1, let name = try changeOfMany(sql, statement) {
            if awaited >= Self.maximumPipelined { _ = try receive() }
            try send(name, statement.parameters, columnsOf: arguments)
            return
        }
        for values in arguments {
            if awaited >= Self.maximumPipelined { _ = try receive() }
            try send(statement, values)
        }
    }

    func liftLimits() throws {
        for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
            try sendText("SET LOCAL \(name) = 0")
        }
        for name in Self.avoidedPlans { try sendText("SET LOCAL \(name) = on") }
        try sendText("SET LOCAL plan_cache_mode = auto")
    }

    /// A cursor, so that neither side ever holds more than some of the rows, and the body may run
    /// statements of its own.
    func forEachRow(
        _ sql: String, _ arguments: [SQLValue], _ body: (Row) throws -> Void
    ) throws {
        walks += 1
        let cursor = "walk_\(walks)"
        try liftLimits()
        _ = try run("DECLARE \(cursor) NO SCROLL CURSOR FOR \(sql)", arguments)
        let fetch = "FETCH \(Self.walkedRows) FROM \(cursor)"
        while true {
            let rows = try run(fetch, []).rows
            for row in rows { try body(row) }
            if rows.count < Self.walkedRows { break }
        }
        _ = try run("CLOSE \(cursor)", [])
    }

    private func run(_ sql: String, _ arguments: [SQLValue]) throws -> Answer {
        try send(statement(sql), arguments)
        return try receive().last ?? Answer()
    }

    // MARK: Prepared statements

    /// Whether a text is worth keeping prepared; others are run once in a while, or are told apart
    /// by a name within them.
    private static func isKept(_ sql: String) -> Bool {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains { sql.hasPrefix($0) }
    }

    private func statement(_ sql: String) throws -> Statement {
        if let known = statements[sql] { return known }
        let isKept = Self.isKept(sql)
        if isKept, statements.count >= Self.maximumPrepared { try forgetPrepared() }
        let statement = try prepare(PostgreSQLPlaceholders.numbered(sql), isKept: isKept)
        if isKept { statements[sql] = statement }
        return statement
    }

    private func queryOfMany(_ sql: String, _ single: Statement) throws -> String? {
        if let known = queriesOfMany[sql] { return known }
        let text = PostgreSQLArrays.query(sql, single.parameters)
        let name = try text.map(prepareForMany)
        queriesOfMany[sql] = .some(name)
        return name
    }

    private func changeOfMany(_ sql: String, _ single: Statement) throws -> String? {
        if let known = changesOfMany[sql] { return known }
        let text = PostgreSQLArrays.change(sql, single.parameters)
        let name = try text.map(prepareForMany)
        changesOfMany[sql] = .some(name)
        return name
    }

    /// Its arrays are of the single statement's types, so nothing has to be asked about it. Until it
    /// is known to be there it must not be used: the server skips what follows an error.
    private func prepareForMany(_ text: String) throws -> String {
        let name = try sendPrepare(text, isKept: true)
        _ = try receive()
        return name
    }

    private func prepare(_ text: String, isKept: Bool) throws -> Statement {
        let name = try sendPrepare(text, isKept: isKept)
        guard PQsendDescribePrepared(handle, name) == 1 else { throw lost() }
        awaited += 1
        var parameters: [PostgreSQLType] = []
        _ = try receive { result in
            parameters = try (0..<PQnparams(result)).map {
                try PostgreSQLType(PQparamtype(result, $0))
            }
        }
        return Statement(name: name, parameters: parameters)
    }

    /// - Returns: the statement's name.
    private func sendPrepare(_ text: String, isKept: Bool) throws -> String {
        prepared += isKept ? 1 : 0
        let name = isKept ? "s\(prepared)" : ""
        guard PQsendPrepare(handle, name, text, 0, nil) == 1 else { throw lost() }
        awaited += 1
        return name
    }

    private func forgetPrepared() throws {
        try sendText("DEALLOCATE ALL")
        statements = [:]
        queriesOfMany = [:]
        changesOfMany = [:]
    }

    private func sendText(_ sql: String) throws {
        guard PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1) == 1 else { throw lost() }
        awaited += 1
    }

    private func send(_ statement: Statement, _ arguments: [SQLValue]) throws {
        try check(arguments.count, against: statement.parameters)
        try send(statement.name, statement.parameters) { index, type in
            guard arguments[index] != .null else { return false }
            try type.append(arguments[index], to: &bytes)
            return true
        }
    }

    /// Sends the arguments of many runs as an array for each parameter.
    private func send(
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
        // An empty value still needs an address that is not NULL.
        bytes.append(0)
        let isSent = bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                let values = offsets.map { offset in
                    offset < 0 ? nil : characters.baseAddress.map { $0 + offset }
                }
                return PQsendQueryPrepared(
                    handle, name, Int32(parameters.count), values, lengths, Self.binary, 1) == 1
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
    private func receive(
        _ inspect: (OpaquePointer) throws -> Void = { _ in }
    ) throws -> [Answer] {
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        var answers: [Answer] = []
        answers.reserveCapacity(awaited)
        var firstError: (any Error)?
        for _ in 0..<awaited {
            var answer = Answer()
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

    private func read(_ result: OpaquePointer, into answer: inout Answer) throws {
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

    /// The format of each parameter; libpq reads as many as there are.
    private static let binary = [Int32](repeating: 1, count: 100)
}
