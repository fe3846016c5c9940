/// Scenes: several events of one person that tell a story which chance alone seldom draws: what is
/// held over the end of a period, calls that hold calls, money that goes back after the turn. What
/// happens in a scene, and in which order, is drawn; other events stand before and after it.
extension EventGenerator {
    mutating func scene() {
        let person = plot.below(min(2, profile.persons))
        switch plot.below(3) {
        case 0: family(of: person)
        default: turns(of: person)
        }
    }

    // MARK: Families

    /// Calls that hold calls, up to three below one another, which end in any order.
    private mutating func family(of person: Int) {
        endow(person)
        var calls = [begin(person, holdSeconds: plot.pick(60, 900, 5000))]
        raise(calls[0])
        for _ in 0..<1 + plot.below(3) {
            let call = begin(
                person, holdSeconds: plot.pick(60, 900, 5000),
                parent: plot.chance(0.6) ? calls.last : calls.first)
            if plot.chance(0.5) { raise(call) }
            calls.append(call)
        }
        for _ in 0..<2 + plot.below(5) {
            end(calls[plot.below(calls.count)], person)
            if plot.chance(0.7) { add(.flush(nil)) }
        }
        if plot.chance(0.5) { add(.cancel(of: calls[0])) }
        add(.flush(nil))
    }

    private mutating func raise(_ call: Int) {
        add(
            .extend(
                of: call, name: 0, seconds: nil,
                .micros(Int64(plot.pick(250_000, 1_000_000, 3_000_000, 20_000_000)))))
        add(.flush(nil))
    }

    /// What may become of a call.
    private mutating func end(_ call: Int, _ person: Int) {
        let amount: SimulatedAmount =
            plot.chance(0.5)
            ? .nothing : .micros(Int64(plot.pick(1, 250_000, 1_000_000, 3_000_000)))
        switch plot.below(8) {
        case 0: add(.commit(of: call, success: true, .direct, amount))
        case 1: add(.commit(of: call, success: false, .direct, .nothing))
        case 2, 3: add(.commit(of: call, success: plot.chance(0.8), .queued, amount))
        case 4: add(.cancel(of: call))
        case 5: add(.capture(of: call, name: plot.below(3), amount))
        case 6: add(.handleMessage(0, .handle))
        default:
            add(.clock(.to(.expiry, person: person, offset: Int64(plot.pick(-1, 0, 1)))))
        }
    }

    // MARK: Turns

    /// Up to three periods that are paid for, with calls that run over the turn, and what may come
    /// after it.
    private mutating func turns(of person: Int) {
        add(
            .stripe(
                person: person,
                .subscribe(
                    plan: plot.pick(1, 2), trial: plot.chance(0.1), isPaid: true, isSecond: false)))
        hear()
        for _ in 0..<1 + plot.below(3) {
            let minutes = Int64(plot.pick(1, 10, 40))
            add(.clock(.to(.period, person: person, offset: -minutes * 60_000_000)))
            for _ in 0..<plot.pick(0, 0, 1, 3) { spend(of: person) }
            var held = [begin(person, holdSeconds: plot.pick(nil, 60, 900, 5000))]
            for _ in 0..<plot.below(3) {
                held.append(
                    begin(
                        person, holdSeconds: plot.pick(nil, 900, 5000),
                        parent: plot.chance(0.5) ? held[0] : nil))
            }
            if plot.chance(0.3) { end(held[0], person) }
            add(.clock(.to(.period, person: person, offset: Int64(plot.pick(0, 1)))))
            if plot.chance(0.8) { hear() }
            for _ in 0..<plot.below(6) { afterTurn(of: person, held) }
            add(.flush(nil))
        }
        for _ in 0..<plot.below(3) { moneyBack(of: person) }
    }

    private mutating func afterTurn(of person: Int, _ held: [Int]) {
        switch plot.below(9) {
        case 0, 1, 2: end(held[plot.below(held.count)], person)
        case 3, 4: spend(of: person)
        case 5: add(.clock(.to(.expiry, person: person, offset: Int64(plot.pick(0, 1)))))
        case 6:
            add(
                .limit(
                    person: person, daily: plot.pick(nil, 700_000, 3_000_000),
                    monthly: plot.pick(nil, 1_500_000, 8_000_000)))
            // In the same batch, now and then.
            if plot.chance(0.5) { spend(of: person) }
        case 7: moneyBack(of: person)
        default: add(.flush(nil))
        }
    }

    private mutating func moneyBack(of person: Int) {
        switch plot.below(6) {
        case 0: add(.stripe(person: person, .refund))
        case 1, 2:
            add(
                .stripe(
                    person: person,
                    .refundPart(of: plot.below(4), quarters: plot.pick(1, 2, 4))))
        case 3: add(.stripe(person: person, .failRefund(of: plot.below(4))))
        case 4:
            add(.stripe(person: person, .cancelNow))
            if plot.chance(0.5) {
                hear()
                add(.clock(.to(.period, person: person, offset: Int64(plot.pick(0, 1)))))
            }
        default: add(.stripe(person: person, .notify))
        }
        hear()
    }

    // MARK: What scenes consist of

    /// The person has something to spend, whatever was spent before.
    private mutating func endow(_ person: Int) {
        add(
            .addGrant(
                person: person, micros: Int64(plot.pick(2_000_000, 9_000_001)),
                cause: 6 + plot.below(100),
                GrantTerms(priority: 50, effectiveIn: nil, expiresIn: nil, isPaid: false)))
        if plot.chance(0.5) { add(.clock(.to(.minute, person: person, offset: 0))) }
    }

    /// A call that succeeds; what it charges is carried out with the events that follow.
    private mutating func spend(of person: Int) {
        let call = begin(person, holdSeconds: nil)
        if plot.chance(0.6) { raise(call) }
        add(.commit(of: call, success: true, .direct, .nothing))
    }

    /// - Returns: the step of the call, by which later events name it.
    private mutating func begin(_ person: Int, holdSeconds: Int64?, parent: Int? = nil) -> Int {
        let call = steps.count
        let feature = plot.below(SimulationProfile.features.count)
        let request = validates.count
        validates.append(
            Validate(
                serial: call, person: person, request: request, hash: 0, feature: feature,
                parent: parent))
        add(
            .validate(
                person: person, request: request, hash: 0, feature: feature,
                holdSeconds: holdSeconds, parent: parent))
        add(.flush(nil))
        return call
    }

    /// What waits at Stripe is heard of and applied.
    private mutating func hear() {
        for _ in 0..<3 {
            add(.fetch(0))
            add(.applyFetched(0))
        }
        add(.flush(nil))
    }
}
