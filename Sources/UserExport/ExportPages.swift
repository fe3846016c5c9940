import Billing
import Career
import Database
import FoundationEssentials
import HTTPEndpoint
import History
import Identity
import JSON
import Ledger
import LedgerStore
import Subscriptions
import TopUps
import UsageReports
import Users
import Values
import Workspaces

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
        case standalone(before: UUID?)
        case purchases(after: UUID?)
        case topUps(after: UUID?)
        case topUpChanges(after: UUID?)
        case logs(before: UUID?)
        case steps(after: SQLKey?)
        case results(before: UUID?)
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
        guard let user = try await database.read({ try MeResponse.find(id, in: $0) })
        else { throw Problem.unauthorized }
        let limits = try await database.read { try AccountRows.limits(of: id, in: $0) }
        let topUp = try await database.read { [now] in
            try TopUpRows.find(id, at: now, in: $0)
        }
        writer.beginObject()
        writer.key("user")
        user.write(to: &writer)
        writer.key("subscription")
        subscription.write(to: &writer)
        writer.key("spending_limits")
        limits.map(SpendingLimitsResponse.init).write(to: &writer)
        writer.key("auto_top_up")
        topUp.map { AutoTopUpResponse($0) }.write(to: &writer)
        try await writeShortLists()
    }

    /// These lists are short enough to be read at once.
    private mutating func writeShortLists() async throws {
        let id = caller.userID
        let (memberships, keys, refusals) = try await database.read { [now] connection in
            (
                try ExportedMembership.all(of: id, in: connection, now: now),
                try ExportedAPIKey.all(by: id, in: connection),
                try CreditRefusal.all(of: id, in: connection)
            )
        }
        write("workspaces", memberships)
        write("workspace_api_keys", keys)
        write("credit_refusals", refusals.map(ExportedRefusal.init))
    }

    private mutating func write(_ list: String, _ items: [some JSONOutput]) {
        open(list)
        for item in items { item.write(to: &writer) }
        writer.endArray()
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
                go(on: "sessions", with: .sessions(after: nil))
            }
        case .sessions(let key):
            let (current, now) = (caller.sessionID, now)
            let page: Page<SessionResponse, SQLKey> = {
                try ListSessions.select(
                    of: $0, current: current, in: $2, now: now, before: $1?.first, limit: Self.rows
                ).map { ($0, [.uuid($0.id)]) }
            }
            if let last = try await write(page, after: key) {
                part = .sessions(after: last)
            } else {
                go(on: "credit_grants", with: .grants(after: nil))
            }
        case .grants(let key):
            if let last = try await write(Self.grants, after: key) {
                part = .grants(after: last)
            } else {
                go(on: "grants", with: .standalone(before: nil))
            }
        case .standalone(let id):
            if let last = try await write(Self.standalone, after: id) {
                part = .standalone(before: last)
            } else {
                go(on: "pack_purchases", with: .purchases(after: nil))
            }
        case .purchases(let id):
            let page: Page<PackPurchaseResponse, UUID> = {
                try PackPurchaseResponse.page(of: $0, after: $1, limit: Self.rows, in: $2)
            }
            if let last = try await write(page, after: id) {
                part = .purchases(after: last)
            } else {
                go(on: "top_up_purchases", with: .topUps(after: nil))
            }
        case .topUps(let id): try await writeTopUps(after: id)
        case .topUpChanges(let id): try await writeTopUpChanges(after: id)
        case .logs(let id):
            if let last = try await write(Self.logs, after: id) {
                part = .logs(before: last)
            } else {
                go(on: "usage_steps", with: .steps(after: nil))
            }
        case .steps(let key):
            if let last = try await write(Self.steps, after: key) {
                part = .steps(after: last)
            } else {
                go(on: "analysis_results", with: .results(before: nil))
            }
        case .results(let id):
            if let last = try await writeResults(before: id) {
                part = .results(before: last)
            } else {
                writer.endArray()
                writer.endObject()
                part = .end
            }
        case .end: return nil
        }
        return writer.take()
    }

    private mutating func writeTopUps(after id: UUID?) async throws {
        let page: Page<TopUpPurchaseResponse, UUID> = {
            try TopUpRows.purchases(of: $0, after: $1, limit: Self.rows, in: $2)
                .map { (TopUpPurchaseResponse($0), $0.purchase.id) }
        }
        if let last = try await write(page, after: id) {
            part = .topUps(after: last)
        } else {
            go(on: "auto_top_up_changes", with: .topUpChanges(after: nil))
        }
    }

    private mutating func writeTopUpChanges(after id: UUID?) async throws {
        let page: Page<TopUpChangeResponse, UUID> = {
            try TopUpJournal.page(of: $0, after: $1, limit: Self.rows, in: $2)
                .map { (TopUpChangeResponse($0), $0.id) }
        }
        if let last = try await write(page, after: id) {
            part = .topUpChanges(after: last)
        } else {
            go(on: "usage_logs", with: .logs(before: nil))
        }
    }

    private mutating func go(on list: String, with next: Part) {
        open(list, closing: true)
        part = next
    }

    private mutating func open(_ list: String, closing: Bool = false) {
        if closing { writer.endArray() }
        writer.key(list)
        writer.beginArray()
    }

    /// Reads the rows of a user after a key, each with its own.
    private typealias Page<Item, Key> =
        @Sendable (UUID, Key?, any DatabaseConnection) throws -> [(Item, Key)]

    /// - Returns: the key of the last row; `nil` behind the list's end.
    private mutating func write<Item: JSONOutput, Key: Sendable>(
        _ page: @escaping Page<Item, Key>, after key: Key?
    ) async throws -> Key? {
        let user = caller.userID
        let items = try await database.read { connection in
            guard try UserRow.find(id: user, in: connection) != nil else { throw AccountGone() }
            return try page(user, key, connection)
        }
        for (item, _) in items { item.write(to: &writer) }
        return items.count < Int(Self.rows) ? nil : items.last?.1
    }

    /// Results may be large, so that a page of them is bounded by its bytes, too.
    /// - Returns: the id of the last one; `nil` behind the list's end.
    private mutating func writeResults(before id: UUID?) async throws -> UUID? {
        let user = caller.userID
        let (results, hasMore) = try await database.read { connection in
            guard try UserRow.find(id: user, in: connection) != nil else { throw AccountGone() }
            return try AnalysisResultRow.page(
                of: user, before: id, limit: Self.rows, in: connection)
        }
        for result in results { AnalysisResultResponse(result: result).write(to: &writer) }
        return hasMore ? results.last?.id : nil
    }

    private static func history(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(SubscriptionChangeResponse, SQLKey)] {
        try AccountHistory.changes(of: user, after: key, limit: rows, in: connection).map {
            let change = SubscriptionChangeResponse(
                event: $0.event, planID: $0.planID, status: $0.status,
                stripeCustomerID: $0.stripeCustomerID,
                stripeSubscriptionID: $0.stripeSubscriptionID, at: $0.at, reason: $0.reason)
            return (change, $0.key)
        }
    }

    private static func grants(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(GrantResponse, SQLKey)] {
        try AccountHistory.grants(of: user, after: key, limit: rows, in: connection).map {
            let grant = GrantResponse(
                period: $0.periodNumber, kind: $0.kind, credits: $0.credits, reason: $0.reason,
                createdAt: $0.createdAt)
            return (grant, AccountHistory.key(of: $0))
        }
    }

    private static func steps(
        of user: UUID, after key: SQLKey?, in connection: any DatabaseConnection
    ) throws -> [(ExportedStep, SQLKey)] {
        try HoldStepRow.page(of: user, after: key, limit: rows, in: connection).map {
            (ExportedStep(step: $0), HoldStepRow.key(of: $0))
        }
    }

    private static func standalone(
        of user: UUID, before id: UUID?, in connection: any DatabaseConnection
    ) throws -> [(ExportedGrant, UUID)] {
        try StandaloneGrantRow.page(of: user, before: id, limit: rows, in: connection).map {
            (ExportedGrant(grant: $0), $0.id)
        }
    }

    private static func logs(
        of user: UUID, before id: UUID?, in connection: any DatabaseConnection
    ) throws -> [(ExportedUsageLog, UUID)] {
        try UsageLogRow.page(of: user, before: id, limit: rows, in: connection).map {
            (ExportedUsageLog(log: $0), $0.id)
        }
    }
}
