import JSON

/// The pages that people see: the checkout, the portal, an invoice.
struct Pages: Sendable {
    let sandbox: Sandbox

    /// Whether a path belongs to a page.
    static func owns(_ path: String) -> Bool {
        ["/c/pay/", "/p/session/", "/i/"].contains { path.hasPrefix($0) }
    }

    func answer(_ call: Call) async -> Answer {
        do {
            return try await handled(call)
        } catch let error as StripeError {
            let title = error.status == 404 ? "Not found" : "Something went wrong"
            let body = "<h1>\(title)</h1>\(HTML.notice(error.message))"
            return HTML.page(title, body, status: error.status)
        } catch {
            sandbox.logger.error("a page failed", metadata: ["error": "\(error)"])
            return HTML.page("Something went wrong", "<h1>Something went wrong</h1>", status: 500)
        }
    }

    private func handled(_ call: Call) async throws -> Answer {
        let id = String(call.path.split(separator: "/").last ?? "")
        let form = call.method == "POST" ? try Parameters(form: call.body) : nil
        guard call.method == "GET" || form != nil else {
            throw StripeError(405, "invalid_request_error", "Only GET and POST are known here.")
        }
        if call.path.hasPrefix("/c/pay/") {
            guard let form else { return try await checkoutPage(id) }
            return try await useCheckout(id, action: form.text("action") ?? "")
        }
        if call.path.hasPrefix("/p/session/") {
            guard let form else { return try await openPortal(id) }
            return try await usePortal(id, form)
        }
        guard let form else { return try await invoicePage(id) }
        return try await useInvoice(id, action: form.text("action") ?? "")
    }

    // MARK: The portal

    private func openPortal(_ id: String) async throws -> Answer {
        try await sandbox.perform { account in
            try account.portalPage(try account.openPortalLink(id), problem: nil)
        }
    }

    private func usePortal(_ id: String, _ form: Parameters) async throws -> Answer {
        do {
            let flow = try await sandbox.perform { account in
                let session = try account.runningPortalSession(id)
                try account.followClock(id, Parameters(), changes: true)
                try account.usePortal(session, form)
                try account.renewPortalLink(of: session)
                return session["flow"] ?? .null
            }
            let back = flow.at("after_completion", "redirect", "return_url")?.string
            return HTML.redirect(to: back ?? "/p/session/\(id)")
        } catch let error as StripeError where error.status == 402 {
            return try await sandbox.perform { account in
                let session = try account.runningPortalSession(id)
                return try account.portalPage(session, problem: error.message)
            }
        }
    }

    // MARK: An open invoice

    private func invoicePage(_ id: String, problem: String? = nil) async throws -> Answer {
        try await sandbox.perform { account in
            try account.invoicePage(try account.get(.invoice, id), problem: problem)
        }
    }

    private func useInvoice(_ id: String, action: String) async throws -> Answer {
        guard ["pay", "authenticate", "process"].contains(action) else {
            return try await invoicePage(id, problem: CardFailure.declined.message)
        }
        do {
            _ = try await sandbox.perform { account in
                let invoice = try account.get(.invoice, id)
                try account.followClock(id, Parameters(), changes: true)
                let customer = invoice["customer"]?.string ?? ""
                if action == "process" { try account.setNextCharge("processing", of: customer) }
                let card =
                    action == "authenticate"
                    ? nil : try account.attach(.visa, to: customer)["id"]?.string
                return try account.pay(
                    id, method: card, authenticated: action == "authenticate")
            }
            return HTML.redirect(to: "/i/\(id)")
        } catch let error as StripeError where error.status == 402 {
            return try await invoicePage(id, problem: error.message)
        }
    }
}

extension Account {
    func invoicePage(_ invoice: JSONValue, problem: String?) throws -> Answer {
        let currency = invoice["currency"]?.string ?? "usd"
        let due = Money.spoken(invoice["amount_remaining"]?.int ?? 0, currency)
        let number = HTML.escape(invoice["number"]?.string ?? "draft")
        var body = "<h1>Invoice \(number)</h1>" + HTML.notice(problem) + "<table>"
        for line in invoice.at("lines", "data")?.array ?? [] {
            let amount = Money.spoken(line["amount"]?.int ?? 0, currency)
            let name = HTML.escape(line["description"]?.string ?? "")
            body += "<tr><td>\(name)</td><td>\(amount)</td></tr>"
        }
        body += "<tr class=\"total\"><td>To pay</td><td>\(due)</td></tr></table>"
        if invoice["status"] == "open" {
            body += """
                <form method="post">
                \(HTML.button("pay", "Pay \(due) with a new card", kind: "main"))
                \(HTML.button("authenticate", "Confirm with the card on file (3D Secure)"))
                \(HTML.button("process", "Pay from a bank, which takes days"))
                \(HTML.button("decline", "Pay with a card that is declined"))
                </form>
                """
        } else {
            body += "<p>This invoice is \(HTML.escape(invoice["status"]?.string ?? "")).</p>"
        }
        return HTML.page("Invoice", body)
    }
}
