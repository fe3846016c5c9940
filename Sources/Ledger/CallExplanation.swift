import FoundationEssentials
import Values

/// Why a call was charged what it was charged: what it held, what was done with its hold and by
/// which prices, from what is kept of it. The user's page, the API and the operator's command are
/// told the same.
public struct CallExplanation: Sendable {
    /// What is read beside the log and its steps.
    public struct Circumstances: Sendable {
        /// The plan by whose multiplier it was charged, and its name.
        public var plan: (id: UUID, name: String)?
        /// The catalog under which it was held, and what that charges.
        public var revision: Int64?
        public var terms: CallTerms?
        public var windows: [CallWindow] = []
        /// What it was charged to, in the order in which it was drawn.
        public var draws: [CallDraw] = []

        public init() {}
    }

    public let log: UsageLog
    /// How the call stands now.
    public let status: UsageLog.Status
    /// In the order of time.
    public let steps: [HoldStep]
    public let circumstances: Circumstances

    /// - Parameter now: the instant by which the call is judged.
    public init(
        _ log: UsageLog, _ steps: [HoldStep], _ circumstances: Circumstances, at now: Timestamp
    ) {
        self.log = log
        self.status = log.status(at: now)
        self.steps = steps
        self.circumstances = circumstances
    }

    public var charged: Credits { log.creditsCharged ?? .zero }

    /// What was raised before the end.
    public var raised: Credits { sum(of: .extend) }
    /// What was charged in parts before the end.
    public var captured: Credits { sum(of: .capture) }

    /// What was held at first; what over-use took beside it, of a call that held by what it
    /// announced, is part of it.
    public var heldAtFirst: Credits {
        let most = log.creditsReserved - raised - log.creditsOverused
        guard log.creditsOverused == .zero else { return most }
        guard let first = exactHold, first <= most else { return most }
        return first
    }

    /// What was taken beyond the hold when the call was settled.
    public var overused: Credits { log.creditsReserved - raised - heldAtFirst }

    /// What went back when the call ended.
    public var released: Credits { status == .pending ? .zero : log.creditsKept }

    /// Whether it was made with a test key.
    public var isTest: Bool { log.caller?.isTest ?? false }

    /// By what it was charged, where that reproduces what was held; `nil` for a catalog that is no
    /// longer known, and for a test.
    public var terms: CallTerms? {
        guard !isTest, let terms = circumstances.terms else { return nil }
        guard log.pin == nil else { return terms }
        return terms.minimum == log.creditsReserved - raised ? terms : nil
    }

    /// The price of tokens by which it was, or would be, settled.
    public var tokenPrice: TokenPrice? {
        terms?.feature.settlingPrice(
            modelUsed: log.metrics.modelUsed, announced: log.call.model)
    }

    /// What the terms say was held at first, where that does not hang on what was announced.
    private var exactHold: Credits? {
        guard let terms, log.pin != nil, log.status == .success else { return nil }
        guard terms.isHeldByEstimate else { return terms.minimum }
        let isAnnounced =
            log.call.maxOutputTokens != nil
            && terms.feature.tokenPrice(of: log.call.model) != nil
        return isAnnounced ? nil : terms.defaultHold
    }

    private func sum(of kind: HoldStep.Kind) -> Credits {
        steps.reduce(.zero) { $1.key.kind == kind ? $0 + $1.credits : $0 }
    }
}

/// How many calls of the account had begun in a rate window when a call did, itself among them.
public struct CallWindow: Sendable, Hashable {
    public let span: RateWindow.Span
    public let start: Timestamp
    public let calls: Int64
    /// What the plan allows now; `nil` if it has no limit, or the catalog is another since.
    public let limit: Int64?

    public init(span: RateWindow.Span, start: Timestamp, calls: Int64, limit: Int64?) {
        self.span = span
        self.start = start
        self.calls = calls
        self.limit = limit
    }
}

/// What a call was charged of one grant, or of a period's pool.
public struct CallDraw: Sendable, Hashable {
    /// The grant's source; `plan` of a pool.
    public let source: String
    /// `nil` for a pool.
    public let grantID: UUID?
    /// The period of a pool.
    public let period: Int64?
    public let credits: Credits

    public init(source: String, grantID: UUID?, period: Int64?, credits: Credits) {
        self.source = source
        self.grantID = grantID
        self.period = period
        self.credits = credits
    }
}

/// Something that happened to a call.
public struct CallEvent: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case held
        case extended
        case captured
        case commitAccepted = "commit_accepted"
        case overused
        case settled
        case released
        case failed
        case canceled
        case expired
    }

    public let kind: Kind
    public let at: Timestamp
    /// The tool server's name of what it asked; `nil` where it named nothing.
    public let name: String?
    public let credits: Credits
}

