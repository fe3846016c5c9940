import JSON
import Stripe
import Testing

/// One type of Stripe's and the fields without which it cannot be read.
struct DecodingCase: Sendable, CustomTestStringConvertible {
    let type: String
    let text: String
    /// Paths into the text, as they appear in an error.
    let required: [String]
    let decode: @Sendable (JSONValue) throws(StripeDecodingError) -> Void

    var testDescription: String { type }

    static let all = [
        DecodingCase(
            type: "customer", text: Fixture.customer, required: ["id", "created", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripeCustomer(value) },
        DecodingCase(
            type: "product", text: Fixture.product, required: ["id", "name", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripeProduct(value) },
        DecodingCase(
            type: "price", text: Fixture.price,
            required: [
                "id", "product", "active", "currency", "livemode", "recurring.interval",
                "recurring.interval_count",
            ]
        ) { value throws(StripeDecodingError) in _ = try StripePrice(value) },
        DecodingCase(
            type: "checkout.session", text: Fixture.session,
            required: ["id", "payment_status", "created", "expires_at", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripeCheckoutSession(value) },
        DecodingCase(
            type: "subscription", text: Fixture.subscription,
            required: [
                "id", "customer", "status", "items", "items.data", "items.data[0].id",
                "items.data[0].price", "items.data[0].current_period_start",
                "items.data[0].current_period_end", "currency", "cancel_at_period_end", "created",
                "livemode",
            ]
        ) { value throws(StripeDecodingError) in _ = try StripeSubscription(value) },
        DecodingCase(
            type: "invoice", text: Fixture.invoice,
            required: [
                "id", "attempt_count", "amount_due", "amount_paid", "total", "currency", "lines",
                "lines.data",
                "lines.has_more", "lines.data[1].id", "lines.data[1].amount",
                "lines.data[1].currency", "lines.data[1].period", "lines.data[1].period.start",
                "lines.data[1].period.end", "period_start", "period_end", "created",
                "status_transitions", "livemode",
            ]
        ) { value throws(StripeDecodingError) in _ = try StripeInvoice(value) },
        DecodingCase(
            type: "invoice_payment", text: Fixture.payment,
            required: [
                "id", "invoice", "status", "amount_requested", "currency", "payment", "created",
                "livemode",
            ]
        ) { value throws(StripeDecodingError) in _ = try StripeInvoicePayment(value) },
        DecodingCase(
            type: "refund", text: Fixture.refund,
            required: ["id", "amount", "currency", "created"]
        ) { value throws(StripeDecodingError) in _ = try StripeRefund(value) },
        DecodingCase(
            type: "charge", text: Fixture.charge,
            required: ["id", "amount", "amount_refunded", "currency", "refunded", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripeCharge(value) },
        DecodingCase(
            type: "dispute", text: Fixture.dispute,
            required: ["id", "amount", "charge", "status", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripeDispute(value) },
        DecodingCase(
            type: "billing_portal.session", text: Fixture.portal,
            required: ["id", "url", "livemode"]
        ) { value throws(StripeDecodingError) in _ = try StripePortalSession(value) },
        DecodingCase(
            type: "event", text: Fixture.event,
            required: ["id", "type", "data", "data.object"]
        ) { value throws(StripeDecodingError) in _ = try StripeEvent(value) },
    ]
}

@Suite("Reading an object of Stripe's")
struct StripeDecodingTests {
    func failedField(_ wire: DecodingCase, _ value: JSONValue) -> String? {
        do throws(StripeDecodingError) {
            try wire.decode(value)
            return nil
        } catch {
            return error.field
        }
    }

    @Test("An object as Stripe documents it can be read", arguments: DecodingCase.all)
    func documented(wire: DecodingCase) throws {
        try wire.decode(JSONValue.parse(wire.text))
    }

    @Test("A missing required field is an error that names it", arguments: DecodingCase.all)
    func missingFields(wire: DecodingCase) throws {
        let value = try JSONValue.parse(wire.text)
        for path in wire.required {
            let without = value.setting(path, to: nil)
            #expect(without != value, "\(path)")
            #expect(failedField(wire, without) == "\(wire.type).\(path)")
        }
    }

    @Test(
        "A required field that is null or of another type is an error that names it",
        arguments: DecodingCase.all)
    func mistypedFields(wire: DecodingCase) throws {
        let value = try JSONValue.parse(wire.text)
        for path in wire.required where path != "data.object" {
            for other: JSONValue in [nil, [1], .number("1.5")] {
                // In place of an array, `[1]` is at fault at its first element.
                let field = failedField(wire, value.setting(path, to: other))
                #expect(field?.hasPrefix("\(wire.type).\(path)") == true)
            }
        }
    }

    @Test("An object of another type, or no object, is refused", arguments: DecodingCase.all)
    func otherTypes(wire: DecodingCase) throws {
        let other = try JSONValue.parse(wire.text).setting("object", to: "source")
        #expect(failedField(wire, other) == "\(wire.type).object")
        for value: JSONValue in [nil, "cus_1", [], 7] {
            #expect(failedField(wire, value) == wire.type)
        }
    }

    @Test("Fields that are not asked for are ignored", arguments: DecodingCase.all)
    func unknownFields(wire: DecodingCase) throws {
        try wire.decode(JSONValue.parse(wire.text).setting("new_in_2027", to: ["x": [1]]))
    }

    @Test("A subscription's period is that of its item")
    func subscription() throws {
        let subscription = try StripeSubscription(JSONValue.parse(Fixture.subscription))
        #expect(subscription.status == .active)
        #expect(subscription.metadata == ["user_id": "42"])
        #expect(subscription.latestInvoiceID == "in_1")
        #expect(subscription.latestInvoice == nil)
        let item = try #require(subscription.items.first)
        #expect(item.currentPeriodStart == 1_767_225_600)
        #expect(item.currentPeriodEnd == 1_769_817_600)
        #expect(item.price.lookupKey == "career_plus_monthly")
        #expect(item.price.unitAmount == 2000)
    }

    @Test("Every status of a subscription reads as itself, and a new one as unknown")
    func statuses() {
        let names = [
            "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled",
            "unpaid", "paused",
        ]
        for name in names {
            let status = StripeSubscription.Status(name)
            #expect(status != .unknown(name))
            #expect(status.text == name)
        }
        #expect(StripeSubscription.Status("hibernating") == .unknown("hibernating"))
        #expect(StripeSubscription.Status("hibernating").text == "hibernating")
    }

    @Test("A field that Stripe can expand is read either way")
    func expanded() throws {
        let value = try JSONValue.parse(Fixture.subscription)
            .setting("latest_invoice", to: JSONValue.parse(Fixture.invoice))
            .setting("customer", to: JSONValue.parse(Fixture.customer))
        let subscription = try StripeSubscription(value)
        #expect(subscription.customerID == "cus_1")
        #expect(subscription.latestInvoiceID == "in_1")
        #expect(subscription.latestInvoice?.amountDue == 1334)
    }

    @Test("An expanded payment intent tells whether the bank waits for its owner")
    func paymentIntentStatus() throws {
        let plain = try JSONValue.parse(Fixture.payment)
        #expect(try StripeInvoicePayment(plain).paymentIntentStatus == nil)
        let intent: JSONValue = ["id": "pi_1", "status": "requires_action"]
        let expanded = plain.setting("payment.payment_intent", to: intent)
        #expect(try StripeInvoicePayment(expanded).paymentIntentStatus == "requires_action")
        #expect(try StripeInvoicePayment(expanded).paymentIntentID == "pi_1")
    }

    @Test("A fault inside an expanded object is named by its whole path")
    func faultInside() throws {
        let invoice = try JSONValue.parse(Fixture.invoice).setting("total", to: "12")
        let value = try JSONValue.parse(Fixture.subscription)
            .setting("latest_invoice", to: invoice)
        let error = #expect(throws: StripeDecodingError.self) { try StripeSubscription(value) }
        #expect(error?.description == "subscription.latest_invoice.total: expected an integer")
    }

    @Test("An invoice leads to its subscription, and its lines tell what is prorated")
    func invoice() throws {
        let invoice = try StripeInvoice(JSONValue.parse(Fixture.invoice))
        #expect(invoice.subscriptionID == "sub_1")
        #expect(invoice.status == .paid)
        #expect(invoice.paidAt == 1_768_089_601)
        #expect(invoice.lines.map(\.amount) == [-1333, 2667])
        #expect(invoice.lines.map(\.amount).reduce(0, +) == invoice.total)
        #expect(invoice.lines.map(\.isProration) == [true, true])
        #expect(invoice.lines.map(\.priceID) == ["price_1", "price_2"])
        #expect(invoice.lines.map(\.subscriptionItemID) == ["si_1", "si_1"])
    }

    @Test("An invoice that is not a subscription's has none")
    func invoiceWithoutParent() throws {
        let value = try JSONValue.parse(Fixture.invoice).setting("parent", to: nil)
        #expect(try StripeInvoice(value).subscriptionID == nil)
    }

    @Test("A deleted customer is known by its id alone")
    func deletedCustomer() throws {
        let customer = try StripeCustomer(["id": "cus_1", "object": "customer", "deleted": true])
        #expect(customer.isDeleted)
        #expect(customer.livemode == nil)
    }

    @Test("An event keeps its object as it came, with its id")
    func event() throws {
        let event = try StripeEvent(JSONValue.parse(Fixture.event))
        #expect(event.type == "customer.subscription.updated")
        #expect(event.objectID == "sub_1")
        #expect(try StripeSubscription(event.object).id == "sub_1")
    }
}

extension JSONValue {
    /// This value with another one, or none, at a path such as `items.data[0].id`.
    func setting(_ path: String, to value: JSONValue?) -> JSONValue {
        let keys = path.replacing("[", with: ".").replacing("]", with: "").split(separator: ".")
        return setting(keys[...], to: value) ?? .null
    }

    private func setting(_ keys: ArraySlice<Substring>, to value: JSONValue?) -> JSONValue? {
        guard let key = keys.first else { return value }
        switch self {
        case .object(var object):
            object[String(key)] = (object[String(key)] ?? .null).setting(
                keys.dropFirst(), to: value)
            return .object(object)
        case .array(var elements):
            guard let index = Int(key), elements.indices.contains(index) else { return self }
            elements[index] = elements[index].setting(keys.dropFirst(), to: value) ?? .null
            return .array(elements)
        default:
            return value
        }
    }
}
