import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("A call by key is judged by the key as it is when the call is decided")
struct KeyedCallTests {
    @Test("Unknown, revoked and expired keys are refused alike, and nothing is written")
    func deadKeys() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            try await store.newKey(
                12, of: workspace, expiresAt: TestCatalog.start.adding(seconds: 60))
            try await store.revoke(11)
            #expect(try await store.validate(workspace, key: 11) == .invalidKey)
            #expect(try await store.validate(workspace, key: 99) == .invalidKey)
            #expect(try await store.grant(workspace, key: 12) != nil)
            store.advance(seconds: 60)
            #expect(try await store.validate(workspace, key: 12, "later") == .invalidKey)
            #expect(try await store.logs(of: workspace).count == 1)
        }
    }

    @Test("A key that is not good learns nothing by a request that a good one was granted")
    func garbageReplay() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            let grant = try #require(try await store.grant(workspace, key: 11))
            #expect(try await store.validate(workspace, key: 99) == .invalidKey)
            let again = try #require(try await store.grant(workspace, key: 11))
            #expect(again.isReplay && again.usageID == grant.usageID)
        }
    }

    @Test("A revocation binds the next decision of every process")
    func revoked() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            let other = KeyedStore(over: store.database)
            #expect(try await other.grant(workspace, key: 11, "a") != nil)
            #expect(try await store.grant(workspace, key: 11, "b") != nil)
            try await store.revoke(11)
            #expect(try await other.validate(workspace, key: 11, "c") == .invalidKey)
            #expect(try await store.validate(workspace, key: 11, "d") == .invalidKey)
            // Nor is what it was granted answered once more.
            #expect(try await store.validate(workspace, key: 11, "a") == .invalidKey)
            other.ledger.close()
        }
    }

    @Test("Another workspace's key is refused, be there such a workspace or not")
    func foreign() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            let other = try await store.newWorkspace(2)
            try await store.newKey(11, of: workspace)
            #expect(try await store.validate(other, key: 11) == .foreignKey)
            #expect(try await store.validate(KeyedStore.id(77), key: 11) == .foreignKey)
            #expect(try await store.logs(of: other).isEmpty)
        }
    }

    @Test("Frozen and suspended workspaces do not spend; what was granted is settled")
    func barred() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            var usages: [UUID] = []
            for request in ["a", "b", "c"] {
                usages.append(
                    try #require(try await store.grant(workspace, key: 11, request)).usageID)
            }
            for (column, barrier) in [
                ("is_frozen", KeyOfCall.Barrier.frozen), ("is_suspended", .suspended),
            ] {
                try await store.set("UPDATE test_workspaces SET \(column) = 1", [])
                #expect(try await store.validate(workspace, key: 11, "d") == .barred(barrier))
                // A repetition is no way around it.
                #expect(try await store.validate(workspace, key: 11, "a") == .barred(barrier))
            }
            try await store.revoke(11)
            let longer = ExtendHold(
                userID: workspace, usageID: usages[0], extensionID: "e", holdSeconds: 900,
                raise: nil)
            guard case .judged(.done) = try await store.ledger.perform(ExtendKeyedHold(longer))
            else {
                Issue.record("it was not prolonged")
                return
            }
            guard
                case .applied(.success, _, _, _, _, _) = try await store.commit(
                    workspace, usages[0]),
                case .done = try await store.ledger.perform(
                    CaptureUsage(
                        userID: workspace, usageID: usages[1], captureID: "p",
                        part: .credits(Credits(decimal: "0.5")!))),
                case .done = try await store.ledger.perform(
                    CancelUsage(userID: workspace, usageID: usages[2]))
            else {
                Issue.record("what was granted was not settled")
                return
            }
        }
    }

    @Test("Without a subscription nothing is granted, and nobody is an account by asking")
    func noSubscription() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1, subscribes: false)
            try await store.newKey(11, of: workspace)
            #expect(try await store.validate(workspace, key: 11).denial == .noSubscription)
            #expect(try await store.context(of: workspace) == nil)
        }
    }

    @Test("A feature of the other product is none, whatever the key")
    func careerFeature() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            for feature in ["career.match", "match", "api.other"] {
                #expect(
                    try await store.validate(workspace, key: 11, feature: feature)
                        == .judged(.unknownFeature, isTest: false))
            }
        }
    }

    @Test("Of many keys that ask for the last credit one is granted")
    func lastCredit() async throws {
        try await KeyedStore.run(KeyedStore.catalog(credits: "1")) { store in
            let workspace = try await store.newWorkspace(1)
            for key in 11...20 { try await store.newKey(UInt8(key), of: workspace) }
            let outcomes = try await withThrowingTaskGroup(
                of: ValidateKeyedUsage.Outcome.self
            ) { group in
                for key in 11...20 {
                    group.addTask {
                        try await store.validate(workspace, key: UInt8(key), "r\(key)")
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.compactMap(\.grant).count == 1)
            let refused = outcomes.compactMap(\.denial).map(\.code)
            #expect(refused == Array(repeating: .quotaExceeded, count: 9))
        }
    }

    @Test("What has ended is not granted again nor charged again, by whichever key")
    func finished() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            try await store.newKey(12, of: workspace)
            let grant = try #require(try await store.grant(workspace, key: 11))
            let first = try await store.commit(workspace, grant.usageID)
            guard case .applied(.success, let charged, isReplay: false, _, _, _) = first,
                case .applied(.success, let again, isReplay: true, _, _, _) =
                    try await store.commit(workspace, grant.usageID)
            else {
                Issue.record("\(first)")
                return
            }
            #expect(charged == again && charged.decimal == "1.00")
            for key: UInt8 in [11, 12] {
                #expect(
                    try await store.validate(workspace, key: key).denial?.code
                        == .requestAlreadyFinished)
            }
            #expect(try await store.context(of: workspace)?.used.decimal == "1.00")
        }
    }

    @Test("A call that was refused has no log that could be charged, nor has another workspace's")
    func nothingToCharge() async throws {
        try await KeyedStore.run(KeyedStore.catalog(credits: "0")) { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            #expect(try await store.validate(workspace, key: 11).denial?.code == .quotaExceeded)
            #expect(try await store.logs(of: workspace).isEmpty)
            #expect(try await store.commit(workspace, UUID()) == .unknownUsage)
        }
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            let other = try await store.newWorkspace(2)
            try await store.newKey(11, of: workspace)
            let grant = try #require(try await store.grant(workspace, key: 11))
            #expect(try await store.commit(other, grant.usageID) == .notTheirs)
            #expect(try await store.context(of: workspace)?.reserved.decimal == "1.00")
        }
    }

    @Test("A log says which key it was, and pages and sums of the workspace know it")
    func readings() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            try await store.newKey(12, of: workspace, family: 11)
            let first = try #require(try await store.grant(workspace, key: 11, "a"))
            _ = try await store.commit(workspace, first.usageID)
            store.advance(seconds: 1)
            _ = try await store.grant(workspace, key: 12, "b")
            let logs = try await store.logs(of: workspace)
            #expect(logs.map(\.caller?.keyID) == [KeyedStore.id(11), KeyedStore.id(12)])
            #expect(logs.allSatisfy { $0.caller?.familyID == KeyedStore.id(11) })
            let start = TestCatalog.start
            let (page, sums, table) = try await store.database.read { connection in
                (
                    try UsageLogRow.page(
                        of: workspace, before: nil, limit: 10, .of(.api), in: connection),
                    try UsageSum.select(
                        of: workspace, from: start, to: start.adding(seconds: 60), by: .key,
                        .of(.api), in: connection),
                    try UsageTable.select(
                        of: workspace, from: start, to: start.adding(seconds: 60),
                        by: [.day, .feature, .key], .of(.api), in: connection)
                )
            }
            #expect(page.map(\.id) == logs.reversed().map(\.id))
            #expect(sums.map(\.key) == [KeyedStore.id(11).text, KeyedStore.id(12).text])
            #expect(sums.map(\.creditsCharged.decimal) == ["1.00", "0.00"])
            // What was read once folds to the same.
            func told(_ sums: [UsageSum]) -> [String] {
                sums.map { "\($0.key) \($0.requests) \($0.succeeded) \($0.creditsCharged.decimal)" }
            }
            #expect(told(table.sums(by: .key)) == told(sums))
            #expect(table.sums(by: .day).map(\.requests) == [2])
            #expect(table.sums(by: .feature).map(\.creditsCharged.decimal) == ["1.00"])
            #expect(table.sums(by: .feature).map(\.succeeded) == [1])
        }
    }
}
