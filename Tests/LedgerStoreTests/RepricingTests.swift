import FoundationEssentials
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("What calls would cost by another catalog")
struct RepricingTests {
    private func catalog(_ features: [FeatureCostConfig]) throws -> Catalog {
        try Catalog(
            revision: 2, plans: [TestCatalog.free, TestCatalog.plus, TestCatalog.pro],
            features: features)
    }

    private func feature(_ key: String, _ cost: String) -> FeatureCostConfig {
        FeatureCostConfig(
            featureKey: key, productType: "career", internalCost: Credits(decimal: cost)!)
    }

    private func call(_ key: String) -> RepricedCall {
        RepricedCall(feature: key, announced: nil, metrics: UsageLog.Metrics())
    }

    private func user(_ number: Int) -> UUID {
        UUID.version7(at: TestCatalog.start, randomness: UInt64(number))
    }

    @Test("Who pays more and who pays less is counted once, the largest difference first")
    func users() throws {
        let before = try catalog([feature("match", "1"), feature("chat", "2")])
        let after = try catalog([feature("match", "2"), feature("chat", "1")])
        var repricing = Repricing(inForce: before.terms, other: after.terms)
        let plan = TestCatalog.free.id
        for _ in 0..<3 { repricing.add(call("match"), of: user(1), on: plan, pinned: nil) }
        repricing.add(call("chat"), of: user(2), on: plan, pinned: nil)
        repricing.add(call("match"), of: user(3), on: plan, pinned: nil)
        repricing.add(call("chat"), of: user(3), on: plan, pinned: nil)
        repricing.finish()
        #expect(repricing.calls == 6 && repricing.users == 3)
        #expect(repricing.dearer == 1 && repricing.cheaper == 1)
        #expect(repricing.before.decimal == "8.00" && repricing.after.decimal == "10.00")
        #expect(repricing.largest.map(\.userID) == [user(1), user(2)])
    }

    @Test("A call of a feature that is there no more is counted and costs nothing on either side")
    func refused() throws {
        let before = try catalog([feature("match", "1"), feature("chat", "2")])
        var repricing = Repricing(
            inForce: before.terms, other: try catalog([feature("match", "1")]).terms)
        repricing.add(call("chat"), of: user(1), on: TestCatalog.free.id, pinned: nil)
        repricing.finish()
        #expect(repricing.refused == 1 && repricing.before == .zero && repricing.largest.isEmpty)
    }

    @Test("Of many users those are named for whom the most changes, in a memory that does not grow")
    func many() throws {
        let before = try catalog([feature("match", "1")])
        var repricing = Repricing(
            inForce: before.terms, other: try catalog([feature("match", "3")]).terms)
        for number in 1...200 {
            for _ in 0..<number {
                repricing.add(
                    call("match"), of: user(number), on: TestCatalog.free.id, pinned: nil)
            }
            #expect(repricing.named.count <= Repricing.maximumNamed * 2)
        }
        repricing.finish()
        #expect(repricing.users == 200 && repricing.dearer == 200)
        #expect(
            repricing.largest.map(\.userID)
                == (0..<Repricing.maximumNamed).map { user(200 - $0) })
    }

    @Test("A hold's own plan counts, though its user has moved since")
    func pinned() throws {
        let terms = try catalog([feature("match", "1")]).terms
        #expect(call("match").price(by: terms, on: TestCatalog.pro.id)?.decimal == "1.00")
        #expect(call("match").price(by: terms, on: user(9)) == nil)
        var repricing = Repricing(inForce: terms, other: terms)
        repricing.add(call("match"), of: user(1), on: user(9), pinned: TestCatalog.pro.id)
        repricing.finish()
        #expect(repricing.before.decimal == "1.00" && repricing.refused == 0)
    }
}
