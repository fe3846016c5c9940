"""Every endpoint is called, and answers in the types of Stripe's SDK."""

import json
import urllib.parse

import pytest
import shapes
from conftest import DAY

FORM = {"Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Bearer sk_test_x"}
HOUR = 3_600


class World:
    """One of everything, made afresh for each call."""

    def __init__(self, sandbox):
        self.sandbox, self.api = sandbox, sandbox.client.v1

    def customers(self):
        return self.sandbox.customer().id

    def products(self):
        return self.api.products.create({"name": "P"}).id

    def prices(self):
        return self.sandbox.price(2000).id

    def coupons(self):
        return self.api.coupons.create({"percent_off": 5}).id

    def payment_methods(self):
        customer = self.api.customers.retrieve(self.customers())
        return customer.invoice_settings.default_payment_method

    def subscriptions(self):
        return self.sandbox.subscription(self.sandbox.price(2000)).id

    def subscription(self):
        return self.api.subscriptions.retrieve(self.subscriptions())

    def paused(self):
        customer = self.sandbox.customer(None)
        made = self.sandbox.subscription(
            self.sandbox.price(2000), customer, trial_period_days=1,
            trial_settings={"end_behavior": {"missing_payment_method": "pause"}})
        self.sandbox.advance(DAY + 1)
        card = self.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        self.api.subscriptions.update(made.id, {"default_payment_method": card.id})
        return made.id

    def invoices(self):
        return self.subscription().latest_invoice

    def draft(self):
        made = self.subscription()
        self.sandbox.advance_to(made["items"].data[0].current_period_end + 1)
        return self.api.subscriptions.retrieve(made.id).latest_invoice

    def open(self):
        draft = self.draft()
        return self.api.invoices.finalize_invoice(draft, {"auto_advance": False}).id

    def item_of_an_own_invoice(self):
        customer = self.customers()
        invoice = self.api.invoices.create({"customer": customer, "currency": "usd"})
        return {"customer": customer, "invoice": invoice.id, "amount": "500", "currency": "usd"}

    def invoiceitems(self):
        made = self.subscription()
        self.api.subscriptions.update(made.id, {"items": [
            {"id": made["items"].data[0].id, "price": self.prices()}]})
        return self.api.invoice_items.list({"customer": made.customer}).data[0].id

    def invoice_payments(self):
        return self.api.invoice_payments.list({"invoice": self.invoices()}).data[0].id

    def payment_intents(self):
        return self.api.payment_intents.create({
            "amount": 500, "currency": "usd", "confirm": True,
            "payment_method": "pm_card_visa"}).id

    def unconfirmed(self):
        return self.api.payment_intents.create({"amount": 500, "currency": "usd"}).id

    def charges(self):
        return self.api.payment_intents.retrieve(self.payment_intents()).latest_charge

    def refunds(self):
        return self.api.refunds.create({"charge": self.charges()}).id

    def waiting_refund(self):
        return self.sandbox.knob("refunds", charge=self.charges(), status="requires_action")["id"]

    def disputes(self):
        return self.sandbox.knob("disputes", charge=self.charges())["id"]

    def sessions(self):
        return self.sandbox.session(self.sandbox.price(2000)).id

    def configurations(self):
        return self.api.billing_portal.configurations.create(
            {"features": {"invoice_history": {"enabled": True}}}).id

    def subscription_schedules(self):
        return self.api.subscription_schedules.create(
            {"from_subscription": self.subscriptions()}).id

    def events(self):
        self.customers()
        return self.api.events.list({"limit": 1}).data[0].id

    def webhook_endpoints(self):
        return self.api.webhook_endpoints.create({
            "url": self.sandbox.receiver.url, "enabled_events": ["*"]}).id

    def test_clocks(self):
        return self.api.test_helpers.test_clocks.create({"frozen_time": self.sandbox.now()}).id


