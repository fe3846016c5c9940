import JSON

/// What a command answers: one value for programs, and what a person reads of it.
public struct Answer: Sendable {
    public let json: JSONValue
    private let text: @Sendable (_ hasHeads: Bool) -> [String]

    /// - Parameter sentences: what a person reads, a line each.
    public init(_ json: JSONObject, _ sentences: [String]) {
        self.json = .object(json)
        text = { _ in sentences.map(Terminal.harmless) }
    }

    /// - Parameters:
    ///   - name: of the array in the JSON.
    ///   - none: what a person reads if there are no rows.
    public init(_ name: String, _ table: TextTable, none: String) {
        json = .object([name: table.json])
        text = { hasHeads in table.rows.isEmpty ? [none] : table.lines(hasHeads: hasHeads) }
    }

    /// The facts of one thing, a line each: `email  ada@example.com`.
    public init(facts names: [String], _ cells: [TextTable.Cell]) {
        json = .object(JSONObject(zip(names, cells).map { (key: $0, value: $1.json) }))
        let width = (names.map(\.count).max() ?? 0) + 2
        text = { _ in
            zip(names, cells).map { name, cell in
                Terminal.harmless(
                    name + String(repeating: " ", count: width - name.count) + cell.text)
            }
        }
    }

    /// - Parameter isTerminal: whether a person sees it at once; their tables have heads.
    public func printed(asJSON: Bool, isTerminal: Bool) -> String {
        (asJSON ? [Terminal.harmlessJSON(json.prettyText)] : text(isTerminal)).map { $0 + "\n" }
            .joined()
    }

    public func tell(asJSON: Bool, on output: Terminal.Output = .standardOutput) {
        Terminal.write(
            printed(asJSON: asJSON, isTerminal: Terminal.isTerminal(output)), to: output)
    }
}
