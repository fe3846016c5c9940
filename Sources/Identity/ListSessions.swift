import Database
import FoundationEssentials
import HTTPEndpoint
import Values

package struct ListSessions: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    /// The newest sessions that are told.
    static let maximumSessions: Int64 = 1000

    package static let about = About(
        "Where I am signed in", details: "The newest \(maximumSessions) sessions.", access: .user,
        links: [
            Link(to: "DeleteSession", "session_id", from: "/sessions/0/id", "Ends it there.")
        ], isLarge: true)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<SessionListResponse> {
        let caller = try call.user()
        let now = identity.clock.now()
        let sessions = try await identity.database.read {
            try Self.select(
                of: caller.userID, current: caller.sessionID, in: $0, now: now, before: nil,
                limit: Self.maximumSessions)
        }
        return Reply(SessionListResponse(sessions: sessions))
    }

    /// - Parameter id: sessions older than this one; `nil` for the newest.
    package static func select(
        of user: UUID, current: UUID?, in connection: any DatabaseConnection, now: Timestamp,
        before id: SQLValue?, limit: Int64
    ) throws -> [SessionResponse] {
        try connection.query(
            """
            SELECT id, device_info, created_at, expires_at FROM sessions
            WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?
                \(id == nil ? "" : "AND id < ?")
            ORDER BY id DESC LIMIT ?
            """, [.uuid(user), .time(now)] + (id.map { [$0] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            let id = try reader.uuid()
            return try SessionResponse(
                id: id, deviceInfo: reader.text(), createdAt: reader.time(),
                expiresAt: reader.time(), isCurrent: id == current)
        }
    }
}

package struct SessionListResponse: JSONObjectOutput {
    package let sessions: [SessionResponse]

    package static let about = "A user's sessions."
    package static let fields: [OutputField<SessionListResponse>] = [
        OutputField("sessions", .array(.object), "Newest first.") { $0.sessions }
    ]
}

package struct SessionResponse: JSONObjectOutput {
    package let id: UUID
    package let deviceInfo: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let isCurrent: Bool

    package static let schemaName = "Session"
    package static let about = "One sign-in."
    package static let fields: [OutputField<SessionResponse>] = [
        OutputField("id", .uuid, "The session's id.") { $0.id },
        OutputField("device_info", .text, "What the client said of itself.") { $0.deviceInfo },
        OutputField("created_at", .time, "When it began.") { $0.createdAt },
        OutputField("expires_at", .time, "When it ends unless it is used.") { $0.expiresAt },
        OutputField("is_current", .bool, "Whether this request belongs to it.") {
            $0.isCurrent
        },
    ]
}
