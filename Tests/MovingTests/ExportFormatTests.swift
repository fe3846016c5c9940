import Database
import Foundation
import JSON
import Moving
import TestFixtures
import Testing
import Values

@Suite("One row as a line of an export")
struct ExportFormatTests {
    private let table = PortableTable(
        "t", key: "id",
        columns: [.uuid("id"), .text("words"), .bytes("hash"), .count("number")])

    private func roundTrip(_ values: [SQLValue]) throws -> [SQLValue?] {
        let line = try ExportFormat.line(Row(values: values), of: table)
        #expect(!line.contains(UInt8(ascii: "\n")))
        let cells = try #require(try JSONValue.parse(line).array)
        return zip(cells, table.columns).map { ExportFormat.value($0, $1.kind) }
    }

    @Test(
        "Whatever a row holds is read again as it was written, and is one line",
        arguments: [
            [.uuid(UUID()), .text(""), .blob([]), .integer(0)],
            [
                .uuid(UUID()), .text("a\n\"b\"\\ \u{0}\u{7F}\u{2028} é 😀"), .blob([0, 255, 16]),
                .integer(Int64.max),
            ],
            [.null, .null, .null, .null],
        ] as [[SQLValue]])
    func rows(values: [SQLValue]) throws {
        #expect(try roundTrip(values) == values)
    }

    @Test(
        "A value of another kind than its column's is none",
        arguments: [
            ("1.5", .integer), ("\"1\"", .integer), ("9223372036854775808", .integer),
            ("true", .integer), ("1", .text), ("[]", .text), ("\"0198c0de\"", .uuid), ("1", .uuid),
            ("\"abc\"", .bytes), ("\"0g\"", .bytes), ("\"０１\"", .bytes), ("\" 00\"", .bytes),
            ("{}", .bytes),
        ] as [(String, PortableTable.Kind)])
    func otherKinds(json: String, kind: PortableTable.Kind) throws {
        #expect(ExportFormat.value(try JSONValue.parse(json), kind) == nil)
    }

    @Test("A row that is not as its table says is not written")
    func shortRow() {
        let rows: [[SQLValue]] = [
            [.text("a")], [.text("x"), .text("a"), .blob([]), .integer(1)],
        ]
        for values in rows {
            #expect(throws: DatabaseError.self) {
                try ExportFormat.line(Row(values: values), of: table)
            }
        }
    }

    @Test("Every column has its place in an export, but the mark of an import that is not over")
    func complete() async throws {
        try await withTemporaryDatabase { database in
            let stored = try await database.texts(
                """
                SELECT t.name || '.' || c.name FROM pragma_table_list t
                JOIN pragma_table_info(t.name) c
                WHERE t.schema = 'main' AND t.name NOT IN ('sqlite_schema', 'schema_migrations')
                """)
            let carried = PortableTable.all.flatMap { table in
                table.columns.map { "\(table.name).\($0.name)" }
            }
            #expect(Set(stored).symmetricDifference(carried) == ["installation.import_started_at"])
            #expect(Set(carried).count == carried.count)
        }
    }
}
