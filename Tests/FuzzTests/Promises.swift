import Career
import Foundation
import HTTPEndpoint
import HTTPTypes
import JSON
import Ledger
import NIOHTTP1
import Stripe
import Tokens
import Users
import Values

/// What holds of each parser. Where a text is accepted, it is held against the grammar in another
/// notation (a regular expression, Foundation), so that accepting too much shows too.
enum Promises {
    private static func hold(
        _ isKept: Bool, _ promise: @autoclosure () -> String
    ) throws(BrokenPromise) {
        if !isKept { throw BrokenPromise(description: promise()) }
    }

    private static func parse(_ bytes: [UInt8]) -> JSONValue? {
        do throws(JSONSyntaxError) {
            return try JSONValue.parse(bytes)
        } catch {
            return nil
        }
    }

    /// What is accepted, Foundation accepts too; and its own text parses to the same value.
    static func json(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let value = parse(bytes) else { return }
        try hold(String(validating: bytes, as: UTF8.self) != nil, "accepted text is UTF-8")
        for text in [value.compactText, value.prettyText] {
            try hold(parse(Array(text.utf8)) == value, "parse(write(x)) is x: \(text)")
        }
        let isKnown =
            (try? JSONSerialization.jsonObject(
                with: Data(bytes), options: [.fragmentsAllowed])) != nil
        // Foundation has no numbers beyond a Double.
        try hold(isKnown || hasHugeNumber(value), "Foundation accepts it too")
    }

