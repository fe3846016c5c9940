"""Events in the shapes of every release of Stripe's API that an endpoint may have been made with."""

import json
import time
import uuid

import pytest

from conftest import DAY
from test_payments import buy, checkout, knob, post_event, press, sdk, settle
from test_stripe_commands import live, reconcile, subscriber

OLD, NEW = "2024-06-20", "2026-10-28.endive"


# How the objects were before 2025-03-31.basil.


def older_invoice(invoice):
    parent = invoice.pop("parent", None) or {}
    details = parent.get("subscription_details") or {}
    for line in invoice["lines"]["data"]:
        of_item = (line.pop("parent", None) or {}).get("subscription_item_details") or {}
        pricing = (line.pop("pricing", None) or {}).get("price_details") or {}
        line |= {"type": "subscription", "subscription": of_item.get("subscription"),
                 "proration": of_item.get("proration", False),
                 "price": {"id": pricing.get("price"), "object": "price"}}
    return {**invoice, "subscription": details.get("subscription"), "paid":
            invoice["status"] == "paid", "payment_intent": "pi_older", "charge": "ch_older"}


def older_subscription(subscription):
    for item in subscription["items"]["data"]:
        period = {key: item.pop(f"current_period_{key}") for key in ("start", "end")}
    return {**subscription, "current_period_start": period["start"],
            "current_period_end": period["end"], "plan": item["plan"]}


def older_charge(charge):
    return {**charge, "invoice": "in_older", "refunds": {"object": "list", "data": []}}


def older_dispute(dispute):
    # Before payment intents came to disputes.
    return {name: value for name, value in dispute.items() if name != "payment_intent"}


OLDER = {"invoice": older_invoice, "subscription": older_subscription, "charge": older_charge,
         "dispute": older_dispute, "refund": older_dispute}


def tell(service, type, made, version):
    """Sends an event of one of these releases about the object; returns the answer's status."""
    made = made if isinstance(made, dict) else made.to_dict()
    if version == OLD:
        made = OLDER.get(made["object"], lambda same: same)(made)
    event = {
        "id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": type, "livemode": False,
        "created": int(time.time()), "api_version": version, "data": {"object": made}}
    # The library has decimal numbers where the wire has strings.
    return post_event(service, json.dumps(event, default=str)).status


def hold(service):
    knob(service, "/_test/webhooks", {"mode": "hold"})


def subscription_of(service):
    return sdk(service).v1.subscriptions.list({"status": "all"}).data[0]


def latest_invoice(service):
    return sdk(service).v1.invoices.list().data[0]


# Each brings something about at Stripe, unheard; returns the object of the event and what shows
# that it was understood.


def page_paid(service, type):
    user = service.new_user()
    page = checkout(user).json
    hold(service)
    press(page["checkout_url"], "pay")
    session = sdk(service).v1.checkout.sessions.retrieve(page["session_id"])
    return session, lambda: user.subscription["plan"]["name"] == "Plus"


def page_over(service, type):
    user = service.new_user()
    page = checkout(user).json
    hold(service)
    session = sdk(service).v1.checkout.sessions.expire(page["session_id"])
    return session, lambda: service.rows("SELECT session_id FROM checkouts") == [(None,)]


def subscribed(service, type):
    user = service.new_user()
    page = checkout(user).json["checkout_url"]
    hold(service)
    press(page, "pay")
    return subscription_of(service), lambda: user.subscription["plan"]["name"] == "Plus"


def changed(service, type):
    user = subscriber(service)
    changed = sdk(service).v1.subscriptions.update(
        live(service).id, {"cancel_at_period_end": True})
    return changed, lambda: user.subscription["cancel_at_period_end"]


def ended(service, type):
    user = subscriber(service)
    over = sdk(service).v1.subscriptions.cancel(live(service).id)
    return over, lambda: user.subscription["plan"]["name"] == "Free"


def trial_ends(service, type):
    user = service.new_user()
    buy(service, user)
    hold(service)
    return live(service), lambda: any(
        mail["subject"].startswith("Your trial ends") for mail in service.mail(user.email))


def renewed(service, type):
    user = subscriber(service)
    before = user.subscription["current_period_end"]
    service.advance_past_period(user)
    return latest_invoice(service), lambda: user.subscription["current_period_end"] > before


def unpaid(knobs, subject):
    def bring(service, type):
        user = subscriber(service)
        knob(service, f"/_test/customers/{live(service).customer}", knobs)
        service.advance_past_period(user)
        return latest_invoice(service), lambda: user.subscription["status"] == "past_due" and any(
            mail["subject"] == subject for mail in service.mail(user.email))
    return bring


def customer_gone(service, type):
    subscriber(service)
    customer = live(service).customer
    made = sdk(service).v1.customers.retrieve(customer).to_dict()
    sdk(service).v1.customers.delete(customer)
    return made, lambda: service.rows("SELECT stripe_customer_id FROM subscriptions") == [(None,)]


def paid_charge(service):
    return sdk(service).v1.charges.list().data[0]


def refunded(service, type):
    user = subscriber(service)
    client = sdk(service)
    client.v1.refunds.create({"charge": paid_charge(service).id})
    return paid_charge(service), lambda: user.subscription["plan"]["name"] == "Free"


