import FoundationEssentials
import Ledger
import Values

/// What the code under test did wrong, in a run.
package struct Disagreement: Error, Sendable {
    /// What kind of wrong it is, the same for the same cause: the shrinker looks for it again.
    package let kind: String
    package let detail: String
}

/// One run: an engine with the code under test, the model beside it, people, tool servers, Stripe,
/// and a lane that carries out what is waiting in batches.
final class SimulatedWorld {
    struct Person {
        var userID: UUID?
        var generation = 0
        var former: FormerView?
    }

    /// Why an operation was asked for: who takes its answer, and who asks again.
    enum Purpose {
        case call(serial: Int)
        case acceptance(CommitUsage)
        case message(QueuedCommit)
        case discard(QueuedCommit)
        case mirror(subscription: Int)
        case deletion(person: Int)
        case other
    }

    struct Waiting {
        let operation: SimulatedOperation
        let purpose: Purpose
        var attempts = 1
    }

    struct QueuedCommit {
        let commit: CommitUsage
        let acceptedAt: Timestamp
    }

    struct Fetched {
        let subscription: Int
        let token: Int64
        let snapshot: BillingSnapshot
    }

    static let maximumAttempts = 3

    let profile: SimulationProfile
    let engine: any LedgerEngine
    let model = ReferenceModel()
    var checker = StoredRowsChecker()
    var rules: LedgerRules
    var now: Timestamp
    var skew: Int64 = 0
    var persons: [Person]
    var stripe: StripeWorld
    var queue: [Waiting] = []
    var messages: [QueuedCommit] = []
    var fetched: [Fetched] = []
    var issuedTokens: [Int: Int64] = [:]
    var customers: [UUID: String] = [:]
    /// The call that a validate was granted: whose, and its id.
    var calls: [Int: (user: UUID, id: UUID)] = [:]

    var catalogHasChanged = false
    var coverage: Simulation.Coverage = [:]

    /// What the process says that decides; it may be behind.
    var clock: Timestamp { now.adding(micros: -skew) }

    init(_ profile: SimulationProfile, _ engine: any LedgerEngine) throws {
        self.profile = profile
        self.engine = engine
        rules = profile.rules(0)
        now = profile.start
        persons = Array(repeating: Person(), count: profile.persons)
        stripe = StripeWorld(dunningCancels: profile.dunningCancels)
        try engine.install(profile.catalogs[0])
    }

    func happen(_ step: SimulationStep) throws {
        switch step.event {
        case .signUp(let person): try signUp(person)
        case .validate(let person, let request, let hash, let feature, let seconds, let parent):
            validate(step.serial, person, request, hash, feature, seconds, parent)
        case .commit(let serial, let success, let manner, let amount):
            commit(serial, success, manner, amount)
        case .record(let person, let request, let hash, let feature, let ago, let amount):
            record(step.serial, person, request, hash, feature, ago, amount)
        case .extend(let serial, let name, let seconds, let amount):
            extend(serial, name, seconds, amount)
        case .capture(let serial, let name, let amount): capture(serial, name, amount)
        case .cancel(let serial):
            guard let (user, id) = calls[serial] else { return }
            wait(.cancel(CancelUsage(userID: user, usageID: id)), .other)
        case .readBalance(let person):
            wait(.settle(SettleAccount(userID: user(person))), .other)
        case .limit(let person, let daily, let monthly): limit(person, daily, monthly)
        case .sweep: sweep()
        case .flush(let fault): try flush(fault)
        case .clock(let change): move(change)
        case .stripe(let person, let action): act(person, action, step.serial)
        case .fetch(let number): fetch(number)
        case .applyFetched(let number): applyFetched(number)
        case .handleMessage(let number, let handling): handle(number, handling)
        case .adjust(let person, let micros, let cause):
            wait(
                .adjust(
                    AdjustCredits(
                        userID: user(person), credits: Credits(clamping: micros),
                        reason: "goodwill",
                        cause: "adjustment_\(cause)")), .other)
        case .addGrant(let person, let micros, let cause, let terms):
            add(micros, cause, terms, to: user(person), step.serial)
        case .settlePack(let person, let pack, let total, let isDisputed):
            settle(pack, total, isDisputed, of: user(person), step.serial)
        case .setActive(let person, let isActive):
            guard let id = persons[person].userID else { return }
            try engine.setActive(id, isActive)
            model.setActive(id, isActive)
        case .erase(let person): erase(person)
        case .useCatalog(let number):
            catalogHasChanged = true
            rules = profile.rules(number)
        }
    }

    func wait(_ operation: SimulatedOperation, _ purpose: Purpose) {
        queue.append(Waiting(operation: operation, purpose: purpose))
    }

    /// The person's account, or that of nobody.
    func user(_ person: Int) -> UUID {
        persons[person].userID ?? Self.identifier(9, UInt32(person))
    }

