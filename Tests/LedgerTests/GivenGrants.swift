import Foundation
import Ledger
import Values

extension TestLedger {
    /// Each grant beside the pool is conserved and drawn on by what calls draw; what a call draws
    /// is what it holds and was charged; the account knows how many grants are open.
    static func brokenGrants(_ account: Account, _ logs: [UsageLog]) -> [String] {
        var broken: [String] = []
        for grant in account.grants {
            let draws = logs.flatMap(\.draws).filter { $0.source == .grant(grant.id) }
            if !grant.isConserved { broken.append("conservation \(grant)") }
            if grant.held != draws.map(\.held).reduce(.zero, +)
                || grant.captured != draws.map(\.captured).reduce(.zero, +)
            {
                broken.append("draws of \(grant.cause)")
            }
        }
        for log in logs where !log.draws.isEmpty {
            if log.draws.map(\.held).reduce(.zero, +) != log.creditsHeld
                || log.draws.map(\.captured).reduce(.zero, +) != log.creditsCharged ?? .zero
            {
                broken.append("draws of a call")
            }
        }
        if account.context.openGrants != account.grants.count(where: \.isOpen) {
            broken.append("open grants")
        }
        return broken
    }

    /// Gives credits beside the pool.
    @discardableResult
    mutating func give(
        _ user: UUID, _ credits: String, _ cause: String = "g",
        source: StandaloneGrant.Source = .promotion, priority: Int64 = 50,
        from: Int64? = nil, until: Int64? = nil, isPaid: Bool = false
    ) -> AddGrant.Outcome {
        apply(
            AddGrant(
                userID: user, source: source, amount: Credits(decimal: credits)!,
                priority: priority, effectiveAt: from.map { now.adding(seconds: $0) },
                expiresAt: until.map { now.adding(seconds: $0) }, isPaid: isPaid, cause: cause,
                randomness: generator.next()))
    }

    /// The grant of this cause.
    func grant(_ user: UUID, _ cause: String = "g") -> StandaloneGrant {
        accounts[user]!.grants.first { $0.cause == cause }!
    }

    /// What is left, held, captured, expired and taken back of a grant.
    func parts(_ user: UUID, _ cause: String = "g") -> [String] {
        let grant = grant(user, cause)
        return [grant.remaining, grant.held, grant.captured, grant.expired, grant.takenBack]
            .map(\.decimal)
    }

    func available(_ user: UUID) -> String {
        accounts[user]!.available(at: now, grace: rules.pastDueGrace).decimal
    }

    /// A call that holds so many credits.
    mutating func hold(_ user: UUID, _ credits: String, _ name: String = "r") -> UUID {
        let usage = reserve(user, name)
        let more = Credits(decimal: credits)! - Credits(decimal: "1")!
        if more > .zero { _ = raise(user, usage, more, "first") }
        return usage
    }

    mutating func raise(
        _ user: UUID, _ usage: UUID, _ credits: Credits, _ name: String = "e"
    ) -> HoldOutcome {
        apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: name, holdSeconds: nil,
                raise: .by(credits)))
    }

    mutating func capture(_ user: UUID, _ usage: UUID, _ credits: String) {
        apply(
            CaptureUsage(
                userID: user, usageID: usage, captureID: credits,
                part: .credits(Credits(decimal: credits)!)))
    }

    /// What a call draws: from where, what is held and what was charged.
    func draws(_ usage: UUID) -> [String] {
        logs[usage]!.draws.map { draw in
            let name =
                switch draw.source {
                case .pool(let period): "pool \(period)"
                case .grant(let id):
                    accounts.values.flatMap(\.grants).first { $0.id == id }!.cause
                }
            return "\(name) \(draw.held.decimal) \(draw.captured.decimal)"
        }
    }
}
