import FoundationEssentials
import JSON
import Ledger
import LedgerStore
import Values
import WorkspaceAuditLog
import Workspaces

/// Why an operator gives credits to a workspace or takes some away, and who it is.
public struct ReasonByHand: Sendable {
    let text: String
    let actor: String?

    /// - Parameters:
    ///   - text: 1 to 1000 characters.
    ///   - actor: who does it, 1 to 255 characters; `nil`: an operator.
    /// - Throws: ``WorkspaceAdministration/Refusal``.
    public init(_ text: String, actor: String?) throws(WorkspaceAdministration.Refusal) {
        guard (1...1000).contains(text.unicodeScalars.count) else {
            throw .init(description: "the reason must have 1 to 1000 characters")
        }
        if let actor, !(1...255).contains(actor.unicodeScalars.count) {
            throw .init(description: "the actor must have 1 to 255 characters")
        }
        (self.text, self.actor) = (text, actor)
    }
}

/// Each is noted in the workspace's audit log in the database transaction of the decision.
extension WorkspaceAdministration {
    /// The workspace's id; `nil` if there is none.
    ///
    /// - Parameter name: an id, a client id or a slug.
    public func id(of name: String) async throws -> UUID? {
        do {
            return try await show(name).workspace.id
        } catch is Refusal {
            return nil
        }
    }

    /// Gives credits to the running period or takes them away.
    ///
    /// - Parameters:
    ///   - ledger: that of workspaces.
    ///   - cause: names the adjustment: of the same name there is one.
    /// - Throws: ``Refusal`` where there is no such workspace.
    public func adjust(
        _ name: String, by credits: Credits, _ reason: ReasonByHand, cause: String,
        in ledger: CareerLedger
    ) async throws -> AdjustCredits.Outcome {
        let (id, now) = (try await show(name).workspace.id, clock.now())
        let command = AdjustCredits(
            userID: id, credits: credits, reason: reason.text, cause: cause)
        return try await ledger.perform(command) { connection, outcome in
            guard case .adjusted = outcome else { return }
            try reason.line(.creditsAdjusted, of: id, target: id, credits, at: now)
                .insert(in: connection)
        }
    }

    /// Gives credits beside those of the period.
    ///
    /// - Parameter command: of the workspace's account.
    public func give(
        _ command: AddGrant, _ reason: ReasonByHand, in ledger: CareerLedger
    ) async throws -> AddGrant.Outcome {
        let now = clock.now()
        return try await ledger.perform(command) { connection, outcome in
            guard case .added(let grant) = outcome else { return }
            try reason.line(
                .creditsGranted, of: grant.userID, target: grant.id, grant.amount, at: now
            ).insert(in: connection)
        }
    }
}

extension ReasonByHand {
    fileprivate func line(
        _ act: WorkspaceAct, of workspace: UUID, target: UUID, _ credits: Credits,
        at now: Timestamp
    ) -> AuditLine {
        var told: JSONObject = ["credits": .string(credits.decimal), "reason": .string(text)]
        if let actor { told["by"] = .string(actor) }
        return AuditLine(
            workspaceID: workspace, at: now, actor: AuditLine.byOperator, act: act,
            target: target.text, before: nil, after: told, requestID: nil)
    }
}
