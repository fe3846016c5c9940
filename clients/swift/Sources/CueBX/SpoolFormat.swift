/// The bytes of a spool (versions 1 and 2): no file is touched here.
enum SpoolFormat {
    /// Whose calls a file has. A client from before there were customers' calls would misread them,
    /// and leaves a file alone whose version it does not know.
    enum Version: UInt32, CaseIterable, Sendable {
        case users = 1
        case customers = 2

        /// Of the file that a record goes to: all of one usage go to files of one version.
        init(of record: JSONObject) {
            self = record["client_id"] == nil ? .users : .customers
        }

        var header: [UInt8] { magic + bigEndian(rawValue) }
    }

    private static let magic = Array("CUEBXSPL".utf8)
    private static let headerSize = 12
    private static let frame = 8
    private static let payloadLength = 2...(1 << 20)

    /// Not a file of this format; it is left as it is.
    struct UnknownVersion: Error {}

    /// What is left to do of one usage: its operations, or nil if its process died before the
    /// outcome.
    struct Todo: Sendable, Hashable {
        let usageId: String
        /// Whose it is: the user's, or the customer's `clientId`.
        let userId: String
        let operations: [JSONObject]?
        /// Of a call that ran unasked: what it counted against the ceiling, if it is known.
        var counted: String?
        var clientId = ""
    }

    static func encode(_ record: JSONObject) -> [UInt8] {
        let payload = JSON.object(record).encoded()
        return bigEndian(UInt32(payload.count)) + bigEndian(crc32(payload)) + payload
    }

    /// The records that are whole: the first whose length or checksum is wrong ends the file.
    /// - newest: the newest version that is read.
    static func decode(
        _ bytes: [UInt8], newest: Version = .customers
    ) throws(UnknownVersion) -> [JSONObject] {
        let beginnings = Version.allCases.filter { $0.rawValue <= newest.rawValue }.map(\.header)
        guard
            beginnings.contains(where: {
                bytes.prefix(headerSize).elementsEqual($0.prefix(bytes.count))
            })
        else { throw UnknownVersion() }
        var records: [JSONObject] = []
        var at = headerSize
        while at + frame <= bytes.count {
            let length = Int(number(bytes, at))
            let start = at + frame
            guard payloadLength.contains(length), start + length <= bytes.count else { break }
            let payload = Array(bytes[start..<start + length])
            guard crc32(payload) == number(bytes, at + 4), let record = object(payload) else {
                break
            }
            records.append(record)
            at = start + length
        }
        return records
    }

    private static func object(_ payload: [UInt8]) -> JSONObject? {
        do {
            return try JSON(parsing: payload).object
        } catch {
            return nil
        }
    }

    /// What is left to do, in the order of the first record of each usage. The records may be of
    /// many files, in any order: an outcome counts wherever it lies, and what is done anywhere is
    /// done.
    static func todo(_ records: [JSONObject]) -> [Todo] {
        var order: [String] = []
        var found: [String: Todo] = [:]
        let done = Set(records.filter { $0["r"] == "done" }.map(usage(of:)))
        for record in records where !done.contains(usage(of: record)) {
            let usageId = usage(of: record)
            let known = found[usageId]
            switch record["r"] {
            case "open":
                found[usageId] = Todo(
                    usageId: usageId, userId: record.value("user_id") ?? "",
                    operations: known?.operations, counted: known?.counted,
                    clientId: record.value("client_id") ?? "")
            case "outcome":
                found[usageId] = Todo(
                    usageId: usageId, userId: known?.userId ?? "",
                    operations: record.value("operations") ?? [],
                    counted: record.value("counted"),
                    clientId: record.value("client_id") ?? known?.clientId ?? "")
            default: continue
            }
            if known == nil { order.append(usageId) }
        }
        return order.compactMap { found[$0] }
    }

    static func usage(of record: JSONObject) -> String { record.value("usage_id") ?? "" }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static let crcTable: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1
        }
    }

    /// As gzip has it (RFC 1952 §8).
    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { crcTable[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }
}
