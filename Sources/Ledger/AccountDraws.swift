import FoundationEssentials
import Values

/// What an account has to spend: the running period's pool and the grants beside it. A call of an
/// account without such grants draws on the pool of its own period alone and has no list of draws.
extension Account {
    /// Whether the pool may be drawn on at `now`, at which a free month that was due has begun: the
    /// running period must not be over, or the grace after it.
    func isPoolOpen(at now: Timestamp, grace: Int64) -> Bool {
        now < context.period.end.adding(seconds: grace)
    }

    /// What can be drawn at `now`, the pool and all grants together.
    public func available(at now: Timestamp, grace: Int64) -> Credits {
        let pool = isPoolOpen(at: now, grace: grace) ? context.remaining : .zero
        return grants.reduce(pool) { $0 + $1.drawable(at: now) }
    }

    /// What can be drawn beside the pool.
    func availableOfGrants(at now: Timestamp) -> Credits {
        grants.reduce(.zero) { $0 + $1.drawable(at: now) }
    }

    /// Grants that may be drawn on at `now` and the pool, in the order in which they are: what
    /// would be lost first comes first, and what was bought comes last.
    func drawOrder(at now: Timestamp, grace: Int64) -> [(source: Draw.Source, credits: Credits)] {
        var entries: [(rank: DrawRank, source: Draw.Source, credits: Credits)] = []
        if isPoolOpen(at: now, grace: grace), context.remaining > .zero {
            entries.append(
                (
                    DrawRank(pool(at: now, grace: grace)),
                    .pool(period: context.period.number), context.remaining
                ))
        }
        for grant in grants where grant.drawable(at: now) > .zero {
            entries.append((DrawRank(grant), .grant(grant.id), grant.remaining))
        }
        return entries.sorted { $0.rank < $1.rank }.map { ($0.source, $0.credits) }
    }

    /// The running period's pool among the grants.
    public func pool(at now: Timestamp, grace: Int64) -> PoolTerms {
        let period = context.period
        return PoolTerms(
            effectiveAt: period.start,
            expiresAt: now < period.end ? period.end : period.end.adding(seconds: grace),
            isPaid: isPaidFor)
    }

    /// Whether the running period was sold: by an invoice that is none of a trial's. One that a
    /// discount brings to nothing counts, as all that a discount takes off counts as kept.
    var isPaidFor: Bool {
        let period = context.period
        let isTrial = subscription.trialEnd.map { $0 >= period.end } ?? false
        return period.source == .paid && !isTrial
    }

    /// The pool and the grants that are open, in draw order; `nil` stands for the pool. Those that
    /// are frozen or not effective yet stand where they would be drawn on.
    public func inDrawOrder(at now: Timestamp, grace: Int64) -> [StandaloneGrant?] {
        var entries: [(rank: DrawRank, grant: StandaloneGrant?)] =
            grants.filter(\.isOpen).map { (DrawRank($0), $0) }
        entries.append((DrawRank(pool(at: now, grace: grace)), nil))
        return entries.sorted { $0.rank < $1.rank }.map(\.grant)
    }

    /// What can be drawn of each source at `now`.
    public func availableBySource(
        at now: Timestamp, grace: Int64
    ) -> (pool: Credits, grants: [StandaloneGrant.Source: Credits]) {
        var sums: [StandaloneGrant.Source: Credits] = [:]
        for grant in grants { sums[grant.source, default: .zero] += grant.drawable(at: now) }
        return (isPoolOpen(at: now, grace: grace) ? context.remaining : .zero, sums)
    }

    /// Holds credits for a call, which has been found to be there.
    mutating func hold(
        _ credits: Credits, for log: inout UsageLog, at now: Timestamp, grace: Int64
    ) {
        // Most accounts have the pool alone.
        let order =
            grants.isEmpty
            ? [(source: Draw.Source.pool(period: context.period.number), credits: credits)]
            : drawOrder(at: now, grace: grace)
        var parts: [(source: Draw.Source, credits: Credits)] = []
        var missing = credits
        for (source, there) in order where missing > .zero {
            let part = min(missing, there)
            missing -= part
            parts.append((source, part))
            hold(part, of: source)
        }
        log.add(parts)
    }

    private mutating func hold(_ credits: Credits, of source: Draw.Source) {
        switch source {
        case .pool: context.reserved += credits
        case .grant(let id): change(id) { $0.hold(credits) }
        }
    }

    /// Charges a part of what a call holds, from its first draw on.
    mutating func charge(_ credits: Credits, of log: inout UsageLog) {
        log.creditsCharged = (log.creditsCharged ?? .zero) + credits
        guard !log.draws.isEmpty else {
            if log.periodNumber == context.period.number {
                context.reserved -= credits
                context.used += credits
            }
            return
        }
        var missing = credits
        for index in log.draws.indices where missing > .zero {
            let part = min(missing, log.draws[index].held)
            missing -= part
            log.draws[index].held -= part
            log.draws[index].captured += part
            switch log.draws[index].source {
            case .pool(context.period.number):
                context.reserved -= part
                context.used += part
            case .pool: break
            case .grant(let id): change(id) { $0.capture(part) }
            }
        }
    }

