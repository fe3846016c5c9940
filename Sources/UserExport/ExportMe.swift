import Billing
import FoundationEssentials
import HTTPEndpoint
import Identity
import Subscriptions
import Synchronization

package struct ExportMe: Action {
    let identity: IdentityServices
    let turns = ExportTurns()

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Export my data",
        details: """
            Sent as it is read, page by page, so that its size has no bound. At most \
            \(ExportTurns.maximum) exports are sent at once, one a user.
            """,
        access: .user, refusals: [.exportsBusy])

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<ExportResponse> {
        let caller = try call.user()
        guard let turn = turns.take(caller.userID) else { throw Problem.exportsBusy }
        let found = try await identity.subscriptions.subscription(of: caller.userID)
        var pages = ExportPages(
            database: identity.database, caller: caller, now: identity.clock.now(), turn: turn,
            subscription: found.map {
                CareerSubscriptionResponse(account: $0.account, plan: $0.plan)
            })
        // What cannot be begun is still refused with a status of its own.
        try await pages.begin()
        return Reply(from: pages)
    }
}

extension Problem {
    static let exportsBusy = Problem(
        503, "exports_busy", "Exports busy",
        "An export of yours, or too many of others, are being sent; try again shortly."
    ).retry(afterSeconds: 10)
}

/// The exports that are being sent: so many in all, and one a user, so that no user's exports keep
/// out those of others.
final class ExportTurns: Sendable {
    static let maximum = 16

    private let users = Mutex<Set<UUID>>([])

    /// - Returns: `nil` where there is no turn for this user now.
    func take(_ user: UUID) -> ExportTurn? {
        let isTaken = users.withLock { users in
            users.count < Self.maximum && users.insert(user).inserted
        }
        return isTaken ? ExportTurn(user, of: self) : nil
    }

    fileprivate func giveBack(_ user: UUID) {
        users.withLock { users in _ = users.remove(user) }
    }
}

/// One export's turn, given back when nobody holds it any more: the export is sent, or the client
/// gone.
final class ExportTurn: Sendable {
    private let user: UUID
    private let turns: ExportTurns

    fileprivate init(_ user: UUID, of turns: ExportTurns) {
        self.user = user
        self.turns = turns
    }

    deinit { turns.giveBack(user) }
}
