import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Users
import Values

package struct DeleteMe: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Delete my account",
        details: """
            First ends what is paid for, then erases everything. What is kept is a keyed hash of \
            the email with the running free period, whether the trial was used, whether a plan was \
            bought, and which codes were redeemed. Who owns teams deletes them, or gives them \
            away, first.
            """,
        access: .user,
        refusals: [.paymentProviderUnavailable, .paymentProviderError, .ownsWorkspaces])

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<MessageResponse> {
        let id = try call.user().userID
        let (user, refusal) = try await identity.database.read { [identity] connection in
            (
                try UserRow.find(id: id, in: connection),
                try identity.otherTraces.refusal(id, connection)
            )
        }
        guard let user else { throw Problem.unauthorized }
        // Before what is paid for ends.
        if let refusal { throw refusal }
        try await note(id, beganAt: identity.clock.now())
        do {
            try await identity.beforeErasing(id)
            try await erase(user, call)
        } catch {
            // Who could not be deleted is there as before, and may ask again.
            try await note(id, beganAt: nil)
            throw error
        }
        return Reply(MessageResponse("The account is deleted."))
    }

    /// Notes that the account is being deleted: from now on its user is told that it is gone, as
    /// what they ask for may fail at Stripe already.
    private func note(_ id: UUID, beganAt: Timestamp?) async throws {
        try await identity.database.write { connection in
            try UserRow.noteDeletion(of: id, beganAt: beganAt, in: connection)
        }
    }

    private func erase(_ user: UserRow, _ call: Call) async throws {
        let now = identity.clock.now()
        let answer = try await identity.ledger.perform(EraseAccount(userID: user.id)) {
            [identity] connection in
            _ = try UserRow.findLocked(id: user.id, in: connection)
            return try identity.otherTraces.refusal(user.id, connection)
        } alongside: { [identity] connection, former in
            if let former {
                try identity.formerAccounts.remember(
                    former,
                    hasBought: LinkedSubscription.hasEverBought(user: user.id, in: connection),
                    under: identity.formerAccounts.key(of: user), in: connection, now: now)
            }
            try identity.erasedCustomers.handOver(
                of: user.id, requestID: call.id, in: connection, now: now)
            try identity.otherTraces.erase(user, call.id, connection, now)
            try UserTraces.erase(user, in: connection)
        }
        if case .failure(let refusal) = answer { throw refusal }
    }
}
