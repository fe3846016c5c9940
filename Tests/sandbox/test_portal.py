"""What a portal offers is what its configuration says."""

import pytest
import stripe

HOUR = 3_600
OFF = {"subscription_update": {"enabled": False}, "subscription_cancel": {"enabled": True},
       "payment_method_update": {"enabled": True}, "invoice_history": {"enabled": True}}


def configured(sandbox, features=None, **params):
    return sandbox.client.v1.billing_portal.configurations.create(
        {"features": features or OFF, **params})


def offering(sandbox, *prices, **update):
    products = {}
    for price in prices:
        products.setdefault(price.product, []).append(price.id)
    return configured(sandbox, {**OFF, "subscription_update": {
        "enabled": True, "default_allowed_updates": ["price"],
        "products": [{"product": product, "prices": ids} for product, ids in products.items()],
        **update}})


def opened(sandbox, subscription, configuration=None, **params):
    more = {"configuration": configuration.id} if configuration else {}
    return sandbox.client.v1.billing_portal.sessions.create(
        {"customer": subscription.customer, **more, **params})


def press(sandbox, session, subscription, action, **fields):
    return sandbox.press(session.url, subscription=subscription.id, action=action, **fields)[0]


def amount(api, subscription):
    return api.subscriptions.retrieve(subscription.id)["items"].data[0].price.unit_amount


def test_a_configuration_is_made_told_and_changed(sandbox, api, receiver):
    made = configured(
        sandbox, name="ours", default_return_url="https://app.example.com/account",
        metadata={"a": "1"}, business_profile={
            "headline": "Hello", "privacy_policy_url": "https://example.com/p",
            "terms_of_service_url": "https://example.com/t"})
    assert made.active and not made.is_default
    assert (made.name, made.metadata.a, made.business_profile.headline) == ("ours", "1", "Hello")
    features = made.features
    assert not features.subscription_update.enabled and features.subscription_cancel.enabled
    assert features.subscription_cancel.mode == "at_period_end"
    assert features.subscription_update.proration_behavior == "none"
    assert features.subscription_update.trial_update_behavior == "end_trial"
    changed = api.billing_portal.configurations.update(made.id, {"active": False, "features": {
        "subscription_cancel": {"mode": "immediately", "proration_behavior": "create_prorations",
                                "cancellation_reason": {"enabled": True, "options": ["unused"]}}}})
    cancel = changed.features.subscription_cancel
    assert (cancel.enabled, cancel.mode, cancel.proration_behavior) == (
        True, "immediately", "create_prorations")
    assert cancel.cancellation_reason.options == ["unused"]
    found = api.billing_portal.configurations.retrieve(made.id)
    assert found.to_dict() == changed.to_dict()
    for params, isThere in [({"active": False}, True), ({"active": True}, False),
                            ({"is_default": True}, False)]:
        ids = [one.id for one in api.billing_portal.configurations.list(params).data]
        assert (made.id in ids) == isThere, params
    sandbox.settle()
    for kind in ["created", "updated"]:
        assert receiver.types().count("billing_portal.configuration." + kind) == 1
    with pytest.raises(stripe.InvalidRequestError):
        api.billing_portal.sessions.create(
            {"customer": sandbox.customer().id, "configuration": made.id})


@pytest.mark.parametrize("features", [
    None,
    {"subscription_cancel": {"enabled": True, "proration_behavior": "always_invoice"}},
    {"subscription_cancel": {"enabled": True, "mode": "later"}}, {"invoice_history": {}},
    {"subscription_cancel": {"mode": "at_period_end"}}, {"nonsense": {"enabled": True}},
    {"subscription_update": {"enabled": True, "default_allowed_updates": ["colour"]}},
    {"subscription_update": {"enabled": True, "default_allowed_updates": ["price"],
                             "products": [{"product": "prod_none", "prices": []}]}}])
def test_a_configuration_that_cannot_be_is_refused(sandbox, api, features):
    with pytest.raises(stripe.InvalidRequestError):
        api.billing_portal.configurations.create({"features": features} if features else {})
    assert api.billing_portal.configurations.list().data == []


def test_a_portal_without_plan_changes_offers_none(sandbox, api):
    other = sandbox.price(4000)
    subscription = sandbox.subscription(sandbox.price(2000))
    session = opened(sandbox, subscription, configured(sandbox))
    html = sandbox.request("GET", session.url)[2]
    assert "upgrade" not in html and 'value="cancel"' in html and 'value="card"' in html
    assert press(sandbox, session, subscription, "upgrade", price=other.id) == 400
    assert amount(api, subscription) == 2000
    assert press(sandbox, session, subscription, "cancel") == 303
    assert api.subscriptions.retrieve(subscription.id).cancel_at


