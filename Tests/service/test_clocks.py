"""Clocks that are wrong: what one decision by a clock ahead leaves, and how it is mended."""

import datetime
import re
import time
import uuid

import pytest

from conftest import DAY
from test_calls_by_key import Workspace
from test_payments import settle
from test_workspace_billing import at, bought, calls, give_key, unpaid_team

YEAR = 366 * DAY


def ahead(service, seconds):
    """Moves the account's rows as a process would have left them whose clock is ahead: the
    development clock goes there, and back again once that process has gone."""
    service.advance(seconds)


def back(service):
    """The clock is right again; it never runs backwards in a running process, so by a new one."""
    service.stop()
    service.rows("UPDATE installation SET clock_offset = 0")
    service.offset = 0
    service.start()


@pytest.mark.parametrize("seconds", [3600, 2 * DAY, YEAR])
def test_an_account_that_a_clock_ahead_decided_on_is_brought_back_by_its_operator(
        own_service, seconds):
    user = own_service.sign_up()
    ahead(own_service, seconds)
    user.spend()
    held = user.validate().json["usage_id"]
    back(own_service)
    refused = own_service.command("users", "reset-clock", user.email, "--reason", "")
    assert refused.returncode == 1 and "1 to 1000 characters" in refused.stderr
    mended = own_service.command("users", "reset-clock", user.email, "--reason", "a clock was ahead")
    assert mended.returncode == 0 and mended.stdout.startswith("back from "), mended
    again = own_service.command("users", "reset-clock", user.id, "--reason", "again")
    assert again.stdout == "the account does not lie in the future\n"
    balance = user.balance
    end = datetime.datetime.fromisoformat(balance["period_end"]).timestamp()
    assert 27 * DAY < end - time.time() <= 31 * DAY
    assert balance["credits_used"] == "1.00" and balance["credits_reserved"] == "1.00"
    assert all(0 < datetime.datetime.fromisoformat(limit["reset_at"]).timestamp() - time.time()
               <= DAY for limit in balance["rate_limits"])
    assert user.commit(held).status == 200
    assert user.spend().status == 200
    (line,) = own_service.rows(
        "SELECT event, reason FROM subscription_changes WHERE event = 'clock_reset'")
    assert line == ("clock_reset", "a clock was ahead")
    assert user.get("/auth/me/export").json["subscription_history"][-1]["reason"] \
        == "a clock was ahead"
    assert own_service.audit().returncode == 0, own_service.audit().stdout


def test_the_account_of_a_personal_workspace_comes_back_with_its_users(own_service):
    space = Workspace(own_service)
    key = space.key()
    ahead(own_service, 2 * DAY)
    held = space.validate(key).json["usage_id"]
    back(own_service)
    mended = own_service.command("users", "reset-clock", space.owner.email, "--reason", "x")
    assert mended.returncode == 0 and "personal workspace: back from " in mended.stdout, mended
    again = own_service.command("users", "reset-clock", space.owner.email, "--reason", "x")
    assert again.stdout == "the account does not lie in the future\n"
    assert space.validate(key).status == 200 and space.commit(held).status == 200


def test_a_reservation_of_a_clock_ahead_lapses_like_any_other_after_a_reset(own_service):
    user = own_service.sign_up()
    ahead(own_service, YEAR)
    user.validate()
    back(own_service)
    assert own_service.command(
        "users", "reset-clock", user.email, "--reason", "x").returncode == 0
    own_service.advance(16 * 60)
    assert user.balance["credits_reserved"] == "0.00"
    assert own_service.audit().returncode == 0, own_service.audit().stdout


@pytest.mark.parametrize("seconds", [30, 3600, YEAR])
def test_a_full_window_of_a_clock_ahead_says_truly_when_to_come_back(own_service, seconds):
    user = own_service.sign_up()
    ahead(own_service, seconds)
    # Never across the turn of a minute, which would empty the window.
    while 30 < own_service.time % 60:
        time.sleep(0.2)
    while user.validate(feature="career.extract_keywords").status == 200:
        pass
    back(own_service)
    answer = user.validate(feature="career.extract_keywords")
    if answer.status == 429:
        assert answer.code == "rate_limited"
        wait = int(answer.headers["retry-after"])
        assert wait <= 60 + seconds
        own_service.advance(wait)
        assert user.validate(feature="career.extract_keywords").status == 200
    else:
        assert answer.status == 200 and seconds > 15 * 60


def test_who_has_no_subscription_or_is_not_there_has_no_clock_to_reset(own_service):
    result = own_service.command("users", "reset-clock", "nobody@example.test", "--reason", "x")
    assert result.returncode == 1 and result.stderr == "cuebx: no user nobody@example.test\n"


def team(service):
    """A team that pays and has called."""
    made = unpaid_team(service)
    bought(service, made)
    give_key(made)
    assert calls(service, made) == (200, "reserved")
    return made


def test_the_audit_names_the_command_that_brings_each_kind_of_holder_back(own_service):
    service = own_service
    user, space, paying, frozen, closed = (
        service.sign_up(), Workspace(service), team(service), team(service), team(service))
    key = space.key()
    assert space.validate(key).status == 200 and user.spend().status == 200
    ended = frozen.owner.post(at(frozen, "/cancel"), {"cancel_at_period_end": False})
    assert ended.status == 200 and closed.delete().status == 204
    # No event comes later, and moves what lies ahead.
    settle(service)
    for table in ("career_subscription_contexts", "api_subscription_contexts"):
        service.write(f"UPDATE {table} SET decided_at = decided_at + ?", 40 * DAY * 1_000_000)
    assert calls(service, paying)[0] == 402
    lines = service.audit().stdout.splitlines()[:-1]
    named = {}
    for line in lines:
        id, command = re.fullmatch(
            r"invariant 5: (\S+): .* lies in the future.*: see cuebx (.*)", line).groups()
        named[id] = command.split()
    spaces = {one.id for one in (space, paying, frozen, closed)}
    assert {id for id, command in named.items() if command[0] == "workspaces"} == spaces
    assert user.id in named and named[user.id] == ["users", "reset-clock"]
    for id in spaces:
        refused = service.command(*named[id], id, "--reason", "")
        assert refused.returncode == 1 and "1 to 1000 characters" in refused.stderr
    for id, command in named.items():
        # A user's brings the account of the personal workspace back, too.
        mended = service.command(*command, id, "--reason", "a clock was ahead")
        assert mended.returncode == 0 and "back from " in mended.stdout or id == space.id, mended
        again = service.command(*command, id, "--reason", "again")
        assert again.stdout == "the account does not lie in the future\n", again
    audit = service.audit()
    assert audit.returncode == 0, audit.stdout
    assert calls(service, paying) == (200, "reserved") and space.validate(key).status == 200
    assert user.spend().status == 200
    assert {reason for (reason,) in service.rows(
        "SELECT reason FROM api_subscription_changes WHERE event = 'clock_reset'")} == {
        "a clock was ahead"}


def test_a_workspace_that_is_not_there_has_no_clock_to_reset(own_service):
    nobody, empty = str(uuid.uuid4()), unpaid_team(own_service)
    for name, sentence in (
            ("no-such-team", "no workspace no-such-team"),
            (nobody, "the workspace has no subscription"),
            (empty.id, "the workspace has no subscription")):
        result = own_service.command("workspaces", "reset-clock", name, "--reason", "x")
        assert result.returncode == 1 and result.stderr == f"cuebx: {sentence}\n", result
