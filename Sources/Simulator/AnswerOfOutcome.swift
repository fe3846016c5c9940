import Ledger
import Values

// What the code under test answers, in the form that the model can make too.

extension Answer {
    init(_ outcome: ActivateFreeSubscription.Outcome) {
        switch outcome {
        case .unknownUser: self = .unknownUser
        case .existing(let account): self = .activated(AccountView(account), isNew: false)
        case .created(let account): self = .activated(AccountView(account), isNew: true)
        }
    }

    init(_ outcome: ValidateUsage.Outcome) {
        switch outcome {
        case .unknownUser: self = .unknownUser
        case .deactivatedUser: self = .deactivatedUser
        case .unknownFeature: self = .unknownFeature
        case .unknownParent: self = .unknownParent
        case .denied(let denial, let limits): self = .denied(denial, limits.map(LimitView.init))
        case .holdTooLong(let maximum): self = .holdTooLong(maximum)
        case .priceOutOfBounds: self = .priceOutOfBounds
        case .granted(let grant, let limits):
            self = .granted(
                grant.usageID, credits: grant.creditsReserved.micros,
                expiresAt: grant.expiresAt.micros, isReplay: grant.isReplay,
                limits.map(LimitView.init))
        }
    }

    /// Which mails a commit causes is not looked at.
    init(_ outcome: CommitUsage.Outcome) {
        switch outcome {
        case .unknownUsage: self = .unknownUsage
        case .notTheirs: self = .notTheirs
        case .priceOutOfBounds: self = .priceOutOfBounds
        case .applied(let status, let charged, let isReplay, _, let notCharged, let isLate):
            self = .committed(
                status, charged: charged.micros, isReplay: isReplay,
                notCharged: notCharged.micros, isLate: isLate)
        case .refused(let status, let charged):
            self = .commitRefused(status, charged: charged.micros)
        }
    }

    init(_ outcome: AcceptCommit.Outcome) {
        switch outcome {
        case .accepted: self = .accepted
        case .settled(let outcome): self.init(outcome)
        }
    }

    init(_ outcome: RecordUsage.Outcome) {
        switch outcome {
        case .unknownUser: self = .unknownUser
        case .unknownFeature: self = .unknownFeature
        case .noSubscription: self = .noSubscription
        case .priceOutOfBounds: self = .priceOutOfBounds
        case .notOfThisDay: self = .notOfThisDay
        case .requestMismatch(let usageID, let status):
            self = .denied(.requestMismatch(usageID: usageID, status), [])
        case .told(let usageID, let outcome): self = .recorded(usageID, Answer(outcome))
        }
    }

    init(_ outcome: WithdrawCommit.Outcome) {
        switch outcome {
        case .notWaiting: self = .notWaiting
        case .withdrawn(let status): self = .withdrawn(status)
        }
    }

    init(_ outcome: HoldOutcome) {
        switch outcome {
        case .unknownUsage: self = .unknownUsage
        case .notTheirs: self = .notTheirs
        case .deactivatedUser: self = .deactivatedUser
        case .holdTooLong(let maximum): self = .holdTooLong(maximum)
        case .priceOutOfBounds: self = .priceOutOfBounds
        case .notPriced: self = .notPriced
        case .done(let state, let isReplay, _): self = .hold(HoldView(state), isReplay: isReplay)
        case .refused(let refusal, let state): self = .holdRefused(refusal, HoldView(state))
        }
    }

    /// How many reservations the settling found overdue depends on who came before, and is not
    /// looked at.
    init(_ outcome: SettleAccount.Outcome, _ rules: LedgerRules, _ clock: Timestamp) {
        guard let account = outcome.account else {
            self = .balance(nil, reserved: 0, [])
            return
        }
        let now = max(clock, account.context.decidedAt)
        let pricing = rules.catalog.plan(account.subscription.planID)?.pricing
        self = .balance(
            AccountView(account), reserved: account.context.reserved.micros,
            pricing.map { account.context.rateLimits($0, at: now).map(LimitView.init) } ?? [],
            available: account.available(at: now, grace: rules.pastDueGrace).micros)
    }

    init(_ outcome: SpendingStanding) {
        switch outcome {
        // Nothing is counted before the decision here.
        case .noSubscription, .outdated: self = .noSubscription
        case .stands(let limits, let day, let month):
            self = .limits(limits, day: day.micros, month: month.micros)
        }
    }

    init(_ outcome: AdjustCredits.Outcome) {
        switch outcome {
        case .noSubscription: self = .noSubscription
        case .alreadyAdjusted: self = .alreadyAdjusted
        case .wouldBeNegative: self = .wouldBeNegative
        case .wouldExceedMaximum: self = .wouldExceedMaximum
        case .adjusted(let account): self = .adjusted(AccountView(account))
        }
    }

    init(_ outcome: AddGrant.Outcome) {
        switch outcome {
        case .noSubscription: self = .noSubscription
        case .existing: self = .grantExists
        case .tooManyGrants: self = .tooManyGrants
        case .added: self = .grant(true)
        }
    }

    init(_ outcome: SettleTopUp.Outcome) {
        switch outcome {
        case .noAccount: self = .noAccount
        case .outOfDate: self = .outOfDate
        case .applied(let change): self = .grant(change.isNew)
        }
    }

    init(_ outcome: ApplyBilling.Outcome) {
        switch outcome {
        case .outOfDate: self = .outOfDate
        case .noAccount: self = .noAccount
        case .otherSubscription(let current): self = .otherSubscription(current)
        case .notTheirs: self = .subscriptionNotTheirs
        case .applied(let account, _): self = .mirrored(AccountView(account))
        }
    }
}

extension HoldView {
    init(_ state: HoldState) {
        self.init(
            status: state.status, reserved: state.creditsReserved.micros,
            charged: state.creditsCharged.micros, expiresAt: state.expiresAt.micros)
    }
}
