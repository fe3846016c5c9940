import Database
import Ledger
import Values

/// What may be wrong with a log by itself, or beside its account. The table's columns are those of
/// `l`, a log, and `c`, its account; a check that is added here is made in the one walk.
enum LogOffence: CaseIterable {
    case strayed
    case mischarged
    case mistimed
    case unreadable
    case lapsed
    case misdated
    case accepted
    case miswritten
    case foreign
    case drawn

    /// Whether the others are not told of an account of which this one is.
    var isSaidAlone: Bool { self == .strayed || self == .mischarged || self == .mistimed }

    var invariant: Int {
        switch self {
        case .strayed: 1
        case .mischarged, .mistimed, .lapsed, .accepted, .drawn: 3
        case .unreadable, .misdated, .miswritten, .foreign: 5
        }
    }

    private static let unreadableNumbers = """
        (l.credits_reserved NOT BETWEEN 0 AND \(Credits.maximum.micros) OR l.period_number < 1
            OR \(AuditSQL.isNoTime("l.created_at")) OR \(AuditSQL.isNoTime("l.expires_at"))
            OR \(AuditSQL.isNoTime("l.committed_at"))
            OR \(AuditSQL.isNoTime("l.commit_accepted_at"))
            OR l.input_chars NOT BETWEEN 0 AND \(UsageBounds.inputChars)
            OR l.max_output_tokens NOT BETWEEN 0 AND \(UsageBounds.tokens)
            OR l.input_tokens NOT BETWEEN 0 AND \(UsageBounds.parts)
            OR l.output_tokens NOT BETWEEN 0 AND \(UsageBounds.parts)
            OR l.latency_ms NOT BETWEEN 0 AND \(UsageBounds.parts)
            OR l.cached_input_tokens NOT BETWEEN 0 AND \(UsageBounds.parts)
            OR l.reasoning_tokens NOT BETWEEN 0 AND \(UsageBounds.parts)
            OR l.credits_captured NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.credits_overused NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.credits_overused > l.credits_reserved
            OR l.credits_overused <> 0 AND l.status <> 'SUCCESS'
            OR l.credits_lent NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.credits_released NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.credits_not_charged NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.commit_accepted_credits NOT BETWEEN 0 AND \(Credits.maximum.micros)
            OR l.is_late NOT IN (0, 1) OR l.has_draws NOT IN (0, 1)
            OR l.balance_before NOT BETWEEN 0 AND \(Credits.range.upperBound)
            OR l.balance_after NOT BETWEEN 0 AND \(Credits.range.upperBound)
            OR l.catalog_revision NOT BETWEEN 1 AND
                (SELECT max(i.catalog_revision) FROM installation i)
            OR (l.catalog_revision IS NULL) <> (l.pinned_plan_id IS NULL)
            OR l.pinned_plan_id NOT IN (SELECT p.id FROM plans p))
        """

    /// Sums of which cannot overflow.
    private static let reserved = "(\(AuditSQL.credits("l.credits_reserved")))"
    private static let released = "(\(AuditSQL.credits("l.credits_released")))"
    private static let captured = "(\(AuditSQL.credits("l.credits_captured")))"
    private static let lent = "(\(AuditSQL.credits("l.credits_lent")))"

    /// What is true of such a log; `strayed` is told by its period.
    func condition(_ sql: SQLDialect) -> String {
        switch self {
        case .strayed: "1 = 1"
        case .mischarged:
            """
            ((l.status = 'SUCCESS') <> (l.credits_charged IS NOT NULL)
                OR l.status = 'SUCCESS' AND (l.credits_captured > l.credits_charged
                    OR l.credits_charged <> \(Self.reserved) - \(Self.released) - \(Self.lent))
                OR l.status <> 'SUCCESS' AND (l.credits_released <> 0
                    OR l.credits_captured > \(Self.reserved) - \(Self.lent))
                OR l.credits_captured <> 0 AND l.credits_captured <> (
                    SELECT coalesce(sum(\(AuditSQL.credits("t.credits"))), 0)
                    FROM career_usage_steps t
                    WHERE t.user_id = l.user_id AND t.usage_id = l.id
                        AND t.kind = 'capture'))
            """
        case .mistimed:
            """
            ((l.status IN ('SUCCESS', 'FAILED')) <> (l.committed_at IS NOT NULL)
                OR l.committed_at < l.created_at AND \(AuditSQL.neverReset))
            """
        case .unreadable: Self.unreadableNumbers
        case .lapsed:
            """
            ((l.status IN ('SUCCESS', 'FAILED') AND l.is_late = 0
                AND coalesce(l.commit_accepted_at, l.committed_at) >= l.expires_at
                OR l.is_late = 1 AND (l.status <> 'SUCCESS' OR l.committed_at < l.expires_at
                    OR l.catalog_revision IS NULL))
                AND \(AuditSQL.neverReset))
            """
        case .misdated:
            """
            (\(AuditSQL.isNotOf("l.id", "l.created_at", sql))
                OR l.expires_at <= l.created_at AND \(AuditSQL.neverReset))
            """
        case .accepted:
            """
            ((l.commit_accepted_at IS NULL) <> (l.commit_accepted_as IS NULL)
                OR l.commit_accepted_as NOT IN ('SUCCESS', 'FAILED')
                OR l.commit_accepted_as <> l.status AND l.status <> 'PENDING'
                OR l.commit_accepted_credits IS NOT NULL
                    AND coalesce(l.commit_accepted_as, '') <> 'SUCCESS'
                OR (l.commit_accepted_at < l.created_at OR l.commit_accepted_at >= l.expires_at)
                    AND \(AuditSQL.neverReset))
            """
        case .miswritten: Self.miswritten(sql)
        case .foreign: "(l.subscription_id <> c.subscription_id)"
        case .drawn:
            """
            (l.has_draws = 1 AND (\(Self.sumOfDraws("captured")) <> \(UsageLogRow.charged("l"))
                OR \(Self.sumOfDraws("held")) <> CASE WHEN l.status = 'PENDING'
                    THEN \(Self.reserved) - \(Self.captured) - \(Self.lent) ELSE 0 END))
            """
        }
    }

