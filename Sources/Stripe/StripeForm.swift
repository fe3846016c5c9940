/// The fields of a request in the form that Stripe's API reads: `a[b]=v` for members, `a[0][b]=v`
/// for elements (https://docs.stripe.com/api). The bytes are those that the official Python
/// library 16.1.0 sends.
package struct StripeForm {
    package private(set) var fields: [(name: String, value: String)] = []

    package init() {}

    /// Adds one field; a field without a value is left out. An empty value is sent: where Stripe
    /// allows it, it unsets the field.
    package mutating func add(_ name: String, _ value: String?) {
        if let value { fields.append((name, value)) }
    }

    mutating func add(_ name: String, _ value: Int64?) {
        add(name, value.map { String($0) })
    }

    mutating func add(_ name: String, _ value: Bool) {
        add(name, value ? "true" : "false")
    }

    /// Adds metadata in the order of its keys, so that the same input is the same text.
    mutating func add(_ name: String, _ metadata: [String: String]) {
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            add("\(name)[\(key)]", value)
        }
    }

    /// For a body: the brackets of names stay as they are.
    package var body: String { encoded(keeping: "[]") }

    /// For a URL, in which RFC 3986 has no place for brackets.
    package var query: String { encoded(keeping: "") }

    private func encoded(keeping brackets: String) -> String {
        fields
            .map { encode($0.name, keeping: brackets) + "=" + encode($0.value, keeping: "") }
            .joined(separator: "&")
    }

    private func encode(_ text: String, keeping kept: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            case UInt8(ascii: " "):
                bytes.append(UInt8(ascii: "+"))
            default:
                if kept.utf8.contains(byte) {
                    bytes.append(byte)
                } else {
                    bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
