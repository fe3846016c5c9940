import HTTPTypes
import JSON
import Values

/// A page for people, declared once beside its address: what it reads, who may see it, which
/// template shows it. The same readers as an ``Action``'s read its path and query.
package protocol Page: Sendable {
    associatedtype Input: Sendable

    static var about: AboutPage { get }

    /// Declares the input by reading it. Must read the same members whatever the request holds.
    func read(_ input: inout InputReader) -> Input

    /// What the page shows. After a form of it was refused, `visit.attempt` has what was typed.
    /// - Throws: a ``Problem``, which is shown as a page of its own.
    func view(_ input: Input, _ visit: Visit) async throws -> PageView

    /// What the page shows where its query is not valid; `nil` where that has no page.
    var withoutInput: Input? { get }
}

extension Page {
    package var withoutInput: Input? { nil }
}

/// A page whose form does something: GET shows it, POST to the same address acts.
package protocol FormPage: Page {
    associatedtype Form: Sendable

    /// Declares the form by reading it, as an action's body: by the same kinds of input.
    func read(form: inout InputReader) -> Form

    /// Acts. Where it throws a ``Problem`` the page is shown again with it and what was typed.
    func submit(_ form: Form, _ input: Input, _ visit: Visit) async throws -> Submitted
}

/// The part of a page's declaration that its types do not tell.
package struct AboutPage: Sendable {
    package enum Access: Sendable, CaseIterable {
        /// Everybody; who is signed in is known all the same.
        case everybody
        /// Who is not signed in; the others are led to their account.
        case visitor
        /// Who is signed in; the others are led to the sign-in and back.
        case user
    }

    /// The template's name, by which the page's words go too.
    package let template: String
    package let access: Access
    /// Whether search engines may list it.
    package let isIndexed: Bool
    /// Whether pages of `EMBED_ORIGINS` may frame it.
    package let isEmbeddable: Bool
    /// The line of the navigation that it belongs to; `nil` if that has its template's name.
    package let side: String?
    /// Whether few of them are made at once, as of large answers of the API.
    package let isLarge: Bool

    package init(
        _ template: String, access: Access, isIndexed: Bool = false, isEmbeddable: Bool = false,
        side: String? = nil, isLarge: Bool = false
    ) {
        self.template = template
        self.access = access
        self.isIndexed = isIndexed
        self.isEmbeddable = isEmbeddable
        self.side = side
        self.isLarge = isLarge
    }

    /// The same page by another template.
    package func showing(_ template: String?) -> AboutPage {
        AboutPage(
            template ?? self.template, access: access, isIndexed: isIndexed,
            isEmbeddable: isEmbeddable, side: side, isLarge: isLarge)
    }
}

/// One request for a page, as far as the page may look at it.
package struct Visit: Sendable {
    /// Has a caller where the visitor is signed in.
    package var call: Call
    /// The form that was refused; `nil` where none was.
    package var attempt: Attempt?
    /// What a session that this form begins is found by: the same for the same form.
    package var sessionSecret: String?
    /// In which dates are shown.
    package var zone = ReaderZone.utc
    /// Lines of the navigation that are not shown, by their names.
    package var hiddenSides: Set<String> = []

    package struct Attempt: Sendable {
        /// What was typed, by the fields' names; never a password or a code.
        package let typed: [String: String]
        package let problem: Problem
        /// Whether another form of the page was refused than the one that is shown by it.
        fileprivate(set) package var isOfAnotherForm = false

        package init(typed: [String: String], problem: Problem) {
            self.typed = typed
            self.problem = problem
        }
    }

    package init(call: Call, attempt: Attempt? = nil, sessionSecret: String? = nil) {
        self.call = call
        self.attempt = attempt
        self.sessionSecret = sessionSecret
    }

    /// The same visit for the other one of two forms of a page. A form says what was wrong with the
    /// other, and its own fields keep what is stored.
    package var atOtherForm: Visit {
        var visit = self
        visit.attempt?.isOfAnotherForm.toggle()
        return visit
    }
}

/// What a page shows.
package struct PageView: Sendable {
    package enum Content: Sendable {
        /// What the template is filled with.
        case values(JSONObject)
        /// A file to keep, e.g. a table as CSV.
        case file(name: String, contentType: String, body: [UInt8])
        /// A file that is made as it is taken.
        case stream(name: String, contentType: String, any BodySource)
        /// The way to another page of ours, which may say something once.
        case redirect(String, notice: String? = nil)
    }

    package let content: Content
    package var status = 200
    /// What shows the values in the place of the page's own template.
    package private(set) var template: String?

    package init(_ values: JSONObject, template: String? = nil) {
        content = .values(values)
        self.template = template
    }
    package init(_ content: Content) { self.content = content }
}

