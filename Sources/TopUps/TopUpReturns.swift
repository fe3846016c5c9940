import Database
import FoundationEssentials
import Stripe
import Values

/// A bought grant that its user gives back: frozen from the beginning, until its money went back or
/// the refund has failed.
struct TopUpReturn: Sendable, Equatable {
    let grantID: UUID
    let userID: UUID
    /// What the grant was made for.
    let cause: String
    /// The page or the invoice that has sold it.
    let soldBy: String
    let paymentIntentID: String
    /// Counts from 1: each has idempotency keys of its own.
    var attempt: Int64
    /// When it was begun, or was put off last.
    let begunAt: Timestamp
    /// `nil` until Stripe has made one.
    var refundID: String?

    var key: String { "return-\(grantID.text)-\(attempt)" }

    /// Whether the grant stays frozen: Stripe has not decided yet.
    func isPending(_ refunds: [StripeRefund]) -> Bool {
        guard let refundID, let refund = refunds.first(where: { $0.id == refundID }) else {
            return true
        }
        return Self.isUndecided(refund)
    }

    static func isUndecided(_ refund: StripeRefund) -> Bool {
        ["pending", "requires_action"].contains(refund.status)
    }
}

/// How they lie in their table, one row a grant.
package enum TopUpReturns {
    /// Whether a grant is frozen since it is being given back.
    ///
    /// - Parameter refunds: of its payment, as Stripe has them now.
    package static func isPending(
        _ cause: String, of user: UUID, _ refunds: [StripeRefund],
        in connection: any DatabaseConnection
    ) throws -> Bool {
        try find("user_id = ? AND cause = ?", [.uuid(user), .text(cause)], in: connection).first?
            .isPending(refunds) ?? false
    }

    static func find(
        _ grant: UUID, in connection: any DatabaseConnection
    ) throws -> TopUpReturn? {
        try find("grant_id = ?", [.uuid(grant)], in: connection).first
    }

    /// Those of which Stripe was not heard since.
    static func unanswered(
        since instant: Timestamp, limit: Int, in connection: any DatabaseConnection
    ) throws -> [TopUpReturn] {
        try find(
            "refund_id IS NULL AND begun_at <= ? ORDER BY begun_at LIMIT \(limit)",
            [.time(instant)], in: connection)
    }

    private static func find(
        _ condition: String, _ values: [SQLValue], in connection: any DatabaseConnection
    ) throws -> [TopUpReturn] {
        try connection.query(
            """
            SELECT grant_id, user_id, cause, sold_by, payment_intent_id, attempt, begun_at,
                refund_id
            FROM top_up_returns WHERE \(condition)
            """, values
        ).map { row in
            var reader = row.reader
            return try TopUpReturn(
                grantID: reader.uuid(), userID: reader.uuid(), cause: reader.text(),
                soldBy: reader.text(), paymentIntentID: reader.text(), attempt: reader.count(),
                begunAt: reader.time(), refundID: reader.optionalText())
        }
    }

    /// Begins one, or another attempt after a refund that has failed.
    static func begin(_ new: TopUpReturn, in connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            INSERT INTO top_up_returns (grant_id, user_id, cause, sold_by, payment_intent_id,
                attempt, begun_at, refund_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
            ON CONFLICT (grant_id) DO UPDATE SET attempt = top_up_returns.attempt + 1,
                begun_at = excluded.begun_at, refund_id = NULL
            """,
            [
                .uuid(new.grantID), .uuid(new.userID), .text(new.cause), .text(new.soldBy),
                .text(new.paymentIntentID), .integer(new.attempt), .time(new.begunAt),
            ])
    }

    static func note(
        _ refund: String, of grant: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE top_up_returns SET refund_id = ? WHERE grant_id = ?",
            [.text(refund), .uuid(grant)])
    }

    /// Stripe has failed under this attempt's key, which it would repeat.
    static func useNewKey(of grant: UUID, in connection: any DatabaseConnection) throws {
        try connection.execute(
            "UPDATE top_up_returns SET attempt = attempt + 1 WHERE grant_id = ?", [.uuid(grant)])
    }

    /// It is taken up again once it is unanswered for long enough from now on.
    static func putOff(
        _ grant: UUID, at now: Timestamp, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE top_up_returns SET begun_at = ? WHERE grant_id = ?",
            [.time(now), .uuid(grant)])
    }

    /// Nothing is to be given back.
    static func end(_ grant: UUID, in connection: any DatabaseConnection) throws {
        try connection.execute("DELETE FROM top_up_returns WHERE grant_id = ?", [.uuid(grant)])
    }
}
