import HTTPEndpoint
import PageFrame
import Values

/// The catalog in force: what each plan is and what each feature costs.
struct ConsoleCatalogPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("catalog")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        let catalog = try await console.career.currentCatalog()
        var plans = ConsoleSection("catalog.plans")
        plans.facts = [("revision", String(catalog.revision))]
        plans.acts = [
            ("plans", "/console/catalog/plans"), ("revisions", "/console/catalog/revisions"),
        ]
        if desk.role.may(.tryCatalog) { plans.acts.append(("try", "/console/catalog/try")) }
        if desk.role.may(.publishCatalog) {
            plans.acts.append(("publish", "/console/catalog/publish"))
        }
        var tries = ConsoleSection("catalog.tries")
        tries.table = try await ResultTable.table(.tryCatalog, console)
        return try await page(
            "catalog", query, "/console/catalog", desk, before: [plans, tries]
        ) { _ in
            ConsoleTable(
                [
                    .init("feature"), .init("credits", isNumber: true), .init("overuse"),
                    .init("tokens"),
                ],
                catalog.features.values.sorted { $0.featureKey < $1.featureKey }.map { feature in
                    [
                        .text(feature.featureKey), .credits(feature.internalCost),
                        .text(feature.overuse.rawValue),
                        .text(feature.tokenPrices.isEmpty ? nil : "\(feature.tokenPrices.count)"),
                    ]
                })
        }
    }
}

/// The plans, those that are no longer offered among them.
struct ConsolePlansPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("catalog")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        let catalog = try await console.career.currentCatalog()
        return try await page("plans", query, "/console/catalog/plans", desk) { _ in
            ConsoleTable(
                [
                    .init("plan"), .init("price"), .init("state"), .init("trial", isNumber: true),
                    .init("credits", isNumber: true), .init("multiplier", isNumber: true),
                    .init("key"),
                ],
                catalog.plans.map { plan in
                    [
                        .text(plan.name), .text(plan.price.spoken),
                        .badge(
                            plan.isActive ? "active" : "retired",
                            tone: plan.isActive ? "good" : "plain"),
                        .number(plan.trialDays), .credits(plan.pricing.creditsAllocation),
                        .text(plan.pricing.multiplier.decimal), .text(plan.lookupKey),
                    ]
                })
        }
    }
}
