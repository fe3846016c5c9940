"""Older versions of the API: what a request asks for, and what a webhook endpoint was made with."""

import json

import pytest
import stripe
from conftest import DAY, SECRET

HOUR = 3_600
FORM = {"Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Bearer sk_test_x"}
BEFORE_BASIL = ["2020-08-27", "2023-10-16", "2024-06-20", "2025-02-24.acacia"]
SINCE_BASIL = ["2025-03-31.basil", "2025-09-30.clover", "2026-03-25.dahlia", "2026-10-28.endive"]


def ask(sandbox, version, path, method="GET", raw=None):
    status, headers, text = sandbox.request(
        method, path, headers={**FORM, "Stripe-Version": version}, raw=raw)
    assert headers["Stripe-Version"] == version, text
    return status, json.loads(text)


@pytest.mark.parametrize("version", [
    "nonsense", "2024-06-21", "2099-01-01.future", "2025-03-31", "2025-03-31.acacia", "1"])
def test_a_version_that_never_was_is_refused(sandbox, version):
    headers = {**FORM, "Stripe-Version": version}
    status, _, text = sandbox.request("GET", "/v1/customers", headers=headers)
    error = json.loads(text)["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert version in error["message"]


def renewed(sandbox):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.advance_to(subscription["items"].data[0].current_period_end + HOUR + 1)
    return sandbox.client.v1.subscriptions.retrieve(subscription.id)


def check_old_invoice(invoice, subscription):
    assert (invoice["subscription"], invoice["paid"]) == (subscription.id, True)
    assert invoice["payment_intent"].startswith("pi_") and invoice["charge"].startswith("ch_")
    assert "parent" not in invoice
    line = invoice["lines"]["data"][0]
    assert (line["type"], line["proration"], line["price"]["unit_amount"]) == (
        "subscription", False, 2000)
    assert line["subscription"] == subscription.id and "pricing" not in line


@pytest.mark.parametrize("version", BEFORE_BASIL)
def test_answers_before_basil_have_the_older_shape(sandbox, version):
    subscription = renewed(sandbox)
    item = subscription["items"].data[0]
    _, invoice = ask(sandbox, version, f"/v1/invoices/{subscription.latest_invoice}")
    check_old_invoice(invoice, subscription)
    _, found = ask(
        sandbox, version,
        f"/v1/subscriptions/{subscription.id}?expand[]=latest_invoice.payment_intent")
    assert found["current_period_end"] == item.current_period_end
    assert found["plan"]["amount"] == 2000 and "billing_mode" not in found
    assert "current_period_end" not in found["items"]["data"][0]
    assert found["latest_invoice"]["payment_intent"]["invoice"] == subscription.latest_invoice
    _, listed = ask(sandbox, version, "/v1/invoices?subscription=" + subscription.id)
    check_old_invoice(listed["data"][0], subscription)
    _, charges = ask(sandbox, version, "/v1/charges?customer=" + subscription.customer)
    assert charges["data"][0]["invoice"] == subscription.latest_invoice


@pytest.mark.parametrize("version", SINCE_BASIL)
def test_answers_since_basil_have_the_newer_shape(sandbox, version):
    subscription = renewed(sandbox)
    _, invoice = ask(sandbox, version, f"/v1/invoices/{subscription.latest_invoice}")
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription.id
    assert "subscription" not in invoice and "paid" not in invoice
    _, found = ask(sandbox, version, f"/v1/subscriptions/{subscription.id}")
    assert "current_period_end" not in found
    assert ("billing_mode" in found) == (version >= "2025-06-30")


@pytest.mark.parametrize("version", [*BEFORE_BASIL, *SINCE_BASIL])
def test_what_is_made_is_billed_as_the_version_has_it(sandbox, api, version):
    price = sandbox.price(2000)
    customer = sandbox.customer()
    body = f"customer={customer.id}&items[0][price]={price.id}".encode()
    status, made = ask(sandbox, version, "/v1/subscriptions", "POST", body)
    assert status == 200, made
    found = api.subscriptions.retrieve(made["id"])
    assert found.billing_mode.type == ("flexible" if version >= "2025-09-30" else "classic")
    for word, isObject in [(b"billing_cycle_anchor=now", False),
                           (b"billing_cycle_anchor[type]=now", True)]:
        status, _ = ask(sandbox, version, "/v1/subscriptions/" + made["id"], "POST", word)
        knows = isObject == (version >= "2026-09-30")
        assert status == (200 if knows else 400), word


@pytest.mark.parametrize("version, old", [
    ("2026-02-25.clover", True), ("2026-03-25.dahlia", False)])
def test_the_words_of_a_checkouts_page_changed_with_dahlia(sandbox, version, old):
    price = sandbox.price(2000)
    for word, isOld in [("hosted", True), ("hosted_page", False)]:
        body = (f"mode=subscription&line_items[0][price]={price.id}&line_items[0][quantity]=1"
                f"&success_url=https://example.com/&ui_mode={word}").encode()
        status, session = ask(sandbox, version, "/v1/checkout/sessions", "POST", body)
        assert status == (200 if isOld == old else 400)
        if status == 200:
            assert session["ui_mode"] == word


# Webhook endpoints.

def endpoint(sandbox, **params):
    return sandbox.client.v1.webhook_endpoints.create({
        "url": sandbox.receiver.url, "enabled_events": ["*"], **params})


def heard(receiver, secret, kind):
    events = []
    for body, signature in list(receiver.deliveries):
        try:
            stripe.Webhook.construct_event(body, signature, secret)
        except stripe.SignatureVerificationError:
            continue
        event = json.loads(body)
        if event["type"] == kind:
            events.append(event)
    return events


@pytest.mark.parametrize("version", BEFORE_BASIL)
def test_an_endpoint_hears_in_the_version_that_it_was_made_with(sandbox, api, receiver, version):
    made = endpoint(sandbox, api_version=version)
    assert made.api_version == version
    subscription = renewed(sandbox)
    sandbox.settle()
    event = heard(receiver, made.secret, "invoice.paid")[-1]
    assert event["api_version"] == version
    check_old_invoice(event["data"]["object"], subscription)
    updated = heard(receiver, made.secret, "customer.subscription.updated")[-1]["data"]
    end = subscription["items"].data[0].current_period_end
    assert updated["object"]["current_period_end"] == end
    assert updated["previous_attributes"]["current_period_end"] < end
    other = heard(receiver, SECRET, "invoice.paid")[-1]
    assert (other["id"], other["api_version"]) == (event["id"], stripe.api_version)
    assert other["data"]["object"]["parent"]


def test_prorations_have_the_older_shape_too(sandbox, api, receiver):
    made = endpoint(sandbox, api_version="2024-06-20")
    subscription = sandbox.subscription(sandbox.price(2000))
    api.subscriptions.update(subscription.id, {
        "items": [{"id": subscription["items"].data[0].id, "price": sandbox.price(4000).id}],
        "proration_behavior": "always_invoice"})
    sandbox.settle()
    item = heard(receiver, made.secret, "invoiceitem.created")[0]["data"]["object"]
    assert (item["subscription"], item["proration"]) == (subscription.id, True)
    invoice = heard(receiver, made.secret, "invoice.paid")[-1]["data"]["object"]
    assert [line["type"] for line in invoice["lines"]["data"]] == ["invoiceitem"] * 2


def test_a_knob_has_every_endpoint_hear_in_an_older_version(sandbox, api, receiver):
    sandbox.knob("webhooks", api_version="2024-06-20")
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.settle()
    invoice = receiver.events("invoice.paid")[0]
    assert invoice["api_version"] == "2024-06-20"
    assert invoice["data"]["object"]["subscription"] == subscription.id
    assert sandbox.request("POST", "/_test/webhooks", {"api_version": "x"})[0] == 400


def test_an_endpoint_is_listed_changed_and_switched_off(sandbox, api, receiver):
    made = endpoint(sandbox, description="ours", metadata={"a": "1"})
    assert made.secret.startswith("whsec_") and made.api_version is None
    for found in [api.webhook_endpoints.retrieve(made.id), api.webhook_endpoints.list().data[0]]:
        assert (found.id, found.description, found.metadata.a) == (made.id, "ours", "1")
        assert "secret" not in found
    changed = api.webhook_endpoints.update(made.id, {
        "enabled_events": ["customer.created"], "url": receiver.url + "?x", "disabled": True,
        "description": "", "metadata": {"b": "2"}})
    assert (changed.enabled_events, changed.status) == (["customer.created"], "disabled")
    assert (changed.url, changed.description) == (receiver.url + "?x", None)
    assert changed.metadata.to_dict() == {"a": "1", "b": "2"}
    api.customers.create({})
    sandbox.settle()
    assert len(receiver.deliveries) == 1
    api.webhook_endpoints.update(made.id, {"disabled": False})
    api.customers.create({})
    sandbox.settle()
    assert len(receiver.deliveries) == 3
    assert api.webhook_endpoints.delete(made.id).deleted


@pytest.mark.parametrize("params", [
    {"enabled_events": []}, {"enabled_events": ["invoice.payed"]}, {"api_version": "nonsense"},
    {"url": "http://example.com/"}, {"url": "nonsense"}, {"url": ""}])
def test_an_endpoint_that_cannot_be_is_refused(sandbox, api, params):
    before = len(api.webhook_endpoints.list().data)
    with pytest.raises(stripe.InvalidRequestError):
        endpoint(sandbox, **params)
    assert len(api.webhook_endpoints.list().data) == before


@pytest.mark.parametrize("params", [{"api_version": "2024-06-20"}, {"secret": "whsec_x"},
                                    {"enabled_events": ["x"]}, {"url": "ftp://x/"}])
def test_an_endpoint_keeps_its_version_and_secret(sandbox, api, params):
    made = endpoint(sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        api.webhook_endpoints.update(made.id, params)
    assert api.webhook_endpoints.retrieve(made.id).api_version is None


def test_days_go_by_for_a_version_as_for_another(sandbox):
    subscription = renewed(sandbox)
    sandbox.advance(31 * DAY)
    _, found = ask(sandbox, "2024-06-20", f"/v1/subscriptions/{subscription.id}")
    assert found["current_period_end"] > subscription["items"].data[0].current_period_end
