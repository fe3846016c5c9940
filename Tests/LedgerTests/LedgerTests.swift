import Foundation
import Ledger
import Testing
import Values

@Suite("The ledger decides")
struct LedgerTests {
    var ledger = TestLedger()
    let credit = Credits(decimal: "1")!

    private func denial(_ outcome: ValidateUsage.Outcome) -> ValidateUsage.Denial? {
        if case .denied(let denial, _) = outcome { return denial }
        return nil
    }

    @Test("A granted call holds its cost; success charges it, once")
    mutating func chargesOnce() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        #expect(ledger.context(user).reserved == credit)
        #expect(
            ledger.commit(user, usage) == .applied(.success, charged: credit, isReplay: false))
        #expect(ledger.commit(user, usage) == .applied(.success, charged: credit, isReplay: true))
        #expect(ledger.commit(user, usage, success: false) == .refused(.success, charged: credit))
        #expect(ledger.context(user).used == credit && ledger.context(user).reserved == .zero)
    }

    @Test("Who is missing, deactivated or without a subscription gets nothing")
    mutating func standing() {
        let user = ledger.newUser()
        #expect(ledger.validate(UUID()) == .unknownUser)
        ledger.users[user] = .deactivated
        #expect(ledger.validate(user) == .deactivatedUser)
        let bare = UUID()
        ledger.users[bare] = .active
        #expect(denial(ledger.validate(bare)) == .noSubscription)
        #expect(ledger.validate(bare, feature: "unknown") == .unknownFeature)
        #expect(ledger.logs.isEmpty)
    }

    @Test("A full window refuses new calls and replays alike, until it empties")
    mutating func rateLimit() {
        let user = ledger.newUser()
        for number in 0..<10 { _ = ledger.validate(user, "r\(number)", feature: "words") }
        #expect(denial(ledger.validate(user, "r0")) == .rateLimited(retryAfter: 60))
        #expect(denial(ledger.validate(user, "new")) == .rateLimited(retryAfter: 60))
        ledger.advance(seconds: 60)
        #expect(
            denial(ledger.validate(user, "r0"))
                == .requestMismatch(
                    usageID: ledger.logs.values.first { $0.key.requestID == "r0" }!.id, .pending))
        #expect(ledger.context(user).dayWindow.count == 10)
    }

    @Test("Refusals and replays leave the windows alone")
    mutating func refusalsAreNotCounted() {
        let user = ledger.newUser()
        _ = ledger.reserve(user)
        for _ in 0..<5 { _ = ledger.validate(user) }
        _ = ledger.validate(user, feature: "words")
        #expect(ledger.context(user).minuteWindow.count == 1)
    }

    @Test("Refusals and replays leave the whole account as it was, so that they write nothing")
    mutating func refusalsWriteNothing() {
        let user = ledger.newUser()
        _ = ledger.reserve(user)
        let before = ledger.accounts[user]
        ledger.advance(seconds: 1)
        _ = ledger.validate(user)
        _ = ledger.validate(user, feature: "words")
        for number in 0..<30 { _ = ledger.validate(user, "r\(number)") }
        let atTheLimit = ledger.accounts[user]
        #expect(atTheLimit?.context.minuteWindow.count == 10)
        ledger.advance(seconds: 1)
        _ = ledger.validate(user, "late")
        #expect(ledger.accounts[user] == atTheLimit && before != atTheLimit)
    }

    @Test("A call whose commit was accepted for later is not granted again")
    mutating func acceptedIsFinished() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let commit = CommitUsage(
            userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics())
        #expect(ledger.apply(AcceptCommit(commit)) == .accepted(charged: .zero))
        #expect(
            denial(ledger.validate(user)) == .requestAlreadyFinished(usageID: usage, .success))
    }

    @Test("The quota is exact at its boundary")
    mutating func quota() {
        let user = ledger.newUser()
        ledger.apply(
            AdjustCredits(
                userID: user, credits: Credits(decimal: "-23.5")!, reason: "x", cause: "1"))
        _ = ledger.reserve(user)
        let refused = denial(ledger.validate(user, "two"))
        guard case .quotaExceeded(let used, let limit, let needed, _) = refused else {
            Issue.record("not refused: \(String(describing: refused))")
            return
        }
        #expect([used, limit, needed].map(\.decimal) == ["1.00", "1.50", "1.00"])
        #expect(denial(ledger.validate(user, "three", feature: "words")) == nil)
        #expect(ledger.context(user).remaining == .zero)
    }

    @Test("Overdue reservations are freed before the quota is judged")
    mutating func overdueIsFreed() {
        let user = ledger.newUser()
        ledger.apply(
            AdjustCredits(userID: user, credits: Credits(decimal: "-24")!, reason: "x", cause: "1"))
        let usage = ledger.reserve(user)
        #expect(denial(ledger.validate(user, "two")) != nil)
        ledger.advance(seconds: 900)
        #expect(
            denial(ledger.validate(user, "r")) == .requestAlreadyFinished(usageID: usage, .expired))
        #expect(denial(ledger.validate(user, "three")) == nil)
        #expect(ledger.commit(user, usage) == .refused(.expired, charged: .zero))
    }

    @Test("A commit from a queue is judged by the time at which it was accepted")
    mutating func acceptedCommits() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let accepted = ledger.now
        ledger.advance(seconds: 1000)
        #expect(
            ledger.commit(user, usage, acceptedAt: accepted)
                == .applied(.success, charged: credit, isReplay: false))
        let second = ledger.reserve(user, "two")
        let commit = CommitUsage(
            userID: user, usageID: second, result: .success, metrics: UsageLog.Metrics())
        #expect(ledger.apply(AcceptCommit(commit)) == .accepted(charged: .zero))
        ledger.advance(seconds: 1000)
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 0)
        #expect(ledger.commit(user, second) == .applied(.success, charged: credit, isReplay: false))
    }

    @Test("A commit after the period has turned leaves the new period's counters alone")
    mutating func lateCommit() {
        let user = ledger.newUser()
        ledger.now = ledger.context(user).period.end.adding(seconds: -10)
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 20)
        ledger.apply(SettleAccount(userID: user))
        _ = ledger.reserve(user, "new")
        #expect(ledger.commit(user, usage) == .applied(.success, charged: credit, isReplay: false))
        #expect(ledger.context(user).used == .zero && ledger.context(user).reserved == credit)
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("The 31st survives short months: 31 Jan, 28 Feb, 31 Mar")
    mutating func anchor() {
        let user = ledger.newUser()
        #expect(ledger.context(user).period.end.rfc3339 == "2026-02-28T12:00:00Z")
        ledger.advance(days: 29)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).period.end.rfc3339 == "2026-03-31T12:00:00Z")
        ledger.advance(days: 400)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).period.contains(ledger.now))
        #expect(ledger.context(user).period.number == 3)
        #expect(ledger.context(user).allocated == TestLedger.free.pricing.creditsAllocation)
    }

    @Test("Time never runs backwards for an account")
    mutating func clockJumpsBack() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.advance(seconds: -3600)
        let second = ledger.reserve(user, "two")
        #expect(ledger.logs[second]!.createdAt == ledger.logs[usage]!.createdAt)
    }

    @Test("Another user's usage is refused, an unknown one not found")
    mutating func ownership() {
        let (user, other) = (ledger.newUser(), ledger.newUser())
        let usage = ledger.reserve(user)
        #expect(ledger.commit(other, usage) == .notTheirs)
        #expect(ledger.commit(user, UUID()) == .unknownUsage)
    }

    @Test("An adjustment is made once by its name and never below nothing")
    mutating func adjustments() {
        let user = ledger.newUser()
        let command = AdjustCredits(userID: user, credits: credit, reason: "x", cause: "ticket")
        ledger.apply(command)
        #expect(ledger.apply(command) == .alreadyAdjusted)
        #expect(ledger.context(user).allocated.decimal == "26.00")
        let tooMuch = AdjustCredits(
            userID: user, credits: Credits(decimal: "-26.01")!, reason: "x", cause: "2")
        #expect(ledger.apply(tooMuch) == .wouldBeNegative)
    }

    @Test("Deleting and signing up again mints nothing")
    mutating func formerAccount() {
        let user = ledger.newUser()
        _ = ledger.commit(user, ledger.reserve(user))
        _ = ledger.reserve(user, "held")
        let former = ledger.apply(EraseAccount(userID: user))
        #expect(ledger.logs.isEmpty && ledger.accounts[user] == nil)
        let again = UUID()
        ledger.users[again] = .active
        ledger.apply(
            ActivateFreeSubscription(userID: again, subscriptionID: again, former: former))
        #expect(ledger.context(again).remaining.decimal == "23.00")
        #expect(ledger.context(again).period.end == former?.periodEnd)
    }

    @Test("A random walk never breaks an invariant", arguments: [1, 2, 3, 4] as [UInt64])
    mutating func randomWalk(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let users = (0..<4).map { _ in ledger.newUser() }
        var usages: [UUID] = []
        for step in 0..<1500 {
            let user = users.randomElement(using: &random)!
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4:
                usages.append(ledger.reserve(user, "r\(Int.random(in: 0..<400, using: &random))"))
            case 5...7:
                if let usage = usages.randomElement(using: &random) {
                    _ = ledger.commit(user, usage, success: Bool.random(using: &random))
                }
            case 8:
                ledger.apply(
                    AdjustCredits(
                        userID: user,
                        credits: Credits(
                            clamping: Int64.random(in: -5...9, using: &random) * 500_000),
                        reason: "x", cause: "\(step)"))
            default:
                ledger.advance(seconds: Int64.random(in: -60...86_400 * 3, using: &random))
                ledger.apply(SettleAccount(userID: user))
            }
            let broken = ledger.brokenInvariants()
            #expect(broken.isEmpty, "seed \(seed), step \(step): \(broken)")
            if !broken.isEmpty { return }
        }
    }
}