def refund_made(service, type):
    _, is_understood = refunded(service, type)
    return sdk(service).v1.refunds.list().data[0], is_understood


def disputed(status, shows):
    def bring(service, type):
        user = subscriber(service)
        knob(service, "/_test/disputes",
             {"invoice": latest_invoice(service).id, "status": status})
        return sdk(service).v1.disputes.list().data[0], lambda: shows(service, user)
    return bring


def is_told(service, user):
    return "dispute_opened" in service.command("stripe", "notices").stdout


def is_free(service, user):
    return user.subscription["plan"]["name"] == "Free"


EVENTS = [
    ("checkout.session.completed", page_paid),
    ("checkout.session.async_payment_succeeded", page_paid),
    ("checkout.session.expired", page_over),
    ("customer.subscription.created", subscribed),
    ("customer.subscription.updated", changed),
    ("customer.subscription.paused", changed),
    ("customer.subscription.resumed", changed),
    ("customer.subscription.pending_update_applied", changed),
    ("customer.subscription.pending_update_expired", changed),
    ("customer.subscription.trial_will_end", trial_ends),
    ("customer.subscription.deleted", ended),
    ("invoice.paid", renewed),
    ("invoice.payment_failed", unpaid({"card": "decline"}, "Your payment failed")),
    ("invoice.payment_action_required",
     unpaid({"next_charge": "authenticate"}, "Please confirm your payment")),
    ("customer.deleted", customer_gone),
    ("charge.refunded", refunded),
    ("charge.refund.updated", refund_made),
    ("refund.updated", refund_made),
    ("refund.failed", refund_made),
    ("charge.dispute.created", disputed("needs_response", is_told)),
    ("charge.dispute.updated", disputed("lost", is_free)),
    ("charge.dispute.closed", disputed("lost", is_free)),
    ("charge.dispute.funds_withdrawn", disputed("lost", is_free)),
    ("charge.dispute.funds_reinstated", disputed("lost", is_free)),
]


# Those of packs, of lower plans and of automatic purchases, which test_packs.py, test_plan_moves.py and
# test_top_ups.py bring.
ELSEWHERE = ["checkout.session.async_payment_failed", "invoice.voided"] + [
    f"subscription_schedule.{what}"
    for what in ("created", "updated", "released", "completed", "canceled")]


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("type,bring", EVENTS, ids=[type for type, _ in EVENTS])
def test_each_event_is_understood_in_older_shapes_as_in_the_present_one(
        own_service, type, bring, version):
    made, is_understood = bring(own_service, type)
    assert not is_understood()
    assert tell(own_service, type, made, version) == 200
    settle(own_service)
    assert is_understood()
    assert own_service.command("dead-letters", "list").stdout.strip() == "No dead letters."
    notices = own_service.command("stripe", "notices").stdout
    assert (f"a webhook endpoint sends events of {OLD}" in notices) == (version == OLD)


def test_the_table_of_events_has_each_that_is_asked_for_at_stripe(own_service):
    made = own_service.command(
        "stripe", "webhooks", "create", "--url", f"{own_service.url}/elsewhere",
        STRIPE_API_BASE=own_service.sandbox)
    assert made.returncode == 0, made
    endpoint = sdk(own_service).v1.webhook_endpoints.list().data[0]
    assert sorted(endpoint.enabled_events) == sorted([*(type for type, _ in EVENTS), *ELSEWHERE])


def stray(object, **members):
    return {"object": object, **members}


UNREADABLE = [
    (type, made) for type, _ in EVENTS for made in (stray("invoice"), stray("invoice", id=7))
] + [
    (type, stray("invoice", id="in_nowhere"))
    for type in ("invoice.paid", "invoice.payment_failed", "invoice.payment_action_required")
] + [
    ("charge.refunded", stray("charge", id="ch_nowhere", refunded=True)),
    ("charge.dispute.closed", stray("dispute", id="dp_1", charge="ch_nowhere", status="lost")),
]


def test_an_event_that_cannot_be_read_is_a_dead_letter_and_is_never_just_acknowledged(own_service):
    kept = "SELECT count(*) FROM stripe_events"
    # The events of the prices that its start has made.
    settle(own_service)
    [(before,)] = own_service.rows(kept)
    sent = 0
    for type, made in UNREADABLE:
        status = tell(own_service, type, made, NEW)
        if status == 400:
            # Refused: Stripe tells of it and sends it again.
            continue
        assert status == 200, (type, made)
        sent += 1
        settle(own_service)
        letters = own_service.command("dead-letters", "list").stdout
        assert letters.count("stripe_") >= sent, (type, made, letters)
    assert sent
    assert own_service.rows(kept) == [(before + sent,)]
    page = own_service.call("GET", "/metrics").bytes.decode()
    dead = [line for line in page.splitlines() if line.startswith("cuebx_") and "dead" in line]
    assert dead, page


def test_a_paid_renewal_that_only_an_old_endpoint_tells_of_keeps_the_payer_going(own_service):
    user = subscriber(own_service)
    own_service.advance_past_period(user)
    assert tell(own_service, "invoice.paid", latest_invoice(own_service), OLD) == 200
    own_service.advance(4 * DAY)
    assert user.validate().status == 200
    assert reconcile(own_service).returncode == 0
