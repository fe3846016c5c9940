import Foundation
import Ledger
import Testing
import Values

@Suite("Giving a bought grant back")
struct FreezeTopUpTests {
    private static let day: Int64 = 86_400

    private func bought(_ ledger: inout TestLedger, _ user: UUID) {
        _ = ledger.apply(
            SettleTopUp(
                userID: user, cause: "pack 1", credits: Credits(decimal: "100")!, validDays: nil,
                isPaid: true, takenBack: .zero, isFrozen: false, randomness: 1))
    }

    @Test("Nothing of it may be used or held, for 14 days; then it is frozen, and once")
    func judged() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let freeze = FreezeTopUp(userID: user, cause: "pack 1")
        let none = ledger.apply(freeze)
        #expect(none == .unknown)
        bought(&ledger, user)
        // The plan's credits are used first: all of them, then one of the pack's is held.
        for number in 1...26 {
            if number % 9 == 0 { ledger.advance(seconds: 60) }
            _ = ledger.reserve(user, "r\(number)")
        }
        let held = ledger.apply(freeze)
        #expect(held == .used)
        ledger.advance(seconds: 901)
        _ = ledger.apply(SettleAccount(userID: user))
        let first = ledger.apply(freeze)
        #expect(first == .frozen)
        let again = ledger.apply(freeze)
        #expect(again == .frozenBefore)
        guard case .denied = ledger.validate(user, "last", feature: "words") else {
            // What is left of the pool can be used; nothing of the pack is.
            #expect(ledger.accounts[user]?.grants.first?.held == .zero)
            return
        }
    }

    @Test("After 14 days it is too late, and what went back went back")
    func late() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let freeze = FreezeTopUp(userID: user, cause: "pack 1")
        bought(&ledger, user)
        ledger.advance(seconds: 14 * Self.day)
        let late = ledger.apply(freeze)
        #expect(late == .tooLate)
        _ = ledger.apply(
            SettleTopUp(
                userID: user, cause: "pack 1", credits: Credits(decimal: "100")!, validDays: nil,
                isPaid: true, takenBack: Credits(decimal: "100")!, isFrozen: false,
                randomness: 1))
        let returned = ledger.apply(freeze)
        #expect(returned == .returned)
        #expect(ledger.brokenInvariants().isEmpty)
    }
}
