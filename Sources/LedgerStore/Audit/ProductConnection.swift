import Database
import Ledger

/// A connection on which the audit of one product speaks of another's tables: the audit's texts are
/// written once, in the names of Career's tables, and read in the product's.
final class ProductConnection: DatabaseConnection {
    private let base: any DatabaseConnection
    private let names: [Substring: String]

    init(_ base: any DatabaseConnection, of tables: ProductTables) {
        self.base = base
        let career = ProductTables.of(.career)
        names = Dictionary(
            zip(career.names.map { $0[...] }, tables.names), uniquingKeysWith: { first, _ in first }
        )
    }

    var dialect: SQLDialect { base.dialect }

    /// The text with the product's names in the places of Career's, as whole words.
    func inNames(_ sql: String) -> String {
        var text = ""
        var rest = sql[...]
        while let start = rest.firstIndex(where: Self.isOfName) {
            text += rest[..<start]
            let word = rest[start...].prefix(while: Self.isOfName)
            text += names[word] ?? String(word)
            rest = rest[word.endIndex...]
        }
        return text + rest
    }

    private static func isOfName(_ character: Character) -> Bool {
        character == "_" || character.isASCII && (character.isLetter || character.isNumber)
    }

    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [Row] {
        try base.query(inNames(sql), arguments)
    }

    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try base.execute(inNames(sql), arguments)
    }

    func queryMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [[Row]] {
        try base.queryMany(inNames(sql), arguments)
    }

    func executeMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [Int] {
        try base.executeMany(inNames(sql), arguments)
    }

    func forEachRow(
        _ sql: String, _ arguments: [SQLValue], _ body: (Row) throws -> Void
    ) throws {
        try base.forEachRow(inNames(sql), arguments, body)
    }
}

extension ProductTables {
    /// In one order for every product.
    fileprivate var names: [String] {
        [
            contexts, subscriptions, changes, lines, grants, draws, logs, steps, purchases, holder,
        ]
    }
}
