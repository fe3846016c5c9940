import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Values
import Workspaces

/// Makes subscriptions inactive whose payment is awaited for longer than the grace: no event tells
/// of that instant.
package struct OverdueWorkspaces: Sendable {
    /// Accounts that one round looks at, those that lapsed last first.
    private static let maximum: Int64 = 1000

    private let product: WorkspaceProduct
    private let ledger: CareerLedger
    private let clock: DecisionClock

    /// - Parameter ledger: that of workspaces.
    package init(product: WorkspaceProduct, ledger: CareerLedger, clock: DecisionClock) {
        self.product = product
        self.ledger = ledger
        self.clock = clock
    }

    package func sweep() async throws {
        let end = clock.now().adding(seconds: -product.grace)
        let lapsed = try await product.database.read { connection in
            try OverduePayments.holders(
                until: end, limit: Self.maximum, of: .of(.api), in: connection
            ).filter { id in
                try WorkspaceRow.find(id, in: connection)?.subscription.standing == .live
            }
        }
        for id in lapsed {
            _ = try await ledger.perform(
                SettleAccount(userID: id),
                alongside: { [follow = product.billed.follow, clock] connection, outcome in
                    guard let account = outcome.account else { return }
                    try follow(
                        MirroredChange(
                            account: account, seats: nil, requestID: nil, at: clock.now()),
                        connection)
                })
        }
    }
}
