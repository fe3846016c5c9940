import JSON

/// The parameters of a request: a form body or a query string, decoded strictly.
///
/// Hashes are written `a[b]=v`, lists `a[0][b]=v` or `a[]=v`, with the brackets literal or
/// percent-encoded (docs.stripe.com/api, "Request and response format"). An empty value unsets.
package struct Parameters: Sendable, Equatable {
    static let maximumCount = 1_000
    static let maximumDepth = 8

    package struct Entry: Sendable, Equatable {
        let path: [String]
        package let value: String

        /// The name as a caller would write it: `items[0][price]`.
        package var name: String { path[0] + path.dropFirst().map { "[\($0)]" }.joined() }

        /// The name with the places in lists left out: `items[][price]`.
        var pattern: String {
            path[0] + path.dropFirst().map { Int($0) == nil ? "[\($0)]" : "[]" }.joined()
        }
    }

    package var entries: [Entry] = []

    static let none = Parameters()

    init(_ entries: [Entry] = []) { self.entries = entries }

    package init(form: String) throws {
        var nextPlaces: [[String]: Int] = [:]
        for pair in form.split(separator: "&", omittingEmptySubsequences: true) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.percentDecoded(parts[0])
            let value = try Self.percentDecoded(parts.count > 1 ? parts[1] : "")
            var path = try Self.path(of: name)
            for index in path.indices where path[index].isEmpty {
                let prefix = Array(path[..<index])
                path[index] = String(nextPlaces[prefix, default: 0])
                nextPlaces[prefix, default: 0] += 1
            }
            guard !entries.contains(where: { $0.path == path }) else {
                throw StripeError.invalid("The parameter \(name) is given twice", param: name)
            }
            entries.append(Entry(path: path, value: value))
            guard entries.count <= Self.maximumCount else {
                throw StripeError.invalid("Too many parameters")
            }
        }
    }

    private static func path(of name: String) throws -> [String] {
        let malformed = StripeError.invalid("Malformed parameter name: \(name)", param: name)
        guard let open = name.firstIndex(of: "[") else {
            guard !name.isEmpty, !name.contains("]") else { throw malformed }
            return [name]
        }
        var path = [String(name[..<open])]
        var rest = name[open...]
        while !rest.isEmpty {
            guard rest.first == "[", let close = rest.firstIndex(of: "]") else { throw malformed }
            path.append(String(rest[rest.index(after: rest.startIndex)..<close]))
            rest = rest[rest.index(after: close)...]
        }
        guard !path[0].isEmpty, path.count <= maximumDepth else { throw malformed }
        return path
    }

    private static func percentDecoded(_ text: Substring) throws -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let digits = String(rest.prefix(2)),
                    digits.allSatisfy(\.isHexDigit), let decoded = UInt8(digits, radix: 16)
                else { throw StripeError.invalid("Malformed percent-encoding") }
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw StripeError.invalid("The parameters are not UTF-8")
        }
        return decoded
    }
}

// MARK: Reading

extension Parameters {
    /// Names that take a value of their own beside what stands below them: a time or its bounds.
    private static let isValueToo: Set = ["created", "billing_cycle_anchor"]

    /// Refuses what an endpoint does not know. A name that ends in `*` stands for all below it.
    /// What something stands below takes the empty value alone, which unsets all.
    func check(allowed: [String]) throws {
        for entry in entries {
            let pattern = entry.pattern
            let known = allowed.contains { name in
                guard name.hasSuffix("*") else { return name == pattern }
                return pattern.hasPrefix(name.dropLast() + "[")
            }
            let isObject = allowed.contains { $0 == pattern + "*" || $0.hasPrefix(pattern + "[") }
            if isObject, !entry.value.isEmpty, !Self.isValueToo.contains(pattern) {
                throw StripeError.invalid("Invalid object", param: entry.name)
            }
            guard known || allowed.contains(pattern + "*") else {
                throw StripeError.invalid(
                    "Received unknown parameter: \(entry.name)", param: entry.name,
                    code: "parameter_unknown")
            }
        }
    }

    /// The value as it was sent; an empty string where the caller unsets it.
    func sent(_ path: String...) -> String? { sent(path) }

    private func sent(_ path: [String]) -> String? {
        entries.first { $0.path == path }?.value
    }

    /// The value, where it is there and not empty.
    func text(_ path: String...) -> String? { text(path) }

    private func text(_ path: [String]) -> String? {
        sent(path).flatMap { $0.isEmpty ? nil : $0 }
    }

    func required(_ path: String...) throws -> String {
        if let value = text(path) { return value }
        let name = Entry(path: path, value: "").name
        throw StripeError.invalid(
            "Missing required param: \(name).", param: name, code: "parameter_missing")
    }

