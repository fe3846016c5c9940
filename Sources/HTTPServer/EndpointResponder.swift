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
    let gatekeeper: any Gatekeeper
    let policy: HTTPPolicy
    let observer: any RequestObserver
    let translate: @Sendable (any Error) -> Problem?
    let logger: Logger
    private let inFlight = RequestCounter(limit: EndpointResponder.maximumInFlight)
    private let largeAnswers = Turnstile(limit: EndpointResponder.maximumLargeAnswers)

    /// - Parameter translate: what an error of the layers below means to a client; `nil` for one
    ///   that is a defect of ours.
    public init(
        endpoints: [Endpoint], gatekeeper: any Gatekeeper, policy: HTTPPolicy,
        observer: any RequestObserver, logger: Logger,
        translate: @escaping @Sendable (any Error) -> Problem?
    ) {
        self.routes = RouteTable(endpoints)
        self.gatekeeper = gatekeeper
        self.policy = policy
        self.observer = observer
        self.logger = logger
        self.translate = translate
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
            answer = try await self.answer(head, isEncoded, body, &call, &route)
        } catch {
            answer = Answer(problem(for: error, call))
        }
        finish(&answer, call)
        observer.observe(
            Observation(
                requestID: call.id, method: head.method.rawValue, route: route,
                status: answer.status, elapsed: ContinuousClock.now - start))
        return answer
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
        try await gatekeeper.admit(&call, to: endpoint.about.access)
        do {
            let work = try prepare(endpoint, parameters, query, isEncoded, body, call)
            guard endpoint.about.isLarge else { return try await work(call) }
            await largeAnswers.enter()
            defer { largeAnswers.leave() }
            return try await work(call)
        } catch let problem as Problem where problem.isAboutInput {
            // Who may not call at all hears that first, whatever else is wrong.
            if endpoint.about.access.activeUserCheck == .decision, let caller = call.caller {
                try await gatekeeper.confirmActive(caller)
            }
            throw problem
        } catch {
            if isFailure(error), let caller = call.caller { try await confirmStillThere(caller) }
            throw error
        }
    }

    /// What fails for a caller who was erased or locked out meanwhile is no failure: they are told
    /// so, as on their next request.
    private func confirmStillThere(_ caller: Caller) async throws {
        do {
            try await gatekeeper.confirmActive(caller)
        } catch let problem as Problem {
            throw problem
        } catch {
            // Whether they are there cannot be told now; what was thrown first is told.
            return
        }
    }

    private func isFailure(_ error: any Error) -> Bool {
        (error as? Problem).map { $0.status >= 500 } ?? true
    }

    /// Reads the request; its body is gone when this returns.
    private func prepare(
        _ endpoint: Endpoint, _ parameters: [String: String], _ query: Substring,
        _ isEncoded: Bool, _ body: @Sendable () -> Result<ByteBuffer, Problem>, _ call: Call
    ) throws -> @Sendable (Call) async throws -> Answer {
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

    private func problem(for error: any Error, _ call: Call) -> Problem {
        if let problem = error as? Problem { return problem }
        if let problem = translate(error) {
            logger.warning(
                "request could not be served",
                metadata: ["request_id": "\(call.id)", "error": "\(error)"])
            return problem
        }
        logger.error(
            "request failed", metadata: ["request_id": "\(call.id)", "error": "\(error)"])
        return Problem.internalError
    }

    private func finish(_ answer: inout Answer, _ call: Call) {
        answer.headers[.xRequestID] = call.id
        answer.headers[.xContentTypeOptions] = "nosniff"
        if answer.headers[.cacheControl] == nil { answer.headers[.cacheControl] = "no-store" }
        if answer.status == 401 { answer.headers[.wwwAuthenticate] = "Bearer" }
        if answer.status != 204 { answer.headers[.contentType] = answer.contentType }
        answer.headers[.date] = DateHeader.now
        policy.addCrossOriginHeaders(to: &answer.headers, call.headers)
    }
}

extension Problem {
    /// Whether it comes after the question of who may call, in the order of the contract.
    fileprivate var isAboutInput: Bool {
        [400, 408, 413, 415, 422].contains(status)
    }
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