    private static func hasHugeNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let text): Double(text).map { !$0.isFinite } ?? true
        case .array(let elements): elements.contains(where: hasHugeNumber)
        case .object(let object): object.members.contains { hasHugeNumber($0.value) }
        case .null, .bool, .string: false
        }
    }

    /// Any text at all survives being written as a name and as a value.
    static func jsonWriter(_ bytes: [UInt8]) throws(BrokenPromise) {
        let value = JSONValue.object([bytes.text: .array([.string(bytes.text)])])
        let written = value.compactText
        try hold(written.utf8.allSatisfy { $0 >= 0x20 }, "no control character is written")
        guard let read = parse(Array(written.utf8)), let member = read.object?.members.first else {
            throw BrokenPromise(description: "what is written is JSON: \(written)")
        }
        try hold(
            member.key.utf8.elementsEqual(bytes.text.utf8)
                && member.value[0]?.string?.utf8.elementsEqual(bytes.text.utf8) == true,
            "a text is read as it was written")
    }

    /// Nothing but the right code is accepted, however the header is written.
    static func stripeSignature(_ bytes: [UInt8]) throws(BrokenPromise) {
        let (body, secret) = (Array("{}".utf8), "whsec_fuzz")
        let right = StripeSignature.header(body: body, secret: secret, timestamp: 1_700_000_000)
        func refusal(of header: String) -> StripeSignatureError? {
            do throws(StripeSignatureError) {
                try StripeSignature.verify(
                    header: header, body: body, secrets: ["other", secret], now: 1_700_000_000)
                return nil
            } catch {
                return error
            }
        }
        if refusal(of: bytes.text) == nil {
            let code = right.split(separator: "v1=")[1]
            try hold(
                bytes.text.contains(code) && bytes.text.contains("t=1700000000"),
                "accepted without its code")
        }
        // The right one stays right behind other schemes, as long as the header keeps its form.
        let noise = bytes.text.filter { !",=".contains($0) && $0.isASCII }.prefix(64)
        try hold(refusal(of: right + ",x\(noise)=\(noise)") == nil, "the right one was refused")
    }

    /// What is sent to Stripe is read as it was meant by whoever decodes forms.
    static func form(_ bytes: [UInt8]) throws(BrokenPromise) {
        let parts = bytes.text.split(separator: "&", omittingEmptySubsequences: false)
        var form = StripeForm()
        for (number, part) in parts.prefix(QueryString.maximumPairs).enumerated() {
            form.add("\(number)[\(part)]", String(part))
        }
        for text in [form.query, form.body] {
            try hold(text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "only visible ASCII")
            let read = try? QueryString.parse(text[...])
            try hold(read?.count == form.fields.count, "as many fields as were added")
            for field in form.fields {
                let value = read?[field.name]?.first
                try hold(
                    value?.utf8.elementsEqual(field.value.utf8) == true,
                    "\(field) is read as it was written")
            }
        }
    }

    static func query(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let values = try? QueryString.parse(bytes.text[...]) else { return }
        let count = values.values.reduce(0) { $0 + $1.count }
        try hold(count <= QueryString.maximumPairs, "no more pairs than the bound")
        let expected = bytes.text.split(separator: "&").count
        try hold(count == expected, "every pair is there")
    }

    static func cursor(_ bytes: [UInt8]) throws(BrokenPromise) {
        if let id = Cursor.parse(bytes.text) {
            try hold(Cursor.text(id) == bytes.text, "an id has one cursor")
            try hold(bytes.text.wholeMatch(of: /[A-Za-z0-9_-]{22}/) != nil, "a cursor's form")
        }
        guard bytes.count >= 16 else { return }
        let id = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
        try hold(Cursor.parse(Cursor.text(id)) == id, "parse(text(id)) is id")
    }

    /// As it is, and as a token whose header and claims are the lines of the input.
    static func jwt(_ bytes: [UInt8]) throws(BrokenPromise) {
        try token(bytes.text)
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1).map(Array.init)
        guard lines.count == 2 else { return }
        try token("\(Base64URL.encode(lines[0])).\(Base64URL.encode(lines[1])).AAAA")
    }

    private static func token(_ text: String) throws(BrokenPromise) {
        guard let jwt = CompactJWT(text) else { return }
        try hold(
            text.wholeMatch(of: /[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/) != nil,
            "a token has three parts")
        try hold(text.hasPrefix(jwt.signedBytes.text + "."), "the signature is over what was sent")
        let now = Timestamp.epoch.adding(seconds: 1_700_000_000)
        if jwt.isCurrent(at: now) {
            guard let expiresAt = jwt.time("exp") else {
                throw BrokenPromise(description: "no token lasts for ever")
            }
            try hold(now < expiresAt, "an expired token is not current")
            try hold(!jwt.isCurrent(at: expiresAt), "nor is one at the instant it expires")
        }
    }

    static func base64URL(_ bytes: [UInt8]) throws(BrokenPromise) {
        if let decoded = Base64URL.decode(bytes) {
            try hold(Base64URL.encode(decoded) == bytes.text, "bytes have one text")
        }
        try hold(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes, "decode(encode(x)) is x")
    }

    static func timestamp(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let time = Timestamp(rfc3339: bytes.text) else { return }
        try hold(Timestamp(rfc3339: time.rfc3339) == time, "\(time.rfc3339) reads back")
        // Digits of other scripts are digits to a regular expression, and not to RFC 3339.
        let form =
            /\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?/
            .asciiOnlyDigits()
        try hold(bytes.text.wholeMatch(of: form) != nil, "RFC 3339's form")
    }

    static func uuid(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let id = UUID(text: bytes.text) else {
            // Foundation is lenient beyond the standard's 36 characters, never within them.
            let form = /[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/
            try hold(bytes.text.wholeMatch(of: form) == nil, "a UUID was refused")
            return
        }
        try hold(id.text == bytes.text.lowercased(), "a UUID has one text in lower case")
        try hold(UUID(uuidString: bytes.text) == id, "Foundation reads the same")
    }

    static func credits(_ bytes: [UInt8]) throws(BrokenPromise) {
        let form = /-?\d{1,12}(\.\d{1,6})?/.asciiOnlyDigits()
        guard let credits = Credits(decimal: bytes.text) else {
            let isTooLarge = (Double(bytes.text) ?? 0).magnitude > 999_999_999
            try hold(
                bytes.text.wholeMatch(of: form) == nil || isTooLarge, "an amount was refused")
            return
        }
        try hold(bytes.text.wholeMatch(of: form) != nil, "a plain decimal")
        try hold(Credits(decimal: credits.decimal) == credits, "\(credits.decimal) reads back")
        try hold(Decimal(string: bytes.text) == Decimal(string: credits.decimal), "the same amount")
        if let multiplier = Multiplier(decimal: bytes.text) {
            _ = multiplier.applied(to: Credits.maximum)
            try hold(Multiplier(decimal: multiplier.decimal) == multiplier, "reads back")
        }
    }

    static func email(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let address = EmailAddress(bytes.text) else { return }
        try hold(address.text == bytes.text, "an address is kept as it was written")
        let form = /[!-?A-~^-~]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+/
        try hold(bytes.text.wholeMatch(of: form) != nil, "visible ASCII around one @")
        try hold(EmailAddress(address.key)?.key == address.key, "its key is an address")
        try hold(EmailAddress(bytes.text.uppercased())?.key == address.key, "one account a key")
        // Only an address that is written with the same asterisks looks like its own short form.
        try hold(
            !address.redacted.contains(address.text) || address.text.contains("*"),
            "the log's form does not tell it")
    }

    /// Lines of `name: value`, as headers that a parser let through: names are tokens.
    static func headers(_ bytes: [UInt8]) throws(BrokenPromise) {
        var headers = HTTPHeaders()
        var expected: [String] = []
        for line in bytes.text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].wholeMatch(of: /[!-9;-~]+/) != nil else { continue }
            let value = parts[1].trimmingCharacters(in: .whitespaces)
            headers.add(name: String(parts[0]), value: value)
            if parts[0].lowercased() == "x-request-id" { expected.append(value) }
        }
        let read = RequestHeaders(headers)
        try hold(
            read[.xRequestID] == (expected.isEmpty ? nil : expected.joined(separator: ", ")),
            "found whatever the case, joined where repeated")
        let id = RequestID.accept(read)
        try hold(id.wholeMatch(of: /[A-Za-z0-9._-]{1,128}/) != nil, "an id is safe to echo and log")
        let isDecent = expected.count == 1 && RequestID.isDecent(expected[0])
        try hold(!isDecent || id == expected[0], "a decent one is kept")
    }

    /// A value is either read, and then reads the same from its own text, or refused with places.
    static func decoder(_ bytes: [UInt8]) throws(BrokenPromise) {
        guard let json = parse(bytes) else { return }
        switch (decode(json), parse(Array(json.compactText.utf8)).map(decode)) {
        case (.success(let value), .success(let second)):
            try hold(second == value, "reads the same from its own text")
            try hold((1...3).contains(value.text.unicodeScalars.count), "a bound is kept")
            try hold((0...9).contains(value.count), "a range is kept")
            try hold(!value.text.utf8.contains(0), "no NUL gets in")
        case (.failure(let problem), .failure):
            try hold(problem.status == 422 && !problem.errors.isEmpty, "a refusal says why")
            try hold(
                problem.errors.allSatisfy { $0.loc.first == "body" && !$0.msg.isEmpty },
                "and where")
            try hold(parse(problem.body) != nil, "its answer is JSON")
        default: throw BrokenPromise(description: "judged otherwise from its own text")
        }
    }

    private static func decode(_ json: JSONValue) -> Result<Everything, Problem> {
        do throws(Problem) {
            return .success(try Everything.decode(json))
        } catch {
            return .failure(error)
        }
    }
}

/// One member of every kind that a request may have.
struct Everything: JSONInput, Equatable {
    struct Inner: JSONInput, Equatable {
        let text: String?
        static let about = "An object in an object."

        init(_ reader: inout ObjectReader) {
            text = reader.optional("text", .text(0...2), "A text.")
        }
    }

    let text: String
    let id: UUID
    let count: Int64
    let flag: Bool
    let at: Timestamp
    let kind: UsageLog.Status
    let hex: String?
    let inner: Inner?

    static let about = "Everything."

    init(_ reader: inout ObjectReader) {
        text = reader.required("text", .text(1...3), "A text.")
        id = reader.required("id", .uuid, "An id.")
        count = reader.required("count", .integer(0...9), "A number.")
        flag = reader.optional("flag", .bool, default: false, "A flag.")
        at = reader.required("at", .time, "A time.")
        kind = reader.required("kind", .oneOf(UsageLog.Status.self), "One of a few.")
        hex = reader.optional(
            "hex",
            .characters(4, outOf: "0123456789abcdef", pattern: "^[0-9a-f]{4}$", "is not hex"),
            "Digits.")
        inner = reader.optional("inner", .object(Inner.self), "An object.")
    }
}
