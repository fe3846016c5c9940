import Values
import Workspaces

/// The rules of a team, told once more: what each step is answered, by its code, and what it
/// changes. It has no rows, and counts whatever it needs.
struct TeamModel: Equatable {
    struct Member: Equatable {
        var isAdmin: Bool
        var isEnabled: Bool
        let joinedAt: Timestamp
    }

    struct Invitation: Equatable {
        let person: Int
        let isAdmin: Bool
        let sender: Int
        /// How many mails it was sent in: the token of the last one is good.
        var mails = 1
        var endsAt: Timestamp
        var isAccepted = false
        var isRevoked = false

        func waits(at now: Timestamp) -> Bool { !isAccepted && !isRevoked && now < endsAt }
    }

    struct Key: Equatable {
        var isRevoked = false
    }

    private struct Refusal: Error {
        let code: String
        init(_ code: String) { self.code = code }
    }

    static let done = "done"
    static let throttled = "too_many_attempts"
    private static let sevenDays: Int64 = 7 * 24 * 3600

    var owner = 0
    var members: [Int: Member]
    var invitations: [Invitation] = []
    var keys: [Key] = []
    var subscription = WorkspaceSubscription.none
    var isFrozen = false
    var isSuspended = false
    /// People whose address is proven.
    var proven: Set<Int>

    init(foundedAt now: Timestamp, proven: Set<Int>) {
        members = [0: Member(isAdmin: true, isEnabled: true, joinedAt: now)]
        self.proven = proven
    }

    /// All of it but whether the seats are paid: of that alone no line is written.
    var noted: TeamModel {
        var noted = self
        noted.subscription = WorkspaceSubscription(
            standing: .live, seatCount: subscription.seatCount,
            pendingSeatCount: subscription.pendingSeatCount)
        return noted
    }

    var enabled: Int { members.values.filter(\.isEnabled).count }

    /// - Parameter isThrottled: whether its mail would be one too many.
    /// - Returns: a code; what is refused changes nothing.
    mutating func answer(_ step: AskedStep, at now: Timestamp, isThrottled: Bool) -> String {
        var next = self
        do throws(Refusal) {
            try next.carryOut(step, now, isThrottled)
        } catch {
            return error.code
        }
        self = next
        return Self.done
    }

    private mutating func carryOut(
        _ step: AskedStep, _ now: Timestamp, _ isThrottled: Bool
    ) throws(Refusal) {
        let by = step.by
        switch step.what {
        case .invite(let person, let role): try invite(person, role, by, now, isThrottled)
        case .resend(let number): try resend(number, by, now, isThrottled)
        case .revoke(let number):
            try admit(by, asAdmin: true)
            guard invitations[number].waits(at: now) else { throw Refusal("invitation_not_found") }
            invitations[number].isRevoked = true
        case .accept(let number, let mail): try accept(number, mail, by, now)
        case .change(let person, let role, let status):
            try change(person, role, status, by, now)
        case .remove(let person): try remove(person, by, now)
        case .leave:
            try admit(by, disabledToo: true)
            if by == owner { throw Refusal("owner_stays") }
            end(by, now)
        case .transfer(let person):
            try admit(by, asOwner: true)
            if person != owner { try give(to: person, else: "not_a_member") }
        case .reactivate(let people): try reactivate(people, by)
        case .makeKey:
            try admit(by, asAdmin: true, toAdd: true)
            guard keys.filter({ !$0.isRevoked }).count < 50 else { throw Refusal("too_many_keys") }
            keys.append(Key())
        case .revokeKey(let number):
            try admit(by, asAdmin: true)
            keys[number].isRevoked = true
        case .subscribe(let told, let hasEnded): subscribe(told, hasEnded)
        case .suspend(let isOn):
            if isSuspended == isOn { throw Refusal("unchanged") }
            isSuspended = isOn
        case .give(let person):
            if person == owner { throw Refusal("refused") }
            try give(to: person, else: "refused")
        }
    }

    // Who may

    private func admit(
        _ person: Int, asAdmin: Bool = false, asOwner: Bool = false, toAdd: Bool = false,
        disabledToo: Bool = false
    ) throws(Refusal) {
        guard let member = members[person] else { throw Refusal("workspace_not_found") }
        if !disabledToo && !member.isEnabled { throw Refusal("member_disabled") }
        if !proven.contains(person) { throw Refusal("email_not_verified") }
        let isAdmin = person == owner || member.isAdmin
        if asOwner && person != owner || asAdmin && !isAdmin { throw Refusal("role_required") }
        if toAdd { try requireActive() }
    }

    private func requireActive() throws(Refusal) {
        if isSuspended { throw Refusal("workspace_suspended") }
        if isFrozen { throw Refusal("workspace_frozen") }
        if subscription.standing == .none { throw Refusal("no_subscription") }
        if subscription.standing == .inactive { throw Refusal("subscription_inactive") }
    }

    /// The present seats or those that follow, whichever are fewer; the owner always has one.
    private var mostEnabled: Int {
        let seats = [subscription.seatCount, subscription.pendingSeatCount].compactMap { $0 }
        return max(1, Int(seats.min() ?? 0))
    }

    private func requireSeat() throws(Refusal) {
        if enabled + 1 > mostEnabled { throw Refusal("no_seat_left") }
    }

    private func requireOwner(_ by: Int) throws(Refusal) {
        if by != owner { throw Refusal("role_required") }
    }

