import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("Calls with a test key cost nothing and have windows of their own")
struct TestCallTests {
    @Test("They hold nothing, need no quota, and commit, capture and raise charge nothing")
    func free() async throws {
        try await KeyedStore.run(KeyedStore.catalog(credits: "0")) { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace, isTest: true, limit: "0")
            let outcome = try await store.validate(workspace, key: 11)
            guard case .judged(.granted(let grant, _), isTest: true) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(grant.creditsReserved == .zero)
            let part = CaptureUsage(
                userID: workspace, usageID: grant.usageID, captureID: "p",
                part: .credits(Credits(decimal: "5")!))
            let raise = ExtendHold(
                userID: workspace, usageID: grant.usageID, extensionID: "e", holdSeconds: nil,
                raise: .by(Credits(decimal: "5")!))
            guard case .done(let captured, _, _) = try await store.ledger.perform(part),
                case .judged(.done(let raised, _, _)) = try await store.ledger.perform(
                    ExtendKeyedHold(raise)),
                case .applied(.success, let charged, _, _, let notCharged, _) =
                    try await store.commit(workspace, grant.usageID, credits: "7")
            else {
                Issue.record("a test call is not settled as others are")
                return
            }
            #expect(captured.creditsCharged == .zero && raised.creditsReserved == .zero)
            #expect(charged == .zero && notCharged == .zero)
            let context = try await store.context(of: workspace)
            #expect(context?.used == .zero && context?.reserved == .zero)
            #expect(try await store.logs(of: workspace).allSatisfy { $0.caller?.isTest == true })
        }
    }

    @Test("A test of a request's name is another request than the call of that name")
    func apart() async throws {
        try await KeyedStore.run { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            try await store.newKey(12, of: workspace, isTest: true)
            let call = try #require(try await store.grant(workspace, key: 11))
            let test = try #require(try await store.grant(workspace, key: 12))
            #expect(call.usageID != test.usageID && !test.isReplay)
            for (key, grant) in [(UInt8(11), call), (12, test)] {
                let again = try await store.grant(workspace, key: key)
                #expect(again?.usageID == grant.usageID && again?.isReplay == true)
            }
            _ = try await store.commit(workspace, test.usageID)
            #expect(
                try await store.validate(workspace, key: 12).denial?.code == .requestAlreadyFinished
            )
            #expect(try await store.grant(workspace, key: 11)?.isReplay == true)
        }
    }

    @Test("Test calls fill one set of windows of the workspace, and calls fill the other")
    func windows() async throws {
        try await KeyedStore.run(KeyedStore.catalog(perMinute: 2)) { store in
            let workspace = try await store.newWorkspace(1)
            try await store.newKey(11, of: workspace)
            try await store.newKey(12, of: workspace, isTest: true)
            try await store.newKey(13, of: workspace, isTest: true)
            #expect(try await store.grant(workspace, key: 12, "a") != nil)
            #expect(try await store.grant(workspace, key: 13, "b") != nil)
            for key: UInt8 in [12, 13] {
                #expect(
                    try await store.validate(workspace, key: key, "c").denial?.code == .rateLimited)
            }
            for request in ["d", "e"] {
                #expect(try await store.grant(workspace, key: 11, request) != nil)
            }
            #expect(try await store.validate(workspace, key: 11, "f").denial?.code == .rateLimited)
            store.advance(seconds: 60)
            #expect(try await store.grant(workspace, key: 12, "c") != nil)
            let context = try await store.context(of: workspace)
            #expect(context?.testWindows?.minute.count == 1 && context?.testWindows?.day.count == 3)
        }
    }
}
