import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Logging
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
    private let logger: Logger

    /// - Parameter ledger: that of workspaces.
    package init(
        product: WorkspaceProduct, ledger: CareerLedger, clock: DecisionClock, logger: Logger
    ) {
        self.product = product
        self.ledger = ledger
        self.clock = clock
        self.logger = logger
    }

    /// A workspace that fails is logged and stops neither the others nor what is swept after them.
    package func sweep() async {
        do {
            for id in try await lapsed() {
                do {
                    try await settle(id)
                } catch {
                    fails("workspace \(id.text)", error)
                }
            }
        } catch {
            fails("looking for overdue workspaces", error)
        }
    }

    private func fails(_ what: String, _ error: any Error) {
        guard !Task.isCancelled else { return }
        logger.warning("\(what) failed", metadata: ["error": "\(error)"])
    }

    private func lapsed() async throws -> [UUID] {
        let end = clock.now().adding(seconds: -product.grace)
        return try await product.database.read { connection in
            try OverduePayments.holders(
                until: end, limit: Self.maximum, of: .of(.api), in: connection
            ).filter { id in
                try WorkspaceRow.find(id, in: connection)?.subscription.standing == .live
            }
        }
    }

    private func settle(_ id: UUID) async throws {
        _ = try await ledger.perform(
            SettleAccount(userID: id),
            alongside: { [follow = product.billed.follow, clock] connection, outcome in
                guard let account = outcome.account else { return }
                try follow(
                    MirroredChange(
                        account: account, seats: nil, paysForPeriod: true, requestID: nil,
                        at: clock.now()),
                    connection)
            })
    }
}
