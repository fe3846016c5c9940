import Foundation
import HTTPEndpoint
import JSON
import LedgerStore
import Logging
import Stripe
import Telemetry
import Values

/// `POST /webhooks/stripe`: checks the signature over the raw bytes, keeps the event's id and
/// enqueues its work in one database transaction, and answers. Nothing else happens here. A burst
/// shares its database transactions with what else goes through the ledger's lane.
package struct ReceiveStripeEvent: Sendable {
    static let maximumIDLength = 255

    let ledger: CareerLedger
    let inbox: StripeEventInbox
    let secrets: [String]
    /// The mode of our own key: events of the other one are about another world's objects.
    let mode: StripeMode?
    let lags: LagMetrics
    let logger: Logger
    let clock: DecisionClock
    /// Signatures are checked against the wall clock: a retry is signed anew.
    let wall: DecisionClock

    package init(
        ledger: CareerLedger, inbox: StripeEventInbox, secrets: [String], mode: StripeMode?,
        lags: LagMetrics, logger: Logger, clock: DecisionClock, wall: DecisionClock
    ) {
        self.ledger = ledger
        self.inbox = inbox
        self.secrets = secrets
        self.mode = mode
        self.lags = lags
        self.logger = logger
        self.clock = clock
        self.wall = wall
    }

    static let about = About(
        "Stripe's events", details: "Signed with `Stripe-Signature`; acknowledged once durable.",
        access: .open, refusals: [.invalidSignature, .malformedJSON])

    func receive(_ bytes: [UInt8], _ call: Call) async throws -> [UInt8] {
        do {
            try StripeSignature.verify(
                header: call.headers[.stripeSignature], body: bytes, secrets: secrets,
                now: wall.now().seconds)
        } catch {
            throw Problem.invalidSignature.with(detail: "\(error)")
        }
        let event: StripeEvent
        do {
            let json = try JSONValue.parse(bytes)
            if Self.isPing(json) { return Self.received }
            event = try StripeEvent(json)
        } catch {
            throw Problem.malformedJSON.with(detail: "The body is no event of Stripe's.")
        }
        guard event.id.utf8.count <= Self.maximumIDLength else { throw Problem.malformedJSON }
        if event.livemode.map({ StripeMode(livemode: $0) == mode }) ?? true {
            try await keep(event, call.id)
        } else {
            // Refusing it would have Stripe repeat it for days and then close the endpoint.
            logger.error(
                "event of the other Stripe mode ignored; check the endpoint and the key",
                metadata: [
                    "event": "\(event.id)", "type": "\(event.type)",
                    "livemode": "\(event.livemode ?? false)",
                ])
        }
        return Self.received
    }

    private static let received = Array(#"{"received":true}"#.utf8)

    /// Stripe asks so whether an event destination is there: a thin event, which has no object of
    /// its own and nothing to be done (https://docs.stripe.com/event-destinations).
    private static func isPing(_ json: JSONValue) -> Bool {
        json["object"]?.string == "v2.core.event"
            && json["type"]?.string == "v2.core.event_destination.ping"
    }

    private func keep(_ event: StripeEvent, _ requestID: String) async throws {
        let now = clock.now()
        try await ledger.write(row: event.id) { [inbox] connection in
            try inbox.keep(event, of: requestID, in: connection, now: now)
        }
        if let createdAt = event.createdAt { lags.webhookReceived(now.seconds - createdAt) }
    }
}

extension Problem {
    static let invalidSignature = Problem(
        400, "invalid_signature", "Invalid signature",
        "The body is not signed with one of our secrets.")
}
