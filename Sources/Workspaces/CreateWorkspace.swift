import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

/// `POST /api/workspaces`
package struct CreateWorkspace: Action {
    let parts: WorkspaceParts

    /// Teams without a subscription that a user may own.
    static let maximumUnpaid = 10

    package static let about = About(
        "Create a team workspace",
        details: "It has no subscription yet: until it has one, what adds to it is refused (402).",
        access: .user, status: 201,
        refusals: [.emailNotVerified, .slugTaken, .tooManyUnpaidTeams],
        links: [
            Link(to: "GetWorkspace", "workspace_id", from: "/id", "The workspace."),
            Link(to: "UpdateWorkspace", "workspace_id", from: "/id", "Changes it."),
            Link(to: "DeleteWorkspace", "workspace_id", from: "/id", "Deletes it."),
        ])

    package func read(_ input: inout InputReader) -> NewWorkspaceRequest {
        input.body(NewWorkspaceRequest.self)
    }

    package func perform(
        _ request: NewWorkspaceRequest, _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (user, now) = (try call.user().userID, parts.clock.now())
        let made = try await parts.database.write { connection in
            // The user's lock puts those who create at the same time in turn.
            try Self.requireVerified(user, in: connection)
            let unpaid = try WorkspaceRow.teams(ownedBy: user, in: connection)
                .filter { $0.subscription.standing == .none }
            guard unpaid.count < Self.maximumUnpaid else { throw Problem.tooManyUnpaidTeams }
            let row = try WorkspaceRow.insert(
                slug: request.slug, orOf: request.name, in: connection
            ) { slug in
                WorkspaceRow(
                    id: .version7(at: now, randomness: .random(in: .min ... .max)),
                    displayName: request.name, slug: slug, description: request.description,
                    isPersonal: false, ownerID: user, createdAt: now)
            }
            try row.noteCreated(by: call, in: connection, now: now)
            return try WorkspaceResponse.read(row.id, of: user, in: connection)
        }
        return Reply(made, status: 201)
    }

    /// Locks the user's row.
    static func requireVerified(_ user: UUID, in connection: any DatabaseConnection) throws {
        guard let row = try UserRow.findLocked(id: user, in: connection) else {
            throw Problem.unauthorized
        }
        guard row.emailVerifiedAt != nil else { throw Problem.emailNotVerified }
    }
}

/// `POST /api/workspaces/activate`
package struct ActivateWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "My personal workspace",
        details: "Made when it is first asked for; from then on the same is answered.",
        access: .user, refusals: [.emailNotVerified],
        links: [Link(to: "GetWorkspace", "workspace_id", from: "/id", "The workspace.")])

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<WorkspaceResponse> {
        let (user, now) = (try call.user().userID, parts.clock.now())
        let found = try await parts.database.write { connection in
            // Of two who ask at once the second waits here, and finds what the first has made.
            try CreateWorkspace.requireVerified(user, in: connection)
            if let known = try WorkspaceRow.personal(of: user, in: connection) {
                return try WorkspaceResponse.read(known.id, of: user, in: connection)
            }
            let row = try WorkspaceRow.insert(
                slug: nil, orOf: "personal", in: connection
            ) { slug in
                WorkspaceRow(
                    id: .version7(at: now, randomness: .random(in: .min ... .max)),
                    displayName: "Personal workspace", slug: slug, description: nil,
                    isPersonal: true, ownerID: user, createdAt: now)
            }
            try row.noteCreated(by: call, in: connection, now: now)
            return try WorkspaceResponse.read(row.id, of: user, in: connection)
        }
        // Where the process ended in between, the next activation does it.
        try await parts.subscribe(found.membership.workspace.id)
        return Reply(
            try await parts.database.read { [parts] in try parts.told(found, in: $0) })
    }
}

extension WorkspaceRow {
    /// Inserts a new workspace with the slug that was given, or one that its name makes.
    ///
    /// - Throws: ``Problem`` 409 `slug_taken` for one that was given.
    fileprivate static func insert(
        slug given: String?, orOf name: String, in connection: any DatabaseConnection,
        _ row: (String) -> WorkspaceRow
    ) throws -> WorkspaceRow {
        let first = row(try given ?? Slug.free(for: name, in: connection))
        if try first.insert(in: connection) { return first }
        // Another workspace took it a moment ago; of a slug that was made nobody is told that.
        let second = row(Slug.another(Slug.made(of: name)))
        guard given == nil, try second.insert(in: connection) else { throw Problem.slugTaken }
        return second
    }

    fileprivate func noteCreated(
        by call: Call, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try AuditLine(
            workspaceID: id, at: now, actor: ownerID.text, act: .created, target: id.text,
            before: nil, after: profile, requestID: call.id
        ).insert(in: connection)
    }

    /// What the audit log tells of a workspace.
    package var profile: JSONObject {
        [
            "display_name": .string(displayName), "slug": .string(slug),
            "description": description.map { .string($0) } ?? .null,
        ]
    }
}

/// What a new workspace is called.
package struct NewWorkspaceRequest: JSONInput {
    let name: String
    let slug: String?
    let description: String?

    package static let schemaName = "NewWorkspace"
    package static let about = "What a new team is called."

    package init(_ reader: inout ObjectReader) {
        name = reader.required("display_name", .spaceName, "Its name.")
        slug = reader.optional(
            "slug", .slug, "Its name in addresses; made of `display_name` if not given.")
        description = reader.optional("description", .text(0...500), "What it is for.")
    }
}
