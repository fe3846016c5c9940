import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

struct SignUp: Action {
    let identity: IdentityServices

    static let about = About(
        "Sign up",
        details: """
            Mails a code of six digits. The answer is the same where the address is taken; its \
            owner then gets a mail that says so.
            """,
        access: .open, status: 201)

    func read(_ input: inout InputReader) -> SignUpRequest {
        input.body(SignUpRequest.self)
    }

    func perform(_ request: SignUpRequest, _ call: Call) async throws -> Reply<SignUpResponse> {
        // The same work whether or not the address is taken.
        let hash = try await identity.passwords.hash(request.password)
        let now = identity.clock.now()
        try await identity.database.write { connection in
            try keep(request, hash, call, in: connection, now: now)
        }
        return Reply(SignUpResponse(email: request.email.text), status: 201)
    }

    private func keep(
        _ request: SignUpRequest, _ hash: String, _ call: Call,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let email = request.email
        guard try identity.mayMailCode(.signUp, to: email, in: connection, now: now) else { return }
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        // One statement, so that of two sign-ups at the same time one comes second. Until the
        // address is verified, whoever signs up last decides.
        let kept = try connection.queryOne(
            """
            INSERT INTO users (id, email, email_key, password_hash, full_name, created_at,
                updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (email_key) DO UPDATE SET email = excluded.email,
                password_hash = excluded.password_hash, full_name = excluded.full_name,
                updated_at = excluded.updated_at
            WHERE users.email_verified_at IS NULL
            RETURNING \(UserRow.columns)
            """,
            [
                .uuid(id), .text(email.text), .text(email.key), .text(hash),
                .text(request.fullName), .time(now), .time(now),
            ])
        if let kept {
            try identity.mailCode(.signUp, to: UserRow(kept), call, in: connection)
        } else if let owner = try UserRow.find(emailKey: email.key, in: connection) {
            try identity.outbox.enqueue(
                .alreadyRegistered, to: owner, requestID: call.id, in: connection, now: now)
        }
    }
}

struct SignUpRequest: JSONInput {
    let email: EmailAddress
    let password: String
    let fullName: String?

    static let about = "A new account."

    init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "One account, whatever its case.")
        password = reader.required(
            "password", .newPassword, "8 to 128 characters with upper, lower and digit.")
        let name = reader.optional("full_name", .fullName, "The person's name; empty is none.")
        fullName = name?.isEmpty == true ? nil : name
    }
}

struct SignUpResponse: JSONObjectOutput {
    let email: String

    static let about = "A code is on its way."
    static let fields: [OutputField<SignUpResponse>] = [
        OutputField("message", .text, "One sentence for a person.") { _ in
            "We have sent a code to this address."
        },
        OutputField("email", .text, "The address.") { $0.email },
        OutputField("requires_verification", .bool, "Always true.") { _ in true },
    ]
}
