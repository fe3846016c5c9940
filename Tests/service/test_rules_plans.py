"""Rules of a subscription's life, on the local Stripe that a file's tests share."""

import contextlib
import json
import sqlite3
import uuid

import pytest

from conftest import DAY, PLUS, PRO, together
from test_payments import EVENT, buy, checkout, knob, opener, post_event, sdk, settle
from test_payments_queue import until

AT = "/career/subscriptions"
MINUTE = 60


def at_stripe(service, user):
    """The ids of the user's customer and subscription."""
    [ids] = service.rows(
        "SELECT stripe_customer_id, stripe_subscription_id FROM subscriptions WHERE user_id = ?",
        uuid.UUID(user.id))
    return ids


def history(service, user):
    return service.rows(
        """
        SELECT c.event, p.name, c.status FROM subscription_changes c
        JOIN subscriptions s ON s.id = c.subscription_id JOIN plans p ON p.id = c.plan_id
        WHERE s.user_id = ? ORDER BY c.at, c.id
        """, uuid.UUID(user.id))


def requests(service, method, path):
    with opener.open(service.sandbox + "/_test/requests", timeout=30) as answer:
        return [request["params"] for request in json.loads(answer.read())["requests"]
                if request["method"] == method and request["path"].startswith(path)]


def upgrade(user, plan=PRO):
    return user.post(f"{AT}/upgrade", {"new_plan_id": plan})


def preview(user, plan=PRO):
    return user.post(f"{AT}/preview-upgrade", {"new_plan_id": plan})


def subscriber(service, plan=PLUS):
    """The trial is over, the first month paid."""
    user = service.new_user()
    buy(service, user, plan)
    service.advance(8 * DAY)
    assert user.subscription["status"] == "active"
    return user


def test_every_change_is_a_line_of_a_history_that_only_grows(module_service):
    service = module_service
    user = service.new_user()
    steps = [
        (lambda: None, [("activated", "Free", "active")]),
        (lambda: buy(service, user),
         [("customer_linked", "Free", "active"), ("activated", "Plus", "trialing")]),
        (lambda: service.advance(8 * DAY), [("renewed", "Plus", "active")]),
        (lambda: user.spend(), []),
        (lambda: preview(user), []),
        (lambda: upgrade(user), [("upgraded", "Pro", "active")]),
        (lambda: user.post(f"{AT}/cancel"), [("cancellation_requested", "Pro", "active")]),
        (lambda: user.post(f"{AT}/resume"), [("resumed", "Pro", "active")]),
        (lambda: user.post(f"{AT}/resume"), []),
        (lambda: user.post(f"{AT}/cancel", {"cancel_at_period_end": False}),
         [("ended", "Free", "active")]),
        (lambda: upgrade(user), [])]
    known = []
    for act, lines in steps:
        act()
        settle(service)
        told = history(service, user)
        # What only mirrors Stripe's ids and dates is an update without a name of its own.
        assert told[:len(known)] == known
        assert [line for line in told[len(known):] if line[0] != "updated"] == lines
        known = told


def test_the_history_keeps_the_ids_at_stripe_until_the_account_is_deleted(module_service):
    service = module_service
    user = service.new_user()

    def lines():
        return [line for line in service.rows(
            """
            SELECT c.event, c.stripe_customer_id, c.stripe_subscription_id
            FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id
            WHERE s.user_id = ? ORDER BY c.at, c.id
            """, uuid.UUID(user.id)) if line[0] != "updated"]

    assert lines() == [("activated", None, None)]
    assert checkout(user).status == 200
    customer, bought = at_stripe(service, user)
    linked = [("activated", None, None), ("customer_linked", customer, None)]
    assert customer and bought is None and lines() == linked
    # The customer that is there already is not linked again.
    buy(service, user)
    again, bought = at_stripe(service, user)
    assert again == customer
    assert lines() == [*linked, ("activated", customer, bought)]
    assert user.post(f"{AT}/cancel", {"cancel_at_period_end": False}).status == 200
    settle(service)
    assert lines()[3:] == [("ended", customer, None)]
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert service.rows(
        "SELECT 1 FROM subscription_changes WHERE stripe_customer_id = ?", customer) == []


