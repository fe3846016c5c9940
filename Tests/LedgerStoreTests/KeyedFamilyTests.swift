import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("A call by key may take its hold out of that of a running call of its workspace")
struct KeyedFamilyTests {
    @Test(
        "What a family of keys holds is judged once, and lent within it as often as there is room")
    func judgedOnce() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "5")
            try await store.newKey(12, of: workspace, family: 11, limit: "5")
            let run = try #require(try await store.grant(workspace, key: 11, "run")).usageID
            #expect(try await store.raise(workspace, run, by: "4") == nil)
            #expect(try await store.validate(workspace, key: 11, "x").limitRefusal != nil)
            let step = try #require(
                try await store.validate(workspace, key: 12, "step", parent: run).grant)
            #expect(try await store.raise(workspace, step.usageID, by: "2") == nil)
            #expect(try await store.held(of: workspace) == ["2.00", "3.00"])
            #expect(try await store.validate(workspace, key: 11, "y").limitRefusal != nil)
            // What a child gives back its parent may lend again; charges alone move the account.
            _ = try await store.commit(workspace, step.usageID, credits: "0.5")
            let context = try await store.context(of: workspace)
            #expect(context?.used.decimal == "0.50" && context?.reserved.decimal == "4.50")
            #expect(
                try await store.validate(workspace, key: 12, "again", parent: run).grant != nil)
            _ = try await store.ledger.perform(CancelUsage(userID: workspace, usageID: run))
            #expect(try await store.logs(of: workspace).allSatisfy { $0.status != .pending })
            #expect(try await store.context(of: workspace)?.reserved == .zero)
            #expect(try await store.grant(workspace, key: 11, "z") != nil)
        }
    }

    @Test("What another family's key takes of a hold counts for the taker's family from then on")
    func otherFamily() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, limit: "3")
            try await store.newKey(12, of: workspace, limit: "0.5")
            try await store.newKey(13, of: workspace, limit: "1")
            let run = try #require(try await store.grant(workspace, key: 11, "run")).usageID
            #expect(try await store.raise(workspace, run, by: "2") == nil)
            let before = try await store.logs(of: workspace)
            #expect(
                try await store.validate(workspace, key: 12, "a", parent: run).limitRefusal?.used
                    == .zero)
            #expect(try await store.logs(of: workspace) == before)
            let step = try #require(
                try await store.validate(workspace, key: 13, "b", parent: run).grant)
            #expect(
                try await store.raise(workspace, step.usageID, by: "0.1")?.limit.decimal == "1.00")
            #expect(
                try await store.validate(workspace, key: 13, "c", parent: run).limitRefusal != nil)
            // The lender's family has that room again.
            #expect(try await store.grant(workspace, key: 11, "d") != nil)
            #expect(try await store.validate(workspace, key: 11, "e").limitRefusal != nil)
            _ = try await store.commit(workspace, run)
            _ = try await store.commit(workspace, step.usageID)
        }
    }

    @Test("A parent that is unknown, another workspace's or apart by its test key is none")
    func noParent() async throws {
        try await KeyedStore.run { store in
            let (workspace, other) = (
                try await store.newWorkspace(1), try await store.newWorkspace(2)
            )
            try await store.newKey(11, of: workspace)
            try await store.newKey(12, of: workspace, isTest: true)
            try await store.newKey(13, of: other)
            let call = try #require(try await store.grant(workspace, key: 11, "call")).usageID
            let test = try #require(try await store.grant(workspace, key: 12, "test")).usageID
            let theirs = try #require(try await store.grant(other, key: 13, "theirs")).usageID
            for (key, parent) in [
                (UInt8(11), KeyedStore.id(99)), (11, theirs), (11, test), (12, call), (12, theirs),
            ] {
                let outcome = try await store.validate(workspace, key: key, "c", parent: parent)
                #expect(outcome == .judged(.unknownParent, isTest: key == 12))
            }
            let tested = try await store.validate(workspace, key: 12, "c", parent: test)
            #expect(tested.grant?.creditsReserved == .zero)
            _ = try await store.ledger.perform(CancelUsage(userID: workspace, usageID: test))
            #expect(
                try await store.validate(workspace, key: 12, "d", parent: test).denial?.code
                    == .parentEnded)
            // A call may lend no more than it holds, whoever asks.
            #expect(try await store.validate(workspace, key: 11, "e", parent: call).grant != nil)
            #expect(
                try await store.validate(workspace, key: 11, "f", parent: call).denial?.code
                    == .parentHoldExceeded)
        }
    }
}

extension KeyedStore {
    func validate(
        _ workspace: UUID, key: UInt8, _ request: String, parent: UUID
    ) async throws -> ValidateKeyedUsage.Outcome {
        try await ledger.perform(
            ValidateKeyedUsage(
                call(workspace, request, parent: parent), keyHashes: [KeyHash([key])]))
    }

    /// - Returns: why the key's limit forbids it; `nil` if the hold was raised.
    fileprivate func raise(
        _ workspace: UUID, _ usage: UUID, by credits: String
    ) async throws -> KeyLimitRefusal? {
        let outcome = try await ledger.perform(
            ExtendKeyedHold(
                ExtendHold(
                    userID: workspace, usageID: usage, extensionID: credits, holdSeconds: nil,
                    raise: .by(Credits(decimal: credits)!))))
        switch outcome {
        case .judged(.done(_, isReplay: false, _)): return nil
        case .keyLimitReached(let refusal, _): return refusal
        default: throw Unsound(findings: ["\(outcome)"])
        }
    }

    fileprivate func held(of workspace: UUID) async throws -> [String] {
        try await logs(of: workspace).map(\.creditsHeld.decimal).sorted()
    }
}
