import Database
import Foundation
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("Which years are to be told of")
struct DueYearTests {
    private static let now = TestCatalog.start
    private static let hour: Int64 = 3600
    private static let ahead: Int64 = 14 * 24 * hour

    /// When its year ends, another year begins, it ends itself, and Stripe was asked: in hours.
    private struct Case {
        var yearEnd: Int64?
        var scheduledAt: Int64?
        var cancelAt: Int64?
        var askedAt: Int64?
        /// In hours, and whether a schedule brings it.
        var due: [Int64: Bool] = [:]

        init(
            _ yearEnd: Int64?, _ scheduledAt: Int64? = nil, cancel: Int64? = nil,
            asked: Int64? = nil, due: [Int64: Bool] = [:]
        ) {
            (self.yearEnd, self.scheduledAt, cancelAt) = (yearEnd, scheduledAt, cancel)
            (askedAt, self.due) = (asked, due)
        }
    }

    private func time(_ hours: Int64?) -> SQLValue {
        .time(hours.map { Self.now.adding(seconds: $0 * Self.hour) })
    }

    private func write(_ one: Case, in connection: any DatabaseConnection) throws {
        let (plus, pro) = (SQLValue.uuid(TestCatalog.plus.id), SQLValue.uuid(TestCatalog.pro.id))
        try connection.execute(
            "UPDATE plans SET billing_interval = 'year' WHERE id IN (?, ?)", [plus, pro])
        try connection.execute(
            """
            UPDATE subscriptions SET plan_id = ?, stripe_customer_id = 'cus_1',
                stripe_subscription_id = 'sub_1', cancel_at_period_end = ?, cancel_at = ?,
                scheduled_plan_id = ?, scheduled_at = ?
            """,
            [
                plus, .bool(one.cancelAt != nil), time(one.cancelAt),
                one.scheduledAt == nil ? .null : pro, time(one.scheduledAt),
            ])
        let isYear = one.yearEnd != nil
        try connection.execute(
            """
            UPDATE career_subscription_contexts SET year_invoice_id = ?, year_start = ?,
                year_end = ?, year_plan_id = ?, year_withheld = ?, renewal_asked_at = ?
            """,
            [
                .text(isYear ? "in_1" : nil), time(one.yearEnd.map { $0 - 365 * 24 }),
                time(one.yearEnd), isYear ? plus : .null, isYear ? .integer(0) : .null,
                time(one.askedAt),
            ])
    }

    private func check(_ cases: [Case]) async throws {
        try await Store.run { store in
            _ = try await store.newUser(1)
            for one in cases {
                _ = try await store.database.write { try write(one, in: $0) }
                let found = try await store.database.read { connection in
                    try DueYear.soon(
                        at: Self.now, until: Self.now.adding(seconds: Self.ahead),
                        askedSince: Self.now.adding(seconds: -6 * Self.hour), after: nil,
                        limit: 10, in: connection)
                }
                let due = found.map {
                    (($0.dueAt.seconds - Self.now.seconds) / Self.hour, $0.isScheduled)
                }
                #expect(due.count == one.due.count, "\(one)")
                for (hours, isScheduled) in due {
                    #expect(one.due[hours] == isScheduled, "\(one)")
                }
            }
        }
    }

    @Test("The next one that is paid for within two weeks: one that renews or that is scheduled")
    func schedules() async throws {
        try await check([
            Case(240, due: [240: false]), Case(240, 240, due: [240: true]),
            Case(240, 120, due: [120: true]),
            // Another plan begins after the renewal: soon after it, or far.
            Case(240, 264, due: [240: false]), Case(240, 2400, due: [240: false]),
            Case(nil, 120, due: [120: true]), Case(-1, 120, due: [120: true]),
            Case(0, 120, due: [120: true]),
            Case(-1), Case(0), Case(337), Case(336, due: [336: false]), Case(nil, 337), Case(nil),
            Case(2400, 120, due: [120: true]), Case(2400, 2500),
        ])
    }

    @Test("Not one at which, or before which, the subscription ends, but one that it outlasts")
    func endings() async throws {
        try await check([
            Case(240, cancel: 240), Case(240, cancel: 239),
            Case(240, cancel: 241, due: [240: false]),
            Case(240, cancel: 2400, due: [240: false]), Case(240, 240, cancel: 240),
            Case(240, 240, cancel: 2400, due: [240: true]), Case(nil, 120, cancel: 119),
            Case(nil, 120, cancel: 120), Case(nil, 120, cancel: 121, due: [120: true]),
        ])
    }

    @Test("Stripe is asked again after six hours, or when a quarter is over of what was left")
    func askedAgain() async throws {
        try await check([
            Case(240, asked: -5), Case(240, asked: -6, due: [240: false]), Case(240, asked: 0),
            Case(19, asked: -5), Case(18, asked: -6, due: [18: false]), Case(13, asked: -4),
            Case(12, asked: -4, due: [12: false]), Case(4, asked: -1),
            Case(3, asked: -1, due: [3: false]),
            Case(1, asked: -1, due: [1: false]), Case(1, asked: 0), Case(nil, 4, asked: -1),
            Case(nil, 3, asked: -1, due: [3: true]),
        ])
    }
}
