import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Values

/// The plans side by side, each with what the visitor can do about it.
package struct PlanCards: Sendable {
    let words: Words
    let now: Timestamp
    package var zone = ReaderZone.utc
    /// Whether strangers can sign up here.
    var offersSignUp = true

    /// Where the visitor stands.
    enum Standing: Sendable {
        case stranger
        case user(Account, Plan)
    }

    package init(words: Words, now: Timestamp, zone: ReaderZone = .utc, offersSignUp: Bool = true) {
        (self.words, self.now) = (words, now)
        (self.zone, self.offersSignUp) = (zone, offersSignUp)
    }

    func values(_ plans: [Plan], _ standing: Standing) -> JSONValue {
        values(plans) { choice($0, standing) }
    }

    /// The plans that are paid alike stand together, with a heading if there are several kinds.
    ///
    /// - Parameter choice: of a plan: `is_current`, `action` and `note_html`.
    package func values(_ plans: [Plan], _ choice: (Plan) -> JSONObject) -> JSONValue {
        let groups = Plan.Interval.allCases.compactMap { interval in
            let alike = plans.filter { $0.interval == interval }
            return alike.isEmpty ? nil : (interval, alike)
        }
        return .array(
            groups.map { interval, plans in
                [
                    "heading_html": groups.count > 1
                        ? .string(words.html("plans.\(interval.rawValue)")) : .null,
                    "cards": .array(plans.map { .object(card($0).with(choice($0))) }),
                ]
            })
    }

    private func card(_ plan: Plan) -> JSONObject {
        [
            "id": .string(plan.id.text), "name": .string(plan.name),
            "display_price": .string(plan.displayPrice), "description": .string(plan.description),
            "features": .array(
                plan.features.map { ["title": .string($0.title), "value": .string($0.value)] }),
            "is_current": false, "action": .null, "note_html": .null,
        ]
    }

    private func choice(_ plan: Plan, _ standing: Standing) -> JSONObject {
        switch standing {
        case .stranger:
            guard offersSignUp else { return [:] }
            let key = plan.trialDays > 0 ? "plan.trial" : "plan.start"
            let text = words.html(key, ["plan": plan.name, "days": String(plan.trialDays)])
            return ["action": link("/signup", text, isPlain: plan.kind == .free)]
        case .user(let account, let current):
            return choice(plan, account, current).with(["is_current": .bool(plan.id == current.id)])
        }
    }

    /// The same judgement as a move's own, on what is known here.
    private func choice(_ plan: Plan, _ account: Account, _ current: Plan) -> JSONObject {
        let subscription = account.subscription
        if let scheduled = subscription.scheduled, scheduled.planID == plan.id {
            let when = Spoken(words: words, zone: zone).day(scheduled.startsAt, now: now)
            return [
                "note_html": .string(
                    words.html("plan.scheduled", ["plan": plan.name, "when": when]))
            ]
        }
        let standing = UpgradeStanding(
            plan: current, isBilled: subscription.stripeSubscriptionID != nil,
            status: subscription.status, cancelAtPeriodEnd: subscription.cancelAtPeriodEnd)
        switch standing.refusal(of: plan, by: nil) {
        case nil where PlanMove(from: current, to: plan) == .downgrade:
            let page = plan.kind == .free ? "cancel" : "downgrade?plan_id=\(plan.id.text)"
            return [
                "action": link(
                    "/account/plan/" + page, words.html("plan.lower", ["plan": plan.name]),
                    isPlain: true)
            ]
        case nil:
            return [
                "action": link(
                    "/account/plan/upgrade?plan_id=\(plan.id.text)",
                    words.html("plan.upgrade", ["plan": plan.name]))
            ]
        case .samePlan: return [:]
        case .checkoutRequired:
            guard plan.kind == .paid else { return [:] }
            let hasTrial = plan.trialDays > 0 && !subscription.trialUsed
            let label = words.html(
                hasTrial ? "plan.trial" : "plan.choose",
                ["plan": plan.name, "days": String(plan.trialDays)])
            return ["action": ["post": "/account/plan/checkout", "label_html": .string(label)]]
        // Neither is asked for by its name.
        case .downgrade, .upgrade: return [:]
        case .cancellationPending: return ["note_html": .string(words.html("plan.ending"))]
        case .paymentPastDue, .paymentIncomplete, .paused:
            return ["note_html": .string(words.html("plan.unpaid"))]
        }
    }

    package func link(
        _ href: String, _ label: String, isPlain: Bool = false
    ) -> JSONValue {
        ["href": .string(href), "label_html": .string(label), "is_plain": .bool(isPlain)]
    }
}
