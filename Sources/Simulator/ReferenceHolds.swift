import FoundationEssentials
import Ledger
import Values

/// What the model does with a call once it is granted: commits, extensions, parts, cancellations.
extension ReferenceModel {
    /// - Returns: whose call it is and where it stands; else the answer that says why not.
    private func find(
        _ usage: UUID, of user: UUID
    ) -> (user: User, place: Int, refusal: Answer?)? {
        guard let (owner, place) = placeOfCall[usage], let found = users[owner] else { return nil }
        return (found, place, owner == user ? nil : .notTheirs)
    }

    // MARK: Commit

    func commit(_ command: CommitUsage, _ rules: LedgerRules, at now: Int64) -> Answer {
        guard let (user, place, refusal) = find(command.usageID, of: command.userID) else {
            return .unknownUsage
        }
        if let refusal { return refusal }
        let call = user.calls[place]
        let result = Self.status(of: command.result)
        if call.ended == result {
            return .committed(
                result, charged: call.charged, isReplay: true, notCharged: call.notCharged,
                isLate: call.isLate)
        }
        if let ended = call.ended { return .commitRefused(ended, charged: call.charged) }
        // What was accepted for later is judged by the time at which it was accepted.
        if call.isExpired(at: min(now, command.acceptedAt?.micros ?? now)) {
            return late(command, user, place, rules, at: now)
        }
        if let accepted = call.acceptedAs, accepted != result {
            let held = call.kept
            let more = accepted == .success ? min(call.acceptedCredits ?? held, held) : 0
            return .commitRefused(accepted, charged: call.charged + more)
        }
        let wanted = wanted(command, call)
        if result == .success {
            var held = call.kept
            if wanted > held, call.terms.overuse == .ifAvailable {
                _ = catchUp(user, rules, at: now)
                let more = min(wanted - held, available(to: place, of: user, rules, at: now))
                Self.take(more, for: place, of: user, rules, at: now)
                user.calls[place].cost += more
                held += more
            }
            Self.charge(min(wanted, held), to: place, of: user, at: now)
            user.calls[place].notCharged = wanted - min(wanted, held)
        }
        user.calls[place].ended = result
        Self.giveBack(place, of: user, at: now)
        user.changedAt = now
        return .committed(
            result, charged: user.calls[place].charged, isReplay: false,
            notCharged: user.calls[place].notCharged)
    }

    private func late(
        _ command: CommitUsage, _ user: User, _ place: Int, _ rules: LedgerRules, at now: Int64
    ) -> Answer {
        Self.noteLapsed(user, at: now)
        let call = user.calls[place]
        let instant = min(now, command.acceptedAt?.micros ?? now)
        guard Self.status(of: command.result) == .success,
            instant < call.expiresAt + call.terms.lateCommitSeconds * 1_000_000,
            catchUp(user, rules, at: now), let account = user.account,
            call.period == account.period.number,
            Self.isEntitled(account, at: now, grace: rules.pastDueGrace)
        else { return .commitRefused(.expired, charged: call.charged) }
        let wanted = wanted(command, call)
        let charge = min(
            wanted, call.kept, available(to: place, of: user, rules, at: now))
        // What it held was given back when it lapsed.
        for index in call.draws.indices { user.calls[place].draws[index].held = 0 }
        Self.take(charge, for: place, of: user, rules, at: now)
        user.calls[place].ended = .success
        user.calls[place].isLate = true
        Self.charge(charge, to: place, of: user, at: now)
        user.calls[place].notCharged = wanted - charge
        user.changedAt = now
        return .committed(
            .success, charged: call.charged + charge, isReplay: false,
            notCharged: wanted - charge, isLate: true)
    }

    /// What a success is to be charged beside its parts.
    private func wanted(_ command: CommitUsage, _ call: Call) -> Int64 {
        let held = call.kept
        if call.acceptedAs == .success { return call.acceptedCredits ?? held }
        guard command.result == .success else { return held }
        return command.credits?.micros ?? price(command.metrics, call) ?? held
    }

