import Ledger
import Values

/// Families of holds, plainly: a child's draws are taken out of its parent's, one by one.
extension ReferenceModel {
    static func denial(by parent: Call, _ cost: Int64, at now: Int64) -> ValidateUsage.Denial? {
        let status = parent.status(at: now)
        if status != .pending || parent.acceptedAs != nil {
            return .parentEnded(parent.acceptedAs ?? status)
        }
        guard cost > parent.kept else { return nil }
        return .parentHoldExceeded(
            free: Credits(clamping: parent.kept), needed: Credits(clamping: cost))
    }

    /// Out of the parent's hold, if the call has one; else out of what the account has.
    static func take(
        _ credits: Int64, for place: Int, of user: User, _ rules: LedgerRules, at now: Int64
    ) {
        guard let parent = user.calls[place].parent else {
            draw(credits, for: place, of: user, rules, at: now)
            return
        }
        user.calls[parent].lent += credits
        var missing = credits
        for index in user.calls[parent].draws.indices where missing > 0 {
            let source = user.calls[parent].draws[index]
            let part = min(missing, source.held)
            missing -= part
            user.calls[parent].draws[index].held -= part
            if part > 0 {
                user.calls[place].draws.append(
                    Draw(grant: source.grant, period: source.period, held: part))
            }
        }
    }

    /// What a call may still take of its parent; `nil` for a call without one.
    static func lendable(to place: Int, of user: User, at now: Int64) -> Int64? {
        user.calls[place].parent.map { parent in
            let call = user.calls[parent]
            return call.status(at: now) == .pending && call.acceptedAs == nil ? call.kept : 0
        }
    }

    /// Why a call that has a parent may not hold so much more.
    static func refusal(
        of more: Int64, outOfParentOf place: Int, of user: User, at now: Int64
    ) -> HoldRefusal? {
        guard let parent = user.calls[place].parent else { return nil }
        switch denial(by: user.calls[parent], more, at: now) {
        case .parentEnded: return .parentEnded
        case .parentHoldExceeded(let free, let needed):
            return .parentHoldExceeded(free: free, needed: needed)
        default: return nil
        }
    }

    static func isKin(_ place: Int, of user: User) -> Bool {
        user.calls[place].parent != nil || user.calls.contains { $0.parent == place }
    }

    /// - Returns: false if the call has no parent, or one that had ended by then.
    static func giveBackToParent(_ place: Int, of user: User, at instant: Int64) -> Bool {
        guard let parent = user.calls[place].parent,
            user.calls[parent].status(at: instant) == .pending
        else { return false }
        for index in user.calls[place].draws.indices {
            let draw = user.calls[place].draws[index]
            user.calls[place].draws[index].held = 0
            user.calls[parent].lent -= draw.held
            let source = user.calls[parent].draws.firstIndex {
                $0.grant == draw.grant && $0.period == draw.period
            }
            if let source { user.calls[parent].draws[source].held += draw.held }
        }
        return true
    }

    /// Stops all that runs below a call, the youngest first.
    static func cancelAll(below place: Int, of user: User, at now: Int64) {
        for child in user.calls.indices.reversed() {
            var above = user.calls[child].parent
            while let next = above, next != place { above = user.calls[next].parent }
            let call = user.calls[child]
            guard above == place, call.status(at: now) == .pending, call.acceptedAs == nil
            else { continue }
            giveBack(child, of: user, at: now)
            user.calls[child].ended = .failed
            user.changedAt = now
        }
    }
}
