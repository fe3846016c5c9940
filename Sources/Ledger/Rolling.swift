import FoundationEssentials
import Values

/// What a period's pool has left and the next period keeps.
extension Account {
    /// Periods that a rollover lasts at most, whatever the catalog says.
    private static let maximumPeriods: Int64 = 1200

    /// Makes a grant of what the running period's pool has left, up to the cap, that ends so many
    /// periods later.
    ///
    /// - Returns: the line by which the pool forfeits it; `nil` if it has nothing left.
    mutating func roll(
        _ rollover: Rollover, into next: BillingPeriod, at now: Timestamp
    ) -> CreditGrant? {
        let ended = context.period
        let amount = min(context.remaining, rollover.maxCredits)
        guard amount > .zero else { return nil }
        grants.append(
            StandaloneGrant(
                id: .version7(at: now, randomness: randomness(of: ended.number)),
                userID: subscription.userID, source: .rollover, amount: amount,
                // Credits of the ended period: they are used before those of the next.
                effectiveAt: ended.start,
                expiresAt: end(of: min(rollover.periods, Self.maximumPeriods), from: next),
                isPaid: isPaidFor, cause: StandaloneGrant.causeOfRollover(of: ended.number),
                reason: nil, actor: nil, createdAt: now, room: rollover.maxCredits - amount))
        return forfeiture(of: amount, in: ended.number, cause: "rollover", at: now)
    }

    /// What a former pool is given back joins that period's rollover, while it is open, the cap
    /// allows and nothing of it went back with its invoice's money; else it is forfeited.
    mutating func giveBack(
        _ credits: Credits, toFormer number: Int64, of usage: UUID, part: Int, at now: Timestamp
    ) {
        let cause = StandaloneGrant.causeOfRollover(of: number)
        guard let index = grants.firstIndex(where: { $0.isOf(cause) && $0.isOpen }),
            !grants[index].isExpired(at: now), grants[index].takeBackTotal == .zero
        else { return }
        let joining = min(credits, grants[index].room)
        guard joining > .zero else { return }
        grants[index].join(joining, at: now)
        lines.append(
            forfeiture(of: joining, in: number, cause: "\(usage.text) \(part)", at: now))
    }

    private func forfeiture(
        of credits: Credits, in number: Int64, cause: String, at now: Timestamp
    ) -> CreditGrant {
        CreditGrant(
            userID: subscription.userID, periodNumber: number, kind: .forfeiture, cause: cause,
            credits: -credits, reason: nil, createdAt: now)
    }

    /// The end of the `count`-th period, `first` being the first one.
    private func end(of count: Int64, from first: BillingPeriod) -> Timestamp {
        guard count > 1 else { return first.end }
        if let year = context.year { return year.end(of: count, from: first) }
        guard first.source == .free else {
            let months = min(count * Self.months(of: first), Self.maximumPeriods)
            return max(first.end, first.start.adding(months: months))
        }
        var end = first.end
        for _ in 1..<count {
            end =
                BillingPeriod.month(
                    containing: end, anchor: context.anchor, number: first.number
                ).end
        }
        return end
    }

    /// The whole months of a period that was paid for, at least one.
    private static func months(of period: BillingPeriod) -> Int64 {
        var months: Int64 = 1
        while months < maximumPeriods, period.start.adding(months: months + 1) <= period.end {
            months += 1
        }
        return months
    }

    /// Bits of the account and the period: a rule draws no random numbers.
    private func randomness(of number: Int64) -> UInt64 {
        let bytes = subscription.userID.uuid
        let own = [
            bytes.8, bytes.9, bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15,
        ].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return own ^ (UInt64(bitPattern: number) &* 0x9E37_79B9_7F4A_7C15)
    }
}

extension StandaloneGrant {
    /// The cause of the grant that a period's pool became.
    public static func causeOfRollover(of period: Int64) -> String { "rollover \(period)" }
}
