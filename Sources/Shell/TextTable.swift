import JSON

/// Rows of one kind, declared once: aligned columns for a person, an array of objects for a
/// program.
public struct TextTable: Sendable {
    /// One value in both forms.
    public struct Cell: Sendable {
        let json: JSONValue
        let text: String

        /// - Parameter text: what a person reads; the value itself if not given, `-` if it is null.
        public init(_ json: JSONValue, _ text: String? = nil) {
            self.json = json
            self.text = text ?? json.string ?? (json.isNull ? "-" : json.compactText)
        }
    }

    let names: [String]
    let rows: [[Cell]]

    /// - Parameters:
    ///   - names: of the columns, as JSON has them, e.g. `created_at`.
    ///   - rows: each with a cell for each name.
    public init(_ names: [String], _ rows: [[Cell]]) {
        self.names = names
        self.rows = rows
    }

    var json: JSONValue {
        .array(
            rows.map { row in
                .object(JSONObject(zip(names, row).map { (key: $0, value: $1.json) }))
            })
    }

    /// The rows as lines: two spaces between cells.
    ///
    /// - Parameter hasHeads: puts the columns' names above, e.g. `CREATED AT`, and makes columns as
    ///   wide as their widest cells, but for the last.
    package func lines(hasHeads: Bool) -> [String] {
        let heads = names.map { $0.replacing("_", with: " ").uppercased() }
        let body = rows.map { $0.map { Self.oneLine($0.text) } }
        guard hasHeads else { return body.map { $0.joined(separator: "  ") } }
        let all = [heads] + body
        let widths = names.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.indices.map { column in
                column == row.count - 1
                    ? row[column]
                    : row[column]
                        + String(repeating: " ", count: widths[column] - row[column].count)
            }.joined(separator: "  ")
        }
    }

    /// A cell is one line, whatever somebody typed into it.
    private static func oneLine(_ text: String) -> String {
        Terminal.harmless(text).replacing("\n", with: " ").replacing("\t", with: " ")
    }
}
