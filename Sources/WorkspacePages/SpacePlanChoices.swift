import FoundationEssentials
import JSON
import Ledger
import PageFrame
import Pages
import Values
import Workspaces

/// What the visitor can do about each plan: the same judgement as a move's own, on what is known
/// here.
struct SpacePlanChoices: Sendable {
    let desk: SpaceDesk
    let now: SpaceStanding
    let cards: PlanCards
    /// The days of trial that a checkout of each plan would begin with.
    let trials: [UUID: Int64]

    private var words: Words { desk.words }

    func values(_ plan: Plan) -> JSONObject {
        var values: JSONObject = ["is_current": .bool(isHeld(plan))]
        guard desk.isAdmin, desk.workspace.status != .suspended else { return values }
        if let scheduled = now.account?.subscription.scheduled, scheduled.planID == plan.id {
            let when = desk.spoken.day(scheduled.startsAt, now: desk.now)
            return values.with([
                "note_html": .string(
                    words.html("plan.scheduled", ["plan": plan.name, "when": when]))
            ])
        }
        values = values.with(choice(plan))
        return values
    }

    /// A plan that has ended is bought anew like any other.
    private func isHeld(_ plan: Plan) -> Bool {
        plan.id == now.plan?.id && (now.isBilled || plan.kind == .free)
    }

    private func choice(_ plan: Plan) -> JSONObject {
        guard let account = now.account, let current = now.plan else { return buy(plan) }
        let subscription = account.subscription
        let standing = UpgradeStanding(
            plan: current, isBilled: now.isBilled, status: subscription.status,
            cancelAtPeriodEnd: subscription.cancelAtPeriodEnd)
        switch standing.refusal(of: plan, by: nil) {
        case nil where PlanMove(from: current, to: plan) == .downgrade: return lower(plan)
        case nil: return move(plan, "/plan/upgrade", "plan.upgrade")
        case .samePlan: return now.isBilled ? [:] : buy(plan)
        case .checkoutRequired: return buy(plan)
        // Neither is asked for by its name.
        case .downgrade, .upgrade: return [:]
        case .cancellationPending: return note("plan.ending")
        case .paymentPastDue, .paymentIncomplete, .paused: return note("plan.unpaid")
        }
    }

    private func buy(_ plan: Plan) -> JSONObject {
        guard plan.kind == .paid else { return [:] }
        let days = trials[plan.id] ?? 0
        return move(
            plan, "/plan/buy", days > 0 ? "plan.trial" : "plan.choose", ["days": String(days)])
    }

    /// The free plan of a personal workspace is what is left after the end.
    private func lower(_ plan: Plan) -> JSONObject {
        guard plan.kind == .free else {
            let text = words.html("plan.lower", ["plan": plan.name])
            let page = "\(desk.path)/plan/downgrade?plan_id=\(plan.id.text)"
            return ["action": cards.link(page, text, isPlain: true)]
        }
        guard desk.role == .owner else { return [:] }
        return [
            "action": cards.link(
                desk.path + "/plan/cancel", words.html("plan.lower", ["plan": plan.name]),
                isPlain: true)
        ]
    }

    private func move(
        _ plan: Plan, _ path: String, _ key: String, _ values: [String: String] = [:]
    ) -> JSONObject {
        let text = words.html(key, values.merging(["plan": plan.name]) { $1 })
        return ["action": cards.link("\(desk.path)\(path)?plan_id=\(plan.id.text)", text)]
    }

    private func note(_ key: String) -> JSONObject { ["note_html": .string(words.html(key))] }
}
