import Foundation
import Ledger
import Testing
import Values

@Suite("A commit that was accepted for later")
struct AcceptedCommitTests {
    var ledger = TestLedger()
    let credit = Credits(decimal: "1")!

    private func commit(
        _ user: UUID, _ usage: UUID, success: Bool = true
    ) -> CommitUsage {
        CommitUsage(
            userID: user, usageID: usage,
            result: success
                ? .success : .failure(UsageLog.Failure(type: .timeout, reason: "slow")),
            metrics: UsageLog.Metrics())
    }

    @Test("It stands: who says otherwise afterwards is refused", arguments: [true, false])
    mutating func contradicted(success: Bool) {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let accepted = AcceptCommit(commit(user, usage, success: success))
        #expect(ledger.apply(accepted) == .accepted(charged: .zero))
        let before = ledger.logs[usage]
        let refused = CommitUsage.Outcome.refused(
            success ? .success : .failed, charged: success ? credit : .zero)
        #expect(ledger.commit(user, usage, success: !success) == refused)
        #expect(
            ledger.apply(AcceptCommit(commit(user, usage, success: !success)))
                == .settled(refused))
        #expect(ledger.logs[usage] == before && ledger.context(user).reserved == credit)
        // From the queue, an hour later.
        ledger.advance(seconds: 3600)
        #expect(
            ledger.commit(user, usage, success: success, acceptedAt: before?.commitAcceptedAt)
                == .applied(
                    success ? .success : .failed, charged: success ? credit : .zero,
                    isReplay: false))
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Said again it is accepted again, and counted from the first time")
    mutating func repeated() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let accept = AcceptCommit(commit(user, usage))
        let firstAt = ledger.now
        #expect(ledger.apply(accept) == .accepted(charged: .zero))
        ledger.advance(seconds: 1000)
        #expect(ledger.apply(accept) == .accepted(charged: .zero))
        #expect(ledger.logs[usage]!.commitAcceptedAt == firstAt)
    }

    @Test("Said again without waiting it is applied at once; the queued one then changes nothing")
    mutating func overtaken() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.apply(AcceptCommit(commit(user, usage)))
        #expect(ledger.commit(user, usage) == .applied(.success, charged: credit, isReplay: false))
        #expect(ledger.commit(user, usage) == .applied(.success, charged: credit, isReplay: true))
        #expect(ledger.apply(WithdrawCommit(commit(user, usage))) == .notWaiting)
        #expect(ledger.context(user).used == credit && ledger.brokenInvariants().isEmpty)
    }

    @Test("Thrown away after its reservation's time, it gives the credits back")
    mutating func withdrawnLate() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.apply(AcceptCommit(commit(user, usage)))
        ledger.advance(seconds: 1000)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).reserved == credit)
        #expect(ledger.apply(WithdrawCommit(commit(user, usage))) == .withdrawn(.expired))
        #expect(ledger.context(user).reserved == .zero)
        #expect(ledger.commit(user, usage) == .refused(.expired, charged: .zero))
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Thrown away in time, it leaves the reservation to a new commit, of any outcome")
    mutating func withdrawnInTime() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.apply(AcceptCommit(commit(user, usage)))
        #expect(ledger.apply(WithdrawCommit(commit(user, usage))) == .withdrawn(.pending))
        #expect(
            ledger.commit(user, usage, success: false)
                == .applied(.failed, charged: .zero, isReplay: false))
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Another's, an unknown one or one of another outcome takes nothing back")
    mutating func notWithdrawn() {
        let (user, other) = (ledger.newUser(), ledger.newUser())
        let usage = ledger.reserve(user)
        #expect(ledger.apply(WithdrawCommit(commit(user, usage))) == .notWaiting)
        ledger.apply(AcceptCommit(commit(user, usage)))
        #expect(ledger.apply(WithdrawCommit(commit(other, usage))) == .notWaiting)
        #expect(ledger.apply(WithdrawCommit(commit(user, UUID()))) == .notWaiting)
        #expect(ledger.apply(WithdrawCommit(commit(user, usage, success: false))) == .notWaiting)
        #expect(ledger.logs[usage]!.commitAcceptedAs == .success)
    }
}
