import Database
import Foundation
import Logging
import Synchronization
import Testing

/// What was submitted before the thread starts waits for it, so that the batches are known.
@Suite("Group commit")
struct GroupCommitTests {
    private struct Refused: Error {}
    private static var later: Date { Date(timeIntervalSinceNow: 60) }

    /// What was done, in its order.
    private final class Diary: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }

        func note(_ line: String) { lines.withLock { $0.append(line) } }

        func work(
            _ transact: @escaping @Sendable ([Int]) throws -> Void = { _ in }
        ) -> GroupCommit<Int>.Work {
            GroupCommit.Work(
                transact: { batch in
                    self.note("transact \(batch)")
                    try transact(batch)
                },
                answer: { operation, error in
                    let answer =
                        switch error {
                        case nil: "done"
                        case DatabaseError.unavailable?: "away"
                        default: "failed"
                        }
                    self.note("\(operation) \(answer)")
                },
                record: { batch, _ in self.note("durable \(batch)") })
        }
    }

    private func group(
        batch: Int = 32, bulk: Int = 64, waiting: Int = 100
    ) -> GroupCommit<Int> {
        GroupCommit(
            name: "test",
            bounds: .init(
                maximumBatch: batch, maximumBulk: bulk, worthwhileBatch: 8,
                maximumWaiting: waiting),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            postpone: { _ in false })
    }

    /// Works off what was submitted, and nothing more.
    private func finish(_ group: GroupCommit<Int>, _ work: GroupCommit<Int>.Work) {
        _ = group.takeNoMore()
        group.start(work)
        group.finish(before: Self.later)
    }

    @Test("Nobody is answered before their batch is durable, and batches keep the order")
    func order() {
        let (group, diary) = (group(batch: 2), Diary())
        for operation in 1...3 { #expect(group.submit(operation)) }
        finish(group, diary.work())
        #expect(
            diary.all == [
                "transact [1, 2]", "durable [1, 2]", "1 done", "2 done",
                "transact [3]", "durable [3]", "3 done",
            ])
    }

    @Test("A batch that throws is carried out one by one, and who throws fails alone")
    func oneByOne() {
        let (group, diary) = (group(), Diary())
        for operation in 1...3 { #expect(group.submit(operation)) }
        finish(group, diary.work { if $0.contains(2) { throw Refused() } })
        #expect(
            diary.all == [
                "transact [1, 2, 3]", "transact [1]", "durable [1]", "1 done",
                "transact [2]", "2 failed", "transact [3]", "durable [3]", "3 done",
            ])
    }

    @Test("A lone operation that throws is not tried again")
    func lone() {
        let (group, diary) = (group(), Diary())
        #expect(group.submit(1))
        finish(group, diary.work { _ in throw Refused() })
        #expect(diary.all == ["transact [1]", "1 failed"])
    }

    @Test("If the database is away the whole batch fails, and nothing of it is tried again")
    func away() {
        let (group, diary) = (group(), Diary())
        for operation in 1...2 { #expect(group.submit(operation)) }
        finish(group, diary.work { _ in throw DatabaseError.unavailable("full") })
        #expect(diary.all == ["transact [1, 2]", "1 away", "2 away"])
    }

    @Test("More than may wait is refused and not touched")
    func full() {
        let (group, diary) = (group(waiting: 2), Diary())
        #expect(group.submit(1) && group.submit(2))
        #expect(!group.submit(3))
        #expect(group.inProgress == 2)
        finish(group, diary.work())
        #expect(diary.all.suffix(2) == ["1 done", "2 done"])
    }

    @Test("A single operation goes before the many that came together, however many these are")
    func singleFirst() {
        let (group, diary) = (group(batch: 2, bulk: 3), Diary())
        for operation in 1...7 { #expect(group.submit(operation, to: .bulk)) }
        for operation in 11...13 { #expect(group.submit(operation)) }
        finish(group, diary.work())
        #expect(
            diary.all.filter { $0.hasPrefix("transact") } == [
                "transact [11, 12, 1, 2, 3]", "transact [13, 4, 5, 6]", "transact [7]",
            ])
        #expect(diary.all.count { $0.hasSuffix(" done") } == 10)
    }

    @Test("Of many that came together a culprit is looked for among few")
    func pieces() {
        let (group, diary) = (group(batch: 2, bulk: 6), Diary())
        for operation in 1...6 { #expect(group.submit(operation, to: .bulk)) }
        finish(group, diary.work { if $0.contains(4) { throw Refused() } })
        #expect(
            diary.all == [
                "transact [1, 2, 3, 4, 5, 6]", "transact [1, 2]", "durable [1, 2]", "1 done",
                "2 done", "transact [3, 4]", "transact [3]", "durable [3]", "3 done",
                "transact [4]", "4 failed", "transact [5, 6]", "durable [5, 6]", "5 done", "6 done",
            ])
    }

    @Test("Those that came together fill up their own queue alone")
    func fullOfBulk() {
        let (group, diary) = (group(waiting: 2), Diary())
        #expect(group.canTake(2, in: .bulk) && !group.canTake(3, in: .bulk))
        #expect(group.submit(1, to: .bulk) && group.submit(2, to: .bulk))
        #expect(!group.submit(3, to: .bulk) && !group.canTake(1, in: .bulk))
        #expect(group.canTake(2, in: .single) && group.submit(4))
        #expect(group.inProgress == 3 && group.takeNoMore() == 3)
        #expect(!group.canTake(1, in: .single) && !group.submit(5, to: .bulk))
        group.start(diary.work())
        group.finish(before: Self.later)
        #expect(diary.all.first == "transact [4, 1, 2]")
    }

    @Test("Closed takes nothing more and finishes what it has taken")
    func closed() {
        let (group, diary) = (group(), Diary())
        #expect(group.submit(1) && group.submit(2))
        #expect(group.takeNoMore() == 2)
        #expect(!group.submit(3))
        finish(group, diary.work())
        #expect(diary.all == ["transact [1, 2]", "durable [1, 2]", "1 done", "2 done"])
        #expect(group.inProgress == 0)
    }

    @Test("Closing waits no longer than its deadline for a transaction that hangs")
    func deadline() {
        let (group, diary) = (group(), Diary())
        let gate = DispatchSemaphore(value: 0)
        #expect(group.submit(1))
        _ = group.takeNoMore()
        group.start(diary.work { _ in gate.wait() })
        group.finish(before: Date(timeIntervalSinceNow: -1))
        #expect(group.inProgress == 1)
        #expect(!diary.all.contains("1 done"))
        gate.signal()
        group.finish(before: Self.later)
        #expect(diary.all.last == "1 done")
    }
}
