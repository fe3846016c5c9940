"""Keys, parameters, errors, idempotency, lists, expansion."""

import base64
import json
import threading

import pytest
import stripe
from conftest import wait_for

FORM = {"Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Bearer sk_test_x"}


@pytest.mark.parametrize("key", ["sk_live_1234", "rk_live_1234", "pk_test_1", "sk_test_"])
def test_only_test_keys_are_accepted(sandbox, key):
    with pytest.raises(stripe.AuthenticationError):
        sandbox.client_with(key).v1.customers.list()


def test_a_missing_key_is_401_in_json(sandbox):
    status, headers, text = sandbox.request("GET", "/v1/customers")
    assert status == 401
    assert headers["Content-Type"] == "application/json"
    assert json.loads(text)["error"]["type"] == "invalid_request_error"


def test_basic_authentication_works(sandbox):
    basic = base64.b64encode(b"sk_test_x:").decode()
    status, _, _ = sandbox.request(
        "GET", "/v1/customers", headers={"Authorization": "Basic " + basic})
    assert status == 200


def test_every_answer_has_a_request_id_and_echoes_the_version(sandbox):
    headers = {**FORM, "Stripe-Version": "2026-10-28.endive"}
    _, answer, _ = sandbox.request("GET", "/v1/customers", headers=headers)
    assert answer["Request-Id"].startswith("req_")
    assert answer["Stripe-Version"] == "2026-10-28.endive"


def test_an_unknown_route_is_a_json_404(sandbox):
    status, _, text = sandbox.request("GET", "/v1/nonsense", headers=FORM)
    assert status == 404
    assert json.loads(text)["error"]["type"] == "invalid_request_error"


def test_unknown_parameters_are_refused_by_name(api):
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.customers.create({"email": "a@b.test", "nickname": "x"})
    assert error.value.http_status == 400
    assert error.value.code == "parameter_unknown"
    assert error.value.param == "nickname"


def test_unknown_nested_parameters_are_refused(sandbox, api):
    price = sandbox.price(1000)
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.subscriptions.create({"customer": "cus_1", "items": [{"price": price.id, "x": 1}]})
    assert error.value.param == "items[0][x]"


@pytest.mark.parametrize("body", [
    b"email=a%2Bb%40c.test&metadata[k]=v+w&metadata%5Bn%5D=1",
    b"metadata[k]=v%20w&metadata[n]=1&email=a%2Bb@c.test"])
def test_brackets_are_literal_or_percent_encoded(sandbox, body):
    status, _, text = sandbox.request("POST", "/v1/customers", raw=body, headers=FORM)
    customer = json.loads(text)
    assert status == 200
    assert customer["email"] == "a+b@c.test"
    assert customer["metadata"] == {"k": "v w", "n": "1"}


@pytest.mark.parametrize("body", [
    b"email=%zz", b"metadata[k=v", b"a]=1", b"[x]=1", b"email=a&email=b", b"email=%ff",
    b"metadata[k][l]=v"])
def test_malformed_bodies_are_refused(sandbox, body):
    status, _, text = sandbox.request("POST", "/v1/customers", raw=body, headers=FORM)
    assert status == 400, text


def test_lists_may_be_written_with_empty_brackets(sandbox, api):
    price = sandbox.price(1000, key="one")
    for query in ["lookup_keys[]=one&lookup_keys[]=two", "lookup_keys[0]=one"]:
        _, _, text = sandbox.request("GET", "/v1/prices?" + query, headers=FORM)
        assert [p["id"] for p in json.loads(text)["data"]] == [price.id]


def test_a_body_that_is_too_large_is_refused(sandbox):
    status, _, _ = sandbox.request(
        "POST", "/v1/customers", raw=b"name=" + b"x" * (1024 * 1024 + 1), headers=FORM)
    assert status == 413


def test_a_json_body_is_refused(sandbox):
    headers = {**FORM, "Content-Type": "application/json"}
    status, _, _ = sandbox.request("POST", "/v1/customers", {"email": "a"}, headers)
    assert status == 400


def test_missing_objects_are_resource_missing(api):
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.subscriptions.retrieve("sub_none")
    assert (error.value.http_status, error.value.code) == (404, "resource_missing")


def test_a_key_replays_its_answer(sandbox, api):
    options = {"idempotency_key": "k-1"}
    first = api.customers.create({"email": "a@b.test"}, options)
    again = api.customers.create({"email": "a@b.test"}, options)
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(api.customers.list().data) == 1


def test_a_key_with_other_parameters_is_refused(api):
    options = {"idempotency_key": "k-2"}
    api.customers.create({"email": "a@b.test"}, options)
    with pytest.raises(stripe.IdempotencyError) as error:
        api.customers.create({"email": "c@d.test"}, options)
    assert error.value.http_status == 400


