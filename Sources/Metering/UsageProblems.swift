import HTTPEndpoint

/// What is wrong with a call's log or amounts, whichever product's.
extension Problem {
    package static let usageNotFound = Problem(
        404, "usage_not_found", "Usage not found", "There is no usage log with this id.")
    package static let usageOfAnotherUser = Problem(
        403, "usage_of_another_user", "Another user's usage",
        "This usage log belongs to another user.")

    package static let unknownFeature = Problem.invalid([
        FieldError(["body", "feature_key"], "is not a known feature", type: "unknown_feature")
    ])

    package static func holdTooLong(_ maximum: Int64) -> Problem {
        .invalid([
            FieldError(
                ["body", "hold_seconds"], "must be at most \(maximum) for this feature",
                type: "hold_too_long")
        ])
    }

    package static func priceOutOfBounds(_ field: [String]) -> Problem {
        .invalid([
            FieldError(
                ["body"] + field, "costs more than a billion credits", type: "price_out_of_bounds")
        ])
    }

    package static let notPriced = Problem.invalid([
        FieldError(
            ["body", "metrics"], "are no price: the feature has none of tokens",
            type: "not_priced")
    ])
}
