import HTTPTypes
import NIOHTTP1

/// The headers of a request, found by their names whatever the case.
public struct RequestHeaders: Sendable {
    package static let none = RequestHeaders(HTTPHeaders())

    private var headers: HTTPHeaders

    package init(_ headers: HTTPHeaders) {
        self.headers = headers
    }

    /// The same headers, this one replaced; without it if there is no value.
    package func replacing(_ name: HTTPField.Name, with value: String?) -> RequestHeaders {
        var copy = self
        copy.headers.remove(name: name.rawName)
        if let value { copy.headers.add(name: name.rawName, value: value) }
        return copy
    }

    /// The value; a header that is sent twice has both, joined by a comma (RFC 9110 §5.3).
    public subscript(name: HTTPField.Name) -> String? {
        let wanted = name.canonicalName
        var found: String?
        for (name, value) in headers where isSame(name, wanted) {
            found = found.map { "\($0), \(value)" } ?? value
        }
        return found
    }

    /// - Parameter canonical: in lower case.
    private func isSame(_ name: String, _ canonical: String) -> Bool {
        guard name.utf8.count == canonical.utf8.count else { return false }
        let isSame = name.utf8.withContiguousStorageIfAvailable { name in
            canonical.utf8.withContiguousStorageIfAvailable { canonical in
                name.indices.allSatisfy { Self.inLowerCase(name[$0]) == canonical[$0] }
            } ?? false
        }
        return isSame ?? (name.lowercased() == canonical)
    }

    private static func inLowerCase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

/// What a client wants to read (RFC 9110 §12.5.1), as far as it matters here.
package enum Accept {
    /// Whether the client names HTML, as browsers do that open an address; `*/*` names nothing.
    package static func prefersHTML(_ headers: RequestHeaders) -> Bool {
        (headers[.accept] ?? "").split(separator: ",").contains { entry in
            let parts = entry.split(separator: ";").map {
                $0.trimmingPrefix { $0 == " " }.lowercased()
            }
            return parts.first.map { $0.filter { $0 != " " } } == "text/html"
                && !parts.dropFirst().contains { $0.wholeMatch(of: /q=0(\.0*)?/) != nil }
        }
    }
}
