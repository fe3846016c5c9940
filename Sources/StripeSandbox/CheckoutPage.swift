import JSON

/// The hosted checkout page (docs.stripe.com/payments/checkout).
extension Pages {
    func checkoutPage(_ id: String, problem: String? = nil) async throws -> Answer {
        try await sandbox.perform { account in
            try account.checkoutPage(try account.get(.checkoutSession, id), problem: problem)
        }
    }

    /// Carries out a button. A session is completed once: whoever pays again is only sent on.
    func useCheckout(_ id: String, action: String) async throws -> Answer {
        let session = try await sandbox.perform { try $0.get(.checkoutSession, id) }
        switch (action, session["status"]?.string) {
        case ("cancel", _):
            guard let location = session["cancel_url"]?.string else {
                return try await checkoutPage(id, problem: "There is no page to go back to.")
            }
            return HTML.redirect(to: Self.filled(location, session: id))
        case (_, "expired"): return try await checkoutPage(id)
        case (_, "complete"): return Self.success(session, id)
        case ("decline", _):
            return try await checkoutPage(id, problem: CardFailure.declined.message)
        case ("pay", _), ("keep", _), ("authenticate", _), ("process", _):
            return try await pay(id, action: action)
        default: throw StripeError.invalid("Unknown action", param: "action")
        }
    }

    private func pay(_ id: String, action: String) async throws -> Answer {
        do {
            let session = try await sandbox.perform { account in
                let session = try account.get(.checkoutSession, id)
                // Another click may have been faster.
                if session["status"] == "complete" { return session }
                try account.followClock(id, Parameters(), changes: true)
                return try account.completeSession(
                    id, authenticated: action == "authenticate",
                    isProcessed: action == "process", keepsCard: action == "keep")
            }
            return Self.success(session, id)
        } catch let error as StripeError where error.status == 402 {
            return try await checkoutPage(id, problem: error.message)
        }
    }

    private static func success(_ session: JSONValue, _ id: String) -> Answer {
        HTML.redirect(to: filled(session["success_url"]?.string ?? "/", session: id))
    }

    /// Puts the session's id where the URL asks for it.
    private static func filled(_ url: String, session: String) -> String {
        let placeholders = ["{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D"]
        return placeholders.reduce(url) { filled, placeholder in
            filled.split(separator: placeholder, omittingEmptySubsequences: false)
                .joined(separator: session)
        }
    }
}

extension Account {
    func checkoutPage(_ session: JSONValue, problem: String?) throws -> Answer {
        guard let id = session["id"]?.string else { return HTML.page("Checkout", "") }
        switch session["status"]?.string {
        case "complete":
            return HTML.page("Checkout", "<h1>Paid</h1><p>This checkout is complete.</p>")
        case "expired":
            let body = "<h1>Expired</h1><p>This checkout has expired. Please start again.</p>"
            return HTML.page("Checkout", body, status: 410)
        default: break
        }
        let currency = session["currency"]?.string ?? "usd"
        let total = Money.spoken(session["amount_total"]?.int ?? 0, currency)
        var rows = ""
        for item in try lineItems(ofSession: id)["data"]?.array ?? [] {
            let quantity = item["quantity"]?.int ?? 1
            let name =
                (quantity == 1 ? "" : "\(quantity) × ")
                + HTML.escape(item["description"]?.string ?? "")
            let isOnce = item.at("price", "type") == "one_time"
            let price =
                isOnce
                ? Money.spoken(item["amount_total"]?.int ?? 0, currency)
                : Money.spoken(PriceTerms(item["price"] ?? .null))
            rows += "<tr><td>\(name)</td><td>\(HTML.escape(price))</td></tr>"
        }
        let order = try order(ofSession: id)
        let isTrial = order["trial_days"]?.int != nil || order["trial_end"]?.int != nil
        let trial = order["trial_days"]?.int.map { "<p>\($0) days free, then as above.</p>" } ?? ""
        let keep =
            order.at("intent", "may_keep_card") == true
            ? HTML.button("keep", "Pay \(total) and save the card for later") : ""
        let body = """
            <h1>\(session["mode"] == "payment" ? "Buy" : "Subscribe")</h1>
            \(HTML.notice(problem))
            <table>\(rows)
            <tr class="total"><td>Due today</td><td>\(total)</td></tr></table>
            \(trial)
            <p class="quiet">Choose how the test card behaves.</p>
            <form method="post">
            \(HTML.button("pay", isTrial ? "Start the trial" : "Pay \(total)", kind: "main"))
            \(keep)
            \(HTML.button("authenticate", "Pay with a card that asks for 3D Secure"))
            \(HTML.button("process", "Pay from a bank, which takes days"))
            \(HTML.button("decline", "Pay with a card that is declined"))
            \(HTML.button("cancel", "Go back"))
            </form>
            """
        return HTML.page("Checkout", body)
    }
}
