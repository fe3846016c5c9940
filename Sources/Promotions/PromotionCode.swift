import FoundationEssentials
import Ledger
import Values

/// A code that users redeem for credits, each once.
public struct PromotionCode: Sendable, Equatable {
    /// Upper case, as it is looked up.
    public let code: String
    public let credits: Credits
    /// How many users may redeem it.
    public let total: Int64
    public let redeemed: Int64
    public let startsAt: Timestamp
    /// From then on it is redeemed no longer; `nil`: no end.
    public let endsAt: Timestamp?
    /// After how many days what was granted ends; `nil`: never.
    public let validDays: Int64?

    public init(
        code: String, credits: Credits, total: Int64, redeemed: Int64 = 0, startsAt: Timestamp,
        endsAt: Timestamp?, validDays: Int64?
    ) {
        self.code = code
        self.credits = credits
        self.total = total
        self.redeemed = redeemed
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.validDays = validDays
    }

    /// As a code is written: letters and digits of ASCII in upper case, `-` and `_` among them;
    /// `nil` for what can be none.
    public static func spelled(_ text: String) -> String? {
        let known = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        let bytes = text.utf8.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let trimmed = bytes.reversed().drop { $0 == 0x20 || (0x09...0x0D).contains($0) }.reversed()
        let upper = trimmed.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
        guard (1...64).contains(upper.count), upper.allSatisfy({ known.contains($0) }) else {
            return nil
        }
        return String(decoding: upper, as: UTF8.self)
    }

    package enum Refusal: Equatable, Sendable {
        case notYetValid
        case expired
        case usedUp
    }

    /// Why nobody may redeem it at this instant; the code's own times come first.
    package func refusal(at now: Timestamp) -> Refusal? {
        if now < startsAt { return .notYetValid }
        if let endsAt, now >= endsAt { return .expired }
        return redeemed >= total ? .usedUp : nil
    }
}
