import APIKeys
import BillingEmails
import Database
import FoundationEssentials
import HTTPEndpoint
import Values
import Workspaces

/// A membership as the export of its user has it.
package struct ExportedMembership: JSONObjectOutput {
    let membership: Membership
    let billingEmail: String?
    let pendingBillingEmail: String?

    package static let about = "A workspace that the user is a member of."
    package static let fields: [OutputField<ExportedMembership>] = [
        OutputField("workspace_id", .uuid, "The workspace's id.") { $0.membership.workspace.id },
        OutputField("display_name", .text, "Its name.") { $0.membership.workspace.displayName },
        OutputField("is_personal", .bool, "Whether it is the user's alone.") {
            $0.membership.workspace.isPersonal
        },
        OutputField("role", .oneOf, "The user's role.") { $0.membership.role },
        OutputField("status", .oneOf, "Whether the user has a seat.") {
            $0.membership.member.status
        },
        OutputField("joined_at", .time, "Since when.") { $0.membership.member.joinedAt },
        OutputField(
            "billing_email", .nullable(.text),
            "Where its bills go, if not to the owner; told to the owner alone."
        ) { $0.billingEmail },
        OutputField(
            "pending_billing_email", .nullable(.text), "The address that waits for its code."
        ) { $0.pendingBillingEmail },
    ]

    /// All of a user, in the order of the workspaces' ids.
    package static func all(
        of user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [ExportedMembership] {
        try MemberRow.all(of: user, in: connection).compactMap {
            let found = try Membership.find(
                of: user, in: $0.workspaceID, locked: false, connection)
            return try found.map { membership in
                let workspace = membership.workspace
                let billing: BillingEmail =
                    workspace.ownerID == user
                    ? try .find(workspace.id, in: connection) : .owners
                return ExportedMembership(
                    membership: membership, billingEmail: billing.address,
                    pendingBillingEmail: billing.pending(at: now))
            }
        }
    }
}

/// A key as the export of who made it has it.
package struct ExportedAPIKey: JSONObjectOutput {
    let key: APIKeyRow

    package static let about = "A key of a workspace that the user has made."
    package static let fields: [OutputField<ExportedAPIKey>] = [
        OutputField("id", .uuid, "The key's id.") { $0.key.id },
        OutputField("workspace_id", .uuid, "The workspace's id.") { $0.key.workspaceID },
        OutputField("name", .text, "What it is called.") { $0.key.name },
        OutputField("key_prefix", .text, "Its first 14 characters.") { $0.key.prefix },
        OutputField("created_at", .time, "When it was made.") { $0.key.createdAt },
    ]

    /// All that a user has made, the oldest first.
    package static func all(
        by user: UUID, in connection: any DatabaseConnection
    ) throws -> [ExportedAPIKey] {
        try APIKeyRow.made(by: user, in: connection).map(ExportedAPIKey.init)
    }
}
