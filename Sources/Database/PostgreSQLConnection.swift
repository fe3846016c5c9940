/// One connection, always in libpq's pipeline mode: commands are sent without waiting, and their
/// answers are read at the next point where somebody needs one. A batch of statements, and the
/// BEGIN before it, thereby cost one round trip.
///
/// Used by one thread at a time.
final class PostgreSQLConnection: DatabaseConnection {
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

    /// Database transactions after which all plans are made anew for the first time; each time, it
    /// takes eight times as many until the next, up to the larger number.
    static let plansLast = 64...32_768

    let dialect = SQLDialect.postgresql
    private let pipeline: PostgreSQLPipeline
    private var statements: PostgreSQLStatements
    private var walks = 0
    private var transactions = 0
    private var plansUntil = PostgreSQLConnection.plansLast.lowerBound
    /// What the server refused since the database transaction began.
    var failure: PostgreSQLFailure? { pipeline.failure }
    /// Whether the connection can be used no more.
    var isBroken: Bool { pipeline.isBroken }
    /// Whether the server has answered anything in this database transaction.
    var hasAnswered: Bool { pipeline.hasAnswered }
    var isCommitting: Bool { pipeline.isCommitting }

    /// Takes over an open connection.
    init(_ handle: OpaquePointer) throws {
        pipeline = try PostgreSQLPipeline(handle)
        statements = PostgreSQLStatements(pipeline)
        for (name, value) in [
            ("statement_timeout", Self.statementTimeoutMilliseconds),
            ("lock_timeout", Self.lockTimeoutMilliseconds),
            ("idle_in_transaction_session_timeout", Self.idleTransactionMilliseconds),
        ] {
            try pipeline.sendText("SET \(name) = \(value)")
        }
        for name in Self.avoidedPlans { try pipeline.sendText("SET \(name) = off") }
        // They do not depend on the arguments, which are therefore not worth planning for.
        try pipeline.sendText("SET plan_cache_mode = force_generic_plan")
        // What is answered must be durable, whatever the server's settings say; a stronger promise
        // that they make is left alone.
        try pipeline.sendText(
            """
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'
            """)
        _ = try pipeline.receive()
    }

    // MARK: Database transactions

    /// Sent with the first statement.
    func begin(_ mode: StaticString) throws {
        pipeline.forgetTransaction()
        try pipeline.sendText("BEGIN \(mode)")
        transactions += 1
        if transactions >= plansUntil { try forgetPlans() }
    }

    /// A plan is made when a statement is first used, and so for the tables as they were then:
    /// while they were small, any index seemed as good as another. The server makes a plan anew
    /// when it has analyzed a table, a minute later at best.
    private func forgetPlans() throws {
        try pipeline.sendText("DISCARD PLANS")
        plansUntil += min(plansUntil * 7, Self.plansLast.upperBound)
    }

    /// - Throws: ``DatabaseError/unavailable(_:)`` where the answer is lost: whether it was
    ///   committed is then not known.
    func commit() throws {
        // The server would answer a COMMIT after an error by rolling back, and call it a success.
        if let failure { throw failure.error }
        pipeline.isCommitting = true
        try pipeline.sendText("COMMIT")
        _ = try pipeline.receive()
    }

    /// Undoes what has not been committed. A connection that cannot do even that is broken.
    func rollBack() {
        guard !isBroken else { return }
        do {
            if pipeline.awaited > 0 { try discard() }
            try pipeline.sendText("ROLLBACK")
            _ = try pipeline.receive()
            if failure?.isStale == true { pipeline.isBroken = true }
        } catch {
            pipeline.isBroken = true
        }
    }

    /// Reads the answers that nobody waits for any more.
    private func discard() throws {
        do {
            _ = try pipeline.receive()
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
        let statement = try statements.prepared(sql)
        var expected = 0
        func collect() throws {
            changed += try pipeline.receive().suffix(expected).map(\.changed)
            expected = 0
        }
        for values in arguments {
            if pipeline.awaited >= Self.maximumPipelined { try collect() }
            try pipeline.send(statement.name, statement.parameters, values)
            expected += 1
        }
        try collect()
        return changed
    }

    func queryBatches(_ batches: [StatementBatch]) throws -> [[[Row]]] {
        // Preparing reads what is outstanding, so it comes before all that is asked.
        let forms = try batches.map { batch in
            batch.arguments.isEmpty ? nil : try statements.form(batch)
        }
        var answers: [PostgreSQLAnswer] = []
        var expected = 0
        func collect() throws {
            answers += try pipeline.receive().suffix(expected)
            expected = 0
        }
        for (batch, form) in zip(batches, forms) {
            switch form {
            case nil: break
            case .arrays(let name, let elements):
                try pipeline.send(name, elements, columnsOf: batch.arguments)
                expected += 1
            case .single(let statement):
                for values in batch.arguments {
                    if pipeline.awaited >= Self.maximumPipelined { try collect() }
                    try pipeline.send(statement.name, statement.parameters, values)
                    expected += 1
                }
            }
        }
        if expected > 0 { try collect() }
        return try zip(batches, forms).map { batch, form in
            switch form {
            case nil: return []
            case .arrays:
                return try PostgreSQLArrays.split(
                    answers.removeFirst().rows, into: batch.arguments.count)
            case .single:
                defer { answers.removeFirst(batch.arguments.count) }
                return answers.prefix(batch.arguments.count).map(\.rows)
            }
        }
    }

    func enqueueMany(_ sql: String, _ arguments: [[SQLValue]]) throws {
        let statement = try statements.prepared(sql)
        if arguments.count > 1, let name = try statements.changeOfMany(sql, statement) {
            if pipeline.awaited >= Self.maximumPipelined { _ = try pipeline.receive() }
            try pipeline.send(name, statement.parameters, columnsOf: arguments)
            return
        }
        for values in arguments {
            if pipeline.awaited >= Self.maximumPipelined { _ = try pipeline.receive() }
            try pipeline.send(statement.name, statement.parameters, values)
        }
    }

    func liftLimits() throws {
        for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
            try pipeline.sendText("SET LOCAL \(name) = 0")
        }
        for name in Self.avoidedPlans { try pipeline.sendText("SET LOCAL \(name) = on") }
        try pipeline.sendText("SET LOCAL plan_cache_mode = auto")
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

    private func run(_ sql: String, _ arguments: [SQLValue]) throws -> PostgreSQLAnswer {
        let statement = try statements.prepared(sql)
        try pipeline.send(statement.name, statement.parameters, arguments)
        return try pipeline.receive().last ?? PostgreSQLAnswer()
    }
}
