import HTTPEndpoint
import JSON
import PageFrame
import Subscriptions
import Values

/// What was paid and what is to pay; cards and older invoices are on the payment provider's page.
struct ReceiptsPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("receipts", access: .user)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let user = try visit.call.user().userID
        let found = try await parts.career.subscription(of: user)
        let receipts = try await parts.career.billing.receipts(of: user)
        let card = try await parts.career.billing.card(of: user)
        let spoken = Spoken(words: words, zone: visit.zone)
        let now = parts.now
        return PageView([
            "can_bill": .bool(found?.account.subscription.stripeCustomerID != nil),
            "card_html": .text(card.map(spoken(_:))),
            "has_receipts": .bool(!receipts.isEmpty),
            "receipts": .array(
                receipts.map { receipt in
                    let url = receipt.url.flatMap { $0.hasPrefix("http") ? $0 : nil }
                    let key = receipt.state == .open ? "receipts.pay" : "receipts.show"
                    return [
                        "when_html": .string(spoken.day(receipt.createdAt, now: now)),
                        "total": .string(receipt.total.spoken), "id": .string(receipt.id),
                        "state_html": .string(words.html("receipt.\(receipt.state.rawValue)")),
                        "tone": .string(Self.tone(receipt.state)), "url": .text(url),
                        "act_html": .string(words.html(key)),
                    ]
                }),
        ])
    }

    /// E.g. `Paid by Visa that ends in 4242`.
    private func spoken(_ card: PaymentCard) -> String {
        // Stripe's names are in lower case with underscores; those that need another are words.
        let key = "card.\(card.brand)"
        let brand =
            words.has(key)
            ? words.html(key)
            : (card.brand.prefix(1).uppercased() + card.brand.dropFirst())
                .replacing("_", with: " ").escapedForHTML
        return words.html(
            card.lastFour == nil ? "receipts.paid_by" : "receipts.card",
            ["brand_html": brand, "digits": card.lastFour ?? ""])
    }

    private static func tone(_ state: Receipt.State) -> String {
        switch state {
        case .paid: "good"
        case .open: "bad"
        case .void: "wait"
        }
    }
}
