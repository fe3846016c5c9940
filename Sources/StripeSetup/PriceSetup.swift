import Billing
import Ledger
import Stripe

/// Whether Stripe sells the catalog as it stands. Nothing is changed.
extension StripePrices {
    public func check() async throws -> [SetupFinding] {
        guard let catalog = try await catalog.ifOffered(in: database) else {
            return []
        }
        let rule = PlanOfPrice(catalog)
        var findings: [SetupFinding] = []
        var products: Set<String> = []
        for plan in catalog.plans where plan.kind == .paid {
            let key = plan.lookupKey ?? ""
            let holder = try await stripe.listPrices(.lookupKey(key)).first { $0.lookupKey == key }
            if let holder { products.insert(holder.productID) }
            guard plan.isActive else { continue }
            if let flaw = try await flaw(of: holder, for: plan, rule) {
                findings.append(.off("price", "\(plan.name): \(flaw)"))
            } else if let holder {
                findings.append(.right("price", "\(plan.name): \(holder.id), \(holder.spoken)"))
            }
        }
        for plan in catalog.plans where plan.isActive {
            findings += try await judgeSeat(of: plan)
        }
        for pack in catalog.packs where pack.isActive {
            let price = try await stripe.findPrice(pack.lookupKey)
            if let price, price.sells(pack) {
                findings.append(.right("price", "\(pack.name): \(price.id), \(price.spoken)"))
            } else {
                findings.append(
                    .off(
                        "price",
                        "\(pack.name): no active price of \(pack.price.named) has the lookup key "
                            + "\(pack.lookupKey): run cuebx catalog sync --stripe"))
            }
        }
        findings.append(Self.currencies(catalog))
        for product in products.sorted() {
            for (price, meaning) in try await judgeUnmarked(of: product, rule) {
                guard let flaw = meaning.flaw(of: price) else { continue }
                findings.append(.off("price", flaw))
            }
        }
        return findings
    }

    private func judgeSeat(of plan: Plan) async throws -> [SetupFinding] {
        guard let seats = plan.seats, let key = seats.lookupKey else { return [] }
        if let price = try await stripe.findPrice(key), price.sellsSeat(of: plan) {
            return [.right("price", "\(plan.name), a seat: \(price.id), \(price.spoken)")]
        }
        return [
            .off(
                "price",
                "\(plan.name), a seat: no active price of \(seats.price.named) a month has the "
                    + "lookup key \(key): run cuebx catalog sync --stripe")
        ]
    }

    private func flaw(
        of holder: StripePrice?, for plan: Plan, _ rule: PlanOfPrice
    ) async throws -> String? {
        guard let holder, holder.isActive else {
            return "no active price has the lookup key \(plan.lookupKey ?? "of the catalog"): "
                + "run cuebx catalog sync --stripe"
        }
        guard holder.sells(plan) else {
            return "\(holder.id) costs \(holder.spoken), the catalog says "
                + "\(plan.price.named) a \(plan.interval): run cuebx catalog sync --stripe"
        }
        guard rule.byItself(holder) == .plan(plan.id) else {
            return "\(holder.id) has the plan's lookup key, and its metadata "
                + "\(PlanOfPrice.metadataKey) say otherwise"
        }
        guard try await stripe.retrieveProduct(holder.productID).isActive else {
            return "\(holder.id) is of the archived product \(holder.productID), of which nothing "
                + "can be bought"
        }
        return nil
    }

    /// Stripe changes no subscription's currency, so that an upgrade needs plans of one currency.
    private static func currencies(_ catalog: Catalog) -> SetupFinding {
        let plans = catalog.plans.filter { $0.isActive && $0.kind == .paid }
        let currencies = Set(plans.map(\.price.currency.code)).sorted()
        return currencies.count < 2
            ? .right("currency", currencies.first ?? "no plan is paid for")
            : .off(
                "currency",
                "plans are priced in \(currencies.joined(separator: " and ")): nobody can be "
                    + "upgraded from one to the other")
    }
}
