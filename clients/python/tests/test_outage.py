"""How much may run unasked, and when it may not."""

import json
import time
from types import SimpleNamespace

import cuebx
import pytest
from cuebx import outage
from cuebx.asking import Asking
from cuebx.events import Events
from cuebx.transport import Answer, NoAnswer, Operation


def asking(user="ada", request_id=None, feature="f"):
    return Asking.of(feature, user, "", request_id=request_id, endpoint="", method="POST", estimate=None,
                     hold_seconds=None, parent=None, client=None)


class Case:
    """An outage with clocks that are moved by hand."""

    def __init__(self, monkeypatch, folder=None, **policy):
        self.now, self.heard, self.told = 1000.0, float("-inf"), []
        monkeypatch.setattr(outage, "time", SimpleNamespace(
            monotonic=lambda: self.now, time=lambda: 1_800_000_000 + self.now,
            strftime=time.strftime, gmtime=time.gmtime, strptime=time.strptime))
        policy = {"max_credits": 100, "max_seconds": 60, "verify_token": lambda token: token, **policy}
        self.outage = outage.Outage(
            cuebx.fail_open_with_journal(**policy), folder,
            Events(lambda event: self.told.append((event.name, event.fields.get("reason")))),
            lambda: self.heard)

    def run(self, user="ada", **more):
        found = self.outage.open(asking(user, **more), 1_800_000_000 + self.now, lambda usage: True)
        return found.usage_id if found else self.told[-1][1]


def test_a_user_has_a_tenth_and_all_the_whole(monkeypatch):
    case = Case(monkeypatch)
    assert case.run() == "the feature's hold was never seen"
    case.outage.saw("f", "4.00")
    assert [outage.is_journal(case.run()) for _ in range(2)] == [True, True]
    assert case.run() == "the user's part is used up"
    runs = [case.run(f"user {number}".replace(" ", "-")) for number in range(24)]
    assert sum(map(outage.is_journal, runs)) == 23 and runs[-1] == "the ceiling is reached"
    case.outage.forget(runs[0])
    assert outage.is_journal(case.run("late")) and case.outage.total() == 100


def test_after_max_seconds_nothing_begins_until_the_service_was_heard(monkeypatch):
    case = Case(monkeypatch)
    case.outage.saw("f", "1.00")
    assert not case.outage.is_on
    case.run()
    assert case.outage.is_on
    case.now += 60
    assert outage.is_journal(case.run())
    case.now += 1
    assert case.run("ben") == "the outage lasts too long"
    case.heard = case.now
    assert not case.outage.is_on
    case.now += 1
    # What was not told yet still counts.
    assert outage.is_journal(case.run("ben")) and case.outage.total() == 3


def test_a_process_that_begins_in_an_outage_goes_on_with_it(monkeypatch, tmp_path):
    case = Case(monkeypatch, tmp_path)
    case.outage.saw("f", "8.00")
    case.outage.save()
    journal = case.outage.open(asking(), 1_800_000_000 + case.now, lambda usage: True)
    case.now += 50
    after = Case(monkeypatch, tmp_path)
    after.now = case.now
    after.outage.adopt(journal.usage_id, journal.body)
    assert after.run() == "the user's part is used up"
    assert outage.is_journal(after.run("ben"))
    after.now += 11
    assert after.run("cyd") == "the outage lasts too long"
    (tmp_path / "holds.json").write_text(json.dumps({"f": "x", "g": 5, "h": "2.00"}))
    assert Case(monkeypatch, tmp_path).outage.holds == {"h": "2.00"}
    (tmp_path / "holds.json").write_text("[")
    assert Case(monkeypatch, tmp_path).outage.holds == {}


def test_the_same_request_never_runs_twice(monkeypatch):
    case = Case(monkeypatch)
    case.outage.saw("f", "1.00")
    first = case.run(request_id="one")
    with pytest.raises(cuebx.AlreadyRunning):
        case.run(request_id="one")
    assert case.run("ben", request_id="one") != first
    case.outage.forget(first)
    assert case.run(request_id="one") == first


@pytest.mark.parametrize("says", [None, "", 5, "a\nb", ValueError("secret")], ids=repr)
def test_a_token_that_the_host_does_not_vouch_for_is_refused(monkeypatch, says):
    def verify(token):
        if isinstance(says, Exception):
            raise says
        return says
    case = Case(monkeypatch, verify_token=verify)
    case.outage.saw("f", "1.00")
    with pytest.raises(cuebx.InvalidToken) as raised:
        case.run()
    assert "secret" not in str(raised.value) and case.outage.total() == 0


def test_only_what_says_that_the_service_is_away_is_an_outage(monkeypatch):
    case = Case(monkeypatch)
    operation = Operation("validate", {}, lambda result: None)

    def is_of(result):
        return case.outage.is_of(operation, result, case.now)

    away = NoAnswer("away", False, True)
    assert is_of(away) and is_of(Answer(502, {}, {})) and is_of(Answer(503, {}, {"code": "overloaded"}))
    for status in (200, 401, 402, 404, 408, 409, 422, 429, 500, 504):
        assert not is_of(Answer(status, {}, {}))
    broken, over = NoAnswer("garbage", True), NoAnswer("not in time", False)
    # Nothing came: others may have been answered meanwhile, and then it is no outage but a queue.
    assert is_of(over) and is_of(None)
    case.heard = case.now
    assert not is_of(over) and not is_of(None)
    operation.last = broken
    assert not is_of(over) and not is_of(None)
    operation.last = away
    assert is_of(over) and is_of(None)


@pytest.mark.parametrize("given", [
    {"max_credits": 0}, {"max_credits": "-1"}, {"max_credits": 0.5}, {"max_seconds": 0},
    {"max_seconds": 86_401}, {"max_seconds": float("nan")}], ids=repr)
def test_a_policy_that_makes_no_sense_is_refused(given):
    with pytest.raises((ValueError, cuebx.InvalidRequest)):
        cuebx.fail_open_with_journal(
            **{"max_credits": 1, "max_seconds": 1, "verify_token": str, **given})


def test_what_ran_must_outlive_the_process():
    policy = cuebx.fail_open_with_journal(1, 1, str)
    with pytest.raises(ValueError):
        cuebx.Client(spool="memory", outage=policy)
