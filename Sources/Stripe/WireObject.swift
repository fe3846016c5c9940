import JSON

/// Where an object of Stripe's is not as documented. The text names the field, never its value.
public struct StripeDecodingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path of the field, e.g. `subscription.items.data[0].current_period_end`.
    public let field: String
    public let expected: String

    public var description: String { "\(field): expected \(expected)" }
}

/// An object of Stripe's on its way into one of our types. What is required and missing, or of
/// another type, is an error that names the field; what is not asked for is ignored.
struct WireObject {
    private static let largest: Int64 = 9_007_199_254_740_992
    /// 9999-12-31T23:59:59Z.
    private static let lastSecond: Int64 = 253_402_300_799

    let path: String
    private let object: JSONObject

    init(_ value: JSONValue, path: String) throws(StripeDecodingError) {
        guard let object = value.object else {
            throw StripeDecodingError(field: path, expected: "an object")
        }
        self.path = path
        self.object = object
    }

    /// Refuses an object of another type, as its `object` member tells it.
    init(_ value: JSONValue, type: String) throws(StripeDecodingError) {
        try self.init(value, path: type)
        guard try string("object") == type else { throw failure("object", "\"\(type)\"") }
    }

    func string(_ key: String) throws(StripeDecodingError) -> String {
        guard let value = object[key]?.string else { throw failure(key, "a string") }
        return value
    }

    func optionalString(_ key: String) throws(StripeDecodingError) -> String? {
        isAbsent(key) ? nil : try string(key)
    }

    /// A number of something: an amount in minor units, a quantity, a count. Larger ones than every
    /// reader of JSON knows (2^53) are refused, so that sums of them fit.
    func int(_ key: String) throws(StripeDecodingError) -> Int64 {
        try integer(key, in: -Self.largest...Self.largest, "an integer")
    }

    func optionalInt(_ key: String) throws(StripeDecodingError) -> Int64? {
        isAbsent(key) ? nil : try int(key)
    }

    /// A time in Unix seconds, of the years 1970 to 9999.
    func seconds(_ key: String) throws(StripeDecodingError) -> Int64 {
        try integer(key, in: 0...Self.lastSecond, "a time in Unix seconds")
    }

    func optionalSeconds(_ key: String) throws(StripeDecodingError) -> Int64? {
        isAbsent(key) ? nil : try seconds(key)
    }

    private func integer(
        _ key: String, in range: ClosedRange<Int64>, _ expected: String
    ) throws(StripeDecodingError) -> Int64 {
        guard let value = object[key]?.int, range.contains(value) else {
            throw failure(key, expected)
        }
        return value
    }

    func bool(_ key: String) throws(StripeDecodingError) -> Bool {
        guard let value = object[key]?.bool else { throw failure(key, "true or false") }
        return value
    }

    func optionalBool(_ key: String) throws(StripeDecodingError) -> Bool? {
        isAbsent(key) ? nil : try bool(key)
    }

    func value(_ key: String) throws(StripeDecodingError) -> JSONValue {
        guard let value = object[key] else { throw failure(key, "a value") }
        return value
    }

    func object(_ key: String) throws(StripeDecodingError) -> WireObject {
        guard let value = object[key] else { throw failure(key, "an object") }
        return try WireObject(value, path: "\(path).\(key)")
    }

    func optionalObject(_ key: String) throws(StripeDecodingError) -> WireObject? {
        isAbsent(key) ? nil : try object(key)
    }

    /// The elements of a list object's `data`.
    func elements(_ key: String) throws(StripeDecodingError) -> [WireObject] {
        guard let values = object[key]?.array else { throw failure(key, "an array") }
        var elements: [WireObject] = []
        for (index, value) in values.enumerated() {
            elements.append(try WireObject(value, path: "\(path).\(key)[\(index)]"))
        }
        return elements
    }

    /// The elements of a list of texts.
    func strings(_ key: String) throws(StripeDecodingError) -> [String] {
        guard let values = object[key]?.array else { throw failure(key, "an array") }
        var strings: [String] = []
        for value in values {
            guard let string = value.string else { throw failure(key, "an array of strings") }
            strings.append(string)
        }
        return strings
    }

    /// The elements of an array, none where it is absent.
    func optionalElements(_ key: String) throws(StripeDecodingError) -> [WireObject] {
        isAbsent(key) ? [] : try elements(key)
    }

    /// The id of a field that Stripe sends as an id or, expanded, as the object itself.
    func id(_ key: String) throws(StripeDecodingError) -> String {
        if let id = object[key]?.string ?? object[key]?["id"]?.string { return id }
        throw failure(key, "an id")
    }

    func optionalID(_ key: String) throws(StripeDecodingError) -> String? {
        isAbsent(key) ? nil : try id(key)
    }

    /// The object of such a field, where it came expanded.
    /// The ids of a list whose elements are ids or, expanded, objects; none where it is absent.
    func optionalIDs(_ key: String) throws(StripeDecodingError) -> [String] {
        guard !isAbsent(key) else { return [] }
        guard let values = object[key]?.array else { throw failure(key, "an array") }
        var ids: [String] = []
        for value in values {
            guard let id = value.string ?? value["id"]?.string else {
                throw failure(key, "an array of ids")
            }
            ids.append(id)
        }
        return ids
    }

    func expanded(_ key: String) throws(StripeDecodingError) -> WireObject? {
        guard let value = object[key], value.object != nil else { return nil }
        return try WireObject(value, path: "\(path).\(key)")
    }

    /// Metadata, empty where there is none. Its values are always strings.
    func metadata() throws(StripeDecodingError) -> [String: String] {
        guard let metadata = try optionalObject("metadata") else { return [:] }
        var values: [String: String] = [:]
        for (key, _) in metadata.object.members { values[key] = try metadata.string(key) }
        return values
    }

    private func isAbsent(_ key: String) -> Bool {
        object[key]?.isNull ?? true
    }

    private func failure(_ key: String, _ expected: String) -> StripeDecodingError {
        StripeDecodingError(field: "\(path).\(key)", expected: expected)
    }
}
