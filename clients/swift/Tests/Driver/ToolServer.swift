import CueBX
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

private let feature = "career.job_match"
private let tasks = 6

/// Makes calls until it is killed; some ask again for what others asked before. A line in the
/// record before and after each run says what really happened.
struct ToolServer {
    let url: String
    let spool: String
    let record: String
    let seed: String
    let tokens: [String]
    /// Whether calls run while the service is away.
    let hasOutages: Bool

    private final class Asked: Sendable {
        let calls = Mutex<[(user: Int, request: String)]>([])
    }

    func run() async throws {
        var options = Options()
        options.adoptEvery = .milliseconds(200)
        options.firstPause = .milliseconds(10)
        options.longestPause = .milliseconds(100)
        if hasOutages {
            options.validateBudget = .milliseconds(100)
            options.outage = .failOpenWithJournal(
                maxCredits: "10000000", maxDuration: .seconds(3600),
                verifyToken: { try userId(of: $0) })
        }
        let client = try Client(url: url, spool: spool, options: options)
        let descriptor = open(record, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        write("began -", descriptor)
        let asked = Asked()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<tasks {
                group.addTask { try await work(number, client, descriptor, asked) }
            }
            try await group.waitForAll()
        }
    }

    private func work(
        _ number: Int, _ client: Client, _ descriptor: Int32, _ asked: Asked
    ) async throws {
        var draw = Draw("\(seed)-\(number)")
        while true {
            var call = (
                user: Int.random(in: tokens.indices, using: &draw),
                request: "\(seed)-\(number)-\(draw.next())"
            )
            if Double.random(in: 0...1, using: &draw) < 0.2 {
                call = asked.calls.withLock { $0.randomElement(using: &draw) } ?? call
            }
            asked.calls.withLock { [call] in $0.append(call) }
            let fails = Double.random(in: 0...1, using: &draw) < 0.2
            let pause = Bool.random(using: &draw) ? Int.random(in: 0...20, using: &draw) : 0
            let (user, request) = call
            let usage = Mutex("")
            do {
                try await client.metered(
                    feature, user: tokens[user], payload: "p", CallDetails(requestId: request)
                ) { call in
                    usage.withLock { $0 = call.usageId }
                    write("ran \(call.usageId) \(user) \(request)", descriptor)
                    try await Task.sleep(for: .milliseconds(pause))
                    if fails { throw ToolError.timedOut }
                }
                write("success \(usage.withLock { $0 })", descriptor)
            } catch ToolError.timedOut {
                write("failure \(usage.withLock { $0 })", descriptor)
            } catch let error as CueBXError
                where error.kind == .alreadyRunning || error.kind == .alreadyFinished
            {
                write("known -", descriptor)
            } catch let error as CueBXError where hasOutages && error.kind == .unavailable {
                write("away -", descriptor)
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private func write(_ line: String, _ descriptor: Int32) {
        say(Array("\(line)\n".utf8), to: descriptor)
    }
}

/// Breaks off streams at random points, by their consumers, their providers and by cancellation.
/// Says of each that was entered its usage, how it was to end, and how many chunks its consumer has
/// got.
struct BrokenStreams {
    let url: String
    let spool: String
    let token: String
    let number: Int
    let seed: String

    private static let ways = [
        "consumer leaves", "provider fails", "canceled", "canceled at once", "to the end",
    ]

    /// How many streams are still to be begun.
    private final class Left: Sendable {
        let number: Mutex<Int>

        init(_ number: Int) {
            self.number = Mutex(number)
        }

        func take() -> Bool {
            number.withLock { number in
                number -= 1
                return number >= 0
            }
        }
    }

    /// What a provider sends.
    private struct Chunks: AsyncSequence {
        let length: Int
        let failsAt: Int?

        func makeAsyncIterator() -> Iterator { Iterator(chunks: self) }

        struct Iterator: AsyncIteratorProtocol {
            let chunks: Chunks
            var handed = 0

            mutating func next() async throws -> String? {
                if handed == chunks.failsAt { throw ToolError.connectionRefused }
                await Task.yield()
                try Task.checkCancellation()
                if handed == chunks.length { return nil }
                handed += 1
                return String(repeating: "word ", count: handed)
            }
        }
    }

    func run() async throws {
        var options = Options()
        options.captureEvery = .milliseconds(1)
        let client = try Client(url: url, spool: spool, options: options)
        let left = Left(number)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<32 {
                group.addTask {
                    var draw = Draw("\(seed)-\(worker)")
                    while left.take() {
                        await one(client, &draw)
                    }
                }
            }
        }
        while await client.open > 0 { await Task.yield() }
        await client.close(within: .seconds(120))
    }

    private func one(_ client: Client, _ draw: inout Draw) async {
        let (length, at) = (
            Int.random(in: 0..<6, using: &draw), Int.random(in: 0..<7, using: &draw)
        )
        let way = Self.ways.randomElement(using: &draw) ?? ""
        let turns = Int.random(in: 0..<12, using: &draw)
        let task = Task { try await stream(client, way, length: length, at: at) }
        if way == "canceled at once" {
            for _ in 0..<turns { await Task.yield() }
            task.cancel()
        }
        _ = await task.result
    }

    private func stream(_ client: Client, _ way: String, length: Int, at: Int) async throws {
        let stream = try await client.stream(feature, user: token) { _ in
            Chunks(length: length, failsAt: way == "provider fails" ? at : nil)
        }
        var handed = 0
        defer { say(Array("\(stream.call.usageId) \(handed) \(way)\n".utf8)) }
        for try await _ in stream {
            handed += 1
            if handed <= at { continue }
            if way == "consumer leaves" { break }
            if way == "canceled" { withUnsafeCurrentTask { $0?.cancel() } }
        }
    }
}
