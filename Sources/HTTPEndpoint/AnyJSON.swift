import JSON

/// What no schema says more of: a JSON value of any kind.
private let anySchema = Schema([:])

extension InputKind where Value == JSONValue {
    /// A JSON value of any kind, which is kept as it came.
    ///
    /// - Parameter maximum: bytes of the value, written without white space.
    package static func json(upTo maximum: Int) -> InputKind<JSONValue> {
        InputKind(anySchema, placeholder: .null) { json, loc, errors in
            if json.compactText.utf8.count <= maximum { return json }
            errors.append(
                FieldError(
                    loc, "must have at most \(maximum) bytes without white space",
                    type: "json_too_long"))
            return nil
        }
    }
}

extension OutputKind where Value == String {
    /// One JSON text, told as the value that it is.
    package static var json: OutputKind<String> {
        OutputKind(anySchema) { $1.value(written: Array($0.utf8)) }
    }
}
