import Foundation
import Ledger
import Values

/// Calls by key over the ledger of a test.
extension TestLedger {
    /// The keys with what their families have spent of the running periods.
    var loadedKeys: LoadedKeys {
        var spendings: [UUID: KeySpending] = [:]
        for key in keys.values where key.creditLimit != nil {
            guard let number = accounts[key.accountID]?.context.period.number else { continue }
            let family = key.caller.familyID
            let own = logs.values.filter {
                $0.caller?.familyID == family && $0.periodNumber == number
            }
            spendings[family] = KeySpending(
                accountID: key.accountID, periodNumber: number,
                used: own.map { $0.creditsCharged ?? .zero }.reduce(.zero, +),
                held: own.map(\.creditsHeld).reduce(.zero, +))
        }
        return LoadedKeys(
            byHash: keys,
            byID: Dictionary(uniqueKeysWithValues: keys.values.map { ($0.caller.keyID, $0) }),
            spendings: spendings)
    }

    /// A key that is a family of its own.
    mutating func newKey(
        _ number: UInt8, of account: UUID, limit: String?, isTest: Bool = false
    ) {
        let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, number))
        keys[KeyHash([number])] = KeyOfCall(
            caller: KeyedCaller(keyID: id, familyID: id, isTest: isTest), accountID: account,
            isRevoked: false, expiresAt: nil, creditLimit: limit.map { Credits(decimal: $0)! },
            barrier: nil)
    }

    mutating func call(
        _ account: UUID, key: UInt8, _ request: String, _ feature: String = "match",
        of parent: UUID? = nil, seconds: Int64? = nil
    ) -> ValidateKeyedUsage.Outcome {
        apply(
            ValidateKeyedUsage(
                ValidateUsage(
                    key: IdempotencyKey(userID: account, requestID: request, payloadHash: "0"),
                    featureKey: feature, call: UsageLog.Call(endpoint: "/", method: "POST"),
                    holdSeconds: seconds, parent: parent, randomness: generator.next()),
                keyHashes: [KeyHash([key])]))
    }

    mutating func raise(
        _ account: UUID, _ usage: UUID, by credits: String
    ) -> ExtendKeyedHold.Outcome {
        apply(
            ExtendKeyedHold(
                ExtendHold(
                    userID: account, usageID: usage, extensionID: "x", holdSeconds: nil,
                    raise: .by(Credits(decimal: credits)!))))
    }

    /// - Returns: what was charged and what was not.
    mutating func succeed(_ account: UUID, _ usage: UUID, _ credits: String?) -> [String] {
        let outcome = apply(
            CommitUsage(
                userID: account, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                credits: credits.map { Credits(decimal: $0)! }, isByKey: true))
        guard case .applied(.success, let charged, false, _, let rest, _) = outcome else {
            return ["\(outcome)"]
        }
        return [charged.decimal, rest.decimal]
    }
}

extension ValidateKeyedUsage.Outcome {
    /// The call that was granted.
    var usage: UUID? {
        guard case .judged(.granted(let grant, _), _) = self else { return nil }
        return grant.usageID
    }

    /// What was found used, where the key's limit forbade the call.
    var usedOfLimit: String? {
        guard case .keyLimitReached(let refusal, _) = self else { return nil }
        return refusal.used.decimal
    }
}
