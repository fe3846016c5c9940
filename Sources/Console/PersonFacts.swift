import FoundationEssentials
import HTTPEndpoint
import Ledger
import Operators
import PageFrame
import Users
import Values

/// What is known of a person at a glance.
struct PersonFacts: Sendable {
    let words: Words
    let now: Timestamp

    private var spoken: Spoken { Spoken(words: words) }

    static func state(_ user: UserRow) -> ConsoleTable.Cell {
        guard user.isActive else { return .badge("deactivated", tone: "bad") }
        let isProven = user.emailVerifiedAt != nil || user.issuer != nil
        return isProven ? .badge("active", tone: "good") : .badge("unproven", tone: "wait")
    }

    func user(_ user: UserRow) -> ConsoleSection {
        var section = ConsoleSection("person.facts")
        section.facts = [
            ("email", (user.email ?? "–").escapedForHTML),
            ("name", (user.fullName ?? "–").escapedForHTML), ("id", Self.code(user.id.text)),
            (
                "state",
                words.html(user.isActive ? "console.state.active" : "console.state.deactivated")
            ),
            ("proven", user.emailVerifiedAt.map { spoken.instant($0, now: now) } ?? "–"),
            ("since", spoken.instant(user.createdAt, now: now)),
        ]
        if let issuer = user.issuer { section.facts.append(("issuer", issuer.escapedForHTML)) }
        return section
    }

    func account(_ account: Account, _ plan: Plan) -> ConsoleSection {
        let (theirs, context) = (account.subscription, account.context)
        var section = ConsoleSection("person.account")
        section.facts = [
            ("plan", plan.name.escapedForHTML),
            ("status", ConsoleTable.stateText(theirs.status.rawValue, words)),
            ("left", context.remaining.spoken), ("used", context.used.spoken),
            ("held", context.reserved.spoken), ("granted", context.allocated.spoken),
            ("owed", context.owed.spoken),
            ("period_start", spoken.instant(context.period.start, now: now)),
            ("period_end", spoken.instant(context.period.end, now: now)),
        ]
        if let end = theirs.cancelAt {
            section.facts.append(("cancel_at", spoken.instant(end, now: now)))
        }
        if let end = theirs.trialEnd {
            section.facts.append(("trial_end", spoken.instant(end, now: now)))
        }
        if let id = theirs.stripeCustomerID { section.facts.append(("customer", Self.code(id))) }
        if let id = theirs.stripeSubscriptionID {
            section.facts.append(("subscription", Self.code(id)))
        }
        return section
    }

    static func code(_ text: String) -> String {
        "<span class=\"code\">\(text.escapedForHTML)</span>"
    }
}
