import BillingEmails
import FoundationEssentials
import HTTPEndpoint
import Identity
import JSON
import Mail
import Users
import Values

/// `POST /api/workspaces/{workspace_id}/billing-email/verify`
package struct VerifyBillingEmail: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Have bills go to the address that was set",
        details: "For the owner, with the code that was mailed to that address.",
        access: .workspaceOwner, refusals: [.wrongCode])

    package func read(_ input: inout InputReader) -> (UUID, BillingEmailCode) {
        (input.workspace(), input.body(BillingEmailCode.self))
    }

    package func perform(
        _ input: (UUID, BillingEmailCode), _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (id, request) = input
        let changed = try await parts.decide(Self.self, on: id, by: call) {
            [parts] decision -> WorkspaceResponse? in
            let connection = decision.connection
            let before = try BillingEmail.find(id, in: connection)
            let isProven = try BillingEmail.confirm(
                of: id, in: connection, now: decision.now
            ) { parts.secrets.hashes(.code, "billing email", id.text, $0, request.code) }
            // A wrong code is counted, so nothing is thrown here.
            guard isProven else { return nil }
            try decision.noteBilling(before: before)
            return try parts.told(
                WorkspaceResponse.read(id, of: decision.caller, in: connection), in: connection)
        }
        guard let changed else { throw Problem.wrongCode }
        return Reply(changed)
    }
}

/// The code out of the mail to the address.
package struct BillingEmailCode: JSONInput {
    let code: String

    package static let about = "The code out of the mail."

    package init(_ reader: inout ObjectReader) {
        code = reader.required("otp_code", .otpCode, "Good for ten minutes and five tries.")
    }
}

extension WorkspaceParts {
    /// - Parameter email: `nil` for the owner's.
    /// - Throws: ``Problem`` 403 `role_required` for others than the owner; 429
    ///   `too_many_attempts`.
    func setBillingEmail(_ email: EmailAddress?, of decision: WorkspaceDecision) throws {
        try decision.requireOwner()
        let (id, connection) = (decision.workspace.id, decision.connection)
        let before = try BillingEmail.find(id, in: connection)
        let owner = try UserRow.find(id: decision.caller, in: connection)
        guard let email, email.key != owner?.email?.lowercased() else {
            try BillingEmail.remove(of: id, in: connection)
            return try decision.noteBilling(before: before)
        }
        if email.text == before.address {
            return try BillingEmail.dropPending(of: id, in: connection)
        }
        try countMail(to: email, of: decision)
        let code = OneTimeCodes.make()
        try BillingEmail.propose(
            email, of: id, codeHash: secrets.hash(.code, "billing email", id.text, email.key, code),
            until: decision.now.adding(seconds: OneTimeCodes.lifetimeSeconds), in: connection)
        try decision.note(.billingEmailAsked, id)
        try mails.proveBilling(email, code: code, decision)
    }
}

extension WorkspaceDecision {
    /// Whose address bills go to. The audit log holds no address: it outlives who has one.
    fileprivate func noteBilling(before: BillingEmail) throws {
        let after = try BillingEmail.find(workspace.id, in: connection)
        guard before.address != after.address else { return }
        try note(
            .billingEmailChanged, workspace.id, before: before.told, after: after.told)
    }
}

extension BillingEmail {
    fileprivate var told: JSONObject {
        ["billing_email": .string(address == nil ? "the owner's" : "its own")]
    }
}