    /// What the tokens cost beside what was charged; `nil`: all that is held.
    private func price(_ metrics: UsageLog.Metrics, _ call: Call) -> Int64? {
        guard metrics.inputTokens != nil || metrics.outputTokens != nil else { return nil }
        let input = (call.input ?? 0) + (metrics.inputTokens ?? 0)
        let output = (call.output ?? 0) + (metrics.outputTokens ?? 0)
        return ReferencePrice(call.terms, call.multiplier)
            .of(input, output, models: [metrics.modelUsed, call.announcedModel])
            .map { max(0, $0 - call.charged) }
    }

    /// What can be charged of a call beside its hold.
    func available(_ user: User, _ rules: LedgerRules, at now: Int64) -> Int64 {
        guard let account = user.account,
            Self.isEntitled(account, at: now, grace: rules.pastDueGrace)
        else { return 0 }
        return min(Self.available(to: user, rules, at: now), Self.room(user, at: now))
    }

    /// The same of a call that may have a parent.
    private func available(
        to place: Int, of user: User, _ rules: LedgerRules, at now: Int64
    ) -> Int64 {
        guard let account = user.account,
            Self.isEntitled(account, at: now, grace: rules.pastDueGrace)
        else { return 0 }
        return Self.lendable(to: place, of: user, at: now)
            ?? available(user, rules, at: now)
    }

    private static func status(of result: CommitUsage.Result) -> UsageLog.Status {
        result == .success ? .success : .failed
    }

    func accept(_ command: CommitUsage, _ rules: LedgerRules, at now: Int64) -> Answer {
        let result = Self.status(of: command.result)
        guard let (user, place, refusal) = find(command.usageID, of: command.userID),
            refusal == nil, user.calls[place].status(at: now) == .pending,
            user.calls[place].acceptedAs ?? result == result
        else { return commit(command, rules, at: now) }
        let call = user.calls[place]
        guard call.acceptedAs == nil else { return .accepted }
        user.calls[place].acceptedAs = result
        if result == .success {
            user.calls[place].acceptedCredits =
                command.credits?.micros ?? price(command.metrics, call)
                ?? (call.lent > 0 ? call.kept : nil)
        }
        return .accepted
    }

    func withdraw(_ command: CommitUsage, at now: Int64) -> Answer {
        guard let (user, place, refusal) = find(command.usageID, of: command.userID),
            refusal == nil, user.calls[place].ended == nil,
            user.calls[place].acceptedAs == Self.status(of: command.result)
        else { return .notWaiting }
        user.calls[place].acceptedAs = nil
        user.calls[place].acceptedCredits = nil
        // It held until now, whatever its time was.
        if user.calls[place].isExpired(at: now) { Self.giveBack(place, of: user, at: now) }
        return .withdrawn(user.calls[place].status(at: now))
    }

    // MARK: Extend, capture, cancel

    /// What all three are answered with before their own rules are asked; `nil`: the call is open.
    private func closed(
        _ name: String?, _ request: String, _ user: User, _ place: Int, at now: Int64
    ) -> Answer? {
        let call = user.calls[place]
        if let name, let step = call.steps[name] {
            return step.request == request
                ? .hold(step.view, isReplay: true)
                : .holdRefused(.requestMismatch, call.view(at: now))
        }
        guard call.status(at: now) != .pending || call.acceptedAs != nil else { return nil }
        Self.noteLapsed(user, at: now)
        return .holdRefused(.alreadyEnded, call.view(at: now, as: call.ended ?? call.acceptedAs))
    }

    func extend(
        _ command: ExtendHold, _ rules: LedgerRules, at now: Int64, clock: Int64
    ) -> Answer {
        guard let (user, place, refusal) = find(command.usageID, of: command.userID) else {
            return .unknownUsage
        }
        if let refusal { return refusal }
        let request = "\(command.holdSeconds ?? -1) \(command.raise.map { "\($0)" } ?? "")"
        let name = "extend \(command.extensionID)"
        if let answer = closed(name, request, user, place, at: now) { return answer }
        let call = user.calls[place]
        let maximum = call.terms.maximumHoldSeconds ?? rules.reservationTTL
        if let seconds = command.holdSeconds, seconds > maximum { return .holdTooLong(maximum) }
        var more: Int64 = 0
        if let raise = command.raise {
            guard user.isActive else { return .deactivatedUser }
            more = added(by: raise, to: call)
            _ = catchUp(user, rules, at: now)
            if let refusal = self.refusal(of: more, user, place, rules, at: now, clock: clock) {
                return .holdRefused(refusal, call.view(at: now))
            }
            Self.take(more, for: place, of: user, rules, at: now)
        }
        user.calls[place].cost += more
        if let seconds = command.holdSeconds {
            user.calls[place].expiresAt = max(call.expiresAt, now + seconds * 1_000_000)
        }
        user.changedAt = now
        let view = user.calls[place].view(at: now)
        user.calls[place].steps[name] = (request, view)
        return .hold(view, isReplay: false)
    }

