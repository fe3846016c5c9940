import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import JSON
import Logging
import NIOCore
import NIOHTTP1

/// Answers every request of the service: names it, finds its endpoint, lets its caller in, parses
/// its body, performs it, and turns whatever is thrown into a problem.
public struct EndpointResponder: Sendable {
    /// Requests that may be in work at once; more are refused before any work is done.
    static let maximumInFlight = 2048
    /// Large answers that are made at once; more wait in line.
    static let maximumLargeAnswers = 16

    let routes: RouteTable
    let calls: CallHandler
    let policy: HTTPPolicy
    let errorPage: ErrorPage?
    let logger: Logger
    private let before: (@Sendable () async -> Void)?
    private let inFlight = RequestCounter(limit: EndpointResponder.maximumInFlight)
    private let largeAnswers = Turnstile(limit: EndpointResponder.maximumLargeAnswers)

    /// What a browser is shown of an error; `nil` for what is answered as to a program.
    package typealias ErrorPage = @Sendable (BrowserError) async throws -> Answer?

    /// - Parameters:
    ///   - errorPage: errors as pages, for addresses that people open.
    ///   - before: awaited before a request is judged: development takes over a moved clock.
    package init(
        endpoints: [Endpoint], calls: CallHandler, policy: HTTPPolicy, logger: Logger,
        errorPage: ErrorPage? = nil, before: (@Sendable () async -> Void)? = nil
    ) {
        self.before = before
        self.routes = RouteTable(endpoints)
        self.calls = calls
        self.policy = policy
        self.logger = logger
        self.errorPage = errorPage
    }

    /// - Parameters:
    ///   - isEncoded: whether the body has a content coding.
    ///   - body: hands the body over, or what is wrong with it where it did not arrive whole.
    func respond(
        to head: HTTPRequestHead, isEncoded: Bool, from peer: String,
        body: @Sendable () -> Result<ByteBuffer, Problem>
    ) async -> Answer {
        let start = ContinuousClock.now
        let headers = RequestHeaders(head.headers)
        var call = Call(
            id: RequestID.accept(headers), headers: headers,
            remoteAddress: policy.remoteAddress(headers, peer: peer))
        var route = "-"
        var answer: Answer
        do {
            guard inFlight.enter() else { throw Problem.overloaded }
            defer { inFlight.leave() }
            guard policy.answers(headers, target: head.uri) else { throw Problem.misdirected }
            if let before { await before() }
            answer = try await self.answer(head, isEncoded, body, &call, &route)
        } catch {
            answer = await self.answer(
                calls.problem(for: error, of: call), head.uri, route, call)
        }
        finish(&answer, call)
        calls.observe(
            call, method: head.method.rawValue, route: route, status: answer.status, since: start)
        return answer
    }

    /// A problem as whoever asked can read it.
    private func answer(
        _ problem: Problem, _ target: String, _ route: String, _ call: Call
    ) async -> Answer {
        guard let errorPage else { return Answer(problem) }
        let path = split(target).path
        do {
            let page = try await errorPage(
                BrowserError(
                    problem: problem, call: call, path: String(path),
                    isOfPage: routes.isPage(path), hasAddress: route != "-"))
            return page ?? Answer(problem)
        } catch {
            // The problem itself is told all the same.
            logger.error(
                "an error could not be shown as a page",
                metadata: ["request_id": "\(call.id)", "error": "\(error)"])
            return Answer(problem)
        }
    }

    /// An answer to something that was no request.
    func answerToNoRequest(_ problem: Problem) -> Answer {
        var answer = Answer(problem)
        let call = Call(
            id: RequestID.new(), headers: RequestHeaders(HTTPHeaders()), remoteAddress: "")
        finish(&answer, call)
        return answer
    }

    /// An answer broke off in the middle, since the rest of it could not be made.
    func brokeOff(_ answer: Answer, _ error: any Error) {
        logger.warning(
            "an answer broke off",
            metadata: [
                "request_id": "\(answer.headers[.xRequestID] ?? "-")", "error": "\(error)",
            ])
    }

