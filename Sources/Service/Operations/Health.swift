import Database
import HTTPEndpoint
import Logging
import Messaging

/// The process is alive.
struct CheckHealth: Action {
    static let about = About("Whether the process is alive", access: .open)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<StatusResponse> {
        Reply(StatusResponse(status: "ok"))
    }
}

extension Problem {
    static let brokerUnavailable = Problem(
        503, "broker_unavailable", "Broker unavailable",
        "The message broker cannot be reached; messages wait until it can."
    ).retry(afterSeconds: 2)
}

/// The process can do its work: the database and the broker answer.
struct CheckReadiness: Action {
    /// How long each has for its answer.
    static let patience = Duration.seconds(3)

    let database: any Database
    let broker: any MessageBroker
    let logger: Logger

    static let about = About(
        "Whether the service can do its work",
        details: """
            The database and the broker answer within three seconds. While the broker alone is \
            away, requests are served and messages wait.
            """,
        access: .open, refusals: [.databaseUnavailable, .brokerUnavailable])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<StatusResponse> {
        async let brokerFailure = failure(of: { try await broker.check() })
        let databaseFailure = await failure(of: {
            _ = try await database.read { try $0.query("SELECT 1") }
        })
        if let databaseFailure {
            logger.warning("not ready", metadata: ["database": "\(databaseFailure)"])
            throw Problem.databaseUnavailable
        }
        if let brokerFailure = await brokerFailure {
            logger.warning("not ready", metadata: ["broker": "\(brokerFailure)"])
            throw Problem.brokerUnavailable
        }
        return Reply(StatusResponse(status: "ready"))
    }

    private func failure(of check: @escaping @Sendable () async throws -> Void) async
        -> (any Error)?
    {
        do {
            try await within(Self.patience, check)
            return nil
        } catch {
            return error
        }
    }
}

/// No answer came in time.
struct TimedOut: Error {}

/// Waits for the work no longer than that. It may go on behind: what blocks cannot be canceled.
func within<Value: Sendable>(
    _ patience: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (answers, answer) = AsyncThrowingStream.makeStream(of: Value.self)
    let working = Task {
        do {
            answer.yield(try await work())
            answer.finish()
        } catch {
            answer.finish(throwing: error)
        }
    }
    let waiting = Task {
        try await Task.sleep(for: patience)
        working.cancel()
        answer.finish(throwing: TimedOut())
    }
    defer { waiting.cancel() }
    for try await value in answers { return value }
    throw TimedOut()
}

struct StatusResponse: JSONObjectOutput {
    let status: String

    static let about = "How the service is."
    static let fields: [OutputField<StatusResponse>] = [
        OutputField("status", .text, "`ok` or `ready`.") { $0.status }
    ]
}
