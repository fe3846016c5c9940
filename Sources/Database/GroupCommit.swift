import Foundation
import Logging

/// Group commit: one thread that works operations off in batches. It takes whatever has arrived
/// while its previous batch was being made durable and carries it out in one database transaction:
/// one fsync serves the whole batch, and since there is no timer a lone operation waits for nobody.
package final class GroupCommit<Operation: Sendable>: Sendable {
    /// How many operations make a batch, and how many may wait for one.
    package struct Bounds: Sendable {
        /// Operations in one database transaction.
        let maximumBatch: Int
        /// Operations for which a waiting thread starts though more may be about to come.
        let worthwhileBatch: Int
        /// Operations that may wait; beyond it they are refused before any work is done.
        let maximumWaiting: Int

        package init(maximumBatch: Int, worthwhileBatch: Int, maximumWaiting: Int) {
            self.maximumBatch = maximumBatch
            self.worthwhileBatch = worthwhileBatch
            self.maximumWaiting = maximumWaiting
        }
    }

    /// What is done with a batch; all of it on the group commit's thread.
    package struct Work: Sendable {
        /// Carries the operations out in one database transaction, which is durable when this
        /// returns.
        let transact: @Sendable ([Operation]) throws -> Void
        /// Answers an operation: with no error once it is durable.
        let answer: @Sendable (Operation, (any Error)?) -> Void
        /// Is told of a durable batch before its operations are answered.
        let record: @Sendable ([Operation], Duration) -> Void

        package init(
            transact: @escaping @Sendable ([Operation]) throws -> Void,
            answer: @escaping @Sendable (Operation, (any Error)?) -> Void,
            record: @escaping @Sendable ([Operation], Duration) -> Void
        ) {
            self.transact = transact
            self.answer = answer
            self.record = record
        }
    }

    private struct Queue {
        var operations: [Operation] = []
        /// Of the batch that the thread is at.
        var inWork = 0
        var inProgress: Int { operations.count + inWork }
        var isClosed = false
        /// Whether the thread is there.
        var isWorking = false
    }

    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var queue = Queue()
    private let name: String
    private let bounds: Bounds
    private let postpone: @Sendable (@escaping @Sendable () -> Void) -> Bool
    private let logger: Logger

    /// - Parameters:
    ///   - name: of the thread, and of what the log calls it.
    ///   - postpone: runs what it is given once the caller's event loop has come round, so that
    ///     what the loop's other connections have goes into the same batch; false if the caller is
    ///     on none, and nothing was postponed.
    package init(
        name: String, bounds: Bounds, logger: Logger,
        postpone: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool
    ) {
        self.name = name
        self.bounds = bounds
        self.logger = logger
        self.postpone = postpone
    }

    /// Starts the thread.
    package func start(_ work: Work) {
        condition.withLock { queue.isWorking = true }
        let thread = Thread { [self] in
            while let batch = nextBatch() { carryOut(batch, work) }
            condition.withLock {
                queue.isWorking = false
                condition.broadcast()
            }
        }
        thread.name = name
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// - Returns: false if it is full or closed; the operation is then not touched.
    package func submit(_ operation: Operation) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !queue.isClosed, queue.operations.count < bounds.maximumWaiting else { return false }
        queue.operations.append(operation)
        switch queue.operations.count {
        case 1:
            if !postpone({ [condition] in condition.signal() }) { condition.signal() }
        case bounds.worthwhileBatch: condition.signal()
        default: break
        }
        return true
    }

    /// Operations that wait, and those of the batch that is in work.
    package var inProgress: Int { condition.withLock { queue.inProgress } }

    /// What has been taken is still worked off.
    ///
    /// - Returns: how many operations wait for that, besides those of a batch that is in work.
    package func takeNoMore() -> Int {
        condition.withLock {
            queue.isClosed = true
            condition.broadcast()
            return queue.operations.count
        }
    }

    /// Waits until what was taken before ``takeNoMore()`` is worked off, or until the deadline.
    package func finish(before deadline: Date) {
        condition.lock()
        defer { condition.unlock() }
        while queue.isWorking {
            guard condition.wait(until: deadline) else {
                logger.error(
                    "\(name) closes with operations unfinished",
                    metadata: ["operations": "\(queue.inProgress)"])
                return
            }
        }
    }

    private func nextBatch() -> [Operation]? {
        condition.lock()
        defer { condition.unlock() }
        queue.inWork = 0
        while queue.operations.isEmpty {
            if queue.isClosed { return nil }
            condition.wait()
        }
        queue.inWork = min(queue.operations.count, bounds.maximumBatch)
        guard queue.operations.count > bounds.maximumBatch else {
            defer { queue.operations = [] }
            return queue.operations
        }
        defer { queue.operations.removeFirst(bounds.maximumBatch) }
        return Array(queue.operations.prefix(bounds.maximumBatch))
    }

    /// An operation that throws undoes the batch; it is found by carrying the operations out one by
    /// one. If the database is away they all fail: whether they were committed may not even be
    /// known, and whoever repeats one is told how it stands.
    private func carryOut(_ batch: [Operation], _ work: Work) {
        let start = ContinuousClock.now
        do {
            try work.transact(batch)
        } catch DatabaseError.unavailable(let reason) {
            for operation in batch { work.answer(operation, DatabaseError.unavailable(reason)) }
            return
        } catch {
            guard batch.count > 1 else {
                work.answer(batch[0], error)
                return
            }
            // Whose operation it was is told, and tells what it means.
            logger.debug("batch rolled back", metadata: ["error": "\(error)"])
            for operation in batch { carryOut([operation], work) }
            return
        }
        work.record(batch, ContinuousClock.now - start)
        for operation in batch { work.answer(operation, nil) }
    }
}