def test_only_what_is_configured_can_be_chosen(sandbox, api):
    pro, other = sandbox.price(4000), sandbox.price(6000)
    subscription = sandbox.subscription(sandbox.price(2000))
    session = opened(sandbox, subscription, offering(sandbox, pro))
    assert press(sandbox, session, subscription, "switch", price=other.id) == 400
    assert press(sandbox, session, subscription, "switch", price=pro.id) == 303
    assert amount(api, subscription) == 4000


@pytest.mark.parametrize("behavior, pending, balance", [
    ("none", 0, 0), ("create_prorations", 2, 0), ("always_invoice", 0, -2000)])
def test_a_lower_price_is_prorated_as_the_configuration_says(
        sandbox, api, behavior, pending, balance):
    plus = sandbox.price(2000)
    subscription = sandbox.subscription(sandbox.price(4000))
    session = opened(
        sandbox, subscription, offering(sandbox, plus, proration_behavior=behavior))
    assert press(sandbox, session, subscription, "switch", price=plus.id) == 303
    assert amount(api, subscription) == 2000
    preview = api.invoices.create_preview({"subscription": subscription.id})
    assert len(preview.lines.data) == pending + 1
    assert balance <= api.customers.retrieve(subscription.customer).balance <= balance + 1


def test_a_lower_price_of_the_same_product_can_wait_for_the_periods_end(sandbox, api):
    high = sandbox.price(4000)
    low = sandbox.price(2000, product=high.product)
    elsewhere = sandbox.price(1000)
    subscription = sandbox.subscription(high)
    configuration = offering(
        sandbox, high, low, elsewhere,
        schedule_at_period_end={"conditions": [{"type": "decreasing_item_amount"}]})
    session = opened(sandbox, subscription, configuration)
    assert press(sandbox, session, subscription, "switch", price=low.id) == 303
    assert amount(api, subscription) == 4000
    sandbox.advance_to(subscription["items"].data[0].current_period_end + HOUR + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (amount(api, subscription), found.latest_invoice.total) == (2000, 2000)
    # Prices of another product do not wait.
    session = opened(sandbox, subscription, configuration)
    assert press(sandbox, session, subscription, "switch", price=elsewhere.id) == 303
    assert amount(api, subscription) == 1000


def test_a_cancellation_can_be_immediate_and_prorated(sandbox, api):
    configuration = configured(sandbox, {**OFF, "subscription_cancel": {
        "enabled": True, "mode": "immediately", "proration_behavior": "create_prorations"}})
    subscription = sandbox.subscription(sandbox.price(2000))
    session = opened(sandbox, subscription, configuration)
    assert press(sandbox, session, subscription, "cancel") == 303
    assert api.subscriptions.retrieve(subscription.id).status == "canceled"
    assert -2000 <= api.customers.retrieve(subscription.customer).balance <= -1999


@pytest.mark.parametrize("behavior, status", [
    ("end_trial", "active"), ("continue_trial", "trialing")])
def test_a_change_during_a_trial_ends_it_unless_configured_otherwise(
        sandbox, api, behavior, status):
    pro = sandbox.price(4000)
    subscription = sandbox.subscription(sandbox.price(2000), trial_period_days=7)
    configuration = offering(sandbox, pro, trial_update_behavior=behavior)
    press(sandbox, opened(sandbox, subscription, configuration), subscription, "switch",
          price=pro.id)
    found = api.subscriptions.retrieve(subscription.id)
    assert (found.status, amount(api, subscription)) == (status, 4000)


def test_the_accounts_own_configuration_does_what_it_was_set_to(sandbox, api):
    plus = sandbox.price(2000)
    subscription = sandbox.subscription(sandbox.price(4000))
    opened(sandbox, subscription)
    default = api.billing_portal.configurations.list({"is_default": True}).data[0]
    assert default.features.subscription_update.enabled
    api.billing_portal.configurations.update(default.id, {"features": {
        "subscription_update": {"proration_behavior": "always_invoice"}}})
    session = opened(sandbox, subscription)
    assert session.configuration == default.id
    press(sandbox, session, subscription, "switch", price=plus.id)
    assert -2000 <= api.customers.retrieve(subscription.customer).balance <= -1999
    api.billing_portal.configurations.update(
        default.id, {"features": {"subscription_update": {"enabled": False}}})
    assert press(sandbox, session, subscription, "switch", price=plus.id) == 400


def test_a_change_that_is_not_paid_changes_nothing(sandbox, api):
    pro = sandbox.price(4000)
    subscription = sandbox.subscription(sandbox.price(2000))
    session = opened(sandbox, subscription)
    sandbox.knob(f"customers/{subscription.customer}", next_charge="decline")
    status, _, html = sandbox.press(
        session.url, subscription=subscription.id, action="switch", price=pro.id)
    assert (status, "declined" in html, amount(api, subscription)) == (200, True, 2000)


def test_a_new_card_pays_from_now_on(sandbox, api, receiver):
    subscription = sandbox.subscription(
        sandbox.price(2000), sandbox.customer("pm_card_chargeCustomerFail"),
        payment_behavior="default_incomplete")
    session = opened(sandbox, subscription)
    assert sandbox.press(session.url, action="card", card="pm_card_mastercard")[0] == 303
    customer = api.customers.retrieve(subscription.customer, {
        "expand": ["invoice_settings.default_payment_method"]})
    assert customer.invoice_settings.default_payment_method.card.last4 == "4444"
    sandbox.settle()
    assert {"payment_method.attached", "customer.updated"} <= set(receiver.types())
    assert api.invoices.pay(subscription.latest_invoice).status == "paid"


# Links that lead to one thing.

def test_a_link_confirms_one_change_with_the_banks_question_and_leads_back(sandbox, api):
    pro = sandbox.price(4000)
    subscription = sandbox.subscription(sandbox.price(2000))
    item = subscription["items"].data[0].id
    session = opened(
        sandbox, subscription, offering(sandbox, pro, proration_behavior="always_invoice"),
        flow_data={
            "type": "subscription_update_confirm",
            "subscription_update_confirm": {
                "subscription": subscription.id,
                "items": [{"id": item, "price": pro.id, "quantity": 1}]},
            "after_completion": {
                "type": "redirect", "redirect": {"return_url": "http://127.0.0.1:9/done"}}})
    assert session.flow.subscription_update_confirm.items[0].price == pro.id
    sandbox.knob(f"customers/{subscription.customer}", card="authenticate")
    status, _, html = sandbox.press(session.url, subscription=subscription.id, action="confirm")
    assert (status, "authentication" in html, amount(api, subscription)) == (200, True, 2000)
    status, headers, _ = sandbox.press(
        session.url, subscription=subscription.id, action="confirm", authenticate="true")
    assert (status, headers["Location"]) == (303, "http://127.0.0.1:9/done")
    assert amount(api, subscription) == 4000


def test_links_name_what_they_are_for(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    for kind in ["subscription_cancel", "subscription_update"]:
        session = opened(sandbox, subscription, flow_data={
            "type": kind, kind: {"subscription": subscription.id},
            "after_completion": {"type": "hosted_confirmation",
                                 "hosted_confirmation": {"custom_message": "bye"}}})
        assert (session.flow.type, session.flow[kind].subscription) == (kind, subscription.id)
        assert session.flow.after_completion.hosted_confirmation.custom_message == "bye"
    session = opened(sandbox, subscription, locale="de", return_url="https://example.com/",
                     flow_data={"type": "payment_method_update"})
    assert (session.locale, session.return_url) == ("de", "https://example.com/")
    assert session.flow.after_completion.type == "portal_homepage"
    sandbox.settle()
    assert receiver.types().count("billing_portal.session.created") == 3


@pytest.mark.parametrize("params", [
    {"flow_data": {"type": "subscription_pause"}}, {"flow_data": {"type": "nonsense"}},
    {"flow_data": {"type": "subscription_cancel"}}, {"configuration": "bpc_none"},
    {"flow_data": {"type": "subscription_cancel",
                   "subscription_cancel": {"subscription": "sub_none"}}},
    {"return_url": "javascript:alert(1)"}, {"return_url": "app"}, {"locale": "xx"},
    {"customer": "cus_none"}, {"flow_data": {"type": "subscription_update_confirm"}}])
def test_a_session_that_cannot_be_is_refused(sandbox, api, params):
    subscription = sandbox.subscription(sandbox.price(2000))
    with pytest.raises(stripe.InvalidRequestError):
        api.billing_portal.sessions.create({"customer": subscription.customer, **params})


def test_a_link_to_what_the_configuration_has_off_is_refused(sandbox, api):
    subscription = sandbox.subscription(sandbox.price(2000))
    with pytest.raises(stripe.InvalidRequestError):
        opened(sandbox, subscription, configured(sandbox), flow_data={
            "type": "subscription_update",
            "subscription_update": {"subscription": subscription.id}})
