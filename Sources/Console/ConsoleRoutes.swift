import HTTPEndpoint
import PageFrame

/// Every page of the console.
/// - Parameter frame: of the console's realm.
package func consoleRoutes(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    frame.form("/console/signin", ConsoleSignInPage(console: console))
        + frame.form("/console/signout", ConsoleSignOutPage(console: console))
        + [
            Endpoint("/console", OverviewPage(console: console), in: frame),
            Endpoint("/console/acts", ActsPage(console: console), in: frame),
            Endpoint("/console/operators", OperatorsPage(console: console), in: frame),
            Endpoint("/console/catalog", ConsoleCatalogPage(console: console), in: frame),
            Endpoint("/console/catalog/plans", ConsolePlansPage(console: console), in: frame),
            Endpoint("/console/webhooks", WebhooksPage(console: console), in: frame),
            Endpoint("/console/audit", AuditPage(console: console), in: frame),
        ]
        + catalogPages(frame, console)
        + frame.form("/console/audit/run", RunAuditPage(console: console))
        + peoplePages(frame, console) + moneyPages(frame, console) + letterPages(frame, console)
        + clockPages(frame, console)
}

private func peoplePages(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    [
        Endpoint("/console/people/{user_id}", PersonPage(console: console), in: frame),
        Endpoint("/console/calls/{usage_id}", ConsoleCallPage(console: console), in: frame),
    ] + frame.form("/console/people", PeoplePage(console: console))
        + frame.form("/console/people/{user_id}/grant", GrantPage(console: console))
        + frame.form("/console/people/{user_id}/signout", SignPersonOutPage(console: console))
        + frame.form(
            "/console/people/{user_id}/deactivate", DeactivatePersonPage(console: console))
        + frame.form(
            "/console/people/{user_id}/reactivate", ReactivatePersonPage(console: console))
        + frame.form("/console/people/{user_id}/refund", RefundPage(console: console))
        // The last of them: what is none of the others.
        + [
            Endpoint(
                "/console/people/{user_id}/payments", PaymentsPage(console: console), in: frame),
            Endpoint(
                "/console/people/{user_id}/{table}", PersonTablePage(console: console), in: frame),
        ]
}

private func catalogPages(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    [
        Endpoint("/console/catalog/revisions", RevisionsPage(console: console), in: frame),
        Endpoint(
            "/console/catalog/revisions/{revision}", RevisionFile(console: console), in: frame),
    ] + frame.form("/console/catalog/try", TryCatalogPage(console: console))
        + frame.form("/console/catalog/publish", PublishCatalogPage(console: console))
}

private func moneyPages(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    [
        Endpoint("/console/money", MoneyPage(console: console), in: frame),
        Endpoint("/console/money/notices", NoticesPage(console: console), in: frame),
        Endpoint("/console/money/returned", ReturnedPage(console: console), in: frame),
    ] + frame.form("/console/money/reconcile", ReconcilePage(console: console))
}

private func letterPages(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    [
        Endpoint("/console/letters", LettersPage(console: console), in: frame),
        Endpoint("/console/letters/{letter_id}", LetterPage(console: console), in: frame),
    ] + frame.form("/console/letters/{letter_id}/retry", RetryLetterPage(console: console))
        + frame.form("/console/letters/{letter_id}/discard", DiscardLetterPage(console: console))
}

/// In production time is nobody's to move.
private func clockPages(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    guard let advance = console.commands.advance else { return [] }
    return frame.form("/console/clock", MoveClockPage(console: console, advance: advance))
}
