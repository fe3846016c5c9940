import Database
import Foundation
import Ledger
import TestFixtures
import Testing
import Users
import Values

@Suite("Addresses and passwords")
struct EmailAddressTests {
    @Test(
        "An address is one account whatever its case, and stays as it was typed",
        arguments: [
            "Ada@Example.Test", "a@b.co", "first.last+tag@mail.example.test",
            "x!#$%&'*/=?^_`{|}~@a-b.c1",
            String(repeating: "a", count: 64) + "@example.test",
        ])
    func good(text: String) {
        let address = EmailAddress(text)
        #expect(address?.text == text)
        #expect(address?.key == text.lowercased())
    }

    @Test(
        "Whatever else it is, it is no address",
        arguments: [
            "", "@", "a@b", "a@b.", "a@.b", "a@b..c", ".a@b.co", "a.@b.co", "a..b@b.co",
            "a@b@c.co", "a b@c.co", "a@-b.co", "a@b-.co", "\"a\"@b.co", "a@[127.0.0.1]", "ä@b.co",
            "a@bücher.de", "\u{212A}@b.co", "a@b.co\n", "a@b.co\u{0}", "a,b@c.co", "a@b_c.co",
            String(repeating: "a", count: 65) + "@example.test",
            "a@" + String(repeating: "b", count: 64) + ".co",
            "a@" + String(repeating: "b.", count: 126) + "co",
        ])
    func bad(text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test("A log shows the first character and the domain")
    func redacted() {
        #expect(EmailAddress("ada@example.test")?.redacted == "a***@example.test")
    }

    @Test(
        "A password needs three kinds of characters and 8 to 128 of them",
        arguments: [
            ("Abcdefg1", true), ("Äbcdefg1", true), ("Abcdef1", false), ("abcdefg1", false),
            ("ABCDEFG1", false), ("Abcdefgh", false), ("Abcdefg٣", true),
            ("Aa1" + String(repeating: "x", count: 125), true),
            ("Aa1" + String(repeating: "x", count: 126), false),
        ])
    func passwords(text: String, isGood: Bool) {
        #expect(PasswordRule.accepts(text) == isGood)
    }
}

@Suite("Secrets rotate without losing what was written under an older one")
struct SecretsTests {
    private let old = TokenHashSecrets(["old secret"])
    private let rotated = TokenHashSecrets(["new secret", "old secret"])
    private let new = TokenHashSecrets(["new secret"])

    @Test("A code that was sealed under the older one opens as long as that one is listed")
    func sealed() throws {
        let sealed = try old.seal("123456", for: "mail")
        #expect(try rotated.open(sealed, for: "mail") == "123456")
        #expect(throws: (any Error).self) { try new.open(sealed, for: "mail") }
    }

    @Test("A sealed code opens for its own mail alone, and unchanged alone")
    func bound() throws {
        var sealed = try new.seal("123456", for: "mail")
        #expect(throws: (any Error).self) { try new.open(sealed, for: "other") }
        #expect(throws: (any Error).self) { try new.open([], for: "mail") }
        sealed[sealed.count - 1] ^= 1
        #expect(throws: (any Error).self) { try new.open(sealed, for: "mail") }
        #expect(try new.seal("1", for: "mail") != new.seal("1", for: "mail"))
    }

    @Test("The first secret writes, and each purpose has a key of its own")
    func hashes() {
        #expect(rotated.hash(.code, "a") == new.hash(.code, "a"))
        #expect(rotated.hashes(.code, "a") == [new.hash(.code, "a"), old.hash(.code, "a")])
        let purposes: [TokenHashSecrets.Purpose] = [
            .code, .throttle, .formerAccount, .successor, .mailedCode,
        ]
        #expect(Set(purposes.map { new.hash($0, "a") }).count == purposes.count)
    }

    @Test("No two lists of parts have one hash")
    func parts() {
        let hashes = [
            new.hash(.code, "ab", "c"), new.hash(.code, "a", "bc"), new.hash(.code, "abc"),
            new.hash(.code, "abc", ""), new.hash(.code),
        ]
        #expect(Set(hashes).count == hashes.count)
    }
}

@Suite("What is remembered of deleted accounts")
struct FormerAccountsTests {
    private let now = TestCatalog.start
    private let installation = InstallationSecret([1, 2, 3])

    private func accounts(_ secrets: String...) -> FormerAccounts {
        FormerAccounts(secrets: TokenHashSecrets(secrets), installation: installation)
    }

    private var account: FormerAccount {
        FormerAccount(
            trialUsed: true, anchor: now, periodStart: now,
            periodEnd: now.adding(seconds: 86_400), remaining: Credits(decimal: "3")!)
    }

    private func remember(
        _ accounts: FormerAccounts, _ email: EmailAddress, hasBought: Bool = false,
        _ database: any Database
    ) async throws {
        let (account, now) = (account, now)
        try await database.write { connection in
            try accounts.remember(
                account, hasBought: hasBought, under: accounts.key(email: email),
                in: connection, now: now)
        }
    }

    private func isKnown(
        _ accounts: FormerAccounts, _ key: FormerAccounts.Key, _ database: any Database
    ) async throws -> Bool {
        try await database.read { try accounts.find(key, in: $0) != nil }
    }

    @Test("An account is found after the secret was rotated, and moves to the new one")
    func rotation() async throws {
        try await withTemporaryDatabase { database in
            let email = try #require(EmailAddress("Ada@example.test"))
            let same = try #require(EmailAddress("ada@EXAMPLE.test"))
            let (old, rotated, new) = (accounts("old"), accounts("new", "old"), accounts("new"))
            try await remember(old, email, database)
            #expect(try await isKnown(rotated, rotated.key(email: same), database))
            #expect(try await !isKnown(new, new.key(email: email), database))
            try await remember(rotated, same, database)
            #expect(try await isKnown(new, new.key(email: email), database))
            #expect(try await database.integer("SELECT count(*) FROM former_accounts") == 1)
        }
    }

    @Test("Who has bought once has bought ever since, also after the secret was rotated")
    func bought() async throws {
        try await withTemporaryDatabase { database in
            let email = try #require(EmailAddress("ada@example.test"))
            let (old, rotated) = (accounts("old"), accounts("new", "old"))
            func hasBought(_ accounts: FormerAccounts) async throws -> Bool {
                try await database.read {
                    try accounts.haveBought(accounts.key(email: email), in: $0)
                }
            }
            try await remember(old, email, database)
            #expect(try await !hasBought(old))
            try await remember(old, email, hasBought: true, database)
            #expect(try await hasBought(old))
            try await remember(old, email, database)
            #expect(try await hasBought(rotated))
            try await remember(rotated, email, database)
            #expect(try await hasBought(accounts("new")))
        }
    }

    @Test("Neither another address nor an issuer's subject of the same text finds it")
    func others() async throws {
        try await withTemporaryDatabase { database in
            let email = try #require(EmailAddress("ada@example.test"))
            let other = try #require(EmailAddress("bob@example.test"))
            let accounts = accounts("secret")
            try await remember(accounts, email, database)
            #expect(try await !isKnown(accounts, accounts.key(email: other), database))
            let subject = accounts.key(issuer: "email", subject: email.key)
            #expect(try await !isKnown(accounts, subject, database))
        }
    }
}
