import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("A key's limit bounds what its family uses and holds of a period")
struct KeyLimitTests {
    @Test("Used and held count, over all keys of the family, and what is given back may be spent")
    func bounds() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "3")
            try await store.newKey(12, of: workspace, family: 11, limit: "3")
            try await store.newKey(13, of: workspace)
            let first = try #require(try await store.grant(workspace, key: 11, "a"))
            _ = try await store.commit(workspace, first.usageID)
            let second = try #require(try await store.grant(workspace, key: 12, "b"))
            #expect(try await store.grant(workspace, key: 11, "c") != nil)
            let before = try await store.context(of: workspace)
            for key: UInt8 in [11, 12] {
                let refusal = try await store.validate(workspace, key: key, "d").limitRefusal
                #expect(refusal?.used.decimal == "3.00" && refusal?.limit.decimal == "3.00")
                #expect(
                    refusal?.needed.decimal == "1.00" && refusal.map { $0.retryAfter > 0 } == true)
            }
            // A refusal writes nothing, and a request that was granted is answered as before.
            #expect(try await store.context(of: workspace) == before)
            #expect(try await store.grant(workspace, key: 11, "c")?.isReplay == true)
            // Another family has its own.
            #expect(try await store.grant(workspace, key: 13, "e") != nil)
            _ = try await store.commit(
                workspace, second.usageID,
                .failure(UsageLog.Failure(type: .timeout, reason: "slow")))
            #expect(try await store.grant(workspace, key: 11, "d") != nil)
            #expect(try await store.validate(workspace, key: 12, "f").limitRefusal != nil)
        }
    }

    @Test("A limit that is set later counts what was spent before, and one of nothing stops all")
    func setLater() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            for request in ["a", "b"] {
                let grant = try #require(try await store.grant(workspace, key: 11, request))
                _ = try await store.commit(workspace, grant.usageID)
            }
            func limit(_ credits: String?) async throws {
                try await store.set(
                    "UPDATE test_keys SET credit_limit = ?",
                    [.credits(credits.flatMap { Credits(decimal: $0) })])
            }
            try await limit("2.5")
            let refusal = try await store.validate(workspace, key: 11, "c").limitRefusal
            #expect(refusal?.used.decimal == "2.00")
            // What is spent while there is no limit counts as well.
            try await limit(nil)
            let grant = try #require(try await store.grant(workspace, key: 11, "d"))
            _ = try await store.commit(workspace, grant.usageID)
            try await limit("4")
            #expect(try await store.grant(workspace, key: 11, "e") != nil)
            #expect(
                try await store.validate(workspace, key: 11, "f").limitRefusal?.used.decimal
                    == "4.00")
            try await limit("0")
            #expect(try await store.validate(workspace, key: 11, "g").limitRefusal != nil)
        }
    }

    @Test("A new period begins from nothing, though calls of the old one end in it")
    func nextPeriod() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "2")
            store.advance(seconds: 28 * 86_400 - 300)
            let last = try #require(try await store.grant(workspace, key: 11, "a"))
            #expect(try await store.grant(workspace, key: 11, "b") != nil)
            #expect(try await store.validate(workspace, key: 11, "c").limitRefusal != nil)
            store.advance(seconds: 301)
            #expect(try await store.grant(workspace, key: 11, "c") != nil)
            // The old period's end counts in the old period.
            _ = try await store.commit(workspace, last.usageID)
            #expect(try await store.grant(workspace, key: 11, "d") != nil)
            #expect(try await store.validate(workspace, key: 11, "e").limitRefusal != nil)
        }
    }

    @Test("Calls of one family that are decided together do not pass its limit")
    func together() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            for key in 11...18 {
                try await store.newKey(UInt8(key), of: workspace, family: 11, limit: "3")
            }
            let outcomes = try await withThrowingTaskGroup(
                of: ValidateKeyedUsage.Outcome.self
            ) { group in
                for key in 11...18 {
                    group.addTask {
                        try await store.validate(workspace, key: UInt8(key), "r\(key)")
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.compactMap(\.grant).count == 3)
            #expect(outcomes.compactMap(\.limitRefusal).count == 5)
        }
    }

    @Test("A raise asks key, workspace and limit again; its repetition and time alone do not")
    func raises() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "3")
            let usage = try #require(try await store.grant(workspace, key: 11)).usageID
            func raise(
                _ name: String, by credits: String?, seconds: Int64? = nil
            ) async throws -> ExtendKeyedHold.Outcome {
                try await store.ledger.perform(
                    ExtendKeyedHold(
                        ExtendHold(
                            userID: workspace, usageID: usage, extensionID: name,
                            holdSeconds: seconds,
                            raise: credits.map { .by(Credits(decimal: $0)!) })))
            }
            guard case .judged(.done(let state, isReplay: false, _)) = try await raise("a", by: "2")
            else {
                Issue.record("it was not raised")
                return
            }
            #expect(state.creditsReserved.decimal == "3.00")
            guard case .keyLimitReached(let refusal, _) = try await raise("b", by: "0.5") else {
                Issue.record("the limit was passed")
                return
            }
            #expect(refusal.used.decimal == "3.00")
            try await store.set("UPDATE test_workspaces SET is_frozen = 1", [])
            guard case .barred(.frozen, _) = try await raise("c", by: "0.1") else {
                Issue.record("a frozen workspace holds more")
                return
            }
            try await store.revoke(11)
            #expect(try await raise("d", by: "0.1") == .invalidKey)
            guard case .judged(.done(_, isReplay: true, _)) = try await raise("a", by: "2"),
                case .judged(.done(_, isReplay: false, _)) = try await raise(
                    "e", by: nil, seconds: 900)
            else {
                Issue.record("what was granted is not kept")
                return
            }
            #expect(try await store.context(of: workspace)?.reserved.decimal == "3.00")
        }
    }

    @Test("What a commit charges beyond the hold, of over-use or late, stays within the limit")
    func beyondTheHold() async throws {
        try await KeyedStore.run(KeyedStore.catalog(overuse: .ifAvailable, late: 60)) { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "2")
            try await store.newKey(12, of: workspace, limit: "1")
            let first = try #require(try await store.grant(workspace, key: 11, "a"))
            _ = try await store.commit(workspace, first.usageID, credits: "5")
            #expect(try await store.context(of: workspace)?.used.decimal == "2.00")
            let lapsed = try #require(try await store.grant(workspace, key: 12, "b"))
            store.advance(seconds: Store.spans.reservationTTL)
            #expect(try await store.grant(workspace, key: 12, "c") != nil)
            _ = try await store.commit(workspace, lapsed.usageID)
            #expect(try await store.context(of: workspace)?.used.decimal == "2.00")
            // The refusal by a limit leaves what has lapsed written off.
            store.advance(seconds: Store.spans.reservationTTL)
            #expect(
                try await store.validate(workspace, key: 11, "d").limitRefusal?.used.decimal
                    == "2.00")
            #expect(try await store.context(of: workspace)?.reserved == .zero)
        }
    }

    @Test("What is kept of a family's spending is found out by the audit if it is not so")
    func audited() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "3")
            let grant = try #require(try await store.grant(workspace, key: 11))
            for (change, back) in [
                ("used = used + 1", "used = used - 1"), ("held = held + 1", "held = held - 1"),
                ("period_number = 9", "period_number = 1"),
            ] {
                try await store.set("UPDATE api_key_spending SET \(change)", [])
                #expect(try await LedgerAudit(database: store.database).run().found == 1)
                try await store.set("UPDATE api_key_spending SET \(back)", [])
            }
            try await store.set(
                "UPDATE api_subscription_contexts SET credits_reserved = credits_reserved + 1", [])
            #expect(try await LedgerAudit(database: store.database).run().found > 0)
            try await store.set(
                "UPDATE api_subscription_contexts SET credits_reserved = credits_reserved - 1", [])
            _ = try await store.commit(workspace, grant.usageID)
        }
    }
}