def test_activation_returns_the_paid_subscription_too(module_service):
    user = module_service.new_user()
    bought = buy(module_service, user)
    balance = user.credits
    for _ in range(2):
        activated = user.post(f"{AT}/activate")
        assert activated.status == 200 and activated.json == bought
    assert user.credits == balance


def test_two_checkouts_at_once_open_one_page_for_one_customer(module_service):
    user = module_service.new_user()
    answers = together(5, lambda _: checkout(user))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["session_id"] for answer in answers}) == 1
    customer, _ = at_stripe(module_service, user)
    client = sdk(module_service)
    assert [item.metadata["user_id"] for item in client.v1.customers.list({"limit": 100}).data] \
        .count(user.id) == 1
    opened = client.v1.checkout.sessions.list({"customer": customer}).data
    assert [session.status for session in opened] == ["open"]


def test_checkouts_of_two_plans_at_once_leave_one_page_open(module_service):
    user = module_service.new_user()
    answers = together(4, lambda index: checkout(user, (PLUS, PRO)[index % 2]))
    assert {answer.status for answer in answers} == {200}
    customer, _ = at_stripe(module_service, user)
    sessions = sdk(module_service).v1.checkout.sessions.list({"customer": customer}).data
    assert [session.status for session in sessions].count("open") == 1


def test_a_preview_changes_nothing_and_its_price_holds_for_ten_minutes(module_service):
    service = module_service
    user = subscriber(service)
    user.spend()
    client, (customer, bought) = sdk(service), at_stripe(service, user)

    def standing():
        invoices = client.v1.invoices.list({"customer": customer}).data
        return (user.subscription, user.credits, str(client.v1.subscriptions.retrieve(bought)),
                [invoice.id for invoice in invoices], history(service, user))

    before = standing()
    shown = preview(user)
    assert shown.status == 200
    assert standing() == before
    dates = [params["subscription_details[proration_date]"]
             for params in requests(service, "POST", "/v1/invoices/create_preview")]
    service.advance(9 * MINUTE)
    assert upgrade(user).status == 200
    [charged] = requests(service, "POST", f"/v1/subscriptions/{bought}")
    assert charged["proration_date"] == dates[-1]
    paid = client.v1.invoices.list({"customer": customer}).data[0]
    assert paid.billing_reason == "subscription_update"
    assert f"{paid.amount_paid / 100:.2f}" == shown.json["total_due"]


def test_after_ten_minutes_an_upgrade_is_charged_by_its_own_time(module_service):
    service = module_service
    user = subscriber(service)
    assert preview(user).status == 200
    shown = int(requests(service, "POST", "/v1/invoices/create_preview")[-1][
        "subscription_details[proration_date]"])
    service.advance(10 * MINUTE + 1)
    assert upgrade(user).status == 200
    _, bought = at_stripe(service, user)
    [charged] = requests(service, "POST", f"/v1/subscriptions/{bought}")
    assert int(charged["proration_date"]) > shown + 10 * MINUTE


def test_while_a_cancellation_is_pending_an_upgrade_has_to_wait_for_the_resumption(
        module_service):
    user = subscriber(module_service)
    user.post(f"{AT}/cancel")
    before = (user.subscription, user.credits)
    for call in (preview, upgrade):
        refused = call(user)
        assert refused.status == 409 and refused.code == "cancellation_pending"
    # What makes no sense in any case is told first.
    assert upgrade(user, PLUS).code == "same_plan"
    assert (user.subscription, user.credits) == before
    assert user.post(f"{AT}/resume").status == 200
    assert upgrade(user).json["plan"]["name"] == "Pro"


def test_canceled_at_once_the_period_goes_on_with_what_free_would_have(module_service):
    user = subscriber(module_service)
    for _ in range(3):
        user.spend()
    before = user.balance
    ended = user.post(f"{AT}/cancel", {"cancel_at_period_end": False})
    assert ended.status == 200 and ended.json["success"] is True
    after = user.subscription
    assert after["plan"]["name"] == "Free" and after["status"] == "active"
    assert after["cancel_at_period_end"] is False
    balance = user.balance
    assert balance["credits_allocated"] == "25.00" and balance["credits_used"] == "3.00"
    assert balance["period_end"] == before["period_end"]
    assert user.validate().status == 200
    again = user.post(f"{AT}/cancel", {"cancel_at_period_end": False})
    assert again.status == 409 and again.code == "nothing_to_cancel"


