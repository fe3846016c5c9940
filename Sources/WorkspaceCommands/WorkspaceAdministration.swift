import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import LedgerStore
import Users
import Values
import WorkspaceAuditLog
import Workspaces

/// What an operator does with workspaces by a command.
public struct WorkspaceAdministration: Sendable {
    /// Why nothing was done.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    /// A workspace as an operator reads of it; its members are named nowhere.
    public struct Summary: Sendable {
        public let id: UUID
        public let clientID: String
        public let name: String
        public let slug: String
        public let isPersonal: Bool
        public let status: String
        public let ownerID: UUID
        public let subscription: String
        /// Enabled members.
        public let seatsTaken: Int64
        public let seatCount: Int64
        public let createdAt: Timestamp

        fileprivate init(
            _ row: WorkspaceRow, in connection: any DatabaseConnection
        ) throws {
            id = row.id
            clientID = row.clientID
            name = row.displayName
            slug = row.slug
            isPersonal = row.isPersonal
            status = row.status.rawValue
            ownerID = row.ownerID
            subscription = row.subscription.standing.rawValue
            seatsTaken = try Int64(MemberRow.enabled(of: row.id, in: connection))
            seatCount = Int64(row.subscription.seatCount)
            createdAt = row.createdAt
        }

        public var kind: String { isPersonal ? "personal" : "team" }
    }

    /// A workspace that was suspended, or whose suspension was lifted.
    public struct Suspension: Sendable {
        /// false where it was so before; nothing was changed.
        public let isNew: Bool
        /// What it pays for all the same; `nil` for nothing.
        public let payment: Payment?
    }

    /// A subscription that goes on until somebody cancels it.
    public struct Payment: Sendable {
        public let subscriptionID: String
        /// Who alone can cancel it.
        public let ownerID: UUID
        public let ownerIsActive: Bool

        fileprivate init?(
            of row: WorkspaceRow, in connection: any DatabaseConnection
        ) throws {
            guard
                let id = try LinkedSubscription.stripeID(
                    of: row.id, of: .of(.api), in: connection),
                let known = try LinkedSubscription.find(
                    stripeID: id, of: .of(.api), in: connection),
                !known.isCanceled
            else { return nil }
            subscriptionID = id
            ownerID = row.ownerID
            ownerIsActive = try UserRow.find(id: row.ownerID, in: connection)?.isActive ?? false
        }
    }

    /// Workspaces that one list shows.
    public static let maximumListed: Int64 = 1000

    private let parts: WorkspaceParts

    package init(_ parts: WorkspaceParts) {
        self.parts = parts
    }

    var clock: DecisionClock { parts.clock }

    /// The newest first, at most ``maximumListed``.
    public func list() async throws -> [Summary] {
        try await parts.database.read { connection in
            try WorkspaceRow.all(before: nil, limit: Self.maximumListed, in: connection).map {
                try Summary($0, in: connection)
            }
        }
    }

    /// One workspace, and its owner's email; `nil` if another issuer told none.
    /// - Throws: ``Refusal``.
    public func show(_ name: String) async throws -> (workspace: Summary, ownerEmail: String?) {
        try await parts.database.read { connection in
            let row = try Self.find(name, in: connection)
            let owner = try UserRow.find(id: row.ownerID, in: connection)?.email
            return (try Summary(row, in: connection), owner)
        }
    }

    /// - Parameter reason: 1 to 1000 characters; `nil` lifts the suspension.
    /// - Returns: what has come of it.
    /// - Throws: ``Refusal``.
    public func setSuspended(_ name: String, reason: String?) async throws -> Suspension {
        if let reason, !(1...1000).contains(reason.unicodeScalars.count) {
            throw Refusal(description: "the reason must have 1 to 1000 characters")
        }
        let now = parts.clock.now()
        return try await parts.database.write { connection in
            let row = try Self.find(name, locked: true, in: connection)
            let payment = try Payment(of: row, in: connection)
            guard (row.suspendedAt == nil) == (reason != nil) else {
                return Suspension(isNew: false, payment: payment)
            }
            try row.setSuspended(reason, in: connection, now: now)
            try AuditLine(
                workspaceID: row.id, at: now, actor: AuditLine.byOperator,
                act: reason == nil ? .unsuspended : .suspended, target: row.id.text,
                before: nil, after: reason.map { ["reason": .string($0)] }, requestID: nil
            ).insert(in: connection)
            return Suspension(isNew: true, payment: payment)
        }
    }

    /// Gives a team away whose owner is gone.
    ///
    /// - Parameter user: the email or id of an enabled member.
    /// - Throws: ``Refusal``.
    public func transfer(_ name: String, to user: String) async throws {
        let (mails, now) = (parts.mails, parts.clock.now())
        try await parts.database.write { [parts] connection in
            let row = try Self.find(name, locked: true, in: connection)
            if row.isPersonal {
                throw Refusal(description: "a personal workspace is not given away")
            }
            let found =
                try UUID(uuidString: user).map { try UserRow.find(id: $0, in: connection) }
                ?? UserRow.find(emailKey: user.lowercased(), in: connection)
            guard let found else { throw Refusal(description: "no user \(user)") }
            if found.id == row.ownerID {
                throw Refusal(description: "\(user) is the owner already")
            }
            do {
                try row.give(
                    to: found.id, actor: AuditLine.byOperator, requestID: nil, mails,
                    in: connection, now: now)
                try parts.billingEmailChanged(row.id, nil, connection, now)
            } catch let problem as Problem {
                throw Refusal(description: problem.detail)
            }
        }
    }

    /// Whose account of the ledger is meant. A team that is closed is named by its id or client id:
    /// its account is kept.
    ///
    /// - Throws: ``Refusal``.
    public func accountID(of name: String) async throws -> UUID {
        try await parts.database.read { connection in
            try Self.id(of: name, in: connection) ?? Self.find(name, in: connection).id
        }
    }

    private static func id(
        of name: String, in connection: any DatabaseConnection
    ) throws -> UUID? {
        try UUID(uuidString: name) ?? WorkspaceRow.id(ofClient: name)
            ?? WorkspaceRow.id(ofSlug: name, in: connection)
    }

    /// - Parameter name: an id, a client id or a slug.
    private static func find(
        _ name: String, locked: Bool = false, in connection: any DatabaseConnection
    ) throws -> WorkspaceRow {
        let row = try id(of: name, in: connection).flatMap {
            try locked
                ? WorkspaceRow.findLocked($0, in: connection)
                : WorkspaceRow.find($0, in: connection)
        }
        guard let row else { throw Refusal(description: "no workspace \(name)") }
        return row
    }
}
