import FoundationEssentials
import Ledger
import Values

/// What the model keeps of a period's pool for the next.
extension ReferenceModel {
    /// - Returns: how much of what is left is a grant now.
    static func roll(
        _ account: Account, _ left: Int64, of user: User, _ rule: Rollover, to next: Period,
        at now: Int64
    ) -> Int64 {
        let amount = min(left, rule.maxCredits.micros)
        guard amount > 0 else { return 0 }
        var end = next.end
        if next.isPaid, rule.periods > 1 {
            // As many steps of as many whole months as the next period has.
            var months = 1
            while ReferenceCalendar.boundary(anchor: next.start, months: months + 1) <= next.end {
                months += 1
            }
            end = max(
                end,
                ReferenceCalendar.boundary(
                    anchor: next.start, months: Int(rule.periods) * months))
        } else {
            for _ in 1..<max(2, rule.periods) where rule.periods > 1 {
                end = ReferenceCalendar.month(anchor: account.anchor, containing: end).end
            }
        }
        user.grants.append(
            Grant(
                cause: "rollover \(account.period.number)",
                order: (50, isBought(account), account.period.start, ""), amount: amount,
                expiresAt: end,
                rolled: (account.period.number, rule.maxCredits.micros - amount),
                leftOverOf: account.period.invoice.flatMap { invoice in
                    account.period.purchases[invoice].map { (invoice, $0) }
                }))
        return amount
    }

    /// What lapsed goes back to open parents, in the order in which it lapsed, and what lapsed of
    /// former pools joins their rollovers.
    static func noteLapsed(_ user: User, but subject: UUID? = nil, at now: Int64) {
        let lapsed = user.calls.indices.filter { user.calls[$0].isExpired(at: now) }
            .sorted { (user.calls[$0].expiresAt, $1) < (user.calls[$1].expiresAt, $0) }
        let own = lapsed.first { user.calls[$0].id == subject }
        for place in lapsed {
            let call = user.calls[place]
            // What has to do with it and lapsed after it waits for it.
            if place == own, isKin(place, of: user) { return }
            if place == own { continue }
            giveBack(place, of: user, at: call.expiresAt, isLapse: true)
        }
    }

    /// What a call that ends held of a former pool joins that period's rollover, while that is
    /// open and its cap allows.
    static func giveBack(
        _ place: Int, of user: User, at instant: Int64, isLapse: Bool = false
    ) {
        if giveBackToParent(place, of: user, at: isLapse ? instant - 1 : instant) { return }
        guard let running = user.account?.period.number else { return }
        let open = user.grants.indices.filter { isOpen($0, of: user) }
        let held = user.calls[place].draws
        for index in held.indices { user.calls[place].draws[index].held = 0 }
        for draw in held where draw.grant == nil && draw.period != running {
            guard let grant = open.first(where: { user.grants[$0].rolled?.period == draw.period }),
                let room = user.grants[grant].rolled?.room,
                instant < user.grants[grant].expiresAt ?? .max, user.grants[grant].takeBack == 0
            else { continue }
            let part = min(draw.held, room)
            user.grants[grant].amount += part
            user.grants[grant].rolled?.room -= part
        }
    }

    /// Whether something is left of a grant, or held, whatever the clock says.
    static func isOpen(_ place: Int, of user: User) -> Bool {
        let grant = user.grants[place]
        var (held, charged): (Int64, Int64) = (0, 0)
        for call in user.calls where call.ended == nil {
            for draw in call.draws where draw.grant == place { held += draw.held }
        }
        for call in user.calls {
            for draw in call.draws where draw.grant == place { charged += draw.charged }
        }
        return held > 0 || grant.amount - charged > grant.takeBack
    }
}

extension ReferenceModel {
    /// What calls hold of where, and what may join rollovers.
    struct Balance: Equatable {
        private let draws: [[Draw]]
        private let lent: [Int64]
        private let amounts: [Int64]
        private let rooms: [Int64?]

        init(_ user: User) {
            draws = user.calls.map(\.draws)
            lent = user.calls.map(\.lent)
            amounts = user.grants.map(\.amount)
            rooms = user.grants.map { $0.rolled?.room }
        }

        func restore(_ user: User) {
            for place in draws.indices {
                user.calls[place].draws = draws[place]
                user.calls[place].lent = lent[place]
            }
            for place in amounts.indices {
                user.grants[place].amount = amounts[place]
                if let room = rooms[place] { user.grants[place].rolled?.room = room }
            }
        }
    }
}
