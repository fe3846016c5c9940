import Database
import FoundationEssentials
import Ledger
import Values

/// Reads what explains a call: the log, its steps, and under which plan and catalog it was held.
package enum CallRecord {
    /// - Parameters:
    ///   - user: whose account's call it must be; `nil`: anybody's.
    ///   - catalog: knows catalogs in force and replaced; the call is of its product.
    ///   - now: the instant by which the call is judged.
    /// - Returns: `nil` if there is no such call.
    package static func explain(
        _ id: UUID, of user: UUID?, _ catalog: CatalogStore, at now: Timestamp,
        in connection: any DatabaseConnection
    ) throws -> CallExplanation? {
        let t = ProductTables.of(catalog.product)
        guard let log = try UsageLogRow.find(id, t, in: connection),
            user.map({ $0 == log.key.userID }) ?? true
        else { return nil }
        let steps = try HoldStepRow.all(of: log.key.userID, usage: id, t, in: connection)
        var circumstances = CallExplanation.Circumstances()
        let current = try catalog.current(in: connection)
        let plan = try log.pin?.planID ?? planID(of: log, t, in: connection)
        let revision =
            try log.pin?.revision ?? revision(at: log.createdAt, in: connection)
            ?? current.revision
        circumstances.revision = revision
        if let plan {
            circumstances.plan = try name(of: plan, in: connection).map { (plan, $0) }
            circumstances.terms = try catalog.terms(revision: revision, in: connection)?
                .terms(of: log.featureKey, on: plan)
        }
        let rule = revision == current.revision ? plan.flatMap { current.plan($0)?.pricing } : nil
        circumstances.windows = try [RateWindow.Span.minute, .day].map { span in
            try window(span, of: log, rule, t, in: connection)
        }
        circumstances.draws = try draws(of: log, t, in: connection)
        let decidedAt = try AccountRows.decidedAt(log.key.userID, of: t, in: connection)
        return CallExplanation(
            log, steps, circumstances, at: max(now, decidedAt ?? now))
    }

    /// What the call was charged of each source, in the order in which it was drawn.
    private static func draws(
        of log: UsageLog, _ t: ProductTables, in connection: any DatabaseConnection
    ) throws -> [CallDraw] {
        guard !log.draws.isEmpty else {
            return [
                CallDraw(
                    source: "plan", grantID: nil, period: log.periodNumber,
                    credits: log.creditsCharged ?? .zero)
            ]
        }
        return try log.draws.map { draw in
            switch draw.source {
            case .pool(let period):
                return CallDraw(
                    source: "plan", grantID: nil, period: period, credits: draw.captured)
            case .grant(let id):
                let row = try connection.queryOne(
                    "SELECT source FROM \(t.grants) WHERE id = ?", [.uuid(id)])
                guard var reader = row?.reader else {
                    throw DatabaseError.decoding("a draw is of no grant")
                }
                return CallDraw(
                    source: try reader.text(), grantID: id, period: nil, credits: draw.captured)
            }
        }
    }

    /// The catalog that was replaced next after the instant; `nil`: the one in force.
    private static func revision(
        at instant: Timestamp, in connection: any DatabaseConnection
    ) throws -> Int64? {
        let row = try connection.queryOne(
            """
            SELECT revision FROM former_catalogs WHERE replaced_at > ?
            ORDER BY revision LIMIT 1
            """, [.time(instant)])
        guard var reader = row?.reader else { return nil }
        return try reader.integer()
    }

    /// The plan that the subscription had when the call began.
    private static func planID(
        of log: UsageLog, _ t: ProductTables, in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            """
            SELECT plan_id FROM \(t.changes) WHERE subscription_id = ? AND at <= ?
            ORDER BY at DESC, id DESC LIMIT 1
            """, [.uuid(log.subscriptionID), .time(log.createdAt)])
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    private static func name(
        of plan: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            "SELECT name, product FROM plans WHERE id = ?", [.uuid(plan)])
        guard var reader = row?.reader else { return nil }
        let name = try reader.text()
        return PlanRow.name(name, of: try reader.oneOf(Product.self))
    }

    /// Ids are in the order of time, so that the index of an account's ids finds the window. Calls
    /// with test keys have windows of their own.
    private static func window(
        _ span: RateWindow.Span, of log: UsageLog, _ rule: PlanPricingRule?, _ t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> CallWindow {
        let start = RateWindow(span, start: .epoch, count: 0).current(at: log.createdAt).start
        let isAlike = t.hasKeys ? "AND is_test = ?" : ""
        let rows = try connection.query(
            """
            SELECT count(*) FROM \(t.logs)
            WHERE \(t.holder) = ? AND id >= ? AND id <= ? AND created_at >= ? \(isAlike)
            """,
            [
                .uuid(log.key.userID), .uuid(.version7(at: start, randomness: 0)),
                .uuid(log.id), .time(start),
            ] + (t.hasKeys ? [.bool(log.caller?.isTest ?? false)] : []))
        var reader = rows[0].reader
        return CallWindow(
            span: span, start: start, calls: try reader.integer(),
            limit: rule?.limit(span))
    }
}
