import FoundationEssentials
import HTTPEndpoint
import Values

/// One page of a list.
package struct WorkspacePage<Item: JSONObjectOutput>: JSONObjectOutput {
    package let items: [Item]
    package let nextCursor: String?

    /// - Parameters:
    ///   - found: one more than the page has, where there are more.
    ///   - id: by which the next page begins.
    package init<Row>(
        _ found: [Row], _ request: ListQuery, id: (Row) -> UUID, _ item: (Row) -> Item
    ) {
        let shown = found.prefix(Int(request.limit))
        items = shown.map(item)
        nextCursor = found.count > shown.count ? shown.last.map { Cursor.text(id($0)) } : nil
    }

    package static var schemaName: String { Item.schemaName + "Page" }
    package static var about: String { "One page of a list." }
    package static var fields: [OutputField<Self>] {
        [
            OutputField("items", .array(.object), "The list's next elements.") { $0.items },
            OutputField("next_cursor", .nullable(.text), "null on the last page.") {
                $0.nextCursor
            },
        ]
    }
}

/// Which page of a list is asked for.
package struct ListQuery: Sendable {
    /// Where the page before ended; `nil` for the first page.
    package let cursor: UUID?
    /// Elements of a page.
    package let limit: Int64

    package init(cursor: UUID?, limit: Int64) {
        self.cursor = cursor
        self.limit = limit
    }

    package init(_ input: inout InputReader) {
        cursor = input.query("cursor", .cursor, "`next_cursor` of the page before.")
        limit =
            input.query("limit", .integer(1...100), "Elements of a page; 20 if not given.") ?? 20
    }

    /// With one more it is known whether there is another page.
    package var rows: Int64 { limit + 1 }
}

/// A request for a page of something that a workspace has.
package struct WorkspaceListQuery: Sendable {
    package let workspace: UUID
    package let page: ListQuery

    package init(workspace: UUID, page: ListQuery) {
        self.workspace = workspace
        self.page = page
    }

    package init(_ input: inout InputReader) {
        workspace = input.workspace()
        page = ListQuery(&input)
    }
}

extension InputReader {
    package mutating func workspace() -> UUID {
        path(WorkspaceGuard.parameter, .uuid, "The workspace's id.")
    }
}

extension InputKind where Value == String {
    /// A name that is shown to others and stands in mails: neither control characters, what breaks
    /// its line or turns its direction among them, nor a link.
    package static var spaceName: InputKind<String> {
        text(1...100)
            .satisfying("control_character", "must not have control characters") { name in
                !name.unicodeScalars.contains(where: isControl)
            }
            // Not by characters: a mark that is combined with the last slash would hide it.
            .satisfying("link", "must not have a link") { !$0.utf8.contains("://".utf8) }
            .satisfying("blank", "must not be blank") { name in
                name.unicodeScalars.contains { !$0.properties.isWhitespace }
            }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: scalar.properties.isBidiControl
        }
    }
}
