import Database
import FoundationEssentials
import HTTPEndpoint
import Users

package struct GetMe: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About("My account", access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<MeResponse> {
        let id = try call.user().userID
        guard let user = try await identity.database.read({ try UserRow.find(id: id, in: $0) })
        else { throw Problem.unauthorized }
        return Reply(MeResponse(user: user))
    }
}

package struct MeResponse: JSONObjectOutput {
    package let user: UserRow

    package init(user: UserRow) {
        self.user = user
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
        OutputField("is_active", .bool, "Whether the account may be used.") {
            $0.user.isActive
        },
        OutputField("created_at", .time, "When it was made.") { $0.user.createdAt },
        OutputField("updated_at", .time, "When it was last changed.") { $0.user.updatedAt },
    ]
}
