import JSON
import Ledger
import PageFrame
import Pages
import Values
import Workspaces

/// Where a workspace stands: one sentence, one date and one thing to do.
struct SpaceState: Sendable {
    /// Of the words: `space.state.` and this.
    let kind: String
    let tone: String
    /// The sentence's date; `nil` if it has none.
    let at: Timestamp?

    /// - Parameters:
    ///   - account: what the workspace holds at the ledger; `nil` if it holds nothing, or if that
    ///     was not asked for.
    ///   - grace: seconds that an unpaid period's remainder stays usable.
    init(_ desk: SpaceDesk, account: Account?, grace: Int64) {
        let workspace = desk.workspace
        switch workspace.status {
        case .suspended: (kind, tone, at) = ("suspended", "bad", workspace.suspendedAt)
        case .frozen where account?.subscription.status == .unpaid:
            (kind, tone, at) = ("frozen_unpaid", "bad", workspace.frozenAt)
        case .frozen where account?.subscription.status == .paused:
            (kind, tone, at) = ("frozen_paused", "bad", workspace.frozenAt)
        case .frozen: (kind, tone, at) = ("frozen", "bad", workspace.frozenAt)
        case .active:
            guard let account else {
                switch workspace.subscription.standing {
                case .none: (kind, tone, at) = ("none", "warn", nil)
                case .inactive: (kind, tone, at) = ("inactive", "bad", nil)
                case .live: (kind, tone, at) = ("live", "good", nil)
                }
                return
            }
            let state = SubscriptionState(account, now: desk.now, grace: grace)
            (kind, tone, at) = (state.kind.rawValue, state.tone.rawValue, state.at)
        }
    }

    func badge(_ words: Words) -> JSONObject {
        [
            "tone": .string(tone), "badge_html": .string(words.html("space.badge.\(kind)")),
        ]
    }

    /// The sentence, and the one thing to do for who may do it.
    func values(_ desk: SpaceDesk, _ now: SpaceStanding, support: String?) -> JSONObject {
        let words = desk.words
        let act = act(desk, support: support)
        let seats = desk.workspace.subscription.pendingSeatCount ?? desk.seatCount
        return badge(words).with([
            "text_html": .string(
                words.html(
                    "space.state.\(kind)",
                    [
                        "plan": now.plan?.name ?? "", "next": now.next?.name ?? "",
                        "price": (now.next ?? now.plan)?.total(seats).spoken ?? "",
                        "when": at.map { desk.spoken.day($0, now: desk.now) } ?? "",
                    ])),
            "href": .text(act?.href),
            "label_html": .text(act.map { words.html("space.act.\($0.key)") }),
        ])
    }

    private func act(_ desk: SpaceDesk, support: String?) -> (key: String, href: String)? {
        let plan = desk.path + "/plan"
        switch kind {
        case "suspended": return support.map { ("support", "mailto:" + $0) }
        case "none", "frozen", "over": return desk.isAdmin ? ("plans", plan) : nil
        // Keys are refused, or will be, until somebody pays.
        case _ where tone == SubscriptionState.Tone.bad.rawValue, "past_due", "incomplete":
            return desk.isAdmin ? ("plan", plan) : nil
        default:
            return desk.isAdmin ? ("key", desk.path + "/keys") : ("usage", desk.path + "/usage")
        }
    }
}