    /// Gives back all that a call holds, to where it came from. What was held of the pool of an
    /// earlier period is gone with that period, unless it was rolled over.
    ///
    /// What a call took of its parent goes back to the parent, as long as that has not ended.
    mutating func release(_ log: inout UsageLog, at now: Timestamp) {
        if let parent = openParent(of: log, at: now) {
            giveBack(&log, to: parent)
            return
        }
        freed += log.creditsHeld
        guard !log.draws.isEmpty else {
            giveBack(log.creditsHeld, toPool: log.periodNumber, of: log.id, part: 0, at: now)
            return
        }
        for index in log.draws.indices.reversed() {
            let part = log.draws[index].held
            log.draws[index].held = .zero
            switch log.draws[index].source {
            case .pool(let number):
                giveBack(part, toPool: number, of: log.id, part: index, at: now)
            case .grant(let id): change(id) { $0.release(part, at: now) }
            }
        }
    }

    private mutating func giveBack(
        _ credits: Credits, toPool number: Int64, of usage: UUID, part: Int, at now: Timestamp
    ) {
        if number == context.period.number {
            context.reserved -= credits
        } else {
            giveBack(credits, toFormer: number, of: usage, part: part, at: now)
        }
    }

    /// Writes down which grants have ended by the clock: no later decision, by a clock that is
    /// behind, finds them running.
    ///
    /// - Returns: how many of them had something left.
    mutating func endGrants(at now: Timestamp) -> Int {
        let ended = grants.indices.filter {
            grants[$0].isExpired(at: now) && grants[$0].remaining > .zero
        }
        for index in ended { settleGrant(at: index, now) }
        return ended.count
    }

    /// Brings a grant in line with what is to be taken back of it and with the clock. What that
    /// writes off ended at the grant's end, whoever notices it and when.
    mutating func settleGrant(at index: Int, _ now: Timestamp) {
        let before = grants[index].expired
        grants[index].settle(at: now)
        guard grants[index].expired > before, let end = grants[index].expiresAt else { return }
        context.decidedAt = max(context.decidedAt, end)
    }

    mutating func change(_ id: UUID, _ body: (inout StandaloneGrant) -> Void) {
        guard let index = grants.firstIndex(where: { $0.id == id }) else { return }
        body(&grants[index])
    }
}

extension UsageLog {
    /// Notes what was drawn beside what was drawn before: nothing for a call that draws on the pool
    /// of its own period alone.
    mutating func add(_ parts: [(source: Draw.Source, credits: Credits)]) {
        let own = Draw.Source.pool(period: periodNumber)
        if !draws.isEmpty || parts.contains(where: { $0.source != own }) { append(parts) }
    }

    /// Appends draws. The first that is not of the call's own pool makes a list of what was drawn
    /// before.
    private mutating func append(_ parts: [(source: Draw.Source, credits: Credits)]) {
        if draws.isEmpty {
            let before = Draw(
                source: .pool(period: periodNumber), held: creditsHeld,
                captured: creditsCharged ?? .zero)
            if before.held + before.captured + creditsLent > .zero { draws.append(before) }
        }
        for (source, credits) in parts {
            if let last = draws.indices.last, draws[last].source == source {
                draws[last].held += credits
            } else {
                draws.append(Draw(source: source, held: credits, captured: .zero))
            }
        }
    }

    /// What the call holds of the period's pool.
    package func held(ofPool period: Int64) -> Credits {
        guard !draws.isEmpty else { return periodNumber == period ? creditsHeld : .zero }
        return draws.reduce(.zero) {
            $1.source == .pool(period: period) ? $0 + $1.held : $0
        }
    }

    /// What the call was charged of the period's pool.
    package func charged(ofPool period: Int64) -> Credits {
        guard !draws.isEmpty else {
            return periodNumber == period ? creditsCharged ?? .zero : .zero
        }
        return draws.reduce(.zero) {
            $1.source == .pool(period: period) ? $0 + $1.captured : $0
        }
    }
}

/// The draw order: priority, then the end (never comes last), then unpaid before paid, then the
/// beginning, then the id, the pool's being the smallest.
private struct DrawRank: Comparable {
    let priority: Int64
    let expiresAt: Timestamp?
    let isPaid: Bool
    let effectiveAt: Timestamp
    let id: UUID?

    init(
        priority: Int64, expiresAt: Timestamp?, isPaid: Bool, effectiveAt: Timestamp, id: UUID?
    ) {
        self.priority = priority
        self.expiresAt = expiresAt
        self.isPaid = isPaid
        self.effectiveAt = effectiveAt
        self.id = id
    }

    init(_ pool: PoolTerms) {
        self.init(
            priority: StandaloneGrant.usualPriority, expiresAt: pool.expiresAt,
            isPaid: pool.isPaid, effectiveAt: pool.effectiveAt, id: nil)
    }

    init(_ grant: StandaloneGrant) {
        self.init(
            priority: grant.priority, expiresAt: grant.expiresAt, isPaid: grant.isPaid,
            effectiveAt: grant.effectiveAt, id: grant.id)
    }

    static func < (left: DrawRank, right: DrawRank) -> Bool {
        if left.priority != right.priority { return left.priority < right.priority }
        if left.expiresAt != right.expiresAt {
            guard let end = left.expiresAt else { return false }
            return right.expiresAt.map { end < $0 } ?? true
        }
        if left.isPaid != right.isPaid { return !left.isPaid }
        if left.effectiveAt != right.effectiveAt { return left.effectiveAt < right.effectiveAt }
        return (left.id?.text ?? "") < (right.id?.text ?? "")
    }
}
