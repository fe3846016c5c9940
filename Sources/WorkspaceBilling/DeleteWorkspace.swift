import APIKeys
import Billing
import FoundationEssentials
import HTTPEndpoint
import Workspaces

/// `DELETE /api/workspaces/{workspace_id}`
package struct DeleteWorkspace: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Delete a team",
        details: """
            For the owner. What it subscribes to is canceled at Stripe first; then its keys are \
            revoked, and its members go at once. A personal workspace goes with its user's account \
            alone.
            """,
        access: .workspaceOwner, status: 204,
        refusals: [.personalWorkspace, .paymentProviderUnavailable, .paymentProviderError])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<MessageResponse> {
        let ending = EndWorkspaceBilling(billing: parts.billing)
        try await parts.workspaces.look(at: id, by: call) { membership, _ in
            if membership.workspace.isPersonal { throw Problem.personalWorkspace }
        }
        try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            try WorkspaceDeletions.begin(of: id, in: decision.connection, now: decision.now)
        }
        do {
            try await end(id, ending, call)
        } catch {
            // The team stays: what becomes of it is told again.
            try await parts.billing.database.write { connection in
                try WorkspaceDeletions.end(of: id, in: connection)
            }
            throw error
        }
        return .noContent
    }

    private func end(_ id: UUID, _ ending: EndWorkspaceBilling, _ call: Call) async throws {
        try await ending.atStripe(id)
        try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            try decision.requireTeam()
            try ending.close(
                id, requestID: call.id, in: decision.connection, now: decision.now)
            let revoked = try APIKeyRow.revokeAll(
                of: id, in: decision.connection, now: decision.now)
            for key in revoked { try decision.note(.keyRevoked, key.id, before: key.told) }
            try decision.note(.deleted, id, before: decision.workspace.profile)
            try WorkspaceDeletions.end(of: id, in: decision.connection)
            try decision.workspace.close(in: decision.connection, now: decision.now)
        }
    }
}
