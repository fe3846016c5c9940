"""What waits in the queue: tries whose worker was killed, commits that were accepted for later."""

import time

from conftest import DAY
from test_payments import EVENT, knob, post_event

ASYNC = {"Prefer": "respond-async"}


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def occupy_worker(service):
    """Gives the worker a message over which Stripe keeps it waiting."""
    knob(service, "/_test/faults",
         {"path_prefix": "/v1/subscriptions", "method": "GET", "kind": "hang", "seconds": 60,
          "times": 20})
    event = {**EVENT, "id": "evt_hang", "type": "customer.subscription.updated",
             "data": {"object": {"id": "sub_x", "object": "subscription"}}}
    assert post_event(service, event).status == 200
    until(lambda: service.rows("SELECT 1 FROM messages WHERE leased_until > 0"))


def leave_to_workers(service):
    """Nobody works messages off until the service is started again."""
    service.kill()
    service.start("--no-worker")


def test_a_try_whose_worker_is_killed_counts_and_the_last_leaves_a_dead_letter(own_service):
    occupy_worker(own_service)
    own_service.kill()
    assert own_service.rows("SELECT attempts FROM messages") == [(1,)]
    # As if it had gone on like this until the last try, and its lease had run out.
    own_service.rows("UPDATE messages SET attempts = 5, leased_until = 1")
    own_service.start()
    until(lambda: own_service.rows("SELECT 1 FROM messages WHERE died_at IS NOT NULL"))
    letters = own_service.command("dead-letters", "list").stdout
    assert "5 tries" in letters and "the last try never ended" in letters


def test_the_queues_depth_age_and_dead_letters_are_measured(own_service):
    def measure(queue):
        return [own_service.metric(f'cuebx_queue_messages{{queue="{queue}",state="{state}"}}')
                for state in ("outbox", "waiting", "in_work", "paused")] + [
                    own_service.metric(f'cuebx_dead_letters{{queue="{queue}"}}')]

    user = own_service.new_user()
    usage = user.validate().json["usage_id"]
    assert own_service.metric("cuebx_broker_up") == 1
    assert measure("career_usage_commits") == [0, 0, 0, 0, 0]
    occupy_worker(own_service)
    until(lambda: measure("stripe_subscription_updated") == [0, 0, 1, 0, 0])
    leave_to_workers(own_service)
    assert user.commit(usage, headers=ASYNC).status == 202
    until(lambda: measure("career_usage_commits") == [0, 1, 0, 0, 0])
    age = 'cuebx_queue_oldest_age_seconds{queue="career_usage_commits"}'
    assert 0 < own_service.metric(age) < 60
    assert own_service.metric('cuebx_queue_oldest_age_seconds{queue="career_emails"}') == 0
    own_service.rows(
        "UPDATE messages SET died_at = due_at WHERE queue = 'career_usage_commits'")
    until(lambda: measure("career_usage_commits") == [0, 0, 0, 0, 1])


def test_a_commit_that_was_accepted_is_not_contradicted(own_service):
    user = own_service.new_user()
    usage, other = (user.validate().json["usage_id"] for _ in range(2))
    leave_to_workers(own_service)
    assert user.commit(usage, headers=ASYNC).status == 202
    assert user.commit(other, success=False, headers=ASYNC).status == 202
    for headers in ({}, ASYNC):
        refused = user.commit(usage, success=False, headers=headers)
        assert refused.status == 409 and refused.json["success"] is False
        assert refused.json["status"] == "SUCCESS"
        refused = user.commit(other, headers=headers)
        assert refused.status == 409 and refused.json["status"] == "FAILED"
        assert refused.json["credits_charged"] == "0.00"
    assert user.balance["credits_reserved"] == "2.00"
    assert user.commit(usage, headers=ASYNC).status == 202
    assert user.commit(usage).json["credits_charged"] == "1.00"
    own_service.kill()
    own_service.start()
    until(lambda: not own_service.rows(
        "SELECT 1 FROM messages WHERE queue = 'career_usage_commits'"))
    assert user.balance["credits_used"] == "1.00"
    assert user.balance["credits_reserved"] == "0.00"
    assert own_service.command("dead-letters", "list").stdout.strip() == "No dead letters."


def test_discarding_the_dead_letter_of_an_accepted_commit_gives_its_credits_back(own_service):
    user = own_service.new_user()
    usage = user.validate().json["usage_id"]
    leave_to_workers(own_service)
    assert user.commit(usage, headers=ASYNC).status == 202
    own_service.kill()
    own_service.rows(
        "UPDATE messages SET attempts = 3, died_at = due_at WHERE queue = 'career_usage_commits'")
    own_service.start()
    own_service.advance(DAY)
    assert user.balance["credits_reserved"] == "1.00"
    letter = own_service.command("dead-letters", "list").stdout.split()[0]
    assert own_service.command("dead-letters", "discard", letter).returncode == 0
    assert user.balance["credits_reserved"] == "0.00"
    assert user.commit(usage).json["status"] == "EXPIRED"
    assert own_service.command("dead-letters", "discard", letter).returncode != 0
