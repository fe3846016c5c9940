import Foundation
import Ledger
import Testing
import Values

@Suite("A hold is extended, charged in parts, canceled")
struct HoldTests {
    var ledger = TestLedger()
    private let one = Credits(decimal: "1")!
    private let half = Credits(decimal: "0.5")!

    private mutating func extend(
        _ user: UUID, _ usage: UUID, _ name: String = "e", seconds: Int64? = nil,
        credits: Credits? = nil
    ) -> HoldOutcome {
        ledger.apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: name, holdSeconds: seconds,
                raise: credits.map { .by($0) }))
    }

    private mutating func capture(
        _ user: UUID, _ usage: UUID, _ name: String = "c", _ credits: Credits
    ) -> HoldOutcome {
        ledger.apply(
            CaptureUsage(userID: user, usageID: usage, captureID: name, part: .credits(credits)))
    }

    private mutating func cancel(_ user: UUID, _ usage: UUID) -> HoldOutcome {
        ledger.apply(CancelUsage(userID: user, usageID: usage))
    }

    private mutating func succeed(
        _ user: UUID, _ usage: UUID, _ credits: Credits?
    ) -> CommitUsage.Outcome {
        ledger.apply(
            CommitUsage(
                userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                credits: credits))
    }

    private func state(_ outcome: HoldOutcome) -> HoldState? {
        switch outcome {
        case .done(let state, _, _), .refused(_, let state): state
        default: nil
        }
    }

    private func refusal(_ outcome: HoldOutcome) -> HoldRefusal? {
        if case .refused(let refusal, _) = outcome { refusal } else { nil }
    }

    private func used(_ user: UUID) -> [String] {
        let context = ledger.context(user)
        return [context.used.decimal, context.reserved.decimal]
    }

    @Test("A part is charged at once and the hold shrinks by it; the commit charges the rest")
    mutating func parts() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        #expect(state(capture(user, usage, "a", half))?.creditsReserved == half)
        #expect(used(user) == ["0.50", "0.50"])
        #expect(succeed(user, usage, nil) == .applied(.success, charged: one, isReplay: false))
        #expect(used(user) == ["1.00", "0.00"])
    }

    @Test("A part that is larger than what is held changes nothing")
    mutating func tooLarge() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let answer = capture(user, usage, "a", one + Credits(clamping: 1))
        #expect(refusal(answer) == .holdExceeded && state(answer)?.creditsReserved == one)
        #expect(used(user) == ["0.00", "1.00"])
        // What was refused is not remembered: the name is free.
        #expect(state(capture(user, usage, "a", one))?.creditsReserved == .zero)
    }

    @Test("The same part again is answered as the first time, whatever has happened since")
    mutating func repeated() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let first = capture(user, usage, "a", half)
        #expect(refusal(capture(user, usage, "a", one)) == .requestMismatch)
        _ = succeed(user, usage, nil)
        ledger.advance(days: 2)
        #expect(state(capture(user, usage, "a", half)) == state(first))
        #expect(refusal(capture(user, usage, "b", half)) == .alreadyEnded)
        #expect(used(user) == ["1.00", "0.00"])
    }

    @Test("A failure, and a cancellation, give back what was not charged in parts")
    mutating func givenBack() {
        let user = ledger.newUser()
        for ends in ["failed", "canceled"] {
            let usage = ledger.reserve(user, ends)
            _ = capture(user, usage, "a", half)
            if ends == "failed" {
                #expect(
                    ledger.commit(user, usage, success: false)
                        == .applied(.failed, charged: half, isReplay: false))
            } else {
                #expect(state(cancel(user, usage))?.status == .failed)
            }
        }
        #expect(used(user) == ["1.00", "0.00"])
    }

    @Test("A canceled call has failed for good: nothing else ends or charges it")
    mutating func canceled() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        #expect(state(cancel(user, usage))?.status == .failed)
        #expect(state(cancel(user, usage))?.status == .failed)
        #expect(ledger.logs[usage]?.failure?.type == .canceled)
        #expect(succeed(user, usage, nil) == .refused(.failed, charged: .zero))
        #expect(
            ledger.commit(user, usage, success: false)
                == .applied(.failed, charged: .zero, isReplay: true))
        #expect(refusal(capture(user, usage, "a", half)) == .alreadyEnded)
        #expect(refusal(extend(user, usage, seconds: 60)) == .alreadyEnded)
    }

    @Test("What has succeeded, was accepted or has expired is not canceled")
    mutating func notCanceled() {
        let user = ledger.newUser()
        let done = ledger.reserve(user, "done")
        _ = succeed(user, done, nil)
        #expect(refusal(cancel(user, done)) == .alreadyEnded)
        let accepted = ledger.reserve(user, "accepted")
        ledger.apply(
            AcceptCommit(
                CommitUsage(
                    userID: user, usageID: accepted, result: .success,
                    metrics: UsageLog.Metrics(), credits: half)))
        let answer = cancel(user, accepted)
        #expect(refusal(answer) == .alreadyEnded && state(answer)?.status == .success)
        #expect(refusal(capture(user, accepted, "a", half)) == .alreadyEnded)
        let late = ledger.reserve(user, "late")
        ledger.advance(seconds: 900)
        #expect(state(cancel(user, late))?.status == .expired)
    }

    @Test("Time is counted from the decision, and the hold never ends earlier than it would have")
    mutating func prolonged() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let end = ledger.now.adding(seconds: 900)
        ledger.advance(seconds: 600)
        #expect(state(extend(user, usage, "a", seconds: 60))?.expiresAt == end)
        let later = ledger.now.adding(seconds: 900)
        #expect(state(extend(user, usage, "b", seconds: 900))?.expiresAt == later)
        #expect(extend(user, usage, "c", seconds: 901) == .holdTooLong(maximum: 900))
        ledger.advance(seconds: 899)
        #expect(succeed(user, usage, nil) == .applied(.success, charged: one, isReplay: false))
    }

    @Test("A raise is all or nothing, and never more than the account has")
    mutating func raised() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let end = ledger.logs[usage]?.expiresAt
        ledger.advance(seconds: 60)
        let refused = extend(user, usage, "a", seconds: 900, credits: Credits(decimal: "24.01")!)
        guard case .refused(.quotaExceeded(let used, let limit, _, _), let state) = refused else {
            Issue.record("raised: \(refused)")
            return
        }
        #expect(used == one && limit.decimal == "25.00" && state.expiresAt == end)
        #expect(self.state(extend(user, usage, "a", credits: Credits(decimal: "24")!)) != nil)
        #expect(self.used(user) == ["0.00", "25.00"])
        #expect(ledger.validate(user, "other", feature: "words").isRefused)
        #expect(succeed(user, usage, half) == .applied(.success, charged: half, isReplay: false))
        #expect(self.used(user) == ["0.50", "0.00"])
    }

    @Test("Who is locked out or has no period may finish, and not hold more")
    mutating func lockedOut() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.users[user] = .deactivated
        #expect(extend(user, usage, "a", credits: half) == .deactivatedUser)
        #expect(state(extend(user, usage, "a", seconds: 900))?.status == .pending)
        #expect(state(capture(user, usage, "a", half))?.creditsCharged == half)
    }

    @Test("A hold of the month before is charged for itself, and raised from the new month")
    mutating func formerPeriod() {
        let user = ledger.newUser()
        ledger.advance(days: 28, seconds: -60)
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 120)
        _ = ledger.reserve(user, "new")
        #expect(state(capture(user, usage, "a", half))?.creditsReserved == half)
        #expect(used(user) == ["0.00", "1.00"])
        guard
            case .refused(.quotaExceeded, _) = extend(
                user, usage, "a", credits: Credits(decimal: "24.5")!)
        else {
            Issue.record("raised beyond what the new month has")
            return
        }
        #expect(state(extend(user, usage, "a", credits: half))?.creditsReserved == one)
        #expect(used(user) == ["0.00", "1.50"])
        _ = succeed(user, usage, nil)
        #expect(used(user) == ["0.50", "1.00"] && ledger.brokenInvariants() == [])
    }

    @Test("A commit charges at most what is held, and notes the rest")
    mutating func overuse() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let more = Credits(decimal: "1.75")!
        #expect(
            succeed(user, usage, more)
                == .applied(
                    .success, charged: one, isReplay: false,
                    notCharged: Credits(decimal: "0.75")!))
        let free = ledger.reserve(user, "free")
        #expect(succeed(user, free, .zero) == .applied(.success, charged: .zero, isReplay: false))
        #expect(used(user) == ["1.00", "0.00"])
    }

    @Test("Other amounts in a repetition get the first answer, an accepted one's too")
    mutating func firstAmount() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.apply(
            AcceptCommit(
                CommitUsage(
                    userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                    credits: half)))
        #expect(succeed(user, usage, one) == .applied(.success, charged: half, isReplay: false))
        #expect(succeed(user, usage, nil) == .applied(.success, charged: half, isReplay: true))
        #expect(used(user) == ["0.50", "0.00"])
    }

    @Test("An unknown call and another user's are told apart by all three")
    mutating func ownership() {
        let (user, other) = (ledger.newUser(), ledger.newUser())
        let usage = ledger.reserve(user)
        for (whose, id, answer) in [
            (user, UUID(), HoldOutcome.unknownUsage), (other, usage, .notTheirs),
        ] {
            #expect(extend(whose, id, seconds: 1) == answer)
            #expect(capture(whose, id, "a", half) == answer)
            #expect(cancel(whose, id) == answer)
        }
        #expect(used(user) == ["0.00", "1.00"])
    }
}

extension ValidateUsage.Outcome {
    fileprivate var isRefused: Bool {
        if case .denied = self { true } else { false }
    }
}
