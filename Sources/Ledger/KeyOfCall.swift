import FoundationEssentials
import Values

/// The keyed hash by which an API key is found; the key itself is nowhere.
public struct KeyHash: Sendable, Hashable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// Which key a call was made with: kept with its log.
public struct KeyedCaller: Sendable, Hashable {
    public let keyID: UUID
    /// The first of the keys that were rotated into this one; the family's limit is one.
    public let familyID: UUID
    /// Whether the call is a test, which costs nothing.
    public let isTest: Bool

    public init(keyID: UUID, familyID: UUID, isTest: Bool) {
        self.keyID = keyID
        self.familyID = familyID
        self.isTest = isTest
    }
}

/// An API key as a decision on a call finds it, in the very database transaction of the decision: a
/// key that is revoked binds the next decision of every process.
public struct KeyOfCall: Sendable, Hashable {
    /// What may keep a workspace from spending.
    public enum Barrier: Sendable, Hashable {
        /// Its paid plan has ended; it can subscribe again.
        case frozen
        /// An operator has locked it.
        case suspended
    }

    public let caller: KeyedCaller
    /// The workspace's account.
    public let accountID: UUID
    public let isRevoked: Bool
    public let expiresAt: Timestamp?
    /// Credits of a period that the family may use and hold; `nil`: no limit of its own.
    public let creditLimit: Credits?
    public let barrier: Barrier?

    public init(
        caller: KeyedCaller, accountID: UUID, isRevoked: Bool, expiresAt: Timestamp?,
        creditLimit: Credits?, barrier: Barrier?
    ) {
        self.caller = caller
        self.accountID = accountID
        self.isRevoked = isRevoked
        self.expiresAt = expiresAt
        self.creditLimit = creditLimit
        self.barrier = barrier
    }

    /// Whether calls may be made with it. It is judged by the clock of the deciding process, like a
    /// user's token, and not by an account that may lie ahead.
    public func isLive(at clock: Timestamp) -> Bool {
        !isRevoked && expiresAt.map { clock < $0 } ?? true
    }
}

/// What calls of one family of keys have used and hold of a period.
public struct KeySpending: Sendable, Hashable {
    public let accountID: UUID
    public let periodNumber: Int64
    public internal(set) var used: Credits
    public internal(set) var held: Credits
    /// Whether it is stored of this period; else it was summed up.
    public let isKept: Bool

    public init(
        accountID: UUID, periodNumber: Int64, used: Credits, held: Credits, isKept: Bool = true
    ) {
        self.accountID = accountID
        self.periodNumber = periodNumber
        self.used = used
        self.held = held
        self.isKept = isKept
    }

    /// What counts in this period: nothing of another one.
    func total(inPeriod number: Int64) -> Credits {
        periodNumber == number ? used + held : .zero
    }

    /// Counts a log that has changed. A log of a later period begins that period.
    mutating func count(_ log: UsageLog, was: UsageLog?) {
        if log.periodNumber > periodNumber {
            self = KeySpending(
                accountID: accountID, periodNumber: log.periodNumber, used: .zero, held: .zero)
        }
        guard log.periodNumber == periodNumber else { return }
        used += (log.creditsCharged ?? .zero) - (was?.creditsCharged ?? .zero)
        held += log.creditsHeld - (was?.creditsHeld ?? .zero)
    }
}

/// When a decision on a call must see the key that the call was made with.
public enum KeyOfLogNeed: Sendable, Hashable {
    /// A clock may tell of a hold's end a little later than the one by which the call was loaded.
    private static let margin: Int64 = 60

    case never
    case always
    /// Only if more may be charged than is held: the commit names an amount or tokens that have
    /// prices, or the hold has lapsed.
    case ofCommit(namesCredits: Bool, namesTokens: Bool)

    /// - Parameter now: by which the decision is made, as far as is known.
    public func isNeeded(of log: UsageLog, at now: Timestamp) -> Bool {
        switch self {
        case .never: false
        case .always: true
        case .ofCommit(let namesCredits, let namesTokens):
            !log.key.isTest
                && (namesCredits || namesTokens && log.pin != nil
                    || log.status(at: now.adding(seconds: Self.margin)) == .expired)
        }
    }
}

/// A call would spend more than its key's limit lets the family spend in a period.
public struct KeyLimitRefusal: Sendable, Hashable {
    /// Used and held in the period.
    public let used: Credits
    public let limit: Credits
    public let needed: Credits
    /// Seconds until the period is over.
    public let retryAfter: Int64

    public init(used: Credits, limit: Credits, needed: Credits, retryAfter: Int64) {
        self.used = used
        self.limit = limit
        self.needed = needed
        self.retryAfter = retryAfter
    }

    /// - Parameter account: as the decision leaves it, if the call is not refused.
    /// - Returns: `nil` if the credits may be spent by the key.
    static func judge(
        _ needed: Credits, by key: KeyOfCall, _ spending: KeySpending?, of account: Account,
        clock: Timestamp
    ) -> KeyLimitRefusal? {
        guard let limit = key.creditLimit, !key.caller.isTest else { return nil }
        let period = account.context.period
        let used = spending?.total(inPeriod: period.number) ?? .zero
        guard used + needed > limit || limit == .zero else { return nil }
        return KeyLimitRefusal(
            used: used, limit: limit, needed: needed,
            retryAfter: max(1, clock.secondsRoundedUp(until: period.end)))
    }
}

/// How many test calls an account has made in the minute and the day. They have windows of their
/// own, one set for all test keys of an account, with the plan's figures.
public struct TestWindows: Sendable, Hashable {
    public internal(set) var minute: RateWindow
    public internal(set) var day: RateWindow

    public init(minute: RateWindow, day: RateWindow) {
        self.minute = minute
        self.day = day
    }

    static let none = TestWindows(
        minute: RateWindow(.minute, start: .epoch, count: 0),
        day: RateWindow(.day, start: .epoch, count: 0))
}

/// The API keys that the calls of a batch were made with, as they were loaded.
public struct LoadedKeys: Sendable {
    public let byHash: [KeyHash: KeyOfCall]
    /// Those of logs.
    public let byID: [UUID: KeyOfCall]
    /// Of families that have a limit.
    public let spendings: [UUID: KeySpending]

    public init(
        byHash: [KeyHash: KeyOfCall] = [:], byID: [UUID: KeyOfCall] = [:],
        spendings: [UUID: KeySpending] = [:]
    ) {
        self.byHash = byHash
        self.byID = byID
        self.spendings = spendings
    }

    var isEmpty: Bool { byHash.isEmpty && byID.isEmpty }
}
