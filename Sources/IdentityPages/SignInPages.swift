import FoundationEssentials
import HTTPEndpoint
import Identity
import JSON
import PageFrame
import Pages
import Users
import Values

struct SignUpPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("signup", access: .visitor, isIndexed: true)

    func read(_ input: inout InputReader) -> String? { input.wantedPage }

    func read(form: inout InputReader) -> SignInForm<SignUpRequest> {
        form.body(SignInForm<SignUpRequest>.self)
    }

    func view(_ next: String?, _ visit: Visit) async throws -> PageView {
        let brand = parts.site.brand
        let form = PageForm(
            words,
            [
                FormField("email", .email), FormField("password", .newPassword),
                FormField("full_name", .text(autocomplete: "name"), isNeeded: false),
                FormField("next", .hidden),
            ])
        return PageView(
            form.values(visit, ["next": next ?? ""]).with([
                "signin": .string(WantedPage.way("/signin", to: visit.wanted(next))),
                "has_rules": .bool(brand.termsURL != nil || brand.privacyURL != nil),
            ]))
    }

    func submit(
        _ form: SignInForm<SignUpRequest>, _ next: String?, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await SignUp(identity: parts.identity).perform(form.request, visit.call)
        return Submitted(asking: form.request.email, at: "/verify", next: form.next)
    }
}

/// The code of a sign-up, typed in.
struct VerifyPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("verify", access: .visitor)

    func read(_ input: inout InputReader) -> CodeForm.Input {
        CodeForm.Input(&input, "The address that signed up.")
    }

    func read(form: inout InputReader) -> SignInForm<VerifySignUpRequest> {
        form.body(SignInForm<VerifySignUpRequest>.self)
    }

    func view(_ input: CodeForm.Input, _ visit: Visit) async throws -> PageView {
        let form = CodeForm(input, visit)
        let sent = form.known.map { words.html("verify.sent", ["email": $0]) }
        return PageView(
            form.values(visit, words).with([
                "email": .string(form.known ?? ""),
                "next": .string(visit.wanted(input.next) ?? ""),
                "sent_html": .string(sent ?? words.html("verify.sent.unknown")),
            ]))
    }

    func submit(
        _ form: SignInForm<VerifySignUpRequest>, _ input: CodeForm.Input, _ visit: Visit
    ) async throws -> Submitted {
        guard let secret = visit.sessionSecret else { throw Problem.internalError }
        try await VerifySignUp(identity: parts.identity).onPage(
            form.request, visit.call, secret: secret)
        return Submitted(
            WantedPage.location(form.next), notice: "verified", session: .begun(seconds: nil))
    }
}

struct ResendCodePage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("resend", access: .visitor)

    func read(_ input: inout InputReader) -> String? { input.wantedPage }

    func read(form: inout InputReader) -> SignInForm<EmailRequest> {
        form.body(SignInForm<EmailRequest>.self)
    }

    func view(_ next: String?, _ visit: Visit) async throws -> PageView {
        let form = PageForm(words, [FormField("email", .email), FormField("next", .hidden)])
        return PageView(form.values(visit, ["next": next ?? ""]))
    }

    func submit(
        _ form: SignInForm<EmailRequest>, _ next: String?, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await ResendSignUpCode(identity: parts.identity).perform(form.request, visit.call)
        return Submitted(
            asking: form.request.email, at: "/verify", next: form.next, notice: "code_sent")
    }
}

