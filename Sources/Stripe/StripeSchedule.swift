import JSON

/// What becomes of a subscription, phase by phase
/// (https://docs.stripe.com/api/subscription_schedules/object). Instants are in Unix seconds.
public struct StripeSubscriptionSchedule: Sendable, Equatable {
    public struct Item: Sendable, Equatable {
        public let priceID: String
        public let quantity: Int64?

        public init(priceID: String, quantity: Int64?) {
            self.priceID = priceID
            self.quantity = quantity
        }
    }

    /// Where a phase ends.
    public enum End: Sendable, Equatable {
        case at(Int64)
        /// So many of Stripe's intervals after it began, e.g. `month`. Only ever sent.
        case after(interval: String, count: Int64)
        case never
    }

    /// A phase with all the settings of it that this service keeps: what an update leaves out,
    /// Stripe unsets.
    public struct Phase: Sendable, Equatable {
        public var start: Int64?
        public var end: End
        public var items: [Item]
        /// Of each discount the member that names it, e.g. `coupon`, and its value.
        public var discounts: [[String: String]]
        public var trialEnd: Int64?
        public var metadata: [String: String]
        public var paymentMethodID: String?
        public var description: String?
        public var collectionMethod: String?
        public var hasAutomaticTax: Bool?
        /// Whether the billing cycle begins anew with the phase.
        public var startsCycle = false
    }

    public let id: String
    /// E.g. `active`; `released` once it is detached.
    public let status: String
    public let phases: [Phase]
    /// Nil where none of its phases is running.
    public let currentStart: Int64?
    public let metadata: [String: String]
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "subscription_schedule")
        id = try wire.string("id")
        status = try wire.string("status")
        var phases: [Phase] = []
        for phase in try wire.optionalElements("phases") { phases.append(try Phase(phase)) }
        self.phases = phases
        currentStart = try wire.optionalObject("current_phase")?.optionalSeconds("start_date")
        metadata = try wire.metadata()
        livemode = try wire.bool("livemode")
    }

    /// Whether it still decides what becomes of its subscription.
    public var isRunning: Bool { status == "active" || status == "not_started" }

    public var currentPhase: Phase? { phases.first { $0.start == currentStart } }

    /// The phases that are still to come.
    public var comingPhases: [Phase] {
        guard isRunning else { return [] }
        guard let currentStart else { return phases }
        return phases.filter { ($0.start ?? currentStart) > currentStart }
    }
}

extension StripeSubscriptionSchedule.Phase {
    init(_ wire: WireObject) throws(StripeDecodingError) {
        start = try wire.optionalSeconds("start_date")
        end = try wire.optionalSeconds("end_date").map { .at($0) } ?? .never
        var items: [StripeSubscriptionSchedule.Item] = []
        for item in try wire.optionalElements("items") {
            items.append(
                StripeSubscriptionSchedule.Item(
                    priceID: try item.id("price"), quantity: try item.optionalInt("quantity")))
        }
        self.items = items
        var discounts: [[String: String]] = []
        for discount in try wire.optionalElements("discounts") {
            // A discount that is there goes on; one that is not begins with the phase.
            for name in ["discount", "promotion_code", "coupon"] {
                guard let id = try discount.optionalID(name) else { continue }
                discounts.append([name: id])
                break
            }
        }
        self.discounts = discounts
        trialEnd = try wire.optionalSeconds("trial_end")
        metadata = try wire.metadata()
        paymentMethodID = try wire.optionalID("default_payment_method")
        description = try wire.optionalString("description")
        collectionMethod = try wire.optionalString("collection_method")
        hasAutomaticTax = try wire.optionalObject("automatic_tax")?.optionalBool("enabled")
        startsCycle = try wire.optionalString("billing_cycle_anchor") == Self.atItsStart
    }

    /// Stripe's word for a cycle that begins anew with a phase.
    static let atItsStart = "phase_start"
}

/// What is to become of a subscription that has a schedule. After the last phase it goes on without
/// one, and no change of phase is prorated.
public struct StripeSchedulePlan: Sendable, Equatable {
    /// The running phase first, as it was answered, then those to come.
    public var phases: [StripeSubscriptionSchedule.Phase]
    public var metadata: [String: String]

    public init(phases: [StripeSubscriptionSchedule.Phase], metadata: [String: String]) {
        self.phases = phases
        self.metadata = metadata
    }
}

extension StripeClient {
    mutating func connectSchedules(_ api: StripeAPI) {
        @Sendable func schedule(
            _ call: StripeCall
        ) async throws(StripeError) -> StripeSubscriptionSchedule {
            try await api.object(call, StripeSubscriptionSchedule.init) { $0.livemode }
        }
        retrieveSchedule = { id throws(StripeError) in
            try await schedule(.get(["subscription_schedules", id]))
        }
        createSchedule = { subscriptionID, key throws(StripeError) in
            var form = StripeForm()
            form.add("from_subscription", subscriptionID)
            return try await schedule(.post(["subscription_schedules"], form, key))
        }
        updateSchedule = { id, plan, key throws(StripeError) in
            try await schedule(.post(["subscription_schedules", id], plan.form, key))
        }
        releaseSchedule = { id, key throws(StripeError) in
            try await schedule(
                .post(["subscription_schedules", id, "release"], StripeForm(), key))
        }
    }
}

extension StripeSchedulePlan {
    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("end_behavior", "release")
        form.add("proration_behavior", "none")
        form.add("metadata", metadata)
        for (place, phase) in phases.enumerated() { phase.add(to: &form, "phases[\(place)]") }
        return form
    }
}

extension StripeSubscriptionSchedule.Phase {
    fileprivate func add(to form: inout StripeForm, _ name: String) {
        for (place, item) in items.enumerated() {
            form.add("\(name)[items][\(place)][price]", item.priceID)
            form.add("\(name)[items][\(place)][quantity]", item.quantity)
        }
        form.add("\(name)[start_date]", start)
        switch end {
        case .at(let instant): form.add("\(name)[end_date]", instant)
        case .after(let interval, let count):
            form.add("\(name)[duration][interval]", interval)
            form.add("\(name)[duration][interval_count]", count)
        case .never: break
        }
        form.add("\(name)[trial_end]", trialEnd)
        form.add("\(name)[proration_behavior]", "none")
        if startsCycle { form.add("\(name)[billing_cycle_anchor]", Self.atItsStart) }
        form.add("\(name)[default_payment_method]", paymentMethodID)
        form.add("\(name)[description]", description)
        form.add("\(name)[collection_method]", collectionMethod)
        if let hasAutomaticTax { form.add("\(name)[automatic_tax][enabled]", hasAutomaticTax) }
        form.add("\(name)[metadata]", metadata)
        for (place, discount) in discounts.enumerated() {
            for (member, id) in discount.sorted(by: { $0.key < $1.key }) {
                form.add("\(name)[discounts][\(place)][\(member)]", id)
            }
        }
    }
}
