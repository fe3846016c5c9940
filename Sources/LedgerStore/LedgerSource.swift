import Database
import FoundationEssentials
import Ledger

/// Whose accounts a ledger keeps: the product's tables, and what its holders' own tables are asked.
/// The ledger knows no holder; the statements come from whoever owns those tables.
package struct LedgerSource: Sendable {
    package let tables: ProductTables
    /// Of a holder's id: one row with 1 if the holder may act and 0 if not, none without a holder.
    /// What locks rows is put behind it.
    let holderStanding: String
    let keys: KeyQueries?

    /// The statements that find what calls by key are judged by, each in the words of the table's
    /// owner.
    package struct KeyQueries: Sendable {
        let byHash: String
        let byID: String
        let barrier: String

        /// - Parameters:
        ///   - byHash: of a key's hash: the key's id, its account's, its family's, 1 if it is for
        ///     tests, 1 if it is revoked, when it ends, the family's limit.
        ///   - byID: the same of a key's id.
        ///   - barrier: of an account's id: 1 if its holder is frozen, 1 if it is suspended.
        package init(byHash: String, byID: String, barrier: String) {
            self.byHash = byHash
            self.byID = byID
            self.barrier = barrier
        }
    }

    /// Accounts of users.
    package static func career(holderStanding: String) -> LedgerSource {
        LedgerSource(tables: .of(.career), holderStanding: holderStanding, keys: nil)
    }

    /// Accounts of workspaces, which are called by key.
    package static func api(holderStanding: String, keys: KeyQueries) -> LedgerSource {
        LedgerSource(tables: .of(.api), holderStanding: holderStanding, keys: keys)
    }

    /// What finds keys and what bars their accounts, in one trip with all else.
    func selectKeys(_ hashes: [KeyHash], _ accounts: [UUID]) -> [StatementBatch] {
        guard let keys else { return [] }
        return [
            StatementBatch(keys.byHash, hashes.map { [.blob($0.bytes)] }),
            StatementBatch(keys.barrier, accounts.map { [.uuid($0)] }),
        ]
    }
}