    func int(_ path: String...) throws -> Int64? {
        guard let text = text(path) else { return nil }
        if let value = Int64(text), Self.isSane(value, named: path.last ?? "") { return value }
        let name = Entry(path: path, value: "").name
        throw StripeError.invalid(
            "Invalid integer: \(text)", param: name, code: "parameter_invalid_integer")
    }

    /// Whether a number is one that its parameter may have at all: with such ones no sum, product
    /// or time can overflow. What an endpoint takes of them is its own affair.
    private static func isSane(_ value: Int64, named name: String) -> Bool {
        let largest: Int64 =
            switch name {
            case "unit_amount", "amount", "balance": 99_999_999_999
            case "quantity", "minimum", "maximum": 999_999
            case "trial_period_days", "interval_count", "limit": 10_000
            // A time: the last second of the year 9999.
            default: 253_402_300_799
            }
        return (-largest...largest).contains(value)
    }

    func bool(_ path: String...) throws -> Bool? {
        guard let text = text(path) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        let name = Entry(path: path, value: "").name
        throw StripeError.invalid("Invalid boolean: \(text)", param: name)
    }

    /// One of a few words.
    func choice(_ path: String..., of words: [String], default fallback: String) throws -> String {
        guard let text = text(path) else { return fallback }
        if words.contains(text) { return text }
        let name = Entry(path: path, value: "").name
        throw StripeError.invalid(
            "Invalid \(name): must be one of \(words.joined(separator: ", "))", param: name)
    }

    /// One of a few words, where one is there.
    func choice(_ name: String, of words: [String]) throws -> String? {
        guard text(name) != nil else { return nil }
        return try choice(name, of: words, default: "")
    }

    /// What stands below one name, as parameters of their own.
    func scope(_ path: String...) -> Parameters {
        Parameters(
            entries.compactMap { entry in
                guard entry.path.count > path.count, entry.path.starts(with: path) else {
                    return nil
                }
                return Entry(path: Array(entry.path.dropFirst(path.count)), value: entry.value)
            })
    }

    /// The elements of a list of hashes, in the order in which they were sent.
    func list(_ name: String) -> [Parameters] {
        let elements = scope(name)
        var places: [String] = []
        for entry in elements.entries where !places.contains(entry.path[0]) {
            places.append(entry.path[0])
        }
        return places.map { elements.scope($0) }
    }

    /// The elements of a list of scalars.
    func strings(_ name: String) -> [String] {
        scope(name).entries.filter { $0.path.count == 1 }.map(\.value)
    }

    /// Metadata is merged key by key: an empty value removes a key, an empty `metadata` all of them
    /// (docs.stripe.com/api/metadata).
    func metadata(merging old: JSONValue = [:]) throws -> JSONValue {
        if sent("metadata") == "" { return [:] }
        guard case .object(var merged) = old else { return old }
        for entry in scope("metadata").entries {
            guard entry.path.count == 1 else {
                throw StripeError.invalid("Metadata values must be strings", param: "metadata")
            }
            try Self.checkMetadata(entry)
            merged[entry.path[0]] = entry.value.isEmpty ? nil : .string(entry.value)
        }
        guard merged.members.count <= Self.maximumMetadataKeys else {
            throw StripeError.invalid(
                "Metadata can have at most \(Self.maximumMetadataKeys) keys.", param: "metadata")
        }
        return .object(merged)
    }

    static let maximumMetadataKeys = 50
    static let maximumMetadataKeyLength = 40
    static let maximumMetadataValueLength = 500

    private static func checkMetadata(_ entry: Entry) throws {
        guard entry.path[0].count <= maximumMetadataKeyLength else {
            throw StripeError.invalid(
                "Metadata keys can have up to \(maximumMetadataKeyLength) characters.",
                param: "metadata")
        }
        guard entry.value.count <= maximumMetadataValueLength else {
            throw StripeError.invalid(
                "Metadata values can have up to \(maximumMetadataValueLength) characters, but you "
                    + "passed in a value that is \(entry.value.count) characters.",
                param: "metadata[\(entry.path[0])]")
        }
    }

    /// The same text for the same parameters, whatever their order.
    var fingerprint: String {
        entries.map { JSONValue.array([.string($0.name), .string($0.value)]).compactText }
            .sorted().joined(separator: "&")
    }
}

extension Account {
    static let maximumURLLength = 5_000

    /// A whole URL that a browser can follow.
    func checkURL(_ text: String, param: String) throws {
        guard !text.isEmpty else { return }
        let scheme = ["https://", "http://"].first { text.lowercased().hasPrefix($0) }
        let host = text.dropFirst(scheme?.count ?? 0).prefix { !"/?#".contains($0) }
        let isWhole =
            scheme != nil && !host.isEmpty
            && !text.contains { $0.isWhitespace || "<>\"".contains($0) }
        guard isWhole, text.count <= Self.maximumURLLength else {
            throw StripeError.invalid("Not a valid URL", param: param, code: "url_invalid")
        }
    }
}