    private func answer(
        _ head: HTTPRequestHead, _ isEncoded: Bool,
        _ body: @Sendable () -> Result<ByteBuffer, Problem>, _ call: inout Call,
        _ route: inout String
    ) async throws -> Answer {
        let (path, query) = split(head.uri)
        let method = HTTPRequest.Method(parsed: head.method)
        if let preflight = policy.preflight(method, call.headers) { return preflight }
        let endpoint: Endpoint
        let parameters: [String: String]
        switch routes.match(method, path) {
        case .endpoint(let found, let values): (endpoint, parameters) = (found, values)
        case .otherMethods(let methods):
            let names = methods.map(\.rawValue) + (methods.contains(.get) ? ["HEAD"] : [])
            throw Problem.methodNotAllowed.with(
                header: .allow, names.joined(separator: ", "))
        case .nothing: throw Problem.notFound
        }
        route = endpoint.path
        call.path = parameters
        try await calls.gatekeeper.admit(&call, to: endpoint.about.access)
        let admitted = call
        return try await calls.perform(endpoint, admitted) {
            let work = try prepare(endpoint, parameters, query, isEncoded, body, admitted)
            return endpoint.about.isLarge ? oneOfFew(work) : work
        }
    }

    /// Waits its turn among the large answers that are made.
    private func oneOfFew(_ work: @escaping CallHandler.Work) -> CallHandler.Work {
        { [largeAnswers] call in
            await largeAnswers.enter()
            defer { largeAnswers.leave() }
            return try await work(call)
        }
    }

    /// Reads the request; its body is gone when this returns.
    private func prepare(
        _ endpoint: Endpoint, _ parameters: [String: String], _ query: Substring,
        _ isEncoded: Bool, _ body: @Sendable () -> Result<ByteBuffer, Problem>, _ call: Call
    ) throws -> CallHandler.Work {
        let bytes = try body().get()
        if isEncoded && bytes.readableBytes > 0 { throw Problem.encodedBody }
        // The content type (415) is judged before the query (400).
        let json = try json(bytes, call.headers, for: endpoint)
        return try endpoint.prepare(
            InputReader.Source(
                path: parameters, query: try QueryString.parse(query),
                headers: call.headers, body: json,
                bytes: endpoint.outputSchema == nil ? Array(bytes.readableBytesView) : []))
    }

    /// The request's target in its usual form, or as a proxy sends it (RFC 9112 §3.2).
    private func split(_ target: String) -> (path: Substring, query: Substring) {
        if target.utf8.first != UInt8(ascii: "/"), let scheme = target.range(of: "://") {
            let rest = target[scheme.upperBound...]
            return split(rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/")
        }
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            return (target[...], "")
        }
        return (target[..<mark], target[target.utf8.index(after: mark)...])
    }

    /// - Returns: `nil` for an endpoint without a body, or for an empty one that may be left out.
    private func json(
        _ bytes: ByteBuffer, _ headers: RequestHeaders, for endpoint: Endpoint
    ) throws -> JSONValue? {
        guard endpoint.bodySchema != nil else { return nil }
        if bytes.readableBytes == 0 && !endpoint.bodyIsRequired { return nil }
        guard isJSON(headers[.contentType]) else { throw Problem.unsupportedMediaType }
        do {
            return try JSONValue.parse(bytes.readableBytesView)
        } catch {
            throw Problem.malformedJSON.with(detail: "The body is not valid JSON: \(error).")
        }
    }

    /// UTF-8 by its name, and as many write it.
    private static let charsets: Set<Substring> = [
        "charset=utf-8", "charset=\"utf-8\"", "charset=utf8", "charset=\"utf8\"",
    ]

    private func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        if contentType == "application/json" { return true }
        let parts = contentType.lowercased().split(separator: ";").map {
            $0.trimmingPrefix(while: { $0 == " " }).replacing(" ", with: "")
        }
        guard parts.first == "application/json" else { return false }
        return parts.dropFirst().allSatisfy {
            !$0.hasPrefix("charset=") || Self.charsets.contains($0)
        }
    }

    private func finish(_ answer: inout Answer, _ call: Call) {
        answer.headers[.xRequestID] = call.id
        answer.headers[.xContentTypeOptions] = "nosniff"
        if answer.headers[.cacheControl] == nil { answer.headers[.cacheControl] = "no-store" }
        if answer.status != 204 { answer.headers[.contentType] = answer.contentType }
        answer.headers[.date] = DateHeader.now
        policy.addCrossOriginHeaders(to: &answer.headers, call.headers)
    }
}

/// An error that a browser may be shown.
package struct BrowserError: Sendable {
    package let problem: Problem
    package let call: Call
    package let path: String
    /// Whether the address is a page's.
    package let isOfPage: Bool
    /// Whether there is such an address.
    package let hasAddress: Bool
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
}

extension HTTPRequest.Method {
    init(parsed method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .POST: self = .post
        case .HEAD: self = .head
        // Whatever the parser takes for a method is a token, which is all that this asks for.
        default: self = HTTPRequest.Method(method.rawValue) ?? .trace
        }
    }
}
