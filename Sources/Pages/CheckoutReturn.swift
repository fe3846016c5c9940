import Billing
import FoundationEssentials
import HTTPEndpoint
import PageFrame
import Subscriptions

/// Where the payment provider leads back to: tells what has become of the payment, at an address
/// that a reload does not repeat.
protocol CheckoutReturn: Page where Input == String? {
    /// The address of the page on which it was bought.
    static var place: String { get }
    /// What the page says once the payment is there.
    static var notice: String { get }

    /// Whether what was paid for is the user's by now.
    func isThere(_ session: String, _ user: UUID, _ visit: Visit) async throws -> Bool
}

extension CheckoutReturn {
    func read(_ input: inout InputReader) -> String? {
        input.query("session", .text(1...255), "The checkout's id.")
    }

    func view(_ session: String?, _ visit: Visit) async throws -> PageView {
        guard let session else { return PageView(.redirect(Self.place)) }
        let isThere = try await isThere(session, visit.call.user().userID, visit)
        return PageView(
            isThere
                ? .redirect(Self.place, notice: Self.notice)
                : .redirect(Self.place + "?arriving=1"))
    }
}

extension Submitted {
    /// Leads to the payment provider's page.
    ///
    /// - Throws: ``Problem`` 503 if it has none.
    package init(leavingTo url: String?) throws(Problem) {
        guard let url else { throw .paymentProviderUnavailable }
        self.init(url)
    }
}

extension Site {
    /// Where the payment provider leads back to from a page on which something is bought, paid or
    /// not.
    package func ways(from place: String) -> (success: String, cancel: String) {
        (publicURL + place + "/paid?session={CHECKOUT_SESSION_ID}", publicURL + place)
    }
}
