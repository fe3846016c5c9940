"""Each outcome of a charge (paid, declined, to be confirmed, in the bank's hands) of a checkout, a renewal
and an upgrade has a way to its end over our API; nothing is granted before it is paid."""

import pytest

from conftest import DAY, PRO
from test_payments import checkout, knob, press, sdk, settle
from test_payments_provider import subscriber

HOUR = 3600
UPGRADE = "/career/subscriptions/upgrade"


def live(service):
    [subscription] = [item for item in sdk(service).v1.subscriptions.list({"status": "all"}).data
                      if item.status not in ("canceled", "incomplete_expired")]
    return subscription


def charge(service, outcome):
    """What becomes of the next charge."""
    if outcome != "ok":
        knob(service, f"/_test/customers/{live(service).customer}", {"next_charge": outcome})


def upgrade(user, plan=PRO):
    return user.post(UPGRADE, {"new_plan_id": plan})


def price(service):
    return live(service)["items"]["data"][0]["price"]["lookup_key"]


def invoices(service, **filter):
    return [item for item in sdk(service).v1.invoices.list(filter).data
            if item.billing_reason == "subscription_update"]


def mails(service, user, words):
    return [mail for mail in service.mail(user.email) if words in mail["subject"]]


def reconciled(service):
    return service.command("stripe", "reconcile", STRIPE_API_BASE=service.sandbox).returncode == 0


def on_plus(service, user, before):
    assert price(service) == "career_plus_monthly"
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.subscription["status"] == "active"
    assert user.balance["credits_allocated"] == before
    assert reconciled(service)


def on_pro(service, user):
    assert price(service) == "career_pro_monthly"
    assert user.subscription["plan"]["name"] == "Pro"
    assert 1900 < float(user.balance["credits_allocated"]) < 2000
    assert live(service).pending_update is None
    assert reconciled(service)


def test_an_upgrade_that_is_paid_at_once_happens_at_once(own_service):
    user = subscriber(own_service)
    assert upgrade(user).json["plan"]["name"] == "Pro"
    on_pro(own_service, user)
    assert [item.status for item in invoices(own_service)] == ["paid"]


def test_an_upgrade_that_is_declined_leaves_nothing(own_service):
    user = subscriber(own_service)
    before = user.balance["credits_allocated"]
    charge(own_service, "decline")
    refused = upgrade(user)
    assert (refused.status, refused.code) == (402, "card_declined")
    assert refused.json["decline_code"] == "generic_decline"
    assert live(own_service).pending_update is None
    assert [item.status for item in invoices(own_service)] == ["void"]
    settle(own_service)
    on_plus(own_service, user, before)
    # They were told at once.
    assert not mails(own_service, user, "payment failed")
    assert upgrade(user).status == 200
    on_pro(own_service, user)


def needs_action(service, user):
    charge(service, "authenticate")
    refused = upgrade(user)
    assert (refused.status, refused.code) == (402, "payment_needs_action"), refused
    [invoice] = invoices(service, status="open")
    assert refused.json["url"] == invoice.hosted_invoice_url
    return refused.json["url"]


@pytest.mark.parametrize("is_settled", [True, False], ids=["told", "untold"])
def test_an_upgrade_that_the_bank_wants_confirmed_happens_once_it_is_paid_on_the_page(
        own_service, is_settled):
    user = subscriber(own_service)
    before = user.balance["credits_allocated"]
    url = needs_action(own_service, user)
    if is_settled:
        settle(own_service)
        on_plus(own_service, user, before)
        [mail] = mails(own_service, user, "confirm your payment")
        assert url in mail["text"] and "Pro" in mail["text"]
        # The present plan goes on meanwhile.
        user.spend()
    assert press(url, "authenticate")[0] in (200, 303)
    settle(own_service)
    on_pro(own_service, user)
    assert [item.status for item in invoices(own_service)] == ["paid"]
    assert upgrade(user).code == "same_plan"


def test_an_upgrade_that_waits_is_not_charged_twice(own_service):
    user = subscriber(own_service)
    url = needs_action(own_service, user)
    again = upgrade(user)
    assert (again.status, again.code, again.json["url"]) == (402, "payment_needs_action", url)
    assert len(invoices(own_service)) == 1


