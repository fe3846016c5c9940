import HTTPTypes
import JSON

/// A body that is made as the client takes it: each piece once the one before is on its way.
public protocol BodySource: Sendable {
    /// - Returns: `nil` after the last piece.
    /// - Throws: what makes it impossible to go on; the client sees that the answer breaks off.
    mutating func next() async throws -> [UInt8]?
}

/// An answer as bytes.
package struct Answer: Sendable {
    package var status: Int
    package var headers: HTTPFields
    package var body: [UInt8]
    package var contentType = "application/json"
    /// The body is kept for all answers, so that this one costs no memory of its own.
    package var isKept = false
    /// What makes the body, in place of `body`.
    package var source: (any BodySource)?

    package init<Output>(_ reply: Reply<Output>) {
        status = reply.status
        headers = reply.headers
        var writer = JSONWriter()
        reply.output?.write(to: &writer)
        body = writer.bytes
        source = reply.source
    }

    package init(status: Int, contentType: String, body: [UInt8], headers: HTTPFields = [:]) {
        self.status = status
        self.headers = headers
        self.body = body
        self.contentType = contentType
    }

    package init(_ problem: Problem) {
        self.init(
            status: problem.status, contentType: "application/problem+json", body: problem.body)
        if problem.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        for (name, value) in problem.headers { headers[name] = value }
    }
}