# What a call that changes something sends; and whose id stands in its path, if that is not one of
# the collection that the path names.
BODIES = {
    "POST /v1/products": lambda w: {"name": "P"},
    "POST /v1/prices": lambda w: {
        "product": w.products(), "currency": "usd", "unit_amount": 100},
    "POST /v1/coupons": lambda w: {"percent_off": "5"},
    "POST /v1/payment_methods/*/attach": lambda w: {"customer": w.customers()},
    "POST /v1/subscriptions": lambda w: {
        "customer": w.customers(), "items[0][price]": w.prices()},
    "POST /v1/subscription_schedules": lambda w: {"from_subscription": w.subscriptions()},
    "POST /v1/subscription_schedules/*": lambda w: {"end_behavior": "cancel"},
    "POST /v1/invoices": lambda w: {"customer": w.customers(), "currency": "usd"},
    "POST /v1/invoiceitems": lambda w: w.item_of_an_own_invoice(),
    "POST /v1/invoices/create_preview": lambda w: {"subscription": w.subscriptions()},
    "POST /v1/payment_intents": lambda w: {"amount": "500", "currency": "usd"},
    "POST /v1/payment_intents/*/confirm": lambda w: {"payment_method": "pm_card_visa"},
    "POST /v1/refunds": lambda w: {"charge": w.charges()},
    "POST /v1/checkout/sessions": lambda w: {
        "mode": "subscription", "line_items[0][price]": w.prices(),
        "line_items[0][quantity]": "1", "success_url": "https://example.com/"},
    "POST /v1/billing_portal/sessions": lambda w: {"customer": w.customers()},
    "POST /v1/billing_portal/configurations": lambda w: {
        "features[invoice_history][enabled]": "true"},
    "POST /v1/webhook_endpoints": lambda w: {
        "url": w.sandbox.receiver.url, "enabled_events[]": "*"},
    "POST /v1/test_helpers/test_clocks": lambda w: {"frozen_time": str(w.sandbox.now())},
    "POST /v1/test_helpers/test_clocks/*/advance": lambda w: {
        "frozen_time": str(w.sandbox.now() + DAY)},
    "GET /v1/payment_methods": lambda w: {"customer": w.customers()},
}
SUBJECTS = {
    "POST /v1/payment_methods/*/attach": lambda w: "pm_card_visa",
    "POST /v1/subscriptions/*/resume": World.paused,
    "POST /v1/invoices/*/finalize": World.draft, "POST /v1/invoices/*/void": World.open,
    "POST /v1/invoices/*/mark_uncollectible": World.open, "POST /v1/invoices/*/pay": World.open,
    "POST /v1/payment_intents/*/confirm": World.unconfirmed,
    "POST /v1/refunds/*/cancel": World.waiting_refund,
}
# A subscription's invoice cannot be deleted.
REFUSED = {"DELETE /v1/invoices/*": 400}


def subject(world, endpoint, path):
    if endpoint in SUBJECTS:
        return SUBJECTS[endpoint](world)
    collection = path.split("/*")[0].split("/")[-1]
    return getattr(world, collection)()


def test_every_endpoint_answers_in_the_sdks_types(sandbox, api):
    world = World(sandbox)
    for route in sandbox.look("routes")["routes"]:
        method, path = route["method"], route["path"]
        endpoint = f"{method} {path}"
        body = urllib.parse.urlencode(BODIES.get(endpoint, lambda w: {})(world))
        if "*" in path:
            path = path.replace("*", subject(world, endpoint, path))
        isPost = method == "POST"
        status, _, text = sandbox.request(
            method, path + ("" if isPost or not body else "?" + body), headers=FORM,
            raw=body.encode() if isPost else None)
        assert status == REFUSED.get(endpoint, 200), (endpoint, text)
        shapes.check_answer(text)


@pytest.mark.parametrize("expand", [
    ["data.customer"], ["data.latest_invoice.payments.data.payment.payment_intent"],
    ["data.items.data.price.product"], ["data.default_payment_method"], ["data.discounts"]])
def test_expanded_answers_have_the_sdks_types_too(sandbox, api, expand):
    customer = sandbox.customer()
    card = api.customers.retrieve(customer.id).invoice_settings.default_payment_method
    coupon = api.coupons.create({"percent_off": 5, "duration": "forever"})
    sandbox.subscription(sandbox.price(2000), customer, default_payment_method=card,
                         discounts=[{"coupon": coupon.id}])
    found = api.subscriptions.list({"customer": customer.id, "expand": expand})
    assert len(found.data) == 1


@pytest.mark.parametrize("change", [
    lambda event: event["data"]["object"].update(status="nonsense"),
    lambda event: event["data"]["object"].update(amount_due=None),
    lambda event: event["data"]["object"].update(paid=True),
    lambda event: event["data"]["object"].pop("id"),
    lambda event: event.update(type="invoice.payed"),
    lambda event: event["data"]["object"]["lines"]["data"][0].update(amount="1")])
def test_the_check_of_shapes_sees_what_is_off(sandbox, api, change):
    sandbox.subscription(sandbox.price(2000))
    _, _, text = sandbox.request("GET", "/v1/events?type=invoice.paid", headers=FORM)
    event = json.loads(text)["data"][0]
    assert shapes.problems(event) == []
    change(event)
    assert shapes.problems(event)
