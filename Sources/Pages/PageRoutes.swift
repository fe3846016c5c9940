import HTTPEndpoint
import HTTPTypes
import Identity
import PageFrame

/// The pages of the product, in the order in which a visitor meets them.
package func pageRoutes(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    publicPages(frame, parts) + accountPages(frame, parts) + planPages(frame, parts)
        + creditPages(frame, parts) + developmentPages(frame, parts) + assets(frame)
}

private func publicPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    return [
        Endpoint("/", HomePage(parts: parts, words: words), in: frame),
        Endpoint("/pricing", PricingPage(parts: parts, words: words), in: frame),
        Endpoint("/embed/pricing", EmbeddedPricingPage(parts: parts, words: words), in: frame),
    ]
}

private func accountPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    return [
        Endpoint("/account", AccountPage(parts: parts, words: words), in: frame),
        Endpoint("/account/usage", UsagePage(parts: parts, words: words), in: frame),
        Endpoint("/account/usage.csv", UsageCSV(parts: parts), in: frame),
        Endpoint("/account/usage/{usage_id}", CallPage(parts: parts, words: words), in: frame),
        Endpoint("/account/receipts", ReceiptsPage(parts: parts, words: words), in: frame),
    ] + frame.form("/account/limits", LimitsPage(parts: parts, words: words))
        + historyPages(frame, parts)
}

private func historyPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    let at = "/account/history"
    return [
        Endpoint(at, HistoryPage(parts: parts, words: words), in: frame),
        Endpoint(at + "/{result_id}", ResultPage(parts: parts, words: words), in: frame),
        Endpoint(at + "/{result_id}/file", ResultFile(parts: parts), in: frame),
    ] + frame.form(at + "/{result_id}/delete", DeleteResultPage(parts: parts, words: words))
}

private func planPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    let at = "/account/plan"
    return [
        Endpoint(at, PlanPage(parts: parts, words: words), in: frame),
        Endpoint(at + "/paid", PaidPage(parts: parts, words: words), in: frame),
    ] + frame.form(at + "/checkout", CheckoutButton(parts: parts, words: words))
        + frame.form(at + "/upgrade", UpgradePage(parts: parts, words: words))
        + frame.form(at + "/downgrade", DowngradePage(parts: parts, words: words))
        + frame.form(at + "/cancel", CancelPage(parts: parts, words: words))
        + frame.form(at + "/resume", ResumeButton(parts: parts, words: words))
        + frame.form(at + "/activate", ActivateButton(parts: parts, words: words))
        + frame.form(at + "/billing", BillingButton(parts: parts, words: words))
}

private func creditPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let words = frame.renderer.words
    let at = "/account/credits"
    return [
        Endpoint(at, CreditsPage(parts: parts, words: words), in: frame),
        Endpoint(at + "/paid", PackPaidPage(parts: parts, words: words), in: frame),
    ] + frame.form(at + "/buy", BuyPackButton(parts: parts, words: words))
        + frame.form(at + "/redeem", RedeemForm(parts: parts, words: words))
        + frame.form(at + "/auto", TopUpPage(parts: parts, words: words))
        + frame.form(at + "/auto/off", EndTopUpButton(parts: parts, words: words))
}

/// In production these addresses do not exist.
private func developmentPages(_ frame: SitePageFrame, _ parts: PageParts) -> [Endpoint] {
    let renderer = frame.renderer
    guard let development = parts.development else { return [] }
    let words = renderer.words
    return [
        Endpoint(
            "/dev/mail", MailPage(development: development, parts: parts, words: words), in: frame),
        Endpoint("/dev/components", ComponentsPage(), in: frame),
        Endpoint(
            "/dev/components/{component}",
            ComponentPage(parts: parts, words: words, templates: renderer.templates), in: frame),
    ]
        + frame.form(
            "/dev/time", TimePage(development: development, parts: parts, words: words))
}

/// What the pages load: the stylesheet, named by its hash, the icon and the logo.
private func assets(_ frame: SitePageFrame) -> [Endpoint] {
    let renderer = frame.renderer
    let brand = renderer.site.brand
    var assets = [
        asset(
            renderer.stylesheetPath, renderer.stylesheet, "text/css; charset=utf-8",
            caching: "public, max-age=31536000, immutable"),
        asset(
            PageRenderer.iconPath, Array(brand.icon.utf8), "image/svg+xml",
            caching: "public, max-age=3600"),
    ]
    if let logo = brand.logo {
        assets.append(
            asset(
                PageRenderer.logoPath, logo.bytes, logo.contentType,
                caching: "public, max-age=3600"))
    }
    return assets
}

private func asset(
    _ path: String, _ bytes: [UInt8], _ contentType: String, caching: String
) -> Endpoint {
    var headers: HTTPFields = [.cacheControl: caching]
    headers[.contentSecurityPolicy] = "default-src 'none'; style-src 'unsafe-inline'"
    headers[.crossOriginResourcePolicy] = "same-origin"
    return Endpoint(
        .get, path, tag: "Pages", name: "GetAsset", about: About("A page's file", access: .open),
        contentType: contentType, headers: headers, keepsAnswer: true
    ) { _, _ in bytes }
}
