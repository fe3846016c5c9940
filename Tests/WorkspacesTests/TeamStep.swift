import Simulator
import Values
import Workspaces

/// What somebody asks of a team, or what becomes of it. People, invitations and keys are named by
/// their numbers, in the order in which they came.
enum TeamStep: Sendable, Equatable {
    case invite(Int, GivenRole)
    case resend(Int)
    case revoke(Int)
    /// With the token of one of the invitation's mails, the first of which is 0.
    case accept(Int, mail: Int)
    case change(Int, role: GivenRole?, status: MemberStatus?)
    case remove(Int)
    case leave
    case transfer(Int)
    case reactivate([Int])
    case makeKey
    case revokeKey(Int)
    /// Stripe's: what the subscription gives from now on.
    case subscribe(WorkspaceSubscription, hasEnded: Bool)
    /// The operator's.
    case suspend(Bool)
    case give(Int)

    /// Whether it makes or sends something whose number or token is known once it is done: of two
    /// at the same time nobody can tell which was first.
    var isNumbered: Bool {
        switch self {
        case .invite, .resend, .makeKey: true
        default: false
        }
    }
}

struct AskedStep: Sendable, Equatable {
    let by: Int
    let what: TeamStep
}

/// Draws steps. Many would change something, some would not.
struct TeamDraw {
    static let people = 8
    var random: SimulationRandom

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &random) }
    mutating func chance(oneIn number: Int) -> Bool { below(number) == 0 }

    mutating func step(of team: TeamModel) -> AskedStep {
        let (by, what) = (caller(in: team), what(team))
        guard case .accept(let number, _) = what, !chance(oneIn: 6) else {
            return AskedStep(by: by, what: what)
        }
        return AskedStep(by: team.invitations[number].person, what: what)
    }

    /// Two that are asked for at the same time; of one seat, often.
    mutating func pair(of team: TeamModel) -> [AskedStep] {
        while true {
            let both = [step(of: team), step(of: team)]
            if both.filter(\.what.isNumbered).count < 2 { return both }
        }
    }

    private mutating func caller(in team: TeamModel) -> Int {
        switch below(20) {
        case 0..<9: return team.owner
        case 9..<16:
            let members = team.members.keys.sorted()
            return members[below(members.count)]
        default: return below(Self.people)
        }
    }

    private mutating func what(_ team: TeamModel) -> TeamStep {
        switch below(100) {
        case 0..<16: return .invite(below(Self.people), role())
        case 16..<21: return team.invitations.isEmpty ? .leave : .resend(invitation(team))
        case 21..<24: return team.invitations.isEmpty ? .leave : .revoke(invitation(team))
        case 24..<45: return accept(team)
        case 45..<60: return change(team)
        case 60..<63: return .remove(below(Self.people))
        case 63..<65: return .leave
        case 65..<69: return .transfer(below(Self.people))
        case 69..<74:
            return .reactivate((0..<below(4)).map { _ in below(Self.people) })
        case 74..<77: return .makeKey
        case 77..<79: return team.keys.isEmpty ? .makeKey : .revokeKey(below(team.keys.count))
        case 79..<95: return subscribe(team)
        case 95..<98: return .suspend(team.isSuspended == chance(oneIn: 5))
        default: return .give(below(Self.people))
        }
    }

    private mutating func role() -> GivenRole { chance(oneIn: 3) ? .admin : .member }

    /// The last ones are hot.
    private mutating func invitation(_ team: TeamModel) -> Int {
        let number = team.invitations.count
        return chance(oneIn: 4) ? below(number) : max(0, number - 1 - below(4))
    }

    private mutating func accept(_ team: TeamModel) -> TeamStep {
        if team.invitations.isEmpty { return .invite(below(Self.people), role()) }
        let number = invitation(team)
        let mails = team.invitations[number].mails
        return .accept(number, mail: chance(oneIn: 6) ? below(mails) : mails - 1)
    }

    private mutating func change(_ team: TeamModel) -> TeamStep {
        let members = team.members.keys.sorted()
        let whom = chance(oneIn: 10) ? below(Self.people) : members[below(members.count)]
        let status: MemberStatus? =
            chance(oneIn: 4) ? nil : team.members[whom]?.isEnabled == true ? .disabled : .enabled
        return .change(
            whom, role: status == nil || chance(oneIn: 8) ? role() : nil,
            status: chance(oneIn: 8) ? .enabled : status)
    }

    /// Paid mostly, with few seats, so that the last one is often wanted.
    private mutating func subscribe(_ team: TeamModel) -> TeamStep {
        let seats = Int64(1 + below(5))
        switch below(10) {
        case 0: return .subscribe(.none, hasEnded: chance(oneIn: 2))
        case 1:
            return .subscribe(
                WorkspaceSubscription(
                    standing: .inactive, seatCount: seats, pendingSeatCount: nil),
                hasEnded: false)
        default:
            let fewer = seats > 1 && chance(oneIn: 3) ? Int64(1 + below(Int(seats) - 1)) : nil
            return .subscribe(
                WorkspaceSubscription(
                    standing: .live, seatCount: seats, pendingSeatCount: fewer),
                hasEnded: false)
        }
    }
}
