import Foundation
import Ledger
import Testing
import Values

/// A command whose decision is what a test says, sound or not.
private struct Scripted: LedgerCommand {
    let userID: UUID
    var subject: LedgerSubject?
    let script: @Sendable (Position) -> Decision<Bool>

    func decide(_ position: Position, _ rules: LedgerRules, at now: Timestamp) -> Decision<Bool> {
        script(position)
    }
}

@Suite("A decision that would break an invariant is a defect and is not kept")
struct DecisionCheckTests {
    private var ledger = TestLedger()

    /// Has a batch decide by a script on an account that holds one reservation.
    private mutating func decide(
        _ script: @escaping @Sendable (Account, UsageLog) -> Decision<Bool>
    ) throws -> LedgerBatch {
        let user = ledger.newUser()
        let id = ledger.reserve(user)
        let account = try #require(ledger.accounts[user])
        let log = try #require(ledger.logs[id])
        var batch = LedgerBatch(
            entries: [user: .init(user: .active, account: account, overdue: [])], logs: [log],
            knownGrants: [])
        let command = Scripted(userID: user, subject: .id(id)) { script($0.account!, $0.log!) }
        do {
            _ = try batch.apply(command, ledger.rules, clock: ledger.now)
        } catch {
            #expect(batch.entries[user]?.account == account && batch.changedLogs.isEmpty)
            #expect(batch.grants.isEmpty && batch.insertedLogs.isEmpty)
            throw error
        }
        return batch
    }

    private static func changed(
        _ account: Account, allocated: Credits? = nil, used: Credits? = nil,
        reserved: Credits? = nil, owed: Credits? = nil
    ) -> Account {
        let old = account.context
        return Account(
            subscription: account.subscription,
            context: CareerSubscriptionContext(
                period: old.period, periodPlanID: old.periodPlanID, anchor: old.anchor,
                allocated: allocated ?? old.allocated, used: used ?? old.used,
                reserved: reserved ?? old.reserved, owed: owed ?? old.owed,
                formerLeft: old.formerLeft, minuteWindow: old.minuteWindow,
                dayWindow: old.dayWindow, decidedAt: old.decidedAt))
    }

    private static let one = Credits(clamping: 1_000_000)

    private static let unsound: [(String, @Sendable (Account, UsageLog) -> Decision<Bool>)] = [
        (
            "used without a charge",
            { account, _ in
                Decision(true, account: changed(account, used: one))
            }
        ),
        (
            "given back without a log",
            { account, _ in
                Decision(true, account: changed(account, reserved: .zero))
            }
        ),
        (
            "allocated without a line",
            { account, _ in
                Decision(
                    true, account: changed(account, allocated: account.context.allocated + one))
            }
        ),
        (
            "a subscription of which it has not seen all",
            { account, _ in
                let thin = Subscription(
                    id: account.subscription.id, userID: account.subscription.userID,
                    planID: account.subscription.planID, status: .canceled)
                return Decision(
                    true, account: Account(subscription: thin, context: account.context))
            }
        ),
        (
            "a debt below nothing",
            { account, _ in
                Decision(true, account: changed(account, owed: .zero - one))
            }
        ),
        (
            "a line of another account",
            { account, _ in
                var decision = Decision(true, account: account)
                decision.grants = [
                    CreditGrant(
                        userID: UUID(), periodNumber: account.context.period.number + 1,
                        kind: .adjustment, cause: "x", credits: one, reason: "x", createdAt: .epoch)
                ]
                return decision
            }
        ),
        (
            "a line without an account",
            { account, _ in
                var decision = Decision(true, account: nil)
                decision.grants = [
                    CreditGrant(
                        userID: account.subscription.userID, periodNumber: 1, kind: .adjustment,
                        cause: "x", credits: one, reason: "x", createdAt: .epoch)
                ]
                return decision
            }
        ),
    ]

    @Test("Whatever it would break", arguments: unsound.indices)
    func isNotKept(index: Int) throws {
        var tests = self
        let (name, script) = Self.unsound[index]
        #expect(throws: LedgerDefect.self, "\(name)") { _ = try tests.decide(script) }
    }

    @Test("A sound one is kept")
    func sound() throws {
        var tests = self
        let batch = try tests.decide { account, _ in Decision(true, account: account) }
        #expect(batch.entries.count == 1)
    }

    @Test("A log leaves PENDING once")
    func pendingOnce() throws {
        var ledger = ledger
        let user = ledger.newUser()
        let id = ledger.reserve(user)
        ledger.apply(
            CommitUsage(
                userID: user, usageID: id, result: .success, metrics: UsageLog.Metrics()))
        let log = try #require(ledger.logs[id])
        var batch = LedgerBatch(
            entries: [user: .init(user: .active, account: ledger.accounts[user], overdue: [])],
            logs: [log], knownGrants: [])
        let again = Scripted(userID: user, subject: .id(id)) { position in
            var decision = Decision(true, account: position.account)
            decision.logs = [log]
            return decision
        }
        let error = #expect(throws: LedgerDefect.self) {
            _ = try batch.apply(again, ledger.rules, clock: ledger.now)
        }
        #expect(error?.description.contains("PENDING twice") == true)
    }
}
