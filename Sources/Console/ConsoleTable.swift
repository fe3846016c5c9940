import Foundation
import HTTPEndpoint
import JSON
import PageFrame
import Values

/// Rows as a page shows them and as a file has them, out of one list.
struct ConsoleTable: Sendable {
    /// Rows of one page, and of one file.
    static let pageLength = 25
    static let fileLength = 10_000

    struct Column: Sendable {
        /// Of the words: `column.` and this.
        let name: String
        let isNumber: Bool

        init(_ name: String, isNumber: Bool = false) {
            self.name = name
            self.isNumber = isNumber
        }
    }

    enum Cell: Sendable {
        case text(String?)
        case code(String)
        case link(String, to: String)
        case time(Timestamp?)
        case credits(Credits?)
        case number(Int64)
        /// A state, in words that follow `state.`; how it looks.
        case badge(String, tone: String)
    }

    let columns: [Column]
    let rows: [[Cell]]
    /// Where the next page begins; `nil` after the last one.
    var next: String?

    /// Rows that were asked for one more than a page or a file has: the one too many only tells
    /// that there is more.
    init<Item>(
        _ columns: [Column], _ items: [Item], limit: Int, cursor: (Item) -> String,
        row: (Item) -> [Cell]
    ) {
        self.columns = columns
        rows = items.prefix(limit).map(row)
        next = items.count > limit ? items.prefix(limit).last.map(cursor) : nil
    }

    init(_ columns: [Column], _ rows: [[Cell]]) {
        self.columns = columns
        self.rows = rows
    }

    // MARK: On a page

    /// - Parameter place: where the table's page is; `nil` for a table that is whole.
    func values(_ words: Words, now: Timestamp, place: ConsolePlace? = nil) -> JSONObject {
        let spoken = Spoken(words: words)
        let heads = columns.map { column -> JSONObject in
            [
                "label_html": .string(words.html("column.\(column.name)")),
                "is_number": .bool(column.isNumber),
            ]
        }
        let body = rows.map { row -> JSONValue in
            [
                "cells": .array(
                    zip(heads, row).map { head, cell in
                        .object(
                            head.with([
                                "value_html": .string(html(cell, words, spoken, now))
                            ]))
                    })
            ]
        }
        return [
            "columns": .array(heads.map { .object($0) }), "rows": .array(body),
            "has_rows": .bool(!rows.isEmpty),
            "first": .text(place?.first),
            "older": .text(next.flatMap { place?.older($0) }),
            "csv": rows.isEmpty ? .null : .text(place?.file),
        ]
    }

    private func html(
        _ cell: Cell, _ words: Words, _ spoken: Spoken, _ now: Timestamp
    ) -> String {
        switch cell {
        case .text(let text): return (text ?? "–").escapedForHTML
        case .code(let text): return "<span class=\"code\">\(text.escapedForHTML)</span>"
        case .link(let text, let address):
            return "<a href=\"\(address.escapedForHTML)\">\(text.escapedForHTML)</a>"
        case .time(let time): return time.map { spoken.instant($0, now: now) } ?? "–"
        case .credits(let credits): return credits?.spoken ?? "–"
        case .number(let number): return String(number)
        case .badge(let state, let tone):
            return "<span class=\"badge \(tone)\">\(Self.stateText(state, words))</span>"
        }
    }

    /// A state that has no words yet is shown as it is.
    static func stateText(_ state: String, _ words: Words) -> String {
        words.has("console.state.\(state)")
            ? words.html("console.state.\(state)") : state.escapedForHTML
    }

    // MARK: In a file

    func csv() -> [UInt8] {
        CSVLine.of(columns.map(\.name)) + rows.flatMap { CSVLine.of($0.map(Self.field)) }
    }

    private static func field(_ cell: Cell) -> String {
        switch cell {
        case .text(let value): value ?? ""
        case .code(let value), .link(let value, _), .badge(let value, _): value
        case .time(let time): time?.rfc3339 ?? ""
        case .credits(let credits): credits?.decimal ?? ""
        case .number(let number): String(number)
        }
    }
}

/// Where a table stands, and what leads through it.
struct ConsolePlace: Sendable {
    let path: String
    /// What the table is narrowed down to, without the cursor.
    let query: [(String, String)]
    let cursor: String?

    private func address(_ more: [(String, String)]) -> String {
        let pairs = (query + more).map { "\($0)=\(QueryString.encode($1))" }
        return pairs.isEmpty ? path : path + "?" + pairs.joined(separator: "&")
    }

    var first: String? { cursor == nil ? nil : address([]) }
    var file: String { address([("format", "csv")]) }
    func older(_ cursor: String) -> String { address([("cursor", cursor)]) }
}
