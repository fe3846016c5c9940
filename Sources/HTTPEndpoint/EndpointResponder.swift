import FoundationEssentials
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore

/// Answers every request of the service: names it, finds its endpoint, lets its caller in, reads
/// its body, performs it, and turns whatever is thrown into a problem.
public struct EndpointResponder: HTTPResponder {
    public static let maximumBodyBytes = 1 << 20
    /// How long a body may take to arrive.
    static let bodyDeadline = Duration.seconds(30)
    /// Requests that may be in work at once; more are refused before any work is done.
    static let maximumInFlight = 2048

    let routes: RouteTable
    let gatekeeper: any Gatekeeper
    let policy: HTTPPolicy
    let observer: any RequestObserver
    let translate: @Sendable (any Error) -> Problem?
    let logger: Logger
    private let inFlight = RequestCounter(limit: EndpointResponder.maximumInFlight)

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

    public func respond(
        to request: Request, context: RequestPeer
    ) async throws -> Response {
        let start = ContinuousClock.now
        var call = Call(
            id: RequestID.accept(request.headers), headers: request.headers,
            remoteAddress: policy.remoteAddress(request.headers, peer: context.address))
        var route = "-"
        var answer: Answer
        do {
            guard inFlight.enter() else { throw Problem.overloaded }
            defer { inFlight.leave() }
            answer = try await self.answer(request, &call, &route)
        } catch let error as HTTPParserFailure {
            throw error
        } catch {
            answer = Answer(problem(for: error, call))
        }
        if answer.status == 413 { context.closeSoon() }
        finish(&answer, request, call)
        observer.observe(
            Observation(
                requestID: call.id, method: request.method.rawValue, route: route,
                status: answer.status, elapsed: ContinuousClock.now - start))
        return response(answer, to: request)
    }

    private func answer(
        _ request: Request, _ call: inout Call, _ route: inout String
    ) async throws -> Answer {
        let (path, query) = split(request.head.path ?? "/")
        if let preflight = policy.preflight(request) { return preflight }
        let endpoint: Endpoint
        let parameters: [String: String]
        switch routes.match(request.method, path) {
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
            let bytes = try await collect(request)
            let source = InputReader.Source(
                path: parameters, query: try QueryString.parse(query),
                headers: request.headers, body: try json(bytes, request, for: endpoint),
                bytes: endpoint.outputSchema == nil ? Array(bytes.readableBytesView) : [])
            return try await endpoint.perform(source, call)
        } catch let problem as Problem where problem.isAboutInput {
            // Who may not call at all hears that first, whatever else is wrong.
            if endpoint.about.access.decidesOnUser, let caller = call.caller {
                try await gatekeeper.confirmActive(caller)
            }
            throw problem
        }
    }

    private func split(_ target: String) -> (path: Substring, query: Substring) {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            return (target[...], "")
        }
        return (target[..<mark], target[target.utf8.index(after: mark)...])
    }

    /// - Returns: `nil` for an endpoint without a body, or for an empty one that may be left out.
    private func json(
        _ bytes: ByteBuffer, _ request: Request, for endpoint: Endpoint
    ) throws -> JSONValue? {
        guard endpoint.bodySchema != nil else { return nil }
        if bytes.readableBytes == 0 && !endpoint.bodyIsRequired { return nil }
        guard isJSON(request.headers[.contentType]) else { throw Problem.unsupportedMediaType }
        do {
            return try JSONValue.parse(bytes.readableBytesView)
        } catch {
            throw Problem.malformedJSON.with(detail: "The body is not valid JSON: \(error).")
        }
    }

    private func collect(_ request: Request) async throws -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }),
            length > Self.maximumBodyBytes
        {
            throw Problem.tooLarge
        }
        let start = ContinuousClock.now
        var bytes = ByteBuffer()
        for try await var chunk in request.body {
            guard bytes.readableBytes + chunk.readableBytes <= Self.maximumBodyBytes else {
                throw Problem.tooLarge
            }
            guard ContinuousClock.now - start < Self.bodyDeadline else {
                throw Problem.requestTimeout
            }
            if bytes.readableBytes == 0 { bytes = chunk } else { bytes.writeBuffer(&chunk) }
        }
        return bytes
    }

    private func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        if contentType == "application/json" { return true }
        let parts = contentType.lowercased().split(separator: ";").map {
            $0.trimmingPrefix(while: { $0 == " " }).replacing(" ", with: "")
        }
        guard parts.first == "application/json" else { return false }
        return parts.dropFirst().allSatisfy {
            !$0.hasPrefix("charset=") || $0 == "charset=utf-8" || $0 == "charset=\"utf-8\""
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

    private func finish(_ answer: inout Answer, _ request: Request, _ call: Call) {
        answer.headers[.xRequestID] = call.id
        answer.headers[.xContentTypeOptions] = "nosniff"
        if answer.headers[.cacheControl] == nil { answer.headers[.cacheControl] = "no-store" }
        if answer.status == 401 { answer.headers[.wwwAuthenticate] = "Bearer" }
        if answer.status != 204 { answer.headers[.contentType] = answer.contentType }
        policy.addCrossOriginHeaders(to: &answer.headers, request)
    }

    private func response(_ answer: Answer, to request: Request) -> Response {
        let status = HTTPResponse.Status(code: answer.status)
        if request.method == .head {
            var headers = answer.headers
            headers[.contentLength] = String(answer.body.count)
            return Response(status: status, headers: headers)
        }
        return Response(
            status: status, headers: answer.headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}

/// The connection's error, which Hummingbird answers itself.
typealias HTTPParserFailure = ChannelError

extension Problem {
    /// Whether it comes after the question of who may call, in the order of the contract.
    fileprivate var isAboutInput: Bool {
        status == 413 || status == 415 || status == 400 || status == 422
    }
}

/// What Hummingbird knows of the connection behind a request.
public struct RequestPeer: InitializableFromSource, Sendable {
    /// After an answer to a body that is too large, the rest is read and dropped for this long.
    static let linger = TimeAmount.seconds(1)

    private let channel: any Channel

    public init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }

    var address: String { channel.remoteAddress?.ipAddress ?? "unknown" }

    func closeSoon() {
        let channel = self.channel
        channel.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
    }
}

/// The name of a request: the client's own where it is a decent one, else a new one.
enum RequestID {
    static let maximumLength = 128

    static func accept(_ headers: HTTPFields) -> String {
        if let given = headers[.xRequestID], (1...maximumLength).contains(given.utf8.count),
            given.utf8.allSatisfy(isSafe)
        {
            return given
        }
        let word = UInt64.random(in: .min ... .max)
        return "req_" + String(word, radix: 16)
    }

    private static func isSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension HTTPField.Name {
    public static let xRequestID = HTTPField.Name("X-Request-ID")!
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
}
