import Database
import FoundationEssentials
import Ledger
import Telemetry
import Values

/// Tidies up: moves overdue reservations to EXPIRED and writes down which grants have ended, so
/// that rows say what decisions already take for granted. Nothing depends on it.
package struct ExpirySweeper: Sendable {
    package static let pause = Duration.seconds(5)
    /// Users that one sweep asks for at a time.
    static let maximumUsers = 200

    private let database: any Database
    private let ledger: CareerLedger
    private let tables: ProductTables
    private let clock: DecisionClock
    private let lags: LagMetrics

    package init(
        database: any Database, ledger: CareerLedger, of product: Product = .career,
        clock: DecisionClock, lags: LagMetrics
    ) {
        self.database = database
        self.ledger = ledger
        tables = .of(product)
        self.clock = clock
        self.lags = lags
    }

    /// Expires all that is overdue now.
    /// - Returns: how many reservations and grants were expired.
    @discardableResult
    package func sweep() async throws -> Int {
        let reservations: Result<Int, any Error>
        do {
            reservations = .success(try await sweepReservations())
        } catch {
            reservations = .failure(error)
        }
        let grants = try await sweepGrants()
        return try reservations.get() + grants
    }

    private func sweepGrants() async throws -> Int {
        let now = clock.now()
        return try await settleAll { after in
            try await database.read { connection in
                try StandaloneGrantRow.accountsToEnd(
                    tables, at: now, after: after, limit: Self.maximumUsers, in: connection)
            }
        }
    }

    private func sweepReservations() async throws -> Int {
        let now = clock.now()
        var oldest: Timestamp?
        let expired = try await settleAll { after in
            let overdue = try await database.read { connection in
                try OverdueHolds.users(
                    tables, at: now, after: after, limit: Self.maximumUsers, in: connection)
            }
            oldest = (overdue.map(\.since) + [oldest].compactMap { $0 }).min()
            return overdue.map(\.user)
        }
        let product = tables.product
        if !Task.isCancelled {
            lags.swept(
                at: now, oldest: oldest, of: product == .career ? nil : product.rawValue)
        }
        return expired
    }

    /// Settles account after account. One that cannot be settled keeps no other waiting.
    ///
    /// - Parameter page: finds the accounts of the next page, in the order of their ids, after one.
    /// - Returns: how many reservations and grants were expired.
    /// - Throws: what the first account threw that could not be settled, once all were tried.
    private func settleAll(_ page: (_ after: UUID?) async throws -> [UUID]) async throws -> Int {
        var (ended, last) = (0, UUID?.none)
        var failure: (any Error)?
        repeat {
            let accounts = try await page(last)
            for account in accounts {
                // A shutdown does not wait for a long backlog: what is left expires when it is
                // read.
                if Task.isCancelled { return ended }
                do {
                    ended += try await settle(account)
                } catch {
                    failure = failure ?? error
                }
            }
            last = accounts.count < Self.maximumUsers ? nil : accounts.last
        } while last != nil
        if let failure { throw failure }
        return ended
    }

    /// One settling takes up a bounded number of reservations.
    private func settle(_ account: UUID) async throws -> Int {
        var (all, some) = (0, 0)
        repeat {
            some = try await ledger.perform(SettleAccount(userID: account)).expired
            all += some
        } while some >= LedgerTables.maximumOverduePerUser && !Task.isCancelled
        return all
    }
}
