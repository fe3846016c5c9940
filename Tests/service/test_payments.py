"""Paying for a plan, on the local Stripe, over real HTTP."""

import itertools
import json
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import stripe

from conftest import DAY, FREE, PLUS, PRO

URLS = {"success_url": "http://127.0.0.1:9/ok?cs={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/no"}


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


opener = urllib.request.build_opener(Stay)


def press(url, action):
    """Presses a button of a hosted page; returns the status and where it leads."""
    data = urllib.parse.urlencode({"action": action}).encode()
    try:
        answer = opener.open(urllib.request.Request(url, data=data), timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers.get("location")


def knob(service, path, body):
    request = urllib.request.Request(
        service.sandbox + path, data=json.dumps(body).encode(), method="POST")
    return json.loads(opener.open(request, timeout=30).read() or b"{}")


def sdk(service):
    return stripe.StripeClient("sk_test_sandbox", base_addresses={"api": service.sandbox})


def checkout(user, plan=PLUS, **more):
    return user.post("/career/subscriptions/checkout", {"plan_id": plan, **URLS, **more})


def settle(service):
    service.advance(0)


def buy(service, user, plan=PLUS):
    answer = checkout(user, plan)
    assert answer.status == 200, answer
    assert press(answer.json["checkout_url"], "pay")[0] == 303
    settle(service)
    return user.subscription


def test_a_plan_is_bought_upgraded_canceled_resumed_and_ends(own_service):
    user = own_service.sign_up()
    first = user.subscription["id"]
    page = checkout(user).json
    assert set(page) == {"checkout_url", "session_id"}
    assert checkout(user).json == page
    status, location = press(page["checkout_url"], "pay")
    assert status == 303 and location == "http://127.0.0.1:9/ok?cs=" + page["session_id"]
    settle(own_service)
    bought = user.subscription
    assert bought["id"] == first and bought["plan"]["name"] == "Plus"
    assert bought["status"] == "trialing" and bought["trial_end"]
    assert user.balance["credits_remaining"] == "500.00"
    assert checkout(user).code == "already_subscribed"
    own_service.advance(8 * DAY)
    assert user.subscription["status"] == "active"
    user.spend()
    preview = user.post("/career/subscriptions/preview-upgrade", {"new_plan_id": PRO})
    assert set(preview.json) == {
        "current_plan", "new_plan", "proration_amount", "total_due", "currency",
        "billing_period_end", "subtotal", "discounts", "tax",
        "effective_at"}
    upgraded = user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO})
    assert upgraded.status == 200 and upgraded.json["plan"]["name"] == "Pro"
    assert 1900 < float(user.balance["credits_allocated"]) < 2000
    assert user.balance["credits_used"] == "1.00"
    assert user.post("/career/subscriptions/cancel").json["success"] is True
    assert user.subscription["cancel_at_period_end"] is True
    assert user.post("/career/subscriptions/resume").json["cancel_at_period_end"] is False
    user.post("/career/subscriptions/cancel", {"cancel_at_period_end": True})
    own_service.advance(31 * DAY)
    ended = user.subscription
    assert ended["id"] == first and ended["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert user.post("/career/subscriptions/cancel").code == "nothing_to_cancel"
    assert user.post("/career/subscriptions/portal").json["url"].startswith(own_service.sandbox)
    # One trial a user, ever.
    assert buy(own_service, user)["status"] == "active"
    assert own_service.command("stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox) \
        .returncode == 0


def test_a_declined_or_left_checkout_changes_nothing(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    assert press(page, "decline")[0] == 200
    assert press(page, "cancel")[1] == URLS["cancel_url"]
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"


@pytest.mark.parametrize("change,status", [
    ({"plan_id": FREE}, 404), ({"plan_id": "0198c0de-0000-7000-8000-00000000000f"}, 404),
    ({"success_url": "javascript:alert(1)"}, 422), ({"cancel_url": "ftp://x/"}, 422),
    ({"cancel_url": "http://"}, 422), ({"success_url": ""}, 422)])
def test_a_bad_checkout_is_refused(service, user, change, status):
    assert checkout(user, **change).status == status


def test_upgrades_that_make_no_sense_are_told_apart(own_service):
    user = own_service.new_user()
    upgrade = lambda plan: user.post("/career/subscriptions/upgrade", {"new_plan_id": plan})
    assert upgrade(PRO).code == "checkout_required"
    assert upgrade(FREE).code == "same_plan"
    assert user.post("/career/subscriptions/portal").code == "no_billing_account"
    buy(own_service, user, PRO)
    assert upgrade(PRO).code == "same_plan"
    assert upgrade(PLUS).code == "downgrade_not_allowed"


def test_a_card_declined_on_upgrade_changes_nothing_here_or_there(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    client = sdk(own_service)
    subscription = client.v1.subscriptions.list().data[0]
    knob(own_service, f"/_test/customers/{subscription.customer}", {"next_charge": "decline"})
    before = user.balance
    refused = user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO})
    assert refused.status == 402 and refused.code == "card_declined"
    assert refused.json["decline_code"]
    assert user.balance["credits_allocated"] == before["credits_allocated"]
    price = client.v1.subscriptions.retrieve(subscription.id)["items"]["data"][0]["price"]
    assert price["lookup_key"] == "career_plus_monthly"


def test_a_failed_renewal_keeps_the_old_remainder_for_three_days_and_mints_nothing(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    user.spend()
    customer = sdk(own_service).v1.subscriptions.list().data[0].customer
    knob(own_service, f"/_test/customers/{customer}", {"card": "decline"})
    own_service.advance_past_period(user)
    assert user.subscription["status"] == "past_due"
    assert user.balance["credits_remaining"] == "499.00"
    assert user.validate().status == 200
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).code \
        == "payment_past_due"
    own_service.advance(2 * DAY + 12 * 3600)
    assert user.validate().code == "subscription_inactive"
    knob(own_service, f"/_test/customers/{customer}", {"card": "ok"})
    own_service.advance(2 * DAY)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_remaining"] == "500.00"
    assert "Your payment failed" in [mail["subject"] for mail in own_service.mail(user.email)]


def test_a_full_refund_ends_the_plan_at_once(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    user.spend()
    client = sdk(own_service)
    subscription = client.v1.subscriptions.list().data[0]
    knob(own_service, "/_test/refunds", {"invoice": subscription.latest_invoice})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_remaining"] == "24.00"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_two_paid_checkouts_keep_the_first_and_refund_the_second(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    client = sdk(own_service)
    first = client.v1.subscriptions.list().data[0]
    price = client.v1.prices.list({"lookup_keys": ["career_pro_monthly"]}).data[0]
    second = client.v1.checkout.sessions.create({
        "mode": "subscription", "customer": first.customer,
        "line_items": [{"price": price.id, "quantity": 1}], "client_reference_id": user.id,
        "success_url": "http://127.0.0.1:9/ok"})
    press(second.url, "pay")
    settle(own_service)
    live = [item for item in client.v1.subscriptions.list({"status": "all"}).data
            if item.status != "canceled"]
    assert [item.id for item in live] == [first.id]
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_allocated"] == "500.00"
    notices = own_service.command("stripe", "notices", STRIPE_API_BASE=own_service.sandbox).stdout
    assert "duplicate_subscription" in notices


@pytest.mark.parametrize("seed", range(6))
def test_events_in_any_order_each_twice_come_to_the_same(own_service, seed):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    own_service.advance(9 * DAY)
    user.post("/career/subscriptions/activate")
    knob(own_service, "/_test/webhooks", {"mode": "shuffle", "seed": seed, "times": 2})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.subscription["status"] == "active"
    assert user.balance["credits_allocated"] == "500.00"
    assert own_service.command("dead-letters", "list").stdout.strip() == "No dead letters."


def test_the_account_deleted_in_mid_trial_gets_no_second_one(own_service):
    user = own_service.sign_up()
    buy(own_service, user)
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    client = sdk(own_service)
    assert all(item.status == "canceled"
               for item in client.v1.subscriptions.list({"status": "all"}).data)
    again = own_service.sign_up(user.email)
    assert again.balance["credits_remaining"] == "25.00"
    assert buy(own_service, again)["status"] == "active"


def post_event(service, body, secret="whsec_development", **more):
    payload = body if isinstance(body, str) else json.dumps(body)
    header = more.get("header", stripe.WebhookSignature.generate_signature_header(
        payload, secret, **{key: value for key, value in more.items() if key == "timestamp"}))
    headers = {"Stripe-Signature": header} if header else {}
    return service.call("POST", "/webhooks/stripe", raw=payload.encode(), headers=headers)


EVENT = {"id": "evt_x", "object": "event", "type": "customer.created", "created": 1,
         "livemode": False, "data": {"object": {"id": "cus_x", "object": "customer"}}}


def test_only_signed_fresh_events_are_taken(service):
    assert post_event(service, EVENT).status == 200
    assert post_event(service, EVENT).status == 200
    assert service.rows("SELECT count(*) FROM stripe_events WHERE id = 'evt_x'") == [(1,)]
    assert post_event(service, EVENT, secret="whsec_other").status == 400
    assert post_event(service, EVENT, header=None).status == 400
    assert post_event(service, EVENT, header="t=1,v1=zz").status == 400
    assert post_event(service, EVENT, timestamp=int(time.time()) - 301).status == 400
    assert post_event(service, "not json").status == 400
    assert post_event(service, "x" * 1_100_000).status == 413


def test_with_stripe_away_only_the_calls_to_it_fail(own_service):
    user = own_service.new_user()
    knob(own_service, "/_test/faults",
         {"path_prefix": "/v1/", "method": "POST", "kind": "status", "status": 500, "times": 50,
          "should_retry": False})
    refused = checkout(user)
    assert refused.status in (502, 503) and refused.headers["retry-after"]
    assert user.validate().status == 200


def test_a_call_that_acted_and_lost_its_answer_is_made_once(own_service):
    user = own_service.new_user()
    knob(own_service, "/_test/faults",
         {"path_prefix": "/v1/customers", "method": "POST", "kind": "drop_after", "times": 1})
    assert checkout(user).status == 200
    assert len(sdk(own_service).v1.customers.list().data) == 1