    // Invitations

    private mutating func invite(
        _ person: Int, _ role: GivenRole, _ by: Int, _ now: Timestamp, _ isThrottled: Bool
    ) throws(Refusal) {
        try admit(by, asAdmin: true, toAdd: true)
        if role == .admin { try requireOwner(by) }
        if members[person] != nil && proven.contains(person) { throw Refusal("already_member") }
        try requireSeat()
        if invitations.contains(where: { $0.person == person && $0.waits(at: now) }) {
            throw Refusal("already_invited")
        }
        if isThrottled { throw Refusal(Self.throttled) }
        invitations.append(
            Invitation(
                person: person, isAdmin: role == .admin, sender: by,
                endsAt: now.adding(seconds: Self.sevenDays)))
    }

    private mutating func resend(
        _ number: Int, _ by: Int, _ now: Timestamp, _ isThrottled: Bool
    ) throws(Refusal) {
        try admit(by, asAdmin: true, toAdd: true)
        guard invitations[number].waits(at: now) else { throw Refusal("invitation_not_found") }
        if invitations[number].isAdmin { try requireOwner(by) }
        try requireSeat()
        if isThrottled { throw Refusal(Self.throttled) }
        invitations[number].mails += 1
        invitations[number].endsAt = now.adding(seconds: Self.sevenDays)
    }

    private mutating func accept(
        _ number: Int, _ mail: Int, _ by: Int, _ now: Timestamp
    ) throws(Refusal) {
        let invitation = invitations[number]
        if !proven.contains(by) { throw Refusal("email_not_verified") }
        guard invitation.waits(at: now), mail == invitation.mails - 1 else {
            throw Refusal("invitation_not_found")
        }
        if by != invitation.person { throw Refusal("invitation_for_another") }
        try requireActive()
        if members[by] != nil { throw Refusal("already_member") }
        try requireSeat()
        members[by] = Member(isAdmin: invitation.isAdmin, isEnabled: true, joinedAt: now)
        invitations[number].isAccepted = true
    }

    // Members

    private mutating func change(
        _ person: Int, _ role: GivenRole?, _ status: MemberStatus?, _ by: Int, _ now: Timestamp
    ) throws(Refusal) {
        try admit(by, asAdmin: true)
        guard let member = members[person] else { throw Refusal("member_not_found") }
        let becomesAdmin = role.map { $0 == .admin } ?? member.isAdmin
        let becomesEnabled = status.map { $0 == .enabled } ?? member.isEnabled
        if becomesAdmin != member.isAdmin { try requireOwner(by) }
        if becomesEnabled != member.isEnabled && member.isAdmin { try requireOwner(by) }
        if person == owner && (role != nil || !becomesEnabled) { throw Refusal("owner_stays") }
        if becomesEnabled && !member.isEnabled {
            try requireActive()
            try requireSeat()
        }
        members[person]?.isAdmin = becomesAdmin
        members[person]?.isEnabled = becomesEnabled
        if member.isAdmin && !becomesAdmin { revokeInvitations(of: person, now) }
    }

    private mutating func remove(_ person: Int, _ by: Int, _ now: Timestamp) throws(Refusal) {
        try admit(by, asAdmin: true)
        guard let member = members[person] else { throw Refusal("member_not_found") }
        if person == owner { throw Refusal("owner_stays") }
        if member.isAdmin { try requireOwner(by) }
        end(person, now)
    }

    private mutating func end(_ person: Int, _ now: Timestamp) {
        let member = members.removeValue(forKey: person)
        if member?.isAdmin == true { revokeInvitations(of: person, now) }
    }

    /// Those of an admin that wait go with the admin.
    private mutating func revokeInvitations(of person: Int, _ now: Timestamp) {
        for (number, invitation) in invitations.enumerated()
        where invitation.sender == person && invitation.waits(at: now) {
            invitations[number].isRevoked = true
        }
    }

    private mutating func give(to person: Int, else code: String) throws(Refusal) {
        guard members[person]?.isEnabled == true, proven.contains(person) else {
            throw Refusal(code)
        }
        owner = person
        members[person]?.isAdmin = true
    }

    private mutating func reactivate(_ people: [Int], _ by: Int) throws(Refusal) {
        try admit(by, asOwner: true, toAdd: true)
        let wanted = Set(people + [owner])
        if wanted.count > mostEnabled { throw Refusal("no_seat_left") }
        if !wanted.isSubset(of: members.keys) { throw Refusal("not_a_member") }
        for person in members.keys { members[person]?.isEnabled = wanted.contains(person) }
    }

    // The subscription

    /// Only a live one ends a freeze, and only the end of one that was there begins it. Of too many
    /// those who came first stay.
    private mutating func subscribe(_ told: WorkspaceSubscription, _ hasEnded: Bool) {
        let wasThere = hasEnded || subscription.standing != .none
        if told.standing == .live { isFrozen = false }
        if told.standing == .none && wasThere { isFrozen = true }
        subscription = told
        let most = isFrozen ? 1 : max(1, Int(told.seatCount))
        let others = members.filter { $0.key != owner && $0.value.isEnabled }.sorted {
            ($0.value.joinedAt, $0.key) < ($1.value.joinedAt, $1.key)
        }
        for (person, _) in others.dropFirst(most - 1) { members[person]?.isEnabled = false }
    }
}
