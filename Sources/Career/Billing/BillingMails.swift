import CareerDomain
import Database
import Foundation
import Stripe

/// Mails on what happened to a subscription, enqueued with the change that they tell of.
struct BillingMails: Sendable {
    private let database: any Database
    private let outbox: MailOutbox
    private let catalog: CatalogStore

    init(database: any Database, outbox: MailOutbox, catalog: CatalogStore) {
        self.database = database
        self.outbox = outbox
        self.catalog = catalog
    }

    func enqueue(
        _ events: [ApplyBilling.Event], of account: Account, snapshot: BillingSnapshot,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let user = account.subscription.userID
        let plan = try catalog.current(in: connection).plan(account.subscription.planID)
        let name = plan?.name ?? "Career"
        let end = account.context.period.end.rfc3339.prefix(10)
        for event in events {
            let paragraphs: (subject: String, text: [String])? =
                switch event {
                case .activated:
                    (
                        "Your \(name) plan is active",
                        ["Welcome to \(name).", "Your credits are ready; they renew on \(end)."]
                    )
                case .upgraded:
                    (
                        "You are now on \(name)",
                        ["Your upgrade is done, and the additional credits are ready."]
                    )
                case .cancellationRequested:
                    (
                        "Your plan ends on \(end)",
                        ["You keep \(name) until \(end).", "You can resume it until then."]
                    )
                case .ended:
                    (
                        "Your paid plan has ended",
                        ["You are on the Free plan now.", "You can choose a plan at any time."]
                    )
                case .revoked:
                    (
                        "Your payment was returned",
                        ["The plan that it paid for has ended; you are on the Free plan now."]
                    )
                case .renewed, .planLowered, .paymentPastDue, .resumed, .updated: nil
                }
            if let paragraphs, let address = try Self.address(of: user, in: connection) {
                try outbox.enqueue(
                    Mail(
                        to: address, subject: paragraphs.subject,
                        paragraphs: paragraphs.text),
                    in: connection, now: now)
            }
        }
    }

    func paymentFailed(_ invoice: StripeInvoice, needsAction: Bool, now: Timestamp) async throws {
        guard let customer = invoice.customerID else { return }
        let link = invoice.hostedURL.map { ["Settle it here: \($0)"] } ?? []
        let subject = needsAction ? "Please confirm your payment" : "Your payment failed"
        let text =
            needsAction
            ? "Your bank asks you to confirm the payment of your plan."
            : "We could not charge your card. Your remaining credits stay usable for now."
        try await send(
            subject, [text] + link, where: "stripe_customer_id = ?", customer, now: now)
    }

    func trialEnds(_ subscriptionID: String, now: Timestamp) async throws {
        try await send(
            "Your trial ends soon",
            [
                "In three days your trial ends and your plan is charged.",
                "Cancel before to stop it.",
            ],
            where: "stripe_subscription_id = ?", subscriptionID, now: now)
    }

    private func send(
        _ subject: String, _ paragraphs: [String], where condition: String, _ value: String,
        now: Timestamp
    ) async throws {
        try await database.write { [outbox] connection in
            let row = try connection.queryOne(
                """
                SELECT u.email FROM subscriptions s JOIN users u ON u.id = s.user_id
                WHERE s.\(condition)
                """, [.text(value)])
            guard var reader = row?.reader, let address = try reader.optionalText() else { return }
            try outbox.enqueue(
                Mail(to: address, subject: subject, paragraphs: paragraphs),
                in: connection, now: now)
        }
    }

    private static func address(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne("SELECT email FROM users WHERE id = ?", [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.optionalText()
    }
}
