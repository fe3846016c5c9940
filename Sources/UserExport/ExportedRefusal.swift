import HTTPEndpoint
import LedgerStore

/// A refusal for want of credits as the export of its user has it.
struct ExportedRefusal: JSONObjectOutput {
    let refusal: CreditRefusal

    static let about = "The latest call on a plan that was refused for want of credits."
    static let fields: [OutputField<ExportedRefusal>] = [
        OutputField("plan_id", .uuid, "The plan of that time.") { $0.refusal.planID },
        OutputField("feature_key", .text, "What was asked for.") { $0.refusal.featureKey },
        OutputField("refused_at", .time, "When it was refused.") { $0.refusal.at },
    ]
}
