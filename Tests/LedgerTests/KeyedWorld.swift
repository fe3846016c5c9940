import Foundation
import Ledger
import Values

/// Two workspaces, their keys, and what is done with them, drawn from a seed. Beside the ledger a
/// plain model of the rules decides on the same: it has no counters, and adds up from the calls.
struct KeyedWorld {
    /// Seconds of a hold.
    private static let hold: Int64 = 900
    /// Of a workspace, all in all.
    private static let credits = "6"
    /// All of a run lies in one free period.
    private static let longest: Int64 = 27 * 86_400

    struct Key {
        let number: UInt8
        let id: UUID
        let family: UUID
        let account: UUID
        let isTest: Bool
        var isRevoked = false
        var expiresAt: Timestamp?
    }

    struct Call {
        let usage: UUID
        let key: Key
        let request: String
        let feature: String
        var status = UsageLog.Status.pending
        /// Micro-credits.
        var held: Int64
        var charged: Int64 = 0
        let expiresAt: Timestamp

        func spent(at now: Timestamp) -> Int64 {
            charged + (status == .pending && now < expiresAt ? held : 0)
        }
    }

    /// An answer in words that the model can make too.
    enum Said: Equatable {
        case invalidKey, foreignKey, barred(KeyOfCall.Barrier)
        case keyLimitReached(used: Int64)
        case granted(isReplay: Bool, isTest: Bool)
        case finished(UsageLog.Status), mismatch, outOfCredits
        case settled(charged: Int64), refused(UsageLog.Status)
        case raised(held: Int64), ended
        case other(String)
    }

