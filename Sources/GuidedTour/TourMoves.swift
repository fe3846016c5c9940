import Foundation
import JSON
import Service

/// Every way from one plan to another, as far as there are any: at once to a higher one, at the end
/// of what is paid to a lower one or to Free, and each taken back.
extension TourPaying {
    private static let coming: Set = [
        "status", "plan", "name", "current_period_end", "cancel_at_period_end",
        "scheduled_plan_id", "scheduled_at",
    ]
    private static let price: Set = [
        "current_plan", "new_plan", "name", "proration_amount", "subtotal", "tax", "total_due",
        "effective_at", "discounts",
    ]

    mutating func moves(
        plus: String, pro: String, free: String, plusYearly: String
    ) async throws {
        try await upgrade(to: pro)
        try await lower(to: plus)
        guide.say("They change their mind: nothing follows any more")
        try await post("/resume", nil, showing: Self.coming)
        try await expectComing(nil)
        guide.say("… and once more: the lower plan is to follow again")
        try await post("/downgrade", ["new_plan_id": .string(plus)], showing: Self.coming)
        try await expectComing(plus)
        guide.say("A cancellation takes its place, and taken back leaves neither")
        try await post("/cancel", [:])
        try await expectComing(nil)
        try await post("/resume", nil, showing: Self.coming)
        try await expectComing(nil)
        guide.say("Plus it is, then; the month that is paid passes")
        try await post("/downgrade", ["new_plan_id": .string(plus)], showing: Self.coming)
        try await move(seconds: 32 * Self.day)
        guide.say("They are on Plus, with its credits, and the next payment is its price")
        try await expectPlan("Plus")
        try await expectCredits("500.00")
        try await expectComing(nil)
        try await topUpByItself()
        guide.say("To Free a lower plan is a cancellation; nothing is paid back, nothing taken")
        try await post("/downgrade", ["new_plan_id": .string(free)], showing: Self.coming)
        try await expectCredits("598.00")
        try await move(seconds: 32 * Self.day)
        guide.say("They are on Free, with a month of its credits, and with what they have bought")
        try await expectPlan("Free")
        try await expectCredits("125.00")
        try await year(plusYearly)
    }

    /// They come back by the year: paid at once, granted by the month.
    private mutating func year(_ plan: String) async throws {
        guide.say("They come back, by the year: it is paid once")
        try await buy(plan)
        try await move(seconds: 0)
        try await expectPlan("Plus yearly")
        guide.say("Its credits come by the month: the period is a month, the plan ends in a year")
        try await expectCredits("600.00")
        try await move(seconds: 32 * Self.day)
        guide.say("A month later, without a payment, they have the next month's")
        try await expectPlan("Plus yearly")
        try await expectCredits("600.00")
    }

    private func lower(to plan: String) async throws {
        guide.say("What would a lower plan cost? Nothing now, and it says when it begins")
        let preview = try await post(
            "/preview-upgrade", ["new_plan_id": .string(plan)], showing: Self.price)
        guard preview["total_due"] == "0.00", preview["effective_at"]?.string != nil else {
            throw FriendlyError("a lower plan is not free until it begins")
        }
        let before = try await get("/career/usage/", showing: Self.balance)
        guide.say("They take it: the plan and its credits stay until what is paid ends")
        try await post("/downgrade", ["new_plan_id": .string(plan)], showing: Self.coming)
        try await expectComing(plan)
        let after = try await get("/career/usage/", showing: Self.balance)
        guard before == after else { throw FriendlyError("a lower plan has moved credits") }
    }

    /// - Parameter plan: the plan that is to follow; `nil`: none, and no end either.
    private func expectComing(_ plan: String?) async throws {
        let subscription = try await get(Self.base + "/", showing: Self.coming)
        guard subscription["scheduled_plan_id"]?.string == plan else {
            throw FriendlyError("what is to follow is not what was asked for")
        }
    }
}
