import Database
import HTTPEndpoint

/// The process is alive.
struct CheckHealth: Action {
    static let about = About("Whether the process is alive", access: .open)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<StatusResponse> {
        Reply(StatusResponse(status: "ok"))
    }
}

/// The process can do its work: the database answers.
struct CheckReadiness: Action {
    let database: any Database

    static let about = About(
        "Whether the service can do its work", details: "The database and the broker answer.",
        access: .open, refusals: [.databaseUnavailable])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<StatusResponse> {
        _ = try await database.read { try $0.query("SELECT 1") }
        return Reply(StatusResponse(status: "ready"))
    }
}

struct StatusResponse: JSONObjectOutput {
    let status: String

    static let about = "How the service is."
    static let fields: [OutputField<StatusResponse>] = [
        OutputField("status", .text, "`ok` or `ready`.") { $0.status }
    ]
}
