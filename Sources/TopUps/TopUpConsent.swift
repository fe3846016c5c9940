import FoundationEssentials
import Ledger
import Values

/// What a user has agreed to be charged for without being there: a pack as it was sold then, below
/// which credits it is bought, and how often in a UTC month.
package struct TopUpConsent: Sendable, Equatable {
    package static let maximums: ClosedRange<Int64> = 1...10

    package let terms: TopUpTerms
    package let below: Credits
    package let monthlyMaximum: Int64

    package init(terms: TopUpTerms, below: Credits, monthlyMaximum: Int64) {
        self.terms = terms
        self.below = below
        self.monthlyMaximum = monthlyMaximum
    }

    /// Whether this asks for more than the other does, or for something else.
    package func goesBeyond(_ other: TopUpConsent) -> Bool {
        !terms.sellsTheSame(as: other.terms) || below > other.below
            || monthlyMaximum > other.monthlyMaximum
    }
}

/// A pack as it was sold when it was agreed to.
package struct TopUpTerms: Sendable, Equatable {
    package let packID: UUID
    package let packName: String
    package let credits: Credits
    /// After how many days from the payment what is left ends; `nil`: never.
    package let validDays: Int64?
    package let price: Money

    package init(_ pack: CreditPack) {
        self.init(
            packID: pack.id, packName: pack.name, credits: pack.credits,
            validDays: pack.validDays, price: pack.price)
    }

    package init(
        packID: UUID, packName: String, credits: Credits, validDays: Int64?, price: Money
    ) {
        self.packID = packID
        self.packName = packName
        self.credits = credits
        self.validDays = validDays
        self.price = price
    }

    /// A name may change; what is paid and what is got for it may not.
    package func sellsTheSame(as other: TopUpTerms) -> Bool {
        packID == other.packID && credits == other.credits && validDays == other.validDays
            && price == other.price
    }
}
