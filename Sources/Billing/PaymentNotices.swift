import Stripe

/// What the operator is told of a payment: a dispute is theirs to answer, and a refund that fails
/// theirs to repeat.
package struct PaymentNotices: Sendable {
    let stripe: StripeClient
    let notices: OperatorNotices

    package init(stripe: StripeClient, notices: OperatorNotices) {
        self.stripe = stripe
        self.notices = notices
    }

    /// What a payment paid for.
    package struct Bought: Sendable {
        /// E.g. the invoice's id.
        let name: String
        /// What becomes of it while a dispute is open; a sentence.
        let stays: String
        /// When what was taken back is not given again; the end of a sentence.
        let givenAgain: String

        package init(name: String, stays: String, givenAgain: String) {
            self.name = name
            self.stays = stays
            self.givenAgain = givenAgain
        }
    }

    /// - Parameters:
    ///   - object: the refund or dispute that an event is about, if it is one.
    ///   - type: the event's.
    package func tell(
        of object: String?, _ type: String, payment: String, _ bought: Bought
    ) async throws {
        guard let object else { return }
        if type == "charge.dispute.created" {
            try await notices.add(
                "dispute_opened", subject: object,
                "\(object) disputes \(payment) of \(bought.name): answer it at Stripe. "
                    + bought.stays)
        }
        if type == "charge.dispute.closed" {
            let dispute = try await stripe.listDisputes(payment).first { $0.id == object }
            if let status = dispute?.status, ["lost", "won"].contains(status) {
                try await notices.add(
                    "dispute_\(status)", subject: "\(object) \(status)",
                    "\(object) was \(status): the money of \(bought.name) "
                        + (status == "lost" ? "went back." : "stays, and so does what it paid for.")
                )
            }
        }
        let refund = try await stripe.listRefunds(payment).first { $0.id == object }
        if let refund, refund.status == "failed" || refund.status == "canceled" {
            try await notices.add(
                "refund_failed", subject: "\(refund.id) failed",
                "\(refund.id) of \(bought.name) failed: the user has not got the money. What had "
                    + "been taken back is given again\(bought.givenAgain)")
        }
    }
}
