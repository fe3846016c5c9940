import FoundationEssentials
import HTTPEndpoint
import JSON
import LedgerStore
import PageFrame
import Pages
import UsageReports
import Values
import WorkspaceAccounts
import WorkspaceKeys
import Workspaces

/// What a workspace has spent within 30 days, by key, day or tool; its calls.
struct SpaceUsagePage: SpacePage {
    typealias Shown = ListWorkspaceUsageLogs

    static let days: Int64 = 30
    /// Bars of a chart.
    private static let maximumBars = 25

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_usage", isLarge: true)

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let tomorrow = desk.now.adding(seconds: 86_400 - desk.now.seconds % 86_400)
        let span = UsageSpan(from: tomorrow.adding(seconds: -Self.days * 86_400), to: tomorrow)
        let usage = try await parts.accounts.usage(of: desk.id, span, by: desk.visit.call)
        let byKey = try await named(usage.sums(by: .key), desk)
        let byFeature = usage.sums(by: .feature).map { $0.named(FeatureName.spoken($0.key)) }
        let byDay = usage.sums(by: .day)
        let charts = UsageCharts(words: words)
        let reply = try await parts.accounts.listLogs.perform(
            .init(list: desk.page(address.cursor), status: nil, featureKey: nil),
            desk.visit.call)
        let logs = reply.output?.items ?? []
        return PageView(
            desk.values(
                "usage",
                [
                    "has_usage": .bool(!byDay.isEmpty),
                    "by_key": charts.bars(byKey, spoken: { $0 }),
                    "by_feature": charts.bars(byFeature, spoken: { $0 }),
                    "by_day": charts.columns(byDay, days: Self.days, now: desk.now),
                    "has_calls": .bool(!logs.isEmpty),
                    "calls": .array(
                        try await rows(logs, desk).map { .object($0) }),
                ]
            ).with(
                desk.pager(desk.path + "/usage", address.cursor, next: reply.output?.nextCursor)))
    }

    /// The dearest keys by their names.
    private func named(_ sums: [UsageSum], _ desk: SpaceDesk) async throws -> [UsageSum] {
        let dearest = sums.sorted { ($1.creditsCharged, $0.key) < ($0.creditsCharged, $1.key) }
            .prefix(Self.maximumBars)
        let names = try await parts.workspaces.keyNames(
            dearest.compactMap { UUID(text: $0.key) }, of: desk.id, by: desk.visit.call)
        return dearest.map { sum in
            sum.named(UUID(text: sum.key).flatMap { names[$0] } ?? sum.key)
        }
    }

    private func rows(
        _ logs: [APIUsageLogResponse], _ desk: SpaceDesk
    ) async throws -> [JSONObject] {
        let keys = Set(logs.compactMap { $0.log.caller?.keyID })
        let names = try await parts.workspaces.keyNames(
            Array(keys), of: desk.id, by: desk.visit.call)
        return logs.map { call in
            let status = call.told.status
            return [
                "id": .string(call.log.id.text),
                "when_html": .string(desk.spoken.instant(call.log.createdAt, now: desk.now)),
                "feature": .string(FeatureName.spoken(call.log.featureKey)),
                "key": .string(
                    call.log.caller.map { names[$0.keyID] ?? $0.keyID.text } ?? "–"),
                "is_test": .bool(call.log.caller?.isTest ?? false),
                "state_html": .string(words.html("call.state.\(status.rawValue)")),
                "tone": .string(CallRows.tone(status)),
                "credits": .string(CallRows.credits(call.log, status)),
            ]
        }
    }
}

extension UsageSum {
    /// The same under the name that people read.
    fileprivate func named(_ name: String) -> UsageSum {
        UsageSum(
            key: name, requests: requests, succeeded: succeeded, failed: failed,
            creditsCharged: creditsCharged)
    }
}
