import HTTPTypes

/// Header fields that the registry of HTTPTypes lacks. The names are constants of tokens'
/// characters, so they parse.
extension HTTPField.Name {
    public static let xRequestID = HTTPField.Name("X-Request-ID")!
    package static let prefer = HTTPField.Name("Prefer")!
    package static let preferenceApplied = HTTPField.Name("Preference-Applied")!
    package static let stripeSignature = HTTPField.Name("Stripe-Signature")!
}
