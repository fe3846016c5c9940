"""Checkout and the portal, page by page."""

import pytest
import stripe
from conftest import DAY


def test_paying_makes_the_subscription_and_redirects(sandbox, api, receiver):
    customer = sandbox.customer(None, metadata={"user_id": "42"})
    session = sandbox.session(
        sandbox.price(2000), customer, client_reference_id="42",
        subscription_data={"metadata": {"user_id": "42"}})
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.subscription is None and session.invoice is None
    status, _, html = sandbox.request("GET", session.url)
    assert status == 200 and "$20.00" in html and "<script" not in html
    assert api.subscriptions.list({"customer": customer.id}).data == []
    status, headers, _ = sandbox.press(session.url, action="pay")
    assert status == 303
    assert headers["Location"] == f"http://127.0.0.1:9/done?cs={session.id}"
    session = api.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    subscription = api.subscriptions.retrieve(session.subscription)
    assert subscription.status == "active"
    assert subscription.metadata.to_dict() == {"user_id": "42"}
    assert api.invoices.retrieve(session.invoice).amount_paid == 2000
    sandbox.settle()
    types = receiver.types()
    for expected in ["customer.subscription.created", "invoice.created", "invoice.finalized",
                     "invoice.paid", "invoice.payment_succeeded", "checkout.session.completed"]:
        assert types.count(expected) == 1, expected
    completed = receiver.events("checkout.session.completed")[0]["data"]["object"]
    assert completed["client_reference_id"] == "42"
    assert completed["subscription"] == subscription.id


def test_paying_twice_makes_one_subscription(sandbox, api):
    customer = sandbox.customer(None)
    session = sandbox.session(sandbox.price(2000), customer)
    for _ in range(2):
        assert sandbox.press(session.url, action="pay")[0] == 303
    assert len(api.subscriptions.list({"customer": customer.id}).data) == 1


def test_a_decline_leaves_the_session_open_and_nothing_behind(sandbox, api, receiver):
    customer = sandbox.customer(None)
    session = sandbox.session(sandbox.price(2000), customer)
    status, _, html = sandbox.press(session.url, action="decline")
    assert status == 200 and "Your card was declined." in html
    sandbox.knob(f"customers/{customer.id}", next_charge="decline")
    status, _, html = sandbox.press(session.url, action="pay")
    assert status == 200 and "Your card was declined." in html
    assert api.checkout.sessions.retrieve(session.id).status == "open"
    assert api.subscriptions.list({"customer": customer.id, "status": "all"}).data == []
    assert api.invoices.list({"customer": customer.id}).data == []
    assert sandbox.press(session.url, action="pay")[0] == 303


def test_authentication_succeeds_like_paying(sandbox, api):
    session = sandbox.session(sandbox.price(2000))
    assert sandbox.press(session.url, action="authenticate")[0] == 303
    assert api.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_charge_that_asks_for_authentication_waits_for_it(sandbox, api):
    customer = sandbox.customer(None)
    session = sandbox.session(sandbox.price(2000), customer)
    sandbox.knob(f"customers/{customer.id}", next_charge="authenticate")
    status, _, html = sandbox.press(session.url, action="pay")
    assert status == 200 and "authentication" in html
    assert api.checkout.sessions.retrieve(session.id).status == "open"
    assert sandbox.press(session.url, action="authenticate")[0] == 303


def test_cancel_goes_back_and_keeps_the_session_open(sandbox, api):
    session = sandbox.session(sandbox.price(2000))
    status, headers, _ = sandbox.press(session.url, action="cancel")
    assert (status, headers["Location"]) == (303, "http://127.0.0.1:9/plans")
    assert api.checkout.sessions.retrieve(session.id).status == "open"


def test_sessions_expire_after_a_day_or_when_asked(sandbox, api, receiver):
    price = sandbox.price(2000)
    first, second = sandbox.session(price), sandbox.session(price)
    assert api.checkout.sessions.expire(first.id).status == "expired"
    sandbox.advance(DAY + 1)
    assert api.checkout.sessions.retrieve(second.id).status == "expired"
    assert len(receiver.events("checkout.session.expired")) == 2
    assert sandbox.press(f"/c/pay/{second.id}", action="pay")[0] == 410
    with pytest.raises(stripe.InvalidRequestError):
        api.checkout.sessions.expire(first.id)


def test_a_session_without_a_customer_makes_one(sandbox, api):
    session = sandbox.session(sandbox.price(2000), customer_email="new@example.test")
    sandbox.press(session.url, action="pay")
    session = api.checkout.sessions.retrieve(session.id, {"expand": ["customer"]})
    assert session.customer.email == "new@example.test"


@pytest.mark.parametrize("params", [
    {"mode": "setup"}, {"mode": "payment"}, {"ui_mode": "hosted"}, {"line_items": []}, {"expires_at": 1},
    {"client_reference_id": "1", "x": "y"}, {"subscription_data": {"trial_period_days": 0}}])
def test_sessions_that_cannot_be_are_refused(sandbox, params):
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(sandbox.price(2000), **params)


