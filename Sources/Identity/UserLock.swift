import FoundationEssentials
import Ledger
import LedgerStore
import Users
import Values

/// What locks a user out, and lets them in again.
package struct UserLock: Sendable {
    private let ledger: CareerLedger
    private let clock: DecisionClock

    package init(ledger: CareerLedger, clock: DecisionClock) {
        self.ledger = ledger
        self.clock = clock
    }

    /// Locking out ends every session; metering stops with the next call.
    package func setActive(_ id: UUID, _ isActive: Bool) async throws {
        let now = clock.now()
        _ = try await ledger.perform(
            SetStanding(userID: id, isActive: isActive),
            alongside: { connection, _ in
                try UserRow.setActive(isActive, of: id, in: connection, now: now)
                if !isActive { try Sessions.revokeAll(of: id, in: connection, now: now) }
            })
    }
}
