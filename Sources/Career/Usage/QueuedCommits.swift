import Foundation
import HTTPEndpoint
import JSON
import Ledger
import Messaging
import Values

/// Commits that came as messages, from tool servers that prefer not to wait.
package struct QueuedCommits: Sendable {
    let quota: CareerQuotaService

    package init(quota: CareerQuotaService) {
        self.quota = quota
    }

    /// A commit is judged by the time at which its message was accepted.
    package func handle(_ message: Message) async throws {
        let request: UsageCommitRequest
        do {
            request = try UsageCommitRequest.decode(JSONValue.parse(message.body))
        } catch let problem as Problem {
            let reasons = problem.errors.map { "\($0.loc.joined(separator: ".")) \($0.msg)" }
            throw PoisonMessage(reasons.joined(separator: "; "))
        } catch {
            throw PoisonMessage("not JSON: \(error)")
        }
        let outcome = try await quota.commit(
            request.command.accepted(at: message.enqueuedAt), keeping: request.analysis,
            requestID: message.requestID)
        switch outcome {
        case .applied: return
        case .unknownUsage: throw PoisonMessage("no such usage log")
        case .priceOutOfBounds: throw PoisonMessage("tokens for more than a billion credits")
        case .notTheirs: throw PoisonMessage("another user's usage log")
        case .refused(let status, _):
            throw PoisonMessage("the call has already ended (\(status.rawValue))")
        }
    }
}

extension CommitUsage {
    func accepted(at time: Timestamp) -> CommitUsage {
        CommitUsage(
            userID: userID, usageID: usageID, result: result, metrics: metrics, credits: credits,
            acceptedAt: time)
    }
}
