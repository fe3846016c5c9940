import Foundation
import Stripe

/// A schedule that leads to another plan, made when there were fewer seats than are paid for by
/// now: the plan follows with these.
struct SeatsBehind: Sendable {
    let schedule: StripeSubscriptionSchedule
    /// How many are paid for.
    let seats: Int64
}

extension BillingSnapshotReader {
    /// Whether the plan can be had with so many seats.
    func allows(_ seats: Int64, on planID: UUID) async throws -> Bool {
        try await prices.catalog.current(in: database).plan(planID)?.seats?.allows(seats) ?? false
    }
}

extension StripeMirror {
    /// Has the plan that a schedule leads to begin with the seats that there are. A schedule that
    /// Stripe does not take so is released: nobody is to lose at the turn what was paid for.
    func bring(_ behind: SeatsBehind, of subscription: StripeSubscription) async throws {
        let schedule = behind.schedule
        // Whoever has asked for something else meanwhile keeps what they asked for.
        guard try await reader.schedule(schedule.id)?.wish == schedule.wish else { return }
        guard var current = schedule.currentPhase else {
            return try await releaseOutdated(schedule.id)
        }
        current.items = subscription.items.map {
            StripeSubscriptionSchedule.Item(priceID: $0.price.id, quantity: $0.quantity)
        }
        var phases = [current]
        for var phase in schedule.comingPhases {
            for (place, item) in phase.items.enumerated() {
                let meaning = try await reader.prices.meaning(
                    ofPriceID: item.priceID, among: subscription.items.map(\.price))
                guard meaning.seatOf != nil else { continue }
                phase.items[place] = StripeSubscriptionSchedule.Item(
                    priceID: item.priceID, quantity: behind.seats)
            }
            phases.append(phase)
        }
        var metadata = schedule.metadata
        metadata[StripeSubscriptionSchedule.fromSeats] = "\(behind.seats)"
        do {
            _ = try await stripe.updateSchedule(
                schedule.id, StripeSchedulePlan(phases: phases, metadata: metadata),
                "seats-follow-\(UUID().text)")
        } catch {
            guard error.isRefusal else { throw error }
            try await releaseOutdated(schedule.id)
        }
    }
}
