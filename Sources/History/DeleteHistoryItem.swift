import Database
import FoundationEssentials
import HTTPEndpoint

/// `DELETE /career/history/{result_id}`: the result is gone, its call stays charged.
package struct DeleteHistoryItem: Action {
    let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    package static let about = About(
        "Delete one result of a call of mine", access: .user, status: 204,
        refusals: [.resultNotFound])

    package func read(_ input: inout InputReader) -> UUID { input.resultID() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        let isDeleted = try await database.write {
            try AnalysisResultRow.delete(id, of: user, in: $0)
        }
        guard isDeleted else { throw Problem.resultNotFound }
        return .noContent
    }
}
