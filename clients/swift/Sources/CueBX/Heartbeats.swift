/// A hold is prolonged when so much of what was left is over.
private let extendAt = 0.5
/// How often a little less time is asked for, should the first be more than the feature's maximum.
private let extendTries = 3
/// Of a hold, below which nothing is asked: the answer would come too late.
private let shortestExtension = Duration.milliseconds(50)

extension Engine {
    /// Prolongs the hold whenever half of what was left of it is over, until the call ends.
    func keepAlive(_ usage: Usage, onRefused: @escaping @ClientActor () -> Void) {
        guard let ends = usage.holdEnds, usage.isOpen else { return }
        let left = ends - .now
        if left < shortestExtension { return }
        usage.beat += 1
        let beat = usage.beat
        sender.later(left * extendAt) { [weak self] in
            guard let self, usage.beat == beat else { return }
            if !canExtend(usage) { return keepAlive(usage, onRefused: onRefused) }
            extend(usage, ["hold_seconds": .int(usage.holdSeconds)], onRefused: onRefused)
        }
    }

    /// - asked: `hold_seconds`, `additional_credits`.
    func extend(
        _ usage: Usage, _ asked: JSONObject, tries: Int = 1,
        onRefused: @escaping @ClientActor () -> Void
    ) {
        guard usage.isOpen, canExtend(usage), usage.journal == nil else { return }
        let body = usage.named.merging(["extension_id": .string(newId())])
        let operation = Operation("extend", body.merging(asked), deadline: usage.holdEnds) {
            self.extended(usage, asked, tries, $0, onRefused)
        }
        inOrder(usage, operation)
    }

    private func extended(
        _ usage: Usage, _ asked: JSONObject, _ tries: Int, _ reply: Reply,
        _ onRefused: @escaping @ClientActor () -> Void
    ) {
        var facts = ["usage_id": usage.usageId, "reason": reply.message]
        guard case .success(let answer) = reply else {
            // It was asked until the hold was over.
            events.tell("extend_refused", facts)
            return onRefused()
        }
        if answer.isUnknownVerb {
            noExtensions(for: usage.product)
            events.tell("extend_unsupported")
            return keepAlive(usage, onRefused: onRefused)
        }
        let isHeartbeat = asked.value("hold_seconds") == usage.holdSeconds && usage.holdSeconds > 1
        if answer.status == 422, isHeartbeat, tries < extendTries {
            // What was left of the first hold is read from two clocks that show whole seconds.
            usage.holdSeconds -= 1
            let shorter = asked.merging(["hold_seconds": .int(usage.holdSeconds)])
            return extend(usage, shorter, tries: tries + 1, onRefused: onRefused)
        }
        guard answer.status == 200 else {
            facts["status"] = String(answer.status)
            facts["code"] = answer.code
            events.tell("extend_refused", facts)
            // A gateway's, or a key that is being changed: nothing was decided.
            let isDecided = answer.isOwn && (answer.status != 401 || answer.isCustomers)
            return isDecided ? onRefused() : keepAlive(usage, onRefused: onRefused)
        }
        usage.holdEnds = answer.holdEnds
        usage.noteReserved(of: answer)
        events.tell("extended", ["usage_id": usage.usageId])
        keepAlive(usage, onRefused: onRefused)
    }
}
