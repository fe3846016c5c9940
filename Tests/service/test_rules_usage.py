"""Rules of metering that only a running server shows."""

import uuid

import pytest

from conftest import together
from test_payments_queue import ASYNC, until

TABLES = ("career_subscription_contexts", "credit_grants", "subscriptions")


def status(service, usage):
    [(found,)] = service.rows(
        "SELECT status FROM career_usage_logs WHERE id = ?", uuid.UUID(usage))
    return found


def test_without_a_subscription_every_call_is_402_until_there_is_one(service, user):
    id = uuid.UUID(user.id)
    service.write(
        """DELETE FROM subscription_changes WHERE subscription_id IN
        (SELECT id FROM subscriptions WHERE user_id = ?)""", id)
    for table in TABLES:
        service.write(f"DELETE FROM {table} WHERE user_id = ?", id)
    assert user.subscription is None
    refused = user.validate()
    assert refused.status == 402 and refused.code == "no_subscription"
    assert refused.json["access"] == "denied" and refused.json["usage_id"] is None
    assert not [name for name in refused.headers if name.startswith("x-ratelimit")]
    assert user.post("/career/subscriptions/activate").json["plan"]["name"] == "Free"
    assert user.validate().status == 200


@pytest.mark.parametrize("success", [True, False])
def test_a_commit_is_answered_alike_however_often_it_is_sent(user, success):
    usage = user.validate().json["usage_id"]
    first = user.commit(usage, success=success)
    assert first.status == 200
    for headers in ({}, {}, ASYNC):
        again = user.commit(usage, success=success, headers=headers)
        assert (again.status, again.bytes) == (200, first.bytes)


def test_commits_sent_at_once_are_answered_alike(user):
    usage = user.validate().json["usage_id"]
    answers = together(8, lambda _: user.commit(usage))
    assert len({(answer.status, answer.bytes) for answer in answers}) == 1


def test_a_call_that_was_granted_is_committed_though_its_user_was_locked_out(service, user):
    charged, freed = (user.validate().json["usage_id"] for _ in range(2))
    assert service.command("users", "deactivate", user.id).returncode == 0
    assert user.validate().status == 403
    assert user.commit(charged).json["credits_charged"] == "1.00"
    assert user.commit(freed, success=False).json["status"] == "FAILED"
    assert service.command("users", "reactivate", user.id).returncode == 0
    assert user.balance["credits_used"] == "1.00"
    assert user.balance["credits_reserved"] == "0.00"


def test_an_adjustment_has_a_reason_of_at_most_a_thousand_characters(service, user):
    adjust = lambda *more: service.command("users", "adjust", user.id, "1.00", *more)
    assert adjust().returncode != 0
    for bad in ("", "x" * 1001):
        refused = adjust("--reason", bad)
        assert refused.returncode == 1 and "1 to 1000 characters" in refused.stderr
    assert user.balance["credits_allocated"] == "25.00"
    assert adjust("--reason", "\u00e4" * 1000).returncode == 0
    id = uuid.UUID(user.id)
    grants = "SELECT reason FROM credit_grants WHERE user_id = ? AND kind = 'adjustment'"
    assert service.rows(grants, id) == [("\u00e4" * 1000,)]
    with pytest.raises(Exception, match="(?i)check"):
        service.write(
            """INSERT INTO credit_grants
            (user_id, period_number, kind, cause, credits, reason, created_at)
            VALUES (?, 1, 'adjustment', 'by hand', 1, NULL, 1)""", id)


@pytest.mark.parametrize("credits,told", [
    ("1000000000", "a period holds at most 1000000000.00 credits; 999999975.00 more can be given"),
    ("999999975.000001",
     "a period holds at most 1000000000.00 credits; 999999975.00 more can be given"),
    ("-25.000001", "that is more than the period has left"),
    ("1000000000.01", "1000000000.01 is no amount of credits"),
    ("0", "0 is no amount of credits")])
def test_an_amount_out_of_bounds_is_refused_with_the_bound(user, credits, told):
    refused = user.adjust(credits)
    assert refused.returncode == 1 and refused.stderr == f"cuebx: {told}\n"
    assert user.balance["credits_allocated"] == "25.00"


# Expiry


def pass_by(user, seconds):
    """Moves the clock as another process does, so that nobody is told to tidy up."""
    service, before = user.service, user.auth
    service.write(
        "UPDATE installation SET clock_offset = clock_offset + ?", seconds * 1_000_000)
    service.offset = getattr(service, "offset", 0) + seconds
    # The token of before has expired once the server has noticed.
    until(lambda: service.call("GET", "/auth/me", headers=before).status == 401)


def overdue(user):
    """A reservation whose time is over, of which nobody has been told."""
    usage = user.validate().json["usage_id"]
    pass_by(user, 1000)
    return usage


READS = {
    "/career/usage": lambda answer: answer["credits_reserved"] == "0.00",
    "/career/usage/logs": lambda answer: answer["items"][0]["status"] == "EXPIRED",
    "/career/usage/logs?status=EXPIRED": lambda answer: len(answer["items"]) == 1,
    "/career/usage/logs?status=PENDING": lambda answer: answer["items"] == [],
    "/career/usage/summary?by=feature": lambda answer: answer["items"][0]["requests"] == 1,
}


SWEPT = "cuebx_sweeper_last_sweep_timestamp_seconds"


def test_the_sweeper_expires_what_nobody_reads_and_reading_does_not_wait_for_it(module_service):
    service = module_service
    unread = service.sign_up()
    # On a busy machine the sweeper may come while this is told: then it is told again, of users
    # who have not called yet.
    for _ in range(20):
        users = {path: service.sign_up() for path in READS}
        first = overdue(unread)
        until(lambda: status(service, first) == "EXPIRED")
        assert service.rows(
            "SELECT credits_reserved FROM career_subscription_contexts WHERE user_id = ?",
            uuid.UUID(unread.id)) == [(0,)]
        # The sweeper has just been there, and comes again five seconds later.
        swept = service.metric(SWEPT)
        usages = {path: user.validate().json["usage_id"] for path, user in users.items()}
        pass_by(unread, 1000)
        seen = {status(service, usage) for usage in usages.values()}
        if service.metric(SWEPT) == swept:
            break
    assert seen == {"PENDING"}
    for path, shows in READS.items():
        assert shows(users[path].get(path).json), path
        # Who only reads writes nothing.
        assert service.metric(SWEPT) != swept or status(service, usages[path]) == "PENDING", path
