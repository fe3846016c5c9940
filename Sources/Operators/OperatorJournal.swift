import Crypto
import Database
import FoundationEssentials
import HTTPEndpoint
import Values

/// One act of an operator, as it is noted.
package struct OperatorEntry: Sendable {
    package let act: OperatorAct
    package let operatorID: UUID?
    /// The operator's address, which stays when the operator is removed.
    package let actor: String
    /// Whom it is about.
    package var userID: UUID?
    /// What it is about: an id, or an address of the console.
    package var subject: String?
    package var reason: String?
    /// What was granted, or taken where negative.
    package var credits: Credits?
    package var requestID: String?

    package init(
        act: OperatorAct, operatorID: UUID?, actor: String, userID: UUID? = nil,
        subject: String? = nil, reason: String? = nil, credits: Credits? = nil,
        requestID: String? = nil
    ) {
        self.act = act
        self.operatorID = operatorID
        self.actor = actor
        self.userID = userID
        self.subject = subject
        self.reason = reason
        self.credits = credits
        self.requestID = requestID
    }

    static func byCommand(
        _ act: OperatorAct, subject: String, reason: String? = nil
    ) -> OperatorEntry {
        OperatorEntry(
            act: act, operatorID: nil, actor: "cuebx operators", subject: subject, reason: reason)
    }
}

/// What operators did, whom it was about and why. An act is noted before it begins: what was broken
/// off is seen as begun.
package struct OperatorJournal: Sendable {
    package enum Outcome: String, Sendable {
        /// Under way, or broken off.
        case begun
        case done
        /// A rule said no; nothing was done.
        case refused
        /// Something failed, e.g. Stripe; part of it may be done.
        case failed
    }

    /// What support may grant within ``grantSeconds``, in credits.
    package static let supportGrant = Credits(clamping: 100 * Credits.microsPerCredit)
    static let grantSeconds: Int64 = 24 * 3600

    private let database: any Database
    private let clock: DecisionClock

    package init(database: any Database, clock: DecisionClock) {
        self.database = database
        self.clock = clock
    }

    /// Notes what is done with this database transaction.
    package func note(_ entry: OperatorEntry, in connection: any DatabaseConnection) throws {
        _ = try insert(entry, .done, in: connection)
    }

    /// Notes what was done without a database transaction of its own, such as a look.
    package func note(_ entry: OperatorEntry) async throws {
        try await database.write { try note(entry, in: $0) }
    }

    /// Notes an act before it begins.
    ///
    /// Support's grants of the last 24 hours, those under way among them, are summed with the
    /// operator's row locked, so that grants at the same time stay within the limit, too.
    /// - Throws: ``Problem`` 403 `not_your_role`, `over_daily_grant`.
    package func begin(_ entry: OperatorEntry, role: OperatorRole) async throws -> UUID {
        guard role.may(entry.act) else { throw Problem.notYourRole }
        let since = clock.now().adding(seconds: -Self.grantSeconds)
        let id = try await database.write { connection -> UUID? in
            if role == .support, let credits = entry.credits, let operatorID = entry.operatorID {
                _ = try OperatorRow.findLocked(id: operatorID, in: connection)
                let given = try granted(by: operatorID, since: since, in: connection)
                guard given + credits.micros <= Self.supportGrant.micros else { return nil }
            }
            return try insert(entry, .begun, in: connection)
        }
        guard let id else { throw Problem.overDailyGrant }
        return id
    }

    /// Notes how an act ended.
    package func finish(
        _ id: UUID, _ outcome: Outcome, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE operator_actions SET outcome = ? WHERE id = ? AND outcome = 'begun'",
            [.text(outcome.rawValue), .uuid(id)])
    }

    /// Carries an act out between its two notes.
    ///
    /// - Parameters:
    ///   - goesOn: whether work goes on when the body returns, which ends the note itself.
    ///   - body: is given the note's id, for who ends the note with what the act writes.
    /// - Throws: what ``begin(_:role:)`` and the body throw.
    package func carryOut<Value: Sendable>(
        _ entry: OperatorEntry, role: OperatorRole, goesOn: Bool = false,
        _ body: (UUID) async throws -> Value
    ) async throws -> Value {
        let id = try await begin(entry, role: role)
        do {
            let value = try await body(id)
            if !goesOn { try await database.write { try finish(id, .done, in: $0) } }
            return value
        } catch {
            let outcome: Outcome = error is Problem ? .refused : .failed
            try await database.write { try finish(id, outcome, in: $0) }
            throw error
        }
    }

    private func granted(
        by operatorID: UUID, since: Timestamp, in connection: any DatabaseConnection
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT CAST(coalesce(sum(credits), 0) AS BIGINT) FROM operator_actions
            WHERE operator_id = ? AND created_at > ? AND action = 'grant_credits'
                AND outcome IN ('begun', 'done')
            """, [.uuid(operatorID), .time(since)])
        guard var reader = row?.reader else { return 0 }
        return try reader.integer()
    }

    private func insert(
        _ entry: OperatorEntry, _ outcome: Outcome, in connection: any DatabaseConnection
    ) throws -> UUID {
        let now = clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        try connection.execute(
            """
            INSERT INTO operator_actions (id, operator_id, actor, action, user_id, subject,
                reason, credits, outcome, request_id, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(id), entry.operatorID.map { .uuid($0) } ?? .null, .text(entry.actor),
                .text(entry.act.rawValue), entry.userID.map { .uuid($0) } ?? .null,
                .text(entry.subject), .text(entry.reason), .credits(entry.credits),
                .text(outcome.rawValue), .text(entry.requestID), .time(now),
            ])
        return id
    }
}

extension OperatorJournal {
    /// Notes how an act ended that nobody waited for, with what came of it. An act that was done or
    /// refused has ended for good; one that failed may have been tried again.
    package func finish(_ id: UUID, _ outcome: Outcome, result: String) async throws {
        let result = String(result.prefix(Self.maximumResult))
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE operator_actions SET subject = ?, outcome = ? WHERE id = ? \(Self.isOpen)",
                [.text(result), .text(outcome.rawValue), .uuid(id)])
        }
    }

    /// Notes that an act is under way that nobody waits for, once more if it had failed.
    ///
    /// - Returns: whether it has not ended for good.
    package func resume(_ id: UUID) async throws -> Bool {
        try await database.write { connection in
            try connection.execute(
                "UPDATE operator_actions SET outcome = 'begun' WHERE id = ? \(Self.isOpen)",
                [.uuid(id)]) == 1
        }
    }

    private static let isOpen = "AND outcome IN ('begun', 'failed')"

    /// Characters of a result that are kept.
    static let maximumResult = 4000
}

extension OperatorJournal {
    /// A name for what a form does, out of what only the form's own token leads to.
    package static func fingerprint(_ secret: String) -> String {
        Base64URL.encode(Array(SHA256.hash(data: Array("act \(secret)".utf8)).prefix(16)))
    }
}
