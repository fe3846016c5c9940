import CPQ

/// The prepared statements of a connection, by their texts.
struct PostgreSQLStatements {
    /// Statements that are kept prepared; the service has some two hundred.
    static let maximumPrepared = 1000

    struct Statement {
        /// Empty for one that is sent with its text each time.
        let name: String
        let parameters: [PostgreSQLType]
    }

    /// How the runs of a statement are sent.
    enum Form {
        case single(Statement)
        case arrays(name: String, elements: [PostgreSQLType])
    }

    private let pipeline: PostgreSQLPipeline
    private var statements: [String: Statement] = [:]
    /// The names of statements for many runs, by the single one's text; `nil` for what has none.
    private var queriesOfMany: [String: String?] = [:]
    private var changesOfMany: [String: String?] = [:]
    private var count = 0

    init(_ pipeline: PostgreSQLPipeline) {
        self.pipeline = pipeline
    }

    /// Whether a text is worth keeping prepared; others are run once in a while, or are told apart
    /// by a name within them.
    private static func isKept(_ sql: String) -> Bool {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains { sql.hasPrefix($0) }
    }

    /// The statement of a text, made where it is not there yet: that reads what is outstanding.
    mutating func prepared(_ sql: String) throws -> Statement {
        if let known = statements[sql] { return known }
        let isKept = Self.isKept(sql)
        if isKept, statements.count >= Self.maximumPrepared { try forgetPrepared() }
        let statement = try prepare(PostgreSQLPlaceholders.numbered(sql), isKept: isKept)
        if isKept { statements[sql] = statement }
        return statement
    }

    /// How the runs of a batch are sent: more than one as one statement over arrays, if it has one.
    mutating func form(_ batch: StatementBatch) throws -> Form {
        let statement = try prepared(batch.sql)
        guard batch.arguments.count > 1, let name = try queryOfMany(batch.sql, statement) else {
            return .single(statement)
        }
        return .arrays(name: name, elements: statement.parameters)
    }

    private mutating func queryOfMany(_ sql: String, _ single: Statement) throws -> String? {
        if let known = queriesOfMany[sql] { return known }
        let text = PostgreSQLArrays.query(sql, single.parameters)
        let name: String? = if let text { try prepareForMany(text) } else { nil }
        queriesOfMany[sql] = .some(name)
        return name
    }

    /// The statement for many runs of a change at once; `nil` if it has none.
    mutating func changeOfMany(_ sql: String, _ single: Statement) throws -> String? {
        if let known = changesOfMany[sql] { return known }
        let text = PostgreSQLArrays.change(sql, single.parameters)
        let name: String? = if let text { try prepareForMany(text) } else { nil }
        changesOfMany[sql] = .some(name)
        return name
    }

    /// Its arrays are of the single statement's types, so nothing has to be asked about it. Until
    /// it is known to be there it must not be used: the server skips what follows an error.
    private mutating func prepareForMany(_ text: String) throws -> String {
        let name = try sendPrepare(text, isKept: true)
        _ = try pipeline.receive()
        return name
    }

    private mutating func prepare(_ text: String, isKept: Bool) throws -> Statement {
        let name = try sendPrepare(text, isKept: isKept)
        try pipeline.sendDescribe(name)
        var parameters: [PostgreSQLType] = []
        _ = try pipeline.receive { result in
            parameters = try (0..<PQnparams(result)).map {
                try PostgreSQLType(PQparamtype(result, $0))
            }
        }
        return Statement(name: name, parameters: parameters)
    }

    /// - Returns: the statement's name.
    private mutating func sendPrepare(_ text: String, isKept: Bool) throws -> String {
        count += isKept ? 1 : 0
        let name = isKept ? "s\(count)" : ""
        try pipeline.sendPrepare(name, text)
        return name
    }

    private mutating func forgetPrepared() throws {
        try pipeline.sendText("DEALLOCATE ALL")
        statements = [:]
        queriesOfMany = [:]
        changesOfMany = [:]
    }
}
