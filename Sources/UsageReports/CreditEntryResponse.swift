import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// Where credits come from, on the wire: the running period's pool counts as the plan's.
package enum CreditSource: String, CaseIterable, Sendable, NamedEnumeration {
    case plan
    case rollover
    case topUp = "top_up"
    case promotion
    case compensation

    package static var schemaName: String { "CreditSource" }

    init(_ source: StandaloneGrant.Source) {
        switch source {
        case .rollover: self = .rollover
        case .topUp: self = .topUp
        case .promotion: self = .promotion
        case .compensation: self = .compensation
        }
    }
}

/// A grant as its user sees it: one beside the pool, or the running period's pool.
package struct CreditEntryResponse: JSONObjectOutput {
    let id: String
    package let source: CreditSource
    let amount: Credits
    package let remaining: Credits
    package let held: Credits
    package let captured: Credits
    package let expired: Credits
    package let takenBack: Credits
    package let isFrozen: Bool
    let isPaid: Bool
    let priority: Int64
    let effectiveAt: Timestamp
    package let expiresAt: Timestamp?
    let lines: [CreditLineResponse]?
    let text: String

    package static let schemaName = "CareerCreditGrant"
    package static let about = """
        An amount of credits and what became of it: amount = remaining + held + captured + expired \
        + taken_back.
        """
    package static let fields: [OutputField<CreditEntryResponse>] = [
        OutputField("id", .text, "The grant's id; `pool-N` for the credits of period N.") {
            $0.id
        },
        OutputField("source", .oneOf, "Where it comes from.") { $0.source },
        OutputField("amount", .credits, "What was given.") { $0.amount },
        OutputField("remaining", .credits, "What is left of it.") { $0.remaining },
        OutputField("held", .credits, "What running calls hold of it.") { $0.held },
        OutputField("captured", .credits, "What calls were charged of it.") { $0.captured },
        OutputField("expired", .credits, "What its end took.") { $0.expired },
        OutputField("taken_back", .credits, "What was taken back, e.g. with its money.") {
            $0.takenBack
        },
        OutputField("is_frozen", .bool, "Whether it cannot be drawn on now.") { $0.isFrozen },
        OutputField("is_paid", .bool, "Whether it was bought.") { $0.isPaid },
        OutputField("priority", .integer, "0 to 100; a lower one is used first.") {
            $0.priority
        },
        OutputField("effective_at", .time, "From when it can be drawn on.") { $0.effectiveAt },
        OutputField("expires_at", .nullable(.time), "When it ends; null: never.") {
            $0.expiresAt
        },
        OutputField(
            "lines", .nullable(.array(.object)),
            "What a period's credits are made of, the oldest first; null for all others."
        ) {
            $0.lines
        },
        OutputField("text", .text, "One sentence for a person.") { $0.text },
    ]

    package init(_ grant: StandaloneGrant) {
        id = grant.id.text
        source = CreditSource(grant.source)
        amount = grant.amount
        remaining = grant.remaining
        held = grant.held
        captured = grant.captured
        expired = grant.expired
        takenBack = grant.takenBack
        isFrozen = grant.isFrozen
        isPaid = grant.isPaid
        priority = grant.priority
        effectiveAt = grant.effectiveAt
        expiresAt = grant.expiresAt
        lines = nil
        text = CreditSource(grant.source).sentence(until: grant.expiresAt)
    }

    /// The running period's pool.
    ///
    /// - Parameters:
    ///   - given: what its lines gave, all of them.
    ///   - lines: as many as are shown.
    init(_ standing: AccountStanding, given: Credits, lines: [CreditGrant]) {
        let context = standing.account.context
        let terms = standing.account.pool(at: standing.now, grace: standing.grace)
        let isOver = standing.now >= terms.expiresAt
        id = "pool-\(context.period.number)"
        source = .plan
        amount = given
        remaining = isOver ? .zero : context.remaining
        held = context.reserved
        captured = context.used
        expired = isOver ? context.remaining : .zero
        // An early end of what was paid for may have taken what was used by then, too: of that no
        // more is taken back than there was.
        takenBack = max(.zero, given - context.remaining - context.reserved - context.used)
        isFrozen = false
        isPaid = terms.isPaid
        priority = StandaloneGrant.usualPriority
        effectiveAt = terms.effectiveAt
        expiresAt = terms.expiresAt
        self.lines = lines.map(CreditLineResponse.init)
        text = CreditSource.plan.sentence(until: terms.expiresAt)
    }
}

extension CreditSource {
    fileprivate func sentence(until end: Timestamp?) -> String {
        let what =
            switch self {
            case .plan: "Credits of your plan for this period"
            case .rollover: "Credits that an earlier period left over"
            case .topUp: "Credits that you bought"
            case .promotion: "Credits that were given to you"
            case .compensation: "Credits to make up for something that went wrong"
            }
        guard let end else { return what + "; they do not end." }
        return what + ", until \(end.rfc3339.prefix(10))."
    }
}

/// A line of a period's pool.
package struct CreditLineResponse: JSONObjectOutput {
    package enum Kind: String, CaseIterable, Sendable, NamedEnumeration {
        case plan
        case upgrade
        case adjustment
        /// What was given is taken back, or comes back after that.
        case clawback
        /// What was left over and is a grant of its own now.
        case forfeiture

        package static var schemaName: String { "CreditLineKind" }
    }

    let kind: Kind
    let credits: Credits
    let reason: String?
    let createdAt: Timestamp

    init(_ line: CreditGrant) {
        kind =
            switch line.kind {
            case .plan: .plan
            case .upgrade: .upgrade
            case .adjustment: .adjustment
            case .revocation: .clawback
            case .forfeiture: .forfeiture
            }
        credits = line.credits
        reason = line.reason
        createdAt = line.createdAt
    }

    package static let schemaName = "CareerCreditLine"
    package static let about = "What was given to a period's credits, or taken from them."
    package static let fields: [OutputField<CreditLineResponse>] = [
        OutputField("kind", .oneOf, "What it is.") { $0.kind },
        OutputField("credits", .credits, "Negative where taken away.") { $0.credits },
        OutputField("reason", .nullable(.text), "An operator's reason.") { $0.reason },
        OutputField("created_at", .time, "When.") { $0.createdAt },
    ]
}
