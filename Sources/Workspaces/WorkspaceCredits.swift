import HTTPEndpoint
import Values

/// What a workspace has to spend, as its ledger tells it.
package struct WorkspaceCredits: JSONObjectOutput {
    package let allocated: Credits
    package let used: Credits
    package let reserved: Credits
    package let remaining: Credits

    package init(allocated: Credits, used: Credits, reserved: Credits, remaining: Credits) {
        self.allocated = allocated
        self.used = used
        self.reserved = reserved
        self.remaining = remaining
    }

    /// Of a workspace without a subscription.
    package static let none = WorkspaceCredits(
        allocated: .zero, used: .zero, reserved: .zero, remaining: .zero)

    package static let about = "The credits of the running period, and all that can be spent now."
    package static let fields: [OutputField<WorkspaceCredits>] = [
        OutputField("allocated", .credits, "Granted for the period.") { $0.allocated },
        OutputField("used", .credits, "Charged to the period's credits.") { $0.used },
        OutputField("reserved", .credits, "Held of them by calls that are running.") {
            $0.reserved
        },
        OutputField(
            "remaining", .credits,
            "What is left to spend, of the period's credits and of grants beside them."
        ) { $0.remaining },
    ]
}
