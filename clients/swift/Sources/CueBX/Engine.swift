/// A service that had no `/extend`, or no `/capture`, is asked for it again after so long.
private let askedAgain = Duration.seconds(600)

/// What a client runs on: the sender, the spool, and the usages that are open.
@ClientActor
final class Engine {
    let options: Options
    let events: Events
    let sender: Sender
    let outage: Outage
    private(set) lazy var spool = Spool(
        folder: folder, adoptEvery: options.adoptEvery, events: events, outage: outage,
        adopt: { [weak self] in self?.takeOver($0) })
    var usages: [String: Usage] = [:]
    /// Since when the service may have these verbs for a product, which an older one lacks; nil: it
    /// was never without.
    private var (extendFrom, captureFrom) = ([Product: Instant](), [Product: Instant]())
    private(set) var isClosed = false
    /// The service's clock, in Unix seconds, less ours.
    private(set) var clockOffset = 0.0
    private let transport: Transport
    private let folder: String?

    /// - folder: nil: in memory.
    /// - exchange: in place of the network.
    init(
        url: String, internalKey: Secret, folder: String?, options: Options, events: Events,
        exchange: (@ClientActor ([Operation]) async -> [Reply])? = nil
    ) {
        let transport = Transport(
            url: url, internalKey: internalKey, answerTimeout: options.answerTimeout, events: events
        )
        self.transport = transport
        self.folder = folder
        self.options = options
        self.events = events
        sender = Sender(
            firstPause: options.firstPause, longestPause: options.longestPause, events: events,
            exchange: exchange ?? { await transport.send($0) })
        outage = Outage(options.outage, events: events)
        sender.heard = { [outage] in outage.heardAt = $0 }
        // What processes before this one have left need not wait for the first call.
        _ = spool
    }

    func canExtend(_ usage: Usage) -> Bool { extendFrom[usage.product].map { .now >= $0 } ?? true }
    func canCapture(_ usage: Usage) -> Bool {
        captureFrom[usage.product].map { .now >= $0 } ?? true
    }

    func noExtensions(for product: Product) {
        extendFrom[product] = .now + askedAgain
    }

    func noCaptures(for product: Product) {
        captureFrom[product] = .now + askedAgain
    }

    func register(_ answer: Answer, _ asking: Asking) -> Usage {
        let granted = UsageValidateResponse(answer.body)
        let usage = Usage(
            usageId: granted.usageId ?? "",
            userId: asking.customer == nil ? granted.userId ?? "" : "",
            clientId: asking.customer?.clientId ?? "",
            isTest: answer.body["is_test_key"] == true,
            creditsReserved: granted.creditsReserved ?? "0.00")
        usage.holdEnds = answer.holdEnds
        if let ends = usage.holdEnds {
            usage.holdSeconds = asking.holdSeconds ?? max(1, Int((ends - answer.received).seconds))
        }
        usages[usage.usageId] = usage
        noteTime(answer)
        return usage
    }

    func noteTime(_ answer: Answer) {
        guard let told = answer.date else { return }
        clockOffset = Double(told) - Double(unixMilliseconds()) / 1000
    }

    /// Sends it once the usage's operation before it was answered; with `isNext` before those that
    /// wait.
    func inOrder(_ usage: Usage, _ operation: Operation, isNext: Bool = false) {
        let done = operation.done
        operation.done = { reply in
            done(reply)
            usage.isBusy = false
            self.next(of: usage)
        }
        sender.count(1, isRest: operation.isRest)
        usage.waiting.insert(operation, at: isNext ? 0 : usage.waiting.count)
        next(of: usage)
    }

    private func next(of usage: Usage) {
        if usage.isBusy || usage.waiting.isEmpty { return }
        usage.isBusy = true
        let operation = usage.waiting.removeFirst()
        sender.submit(operation)
        sender.count(-1, isRest: operation.isRest)
    }

    /// Whether everything was acknowledged within the span.
    func flush(within span: Duration) async -> Bool {
        let deadline = ContinuousClock.now + span
        _ = await spool.hasLooked.wait(for: span, heedsCancellation: false)
        return await sender.becomesIdle(within: max(.zero, deadline - .now))
    }

    func close(within span: Duration) async -> Bool {
        let isEmpty = await flush(within: span)
        isClosed = true
        // Nobody asks any more; and each holds the other.
        for usage in usages.values { usage.dropped = nil }
        sender.stop()
        await spool.close(running: Set(usages.values.filter(\.isOpen).map(\.usageId)))
        await transport.close()
        return isEmpty
    }
}
