import Stripe
import Testing

@Suite("The signature of a webhook")
struct StripeSignatureTests {
    /// Made with the official Python library 16.1.0.
    static let hex = "35a597b98e5e7c9feeae726957dcc7d15c533391f9275c017fbde494c89eb0c0"
    static let header = "t=1700000000,v1=\(hex)"
    static let secret = "whsec_test_secret"
    static let body =
        Array(
            #"{"id":"evt_1","object":"event","type":"invoice.paid","#.utf8)
        + Array(#""data":{"object":{"id":"in_1","object":"invoice"}}}"#.utf8)

    func verdict(
        _ header: String?, body: [UInt8] = body, secrets: [String] = [secret],
        now: Int64 = 1_700_000_000, tolerance: Int64 = StripeSignature.defaultTolerance
    ) -> StripeSignatureError? {
        do throws(StripeSignatureError) {
            try StripeSignature.verify(
                header: header, body: body, secrets: secrets, now: now, tolerance: tolerance)
            return nil
        } catch {
            return error
        }
    }

    @Test("The official library's signature is accepted, and ours is the same")
    func officialVector() {
        #expect(verdict(Self.header) == nil)
        #expect(
            StripeSignature.header(
                body: Self.body, secret: Self.secret, timestamp: 1_700_000_000) == Self.header)
    }

    @Test("Secret and body are taken as UTF-8 bytes, as by the official library")
    func officialVectorBeyondASCII() {
        let header = StripeSignature.header(
            body: Array(#"{"a":"é"}"#.utf8), secret: "whsec_ü", timestamp: 1)
        #expect(
            header
                == "t=1,v1=698d578212abbc62e361977ca39ea30375b5986c2b0a2aaf7433c6a79bceada4")
    }

    @Test("While secrets rotate, any signature under any known secret counts")
    func rotation() {
        let other = String(repeating: "0", count: 64)
        #expect(verdict("t=1700000000,v1=\(other),v1=\(Self.hex)") == nil)
        #expect(verdict("t=1700000000,v1=\(Self.hex),v1=\(other)") == nil)
        #expect(verdict(Self.header, secrets: ["whsec_new", Self.secret]) == nil)
        #expect(verdict("t=1700000000, v1=\(Self.hex),v0=abc") == nil)
    }

    @Test("A signature of another body, time, secret or scheme is none")
    func noMatch() {
        var changed = Self.body
        changed[5] ^= 1
        #expect(verdict(Self.header, body: changed) == .noMatch)
        #expect(verdict(Self.header, body: []) == .noMatch)
        #expect(verdict(Self.header, body: Self.body + [0x0A]) == .noMatch)
        #expect(verdict("t=1700000001,v1=\(Self.hex)") == .noMatch)
        #expect(verdict(Self.header, secrets: ["whsec_other"]) == .noMatch)
        #expect(verdict(Self.header, secrets: ["test_secret"]) == .noMatch)
        #expect(verdict("t=1700000000,v0=\(Self.hex)") == .noMatch)
        #expect(verdict("t=1700000000") == .noMatch)
        #expect(verdict("t=1700000000,v1=") == .noMatch)
        #expect(verdict("t=1700000000,v1=\(Self.hex.dropLast())") == .noMatch)
        #expect(verdict("t=1700000000,v1=\(Self.hex)00") == .noMatch)
        #expect(verdict("t=1700000000,v1=\(Self.hex.uppercased())") == .noMatch)
    }

    @Test("Without a secret nothing is signed, not even under an empty one")
    func emptySecret() {
        let forged = StripeSignature.header(
            body: Self.body, secret: "", timestamp: 1_700_000_000)
        #expect(verdict(forged, secrets: []) == .noMatch)
        #expect(verdict(forged, secrets: [""]) == .noMatch)
        #expect(verdict(forged, secrets: ["", Self.secret]) == .noMatch)
    }

    @Test("A signature is good for five minutes and not a second longer")
    func tolerance() {
        #expect(verdict(Self.header, now: 1_700_000_300) == nil)
        #expect(verdict(Self.header, now: 1_700_000_301) == .stale)
        #expect(verdict(Self.header, now: 1_700_000_011, tolerance: 10) == .stale)
        #expect(verdict(Self.header, now: 1_699_996_400) == nil, "an hour ahead")
    }

    @Test("Whether an old signature was right is told only to who can sign")
    func staleAndWrong() {
        #expect(verdict("t=1,v1=\(Self.hex)") == .noMatch)
    }

    @Test("A missing header is told apart from one that cannot be read")
    func missing() {
        #expect(verdict(nil) == .missing)
        #expect(verdict("") == .missing)
    }

    @Test(
        "A header that cannot be read is refused",
        arguments: [
            "v1=\(hex)", "t=,v1=\(hex)", "t=x,v1=\(hex)", "t=-1,v1=\(hex)",
            "t=+1700000000,v1=\(hex)", "t=01700000000,v1=\(hex)", "t=1.7e9,v1=\(hex)",
            "t=99999999999999999999,v1=\(hex)", "t=1700000000;v1=\(hex)", "nonsense", ",",
            "t=1700000000,v1=\(hex),", "t=1700000000,t=1,v1=\(hex)",
            "t=1700000000,v1=\(hex)," + String(repeating: "v0=0,", count: 1000) + "v0=0",
        ])
    func malformed(header: String) {
        #expect(verdict(header) == .malformed)
    }
}
