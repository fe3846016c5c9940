import Database
import JSON
import Messaging
import Service
import Stripe
import Values
import Webhooks

/// What taking webhooks is measured against: the same rows for the same events, each in a durable
/// database transaction of its own, with neither HTTP nor signatures around them.
public final class BareInbox {
    private let core: CareerCore
    private let inbox: StripeEventInbox
    private let events: [StripeEvent]

    /// Reads the events beforehand, so that only the writes are measured.
    public init(_ core: CareerCore, bodies: [[UInt8]]) throws {
        self.core = core
        inbox = StripeEventInbox(
            broker: EmbeddedBroker(database: core.database, wall: DecisionClock.wall.now))
        events = try bodies.map { try StripeEvent(JSONValue.parse($0)) }
    }

    public func keep(_ range: Range<Int>) throws {
        for event in events[range] {
            let now = core.clock.now()
            try core.database.writeBlocking { try inbox.keep(event, of: "bare", in: $0, now: now) }
        }
    }
}
