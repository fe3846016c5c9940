import Billing
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Values
import WorkspaceBilling
import WorkspaceSeats
import Workspaces

/// When a lower plan begins and what it costs then, before it is agreed to. Nothing is charged now.
struct LowerPlanPage: OrderPage {
    typealias Shown = PreviewWorkspaceUpgrade

    let parts: WorkspacePageParts

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        guard let name = address["plan_id"], name != now.plan?.id.text else {
            return try desk.toPlan()
        }
        let plan = try await parts.planForSale(name)
        if let current = now.plan, PlanMove(from: current, to: plan) == .upgrade {
            return try desk.toPlan("/upgrade?plan_id=\(plan.id.text)")
        }
        var order = OrderView(
            desk: desk, heading: words.html("downgrade.question", ["plan": plan.name]),
            path: desk.path + "/plan/downgrade", planID: name)
        (order.terms, order.seats) = (plan.seats, address.seats)
        let present = desk.workspace.subscription.pendingSeatCount ?? desk.seatCount
        if let problem = order.seats.problem { return order.view(nil, problem, present: present) }
        do {
            let reply = try await parts.billing.previewPlan.perform(
                (desk.id, APIChangeRequest(planID: plan.id, seats: order.seats.number)),
                desk.visit.call)
            guard let preview = reply.output else { throw Problem.internalError }
            return order.view(price(preview, desk), present: preview.newSeats)
        } catch let problem as Problem where problem.status < 500 {
            return order.view(nil, problem, present: present)
        }
    }

    private func price(_ preview: APIChangePreviewResponse, _ desk: SpaceDesk) -> OrderView.Price {
        let values = [
            "plan": preview.new.name, "current": preview.current.name,
            "when": desk.spoken.day(preview.effectiveAt, now: desk.now),
            "total_html": preview.new.totalText(preview.newSeats, words),
        ]
        return OrderView.Price(
            seats: preview.newSeats,
            facts: [
                desk.fact("now", "<b>\(preview.due.spoken.escapedForHTML)</b>"),
                desk.fact("then", words.html("space.lower.then", values)),
                desk.fact("price", preview.new.priceText(preview.newSeats, words)),
                desk.fact(
                    "credits",
                    words.html(
                        "space.plan.credits",
                        ["credits": preview.new.pricing.creditsAllocation.spoken])),
            ],
            notes: ["until", "back"].map { words.html("space.lower.\($0)", values) },
            button: words.html("downgrade.yes", values))
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try await parts.admit(to: DowngradeWorkspacePlan.self, address, visit)
        let plan = try await parts.planForSale(address["plan_id"])
        let request = APIDowngradeRequest(planID: plan.id, seats: try address.seats.required())
        _ = try await parts.billing.downgradePlan.perform((id, request), visit.call)
        return try back(address, notice: "space_lowered")
    }
}
