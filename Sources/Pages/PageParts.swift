import Career
import HTTPEndpoint
import Identity
import PageFrame
import Values

/// What the pages are made of: the services whose actions they call, and what the settings say.
package struct PageParts: Sendable {
    package let identity: IdentityServices
    let career: CareerParts
    package let site: Site
    package let export: @Sendable (Call) async throws -> any BodySource
    /// `nil` in production.
    let development: DevelopmentParts?

    package init(
        identity: IdentityServices, career: CareerParts, site: Site,
        export: @escaping @Sendable (Call) async throws -> any BodySource,
        development: DevelopmentParts?
    ) {
        self.identity = identity
        self.career = career
        self.site = site
        self.export = export
        self.development = development
    }

    package var now: Timestamp { identity.clock.now() }
}

/// What pages of development show and do.
package struct DevelopmentParts: Sendable {
    package struct Mail: Sendable {
        let to: String
        let subject: String
        let text: String
        let sentAt: Timestamp

        package init(to: String, subject: String, text: String, sentAt: Timestamp) {
            self.to = to
            self.subject = subject
            self.text = text
            self.sentAt = sentAt
        }
    }

    /// Where the local Stripe is; `nil` where the real one is used.
    let stripeURL: String?
    /// The newest mails, newest first.
    let mails: @Sendable () async throws -> [Mail]
    /// Moves the development clock on by so many seconds.
    let advance: @Sendable (Int64, Call) async throws -> Void

    package init(
        stripeURL: String?, mails: @escaping @Sendable () async throws -> [Mail],
        advance: @escaping @Sendable (Int64, Call) async throws -> Void
    ) {
        self.stripeURL = stripeURL
        self.mails = mails
        self.advance = advance
    }
}
