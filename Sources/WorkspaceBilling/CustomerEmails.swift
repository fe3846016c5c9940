import Billing
import Database
import FoundationEssentials
import JSON
import LedgerStore
import Messaging
import Subscriptions
import Values
import Workspaces

/// Has a workspace's customer at Stripe have the address that its bills go to: by a message, which
/// is enqueued in the database transaction that changes the address and comes again until Stripe
/// has heard of it.
package struct CustomerEmails: Sendable {
    /// The member of the message that names the workspace.
    static let member = "billing_email_of"

    /// Of workspaces.
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package var announcement: WorkspaceMails.AddressChange {
        { try announce($0, requestID: $1, in: $2, now: $3) }
    }

    /// - Returns: false for a message that is none of these.
    package func handle(_ work: JSONValue) async throws -> Bool {
        guard let id = work[Self.member]?.string.flatMap({ UUID(text: $0) }) else { return false }
        try await follow(id)
        return true
    }

    private func announce(
        _ workspace: UUID, requestID: String?, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        // Who pays for nothing has nobody to be told of.
        guard try customer(of: workspace, in: connection) != nil else { return }
        let body: JSONObject = [Self.member: .string(workspace.text)]
        try billing.erased.broker.enqueue(
            .subscriptionUpdated, JSONValue.object(body).compactText,
            MessageEnvelope(requestID: requestID), in: connection, now: now)
    }

    /// - Throws: `PostponedMessage` while Stripe is away.
    private func follow(_ workspace: UUID) async throws {
        var told: Bill?
        // Of two messages that are worked off at once, the slower one may have told an address that
        // is another by now: whoever has told looks again.
        while let bill = try await bill(of: workspace), bill != told {
            try await tell(bill)
            told = bill
        }
    }

    /// Who is charged, and the address that is right now.
    private struct Bill: Sendable, Equatable {
        let customer: String
        let email: String
    }

    private func bill(of workspace: UUID) async throws -> Bill? {
        try await billing.database.read { [self] connection in
            guard let customer = try customer(of: workspace, in: connection),
                let email = try billing.product.address(workspace, connection)
            else { return nil }
            return Bill(customer: customer, email: email)
        }
    }

    private func tell(_ bill: Bill) async throws {
        do {
            _ = try await billing.stripe.setCustomerEmail(
                bill.customer, bill.email, "email-\(UUID().text)")
        } catch {
            // Another is linked with the next checkout, with the address of then.
            if error.isUnknownCustomer { return }
            throw error.mayRetry ? error.postponement : error
        }
    }

    private func customer(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        try LinkedSubscription.customer(of: workspace, of: .of(.api), in: connection)
    }
}
