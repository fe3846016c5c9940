import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

package struct GetMe: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About("My account", access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<MeResponse> {
        let id = try call.user().userID
        guard let found = try await identity.database.read({ try MeResponse.find(id, in: $0) })
        else { throw Problem.unauthorized }
        return Reply(found)
    }
}

package struct MeResponse: JSONObjectOutput {
    package let user: UserRow
    package let zone: ReaderZone

    /// - Returns: `nil` for nobody.
    package static func find(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> MeResponse? {
        guard let user = try UserRow.find(id: id, in: connection) else { return nil }
        return MeResponse(user: user, zone: try UserRow.readerZone(of: id, in: connection))
    }

    package static let schemaName = "UserResponse"
    package static let about = "A user's account."
    package static let fields: [OutputField<MeResponse>] = [
        OutputField("id", .uuid, "The user's id.") { $0.user.id },
        OutputField(
            "email", .nullable(.text),
            "null where another issuer tells none: then no mail reaches the user."
        ) { $0.user.email },
        OutputField("email_verified", .bool, "Whether the address is verified.") {
            $0.user.emailVerifiedAt != nil
        },
        OutputField("full_name", .nullable(.text), "The person's name.") { $0.user.fullName },
        OutputField(
            "time_zone", .text, "In which pages show dates: a name of the IANA database."
        ) { $0.zone.name },
        OutputField("is_active", .bool, "Whether the account may be used.") {
            $0.user.isActive
        },
        OutputField("created_at", .time, "When it was made.") { $0.user.createdAt },
        OutputField("updated_at", .time, "When it was last changed.") { $0.user.updatedAt },
    ]
}

extension IdentityServices {
    /// In which zone the user reads dates.
    package func readerZone(of user: UUID) async throws -> ReaderZone {
        try await database.read { try UserRow.readerZone(of: user, in: $0) }
    }
}
