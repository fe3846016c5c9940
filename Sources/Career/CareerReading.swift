import Database
import FoundationEssentials
import HTTPEndpoint
import History
import Ledger
import LedgerStore
import Subscriptions
import TopUps
import Values

/// What pages show of the product: the same actions and services as the endpoints'.
extension CareerParts {
    /// The grants of one period that are read at most.
    static let maximumGrants: Int64 = 50

    package func currentCatalog() async throws -> Catalog {
        try await catalog.current(in: database)
    }

    /// The user's subscription as it stands now; `nil` where there is none.
    package func subscription(of user: UUID) async throws -> (account: Account, plan: Plan)? {
        try await subscriptions.subscription(of: user)
    }

    package var listUsageLogs: ListUsageLogs {
        ListUsageLogs(quota: quota, database: database)
    }

    package var summarizeUsage: SummarizeUsage {
        SummarizeUsage(quota: quota, database: database, clock: clock)
    }

    package var spendingLimits: GetSpendingLimits { GetSpendingLimits(quota: quota) }
    package var limitSpending: PutSpendingLimits { PutSpendingLimits(quota: quota) }

    package var getHistoryItem: GetHistoryItem { GetHistoryItem(database: database) }

    package var deleteHistoryItem: DeleteHistoryItem { DeleteHistoryItem(database: database) }

    /// A user's results without their data, newest first, and whether more follow.
    package func resultTitles(
        of user: UUID, before: UUID?, limit: Int64
    ) async throws -> (results: [AnalysisResultTitle], hasMore: Bool) {
        let titles = try await database.read { connection in
            try AnalysisResultRow.titles(of: user, before: before, limit: limit + 1, in: connection)
        }
        return (Array(titles.prefix(Int(limit))), Int64(titles.count) > limit)
    }

    package var cancelSubscription: CancelSubscription { CancelSubscription(billing: billing) }

    package var listCredits: ListCredits { ListCredits(quota: quota, database: database) }

    package var putAutoTopUp: PutAutoTopUp { PutAutoTopUp(service: topUps, proof: proof) }

    package var redeemCode: RedeemCode { RedeemCode(redemption: redemption) }

    /// What the running period was given and had taken away, oldest first.
    package func grants(of account: Account) async throws -> [CreditGrant] {
        let user = account.subscription.userID
        let number = account.context.period.number
        return try await database.read { connection in
            try AccountHistory.grants(
                of: user, after: [.integer(number), .time(.epoch), .text(""), .text("")],
                limit: Self.maximumGrants, in: connection)
        }
    }

    package var explainUsage: ExplainUsage {
        ExplainUsage(database: database, catalog: catalog, clock: clock)
    }
}
