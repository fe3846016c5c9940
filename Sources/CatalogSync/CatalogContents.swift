import Foundation
import JSON
import Ledger

/// Files as they are read and kept.
extension CatalogFile {
    /// A file that was read: what it says, and what it is stored as.
    public struct Contents: Sendable {
        /// A catalog of each product that it names.
        public let catalogs: [Catalog]
        public let text: String
        /// The stored revision that it was taken from; `nil` for a file that was written by hand.
        public let revision: Int64?

        /// - Parameter name: what a refusal calls it.
        /// - Throws: ``CatalogError`` with every flaw that it has.
        package init(text: String, name: String) throws {
            guard text.utf8.count <= maximumBytes else {
                throw CatalogError(flaws: ["\(name) is larger than 1 MiB"])
            }
            let json: JSONValue
            do {
                json = try JSONValue.parse(Array(text.utf8))
            } catch {
                throw CatalogError(flaws: ["\(name) is not JSON: \(error)"])
            }
            catalogs = try CatalogFile.catalogs(json)
            revision = json["revision"]?.int
            self.text = text
        }
    }

    /// - Returns: a catalog of each product that the file names.
    /// - Throws: ``CatalogError`` with every flaw that the file has.
    public static func read(path: String) throws -> [Catalog] { try load(path: path).catalogs }

    /// - Throws: ``CatalogError`` with every flaw that the file has.
    public static func load(path: String) throws -> Contents {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CatalogError(flaws: ["\(path) cannot be read"])
        }
        return try Contents(text: String(decoding: data, as: UTF8.self), name: path)
    }
}
