/// Draws a run's events from its seed, before anything happens. It knows nothing of answers; it
/// only remembers which ids it has used.
struct EventGenerator {
    private var random: SimulationRandom
    let profile: SimulationProfile
    private(set) var steps: [SimulationStep] = []
    /// The validates drawn so far: serial, person, request, hash, feature.
    var validates: [Validate] = []
    private var adjustments = 0
    /// Draws families alone, so that runs without them stay as they were.
    private var kin: SimulationRandom
    /// Of all validates, the share that has a parent.
    private let families: Double
    /// Draws scenes alone, so that runs without them stay as they were.
    var plot: SimulationRandom
    /// Of all events, the share that begins a scene.
    private let scenes: Double

    struct Validate {
        let serial: Int
        let person: Int
        let request: Int
        let hash: Int
        let feature: Int
        let parent: Int?
    }

    init(_ profile: SimulationProfile, _ random: SimulationRandom) {
        self.profile = profile
        self.random = random
        var kin = random
        kin = SimulationRandom(seed: kin.next())
        families = kin.pick(0, 0, 0.1, 0.5)
        self.kin = kin
        plot = SimulationRandom(seed: kin.next())
        scenes = plot.pick(0, 0, 0.01, 0.04)
    }

    mutating func draw() -> [SimulationStep] {
        for person in 0..<profile.persons { add(.signUp(person: person)) }
        add(.flush(nil))
        let kinds = SimulationProfile.Kind.allCases
        let weights = kinds.map { profile.weights[$0] ?? 0 }
        while steps.count < profile.length {
            if plot.chance(scenes) { scene() }
            add(event(kinds[random.weighted(weights)]))
        }
        return steps
    }

    mutating func add(_ event: SimulationEvent) {
        steps.append(SimulationStep(serial: steps.count, event: event))
    }

    private mutating func person() -> Int { random.zipf(profile.persons) }

    private mutating func event(_ kind: SimulationProfile.Kind) -> SimulationEvent {
        switch kind {
        case .flush: .flush(fault())
        case .validate: validate()
        case .commit: commit()
        case .record: record()
        case .extend:
            .extend(
                of: call(), name: random.below(4), seconds: random.pick(nil, 1, 60, 900, 7200),
                amount())
        case .capture: .capture(of: call(), name: random.below(6), amount())
        case .cancel: .cancel(of: call())
        case .limit: limit()
        case .clock: .clock(clock())
        case .balance: .readBalance(person: person())
        case .sweep: .sweep
        case .stripe: .stripe(person: person(), stripe())
        case .fetch: .fetch(random.below(1000))
        case .applyFetched: .applyFetched(random.below(1000))
        case .message:
            .handleMessage(
                random.below(1000), random.pick(.handle, .handle, .handleTwice, .discard))
        case .adjust: adjust()
        case .grant: grant()
        case .standing: .setActive(person: person(), random.chance(0.85))
        case .signUp: .signUp(person: person())
        case .erase: .erase(person: person())
        case .catalog: .useCatalog(random.below(profile.catalogs.count))
        }
    }

    private mutating func fault() -> SimulatedFault? {
        guard random.chance(profile.faultRate), !profile.faultKinds.isEmpty else { return nil }
        return SimulatedFault(
            kind: profile.faultKinds[random.below(profile.faultKinds.count)],
            step: random.below(8), again: random.chance(0.3) ? random.below(4) : nil)
    }

    private mutating func validate() -> SimulationEvent {
        var person = person()
        var request = validates.count
        var hash = 0
        var feature = random.below(SimulationProfile.features.count)
        let parent = parent(of: &person)
        if !validates.isEmpty, random.chance(profile.poison) {
            let earlier = validates[validates.count - 1 - random.zipf(validates.count)]
            request = earlier.request
            hash = random.chance(0.5) ? earlier.hash : earlier.hash + 1
            if random.chance(0.8) { feature = earlier.feature }
            let kept = kin.chance(0.9) ? earlier.parent : parent
            validates.append(
                Validate(
                    serial: steps.count, person: earlier.person, request: request, hash: hash,
                    feature: feature, parent: kept))
            return .validate(
                person: earlier.person, request: request, hash: hash, feature: feature,
                holdSeconds: nil, parent: kept)
        }
        validates.append(
            Validate(
                serial: steps.count, person: person, request: request, hash: hash,
                feature: feature, parent: parent))
        // Now and then a feature that the catalog does not have.
        if random.chance(0.01) { feature = -1 }
        return .validate(
            person: person, request: request, hash: hash, feature: feature,
            holdSeconds: random.pick(nil, nil, nil, 60, 900, 5000), parent: parent)
    }

    /// A call that has just begun, mostly of the person who asks then; now and then nobody's.
    private mutating func parent(of person: inout Int) -> Int? {
        guard kin.chance(families), !validates.isEmpty else { return nil }
        if kin.chance(0.02) { return -1 }
        let parent = validates[validates.count - 1 - kin.below(min(8, validates.count))]
        if kin.chance(0.9) { person = parent.person }
        return parent.serial
    }

