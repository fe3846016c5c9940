import Foundation
import HTTPEndpoint

/// Where a user pays.
package struct CareerCheckoutResponse: JSONObjectOutput {
    package let checkoutURL: String
    let sessionID: String

    package init(checkoutURL: String, sessionID: String) {
        self.checkoutURL = checkoutURL
        self.sessionID = sessionID
    }

    package static let about = "A page on which to pay."
    package static let fields: [OutputField<CareerCheckoutResponse>] = [
        OutputField("checkout_url", .text, "Send the user there.") { $0.checkoutURL },
        OutputField("session_id", .text, "The checkout's id at Stripe.") { $0.sessionID },
    ]
}

extension InputKind where Value == String {
    /// An absolute address that a browser can be sent to; nothing else may be, or it could be made
    /// to run a script.
    package static var webAddress: InputKind<String> {
        .text(1...2048, format: "uri")
            .satisfying("url", "must be an absolute http or https address") { text in
                let address = text.replacing("{CHECKOUT_SESSION_ID}", with: "CHECKOUT_SESSION_ID")
                guard address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                    let url = URL(string: address), let scheme = url.scheme?.lowercased()
                else { return false }
                return (scheme == "http" || scheme == "https") && url.host?.isEmpty == false
                    && url.user == nil
            }
    }
}
