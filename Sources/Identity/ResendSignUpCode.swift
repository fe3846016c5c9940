import Database
import HTTPEndpoint
import Users

package struct ResendSignUpCode: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Mail the sign-up code anew", details: "The answer is always the same.", access: .open,
        refusals: [.tooManyAttempts])

    package func read(_ input: inout InputReader) -> EmailRequest {
        input.body(EmailRequest.self)
    }

    package func perform(_ request: EmailRequest, _ call: Call) async throws -> Reply<
        MessageResponse
    > {
        let now = identity.clock.now()
        let admission = try await identity.database.write { [identity] connection in
            let admission = try identity.admitMail(
                .signUp, to: request.email, from: call.remoteAddress, in: connection,
                now: now)
            guard case .granted = admission,
                let user = try UserRow.find(emailKey: request.email.key, in: connection),
                user.emailVerifiedAt == nil
            else { return admission }
            try identity.mailCode(.signUp, to: user, call, in: connection)
            return admission
        }
        _ = try admission.isGranted()
        return Reply(
            MessageResponse("If this address awaits verification, a new code is on its way."))
    }
}
