import Database
import HTTPEndpoint
import Operators
import TestFixtures
import Testing

@Suite("Operators sign in by password and code")
struct OperatorsTests {
    private let hands = OperatorDesk()

    @Test("Password and code together open a session, which ends after twelve hours")
    func session() async throws {
        try await hands.withDesk { desk in
            try await hands.signIn(desk, hands.code(desk))
            let session = try #require(try await desk.operators.session(secret: "s"))
            #expect(session.role == .admin && session.email == "Op@example.test")
            #expect(try await desk.operators.session(secret: "other") == nil)
            hands.clock.advance(12 * 3600 - 1)
            #expect(try await desk.operators.session(id: session.id) != nil)
            hands.clock.advance(1)
            #expect(try await desk.operators.session(id: session.id) == nil)
            #expect(try await desk.operators.session(secret: "s") == nil)
        }
    }

    @Test("What is wrong is not told, and a code is not used up by a wrong password")
    func wrong() async throws {
        try await hands.withDesk { desk in
            let good = hands.code(desk)
            let wrong = good == "000000" ? "000001" : "000000"
            for (password, code) in [("Wrong0ne-x", good), (hands.password, wrong)] {
                #expect(
                    await hands.refusal { try await hands.signIn(desk, code, password: password) }
                        == "invalid_operator")
            }
            for code in ["", "１２３４５６", "AAAAA-AAAAA", "'; --", String(repeating: "0", count: 32)]
            where !code.isEmpty {
                #expect(
                    await hands.refusal { try await hands.signIn(desk, code) } == "invalid_operator"
                )
            }
            #expect(await hands.refusal { try await hands.signIn(desk, good) } == nil)
            #expect(
                await hands.refusal { try await hands.signIn(desk, good) } == "invalid_operator")
        }
    }

    @Test("A recovery code is good once, in any case and with or without its hyphen")
    func recovery() async throws {
        try await hands.withDesk { desk in
            #expect(desk.recovery.count == 10 && Set(desk.recovery).count == 10)
            let spelled = [
                desk.recovery[0], desk.recovery[1].lowercased(),
                desk.recovery[2].replacing("-", with: " "),
            ]
            for code in spelled {
                let secret = "session \(code)"
                #expect(
                    await hands.refusal { try await hands.signIn(desk, code, secret: secret) }
                        == nil)
                #expect(
                    await hands.refusal { try await hands.signIn(desk, code) } == "invalid_operator"
                )
            }
        }
    }

    @Test("Ten wrong ones from one network are enough; another network is not kept out")
    func throttled() async throws {
        try await hands.withDesk { desk in
            for _ in 0..<10 {
                #expect(
                    await hands.refusal { try await hands.signIn(desk, "000") }
                        == "invalid_operator")
            }
            #expect(
                await hands.refusal { try await hands.signIn(desk, hands.code(desk)) }
                    == "too_many_attempts")
            hands.clock.advance(15 * 60)
            #expect(await hands.refusal { try await hands.signIn(desk, hands.code(desk)) } == nil)
        }
    }

    @Test("A fresh code is good for ten minutes, and wrong ones count as at the sign-in")
    func stepUp() async throws {
        try await hands.withDesk { desk in
            try await hands.signIn(desk, hands.code(desk))
            let operators = desk.operators
            let session = try #require(try await operators.session(secret: "s"))
            #expect(!operators.isSteppedUp(session))
            let used = hands.code(desk)
            #expect(
                await hands.refusal {
                    try await operators.stepUp(session, code: used, secret: "t", hands.call)
                }
                    == "code_needed", "the sign-in's own code was used")
            #expect(try await operators.session(secret: "s")?.id == session.id)
            try await operators.stepUp(
                session, code: hands.code(desk, 1), secret: "t", hands.call)
            // The code is worth nothing to whoever had the secret of before.
            #expect(try await operators.session(secret: "s") == nil)
            #expect(try await operators.session(secret: "t")?.id == session.id)
            let stepped = try #require(try await operators.session(id: session.id))
            hands.clock.advance(10 * 60 - 1)
            #expect(operators.isSteppedUp(stepped))
            hands.clock.advance(1)
            #expect(!operators.isSteppedUp(stepped))
            for _ in 0..<10 {
                _ = await hands.refusal {
                    try await operators.stepUp(
                        session, code: "000", secret: "u", hands.call)
                }
            }
            #expect(
                await hands.refusal {
                    try await operators.stepUp(
                        session, code: hands.code(desk), secret: "u", hands.call)
                }
                    == "too_many_attempts")
        }
    }

    @Test("Who is removed is signed out, and what they did stays in the journal")
    func removed() async throws {
        try await hands.withDesk { desk in
            try await hands.signIn(desk, hands.code(desk))
            #expect(try await desk.operators.remove("op@example.test"))
            #expect(try await !desk.operators.remove("op@example.test"))
            #expect(try await desk.operators.session(secret: "s") == nil)
            #expect(
                try await desk.database.texts("SELECT action FROM operator_actions ORDER BY action")
                    == ["add_operator", "remove_operator", "sign_in"])
            let again = try await desk.operators.add(
                desk.email, .viewer, password: hands.password, issuer: "CueBX")
            #expect(again != nil)
            #expect(
                try await desk.operators.add(
                    desk.email, .admin, password: hands.password, issuer: "CueBX") == nil)
        }
    }

    @Test("What is sealed opens under a secret of the list, and under no other")
    func rotation() async throws {
        try await hands.withDesk { desk in
            let rotated = hands.operators(desk.database, ["two", "one"])
            let other = hands.operators(desk.database, ["two"])
            let request = try OperatorSignInRequest.decode(
                .object([
                    "email": .string(desk.email.text), "password": .string(hands.password),
                    "operator_code": .string(hands.code(desk)),
                ]))
            await #expect(throws: (any Error).self) {
                try await other.signIn(request, hands.call, secret: "s")
            }
            try await rotated.signIn(request, hands.call, secret: "s")
            let kept = try await desk.database.read { connection in
                var reader = try connection.query("SELECT totp_secret FROM operators")[0].reader
                return try reader.blob()
            }
            #expect(!kept.contains(desk.secret), "nothing lies in clear")
        }
    }
}
