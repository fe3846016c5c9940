import Foundation

/// A bounded queue of transfers, served by dedicated threads that each own one curl handle.
///
/// libcurl's easy interface blocks its thread, so it must not run on Swift's cooperative pool; a
/// handle keeps its connections open between transfers and belongs to one thread at a time.
///
/// The state below `condition` is touched only while it is locked, hence `@unchecked`.
final class TransferPool: @unchecked Sendable {
    enum Refusal: Sendable {
        case queueFull
        case shutDown
        case noHandle
    }

    /// Exactly one of the two closures is called, once.
    struct Job: Sendable {
        /// Returns what hands the outcome over. That runs once the thread is free again, so that
        /// a caller's next request finds it, and its open connection.
        let run: @Sendable (CurlHandle) -> @Sendable () -> Void
        let refuse: @Sendable (Refusal) -> Void
    }

    private let name: String
    private let maximumInFlight: Int
    private let maximumQueued: Int

    private let condition = NSCondition()
    private var waiting: [Job] = []
    private var running = 0
    private var threads = 0
    private var isShutDown = false

    init(name: String, maximumInFlight: Int, maximumQueued: Int) {
        precondition(maximumInFlight > 0 && maximumQueued > 0)
        self.name = name
        self.maximumInFlight = maximumInFlight
        self.maximumQueued = maximumQueued
    }

    func add(_ job: Job) {
        if let refusal = accept(job) { job.refuse(refusal) }
    }

    func shutdown() {
        for job in stopAccepting() { job.refuse(.shutDown) }
    }

    private func accept(_ job: Job) -> Refusal? {
        condition.lock()
        defer { condition.unlock() }
        if isShutDown { return .shutDown }
        guard waiting.count + running < maximumQueued + maximumInFlight else { return .queueFull }
        waiting.append(job)
        let freeThreads = threads - running
        if waiting.count > freeThreads && threads < maximumInFlight {
            startThread()
        } else {
            condition.signal()
        }
        return nil
    }

    private func stopAccepting() -> [Job] {
        condition.lock()
        defer { condition.unlock() }
        isShutDown = true
        let refused = waiting
        waiting = []
        condition.broadcast()
        return refused
    }

    private func startThread() {
        threads += 1
        let thread = Thread { self.serve() }
        thread.name = "\(name)-\(threads)"
        thread.start()
    }

    private func serve() {
        blockBrokenPipeSignal()
        let handle = CurlHandle()
        while let job = takeJob() {
            let handOver = handle.map(job.run) ?? { job.refuse(.noHandle) }
            finishJob()
            handOver()
        }
    }

    private func takeJob() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while waiting.isEmpty && !isShutDown { condition.wait() }
        guard !waiting.isEmpty else { return nil }
        running += 1
        return waiting.removeFirst()
    }

    private func finishJob() {
        condition.lock()
        defer { condition.unlock() }
        running -= 1
    }

    /// OpenSSL writes to a connection that the other side has closed with plain `write`, whose
    /// signal would end the process, and CURLOPT_NOSIGNAL leaves signals to us.
    private func blockBrokenPipeSignal() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}