    /// Of what was never asked, of what was, and of what another was asked with.
    private mutating func record() -> SimulationEvent {
        let secondsAgo = Int64(random.pick(0, 10, 3600, 86_400, 90_000, -200, -900))
        var (person, request, hash) = (person(), validates.count, 0)
        var feature = random.below(SimulationProfile.features.count)
        if !validates.isEmpty, random.chance(0.4) {
            let earlier = validates[validates.count - 1 - random.zipf(validates.count)]
            (person, request, hash) = (earlier.person, earlier.request, earlier.hash)
            if random.chance(0.8) { feature = earlier.feature }
        }
        validates.append(
            Validate(
                serial: steps.count, person: person, request: request, hash: hash,
                feature: feature, parent: nil))
        return .record(
            person: person, request: request, hash: hash, feature: feature,
            secondsAgo: secondsAgo, amount())
    }

    /// The step of a validate: mostly of a call that has just begun.
    private mutating func call() -> Int {
        guard !validates.isEmpty else { return 0 }
        let age = random.chance(0.7) ? random.below(min(6, validates.count)) : nil
        return validates[age.map { validates.count - 1 - $0 } ?? random.below(validates.count)]
            .serial
    }

    private mutating func amount() -> SimulatedAmount {
        switch random.weighted([30, 50, 20]) {
        case 0: .nothing
        case 1: .micros(Int64(random.pick(1, 100_000, 250_000, 500_000, 1_000_000, 3_000_000)))
        default:
            .tokens(
                input: Int64(random.below(3000)), output: Int64(random.below(2000)),
                model: random.below(4))
        }
    }

    private mutating func commit() -> SimulationEvent {
        guard !validates.isEmpty else {
            return .commit(of: 0, success: true, .ofUnknownCall(person: person()), .nothing)
        }
        // Sometimes of a call long ago.
        let call = call()
        let manner: CommitManner =
            switch random.weighted([70, 24, 4, 2]) {
            case 0: .direct
            case 1: .queued
            case 2: .byAnother(person: person())
            default: .ofUnknownCall(person: person())
            }
        return .commit(
            of: call, success: random.chance(0.8), manner,
            random.chance(0.6) ? .nothing : amount())
    }

    /// Now and then one that stops all, or that is below what is used.
    private mutating func limit() -> SimulationEvent {
        let amounts: [Int64?] = [nil, nil, 0, 700_000, 1_500_000, 3_000_000, 8_000_000]
        return .limit(
            person: person(), daily: amounts[random.below(amounts.count)],
            monthly: amounts[random.below(amounts.count)])
    }

    private mutating func clock() -> ClockChange {
        if profile.isSkewed, random.chance(0.3) {
            return .skew(micros: random.chance(0.5) ? 0 : Int64(random.below(600_000_000)))
        }
        if random.chance(0.3) {
            return .to(
                Boundary.allCases[random.below(Boundary.allCases.count)], person: person(),
                offset: Int64(random.pick(-1, 0, 0, 1)))
        }
        let seconds: Int64 =
            switch random.weighted([40, 25, 10, 8, 2, 1]) {
            case 0: Int64(random.below(10))
            case 1: Int64(random.below(1200))
            case 2: Int64(random.below(86_400))
            case 3: Int64(random.below(8 * 86_400))
            case 4: Int64(random.below(40 * 86_400))
            default: Int64(random.below(100 * 86_400))
            }
        return .advance(micros: seconds * 1_000_000 + Int64(random.below(1_000_000)))
    }

    private mutating func stripe() -> StripeAction {
        switch random.weighted([30, 20, 8, 8, 4, 3, 15, 10, 6, 3, 2, 10]) {
        case 0:
            .subscribe(
                plan: random.pick(1, 2), trial: random.chance(0.4), isPaid: random.chance(0.8),
                isSecond: random.chance(0.25))
        case 1: .changePlan(random.pick(1, 2), random.pick(.now, .now, .later, .never))
        case 2: .cancelAtEnd(true)
        case 3: .cancelAtEnd(false)
        case 4: .cancelNow
        case 5: .refund
        case 6: .card(isGood: random.chance(0.6))
        case 7: .notify
        case 8: .refundPart(of: random.below(4), quarters: random.pick(1, 2, 4))
        case 9: .failRefund(of: random.below(4))
        case 10: .moveTrial(days: random.pick(-2, 3, 21))
        default: .schedule(random.pick(1, 1, 2, nil))
        }
    }

    private mutating func grant() -> SimulationEvent {
        guard random.chance(0.5) else {
            return .settlePack(
                person: person(), pack: random.below(4),
                total: Int64(random.pick(0, 0, 500_000, 1_500_000, 20_000_000)),
                isDisputed: random.chance(0.3))
        }
        return .addGrant(
            person: person(), micros: Int64(random.pick(1, 700_000, 2_000_000, 9_000_001)),
            cause: random.below(6),
            GrantTerms(
                priority: Int64(random.pick(0, 50, 50, 50, 100)),
                effectiveIn: random.pick(nil, nil, 3600),
                expiresIn: random.pick(nil, 60, 1000, 86_400, 40 * 86_400),
                isPaid: random.chance(0.4)))
    }

    private mutating func adjust() -> SimulationEvent {
        if adjustments == 0 || random.chance(0.7) { adjustments += 1 }
        return .adjust(
            person: person(),
            micros: Int64(random.pick(-30, -3, 1, 10)) * 1_000_000 + Int64(random.pick(0, 250_000)),
            cause: random.chance(0.8) ? adjustments : 1 + random.below(adjustments))
    }
}
