import HTTPEndpoint
import Operators
import PageFrame

/// The operators' way in: email, password and a code, judged together.
struct ConsoleSignInPage: FormPage {
    let console: ConsoleParts

    static let about = AboutPage("console_signin", access: .visitor)

    func read(_ input: inout InputReader) -> String? {
        input.wantedPage
    }

    func read(form: inout InputReader) -> SignInForm<OperatorSignInRequest> {
        form.body(SignInForm<OperatorSignInRequest>.self)
    }

    func view(_ next: String?, _ visit: Visit) async throws -> PageView {
        let form = PageForm(
            console.words,
            [
                FormField("email", .email), FormField("password", .password),
                FormField("operator_code", .operatorCode), FormField("next", .hidden),
            ])
        return PageView(form.values(visit, ["next": next ?? ""]))
    }

    func submit(
        _ form: SignInForm<OperatorSignInRequest>, _ next: String?, _ visit: Visit
    ) async throws -> Submitted {
        guard let secret = visit.sessionSecret else { throw Problem.internalError }
        try await console.operators.signIn(form.request, visit.call, secret: secret)
        return Submitted(Self.location(form.next), session: .begun(seconds: nil))
    }

    /// What was wanted, if it is an address of the console.
    static func location(_ text: String?) -> String {
        let local = /\/console(\/[A-Za-z0-9_\-\/.]*)?(\?[A-Za-z0-9_\-.=&%]*)?/
        guard let text, text.utf8.count <= 1000, text.wholeMatch(of: local) != nil else {
            return "/console"
        }
        return text
    }
}

struct ConsoleSignOutPage: FormPage {
    let console: ConsoleParts

    static let about = AboutPage("signout", access: .everybody)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        PageView(
            ConfirmStep(
                console.words, "signout", action: "/console/signout", back: "/console"
            ).values(visit))
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        if let id = visit.call.caller?.sessionID { try await console.operators.signOut(id) }
        return Submitted("/console/signin", notice: "signed_out", session: .ended)
    }
}
