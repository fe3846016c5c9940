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
        var report = Report()
        guard let catalog = try await catalog.ifOffered(in: database) else {
            return report
        }
        let rule = PlanOfPrice(catalog)
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
            let made = try await make(Offer(plan, key: key), before: holder, &report)
            products.insert(made.productID)
        }
        for product in products.sorted() { try await markEarlier(of: product, rule, &report) }
        for plan in catalog.plans where plan.isActive { try await bringSeat(of: plan, &report) }
        try await bringPacks(of: catalog, &report)
        return report
    }

    /// The price of a plan's seats says itself of which plan they are.
    private func bringSeat(of plan: Plan, _ report: inout Report) async throws {
        guard let offer = Offer(seatOf: plan) else { return }
        let holder = try await stripe.listPrices(.lookupKey(offer.key))
            .first { $0.lookupKey == offer.key }
        if let holder, holder.isActive, offer.isSold(holder) { return }
        _ = try await make(offer, before: holder, &report)
    }

    /// A price of a pack needs no word of what it sells: a page keeps what its pack said when it
    /// was opened.
    private func bringPacks(of catalog: Catalog, _ report: inout Report) async throws {
        for pack in catalog.packs where pack.isActive {
            let holder = try await stripe.listPrices(.lookupKey(pack.lookupKey))
                .first { $0.lookupKey == pack.lookupKey }
            if let holder, holder.isActive, holder.sells(pack) { continue }
            _ = try await make(Offer(pack), before: holder, &report)
        }
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

    /// What a price and its product are to be.
    private struct Offer {
        let name: String
        let key: String
        let unitAmount: Int64
        let currency: String
        /// E.g. `20.00 usd`.
        let price: String
        /// In which it is paid again; `nil`: once.
        let interval: Plan.Interval?
        let metadata: [String: String]
        let isSold: (_ by: StripePrice) -> Bool

        init(_ plan: Plan, key: String) {
            (name, self.key, interval) = (plan.name, key, plan.interval)
            (unitAmount, currency) = (plan.price.amount, plan.price.currency.code)
            price = plan.price.named
            metadata = [PlanOfPrice.metadataKey: plan.id.text]
            isSold = { $0.sells(plan) }
        }

        /// `nil` for a plan whose seats nobody pays for.
        init?(seatOf plan: Plan) {
            guard let seats = plan.seats, let key = seats.lookupKey else { return nil }
            (name, self.key, interval) = ("\(plan.name), a seat", key, .month)
            (unitAmount, currency) = (seats.price.amount, seats.price.currency.code)
            price = seats.price.named
            metadata = [
                PlanOfPrice.metadataKey: plan.id.text,
                PlanOfPrice.itemKey: PlanOfPrice.seatItem,
            ]
            isSold = {
                $0.sellsSeat(of: plan) && $0.metadata[PlanOfPrice.itemKey] == PlanOfPrice.seatItem
            }
        }

        init(_ pack: CreditPack) {
            (name, key, interval) = (pack.name, pack.lookupKey, nil)
            (unitAmount, currency) = (pack.price.amount, pack.price.currency.code)
            price = pack.price.named
            metadata = [PlanOfPrice.metadataKey: PlanOfPrice.noPlan]
            isSold = { $0.sells(pack) }
        }
    }

    private func make(
        _ offer: Offer, before: StripePrice?, _ report: inout Report
    ) async throws -> StripePrice {
        let (key, metadata) = (offer.key, offer.metadata)
        var product = before?.productID
        if let known = product, try await !stripe.retrieveProduct(known).isActive { product = nil }
        let productID: String
        if let product {
            productID = product
        } else {
            let new = NewStripeProduct(name: offer.name, metadata: metadata)
            productID =
                try await once("product-\(key)-\(before?.id ?? "first")") {
                    (key) throws(StripeError) in try await stripe.createProduct(new, key)
                }.id
        }
        let price = NewStripePrice(
            productID: productID, lookupKey: key, unitAmount: offer.unitAmount,
            currency: offer.currency, interval: offer.interval?.rawValue, metadata: metadata)
        let made = try await create(price, before: before)
        report.made.append(
            before.flatMap { before in
                offer.isSold(before)
                    ? nil
                    : "Stripe: price \(key) is now \(offer.price), was "
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
        let made = try await once(name.joined(separator: "-")) { (key) throws(StripeError) in
            try await stripe.createPrice(price, key)
        }
        let now = try await stripe.retrievePrice(made.id)
        if now.isActive && now.lookupKey == price.lookupKey { return now }
        return try await stripe.createPrice(price, "price-\(UUID().text)")
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
        case .plan, .seat, .nothing: nil
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
