import Billing
import FoundationEssentials
import HTTPEndpoint
import Promotions
import UsageReports
import Workspaces

/// `POST /api/workspaces/{workspace_id}/credits/redeem`: a code for a workspace's credits.
package struct RedeemWorkspaceCode: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "Redeem a code for a workspace's credits",
        details: """
            For its admins. A workspace is granted a code once, whoever redeems it: again it is \
            answered with the same grant. A person redeems a code once, for a workspace or for \
            themselves. Ten wrong codes of a person within fifteen minutes are enough.
            """,
        access: .activeWorkspaceAdmin, refusals: [.subscriptionNotFound] + Problem.ofCodes)

    package func read(_ input: inout InputReader) -> (UUID, RedeemCodeRequest) {
        (input.workspace(), input.body(RedeemCodeRequest.self))
    }

    package func perform(
        _ input: (UUID, RedeemCodeRequest), _ call: Call
    ) async throws -> Reply<CreditEntryResponse> {
        let (id, request) = input
        guard try await parts.standing(of: id) != nil else {
            throw Problem.workspaceHasNoSubscription
        }
        let caller = try CallForAccount(
            Self.self, on: id, by: call, clock: parts.workspaces.clock)
        let holder = CodeRedemption.Holder.account(id) { connection in
            try caller.refusal(in: connection)
        } note: { connection, grant in
            // The code itself is a secret of those who have it.
            try caller.decision(in: connection).note(
                .codeRedeemed, grant.id, after: ["credits": .string(grant.amount.decimal)])
        }
        switch try await parts.redemption.redeem(
            request.code, by: call.user().userID, for: holder)
        {
        case .success(let grant): return Reply(CreditEntryResponse(grant))
        case .failure(let refusal):
            throw Problem(refusal, withoutSubscription: .workspaceHasNoSubscription)
        }
    }
}
