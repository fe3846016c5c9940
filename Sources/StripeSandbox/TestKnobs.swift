import JSON
import Synchronization

/// What tests turn: how webhooks are delivered, which API calls go wrong. It lives as long as the
/// process does.
package final class TestKnobs: Sendable {
    static let maximumLoggedRequests = 1_000
    static let maximumFaults = 100
    static let maximumTimes = 100

    struct Webhooks: Sendable {
        var holdsAll = false
        var heldTypes: Set<String> = []
        /// How often every event is sent.
        var times = 1
        /// One change is told by two events with ids of their own.
        var twoEventIDs = false
        /// So many attempts from now on fail without being sent.
        var dropFirst = 0
        var badSignature = false
        /// Seconds added to the time that is signed.
        var timestampOffset: Int64 = 0
        /// Every endpoint hears in this version instead of its own.
        var version: APIVersion?
        /// Signs with these instead of the endpoint's own.
        var secrets: [String]?

        func holds(_ type: String) -> Bool { holdsAll || heldTypes.contains(type) }
    }

    /// What goes wrong with calls that match.
    struct Fault: Sendable {
        enum Kind: String {
            case status, hang, stored
            case dropBefore = "drop_before"
            case dropAfter = "drop_after"
        }

        var pathPrefix: String
        var method: String?
        var kind: Kind
        var status: Int
        var shouldRetry: Bool?
        var times: Int
        var delay: Duration
        /// A stored answer hides that the call was carried out.
        var acts = false
    }

    /// What becomes of a subscription whose last retry failed; an account at Stripe chooses.
    enum DunningEnd: String, CaseIterable {
        case canceled, unpaid
        case pastDue = "past_due"
    }

    /// Which date `cancel_at_period_end=false` takes back: reports of what Stripe does differ.
    enum FlagUndo: String, CaseIterable {
        case periodEnd = "period_end"
        case anyDate = "any"
        case noDate = "none"
    }

    private struct State {
        var dunningEnd = DunningEnd.canceled
        var flagUndo = FlagUndo.periodEnd
        var webhooks = Webhooks()
        var faults: [Fault] = []
        var staleSubscriptions: Set<String> = []
        var requests: [JSONValue] = []
    }

    private let state = Mutex(State())

    package init() {}

    var webhooks: Webhooks { state.withLock { $0.webhooks } }

    func changeWebhooks(_ change: (inout Webhooks) -> Void) {
        state.withLock { change(&$0.webhooks) }
    }

    func takeDrop() -> Bool {
        state.withLock { state in
            guard state.webhooks.dropFirst > 0 else { return false }
            state.webhooks.dropFirst -= 1
            return true
        }
    }

    var dunningEnd: DunningEnd { state.withLock { $0.dunningEnd } }

    func setDunningEnd(_ end: DunningEnd) { state.withLock { $0.dunningEnd = end } }

    var flagUndo: FlagUndo { state.withLock { $0.flagUndo } }

    func setFlagUndo(_ undo: FlagUndo) { state.withLock { $0.flagUndo = undo } }

    func addStale(_ subscription: String) {
        state.withLock { _ = $0.staleSubscriptions.insert(subscription) }
    }

    func takeStale(_ subscription: String) -> Bool {
        state.withLock { $0.staleSubscriptions.remove(subscription) != nil }
    }

    func add(_ fault: Fault) throws {
        try state.withLock { state in
            guard state.faults.count < Self.maximumFaults else {
                throw StripeError.invalid("Too many faults are set.")
            }
            state.faults.append(fault)
        }
    }

    /// The fault that strikes this call, which uses up one of its times.
    func takeFault(method: String, path: String) -> Fault? {
        state.withLock { state in
            let index = state.faults.firstIndex { fault in
                path.hasPrefix(fault.pathPrefix) && fault.method ?? method == method
            }
            guard let index else { return nil }
            let fault = state.faults[index]
            state.faults[index].times -= 1
            if state.faults[index].times <= 0 { state.faults.remove(at: index) }
            return fault
        }
    }

    func log(_ request: JSONValue) {
        state.withLock { state in
            state.requests.append(request)
            let surplus = state.requests.count - Self.maximumLoggedRequests
            if surplus > 0 { state.requests.removeFirst(surplus) }
        }
    }

    var loggedRequests: [JSONValue] { state.withLock { $0.requests } }

    func reset() { state.withLock { $0 = State() } }
}
