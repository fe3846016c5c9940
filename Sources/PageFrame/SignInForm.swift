import HTTPEndpoint

/// A sign-in's fields, and the page that was wanted before it.
package struct SignInForm<Request: JSONInput>: JSONInput {
    package let request: Request
    /// An address of ours; what else is typed there leads nowhere.
    package let next: String?

    package static var about: String { "What signs in, and what was wanted." }

    package init(_ reader: inout ObjectReader) {
        request = Request(&reader)
        next = reader.optional("next", .text(0...2000), "An address of ours.")
    }
}

extension InputReader {
    /// The page that was wanted before the sign-in, of the sign-in page's own address.
    package var wantedPage: String? {
        mutating get { query("next", .text(0...2000), "The page that was wanted.") }
    }
}
