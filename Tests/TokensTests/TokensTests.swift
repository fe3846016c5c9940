import Database
import Foundation
import JSON
import Testing
import Tokens
import Values

@Suite("Password hashes")
struct PasswordHasherTests {
    private let hasher = PasswordHasher(exponent: 1)

    @Test("A hash tells its parameters and is another each time")
    func shape() async throws {
        let one = try await hasher.hash("Correct1", for: .operatorsCommand)
        let two = try await hasher.hash("Correct1", for: .operatorsCommand)
        #expect(one != two)
        #expect(
            one.wholeMatch(of: /\$scrypt\$ln=1,r=8,p=5\$[\w-]{22}\$[\w-]{43}/) != nil, "\(one)")
    }

    @Test("The right password alone is right, however its accents are composed")
    func matches() async throws {
        let hash = try await hasher.hash("Pässword1", for: .operatorsCommand)
        let decomposed = "Pa\u{308}ssword1"
        for (password, isRight) in [
            ("Pässword1", true), (decomposed, true), ("pässword1", false), ("Pässword1 ", false),
            ("Passwort1", false), ("", false),
        ] {
            let answer = try await hasher.matches(password, hash, for: .operatorsCommand)
            #expect(answer == isRight, "\(password)")
        }
    }

    @Test("Where there is no hash, no password is right")
    func none() async throws {
        for hash in [nil, PasswordHasher.noPassword] {
            for password in ["", "x", PasswordHasher.noPassword] {
                #expect(try await !hasher.matches(password, hash, for: .operatorsCommand))
            }
        }
    }

    @Test(
        "A stored hash that is none is an error of the database, not a wrong password",
        arguments: [
            "", "x", "$scrypt$ln=0,r=8,p=5$AAAA$AAAA", "$scrypt$ln=21,r=8,p=5$AAAA$AAAA",
            "$scrypt$ln=1,r=0,p=5$AAAA$AAAA", "$scrypt$ln=1,r=8,p=0$AAAA$AAAA",
            "$scrypt$ln=1,r=8,p=5$A$AAAA", "$scrypt$ln=1,r=8,p=5$AAAA$", "$2b$10$AAAA",
        ])
    func damaged(hash: String) async {
        await #expect(throws: DatabaseError.self) {
            try await hasher.matches("Correct1", hash, for: .operatorsCommand)
        }
    }

    @Test("A hash of lower cost is still right after the cost was raised")
    func costRaised() async throws {
        let hash = try await hasher.hash("Correct1", for: .operatorsCommand)
        let dearer = PasswordHasher(exponent: 2)
        #expect(try await dearer.matches("Correct1", hash, for: .operatorsCommand))
        let anew = try await dearer.hash("Correct1", comparedTo: hash, for: .operatorsCommand)
        #expect(anew.isSame && anew.text.hasPrefix("$scrypt$ln=2,"))
    }
}

@Suite("JWTs are taken apart strictly")
struct CompactJWTTests {
    private static func token(_ header: String, _ claims: String, signature: String = "AAAA")
        -> String
    {
        [Array(header.utf8), Array(claims.utf8)].map { Base64URL.encode($0) }
            .joined(separator: ".") + "." + signature
    }

    private static let header = #"{"alg":"HS256"}"#

    @Test("The access tokens that are issued are such, and say whose they are")
    func issued() throws {
        let tokens = AccessTokens(secret: String(repeating: "s", count: 32))
        let (user, session) = (UUID(), UUID())
        let now = Timestamp(seconds: 1_800_000_000)!
        let text = tokens.issue(
            userID: user, email: nil, sessionID: session, now: now)
        let jwt = try #require(CompactJWT(text))
        #expect(tokens.key.isValid(jwt.signature, for: jwt.signedBytes))
        #expect(jwt.algorithm == "HS256" && jwt.claims["sub"]?.string == user.text)
        #expect(jwt.claims["sid"]?.string == session.text)
        #expect(jwt.claims["type"]?.string == AccessTokens.type)
        #expect(jwt.isCurrent(at: now.adding(seconds: AccessTokens.lifetimeSeconds - 1)))
        #expect(!jwt.isCurrent(at: now.adding(seconds: AccessTokens.lifetimeSeconds)))
    }

    @Test(
        "What is not exactly a token is none",
        arguments: [
            "", ".", "..", "a.b.c", token(header, "{}") + ".", token(header, "{}") + "=",
            token(header, "{}", signature: ""), token(header, "[]"), token("[]", "{}"),
            token("{}", "{}"), token(#"{"alg":1}"#, "{}"), token(header, #"{"a":1,"a":2}"#),
            token(#"{"alg":"HS256","crit":["exp"]}"#, "{}"),
            token(#"{"alg":"HS256","typ":"JWE"}"#, "{}"), token(#"{"alg":"HS256","typ":1}"#, "{}"),
            token(#"{"alg":"HS256","kid":1}"#, "{}"),
            token(#"{"alg":"HS256","kid":null}"#, "{}"),
            token(header, "{\"a\":\"" + String(repeating: "x", count: 16 * 1024) + "\"}"),
        ])
    func malformed(text: String) {
        #expect(CompactJWT(text) == nil)
    }

    @Test(
        "A token is good from nbf to exp, with the leeway that a foreign clock has",
        arguments: [
            (#"{"exp":100}"#, 99, 0, true), (#"{"exp":100}"#, 100, 0, false),
            (#"{"exp":100}"#, 159, 60, true), (#"{"exp":100}"#, 160, 60, false),
            (#"{"exp":100,"nbf":50}"#, 50, 0, true), (#"{"exp":100,"nbf":50}"#, 49, 0, false),
            (#"{"exp":100,"nbf":50}"#, 0, 50, true), (#"{"exp":100,"nbf":"50"}"#, 60, 0, false),
            (#"{"exp":"100"}"#, 1, 0, false), (#"{}"#, 1, 0, false),
            (#"{"exp":null}"#, 1, 0, false),
            (#"{"exp":1e30}"#, 1, 0, false), (#"{"exp":99.5}"#, 99, 0, true),
        ] as [(String, Int64, Int64, Bool)])
    func current(claims: String, at seconds: Int64, leeway: Int64, isGood: Bool) throws {
        let jwt = try #require(CompactJWT(Self.token(Self.header, claims)))
        let now = try #require(Timestamp(seconds: seconds))
        #expect(jwt.isCurrent(at: now, leeway: leeway) == isGood)
    }
}

@Suite("A cache of two generations")
struct GenerationCacheTests {
    @Test("What is used moves on, what is not is forgotten, and no more than two are full")
    func generations() {
        let cache = GenerationCache<Int, Int>(limit: 2)
        for key in 1...2 { cache.insert(key, for: key) }
        cache.insert(3, for: 3)
        #expect(cache.value(for: 1) == 1)
        cache.insert(4, for: 4)
        #expect(cache.value(for: 1) == 1)
        #expect(cache.value(for: 2) == nil)
        for key in 10..<100 { cache.insert(key, for: key) }
        #expect((1..<100).filter { cache.value(for: $0) != nil }.count <= 4)
    }

    @Test("What is removed is in neither generation, and what is inserted again is the new value")
    func removed() {
        let cache = GenerationCache<Int, Int>(limit: 1)
        cache.insert(1, for: 1)
        cache.insert(2, for: 2)
        cache.insert(10, for: 1)
        #expect(cache.value(for: 1) == 10)
        cache.remove(1)
        #expect(cache.value(for: 1) == nil)
        cache.remove(2)
        #expect(cache.value(for: 2) == nil)
    }
}
