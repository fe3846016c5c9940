extension Engine {
    /// Charges a part of the hold while the call runs.
    /// - taken: called if it was charged, `refused` if it was not and will not be.
    func capture(
        _ usage: Usage, _ body: JSONObject, taken: @escaping @ClientActor (Answer) -> Void,
        refused: @escaping @ClientActor () -> Void
    ) {
        let deadline = ContinuousClock.now + options.commitBudget
        let operation = Operation("capture", body, deadline: deadline) { reply in
            guard self.captured(usage, body, reply) else { return refused() }
            if case .success(let answer) = reply, answer.status == 200 { taken(answer) }
        }
        inOrder(usage, operation)
    }

    /// Whether the part is charged, or will be by an operation that was put in its place.
    func captured(_ usage: Usage, _ body: JSONObject, _ reply: Reply) -> Bool {
        var facts = ["usage_id": usage.usageId, "reason": reply.message]
        guard case .success(let answer) = reply else {
            events.tell("capture_refused", facts)
            return false
        }
        if answer.status == 200 {
            usage.noteReserved(of: answer)
            return true
        }
        if answer.isUnknownVerb {
            canCapture = false
            chargeByCommit(usage, body)
            return false
        }
        var held = usage.creditsReserved
        if answer.code == "hold_exceeded" {
            held = answer.body.value("credits_reserved") ?? held
        } else if answer.hasError({ $0["type"] == "not_priced" }) {
            fixedPrices.insert(usage.feature)
        } else {
            facts["status"] = String(answer.status)
            facts["code"] = answer.code
            events.tell("capture_refused", facts)
            return false
        }
        guard body["metrics"] != nil, isPositive(held) else {
            // Of what another process left, nobody knows how much is held.
            chargeByCommit(usage, body)
            return true
        }
        captureWhole(usage, body, held)
        return true
    }

    private func captureWhole(_ usage: Usage, _ body: JSONObject, _ held: String) {
        let part = UsageCaptureRequest(body)
        let whole = UsageCaptureRequest(
            userId: usage.userId, usageId: usage.usageId,
            captureId: "\(part.captureId ?? "")-whole", credits: held
        ).json
        let deadline = ContinuousClock.now + options.commitBudget
        let operation = Operation("capture", whole, deadline: deadline, isRest: usage.isRest) {
            _ = self.captured(usage, whole, $0)
        }
        inOrder(usage, operation, isNext: true)
    }

    /// What could not be captured is charged with the commit that waits behind it: one that was to
    /// give back becomes a success, one of a success has the part's tokens, too.
    private func chargeByCommit(_ usage: Usage, _ capture: JSONObject) {
        for following in usage.waiting where following.name == "commit" {
            following.body = withPart(following.body, capture.value("metrics") ?? [:])
        }
    }
}
