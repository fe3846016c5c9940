import JSON

extension InputKind {
    /// A list of values of one kind.
    ///
    /// - Parameter limit: how many elements it may have.
    package static func list<Element>(
        of kind: InputKind<Element>, atMost limit: Int
    ) -> InputKind<[Element]> where Value == [Element] {
        let elements = InputKind<[JSONValue]>.list(ofAtMost: limit, kind.schema)
        return InputKind(elements.schema, placeholder: []) { json, loc, errors in
            guard let list = elements.read(json, loc, &errors) else { return nil }
            let values = list.enumerated().compactMap { place, element in
                kind.read(element, FieldPath(loc.names, String(place)), &errors)
            }
            return values.count == list.count ? values : nil
        }
    }
}

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
