import Logging

/// How a sandbox is set up.
public struct SandboxConfiguration: Sendable {
    /// A receiver of every webhook, in addition to those made through the API.
    public struct WebhookEndpoint: Sendable {
        /// An `http://` URL of this machine.
        public var url: String
        /// The whole secret, `whsec_` included: it keys the signature as it stands.
        public var secret: String

        public init(url: String, secret: String) {
            self.url = url
            self.secret = secret
        }
    }

    /// A loopback address: `127.0.0.1`, `::1` or `localhost`.
    public var host: String
    /// 0 lets the system choose a port, which `onListening` then tells.
    public var port: Int
    /// The SQLite file; it is made where there is none.
    public var databasePath: String
    public var webhookEndpoints: [WebhookEndpoint]
    /// How long after each failed attempt a webhook is tried again; after the last one it is given
    /// up. Stripe tries for three days; a sandbox should not.
    public var webhookRetryDelays: [Duration]
    /// Unix seconds, shared with the process around the sandbox. Without one the sandbox has its
    /// own: the machine's time and an offset that `POST /_test/clock` moves.
    public var clock: (@Sendable () -> Int64)?
    /// Has a shared clock that another process has moved take over where it stands now. Asked
    /// before what has fallen due is done on request.
    public var refreshClock: @Sendable () async throws -> Void
    /// Moves a shared clock forward for every process that goes by it. Without it a shared clock
    /// cannot be moved from here. It must not ask for anything that waits for this sandbox: whoever
    /// else moves the clock waits until the sandbox has done what fell due.
    public var advanceClock: (@Sendable (_ seconds: Int64) async throws -> Void)?
    public var logger: Logger
    /// Called with the port as soon as requests are answered.
    public var onListening: @Sendable (Int) -> Void

    public init(
        host: String = "127.0.0.1", port: Int, databasePath: String,
        webhookEndpoints: [WebhookEndpoint] = [],
        webhookRetryDelays: [Duration] = [.seconds(1), .seconds(5), .seconds(30), .seconds(300)],
        clock: (@Sendable () -> Int64)? = nil,
        refreshClock: @escaping @Sendable () async throws -> Void = {},
        advanceClock: (@Sendable (_ seconds: Int64) async throws -> Void)? = nil,
        logger: Logger? = nil,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.databasePath = databasePath
        self.webhookEndpoints = webhookEndpoints
        self.webhookRetryDelays = webhookRetryDelays
        self.clock = clock
        self.refreshClock = refreshClock
        self.advanceClock = advanceClock
        self.logger = logger ?? Logger(label: "stripe-sandbox")
        self.onListening = onListening
    }
}

/// Why a sandbox was not made.
public enum SandboxConfigurationError: Error, CustomStringConvertible {
    /// The sandbox answers, and calls, this machine only.
    case notLoopback(String)

    public var description: String {
        switch self {
        case .notLoopback(let address): "\(address) is not an address of this machine"
        }
    }
}

/// Addresses that never leave the machine.
enum Loopback {
    static let hosts = ["127.0.0.1", "::1", "localhost"]

    static func isAllowed(url: String) -> Bool {
        guard url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst("http://".count).prefix { !"/?#".contains($0) }
        if authority.hasPrefix("[::1]") { return true }
        guard !authority.contains("@") else { return false }
        return hosts.contains(String(authority.prefix { $0 != ":" }))
    }
}

/// However a value that holds an endpoint is printed or logged, its secret is not told.
extension SandboxConfiguration.WebhookEndpoint: CustomStringConvertible,
    CustomDebugStringConvertible, CustomReflectable
{
    public var description: String { "WebhookEndpoint" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
