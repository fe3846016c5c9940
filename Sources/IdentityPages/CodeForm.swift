import HTTPEndpoint
import JSON
import PageFrame
import Users

/// The form in which a code is typed that was mailed to an address. The address is asked for only
/// if neither the link nor what was typed before tells it.
struct CodeForm {
    struct Input: Sendable {
        let email: EmailAddress?
        let next: String?

        /// - Parameter about: whose address it is.
        init(_ input: inout InputReader, _ about: String) {
            email = input.query("email", .email, about)
            next = input.wantedPage
        }
    }

    /// The address that the code was mailed to, if it is known.
    let known: String?
    private let next: String?
    private let more: [FormField]

    /// - Parameter more: fields beneath the code's.
    init(_ input: Input, _ visit: Visit, more: [FormField] = []) {
        known = visit.attempt?.typed["email"] ?? input.email?.text
        next = input.next
        self.more = more
    }

    func values(_ visit: Visit, _ words: Words) -> JSONObject {
        let fields =
            [
                FormField("email", known == nil ? .email : .hidden), FormField("otp_code", .code),
            ] + more + [FormField("next", .hidden)]
        return PageForm(words, fields).values(
            visit, ["email": known ?? "", "next": next ?? ""])
    }
}
