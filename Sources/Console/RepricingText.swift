import FoundationEssentials
import Ledger
import LedgerStore
import Values

/// What an edited catalog would change, as the journal keeps it: sums, then whom it meets most.
/// People are named by their ids, since the journal outlives them.
struct RepricingText: Sendable {
    let repricing: Repricing
    let inForce: Catalog
    let wanted: Catalog

    init(_ repricing: Repricing, inForce: Catalog, wanted: Catalog) {
        self.repricing = repricing
        self.inForce = inForce
        self.wanted = wanted
    }

    var text: String { ResultTable.text(sum, plans + people) }

    private var sum: String {
        let sums = repricing
        let gone =
            sums.refused == 0 ? "" : ", \(sums.refused) calls of features that are there no more"
        return "\(sums.calls) calls of \(sums.users) people: more credits for \(sums.dearer), "
            + "fewer for \(sums.cheaper); \(sums.before.decimal) become \(sums.after.decimal)"
            + gone
    }

    /// Plans that are paid for and would cost something else, for who subscribes from then on.
    private var plans: [String] {
        repricing.subscribers.keys.compactMap { id -> (String, Plan)? in
            guard let before = inForce.plan(id), let after = wanted.plan(id),
                before.price != after.price
            else { return nil }
            let users = repricing.subscribers[id] ?? 0
            let line =
                "\(after.name): \(before.price.named) becomes \(after.price.named) a period, for "
                + "\(users) subscribers once they subscribe anew"
            return (line, after)
        }.sorted { $0.1.rank < $1.1.rank }.map(\.0)
    }

    private var people: [String] {
        repricing.largest.map { one in
            "\(one.userID.text): \(one.before.decimal) becomes \(one.after.decimal)"
        }
    }
}
