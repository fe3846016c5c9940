import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Values

package struct SpendingLimitsRequest: JSONInput {
    package let limits: SpendingLimits

    package static let about = "The limits from now on; what is left out is not limited."

    package init(_ reader: inout ObjectReader) {
        limits = SpendingLimits(
            daily: reader.optional(
                "daily_credits", .credits(from: .zero), "At most so much in a UTC day."),
            monthly: reader.optional(
                "monthly_credits", .credits(from: .zero), "At most so much in a UTC month."),
            alertAt: reader.optional(
                "alert_at", .list(of: .integer(1...100), atMost: 10),
                "Percentages at which to mail; 50, 80 and 100 if not given.")
                ?? SpendingLimits.usualAlerts)
    }

    package init(_ limits: SpendingLimits) {
        self.limits = limits
    }
}

package struct SpendingLimitsResponse: JSONObjectOutput {
    let limits: SpendingLimits

    package init(_ limits: SpendingLimits) {
        self.limits = limits
    }

    package static let schemaName = "SpendingLimits"
    package static let about = "What may be spent at most."
    package static let fields: [OutputField<SpendingLimitsResponse>] = [
        OutputField("daily_credits", .nullable(.credits), "In a UTC day; null: no limit.") {
            $0.limits.daily
        },
        OutputField("monthly_credits", .nullable(.credits), "In a UTC month; null: no limit.") {
            $0.limits.monthly
        },
        OutputField("alert_at", .array(.integer), "Percentages at which is mailed.") {
            $0.limits.alertAt
        },
    ]
}

package struct SpendingStandingResponse: JSONObjectOutput {
    package let limits: SpendingLimits
    package let day: Credits
    package let month: Credits

    /// - Returns: `nil` without an account.
    package init?(_ standing: SpendingStanding) {
        guard case .stands(let limits, let day, let month) = standing else { return nil }
        self.limits = limits
        self.day = day
        self.month = month
    }

    package static let about = "What may be spent at most, and what was spent."
    package static let fields =
        SpendingLimitsResponse.fields.map { field in
            field.of { (standing: SpendingStandingResponse) in
                SpendingLimitsResponse(standing.limits)
            }
        } + [
            OutputField("used", .object, "What was charged.") { SpentResponse(standing: $0) }
        ]
}

struct SpentResponse: JSONObjectOutput {
    let standing: SpendingStandingResponse

    static let schemaName = "Spent"
    static let about = "What was charged in the running windows."
    static let fields: [OutputField<SpentResponse>] = [
        OutputField("daily_credits", .credits, "Since the UTC day began.") { $0.standing.day },
        OutputField("monthly_credits", .credits, "Since the UTC month began.") {
            $0.standing.month
        },
    ]
}

extension CareerLedger {
    /// How often what a busy account captured is added up while nobody waits for it; after that
    /// the ledger adds it up itself.
    private static var countingTries: Int { 5 }

    /// Limits what an account spends from now on.
    ///
    /// - Parameter perform: carries one try out.
    package func limit(
        _ account: UUID, to limits: SpendingLimits,
        by perform: (SetSpendingLimits) async throws -> SpendingStanding
    ) async throws -> SpendingStanding {
        for _ in 0..<Self.countingTries {
            guard let counted = try await countSpending(of: account) else { break }
            let standing = try await perform(
                SetSpendingLimits(userID: account, limits: limits, counted: counted))
            if standing != .outdated { return standing }
        }
        return try await perform(SetSpendingLimits(userID: account, limits: limits))
    }
}
