import JSON

extension JSONValue {
    /// The member that a path of names leads to.
    func at(_ path: String...) -> JSONValue? {
        path.reduce(Optional(self)) { value, key in value?[key] }
    }

    /// Replaces the member that a path of names leads to; what is not an object stays as it is.
    mutating func set(_ path: String..., to value: JSONValue) {
        set(path[...], to: value)
    }

    private mutating func set(_ path: ArraySlice<String>, to value: JSONValue) {
        guard let key = path.first, case .object(var object) = self else { return }
        var member = value
        if path.count > 1 {
            member = object[key] ?? .object(JSONObject())
            member.set(path.dropFirst(), to: value)
        }
        object[key] = member
        self = .object(object)
    }

    mutating func remove(_ names: String...) {
        guard case .object(var object) = self else { return }
        for name in names { object[name] = nil }
        self = .object(object)
    }

    /// The old values of the members that changed, as `previous_attributes` of an event has them.
    func previousValues(in old: JSONValue) -> JSONValue {
        guard let before = old.object, let after = object else { return [:] }
        let changed = before.members.filter { after[$0.key] != $0.value }
        return .object(JSONObject(changed))
    }

    /// A string, or null for nothing.
    static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

    /// An integer, or null for nothing.
    static func integer(_ value: Int64?) -> JSONValue { value.map { .int($0) } ?? .null }

    /// An object written as JSON text with some of its members replaced. The texts stand in the
    /// code, one for each kind of object, so that a shape can be read as it goes over the wire.
    static func shaped(
        _ template: String, _ members: KeyValuePairs<String, JSONValue>
    ) throws -> JSONValue {
        var value = try JSONValue.parse(template)
        for (key, member) in members { value.set(key, to: member) }
        return value
    }
}
