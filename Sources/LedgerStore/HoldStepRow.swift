import Database
import FoundationEssentials
import Ledger

/// How a step of a hold lies in its table, `career_usage_steps`.
package enum HoldStepRow {
    private static func columns(_ t: ProductTables) -> String {
        """
        \(t.holder), usage_id, kind, name, request, credits, credits_reserved, credits_charged,
            expires_at, created_at
        """
    }

    /// Finds those of these steps that were taken, each by its user.
    static func select(
        _ steps: [(key: HoldStep.Key, user: UUID)], of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(
            selectTaken[t],
            steps.map { key, user in
                [.uuid(user), .uuid(key.usageID), .text(key.kind.rawValue), .text(key.name)]
            })
    }

    private static let selectTaken = ProductSQL { t in
        """
        SELECT \(columns(t)) FROM \(t.steps)
        WHERE \(t.holder) = ? AND usage_id = ? AND kind = ? AND name = ?
        """
    }
    private static let insert = ProductSQL { t in
        "INSERT INTO \(t.steps) (\(columns(t))) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    }

    static func read(_ row: Row) throws -> HoldStep {
        var reader = row.reader
        let user = try reader.uuid()
        let key = try HoldStep.Key(
            usageID: reader.uuid(), kind: reader.oneOf(HoldStep.Kind.self), name: reader.text())
        let request = try reader.text()
        let credits = try reader.credits()
        // A step is taken while the call is open.
        let state = try HoldState(
            usageID: key.usageID, status: .pending, creditsReserved: reader.credits(),
            creditsCharged: reader.credits(), expiresAt: reader.time())
        return HoldStep(
            key: key, userID: user, request: request, at: try reader.time(), credits: credits,
            state: state)
    }

    /// All steps of a user's calls, in the order of time.
    package static func all(
        of user: UUID, _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> [HoldStep] {
        try connection.query(
            """
            SELECT \(columns(t)) FROM \(t.steps) WHERE \(t.holder) = ?
            ORDER BY created_at, usage_id, kind, name
            """, [.uuid(user)]
        ).map(read)
    }

    /// The steps of one of a user's calls, in the order of time.
    static func all(
        of user: UUID, usage: UUID, _ t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> [HoldStep] {
        try connection.query(
            """
            SELECT \(columns(t)) FROM \(t.steps) WHERE \(t.holder) = ? AND usage_id = ?
            ORDER BY created_at, kind, name
            """, [.uuid(user), .uuid(usage)]
        ).map(read)
    }

    /// Steps of a user's calls, call by call.
    ///
    /// - Parameters:
    ///   - key: only those behind the step with this ``key(of:)``.
    ///   - limit: at most so many.
    package static func page(
        of user: UUID, after key: [SQLValue]?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [HoldStep] {
        let t = ProductTables.of(.career)
        return try connection.query(
            """
            SELECT \(columns(t)) FROM \(t.steps) WHERE \(t.holder) = ?
                \(key == nil ? "" : "AND (usage_id, kind, name) > (?, ?, ?)")
            ORDER BY usage_id, kind, name LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(limit)]
        ).map(read)
    }

    /// By which the pages of steps are ordered.
    package static func key(of step: HoldStep) -> [SQLValue] {
        [.uuid(step.key.usageID), .text(step.key.kind.rawValue), .text(step.key.name)]
    }

    static func write(
        _ steps: [HoldStep], of t: ProductTables, to connection: any DatabaseConnection
    ) throws {
        guard !steps.isEmpty else { return }
        try connection.enqueueMany(
            insert[t],
            steps.map { step in
                [
                    .uuid(step.userID), .uuid(step.key.usageID), .text(step.key.kind.rawValue),
                    .text(step.key.name), .text(step.request), .credits(step.credits),
                    .credits(step.state.creditsReserved), .credits(step.state.creditsCharged),
                    .time(step.state.expiresAt), .time(step.at),
                ]
            })
    }
}
