import FoundationEssentials
import HTTPEndpoint
import JSON
import Values
import WorkspaceAccounts
import WorkspaceBilling
import Workspaces

/// `PATCH /api/subscriptions/workspaces/{workspace_id}/seats`
package struct ChangeWorkspaceSeats: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Pay for more seats now, or for fewer from the next period on",
        details: """
            For admins. More seats are prorated and charged now, and usable once that is paid; in \
            a trial they are free. A declined card changes nothing. Fewer begin with the next \
            period, never fewer than members are enabled, and count at once for who would be \
            enabled; the present number takes that back. A lower plan that is to follow still \
            does, with the seats that are asked for, and must allow them.
            """,
        access: .workspaceAdmin,
        refusals: purchaseRefusals + [.workspaceSuspended, .workspaceFrozen])

    package func read(_ input: inout InputReader) -> (UUID, SeatRequest) {
        (input.workspace(), input.body(SeatRequest.self))
    }

    package func perform(
        _ input: (UUID, SeatRequest), _ call: Call
    ) async throws -> Reply<APISubscriptionResponse> {
        try await perform(input, call, agreedAt: nil)
    }

    /// - Parameter agreed: the `effective_at` of the preview that was agreed to, in Unix seconds.
    /// - Throws: ``Problem`` 409 `preview_expired` if another price would be charged; else as the
    ///   other.
    package func perform(
        _ input: (UUID, SeatRequest), _ call: Call, agreedAt agreed: Int64?
    ) async throws -> Reply<APISubscriptionResponse> {
        let (id, request) = input
        try await parts.inTurn(Self.self, id, call, agreedAt: agreed) { turn in
            if try await parts.isFrozen(id) { throw Problem.workspaceFrozen }
            let known = try await parts.seated(id, requestID: call.id)
            try await WorkspaceChange<Self>(
                parts: parts, wish: .seats(request.seats), turn: turn, call: call
            ).perform(known)
        }
        return Reply(try await parts.answer(of: id, by: call))
    }
}

extension WorkspaceBillingParts {
    func isFrozen(_ id: UUID) async throws -> Bool {
        try await billing.database.read {
            try WorkspaceRow.find(id, in: $0)?.frozenAt != nil
        }
    }

    /// The subscription as it stands now.
    ///
    /// - Throws: ``Problem`` 402 `no_subscription` for a workspace that has none any more.
    func answer(of id: UUID, by call: Call) async throws -> APISubscriptionResponse {
        guard let answer = try await accounts.subscription(of: id, by: call) else {
            throw Problem.workspaceWithoutSubscription
        }
        return answer
    }
}

package struct SeatRequest: JSONInput {
    let seats: Int64

    package static let schemaName = "WorkspaceSeats"
    package static let about = "How many seats there are to be, the owner's among them."

    package init(seats: Int64) {
        self.seats = seats
    }

    package init(_ reader: inout ObjectReader) {
        seats = reader.required(
            "seat_count", .integer(1...APICheckoutRequest.maximumSeats), "Within the plan's bounds."
        )
    }
}