struct SignInPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("signin", access: .visitor)

    func read(_ input: inout InputReader) -> String? {
        input.wantedPage
    }

    func read(form: inout InputReader) -> SignInForm<SignInRequest> {
        form.body(SignInForm<SignInRequest>.self)
    }

    func view(_ next: String?, _ visit: Visit) async throws -> PageView {
        let form = PageForm(
            words,
            [
                FormField("email", .email), FormField("password", .password),
                FormField("remember_me", .tick, isNeeded: false), FormField("next", .hidden),
            ])
        return PageView(
            form.values(visit, ["next": next ?? ""]).with([
                "signup": .string(WantedPage.way("/signup", to: visit.wanted(next))),
                "reset": .string(WantedPage.way("/reset", to: visit.wanted(next))),
            ]))
    }

    func submit(
        _ form: SignInForm<SignInRequest>, _ next: String?, _ visit: Visit
    ) async throws -> Submitted {
        guard let secret = visit.sessionSecret else { throw Problem.internalError }
        try await SignIn(identity: parts.identity).onPage(form.request, visit.call, secret: secret)
        let seconds = form.request.rememberMe ? NewSession.rememberedDays * 86_400 : nil
        return Submitted(
            WantedPage.location(form.next), notice: "signed_in",
            session: .begun(seconds: seconds))
    }
}

struct ResetPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("reset", access: .everybody)

    func read(_ input: inout InputReader) -> String? { input.wantedPage }

    func read(form: inout InputReader) -> SignInForm<EmailRequest> {
        form.body(SignInForm<EmailRequest>.self)
    }

    func view(_ next: String?, _ visit: Visit) async throws -> PageView {
        let form = PageForm(words, [FormField("email", .email), FormField("next", .hidden)])
        return PageView(
            form.values(visit, ["next": next ?? ""]).with([
                "signin": .string(WantedPage.way("/signin", to: visit.wanted(next)))
            ]))
    }

    func submit(
        _ form: SignInForm<EmailRequest>, _ next: String?, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await RequestPasswordReset(identity: parts.identity).perform(
            form.request, visit.call)
        return Submitted(asking: form.request.email, at: "/reset/confirm", next: form.next)
    }
}

struct ConfirmResetPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("reset_confirm", access: .everybody)

    func read(_ input: inout InputReader) -> CodeForm.Input {
        CodeForm.Input(&input, "The account's address.")
    }

    func read(form: inout InputReader) -> SignInForm<ConfirmPasswordResetRequest> {
        form.body(SignInForm<ConfirmPasswordResetRequest>.self)
    }

    func view(_ input: CodeForm.Input, _ visit: Visit) async throws -> PageView {
        let form = CodeForm(input, visit, more: [FormField("new_password", .newPassword)])
        let sent = form.known.map { words.html("reset_confirm.sent", ["email": $0]) }
        return PageView(
            form.values(visit, words).with([
                "reset": .string(WantedPage.way("/reset", to: visit.wanted(input.next))),
                "sent_html": .string(sent ?? words.html("reset_confirm.sent.unknown")),
            ]))
    }

    func submit(
        _ form: SignInForm<ConfirmPasswordResetRequest>, _ input: CodeForm.Input, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await ConfirmPasswordReset(identity: parts.identity).perform(
            form.request, visit.call)
        return Submitted(
            WantedPage.way("/signin", to: form.next), notice: "password_reset", session: .ended)
    }
}

struct SignOutPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("signout", access: .everybody)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        PageView(
            ConfirmStep(words, "signout", action: "/signout", back: "/account").values(visit))
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        if let id = visit.call.caller?.sessionID {
            do {
                _ = try await DeleteSession(identity: parts.identity).perform(id, visit.call)
            } catch let problem as Problem where problem.status == 404 {
                // It ended meanwhile, which is what was asked for.
            }
        }
        return Submitted("/", notice: "signed_out", session: .ended)
    }
}

extension Submitted {
    /// Leads to the page on which the code is typed that was mailed to the address.
    fileprivate init(
        asking email: EmailAddress, at place: String, next: String? = nil, notice: String? = nil
    ) {
        let wanted = next.flatMap { $0.isEmpty ? nil : "&next=" + QueryString.encode($0) } ?? ""
        self.init(place + "?email=" + QueryString.encode(email.text) + wanted, notice: notice)
    }
}
