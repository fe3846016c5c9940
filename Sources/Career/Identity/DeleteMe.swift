import CareerDomain
import Database
import HTTPEndpoint

struct DeleteMe: Action {
    let identity: IdentityServices

    static let about = About(
        "Delete my account",
        details: """
            First ends what is paid for, then erases everything. What is kept is a keyed hash of \
            the email with the running free period and whether the trial was used.
            """,
        access: .user, refusals: [.paymentProviderUnavailable, .paymentProviderError])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<MessageResponse> {
        let id = try call.user().userID
        guard let user = try await identity.database.read({ try UserRow.find(id: id, in: $0) })
        else { throw Problem.unauthorized }
        try await identity.beforeErasing(id)
        let now = identity.clock.now()
        _ = try await identity.ledger.perform(EraseAccount(userID: id)) {
            [identity] connection, former in
            if let former {
                try identity.formerAccounts.remember(
                    former, under: identity.formerAccounts.key(of: user), in: connection,
                    now: now)
            }
            try identity.erasedCustomers.handOver(
                of: id, requestID: call.id, in: connection, now: now)
            try UserTraces.erase(user, in: connection)
        }
        return Reply(MessageResponse("The account is deleted."))
    }
}
