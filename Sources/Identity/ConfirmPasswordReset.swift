import Database
import FoundationEssentials
import HTTPEndpoint
import Users

package struct ConfirmPasswordReset: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Choose a new password with the mailed code", details: "Signs out everywhere.",
        access: .open, refusals: [.wrongCode, .accountDeactivated, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> ConfirmPasswordResetRequest {
        input.body(ConfirmPasswordResetRequest.self)
    }

    package func perform(
        _ request: ConfirmPasswordResetRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let known = try await identity.checkCode(
            request.code, .passwordReset, request.email, call)
        let hash = try await identity.passwords.hash(
            request.newPassword, for: .proven(network: call.network))
        let now = identity.clock.now()
        try await identity.database.write { [identity] connection in
            guard let user = try UserRow.findLocked(id: known.id, in: connection) else {
                throw Problem.wrongCode
            }
            guard user.isActive else { throw Problem.accountDeactivated }
            guard
                try identity.codes.redeem(
                    request.code, .passwordReset, of: user.id, in: connection, now: now)
            else { throw Problem.wrongCode }
            try UserRow.setPassword(hash, of: user.id, in: connection, now: now)
            try Sessions.revokeAll(of: user.id, in: connection, now: now)
            try identity.outbox.enqueue(
                .passwordChanged, to: user, requestID: call.id, in: connection, now: now)
        }
        return Reply(MessageResponse("The password is changed; sign in with it."))
    }
}

package struct ConfirmPasswordResetRequest: JSONInput {
    let email: EmailAddress
    let code: String
    let newPassword: String

    package static let about = "The code out of the mail and a new password."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "The account's address.")
        code = reader.required("otp_code", .otpCode, "Good for ten minutes and five tries.")
        newPassword = reader.required(
            "new_password", .newPassword, "8 to 128 characters with upper, lower and digit.")
    }
}
