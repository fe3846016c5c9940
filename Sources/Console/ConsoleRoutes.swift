import HTTPEndpoint
import PageFrame

/// Every page of the console.
/// - Parameter frame: of the console's realm.
package func consoleRoutes(_ frame: SitePageFrame, _ console: ConsoleParts) -> [Endpoint] {
    form("/console/signin", ConsoleSignInPage(console: console), frame)
        + form("/console/signout", ConsoleSignOutPage(console: console), frame)
        + [
            Endpoint("/console", OverviewPage(console: console), in: frame),
            Endpoint("/console/acts", ActsPage(console: console), in: frame),
        ]
}

private func form<P: FormPage>(
    _ path: String, _ page: P, _ frame: SitePageFrame
) -> [Endpoint] {
    [Endpoint(path, page, in: frame), Endpoint(formOf: page, path, in: frame)]
}
