import GRDB
import JSON

/// The kinds of objects, spelled as the `object` member spells them.
enum Kind: String, Sendable {
    case customer, product, price, subscription, invoice, invoiceitem, charge, refund, dispute
    case event, coupon, discount
    case invoicePayment = "invoice_payment"
    case paymentIntent = "payment_intent"
    case paymentMethod = "payment_method"
    case checkoutSession = "checkout.session"
    case portalSession = "billing_portal.session"
    case portalConfiguration = "billing_portal.configuration"
    case webhookEndpoint = "webhook_endpoint"
    case testClock = "test_helpers.test_clock"
    case subscriptionSchedule = "subscription_schedule"

    /// The name that error messages use.
    var spokenName: String {
        switch self {
        case .paymentMethod: "PaymentMethod"
        case .checkoutSession: "checkout.session"
        case .portalConfiguration: "configuration"
        default: rawValue
        }
    }
}

/// Who asked for a change: events carry it.
package struct RequestIdentity: Sendable {
    var id: String?
    var idempotencyKey: String?
    var version = APIVersion.current

    /// For what happens because time has passed.
    package static let clock = RequestIdentity()
}

/// The sandbox's Stripe account inside one database transaction, at one instant.
///
/// Every endpoint is a method of it, in the file of its noun. A thrown error undoes what the method
/// has written.
package final class Account {
    let db: Database
    /// Unix seconds. While work that fell due is caught up on, the time at which it was due.
    var now: Int64
    let request: RequestIdentity
    let baseURL: String
    let knobs: TestKnobs
    /// The customers whose one-off charge outcome was used up; it stays used when the rest of the
    /// operation is undone.
    var spentNextCharges: [String] = []
    /// The customers' clock that this goes by, instead of the sandbox's own.
    var clock: String?
    /// Where the sandbox's own clock stands: events go by it, whoever's they are.
    var sandboxTime: Int64
    /// Somebody sits before the page and answers what their bank asks.
    var authenticates = false

    package init(
        db: Database, now: Int64, request: RequestIdentity, baseURL: String, knobs: TestKnobs
    ) {
        self.db = db
        self.now = now
        sandboxTime = now
        self.request = request
        self.baseURL = baseURL
        self.knobs = knobs
    }

    func newID(_ prefix: String) -> String { Identifiers.make(prefix) }

    // MARK: Objects

    func find(_ kind: Kind, _ id: String) throws -> JSONValue? {
        let body = try String.fetchOne(
            db, sql: "SELECT body FROM objects WHERE id = ? AND kind = ?",
            arguments: [id, kind.rawValue])
        return try body.map { try JSONValue.parse($0) }
    }

    /// The object, or Stripe's `resource_missing`.
    func get(_ kind: Kind, _ id: String, param: String = "id") throws -> JSONValue {
        if let object = try find(kind, id) { return object }
        throw StripeError.missing(kind, id, param: param)
    }

    /// The object unless it has been deleted: what a parameter may name.
    func getLive(_ kind: Kind, _ id: String, param: String = "id") throws -> JSONValue {
        let object = try get(kind, id, param: param)
        guard object["deleted"]?.bool != true else {
            throw StripeError.missing(kind, id, param: param)
        }
        return object
    }

    func findAny(_ id: String) throws -> JSONValue? {
        let body = try String.fetchOne(
            db, sql: "SELECT body FROM objects WHERE id = ?", arguments: [id])
        return try body.map { try JSONValue.parse($0) }
    }

    func all(_ kind: Kind, _ column: Column, is value: String) throws -> [JSONValue] {
        let bodies = try String.fetchAll(
            db,
            sql: """
                SELECT body FROM objects WHERE kind = ? AND \(column.rawValue) = ?
                ORDER BY sequence
                """,
            arguments: [kind.rawValue, value])
        return try bodies.map { try JSONValue.parse($0) }
    }

    /// Inserts or replaces an object by its id.
    func save(_ object: JSONValue) throws {
        let columns = IndexedColumns(of: object)
        try db.execute(
            sql: """
                INSERT INTO objects (id, kind, customer, parent, status, lookup, created, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET customer = excluded.customer,
                    parent = excluded.parent, status = excluded.status,
                    lookup = excluded.lookup, body = excluded.body
                """,
            arguments: [
                object["id"]?.string, object["object"]?.string, columns.customer, columns.parent,
                columns.status, columns.lookup, object["created"]?.int ?? now, object.compactText,
            ])
    }

    /// What stays of a deleted object: its id, so that it can still be told from an unknown one.
    func replaceWithStub(_ kind: Kind, _ id: String) throws -> JSONValue {
        let stub: JSONValue = [
            "id": .string(id), "object": .string(kind.rawValue), "deleted": true,
        ]
        try save(stub)
        return stub
    }
}

/// The columns that lists filter by.
enum Column: String, Sendable { case customer, parent, status, lookup }

/// What the table repeats of an object.
private struct IndexedColumns {
    var customer: String?
    var parent: String?
    var status: String?
    var lookup: String?

    init(of object: JSONValue) {
        customer = object["customer"]?.string
        status = object["status"]?.string
        switch object["object"]?.string.flatMap(Kind.init(rawValue:)) {
        case .invoice, .invoiceitem:
            parent = object.at("parent", "subscription_details", "subscription")?.string
            if object["object"] == "invoiceitem" {
                status = object["invoice"]?.string == nil ? "pending" : "invoiced"
            }
        case .charge: parent = object["payment_intent"]?.string
        case .refund, .dispute:
            parent = object["payment_intent"]?.string
            lookup = object["charge"]?.string
        case .invoicePayment:
            parent = object["invoice"]?.string
            lookup = object.at("payment", "payment_intent")?.string
        case .price:
            parent = object["product"]?.string
            lookup = object["lookup_key"]?.string
            status = object["active"]?.bool == true ? "active" : "inactive"
        case .product, .portalConfiguration:
            status = object["active"]?.bool == true ? "active" : "inactive"
        case .checkoutSession, .subscriptionSchedule: parent = object["subscription"]?.string
        case .event:
            lookup = object["type"]?.string
            parent = object.at("data", "object", "id")?.string
        default: break
        }
        if object["deleted"]?.bool == true { status = "deleted" }
    }
}

/// Random identifiers of Stripe's form: `cus_` and 24 letters and digits.
enum Identifiers {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    static func make(_ prefix: String, length: Int = 24) -> String {
        var random = SystemRandomNumberGenerator()
        let tail = (0..<length).compactMap { _ in alphabet.randomElement(using: &random) }
        return prefix + "_" + String(tail)
    }
}
