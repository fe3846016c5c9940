import GRDB
import JSON

/// What the knobs do to the account.
extension Account {
    /// The successful charge that a `charge`, a `payment_intent` or an `invoice` names.
    func charge(namedBy body: JSONValue) throws -> JSONValue {
        if let id = body["charge"]?.string { return try get(.charge, id, param: "charge") }
        let intent = try intent(namedBy: body)
        let charge = try all(.charge, .parent, is: intent).last { $0["paid"]?.bool == true }
        guard let charge else {
            throw StripeError.invalid("No charge was paid for what was named.")
        }
        return charge
    }

    func followClock(namedBy body: JSONValue) throws {
        let names = ["refund", "charge", "invoice", "payment_intent"].compactMap {
            body[$0]?.string
        }
        guard let name = names.first else { return }
        try followClock(name, Parameters(), changes: true)
    }

    /// The payment intent that is named, or that an invoice has.
    func intent(namedBy body: JSONValue) throws -> String {
        if let id = body["payment_intent"]?.string { return id }
        let invoice = body["invoice"]?.string ?? ""
        _ = try get(.invoice, invoice, param: "invoice")
        let payments = try all(.invoicePayment, .parent, is: invoice)
        guard let id = payments.last?.at("payment", "payment_intent")?.string else {
            throw StripeError.invalid("No payment belongs to what was named.")
        }
        return id
    }

    /// A new refund, or another status of one that is there.
    func refund(toldBy body: JSONValue) throws -> JSONValue {
        let status = body["status"]?.string
        guard status.map({ Self.refundStatuses.contains($0) }) ?? true else {
            throw StripeError.invalid(
                "status must be one of " + Self.refundStatuses.joined(separator: ", "))
        }
        if let id = body["refund"]?.string {
            return try settle(get(.refund, id, param: "refund"), as: status ?? "failed")
        }
        let isLater = status == "failed" || status == "canceled"
        let made = try refund(
            charge(namedBy: body), amount: body["amount"]?.int, reason: "requested_by_customer",
            status: isLater ? "pending" : status ?? "succeeded")
        return isLater ? try settle(made, as: status ?? "failed") : made
    }

    func setNextCharge(_ outcome: String, of customer: String) throws {
        try db.execute(
            sql: """
                INSERT INTO customer_knobs (customer, next_charge) VALUES (?, ?)
                ON CONFLICT (customer) DO UPDATE SET next_charge = excluded.next_charge
                """, arguments: [customer, outcome])
    }
}
