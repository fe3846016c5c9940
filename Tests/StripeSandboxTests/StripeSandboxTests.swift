import GRDB
import StripeSandbox
import Testing

@Suite("The local Stripe's calendar and money")
struct BillingCycleTests {
    private func seconds(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        CalendarDates.seconds(of: CalendarDates.Day(year: year, month: month, day: day))
    }

    @Test("A month's last day is the anchor's in each month that has it")
    func months() {
        let anchor = seconds(2024, 1, 31) + 7
        for (months, year, month, day) in [
            (1, 2024, 2, 29), (2, 2024, 3, 31), (3, 2024, 4, 30), (13, 2025, 2, 28),
            (-2, 2023, 11, 30), (-11, 2023, 2, 28), (12 * 76, 2100, 1, 31), (1273, 2130, 2, 28),
        ] as [(Int64, Int64, Int64, Int64)] {
            let found = CalendarDates.adding(months: months, to: anchor)
            #expect(found == seconds(year, month, day) + 7, "\(months) months")
        }
    }

    @Test("Each day of 400 years is the one after the day before, before 1970 too")
    func days() {
        var time = seconds(1900, 1, 1)
        var last = CalendarDates.day(of: time)
        for _ in 0..<146_097 {
            time += CalendarDates.secondsPerDay
            let day = CalendarDates.day(of: time)
            let isNext =
                day.day == last.day + 1 && day.month == last.month
                || day.day == 1
                    && last.day
                        == CalendarDates.daysInMonth(
                            year: last.year, month: last.month)
            guard isNext, CalendarDates.seconds(of: day) == time else {
                Issue.record("\(day) after \(last)")
                return
            }
            last = day
        }
        #expect(last == CalendarDates.Day(year: 2300, month: 1, day: 1))
    }

    @Test(
        "The next boundary is after now, and the cycle holds now",
        arguments: [
            BillingInterval(unit: .day, count: 1), BillingInterval(unit: .week, count: 2),
            BillingInterval(unit: .month, count: 1), BillingInterval(unit: .month, count: 5),
            BillingInterval(unit: .year, count: 1),
        ])
    func cycles(interval: BillingInterval) {
        let anchor = seconds(2024, 1, 31)
        for day in -800...800 as ClosedRange<Int64> {
            for offset in [-1, 0, 1] as [Int64] {
                let time = anchor + day * CalendarDates.secondsPerDay + offset
                let cycle = interval.cycle(containing: time, anchor: anchor)
                #expect(cycle.start <= time && time < cycle.end)
                let next = interval.boundary(after: time, anchor: anchor)
                #expect(next == (time < anchor ? anchor : cycle.end))
            }
        }
    }

    @Test(
        "A part of a period is rounded half away from zero, and overflows nothing",
        arguments: [
            (1000, 1, 0, 1000), (1000, 1, 15, 500), (1000, 1, 30, 0), (1, 1, 15, 1),
            (-1, 1, 15, -1), (3, 1, 15, 2), (1, 1, 16, 0), (1000, 3, 20, 1000),
            (.max, 2, 0, .max), (.min, 2, 0, .min),
        ] as [(Int64, Int64, Int64, Int64)])
    func proration(unitAmount: Int64, quantity: Int64, at date: Int64, amount: Int64) {
        let found = Proration.amount(
            unitAmount: unitAmount, quantity: quantity, at: date, periodStart: 0, periodEnd: 30)
        #expect(found == amount)
        let empty = Proration.amount(
            unitAmount: unitAmount, quantity: quantity, at: date, periodStart: 30, periodEnd: 30)
        #expect(empty == 0)
    }

    @Test(
        "An amount that a currency cannot have is refused",
        arguments: [
            ("kwd", 1234, false), ("kwd", 1230, true), ("isk", 150, false), ("isk", 200, true),
            ("usd", 1, true), ("jpy", 1, true),
        ] as [(String, Int64, Bool)])
    func currencies(currency: String, amount: Int64, isGood: Bool) {
        func check() throws { try Currencies.check(amount, currency, param: "amount") }
        if isGood {
            #expect(throws: Never.self) { try check() }
        } else {
            #expect(throws: StripeError.self) { try check() }
        }
    }
}

@Suite("The local Stripe's requests")
struct RequestTests {
    @Test(
        "A form that is none is refused",
        arguments: [
            "=1", "a]=1", "a[=1", "a[b=1", "a[b]c=1", "[a]=1", "a=1&a=2", "a%5Bb%5D=1&a[b]=2",
            "a=%", "a=%4", "a=%zz", "a=%ff", "a[1][2][3][4][5][6][7][8]=1",
        ])
    func malformed(form: String) {
        #expect(throws: StripeError.self) { try Parameters(form: form) }
    }

    @Test("Lists without places count their own, and brackets may be encoded")
    func lists() throws {
        let form = "e%5B%5D=a&e[]=b&x[0][p]=%C3%A9+1&m[k]="
        let names = try Parameters(form: form).entries.map { "\($0.name)=\($0.value)" }
        #expect(names == ["e[0]=a", "e[1]=b", "x[0][p]=é 1", "m[k]="])
    }

    @Test("Only what was a version is one, and versions are ordered by their day")
    func versions() throws {
        for text in [
            "", "2026-10-28", "2026-10-28.Endive", "2099-01-01.later", "2026-10-28.endive ",
        ] {
            #expect(APIVersion(text) == nil)
        }
        let old = try #require(APIVersion("2024-06-20"))
        #expect(old < .basil && .basil < .current && !(.current < .current))
    }

    /// Does something at an instant, in a database transaction of its own.
    private func at<Value>(
        _ now: Int64, in queue: DatabaseQueue, _ body: (Account) throws -> Value
    ) throws -> Value {
        try queue.write { db in
            try body(
                Account(db: db, now: now, request: .clock, baseURL: "", knobs: TestKnobs()))
        }
    }

    @Test("A key repeats its answer for a day, to the same parameters alone")
    func idempotency() throws {
        let queue = try DatabaseQueue()
        try Schema.migrator.migrate(queue)
        let day = Account.keyLifetime
        try at(1000, in: queue) {
            try $0.store(.init(status: 402, body: "declined"), key: "k", fingerprint: "f")
        }
        let repeated = try at(1000 + day - 1, in: queue) {
            try $0.storedAnswer(key: "k", fingerprint: "f")
        }
        #expect(repeated?.status == 402 && repeated?.body == "declined")
        #expect(throws: StripeError.self) {
            try at(1001, in: queue) { try $0.storedAnswer(key: "k", fingerprint: "other") }
        }
        let others = try at(1001, in: queue) { try $0.storedAnswer(key: "l", fingerprint: "f") }
        #expect(others == nil)
        let later = try at(1000 + day, in: queue) {
            try $0.storedAnswer(key: "k", fingerprint: "other")
        }
        #expect(later == nil)
    }

    @Test(
        "A refusal of the parameters is not kept: the request was never carried out",
        arguments: [400, 401, 404, 409, 429])
    func notKept(status: Int) throws {
        let queue = try DatabaseQueue()
        try Schema.migrator.migrate(queue)
        let found = try at(1000, in: queue) { account in
            try account.store(.init(status: status, body: ""), key: "k", fingerprint: "f")
            return try account.storedAnswer(key: "k", fingerprint: "f")
        }
        #expect(found == nil)
    }

    @Test("No text becomes markup on its pages")
    func escaped() {
        #expect(
            HTML.escape("<a href='x'>\"&amp;\"")
                == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;&quot;")
    }
}
