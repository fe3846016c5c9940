import HTTPEndpoint
import JSON
import PageFrame

/// A form of a page that has several. Its own address shows the page to whoever opens it, and the
/// page with what was refused to whoever has sent the form.
protocol OverviewForm: FormPage where Input == Void {
    var parts: PageParts { get }
    var words: Words { get }

    /// The address of the page.
    static var place: String { get }

    /// What the page shows.
    func overview(_ visit: Visit) async throws -> JSONObject
}

extension OverviewForm {
    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else { return PageView(.redirect(Self.place)) }
        return PageView(try await overview(visit))
    }
}
