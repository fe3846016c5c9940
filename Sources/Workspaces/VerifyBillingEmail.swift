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
            try parts.noteBilling(decision, before: before)
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
    /// Codes that one person may have mailed within a day, of whatever workspaces.
    static let codesPerCaller: Int64 = 20
    /// Codes that an address gets within a day of one workspace; of all together ten times as
    /// many, so that no single person uses up what an address gets of others.
    static let codesPerAddress: Int64 = 5
    /// Seconds in which the same request is one that is repeated, e.g. after its answer was lost.
    static let repetitionSeconds: Int64 = 60

    /// - Parameters:
    ///   - email: `nil` for the owner's.
    ///   - name: the workspace's, as the mail tells it.
    /// - Throws: ``Problem`` 403 `role_required` for others than the owner; 402
    ///   `workspace_suspended` for a new address; 429 `too_many_attempts`.
    func setBillingEmail(
        _ email: EmailAddress?, ofWorkspaceNamed name: String, _ decision: WorkspaceDecision
    ) throws {
        try decision.requireOwner()
        let (id, connection) = (decision.workspace.id, decision.connection)
        let before = try BillingEmail.find(id, in: connection)
        let owner = try UserRow.find(id: decision.caller, in: connection)
        guard let email, email.key != owner?.email?.lowercased() else {
            try BillingEmail.remove(of: id, in: connection)
            return try noteBilling(decision, before: before)
        }
        if email.text == before.address {
            try BillingEmail.dropPending(of: id, in: connection)
            return try noteBilling(decision, before: before)
        }
        if decision.workspace.status == .suspended { throw Problem.workspaceSuspended }
        if before.isAsked(email.text, at: decision.now) { return }
        try countCode(to: email, of: decision)
        let code = OneTimeCodes.make()
        try BillingEmail.propose(
            email, of: id, codeHash: secrets.hash(.code, "billing email", id.text, email.key, code),
            until: decision.now.adding(seconds: OneTimeCodes.lifetimeSeconds), in: connection)
        try decision.note(.billingEmailAsked, id)
        try mails.proveBilling(email, code: code, ofWorkspaceNamed: name, decision)
    }

    /// Counts a code to an address that may be anybody's. What is one person's and one network's
    /// own comes first: what is refused there counts nowhere else. Invitations count apart.
    ///
    /// - Throws: ``Problem`` 429 `too_many_attempts`.
    private func countCode(to email: EmailAddress, of decision: WorkspaceDecision) throws {
        func daily(_ kind: String, _ subject: String, _ limit: Int64) -> AuthThrottle.Bucket {
            throttle.bucket(kind, of: subject, limit: limit, seconds: 86_400)
        }
        let (caller, workspace) = (decision.caller.text, decision.workspace.id.text)
        let buckets =
            [daily("billing codes of caller", caller, Self.codesPerCaller)]
            + throttle.requests(from: decision.call.remoteAddress)
            + [
                daily("billing codes", "\(workspace) \(email.key)", Self.codesPerAddress),
                daily("billing codes everywhere", email.key, Self.codesPerAddress * 10),
            ]
        let refusal = try throttle.begin(buckets, in: decision.connection, now: decision.now)
        if let refusal { throw refusal }
    }
}

extension BillingEmail {
    /// Whether a code to this address is good and was mailed a moment ago.
    fileprivate func isAsked(_ email: String, at now: Timestamp) -> Bool {
        guard email == pending(at: now), let end = codeEnd(at: now) else { return false }
        let mailed = end.adding(seconds: -OneTimeCodes.lifetimeSeconds)
        return now < mailed.adding(seconds: WorkspaceParts.repetitionSeconds)
    }
}

extension WorkspaceParts {
    /// Notes where bills go from now on, if that or what waits has changed.
    fileprivate func noteBilling(_ decision: WorkspaceDecision, before: BillingEmail) throws {
        let (id, connection, now) = (decision.workspace.id, decision.connection, decision.now)
        let after = try BillingEmail.find(id, in: connection)
        guard after.differs(from: before, at: now) else { return }
        try decision.note(
            .billingEmailChanged, id, before: before.told(at: now), after: after.told(at: now))
        guard after.address != before.address else { return }
        try billingEmailChanged(id, decision.call.id, connection, now)
    }
}

extension BillingEmail {
    func differs(from other: BillingEmail, at now: Timestamp) -> Bool {
        address != other.address || pending(at: now) != other.pending(at: now)
    }

    /// Whose address bills go to, and whether another waits for its code. The audit log holds no
    /// address: it outlives who has one.
    func told(at now: Timestamp) -> JSONObject {
        [
            "billing_email": .string(address == nil ? "the owner's" : "its own"),
            "waits": .bool(pending(at: now) != nil),
        ]
    }
}
