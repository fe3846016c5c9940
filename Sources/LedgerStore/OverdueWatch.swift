import FoundationEssentials
import Values

/// Remembers for how long a user cannot have an overdue reservation, so that most decisions need
/// not look for one. Used by one thread.
///
/// At a look, every reservation there is ends no earlier than the first that was seen; whatever is
/// reserved later, by any process however late its clock, is reserved no earlier than the
/// account's last decision and lasts for the reservations' whole span. The earlier of the two is a
/// time before which nothing can be overdue. Settling an account always looks, so that the
/// sweeper stands on nothing that is remembered here.
package struct OverdueWatch {
    /// Users that are remembered; then all are forgotten and looked at anew.
    package static let maximumUsers = 20_000

    /// How long a reservation is held, in seconds.
    private let reservationTTL: Int64
    private var clearUntil: [UUID: Timestamp] = [:]

    package init(reservationTTL: Int64) {
        self.reservationTTL = reservationTTL
    }

    package func mustLook(for user: UUID, at now: Timestamp) -> Bool {
        guard let end = clearUntil[user] else { return true }
        return now >= end
    }

    /// - Parameters:
    ///   - decidedAt: the instant of the account's last decision.
    ///   - firstEnd: when the first of the user's reservations ends; `nil` without any.
    package mutating func looked(for user: UUID, decidedAt: Timestamp, firstEnd: Timestamp?) {
        if clearUntil.count >= Self.maximumUsers { clearUntil = [:] }
        let newest = decidedAt.adding(seconds: reservationTTL)
        clearUntil[user] = min(firstEnd ?? newest, newest)
    }
}
