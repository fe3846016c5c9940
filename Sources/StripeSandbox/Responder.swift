import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// The context of a request, with the connection that it came over.
struct ConnectionContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}

/// Hands requests to the API, the knobs or the pages.
struct Responder: HTTPResponder {
    static let maximumBodyBytes = 1_024 * 1_024

    let sandbox: Sandbox

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let answer: Answer
        do {
            answer = await self.answer(try await call(of: request))
        } catch let error as StripeError {
            answer = .json(error.body, status: error.status)
        }
        if answer.closesConnection { context.channel.close(mode: .all, promise: nil) }
        var headers: HTTPFields = [.contentType: answer.contentType]
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: answer.body)))
    }

    private func answer(_ call: Call) async -> Answer {
        if call.path.hasPrefix("/_test/") { return await KnobRoutes(sandbox: sandbox).answer(call) }
        if Pages.owns(call.path) { return await Pages(sandbox: sandbox).answer(call) }
        return await Gateway(sandbox: sandbox).answer(call)
    }

    private func call(of request: Request) async throws -> Call {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: Self.maximumBodyBytes)
        } catch is NIOTooManyBytesError {
            throw StripeError(413, "invalid_request_error", "The request is too large.")
        }
        guard let body = String(validating: buffer.readableBytesView, as: UTF8.self) else {
            throw StripeError.invalid("The body is not UTF-8.")
        }
        let headers = request.headers
        return Call(
            method: request.method.rawValue, path: request.uri.path,
            query: request.uri.query ?? "", body: body,
            authorization: headers[.authorization],
            idempotencyKey: Self.idempotencyKey.flatMap { headers[$0] },
            version: Self.version.flatMap { headers[$0] }, contentType: headers[.contentType])
    }

    private static let idempotencyKey = HTTPField.Name("Idempotency-Key")
    private static let version = HTTPField.Name("Stripe-Version")
}
