import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

package struct UpdateMe: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About("Change my name and time zone", access: .user)

    package func read(_ input: inout InputReader) -> UpdateMeRequest {
        input.body(UpdateMeRequest.self)
    }

    package func perform(_ request: UpdateMeRequest, _ call: Call) async throws -> Reply<MeResponse>
    {
        let id = try call.user().userID
        let now = identity.clock.now()
        let response = try await identity.database.write { connection -> MeResponse? in
            if request.changesName {
                try UserRow.setName(request.fullName, of: id, in: connection, now: now)
            }
            if request.changesZone {
                try UserRow.setTimeZone(request.timeZone, of: id, in: connection, now: now)
            }
            return try MeResponse.find(id, in: connection)
        }
        guard let response else { throw Problem.unauthorized }
        return Reply(response)
    }
}

package struct UpdateMeRequest: JSONInput {
    let changesName: Bool
    let fullName: String?
    let changesZone: Bool
    /// `nil` for UTC.
    let timeZone: String?

    package static let about = "What is to change; what is left out stays."

    package init(_ reader: inout ObjectReader) {
        let name = reader.optional("full_name", .fullName, "null or empty removes it.")
        changesName = reader.mentions("full_name")
        fullName = name?.isEmpty == true ? nil : name
        let zone = reader.optional(
            "time_zone", .readerZone, "In which pages show dates; null is UTC.")
        changesZone = reader.mentions("time_zone")
        timeZone = zone?.name
    }
}

extension InputKind where Value == ReaderZone {
    /// A name of the IANA time zone database.
    static var readerZone: InputKind<ReaderZone> {
        InputKind<String>.text(1...64)
            .satisfying("time_zone", "must be a time zone such as Europe/Berlin") {
                ReaderZone($0) != nil
            }
            .map(placeholder: .utc) { ReaderZone($0) ?? .utc }
    }
}
