import Database
import FoundationEssentials
import HTTPEndpoint
import Tokens
import Users
import Values

package struct SignUp: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Sign up",
        details: """
            Mails a code of six digits. The answer is the same where the address is taken; its \
            owner then gets a mail that says so. Where several sign one address up with different \
            passwords none of these is kept: who proves the address chooses one with the code.
            """,
        access: .open, status: 201, refusals: [.tooManyAttempts])

    /// Sign-ups with one address that are at work at the same time see each other this often.
    private static let maximumTries = 3

    package func read(_ input: inout InputReader) -> SignUpRequest {
        input.body(SignUpRequest.self)
    }

    package func perform(_ request: SignUpRequest, _ call: Call) async throws -> Reply<
        SignUpResponse
    > {
        let reply = Reply(SignUpResponse(email: request.email.text), status: 201)
        let now = identity.clock.now()
        let (admission, awaiting) = try await identity.database.write {
            [identity] connection in
            let admission = try identity.admitMail(
                .signUp, to: request.email, from: call.remoteAddress, in: connection, now: now)
            let user = try UserRow.find(emailKey: request.email.key, in: connection)
            return (admission, user?.emailVerifiedAt == nil ? user?.passwordHash : nil)
        }
        guard try admission.isGranted() else { return reply }
        // The same work whether or not the address is taken.
        let customer = PasswordHasher.Customer.signUp(network: call.network)
        let (hash, isSame) = try await identity.passwords.hash(
            request.password, comparedTo: awaiting, for: customer)
        var attempt = Attempt(
            request: request, hash: hash, seen: awaiting, isSame: isSame,
            triesLeft: Self.maximumTries)
        while case .changed(let current) = try await keep(attempt, call) {
            attempt.seen = current
            attempt.triesLeft -= 1
            attempt.isSame = try await identity.passwords.matches(
                request.password, current, for: customer)
        }
        return reply
    }

    private struct Attempt: Sendable {
        let request: SignUpRequest
        let hash: String
        /// The hash of whoever signed the address up before.
        var seen: String?
        /// Whether it is of the password that is now chosen: then it is the same person.
        var isSame: Bool
        var triesLeft: Int
    }

    private enum Outcome {
        case done
        /// Another sign-up came between; its password is to be compared.
        case changed(String)
    }

    private func keep(_ attempt: Attempt, _ call: Call) async throws -> Outcome {
        try await identity.database.write { try keep(attempt, call, in: $0) }
    }

    private func keep(
        _ attempt: Attempt, _ call: Call, in connection: any DatabaseConnection
    ) throws -> Outcome {
        let email = attempt.request.email
        let now = identity.clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        // One statement, so that of two sign-ups at the same time one comes second.
        let isNew =
            try UserRow.insert(
                id, email, passwordHash: attempt.hash, fullName: attempt.request.fullName,
                in: connection, now: now)
        // Whoever is erased between these statements is gone, and so is the reason for a mail.
        guard let found = try UserRow.find(emailKey: email.key, in: connection),
            let user = try UserRow.findLocked(id: found.id, in: connection)
        else { return .done }
        guard user.emailVerifiedAt == nil else {
            try identity.outbox.enqueue(
                .alreadyRegistered, to: user, requestID: call.id, in: connection, now: now)
            return .done
        }
        if !isNew, let current = user.passwordHash {
            let isNews = current != attempt.seen && current != PasswordHasher.noPassword
            if isNews && attempt.triesLeft > 0 {
                return .changed(current)
            }
            let isSame = attempt.isSame && current == attempt.seen
            try renew(user, attempt.request, isSame: isSame, in: connection, now: now)
        }
        guard let kept = try UserRow.find(id: user.id, in: connection) else { return .done }
        try identity.mailCode(.signUp, to: kept, call, in: connection)
        return .done
    }

    /// Signs an address up that awaits verification. With the same password it is the same person
    /// once more. Else several want it, and nobody can tell who reads its mail: until one of them
    /// proves it, it has no password and no name.
    private func renew(
        _ user: UserRow, _ request: SignUpRequest, isSame: Bool,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try UserRow.renew(
            user.id, request.email,
            passwordHash: isSame ? user.passwordHash : PasswordHasher.noPassword,
            fullName: isSame ? request.fullName : nil, in: connection, now: now)
    }
}

package struct SignUpRequest: JSONInput {
    package let email: EmailAddress
    let password: String
    let fullName: String?

    package static let about = "A new account."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "One account, whatever its case.")
        password = reader.required(
            "password", .newPassword, "8 to 128 characters with upper, lower and digit.")
        let name = reader.optional("full_name", .fullName, "The person's name; empty is none.")
        fullName = name?.isEmpty == true ? nil : name
    }
}

package struct SignUpResponse: JSONObjectOutput {
    let email: String

    package static let about = "A code is on its way."
    package static let fields: [OutputField<SignUpResponse>] = [
        OutputField("message", .text, "One sentence for a person.") { _ in
            "We have sent a code to this address."
        },
        OutputField("email", .text, "The address.") { $0.email },
        OutputField("requires_verification", .bool, "Always true.") { _ in true },
    ]
}
