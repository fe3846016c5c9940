import HTTPEndpoint
import Identity
import PageFrame
import Pages

/// The pages of who a visitor is: signing up and in, the profile, devices, data.
package func identityPageRoutes(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    signInPages(frame, parts) + settingsPages(frame, parts)
}

private func signInPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    let both = frame.form("/signout", SignOutPage(parts: parts, words: words))
    guard !parts.site.signsInElsewhere else {
        return both + frame.form("/enter", EnterPage(parts: parts, words: words)) + [
            Endpoint(
                .post, "/auth/page-session", tag: "Identity",
                OpenPageSession(identity: parts.identity, publicURL: parts.site.publicURL))
        ]
    }
    return both + frame.form("/signup", SignUpPage(parts: parts, words: words))
        + frame.form("/verify", VerifyPage(parts: parts, words: words))
        + frame.form("/verify/resend", ResendCodePage(parts: parts, words: words))
        + frame.form("/signin", SignInPage(parts: parts, words: words))
        + frame.form("/reset", ResetPage(parts: parts, words: words))
        + frame.form("/reset/confirm", ConfirmResetPage(parts: parts, words: words))
}

private func settingsPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    let at = "/account/security"
    return frame.form("/account/profile", ProfilePage(parts: parts, words: words))
        + frame.form(at, SecurityPage(parts: parts, words: words))
        + frame.form(at + "/signout", EndSessionButton(parts: parts, words: words))
        + frame.form(at + "/everywhere", SignOutEverywhereButton(parts: parts, words: words))
        + [
            Endpoint("/account/data", DataPage(), in: frame),
            Endpoint("/account/data/export", ExportFile(parts: parts), in: frame),
        ] + frame.form("/account/data/delete", DeletePage(parts: parts, words: words))
}