def test_a_decline_is_replayed_too(sandbox, api):
    price = sandbox.price(2000)
    customer = sandbox.customer("pm_card_chargeCustomerFail")
    params = {"customer": customer.id, "items": [{"price": price.id}],
              "payment_behavior": "error_if_incomplete"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as error:
            api.subscriptions.create(params, {"idempotency_key": "k-3"})
    assert error.value.http_status == 402
    assert error.value.headers["Idempotent-Replayed"] == "true"


def test_refused_parameters_do_not_use_a_key_up(api):
    options = {"idempotency_key": "k-4"}
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.create({"nonsense": "x"}, options)
    assert api.customers.create({"email": "a@b.test"}, options).id


def test_a_key_in_flight_is_a_conflict(sandbox, api):
    sandbox.knob("faults", path_prefix="/v1/customers", method="POST", kind="hang", seconds=5)
    options = {"idempotency_key": "k-5"}
    results = []
    thread = threading.Thread(
        target=lambda: results.append(api.customers.create({"email": "a@b.test"}, options)))
    thread.start()
    wait_for(lambda: sandbox.look("requests")["requests"])
    with pytest.raises(stripe.StripeError) as error:
        api.customers.create({"email": "a@b.test"}, options)
    thread.join()
    assert error.value.http_status == 409
    assert error.value.json_body["error"]["code"] == "idempotency_key_in_use"
    assert results[0].email == "a@b.test"


def test_keys_are_forgotten_after_a_day(sandbox, api):
    options = {"idempotency_key": "k-6"}
    first = api.customers.create({"email": "a@b.test"}, options)
    sandbox.advance(86_401)
    assert api.customers.create({"email": "a@b.test"}, options).id != first.id


def test_lists_come_in_pages_newest_first(api):
    ids = [api.customers.create({"email": f"{n}@b.test"}).id for n in range(5)]
    page = api.customers.list({"limit": 2})
    assert [c.id for c in page.data] == [ids[4], ids[3]]
    assert page.has_more
    rest = api.customers.list({"limit": 3, "starting_after": ids[3]})
    assert [c.id for c in rest.data] == [ids[2], ids[1], ids[0]]
    assert not rest.has_more
    assert [c.id for c in api.customers.list({"limit": 2}).auto_paging_iter()] == ids[::-1]


def test_ids_are_expanded_into_objects(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    found = api.subscriptions.retrieve(subscription.id, {"expand": [
        "latest_invoice.payments.data.payment.payment_intent", "customer",
        "items.data.price.product", "default_payment_method"]})
    assert found.customer.email == "ada@example.test"
    assert found.latest_invoice.status == "paid"
    intent = found.latest_invoice.payments.data[0].payment.payment_intent
    assert intent.status == "succeeded"
    assert found["items"].data[0].price.product.name == "Plan 2000"
    listed = api.subscriptions.list({"customer": customer.id, "expand": ["data.latest_invoice"]})
    assert listed.data[0].latest_invoice.id == subscription.latest_invoice
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.retrieve(subscription.id, {"expand": ["nonsense"]})


def test_metadata_is_merged_and_unset(api):
    customer = api.customers.create({"metadata": {"a": "1", "b": "2"}, "name": "Ada"})
    customer = api.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}, "name": ""})
    assert customer.metadata.to_dict() == {"b": "2", "c": "3"}
    assert customer.name is None
    assert api.customers.update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


def test_lookup_keys_are_unique_and_transferable(sandbox, api):
    old = sandbox.price(1000, key="plus")
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.price(1200, key="plus")
    new = sandbox.price(1200, key="plus", transfer_lookup_key=True)
    assert [p.id for p in api.prices.list({"lookup_keys": ["plus"]}).data] == [new.id]
    assert api.prices.retrieve(old.id).lookup_key is None


def test_deleting_a_customer_cancels_and_leaves_a_stub(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    assert api.customers.delete(customer.id).deleted
    assert api.customers.retrieve(customer.id).to_dict() == {
        "id": customer.id, "object": "customer", "deleted": True}
    assert api.subscriptions.retrieve(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.update(customer.id, {"name": "x"})


def test_test_cards_fail_where_stripe_says(sandbox, api):
    customer = sandbox.customer(None)
    with pytest.raises(stripe.CardError) as error:
        api.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    assert error.value.code == "card_declined"
    method = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    assert method.card.last4 == "0341"


def test_required_members_of_objects_are_present(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    invoice = api.invoices.retrieve(subscription.latest_invoice)
    needed = {
        "subscription": (subscription, "automatic_tax billing_cycle_anchor billing_mode "
            "billing_schedules cancel_at_period_end collection_method created currency customer "
            "discounts id invoice_settings items livemode metadata object start_date status"),
        "item": (subscription["items"].data[0], "created current_period_end "
            "current_period_start discounts id metadata object plan price subscription"),
        "invoice": (invoice, "amount_due amount_overpaid amount_paid amount_remaining "
            "amount_shipping attempt_count attempted automatic_tax collection_method created "
            "currency default_tax_rates discounts id issuer lines livemode object "
            "payment_settings period_end period_start post_payment_credit_notes_amount "
            "pre_payment_credit_notes_amount starting_balance status_transitions subtotal total"),
        "line": (invoice.lines.data[0], "amount currency discountable discounts id livemode "
            "metadata object period subtotal"),
        "payment": (api.invoice_payments.list({"invoice": invoice.id}).data[0],
            "amount_requested created currency id invoice is_default livemode object payment "
            "status status_transitions"),
        "session": (sandbox.session(sandbox.price(1)), "automatic_tax created custom_fields "
            "custom_text expires_at id livemode mode object payment_method_types payment_status "
            "shipping_options"),
        "event": (api.events.list().data[0], "created data id livemode object pending_webhooks "
            "type"),
    }
    for kind, (value, names) in needed.items():
        for name in names.split():
            assert value[name] is not None, (kind, name)
    assert "current_period_end" not in subscription
    assert "subscription" not in invoice
    assert invoice.parent.subscription_details.subscription == subscription.id
