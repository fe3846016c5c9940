import FoundationEssentials
import HTTPEndpoint
import Identity
import JSON
import PageFrame
import Pages

/// The way in for users of another identity provider: a link for one use, and a button, since what
/// looks at links before people do must not use them up.
struct EnterPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("enter", access: .visitor)

    struct Form: JSONInput {
        let link: String

        static let about = "The link's own part."

        init(_ reader: inout ObjectReader) {
            link = reader.required("link", .text(1...512), "Out of the link.")
        }
    }

    func read(_ input: inout InputReader) -> String? {
        input.query("link", .text(1...512), "Out of the link.")
    }

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func view(_ link: String?, _ visit: Visit) async throws -> PageView {
        let form = PageForm(words, [FormField("link", .hidden)])
        return PageView(
            form.values(visit, ["link": link ?? ""]).with([
                "has_link": .bool(link != nil && visit.attempt == nil)
            ]))
    }

    func submit(_ form: Form, _ link: String?, _ visit: Visit) async throws -> Submitted {
        guard let secret = visit.sessionSecret else { throw Problem.internalError }
        try await parts.identity.enter(by: form.link, visit.call, secret: secret)
        return Submitted("/account", notice: "signed_in", session: .begun(seconds: nil))
    }
}
