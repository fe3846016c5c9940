/// Parts of a hold that are charged while its call runs, and what becomes of those that were not.
extension Engine {
    /// Charges a part of the hold while the call runs.
    /// - notTaken: called if it was not charged and will not be, with whether the hold is too
    ///   small.
    func capture(
        _ usage: Usage, _ body: JSONObject, taken: @escaping @ClientActor (Answer) -> Void,
        notTaken: @escaping @ClientActor (_ isExceeded: Bool) -> Void
    ) {
        let deadline = ContinuousClock.now + options.commitBudget
        let operation = Operation("capture", body, deadline: deadline) { reply in
            if let answer = reply.answer, answer.status == 200 {
                usage.noteReserved(of: answer)
                return taken(answer)
            }
            if reply.isNotPriced, self.chargeAll(usage, body, usage.creditsReserved) {
                // It is charged; its tokens are for the log.
                return notTaken(false)
            }
            self.tellNotCaptured(usage, reply)
            notTaken(reply.answer?.code == "hold_exceeded")
        }
        inOrder(usage, operation)
    }

    /// What a capture was to charge whose call has ended meanwhile: its commit does.
    func owe(_ usage: Usage, _ body: JSONObject) {
        usage.owed.append(body)
        for commit in usage.waiting where commit.name == "commit" { pay(usage, commit) }
    }

    /// A commit that is about to be sent takes what is owed; one that is to give back is preceded
    /// by a capture of it.
    func pay(_ usage: Usage, _ commit: Operation) {
        let owed = usage.owed
        usage.owed = []
        for body in owed {
            let isSuccess = commit.body["success"] == true
            if usage.isTakenWhole && !isSuccess { continue }
            if isSuccess || !canCapture(usage) {
                commit.body = withPart(commit.body, body.value("metrics") ?? [:])
            } else {
                outcomeCapture(usage, body)
            }
        }
    }

    /// Of a capture that is a part of an outcome, whose commit waits behind it.
    func judgeOutcome(_ usage: Usage, _ body: JSONObject, _ reply: Reply) {
        if let answer = reply.answer, answer.status == 200 {
            return usage.noteReserved(of: answer)
        }
        tellNotCaptured(usage, reply)
        guard let answer = reply.answer else { return }
        if answer.isUnknownVerb { return chargeByCommit(usage, body) }
        let isExceeded = answer.code == "hold_exceeded"
        guard isExceeded || reply.isNotPriced else { return }
        let isSuccess = usage.waiting.contains { $0.name == "commit" && $0.body["success"] == true }
        // A commit may take more than what is held, if the feature's overuse allows it.
        if isExceeded && isSuccess { return chargeByCommit(usage, body) }
        let told: String? = isExceeded ? answer.body.value("credits_reserved") : nil
        if !chargeAll(usage, body, told ?? usage.creditsReserved) {
            // Of what another process left, nobody knows how much is held.
            chargeByCommit(usage, body)
        }
    }

    /// In place of a part that is more than what is left, or has no price of its own. Whether there
    /// was anything to charge.
    private func chargeAll(_ usage: Usage, _ body: JSONObject, _ held: String) -> Bool {
        guard body["metrics"] != nil, isPositive(held) else { return false }
        usage.isTakenWhole = true
        let part = UsageCaptureRequest(body)
        outcomeCapture(
            usage,
            usage.named.merging(
                UsageCaptureRequest(
                    captureId: "\(part.captureId ?? "")-whole", credits: held
                ).json))
        return true
    }

    private func outcomeCapture(_ usage: Usage, _ body: JSONObject) {
        let deadline = ContinuousClock.now + options.commitBudget
        let operation = Operation(
            "capture", body, deadline: deadline, isRest: usage.isRest, mustBeTold: true
        ) { self.judgeOutcome(usage, body, $0) }
        inOrder(usage, operation, isNext: true)
    }

    /// What could not be captured is charged with the commit that waits behind it: one that was to
    /// give back becomes a success, one of a success has the part's tokens, too.
    private func chargeByCommit(_ usage: Usage, _ capture: JSONObject) {
        for following in usage.waiting where following.name == "commit" {
            following.body = withPart(following.body, capture.value("metrics") ?? [:])
        }
    }

    private func tellNotCaptured(_ usage: Usage, _ reply: Reply) {
        if reply.answer?.isUnknownVerb ?? false { noCaptures(for: usage.product) }
        if reply.isNotPriced { return }
        var facts = ["usage_id": usage.usageId, "reason": reply.message]
        facts["status"] = reply.answer.map { String($0.status) }
        facts["code"] = reply.answer?.code
        events.tell("capture_refused", facts)
    }
}

extension Reply {
    var answer: Answer? { if case .success(let answer) = self { answer } else { nil } }

    /// Whether the feature turns out to have no price of tokens.
    var isNotPriced: Bool { answer?.hasError { $0["type"] == "not_priced" } ?? false }
}
