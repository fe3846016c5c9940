import Database
import Foundation
import Ledger

extension CareerLedger {
    /// Takes an account back that lies in the future, as ``ResetClock`` does, and lets its
    /// reservations of the future lapse as long after now as any other.
    public func resetClock(of userID: UUID, reason: String) async throws -> ResetClock.Outcome {
        let (ttl, t) = (spans.reservationTTL, source.tables)
        return try await perform(
            ResetClock(userID: userID, reason: reason),
            alongside: { connection, outcome in
                guard case .reset(_, let account) = outcome else { return }
                let end = SQLValue.time(account.context.decidedAt.adding(seconds: ttl))
                try connection.execute(
                    """
                    UPDATE \(t.logs) SET expires_at = ?
                    WHERE \(t.holder) = ? AND status = 'PENDING' AND expires_at > ?
                    """, [end, .uuid(userID), end])
                try connection.execute(
                    """
                    UPDATE \(t.contexts) SET earliest_expiry = ?
                    WHERE \(t.holder) = ? AND earliest_expiry > ?
                    """, [end, .uuid(userID), end])
            })
    }
}
