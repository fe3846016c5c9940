import FoundationEssentials
import Values

/// An amount of credits with an identity, beside the pool of the running period: neither a period's
/// end nor a change of plan or catalog touches it.
///
/// At every instant `amount = remaining + held + captured + expired + takenBack`, and nothing of it
/// is negative.
public struct StandaloneGrant: Sendable, Hashable {
    public enum Source: String, Sendable, Hashable, CaseIterable {
        case rollover
        case topUp = "top_up"
        case promotion
        case compensation
    }

    /// How many of an account's grants may be open; top-ups and rollover always fit.
    public static let maximumOpen = 64
    public static let priorities: ClosedRange<Int64> = 0...100
    /// The priority of the pool, and of whatever is given none.
    public static let usualPriority: Int64 = 50

    public let id: UUID
    public let userID: UUID
    public let source: Source
    public internal(set) var amount: Credits
    /// What may still join it: of a rollover, as far as the cap allows.
    public internal(set) var room: Credits
    /// A lower one is used first.
    public let priority: Int64
    public let effectiveAt: Timestamp
    /// `nil`: never.
    public let expiresAt: Timestamp?
    public let isPaid: Bool
    /// What it was made for: no cause is granted twice.
    public let cause: String
    public let reason: String?
    public let actor: String?
    public let createdAt: Timestamp

    /// What can be drawn, unless it is frozen, not effective yet, or has expired by the clock.
    public internal(set) var remaining: Credits
    /// What running calls hold of it.
    public internal(set) var held: Credits
    public internal(set) var captured: Credits
    /// What was there when it expired, and what was given back after that.
    public internal(set) var expired: Credits
    public internal(set) var takenBack: Credits
    /// What is to be taken back in all, as far as it is not used: what is held is taken once it is
    /// given back.
    public internal(set) var takeBackTotal: Credits
    public internal(set) var isFrozen: Bool

    public init(
        id: UUID, userID: UUID, source: Source, amount: Credits,
        priority: Int64 = StandaloneGrant.usualPriority, effectiveAt: Timestamp,
        expiresAt: Timestamp?, isPaid: Bool, cause: String, reason: String?, actor: String?,
        createdAt: Timestamp, room: Credits = .zero
    ) {
        self.room = room
        self.id = id
        self.userID = userID
        self.source = source
        self.amount = amount
        self.priority = priority
        self.effectiveAt = effectiveAt
        self.expiresAt = expiresAt
        self.isPaid = isPaid
        self.cause = cause
        self.reason = reason
        self.actor = actor
        self.createdAt = createdAt
        remaining = amount
        held = .zero
        captured = .zero
        expired = .zero
        takenBack = .zero
        takeBackTotal = .zero
        isFrozen = false
    }

    /// As it is stored.
    public init(
        _ made: StandaloneGrant, remaining: Credits, held: Credits, captured: Credits,
        expired: Credits, takenBack: Credits, takeBackTotal: Credits, isFrozen: Bool, room: Credits
    ) {
        self = made
        self.remaining = remaining
        self.held = held
        self.captured = captured
        self.expired = expired
        self.takenBack = takenBack
        self.takeBackTotal = takeBackTotal
        self.isFrozen = isFrozen
        self.room = room
    }

    /// Whether something is left of it, be it to be drawn, to be written off, or held.
    public var isOpen: Bool { remaining > .zero || held > .zero }

    /// Expiry is judged by the clock, whether or not it was written down.
    public func isExpired(at now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// What a decision at `now` may draw.
    public func drawable(at now: Timestamp) -> Credits {
        isFrozen || effectiveAt > now || isExpired(at: now) ? .zero : remaining
    }

    package var isConserved: Bool {
        amount == remaining + held + captured + expired + takenBack
            && min(remaining, held, captured, expired, takenBack, takeBackTotal, room) >= .zero
    }

    /// Adds what a former pool was given back.
    mutating func join(_ credits: Credits, at now: Timestamp) {
        amount += credits
        room -= credits
        settle(at: now)
    }

    mutating func hold(_ credits: Credits) {
        remaining -= credits
        held += credits
    }

    mutating func capture(_ credits: Credits) {
        held -= credits
        captured += credits
    }

    /// Gives back what was held of it; what is owed back of it is taken, what comes too late is
    /// forfeited.
    mutating func release(_ credits: Credits, at now: Timestamp) {
        held -= credits
        settle(at: now)
    }

    /// The same grant with what has ended by the clock written down.
    public func settled(at now: Timestamp) -> StandaloneGrant {
        var grant = self
        if grant.isExpired(at: now) { grant.settle(at: now) }
        return grant
    }

    /// Brings what is left in line with what is to be taken back, and with the clock.
    mutating func settle(at now: Timestamp) {
        let free = amount - held - captured - expired
        takenBack = min(takeBackTotal, free)
        remaining = free - takenBack
        guard isExpired(at: now) else { return }
        expired += remaining
        remaining = .zero
    }
}

/// By what the running period's pool takes its place among the grants.
public struct PoolTerms: Sendable, Hashable {
    public let effectiveAt: Timestamp
    /// The period's end or, past due, the end of the grace.
    public let expiresAt: Timestamp
    public let isPaid: Bool
}

/// A part of what a call held: of one grant, or of a period's pool. Parts are charged from the
/// first on and given back from the last on; raises append.
public struct Draw: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        case pool(period: Int64)
        case grant(UUID)
    }

    public let source: Source
    public internal(set) var held: Credits
    public internal(set) var captured: Credits

    public init(source: Source, held: Credits, captured: Credits) {
        self.source = source
        self.held = held
        self.captured = captured
    }
}