@pytest.mark.parametrize("paid", [False, True])
def test_a_resumption_with_nothing_pending_changes_nothing(module_service, paid):
    user = module_service.new_user()
    if paid:
        buy(module_service, user)
    before = (user.subscription, user.credits, history(module_service, user))
    resumed = user.post(f"{AT}/resume")
    assert resumed.status == 200 and resumed.json == before[0]
    assert (user.subscription, user.credits, history(module_service, user)) == before


def test_a_window_without_a_limit_has_no_headers_and_is_not_listed(module_service):
    user = module_service.new_user()
    buy(module_service, user, PRO)
    headers = user.validate().headers
    assert headers["x-ratelimit-limit-minute"] == "60"
    assert not [name for name in headers if name.startswith("x-ratelimit") and "day" in name]
    assert [limit["window"] for limit in user.balance["rate_limits"]] == ["minute"]


def updated(service, subscription, id):
    event = {**EVENT, "id": id, "type": "customer.subscription.updated",
             "data": {"object": {"id": subscription, "object": "subscription"}}}
    assert post_event(service, event).status == 200


def test_what_was_fetched_before_a_newer_fetch_was_applied_is_not_written(own_service):
    service = own_service
    user = subscriber(service)
    _, bought = at_stripe(service, user)
    knob(service, "/_test/webhooks", {"mode": "hold"})
    known = len(requests(service, "GET", "/v1/invoices"))
    knob(service, "/_test/faults",
         {"path_prefix": "/v1/invoices", "method": "GET", "kind": "hang", "seconds": 1,
          "times": 1})
    # The worker has fetched a subscription that goes on, and waits for its invoices.
    updated(service, bought, "evt_stale")
    until(lambda: len(requests(service, "GET", "/v1/invoices")) > known)
    assert user.post(f"{AT}/cancel").status == 200
    assert user.subscription["cancel_at_period_end"] is True
    until(lambda: service.rows("SELECT 1 FROM messages") == [])
    assert user.subscription["cancel_at_period_end"] is True
    assert [event for event, _, _ in history(service, user)][-1] == "cancellation_requested"
    [(issued, applied)] = service.rows(
        "SELECT issued, applied FROM stripe_tickets WHERE stripe_subscription_id = ?", bought)
    assert applied == issued


def test_a_status_that_nobody_knows_yet_entitles_to_nothing(own_service):
    service = own_service
    user = service.new_user()
    checkout(user)
    customer, _ = at_stripe(service, user)
    client = sdk(service)
    price = client.v1.prices.list({"lookup_keys": ["career_plus_monthly"]}).data[0]
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    knob(service, "/_test/webhooks", {"mode": "hold"})
    bought = client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price.id}],
         "default_payment_method": card.id}).id
    # The sandbox knows no such status, so it is written into what the sandbox keeps; nothing
    # has been paid for either.
    [kept] = [path for path in service.folder.rglob("*stripe-sandbox*")
              if path.suffix in (".stripe-sandbox", ".db")]
    with contextlib.closing(sqlite3.connect(kept, timeout=30)) as sandbox, sandbox:
        sandbox.execute(
            "UPDATE objects SET status = 'frozen', body = json_set(body, '$.status', 'frozen') "
            "WHERE id = ?", (bought,))
        sandbox.execute(
            "UPDATE objects SET status = 'void', body = json_set(body, '$.status', 'void') "
            "WHERE kind = 'invoice'")
    assert client.v1.subscriptions.retrieve(bought).status == "frozen"
    updated(service, bought, "evt_frozen")
    until(lambda: user.subscription["plan"]["name"] == "Plus")
    refused = user.validate()
    assert refused.status == 402 and refused.code == "subscription_inactive"
    assert user.balance["credits_allocated"] == "25.00"
    assert upgrade(user).status == 409
