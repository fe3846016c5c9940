import Ledger
import Testing
import Values
import WorkspaceSeats

/// What becomes of seats that are asked for, judged on values alone.
@Suite("Moves of seats")
struct SeatMoveTests {
    private func terms(_ minimum: Int64, _ maximum: Int64?) throws -> SeatTerms {
        SeatTerms(
            price: try #require(Money(amount: 200, currency: "usd")), minimum: minimum,
            maximum: maximum, lookupKey: "seat")
    }

    private func standing(
        paid: Int64, pending: Int64? = nil, enabled: Int64 = 1, isPersonal: Bool = false
    ) -> SeatStanding {
        SeatStanding(paid: paid, pending: pending, enabled: enabled, isPersonal: isPersonal)
    }

    @Test(
        "more are charged now, fewer follow, the present number takes fewer back",
        arguments: [
            (paid: 3, pending: nil, wanted: 5, SeatMove.more), (3, nil, 3, .none),
            (3, nil, 2, .fewer), (5, 3, 5, .withdrawal), (5, 3, 3, .none), (5, 3, 4, .fewer),
            (5, 3, 2, .fewer), (5, 3, 6, .more),
        ] as [(paid: Int64, pending: Int64?, wanted: Int64, SeatMove)])
    func kinds(_ sample: (paid: Int64, pending: Int64?, wanted: Int64, SeatMove)) throws {
        let standing = standing(paid: sample.paid, pending: sample.pending)
        #expect(try standing.move(to: sample.wanted, terms(1, nil)) == sample.3)
    }

    @Test("every number is judged, and one way alone leads to money")
    func walk() throws {
        for paid in Int64(1)...6 {
            for pending in [nil] + (1..<max(paid, 1)).map({ Optional($0) }) {
                for enabled in 1...min(pending ?? paid, paid) {
                    for wanted in Int64(-1)...8 {
                        try judge(
                            standing(paid: paid, pending: pending, enabled: enabled), wanted)
                    }
                }
            }
        }
    }

    /// What must be true of each answer, told apart from how it is come to.
    private func judge(_ standing: SeatStanding, _ wanted: Int64) throws {
        let terms = try terms(2, 5)
        do {
            let move = try standing.move(to: wanted, terms)
            // What there is may stay, whatever the plan is had with now.
            #expect(terms.allows(wanted) || wanted == standing.paid)
            #expect(wanted >= standing.enabled)
            #expect((move == .more) == (wanted > standing.paid))
            let after = move == .more ? wanted : min(standing.paid, wanted)
            #expect(after >= standing.enabled)
            // To ask twice is to ask once.
            let then = SeatStanding(
                paid: max(standing.paid, wanted),
                pending: wanted < standing.paid ? wanted : nil, enabled: standing.enabled,
                isPersonal: false)
            #expect(try then.move(to: wanted, terms) == .none)
        } catch SeatRefusal.outsidePlan {
            #expect(!terms.allows(wanted))
        } catch SeatRefusal.inUse {
            #expect(terms.allows(wanted) && wanted < standing.enabled)
        }
    }

    @Test("3, 5, 3 and 5 seats within a day charge what is more than was paid, and once")
    func upAndDown() throws {
        let terms = try terms(1, nil)
        #expect(try standing(paid: 3).move(to: 5, terms) == .more)
        #expect(try standing(paid: 5).move(to: 3, terms) == .fewer)
        #expect(try standing(paid: 5, pending: 3).move(to: 5, terms) == .withdrawal)
        // Lowered at Stripe at once, the money is back, and they are charged anew.
        #expect(try standing(paid: 3).move(to: 5, terms) == .more)
    }

    @Test("an upgrade takes the seats along or adds some")
    func upgrades() throws {
        let standing = standing(paid: 3, pending: 2, enabled: 2)
        #expect(try standing.upgrade(with: nil, terms(1, nil)) == 3)
        #expect(try standing.upgrade(with: 8, terms(1, nil)) == 8)
        #expect(throws: SeatRefusal.fewerLater) { try standing.upgrade(with: 2, terms(1, nil)) }
        #expect(throws: SeatRefusal.inUse) { try standing.upgrade(with: 1, terms(1, nil)) }
        #expect(throws: SeatRefusal.outsidePlan) { try standing.upgrade(with: 0, terms(1, nil)) }
        // More are there than the other plan allows.
        #expect(throws: SeatRefusal.outsidePlan) { try standing.upgrade(with: nil, terms(1, 2)) }
        #expect(throws: SeatRefusal.outsidePlan) { try standing.upgrade(with: nil, terms(4, 9)) }
    }

    @Test("a personal workspace has one seat on every plan")
    func personal() throws {
        let standing = standing(paid: 1, isPersonal: true)
        #expect(try standing.move(to: 1, terms(1, nil)) == .none)
        for wanted in [Int64(0), 2, 5] {
            #expect(throws: SeatRefusal.outsidePlan) {
                try standing.move(to: wanted, terms(1, nil))
            }
            #expect(throws: SeatRefusal.outsidePlan) {
                try standing.upgrade(with: wanted, terms(1, nil))
            }
        }
    }
}
