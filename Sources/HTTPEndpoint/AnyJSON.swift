import JSON

/// What no schema says more of: a JSON value of any kind.
private let anySchema = Schema([:])

extension InputKind where Value == JSONValue {
    /// A JSON value of any kind, which is kept as it came.
    ///
    /// - Parameters:
    ///   - maximum: bytes of the value, written without white space.
    ///   - depth: how deep arrays and objects may be nested: less than a text may be, so that a
    ///     request that carries the value deeper than another does is read as well.
    package static func json(upTo maximum: Int, depth: Int) -> InputKind<JSONValue> {
        InputKind(anySchema, placeholder: .null) { json, loc, errors in
            guard !json.isNested(deeperThan: depth) else {
                let message = "must be nested at most \(depth) deep"
                errors.append(FieldError(loc, message, type: "json_too_deep"))
                return nil
            }
            if json.compactText.utf8.count <= maximum { return json }
            errors.append(
                FieldError(
                    loc, "must have at most \(maximum) bytes without white space",
                    type: "json_too_long"))
            return nil
        }
    }
}

extension JSONValue {
    fileprivate func isNested(deeperThan depth: Int) -> Bool {
        switch self {
        case .array(let elements):
            depth == 0 || elements.contains { $0.isNested(deeperThan: depth - 1) }
        case .object(let object):
            depth == 0 || object.members.contains { $0.value.isNested(deeperThan: depth - 1) }
        default: false
        }
    }
}

extension OutputKind where Value == String {
    /// One JSON text, told as the value that it is.
    package static var json: OutputKind<String> {
        OutputKind(anySchema) { $1.value(written: Array($0.utf8)) }
    }
}
