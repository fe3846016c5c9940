import Database
import FoundationEssentials
import Ledger
import Values

/// What the calls of some days would have cost by another catalog, beside what they cost by the one
/// in force: read from one snapshot, a user at a time, so that memory does not grow with the calls.
package struct Repricing: Sendable {
    /// One user's sums.
    package struct Difference: Sendable {
        package let userID: UUID
        package let planID: UUID
        /// By the catalog in force …
        package let before: Credits
        /// … and by the other one.
        package let after: Credits
    }

    /// Users that are named: those for whom the most changes.
    package static let maximumNamed = 20

    package private(set) var calls: Int64 = 0
    /// Calls of features that the other catalog does not have.
    package private(set) var refused: Int64 = 0
    /// Users who called, and for how many the calls would have cost more, or less.
    package private(set) var users: Int64 = 0
    package private(set) var dearer: Int64 = 0
    package private(set) var cheaper: Int64 = 0
    package private(set) var before: Credits = .zero
    package private(set) var after: Credits = .zero
    /// The largest differences first.
    package private(set) var named: [Difference] = []
    /// Whose plan would cost more or less, by plan: those that are paid for at Stripe.
    package private(set) var subscribers: [UUID: Int64] = [:]

    private let inForce: CatalogTerms
    private let other: CatalogTerms
    private var running: (user: UUID, plan: UUID, before: Credits, after: Credits)?

    package init(inForce: CatalogTerms, other: CatalogTerms) {
        self.inForce = inForce
        self.other = other
    }

    /// - Parameter since: calls that were made before it are not counted.
    package static func run(
        _ catalog: Catalog, instead inForce: Catalog, since: Timestamp,
        in connection: any DatabaseConnection
    ) throws -> Repricing {
        try connection.liftLimits()
        var repricing = Repricing(inForce: inForce.terms, other: catalog.terms)
        let first = UUID.version7(at: since, randomness: 0)
        try connection.forEachRow(
            """
            SELECT s.user_id, s.plan_id, l.feature_key, l.pinned_plan_id, l.model, l.model_used,
                l.input_tokens, l.output_tokens, l.cached_input_tokens, l.reasoning_tokens
            FROM subscriptions s JOIN career_usage_logs l ON l.user_id = s.user_id AND l.id >= ?
            WHERE l.status = 'SUCCESS' ORDER BY s.user_id
            """, [.uuid(first)]
        ) { row in
            var reader = row.reader
            let (user, plan) = try (reader.uuid(), reader.uuid())
            let feature = try reader.text()
            let pinned = try reader.optionalUUID()
            let announced = try reader.optionalText()
            let metrics = try UsageLog.Metrics(
                modelUsed: reader.optionalText(), inputTokens: reader.optionalCount(),
                outputTokens: reader.optionalCount(), cachedInputTokens: reader.optionalCount(),
                reasoningTokens: reader.optionalCount())
            repricing.add(
                RepricedCall(feature: feature, announced: announced, metrics: metrics), of: user,
                on: plan, pinned: pinned)
        }
        repricing.finish()
        for count in try Standings.counts(in: connection)
        where count.isLinked && count.status == .active {
            repricing.subscribers[count.planID, default: 0] += count.users
        }
        return repricing
    }

    package mutating func add(_ call: RepricedCall, of user: UUID, on plan: UUID, pinned: UUID?) {
        if running?.user != user {
            finish()
            running = (user, plan, .zero, .zero)
        }
        calls += 1
        // Who moved since had the prices of the plan that their hold pinned.
        let plan = pinned ?? plan
        guard let old = call.price(by: inForce, on: plan),
            let new = call.price(by: other, on: plan)
        else {
            refused += call.price(by: other, on: plan) == nil ? 1 : 0
            return
        }
        guard var sums = running else { return }
        sums.before = Credits(clamping: sums.before.micros + old.micros)
        sums.after = Credits(clamping: sums.after.micros + new.micros)
        running = sums
    }

    package mutating func finish() {
        guard let sums = running else { return }
        running = nil
        users += 1
        if sums.after > sums.before { dearer += 1 }
        if sums.after < sums.before { cheaper += 1 }
        before = Credits(clamping: before.micros + sums.before.micros)
        after = Credits(clamping: after.micros + sums.after.micros)
        guard sums.before != sums.after else { return }
        named.append(
            Difference(
                userID: sums.user, planID: sums.plan, before: sums.before, after: sums.after))
        guard named.count > Self.maximumNamed * 2 else { return }
        sort()
    }

    private mutating func sort() {
        func size(_ one: Difference) -> Int64 { abs(one.after.micros - one.before.micros) }
        named = Array(
            named.sorted { (size($0), $0.userID.text) > (size($1), $1.userID.text) }
                .prefix(Self.maximumNamed))
    }

    /// The ``named``, of all users.
    package var largest: [Difference] {
        var copy = self
        copy.sort()
        return copy.named
    }
}

/// A call that succeeded, as far as its price depends on it.
package struct RepricedCall {
    let feature: String
    /// The model that was announced.
    let announced: String?
    let metrics: UsageLog.Metrics

    package init(feature: String, announced: String?, metrics: UsageLog.Metrics) {
        self.feature = feature
        self.announced = announced
        self.metrics = metrics
    }

    /// What it costs by a catalog: by its tokens where they were told and have a price, else the
    /// least. `nil` for a feature or plan that the catalog does not have.
    package func price(by catalog: CatalogTerms, on plan: UUID) -> Credits? {
        guard let terms = catalog.terms(of: feature, on: plan) else { return nil }
        guard let tokens = metrics.usedTokens,
            let price = terms.feature.settlingPrice(
                modelUsed: metrics.modelUsed, announced: announced)
        else { return terms.feature.tokenPrices.isEmpty ? terms.minimum : terms.defaultHold }
        return terms.price(of: tokens, by: price)
    }
}
