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
    func values(_ desk: SpaceDesk, plan: Plan?, support: String?) -> JSONObject {
        let words = desk.words
        let act = act(desk, support: support)
        return badge(words).with([
            "text_html": .string(
                words.html(
                    "space.state.\(kind)",
                    [
                        "plan": plan?.name ?? "", "price": plan?.price.spoken ?? "",
                        "when": at.map { desk.spoken.day($0, now: desk.now) } ?? "",
                    ])),
            "href": .text(act?.href),
            "label_html": .text(act.map { words.html("space.act.\($0.key)") }),
        ])
    }

    private func act(_ desk: SpaceDesk, support: String?) -> (key: String, href: String)? {
        switch kind {
        case "suspended": return support.map { ("support", "mailto:" + $0) }
        // Keys are refused, or there can be none.
        case _ where tone == SubscriptionState.Tone.bad.rawValue: return nil
        case "none", "incomplete": return nil
        default:
            return desk.isAdmin ? ("key", desk.path + "/keys") : ("usage", desk.path + "/usage")
        }
    }
}