    private func added(by raise: ExtendHold.Raise, to call: Call) -> Int64 {
        switch raise {
        case .by(let credits): return credits.micros
        case .to(let announced):
            guard !call.terms.tokenPrices.isEmpty else { return 0 }
            let total = ReferencePrice(call.terms, call.multiplier).held(for: announced)
            return max(0, total - call.cost)
        }
    }

    private func refusal(
        of more: Int64, _ user: User, _ place: Int, _ rules: LedgerRules, at now: Int64,
        clock: Int64
    ) -> HoldRefusal? {
        guard let account = user.account,
            Self.isEntitled(account, at: now, grace: rules.pastDueGrace)
        else { return .subscriptionInactive }
        guard more > 0 else { return nil }
        if user.calls[place].parent != nil {
            return Self.refusal(of: more, outOfParentOf: place, of: user, at: now)
        }
        let needed = Credits(clamping: more)
        guard more > Self.available(to: user, rules, at: now) else {
            return Self.overspent(user, more, at: now, clock: clock)
                .map { .spendingLimitReached($0) }
        }
        return .quotaExceeded(
            used: Credits(clamping: Self.used(by: user) + Self.reserved(by: user, at: now)),
            limit: Credits(clamping: account.period.granted + Self.ofGrants(of: user, at: now)),
            needed: needed,
            retryAfter: Self.seconds(
                from: clock, to: Self.quotaReturns(account, rules, at: now)))
    }

    func capture(_ command: CaptureUsage, at now: Int64) -> Answer {
        guard let (user, place, refusal) = find(command.usageID, of: command.userID) else {
            return .unknownUsage
        }
        if let refusal { return refusal }
        let request = "\(command.part)"
        let name = "capture \(command.captureID)"
        if let answer = closed(name, request, user, place, at: now) { return answer }
        let call = user.calls[place]
        let held = call.kept
        var part: Int64
        switch command.part {
        case .credits(let credits): part = credits.micros
        case .metrics(let metrics):
            guard !call.terms.tokenPrices.isEmpty else { return .notPriced }
            part = price(metrics, call) ?? held
            guard part <= held else { break }
            user.calls[place].input = Self.sum(call.input, metrics.inputTokens)
            user.calls[place].output = Self.sum(call.output, metrics.outputTokens)
        }
        guard part <= held else { return .holdRefused(.holdExceeded, call.view(at: now)) }
        Self.charge(part, to: place, of: user, at: now)
        user.changedAt = now
        let view = user.calls[place].view(at: now)
        user.calls[place].steps[name] = (request, view)
        return .hold(view, isReplay: false)
    }

    private static func sum(_ one: Int64?, _ other: Int64?) -> Int64? {
        one == nil && other == nil ? nil : (one ?? 0) + (other ?? 0)
    }

    func cancel(_ command: CancelUsage, at now: Int64) -> Answer {
        guard let (user, place, refusal) = find(command.usageID, of: command.userID) else {
            return .unknownUsage
        }
        if let refusal { return refusal }
        if let answer = closed(nil, "", user, place, at: now) {
            guard case .holdRefused(_, let view) = answer,
                view.status == .failed || view.status == .expired
            else { return answer }
            Self.cancelAll(below: place, of: user, at: now)
            return view.status == .failed ? .hold(view, isReplay: true) : answer
        }
        Self.cancelAll(below: place, of: user, at: now)
        user.calls[place].ended = .failed
        Self.giveBack(place, of: user, at: now)
        user.changedAt = now
        return .hold(user.calls[place].view(at: now), isReplay: false)
    }
}
