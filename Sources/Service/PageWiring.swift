import HTTPEndpoint
import HTTPServer
import Identity
import PageFrame
import Pages
import Settings
import UserExport
import WorkspaceAccounts
import WorkspacePages

/// The frame of all pages.
/// - Parameter translate: what an error of the layers below means to a visitor.
/// - Throws: what is wrong with the words, the templates or the settings.
func pageFrame(
    _ services: CareerServices, translate: @escaping @Sendable (any Error) -> Problem?
) throws -> SitePageFrame {
    try SitePageFrame(
        identity: services.identity, site: try services.core.settings.site(),
        isDevelopment: services.core.settings.isDevelopment, logger: services.core.logger,
        hiddenSides: { [accounts = services.workspaceAccounts] in
            try await accounts.isOffered() ? [] : ["workspaces"]
        }, translate: translate)
}

/// What the pages are made of.
func pageParts(_ services: CareerServices) throws -> PageParts {
    let settings = services.core.settings
    let export = ExportMe(identity: services.identity)
    return PageParts(
        identity: services.identity, career: services.career, site: try settings.site(),
        export: { call in
            guard let source = try await export.perform((), call).source else {
                throw Problem.internalError
            }
            return source
        }, development: settings.isDevelopment ? developmentParts(services) : nil)
}

/// What the pages of workspaces are made of.
func workspacePageParts(
    _ services: CareerServices, _ frame: SitePageFrame
) throws -> WorkspacePageParts {
    WorkspacePageParts(
        workspaces: services.workspaces, accounts: services.workspaceAccounts,
        billing: services.workspaceBilling, site: try services.core.settings.site(),
        words: frame.renderer.words)
}

private func developmentParts(_ services: CareerServices) -> DevelopmentParts {
    let mailbox = ReadMailbox(database: services.core.database, secrets: services.secrets)
    let settings = services.core.settings
    return DevelopmentParts(
        stripeURL: settings.hasRealStripe ? nil : settings.stripe.apiBase,
        mails: {
            let messages = try await mailbox.newest(to: nil)
            return messages.reversed().map { message in
                DevelopmentParts.Mail(
                    to: message.mail.recipient, subject: message.mail.subject,
                    text: message.mail.text, sentAt: message.sentAt)
            }
        },
        advance: { seconds, call in
            guard let advance = clockAdvance(services) else { throw Problem.notFound }
            _ = try await advance.perform(ClockAdvanceRequest(advanceSeconds: seconds), call)
        })
}

/// What a browser is shown of an error. Programs are told of theirs as before: an address of the
/// API answers with JSON whoever asks; one that there is not answers with a page only who asks for
/// HTML and for no address of the API.
func errorPage(_ error: BrowserError, in frame: SitePageFrame) async throws -> Answer? {
    let isOfAPI = ["/career", "/auth", "/webhooks"].contains { prefix in
        error.path == prefix || error.path.hasPrefix(prefix + "/")
    }
    let wantsHTML = Accept.prefersHTML(error.call.headers)
    guard error.isOfPage || !error.hasAddress && !isOfAPI && wantsHTML else { return nil }
    return try await frame.errorPage(error.problem, error.call)
}
