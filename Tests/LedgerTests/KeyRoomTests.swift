import Foundation
import Ledger
import Testing
import Values

@Suite("A key's limit bounds all that its family holds and is charged")
struct KeyRoomTests {
    private var ledger = TestLedger()
    private let account: UUID

    init() throws {
        func feature(
            _ key: String, _ cost: String, _ overuse: FeatureCostConfig.Overuse = .cap
        ) -> FeatureCostConfig {
            FeatureCostConfig(
                featureKey: key, productType: "career", internalCost: Credits(decimal: cost)!,
                maximumHoldSeconds: 3600, overuse: overuse, lateCommitSeconds: 60)
        }
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
                features: [
                    feature("match", "1"), feature("run", "3"),
                    feature("open", "1", .ifAvailable),
                    FeatureCostConfig(
                        featureKey: "plain", productType: "career", internalCost: .zero),
                ]),
            reservationTTL: 900, pastDueGrace: 0)
        account = ledger.newUser()
    }

    @Test("A hold that has lapsed does not count, and a refusal by the limit writes it off")
    mutating func lapsed() throws {
        ledger.newKey(1, of: account, limit: "2")
        let lapsing = try #require(ledger.call(account, key: 1, "a").usage)
        let lasting = try #require(ledger.call(account, key: 1, "b", seconds: 3600).usage)
        #expect(ledger.call(account, key: 1, "c").usedOfLimit == "2.00")
        ledger.advance(seconds: 900)
        // Of a call that does not fit even so the refusal tells what is held now.
        #expect(ledger.call(account, key: 1, "d", "run").usedOfLimit == "1.00")
        #expect(ledger.logs[lapsing]?.status == .expired)
        #expect(ledger.context(account).reserved.decimal == "1.00")
        guard case .judged(.done) = ledger.raise(account, lasting, by: "1") else {
            Issue.record("the raise was refused")
            return
        }
        #expect(ledger.call(account, key: 1, "e").usedOfLimit == "2.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A raise and a call find the room of a hold that lapses by them")
    mutating func found() throws {
        for isRaise in [true, false] {
            ledger.newKey(isRaise ? 1 : 2, of: account, limit: "2")
            let key: UInt8 = isRaise ? 1 : 2
            _ = try #require(ledger.call(account, key: key, "a\(key)").usage)
            let lasting = try #require(
                ledger.call(account, key: key, "b\(key)", seconds: 3600).usage)
            ledger.advance(seconds: 900)
            if isRaise {
                guard case .judged(.done) = ledger.raise(account, lasting, by: "1") else {
                    Issue.record("the raise was refused")
                    continue
                }
            } else {
                #expect(ledger.call(account, key: key, "c\(key)").usage != nil)
            }
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("What a lapsed call of another family gives back to its parent counts for the parent's")
    mutating func givenBack() throws {
        ledger.newKey(1, of: account, limit: "3")
        ledger.newKey(2, of: account, limit: "1")
        let run = try #require(ledger.call(account, key: 1, "run", "run", seconds: 3600).usage)
        #expect(ledger.call(account, key: 2, "child", of: run).usage != nil)
        #expect(ledger.call(account, key: 1, "a", seconds: 600).usage != nil)
        ledger.advance(seconds: 900)
        #expect(ledger.call(account, key: 1, "b").usedOfLimit == "3.00")
        #expect(ledger.call(account, key: 2, "c", of: run).usage != nil)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Over-use takes no key past its limit, of a child of another family neither")
    mutating func overuse() throws {
        ledger.newKey(1, of: account, limit: "2")
        ledger.newKey(2, of: account, limit: nil)
        let first = try #require(ledger.call(account, key: 1, "a", "open").usage)
        #expect(ledger.succeed(account, first, "5") == ["2.00", "3.00"])
        let free = try #require(ledger.call(account, key: 2, "b", "open").usage)
        #expect(ledger.succeed(account, free, "5") == ["5.00", "0.00"])
        let run = try #require(ledger.call(account, key: 2, "run", "run").usage)
        ledger.newKey(3, of: account, limit: "1.5")
        let child = try #require(ledger.call(account, key: 3, "c", "open", of: run).usage)
        #expect(ledger.succeed(account, child, "3") == ["1.50", "1.50"])
        // A limit that was lowered below what is used leaves what is held.
        ledger.newKey(4, of: account, limit: "2")
        let last = try #require(ledger.call(account, key: 4, "d", "open").usage)
        ledger.newKey(4, of: account, limit: "0")
        #expect(ledger.succeed(account, last, "3") == ["1.00", "2.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A late commit charges what the key's limit leaves by then")
    mutating func late() throws {
        ledger.newKey(1, of: account, limit: "1")
        let usages = try ["a", "b"].map { request in
            let usage = try #require(ledger.call(account, key: 1, request).usage)
            ledger.advance(seconds: 900)
            return usage
        }
        // Its own hold, which lapses by this very commit, is no part of what counts.
        #expect(ledger.succeed(account, usages[1], nil) == ["1.00", "0.00"])
        #expect(ledger.succeed(account, usages[0], nil) == ["\(expired)"])
        ledger.newKey(2, of: account, limit: "1")
        let lapsed = try #require(ledger.call(account, key: 2, "c").usage)
        ledger.advance(seconds: 900)
        #expect(ledger.call(account, key: 2, "d").usage != nil)
        #expect(ledger.succeed(account, lapsed, nil) == ["0.00", "1.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    private var expired: CommitUsage.Outcome { .refused(.expired, charged: .zero) }

    @Test("The key of a call is asked for only if its commit may charge more than is held")
    mutating func asked() throws {
        ledger.newKey(1, of: account, limit: nil)
        let usage = try #require(ledger.call(account, key: 1, "a", "plain").usage)
        let log = try #require(ledger.logs[usage])
        let plain = KeyOfLogNeed.ofCommit(namesCredits: false, namesTokens: true)
        #expect(!plain.isNeeded(of: log, at: ledger.now))
        #expect(plain.isNeeded(of: log, at: ledger.now.adding(seconds: 840)))
        let named = KeyOfLogNeed.ofCommit(namesCredits: true, namesTokens: false)
        #expect(named.isNeeded(of: log, at: ledger.now))
        #expect(KeyOfLogNeed.always.isNeeded(of: log, at: ledger.now))
        #expect(!KeyOfLogNeed.never.isNeeded(of: log, at: ledger.now))
    }
}
