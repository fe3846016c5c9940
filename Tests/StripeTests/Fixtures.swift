import JSON
import Stripe

/// Objects as Stripe sends them, with the fields that its types require and the ones read here.
/// All are synthetic.
enum Fixture {
    static let customer = """
        {"id":"cus_1","object":"customer","balance":0,"created":1767225600,\
        "email":"ada@example.test","livemode":false,"metadata":{"user_id":"42"},"name":null}
        """

    static let card = """
        {"id":"pm_1","object":"payment_method","type":"card","created":1767225600,\
        "card":{"brand":"visa","last4":"4242"},"customer":"cus_1","livemode":false,"metadata":{}}
        """

    static let product = """
        {"id":"prod_1","object":"product","active":true,"created":1767225600,"images":[],\
        "livemode":false,"marketing_features":[],"metadata":{},"name":"Plus","type":"service",\
        "updated":1767225600}
        """

    static let price = """
        {"id":"price_1","object":"price","active":true,"billing_scheme":"per_unit",\
        "created":1767225600,"currency":"usd","livemode":false,\
        "lookup_key":"career_plus_monthly","metadata":{},"product":"prod_1",\
        "recurring":{"interval":"month","interval_count":1,"usage_type":"licensed"},\
        "type":"recurring","unit_amount":2000,"unit_amount_decimal":"2000"}
        """

    static let item = """
        {"id":"si_1","object":"subscription_item","created":1767225600,\
        "current_period_end":1769817600,"current_period_start":1767225600,"discounts":[],\
        "metadata":{},"price":\(price),"quantity":1,"subscription":"sub_1"}
        """

    static let subscription = """
        {"id":"sub_1","object":"subscription","billing_cycle_anchor":1767225600,\
        "cancel_at":null,"cancel_at_period_end":false,"canceled_at":null,\
        "created":1767225600,"currency":"usd","customer":"cus_1","ended_at":null,\
        "items":{"object":"list","data":[\(item)],"has_more":false,"url":"/v1/x"},\
        "latest_invoice":"in_1","livemode":false,"metadata":{"user_id":"42"},\
        "start_date":1767225600,"status":"active","trial_end":null,"trial_start":null}
        """

    static let discounted = """
        {"id":"sub_1","object":"subscription","discounts":[\
        {"id":"di_1","object":"discount","end":1769817600,"source":{"type":"coupon",\
        "coupon":{"id":"c_1","object":"coupon","name":"A quarter off"}}},\
        {"id":"di_2","object":"discount","end":null,"source":{"type":"coupon","coupon":"c_2"}}]}
        """

    static let schedule = """
        {"id":"sub_sched_1","object":"subscription_schedule","livemode":false,\
        "status":"released"}
        """

    static let runningSchedule = """
        {"id":"sub_sched_1","object":"subscription_schedule","livemode":false,"status":"active",\
        "current_phase":{"start_date":1767225600,"end_date":1769817600},"metadata":{},"phases":[\
        {"start_date":1767225600,"end_date":1769817600,"trial_end":1769817600,\
        "items":[{"price":"price_1","quantity":1}],"metadata":{"a":"1"},\
        "default_payment_method":"pm_1","description":null,"collection_method":null,\
        "automatic_tax":null,\
        "discounts":[{"coupon":"c_1","discount":null,"promotion_code":null}]},\
        {"start_date":1769817600,"end_date":null,"items":[{"price":{"id":"price_2"}}],\
        "metadata":{},"discounts":[{"coupon":"c_1","discount":{"id":"di_1"}}]}]}
        """

    /// The running phase as it is answered, and one to come that lasts a month.
    static var phases: [StripeSubscriptionSchedule.Phase] {
        let schedule = try! StripeSubscriptionSchedule(JSONValue.parse(runningSchedule))
        var next = schedule.comingPhases[0]
        next.end = .after(interval: "month", count: 1)
        next.discounts = []
        return [schedule.currentPhase!, next]
    }

    static let invoice = """
        {"id":"in_1","object":"invoice","amount_due":1334,"amount_paid":0,\
        "amount_remaining":1334,"attempt_count":1,"billing_reason":"subscription_update",\
        "created":1768089600,"currency":"usd","customer":"cus_1",\
        "hosted_invoice_url":null,"lines":{"object":"list","data":[\
        \(line(-1333, price: "price_1")),\(line(2667, price: "price_2"))],"has_more":false},\
        "livemode":false,"next_payment_attempt":null,\
        "parent":{"type":"subscription_details","quote_details":null,\
        "subscription_details":{"metadata":{},"subscription":"sub_1"}},\
        "period_end":1768089600,"period_start":1768089600,"status":"paid",\
        "status_transitions":{"finalized_at":1768089600,"paid_at":1768089601},\
        "subtotal":1334,"total":1334}
        """

    static func line(_ amount: Int, price: String) -> String {
        """
        {"id":"il_1","object":"line_item","amount":\(amount),"currency":"usd",\
        "description":"Time on Plus","livemode":false,"metadata":{},\
        "parent":{"type":"subscription_item_details","invoice_item_details":null,\
        "subscription_item_details":{"proration":true,"subscription":"sub_1",\
        "subscription_item":"si_1"}},"period":{"start":1768089600,"end":1769817600},\
        "pricing":{"type":"price_details","price_details":{"price":"\(price)",\
        "product":"prod_1"}},"quantity":1,"subtotal":\(amount)}
        """
    }

    static let session = """
        {"id":"cs_test_1","object":"checkout.session","client_reference_id":"42",\
        "created":1767225600,"customer":"cus_1","expires_at":1767312000,"invoice":null,\
        "livemode":false,"metadata":{},"mode":"subscription","payment_status":"unpaid",\
        "status":"open","subscription":null,"url":"http://127.0.0.1:12111/c/pay/cs_test_1"}
        """

    static let payment = """
        {"id":"inpay_1","object":"invoice_payment","amount_paid":2000,\
        "amount_requested":2000,"created":1767225600,"currency":"usd","invoice":"in_1",\
        "is_default":true,"livemode":false,\
        "payment":{"type":"payment_intent","payment_intent":"pi_1"},"status":"paid",\
        "status_transitions":{"canceled_at":null,"paid_at":1767225600}}
        """

    static let refund = """
        {"id":"re_1","object":"refund","amount":2000,"created":1767225600,"currency":"usd",\
        "payment_intent":"pi_1","status":"succeeded"}
        """

    static let charge = """
        {"id":"ch_1","object":"charge","amount":2000,"amount_refunded":2000,"currency":"usd",\
        "customer":"cus_1","livemode":false,"payment_intent":"pi_1","refunded":true}
        """

    static let dispute = """
        {"id":"dp_1","object":"dispute","amount":2000,"charge":"ch_1","livemode":false,\
        "payment_intent":"pi_1","status":"lost"}
        """

    static let portal = """
        {"id":"bps_1","object":"billing_portal.session","configuration":"bpc_1",\
        "created":1767225600,"customer":"cus_1","livemode":false,\
        "url":"http://127.0.0.1:12111/p/session/1"}
        """

    static let event = """
        {"id":"evt_1","object":"event","api_version":"2026-10-28.endive",\
        "created":1768089600,"data":{"object":\(subscription),"previous_attributes":{}},\
        "livemode":false,"pending_webhooks":1,"type":"customer.subscription.updated"}
        """

    static func list(_ objects: [String], hasMore: Bool = false) -> String {
        """
        {"object":"list","data":[\(objects.joined(separator: ","))],\
        "has_more":\(hasMore),"url":"/v1/x"}
        """
    }
}
