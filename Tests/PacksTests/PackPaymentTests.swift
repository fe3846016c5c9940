import JSON
import Packs
import Stripe
import Testing
import Values

@Suite("What went back of a pack's money is taken back of its credits, once")
struct PackPaymentTests {
    private static func refund(_ amount: Int64, _ status: String = "succeeded") throws
        -> StripeRefund
    {
        try StripeRefund([
            "id": "re_1", "object": "refund", "amount": .int(amount), "currency": "usd",
            "status": .string(status), "payment_intent": "pi_1", "created": 1,
        ])
    }

    private static func dispute(_ amount: Int64, _ status: String) throws -> StripeDispute {
        try StripeDispute([
            "id": "du_1", "object": "dispute", "amount": .int(amount), "charge": "ch_1",
            "payment_intent": "pi_1", "status": .string(status), "livemode": false,
        ])
    }

    private static let credits = Credits(decimal: "100")!

    private func taken(
        _ refunds: [StripeRefund], _ disputes: [StripeDispute] = [], paid: Int64 = 500,
        of credits: String = "100"
    ) -> String {
        PackPayment(paid: paid, refunds: refunds, disputes: disputes)
            .takenBack(of: Credits(decimal: credits)!).decimal
    }

    @Test("The share of the money is the share of the credits, rounded down to the hundredth")
    func shares() throws {
        #expect(try taken([Self.refund(250)]) == "50.00")
        #expect(try taken([Self.refund(100), Self.refund(25)]) == "25.00")
        #expect(try taken([Self.refund(1)], paid: 300) == "0.33")
        #expect(try taken([Self.refund(299)], paid: 300) == "99.66")
        #expect(try taken([Self.refund(500)]) == "100.00")
        // All of it goes back at a full refund, whatever its decimals are.
        #expect(try taken([Self.refund(500)], of: "1.000001") == "1.000001")
        #expect(taken([]) == "0.00" && taken([], paid: 0) == "0.00")
    }

    @Test("A refund that failed, was canceled or has not arrived takes nothing")
    func failed() throws {
        for status in ["failed", "canceled", "pending", "requires_action"] {
            #expect(try taken([Self.refund(500, status)]) == "0.00")
        }
        #expect(try taken([Self.refund(500, "failed"), Self.refund(250)]) == "50.00")
    }

    @Test("A refund and a lost dispute of one payment take back once")
    func once() throws {
        let lost = try Self.dispute(500, "lost")
        #expect(try taken([Self.refund(500)], [lost]) == "100.00")
        #expect(try taken([Self.refund(250)], [lost]) == "100.00")
        #expect(try taken([Self.refund(250)], [Self.dispute(250, "lost")]) == "100.00")
        #expect(try taken([], [Self.dispute(250, "lost")]) == "50.00")
        #expect(try taken([], [Self.dispute(500, "won")]) == "0.00")
    }

    @Test(
        "A dispute freezes while it is open; an inquiry and a closed one do not",
        arguments: [
            ("needs_response", true), ("under_review", true), ("appeal_under_review", true),
            ("appeal_needs_response", true), ("won", false), ("lost", false),
            ("prevented", false), ("warning_needs_response", false),
            ("warning_under_review", false), ("warning_closed", false),
        ])
    func freezes(status: String, isFrozen: Bool) throws {
        let payment = PackPayment(
            paid: 500, refunds: [], disputes: [try Self.dispute(500, status)])
        #expect(payment.isDisputed == isFrozen)
        let beside = PackPayment(
            paid: 500, refunds: [],
            disputes: try [Self.dispute(500, "won"), Self.dispute(500, status)])
        #expect(beside.isDisputed == isFrozen)
    }
}
