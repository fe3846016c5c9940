import Foundation
import Ledger
import Testing
import Values

@Suite("Months of the calendar")
struct MonthTests {
    @Test("Calendar months agree with Foundation's over 130 years")
    func months() {
        var random = SeededGenerator(seed: 7)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "UTC")!
        for _ in 0..<2000 {
            let seconds = Int64.random(in: 0..<4_102_444_800, using: &random)
            let months = Int64.random(in: 0..<60, using: &random)
            let date = Date(timeIntervalSince1970: TimeInterval(seconds))
            let stamp = Timestamp(seconds: seconds)!
            let later = calendar.date(byAdding: .month, value: Int(months), to: date)!
            #expect(
                stamp.adding(months: months).seconds == Int64(later.timeIntervalSince1970),
                "\(stamp.rfc3339) + \(months) months")
        }
    }
}
