import GRDB
import JSON

/// Pages of a list (docs.stripe.com/api/pagination).
enum Page {
    static let defaultLimit: Int64 = 10
    static let maximumLimit: Int64 = 100
    static let parameters = ["limit", "starting_after", "ending_before", "expand[]", "expand"]
    /// Lists that can be cut by the time of creation as well.
    static let dated =
        parameters + [
            "created", "created[gt]", "created[gte]", "created[lt]", "created[lte]",
        ]
}

extension Account {
    /// One page, newest first. A filter whose value is nil does not filter. Conditions are SQL with
    /// one question mark, for what the table repeats in no column.
    func page(
        _ kind: Kind, _ parameters: Parameters, url: String,
        where filters: [(column: Column, value: String?)] = [],
        anyOf choices: (column: Column, values: [String])? = nil,
        matching conditions: [(sql: String, value: String?)] = []
    ) throws -> JSONValue {
        let limit = try parameters.int("limit") ?? Page.defaultLimit
        guard (1...Page.maximumLimit).contains(limit) else {
            throw StripeError.invalid(
                "This value must be between 1 and \(Page.maximumLimit) (inclusive).",
                param: "limit")
        }
        var sql = "SELECT body FROM objects WHERE kind = ? AND coalesce(status, '') <> 'deleted'"
        var arguments: [any DatabaseValueConvertible] = [kind.rawValue]
        for (column, value) in filters {
            guard let value else { continue }
            sql += " AND \(column.rawValue) = ?"
            arguments.append(value)
        }
        if let choices, !choices.values.isEmpty {
            let marks = choices.values.map { _ in "?" }.joined(separator: ", ")
            sql += " AND \(choices.column.rawValue) IN (\(marks))"
            arguments += choices.values
        }
        for (condition, value) in conditions {
            guard let value else { continue }
            sql += " AND " + condition
            arguments.append(value)
        }
        if let time = try parameters.int("created") {
            sql += " AND created = ?"
            arguments.append(time)
        }
        for (name, comparison) in [("gte", ">="), ("gt", ">"), ("lte", "<="), ("lt", "<")] {
            guard let bound = try parameters.int("created", name) else { continue }
            sql += " AND created \(comparison) ?"
            arguments.append(bound)
        }
        let backwards = parameters.text("ending_before")
        if let cursor = parameters.text("starting_after") ?? backwards {
            let name = backwards == nil ? "starting_after" : "ending_before"
            _ = try get(kind, cursor, param: name)
            let comparison = backwards == nil ? "<" : ">"
            sql += " AND sequence \(comparison) (SELECT sequence FROM objects WHERE id = ?)"
            arguments.append(cursor)
        }
        sql += " ORDER BY sequence \(backwards == nil ? "DESC" : "ASC") LIMIT ?"
        arguments.append(limit + 1)
        let bodies = try String.fetchAll(db, sql: sql, arguments: StatementArguments(arguments))
        var data = try bodies.prefix(Int(limit)).map { try JSONValue.parse($0) }
        if backwards != nil { data.reverse() }
        return .list(data, url: url, hasMore: bodies.count > Int(limit))
    }
}

extension Account {
    /// A page of a list that lies within an object, in its own order.
    func slice(
        _ all: [JSONValue], _ parameters: Parameters, url: String
    ) throws -> JSONValue {
        let limit = try parameters.int("limit") ?? Page.defaultLimit
        guard (1...Page.maximumLimit).contains(limit) else {
            throw StripeError.invalid(
                "This value must be between 1 and \(Page.maximumLimit) (inclusive).",
                param: "limit")
        }
        let place = { (name: String) throws -> Int? in
            guard let cursor = parameters.text(name) else { return nil }
            if let place = all.firstIndex(where: { $0["id"]?.string == cursor }) { return place }
            throw StripeError.invalid(
                "No such object: '\(cursor)'", param: name, code: "resource_missing")
        }
        let end = try place("ending_before") ?? all.count
        let start = try place("starting_after").map { $0 + 1 } ?? 0
        guard start < end else { return .list([], url: url) }
        let isBackwards = parameters.text("ending_before") != nil
        let part =
            isBackwards ? all[start..<end].suffix(Int(limit)) : all[start..<end].prefix(Int(limit))
        return .list(Array(part), url: url, hasMore: part.count < end - start)
    }
}

extension JSONValue {
    static func list(_ data: [JSONValue], url: String, hasMore: Bool = false) -> JSONValue {
        [
            "object": "list", "data": .array(data), "has_more": .bool(hasMore),
            "url": .string(url),
        ]
    }
}
