import Database
import Foundation
import HTTPEndpoint
import Identity
import Invitations
import Mail
import Users
import Values
import WorkspaceKeys
import WorkspaceMembers
import Workspaces

/// Workspaces and memberships of all kinds, without a database.
enum WorkspaceSamples {
    static let parts = parts(of: NoDatabase())

    static func parts(
        of database: any Database, clock: DecisionClock = .wall
    ) -> WorkspaceParts {
        WorkspaceParts(
            database: database, clock: clock, secrets: TokenHashSecrets(["one"]),
            throttle: AuthThrottle(secrets: TokenHashSecrets(["one"]), exemptsLoopback: false),
            mails: WorkspaceMails(outbox: outbox, site: "https://cuebx.test"),
            subscribe: { _ in }, balance: { ids, _ in ids.map { _ in nil } })
    }

    static let routes = routes(parts)

    static func routes(_ parts: WorkspaceParts) -> [Endpoint] {
        workspaceRoutes(parts) + workspaceMemberRoutes(parts) + invitationRoutes(parts)
            + workspaceKeyRoutes(parts)
    }

    private static let outbox = MailOutbox(
        broker: nil, templates: MailTemplates(), secrets: TokenHashSecrets(["one"]))

    static func workspace(
        _ standing: WorkspaceSubscription.Standing, isFrozen: Bool = false,
        isSuspended: Bool = false, owner: UUID = UUID()
    ) -> WorkspaceRow {
        WorkspaceRow(
            id: UUID(), displayName: "Acme", slug: "acme", description: nil, isPersonal: false,
            ownerID: owner, createdAt: .epoch,
            subscription: WorkspaceSubscription(
                standing: standing, seatCount: standing == .none ? 0 : 3, pendingSeatCount: nil),
            frozenAt: isFrozen ? .epoch : nil, suspendedAt: isSuspended ? .epoch : nil)
    }

    /// One of each role in each workspace.
    static func memberships(status: MemberStatus, isVerified: Bool = true) -> [Membership] {
        var all: [Membership] = []
        for standing in WorkspaceSubscription.Standing.allCases {
            for (isFrozen, isSuspended) in [
                (false, false), (true, false), (false, true), (true, true),
            ] {
                for role in WorkspaceRole.allCases {
                    let user = UUID()
                    let workspace = workspace(
                        standing, isFrozen: isFrozen, isSuspended: isSuspended,
                        owner: role == .owner ? user : UUID())
                    let member = MemberRow(
                        workspaceID: workspace.id, userID: user,
                        role: role == .member ? .member : .admin, status: status,
                        joinedAt: .epoch)
                    all.append(
                        Membership(
                            workspace: workspace, member: member, isEmailVerified: isVerified))
                }
            }
        }
        return all
    }
}
