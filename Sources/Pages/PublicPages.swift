import Career
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Values

/// The first page: what this is, what it costs, the way in.
struct HomePage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("home", access: .everybody, isIndexed: true)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let plans = try await PricingPage.plans(parts, words, visit)
        var values: JSONObject = ["plans": plans, "dev": .null]
        if let development = parts.development {
            let now = parts.now
            values["dev"] = [
                "stripe": .text(development.stripeURL),
                "now_html": .string(Spoken(words: words).instant(now, now: now)),
            ]
        }
        return PageView(values)
    }
}

/// The plans side by side, and what each call costs on them.
struct PricingPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("pricing", access: .everybody, isIndexed: true)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let catalog = try await parts.career.currentCatalog()
        let plans = catalog.plans.filter(\.isActive)
        let packs = PackCards(words: words).values(catalog, canBuy: false)
        let columns = columns(plans, catalog)
        let features = catalog.features.keys.sorted().map { key -> JSONValue in
            [
                "name": .string(FeatureName.spoken(key)),
                "costs": .array(
                    columns.map { column in
                        [
                            "cost": .string(catalog.cost(of: key, on: column.plan)?.spoken ?? "–"),
                            "plans_html": .string(column.heading),
                        ]
                    }),
            ]
        }
        return PageView([
            "plans": try await Self.plans(parts, words, visit),
            "names": .array(columns.map { .string($0.heading) }), "features": .array(features),
            "has_packs": .bool(!packs.isEmpty), "packs": .array(packs),
        ])
    }

    /// One column for the plans on which every call costs the same.
    private func columns(_ plans: [Plan], _ catalog: Catalog) -> [(heading: String, plan: Plan)] {
        var groups: [(costs: [Credits?], plans: [Plan])] = []
        for plan in plans {
            let costs = catalog.features.keys.sorted().map { catalog.cost(of: $0, on: plan) }
            if let place = groups.firstIndex(where: { $0.costs == costs }) {
                groups[place].plans.append(plan)
            } else {
                groups.append((costs, [plan]))
            }
        }
        return groups.map { group in
            let names = group.plans.map(\.name).joined(separator: ", ").escapedForHTML
            return (
                groups.count == 1 ? words.html("pricing.costs.alike") : names, group.plans[0]
            )
        }
    }

    /// The active plans as cards, for whoever looks.
    static func plans(
        _ parts: PageParts, _ words: Words, _ visit: Visit
    ) async throws -> JSONValue {
        let catalog = try await parts.career.currentCatalog()
        var standing = PlanCards.Standing.stranger
        if let caller = visit.call.caller,
            let found = try await parts.career.subscription(of: caller.userID)
        {
            standing = .user(found.account, found.plan)
        }
        return PlanCards(
            words: words, now: parts.now, zone: visit.zone,
            offersSignUp: !parts.site.signsInElsewhere
        ).values(
            catalog.plans.filter(\.isActive), standing)
    }
}

/// The plans alone, for a frame on another site.
struct EmbeddedPricingPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("embed", access: .everybody, isEmbeddable: true)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        var stranger = visit
        // A frame shows the same to everybody: nothing of theirs is under another site's roof.
        stranger.call.caller = nil
        return PageView(["plans": try await PricingPage.plans(parts, words, stranger)])
    }
}

/// A feature's key as a person reads it: `career.extract_cues.resume` is "Extract cues: resume".
package enum FeatureName {
    package static func spoken(_ key: String) -> String {
        let parts = key.split(separator: ".").dropFirst(key.contains(".") ? 1 : 0)
            .map { $0.replacing("_", with: " ") }
        let text = parts.joined(separator: ": ")
        return text.prefix(1).uppercased() + text.dropFirst()
    }
}
