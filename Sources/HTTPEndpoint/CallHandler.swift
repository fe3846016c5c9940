import Logging

/// Handles a call of an endpoint: lets the caller in, has the action performed, and says what an
/// error means to the client. The server does so for each request and a batch for each of its
/// operations, so that both are answered alike.
public struct CallHandler: Sendable {
    /// What is left to do once a request has been read.
    package typealias Work = @Sendable (Call) async throws -> Answer

    package let gatekeeper: any Gatekeeper
    private let observer: any RequestObserver
    private let logger: Logger
    private let translate: @Sendable (any Error) -> Problem?

    /// - Parameter translate: what an error of the layers below means to a client; `nil` for one
    ///   that is a defect of ours.
    public init(
        gatekeeper: any Gatekeeper, observer: any RequestObserver, logger: Logger,
        translate: @escaping @Sendable (any Error) -> Problem?
    ) {
        self.gatekeeper = gatekeeper
        self.observer = observer
        self.logger = logger
        self.translate = translate
    }

    /// Reads a request and performs it, once its caller was let in (``Gatekeeper/admit(_:to:)``).
    ///
    /// - Parameter read: reads the request; its body is gone when this returns.
    /// - Throws: what ``problem(for:of:)`` explains.
    package func perform(
        _ endpoint: Endpoint, _ call: Call, _ read: () throws -> Work
    ) async throws -> Answer {
        do {
            let work = try read()
            return try await work(call)
        } catch let problem as Problem where problem.isAboutInput {
            // Who may not call at all hears that first, whatever else is wrong.
            if endpoint.about.access.activeUserCheck == .decision, let caller = call.caller {
                try await gatekeeper.confirmActive(caller)
            }
            throw problem
        } catch {
            if isFailure(error), let caller = call.caller {
                try await confirmStillThere(caller, call, endpoint.about.access)
            }
            throw error
        }
    }

    /// What fails for a caller who was erased or locked out meanwhile, or on what was deleted, is
    /// no failure: they are told so, as on their next request.
    private func confirmStillThere(
        _ caller: Caller, _ call: Call, _ access: Access
    ) async throws {
        do {
            try await gatekeeper.confirmStillThere(caller, call, access)
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

    /// What an error means to the client; what is no refusal is logged too.
    package func problem(for error: any Error, of call: Call) -> Problem {
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

    /// Counts and logs a call that was answered.
    ///
    /// - Parameter route: the endpoint's path with its parameters in braces, `-` if there is none.
    package func observe(
        _ call: Call, method: String, route: String, status: Int,
        since start: ContinuousClock.Instant
    ) {
        observer.observe(
            Observation(
                requestID: call.id, method: method, route: route, status: status,
                elapsed: ContinuousClock.now - start))
    }
}

/// Is told of every request once it is answered.
public protocol RequestObserver: Sendable {
    func observe(_ observation: Observation)
}

public struct Observation: Sendable {
    public let requestID: String
    public let method: String
    /// The endpoint's path with its parameters in braces, so that no id gets into a metric.
    public let route: String
    public let status: Int
    public let elapsed: Duration
}

extension Problem {
    /// Whether it comes after the question of who may call, in the order of the contract.
    fileprivate var isAboutInput: Bool {
        [400, 408, 413, 415, 422].contains(status)
    }
}
