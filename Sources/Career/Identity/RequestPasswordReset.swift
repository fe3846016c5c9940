import CareerDomain
import Database
import HTTPEndpoint

struct RequestPasswordReset: Action {
    let identity: IdentityServices

    static let about = About(
        "Mail a code for a new password", details: "The answer is always the same.",
        access: .open)

    func read(_ input: inout InputReader) -> EmailRequest {
        input.body(EmailRequest.self)
    }

    func perform(_ request: EmailRequest, _ call: Call) async throws -> Reply<MessageResponse> {
        let now = identity.clock.now()
        try await identity.database.write { [identity] connection in
            // An address that was never verified has no account to be let into.
            guard
                try identity.mayMailCode(
                    .passwordReset, to: request.email, in: connection, now: now),
                let user = try UserRow.find(emailKey: request.email.key, in: connection),
                user.emailVerifiedAt != nil
            else { return }
            try identity.mailCode(.passwordReset, to: user, call, in: connection)
        }
        return Reply(MessageResponse("If this address has an account, a code is on its way."))
    }
}
