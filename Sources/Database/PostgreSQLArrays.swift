/// One statement in place of many: the arguments of all its runs go as arrays, one for each of its
/// parameters. Planning, checking and logging then begin once for all of them, which is most of
/// what a small statement costs.
enum PostgreSQLArrays {
    /// A query that answers for each of its runs as the single one would, in any order; the last
    /// column tells the run, from 1. The runs are carried out one after the other, so that rows are
    /// locked in the order of the arguments.
    ///
    /// - Parameter parameters: the types of the single query's parameters.
    /// - Returns: `nil` for what cannot be put so.
    static func query(_ sql: String, _ parameters: [PostgreSQLType]) -> String? {
        guard sql.hasPrefix("SELECT"), !parameters.isEmpty else { return nil }
        // OFFSET 0 keeps the planner from turning the runs into one join, whose plan would be made
        // for the tables as they are today.
        return """
            SELECT one.*, many.run
            FROM unnest(\(arrays(parameters))) WITH ORDINALITY AS many(\(names(parameters)), run)
            CROSS JOIN LATERAL (
                SELECT * FROM (\(numbered(sql))) AS one OFFSET 0
            ) AS one
            """
    }

    /// The answers of each run to a ``query(_:_:)``.
    static func split(_ rows: [Row], into runs: Int) throws -> [[Row]] {
        var answers = [[Row]](repeating: [], count: runs)
        for row in rows {
            guard case .integer(let run)? = row.values.last, (1...runs).contains(Int(run)) else {
                throw DatabaseError.decoding("an answer to none of the runs")
            }
            answers[Int(run) - 1].append(Row(values: row.values.dropLast()))
        }
        return answers
    }

    /// An INSERT … VALUES or an UPDATE … WHERE for all of its runs, none of which may concern
    /// another's row.
    ///
    /// - Returns: `nil` for what cannot be put so.
    static func change(_ sql: String, _ parameters: [PostgreSQLType]) -> String? {
        guard !parameters.isEmpty else { return nil }
        let many = "FROM unnest(\(arrays(parameters))) AS many(\(names(parameters)))"
        let sql = numbered(sql)
        if sql.hasPrefix("INSERT"), let values = PostgreSQLPlaceholders.range(of: "VALUES", in: sql)
        {
            let row = sql[values.upperBound...].drop { $0 == " " || $0 == "\n" }
            // Nothing may follow the one row of values.
            guard row.first == "(", row.last == ")",
                PostgreSQLPlaceholders.range(of: "ON", in: String(row)) == nil
            else { return nil }
            return "\(sql[..<values.lowerBound])SELECT \(row.dropFirst().dropLast()) \(many)"
        }
        if sql.hasPrefix("UPDATE"),
            let condition = PostgreSQLPlaceholders.range(of: "WHERE", in: sql),
            PostgreSQLPlaceholders.range(of: "FROM", in: sql) == nil,
            PostgreSQLPlaceholders.range(of: "RETURNING", in: sql) == nil
        {
            return "\(sql[..<condition.lowerBound])\(many) \(sql[condition.lowerBound...])"
        }
        return nil
    }

    private static func numbered(_ sql: String) -> String {
        PostgreSQLPlaceholders.numbered(sql, prefix: "many.p")
    }

    private static func arrays(_ parameters: [PostgreSQLType]) -> String {
        parameters.enumerated().map { "$\($0 + 1)::\($1.name)[]" }.joined(separator: ", ")
    }

    private static func names(_ parameters: [PostgreSQLType]) -> String {
        parameters.indices.map { "p\($0 + 1)" }.joined(separator: ", ")
    }
}
