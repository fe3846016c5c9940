import FoundationEssentials
import Values

/// A plan that is to take the place of the present one at the end of what is paid.
public struct ScheduledPlan: Sendable, Hashable {
    public let planID: UUID
    public let startsAt: Timestamp

    public init(planID: UUID, startsAt: Timestamp) {
        self.planID = planID
        self.startsAt = startsAt
    }
}
