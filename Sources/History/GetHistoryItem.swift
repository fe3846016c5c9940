import Database
import FoundationEssentials
import HTTPEndpoint

/// `GET /career/history/{result_id}`: one result.
package struct GetHistoryItem: Action {
    let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    package static let about = About(
        "One result of a call of mine", access: .user, refusals: [.resultNotFound])

    package func read(_ input: inout InputReader) -> UUID { input.resultID() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<AnalysisResultResponse> {
        let user = try call.user().userID
        let result = try await database.read { try AnalysisResultRow.find(id, of: user, in: $0) }
        guard let result else { throw Problem.resultNotFound }
        return Reply(AnalysisResultResponse(result: result))
    }
}

extension InputReader {
    mutating func resultID() -> UUID { path("result_id", .uuid, "The result's id.") }
}

extension Problem {
    static let resultNotFound = Problem(
        404, "result_not_found", "Result not found", "There is no result of yours with this id.")
}
