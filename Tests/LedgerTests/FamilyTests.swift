import Foundation
import Ledger
import Testing
import Values

@Suite("Families of holds")
struct FamilyTests: FamilySuite {
    var ledger: TestLedger
    let user: UUID

    init() throws { (ledger, user) = try Self.made() }

    @Test("A child's hold is taken out of its parent's free part and never out of the balance")
    mutating func takes() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        #expect([held(run), held(child), lent(run)] == ["7.00", "3.00", "3.00"])
        #expect(pool == ["10.00", "0.00"])
        let grandchild = try hold("b", "free", of: child)
        #expect(raise(grandchild, "2") == "extended")
        #expect([held(run), held(child), held(grandchild)] == ["7.00", "1.00", "2.00"])
        #expect(ledger.logs[child]?.balances.before?.decimal == "15.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A family never captures more than its first hold and its raises")
    mutating func ceiling() throws {
        let run = try hold("run", "run")
        let children = try (0..<3).map { try hold("c\($0)", of: run) }
        #expect(code("c3", of: run) == "parent_hold_exceeded")
        #expect(raise(run, "2") == "extended")
        let last = try hold("c4", of: run)
        #expect(code("c5", of: run) == "parent_hold_exceeded")
        for child in children + [last] { commit(child) }
        commit(run)
        #expect(pool == ["0.00", "12.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A parent must be a running call of the same user")
    mutating func foreign() throws {
        let run = try hold("run", "run")
        #expect(code("x", of: UUID()) == "unknown_parent")
        let other = ledger.newUser()
        #expect(ask("x", of: run, by: other) == .unknownParent)
        let stranger = UUID()
        ledger.users[stranger] = .active
        #expect(ask("x", of: run, by: stranger) == .unknownParent)
        commit(run)
        #expect(code("x", of: run) == "parent_ended")
        #expect(ledger.logs.count == 1)
    }

    @Test("A parent has ended once it is committed, accepted, canceled or lapsed")
    mutating func ended() throws {
        for (number, end) in ["commit", "fail", "accept", "cancel", "lapse"].enumerated() {
            let run = try hold("run\(number)", "tool")
            switch end {
            case "commit": commit(run, "0")
            case "fail": commit(run, success: false)
            case "accept":
                ledger.apply(
                    AcceptCommit(
                        CommitUsage(
                            userID: user, usageID: run, result: .success,
                            metrics: UsageLog.Metrics())))
            case "cancel": _ = cancel(run)
            default: ledger.advance(seconds: 900)
            }
            #expect(code("c\(number)", "free", of: run) == "parent_ended", "\(end)")
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A repetition is the same request only with the same parent")
    mutating func repeats() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        #expect(code("a", of: run) == "replayed")
        #expect(code("a", of: nil) == "request_mismatch")
        #expect(code("a", of: child) == "request_mismatch")
        #expect(code("run", "run", of: run) == "request_mismatch")
        commit(run)
        #expect(code("a", of: run) == "replayed")
        commit(child)
        #expect(code("a", of: run) == "request_already_finished")
    }

    @Test("A raise of a child is taken of its parent, and refused beyond it")
    mutating func raises() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        #expect(raise(child, "7.000001") == "parent_hold_exceeded")
        #expect(raise(child, "7", "f") == "extended")
        #expect([held(run), held(child)] == ["0.00", "10.00"])
        commit(run)
        #expect(raise(child, "1", "g") == "parent_ended")
        let time = ledger.apply(
            ExtendHold(
                userID: user, usageID: child, extensionID: "h", holdSeconds: 900, raise: nil))
        guard case .done = time else {
            Issue.record("time is refused: \(time)")
            return
        }
        #expect(pool == ["10.00", "0.00"])
    }

    @Test("Over-use of a child stops at its parent's free part")
    mutating func overuse() throws {
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        guard case .applied(_, let charged, _, _, let notCharged, _) = commit(child, "11") else {
            Issue.record("the child is not committed")
            return
        }
        #expect([charged.decimal, notCharged.decimal] == ["10.00", "1.00"])
        #expect(ledger.logs[child]?.creditsOverused.decimal == "7.00")
        #expect([held(run), lent(run)] == ["0.00", "10.00"])
        let orphan = try hold("run 2", "run")
        let lone = try hold("b", of: orphan)
        commit(orphan)
        commit(lone, "11")
        #expect(ledger.logs[lone]?.creditsCharged?.decimal == "3.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A child draws on its parent's grants from the front, and gives back to them")
    mutating func grants() throws {
        ledger.apply(
            AddGrant(
                userID: user, source: .promotion, amount: try #require(Credits(decimal: "4")),
                priority: 0, effectiveAt: nil, expiresAt: nil, cause: "gift", randomness: 7))
        let run = try hold("run", "run")
        let child = try hold("a", of: run)
        func draws(_ usage: UUID) -> [String] {
            ledger.logs[usage]?.draws.map { "\($0.held.decimal) \($0.captured.decimal)" } ?? []
        }
        #expect(draws(run) == ["1.00 0.00", "6.00 0.00"])
        #expect(draws(child) == ["3.00 0.00"])
        #expect(raise(child, "2") == "extended")
        #expect(draws(child) == ["4.00 0.00", "1.00 0.00"])
        commit(child, "4.5")
        #expect(draws(run) == ["0.00 0.00", "5.50 0.00"])
        commit(run, "0")
        #expect(pool == ["0.00", "0.50"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A family goes on in the next period with what its first hold took of the one before")
    mutating func period() throws {
        ledger.rules = LedgerRules(
            catalog: ledger.rules.catalog, reservationTTL: 40 * 86_400, pastDueGrace: 0)
        let run = try hold("run", "run")
        ledger.advance(days: 31)
        let child = try hold("a", of: run, seconds: 3600)
        #expect(ledger.context(user).period.number == 2)
        #expect(pool == ["0.00", "0.00"])
        #expect(raise(child, "1") == "extended")
        #expect(raise(run, "1") == "extended")
        #expect(raise(child, "7", "f") == "extended")
        commit(child)
        commit(run)
        #expect(pool == ["0.00", "1.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A child is not judged by the user's limits, which its parent's hold has passed")
    mutating func limits() throws {
        let run = try hold("run", "run")
        ledger.apply(
            SetSpendingLimits(
                userID: user,
                limits: SpendingLimits(daily: Credits(decimal: "1"), monthly: nil)))
        let child = try hold("a", of: run)
        #expect(raise(child, "1") == "extended")
        #expect(raise(run, "0.5") == "spending_limit_reached")
        commit(child)
        commit(run)
        #expect(pool == ["0.00", "10.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A thousand children, asked at once, stop at the ceiling exactly")
    mutating func thousand() throws {
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1,
                plans: [
                    TestLedger.plan(
                        1, "Free", .free, price: 0, credits: "1000", minute: nil, day: nil),
                    TestLedger.plus,
                ],
                features: ledger.rules.catalog.features.values.map { $0 }),
            reservationTTL: 900, pastDueGrace: 0)
        let rich = ledger.newUser()
        guard case .granted(let run, _) = ask("run", "run", by: rich) else { throw FamilyRefused() }
        let entry = LedgerBatch.Entry(user: .active, account: ledger.accounts[rich], overdue: [])
        var batch = LedgerBatch(
            entries: [rich: entry],
            logs: [try #require(ledger.logs[run.usageID])], knownGrants: [])
        var granted: [UUID] = []
        for number in 0..<1000 {
            let outcome = try batch.apply(
                ValidateUsage(
                    key: IdempotencyKey(
                        userID: rich, requestID: "c\(number)", payloadHash: "0"),
                    featureKey: "tool", call: UsageLog.Call(endpoint: "/", method: "POST"),
                    parent: run.usageID, randomness: ledger.generator.next()),
                ledger.rules, clock: ledger.now)
            if case .granted(let grant, _) = outcome { granted.append(grant.usageID) }
        }
        #expect(granted.count == 3)
        for id in granted {
            _ = try batch.apply(
                CommitUsage(
                    userID: rich, usageID: id, result: .success, metrics: UsageLog.Metrics(),
                    credits: Credits(decimal: "900")),
                ledger.rules, clock: ledger.now)
        }
        #expect(batch.entries[rich]?.account?.context.used.decimal == "10.00")
        #expect(batch.logs[run.usageID]?.creditsLent.decimal == "10.00")
    }
}
