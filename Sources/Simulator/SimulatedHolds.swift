import FoundationEssentials
import Ledger
import Values

/// Tool servers whose calls grow and are charged in parts.
extension SimulatedWorld {
    func extend(_ serial: Int, _ name: Int, _ seconds: Int64?, _ amount: SimulatedAmount) {
        guard let (user, id) = calls[serial] else { return }
        let raise: ExtendHold.Raise? =
            switch amount {
            case .nothing: nil
            case .micros(let micros): .by(Credits(clamping: micros))
            case .tokens(let input, let output, let model):
                .to(
                    AnnouncedUsage(
                        model: "m-\(model)", inputTokens: input, inputChars: nil,
                        maxOutputTokens: output))
            }
        wait(
            .extend(
                ExtendHold(
                    userID: user, usageID: id, extensionID: "e\(name)", holdSeconds: seconds,
                    raise: raise)), .other)
    }

    func record(
        _ serial: Int, _ person: Int, _ request: Int, _ hash: Int, _ feature: Int, _ ago: Int64,
        _ amount: SimulatedAmount
    ) {
        wait(
            .record(
                RecordUsage(
                    key: key(person, request, hash),
                    featureKey: SimulationProfile.features[feature],
                    ranAt: now.adding(seconds: -ago), metrics: amount.metrics,
                    randomness: SimulationRandom.mix(UInt64(serial)))), .other)
    }

    func capture(_ serial: Int, _ name: Int, _ amount: SimulatedAmount) {
        guard let (user, id) = calls[serial] else { return }
        let part = amount.credits.map { CaptureUsage.Part.credits($0) } ?? .metrics(amount.metrics)
        wait(
            .capture(
                CaptureUsage(userID: user, usageID: id, captureID: "c\(name)", part: part)),
            .other)
    }

    func add(_ micros: Int64, _ cause: Int, _ terms: GrantTerms, to user: UUID, _ serial: Int) {
        wait(
            .addGrant(
                AddGrant(
                    userID: user, source: terms.isPaid ? .topUp : .promotion,
                    amount: Credits(clamping: micros), priority: terms.priority,
                    effectiveAt: terms.effectiveIn.map { now.adding(seconds: $0) },
                    expiresAt: terms.expiresIn.map { now.adding(seconds: $0) },
                    isPaid: terms.isPaid, cause: "grant_\(cause)",
                    randomness: SimulationRandom.mix(UInt64(serial)))), .other)
    }

    /// Each pack says something else; the last of them costs nothing.
    func settle(_ pack: Int, _ total: Int64, _ isDisputed: Bool, of user: UUID, _ serial: Int) {
        let credits: [Int64] = [700_000, 2_000_000, 9_000_001, 1_500_000]
        wait(
            .settleTopUp(
                SettleTopUp(
                    userID: user, cause: "pack_\(pack)", credits: Credits(clamping: credits[pack]),
                    validDays: [nil, 1, 40, nil][pack], isPaid: pack < 3,
                    takenBack: Credits(clamping: total), isFrozen: isDisputed,
                    randomness: SimulationRandom.mix(UInt64(serial)))), .other)
    }

    /// Whoever takes their limits off looks at them, too.
    func limit(_ person: Int, _ daily: Int64?, _ monthly: Int64?) {
        let limits = SpendingLimits(
            daily: daily.map { Credits(clamping: $0) },
            monthly: monthly.map { Credits(clamping: $0) })
        wait(.limit(SetSpendingLimits(userID: user(person), limits: limits)), .other)
        if limits == .none {
            wait(.readLimits(ReadSpendingLimits(userID: user(person))), .other)
        }
    }

    /// What a request announces; some announce nothing.
    func announcement(_ request: Int) -> UsageLog.Call {
        guard !request.isMultiple(of: 3) else {
            return UsageLog.Call(endpoint: "/", method: "POST")
        }
        return UsageLog.Call(
            endpoint: "/", method: "POST", inputChars: Int64(request % 5) * 1000,
            maxOutputTokens: Int64(request % 7) * 300, model: "m-\(request % 4)")
    }
}

extension SimulatedAmount {
    var credits: Credits? {
        if case .micros(let micros) = self { Credits(clamping: micros) } else { nil }
    }

    var metrics: UsageLog.Metrics {
        guard case .tokens(let input, let output, let model) = self else {
            return UsageLog.Metrics()
        }
        return UsageLog.Metrics(
            modelUsed: "m-\(model)", inputTokens: input, outputTokens: output)
    }
}

extension SimulationProfile {
    /// By one of the run's catalogs; holds that were made under the others keep their terms.
    func rules(_ number: Int) -> LedgerRules {
        LedgerRules(
            catalog: catalogs[number],
            formerCatalogs: Dictionary(
                uniqueKeysWithValues: catalogs.map { ($0.revision, $0.terms) }),
            reservationTTL: reservationTTL, pastDueGrace: pastDueGrace)
    }
}

extension ReferenceModel {
    /// Whether a queued commit of the call still means something.
    func isAcceptedOrOver(_ usage: UUID) -> Bool {
        guard let (owner, place) = placeOfCall[usage], let call = users[owner]?.calls[place] else {
            return true
        }
        return call.ended != nil || call.acceptedAs != nil
    }

    /// Where something of the user's ends next.
    func next(
        _ boundary: Boundary, _ id: UUID, after now: Int64, _ rules: LedgerRules
    ) -> Int64? {
        let period = users[id]?.account?.period
        return switch boundary {
        case .minute: now - now % 60_000_000 + 60_000_000
        case .day: now - now % ReferenceCalendar.day + ReferenceCalendar.day
        case .month: ReferenceCalendar.nextMonth(now)
        case .expiry:
            users[id]?.calls.filter { $0.status(at: now) == .pending && $0.expiresAt > now }
                .map(\.expiresAt).min()
        case .period: period?.end
        case .grace: period.map { $0.end + rules.pastDueGrace * 1_000_000 }
        }
    }
}
