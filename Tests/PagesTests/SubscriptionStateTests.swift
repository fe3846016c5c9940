import Foundation
import Ledger
import PageFrame
import Pages
import TestFixtures
import Testing
import Values

@Suite("Where a subscription stands is one sentence, one date and one thing to do")
struct SubscriptionStateTests {
    private static let start = TestCatalog.start
    private static let end = start.adding(months: 1)
    private static let grace: Int64 = 3 * 86_400

    /// What differs between the accounts of these tests.
    struct Case: Sendable {
        var status = Subscription.Status.active
        var isBilled = true
        var isEnding = false
        var isChanging = false
        var isPaid = true
        /// Seconds after the period's end at which it is looked at.
        var late: Int64 = -86_400
        let kind: SubscriptionState.Kind
    }

    private static func account(_ given: Case) -> Account {
        let period = BillingPeriod(
            number: 1, start: start, end: end, source: given.isPaid ? .paid : .free)
        return Account(
            subscription: Subscription(
                id: UUID(), userID: UUID(), planID: TestCatalog.plus.id, status: given.status,
                stripeCustomerID: "cus", stripeSubscriptionID: given.isBilled ? "sub" : nil,
                cancelAtPeriodEnd: given.isEnding, canceledAt: nil,
                trialEnd: given.status == .trialing ? end : nil, trialUsed: true,
                createdAt: start, updatedAt: start,
                scheduled: given.isChanging
                    ? ScheduledPlan(planID: TestCatalog.pro.id, startsAt: end) : nil),
            context: CareerSubscriptionContext(
                period: period, periodPlanID: TestCatalog.plus.id, anchor: start,
                allocated: Credits(clamping: 5), used: .zero, reserved: .zero,
                minuteWindow: RateWindow(.minute, start: start, count: 0),
                dayWindow: RateWindow(.day, start: start, count: 0),
                decidedAt: start))
    }

    private static let cases = [
        Case(isBilled: false, isPaid: false, kind: .free),
        Case(isBilled: false, kind: .free),
        Case(kind: .active), Case(isEnding: true, kind: .ending),
        Case(status: .trialing, kind: .trial),
        Case(status: .trialing, isEnding: true, kind: .trialEnding),
        Case(isChanging: true, kind: .lowering),
        Case(isEnding: true, isChanging: true, kind: .ending),
        Case(status: .trialing, isChanging: true, kind: .trialLowering),
        Case(status: .pastDue, isChanging: true, kind: .pastDue),
        Case(status: .pastDue, kind: .pastDue),
        Case(status: .pastDue, late: grace - 1, kind: .pastDue),
        Case(status: .pastDue, late: grace, kind: .pastDueOver),
        Case(status: .unpaid, kind: .unpaid), Case(status: .incomplete, kind: .incomplete),
        Case(status: .paused, kind: .paused),
        Case(status: .canceled, isBilled: false, late: grace, kind: .over),
        Case(status: .incompleteExpired, isBilled: false, kind: .over),
    ]

    @Test("Each standing has its state", arguments: cases)
    func kinds(given: Case) {
        let now = Self.end.adding(seconds: given.late)
        let state = SubscriptionState(Self.account(given), now: now, grace: Self.grace)
        #expect(state.kind == given.kind)
    }

    @Test("Each state has a sentence, a badge, and words for what there is to do")
    func words() throws {
        let spoken = Spoken(words: try Words(language: "en", EmbeddedTemplates.english))
        #expect(Set(Self.cases.map(\.kind)) == Set(SubscriptionState.Kind.allCases))
        for given in Self.cases {
            let now = Self.end.adding(seconds: given.late)
            let state = SubscriptionState(Self.account(given), now: now, grace: Self.grace)
            let values = state.values(
                TestCatalog.plus, next: given.isChanging ? TestCatalog.pro : nil, spoken, now: now)
            for key in ["text_html", "badge_html"] {
                let text = values[key]?.string ?? ""
                #expect(text.contains(" ") || key == "badge_html", "\(state.kind)")
                #expect(!text.hasPrefix("state.") && !text.hasPrefix("badge."))
            }
            let hasAct = values["post"] != .null || values["href"] != .null
            #expect(hasAct == (values["label_html"]?.string != nil), "\(state.kind)")
            #expect(values["label_html"]?.string?.hasPrefix("act.") != true)
        }
    }
}
