import Database
import FoundationEssentials
import HTTPEndpoint
import Users

package struct UpdateMe: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About("Change my name", access: .user)

    package func read(_ input: inout InputReader) -> UpdateMeRequest {
        input.body(UpdateMeRequest.self)
    }

    package func perform(_ request: UpdateMeRequest, _ call: Call) async throws -> Reply<MeResponse>
    {
        let id = try call.user().userID
        let now = identity.clock.now()
        let user = try await identity.database.write { connection -> UserRow? in
            if request.changesName {
                try UserRow.setName(request.fullName, of: id, in: connection, now: now)
            }
            return try UserRow.find(id: id, in: connection)
        }
        guard let user else { throw Problem.unauthorized }
        return Reply(MeResponse(user: user))
    }
}

package struct UpdateMeRequest: JSONInput {
    let changesName: Bool
    let fullName: String?

    package static let about = "What is to change; what is left out stays."

    package init(_ reader: inout ObjectReader) {
        let name = reader.optional("full_name", .fullName, "null or empty removes it.")
        changesName = reader.mentions("full_name")
        fullName = name?.isEmpty == true ? nil : name
    }
}
