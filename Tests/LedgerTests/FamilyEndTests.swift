import Foundation
import Ledger
import Testing
import Values

@Suite("How families of holds end")
struct FamilyEndTests: FamilySuite {
    var ledger: TestLedger
    let user: UUID

    init() throws { (ledger, user) = try Self.made() }

    @Test("What a child gives back goes to its open parent, else to the balance")
    mutating func givesBack() throws {
        let run = try hold("run", "run")
        let first = try hold("a", of: run)
        let second = try hold("b", of: run)
        commit(first, "1")
        #expect([held(run), lent(run)] == ["6.00", "4.00"])
        commit(run, "0.5")
        #expect(pool == ["3.00", "1.50"])
        commit(second, success: false)
        #expect(pool == ["0.00", "1.50"])
        #expect(lent(run) == "4.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A child lapses by itself; by the clock its parent has back what it held")
    mutating func lapses() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run, seconds: 60)
        ledger.advance(seconds: 60)
        // Nobody has written it down yet.
        #expect(held(run) == "7.00")
        guard case .applied(.success, let charged, _, _, _, _) = commit(run) else {
            Issue.record("the run is not committed")
            return
        }
        #expect(charged.decimal == "10.00")
        #expect(status(child) == .expired)
        #expect(pool == ["0.00", "10.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Of a child and a parent that have both lapsed the earlier one gives back first")
    mutating func bothLapse() throws {
        for (child, parent) in [(Int64(60), Int64(120)), (120, 60), (60, 60)] {
            let run = try hold("run \(child) \(parent)", "run", seconds: parent)
            _ = try hold("a \(child) \(parent)", of: run, seconds: child)
            ledger.advance(seconds: 200)
            settle()
            #expect(pool == ["0.00", "0.00"])
            #expect(lent(run) == (child <= parent ? "0.00" : "3.00"))
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A late child is charged of its open parent alone")
    mutating func late() throws {
        let run = try hold("run", "run", seconds: 900)
        let child = try hold("a", "late", of: run, seconds: 60)
        ledger.advance(seconds: 61)
        commit(child)
        #expect(ledger.logs[child]?.isLate == true)
        #expect([held(run), lent(run)] == ["7.00", "3.00"])
        let second = try hold("b", "late", of: run, seconds: 60)
        ledger.advance(seconds: 61)
        commit(run)
        commit(second)
        #expect(ledger.logs[second]?.creditsCharged == .zero)
        #expect(ledger.logs[second]?.creditsNotCharged.decimal == "3.00")
        #expect(pool == ["0.00", "10.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Canceling a call ends all that run below it, also below one that has ended")
    mutating func cancels() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        let leaf = try hold("b", "free", of: child)
        #expect(raise(leaf, "1") == "extended")
        commit(child, "1")
        let taken = try hold("c", of: run)
        ledger.apply(
            AcceptCommit(
                CommitUsage(
                    userID: user, usageID: taken, result: .success, metrics: UsageLog.Metrics())))
        guard case .done(let state, isReplay: false, _) = cancel(run) else {
            Issue.record("the run is not canceled")
            return
        }
        #expect(state.status == .failed)
        #expect([status(run), status(leaf)] == [.failed, .failed])
        #expect(ledger.logs[leaf]?.failure?.type == .canceled)
        #expect([status(child), status(taken)] == [.success, .pending])
        commit(taken)
        #expect(pool == ["0.00", "4.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A child's cancellation leaves its parent and its siblings running")
    mutating func cancelsOne() throws {
        let run = try hold("run", "run")
        let (child, sibling) = (try hold("a", of: run), try hold("b", of: run))
        _ = cancel(child)
        #expect([status(child), status(sibling), status(run)] == [.failed, .pending, .pending])
        #expect(held(run) == "7.00")
    }

    @Test("Canceling once more ends what still runs below; a committed call's family runs on")
    mutating func cancelsAgain() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        commit(run, success: false)
        #expect(status(child) == .pending)
        guard case .done(_, isReplay: true, _) = cancel(run) else {
            Issue.record("a failed call is not as good as canceled")
            return
        }
        #expect(status(child) == .failed)
        let done = try hold("run 2", "run")
        let orphan = try hold("b", of: done)
        commit(done)
        guard case .refused(.alreadyEnded, _) = cancel(done) else {
            Issue.record("a committed call is canceled")
            return
        }
        #expect(status(orphan) == .pending)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("An accepted commit is not charged what children give back after it")
    mutating func accepted() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        let told = CommitUsage(
            userID: user, usageID: run, result: .success, metrics: UsageLog.Metrics())
        ledger.apply(AcceptCommit(told))
        commit(child, success: false)
        commit(run, acceptedAt: ledger.now)
        #expect(pool == ["0.00", "7.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Canceling a call that has lapsed is refused, and ends what still runs below it")
    mutating func cancelsLapsed() throws {
        for isNoted in [false, true] {
            let run = try hold("run \(isNoted)", "run", seconds: 60)
            let child = try hold("a \(isNoted)", of: run, seconds: 70)
            let leaf = try hold("b \(isNoted)", "free", of: child, seconds: 900)
            #expect(raise(leaf, "1") == "extended")
            ledger.advance(seconds: 80)
            if isNoted { settle() }
            guard case .refused(.alreadyEnded, let state) = cancel(run) else {
                Issue.record("a call that has lapsed is canceled")
                return
            }
            #expect(state.status == .expired)
            #expect([status(run), status(child), status(leaf)] == [.expired, .expired, .failed])
            #expect(pool == ["0.00", "0.00"] && ledger.brokenInvariants() == [])
        }
    }

    @Test("A queued commit in time counts though the call and then its parent have lapsed since")
    mutating func lapsedAbove() throws {
        for success in [true, false] {
            let run = try hold("run \(success)", "run", seconds: 120)
            let child = try hold("a \(success)", of: run, seconds: 60)
            let accepted = ledger.now.adding(seconds: 30)
            ledger.advance(seconds: 200)
            commit(child, success ? "1" : nil, success: success, acceptedAt: accepted)
            #expect([status(run), status(child)] == [.expired, success ? .success : .failed])
            #expect(pool == ["0.00", "1.00"] && ledger.brokenInvariants() == [])
        }
    }

    @Test("The balances told count what a lapsed child gave back to its parent once")
    mutating func balances() throws {
        let run = try hold("run", "run", seconds: 900)
        let middle = try hold("m", of: run, seconds: 60)
        _ = try hold("l", "free", of: middle, seconds: 60)
        let alone = try hold("alone", seconds: 60)
        ledger.advance(seconds: 60)
        let next = try hold("next")
        #expect([status(middle), status(alone)] == [.expired, .expired])
        #expect(ledger.logs[next]?.balances.before?.decimal == "15.00")
        settle()
        commit(run, "10")
        #expect(ledger.logs[middle]?.balances.after?.decimal == "15.00")
        #expect(ledger.logs[run]?.balances.after?.decimal == "12.00")
    }

    @Test("What lapses gives back as far up as its family has lapsed, however much is taken up")
    mutating func lapsesFarBelow() throws {
        let run = try hold("run", "run", seconds: 900)
        let child = try hold("a", of: run, seconds: 120)
        let leaf = try hold("b", "free", of: child, seconds: 60)
        #expect(raise(leaf, "1") == "extended")
        ledger.advance(seconds: 200)
        let all = try [run, child, leaf].map { try #require(ledger.logs[$0]) }
        let suite = self
        let batch = try suite.settled(all, overdue: leaf)
        #expect(
            [leaf, child, run].map { batch.logs[$0]?.status } == [.expired, .expired, .pending])
        #expect(batch.logs[run]?.creditsLent == .zero)
        #expect(batch.entries[user]?.account?.context.reserved.decimal == "10.00")
        // Where what runs above is not known, nothing is decided.
        #expect(throws: LedgerDefect.self) { try suite.settled([all[1], all[2]], overdue: leaf) }
    }

    /// A batch that loaded these calls and has taken up one of those that are overdue.
    private func settled(_ logs: [UsageLog], overdue: UUID) throws -> LedgerBatch {
        var batch = LedgerBatch(
            entries: [
                user: .init(user: .active, account: ledger.accounts[user], overdue: [overdue])
            ], logs: logs, knownGrants: [])
        _ = try batch.apply(SettleAccount(userID: user), ledger.rules, clock: ledger.now)
        return batch
    }
}
