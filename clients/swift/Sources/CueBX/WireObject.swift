/// What a member of the wire may be.
public protocol WireValue: Sendable {
    /// Nil if the value is of another kind.
    init?(wire: JSON)
    var wire: JSON { get }
}

/// A view of a JSON object by the wire's names. Whatever a newer service adds is kept, and what is
/// missing or of another kind is nil: reading never fails.
public protocol WireObject: WireValue, Hashable {
    var json: JSONObject { get set }
    init(_ json: JSONObject)
}

/// A text of which this version knows some values; others may come.
public protocol WireText: WireValue, Hashable, RawRepresentable, CustomStringConvertible
where RawValue == String {
    init(rawValue: String)
}

extension JSONObject {
    func value<Value: WireValue>(_ name: String) -> Value? {
        self[name].flatMap { Value(wire: $0) }
    }

    mutating func set(_ name: String, _ value: (some WireValue)?) {
        self[name] = value?.wire
    }
}

extension WireObject {
    public init?(wire: JSON) {
        guard case .object(let object) = wire else { return nil }
        self.init(object)
    }

    public var wire: JSON { .object(json) }
}

extension WireText {
    public init?(wire: JSON) {
        guard case .string(let text) = wire else { return nil }
        self.init(rawValue: text)
    }

    public var wire: JSON { .string(rawValue) }
    public var description: String { rawValue }
}

extension String: WireValue {
    public init?(wire: JSON) {
        guard let text = wire.text else { return nil }
        self = text
    }

    public var wire: JSON { .string(self) }
}

extension Int: WireValue {
    public init?(wire: JSON) {
        guard let int = wire.int else { return nil }
        self = int
    }

    public var wire: JSON { .int(self) }
}

extension Bool: WireValue {
    public init?(wire: JSON) {
        guard let bool = wire.bool else { return nil }
        self = bool
    }

    public var wire: JSON { .bool(self) }
}

extension JSON: WireValue {
    public init?(wire: JSON) {
        self = wire
    }

    public var wire: JSON { self }
}

extension JSONObject: WireValue {
    public init?(wire: JSON) {
        guard let object = wire.object else { return nil }
        self = object
    }

    public var wire: JSON { .object(self) }
}

extension Array: WireValue where Element: WireValue {
    public init?(wire: JSON) {
        guard let array = wire.array else { return nil }
        self = array.compactMap { Element(wire: $0) }
    }

    public var wire: JSON { .array(map(\.wire)) }
}
