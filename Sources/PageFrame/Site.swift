/// What the settings say of the site.
package struct Site: Sendable {
    package let brand: Brand
    /// Where the site is reached, without a slash at its end.
    package let publicURL: String
    /// Whether cookies are sent over TLS alone, and browsers told to use nothing else.
    let isSecure: Bool
    /// The payment provider's origins, to which forms may lead.
    let paymentOrigins: [String]
    /// Whose pages may frame the prices.
    let embedOrigins: [String]
    /// Seconds that an unpaid period's remainder stays usable.
    package let pastDueGrace: Int64
    /// Whether users have their passwords at another identity provider: then there is no sign-up
    /// and no sign-in here.
    package let signsInElsewhere: Bool

    package init(
        brand: Brand, publicURL: String, isSecure: Bool, paymentOrigins: [String],
        embedOrigins: [String], pastDueGrace: Int64, signsInElsewhere: Bool = false
    ) {
        self.brand = brand
        self.publicURL = publicURL
        self.isSecure = isSecure
        self.paymentOrigins = paymentOrigins
        self.embedOrigins = embedOrigins
        self.pastDueGrace = pastDueGrace
        self.signsInElsewhere = signsInElsewhere
    }
}
