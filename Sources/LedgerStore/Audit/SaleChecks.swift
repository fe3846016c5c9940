import Database
import Ledger
import Values

/// What of sales one statement cannot judge for both engines.
enum SaleChecks {
    static func run(in connection: any DatabaseConnection, _ offences: inout Offences) throws {
        try connection.forEachRow(RowCheck.wrongCodes, []) { row in
            var reader = row.reader
            offences.add(
                5, named: try reader.text(),
                "a code was redeemed more or less often than is counted, or has a value that is "
                    + "none")
        }
        // The share is counted here: its product is larger than the engines' integers.
        try connection.forEachRow(RowCheck.returnedInPart, []) { row in
            var reader = row.reader
            let (user, grant) = (try reader.uuid(), try reader.uuid())
            let numbers = try (0..<4).map { _ in try reader.integer() }
            let share = Credits(micros: numbers[0])?.share(numbers[1], of: numbers[2])
            if share?.micros != numbers[3] {
                offences.add(
                    5, grant, of: user, "a part of a pack was taken back other than its money's",
                    unlessNamed: true)
            }
        }
    }
}
