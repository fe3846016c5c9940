"""What a subscription can meet in its life, told by events that come as they please."""

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import DAY, PLUS, PRO
from test_payments import buy, checkout, knob, opener, post_event, press, sdk, settle

HOUR = 3600


def customer(service):
    [customer] = sdk(service).v1.customers.list().data
    return customer.id


def live(service):
    [subscription] = sdk(service).v1.subscriptions.list().data
    return subscription


def subscriber(service, plan=PLUS):
    user = service.new_user()
    buy(service, user, plan)
    service.advance(8 * DAY)
    return user


def events(service, *types):
    """What Stripe has to tell, oldest first."""
    told = [event for event in sdk(service).v1.events.list({"limit": 100}).data
            if event.type in types]
    return [json.loads(str(event)) for event in reversed(told)]


def upgrade(user, plan=PRO):
    return user.post("/career/subscriptions/upgrade", {"new_plan_id": plan})


def preview(user, plan=PRO):
    return user.post("/career/subscriptions/preview-upgrade", {"new_plan_id": plan})


# Events in an order of their own


def test_deleted_before_completed_leaves_free_and_a_used_trial(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    sdk(own_service).v1.subscriptions.cancel(live(own_service).id)
    told = events(own_service, "customer.subscription.deleted", "customer.subscription.created",
                  "invoice.paid", "checkout.session.completed")
    told.sort(key=lambda event: event["type"] != "customer.subscription.deleted")
    for event in told:
        assert post_event(own_service, event).status == 200
        settle(own_service)
        assert user.subscription["plan"]["name"] == "Free"
        assert user.balance["credits_allocated"] == "25.00"
    assert own_service.rows(
        "SELECT stripe_subscription_id, trial_used FROM subscriptions") == [(None, 1)]


def test_an_update_of_a_subscription_not_yet_known_makes_it_the_users(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    [created] = events(own_service, "customer.subscription.created")
    updated = {**created, "id": "evt_early", "type": "customer.subscription.updated"}
    assert post_event(own_service, updated).status == 200
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_allocated"] == "500.00"


def test_an_update_of_a_subscription_of_no_user_of_ours_is_worked_off(own_service):
    user = own_service.new_user()
    client = sdk(own_service)
    stranger = client.v1.customers.create({"email": "stranger@example.test"})
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": stranger.id})
    price = client.v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
    client.v1.subscriptions.create(
        {"customer": stranger.id, "items": [{"price": price.id}],
         "default_payment_method": card.id,
         "metadata": {"user_id": "0198c0de-0000-7000-8000-0000000000ff"}})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert own_service.command("dead-letters", "list").stdout.strip() == "No dead letters."
    assert own_service.rows("SELECT count(*) FROM messages") == [(0,)]


def test_two_event_ids_for_one_change_change_the_account_and_mail_once(own_service):
    knob(own_service, "/_test/webhooks", {"mode": "deliver", "two_event_ids": True})
    user = own_service.sign_up()
    buy(own_service, user)
    own_service.advance(5 * DAY)
    own_service.advance(3 * DAY)
    assert user.balance["credits_allocated"] == "500.00"
    assert own_service.rows(
        "SELECT kind, count(*) FROM credit_grants WHERE cause LIKE 'in_%' GROUP BY kind"
    ) == [("plan", 2)]
    _, active, ends = [mail["subject"] for mail in own_service.mail(user.email)]
    assert active == "Your Plus plan is active" and "trial ends" in ends
    twice = own_service.rows(
        "SELECT count(*) FROM stripe_events WHERE object_id NOT LIKE 'pr%' "
        "GROUP BY type, object_id, created_at")
    assert twice and all(count % 2 == 0 for (count,) in twice)


def test_a_webhook_that_cannot_be_kept_is_not_acknowledged_and_comes_again(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    [created] = events(own_service, "customer.subscription.created")
    with own_service.seized("stripe_events"):
        refused = post_event(own_service, created)
        assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
    assert own_service.rows(
        "SELECT count(*) FROM stripe_events WHERE id = ?", created["id"]) == [(0,)]
    knob(own_service, "/_test/webhooks", {"mode": "release"})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"


# Renewals and upgrades


def test_a_renewal_is_paid_within_its_grace_and_the_next_one_never(own_service):
    user = subscriber(own_service)
    user.spend()
    id = customer(own_service)
    first = user.subscription["current_period_end"]
    knob(own_service, f"/_test/customers/{id}", {"card": "decline"})
    own_service.advance_past_period(user)
    assert user.subscription["status"] == "past_due"
    assert user.balance["credits_remaining"] == "499.00"
    # The first retry, a day later, is still within the grace.
    knob(own_service, f"/_test/customers/{id}", {"card": "ok"})
    own_service.advance(DAY)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_remaining"] == "500.00"
    assert user.subscription["current_period_end"] > first
    user.spend()
    knob(own_service, f"/_test/customers/{id}", {"card": "decline"})
    own_service.advance_past_period(user)
    assert user.subscription["status"] == "past_due"
    assert user.balance["credits_remaining"] == "499.00"
    own_service.advance(4 * DAY)
    assert user.validate().code == "subscription_inactive"
    own_service.advance(5 * DAY)
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert user.validate().status == 200
    kinds = own_service.rows(
        "SELECT cause, count(*) FROM credit_grants WHERE cause LIKE 'in_%' GROUP BY cause")
    # The trial, the first month, the one that was paid late; not the one that never was.
    assert [count for _, count in kinds] == [1, 1, 1]


def test_credits_spent_between_a_renewal_and_its_payment_are_the_old_periods(own_service):
    user = subscriber(own_service)
    end = live(own_service)["items"]["data"][0]["current_period_end"]
    own_service.advance(end - own_service.now + HOUR // 2)
    assert live(own_service)["items"]["data"][0]["current_period_end"] > end
    user.spend()
    assert user.balance["credits_used"] == "1.00"
    # A call that is reserved before the payment and ends after it is the old period's too.
    late = user.validate().json["usage_id"]
    own_service.advance(HOUR)
    assert user.balance["credits_used"] == "0.00"
    assert user.balance["credits_remaining"] == "500.00"
    user.commit(late)
    assert user.balance["credits_used"] == "0.00"


def test_an_upgrade_in_the_last_minute_grants_that_minutes_share(own_service):
    user = subscriber(own_service)
    end = live(own_service)["items"]["data"][0]["current_period_end"]
    own_service.advance(end - own_service.now - 60)
    upgraded = upgrade(user)
    assert upgraded.status == 200 and upgraded.json["plan"]["name"] == "Pro"
    # 1500 credits more for a minute of a month are 0.03.
    assert 500 <= float(user.balance["credits_allocated"]) <= 500.05
    own_service.advance(2 * HOUR)
    assert user.balance["credits_allocated"] == "2000.00"


def test_a_lower_plan_chosen_in_the_portal_begins_with_the_next_period(own_service):
    user = subscriber(own_service, PRO)
    user.spend()
    portal = user.post("/career/subscriptions/portal").json["url"]
    client = sdk(own_service)
    price = client.v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
    switch(portal, live(own_service).id, price.id)
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"
    # The portal gives the rest of the price back, with the next invoice.
    assert 500 < float(user.balance["credits_allocated"]) < 600
    assert user.balance["credits_used"] == "1.00"
    assert upgrade(user, PLUS).code == "same_plan"
    own_service.advance(31 * DAY)
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_remaining"] == "500.00"


def test_a_higher_plan_chosen_in_the_portal_is_paid_for_and_granted_at_once(own_service):
    user = subscriber(own_service)
    portal = user.post("/career/subscriptions/portal").json["url"]
    price = sdk(own_service).v1.prices.list({"lookup_keys": ["career_pro_monthly"]}).data[0]
    switch(portal, live(own_service).id, price.id)
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Pro"
    assert 1900 < float(user.balance["credits_allocated"]) < 2000


def switch(page, subscription, price):
    data = urllib.parse.urlencode(
        {"action": "switch", "subscription": subscription, "price": price}).encode()
    try:
        assert opener.open(urllib.request.Request(page, data=data), timeout=30).status < 400
    except urllib.error.HTTPError as redirect:
        assert redirect.status == 303


# Upgrades that are refused


def unpaid(service):
    user = subscriber(service)
    knob(service, "/_test/dunning", {"ends_as": "unpaid"})
    knob(service, f"/_test/customers/{customer(service)}", {"card": "decline"})
    service.advance_past_period(user)
    service.advance(6 * DAY)
    return user


def paused(service):
    user = service.new_user()
    checkout(user)
    client = sdk(service)
    price = client.v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
    client.v1.subscriptions.create({
        "customer": customer(service), "items": [{"price": price.id}], "trial_period_days": 7,
        "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}})
    settle(service)
    assert user.subscription["status"] == "trialing"
    service.advance(8 * DAY)
    return user


@pytest.mark.parametrize("state,refusal", [
    (unpaid, (402, "payment_past_due")), (paused, (409, "subscription_paused"))])
def test_a_subscription_that_is_not_in_order_cannot_be_upgraded(own_service, state, refusal):
    user = state(own_service)
    assert user.subscription["status"] == state.__name__
    before = (user.subscription, user.credits)
    for call in (preview, upgrade):
        answer = call(user)
        assert (answer.status, answer.code) == refusal
    assert (user.subscription, user.credits) == before
    item = live(own_service)["items"]["data"][0]
    assert item["price"]["lookup_key"] == "career_plus_monthly"


def test_a_subscription_whose_first_payment_failed_is_not_the_users_yet(own_service):
    user = own_service.new_user()
    checkout(user)
    client = sdk(own_service)
    id = customer(own_service)
    price = client.v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
    card = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": id})
    client.v1.subscriptions.create({
        "customer": id, "items": [{"price": price.id}], "default_payment_method": card.id})
    settle(own_service)
    assert live(own_service).status == "incomplete"
    assert user.subscription["plan"]["name"] == "Free"
    assert upgrade(user).code == "checkout_required"


def test_an_upgrade_is_judged_by_what_stripe_knows_though_no_event_has_come(own_service):
    user = subscriber(own_service)
    knob(own_service, f"/_test/customers/{customer(own_service)}", {"card": "decline"})
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    own_service.advance_past_period(user)
    assert user.subscription["status"] == "active"
    assert preview(user).code == "payment_past_due"
    assert user.subscription["status"] == "past_due"


# Mails about one thing


PAYMENT_MAILS = ("Your payment failed", "Please confirm your payment")


@pytest.mark.parametrize("first", ["invoice.payment_failed", "invoice.payment_action_required"])
def test_a_payment_to_be_confirmed_is_told_of_once_whichever_event_comes_first(
        own_service, first):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(6 * DAY)
    knob(own_service, f"/_test/customers/{customer(own_service)}",
         {"next_charge": "authenticate"})
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    own_service.advance(DAY + 2 * HOUR)
    told = events(own_service, "invoice.payment_failed", "invoice.payment_action_required")
    assert len(told) == 2
    told.sort(key=lambda event: event["type"] != first)
    for event in told:
        for copy in (event, {**event, "id": event["id"] + "_again"}):
            assert post_event(own_service, copy).status == 200
            settle(own_service)
    subjects = [mail["subject"] for mail in own_service.mail(user.email)]
    assert [subject for subject in subjects if subject in PAYMENT_MAILS] == [
        "Please confirm your payment"]


def test_each_failed_try_of_an_invoice_is_told_of_once(own_service):
    user = subscriber(own_service)
    knob(own_service, "/_test/webhooks", {"mode": "deliver", "two_event_ids": True})
    knob(own_service, f"/_test/customers/{customer(own_service)}", {"card": "decline"})
    own_service.advance_past_period(user)

    def failures():
        return [mail["subject"] for mail in own_service.mail(user.email)].count(
            "Your payment failed")

    assert failures() == 1
    own_service.advance(DAY)
    assert failures() == 2


# The account


def test_deleting_the_account_in_mid_trial_and_signing_up_again_mints_nothing(own_service):
    user = own_service.sign_up()
    for _ in range(3):
        user.spend()
    buy(own_service, user)
    for _ in range(4):
        user.spend()
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    settle(own_service)
    again = own_service.sign_up(user.email)
    assert again.subscription["plan"]["name"] == "Free"
    first = float(again.balance["credits_remaining"])
    assert first <= 25 - 4
    again.spend()
    assert own_service.call("DELETE", "/auth/me", headers=again.auth).status == 200
    third = own_service.sign_up(user.email)
    assert float(third.balance["credits_remaining"]) == first - 1
    assert buy(own_service, third)["status"] == "active"
    paid = [invoice.amount_paid for invoice in sdk(own_service).v1.invoices.list().data]
    assert sorted(paid) == [0, 2000]
