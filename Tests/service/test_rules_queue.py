"""How often the messages of Stripe's events are tried, and what an operator can do then."""

from test_payments import EVENT, checkout, knob, post_event, press, sdk
from test_payments_queue import until

TRIES = "SELECT attempts FROM messages WHERE queue = 'stripe_subscription_updated'"
DEAD = "SELECT 1 FROM messages WHERE died_at IS NOT NULL"


def test_a_message_of_stripes_is_tried_five_times_a_minute_apart_and_five_more_when_asked(
        own_service):
    service = own_service
    user = service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    [bought] = sdk(service).v1.subscriptions.list().data
    knob(service, "/_test/faults",
         {"path_prefix": "/v1/subscriptions/", "method": "GET", "kind": "status", "status": 500,
          "should_retry": False, "times": 10})
    event = {**EVENT, "id": "evt_tried", "type": "customer.subscription.updated",
             "data": {"object": {"id": bought.id, "object": "subscription"}}}
    assert post_event(service, event).status == 200
    until(lambda: service.rows(TRIES + " AND leased_until = 0") == [(1,)])
    service.advance(50)
    assert service.rows(TRIES) == [(1,)]
    service.advance(11)
    assert service.rows(TRIES) == [(2,)]
    for tries in (3, 4):
        service.advance(61)
        assert service.rows(TRIES) == [(tries,)] and service.rows(DEAD) == []
    service.advance(61)
    assert service.rows(TRIES) == [(5,)] and service.rows(DEAD) == [(1,)]
    service.advance(3600)
    assert service.rows(TRIES) == [(5,)]
    letter = service.command("dead-letters", "list").stdout
    assert letter.count("\n") == 1 and "5 tries" in letter
    # The cause is still there: the letter has its tries anew, all five.
    retry = lambda: service.command("dead-letters", "retry", letter.split()[0])
    assert retry().returncode == 0
    until(lambda: service.rows(TRIES + " AND leased_until = 0") == [(1,)])
    assert service.rows(DEAD) == []
    refused = retry()
    assert refused.returncode == 1 and "no dead letter" in refused.stderr
    for _ in range(4):
        service.advance(61)
    assert service.rows(TRIES) == [(5,)] and service.rows(DEAD) == [(1,)]
    assert user.subscription["plan"]["name"] == "Free"
    # Now it is gone.
    assert retry().returncode == 0
    until(lambda: service.rows(TRIES) == [])
    assert user.subscription["plan"]["name"] == "Plus"
    assert service.command("dead-letters", "list").stdout.strip() == "No dead letters."
