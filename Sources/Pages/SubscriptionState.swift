import JSON
import Ledger
import PageFrame
import Values

/// Where a subscription stands, as its owner is told: one sentence, one date, one thing to do.
package struct SubscriptionState: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case free, trial, active, ending, unpaid, incomplete, paused, over
        case lowering
        case trialEnding = "trial_ending"
        case trialLowering = "trial_lowering"
        case pastDue = "past_due"
        case pastDueOver = "past_due_over"
    }

    package enum Tone: String, Sendable {
        case good, warn, bad, wait
    }

    package let kind: Kind
    /// The sentence's date.
    package let at: Timestamp

    /// - Parameter grace: seconds that an unpaid period's remainder stays usable.
    package init(_ account: Account, now: Timestamp, grace: Int64) {
        let subscription = account.subscription
        let end = account.context.paidUntil
        let isBilled = subscription.stripeSubscriptionID != nil
        let ending = subscription.cancelAt ?? end
        let change = subscription.scheduled?.startsAt
        switch subscription.status {
        case .trialing where subscription.cancelAtPeriodEnd: (kind, at) = (.trialEnding, ending)
        case .trialing where change != nil: (kind, at) = (.trialLowering, change ?? end)
        case .trialing: (kind, at) = (.trial, subscription.trialEnd ?? end)
        case .pastDue where account.isEntitled(at: now, grace: grace):
            (kind, at) = (.pastDue, end.adding(seconds: grace))
        case .pastDue: (kind, at) = (.pastDueOver, end.adding(seconds: grace))
        case .unpaid: (kind, at) = (.unpaid, end)
        case .incomplete: (kind, at) = (.incomplete, end)
        case .paused: (kind, at) = (.paused, end)
        case .active where isBilled && subscription.cancelAtPeriodEnd:
            (kind, at) = (.ending, ending)
        case .active where isBilled && change != nil: (kind, at) = (.lowering, change ?? end)
        case .active where isBilled: (kind, at) = (.active, end)
        case .active where account.isEntitled(at: now, grace: grace): (kind, at) = (.free, end)
        case .active, .canceled, .incompleteExpired: (kind, at) = (.over, end)
        }
    }

    package var tone: Tone {
        switch kind {
        case .free, .active, .trial: .good
        case .lowering, .trialLowering: .wait
        case .ending, .trialEnding, .pastDue, .incomplete: .warn
        case .pastDueOver, .unpaid, .paused, .over: .bad
        }
    }

    /// Whether money is taken on the date by itself.
    var isCharged: Bool { kind == .active || kind == .trial || isChanging }

    /// Whether another plan follows on the date.
    var isChanging: Bool { kind == .lowering || kind == .trialLowering }

    package var canCancel: Bool {
        switch kind {
        case .trial, .active, .lowering, .trialLowering, .pastDue, .pastDueOver, .unpaid: true
        default: false
        }
    }

    /// What there is to do: the words' key and the address, which a form is sent to or a link
    /// leads to.
    var act: (key: String, post: String?, href: String?)? {
        switch kind {
        case .free, .active, .trial: nil
        case .lowering, .trialLowering: ("act.keep", "/account/plan/resume", nil)
        case .ending, .trialEnding: ("act.resume", "/account/plan/resume", nil)
        case .pastDue, .pastDueOver, .unpaid, .incomplete:
            ("act.pay", "/account/plan/billing", nil)
        case .paused: ("act.card", "/account/plan/billing", nil)
        case .over: ("act.plans", nil, "/account/plan")
        }
    }

    /// - Parameter next: the plan that follows, if one does.
    package func values(
        _ plan: Plan, next: Plan?, _ spoken: Spoken, now: Timestamp
    ) -> JSONObject {
        let words = spoken.words
        let values = [
            "plan": plan.name, "price": (next ?? plan).price.spoken,
            "next": next?.name ?? "", "when": spoken.day(at, now: now),
        ]
        var object: JSONObject = [
            "tone": .string(tone.rawValue), "plan_name": .string(plan.name),
            "text_html": .string(words.html("state.\(kind.rawValue)", values)),
            "badge_html": .string(words.html("badge.\(kind.rawValue)")),
            "post": .text(act?.post), "href": .text(act?.href), "label_html": .null,
        ]
        if let act { object["label_html"] = .string(words.html(act.key, values)) }
        return object
    }
}
