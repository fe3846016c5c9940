import Billing
import Database
import FoundationEssentials
import JSON
import LedgerStore
import Messaging
import Stripe
import Values

/// Moves for which a schedule is released: each leaves a message before it begins, by which a
/// worker looks after a while whether the move has come to its end. Moves of a subscription are
/// numbered: once a move has ended, or another was made, the message of an earlier one finds a
/// higher number and does nothing.
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
        /// Of the moves of this subscription; `nil` in a message of an earlier version.
        package let number: Int64?
    }

    private let broker: any MessageBroker
    private let database: any Database
    private let ledger: CareerLedger

    package init(broker: any MessageBroker, database: any Database, ledger: CareerLedger) {
        self.broker = broker
        self.database = database
        self.ledger = ledger
    }

    /// - Returns: the move; `nil` if no schedule is to be released for it.
    package func begin(_ theirs: StripeSubscription, now: Timestamp) async throws -> Move? {
        guard let schedule = theirs.scheduleID else { return nil }
        let number = try await ledger.takeToken(of: Self.counter(theirs.id))
        let body: JSONObject = [
            "type": "move", "subscription": .string(theirs.id), Self.member: .string(schedule),
            "number": .number("\(number)"),
        ]
        _ = try await database.write { connection in
            try broker.enqueue(
                .subscriptionUpdated, JSONValue.object(body).compactText, MessageEnvelope(),
                in: connection, now: now)
        }
        return Move(
            subscriptionID: theirs.id, scheduleID: schedule, beganAt: now, number: number)
    }

    /// How the subscription goes on is decided: what earlier moves have released stays so.
    package func settle(_ subscriptionID: String) async throws {
        _ = try await ledger.takeToken(of: Self.counter(subscriptionID))
    }

    /// Whether the move has neither ended nor given way to another.
    package func isLast(_ move: Move) async throws -> Bool {
        guard let number = move.number else { return true }
        return try await database.read { connection in
            try CareerLedger.lastToken(of: Self.counter(move.subscriptionID), in: connection)
                == number
        }
    }

    /// The counter of the numbers, among those of the fencing tokens.
    private static func counter(_ subscriptionID: String) -> String { "moves \(subscriptionID)" }

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
        return Move(
            subscriptionID: id, scheduleID: schedule, beganAt: enqueuedAt,
            number: work["number"]?.int)
    }
}

extension StripeError {
    /// Has a message come again once Stripe answers.
    package var postponement: any Error { PostponedMessage("\(self)") }
}
