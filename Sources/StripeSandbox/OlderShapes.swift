import GRDB
import JSON

/// Objects as an older version of the API showed them
/// (docs.stripe.com/changelog/basil, docs.stripe.com/changelog/dahlia).
struct OlderShapes {
    let db: Database
    let version: APIVersion

    /// The value with every object in it in the version's shape. One that has it already stays, and
    /// so does an event, which keeps the version that it was made in.
    func shaped(_ value: JSONValue) throws -> JSONValue {
        guard version < .dahlia, value["object"] != "event" else { return value }
        switch value {
        case .array(let elements): return .array(try elements.map { try shaped($0) })
        case .object(let object):
            let members = try object.members.map { member in
                (key: member.key, value: try shaped(member.value))
            }
            return try changed(.object(JSONObject(members)), from: value)
        default: return value
        }
    }

    private func changed(_ value: JSONValue, from original: JSONValue) throws -> JSONValue {
        var value = value
        let kind = value["object"]?.string.flatMap(Kind.init(rawValue:))
        if kind == .checkoutSession, value["ui_mode"] == "hosted_page" {
            value.set("ui_mode", to: "hosted")
        }
        if kind == .subscription, version < .billingModes {
            value.remove("billing_mode", "billing_schedules")
        }
        guard version < .basil else { return value }
        switch kind {
        case .invoice: try changeInvoice(&value)
        case .subscription: changeSubscription(&value, from: original)
        case .charge: try addInvoice(to: &value, intent: value["payment_intent"]?.string)
        case .paymentIntent: try addInvoice(to: &value, intent: value["id"]?.string)
        case .invoiceitem: try changeItem(&value)
        default:
            if value["object"] == "line_item" { try changeLine(&value) }
            if value["object"] == "subscription_item" {
                value.remove("current_period_start", "current_period_end")
            }
        }
        return value
    }

    /// `previous_attributes` of an event are a part of its object.
    func shaped(previous value: JSONValue, of object: JSONValue) throws -> JSONValue {
        guard version < .basil, object["object"] == "subscription" else { return value }
        var value = value
        if let item = value.at("items", "data")?.array?.first {
            for name in ["current_period_start", "current_period_end"] {
                if item[name] != object[name] { value.set(name, to: item[name] ?? .null) }
            }
            if item["plan"] != object["plan"] { value.set("plan", to: item["plan"] ?? .null) }
        }
        return try shaped(value)
    }

    // MARK: Before basil

    private func changeInvoice(_ invoice: inout JSONValue) throws {
        guard let parent = invoice["parent"] else { return }
        let details = parent["subscription_details"]
        invoice.set("subscription", to: details?["subscription"] ?? .null)
        invoice.set("subscription_details", to: ["metadata": details?["metadata"] ?? .null])
        invoice.set("paid", to: .bool(invoice["status"] == "paid"))
        invoice.set("paid_out_of_band", to: false)
        let payment = try payment(ofInvoice: invoice["id"]?.string ?? "")
        invoice.set("payment_intent", to: payment?["id"] ?? .null)
        invoice.set("charge", to: payment?["latest_charge"] ?? .null)
        for name in ["discount", "quote", "tax", "application_fee_amount", "transfer_data"] {
            invoice.set(name, to: .null)
        }
        invoice.set("total_tax_amounts", to: [])
        if let date = details?["subscription_proration_date"], date != .null {
            invoice.set("subscription_proration_date", to: date)
        }
        invoice.remove(
            "parent", "amount_overpaid", "total_taxes", "total_pretax_credit_amounts")
    }

    private func changeLine(_ line: inout JSONValue) throws {
        guard let parent = line["parent"] else { return }
        let details = parent["subscription_item_details"]
        let isProration = details?["proration"]?.bool == true
        line.set("type", to: isProration ? "invoiceitem" : "subscription")
        line.set("subscription", to: details?["subscription"] ?? .null)
        line.set("subscription_item", to: details?["subscription_item"] ?? .null)
        if isProration { line.set("invoice_item", to: details?["invoice_item"] ?? .null) }
        line.set("proration", to: .bool(isProration))
        line.set(
            "proration_details",
            to: ["credited_items": details?.at("proration_details", "credited_items") ?? .null])
        try setPrice(of: &line)
        line.set("tax_amounts", to: [])
        line.set("tax_rates", to: [])
        line.set("amount_excluding_tax", to: line["amount"] ?? 0)
        line.remove("parent", "pricing", "taxes", "pretax_credit_amounts", "subtotal")
    }

    private func changeItem(_ item: inout JSONValue) throws {
        guard let parent = item["parent"] else { return }
        let details = parent["subscription_details"]
        item.set("subscription", to: details?["subscription"] ?? .null)
        item.set("subscription_item", to: details?["subscription_item"] ?? .null)
        try setPrice(of: &item)
        item.remove("parent", "pricing", "proration_details", "quantity_decimal", "net_amount")
    }

    private func setPrice(of line: inout JSONValue) throws {
        let id = line.at("pricing", "price_details", "price")?.string ?? ""
        let price = try object(id) ?? .null
        line.set("price", to: price)
        line.set("plan", to: price == .null ? .null : SubscriptionItem.plan(of: price))
        line.set("unit_amount_excluding_tax", to: price["unit_amount_decimal"] ?? .null)
    }

    private func changeSubscription(
        _ subscription: inout JSONValue, from original: JSONValue
    ) {
        guard subscription["current_period_end"] == nil,
            let items = original.at("items", "data")?.array, let item = items.first
        else { return }
        for name in ["current_period_start", "current_period_end"] {
            subscription.set(name, to: item[name] ?? .null)
        }
        // Of several items neither is the subscription's own.
        let isOne = items.count == 1
        subscription.set("plan", to: isOne ? item["plan"] ?? .null : .null)
        subscription.set("quantity", to: isOne ? item["quantity"] ?? 1 : .null)
        subscription.set("discount", to: .null)
    }

    private func addInvoice(to value: inout JSONValue, intent: String?) throws {
        guard value["invoice"] == nil else { return }
        let body = try String.fetchOne(
            db, sql: "SELECT body FROM objects WHERE kind = ? AND lookup = ?",
            arguments: [Kind.invoicePayment.rawValue, intent])
        let payment = try body.map { try JSONValue.parse($0) }
        value.set("invoice", to: payment?["invoice"] ?? .null)
    }

    private func payment(ofInvoice invoice: String) throws -> JSONValue? {
        let body = try String.fetchOne(
            db, sql: "SELECT body FROM objects WHERE kind = ? AND parent = ? ORDER BY sequence",
            arguments: [Kind.invoicePayment.rawValue, invoice])
        let payment = try body.map { try JSONValue.parse($0) }
        guard let id = payment?.at("payment", "payment_intent")?.string else { return nil }
        return try object(id)
    }

    private func object(_ id: String) throws -> JSONValue? {
        let body = try String.fetchOne(
            db, sql: "SELECT body FROM objects WHERE id = ?", arguments: [id])
        return try body.map { try JSONValue.parse($0) }
    }
}
