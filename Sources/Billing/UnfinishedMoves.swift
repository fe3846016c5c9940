import Database
import FoundationEssentials
import JSON
import Messaging
import Stripe
import Values

/// Moves for which a schedule is released: each leaves a message before it begins, by which a
/// worker looks after a while whether the move has come to its end.
package struct UnfinishedMoves: Sendable {
    /// The member of the message that names the schedule.
    package static let member = "released_schedule"
    /// How long a move may take, in seconds: two calls to Stripe with all their retries.
    static let patience: Int64 = 120

    /// What a move has released.
    package struct Move: Sendable {
        package let subscriptionID: String
        package let scheduleID: String
        package let beganAt: Timestamp
    }

    private let broker: any MessageBroker
    private let database: any Database

    package init(broker: any MessageBroker, database: any Database) {
        self.broker = broker
        self.database = database
    }

    package func begin(_ theirs: StripeSubscription, now: Timestamp) async throws {
        guard let schedule = theirs.scheduleID else { return }
        let body: JSONObject = [
            "type": "move", "subscription": .string(theirs.id), Self.member: .string(schedule),
        ]
        _ = try await database.write { connection in
            try broker.enqueue(
                .subscriptionUpdated, JSONValue.object(body).compactText, MessageEnvelope(),
                in: connection, now: now)
        }
    }

    /// Reads the message of a move; `nil` for another one.
    ///
    /// - Throws: `PostponedMessage` while the move may still be under way.
    package static func read(
        _ work: JSONValue, enqueuedAt: Timestamp, now: Timestamp
    ) throws -> Move? {
        guard let schedule = work[member]?.string, let id = work["subscription"]?.string else {
            return nil
        }
        guard now >= enqueuedAt.adding(seconds: patience) else {
            throw PostponedMessage("a move of \(id) may be under way")
        }
        return Move(subscriptionID: id, scheduleID: schedule, beganAt: enqueuedAt)
    }
}

extension StripeError {
    /// Has a message come again once Stripe answers.
    package var postponement: any Error { PostponedMessage("\(self)") }
}