@pytest.mark.parametrize("way", ["left alone", "cancel", "end", "delete", "voided"])
def test_an_upgrade_that_is_given_up_leaves_nothing(own_service, way):
    user = subscriber(own_service)
    before = user.balance["credits_allocated"]
    url = needs_action(own_service, user)
    if way == "left alone":
        own_service.advance(24 * HOUR)
    elif way == "voided":
        sdk(own_service).v1.invoices.void_invoice(invoices(own_service)[0].id)
        settle(own_service)
    elif way == "delete":
        assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    else:
        body = {"cancel_at_period_end": way == "cancel"}
        assert user.post("/career/subscriptions/cancel", body).status == 200
        settle(own_service)
    assert [item.status for item in invoices(own_service)] == ["void"]
    press(url, "authenticate")
    settle(own_service)
    assert [item.status for item in invoices(own_service)] == ["void"]
    if way in ("left alone", "voided"):
        on_plus(own_service, user, before)
        assert live(own_service).pending_update is None
        assert upgrade(user).status == 200
        on_pro(own_service, user)
    elif way == "cancel":
        on_plus(own_service, user, before)
        assert user.post("/career/subscriptions/resume").status == 200
        assert upgrade(user).status == 200


@pytest.mark.parametrize("verdict", ["succeeded", "failed"])
def test_an_upgrade_in_the_banks_hands_grants_nothing_and_is_not_charged_twice(
        own_service, verdict):
    user = subscriber(own_service)
    before = user.balance["credits_allocated"]
    charge(own_service, "processing")
    for _ in range(2):
        refused = upgrade(user)
        assert (refused.status, refused.code) == (402, "payment_processing"), refused
        settle(own_service)
        assert user.balance["credits_allocated"] == before
        assert user.subscription["plan"]["name"] == "Plus"
    [invoice] = invoices(own_service)
    own_service.advance(HOUR)
    payments = sdk(own_service).v1.invoice_payments.list({"invoice": invoice.id}).data
    knob(own_service, "/_test/payments",
         {"payment_intent": payments[0].payment.payment_intent, "status": verdict})
    settle(own_service)
    if verdict == "succeeded":
        return on_pro(own_service, user)
    on_plus(own_service, user, before)
    [mail] = mails(own_service, user, "payment failed")
    assert invoice.hosted_invoice_url in mail["text"]
    assert upgrade(user).status == 200
    on_pro(own_service, user)


# Checkout: the page is Stripe's, and so is its way out of each outcome.


@pytest.mark.parametrize("outcome", ["pay", "decline", "authenticate", "process"])
def test_a_checkout_has_a_way_on_from_each_outcome(own_service, outcome):
    user = own_service.new_user()
    # Without a trial, so that something is charged.
    own_service.rows("UPDATE subscriptions SET trial_used = 1")
    page = checkout(user).json["checkout_url"]
    press(page, outcome)
    settle(own_service)
    granted = user.balance["credits_allocated"]
    if outcome in ("pay", "authenticate"):
        assert user.subscription["plan"]["name"] == "Plus" and granted == "500.00"
        return
    assert granted == "25.00"
    if outcome == "decline":
        # The page is still there, and so is the way to another.
        assert checkout(user).json["checkout_url"] == page
        assert checkout(user, PRO).status == 200
        return
    own_service.advance(5 * DAY)
    assert user.balance["credits_allocated"] == "500.00"


@pytest.mark.parametrize("outcome", ["ok", "decline", "authenticate", "processing"])
def test_a_renewal_has_a_way_on_from_each_outcome(own_service, outcome):
    user = subscriber(own_service)
    user.spend()
    charge(own_service, outcome)
    own_service.advance_past_period(user, beyond=2 * HOUR)
    remaining = user.balance["credits_remaining"]
    if outcome == "ok":
        assert remaining == "500.00"
        return
    # Nothing is granted before it is paid; what is left of the old period stays in the grace.
    assert remaining == "499.00" and user.validate().status == 200
    [unpaid] = sdk(own_service).v1.invoices.list({"status": "open"}).data
    if outcome == "processing":
        own_service.advance(5 * DAY)
    else:
        words = "payment failed" if outcome == "decline" else "confirm your payment"
        [mail] = mails(own_service, user, words)
        assert unpaid.hosted_invoice_url in mail["text"]
        press(unpaid.hosted_invoice_url, "pay" if outcome == "decline" else "authenticate")
        settle(own_service)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_allocated"] == "500.00"
    assert user.balance["credits_used"] == "0.00"
