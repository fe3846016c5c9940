"""Events of Stripe's that tell of more than a subscription, and those that tell lies."""

import pytest

from conftest import DAY
from test_payments import EVENT, buy, checkout, knob, post_event, press, sdk, settle


def subscription_event(id, subscription, **more):
    return {**EVENT, "id": id, "type": "customer.subscription.updated",
            "data": {"object": {"id": subscription, "object": "subscription"}}, **more}


def notices(service):
    return service.command("stripe", "notices", STRIPE_API_BASE=service.sandbox).stdout


def dead_letters(service):
    return service.command("dead-letters", "list").stdout.strip()


def test_an_event_of_the_other_mode_is_answered_and_changes_nothing(own_service):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    bought = sdk(own_service).v1.subscriptions.list().data[0].id
    assert post_event(
        own_service, subscription_event("evt_live", bought, livemode=True)).status == 200
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert own_service.rows("SELECT count(*) FROM stripe_events WHERE id = 'evt_live'") == [(0,)]
    assert "evt_live" in own_service.log.read_text()
    assert post_event(own_service, subscription_event("evt_test", bought)).status == 200
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"


def test_a_customer_deleted_at_stripe_is_not_used_again(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    client = sdk(own_service)
    first = client.v1.customers.list().data[0].id
    client.v1.customers.delete(first)
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert user.post("/career/subscriptions/portal").code == "no_billing_account"
    assert own_service.rows("SELECT stripe_customer_id FROM subscriptions") == [(None,)]
    assert buy(own_service, user)["status"] == "active"
    [second] = client.v1.customers.list().data
    assert second.id != first
    assert user.post("/career/subscriptions/portal").status == 200
    assert dead_letters(own_service) == "No dead letters."


@pytest.mark.parametrize("seed", range(4))
def test_a_deleted_customer_is_let_go_whatever_the_order_of_the_events(own_service, seed):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    client = sdk(own_service)
    client.v1.customers.delete(client.v1.customers.list().data[0].id)
    knob(own_service, "/_test/webhooks", {"mode": "shuffle", "seed": seed, "times": 2})
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert own_service.rows(
        "SELECT stripe_customer_id, stripe_subscription_id, trial_used FROM subscriptions"
    ) == [(None, None, 1)]
    assert dead_letters(own_service) == "No dead letters."


def test_a_page_opened_for_a_deleted_customer_is_not_handed_out_again(own_service):
    user = own_service.new_user()
    page = checkout(user).json
    client = sdk(own_service)
    client.v1.customers.delete(client.v1.customers.list().data[0].id)
    settle(own_service)
    again = checkout(user)
    assert again.status == 200 and again.json["session_id"] != page["session_id"]
    assert press(again.json["checkout_url"], "pay")[0] == 303
    settle(own_service)
    assert user.subscription["plan"]["name"] == "Plus"


def test_a_dispute_is_told_to_the_operator_and_its_loss_ends_the_plan(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    own_service.advance(8 * DAY)
    client = sdk(own_service)
    subscription = client.v1.subscriptions.list().data[0]
    knob(own_service, "/_test/webhooks", {"mode": "duplicate", "times": 2})
    knob(own_service, "/_test/disputes", {"invoice": subscription.latest_invoice})
    settle(own_service)
    told = notices(own_service)
    assert told.count("dispute_opened") == 1 and "dispute_lost" not in told
    assert user.subscription["plan"]["name"] == "Plus"
    knob(own_service, "/_test/disputes",
         {"invoice": subscription.latest_invoice, "status": "lost"})
    settle(own_service)
    assert notices(own_service).count("dispute_lost") == 1
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


@pytest.mark.parametrize("seed", range(4))
def test_a_refund_ends_the_subscription_whatever_is_told_first(own_service, seed):
    user = own_service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    own_service.advance(8 * DAY)
    client = sdk(own_service)
    subscription = client.v1.subscriptions.list().data[0]
    knob(own_service, "/_test/refunds", {"invoice": subscription.latest_invoice})
    knob(own_service, "/_test/webhooks", {"mode": "shuffle", "seed": seed})
    settle(own_service)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert user.subscription["plan"]["name"] == "Free"
    assert user.balance["credits_allocated"] == "25.00"
    assert own_service.rows("SELECT trial_used FROM subscriptions") == [(1,)]


def test_an_account_is_deleted_only_once_its_subscription_is_canceled_at_stripe(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    client = sdk(own_service)
    knob(own_service, "/_test/faults",
         {"path_prefix": "/v1/subscriptions", "method": "DELETE", "kind": "status",
          "status": 500, "times": 1, "should_retry": False})
    refused = own_service.call("DELETE", "/auth/me", headers=user.auth)
    assert refused.status in (502, 503)
    assert user.get("/auth/me").status == 200
    assert [item.status for item in client.v1.subscriptions.list().data] == ["trialing"]
    # The subscription goes first, by its own name; the customer is only forgotten after it.
    knob(own_service, "/_test/faults",
         {"path_prefix": "/v1/customers", "method": "DELETE", "kind": "status",
          "status": 500, "times": 1, "should_retry": False})
    refused = own_service.call("DELETE", "/auth/me", headers=user.auth)
    assert refused.status in (502, 503)
    assert [item.status for item in client.v1.subscriptions.list({"status": "all"}).data] \
        == ["canceled"]
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert client.v1.customers.list().data == []
    assert own_service.rows("SELECT count(*) FROM users") == [(0,)]
