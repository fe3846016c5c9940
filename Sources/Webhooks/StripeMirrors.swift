import Billing
import FoundationEssentials
import Logging

/// The mirrors of all products: an event names a subscription at Stripe, and not whose it is.
package struct StripeMirrors: Sendable {
    private let all: [StripeMirror]
    private let logger: Logger

    /// - Parameter all: the product that sells most first: it is asked first of what nobody knows.
    package init(_ all: [StripeMirror], logger: Logger) {
        self.all = all
        self.logger = logger
    }

    /// Those of the products that are offered. Whatever is asked of each product is asked of these:
    /// one without a catalog has no holders, and its ledger decides nothing.
    private func offered() async throws -> [StripeMirror] {
        var offered: [StripeMirror] = []
        for mirror in all where try await mirror.isOffered() { offered.append(mirror) }
        return offered
    }

    /// The mirror of the product of which a holder has the subscription; `nil` where none has it.
    func linked(to subscriptionID: String) async throws -> StripeMirror? {
        for mirror in try await offered() where try await mirror.isLinked(subscriptionID) {
            return mirror
        }
        return nil
    }

    /// Has the product that a subscription is of bring it in line.
    ///
    /// - Parameter holder: whose it is, if the event tells.
    func refresh(
        _ subscriptionID: String, holder: UUID? = nil, requestID: String?
    ) async throws {
        let known = try await linked(to: subscriptionID).map { [$0] }
        let asked = if let known { known } else { try await offered() }
        var isNobodys = false
        for mirror in asked {
            switch try await mirror.refresh(
                subscriptionID, userID: holder, requestID: requestID)
            {
            case .mirrored: return
            case .nobodys: isNobodys = true
            case .unknown: break
            }
        }
        if isNobodys {
            logger.info(
                "a subscription of nobody here", metadata: ["id": "\(subscriptionID)"])
        }
    }

    /// Forgets a customer who was deleted at Stripe.
    func forget(_ customerID: String, requestID: String?) async throws {
        for mirror in try await offered() {
            try await mirror.forget(customerID, requestID: requestID)
        }
    }

    /// Looks anew at what the invoices of a payment have bought, see
    /// ``StripeMirror/paymentChanged(_:object:type:requestID:)``.
    ///
    /// - Returns: whether the payment is an invoice's.
    func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws -> Bool {
        for mirror in try await offered() {
            let isInvoices = try await mirror.paymentChanged(
                intent, object: object, type: type, requestID: requestID)
            if !isInvoices { return false }
        }
        return true
    }

    /// A page was used or has lapsed.
    func closePage(_ sessionID: String) async throws {
        for mirror in try await offered() { try await mirror.closePage(sessionID) }
    }
}
