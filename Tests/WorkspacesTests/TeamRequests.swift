import Database
import Foundation
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceCommands
import Workspaces

/// What was answered, and what was made by it.
struct TeamAnswer: Sendable {
    let code: String
    var made: UUID?
}

/// Which rows the model's numbers name.
struct TeamNames: Sendable {
    var invitations: [UUID] = []
    /// Of each invitation those of its mails.
    var tokens: [[String]] = []
    var keys: [UUID] = []
}

/// Performs steps as the service does: requests by their endpoints, Stripe's and the operator's
/// doing by what the workers and the commands call.
struct TeamRequests: Sendable {
    let parts: WorkspaceParts
    let endpoints: [String: Endpoint]
    let people: [UUID]
    /// Once there is one.
    var team: UUID? = nil
    var names = TeamNames()

    func perform(_ step: AskedStep) async throws -> TeamAnswer {
        let by = step.by
        switch step.what {
        case .invite(let person, let role):
            let body: JSONObject = [
                "email": .string("\(people[person].text)@example.test"),
                "role": .string(role.rawValue),
            ]
            return try await ask("CreateWorkspaceInvitation", by, body: body)
        case .resend(let number):
            return try await ask(
                "ResendWorkspaceInvitation", by, ["invitation_id": names.invitations[number]])
        case .revoke(let number):
            return try await ask(
                "RevokeWorkspaceInvitation", by, ["invitation_id": names.invitations[number]])
        case .accept(let number, let mail):
            return try await ask(
                "AcceptInvitation", by, body: ["token": .string(names.tokens[number][mail])])
        case .change(let person, let role, let status):
            var body = JSONObject()
            if let role { body["role"] = .string(role.rawValue) }
            if let status { body["status"] = .string(status.rawValue) }
            return try await ask(
                "UpdateWorkspaceMember", by, ["user_id": people[person]], body: body)
        case .remove(let person):
            return try await ask("RemoveWorkspaceMember", by, ["user_id": people[person]])
        case .leave: return try await ask("LeaveWorkspace", by)
        case .transfer(let person):
            return try await ask(
                "TransferWorkspace", by, body: ["user_id": .string(people[person].text)])
        case .reactivate(let named):
            let ids = named.map { JSONValue.string(people[$0].text) }
            return try await ask("ReactivateMembers", by, body: ["user_ids": .array(ids)])
        case .makeKey: return try await ask("CreateAPIKey", by, body: ["name": "key"])
        case .revokeKey(let number):
            return try await ask("RevokeAPIKey", by, ["key_id": names.keys[number]])
        case .subscribe, .suspend, .give: return try await becomeOf(step.what)
        }
    }

    func ask(
        _ name: String, _ by: Int, _ path: [String: UUID] = [:], body: JSONObject? = nil
    ) async throws -> TeamAnswer {
        guard let endpoint = endpoints[name] else { throw Problem.notFound }
        var parameters = path.mapValues(\.text)
        parameters["workspace_id"] = team?.text
        let call = Call(
            id: "step", headers: .none, remoteAddress: "127.0.0.1",
            caller: Caller(userID: people[by], sessionID: nil))
        do {
            let work = try endpoint.prepare(
                InputReader.Source(
                    path: parameters, query: [:], headers: .none, body: body.map { .object($0) },
                    bytes: []))
            let answer = try await work(call)
            let made = answer.status == 201 ? try JSONValue.parse(answer.body)["id"] : nil
            return TeamAnswer(
                code: TeamModel.done, made: made?.string.flatMap { UUID(text: $0) })
        } catch let problem as Problem {
            return TeamAnswer(code: problem.code)
        }
    }

    /// What nobody of the team asks for.
    private func becomeOf(_ step: TeamStep) async throws -> TeamAnswer {
        guard let team else { throw Problem.workspaceNotFound }
        let administration = WorkspaceAdministration(parts)
        switch step {
        case .subscribe(let told, let hasEnded):
            _ = try await parts.database.write { [parts] connection in
                // Who loses a seat is told by a worker.
                try TakeSubscription(parts.mails) { _, _, _, _, _ in }.perform(
                    told, hasEnded: hasEnded, of: team, requestID: nil, in: connection,
                    now: parts.clock.now())
            }
        case .suspend(let isOn):
            let hasChanged = try await administration.setSuspended(
                team.text, reason: isOn ? "abuse" : nil
            ).isNew
            if !hasChanged { return TeamAnswer(code: "unchanged") }
        case .give(let person):
            do {
                try await administration.transfer(team.text, to: people[person].text)
            } catch is WorkspaceAdministration.Refusal {
                return TeamAnswer(code: "refused")
            }
        default: throw Problem.internalError
        }
        return TeamAnswer(code: TeamModel.done)
    }
}
