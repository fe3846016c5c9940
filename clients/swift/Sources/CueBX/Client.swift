#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

private let defaultURL = "http://127.0.0.1:8080"
private let defaultFolder = "var/cuebx-spool"
private let memory = "memory"

/// Meters an AI tool server's calls: hold before, settle after, lose or double nothing, whatever
/// breaks. One for the whole process, for all its tasks.
public final class Client: Sendable, CustomStringConvertible {
    public let url: String
    public let options: Options
    let core: Core

    /// - url: of the service; `CUEBX_URL`, else http://127.0.0.1:8080.
    /// - internalKey: the tool server's key; `CUEBX_INTERNAL_KEY`, else the one of development,
    ///   which is taken for loopback addresses only.
    /// - spool: a folder for what must outlive this process; `CUEBX_SPOOL`, else `var/cuebx-spool`.
    ///   "memory" keeps it nowhere: a process that is killed then loses the outcomes not yet told,
    ///   whose holds end by themselves and cost nothing.
    /// - activeSpan: the span in which a call is made; it is asked in the task that calls.
    /// - onEvent: called with each event, on any thread; it should return at once. Throws `misused`
    ///   if the key is missing.
    public init(
        url: String? = nil, internalKey: String? = nil, spool: String? = nil,
        options: Options = Options(), activeSpan: (@Sendable () -> (any CallSpan)?)? = nil,
        onEvent: (@Sendable (Event) -> Void)? = nil
    ) throws {
        let url = url ?? setting("CUEBX_URL") ?? defaultURL
        guard let key = internalKey ?? setting("CUEBX_INTERNAL_KEY") ?? keyOfDevelopment(url) else {
            throw CueBXError(.misused, "internalKey, or CUEBX_INTERNAL_KEY, is missing.")
        }
        let folder = spool ?? setting("CUEBX_SPOOL") ?? defaultFolder
        try options.outage.judge(hasDisk: folder != memory)
        let events = Events(listener: onEvent)
        if folder == memory { events.tell("spool_volatile") }
        self.url = url
        self.options = options
        core = Core(
            url: url, internalKey: Secret(text: key),
            folder: folder == memory ? nil : absolute(folder), options: options, events: events,
            activeSpan: activeSpan)
        let core = core
        // What processes before this one have left need not wait for the first call.
        Task { @ClientActor in _ = core.engine() }
    }

    deinit {
        let (core, budget) = (core, options.closeBudget)
        Task { await core.close(within: budget) }
    }

    public var description: String { "Client(\(host(of: url)))" }

    /// Asks before the body, settles after it. Returns what the body returns, once the outcome is
    /// on the disk; throws what the body throws, or a `CueBXError` that kept the call from running:
    /// `outOfCredits`, `rateLimited`, `unavailable` …
    /// - feature: its key in the catalog.
    /// - user: the user's access token, with or without "Bearer ".
    public func metered<Value>(
        _ feature: String, user: String, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        body: (Call) async throws -> Value
    ) async throws -> Value {
        let asking = try Asking(feature: feature, user: user, payload: payload, details: details)
        return try await metered(asking, isolation: isolation, body: body)
    }

    func metered<Value>(
        _ asking: Asking, isolation: isolated (any Actor)?, body: (Call) async throws -> Value
    ) async throws -> Value {
        let call = try await core.begin(asking, client: self)
        let value: Value
        do {
            value = try await body(call)
        } catch {
            await call.end(error)
            throw error
        }
        await call.end()
        return value
    }

    /// A stream that is a whole call, for an answer that is streamed after the handler has
    /// returned. A refusal is thrown here, before anything of the answer is sent.
    /// - source: the chunks, e.g. a provider's; what it throws fails the call.
    /// - reading: what a chunk says.
    public func stream<Source: AsyncSequence>(
        _ feature: String, user: String, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        reading: @escaping @Sendable (Source.Element) -> ChunkContent,
        source: (Call) async throws -> Source
    ) async throws -> MeteredStream<Source> {
        let asking = try Asking(feature: feature, user: user, payload: payload, details: details)
        return try await stream(asking, isolation: isolation, reading: reading, source: source)
    }

