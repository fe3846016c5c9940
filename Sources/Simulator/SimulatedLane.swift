import FoundationEssentials
import Ledger

/// The lane as the service runs it: one database transaction a batch; where that fails, one an
/// operation. After each commit the model decides on the same operations, and what is stored is
/// checked.
extension SimulatedWorld {
    func flush(_ fault: SimulatedFault?) throws {
        let batch = queue
        queue = []
        if !batch.isEmpty { try carryOut(batch, fault) }
    }

    private func carryOut(_ batch: [Waiting], _ fault: SimulatedFault?) throws {
        let operations = batch.map(\.operation)
        var instants: [UUID: Int64] = [:]
        for user in Set(operations.map(\.userID)) {
            let decidedAt = try engine.decidedAt(user) ?? clock
            instants[user] = max(clock, decidedAt).micros
        }
        do {
            let answers = try engine.transact(operations, rules, clock: clock, fault: fault)
            try committed(operations, answers, instants)
            for (waiting, answer) in zip(batch, answers) { take(answer, waiting) }
        } catch TransactionFailure.crash {
            try restart(batch)
        } catch TransactionFailure.crashAfterCommit(let answers) {
            try committed(operations, answers, instants)
            try restart(batch)
        } catch TransactionFailure.answerLost(let answers) {
            // Nobody knows that it is durable: what follows decides on what is stored.
            try committed(operations, answers, instants)
            try carryOutOneByOne(batch, again: fault?.again)
        } catch let defect as LedgerDefect {
            throw Disagreement(kind: "a broken invariant", detail: defect.description)
        } catch TransactionFailure.database {
            try carryOutOneByOne(batch, again: fault?.again)
        }
    }

    private func carryOutOneByOne(_ batch: [Waiting], again: Int?) throws {
        if batch.count == 1 {
            askAgain(batch[0])
            return
        }
        for (index, waiting) in batch.enumerated() {
            let fault = again == index
            try carryOut(
                [waiting],
                fault ? SimulatedFault(kind: .databaseError, step: 2, again: nil) : nil)
        }
    }

    /// The process is gone, and with it everything that was waiting.
    private func restart(_ batch: [Waiting]) throws {
        try engine.restart()
        let lost = batch + queue
        queue = []
        lost.forEach(askAgain)
    }

    /// Whoever got no answer asks again, a few times; a message and an event come again for sure.
    private func askAgain(_ waiting: Waiting) {
        switch waiting.purpose {
        case .mirror(let index): stripe.notifications.append(index)
        case .message(let message), .discard(let message): messages.append(message)
        case .call, .acceptance, .deletion, .other:
            guard waiting.attempts < Self.maximumAttempts else { return }
            var waiting = waiting
            waiting.attempts += 1
            queue.append(waiting)
        }
    }

    /// What has become durable: the model says what it should have been.
    private func committed(
        _ operations: [SimulatedOperation], _ answers: [Answer], _ instants: [UUID: Int64]
    ) throws {
        for (operation, answer) in zip(operations, answers) {
            let expected = model.apply(
                operation, rules, at: instants[operation.userID] ?? clock.micros,
                clock: clock.micros, fresh: answer.usageID)
            guard answer == expected else {
                throw Disagreement(
                    kind: "answer to \(operation.label)",
                    detail: """
                        \(operation.command)
                          the code answers  \(answer)
                          the model answers \(expected)
                        """)
            }
            remember(operation, answer)
            coverage["\(operation.label): \(answer.label)", default: 0] += 1
        }
        for user in instants.keys {
            try checker.check(user, stored: engine.stored(user), model: model)
        }
    }

    /// What is written beside the ledger, in the same database transaction.
    private func remember(_ operation: SimulatedOperation, _ answer: Answer) {
        switch (operation, answer) {
        case (.accept(let command), .accepted):
            messages.append(QueuedCommit(commit: command.commit, acceptedAt: clock))
        case (.erase(let command), .erased(let former)):
            guard let person = persons.firstIndex(where: { $0.userID == command.userID }) else {
                return
            }
            persons[person].userID = nil
            persons[person].former = former ?? persons[person].former
        default: break
        }
    }

    /// An answer arrives.
    private func take(_ answer: Answer, _ waiting: Waiting) {
        switch waiting.purpose {
        case .call(let serial):
            if let id = answer.usageID { calls[serial] = (waiting.operation.userID, id) }
        case .mirror(let index): follow(answer, index)
        case .acceptance, .message, .discard, .deletion, .other: break
        }
    }
}

