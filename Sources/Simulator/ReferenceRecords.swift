import FoundationEssentials
import Ledger
import Values

/// What the model does with a call that ran unasked.
extension ReferenceModel {
    /// - Parameters:
    ///   - clock: what the deciding process's clock says, by which the call must be of this day.
    ///   - fresh: the id that the code under test gave, for a call that is new.
    func record(
        _ command: RecordUsage, _ rules: LedgerRules, at now: Int64, clock: Int64, fresh: UUID?
    ) -> Answer {
        guard let user = users[command.userID] else { return .unknownUser }
        if let place = user.placeOfKey[command.key] {
            let call = user.calls[place]
            guard call.feature == command.featureKey else {
                return .denied(
                    .requestMismatch(usageID: call.id, call.status(at: now)), [])
            }
            let commit = CommitUsage(
                userID: command.userID, usageID: call.id, result: .success,
                metrics: command.metrics)
            return .recorded(call.id, self.commit(commit, rules, at: now))
        }
        guard let feature = rules.catalog.features[command.featureKey] else {
            return .unknownFeature
        }
        guard let former = user.account, let plan = rules.catalog.plan(former.planID) else {
            return .noSubscription
        }
        let age = clock - command.ranAt.micros
        guard age <= 86_400_000_000, age >= -300_000_000 else { return .notOfThisDay }
        guard let id = fresh, placeOfCall[id] == nil else { return .unknownUsage }
        Self.noteLapsed(user, at: now)
        _ = catchUp(user, rules, at: now)
        let price = ReferencePrice(feature, plan.pricing.multiplier.millionths)
        let metrics = command.metrics
        let wanted =
            tokens(metrics).flatMap {
                price.of($0.input, $0.output, models: [metrics.modelUsed, nil])
            }
            ?? price.held(
                for: AnnouncedUsage(
                    model: metrics.modelUsed, inputTokens: nil, inputChars: nil,
                    maxOutputTokens: nil))
        let account = user.account ?? former
        let charge = min(wanted, available(user, rules, at: now))
        let place = user.calls.count
        placeOfCall[id] = (command.userID, place)
        user.placeOfKey[command.key] = place
        user.calls.append(
            Call(
                id: id, feature: command.featureKey, period: account.period.number, cost: charge,
                createdAt: now, expiresAt: now + 1_000_000, terms: feature,
                multiplier: plan.pricing.multiplier.millionths, announcedModel: nil))
        Self.draw(charge, for: place, of: user, rules, at: now)
        Self.charge(charge, to: place, of: user, at: now)
        user.calls[place].ended = .success
        user.calls[place].notCharged = wanted - charge
        user.changedAt = now
        return .recorded(
            id,
            .committed(.success, charged: charge, isReplay: false, notCharged: wanted - charge))
    }

    private func tokens(_ metrics: UsageLog.Metrics) -> (input: Int64, output: Int64)? {
        guard metrics.inputTokens != nil || metrics.outputTokens != nil else { return nil }
        return (metrics.inputTokens ?? 0, metrics.outputTokens ?? 0)
    }
}
