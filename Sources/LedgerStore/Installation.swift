import Database
import FoundationEssentials

/// The one row that a database has about itself: its secret, the catalog's revision and the offset
/// of the development clock.
package enum Installation {
    /// Gives the database its row, with a secret, if it has none.
    package static func establish(in connection: any DatabaseConnection) throws {
        let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        try connection.execute(
            "INSERT INTO installation (id, secret) VALUES (1, ?) ON CONFLICT DO NOTHING",
            [.blob(secret)])
    }

    package static func exists(in connection: any DatabaseConnection) throws -> Bool {
        try connection.queryOne("SELECT 1 FROM installation") != nil
    }

    /// - Throws: ``DatabaseError`` if the database has no row of its own.
    package static func secret(in connection: any DatabaseConnection) throws -> [UInt8] {
        guard let row = try connection.queryOne("SELECT secret FROM installation") else {
            throw DatabaseError.decoding("the database has no installation secret")
        }
        var reader = row.reader
        return try reader.blob()
    }

    /// The development clock's offset from the wall's time, in microseconds.
    ///
    /// - Parameter locked: whether the offset stays until the database transaction ends.
    package static func clockOffset(
        in connection: any DatabaseConnection, locked: Bool = false
    ) throws -> Int64 {
        let lock = locked ? connection.dialect.lockRows : ""
        var row = try connection.query("SELECT clock_offset FROM installation" + lock)[0].reader
        return try row.integer()
    }

    package static func setClockOffset(
        _ micros: Int64, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE installation SET clock_offset = ?", [.integer(micros)])
    }
}
