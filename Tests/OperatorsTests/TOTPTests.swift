import Operators
import Testing
import Values

@Suite("Codes by time, RFC 6238")
struct TOTPTests {
    /// RFC 6238, appendix B: the secret of its table, and the last six of its eight digits.
    private let secret = Array("12345678901234567890".utf8)

    @Test(
        "The codes are those of the RFC's table",
        arguments: [
            (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"),
            (1_234_567_890, "005924"), (2_000_000_000, "279037"),
        ] as [(Int64, String)])
    func table(seconds: Int64, code: String) throws {
        let now = try #require(Timestamp(seconds: seconds))
        #expect(TOTP.code(secret, step: TOTP.step(at: now)) == code)
        #expect(TOTP.step(of: code, secret, after: 0, now: now) == seconds / 30)
    }

    @Test("A code is good one step before and after its own, and no further")
    func tolerance() throws {
        let step: Int64 = 40_000_000
        let code = TOTP.code(secret, step: step)
        for difference in -2...2 as ClosedRange<Int64> {
            let now = try #require(Timestamp(seconds: (step + difference) * 30))
            let found = TOTP.step(of: code, secret, after: 0, now: now)
            #expect(found == (abs(difference) <= 1 ? step : nil), "\(difference)")
        }
    }

    @Test("A step is good once, and none before it afterwards")
    func once() throws {
        let now = try #require(Timestamp(seconds: 1_200_000_000))
        let present = TOTP.step(at: now)
        let before = TOTP.code(secret, step: present - 1)
        let after = TOTP.code(secret, step: present + 1)
        #expect(TOTP.step(of: before, secret, after: present - 1, now: now) == nil)
        #expect(TOTP.step(of: before, secret, after: present, now: now) == nil)
        #expect(TOTP.step(of: after, secret, after: present, now: now) == present + 1)
    }

    @Test(
        "The secret is written in base 32, RFC 4648",
        arguments: [
            ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI"),
        ])
    func base32(text: String, expected: String) {
        #expect(TOTP.base32(Array(text.utf8)) == expected)
    }

    @Test("An authenticator's address keeps names from becoming parameters")
    func address() {
        let text = TOTP.address(secret, of: "a&secret=X@x.test", issuer: "Cue BX: ü?")
        #expect(
            text == "otpauth://totp/Cue%20BX%3A%20%C3%BC%3F:a%26secret%3DX%40x.test?secret="
                + "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Cue%20BX%3A%20%C3%BC%3F"
                + "&algorithm=SHA1&digits=6&period=30")
    }
}
