import Promotions
import Testing
import Values

@Suite("A code is what a user types, and has its time")
struct PromotionCodeTests {
    @Test(
        "Case and surrounding space do not matter",
        arguments: [
            ("WELCOME", "WELCOME"), ("welcome", "WELCOME"), (" Wel-come_26\n", "WEL-COME_26"),
            ("\t1\r\n", "1"),
            (String(repeating: "a", count: 64), String(repeating: "A", count: 64)),
        ])
    func spelled(text: String, code: String) {
        #expect(PromotionCode.spelled(text) == code)
    }

    @Test(
        "Anything else can be no code",
        arguments: [
            "", " ", "A B", "é", "Ａ", "a\u{301}", "A\u{0}", "A.B", "'", "\u{200B}A",
            String(repeating: "A", count: 65),
        ])
    func nonsense(text: String) {
        #expect(PromotionCode.spelled(text) == nil)
    }

    private static let start = Timestamp(rfc3339: "2026-12-01T00:00:00Z")!

    private static func code(
        redeemed: Int64 = 0, total: Int64 = 2, days: Int64? = 10
    ) -> PromotionCode {
        PromotionCode(
            code: "A", credits: Credits(decimal: "1")!, total: total, redeemed: redeemed,
            startsAt: start, endsAt: days.map { start.adding(seconds: $0 * 86_400) },
            validDays: nil)
    }

    @Test("It is redeemed from its start on until its end, the end excluded")
    func times() {
        let code = Self.code()
        #expect(code.refusal(at: Self.start.adding(seconds: -1)) == .notYetValid)
        #expect(code.refusal(at: Self.start) == nil)
        #expect(code.refusal(at: Self.start.adding(seconds: 864_000 - 1)) == nil)
        #expect(code.refusal(at: Self.start.adding(seconds: 864_000)) == .expired)
        let endless = Self.code(days: nil)
        #expect(endless.refusal(at: Self.start.adding(seconds: 1_000_000_000)) == nil)
    }

    @Test("Its times are told before that it is used up")
    func order() {
        let code = Self.code(redeemed: 2)
        #expect(code.refusal(at: Self.start.adding(seconds: -1)) == .notYetValid)
        #expect(code.refusal(at: Self.start) == .usedUp)
        #expect(code.refusal(at: Self.start.adding(seconds: 864_000)) == .expired)
        #expect(Self.code(redeemed: 1).refusal(at: Self.start) == nil)
    }
}
