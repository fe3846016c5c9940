import Crypto
import GRDB
import HTTPClient
import JSON
import Logging

/// Sends what waits in the outbox, beside the calls that fill it.
///
/// A delivery that is not answered with 2xx in time has failed and is tried again on a schedule
/// (docs.stripe.com/webhooks). It leaves the outbox only after its answer, so a restart repeats it.
final class WebhookDeliverer: Sendable {
    static let maximumInFlight = 4
    static let batchSize = 32
    static let timeout: Duration = .seconds(10)

    private let queue: DatabaseQueue
    private let client: HTTPClient
    private let knobs: TestKnobs
    private let retryDelays: [Duration]
    private let logger: Logger
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(
        queue: DatabaseQueue, client: HTTPClient, knobs: TestKnobs, retryDelays: [Duration],
        logger: Logger
    ) {
        self.queue = queue
        self.client = client
        self.knobs = knobs
        self.retryDelays = retryDelays
        self.logger = logger
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that something may be due.
    func wake() { signal.yield() }

    /// Works until the task is canceled. What is on its way by then is waited for.
    func run() async {
        for await _ in signals {
            do {
                while try await sendBatch(), !Task.isCancelled {}
            } catch is CancellationError where Task.isCancelled {
                return
            } catch {
                logger.error("webhooks could not be delivered", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Sends one batch of what is due; false when there was nothing.
    private func sendBatch() async throws -> Bool {
        let version = knobs.webhooks.version
        let batch = try await queue.write { db in
            try Delivery.due(db, limit: Self.batchSize, inVersion: version)
        }
        guard !batch.isEmpty else { return false }
        // What was released or shuffled arrives in that order: one at a time.
        let inFlight = batch.contains(where: \.isInOrder) ? 1 : Self.maximumInFlight
        await withTaskGroup(of: Void.self) { group in
            for (place, delivery) in batch.enumerated() {
                if place >= inFlight { await group.next() }
                // The others are still due.
                guard !Task.isCancelled else { return }
                group.addTask { await self.deliver(delivery) }
            }
        }
        return true
    }

    private func deliver(_ delivery: Delivery) async {
        let problem = await send(delivery)
        // A task of its own is not canceled with this one: what a shutdown did not let be recorded
        // would be sent again.
        let recording = Task {
            try await queue.write { db in
                try delivery.record(problem: problem, retryDelays: self.retryDelays, db)
            }
        }
        do {
            try await recording.value
        } catch {
            logger.error("a delivery was not recorded", metadata: ["error": "\(error)"])
        }
    }

    /// Sends one webhook; nil when it was received, else what went wrong.
    private func send(_ delivery: Delivery) async -> String? {
        if knobs.takeDrop() { return "dropped by a test" }
        let settings = knobs.webhooks
        let time = WallClock.seconds() + settings.timestampOffset
        let secrets = settings.secrets ?? [delivery.secret]
        var signatures = secrets.map {
            WebhookSignature.make(time: time, body: delivery.body, secret: $0)
        }
        if settings.badSignature { signatures = signatures.map { String($0.reversed()) } }
        let header = ["t=\(time)"] + signatures.map { "v1=\($0)" }
        let request = HTTPRequest(
            "POST", delivery.url,
            headers: [
                ("Content-Type", "application/json; charset=utf-8"),
                ("Stripe-Signature", header.joined(separator: ",")),
                ("User-Agent", "Stripe/1.0 (sandbox)"),
            ], body: Array(delivery.body.utf8), timeout: Self.timeout)
        do {
            let response = try await client.send(request)
            return (200..<300).contains(response.status) ? nil : "status \(response.status)"
        } catch {
            return "\(error)"
        }
    }
}

/// `v1`: HMAC-SHA256 over the time, a dot and the raw body, keyed with the whole secret as text
/// (docs.stripe.com/webhooks/signature).
enum WebhookSignature {
    static func make(time: Int64, body: String, secret: String) -> String {
        let key = SymmetricKey(data: Array(secret.utf8))
        let payload = Array("\(time).\(body)".utf8)
        return HMAC<SHA256>.authenticationCode(for: payload, using: key)
            .map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
    }
}
