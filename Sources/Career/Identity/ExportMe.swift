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
        let id = try call.user().userID
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
                    of: id, current: nil, in: connection, now: now),
                grants: Self.grants(of: id, in: connection),
                logs: Self.logs(of: id, in: connection))
        }
        guard let export else { throw Problem.unauthorized }
        return Reply(export)
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
    ) throws -> [UsageLogResponse] {
        try connection.query(
            """
            SELECT \(UsageLogRow.columns) FROM career_usage_logs
            WHERE user_id = ? ORDER BY id DESC LIMIT ?
            """, [.uuid(user), .integer(maximumLogs)]
        ).map { UsageLogResponse(log: try UsageLogRow.read($0)) }
    }
}

struct ExportResponse: JSONObjectOutput {
    let user: UserRow
    let subscription: CareerSubscriptionResponse?
    let sessions: [SessionResponse]
    let grants: [GrantResponse]
    let logs: [UsageLogResponse]

    static let about = "All that is kept of a user."
    static let fields: [OutputField<ExportResponse>] = [
        OutputField("user", .object, "The account.") { MeResponse(user: $0.user) },
        OutputField("subscription", .nullable(.object), "The Career subscription.") {
            $0.subscription
        },
        OutputField("sessions", .array(.object), "Where the user is signed in.") {
            $0.sessions
        },
        OutputField("credit_grants", .array(.object), "What was granted.") { $0.grants },
        OutputField("usage_logs", .array(.object), "Newest first.") { $0.logs },
    ]
}

struct GrantResponse: JSONObjectOutput {
    let period: Int64
    let kind: CreditGrant.Kind
    let credits: Credits
    let reason: String?
    let createdAt: Timestamp

    static let schemaName = "CreditGrant"
    static let about = "Credits given or taken away."
    static let fields: [OutputField<GrantResponse>] = [
        OutputField("period", .integer, "The number of the period.") { $0.period },
        OutputField("kind", .oneOf, "Why.") { $0.kind },
        OutputField("credits", .credits, "Negative where taken away.") { $0.credits },
        OutputField("reason", .nullable(.text), "An operator's reason.") { $0.reason },
        OutputField("created_at", .time, "When.") { $0.createdAt },
    ]
}
