import Database
import Foundation
import HTTPEndpoint
import Identity
import JSON
import NIOHTTP1
import Operators
import Synchronization
import TestFixtures
import Testing
import Tokens
import Users
import Values

/// An operator of a test, and what they hold in their hands.
struct OperatorDesk {
    final class Hands: Sendable {
        let time = Mutex(TestCatalog.start)
        var clock: DecisionClock { DecisionClock { [self] in time.withLock { $0 } } }
        func advance(_ seconds: Int64) { time.withLock { $0 = $0.adding(seconds: seconds) } }
        var now: Timestamp { time.withLock { $0 } }
    }

    struct Desk {
        let operators: Operators
        let database: any Database
        let secret: [UInt8]
        let recovery: [String]
        let email: EmailAddress
    }

    let clock = Hands()
    let password = "Passw0rd-x"
    let call = Call(id: "r", headers: RequestHeaders(HTTPHeaders()), remoteAddress: "192.0.2.1")

    func operators(_ database: any Database, _ secrets: [String] = ["one"]) -> Operators {
        Operators(
            database: database, clock: clock.clock, wall: clock.clock,
            secrets: TokenHashSecrets(secrets),
            throttle: AuthThrottle(secrets: TokenHashSecrets(["t"]), exemptsLoopback: false),
            passwords: PasswordHasher(exponent: 1))
    }

    func withDesk(
        _ role: OperatorRole = .admin, _ body: (Desk) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            let operators = operators(database)
            let email = try #require(EmailAddress("Op@example.test"))
            let enrolment = try #require(
                try await operators.add(email, role, password: password, issuer: "CueBX"))
            let base32 = try #require(enrolment.address.firstMatch(of: /secret=([A-Z2-7]+)/)?.1)
            try await body(
                Desk(
                    operators: operators, database: database, secret: bytes(String(base32)),
                    recovery: enrolment.recoveryCodes, email: email))
        }
    }

    func bytes(_ base32: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (bits, count, bytes) = (UInt32(0), 0, [UInt8]())
        for letter in base32 {
            bits = bits << 5 | UInt32(alphabet.firstIndex(of: letter) ?? 0)
            count += 5
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> UInt32(count) & 0xff))
            }
        }
        return bytes
    }

    func code(_ desk: Desk, _ offset: Int64 = 0) -> String {
        TOTP.code(desk.secret, step: TOTP.step(at: clock.now) + offset)
    }

    func signIn(
        _ desk: Desk, _ code: String, password: String? = nil, secret: String = "s"
    ) async throws {
        let request = try OperatorSignInRequest.decode(
            .object([
                "email": .string(desk.email.text.uppercased()),
                "password": .string(password ?? self.password), "operator_code": .string(code),
            ]))
        try await desk.operators.signIn(request, call, secret: secret)
    }

    func refusal(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? Problem)?.code ?? "\(error)"
        }
    }
}
