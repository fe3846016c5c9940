import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Values

/// One part of a page: facts, a table, or both, under a heading.
struct ConsoleSection: Sendable {
    /// Its id in the page; its heading's words are `console.` and this.
    let name: String
    var text: String?
    /// The key of the words `fact.…`, and the value as HTML.
    var facts: [(String, String)] = []
    var table: JSONObject?
    /// The key of the words `console.act.…`, and the address.
    var acts: [(String, String)] = []

    init(_ name: String) {
        self.name = name
    }

    fileprivate func values(_ words: Words) -> JSONValue {
        [
            "id": .string(name), "heading_html": .string(words.html("console.\(name)")),
            "text_html": .text(text),
            "has_facts": .bool(!facts.isEmpty),
            "facts": .array(
                facts.map { name, value in
                    [
                        "name_html": .string(words.html("fact.\(name)")),
                        "value_html": .string(value),
                    ]
                }),
            "table": table.map { .object($0) } ?? .null,
            "acts": acts.isEmpty
                ? .null
                : [
                    "items": .array(
                        acts.map { name, address in
                            [
                                "label_html": .string(words.html("console.act.\(name)")),
                                "href": .string(address),
                            ]
                        })
                ],
        ]
    }
}

extension ConsolePage {
    /// A page of sections under a heading, which is its title, too.
    func page(_ heading: String, _ sections: [ConsoleSection]) -> PageView {
        PageView([
            "heading": .string(heading), "heading_html": .string(heading),
            "sections": .array(sections.map { $0.values(words) }),
        ])
    }

    /// A page of one table, or the file of it.
    ///
    /// - Parameters:
    ///   - name: of the file, and of the words of its heading.
    ///   - make: the rows, one more than the limit that it is given.
    func page(
        _ name: String, _ query: TableQuery, _ path: String, _ desk: Desk,
        before sections: [ConsoleSection] = [], make: (Int) async throws -> ConsoleTable
    ) async throws -> PageView {
        if query.isFile {
            var entry = desk.entry(.takeTable)
            entry.subject = path
            try await console.operators.journal.note(entry)
            let table = try await make(ConsoleTable.fileLength)
            return PageView(
                .file(
                    name: name + ".csv", contentType: "text/csv; charset=utf-8",
                    body: table.csv()))
        }
        let table = try await make(ConsoleTable.pageLength)
        let place = ConsolePlace(path: path, query: query.narrowing, cursor: query.cursor)
        var section = ConsoleSection(name + ".table")
        section.table = table.values(words, now: console.now, place: place)
        return page(words.html("console.\(name)"), sections + [section])
    }
}

/// What the address of a table's page says.
struct TableQuery: Sendable {
    let cursor: String?
    let isFile: Bool
    var narrowing: [(String, String)] = []

    init(_ input: inout InputReader) {
        cursor = input.query("cursor", .text(1...200), "Where the page before ended.")
        isFile = input.query("format", .text(1...10), "As a file: csv.") == "csv"
    }

    /// The cursor of a list that is ordered by ids; what is no id is the first page.
    var id: UUID? { cursor.flatMap { UUID(uuidString: $0) } }

    /// The cursor of a list that is ordered by a time and an id.
    var key: [SQLValue]? {
        parts.flatMap { time, id in UUID(uuidString: id).map { [.integer(time), .uuid($0)] } }
    }

    /// The same for ids that are texts.
    var textKey: [SQLValue]? { parts.map { [.integer($0), .text($1)] } }

    private var parts: (Int64, String)? {
        let parts = (cursor ?? "").split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let time = Int64(parts[0]) else { return nil }
        return (time, String(parts[1]))
    }

    static func cursor(_ time: Timestamp, _ id: UUID) -> String { cursor(time, id.text) }
    static func cursor(_ time: Timestamp, _ id: String) -> String { "\(time.micros).\(id)" }
}

/// A page of the console that is one table, asked for page by page.
protocol TablePage: ConsolePage where Input == TableQuery {}

extension TablePage {
    func read(_ input: inout InputReader) -> TableQuery { TableQuery(&input) }
}
