import Billing
import Foundation
import Ledger
import Stripe

extension StripePrices {
    /// What was done at Stripe, and what an operator has to set right there by hand; one sentence
    /// each.
    public struct Report: Sendable {
        public internal(set) var made: [String] = []
        public internal(set) var flaws: [String] = []
    }

    /// Makes the products and prices that Stripe lacks, and writes into the metadata of each price
    /// of ours which plan it sells, so that a lookup key may move and a product may be shared. A
    /// price at Stripe never changes what it costs; if the catalog has another, a new price of the
    /// same product takes the lookup key, and who subscribed before goes on paying the old one.
    public func bringCatalog() async throws -> Report {
        let catalog = try await catalog.current(in: database)
        let rule = PlanOfPrice(catalog)
        var report = Report()
        var products: Set<String> = []
        for plan in catalog.plans {
            guard let key = plan.lookupKey else { continue }
            let holder = try await stripe.listPrices(.lookupKey(key))
                .first { $0.lookupKey == key }
            if let holder {
                products.insert(holder.productID)
                guard try await claim(holder, for: plan, rule, &report) else { continue }
            }
            guard plan.isActive, holder.map({ $0.isActive && $0.sells(plan) }) != true else {
                continue
            }
            products.insert(try await make(plan, key, before: holder, &report).productID)
        }
        for product in products.sorted() { try await markEarlier(of: product, rule, &report) }
        return report
    }

    /// Has the price that holds a plan's lookup key say so itself.
    ///
    /// - Returns: false if its metadata name another plan.
    private func claim(
        _ holder: StripePrice, for plan: Plan, _ rule: PlanOfPrice, _ report: inout Report
    ) async throws -> Bool {
        switch rule.byMetadata(holder.metadata) {
        case .plan(plan.id): return true
        case nil:
            try await mark(holder, as: plan)
            report.made.append("Stripe: \(holder.id) is marked as a price of \(plan.name)")
            return true
        default:
            report.flaws.append(
                "\(holder.id) has the lookup key of \(plan.name), and its metadata "
                    + "\(PlanOfPrice.metadataKey) say otherwise: correct one of them at Stripe")
            return false
        }
    }

    private func make(
        _ plan: Plan, _ key: String, before: StripePrice?, _ report: inout Report
    ) async throws -> StripePrice {
        let metadata = [PlanOfPrice.metadataKey: plan.id.text]
        var product = before?.productID
        if let known = product, try await !stripe.retrieveProduct(known).isActive { product = nil }
        let productID: String
        if let product {
            productID = product
        } else {
            let new = NewStripeProduct(name: plan.name, metadata: metadata)
            productID =
                try await once(["product", key, before?.id ?? "first"]) {
                    (key) throws(StripeError) in try await stripe.createProduct(new, key)
                }.id
        }
        let price = NewStripePrice(
            productID: productID, lookupKey: key, unitAmount: plan.price.amount,
            currency: plan.price.currency.code, metadata: metadata)
        let made = try await create(price, before: before)
        report.made.append(
            before.flatMap { before in
                before.sells(plan)
                    ? nil
                    : "Stripe: price \(key) is now \(plan.price.named), was "
                        + "\(before.money?.named ?? "no fixed amount") for who subscribed at it"
            } ?? "Stripe: price \(key) created")
        return made
    }

    /// Two processes that start at once make one price. What an answer of an earlier day repeats
    /// may be sold no longer; then it is made under a key of its own.
    private func create(
        _ price: NewStripePrice, before: StripePrice?
    ) async throws -> StripePrice {
        let name = [
            "price", price.lookupKey, "\(price.unitAmount)", price.currency, price.productID,
            before?.id ?? "first",
        ]
        let made = try await once(name) { (key) throws(StripeError) in
            try await stripe.createPrice(price, key)
        }
        let now = try await stripe.retrievePrice(made.id)
        if now.isActive && now.lookupKey == price.lookupKey { return now }
        return try await stripe.createPrice(price, "price-\(UUID().text)")
    }

    /// Makes something under an idempotency key of its name, so that processes that start at once
    /// make one. Stripe repeats a failure for its key for a day: past it another key leads.
    private func once<Made>(
        _ name: [String], _ make: (String) async throws(StripeError) -> Made
    ) async throws(StripeError) -> Made {
        let key = name.joined(separator: "-")
        do {
            return try await make(key)
        } catch {
            guard error.usesUpIdempotencyKey,
                error.kind == .unavailable || error.kind == .idempotency
            else { throw error }
            return try await make("\(key)-\(UUID().text)")
        }
    }

    /// Writes its plan into each price of the product that does not name one itself, e.g. one that
    /// the lookup key has moved away from.
    private func markEarlier(
        of productID: String, _ rule: PlanOfPrice, _ report: inout Report
    ) async throws {
        for (price, meaning) in try await judgeUnmarked(of: productID, rule) {
            if let flaw = meaning.flaw(of: price) { report.flaws.append(flaw) }
            guard let plan = meaning.plan.flatMap({ rule.catalog.plan($0) }) else { continue }
            try await mark(price, as: plan)
            report.made.append(
                "Stripe: \(price.id) is marked as an earlier price of \(plan.name)")
        }
    }

    /// The recurring prices of a product that do not name their plan by metadata, or name one that
    /// there is not.
    func judgeUnmarked(
        of productID: String, _ rule: PlanOfPrice
    ) async throws -> [(price: StripePrice, meaning: PriceMeaning)] {
        let product = try await stripe.retrieveProduct(productID)
        let prices = try await stripe.listPrices(.product(productID))
        return prices.filter { $0.interval != nil }.sorted { $0.id < $1.id }.compactMap { price in
            switch rule.byItself(price) {
            case nil: (price, rule.byProduct(product, prices: prices))
            case .unknownPlan(let text)?: (price, .unknownPlan(text))
            default: nil
            }
        }
    }

    private func mark(_ price: StripePrice, as plan: Plan) async throws {
        let metadata = [PlanOfPrice.metadataKey: plan.id.text]
        _ = try await stripe.markPrice(
            price.id, metadata, "mark-\(price.id)-\(UUID().text)")
    }
}

extension PriceMeaning {
    /// What an operator has to set right, in one line; `nil` if there is nothing.
    func flaw(of price: StripePrice) -> String? {
        switch self {
        case .plan, .nothing: nil
        case .ambiguous(let names):
            "\(price.id) of \(price.productID) may be a price of \(names.joined(separator: " or "))"
                + ": write the plan's id, or \(PlanOfPrice.noPlan), into its metadata "
                + PlanOfPrice.metadataKey
        case .unknownPlan(let text):
            "\(price.id) of \(price.productID) has \(text) in its metadata "
                + "\(PlanOfPrice.metadataKey), which is no plan of the catalog"
        }
    }
}

extension StripePrice {
    /// E.g. `20.00 usd a month`.
    var spoken: String {
        let amount = money?.named ?? "no fixed amount"
        guard let interval else { return "\(amount) once" }
        return (intervalCount ?? 1) == 1
            ? "\(amount) a \(interval)" : "\(amount) each \(intervalCount ?? 1) \(interval)s"
    }
}
