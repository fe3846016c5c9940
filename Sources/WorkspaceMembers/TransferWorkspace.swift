import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values
import Workspaces

/// `POST /api/workspaces/{workspace_id}/transfer-ownership`
package struct TransferWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Give a team to another member",
        details: """
            For the owner, who is an admin from then on. The new owner must be an enabled member \
            with a verified email.
            """,
        access: .workspaceOwner, refusals: [.personalWorkspace, .notAMember])

    package func read(_ input: inout InputReader) -> (UUID, TransferRequest) {
        (input.workspace(), input.body(TransferRequest.self))
    }

    package func perform(
        _ input: (UUID, TransferRequest), _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (id, request) = input
        let mails = parts.mails
        let changed = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            try decision.requireTeam()
            if request.user != decision.caller {
                try decision.workspace.give(
                    to: request.user, actor: decision.caller.text, requestID: call.id,
                    mails, in: decision.connection, now: decision.now)
                try parts.billingEmailChanged(id, call.id, decision.connection, decision.now)
            }
            return try parts.told(
                WorkspaceResponse.read(id, of: decision.caller, in: decision.connection),
                in: decision.connection)
        }
        return Reply(changed)
    }
}

/// Who is to be the owner.
package struct TransferRequest: JSONInput {
    let user: UUID

    package static let schemaName = "WorkspaceTransfer"
    package static let about = "Who is to be the owner."

    package init(user: UUID) {
        self.user = user
    }

    package init(_ reader: inout ObjectReader) {
        user = reader.required("user_id", .uuid, "An enabled member.")
    }
}
