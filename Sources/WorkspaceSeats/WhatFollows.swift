import Database
import FoundationEssentials
import HTTPEndpoint
import Values
import WorkspaceBilling
import Workspaces

extension WorkspaceBillingParts {
    /// Takes over what follows by what a change has come to, which the mirror leaves alone while
    /// the change is under way, and tells of it once.
    ///
    /// - Parameters:
    ///   - pending: fewer seats, which the next period begins with.
    ///   - before: what was to follow when the change began.
    ///   - isAsked: whether it is told of though it is what was known.
    /// - Returns: false if more members are enabled than seats follow; then nothing is written.
    func follows(
        _ pending: Int64?, _ before: Int64?, isAsked: Bool, _ turn: SeatTurn, _ call: Call
    ) async throws -> Bool {
        let (mails, id, clock) = (workspaces.mails, turn.workspace, billing.clock)
        return try await billing.database.write { connection in
            guard let row = try WorkspaceRow.findLocked(id, in: connection) else {
                throw Problem.workspaceNotFound
            }
            let now = clock.now()
            try turn.require(in: connection, now: now)
            if let pending, try MemberRow.enabled(of: id, in: connection) > pending {
                return false
            }
            if row.subscription.pendingSeatCount != pending {
                try row.setPendingSeats(pending, in: connection, now: now)
            } else if pending == nil {
                // Nothing followed, or the mirror has told of it with the seats.
                return true
            }
            guard isAsked || pending != before, !row.isPersonal, row.frozenAt == nil,
                let changed = try WorkspaceRow.find(id, in: connection)
            else { return true }
            try mails.subscription(.seatsChanged, changed, call.id, in: connection, now: now)
            return true
        }
    }
}
