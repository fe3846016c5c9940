import JSON

extension InputKind where Value == [JSONValue] {
    /// A list whose elements are judged one by one by whoever takes them, so that one that is bad
    /// spoils no other.
    ///
    /// - Parameters:
    ///   - limit: how many elements it may have.
    ///   - schema: of an element.
    package static func list(
        ofAtMost limit: Int, _ schema: @autoclosure @escaping @Sendable () -> Schema
    ) -> InputKind<[JSONValue]> {
        InputKind(
            schema().array().adding(["maxItems": .int(Int64(limit))]), placeholder: []
        ) { json, loc, errors in
            guard case .array(let elements) = json else {
                errors.append(FieldError(loc, "must be a list", type: "list_type"))
                return nil
            }
            guard elements.count <= limit else {
                let message = "must have at most \(limit) elements"
                errors.append(FieldError(loc, message, type: "list_too_long"))
                return nil
            }
            return elements
        }
    }
}