def test_an_archived_price_cannot_be_sold(sandbox, api):
    price = sandbox.price(2000)
    api.prices.update(price.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(price)


def test_a_trial_costs_nothing_until_it_ends(sandbox, api, receiver):
    session = sandbox.session(
        sandbox.price(2000), subscription_data={"trial_period_days": 7})
    assert session.amount_total == 0
    sandbox.press(session.url, action="pay")
    session = api.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})
    subscription = session.subscription
    item = subscription["items"].data[0]
    assert session.payment_status == "no_payment_required"
    assert subscription.status == "trialing"
    assert subscription.trial_end - subscription.trial_start == 7 * DAY
    assert (item.current_period_start, item.current_period_end) == (
        subscription.trial_start, subscription.trial_end)
    assert subscription.billing_cycle_anchor == subscription.trial_end
    assert (session.invoice.status, session.invoice.amount_due) == ("paid", 0)
    sandbox.settle()
    assert receiver.types().count("invoice.paid") == 1
    assert "customer.subscription.trial_will_end" not in receiver.types()
    sandbox.advance_to(subscription.trial_end - 3 * DAY + 1)
    assert receiver.types().count("customer.subscription.trial_will_end") == 1
    sandbox.advance_to(subscription.trial_end + 1)
    found = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.status) == ("active", "draft")
    sandbox.advance(3600)
    invoice = api.invoices.retrieve(found.latest_invoice.id)
    assert (invoice.status, invoice.amount_paid) == ("paid", 2000)
    assert receiver.types().count("invoice.paid") == 2


def test_a_short_trial_is_announced_at_once(sandbox, receiver):
    sandbox.press(sandbox.session(
        sandbox.price(2000), subscription_data={"trial_period_days": 2}).url, action="pay")
    sandbox.advance(1)
    assert receiver.types().count("customer.subscription.trial_will_end") == 1


def test_the_portal_cancels_resumes_and_switches(sandbox, api):
    customer = sandbox.customer()
    plus, pro = sandbox.price(2000), sandbox.price(4000)
    subscription = sandbox.subscription(plus, customer)
    portal = api.billing_portal.sessions.create(
        {"customer": customer.id, "return_url": "http://127.0.0.1:9/account"})
    status, _, html = sandbox.request("GET", portal.url)
    assert status == 200 and "Plan 2000" in html and "http://127.0.0.1:9/account" in html
    status, headers, _ = sandbox.press(
        portal.url, subscription=subscription.id, action="cancel")
    assert status == 303
    assert api.subscriptions.retrieve(subscription.id).cancel_at
    assert "Keep the subscription" in sandbox.request("GET", headers["Location"])[2]
    sandbox.press(portal.url, subscription=subscription.id, action="resume")
    assert not api.subscriptions.retrieve(subscription.id).cancel_at
    sandbox.press(portal.url, subscription=subscription.id, action="switch", price=pro.id)
    found = api.subscriptions.retrieve(subscription.id)
    assert found["items"].data[0].price.id == pro.id
    # What costs more is paid for at once, what costs less with the next invoice.
    charged = api.invoices.retrieve(found.latest_invoice)
    assert charged.billing_reason == "subscription_update" and charged.status == "paid"
    sandbox.press(portal.url, subscription=subscription.id, action="switch", price=plus.id)
    assert api.subscriptions.retrieve(subscription.id).latest_invoice == charged.id


def test_the_portals_button_for_another_price_is_upgrade(sandbox, api):
    customer = sandbox.customer()
    plus, pro = sandbox.price(2000), sandbox.price(4000)
    subscription = sandbox.subscription(plus, customer)
    portal = api.billing_portal.sessions.create({"customer": customer.id})
    html = sandbox.request("GET", portal.url)[2]
    assert 'value="upgrade"' in html and f'value="{pro.id}"' in html
    status, _, _ = sandbox.press(
        portal.url, subscription=subscription.id, action="upgrade", price=pro.id)
    assert status == 303
    found = api.subscriptions.retrieve(subscription.id)
    assert found["items"].data[0].price.id == pro.id


@pytest.mark.parametrize("fields, refused", [
    ({"action": "upgrade"}, 400), ({"action": "x"}, 400), ({}, 400),
    ({"action": "upgrade", "price": "price_none"}, 400)])
def test_a_portal_button_that_is_refused_changes_nothing(sandbox, api, fields, refused):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    portal = api.billing_portal.sessions.create({"customer": customer.id})
    sandbox.request("GET", portal.url)
    status, _, _ = sandbox.press(portal.url, subscription=subscription.id, **fields)
    assert status == refused
    assert api.subscriptions.retrieve(subscription.id).to_dict() == subscription.to_dict()
    # It leads nowhere, so the link stays used.
    assert sandbox.request("GET", portal.url)[0] == 410


def test_the_portals_link_opens_once_and_again_after_each_of_its_buttons(sandbox, api):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    portal = api.billing_portal.sessions.create({"customer": customer.id})
    assert sandbox.request("GET", portal.url)[0] == 200
    status, _, html = sandbox.request("GET", portal.url)
    assert status == 410 and "has been used" in html
    for action in ["cancel", "resume"]:
        status, headers, _ = sandbox.press(
            portal.url, subscription=subscription.id, action=action)
        assert status == 303
        assert sandbox.request("GET", headers["Location"])[0] == 200
        assert sandbox.request("GET", portal.url)[0] == 410
    # A new session has a link of its own; the buttons of this one work for an hour.
    other = api.billing_portal.sessions.create({"customer": customer.id})
    assert sandbox.request("GET", other.url)[0] == 200
    sandbox.advance(3601)
    assert sandbox.press(
        portal.url, subscription=subscription.id, action="cancel")[0] == 410
    assert not api.subscriptions.retrieve(subscription.id).cancel_at


def test_the_portal_shows_only_the_customers_own(sandbox):
    subscription = sandbox.subscription(sandbox.price(2000))
    other = sandbox.client.v1.billing_portal.sessions.create(
        {"customer": sandbox.customer().id})
    status, _, _ = sandbox.press(other.url, subscription=subscription.id, action="cancel")
    assert status == 400
    sandbox.advance(3601)
    assert sandbox.request("GET", other.url)[0] == 410