/// People at Stripe, and the workers that bring its state here.
extension SimulatedWorld {
    func act(_ person: Int, _ action: StripeAction, _ serial: Int) {
        let second = now.seconds
        if case .subscribe(let plan, let trial, let isPaid, let isSecond) = action {
            if isSecond || stripe.current(of: person) == nil {
                subscribe(person, plan, trial: trial, isPaid: isPaid, serial)
            }
            return
        }
        let index = action.isOfMoneyBack ? stripe.latest(of: person) : stripe.current(of: person)
        guard let index else { return }
        switch action {
        case .subscribe: break
        case .changePlan(let number, let billing):
            stripe.changePlan(
                index, to: rules.catalog.plans[number], billing, rules.catalog, at: second)
        case .schedule(let number):
            stripe.schedule(index, number.map { rules.catalog.plans[$0] }, at: second)
        case .cancelAtEnd(let atEnd):
            stripe.change(index, at: second) {
                if atEnd { $0.scheduled = nil }
                $0.cancelAtPeriodEnd = atEnd
                $0.canceledAt = atEnd ? second : nil
            }
        case .cancelNow: stripe.cancel(index, at: second)
        case .refund: stripe.refund(index, at: second)
        case .refundPart(let payment, let quarters):
            stripe.refund(index, payment: payment, quarters: quarters, at: second)
        case .failRefund(let payment): stripe.failRefund(index, payment: payment, at: second)
        case .moveTrial(let days):
            stripe.moveTrial(index, by: Int64(days) * 86_400, at: second)
        case .card(let isGood): stripe.setCard(index, isGood: isGood, at: second)
        case .notify: stripe.notifications.append(index)
        }
    }

    private func subscribe(_ person: Int, _ plan: Int, trial: Bool, isPaid: Bool, _ serial: Int) {
        guard let id = persons[person].userID, let account = model.users[id]?.account else {
            return
        }
        wait(.linkCustomer(LinkCustomer(userID: id, customerID: "cus_\(serial)")), .other)
        let customer = account.customerID ?? customers[id] ?? "cus_\(serial)"
        customers[id] = customer
        stripe.subscribe(
            person: person, userID: id, customerID: customer, plan: rules.catalog.plans[plan],
            isTrial: trial && !account.trialUsed, isPaid: isPaid, at: now.seconds)
    }

    func fetch(_ number: Int) {
        guard !stripe.notifications.isEmpty else { return }
        let index = stripe.notifications.remove(at: number % stripe.notifications.count)
        let token = (issuedTokens[index] ?? 0) + 1
        issuedTokens[index] = token
        fetched.append(
            Fetched(subscription: index, token: token, snapshot: stripe.snapshot(index)))
    }

    func applyFetched(_ number: Int) {
        guard !fetched.isEmpty else { return }
        let effect = fetched.remove(at: number % fetched.count)
        let owner = stripe.subscriptions[effect.subscription].userID
        wait(
            .applyBilling(
                ApplyBilling(userID: owner, snapshot: effect.snapshot, token: effect.token)),
            .mirror(subscription: effect.subscription))
    }

    /// What follows at Stripe from what was decided here: money that went back ends the
    /// subscription; of two that were paid the second is canceled and refunded.
    private func follow(_ answer: Answer, _ index: Int) {
        let subscription = stripe.subscriptions[index]
        switch answer {
        case .otherSubscription(let current):
            guard !subscription.isOver else { return }
            if let first = stripe.subscriptions.firstIndex(where: { $0.id == current }),
                stripe.subscriptions[first].isOver
            {
                stripe.notifications += [first, index]
            } else {
                stripe.cancel(index, at: now.seconds)
                stripe.refund(index, at: now.seconds)
            }
        case .mirrored, .subscriptionNotTheirs:
            if stripe.snapshot(index).isRevoked { stripe.cancel(index, at: now.seconds) }
        default: break
        }
    }
}

extension SimulatedOperation {
    var label: String {
        switch self {
        case .activate: "activate"
        case .validate: "validate"
        case .commit: "commit"
        case .accept: "accept a commit"
        case .withdraw: "withdraw a commit"
        case .record: "record"
        case .extend: "extend"
        case .capture: "capture"
        case .cancel: "cancel"
        case .settle: "read the balance"
        case .adjust: "adjust credits"
        case .addGrant: "add a grant"
        case .settleTopUp: "settle a pack"
        case .limit: "limit spending"
        case .readLimits: "read limits"
        case .linkCustomer: "link the customer"
        case .applyBilling: "apply Stripe's state"
        case .erase: "erase the account"
        }
    }
}
