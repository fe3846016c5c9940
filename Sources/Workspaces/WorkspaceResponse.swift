import BillingEmails
import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

/// A workspace as one of its members sees it.
package struct WorkspaceResponse: JSONObjectOutput {
    package let membership: Membership
    package let enabled: Int64
    /// Told to owner and admins.
    let billing: BillingEmail?
    let ownersEmail: String?
    /// Told by ``WorkspaceParts/told(_:in:)``, as the credits are.
    var pendingBilling: String?
    package var credits = WorkspaceCredits.none

    private var workspace: WorkspaceRow { membership.workspace }

    package static func read(
        _ membership: Membership, in connection: any DatabaseConnection
    ) throws -> WorkspaceResponse {
        let workspace = membership.workspace
        // The list also has workspaces to which the guard of an admin would not let the caller in.
        let isAdmin = WorkspaceGuard(role: .admin).refusal(of: membership) == nil
        let billing = isAdmin ? try BillingEmail.find(workspace.id, in: connection) : nil
        return WorkspaceResponse(
            membership: membership,
            enabled: try MemberRow.enabled(of: workspace.id, in: connection), billing: billing,
            ownersEmail: billing != nil && billing?.address == nil
                ? try UserRow.find(id: workspace.ownerID, in: connection)?.email : nil)
    }

    /// The workspace as a user sees it after a decision.
    package static func read(
        _ id: UUID, of user: UUID, in connection: any DatabaseConnection
    ) throws -> WorkspaceResponse {
        guard let found = try Membership.find(of: user, in: id, locked: false, connection) else {
            throw Problem.workspaceNotFound
        }
        return try read(found, in: connection)
    }

    package static let schemaName = "Workspace"
    package static let about = "A workspace, as the caller sees it."
    package static let fields: [OutputField<WorkspaceResponse>] = [
        OutputField("id", .uuid, "The workspace's id.") { $0.workspace.id },
        OutputField("client_id", .text, "Names it to the AI server; no secret.") {
            $0.workspace.clientID
        },
        OutputField("display_name", .text, "Its name.") { $0.workspace.displayName },
        OutputField("slug", .text, "Its name in addresses; no other workspace has it.") {
            $0.workspace.slug
        },
        OutputField("description", .nullable(.text), "What it is for.") {
            $0.workspace.description
        },
        OutputField("is_personal", .bool, "Whether it is its user's alone.") {
            $0.workspace.isPersonal
        },
        OutputField("status", .oneOf, "`frozen` and `suspended` ones refuse what adds.") {
            $0.workspace.status
        },
        OutputField("owner_id", .uuid, "The owner's user id.") { $0.workspace.ownerID },
        OutputField("my_role", .oneOf, "The caller's role.") { $0.membership.role },
        OutputField("my_status", .oneOf, "Whether the caller has a seat.") {
            $0.membership.member.status
        },
        OutputField("seat_count", .integer, "Seats that are paid for.") {
            $0.workspace.subscription.seatCount
        },
        OutputField("enabled_member_count", .integer, "Members who have a seat.") { $0.enabled },
        OutputField("available_seats", .integer, "How many more may be enabled.") {
            $0.workspace.subscription.available(beside: $0.enabled)
        },
        OutputField(
            "pending_seat_count", .nullable(.integer), "Fewer seats from the next period on."
        ) { $0.workspace.subscription.pendingSeatCount },
        OutputField(
            "billing_email", .nullable(.text),
            "Where its bills go, the owner's unless another was proven; for owner and admins."
        ) { $0.billing?.address ?? $0.ownersEmail },
        OutputField(
            "pending_billing_email", .nullable(.text),
            "An address that waits for its code; for owner and admins."
        ) { $0.pendingBilling },
        OutputField("credits", .object, "What it has to spend; nothing without a subscription.") {
            $0.credits
        },
        OutputField("created_at", .time, "When it was made.") { $0.workspace.createdAt },
    ]
}

extension WorkspaceRole: NamedEnumeration {
    package static let schemaName = "WorkspaceRole"
}
