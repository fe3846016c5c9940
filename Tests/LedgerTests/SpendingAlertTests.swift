import Foundation
import Ledger
import Testing
import Values

@Suite("Users are told of how much of their own limits they have spent")
struct SpendingAlertTests {
    /// 31 January, noon.
    var ledger = TestLedger()

    private mutating func limit(
        _ user: UUID, day: String, month: String? = nil, alertAt: [Int64] = [50, 80, 100]
    ) {
        let limits = SpendingLimits(
            daily: Credits(decimal: day)!, monthly: month.map { Credits(decimal: $0)! },
            alertAt: alertAt)
        ledger.apply(SetSpendingLimits(userID: user, limits: limits))
    }

    private mutating func spend(_ user: UUID, _ request: String) -> CreditAlert? {
        let usage = ledger.reserve(user, request)
        guard case .applied(_, _, _, let alert, _, _) = ledger.commit(user, usage) else {
            return nil
        }
        return alert
    }

    @Test("Each percentage is told of once a limit and window, by the charge that passes it")
    mutating func alerts() {
        let user = ledger.newUser()
        limit(user, day: "4", month: "8", alertAt: [25, 50, 100])
        let told = (1...4).map { number in
            spend(user, "r\(number)")?.limits.map { "\($0.window) \($0.percent)" } ?? []
        }
        #expect(told == [["day 25"], ["day 50", "month 25"], [], ["day 100", "month 50"]])
        limit(user, day: "20", month: "8", alertAt: [25, 50, 100])
        #expect(spend(user, "r5")?.limits.map(\.percent) == [25])
        // The next day is the next month.
        ledger.advance(days: 1)
        #expect(spend(user, "next")?.limits.isEmpty ?? true)
        #expect(spend(user, "again")?.limits.map(\.window) == [.month])
    }

    @Test("A charge that passes several tells of the highest; setting a limit tells of nothing")
    mutating func atOnce() {
        let user = ledger.newUser()
        limit(user, day: "1")
        let alert = spend(user, "a")
        #expect(alert?.mark == nil && alert?.limits.map(\.percent) == [100])
        #expect(alert?.limits.first?.until == Timestamp(rfc3339: "2026-02-01T00:00:00Z"))
        limit(user, day: "1.5")
        limit(user, day: "2")
        #expect(spend(user, "b")?.limits.map(\.percent) == [100])
        limit(user, day: "0")
        limit(user, day: "100", alertAt: [])
        #expect(spend(user, "c") == nil)
    }
}