    /// -1 without a draw.
    private static func sumOfDraws(_ column: String) -> String {
        """
        (SELECT coalesce(sum(\(AuditSQL.credits("d.\(column)", Credits.maximum.micros))), -1)
            FROM usage_draws d WHERE d.account_id = l.user_id AND d.usage_id = l.id)
        """
    }

    private static func miswritten(_ sql: SQLDialect) -> String {
        let types = UsageLog.FailureType.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let hash =
            sql == .sqlite
            ? "length(l.payload_hash) <> 64 OR l.payload_hash GLOB '*[^0-9a-f]*'"
            : "l.payload_hash !~ '^[0-9a-f]{64}$'"
        return """
            (l.status NOT IN ('PENDING', 'SUCCESS', 'FAILED', 'EXPIRED') OR \(hash)
                OR (l.status = 'FAILED') <> (l.failure_type IS NOT NULL)
                OR (l.status = 'FAILED') <> (l.failure_reason IS NOT NULL)
                OR l.failure_type NOT IN (\(types))
                OR length(l.failure_reason) NOT BETWEEN 1 AND 1000
                OR length(l.request_id) NOT BETWEEN 1 AND 255 OR length(l.endpoint) > 2048
                OR l.method <> upper(l.method) OR length(l.method) NOT BETWEEN 3 AND 7
                OR length(l.model) > 100 OR length(l.model_used) > 100
                OR l.status IN ('PENDING', 'EXPIRED') AND l.catalog_revision IS NULL
                    AND (l.model_used IS NOT NULL
                    OR l.input_tokens IS NOT NULL OR l.output_tokens IS NOT NULL
                    OR l.latency_ms IS NOT NULL)
                OR l.feature_key NOT IN (SELECT feature_key FROM feature_cost_configs))
            """
    }

    /// Names such logs of a user's period: the id, what was found, what was expected.
    func select(_ sql: SQLDialect) -> String {
        let pair =
            switch self {
            case .mischarged:
                """
                l.credits_charged,
                CASE WHEN l.status = 'SUCCESS'
                    THEN \(Self.reserved) - \(Self.released) - \(Self.lent) END
                """
            case .mistimed: "l.committed_at, l.created_at"
            default: "l.period_number, NULL"
            }
        return """
            SELECT l.id, \(pair) FROM career_usage_logs l
            LEFT JOIN career_subscription_contexts c ON c.user_id = l.user_id
            WHERE l.user_id = ? AND l.period_number = ? AND \(condition(sql))
            ORDER BY l.id LIMIT \(LedgerAudit.maximumFindings)
            """
    }

    func finding(_ row: Row) throws -> LedgerAudit.Finding {
        var reader = row.reader
        let id = try reader.uuid()
        let found = try reader.optionalInteger()
        let expected = try reader.optionalInteger()
        func text(_ value: Int64?) -> String { value.map(String.init) ?? "none" }
        let problem =
            switch self {
            case .strayed:
                "a log belongs to a period that its account has not begun (\(text(found)))"
            case .mischarged:
                "a log is charged otherwise than it was reserved "
                    + "(found \(text(found)), expected \(text(expected)))"
            case .mistimed:
                "a log was settled before it was made, or is settled and has no time of it "
                    + "(settled \(text(found)), made \(text(expected)))"
            case .unreadable: "a log has a number that is none of its column"
            case .lapsed: "a log was settled after it had lapsed"
            case .misdated: "a log has another time than its id, or lapses before it was made"
            case .accepted: "a commit was accepted otherwise than the log ended, or out of its time"
            case .miswritten: "a log has a status, hash, feature or text that it cannot have"
            case .foreign: "a log belongs to another subscription than its account"
            case .drawn: "what was drawn for a log is not what it holds and was charged"
            }
        return LedgerAudit.Finding(invariant: invariant, row: id.text, problem: problem)
    }
}

/// What the wire takes, and so what a row may hold.
private enum UsageBounds {
    static let inputChars = 10_000_000
    static let tokens = 2_000_000
    /// Of what is added up over a call's parts.
    static let parts = 1_000_000_000_000_000
}
