import Database
import FoundationEssentials
import JSON
import Messaging
import Users
import Values
import Workspaces

/// Mails members who have lost their seats by a change of the subscription. A team may have
/// thousands: the database transaction of the change, which calls wait for, leaves messages, and a
/// worker writes the mails.
package struct SeatLosses: Sendable {
    /// The member of the message that names the workspace.
    static let member = "seats_lost_in"
    /// Members that one message names.
    static let usersOfMessage = 200
    /// Mails that one database transaction writes.
    static let mailsAtOnce = 50

    let broker: any MessageBroker
    let mails: WorkspaceMails

    package init(broker: any MessageBroker, mails: WorkspaceMails) {
        self.broker = broker
        self.mails = mails
    }

    package func announce(
        _ users: [UUID], _ workspace: WorkspaceRow, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        for start in stride(from: 0, to: users.count, by: Self.usersOfMessage) {
            let some = users[start..<min(start + Self.usersOfMessage, users.count)]
            let body: JSONObject = [
                Self.member: .string(workspace.id.text), "at": .int(now.micros),
                "users": .array(some.map { .string($0.text) }),
            ]
            try broker.enqueue(
                .subscriptionUpdated, JSONValue.object(body).compactText,
                MessageEnvelope(requestID: requestID), in: connection, now: now)
        }
    }

    /// Who has a seat again by then, or is gone, is told nothing.
    ///
    /// - Returns: false for a message that is none of these.
    package func handle(
        _ work: JSONValue, in database: any Database, now: Timestamp
    ) async throws -> Bool {
        guard let id = work[Self.member]?.string.flatMap({ UUID(text: $0) }) else { return false }
        let at = work["at"]?.int ?? 0
        let users = (work["users"]?.array ?? []).compactMap(\.string).compactMap {
            UUID(text: $0)
        }
        for start in stride(from: 0, to: users.count, by: Self.mailsAtOnce) {
            let some = users[start..<min(start + Self.mailsAtOnce, users.count)]
            _ = try await database.write { [mails] connection in
                guard let workspace = try WorkspaceRow.find(id, in: connection) else { return }
                for user in some {
                    guard
                        let member = try MemberRow.find(user, of: id, in: connection),
                        member.status == .disabled,
                        let row = try UserRow.find(id: user, in: connection)
                    else { continue }
                    try mails.disabled(
                        row, workspace,
                        id: UUID(named: "seat lost", id.text, user.text, "\(at)"), nil,
                        in: connection, now: now)
                }
            }
        }
        return true
    }
}