    func stream<Source: AsyncSequence>(
        _ asking: Asking, isolation: isolated (any Actor)?,
        reading: @escaping @Sendable (Source.Element) -> ChunkContent,
        source: (Call) async throws -> Source
    ) async throws -> MeteredStream<Source> {
        let call = try await core.begin(asking, client: self)
        do {
            return MeteredStream(call.stream(try await source(call), reading: reading))
        } catch {
            await call.end(error)
            throw error
        }
    }

    /// The same for chunks that say it themselves.
    public func stream<Source: AsyncSequence>(
        _ feature: String, user: String, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        source: (Call) async throws -> Source
    ) async throws -> MeteredStream<Source> where Source.Element: MeteredChunk {
        try await stream(
            feature, user: user, payload: payload, details, reading: \.content, source: source)
    }

    /// For what has no body of its own: whoever begins must end the call, by `call.end`.
    public func begin(
        _ feature: String, user: String, payload: Payload = "",
        _ details: CallDetails = CallDetails()
    ) async throws -> Call {
        let asking = try Asking(feature: feature, user: user, payload: payload, details: details)
        return try await core.begin(asking, client: self)
    }

    /// Whether the service has acknowledged everything within the span.
    public func flush(within span: Duration = .seconds(10)) async -> Bool {
        await core.engine()?.flush(within: span) ?? true
    }

    /// Sends what is left for so long (`closeBudget`), and lets the spool go. Whether all of it was
    /// acknowledged; the rest is told by the next process.
    @discardableResult
    public func close(within span: Duration? = nil) async -> Bool {
        await core.close(within: span ?? options.closeBudget)
    }
}

/// The client without its face: it lives until its last call has ended.
@ClientActor
final class Core {
    private let make: @ClientActor () -> Engine
    private let options: Options
    private let activeSpan: (@Sendable () -> (any CallSpan)?)?
    private var running: Engine?
    private var closing: Task<Bool, Never>?

    nonisolated init(
        url: String, internalKey: Secret, folder: String?, options: Options, events: Events,
        activeSpan: (@Sendable () -> (any CallSpan)?)?
    ) {
        self.options = options
        self.activeSpan = activeSpan
        make = {
            Engine(
                url: url, internalKey: internalKey, folder: folder, options: options, events: events
            )
        }
    }

    /// Nil once it is closed.
    func engine() -> Engine? {
        if closing != nil { return nil }
        let engine = running ?? make()
        running = engine
        return engine
    }

    func begin(_ asking: Asking, client: Client) async throws -> Call {
        guard let engine = engine() else { throw CueBXError(.misused, "The client was closed.") }
        var asking = asking
        asking.span = activeSpan?()
        try await engine.spool.ensure(asking.customer == nil ? .users : .customers)
        try Task.checkCancellation()
        if engine.sender.waiting >= options.mostWaiting {
            throw CueBXError(.overloaded, "Too many calls are waiting to be asked for.")
        }
        return try await Entry(engine, asking).call(of: client)
    }

    @discardableResult
    func close(within span: Duration) async -> Bool {
        if let closing { return await closing.value }
        let engine = running
        running = nil
        let task = Task { @ClientActor in await engine?.close(within: span) ?? true }
        closing = task
        return await task.value
    }

    /// How many operations wait to be sent, and how many usages are open.
    var counts: (waiting: Int, open: Int) {
        (running?.sender.queued ?? 0, running?.usages.count ?? 0)
    }
}

extension Client {
    /// How many operations wait to be sent; for tests.
    package var waiting: Int { get async { await core.counts.waiting } }
    /// How many calls are not acknowledged yet; for tests.
    package var open: Int { get async { await core.counts.open } }
}

private func setting(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
}

private func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return "\(String(cString: here))/\(path)"
}

private func keyOfDevelopment(_ url: String) -> String? {
    ["127.0.0.1", "localhost", "[::1]"].contains(host(of: url)) ? "dev-internal-key" : nil
}

/// Without who asks and the port.
private func host(of url: String) -> String {
    var rest = url[...]
    if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
    rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
    if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") { return String(rest[...end]) }
    return String(rest.prefix { $0 != ":" })
}
