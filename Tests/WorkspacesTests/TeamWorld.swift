import Database
import Foundation
import HTTPEndpoint
import Invitations
import JSON
import Simulator
import Synchronization
import TestFixtures
import Users
import Values
import Workspaces

/// A team in a database, what is done with it, drawn from a seed, and a model that says what must
/// come of it. What members do goes through the service's endpoints, as their requests would.
final class TeamWorld {
    private final class Clock: Sendable {
        let now = Mutex(TestCatalog.start)
    }

    private let parts: WorkspaceParts
    private let endpoints: [String: Endpoint]
    private let clock = Clock()
    private let people: [UUID]
    private let rows: TeamRows
    private var draw: TeamDraw
    private(set) var model: TeamModel
    private var names = TeamNames()
    private var mails: [(at: Timestamp, to: Int)] = []
    /// How often each code was answered.
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64, in database: any Database) async throws {
        let clock = clock
        parts = WorkspaceSamples.parts(
            of: database, clock: DecisionClock { clock.now.withLock { $0 } })
        let routes = WorkspaceSamples.routes(parts)
        endpoints = Dictionary(uniqueKeysWithValues: routes.map { ($0.name, $0) })
        let start = clock.now.withLock { $0 }
        // Later people have larger ids, as those who sign up later; other seeds have others.
        people = (0..<TeamDraw.people).map {
            .version7(at: start.adding(seconds: Int64($0)), randomness: seed)
        }
        let proven = Set(0..<(TeamDraw.people - 1))
        draw = TeamDraw(random: SimulationRandom(seed: seed))
        model = TeamModel(foundedAt: start, proven: proven)
        rows = try await TeamRows(
            foundedBy: people, provenAt: start, proven: proven,
            requests: TeamRequests(parts: parts, endpoints: endpoints, people: people), database)
    }

    /// - Returns: where the service and the model differ; `nil` if they agree.
    func step() async throws -> String? {
        advance()
        if draw.chance(oneIn: 40) { try await changeProof() }
        let steps = draw.chance(oneIn: 5) ? draw.pair(of: model) : [draw.step(of: model)]
        let (before, names) = (try await rows.counts(), names)
        let answers = try await perform(steps, names)
        for answer in answers { met[answer.code, default: 0] += 1 }
        let seen = try await rows.see()
        var found = ""
        for order in steps.count == 1 ? [[0]] : [[0, 1], [1, 0]] {
            var (next, named) = (model, names)
            found = try await compare(order, steps, answers, &next, &named, seen)
            guard found.isEmpty else { continue }
            if let wrong = judge(
                answers, before, try await rows.counts(), hasChanged: next.noted != model.noted)
            {
                return "\(steps) \(answers.map(\.code)): \(wrong)"
            }
            (model, self.names) = (next, named)
            return invariants(seen)
        }
        return "\(steps) \(answers.map(\.code)): \(found)"
    }

    // Time and proofs

    private func advance() {
        let seconds: Int64
        switch draw.below(12) {
        case 0: seconds = 3600 * Int64(1 + draw.below(24))
        case 1: seconds = 86_400 * Int64(1 + draw.below(8))
        default: seconds = Int64(1 + draw.below(60))
        }
        clock.now.withLock { $0 = $0.adding(seconds: seconds) }
    }

    private var now: Timestamp { clock.now.withLock { $0 } }

    /// An address is proven, or another one waits for its proof; the owner's stays.
    private func changeProof() async throws {
        let person = draw.below(TeamDraw.people)
        guard person != model.owner else { return }
        let isProven = model.proven.contains(person)
        try await rows.prove(person, isProven ? nil : now)
        if isProven { model.proven.remove(person) } else { model.proven.insert(person) }
    }

    // What is compared

    /// Has the model take the steps in an order.
    /// - Returns: where it differs from what was answered and is stored; empty if nowhere.
    private func compare(
        _ order: [Int], _ steps: [AskedStep], _ answers: [TeamAnswer], _ next: inout TeamModel,
        _ named: inout TeamNames, _ seen: TeamRows.Seen
    ) async throws -> String {
        for place in order {
            let (step, answer) = (steps[place], answers[place])
            let isThrottled = answer.code == TeamModel.throttled && mayBeThrottled(step)
            let said = next.answer(step, at: now, isThrottled: isThrottled)
            guard said == answer.code else { return "the model says \(said)" }
            if said == TeamModel.done { try await name(step, answer, &named) }
        }
        return differences(next, named, seen)
    }

    private func name(_ step: AskedStep, _ answer: TeamAnswer, _ named: inout TeamNames)
        async throws
    {
        switch step.what {
        case .invite(let person, _):
            guard let id = answer.made else { throw Problem.internalError }
            named.invitations.append(id)
            named.tokens.append([try await rows.mailedToken(to: person)])
            mails.append((now, person))
        case .resend(let number):
            let person = model.invitations[number].person
            named.tokens[number].append(try await rows.mailedToken(to: person))
            mails.append((now, person))
        case .makeKey:
            guard let id = answer.made else { throw Problem.internalError }
            named.keys.append(id)
        default: break
        }
    }

    /// Three mails of a day to an address, twenty of an hour by a workspace.
    private func mayBeThrottled(_ step: AskedStep) -> Bool {
        let person: Int
        switch step.what {
        case .invite(let whom, _): person = whom
        case .resend(let number): person = model.invitations[number].person
        default: return false
        }
        let (day, hour) = (now.adding(seconds: -86_400), now.adding(seconds: -3600))
        return mails.filter { $0.to == person && $0.at > day }.count >= 3
            || mails.filter { $0.at > hour }.count >= 20
    }

    private func differences(_ model: TeamModel, _ names: TeamNames, _ seen: TeamRows.Seen)
        -> String
    {
        let number = Dictionary(uniqueKeysWithValues: zip(people, 0...))
        if number[seen.row.ownerID] != model.owner { return "another owner" }
        let members = Dictionary(
            uniqueKeysWithValues: seen.members.map { row in
                (
                    number[row.userID] ?? -1,
                    TeamModel.Member(
                        isAdmin: row.role == .admin, isEnabled: row.status == .enabled,
                        joinedAt: row.joinedAt)
                )
            })
        if members != model.members { return "members \(members), not \(model.members)" }
        if seen.row.subscription != model.subscription { return "another subscription" }
        if (seen.row.frozenAt != nil) != model.isFrozen { return "frozen, or not" }
        if (seen.row.suspendedAt != nil) != model.isSuspended { return "suspended, or not" }
        guard seen.invitations.count == model.invitations.count,
            seen.keys.count == model.keys.count
        else { return "another number of invitations or keys" }
        for (id, told) in zip(names.invitations, model.invitations) {
            let status: InvitationStatus =
                told.isAccepted
                ? .accepted : told.isRevoked ? .revoked : now < told.endsAt ? .pending : .expired
            let found = seen.invitations[id]?.status(at: now)
            if found != status { return "an invitation is \(String(describing: found))" }
        }
        for (id, told) in zip(names.keys, model.keys)
        where (seen.keys[id]?.state(at: now) == .live) == told.isRevoked {
            return "a key is live, or not"
        }
        return ""
    }

    /// What is refused leaves nothing behind, what is done is noted.
    private func judge(
        _ answers: [TeamAnswer], _ before: (audit: Int64, mails: Int64),
        _ after: (audit: Int64, mails: Int64), hasChanged: Bool
    ) -> String? {
        let isDone = answers.contains { $0.code == TeamModel.done }
        if !isDone && before != after { return "a refusal is noted or mailed" }
        if hasChanged && after.audit <= before.audit { return "a change is not in the audit log" }
        return nil
    }

    /// One owner, who is an enabled member; no more enabled than seats; a frozen team has the owner
    /// alone. By what is stored, whatever the model says.
    private func invariants(_ seen: TeamRows.Seen) -> String? {
        let enabled = seen.members.filter { $0.status == .enabled }
        let owners = enabled.filter { $0.role(in: seen.row) == .owner }
        if owners.count != 1 { return "\(owners.count) enabled owners" }
        let seats = seen.row.frozenAt == nil ? max(seen.row.subscription.seatCount, 1) : 1
        return enabled.count > seats ? "\(enabled.count) enabled of \(seats) seats" : nil
    }
}

/// How steps are performed.
extension TeamWorld {
    private func perform(_ steps: [AskedStep], _ names: TeamNames) async throws -> [TeamAnswer] {
        let requests = TeamRequests(
            parts: parts, endpoints: endpoints, people: people, team: rows.team, names: names)
        guard steps.count == 2 else { return [try await requests.perform(steps[0])] }
        async let first = requests.perform(steps[0])
        async let second = requests.perform(steps[1])
        return [try await first, try await second]
    }
}