    var ledger = TestLedger()
    private var random: SeededGenerator
    private let accounts: [UUID]
    private(set) var keys: [Key] = []
    private(set) var calls: [Call] = []
    private var limits: [UUID: Int64] = [:]
    private var barriers: [UUID: KeyOfCall.Barrier] = [:]
    private var passed: Int64 = 0
    private var steps = 0
    /// How often each kind of answer was given.
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        let free = TestLedger.plan(
            1, "Free", .free, price: 0, credits: Self.credits, minute: nil, day: nil)
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1, plans: [free, TestLedger.plus, TestLedger.pro],
                features: TestLedger.rules.catalog.features.values.sorted {
                    $0.featureKey < $1.featureKey
                }),
            reservationTTL: Self.hold, pastDueGrace: 0)
        accounts = [ledger.newUser(), ledger.newUser()]
        for account in accounts { makeKey(of: account, isTest: false) }
        makeKey(of: accounts[0], isTest: true)
    }

    /// - Returns: what the ledger said and the model did not; `nil` if they agree.
    mutating func step() -> String? {
        steps += 1
        switch random.below(100) {
        case 0..<6: makeKey(of: accounts[random.below(2)], isTest: random.below(3) == 0)
        case 6..<10: rotate()
        case 10..<12: revoke()
        case 12..<20: setLimit()
        case 20..<24: setBarrier()
        case 24..<30: advance()
        case 30..<64: return validate()
        case 64..<84: return commit()
        default: return raise()
        }
        return nil
    }

    // What is done with keys

    private mutating func makeKey(of account: UUID, isTest: Bool) {
        guard keys.count < 200 else { return }
        let number = UInt8(keys.count)
        let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, number))
        let end = random.below(6) == 0 ? ledger.now.adding(seconds: seconds()) : nil
        keys.append(
            Key(
                number: number, id: id, family: id, account: account, isTest: isTest,
                expiresAt: end))
    }

    private mutating func rotate() {
        let place = random.below(keys.count)
        let old = keys[place]
        guard isLive(old), keys.count < 200 else { return }
        let overlap = ledger.now.adding(seconds: random.below(2) == 0 ? 0 : seconds())
        let number = UInt8(keys.count)
        let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, number))
        keys.append(
            Key(
                number: number, id: id, family: old.family, account: old.account,
                isTest: old.isTest, expiresAt: old.expiresAt))
        keys[place].expiresAt = min(old.expiresAt ?? overlap, overlap)
    }

    private mutating func revoke() {
        guard keys.count > 3 else { return }
        keys[random.below(keys.count)].isRevoked = true
    }

    private mutating func setLimit() {
        let family = keys[random.below(keys.count)].family
        limits[family] = random.below(4) == 0 ? nil : Int64(random.below(9)) * 500_000
    }

    private mutating func setBarrier() {
        let account = accounts[random.below(2)]
        let kind: [KeyOfCall.Barrier?] = [nil, nil, nil, nil, .frozen, .suspended]
        barriers[account] = kind[random.below(kind.count)]
    }

    private mutating func advance() {
        let span = seconds()
        guard passed + span < Self.longest else { return }
        passed += span
        ledger.advance(seconds: span)
        for place in calls.indices
        where calls[place].status == .pending && calls[place].expiresAt <= ledger.now {
            calls[place].status = .expired
        }
    }

    private mutating func seconds() -> Int64 {
        let spans: [Int64] = [1, 60, 450, 899, 900, 901, 3600, 86_400]
        return spans[random.below(spans.count)]
    }

    // Calls

    private mutating func validate() -> String? {
        let key = keys[random.below(keys.count)]
        let isOwn = random.below(8) > 0
        let account = isOwn ? key.account : accounts.first { $0 != key.account } ?? key.account
        let request = "r\(random.below(30))"
        let feature = random.below(3) == 0 ? "words" : "match"
        let expected = model(key, account, request, feature)
        loadKeys()
        let outcome = ledger.call(account, key: key.number, request, feature)
        let said = Said(outcome)
        if case .granted(isReplay: false, _) = said, let usage = outcome.usage {
            let cost: Int64 = key.isTest ? 0 : feature == "words" ? 500_000 : 1_000_000
            calls.append(
                Call(
                    usage: usage, key: key, request: request, feature: feature, held: cost,
                    expiresAt: ledger.now.adding(seconds: Self.hold)))
        }
        return judge(said, expected, "validate \(request) \(feature) by key \(key.number)")
    }

    private func model(
        _ key: Key, _ account: UUID, _ request: String, _ feature: String
    ) -> Said {
        guard isLive(key) else { return .invalidKey }
        guard key.account == account else { return .foreignKey }
        if let barrier = barriers[account] { return .barred(barrier) }
        let known = calls.first {
            $0.key.account == account && $0.key.isTest == key.isTest && $0.request == request
        }
        if let known {
            if known.feature != feature { return .mismatch }
            return known.status == .pending
                ? .granted(isReplay: true, isTest: key.isTest) : .finished(known.status)
        }
        if key.isTest { return .granted(isReplay: false, isTest: true) }
        let cost: Int64 = feature == "words" ? 500_000 : 1_000_000
        return refusal(of: cost, by: key) ?? .granted(isReplay: false, isTest: false)
    }

    /// By the account's credits, then by the family's limit.
    private func refusal(of cost: Int64, by key: Key) -> Said? {
        func spent(_ isCounted: (Call) -> Bool) -> Int64 {
            calls.filter(isCounted).reduce(0) { $0 + $1.spent(at: ledger.now) }
        }
        let all = Credits(decimal: Self.credits)!.micros
        if spent({ $0.key.account == key.account }) + cost > all { return .outOfCredits }
        guard let limit = limits[key.family] else { return nil }
        let used = spent { $0.key.family == key.family }
        return used + cost > limit || limit == 0 ? .keyLimitReached(used: used) : nil
    }

    private mutating func commit() -> String? {
        guard !calls.isEmpty else { return nil }
        let place = random.below(calls.count)
        let call = calls[place]
        let isSuccess = random.below(4) > 0
        let amount: Int64? = random.below(3) == 0 ? Int64(random.below(5)) * 300_000 : nil
        var expected = Said.refused(call.status)
        switch call.status {
        case .pending:
            let charged = isSuccess ? min(call.held, amount ?? call.held) : 0
            calls[place].status = isSuccess ? .success : .failed
            calls[place].charged = charged
            expected = .settled(charged: charged)
        // The same outcome again is answered as the first time.
        case .success where isSuccess, .failed where !isSuccess:
            expected = .settled(charged: call.charged)
        default: break
        }
        loadKeys()
        let outcome = ledger.apply(
            CommitUsage(
                userID: call.key.account, usageID: call.usage,
                result: isSuccess
                    ? .success : .failure(UsageLog.Failure(type: .timeout, reason: "slow")),
                metrics: UsageLog.Metrics(),
                credits: isSuccess ? amount.map { Credits(micros: $0)! } : nil, isByKey: true))
        return judge(Said(outcome), expected, "commit of \(call.request)")
    }

    private mutating func raise() -> String? {
        let live = calls.indices.filter { !calls[$0].key.isTest }
        guard !live.isEmpty else { return nil }
        let place = live[random.below(live.count)]
        let call = calls[place]
        let more = Int64(1 + random.below(4)) * 500_000
        var expected = Said.ended
        // Keys change: what counts is how the key stands now.
        if !isLive(keys[Int(call.key.number)]) {
            expected = .invalidKey
        } else if let barrier = barriers[call.key.account] {
            expected = .barred(barrier)
        } else if call.status == .pending {
            expected = refusal(of: more, by: call.key) ?? .raised(held: call.held + more)
        }
        if case .raised(let held) = expected { calls[place].held = held }
        loadKeys()
        let outcome = ledger.apply(
            ExtendKeyedHold(
                ExtendHold(
                    userID: call.key.account, usageID: call.usage, extensionID: "x\(steps)",
                    holdSeconds: nil, raise: .by(Credits(micros: more)!))))
        return judge(Said(outcome), expected, "raise of \(call.request) by \(more)")
    }

    private func isLive(_ key: Key) -> Bool {
        !key.isRevoked && key.expiresAt.map { ledger.now < $0 } ?? true
    }

    private mutating func loadKeys() {
        ledger.keys = Dictionary(
            uniqueKeysWithValues: keys.map { key in
                let found = KeyOfCall(
                    caller: KeyedCaller(keyID: key.id, familyID: key.family, isTest: key.isTest),
                    accountID: key.account, isRevoked: key.isRevoked, expiresAt: key.expiresAt,
                    creditLimit: limits[key.family].map { Credits(micros: $0)! },
                    barrier: barriers[key.account])
                return (KeyHash([key.number]), found)
            })
    }

    private mutating func judge(_ said: Said, _ expected: Said, _ event: String) -> String? {
        met[said.kind, default: 0] += 1
        if said != expected { return "step \(steps), \(event): \(said), not \(expected)" }
        let broken = ledger.brokenInvariants()
        if !broken.isEmpty { return "step \(steps), \(event): \(broken)" }
        let tests = ledger.logs.values.filter { $0.caller?.isTest ?? false }
        return tests.contains { $0.creditsHeld > .zero || $0.creditsCharged ?? .zero > .zero }
            ? "step \(steps), \(event): a test costs something" : nil
    }
}

extension SeededGenerator {
    fileprivate mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
