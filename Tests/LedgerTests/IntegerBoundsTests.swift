import Foundation
import Ledger
import Testing
import Values

/// What any integer from outside may be: nothing, and each power of two at which somebody's numbers
/// end, with its neighbours.
let boundaryIntegers: [Int64] = {
    var numbers: [Int64] = [0, 1, -1, .max, .max - 1, .min, .min + 1]
    for power in [31, 53, 62] as [Int64] {
        for neighbour in -1...1 as ClosedRange<Int64> {
            numbers += [(1 << power) + neighbour, -(1 << power) + neighbour]
        }
    }
    // The first and last seconds and microseconds that are times, and what times a million
    // overflows.
    for edge in [253_402_300_799, 253_402_300_799_999_999, 9_223_372_036_854] as [Int64] {
        numbers += [edge, edge + 1, -edge]
    }
    return numbers
}()

@Suite("Integers at their bounds")
struct IntegerBoundsTests {
    @Test(
        "A number that is no instant of the years 1970 to 9999 makes no time",
        arguments: boundaryIntegers)
    func times(number: Int64) {
        let isSeconds = (0...253_402_300_799).contains(number)
        let isMicros = (0...253_402_300_799_999_999).contains(number)
        #expect((Timestamp(seconds: number) != nil) == isSeconds)
        #expect((Timestamp(micros: number) != nil) == isMicros)
        let nearest = Timestamp(clamping: number)
        #expect(Timestamp.range.contains(nearest.micros))
        #expect(Timestamp(rfc3339: nearest.rfc3339) == nearest)
    }

    @Test("Arithmetic on times stops at the first and last instant", arguments: boundaryIntegers)
    func timeArithmetic(span: Int64) {
        for time in [Timestamp.epoch, Timestamp(clamping: 1_800_000_000_000_001), .last] {
            for moved in [
                time.adding(seconds: span), time.adding(micros: span), time.adding(months: span),
            ] {
                #expect(Timestamp.range.contains(moved.micros))
                #expect(span < 0 ? moved <= time : moved >= time)
                #expect(Timestamp(rfc3339: moved.rfc3339) == moved)
                _ = time.secondsRoundedUp(until: moved)
                for span in RateWindow.Span.allCases {
                    let window = RateWindow(span, start: .epoch, count: 0).current(at: moved)
                    #expect(window.start <= moved && moved <= window.resetAt)
                }
                let month = BillingPeriod.month(containing: moved, anchor: time, number: 1)
                #expect(month.start <= month.end)
            }
        }
    }

    @Test("A number that is no amount to be kept makes no credits", arguments: boundaryIntegers)
    func amounts(number: Int64) {
        let isAmount = (-1_000_000_000_000_000_000...1_000_000_000_000_000_000).contains(number)
        #expect((Credits(micros: number) != nil) == isAmount)
        #expect(Credits.range.contains(Credits(clamping: number).micros))
    }

    @Test("A sum of amounts never turns from a large one into a small one")
    func sums() {
        for first in boundaryIntegers.map({ Credits(clamping: $0) }) {
            for second in boundaryIntegers.map({ Credits(clamping: $0) }) {
                let sum = first + second
                #expect(second < .zero ? sum <= first : sum >= first)
                let difference = first - second
                #expect(second < .zero ? difference >= first : difference <= first)
                var many = sum
                for _ in 0..<20 { many += first }
                #expect(first < .zero ? many <= sum : many >= sum)
                _ = (-many).decimal
            }
        }
    }

    @Test("A share is never larger than the whole", arguments: boundaryIntegers)
    func shares(number: Int64) {
        for whole in [Credits.zero, .maximum, Credits(clamping: .max), Credits(clamping: .min)] {
            for other in boundaryIntegers {
                let share = whole.share(number, of: other)
                #expect(share.micros.magnitude <= whole.micros.magnitude)
            }
        }
    }

    @Test("Whatever times Stripe tells, a snapshot is applied and the account stays sound")
    func snapshots() {
        let times = [Timestamp.epoch, Timestamp(clamping: 1), .last, .last.adding(micros: -1)]
        for start in times {
            for end in times where start < end {
                for changed in times.map(Optional.some) + [nil] {
                    var ledger = TestLedger()
                    let user = ledger.newUser()
                    for plan in [TestLedger.plus, TestLedger.pro] {
                        ledger.apply(
                            ApplyBilling(
                                userID: user,
                                snapshot: BillingSnapshot(
                                    customerID: "cus_1", subscriptionID: "sub_1",
                                    planID: plan.id, status: .active, cancelAtPeriodEnd: false,
                                    canceledAt: start, endedAt: nil, trialEnd: end,
                                    paid: .init(
                                        invoiceID: "in_1", planID: TestLedger.plus.id,
                                        start: start, end: end),
                                    isRevoked: false, changedPlanAt: changed)))
                    }
                    #expect(ledger.brokenInvariants().isEmpty)
                }
            }
        }
    }
}
