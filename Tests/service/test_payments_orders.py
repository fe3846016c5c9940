"""Every order of Stripe's events, each twice, comes to the same."""

import itertools
import json
import uuid

from conftest import DAY, PLUS
from test_payments import knob, post_event, press, sdk, settle, checkout

# What tells of a checkout, of the trial's end and of the first month's payment. The others carry
# nothing that asks for work, or come to the same queue with the same words.
BOUGHT = ("checkout.session.completed", "customer.subscription.created", "invoice.paid")
BEGUN = ("customer.subscription.updated", "invoice.paid")


def told(service, types, known=()):
    """The events of each customer, by their type."""
    found = {}
    for event in sdk(service).v1.events.list({"limit": 100}).auto_paging_iter():
        if event.type in types and event.id not in known:
            customer = event.data.object["customer"]
            found.setdefault(customer, {})[event.type] = json.loads(str(event))
    return found


def deliver(service, event, number):
    """Twice, under two ids."""
    for id in (event["id"], f"{event['id']}_{number}"):
        assert post_event(service, {**event, "id": id}).status == 200


def test_every_order_of_a_subscriptions_events_each_twice_ends_in_the_same_state(own_service):
    service = own_service
    names = [("bought", kind) for kind in BOUGHT] + [("begun", kind) for kind in BEGUN]
    # In every fifth of them, too, each event comes before each other; that is enough where only the
    # database is another.
    orders = list(itertools.permutations(names))[::1 if service.uses_sqlite else 5]
    users = [service.new_user() for _ in orders]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    for user in users:
        assert press(checkout(user, PLUS).json["checkout_url"], "pay")[0] == 303
    customers = dict(service.rows("SELECT user_id, stripe_customer_id FROM subscriptions"))
    customers = {str(id): value for id, value in customers.items()}
    bought = told(service, BOUGHT)
    # What comes before the first event of the second stage is delivered before it has happened.
    late = []
    for number, (user, order) in enumerate(zip(users, orders)):
        early = list(itertools.takewhile(lambda name: name[0] == "bought", order))
        for _, kind in early:
            deliver(service, bought[customers[user.id]][kind], number)
        late.append(order[len(early):])
    settle(service)
    known = {event["id"] for kinds in bought.values() for event in kinds.values()}
    service.advance(8 * DAY)
    begun = told(service, BEGUN, known)
    stages = {"bought": bought, "begun": begun}
    for number, (user, order) in enumerate(zip(users, late)):
        for stage, kind in order:
            deliver(service, stages[stage][customers[user.id]][kind], number)
    settle(service)
    ends = {item.customer: item["items"]["data"][0]["current_period_end"]
            for item in sdk(service).v1.subscriptions.list({"limit": 100}).auto_paging_iter()}
    different = []
    for user, order in zip(users, orders):
        standing = service.rows(
            """
            SELECT p.name, s.status, s.trial_used, c.period_source, c.credits_allocated,
                c.credits_used, c.period_end / 1000000
            FROM subscriptions s JOIN plans p ON p.id = s.plan_id
            JOIN career_subscription_contexts c ON c.user_id = s.user_id
            WHERE s.user_id = ?
            """, uuid.UUID(user.id))
        expected = ("Plus", "active", 1, "paid", 500_000_000, 0, ends[customers[user.id]])
        if standing != [expected]:
            different.append((order, standing))
    assert not different, (len(different), different[:3])
    # The trial and the month, each granted once, whatever was heard of first.
    assert service.rows(
        """
        SELECT max(number) FROM (SELECT count(*) AS number FROM credit_grants
            WHERE cause LIKE 'in_%' GROUP BY user_id, cause) AS made
        """) == [(1,)]
    assert service.rows("SELECT count(*) FROM messages") == [(0,)]
