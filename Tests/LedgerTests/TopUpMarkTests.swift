import Foundation
import Ledger
import Testing
import Values

@Suite("The mark of an automatic top-up")
struct TopUpMarkTests {
    private func isLow(_ outcome: CommitUsage.Outcome) -> Bool {
        guard case .applied(_, _, _, let alert, _, _) = outcome else { return false }
        return alert?.isLow ?? false
    }

    @Test("Only a charge that leaves less than the mark asks for a look")
    func charges() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        // Of 25 credits, each call costs one.
        _ = ledger.apply(SetTopUpMark(userID: user, below: Credits(decimal: "23")!))
        let calls = (1...4).map { ledger.reserve(user, "r\($0)") }
        // 21 are left: a hold that leaves less asks for nothing, nor does a release.
        #expect(!isLow(ledger.commit(user, calls[0], success: false)))
        #expect(isLow(ledger.commit(user, calls[1])))
        // Told again it is no charge.
        #expect(!isLow(ledger.commit(user, calls[1])))
        _ = ledger.apply(SetTopUpMark(userID: user, below: Credits(decimal: "22")!))
        #expect(!isLow(ledger.commit(user, calls[2])))
        _ = ledger.apply(SetTopUpMark(userID: user, below: nil))
        #expect(!isLow(ledger.commit(user, calls[3])))
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A part that is captured is a charge, and a bought grant counts as left")
    func parts() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        _ = ledger.apply(SetTopUpMark(userID: user, below: Credits(decimal: "25")!))
        func capture(_ usage: UUID) -> Bool {
            let outcome = ledger.apply(
                CaptureUsage(
                    userID: user, usageID: usage, captureID: "c",
                    part: .credits(Credits(decimal: "0.5")!)))
            guard case .done(_, _, let alert) = outcome else { return false }
            return alert?.isLow ?? false
        }
        #expect(capture(ledger.reserve(user, "r1")))
        _ = ledger.apply(
            SettleTopUp(
                userID: user, cause: "pack 1", credits: Credits(decimal: "100")!, validDays: nil,
                isPaid: true, takenBack: .zero, isFrozen: false, randomness: 1))
        #expect(!capture(ledger.reserve(user, "r2")))
    }

    @Test("Who has no account, is locked out, past due or over has no standing to buy")
    func standing() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let free = ledger.apply(AskTopUpStanding(userID: user))
        #expect(free.mayBuy && free.available.decimal == "25.00")
        let nobody = ledger.apply(SetTopUpMark(userID: UUID(), below: nil))
        #expect(!nobody)
        let stranger = ledger.apply(AskTopUpStanding(userID: UUID()))
        #expect(!stranger.mayBuy)
        ledger.users[user] = .deactivated
        let locked = ledger.apply(AskTopUpStanding(userID: user))
        #expect(!locked.mayBuy)
        // A free month that is due counts, though nothing has begun it yet.
        ledger.users[user] = .active
        ledger.advance(days: 40)
        let later = ledger.apply(AskTopUpStanding(userID: user))
        #expect(later.mayBuy)
    }
}
