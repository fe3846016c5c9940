import Billing
import Database
import Packs
import Stripe
import TopUps
import Values

/// Finds where our mirror and Stripe differ, and mends it by fetching anew.
public struct StripeReconciliation: Sendable {
    public struct Report: Sendable {
        public let checked: Int
        public let differences: [String]
        /// What still differed after it was mended; all of them where nothing was to be mended.
        public let remaining: [String]
    }

    package let packs: PackMirrors
    private let products: [ProductReconciliation]

    /// - Parameters:
    ///   - users: how what users buy is mirrored.
    ///   - others: the same of the other products.
    ///   - issuer: the other identity provider whose tokens are accepted, if any.
    package init(
        stripe: StripeClient, database: any Database,
        users: (mirror: StripeMirror, packs: PackMirror),
        others: [(mirror: StripeMirror, packs: PackMirror)],
        topUps: TopUpService, issuer: String?
    ) {
        packs = PackMirrors(users: users.packs, others: others.map(\.packs))
        products = ([users] + others).map {
            ProductReconciliation(
                stripe: stripe, database: database, mirror: $0.mirror, packs: $0.packs,
                topUps: topUps, issuer: issuer)
        }
    }

    /// - Parameter progress: is told the customers that were compared; they are counted first only
    ///   for it.
    public func run(
        repair: Bool, progress: WorkProgress.Listener? = nil
    ) async throws -> Report {
        var offered: [ProductReconciliation] = []
        for product in products where try await product.mirror.isOffered() {
            offered.append(product)
        }
        var total: Int64?
        if progress != nil {
            total = 0
            for product in offered { total = try await (total ?? 0) + product.count() }
        }
        var checked = 0
        var differences: [String] = []
        var remaining: [String] = []
        for product in offered {
            let report = try await product.run(repair: repair) { [checked, total] number in
                progress?(WorkProgress(Int64(checked + number), of: total, .customers))
            }
            checked += report.checked
            differences += report.differences
            remaining += report.remaining
        }
        return Report(checked: checked, differences: differences, remaining: remaining)
    }
}
