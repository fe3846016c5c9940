import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values

/// Gives the user of an access token a link by which their browser is signed in: where another
/// identity provider has the users, it is their way to the pages.
package struct OpenPageSession: Action {
    let identity: IdentityServices
    /// Where the pages are reached, without a slash at its end.
    let publicURL: String

    package init(identity: IdentityServices, publicURL: String) {
        self.identity = identity
        self.publicURL = publicURL
    }

    package static let about = About(
        "A link that signs my browser in", details: "Good once, for 60 seconds.", access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<PageLinkResponse> {
        let now = identity.clock.now()
        let link = identity.forms.makeLink(for: try call.user().userID)
        return Reply(
            PageLinkResponse(
                url: "\(publicURL)/enter?link=\(link)",
                expiresAt: now.adding(seconds: FormTokens.linkSeconds)))
    }
}

package struct PageLinkResponse: JSONObjectOutput {
    let url: String
    let expiresAt: Timestamp

    package static let about = "A link for one use."
    package static let fields: [OutputField<PageLinkResponse>] = [
        OutputField("url", .text, "Send the user's browser there.") { $0.url },
        OutputField("expires_at", .time, "When it is good no longer.") { $0.expiresAt },
    ]
}

extension IdentityServices {
    /// Signs a browser in by a link.
    ///
    /// - Parameter secret: what the browser's cookie will hold.
    /// - Throws: ``Problem`` 403 `page_link_invalid` for a link that is over, used or none; 403 for
    ///   a deactivated account.
    package func enter(by link: String, _ call: Call, secret: String) async throws {
        guard let userID = forms.user(ofLink: link) else { throw Problem.pageLinkInvalid }
        let use = forms.act(link, "link", "")
        guard case .begun = try await forms.begin(use) else { throw Problem.pageLinkInvalid }
        let session = NewSession(
            on: call, isRemembered: false, now: clock.now(), pageSecret: secret)
        let refusal = try await database.write { connection -> Problem? in
            guard let user = try UserRow.findLocked(id: userID, in: connection) else {
                return .pageLinkInvalid
            }
            guard user.isActive else { return .accountDeactivated }
            try session.insert(for: user.id, in: connection)
            return nil
        }
        try await forms.finish(use, [:])
        if let refusal { throw refusal }
    }
}

extension FormTokens {
    /// How long a link is good, by the decisions' clock.
    static let linkSeconds: Int64 = 60

    /// A link's text: the user, a random number and its end, under a keyed hash.
    func makeLink(for user: UUID) -> String {
        var bytes = withUnsafeBytes(of: user.uuid) { Array($0) }
        var generator = SystemRandomNumberGenerator()
        bytes += (0..<Self.nonceBytes).map { _ -> UInt8 in
            .random(in: .min ... .max, using: &generator)
        }
        let end = clock.now().adding(seconds: Self.linkSeconds).seconds
        withUnsafeBytes(of: end.bigEndian) { bytes += $0 }
        let text = Base64URL.encode(bytes)
        return text + "." + Base64URL.encode(secrets.hash(.pageSession, "link", text))
    }

    /// Whom a link signs in; `nil` for one that is over, or that we have not made.
    func user(ofLink link: String) -> UUID? {
        let parts = link.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let bytes = Base64URL.decode(parts[0].utf8),
            let shown = Base64URL.decode(parts[1].utf8), bytes.count == 32 + 8
        else { return nil }
        var isOurs = false
        for hash in secrets.hashes(.pageSession, "link", String(parts[0]))
        where equalInConstantTime(hash, shown) { isOurs = true }
        let end = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard isOurs, clock.now().seconds < Int64(clamping: end) else { return nil }
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
