import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// `GET /career/credits/auto-top-up`: what I have agreed to, and how it stands.
package struct GetAutoTopUp: Action {
    let service: TopUpService

    package init(service: TopUpService) {
        self.service = service
    }

    package static let about = About(
        "My automatic top-up",
        details: "A pack that is bought by itself when a charge leaves too few credits.",
        access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<AutoTopUpResponse> {
        Reply(AutoTopUpResponse(try await service.state(of: call.user().userID)))
    }
}

extension TopUpService {
    /// - Returns: `nil` for who never had one.
    package func state(of user: UUID) async throws -> TopUpState? {
        let now = clock.now()
        return try await database.read { try TopUpRows.find(user, at: now, in: $0) }
    }
}

package struct AutoTopUpResponse: JSONObjectOutput {
    /// `nil` for who never had one.
    package let state: TopUpState?

    package init(_ state: TopUpState?) {
        self.state = state
    }

    private var terms: TopUpTerms? { state?.consent.terms }

    package static let schemaName = "AutoTopUp"
    package static let about = "What is bought when a charge leaves too few credits."
    package static let fields: [OutputField<AutoTopUpResponse>] = [
        OutputField("enabled", .bool, "Whether anything is bought by itself.") {
            $0.state?.isOn ?? false
        },
        OutputField("pack_id", .nullable(.uuid), "The pack; null if none was ever chosen.") {
            $0.terms?.packID
        },
        OutputField("pack_name", .nullable(.text), "Its name when it was agreed to.") {
            $0.terms?.packName
        },
        OutputField("price", .nullable(.text), "What it costs each time, a decimal string.") {
            $0.terms?.price.decimal
        },
        OutputField("currency", .nullable(.text), "ISO 4217, lower case.") {
            $0.terms?.price.currency.code
        },
        OutputField("credits", .nullable(.credits), "What it grants each time.") {
            $0.terms?.credits
        },
        OutputField("below", .nullable(.credits), "With less than this left it is bought.") {
            $0.state?.consent.below
        },
        OutputField("monthly_maximum", .nullable(.integer), "How often in a UTC month at most.") {
            $0.state?.consent.monthlyMaximum
        },
        OutputField("bought_this_month", .integer, "How often in this one.") {
            $0.state?.paidThisMonth ?? 0
        },
        OutputField("consented_at", .nullable(.time), "When it was last agreed to.") {
            $0.state?.consentedAt
        },
        OutputField(
            "off_reason", .nullable(.oneOf), "Why it is off; null while it is on, or never was."
        ) { $0.state?.off?.reason },
        OutputField("off_at", .nullable(.time), "Since when it is off.") { $0.state?.off?.at },
        OutputField(
            "next_try_at", .nullable(.time),
            "When the card is tried again that was declined; null if none was."
        ) { $0.state?.outage?.nextTryAt },
    ]
}
