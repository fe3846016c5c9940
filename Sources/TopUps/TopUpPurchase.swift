import FoundationEssentials
import Values

/// One automatic purchase: one invoice, which is tried until it is paid or given up.
package struct TopUpPurchase: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        /// In flight: a try is under way, or the next one is awaited.
        case open
        /// In flight: its invoice is to be voided.
        case givingUp = "giving_up"
        case paid
        case givenUp = "given_up"
    }

    package let id: UUID
    package let userID: UUID
    package let terms: TopUpTerms
    package let begunAt: Timestamp
    package internal(set) var status = Status.open
    /// `nil` until Stripe has made one.
    package internal(set) var invoiceID: String?
    /// How often its payment was tried.
    package internal(set) var tries: Int64 = 0
    package internal(set) var triedAt: Timestamp
    /// Whether what the latest try came to is not known yet.
    package internal(set) var isTrying = false
    /// The card of the latest try; `nil`: the one that Stripe finds.
    package internal(set) var card: String?
    /// How many idempotency keys of its calls Stripe has answered with a failure of its own, which
    /// it would repeat.
    package internal(set) var usedKeys: Int64 = 0

    package init(
        id: UUID, userID: UUID, terms: TopUpTerms, begunAt: Timestamp, triedAt: Timestamp
    ) {
        self.id = id
        self.userID = userID
        self.terms = terms
        self.begunAt = begunAt
        self.triedAt = triedAt
    }

    package var isInFlight: Bool { status == .open || status == .givingUp }

    /// What its grant is made for.
    package var cause: String { "top-up \(id.text)" }

    /// The key of a call that is made for it: the same call again has the same key.
    func key(_ call: String) -> String { "top-up-\(id.text)-\(call)-\(usedKeys)" }

    /// The key of the latest try.
    var tryKey: String { key("try-\(tries)") }
}
