import Database
import FoundationEssentials
import HTTPEndpoint
import Tokens
import Users

package struct ChangePassword: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Change the password", details: "Signs out on every other device.", access: .user,
        refusals: [.wrongPassword, .noPassword, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> ChangePasswordRequest {
        input.body(ChangePasswordRequest.self)
    }

    package func perform(
        _ request: ChangePasswordRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let caller = try call.user()
        let now = identity.clock.now()
        let found = try await identity.database.read {
            try UserRow.find(id: caller.userID, in: $0)
        }
        guard let user = found else { throw Problem.unauthorized }
        guard let emailKey = user.emailKey, let hash = user.passwordHash else {
            throw Problem.noPassword
        }
        let buckets = identity.throttle.password(of: emailKey, from: call.remoteAddress)
        let refusal = try await identity.database.read { [identity] in
            try identity.throttle.refusal(buckets, in: $0, now: now)
        }
        if let refusal { throw refusal }
        let customer = PasswordHasher.Customer.proven(network: call.network)
        let isRight = try await identity.passwords.matches(
            request.currentPassword, hash, for: customer)
        let newHash =
            isRight
            ? try await identity.passwords.hash(request.newPassword, for: customer) : nil
        let refused = try await identity.database.write { [identity] connection -> Problem? in
            // A right guess counts too until it is known to be in time: many that are sent at
            // once learn no more than the same many in turn.
            if let refusal = try identity.throttle.begin(buckets, in: connection, now: now) {
                return refusal
            }
            // Only where the password is still the one that was shown.
            guard let newHash,
                try UserRow.replacePassword(
                    hash, with: newHash, of: user.id, in: connection, now: now)
            else { return .wrongPassword }
            try identity.throttle.forgive(buckets, in: connection)
            try Sessions.revokeAll(
                of: user.id, except: caller.sessionID, in: connection, now: now)
            try identity.outbox.enqueue(
                .passwordChanged, to: user, requestID: call.id, in: connection, now: now)
            return nil
        }
        if let refused { throw refused }
        return Reply(MessageResponse("The password is changed."))
    }
}

package struct ChangePasswordRequest: JSONInput {
    let currentPassword: String
    let newPassword: String

    package static let about = "The old password and a new one."

    package init(_ reader: inout ObjectReader) {
        currentPassword = reader.required("current_password", .password, "The one now.")
        newPassword = reader.required(
            "new_password", .newPassword, "8 to 128 characters with upper, lower and digit.")
    }
}
