import Foundation
import Stripe

/// The mirrors of all products: an event names a page or a payment, not a product, and the one
/// that has sold it is asked. A page that names nobody is of an earlier version, and a user's.
package struct PackMirrors: Sendable {
    package let users: PackMirror
    private let others: [PackMirror]

    package init(users: PackMirror, others: [PackMirror]) {
        self.users = users
        self.others = others
    }

    /// See ``PackMirror/refresh(_:requestID:)``.
    package func refresh(_ sessionID: String, requestID: String?) async throws {
        try await mirror(ofPage: sessionID).refresh(sessionID, requestID: requestID)
    }

    /// See ``PackMirror/paymentChanged(_:object:type:requestID:)``.
    package func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws {
        try await mirror(ofPayment: intent).paymentChanged(
            intent, object: object, type: type, requestID: requestID)
    }

    private func mirror(ofPage sessionID: String) async throws -> PackMirror {
        for mirror in [users] + others where try await mirror.purchases.hasSold(sessionID) {
            return mirror
        }
        let page = try await users.find(sessionID)
        return others.first { $0.isNamed(by: page) } ?? users
    }

    private func mirror(ofPayment intent: String) async throws -> PackMirror {
        for mirror in [users] + others
        where try await mirror.purchases.session(ofPayment: intent) != nil {
            return mirror
        }
        let page = try await users.soldPage(ofPayment: intent)
        return others.first { $0.isNamed(by: page) } ?? users
    }
}
