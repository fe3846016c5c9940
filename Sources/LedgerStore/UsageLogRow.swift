import Database
import FoundationEssentials
import Ledger
import Values

/// How a usage log lies in its table. The columns, what reads them and what writes them stand in
/// one order, here and nowhere else.
package enum UsageLogRow {
    package static func columns(_ t: ProductTables) -> String {
        plain(t) + ", " + ofSome
    }

    /// What every log has.
    private static func plain(_ t: ProductTables) -> String {
        """
        id, \(t.holder), request_id, payload_hash, subscription_id, period_number, feature_key, \
        endpoint, method, client_ip, user_agent, input_chars, max_output_tokens, model, \
        credits_reserved, created_at, expires_at, balance_before, status, credits_charged, \
        committed_at, commit_accepted_at, commit_accepted_as, model_used, input_tokens, \
        output_tokens, latency_ms, failure_type, failure_reason, balance_after\
        \(t.hasKeys ? ", api_key_id, key_family_id, is_test" : "")
        """
    }

    /// What only some logs have, and most rows have by their columns' defaults: a call that holds a
    /// fixed amount for a fixed time is written without.
    private static let ofSome = """
        credits_captured, credits_released, credits_not_charged, is_late, \
        commit_accepted_credits, cached_input_tokens, reasoning_tokens, catalog_revision, \
        pinned_plan_id, has_draws, credits_lent, parent_usage_id, credits_overused
        """

    /// What was charged of a log, in SQL: of one that has not succeeded, its parts.
    static func charged(_ log: String) -> String {
        "coalesce(\(log).credits_charged, \(log).credits_captured)"
    }

    /// What a PENDING log holds, in SQL.
    static func held(_ log: String) -> String {
        "\(log).credits_reserved - \(log).credits_captured - \(log).credits_lent"
    }

    /// Without its draws.
    package static func read(
        _ row: Row, _ t: ProductTables = .of(.career)
    ) throws -> UsageLog { try load(row, t).log }

    static func load(_ row: Row, _ t: ProductTables) throws -> LoadedLog {
        var reader = row.reader
        let id = try reader.uuid()
        var key = try IdempotencyKey(
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
        let balanceBefore = try reader.optionalCredits()
        let status = try reader.oneOf(UsageLog.Status.self)
        let creditsCharged = try reader.optionalCredits()
        let committedAt = try reader.optionalTime()
        let commitAcceptedAt = try reader.optionalTime()
        let commitAcceptedAs: UsageLog.Status? =
            try reader.isNull() ? nil : reader.oneOf(UsageLog.Status.self)
        var metrics = try UsageLog.Metrics(
            modelUsed: reader.optionalText(), inputTokens: reader.optionalCount(),
            outputTokens: reader.optionalCount(), latencyMilliseconds: reader.optionalCount())
        let failureType: UsageLog.FailureType? =
            try reader.isNull() ? nil : reader.oneOf(UsageLog.FailureType.self)
        let reason = try reader.optionalText()
        let balances = UsageLog.Balances(
            before: balanceBefore, after: try reader.optionalCredits())
        let caller = t.hasKeys ? try caller(&reader) : nil
        key.isTest = caller?.isTest ?? false
        let failure = failureType.map { UsageLog.Failure(type: $0, reason: reason ?? "") }
        let captured = try reader.credits()
        // What was given back is what was held and not charged.
        _ = try reader.credits()
        let notCharged = try reader.credits()
        let isLate = try reader.bool()
        let acceptedCredits = try reader.optionalCredits()
        metrics.cachedInputTokens = try reader.optionalCount()
        metrics.reasoningTokens = try reader.optionalCount()
        let pin = try pin(reader.optionalCount(), reader.optionalUUID())
        let hasDraws = try reader.bool()
        let lent = try reader.credits()
        let log = UsageLog(
            id: id, key: key, subscriptionID: subscriptionID, periodNumber: periodNumber,
            featureKey: featureKey, call: call, creditsReserved: creditsReserved,
            createdAt: createdAt, expiresAt: expiresAt, status: status,
            creditsCharged: creditsCharged ?? (captured > .zero ? captured : nil),
            committedAt: committedAt, commitAcceptedAt: commitAcceptedAt,
            commitAcceptedAs: commitAcceptedAs, metrics: metrics, failure: failure, pin: pin,
            creditsNotCharged: notCharged, isLate: isLate,
            commitAcceptedCredits: acceptedCredits, balances: balances,
            parentID: try reader.optionalUUID(), creditsLent: lent,
            creditsOverused: try reader.credits(),
            creditsInParts: status == .success ? captured : .zero, caller: caller)
        return LoadedLog(log: log, hasDraws: hasDraws)
    }

    private static func caller(_ reader: inout RowReader) throws -> KeyedCaller {
        try KeyedCaller(
            keyID: reader.uuid(), familyID: reader.uuid(), isTest: reader.bool())
    }

    private static func pin(_ revision: Int64?, _ plan: UUID?) -> CatalogPin? {
        guard let revision, let plan else { return nil }
        return CatalogPin(revision: revision, planID: plan)
    }

    static let selectByID = ProductSQL { t in
        "SELECT \(columns(t)) FROM \(t.logs) WHERE id = ?"
    }

    static let insert = ProductSQL { t in
        "INSERT INTO \(t.logs) (\(plain(t))) VALUES (\(marks(t.hasKeys ? 33 : 30)))"
    }

    /// The same for a log that has more than every log.
    static let insertWhole = ProductSQL { t in
        "INSERT INTO \(t.logs) (\(columns(t))) VALUES (\(marks(t.hasKeys ? 46 : 43)))"
    }

    private static func marks(_ count: Int) -> String {
        Array(repeating: "?", count: count).joined(separator: ", ")
    }

    static func values(_ log: UsageLog) -> [SQLValue] {
        [
            .uuid(log.id), .uuid(log.key.userID), .text(log.key.requestID),
            .text(log.key.payloadHash), .uuid(log.subscriptionID), .integer(log.periodNumber),
            .text(log.featureKey), .text(log.call.endpoint), .text(log.call.method),
            .text(log.call.clientIP), .text(log.call.userAgent), .integer(log.call.inputChars),
            .integer(log.call.maxOutputTokens), .text(log.call.model),
            .credits(log.creditsReserved), .time(log.createdAt), .time(log.expiresAt),
            .credits(log.balances.before),
        ] + outcome(log) + caller(log)
    }

    private static func caller(_ log: UsageLog) -> [SQLValue] {
        guard let caller = log.caller else { return [] }
        return [.uuid(caller.keyID), .uuid(caller.familyID), .bool(caller.isTest)]
    }

    static let settle = ProductSQL { t in
        """
        UPDATE \(t.logs) SET status = ?, credits_charged = ?, committed_at = ?,
            commit_accepted_at = ?, commit_accepted_as = ?, model_used = ?, input_tokens = ?,
            output_tokens = ?, latency_ms = ?, failure_type = ?, failure_reason = ?,
            balance_after = ?
        WHERE id = ?
        """
    }

    static func settlement(_ log: UsageLog) -> [SQLValue] { outcome(log) + [.uuid(log.id)] }

    /// The columns that a commit or the clock may change.
    private static func outcome(_ log: UsageLog) -> [SQLValue] {
        [
            .text(log.status.rawValue),
            .credits(log.status == .success ? log.creditsCharged : nil), .time(log.committedAt),
            .time(log.commitAcceptedAt), .text(log.commitAcceptedAs?.rawValue),
            .text(log.metrics.modelUsed),
            .integer(log.metrics.inputTokens), .integer(log.metrics.outputTokens),
            .integer(log.metrics.latencyMilliseconds), .text(log.failure?.type.rawValue),
            .text(log.failure?.reason), .credits(log.balances.after),
        ]
    }
}

/// What only some logs have.
extension UsageLogRow {
    /// Whether a new log is written by ``insert``.
    static func isPlain(_ log: UsageLog) -> Bool {
        log.draws.isEmpty && log.pin == nil && !log.isLate && log.commitAcceptedCredits == nil
            && log.parentID == nil && log.creditsLent == .zero && log.creditsOverused == .zero
            && log.creditsNotCharged == .zero && captured(log) == .zero
            && released(log) == .zero && log.metrics.cachedInputTokens == nil
            && log.metrics.reasoningTokens == nil
    }

    /// Whether a log differs from what it was in more than ``settle`` writes.
    static func hasGrown(_ log: UsageLog, since before: UsageLog) -> Bool {
        log.creditsReserved != before.creditsReserved || log.expiresAt != before.expiresAt
            || (!isPlain(log) || !isPlain(before)) && log != before
    }

    static let change = ProductSQL { t in
        """
        UPDATE \(t.logs) SET credits_reserved = ?, expires_at = ?, credits_captured = ?,
            credits_released = ?, credits_not_charged = ?, is_late = ?,
            commit_accepted_credits = ?, cached_input_tokens = ?, reasoning_tokens = ?,
            catalog_revision = ?, pinned_plan_id = ?, has_draws = ?, credits_lent = ?,
            parent_usage_id = ?, credits_overused = ?
        WHERE id = ?
        """
    }

    static func growth(_ log: UsageLog) -> [SQLValue] {
        [.credits(log.creditsReserved), .time(log.expiresAt)] + ofSome(log) + [.uuid(log.id)]
    }

    static func ofSome(_ log: UsageLog) -> [SQLValue] {
        [
            .credits(captured(log)), .credits(released(log)), .credits(log.creditsNotCharged),
            .bool(log.isLate), .credits(log.commitAcceptedCredits),
            .integer(log.metrics.cachedInputTokens), .integer(log.metrics.reasoningTokens),
            .integer(log.pin?.revision), log.pin.map { .uuid($0.planID) } ?? .null,
            .bool(!log.draws.isEmpty), .credits(log.creditsLent), .uuid(log.parentID),
            .credits(log.creditsOverused),
        ]
    }

    /// What was charged in parts; until a log has succeeded that is all that was charged.
    private static func captured(_ log: UsageLog) -> Credits {
        log.status == .success ? log.creditsInParts : log.creditsCharged ?? .zero
    }

    /// What a success gave back of all that was held: with what it was charged and what its
    /// children took for good, that is all.
    private static func released(_ log: UsageLog) -> Credits {
        log.status == .success ? log.creditsKept : .zero
    }
}
