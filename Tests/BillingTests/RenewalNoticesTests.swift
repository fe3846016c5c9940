import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Mail
import Renewals
import Stripe
import TestFixtures
import Testing
import Users
import Values

/// One user, whose year is due in ten days.
@Suite("Who is mailed what is charged for a year")
struct RenewalNoticesTests {
    private static let user = UUID()
    private static let start = TestCatalog.start
    private static let hours: Int64 = 3600

    private func run(
        hasAddress: Bool = true, _ body: (any Database) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            try await installCatalog(in: database)
            try await database.insertUser(Self.user, at: Self.start)
            _ = try await database.write { try activate(in: $0) }
            _ = try await database.write { try pay(hasAddress: hasAddress, in: $0) }
            try await body(database)
        }
    }

    private func activate(in connection: any DatabaseConnection) throws {
        let rules = LedgerRules(
            catalog: try TestCatalog.catalog(), reservationTTL: 900, pastDueGrace: 0)
        let command = ActivateFreeSubscription(
            userID: Self.user, subscriptionID: Self.user, former: nil)
        _ = try DirectLedger.carryOut(
            [command],
            of: .career(holderStanding: "SELECT is_active FROM users WHERE id = ?"),
            in: connection, clock: Self.start
        ) { batch in try batch.apply(command, rules, clock: Self.start) }
    }

    private func pay(hasAddress: Bool, in connection: any DatabaseConnection) throws {
        let plan = SQLValue.uuid(TestCatalog.plus.id)
        try connection.execute("UPDATE plans SET billing_interval = 'year' WHERE id = ?", [plan])
        try connection.execute(
            """
            UPDATE subscriptions SET plan_id = ?, stripe_customer_id = 'cus_1',
                stripe_subscription_id = 'sub_1'
            """, [plan])
        let days: Int64 = 24 * Self.hours
        try connection.execute(
            """
            UPDATE career_subscription_contexts SET year_invoice_id = 'in_1', year_start = ?,
                year_end = ?, year_plan_id = ?, year_withheld = 0
            """,
            [
                .time(Self.start.adding(seconds: -355 * days)),
                .time(Self.start.adding(seconds: 10 * days)), plan,
            ])
        guard !hasAddress else { return }
        try connection.execute(
            """
            UPDATE users SET email = NULL, email_key = NULL, password_hash = NULL,
                issuer = 'https://issuer.test', subject = 'one'
            """)
    }

    /// Looks once, when Stripe would charge so much.
    private func sweep(_ database: any Database, _ amount: Int64, after hours: Int64) async throws {
        var stripe = StripeClient.unimplemented
        stripe.retrieveSubscription = { _ throws(StripeError) in
            do {
                return try subscription()
            } catch {
                throw StripeError(.malformedResponse(field: "the test's"))
            }
        }
        stripe.previewNextInvoice = { _ throws(StripeError) in
            do throws(StripeDecodingError) {
                return try invoice(["amount_due": .int(amount)])
            } catch {
                throw StripeError(.malformedResponse(field: "the test's"))
            }
        }
        let now = Self.start.adding(seconds: hours * Self.hours)
        let notices = RenewalNotices(
            stripe: stripe, database: database,
            outbox: MailOutbox(
                broker: nil, templates: MailTemplates(), secrets: TokenHashSecrets(["one"])),
            catalog: CatalogStore(), clock: DecisionClock { now },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await notices.sweep()
    }

    private static let steps: [(amount: Int64, told: [String])] = [
        (1800, ["$18.00"]), (1800, ["$18.00"]), (1700, ["$18.00", "$17.00"]),
        // What was told before is told again if something else was told since.
        (1800, ["$18.00", "$17.00", "$18.00"]), (1800, ["$18.00", "$17.00", "$18.00"]),
        (1700, ["$18.00", "$17.00", "$18.00", "$17.00"]),
    ]

    @Test("Each change is mailed, also back to what was told before, and the same only once")
    func corrections() async throws {
        try await run { database in
            for (number, step) in Self.steps.enumerated() {
                try await sweep(database, step.amount, after: 6 * Int64(number))
                let mails = try await database.texts("SELECT text FROM mails ORDER BY created_at")
                #expect(mails.count == step.told.count)
                for (mail, words) in zip(mails, step.told) { #expect(mail.contains(words)) }
            }
            let subjects = try await database.texts(
                "SELECT subject FROM mails ORDER BY created_at")
            #expect(subjects.map { $0.hasSuffix(": another price") } == [false, true, true, true])
        }
    }

    @Test("Of a user without an address the operator is told each change")
    func withoutAddress() async throws {
        try await run(hasAddress: false) { database in
            for (number, step) in Self.steps.enumerated() {
                try await sweep(database, step.amount, after: 6 * Int64(number))
                let told = try await database.integer("SELECT count(*) FROM operator_notices")
                #expect(told == Int64(step.told.count))
            }
            #expect(try await database.integer("SELECT count(*) FROM mails") == 0)
        }
    }

    @Test(
        "Nothing counts as told if the mail or the notice cannot be written",
        arguments: [true, false])
    func together(hasAddress: Bool) async throws {
        try await run(hasAddress: hasAddress) { database in
            let table = hasAddress ? "mails" : "operator_notices"
            _ = try await database.write { connection in
                try connection.execute(
                    """
                    CREATE TRIGGER broken BEFORE INSERT ON \(table)
                    BEGIN SELECT raise(ABORT, 'broken'); END
                    """)
            }
            await #expect(throws: (any Error).self) {
                try await sweep(database, 1800, after: 0)
            }
            _ = try await database.write { try $0.execute("DROP TRIGGER broken") }
            for hours in [0, 6] as [Int64] {
                try await sweep(database, 1800, after: hours)
                #expect(try await database.integer("SELECT count(*) FROM \(table)") == 1)
            }
        }
    }
}
