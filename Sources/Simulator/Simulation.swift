import FoundationEssentials
import Ledger
import Values

/// A run of one seed: its events are drawn, then they happen one after the other on an engine;
/// then the faults stop and everything must drain.
package struct Simulation: Sendable {
    /// Events of a run, at most; a half and a quarter of them are drawn as often.
    package static let usualLength = 400
    /// Ticks within which everything must have drained once the faults have stopped.
    static let maximumTicks = 60

    package let seed: UInt64
    package let length: Int

    package init(seed: UInt64, length: Int = Simulation.usualLength) {
        self.seed = seed
        self.length = length
    }

    /// How often each kind of answer was given, so that it can be told what a run has met.
    package typealias Coverage = [String: Int]

    package struct Failure: Sendable {
        /// Where in the list of steps it showed; the list's length where it was in the drain.
        package let place: Int
        package let disagreement: Disagreement
    }

    package func steps() throws -> [SimulationStep] {
        var random = SimulationRandom(seed: seed)
        let profile = try SimulationProfile(&random, length: length)
        var generator = EventGenerator(profile, random)
        return generator.draw()
    }

    /// - Returns: what went wrong first; `nil` where nothing did.
    package func run(
        _ steps: [SimulationStep], on engine: any LedgerEngine, coverage: inout Coverage
    ) -> Failure? {
        var place = 0
        do {
            var random = SimulationRandom(seed: seed)
            let profile = try SimulationProfile(&random, length: length)
            let world = try SimulatedWorld(profile, engine)
            for step in steps {
                try world.happen(step)
                place += 1
            }
            try world.drain(within: Self.maximumTicks)
            coverage.merge(world.coverage, uniquingKeysWith: +)
            return nil
        } catch let disagreement as Disagreement {
            return Failure(place: place, disagreement: disagreement)
        } catch {
            return Failure(
                place: place,
                disagreement: Disagreement(kind: "error", detail: "\(error)"))
        }
    }
}

extension SimulatedWorld {
    /// Faults have stopped: within so many ticks nothing may be left undone.
    func drain(within ticks: Int) throws {
        skew = 0
        for _ in 0..<ticks {
            now = now.adding(seconds: 1)
            stripe.advance(to: now.seconds)
            try flush(nil)
            while !stripe.notifications.isEmpty { fetch(0) }
            while !fetched.isEmpty { applyFetched(0) }
            let handled = messages.count
            for _ in 0..<handled { handleFirstMessage() }
            sweep()
            try flush(nil)
            if queue.isEmpty, messages.isEmpty, stripe.notifications.isEmpty, fetched.isEmpty {
                try checkDrained()
                return
            }
        }
        throw Disagreement(
            kind: "not drained",
            detail: """
                \(queue.count) waiting, \(messages.count) messages, \
                \(stripe.notifications.count) notifications
                """)
    }

    private func checkDrained() throws {
        for person in persons {
            guard let id = person.userID, let stored = try engine.stored(id) else { continue }
            let lastDecision = stored.account?.context.decidedAt ?? now
            if let log = stored.logs.first(where: { $0.isOverdue(at: max(now, lastDecision)) }) {
                throw Disagreement(kind: "overdue after the drain", detail: "\(log)")
            }
            if let log = stored.logs.first(where: {
                $0.status == .pending && $0.commitAcceptedAt != nil
            }) {
                throw Disagreement(kind: "accepted commit never applied", detail: "\(log)")
            }
            if let account = stored.account {
                try checkMirror(account)
                try checkConservation(id, stored, owed: account.context.owed)
            }
        }
    }

    /// No sequence of moves grants more than the money that was kept has bought. It is counted from
    /// the payments alone, where one catalog was in force all the time.
    private func checkConservation(_ id: UUID, _ stored: StoredUser, owed: Credits) throws {
        guard !catalogHasChanged else { return }
        var bought: Int64 = 0
        for subscription in stripe.subscriptions where subscription.userID == id {
            bought += StripeWorld.Charge.bought(subscription, rules.catalog)
        }
        var granted = -owed.micros
        for grant in stored.grants {
            switch grant.kind {
            case .plan where !grant.cause.hasPrefix("in_"): break
            // In a trial an upgrade has the plan's name, and is a gift.
            case .upgrade where !grant.cause.hasPrefix("ii_"): break
            case .revocation where grant.cause == "earlier_account": break
            case .adjustment:
                granted += grant.credits.micros
                bought += max(0, grant.credits.micros)
            default: granted += grant.credits.micros
            }
        }
        if granted > bought {
            throw Disagreement(
                kind: "conservation: more granted than paid for",
                detail: "\(granted) granted, \(bought) bought; \(owed.micros) owed")
        }
    }

    /// The account says what Stripe says.
    private func checkMirror(_ account: Account) throws {
        let linked = account.subscription.stripeSubscriptionID
        let living = stripe.subscriptions.filter {
            $0.userID == account.subscription.userID && !$0.isOver && $0.status != .incomplete
        }
        guard living.map(\.id) == [linked].compactMap({ $0 }) else {
            throw Disagreement(
                kind: "mirror: linked",
                detail: "Stripe has \(living.map(\.id)), the account has \(linked ?? "none")")
        }
        guard let subscription = living.first else { return }
        let known = account.subscription
        // The latest period that was paid for is the one that runs, where it is not over.
        if let paid = subscription.paid.max(by: { $0.end < $1.end }), !paid.isRefunded,
            paid.end > now.seconds,
            account.context.period.end != Timestamp.epoch.adding(seconds: paid.end)
                || account.context.period.source != .paid
        {
            throw Disagreement(kind: "mirror: period", detail: "\(account.context)\n  \(paid)")
        }
        if known.planID != subscription.plan || known.status != subscription.status
            || known.cancelAtPeriodEnd != subscription.cancelAtPeriodEnd
        {
            throw Disagreement(kind: "mirror: state", detail: "\(known)\n  \(subscription)")
        }
    }
}
