import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Packs
import Stripe
import Values

/// `POST /career/credits/top-ups/{grant_id}/refund`: gives bought credits back that are not used.
package struct GiveBackTopUp: Action {
    let service: TopUpService

    package init(service: TopUpService) {
        self.service = service
    }

    package static let about = About(
        "Give bought credits back",
        details: """
            Within 14 days, if nothing of them was used or is held. From then on they cannot be \
            used; if the refund fails, they can again. Asking again is answered the same.
            """,
        access: .user,
        refusals: [
            .topUpNotFound, .topUpUsed, .topUpTooLate, .topUpDisputed,
            .paymentProviderUnavailable, .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> UUID {
        input.path("grant_id", .uuid, "The grant of a pack.")
    }

    package func perform(
        _ grant: UUID, _ call: Call
    ) async throws -> Reply<TopUpReturnResponse> {
        Reply(
            try await service.giveBack(
                grant, by: call.user().userID, requestID: call.id))
    }
}

package struct TopUpReturnResponse: JSONObjectOutput {
    enum Status: String, CaseIterable, Sendable {
        case returned
        case pending
        case failed
    }

    let grantID: UUID
    let status: Status

    package static let schemaName = "TopUpReturn"
    package static let about = "What became of credits that were given back."
    package static let fields: [OutputField<TopUpReturnResponse>] = [
        OutputField("grant_id", .uuid, "The grant.") { $0.grantID },
        OutputField(
            "status", .oneOf,
            "`pending`: the bank takes its time; `failed`: they can be used again."
        ) { $0.status },
    ]
}

extension TopUpService {
    func giveBack(
        _ id: UUID, by user: UUID, requestID: String?
    ) async throws -> TopUpReturnResponse {
        let found = try await database.read {
            try StandaloneGrantRow.find(id, of: user, in: $0)
        }
        guard let grant = found, grant.source == .topUp, let begun = try await sale(of: grant)
        else { throw Problem.topUpNotFound }
        let outcome = try await ledger.perform(
            FreezeTopUp(userID: user, cause: grant.cause)
        ) { connection, outcome in
            if outcome == .frozen { try TopUpReturns.begin(begun, in: connection) }
        }
        switch outcome {
        case .unknown: throw Problem.topUpNotFound
        case .used: throw Problem.topUpUsed
        case .tooLate: throw Problem.topUpTooLate
        case .returned: break
        case .frozen, .frozenBefore:
            guard let going = try await database.read({ try TopUpReturns.find(id, in: $0) })
            else { throw Problem.topUpDisputed }
            try await refund(going, requestID: requestID)
        }
        return TopUpReturnResponse(
            grantID: id, status: try await standing(of: grant))
    }

    private func standing(of grant: StandaloneGrant) async throws -> TopUpReturnResponse.Status {
        let now = try await ledger.look(
            at: FindGrant(userID: grant.userID, cause: grant.cause))
        guard let now, now.takeBackTotal < now.amount else { return .returned }
        return now.isFrozen ? .pending : .failed
    }

    /// What has sold a grant, and the payment; `nil` if nothing was paid for it.
    private func sale(of grant: StandaloneGrant) async throws -> TopUpReturn? {
        func sale(_ soldBy: String, _ intent: String?) -> TopUpReturn? {
            intent.map {
                TopUpReturn(
                    grantID: grant.id, userID: grant.userID, cause: grant.cause, soldBy: soldBy,
                    paymentIntentID: $0, attempt: 1, begunAt: clock.now(), refundID: nil)
            }
        }
        let own = try await database.read { try TopUpRows.payment(ofGrant: grant.id, in: $0) }
        if let own { return sale(own.invoiceID, own.intentID) }
        guard let customer = try await customer(of: grant.userID) else { return nil }
        let page = try await stripe.listCheckoutSessions(customer).first { page in
            page.metadata[PackMirror.purchaseKey].map { grant.cause.hasSuffix($0) } ?? false
        }
        return page.flatMap { sale($0.id, $0.paymentIntentID) }
    }

    /// Gives the money back, or finds out what became of it. The same attempt has the same key.
    ///
    /// - Throws: ``StripeError`` if that stays unknown; it is done again.
    private func refund(_ going: TopUpReturn, requestID: String?) async throws {
        if going.refundID == nil {
            var refund: StripeRefund?
            do {
                refund = try await stripe.createRefund(going.paymentIntentID, nil, going.key)
            } catch {
                if error.usesUpIdempotencyKey && !error.isRefusal {
                    try await database.write {
                        try TopUpReturns.useNewKey(of: going.grantID, in: $0)
                    }
                }
                guard error.isRefusal else { throw error }
                // Refunded in the dashboard, or charged back: Stripe's word on the payment counts.
                let others = try await stripe.listRefunds(going.paymentIntentID)
                refund =
                    others.first { TopUpReturn.isUndecided($0) }
                    ?? others.first { $0.status == "succeeded" }
            }
            try await database.write { [refundID = refund?.id] connection in
                if let refundID {
                    try TopUpReturns.note(refundID, of: going.grantID, in: connection)
                } else {
                    try TopUpReturns.end(going.grantID, in: connection)
                }
            }
        }
        if going.soldBy.hasPrefix("cs_") {
            try await billing.packs.refresh(going.soldBy, requestID: requestID)
        } else {
            try await refresh(going.soldBy, requestID: requestID)
        }
    }

    /// Takes up what a process has left that was killed, or that Stripe did not answer. What fails
    /// again waits, so that the others have their turn.
    func finishReturns() async throws {
        let latest = clock.now().adding(seconds: -TopUpState.lease)
        let left = try await database.read { connection in
            try TopUpReturns.unanswered(
                since: latest, limit: Self.maximumUsers, in: connection)
        }
        for going in left where !Task.isCancelled {
            do {
                try await refund(going, requestID: nil)
            } catch {
                logger.warning(
                    "a refund was put off",
                    metadata: ["grant_id": "\(going.grantID.text)", "error": "\(error)"])
                let now = clock.now()
                try await database.write {
                    try TopUpReturns.putOff(going.grantID, at: now, in: $0)
                }
            }
        }
    }
}
