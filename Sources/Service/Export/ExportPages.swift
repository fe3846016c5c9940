import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Identity
import JSON
import Ledger
import LedgerStore
import Users
import Values

/// Writes an ``ExportResponse`` page by page, each read when the client has taken the one before.
///
/// No snapshot is held meanwhile: a client may take its time, and an old snapshot keeps SQLite from
/// shrinking its log. Each list is read by the key after which the last page ended (keyset
/// pagination), so nothing is told twice; what is added meanwhile may be missing.
struct ExportPages: BodySource {
    /// Rows of one list that are read at once.
    static let rows: Int64 = 100

    /// What comes next: a list, and the key of the last row that was told.
    private enum Part {
        case begun
        case history(after: SQLKey?)
        case sessions(after: SQLKey?)
        case grants(after: SQLKey?)
        case logs(after: SQLKey?)
        case end
    }

    /// The values of the columns by which a list is ordered.
    private typealias SQLKey = [SQLValue]

    /// The account was deleted while its export was sent.
    private struct AccountGone: Error {}

    let database: any Database
    let caller: Caller
    let now: Timestamp
    /// Held as long as the export is sent.
    let turn: ExportTurn
    let subscription: CareerSubscriptionResponse?
    private var writer = JSONWriter()
    private var part = Part.begun

    init(
        database: any Database, caller: Caller, now: Timestamp, turn: ExportTurn,
        subscription: CareerSubscriptionResponse?
    ) {
        self.database = database
        self.caller = caller
        self.now = now
        self.turn = turn
        self.subscription = subscription
    }

    /// Writes what is no list.
    /// - Throws: ``Problem`` 401 where there is no such user.
    mutating func begin() async throws {
        let id = caller.userID
        guard let user = try await database.read({ try UserRow.find(id: id, in: $0) })
        else { throw Problem.unauthorized }
        writer.beginObject()
        writer.key("user")
        MeResponse(user: user).write(to: &writer)
        writer.key("subscription")
        subscription.write(to: &writer)
    }

    mutating func next() async throws -> [UInt8]? {
        switch part {
        case .begun:
            open("subscription_history")
            part = .history(after: nil)
        case .history(let key):
            if let last = try await write(Self.history, after: key) {
                part = .history(after: last)
            } else {
                open("sessions", closing: true)
                part = .sessions(after: nil)
            }
        case .sessions(let key):
            let (current, now) = (caller.sessionID, now)
            let page: Page<SessionResponse> = {
                try ListSessions.select(
                    of: $0, current: current, in: $2, now: now, before: $1?.first, limit: Self.rows
                ).map { ($0, [.uuid($0.id)]) }
            }
            if let last = try await write(page, after: key) {
                part = .sessions(after: last)
            } else {
                open("credit_grants", closing: true)
                part = .grants(after: nil)
            }
        case .grants(let key):
            if let last = try await write(Self.grants, after: key) {
                part = .grants(after: last)
            } else {
                open("usage_logs", closing: true)
                part = .logs(after: nil)
            }
        case .logs(let key):
            if let last = try await write(Self.logs, after: key) {
                part = .logs(after: last)
            } else {
                writer.endArray()
                writer.endObject()
                part = .end
            }
        case .end: return nil
        }
        return writer.take()
    }

    private mutating func open(_ list: String, closing: Bool = false) {
        if closing { writer.endArray() }
        writer.key(list)
        writer.beginArray()
    }

    /// Reads the rows of a user after a key, each with its own.
    private typealias Page<Item> =
        @Sendable (UUID, SQLKey?, any DatabaseConnection) throws -> [(Item, SQLKey)]

    /// - Returns: the key of the last row; `nil` behind the list's end.
    private mutating func write<Item: JSONOutput>(
        _ page: @escaping Page<Item>, after key: SQLKey?
    ) async throws -> SQLKey? {
        let user = caller.userID
        let items = try await database.read { connection in
            guard try UserRow.find(id: user, in: connection) != nil else { throw AccountGone() }
            return try page(user, key, connection)
        }
        for (item, _) in items { item.write(to: &writer) }
        return items.count < Int(Self.rows) ? nil : items.last?.1
    }

    private static func history(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(SubscriptionChangeResponse, SQLKey)] {
        try connection.query(
            """
            SELECT c.id, c.event, c.plan_id, c.status, c.stripe_customer_id,
                c.stripe_subscription_id, c.at, c.reason
            FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id
            WHERE s.user_id = ? \(key == nil ? "" : "AND (c.at, c.id) > (?, ?)")
            ORDER BY c.at, c.id LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(rows)]
        ).map { row in
            var reader = row.reader
            let id = try reader.uuid()
            let change = try SubscriptionChangeResponse(
                event: reader.text(), planID: reader.uuid(),
                status: reader.oneOf(Subscription.Status.self),
                stripeCustomerID: reader.optionalText(),
                stripeSubscriptionID: reader.optionalText(), at: reader.time(),
                reason: reader.optionalText())
            return (change, [.time(change.at), .uuid(id)])
        }
    }

    private static func grants(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(GrantResponse, SQLKey)] {
        let behind = key == nil ? "" : "AND (period_number, created_at, kind, cause) > (?, ?, ?, ?)"
        return try connection.query(
            """
            SELECT period_number, kind, credits, reason, created_at, cause FROM credit_grants
            WHERE user_id = ? \(behind)
            ORDER BY period_number, created_at, kind, cause LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(rows)]
        ).map { row in
            var reader = row.reader
            let grant = try GrantResponse(
                period: reader.integer(), kind: reader.oneOf(CreditGrant.Kind.self),
                credits: reader.credits(), reason: reader.optionalText(),
                createdAt: reader.time())
            let cause = try reader.text()
            return (
                grant,
                [
                    .integer(grant.period), .time(grant.createdAt), .text(grant.kind.rawValue),
                    .text(cause),
                ]
            )
        }
    }

    private static func logs(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(ExportedUsageLog, SQLKey)] {
        try connection.query(
            """
            SELECT \(UsageLogRow.columns) FROM career_usage_logs
            WHERE user_id = ? \(key == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(rows)]
        ).map { row in
            let log = try UsageLogRow.read(row)
            return (ExportedUsageLog(log: log), [.uuid(log.id)])
        }
    }
}
