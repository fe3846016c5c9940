import HTTPClient
import JSON

/// One request to Stripe's API, before keys and addresses are added.
struct StripeCall {
    enum Method: String {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    let method: Method
    /// Below `/v1`, e.g. `["customers", "cus_1"]`. Parts can be ids that come from outside.
    let path: [String]
    /// The body of a POST, the query of others.
    var form = StripeForm()
    /// Every POST has one.
    var idempotencyKey: String?

    /// How the first try and every retry read on the wire; nil where a part of the path is not
    /// an id, so that no text from outside can lead to another URL.
    func request(base: String, secretKey: String) -> HTTPRequest? {
        guard path.allSatisfy({ isPathPart($0) }) else { return nil }
        var url = base + "/v1/" + path.joined(separator: "/")
        var headers = [
            ("Authorization", "Bearer \(secretKey)"),
            ("Stripe-Version", stripeVersion),
            ("User-Agent", "cuebx-career"),
        ]
        guard method == .post else {
            if !form.fields.isEmpty { url += "?" + form.query }
            return HTTPRequest(method.rawValue, url, headers: headers)
        }
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        if let idempotencyKey { headers.append(("Idempotency-Key", idempotencyKey)) }
        return HTTPRequest("POST", url, headers: headers, body: Array(form.body.utf8))
    }

    private func isPathPart(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
                    true
                default:
                    false
                }
            }
    }
}

extension StripeError {
    /// What an answer that is not a success means
    /// (https://docs.stripe.com/api/errors).
    init(_ response: HTTPResponse) {
        let requestID = response.header("Request-Id").flatMap { readable($0) }
        self.init(Self.kind(response), status: response.status, requestID: requestID)
    }

    private static func kind(_ response: HTTPResponse) -> Kind {
        if response.status >= 500 || response.status == 424 { return .unavailable }
        if response.status == 429 {
            return .rateLimited(retryAfter: retryAfter(response))
        }
        // An answer that is not Stripe's, e.g. a proxy's 404, must not read as Stripe's word.
        guard let error = errorObject(response), let type = error["type"]?.string else {
            return .malformedResponse(field: "error.type")
        }
        let code = error["code"]?.string.flatMap { readable($0) }
        let parameter = error["param"]?.string.flatMap { readable($0) }
        switch response.status {
        case 401: return .authentication
        case 402:
            let declineCode = error["decline_code"]?.string.flatMap { readable($0) }
            return .card(code: code, declineCode: declineCode)
        case 403: return .permission
        case 409: return .conflict
        default: break
        }
        if type == "idempotency_error" { return .idempotency }
        if code == "resource_missing" { return .notFound(parameter: parameter) }
        return .invalidRequest(code: code, parameter: parameter)
    }

    private static func errorObject(_ response: HTTPResponse) -> JSONValue? {
        do throws(JSONSyntaxError) {
            return try JSONValue.parse(response.body)["error"]
        } catch {
            return nil
        }
    }

    /// Whole seconds; the form with a date is not used by Stripe.
    static func retryAfter(_ response: HTTPResponse) -> Duration? {
        guard let text = response.header("Retry-After"), let seconds = Int64(text),
            (0...86_400).contains(seconds)
        else { return nil }
        return .seconds(seconds)
    }
}

/// Codes, parameter names and request ids as Stripe writes them; anything else is not one and
/// stays out of logs and answers.
private func readable(_ text: String) -> String? {
    let isShort = !text.isEmpty && text.utf8.count <= 128
    let isPlain = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default:
            "_-.[]".utf8.contains(byte)
        }
    }
    return isShort && isPlain ? text : nil
}
