import Database
import FoundationEssentials
import Ledger
import Mail
import Users
import Values

/// Tells users what became of their automatic top-up, and switches it off if money went back.
package struct TopUpTeller: Sendable {
    let outbox: MailOutbox

    package init(outbox: MailOutbox) {
        self.outbox = outbox
    }

    /// - Parameter page: where the purchase can be paid.
    func tell(
        _ news: [TopUpState.News], of state: TopUpState, to user: UserRow, page: String? = nil,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        for item in news {
            let content: MailContent
            switch item {
            case .declined:
                content = .topUpDeclined(
                    state.consent.terms.packName, price: state.consent.terms.price.spoken,
                    page: page, retryAt: state.outage?.nextTryAt)
            case .off(let reason):
                try TopUpJournal.note(state, session: nil, in: connection, now: now)
                content = .topUpOff(state.consent.terms.packName, reason: reason.rawValue)
            }
            try outbox.enqueue(content, to: user, requestID: nil, in: connection, now: now)
        }
    }

    /// What a settled purchase has brought, and what went back.
    func tell(
        _ change: SettleTopUp.Change, of purchase: TopUpPurchase, to user: UserRow,
        requestID: String?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let terms = purchase.terms
        if change.isNew {
            try outbox.enqueue(
                .topUpBought(
                    terms.packName, price: terms.price.spoken, terms.credits,
                    until: change.grant.expiresAt),
                to: user, requestID: requestID, in: connection, now: now)
        }
        let taken = change.grant.takenBack - change.takenBackBefore
        if taken > .zero {
            try outbox.enqueue(
                .packReturned(terms.packName, taken), to: user, requestID: requestID,
                in: connection, now: now)
        }
    }

    /// Money for credits went back, or a bank holds it: in the database transaction in which that
    /// is applied, the user's automatic top-up goes off.
    package func moneyWentBack(
        of user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        guard let found = try TopUpRows.findLocked(user, at: now, in: connection) else { return }
        var state = found.state
        guard state.switchOff(.moneyReturned, at: now) else { return }
        try TopUpRows.save(state, in: connection)
        try tell([.off(.moneyReturned)], of: state, to: found.user, in: connection, now: now)
    }
}
