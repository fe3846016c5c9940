import Database
import FoundationEssentials
import Ledger

/// How a usage log lies in its table. The columns, what reads them and what writes them stand in
/// one order, here and nowhere else.
package enum UsageLogRow {
    package static let columns = """
        id, user_id, request_id, payload_hash, subscription_id, period_number, feature_key, \
        endpoint, method, client_ip, user_agent, input_chars, max_output_tokens, model, \
        credits_reserved, created_at, expires_at, status, credits_charged, committed_at, \
        commit_accepted_at, commit_accepted_as, model_used, input_tokens, output_tokens, \
        latency_ms, failure_type, failure_reason
        """

    package static func read(_ row: Row) throws -> UsageLog {
        var reader = row.reader
        let id = try reader.uuid()
        let key = try IdempotencyKey(
            userID: reader.uuid(), requestID: reader.text(), payloadHash: reader.text())
        let subscriptionID = try reader.uuid()
        let periodNumber = try reader.count()
        let featureKey = try reader.text()
        let call = try UsageLog.Call(
            endpoint: reader.text(), method: reader.text(), clientIP: reader.optionalText(),
            userAgent: reader.optionalText(), inputChars: reader.optionalCount(),
            maxOutputTokens: reader.optionalCount(), model: reader.optionalText())
        let creditsReserved = try reader.credits()
        let createdAt = try reader.time()
        let expiresAt = try reader.time()
        let status = try reader.oneOf(UsageLog.Status.self)
        let creditsCharged = try reader.optionalCredits()
        let committedAt = try reader.optionalTime()
        let commitAcceptedAt = try reader.optionalTime()
        let commitAcceptedAs: UsageLog.Status? =
            try reader.isNull() ? nil : reader.oneOf(UsageLog.Status.self)
        let metrics = try UsageLog.Metrics(
            modelUsed: reader.optionalText(), inputTokens: reader.optionalCount(),
            outputTokens: reader.optionalCount(), latencyMilliseconds: reader.optionalCount())
        let failure: UsageLog.Failure? =
            try reader.isNull()
            ? nil
            : try UsageLog.Failure(
                type: reader.oneOf(UsageLog.FailureType.self), reason: reader.text())
        return UsageLog(
            id: id, key: key, subscriptionID: subscriptionID, periodNumber: periodNumber,
            featureKey: featureKey, call: call, creditsReserved: creditsReserved,
            createdAt: createdAt, expiresAt: expiresAt, status: status,
            creditsCharged: creditsCharged, committedAt: committedAt,
            commitAcceptedAt: commitAcceptedAt, commitAcceptedAs: commitAcceptedAs,
            metrics: metrics, failure: failure)
    }

    static let insert = """
        INSERT INTO career_usage_logs (\(columns))
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func values(_ log: UsageLog) -> [SQLValue] {
        [
            .uuid(log.id), .uuid(log.key.userID), .text(log.key.requestID),
            .text(log.key.payloadHash), .uuid(log.subscriptionID), .integer(log.periodNumber),
            .text(log.featureKey), .text(log.call.endpoint), .text(log.call.method),
            .text(log.call.clientIP), .text(log.call.userAgent), .integer(log.call.inputChars),
            .integer(log.call.maxOutputTokens), .text(log.call.model),
            .credits(log.creditsReserved), .time(log.createdAt), .time(log.expiresAt),
        ] + outcome(log)
    }

    static let settle = """
        UPDATE career_usage_logs SET status = ?, credits_charged = ?, committed_at = ?,
            commit_accepted_at = ?, commit_accepted_as = ?, model_used = ?, input_tokens = ?,
            output_tokens = ?, latency_ms = ?, failure_type = ?, failure_reason = ?
        WHERE id = ?
        """

    static func settlement(_ log: UsageLog) -> [SQLValue] { outcome(log) + [.uuid(log.id)] }

    /// The columns that a commit or the clock may change.
    private static func outcome(_ log: UsageLog) -> [SQLValue] {
        [
            .text(log.status.rawValue), .credits(log.creditsCharged), .time(log.committedAt),
            .time(log.commitAcceptedAt), .text(log.commitAcceptedAs?.rawValue),
            .text(log.metrics.modelUsed),
            .integer(log.metrics.inputTokens), .integer(log.metrics.outputTokens),
            .integer(log.metrics.latencyMilliseconds), .text(log.failure?.type.rawValue),
            .text(log.failure?.reason),
        ]
    }
}
