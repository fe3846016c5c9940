import Foundation
import Logging

/// Which of a group commit's two queues an operation waits in. Each batch takes those of the first
/// before those of the second, so that a single operation never waits for many that came before it
/// in one request.
public enum GroupCommitQueue: Sendable {
    /// For an operation that came alone.
    case single
    /// For one of many that came together. As many of these go into one batch as its bound allows.
    case bulk
}

/// Group commit: one thread that works operations off in batches. It takes whatever has arrived
/// while its previous batch was being made durable and carries it out in one database transaction:
/// one fsync serves the whole batch, and since there is no timer a lone operation waits for nobody.
package final class GroupCommit<Operation: Sendable>: Sendable {
    /// How many operations make a batch, and how many may wait for one.
    package struct Bounds: Sendable {
        /// Single operations in one database transaction.
        let maximumBatch: Int
        /// Operations of the bulk queue in one database transaction, beside the single ones.
        let maximumBulk: Int
        /// Single operations for which a waiting thread starts though more may be about to come.
        let worthwhileBatch: Int
        /// Operations that may wait in each queue; beyond it they are refused before any work is
        /// done.
        let maximumWaiting: Int

        package init(
            maximumBatch: Int, maximumBulk: Int, worthwhileBatch: Int, maximumWaiting: Int
        ) {
            self.maximumBatch = maximumBatch
            self.maximumBulk = maximumBulk
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

    private struct Queues {
        var single: [Operation] = []
        var bulk: [Operation] = []
        /// Of the batch that the thread is at.
        var inWork = 0
        var waiting: Int { single.count + bulk.count }
        var inProgress: Int { waiting + inWork }
        var isClosed = false
        /// Whether the thread is there.
        var isWorking = false
    }

    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var queues = Queues()
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
        condition.withLock { queues.isWorking = true }
        let thread = Thread { [self] in
            while let batch = nextBatch() { carryOut(batch, work) }
            condition.withLock {
                queues.isWorking = false
                condition.broadcast()
            }
        }
        thread.name = name
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// - Returns: false if the queue is full or closed; the operation is then not touched.
    package func submit(_ operation: Operation, to queue: GroupCommitQueue = .single) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard hasRoom(for: 1, in: queue) else { return false }
        let isFirst: Bool
        switch queue {
        case .single:
            queues.single.append(operation)
            isFirst = queues.single.count == 1
        case .bulk:
            queues.bulk.append(operation)
            isFirst = queues.bulk.count == 1
        }
        if isFirst {
            if !postpone({ [condition] in condition.signal() }) { condition.signal() }
        } else if queue == .single && queues.single.count == bounds.worthwhileBatch {
            condition.signal()
        }
        return true
    }

    /// Whether so many more operations may wait now.
    package func canTake(_ count: Int, in queue: GroupCommitQueue) -> Bool {
        condition.withLock { hasRoom(for: count, in: queue) }
    }

    private func hasRoom(for count: Int, in queue: GroupCommitQueue) -> Bool {
        let waiting = queue == .single ? queues.single.count : queues.bulk.count
        return !queues.isClosed && waiting + count <= bounds.maximumWaiting
    }

    /// Operations that wait, and those of the batch that is in work.
    package var inProgress: Int { condition.withLock { queues.inProgress } }

    /// What has been taken is still worked off.
    ///
    /// - Returns: how many operations wait for that, besides those of a batch that is in work.
    package func takeNoMore() -> Int {
        condition.withLock {
            queues.isClosed = true
            condition.broadcast()
            return queues.waiting
        }
    }

    /// Waits until what was taken before ``takeNoMore()`` is worked off, or until the deadline.
    package func finish(before deadline: Date) {
        condition.lock()
        defer { condition.unlock() }
        while queues.isWorking {
            guard condition.wait(until: deadline) else {
                logger.error(
                    "\(name) closes with operations unfinished",
                    metadata: ["operations": "\(queues.inProgress)"])
                return
            }
        }
    }

    private func nextBatch() -> [Operation]? {
        condition.lock()
        defer { condition.unlock() }
        queues.inWork = 0
        while queues.waiting == 0 {
            if queues.isClosed { return nil }
            condition.wait()
        }
        var batch = queues.single.removeFirst(atMost: bounds.maximumBatch)
        if !queues.bulk.isEmpty { batch += queues.bulk.removeFirst(atMost: bounds.maximumBulk) }
        queues.inWork = batch.count
        return batch
    }

    /// An operation that throws undoes the batch; it is found by carrying the operations out one by
    /// one, those of a large batch in smaller ones first. If the database is away they all fail:
    /// whether they were committed may not even be known, and whoever repeats one is told how it
    /// stands.
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
            let size = batch.count > bounds.maximumBatch ? bounds.maximumBatch : 1
            for start in stride(from: 0, to: batch.count, by: size) {
                carryOut(Array(batch[start..<min(start + size, batch.count)]), work)
            }
            return
        }
        work.record(batch, ContinuousClock.now - start)
        for operation in batch { work.answer(operation, nil) }
    }
}

extension Array {
    fileprivate mutating func removeFirst(atMost limit: Int) -> [Element] {
        guard count > limit else {
            defer { self = [] }
            return self
        }
        defer { removeFirst(limit) }
        return Array(prefix(limit))
    }
}
