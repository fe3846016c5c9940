/// A line of CSV (RFC 4180).
package enum CSVLine {
    package static func of(_ cells: [String]) -> [UInt8] {
        Array((cells.map(cell).joined(separator: ",") + "\r\n").utf8)
    }

    /// A cell that a spreadsheet takes for text: what would begin a formula gets an apostrophe.
    package static func cell(_ text: String) -> String {
        let formulas: Set<Unicode.Scalar> = ["=", "+", "-", "@", "\t", "\r"]
        let isFormula = text.unicodeScalars.first.map { formulas.contains($0) } ?? false
        let safe = isFormula ? "'" + text : text
        let special: Set<Unicode.Scalar> = [",", "\"", "\r", "\n"]
        guard safe.unicodeScalars.contains(where: { special.contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
