import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Subscriptions
import Values

/// `PUT /career/credits/auto-top-up`: agrees to an automatic top-up, changes it or ends it.
package struct PutAutoTopUp: Action {
    let service: TopUpService
    let proof: ProofOfCaller

    package init(service: TopUpService, proof: @escaping ProofOfCaller) {
        self.service = service
        self.proof = proof
    }

    package static let about = About(
        "Set my automatic top-up",
        details: """
            Replaces all of it. Switching it on, another pack, a higher `below` or \
            `monthly_maximum` need `current_password`; for users of another identity provider, a \
            token whose `auth_time` is at most ten minutes ago. It is bought as it is sold now: \
            when that changes, it goes off.
            """,
        access: .user,
        refusals: [
            .packNotFound, .subscriptionNotFound, .reauthenticationRequired, .wrongPassword,
            .tooManyAttempts, .noPaymentMethod, .cardGivenUp, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> AutoTopUpRequest {
        input.body(AutoTopUpRequest.self)
    }

    package func perform(
        _ request: AutoTopUpRequest, _ call: Call
    ) async throws -> Reply<AutoTopUpResponse> {
        let caller = try call.user()
        let known = try await service.state(of: caller.userID)
        let consent = try await consent(request, known)
        _ = try await service.billing.subscription(of: caller.userID)
        let needsProof = TopUpState.needsProof(
            of: consent, isOn: request.isEnabled, after: known)
        if needsProof { try await proof(call, request.currentPassword) }
        var card: String?
        if needsProof, known?.isOn != true || known?.outage != nil {
            if known?.isBarred(at: service.clock.now()) == true { throw Problem.cardGivenUp }
            card = try await service.card(of: caller.userID)
            if card == nil { throw Problem.noPaymentMethod }
        }
        let kept = try await service.keep(
            consent, isOn: request.isEnabled, isProven: needsProof, card: card, by: caller)
        return Reply(AutoTopUpResponse(kept))
    }

    /// Whoever only switches it off, or lowers it, need not buy what is sold no longer.
    private func consent(
        _ request: AutoTopUpRequest, _ known: TopUpState?
    ) async throws -> TopUpConsent {
        var terms = try await service.offer(of: request.packID)
        if let old = known?.consent.terms, old.packID == request.packID,
            !request.isEnabled || known?.isOn == true && terms == nil
        {
            terms = terms ?? old
        }
        guard let terms else { throw Problem.packNotFound }
        return TopUpConsent(
            terms: terms, below: request.below, monthlyMaximum: request.monthlyMaximum)
    }
}

extension TopUpService {
    /// Keeps what the user says, with the mark in the account's row, in one database transaction.
    ///
    /// - Parameters:
    ///   - isProven: whether the user has just proved who they are.
    ///   - card: the one that would be charged; `nil` if that was not asked.
    /// - Throws: ``Problem`` 403 if it needs that by now, since something has changed meanwhile.
    func keep(
        _ consent: TopUpConsent, isOn: Bool, isProven: Bool, card: String?, by caller: Caller
    ) async throws -> TopUpState {
        let user = caller.userID
        let answer = try await ledger.perform(
            SetTopUpMark(userID: user, below: isOn ? consent.below : nil),
            unless: { [clock] connection -> Problem? in
                let now = clock.now()
                let known = try TopUpRows.findLocked(user, at: now, in: connection)?.state
                if isOn, known?.isBarred(at: now) == true { return .cardGivenUp }
                let isNeeded = TopUpState.needsProof(of: consent, isOn: isOn, after: known)
                return isNeeded && !isProven ? .reauthenticationRequired : nil
            },
            alongside: { [clock] connection, hasAccount in
                guard hasAccount else { return }
                let now = clock.now()
                var state =
                    try TopUpRows.findLocked(user, at: now, in: connection)?.state
                    ?? TopUpState(
                        userID: user, consent: consent,
                        off: TopUpState.Off(reason: .user, at: now))
                state.set(consent, isOn: isOn, card: card, at: now)
                try TopUpRows.save(state, in: connection)
                try TopUpJournal.note(
                    state, session: caller.sessionID, in: connection, now: now)
            })
        _ = try answer.get()
        guard let state = try await state(of: user) else { throw Problem.subscriptionNotFound }
        return state
    }
}

package struct AutoTopUpRequest: JSONInput {
    let packID: UUID
    let below: Credits
    let monthlyMaximum: Int64
    let isEnabled: Bool
    let currentPassword: String?

    package init(
        packID: UUID, below: Credits, monthlyMaximum: Int64, isEnabled: Bool,
        currentPassword: String?
    ) {
        self.packID = packID
        self.below = below
        self.monthlyMaximum = monthlyMaximum
        self.isEnabled = isEnabled
        self.currentPassword = currentPassword
    }

    package static let about = "What is to be bought, and when."

    package init(_ reader: inout ObjectReader) {
        packID = reader.required("pack_id", .uuid, "A pack that is sold.")
        below = reader.required("below", .someCredits, "With less than this left it is bought.")
        monthlyMaximum = reader.required(
            "monthly_maximum", .integer(TopUpConsent.maximums),
            "How often in a UTC month at most.")
        isEnabled = reader.required("enabled", .bool, "Whether anything is bought by itself.")
        currentPassword = reader.optional(
            "current_password", .password, "Proves who asks, where that is needed.")
    }
}
