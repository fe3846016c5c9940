"""The short form of `make crashes`: some kills on each engine, and what the checker makes of a real
history that was tampered with."""

import os
import random
import secrets
from dataclasses import replace

import pytest

from checker import Violation, check
from run import run
from world import World, postgresql

# Printed with each world, and with whatever fails.
SEED = os.environ.get("SEED", str(secrets.randbelow(1_000_000)))
KILLS = 4


def test_killed_at_random_sqlite_loses_nothing_and_applies_nothing_twice():
    kills, checked, _ = run("sqlite", SEED, KILLS)
    assert kills >= KILLS and checked > 0


def test_killed_at_random_two_processes_on_postgresql_lose_nothing_and_apply_nothing_twice():
    server = postgresql.PostgreSQL(durable=True)
    try:
        kills, checked, _ = run("postgresql", SEED, KILLS, server)
    finally:
        server.remove()
    assert kills >= KILLS and checked > 0


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A world that went well, with what was read at its end."""
    with World(tmp_path_factory.mktemp("real") / "world", SEED, accounts=3,
               allocation=200) as world:
        world.kill_at_random(1)
        world.load.wait(300)
        # Until the credits have run out. By then every kind of answer was given often: fewer
        # credits, or a daily limit, might end that too early.
        world.load.wait(1, code="quota_exceeded", seconds=300)
    return world


def a_charged_log(world):
    return random.Random(SEED).choice(
        [log for log in world.end_state.logs if log.status == "SUCCESS"])


def balances_with(world, log, **changes):
    balance = dict(world.end_state.balances[log.account])
    for name, amount in changes.items():
        balance[f"credits_{name}"] += amount
    return {**world.end_state.balances, log.account: balance}


def test_a_real_history_with_a_commit_lost_is_rejected(real):
    """As if a crash had undone it, in the log and in the account."""
    committed = a_charged_log(real)
    logs = [replace(log, status="PENDING", charged=None) if log == committed else log
            for log in real.end_state.logs]
    balances = balances_with(
        real, committed, used=-committed.reserved, reserved=committed.reserved)
    with pytest.raises(Violation):
        check(real.history.calls, real.rules, replace(real.end_state, logs=logs, balances=balances))


def test_a_real_history_with_a_reservation_lost_is_rejected(real):
    lost = a_charged_log(real)
    logs = [log for log in real.end_state.logs if log != lost]
    balances = balances_with(real, lost, used=-lost.reserved, remaining=lost.reserved)
    with pytest.raises(Violation):
        check(real.history.calls, real.rules, replace(real.end_state, logs=logs, balances=balances))


def test_a_real_history_with_a_double_charge_is_rejected(real):
    log = a_charged_log(real)
    balances = balances_with(real, log, used=log.reserved, remaining=-log.reserved)
    with pytest.raises(Violation):
        check(real.history.calls, real.rules, replace(real.end_state, balances=balances))


@pytest.mark.parametrize("kind, condition, lie", [
    # An overspend: what was refused for want of credits was granted.
    ("validate", lambda answer: answer["code"] in ("quota_exceeded", "rate_limited"),
     lambda answer: {"http": 200, "code": "reserved", "usage_id": "granted", "status": "PENDING",
                     "credits_reserved": 1}),
    # A stale read.
    ("balance", lambda answer: answer["credits_used"] > 0,
     lambda answer: {**answer, "credits_used": 0}),
    # A second charge.
    ("commit", lambda answer: answer["http"] == 200 and answer.get("credits_charged"),
     lambda answer: {**answer, "credits_charged": 2 * answer["credits_charged"]}),
    # A request that was run once is granted once more.
    ("validate", lambda answer: answer["code"] == "request_already_finished",
     lambda answer: {**answer, "http": 200, "code": "replayed", "status": "PENDING",
                     "credits_reserved": 1}),
], ids=["overspend", "stale read", "double charge", "second run"])
def test_a_real_history_with_one_answer_changed_is_rejected(real, kind, condition, lie):
    calls = list(real.history.calls)
    index = random.Random(SEED).choice([
        index for index, call in enumerate(calls)
        if call.kind == kind and call.answer and condition(call.answer)])
    calls[index] = replace(calls[index], answer=lie(calls[index].answer))
    with pytest.raises(Violation):
        check(calls, real.rules, real.end_state)
