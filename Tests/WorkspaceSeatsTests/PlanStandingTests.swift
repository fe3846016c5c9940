import Ledger
import TestFixtures
import Testing
import Values
import WorkspaceSeats

/// What becomes of a workspace's plan and seats, whatever is asked for in whatever state: a team on
/// Team with 4 seats, of which 2 are taken. Solo is a lower plan of at most 5 seats, Firm a higher.
@Suite("Moves of a workspace's plan and seats")
struct PlanStandingTests {
    private static func plan(
        _ number: UInt8, _ name: String, _ kind: Plan.Kind, _ price: Int64, maximum: Int64? = nil
    ) -> Plan {
        TestCatalog.apiPlan(
            number, name, kind, price: price,
            SeatTerms(
                price: Money(amount: 200, currency: "usd")!, minimum: 1, maximum: maximum,
                lookupKey: kind == .paid ? "\(name) seat" : nil))
    }

    private static var free: Plan { plan(1, "Free", .free, 0, maximum: 1) }
    private static var solo: Plan { plan(2, "Solo", .paid, 1000, maximum: 5) }
    private static var team: Plan { plan(3, "Team", .paid, 2000) }
    private static var firm: Plan { plan(4, "Firm", .paid, 3000) }

    private static var wishes: [(name: String, WorkspaceWish)] {
        [
            ("6 seats", .seats(6)), ("5 seats", .seats(5)), ("4 seats", .seats(4)),
            ("3 seats", .seats(3)), ("1 seat", .seats(1)),
            ("up Firm", .upgrade(firm, seats: nil)), ("up Firm 6", .upgrade(firm, seats: 6)),
            ("up Firm 3", .upgrade(firm, seats: 3)), ("up Solo", .upgrade(solo, seats: nil)),
            ("up Team", .upgrade(team, seats: nil)), ("up Team 5", .upgrade(team, seats: 5)),
            ("down Solo", .downgrade(solo, seats: nil)),
            ("down Solo 4", .downgrade(solo, seats: 4)),
            ("down Solo 3", .downgrade(solo, seats: 3)),
            ("down Solo 5", .downgrade(solo, seats: 5)),
            ("down Solo 6", .downgrade(solo, seats: 6)),
            ("down Solo 1", .downgrade(solo, seats: 1)),
            ("down Firm", .downgrade(firm, seats: nil)),
            ("down Team", .downgrade(team, seats: nil)),
            ("down Free", .downgrade(free, seats: nil)),
        ]
    }

    /// A row a state, a cell a wish in the order above: `+` is bought now, `>` follows, `same`
    /// takes back what was to follow, `=` changes nothing, else the reason of a refusal.
    private static let table = """
        plain      +Team6 +Team5 = >Team3 inUse +Firm4 +Firm6 fewerLater downgrade samePlan +Team5 \
        >Solo4 >Solo4 >Solo3 moreNow outsidePlan inUse upgrade samePlan noSuchPlan
        trialing   +Team6 +Team5 = >Team3 inUse +Firm4 +Firm6 fewerLater downgrade samePlan +Team5 \
        >Solo4 >Solo4 >Solo3 moreNow outsidePlan inUse upgrade samePlan noSuchPlan
        fewer      +Team6 +Team5 same = inUse +Firm4 +Firm6 fewerLater downgrade samePlan +Team5 \
        >Solo3 >Solo4 >Solo3 moreNow outsidePlan inUse upgrade samePlan noSuchPlan
        lower      outsidePlan +Team5>Solo5 = >Solo3 inUse +Firm4 +Firm6 fewerLater downgrade \
        samePlan +Team5>Solo5 = = >Solo3 moreNow outsidePlan inUse upgrade samePlan noSuchPlan
        both       outsidePlan +Team5>Solo5 >Solo4 = inUse +Firm4 +Firm6 fewerLater downgrade \
        samePlan +Team5>Solo5 = >Solo4 = moreNow outsidePlan inUse upgrade samePlan noSuchPlan
        ending     cancellationPending cancellationPending = cancellationPending inUse \
        cancellationPending cancellationPending cancellationPending downgrade samePlan \
        cancellationPending cancellationPending cancellationPending cancellationPending \
        cancellationPending cancellationPending cancellationPending upgrade samePlan noSuchPlan
        past_due   paymentPastDue paymentPastDue = >Team3 inUse paymentPastDue paymentPastDue \
        paymentPastDue downgrade samePlan paymentPastDue paymentPastDue paymentPastDue \
        paymentPastDue paymentPastDue paymentPastDue paymentPastDue upgrade samePlan noSuchPlan
        unpaid     paymentPastDue paymentPastDue = >Team3 inUse paymentPastDue paymentPastDue \
        paymentPastDue downgrade samePlan paymentPastDue paymentPastDue paymentPastDue \
        paymentPastDue paymentPastDue paymentPastDue paymentPastDue upgrade samePlan noSuchPlan
        incomplete paymentIncomplete paymentIncomplete = paymentIncomplete inUse \
        paymentIncomplete paymentIncomplete paymentIncomplete downgrade samePlan \
        paymentIncomplete paymentIncomplete paymentIncomplete paymentIncomplete \
        paymentIncomplete paymentIncomplete paymentIncomplete upgrade samePlan noSuchPlan
        paused     paused paused = paused inUse paused paused paused downgrade samePlan paused \
        paused paused paused paused paused paused upgrade samePlan noSuchPlan
        canceled   checkoutRequired checkoutRequired = checkoutRequired inUse checkoutRequired \
        checkoutRequired checkoutRequired downgrade samePlan checkoutRequired checkoutRequired \
        checkoutRequired checkoutRequired checkoutRequired checkoutRequired checkoutRequired \
        upgrade samePlan noSuchPlan
        """