    static func identifier(_ kind: UInt8, _ number: UInt32, _ generation: UInt8 = 0) -> UUID {
        let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        return UUID(
            uuid: (
                kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, generation, bytes[0], bytes[1], bytes[2],
                bytes[3]
            ))
    }

    // MARK: People and tool servers

    private func signUp(_ person: Int) throws {
        if persons[person].userID == nil {
            persons[person].generation += 1
            let id = Self.identifier(
                1, UInt32(person), UInt8(truncatingIfNeeded: persons[person].generation))
            try engine.insertUser(id, at: clock)
            model.insertUser(id)
            persons[person].userID = id
        }
        let subscription = Self.identifier(
            2, UInt32(person), UInt8(truncatingIfNeeded: persons[person].generation))
        wait(
            .activate(
                ActivateFreeSubscription(
                    userID: user(person), subscriptionID: subscription,
                    former: persons[person].former?.account)), .other)
    }

    private static let hashes = Array("0123456789abcdef").map { String(repeating: $0, count: 64) }

    private func validate(
        _ serial: Int, _ person: Int, _ request: Int, _ hash: Int, _ feature: Int,
        _ holdSeconds: Int64?, _ parent: Int?
    ) {
        let features = SimulationProfile.features
        let none = Self.identifier(8, UInt32(serial))
        wait(
            .validate(
                ValidateUsage(
                    key: key(person, request, hash),
                    featureKey: features.indices.contains(feature)
                        ? features[feature] : "career.unknown",
                    call: announcement(request), holdSeconds: holdSeconds,
                    parent: parent.flatMap { $0 < 0 ? none : calls[$0]?.id },
                    randomness: SimulationRandom.mix(UInt64(serial)))), .call(serial: serial))
    }

    func key(_ person: Int, _ request: Int, _ hash: Int) -> IdempotencyKey {
        IdempotencyKey(
            userID: user(person), requestID: "r\(request)",
            payloadHash: Self.hashes[hash % Self.hashes.count])
    }

    private func commit(
        _ serial: Int, _ success: Bool, _ manner: CommitManner, _ amount: SimulatedAmount
    ) {
        var usage: (user: UUID, id: UUID)?
        var isQueued = false
        switch manner {
        case .direct: usage = calls[serial]
        case .queued:
            usage = calls[serial]
            isQueued = true
        case .byAnother(let person): usage = calls[serial].map { (user(person), $0.id) }
        case .ofUnknownCall(let person): usage = (user(person), Self.identifier(8, UInt32(serial)))
        }
        guard let usage else { return }
        let commit = CommitUsage(
            userID: usage.user, usageID: usage.id,
            result: success ? .success : .failure(UsageLog.Failure(type: .timeout, reason: "slow")),
            metrics: amount.metrics, credits: success ? amount.credits : nil)
        if isQueued {
            wait(.accept(AcceptCommit(commit)), .acceptance(commit))
        } else {
            wait(.commit(commit), .other)
        }
    }

    func sweep() {
        for person in persons {
            if let id = person.userID { wait(.settle(SettleAccount(userID: id)), .other) }
        }
    }

    func handleFirstMessage() { handle(0, .handle) }

    private func handle(_ number: Int, _ handling: MessageHandling) {
        guard !messages.isEmpty else { return }
        let place = number % messages.count
        let message = messages[place]
        let usage = message.commit.usageID
        if case .discard = handling {
            // A message that is just being handled is not thrown away.
            let isBusy = queue.contains {
                if case .message(let other) = $0.purpose {
                    other.commit.usageID == usage
                } else {
                    false
                }
            }
            if isBusy { return }
            messages.removeAll { $0.commit.usageID == usage }
            wait(.withdraw(WithdrawCommit(message.commit)), .discard(message))
            return
        }
        if case .handle = handling { messages.remove(at: place) }
        // Where the acceptance was withdrawn meanwhile, so was this message.
        guard model.isAcceptedOrOver(usage) else { return }
        let commit = message.commit
        wait(
            .commit(
                CommitUsage(
                    userID: commit.userID, usageID: usage, result: commit.result,
                    metrics: commit.metrics, credits: commit.credits,
                    acceptedAt: message.acceptedAt)), .message(message))
    }

    private func erase(_ person: Int) {
        guard let id = persons[person].userID else { return }
        for index in stripe.subscriptions.indices where stripe.subscriptions[index].userID == id {
            stripe.cancel(index, at: now.seconds)
        }
        wait(.erase(EraseAccount(userID: id)), .deletion(person: person))
    }

    // MARK: The clock

    private func move(_ change: ClockChange) {
        switch change {
        case .advance(let micros): now = now.adding(micros: micros)
        case .skew(let micros): skew = micros
        case .to(let boundary, let person, let offset):
            guard let target = model.next(boundary, user(person), after: now.micros, rules),
                target + offset > now.micros
            else { return }
            now = Timestamp(clamping: target + offset)
        }
        stripe.advance(to: now.seconds)
    }
}
