import Database
import HTTPEndpoint
import Identity
import Users

/// What an operator signs in with.
package struct OperatorSignInRequest: JSONInput {
    package let email: EmailAddress
    let password: String
    let code: String

    package static let about = "Email, password and a code."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "In any case.")
        password = reader.required("password", .password, "The password.")
        code = reader.required("operator_code", .operatorCode, "Of the authenticator.")
    }
}

extension InputKind where Value == String {
    /// A code of an authenticator, or a recovery code.
    package static var operatorCode: InputKind<String> { .text(1...32) }
}

extension Operators {
    /// Signs an operator in: password and code are judged together, and what was wrong is not told.
    ///
    /// - Parameter secret: what the browser's cookie will hold.
    /// - Throws: ``Problem`` 401 `invalid_operator`, 429 `too_many_attempts`.
    package func signIn(
        _ request: OperatorSignInRequest, _ call: Call, secret: String
    ) async throws {
        let now = clock.now()
        let buckets = throttle.password(
            of: Self.subject(request.email.key), from: call.remoteAddress)
        let (refusal, found) = try await database.read { [throttle] connection in
            (
                try throttle.refusal(buckets, in: connection, now: now),
                try OperatorRow.find(emailKey: request.email.key, in: connection)
            )
        }
        if let refusal { throw refusal }
        let network = AuthThrottle.network(of: call.remoteAddress)
        let isRight = try await passwords.matches(
            request.password, found?.passwordHash, for: .signIn(network: network))
        let wallNow = wall.now()
        let verdict = try await database.write { [self] connection -> Problem? in
            if let refusal = try throttle.begin(buckets, in: connection, now: now) {
                return refusal
            }
            guard isRight, let found,
                let row = try OperatorRow.findLocked(id: found.id, in: connection),
                row.passwordHash == found.passwordHash,
                try codes.use(request.code, of: row, in: connection, now: wallNow)
            else { return .invalidOperator }
            try throttle.forgive(buckets, in: connection)
            try OperatorSession.begin(
                of: row.id, secret: secret, in: connection, now: wallNow)
            try journal.note(
                OperatorEntry(
                    act: .signIn, operatorID: row.id, actor: row.email, requestID: call.id),
                in: connection)
            return nil
        }
        if let verdict { throw verdict }
    }

    /// Takes a fresh code within a session, for what moves money. In the same moment the session
    /// gets another secret: whoever had the one of before cannot act on this code.
    ///
    /// - Parameter secret: what finds the session from now on.
    /// - Throws: ``Problem`` 403 `code_needed` for a wrong or used code, 429 `too_many_attempts`.
    package func stepUp(
        _ session: OperatorSession, code: String, secret: String, _ call: Call
    ) async throws {
        let (now, wallNow) = (clock.now(), wall.now())
        let verdict = try await database.write { [self] connection -> Problem? in
            guard let row = try OperatorRow.findLocked(id: session.operatorID, in: connection)
            else { return .invalidOperator }
            let buckets = throttle.password(
                of: Self.subject(row.emailKey), from: call.remoteAddress)
            if let refusal = try throttle.begin(buckets, in: connection, now: now) {
                return refusal
            }
            guard try codes.use(code, of: row, in: connection, now: wallNow) else {
                return .codeNeeded
            }
            try throttle.forgive(buckets, in: connection)
            try connection.execute(
                "UPDATE operator_sessions SET stepped_up_at = ?, secret_hash = ? WHERE id = ?",
                [
                    .time(wallNow), .blob(OperatorSession.hash(secret)), .uuid(session.id),
                ])
            return nil
        }
        if let verdict { throw verdict }
    }

    /// Keeps an operator's buckets apart from those of a user with the same address.
    private static func subject(_ emailKey: String) -> String { "operator \(emailKey)" }
}

extension Problem {
    package static let invalidOperator = Problem(
        401, "invalid_operator", "Invalid sign-in",
        "Email, password and code do not match an operator; a code is good once.")
    package static let codeNeeded = Problem(
        403, "code_needed", "Code needed",
        "This asks for a fresh code of the authenticator; the one shown is wrong or was used.")
    package static let notYourRole = Problem(
        403, "not_your_role", "Not for your role", "An operator of your role may not do this.")
    package static let overDailyGrant = Problem(
        403, "over_daily_grant", "Over the daily limit",
        "Support grants at most 100 credits within 24 hours; ask an admin.")
}
