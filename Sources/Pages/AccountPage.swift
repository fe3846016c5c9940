import Career
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import LedgerStore
import PageFrame
import UsageReports
import Values

/// What is left, when it resets, what is charged next, and what was used.
struct AccountPage: Page {
    static let days: Int64 = 30
    private static let latestCalls: Int64 = 5

    let parts: PageParts
    let words: Words

    static let about = AboutPage("account", access: .user)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let now = parts.now
        let spoken = Spoken(words: words, zone: visit.zone)
        guard
            let (account, plan) = try await parts.career.subscription(of: visit.call.user().userID)
        else { return PageView(.redirect("/account/plan")) }
        let state = SubscriptionState(account, now: now, grace: parts.site.pastDueGrace)
        let charts = UsageCharts(words: words)
        let (byFeature, byDay) = try await sums(visit, now)
        let latest = try await parts.career.listUsageLogs.perform(
            ListUsageLogs.Page(
                before: nil, limit: Self.latestCalls, status: nil, featureKey: nil), visit.call)
        let grants = try await parts.career.grants(of: account)
        let context = account.context
        let catalog = try await parts.career.currentCatalog()
        let nextPlan = account.subscription.scheduled.flatMap { catalog.plan($0.planID) }
        var values: JSONObject = [
            "state": state.kind == .free || state.kind == .active
                ? .null : .object(state.values(plan, next: nextPlan, spoken, now: now)),
            "left": .string(context.remaining.spoken),
            "of_html": .string(words.html("account.of", ["all": context.allocated.spoken])),
            "meter": charts.meter(context),
            "beside_html": .text(beside(account, now)),
            "reset_html": .string(reset(state, account, plan, spoken, now)),
            "next_html": .string(next(state, nextPlan ?? plan, spoken, now)),
            "has_sources": .bool(!grants.isEmpty),
            "sources": .array(grants.map { source($0, spoken, now) }),
            "has_usage": .bool(!byFeature.isEmpty),
            "by_feature": charts.bars(byFeature),
            "by_day": charts.columns(byDay, days: Self.days, now: now),
        ]
        values = values.with(CallRows(spoken: spoken, now: now).values(latest.output?.items ?? []))
        return PageView(values)
    }

    private func sums(
        _ visit: Visit, _ now: Timestamp
    ) async throws -> (byFeature: [UsageSum], byDay: [UsageSum]) {
        let tomorrow = now.adding(seconds: 86_400 - now.seconds % 86_400)
        let from = tomorrow.adding(seconds: -Self.days * 86_400)
        func sums(_ by: SummarizeUsage.Grouping) async throws -> [UsageSum] {
            let query = SummarizeUsage.Query(UsageSpan(from: from, to: tomorrow), by: by)
            let reply = try await parts.career.summarizeUsage.perform(query, visit.call)
            return reply.output?.items.map(\.sum) ?? []
        }
        return (try await sums(.feature), try await sums(.day))
    }

    /// What the grants beside the pool have left; `nil`: nothing.
    private func beside(_ account: Account, _ now: Timestamp) -> String? {
        let credits = account.grants.reduce(Credits.zero) { $0 + $1.drawable(at: now) }
        return credits > .zero
            ? words.html("account.beside", ["credits": credits.spoken]) : nil
    }

    private func reset(
        _ state: SubscriptionState, _ account: Account, _ plan: Plan, _ spoken: Spoken,
        _ now: Timestamp
    ) -> String {
        let end = account.context.period.end
        let when = spoken.day(end, now: now)
        // Who has canceled, or has yet to pay, gets the months of a paid year all the same.
        if end < account.context.paidUntil && end < state.at {
            return words.html("account.reset.month", ["when": when])
        }
        switch state.kind {
        case .free:
            return words.html(
                "account.reset.free",
                ["credits": plan.pricing.creditsAllocation.spoken, "when": when])
        case .active, .trial, .lowering, .trialLowering:
            return words.html("account.reset.paid", ["when": when])
        default: return words.html("account.reset.ends", ["when": spoken.day(state.at, now: now)])
        }
    }

    private func next(
        _ state: SubscriptionState, _ plan: Plan, _ spoken: Spoken, _ now: Timestamp
    ) -> String {
        guard state.isCharged else { return words.html("account.next.none") }
        return words.html(
            "account.next.charge",
            ["price": plan.price.spoken, "when": spoken.day(state.at, now: now)])
    }

    private func source(_ grant: CreditGrant, _ spoken: Spoken, _ now: Timestamp) -> JSONValue {
        [
            "what_html": .string(words.html("source.\(grant.kind.rawValue)")),
            "when_html": .string(spoken.day(grant.createdAt, now: now)),
            "credits": .string(grant.credits.spoken),
        ]
    }
}

/// Calls as rows of a table.
package struct CallRows: Sendable {
    let spoken: Spoken
    let now: Timestamp

    private var words: Words { spoken.words }

    func values(_ items: [UsageLogResponse]) -> JSONObject {
        [
            "has_calls": .bool(!items.isEmpty),
            "calls": .array(
                items.map { item in
                    let status = item.status
                    return [
                        "id": .string(item.log.id.text),
                        "when_html": .string(spoken.instant(item.log.createdAt, now: now)),
                        "feature": .string(FeatureName.spoken(item.log.featureKey)),
                        "state_html": .string(words.html("call.state.\(status.rawValue)")),
                        "tone": .string(Self.tone(status)),
                        "credits": .string(Self.credits(item.log, status)),
                    ]
                }),
        ]
    }

    package static func tone(_ status: UsageLog.Status) -> String {
        switch status {
        case .pending: "wait"
        case .success: "good"
        case .failed: "bad"
        case .expired: "warn"
        }
    }

    /// What it cost, or holds.
    package static func credits(_ log: UsageLog, _ status: UsageLog.Status) -> String {
        switch status {
        case .success, .failed, .expired: (log.creditsCharged ?? .zero).spoken
        case .pending: log.creditsHeld.spoken
        }
    }
}
