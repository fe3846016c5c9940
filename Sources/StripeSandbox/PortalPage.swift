import JSON

/// The customer portal's page: what its configuration offers, as plain forms.
extension Account {
    func portalPage(_ session: JSONValue, problem: String?) throws -> Answer {
        let configuration = try configuration(of: session)
        var body = "<h1>Your subscription</h1>" + HTML.notice(problem)
        let subscriptions = try portalSubscriptions(of: session)
        if subscriptions.isEmpty { body += "<p>You have no running subscription.</p>" }
        body += try flowSection(session)
        for subscription in subscriptions {
            body += try portalSection(subscription, configuration)
        }
        if allows("payment_method_update", configuration) { body += cardSection() }
        if allows("invoice_history", configuration) { body += try invoiceSection(session) }
        if let back = session["return_url"]?.string {
            body += "<p><a href=\"\(HTML.escape(back))\">Back to the site</a></p>"
        }
        return HTML.page("Manage your subscription", body)
    }

    private func portalSection(
        _ subscription: JSONValue, _ configuration: JSONValue
    ) throws -> String {
        guard let id = subscription["id"]?.string,
            let item = SubscriptionItem.all(of: subscription).first
        else { return "" }
        let name = HTML.escape(try productName(of: item.price))
        let endDate = subscription["cancel_at"]?.int
        let end = CalendarDates.spoken(endDate ?? item.periodEnd)
        let hidden = hiddenField("subscription", id)
        var html = """
            <h2>\(name)</h2>
            <p>\(HTML.escape(Money.spoken(item.terms))), \
            \(HTML.escape(subscription["status"]?.string ?? "")). \
            \(endDate != nil ? "Ends on" : "Renews on") \(end).</p>
            """
        if allows("subscription_cancel", configuration) {
            let button =
                endDate != nil
                ? HTML.button("resume", "Keep the subscription", kind: "main")
                : HTML.button("cancel", "Cancel the subscription")
            html += "<form method=\"post\">\(hidden)\(button)</form>"
        }
        for price in try offers(configuration) where price["id"] != item.price["id"] {
            let label = "Switch to \(try productName(of: price)), "
            html += """
                <form method="post">\(hidden)
                \(hiddenField("price", price["id"]?.string ?? ""))
                \(HTML.button("upgrade", label + Money.spoken(PriceTerms(price))))
                </form>
                """
        }
        return html
    }

    /// What a `subscription_update_confirm` link asks for.
    private func flowSection(_ session: JSONValue) throws -> String {
        guard let wanted = session.at("flow", "subscription_update_confirm"),
            let id = wanted["subscription"]?.string,
            let price = wanted["items"]?.array?.first?["price"]?.string
        else { return "" }
        let terms = Money.spoken(PriceTerms(try get(.price, price)))
        return """
            <form method="post">\(hiddenField("subscription", id))
            \(HTML.button("confirm", "Confirm the change to \(terms)", kind: "main"))
            </form>
            <form method="post">\(hiddenField("subscription", id))
            \(hiddenField("authenticate", "true"))
            \(HTML.button("confirm", "Confirm with 3D Secure"))
            </form>
            """
    }

    private func cardSection() -> String {
        let cards = TestCard.all.filter { $0.attachFailure == nil }
        let options = cards.map { card in
            "<option value=\"\(card.name)\">\(card.brand) \(card.last4)</option>"
        }.joined()
        return """
            <h2>Card</h2>
            <form method="post"><select name="card" aria-label="Card">\(options)</select>
            \(HTML.button("card", "Use this card from now on"))</form>
            """
    }

    private func invoiceSection(_ session: JSONValue) throws -> String {
        let invoices = try all(.invoice, .customer, is: session["customer"]?.string ?? "")
            .filter { $0["status"] != "draft" }.suffix(12).reversed()
        let rows = invoices.map { invoice in
            let url = HTML.escape(invoice["hosted_invoice_url"]?.string ?? "")
            let number = HTML.escape(invoice["number"]?.string ?? "")
            let status = HTML.escape(invoice["status"]?.string ?? "")
            return "<tr><td><a href=\"\(url)\">\(number)</a></td><td>\(status)</td></tr>"
        }.joined()
        return rows.isEmpty ? "" : "<h2>Invoices</h2><table>\(rows)</table>"
    }

    private func hiddenField(_ name: String, _ value: String) -> String {
        "<input type=\"hidden\" name=\"\(name)\" value=\"\(HTML.escape(value))\">"
    }
}
