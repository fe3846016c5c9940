import Database
import FoundationEssentials
import JSON
import LedgerStore
import Messaging
import Values

/// Customers at Stripe whose user was erased here. Who is erased hands theirs over, by a message
/// that is enqueued in the erasure's own database transaction: whatever was made at Stripe until
/// then is deleted there, however often that has to be tried.
package struct ErasedCustomers: Sendable {
    /// The member of the message that names the customer.
    package static let member = "erased_customer"

    package let broker: any MessageBroker

    package init(broker: any MessageBroker) {
        self.broker = broker
    }

    /// Hands a holder's customer over, if there is one by now. The holder's row is locked.
    package func handOver(
        of holder: UUID, of t: ProductTables = .of(.career), requestID: String,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        guard
            let customer = try LinkedSubscription.customer(of: holder, of: t, in: connection)
        else { return }
        try handOver(customer, requestID: requestID, in: connection, now: now)
    }

    package func handOver(
        _ customerID: String, requestID: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        let body: JSONObject = [Self.member: .string(customerID)]
        // The account is erased: nothing may name it any more.
        try broker.enqueue(
            .subscriptionDeleted, JSONValue.object(body).compactText,
            MessageEnvelope(requestID: requestID), in: connection, now: now)
    }
}
