import Database
import HTTPEndpoint
import Users

package struct RequestPasswordReset: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Mail a code for a new password", details: "The answer is always the same.",
        access: .open, refusals: [.tooManyAttempts])

    package func read(_ input: inout InputReader) -> EmailRequest {
        input.body(EmailRequest.self)
    }

    package func perform(_ request: EmailRequest, _ call: Call) async throws -> Reply<
        MessageResponse
    > {
        let now = identity.clock.now()
        let admission = try await identity.database.write { [identity] connection in
            let admission = try identity.admitMail(
                .passwordReset, to: request.email, from: call.remoteAddress, in: connection,
                now: now)
            // An address that was never verified has no account to be let into.
            guard case .granted = admission,
                let user = try UserRow.find(emailKey: request.email.key, in: connection),
                user.emailVerifiedAt != nil
            else { return admission }
            try identity.mailCode(.passwordReset, to: user, call, in: connection)
            return admission
        }
        _ = try admission.isGranted()
        return Reply(MessageResponse("If this address has an account, a code is on its way."))
    }
}
