import APIKeys
import Billing
import Database
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
        let before = try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            try WorkspaceDeletions.begin(of: id, in: decision.connection, now: decision.now)
            return Before(
                isFrozen: decision.workspace.frozenAt != nil,
                enabled: try MemberRow.enabledIDs(of: id, in: decision.connection))
        }
        do {
            try await end(id, ending, call)
        } catch {
            try await stay(id, before, call)
            throw error
        }
        return .noContent
    }

    /// The team as the deletion found it.
    private struct Before: Sendable {
        let isFrozen: Bool
        let enabled: Set<UUID>
    }

    /// The team stays: what becomes of it is told again. It may be frozen by now, since its
    /// subscription has ended first: nobody was told of that.
    private func stay(_ id: UUID, _ before: Before, _ call: Call) async throws {
        let (mails, clock) = (parts.workspaces.mails, parts.billing.clock)
        let losses = SeatLosses(broker: parts.billing.erased.broker, mails: mails)
        try await parts.billing.database.write { connection in
            try WorkspaceDeletions.end(of: id, in: connection)
            guard !before.isFrozen, let row = try WorkspaceRow.findLocked(id, in: connection),
                row.frozenAt != nil
            else { return }
            let now = clock.now()
            try mails.subscription(.frozen, row, call.id, in: connection, now: now)
            try losses.announce(
                Array(before.enabled.subtracting([row.ownerID])), row, call.id,
                in: connection, now: now)
        }
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
