import Values

/// What a call, or a part of it, is to be charged, before it is held against what is held.
enum CallCharge: Equatable {
    /// All that is held.
    case rest
    case credits(Credits)
    /// More than any amount may be.
    case outOfBounds
}

extension LedgerRules {
    /// The terms that a hold has pinned; `nil` for a feature with a fixed price and no terms of its
    /// own.
    public func terms(of log: UsageLog) -> CallTerms? {
        guard let pin = log.pin else { return nil }
        guard pin.revision == catalog.revision else {
            return formerCatalogs[pin.revision]?.terms(of: log.featureKey, on: pin.planID)
        }
        return catalog.plan(pin.planID).flatMap { catalog.terms(of: log.featureKey, on: $0) }
    }

    /// The longest that a hold of the call may last, in seconds.
    func maximumHold(of log: UsageLog) -> Int64 {
        terms(of: log)?.feature.maximumHoldSeconds ?? reservationTTL
    }

    /// What the tokens since the part before cost: the price of all so far, less what was charged.
    /// Without tokens, or where no price is of their model, that is all that is held.
    func charge(for metrics: UsageLog.Metrics, of log: UsageLog) -> CallCharge {
        var all = log.metrics
        all.add(metrics)
        // A model that a part has named ran, too.
        guard let terms = terms(of: log), metrics.usedTokens != nil,
            let price = terms.feature.settlingPrice(
                modelUsed: all.modelUsed, announced: log.call.model)
        else { return .rest }
        guard let tokens = all.usedTokens,
            let part = terms.partPrice(
                of: tokens, charged: log.creditsCharged ?? .zero, by: price)
        else { return .outOfBounds }
        return .credits(part)
    }

    /// When more credits than the running period has left may come.
    func quotaReturns(to account: Account, at now: Timestamp) -> Timestamp {
        let end = account.context.period.end
        return now < end ? end : end.adding(seconds: pastDueGrace)
    }
}

extension CallTerms {
    /// Whether what is held depends on what is announced, or is not the price.
    var isHeldByEstimate: Bool { !feature.tokenPrices.isEmpty || feature.defaultHold != nil }

    /// Whether they differ from those of a feature that has a fixed price and nothing else: then a
    /// hold pins them.
    var areOwn: Bool {
        isHeldByEstimate || feature.overuse != .cap || feature.lateCommitSeconds > 0
            || feature.maximumHoldSeconds != nil
    }
}

extension UsageLog.Metrics {
    /// Takes over what was measured since: counts are added up, a model's name is the latest.
    mutating func add(_ later: UsageLog.Metrics) {
        func sum(_ one: Int64?, _ other: Int64?) -> Int64? {
            guard let one, let other else { return one ?? other }
            let (sum, overflow) = one.addingReportingOverflow(other)
            return overflow ? .max : sum
        }
        modelUsed = later.modelUsed ?? modelUsed
        inputTokens = sum(inputTokens, later.inputTokens)
        outputTokens = sum(outputTokens, later.outputTokens)
        latencyMilliseconds = sum(latencyMilliseconds, later.latencyMilliseconds)
        cachedInputTokens = sum(cachedInputTokens, later.cachedInputTokens)
        reasoningTokens = sum(reasoningTokens, later.reasoningTokens)
    }
}