extension CallExplanation {
    /// From its hold to its end, in the order in which it happened.
    public var timeline: [CallEvent] {
        var events = [
            CallEvent(
                kind: .held, at: log.createdAt, name: log.key.requestID, credits: heldAtFirst)
        ]
        var accepted = acceptance
        for step in steps {
            if let event = accepted, event.at < step.at {
                events.append(event)
                accepted = nil
            }
            events.append(
                CallEvent(
                    kind: step.key.kind == .extend ? .extended : .captured, at: step.at,
                    name: step.key.name, credits: step.credits))
        }
        if let accepted { events.append(accepted) }
        return events + end
    }

    private var acceptance: CallEvent? {
        log.commitAcceptedAt.map {
            CallEvent(
                kind: .commitAccepted, at: $0, name: nil,
                credits: log.commitAcceptedAs == .success
                    ? log.commitAcceptedCredits ?? held(before: captured) : .zero)
        }
    }

    private var end: [CallEvent] {
        func event(_ kind: CallEvent.Kind, _ at: Timestamp?, _ credits: Credits) -> CallEvent {
            CallEvent(kind: kind, at: at ?? log.expiresAt, name: nil, credits: credits)
        }
        switch status {
        case .pending: return []
        case .expired: return [event(.expired, log.expiresAt, released)]
        case .failed:
            let isCanceled = log.failure?.type == .canceled
            return [event(isCanceled ? .canceled : .failed, log.committedAt, released)]
        case .success:
            let lapsed = log.isLate ? [event(.expired, log.expiresAt, held(before: captured))] : []
            let over = overused > .zero ? [event(.overused, log.committedAt, overused)] : []
            let rest =
                !log.isLate && released > .zero
                ? [event(.released, log.committedAt, released)] : []
            return lapsed + over + [event(.settled, log.committedAt, charged - captured)] + rest
        }
    }

    private func held(before parts: Credits) -> Credits {
        log.creditsReserved - parts - log.creditsLent
    }

    /// What happened and what it cost, in one sentence, and in another one if it was a test.
    public var sentence: String {
        isTest ? told + " It was made with a test key, and such calls cost nothing." : told
    }

    private var told: String {
        switch status {
        case .pending:
            let parts = charged > .zero ? " and was charged \(charged.decimal) so far" : ""
            return "This call is running: it holds \(log.creditsHeld.decimal) credits"
                + "\(parts)\(kin)."
        case .success:
            return "This call succeeded\(log.isLate ? " late" : "") and cost "
                + "\(charged.decimal) credits\(reason)\(rest)\(kin)."
        case .failed where log.failure?.type == .canceled: return outcome("was stopped")
        case .failed: return outcome("failed")
        case .expired: return outcome("was never heard of again")
        }
    }

    private func outcome(_ verb: String) -> String {
        charged > .zero
            ? "This call \(verb); the part that was done before cost \(charged.decimal) credits"
                + "\(kin)."
            : "This call \(verb), so it cost nothing\(kin)."
    }

    /// By what it was charged.
    private var reason: String {
        guard let terms else { return "" }
        let times = terms.multiplier == .one ? "" : " × \(terms.multiplier.decimal)"
        let plan = circumstances.plan.map { " on \($0.name)" } ?? ""
        if let price = tokenPrice, let tokens = log.metrics.usedTokens,
            terms.price(of: tokens, by: price) == charged
        {
            return ", for \(tokens.input) tokens in and \(tokens.output) out of "
                + "\(log.metrics.modelUsed ?? log.call.model ?? price.model)\(times)\(plan)"
        }
        guard terms.minimum == charged else { return plan }
        return ", the price of \(log.featureKey) (\(terms.feature.internalCost.decimal)\(times))"
            + plan
    }

    /// Out of whose hold it took its own, and what calls took out of its hold.
    private var kin: String {
        var parts = log.parentID.map { "; it was paid out of the hold of call \($0.text)" } ?? ""
        if log.creditsLent > .zero {
            parts += "; \(log.creditsLent.decimal) it held went to calls that it started"
        }
        return parts
    }

    /// What became of the rest.
    private var rest: String {
        var parts = ""
        if released > .zero && !log.isLate { parts += "; \(released.decimal) it held went back" }
        if log.creditsNotCharged > .zero {
            parts += "; it took \(log.creditsNotCharged.decimal) more, which you do not owe"
        }
        return parts
    }
}
