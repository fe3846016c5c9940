import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

struct ExportMe: Action {
    let identity: IdentityServices

    /// The newest usage logs that one export holds.
    static let maximumLogs: Int64 = 10_000

    static let about = About(
        "Export my data",
        details: "The newest 10 000 usage logs; all of them can be read page by page.",
        access: .user)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<ExportResponse> {
        let caller = try call.user()
        let id = caller.userID
        let found = try await identity.subscriptions.subscription(of: id)
        let now = identity.clock.now()
        let export = try await identity.database.read { connection -> ExportResponse? in
            guard let user = try UserRow.find(id: id, in: connection) else { return nil }
            return try ExportResponse(
                user: user,
                subscription: found.map {
                    CareerSubscriptionResponse(account: $0.account, plan: $0.plan)
                },
                sessions: ListSessions.select(
                    of: id, current: caller.sessionID, in: connection, now: now),
                history: Self.history(of: id, in: connection),
                grants: Self.grants(of: id, in: connection),
                logs: Self.logs(of: id, in: connection))
        }
        guard let export else { throw Problem.unauthorized }
        return Reply(export)
    }

    private static func history(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> [SubscriptionChangeResponse] {
        try connection.query(
            """
            SELECT c.event, c.plan_id, c.status, c.stripe_customer_id,
                c.stripe_subscription_id, c.at
            FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id
            WHERE s.user_id = ? ORDER BY c.at, c.id
            """, [.uuid(user)]
        ).map { row in
            var reader = row.reader
            return try SubscriptionChangeResponse(
                event: reader.text(), planID: reader.uuid(),
                status: reader.oneOf(Subscription.Status.self),
                stripeCustomerID: reader.optionalText(),
                stripeSubscriptionID: reader.optionalText(), at: reader.time())
        }
    }

    private static func grants(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> [GrantResponse] {
        try connection.query(
            """
            SELECT period_number, kind, credits, reason, created_at FROM credit_grants
            WHERE user_id = ? ORDER BY period_number, created_at
            """, [.uuid(user)]
        ).map { row in
            var reader = row.reader
            return try GrantResponse(
                period: reader.integer(), kind: reader.oneOf(CreditGrant.Kind.self),
                credits: reader.credits(), reason: reader.optionalText(),
                createdAt: reader.time())
        }
    }

    private static func logs(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> [ExportedUsageLog] {
        try connection.query(
            """
            SELECT \(UsageLogRow.columns) FROM career_usage_logs
            WHERE user_id = ? ORDER BY id DESC LIMIT ?
            """, [.uuid(user), .integer(maximumLogs)]
        ).map { ExportedUsageLog(log: try UsageLogRow.read($0)) }
    }
}
