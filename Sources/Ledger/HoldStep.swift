import FoundationEssentials
import Values

/// What was done with a hold between its beginning and its end: it was extended, or a part of it
/// was charged. Kept, so that a repetition is answered as the first one was.
public struct HoldStep: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case extend
        case capture
    }

    /// What makes two steps the same: the caller's name of it, within one call and kind.
    public struct Key: Sendable, Hashable {
        public let usageID: UUID
        public let kind: Kind
        public let name: String

        public init(usageID: UUID, kind: Kind, name: String) {
            self.usageID = usageID
            self.kind = kind
            self.name = name
        }

        /// Names are compared byte by byte, as the databases compare them.
        public static func == (left: Key, right: Key) -> Bool {
            left.usageID == right.usageID && left.kind == right.kind
                && left.name.utf8.elementsEqual(right.name.utf8)
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(usageID)
            hasher.combine(kind)
        }
    }

    public let key: Key
    public let userID: UUID
    /// What was asked, in one spelling: another body under the same name is a mismatch.
    public let request: String
    public let at: Timestamp
    /// What was added to the hold, or charged.
    public let credits: Credits
    /// How the hold stood then, which is what was answered.
    public let state: HoldState

    public init(
        key: Key, userID: UUID, request: String, at: Timestamp, credits: Credits, state: HoldState
    ) {
        self.key = key
        self.userID = userID
        self.request = request
        self.at = at
        self.credits = credits
        self.state = state
    }
}

/// How a hold stands.
public struct HoldState: Sendable, Hashable {
    public let usageID: UUID
    public let status: UsageLog.Status
    /// What is held now; after the end all that was ever held.
    public let creditsReserved: Credits
    /// All that was charged until now.
    public let creditsCharged: Credits
    public let expiresAt: Timestamp

    public init(
        usageID: UUID, status: UsageLog.Status, creditsReserved: Credits, creditsCharged: Credits,
        expiresAt: Timestamp
    ) {
        self.usageID = usageID
        self.status = status
        self.creditsReserved = creditsReserved
        self.creditsCharged = creditsCharged
        self.expiresAt = expiresAt
    }

    /// As a decision at `now` sees it.
    ///
    /// - Parameter told: how the call has ended, if a commit was accepted that says so.
    init(_ log: UsageLog, at now: Timestamp, as told: UsageLog.Status? = nil) {
        let status = log.status(at: now)
        self.init(
            usageID: log.id, status: told ?? status,
            creditsReserved: status == .pending ? log.creditsHeld : log.creditsReserved,
            creditsCharged: log.creditsCharged ?? .zero, expiresAt: log.expiresAt)
    }
}
