import HTTPTypes

/// Header fields that the registry of HTTPTypes lacks. The names are constants of tokens'
/// characters, so they parse.
extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer")!
    static let preferenceApplied = HTTPField.Name("Preference-Applied")!
    static let stripeSignature = HTTPField.Name("Stripe-Signature")!
}
