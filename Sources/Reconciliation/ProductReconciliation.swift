import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Packs
import Stripe
import TopUps
import Users
import Values

/// Finds where the mirror of one product and Stripe differ, and mends it by fetching anew.
struct ProductReconciliation: Sendable {
    /// Accounts that are read at a time.
    static let pageSize: Int64 = 200

    let stripe: StripeClient
    let database: any Database
    let mirror: StripeMirror
    let packs: PackMirror
    let topUps: TopUpService
    let issuer: String?
    private var tables: ProductTables { mirror.product.tables }

    func count() async throws -> Int64 {
        try await database.read { [tables] in try MirroredAccount.count(of: tables, in: $0) }
    }

    /// - Parameter progress: is told how many customers were compared.
    func run(
        repair: Bool, progress: (Int) -> Void
    ) async throws -> StripeReconciliation.Report {
        var differences: [String] = []
        var remaining: [String] = []
        var checked = 0
        let lost = try await LostCustomers(
            stripe: stripe, database: database, product: mirror.product
        ).find(at: mirror.clock.now())
        differences += lost.map(\.difference)
        if repair {
            // What they have bought is found with everybody else's below.
            for one in lost {
                try await mirror.open(one.userID)
                _ = try await mirror.ledger.perform(
                    LinkCustomer(userID: one.userID, customerID: one.customerID))
            }
        }
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let page = try await database.read { [last, tables] connection in
                try MirroredAccount.page(
                    after: last, limit: Self.pageSize, of: tables, in: connection)
            }
            guard let end = page.last else { break }
            last = end.userID
            for account in page {
                checked += 1
                let found = try await drift(of: account)
                differences += found.map { "\(named(account)): \($0.difference)" }
                if repair && !found.isEmpty {
                    remaining += try await mend(found, of: account)
                }
                let sales = try await salesDrift(of: account)
                differences += named(sales, account)
                if repair && !sales.isEmpty {
                    for sale in sales { try await refresh(sale) }
                    remaining += named(try await salesDrift(of: account), account)
                }
                progress(checked)
            }
        }
        return StripeReconciliation.Report(
            checked: checked, differences: differences,
            remaining: repair ? remaining : differences)
    }

    private func salesDrift(of account: MirroredAccount) async throws -> [SaleDrift] {
        try await packs.drift(of: account.customerID)
            + topUps.drift(of: account.customerID)
    }

    private func refresh(_ sale: SaleDrift) async throws {
        guard sale.soldBy.hasPrefix("cs_") else {
            // An event voids only what was given up here; who repairs wants the rest voided, too.
            if sale.isToVoid { _ = try await topUps.void(sale.soldBy) }
            try await topUps.refresh(sale.soldBy, requestID: nil)
            return
        }
        try await packs.refresh(sale.soldBy, requestID: nil)
    }

    private func named(_ sales: [SaleDrift], _ account: MirroredAccount) -> [String] {
        sales.map { "\(named(account)): \($0.difference)" }
    }

    private func named(_ account: MirroredAccount) -> String {
        mirror.product.named(account.userID)
    }

    /// - Returns: what differs still, e.g. a subscription that Stripe has never heard of.
    private func mend(_ found: [Drift], of account: MirroredAccount) async throws -> [String] {
        for invoice in Set(found.flatMap(\.returned)).sorted() {
            try await mirror.noteReturned(invoice, reason: "reconciliation")
        }
        if found.contains(where: \.isOfUnknownCustomer) {
            try await mirror.forget(account.customerID, requestID: nil)
        }
        for subscriptionID in Set(found.compactMap(\.subscriptionID)).sorted() {
            try await mirror.refresh(subscriptionID, userID: account.userID, requestID: nil)
        }
        for invoice in Set(found.flatMap(\.returned)).sorted() {
            let invoice = try await stripe.retrieveInvoice(invoice)
            guard let id = invoice.subscriptionID else { continue }
            try await mirror.tellOfReturn(
                of: invoice, stripe.retrieveSubscription(id), owner: account.userID)
        }
        guard
            let mended = try await database.read({ [tables] in
                try MirroredAccount.find(account.userID, of: tables, in: $0)
            })
        else { return [] }
        var remaining: [String] = []
        for drift in try await drift(of: mended) {
            guard let invoice = drift.unused else {
                remaining.append("\(named(account)): \(drift.difference)")
                continue
            }
            try await mirror.notices.add(
                "paid_unused", subject: "\(invoice) paid for nothing",
                "\(invoice) of \(named(account)) was paid and nothing is granted for it: "
                    + "\(mirror.product.remedy).")
        }
        return remaining
    }

    private func drift(of account: MirroredAccount) async throws -> [Drift] {
        guard let theirs = try await subscriptions(of: account.customerID) else {
            return [Drift(unknownCustomer: account.customerID)]
        }
        var ours: [StripeSubscription] = []
        for subscription in theirs {
            // What else the customer subscribes to is none of ours.
            let isLinked = subscription.id == account.subscriptionID
            let isOurs = try await !mirror.reader.planItems(of: subscription).isEmpty
            if isLinked || isOurs { ours.append(subscription) }
        }
        let live = ours.filter { !$0.isOver }
        var found: [Drift] = []
        if let known = account.subscriptionID {
            found += live.filter { $0.id != known && $0.status != .incomplete }
                .map { Drift($0.id, "is a second live subscription") }
            if !live.contains(where: { $0.id == known }) {
                let here = account.status.rawValue
                found.insert(Drift(known, "is over at Stripe, \(here) here"), at: 0)
            }
        } else {
            found += live.filter { $0.status != .incomplete }
                .map { Drift($0.id, "is \($0.status.text) at Stripe, unknown here") }
        }
        for subscription in ours {
            let reading = try await mirror.reader.read(subscription, returns: .all)
            if subscription.id == account.subscriptionID && !subscription.isOver {
                found += try await drift(of: account, from: subscription, reading)
            }
            found += try await unsettled(subscription, reading, of: account.userID)
        }
        return found
    }

    private func drift(
        of account: MirroredAccount, from theirs: StripeSubscription,
        _ reading: BillingSnapshotReader.Reading
    ) async throws -> [Drift] {
        var found: [Drift] = []
        let (snapshot, here) = (reading.snapshot, account.status.rawValue)
        if snapshot.status != account.status {
            found.append(Drift(theirs.id, "is \(theirs.status.text) at Stripe, \(here) here"))
        }
        if theirs.isEnding != account.cancelAtPeriodEnd {
            let place = theirs.isEnding ? "at Stripe" : "here"
            found.append(Drift(theirs.id, "ends with its period only \(place)"))
        } else if let end = theirs.endsAt.map({ Timestamp(ofStripe: $0) }), end != account.cancelAt
        {
            found.append(Drift(theirs.id, "ends on \(end.rfc3339) at Stripe, not here"))
        }
        let follows = snapshot.scheduled.flatMap { $0.planID == account.planID ? nil : $0 }
        if follows != account.scheduled {
            let place = follows == nil ? "here" : "at Stripe"
            found.append(Drift(theirs.id, "is to change its plan otherwise \(place)"))
        }
        found += try await lockedOut(account, theirs)
        if let seats = reading.seats {
            let known = try await database.read { [mirror] in
                try mirror.product.seats(account.userID, $0)
            }
            found += known?.differences(from: seats).map { Drift(theirs.id, $0) } ?? []
        }
        let catalog = try await mirror.reader.prices.catalog.current(in: database)
        if let end = reading.endWithoutYear(catalog) {
            found.append(
                Drift(
                    theirs.id,
                    "is on a plan by the year, and no year is paid for: nothing is "
                        + "granted after \(end.rfc3339)"))
        }
        if snapshot.planID == nil {
            if try await !mirror.notices.haveTold(of: "\(theirs.id) unknown price") {
                found.append(Drift(theirs.id, "has a price of no plan of ours at Stripe"))
            }
        } else if snapshot.planID != account.planID {
            found.append(Drift(theirs.id, "is on another plan at Stripe"))
        }
        if let paid = snapshot.periods.last, snapshot.isRevoked {
            return found + [
                Drift(
                    theirs.id, "is paid by \(paid.invoiceID) only here: its money went back",
                    returned: reading.returned)
            ]
        }
        if let paid = snapshot.paid,
            paid.end > (account.isPeriodPaid ? account.periodEnd : account.periodStart)
        {
            found.append(
                Drift(theirs.id, "is paid until \(paid.end.rfc3339) at Stripe, not here"))
        }
        return try await found + missingLines(of: account, theirs, reading)
    }

    /// Nobody is to pay for what they cannot cancel.
    private func lockedOut(
        _ account: MirroredAccount, _ theirs: StripeSubscription
    ) async throws -> [Drift] {
        guard !theirs.isEnding else { return [] }
        let payer = try await database.read { [mirror, issuer] in
            try LockedOutPayer.find(
                of: account.userID, mirror.product, accepts: { $0 == issuer }, in: $0)
        }
        guard let payer else { return [] }
        let why =
            switch payer.reason {
            case .deactivated: "user \(payer.userID.text) is deactivated, who alone could cancel it"
            case .issuer(let theirs): "its user is of \(theirs), whose tokens no setting accepts"
            }
        return [Drift(theirs.id, "goes on being paid, and \(why): \(payer.remedy)")]
    }

    /// Credits that were paid for and are not here, or whose money went back and that are.
    private func missingLines(
        of account: MirroredAccount, _ theirs: StripeSubscription,
        _ reading: BillingSnapshotReader.Reading
    ) async throws -> [Drift] {
        let missing = try await mirror.ledger.perform(
            CompareBilling(userID: account.userID, snapshot: reading.snapshot))
        return missing.compactMap { line in
            let credits = "\(line.credits.decimal) credits"
            if line.cause.hasPrefix(CreditGrant.debt) { return nil }
            switch line.kind {
            case .upgrade:
                return Drift(
                    theirs.id, "paid for an upgrade, \(line.cause): \(credits) are missing")
            case .revocation:
                return Drift(
                    theirs.id, "had money back for \(line.cause): \(credits) are not written here",
                    returned: reading.returned)
            case .plan, .adjustment, .forfeiture: return nil
            }
        }
    }

    /// Those that are over included; `nil` where Stripe does not know the customer.
    private func subscriptions(of customerID: String) async throws -> [StripeSubscription]? {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.listSubscriptions(customerID)
        }
    }
}