/// What follows a form that did what it says: a redirect, so that a reload repeats nothing.
package struct Submitted: Sendable {
    /// What becomes of the visitor's session.
    package enum Session: Sendable, Equatable {
        case unchanged
        /// A session that ``Visit/sessionSecret`` finds; kept for so many seconds, or as long as
        /// the browser runs.
        case begun(seconds: Int64?)
        case ended
    }

    /// An address of ours, or of the payment provider.
    package let location: String
    /// The key of the words that the next page shows once.
    package let notice: String?
    package let session: Session
    /// What is shown once, such as a key, in the answer itself and not after a redirect. It is kept
    /// nowhere: the same form sent again leads to the address, whose notice says so.
    package let shown: PageView?

    package init(
        _ location: String, notice: String? = nil, session: Session = .unchanged,
        showing shown: PageView? = nil
    ) {
        self.location = location
        self.notice = notice
        self.session = session
        self.shown = shown
    }
}

/// A form was refused after its visitor's session had got the secret of ``Visit/sessionSecret``.
package struct RefusedInNewSession: Error {
    /// Why it was refused.
    package let cause: any Error

    package init(_ cause: any Error) {
        self.cause = cause
    }
}

/// A request for a page as it came, before anything is known of its visitor.
package struct PageRequest: Sendable {
    /// The address that was asked for, with its query: where a sign-in leads back to.
    package let target: String
    package let query: [String: [String]]
    /// The fields of the form that was sent.
    package let fields: [String: [String]]

    package init(
        target: String, query: [String: [String]] = [:], fields: [String: [String]] = [:]
    ) {
        self.target = target
        self.query = query
        self.fields = fields
    }
}

/// What is around every page: sessions, form tokens, layout, headers, errors.
package protocol PageFrame: Sendable {
    /// - Parameter input: what the page has read, or what is wrong with it.
    func show<P: Page>(
        _ page: P, _ input: Result<P.Input, Problem>, _ request: PageRequest, _ call: Call
    ) async throws -> Answer

    /// - Parameter form: what the form holds, or what is wrong with it.
    func submit<P: FormPage>(
        _ page: P, _ form: Result<P.Form, Problem>, _ input: Result<P.Input, Problem>,
        _ request: PageRequest, _ call: Call
    ) async throws -> Answer
}

extension Endpoint {
    /// A page at its address.
    package convenience init<P: Page>(_ path: String, _ page: P, in frame: any PageFrame) {
        self.init(
            page: .get, path, named: "\(_typeName(P.self, qualified: false))",
            isLarge: P.about.isLarge
        ) { source in
            let input = Self.read(source) { page.read(&$0) }
            let request = PageRequest(source, route: path, fields: [:])
            return { call in try await frame.show(page, input, request, call) }
        }
    }

    /// What the form of a page does, at the page's address.
    package convenience init<P: FormPage>(
        formOf page: P, _ path: String, in frame: any PageFrame
    ) {
        var documentation = InputReader(nil)
        _ = page.read(form: &documentation)
        let schema = documentation.bodySchema
        self.init(
            page: .post, path, named: "Post\(_typeName(P.self, qualified: false))",
            isLarge: P.about.isLarge
        ) { source in
            guard FormBody.isForm(source.headers) else { throw Problem.notAForm }
            let fields = try FormBody.fields(source.bytes)
            let body = InputReader.Source(
                path: source.path, query: source.query, headers: source.headers,
                body: .object(FormBody.object(fields, schema)), bytes: [])
            let input = Self.read(source) { page.read(&$0) }
            let form = Self.read(body) { page.read(form: &$0) }
            let request = PageRequest(source, route: path, fields: fields)
            return { call in try await frame.submit(page, form, input, request, call) }
        }
    }

    private static func read<Value>(
        _ source: InputReader.Source, _ read: (inout InputReader) -> Value
    ) -> Result<Value, Problem> {
        var reader = InputReader(source)
        let value = read(&reader)
        return reader.errors.isEmpty ? .success(value) : .failure(.invalid(reader.errors))
    }
}

extension PageRequest {
    fileprivate init(
        _ source: InputReader.Source, route: String, fields: [String: [String]]
    ) {
        let path = source.path.reduce(route) {
            $0.replacing("{\($1.key)}", with: QueryString.encode($1.value))
        }
        let query = source.query.sorted { $0.key < $1.key }.flatMap { name, values in
            values.map { "\(QueryString.encode(name))=\(QueryString.encode($0))" }
        }
        self.init(
            target: query.isEmpty ? path : path + "?" + query.joined(separator: "&"),
            query: source.query, fields: fields)
    }
}

extension Problem {
    static let notAForm = unsupportedMediaType.with(
        detail: "Send the form as application/x-www-form-urlencoded.")
}
