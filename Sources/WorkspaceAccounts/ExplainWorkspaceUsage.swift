import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Metering
import UsageReports
import Values
import Workspaces

/// `GET /api/workspaces/{workspace_id}/usage/logs/{usage_id}`: why was the workspace charged?
package struct ExplainWorkspaceUsage: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "Why was a workspace charged?",
        details: """
            For its members: the log, by which key it was made, by which prices it was charged, \
            what could be spent before and after, what it was charged to, and what happened from \
            its hold to its end. Another workspace's call is not found.
            """,
        access: .workspaceMember, refusals: [.usageNotFound])

    package struct Query: Sendable {
        let workspace: UUID
        let usage: UUID

        package init(workspace: UUID, usage: UUID) {
            self.workspace = workspace
            self.usage = usage
        }
    }

    package func read(_ input: inout InputReader) -> Query {
        let workspace = input.workspace()
        let usage = input.path("usage_id", .uuid, "The call.")
        return Query(workspace: workspace, usage: usage)
    }

    package func perform(
        _ query: Query, _ call: Call
    ) async throws -> Reply<APIUsageExplanationResponse> {
        let (catalog, clock) = (parts.catalog, parts.workspaces.clock)
        let answer = try await parts.workspaces.look(at: query.workspace, by: call) {
            try APIUsageExplanationResponse.find(
                query.usage, of: query.workspace, catalog, at: clock.now(), in: $1)
        }
        guard let answer else { throw Problem.usageNotFound }
        return Reply(answer)
    }
}

package struct APIUsageExplanationResponse: JSONObjectOutput {
    package let told: UsageExplanationResponse
    /// Of the key that the call was made with.
    let keyName: String?

    /// - Parameters:
    ///   - workspace: whose call it must be; `nil`: any workspace's.
    ///   - catalog: the API product's.
    ///   - now: the instant by which the call is judged.
    /// - Returns: `nil` if there is no such call, or if the product is not offered.
    package static func find(
        _ id: UUID, of workspace: UUID?, _ catalog: CatalogStore, at now: Timestamp,
        in connection: any DatabaseConnection
    ) throws -> APIUsageExplanationResponse? {
        guard try catalog.ifOffered(in: connection) != nil,
            let call = try CallRecord.explain(
                id, of: workspace, catalog, at: now, in: connection)
        else { return nil }
        let key = try call.log.caller.flatMap {
            try APIKeyRow.find($0.keyID, of: call.log.key.userID, in: connection)
        }
        return APIUsageExplanationResponse(
            told: UsageExplanationResponse(call), keyName: key?.name)
    }

    package static let schemaName = "APIUsageExplanation"
    package static let about = "A call by key, and why it was charged what it was charged."
    package static let fields: [OutputField<APIUsageExplanationResponse>] =
        UsageExplanationResponse.fields.map {
            $0.of { (answer: APIUsageExplanationResponse) in answer.told }
        } + [
            OutputField("api_key_id", .nullable(.uuid), "The key that it was made with.") {
                $0.told.call.log.caller?.keyID
            },
            OutputField("api_key_name", .nullable(.text), "That key's name.") { $0.keyName },
            OutputField("is_test", .bool, "Whether that is a test key: then it cost nothing.") {
                $0.told.call.log.caller?.isTest ?? false
            },
        ]
}
