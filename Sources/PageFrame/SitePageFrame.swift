import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import Identity
import JSON
import Logging

/// What is around every page: who is signed in, tokens of forms, acts that happen once, notices,
/// errors.
package struct SitePageFrame: PageFrame {
    static let tokenField = "form_token"
    /// What is never shown again.
    private static let secretFields: Set = [
        tokenField, "password", "current_password", "new_password", "otp_code", "operator_code",
    ]

    let forms: FormTokens
    let site: Site
    /// Whose pages these are.
    let realm: Realm
    package let renderer: PageRenderer
    /// What an error of the layers below means to a visitor.
    private let translate: @Sendable (any Error) -> Problem?
    let logger: Logger

    /// - Parameter hiddenSides: lines of the account's navigation that are not shown now.
    /// - Throws: what is wrong with the words.
    package init(
        identity: IdentityServices, site: Site, isDevelopment: Bool, logger: Logger,
        hiddenSides: @escaping @Sendable () async throws -> Set<String>,
        translate: @escaping @Sendable (any Error) -> Problem?
    ) throws {
        forms = identity.forms
        self.site = site
        realm = .account(
            site, caller: identity.pageSessions.caller, zone: identity.readerZone(of:),
            hiddenSides: hiddenSides)
        self.translate = translate
        self.logger = logger
        let words = try Words(language: "en", EmbeddedTemplates.english)
        renderer = PageRenderer(
            site, Templates(words), isDevelopment: isDevelopment, realm: realm)
    }

    private init(_ other: SitePageFrame, _ realm: Realm) {
        forms = other.forms
        site = other.site
        translate = other.translate
        logger = other.logger
        self.realm = realm
        renderer = other.renderer.of(realm)
    }

    /// The same around the pages of another realm.
    package func of(_ realm: Realm) -> SitePageFrame { SitePageFrame(self, realm) }

    var isSecure: Bool { site.isSecure }
    var words: Words { renderer.words }

    // MARK: Showing

    package func show<P: Page>(
        _ page: P, _ input: Result<P.Input, Problem>, _ request: PageRequest, _ call: Call
    ) async throws -> Answer {
        let cookies = Cookies(call.headers, isSecure: isSecure)
        let visit = try await self.visit(call, cookies)
        if let detour = detour(P.about, visit, request) { return redirect(detour) }
        switch input {
        case .success(let input):
            return try answer(try await page.view(input, visit), P.about, visit, cookies)
        case .failure(let problem):
            // A form that asks, such as a filter, is shown again; any other address is broken.
            guard let input = page.withoutInput else { throw problem }
            var visit = visit
            visit.attempt = Visit.Attempt(typed: typed(request.query), problem: problem)
            return try answer(
                try await page.view(input, visit), P.about, visit, cookies, status: 422)
        }
    }

    /// Who visits, and in which zone they read dates.
    private func visit(_ call: Call, _ cookies: Cookies) async throws -> Visit {
        var visit = Visit(call: call)
        visit.call.caller = try await caller(cookies)
        if let user = visit.call.caller?.userID, let zone = realm.zone {
            visit.zone = try await zone(user)
        }
        if visit.call.caller != nil, let hidden = realm.hiddenSides {
            visit.hiddenSides = try await hidden()
        }
        return visit
    }

    func caller(_ cookies: Cookies) async throws -> Caller? {
        guard let secret = cookies[realm.cookie] else { return nil }
        return try await realm.caller(secret)
    }

    /// Where somebody is led who is at the wrong place.
    private func detour(_ about: AboutPage, _ visit: Visit, _ request: PageRequest) -> String? {
        switch (about.access, visit.call.caller) {
        case (.user, nil):
            realm.leadsBack
                ? realm.signIn + "?next=" + QueryString.encode(request.target) : realm.signIn
        case (.visitor, _?):
            realm.wanted((request.fields["next"] ?? request.query["next"])?.first)
        default: nil
        }
    }

    private func answer(
        _ view: PageView, _ about: AboutPage, _ visit: Visit, _ cookies: Cookies,
        status: Int? = nil
    ) throws -> Answer {
        switch view.content {
        case .redirect(let location, let notice):
            return done(Submitted(location, notice: notice), [])
        case .file(let name, let contentType, let body):
            return file(
                name, contentType, Answer(status: 200, contentType: contentType, body: body))
        case .stream(let name, let contentType, let source):
            var answer = Answer(status: 200, contentType: contentType, body: [])
            answer.source = source
            return file(name, contentType, answer)
        case .values(let values):
            var browser = cookies[realm.cookie].flatMap { visit.call.caller == nil ? nil : $0 }
            var fresh: [HTTPField] = []
            if browser == nil {
                browser = cookies[.visit]
                if browser == nil {
                    let made = Self.randomSecret()
                    browser = made
                    fresh.append(Cookies.field(.visit, made, isSecure: isSecure))
                }
            }
            let notice = cookies[.notice].flatMap { key -> String? in
                let key = "notice.\(key)"
                return words.has(key) ? words.html(key) : nil
            }
            if cookies[.notice] != nil {
                fresh.append(Cookies.field(.notice, "", seconds: 0, isSecure: isSecure))
            }
            // What an address asks for is refused as what a form asks for.
            let isRefused = visit.attempt != nil || (values["problem"] ?? .null) != .null
            var answer = try renderer.answer(
                values, about.showing(view.template),
                PageRenderer.Setting(
                    status: status ?? view.status,
                    token: browser.map { forms.make(for: $0) },
                    notice: isRefused ? nil : notice,
                    isSignedIn: visit.call.caller != nil, isRefused: isRefused,
                    zone: visit.zone.name, hiddenSides: visit.hiddenSides))
            for field in fresh { answer.headers.append(field) }
            return answer
        }
    }

    private func file(_ name: String, _ contentType: String, _ answer: Answer) -> Answer {
        var answer = answer
        answer.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return answer
    }

    private static func randomSecret() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<2).map { _ in UInt64.random(in: .min ... .max, using: &generator) }
        return bytes.map { String($0, radix: 36) }.joined()
    }

    // MARK: Acting

    package func submit<P: FormPage>(
        _ page: P, _ form: Result<P.Form, Problem>, _ input: Result<P.Input, Problem>,
        _ request: PageRequest, _ call: Call
    ) async throws -> Answer {
        let cookies = Cookies(call.headers, isSecure: isSecure)
        guard !FormOrigin.isForeign(call.headers, publicURL: site.publicURL) else {
            throw Problem.foreignForm
        }
        var visit = try await self.visit(call, cookies)
        let token = request.fields[Self.tokenField]?.first ?? ""
        let browsers = [cookies[realm.cookie], cookies[.visit]].compactMap { $0 }
        let act = forms.act(token, request.target, canonical(request.fields))
        let isGood = forms.isGood(token, of: browsers)
        // Who presses twice may be signed in by the first press, or signed out by it.
        var isOver = false
        if isGood, let outcome = try await forms.outcome(act) {
            let submitted = Submitted(outcome)
            isOver = try await hasEnded(submitted, act)
            if !isOver { return done(submitted, act) }
        }
        if let detour = detour(P.about, visit, request) { return redirect(detour) }
        guard isGood, !isOver else {
            return try await again(page, input, request, visit, cookies, .formExpired)
        }
        visit.sessionSecret = forms.sessionSecret(act)
        do {
            let (form, input) = (try form.get(), try input.get())
            let submitted = try await perform(act) { try await page.submit(form, input, visit) }
            guard let shown = submitted.shown else { return done(submitted, act) }
            return try answer(shown, P.about, visit, cookies)
        } catch let error as RefusedInNewSession {
            guard let problem = problem(for: error.cause, call) else { throw error.cause }
            let secret = forms.sessionSecret(act)
            var answer = try await again(
                page, input, request, visit, cookies.with(realm.cookie, secret), problem)
            answer.headers.append(Cookies.field(realm.cookie, secret, isSecure: isSecure))
            return answer
        } catch {
            guard let problem = problem(for: error, call) else { throw error }
            return try await again(page, input, request, visit, cookies, problem)
        }
    }

    private func done(_ submitted: Submitted, _ act: [UInt8]) -> Answer {
        var answer = redirect(submitted.location)
        if let notice = submitted.notice {
            answer.headers.append(
                Cookies.field(.notice, notice, seconds: 60, isSecure: isSecure))
        }
        switch submitted.session {
        case .unchanged: break
        case .begun(let seconds):
            let secret = forms.sessionSecret(act)
            answer.headers.append(
                Cookies.field(realm.cookie, secret, seconds: seconds, isSecure: isSecure))
        case .ended:
            answer.headers.append(
                Cookies.field(realm.cookie, "", seconds: 0, isSecure: isSecure))
        }
        return answer
    }

    /// The page once more, with what was typed and what is wrong with it.
    private func again<P: FormPage>(
        _ page: P, _ input: Result<P.Input, Problem>, _ request: PageRequest, _ visit: Visit,
        _ cookies: Cookies, _ problem: Problem
    ) async throws -> Answer {
        // An address that cannot be read has no page to show again.
        let input = try input.get()
        var visit = visit
        visit.attempt = Visit.Attempt(typed: typed(request.fields), problem: problem)
        var answer = try answer(
            try await page.view(input, visit), P.about, visit, cookies, status: problem.status)
        for (name, value) in problem.headers { answer.headers[name] = value }
        return answer
    }

    /// What the error means to a visitor; `nil` for a defect of ours.
    private func problem(for error: any Error, _ call: Call) -> Problem? {
        if let problem = error as? Problem { return problem }
        guard let problem = translate(error) else { return nil }
        logger.warning(
            "a form could not be carried out",
            metadata: ["request_id": "\(call.id)", "error": "\(error)"])
        return problem
    }

    private func typed(_ fields: [String: [String]]) -> [String: String] {
        fields.filter { !Self.secretFields.contains($0.key) }.compactMapValues(\.first)
    }

    /// The fields in one spelling.
    private func canonical(_ fields: [String: [String]]) -> String {
        fields.filter { $0.key != Self.tokenField }.sorted { $0.key < $1.key }
            .map { name, values in
                QueryString.encode(name) + "="
                    + values.map(QueryString.encode).joined(separator: "&")
            }.joined(separator: "&")
    }

    func redirect(_ location: String) -> Answer {
        var answer = Answer(status: 303, contentType: "text/plain; charset=utf-8", body: [])
        answer.headers[.location] = location
        answer.headers[.referrerPolicy] = "same-origin"
        if isSecure { answer.headers[.strictTransportSecurity] = "max-age=31536000" }
        return answer
    }
}

extension Problem {
    static let foreignForm = Problem(
        403, "foreign_form", "Foreign form", "The form came from a page of another origin.")
    static let formExpired = Problem(
        403, "form_expired", "Form expired",
        "The form's token is missing, too old or another browser's; load the page anew.")
    static let formUnderWay = Problem(
        409, "form_under_way", "Form under way",
        "The same form is being carried out; look at what it does before sending another.")
}