    private static func standing(_ state: Substring) -> PlanStanding {
        PlanStanding(
            plan: team, terms: team.seats!, next: ["lower", "both"].contains(state) ? solo : nil,
            paid: 4, pending: ["fewer", "both"].contains(state) ? 3 : nil, enabled: 2,
            isPersonal: false, status: Subscription.Status(rawValue: String(state)) ?? .active,
            isEnding: state == "ending")
    }

    private static func told(_ standing: PlanStanding, _ wish: WorkspaceWish) -> String {
        do throws(WorkspaceRefusal) {
            let move = try standing.judge(wish)
            if move.isNothing { return "=" }
            let buys = move.buys.map { "+\($0.plan.name)\($0.seats)" } ?? ""
            switch move.follows {
            case .same: return buys.isEmpty ? "same" : buys
            case .other(let next): return "\(buys)>\(next.plan.name)\(next.seats)"
            case .end: return "\(buys)>end"
            }
        } catch {
            switch error {
            case .noSuchPlan: return "noSuchPlan"
            case .plan(let refusal): return "\(refusal)"
            case .seats(let refusal): return "\(refusal)"
            }
        }
    }

    @Test("each wish in each state comes to what the table says")
    func cells() {
        var states: Set<Substring> = []
        for line in Self.table.split(separator: "\n") {
            let words = line.split(separator: " ")
            states.insert(words[0])
            #expect(words.count == Self.wishes.count + 1, "\(words[0])")
            for (wish, cell) in zip(Self.wishes, words.dropFirst()) {
                let told = Self.told(Self.standing(words[0]), wish.1)
                #expect(told == cell, "\(wish.name) in \(words[0])")
            }
        }
        #expect(states.count == 11)
        // No status that Stripe has is left out; the last means what `canceled` does.
        let others = ["active", "incomplete_expired"]
        for status in Subscription.Status.allCases where !others.contains(status.rawValue) {
            #expect(states.contains(Substring(status.rawValue)), "\(status)")
        }
    }

    @Test("who asks for the same once more changes nothing", arguments: wishes.map(\.1))
    func twice(wish: WorkspaceWish) throws {
        for state in ["plain", "fewer", "lower", "both"] {
            let before = Self.standing(Substring(state))
            guard let move = try? before.judge(wish) else { continue }
            let next: SeatedPlan? = if case .other(let next) = move.follows { next } else { nil }
            let (plan, paid) = (move.buys?.plan ?? before.plan, move.buys?.seats ?? 4)
            let after = PlanStanding(
                plan: plan, terms: try #require(plan.seats),
                next: next.flatMap { $0.plan.id == plan.id ? nil : $0.plan }, paid: paid,
                pending: next.flatMap { $0.seats < paid ? $0.seats : nil }, enabled: 2,
                isPersonal: false, status: .active, isEnding: false)
            #expect(after.follows == move.follows)
            let again = Self.told(after, wish)
            #expect(["=", "samePlan"].contains(again), "\(state): \(again)")
        }
    }

    @Test("a personal workspace has one seat on every plan, and the Free one at the end")
    func personal() {
        func standing(
            _ status: Subscription.Status = .active, isEnding: Bool = false
        ) -> PlanStanding {
            PlanStanding(
                plan: Self.team, terms: Self.team.seats!, next: nil, paid: 1, pending: nil,
                enabled: 1, isPersonal: true, status: status, isEnding: isEnding)
        }
        #expect(Self.told(standing(), .downgrade(Self.solo, seats: nil)) == ">Solo1")
        #expect(Self.told(standing(), .downgrade(Self.solo, seats: 2)) == "outsidePlan")
        #expect(Self.told(standing(), .downgrade(Self.free, seats: nil)) == ">end")
        #expect(Self.told(standing(.trialing), .downgrade(Self.free, seats: 1)) == ">end")
        #expect(Self.told(standing(), .downgrade(Self.free, seats: 2)) == "outsidePlan")
        #expect(Self.told(standing(), .upgrade(Self.free, seats: nil)) == "noSuchPlan")
        let free = WorkspaceWish.downgrade(Self.free, seats: nil)
        #expect(Self.told(standing(isEnding: true), free) == "cancellationPending")
        #expect(Self.told(standing(.pastDue), free) == "paymentPastDue")
    }
}
