import Database
import FoundationEssentials
import Ledger
import Values

/// A user's usage logs, page by page.
extension UsageLogRow {
    /// The newest first. Ids are in the order of time, so that they are both the order and the key
    /// of a page (keyset pagination).
    ///
    /// - Parameters:
    ///   - id: of the last log of the page before.
    ///   - status: only logs that have this status at that instant.
    ///   - featureKey: only logs of this feature.
    package static func page(
        of user: UUID, before id: UUID?, status: (UsageLog.Status, at: Timestamp)? = nil,
        featureKey: String? = nil, limit: Int64, _ t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> [UsageLog] {
        var conditions = "\(t.holder) = ?"
        var arguments: [SQLValue] = [.uuid(user)]
        if let id {
            conditions += " AND id < ?"
            arguments.append(.uuid(id))
        }
        if let (status, now) = status {
            conditions += " AND " + condition(on: status)
            arguments.append(.text(status.rawValue))
            if status == .pending || status == .expired { arguments.append(.time(now)) }
        }
        if let featureKey {
            conditions += " AND feature_key = ?"
            arguments.append(.text(featureKey))
        }
        return try connection.query(
            """
            SELECT \(columns(t)) FROM \(t.logs)
            WHERE \(conditions) ORDER BY id DESC LIMIT ?
            """, arguments + [.integer(limit)]
        ).map { try read($0, t) }
    }

    /// One log with its draws, whoever's it is.
    package static func find(
        _ id: UUID, _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> UsageLog? {
        var logs = try connection.query(
            selectByID[t], [.uuid(id)]
        ).map { try load($0, t) }
        var entries: [UUID: LedgerBatch.Entry] = [:]
        try GrantTables.load(LedgerNeeds(), t, into: &entries, &logs, from: connection)
        return logs.first?.log
    }

    /// An overdue reservation counts as expired, whether or not the sweeper has come by: the
    /// condition of ``UsageLog/isOverdue(at:)`` in SQL. Its parameters are the status and, if the
    /// time matters, the instant.
    private static func condition(on status: UsageLog.Status) -> String {
        switch status {
        case .pending: "status = ? AND (expires_at > ? OR commit_accepted_at IS NOT NULL)"
        case .expired:
            "(status = ? OR status = 'PENDING' AND expires_at <= ? AND commit_accepted_at IS NULL)"
        case .success, .failed: "status = ?"
        }
    }
}

/// A user's usage logs of one day or of one feature, summed up.
package struct UsageSum: Sendable {
    package enum Grouping: Sendable {
        case day
        case feature
        /// Of calls by key.
        case key
    }

    /// A UTC date, a feature's key or a key's id.
    package let key: String
    package let requests: Int64
    package let succeeded: Int64
    package let failed: Int64
    package let creditsCharged: Credits

    package init(
        key: String, requests: Int64, succeeded: Int64, failed: Int64, creditsCharged: Credits
    ) {
        self.key = key
        self.requests = requests
        self.succeeded = succeeded
        self.failed = failed
        self.creditsCharged = creditsCharged
    }

    /// In the order of their keys. Ids are in the order of time, so the index of a user's ids also
    /// finds a span of time.
    ///
    /// - Parameter to: not covered any more.
    package static func select(
        of user: UUID, from: Timestamp, to: Timestamp, by grouping: Grouping,
        _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> [UsageSum] {
        try UsageTable.select(of: user, from: from, to: to, by: [grouping], t, in: connection)
            .sums(by: grouping)
    }

    /// Both together.
    fileprivate func adding(_ other: UsageSum) -> UsageSum {
        UsageSum(
            key: key, requests: requests + other.requests, succeeded: succeeded + other.succeeded,
            failed: failed + other.failed, creditsCharged: creditsCharged + other.creditsCharged)
    }
}

/// A user's usage logs, summed up by several things at once in one reading of them: the sums by one
/// of those are folded of it.
package struct UsageTable: Sendable {
    private struct Cell {
        /// One of each grouping.
        let keys: [String]
        let sum: UsageSum
    }

    private let groupings: [UsageSum.Grouping]
    private let cells: [Cell]

    /// In the order of their keys.
    ///
    /// - Parameter grouping: one of those that were read.
    package func sums(by grouping: UsageSum.Grouping) -> [UsageSum] {
        guard let place = groupings.firstIndex(of: grouping) else { return [] }
        guard groupings.count > 1 else { return cells.map(\.sum) }
        var sums: [String: UsageSum] = [:]
        for cell in cells {
            let key = cell.keys[place]
            let empty = UsageSum(
                key: key, requests: 0, succeeded: 0, failed: 0, creditsCharged: .zero)
            sums[key] = (sums[key] ?? empty).adding(cell.sum)
        }
        return sums.values.sorted { $0.key < $1.key }
    }

    /// - Parameter to: not covered any more.
    package static func select(
        of user: UUID, from: Timestamp, to: Timestamp, by groupings: [UsageSum.Grouping],
        _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> UsageTable {
        let columns = groupings.map { grouping in
            switch grouping {
            case .day: "created_at / 86400000000"
            case .feature: "feature_key"
            case .key: "api_key_id"
            }
        }
        let order = (1...groupings.count).map(String.init).joined(separator: ", ")
        let rows = try connection.query(
            """
            SELECT \(columns.joined(separator: ", ")), count(*),
                CAST(sum(CASE status WHEN 'SUCCESS' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(sum(CASE status WHEN 'FAILED' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(coalesce(sum(\(UsageLogRow.charged(t.logs))), 0) AS BIGINT)
            FROM \(t.logs)
            WHERE \(t.holder) = ? AND id >= ? AND id < ?
            GROUP BY \(order) ORDER BY \(order)
            """,
            [
                .uuid(user), .uuid(.version7(at: from, randomness: 0)),
                .uuid(.version7(at: to, randomness: 0)),
            ])
        return UsageTable(groupings: groupings, cells: try rows.map { try cell($0, groupings) })
    }

    private static func cell(_ row: Row, _ groupings: [UsageSum.Grouping]) throws -> Cell {
        var reader = row.reader
        let keys = try groupings.map { grouping in
            switch grouping {
            case .day:
                let day = try reader.integer(in: 0...3_000_000)
                return String(Timestamp.epoch.adding(seconds: day * 86_400).rfc3339.prefix(10))
            case .feature: return try reader.text()
            case .key: return try reader.uuid().text
            }
        }
        return try Cell(
            keys: keys,
            sum: UsageSum(
                key: keys[0], requests: reader.integer(), succeeded: reader.integer(),
                failed: reader.integer(), creditsCharged: reader.credits()))
    }
}
