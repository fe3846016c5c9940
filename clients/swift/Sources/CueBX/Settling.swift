extension Engine {
    /// Writes the outcome to the spool, then sends it. The signal is set once it is written; if it
    /// cannot be, once the service has acknowledged it.
    func finish(_ usage: Usage, _ operations: [JSONObject], isSpooled: Bool = true) -> Signal {
        let (written, acknowledged) = (Signal(), Signal())
        usage.isOpen = false
        usage.dropped = nil
        sender.count(1)
        let send: Spool.Written = { hasFailed in
            if self.isClosed {
                // Nobody sends any more: what is on the disk is told by the next process.
                if hasFailed || !self.spool.isKept {
                    self.events.tell(
                        "commit_given_up",
                        ["usage_id": usage.usageId, "reason": "the client was closed before"])
                }
                return written.set()
            }
            self.sendOutcome(of: usage, operations) { acknowledged.set() }
            self.sender.count(-1)
            if hasFailed { acknowledged.whenSet { written.set() } } else { written.set() }
        }
        if isSpooled {
            spool.append(usage.outcome(operations.map(spooled)), written: send)
        } else {
            send(false)
        }
        return written
    }

    /// As it may lie on the disk.
    private func spooled(_ record: JSONObject) -> JSONObject {
        options.spoolResults ? record : record.without("result")
    }

    /// The hold of a call that nobody waited for any more.
    func giveBack(_ usage: Usage) {
        events.tell("hold_given_back", ["usage_id": usage.usageId])
        let failure = usage.failure(.clientError, "Nobody waited for the answer.")
        _ = finish(usage, [failure], isSpooled: false)
    }

    private func sendOutcome(
        of usage: Usage, _ records: [JSONObject], acknowledged: @escaping @ClientActor () -> Void
    ) {
        for (index, record) in records.enumerated() {
            send(usage, record, isLast: index == records.count - 1, acknowledged)
        }
    }

    private func send(
        _ usage: Usage, _ record: JSONObject, isLast: Bool,
        _ acknowledged: @escaping @ClientActor () -> Void
    ) {
        let verb: String = record.value("op") ?? ""
        let body = record.without("op")
        let deadline = ContinuousClock.now + options.commitBudget
        // What is owed may change a commit before it is sent.
        var sent: Operation?
        let operation = Operation(
            verb, body, deadline: deadline, isRest: usage.isRest, mustBeTold: true
        ) {
            let told = sent?.body ?? body
            sent = nil
            if verb == "capture" { return self.judgeOutcome(usage, body, $0) }
            if verb == "record" {
                self.recorded(usage, record, $0)
                return acknowledged()
            }
            if let again = self.toldAgain(usage, UsageCommitRequest(told), $0) {
                return self.send(
                    usage, .operation("commit", again.json), isLast: isLast, acknowledged)
            }
            self.settled(usage, .operation("commit", told), $0)
            guard isLast else { return }
            self.told(usage)
            acknowledged()
        }
        sent = operation
        if verb == "commit" { pay(usage, operation) }
        inOrder(usage, operation)
    }

    func told(_ usage: Usage) {
        usages[usage.usageId] = nil
        spool.append(usage.acknowledged())
    }

    /// A success without what the service cannot take of it: first its result, then its amounts,
    /// when all that is held is charged. Else the call would be free.
    private func toldAgain(
        _ usage: Usage, _ commit: UsageCommitRequest, _ reply: Reply
    ) -> UsageCommitRequest? {
        let hasResult = commit.result != nil
        guard let answer = reply.answer, [400, 413, 422].contains(answer.status), answer.isOwn,
            hasResult || commit.hasAmounts
        else { return nil }
        events.tell(
            hasResult ? "result_refused" : "settle_refused",
            [
                "usage_id": usage.usageId, "status": String(answer.status), "code": answer.code,
                "reason": answer.message,
            ])
        if !hasResult { return commit.chargingWhole }
        return UsageCommitRequest(commit.json.without("result"))
    }

    private func settled(_ usage: Usage, _ record: JSONObject, _ reply: Reply) {
        var facts = ["usage_id": usage.usageId]
        guard case .success(let answer) = reply else {
            events.tell("commit_given_up", facts.merging(["reason": reply.message]) { $1 })
            return layAside(record, status: 0, answer: .string(reply.message))
        }
        let told = UsageCommitResponse(answer.body)
        // The user's results take as much as they may.
        if told.resultKept == false { events.tell("result_not_kept", facts) }
        if answer.status == 200 || answer.status == 202 {
            facts["status"] = told.status?.rawValue
            facts["credits_charged"] = told.creditsCharged
            return events.tell("settled", facts)
        }
        facts["status"] = String(answer.status)
        facts["code"] = answer.code
        facts["ended"] = told.status?.rawValue
        facts["reason"] = answer.message
        events.tell("commit_refused", facts)
        layAside(record, status: answer.status, answer: .object(answer.body))
    }

    func layAside(_ record: JSONObject, status: Int, answer: JSON) {
        sender.count(1)
        Task { @ClientActor in
            await spool.layAside(spooled(record), status: status, answer: answer)
            sender.count(-1)
        }
    }

    /// What another process did not get to tell.
    func takeOver(_ left: SpoolFormat.Todo) {
        if usages[left.usageId] != nil { return }
        let usage = Usage(
            usageId: left.usageId, userId: left.userId, clientId: left.clientId, isRest: true)
        usage.isOpen = false
        // One that ran unasked and has no outcome ended before it had delivered anything.
        let unheard =
            isJournal(left.usageId)
            ? [] : [usage.failure(.internalError, "The process ended before the call did.")]
        let operations = left.operations ?? unheard
        if operations.isEmpty {
            return spool.append(usage.acknowledged())
        }
        usages[usage.usageId] = usage
        for operation in operations where operation["op"] == "record" {
            outage.adopt(usage.usageId, operation, counted: left.counted)
        }
        sendOutcome(of: usage, operations) {}
    }
}
