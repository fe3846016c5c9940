"""How much may run unasked, and when it may not."""

import asyncio
import json
import shutil
import threading
import time
from types import SimpleNamespace

import cuebx
import pytest
from cuebx import outage
from cuebx.asking import Asking
from cuebx.events import Events
from cuebx.spool_format import decode
from cuebx.transport import Answer, NoAnswer, Operation, Transport


def asking(user="ada", request_id=None, feature="f"):
    return Asking.of(feature, "", user=user, request_id=request_id, endpoint="", method="POST", estimate=None,
                     hold_seconds=None, parent=None, client=None)


class Case:
    """An outage with clocks that are moved by hand."""

    def __init__(self, monkeypatch, folder=None, **policy):
        self.now, self.heard, self.told = 1000.0, float("-inf"), []
        # The service's usages that run.
        self.running = set()
        monkeypatch.setattr(outage, "time", SimpleNamespace(
            monotonic=lambda: self.now, time=lambda: 1_800_000_000 + self.now,
            strftime=time.strftime, gmtime=time.gmtime, strptime=time.strptime))
        policy = {"max_credits": 100, "max_seconds": 60, "verify_token": lambda token: token, **policy}
        self.outage = outage.Outage(
            cuebx.fail_open_with_journal(**policy), folder,
            Events(lambda event: self.told.append((event.name, event.fields.get("reason")))),
            lambda: self.heard)

    def run(self, user="ada", **more):
        found = self.outage.open(
            asking(user, **more), 1_800_000_000 + self.now,
            lambda usage: outage.is_journal(usage) and usage in self.outage.held or usage in self.running)
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
    case.outage.acknowledged(first)
    with pytest.raises(cuebx.AlreadyFinished):
        case.run(request_id="one")


def test_what_ran_before_the_outage_does_not_run_again_in_it(monkeypatch):
    monkeypatch.setattr(outage, "MOST_FINISHED", 2)
    case = Case(monkeypatch)
    case.outage.saw("f", "1.00")
    for number in range(3):
        asked = asking(request_id=f"r{number}")
        case.outage.granted(
            outage.usage_of("ada", asked.request_id, asked.payload_hash), f"u{number}")
    case.running = {"u2"}
    for name, usage, kind, status in (
            ("r1", "u1", cuebx.AlreadyFinished, 409), ("r2", "u2", cuebx.AlreadyRunning, 200)):
        with pytest.raises(kind) as refused:
            case.run(request_id=name)
        assert (refused.value.status, refused.value.usage_id) == (status, usage)
    # The oldest is not known any more; and another's request is none of hers.
    assert outage.is_journal(case.run(request_id="r0"))
    assert outage.is_journal(case.run("ben", request_id="r1"))


def test_what_is_adopted_counts_what_it_counted_where_it_ran(monkeypatch):
    case = Case(monkeypatch)
    case.outage.saw("f", "2.00")
    body = {"user_id": "ada", "feature_key": "f", "ran_at": "2026-11-30T00:00:00Z"}
    for usage, counted in (("a", "7.00"), ("b", None), ("c", "x"), ("d", 5)):
        case.outage.adopt(f"journal-{usage}", body, counted)
    assert case.outage.total() == 13


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


# Whole clients, of a service that a test plays


AWAY = NoAnswer("away", False, True)
GRANTED = Answer(200, {}, {
    "access": "granted", "usage_id": "u1", "user_id": "ada", "credits_reserved": "1.00"})


class Service:
    """- answer: what is answered to an operation; None: it is away.
    - told: the names of operations, and their bodies.
    """

    def __init__(self, monkeypatch, folder):
        self.answer, self.told, self.clients, self.folder = lambda operation: None, [], [], folder
        monkeypatch.setattr(Transport, "send", lambda transport, operations: [
            self.asked(operation) for operation in operations])

    def asked(self, operation):
        result = self.answer(operation)
        if result is not None:
            self.told.append((operation.name, operation.body))
        return result or AWAY

    def client(self, held, name="spool"):
        spool = self.folder / name
        spool.mkdir(exist_ok=True)
        (spool / "holds.json").write_text(json.dumps({"f": held}))
        client = cuebx.Client(
            spool=spool, validate_seconds=1, first_pause=0.001, longest_pause=0.01,
            outage=cuebx.fail_open_with_journal(100, 60, lambda token: token))
        self.clients.append(client)
        looked = client._running().spool
        with looked.condition:
            assert looked.condition.wait_for(lambda: looked.has_looked, 10)
        return client

    def records(self):
        [file] = (self.folder / "spool").glob("*.spool")
        return decode(file.read_bytes())


@pytest.fixture
def service(monkeypatch, tmp_path):
    service = Service(monkeypatch, tmp_path)
    yield service
    for client in service.clients:
        client.close(0)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_what_a_stream_hands_out_first_is_on_the_disk_before(service, tmp_path, way):
    client = service.client("4.00")

    def judge():
        record = service.records()[-1]
        assert (record["r"], record["counted"]) == ("outcome", "4.00")
        [operation] = record["operations"]
        assert (operation["op"], operation["user_id"]) == ("record", "ada") and "counted" not in operation
        # As a process that died would leave it; meanwhile the feature holds less.
        shutil.copytree(tmp_path / "spool", tmp_path / "left")
        assert service.client("1.00", "left")._running().outage.total() == 4

    def run():
        with client.metered("f", user="ada") as call:
            for number, _ in enumerate(call.stream(["one", "two"])):
                if number == 0:
                    judge()

    async def run_async():
        async def source():
            yield "one"
            yield "two"
        async with client.metered("f", user="ada") as call:
            number = 0
            async for _ in call.stream(source()):
                if number == 0:
                    judge()
                number += 1

    asyncio.run(run_async()) if way == "async" else run()
    # The first chunk alone is synced for its own sake.
    assert [record["r"] for record in service.records()] == ["open", "outcome", "outcome"]


def test_a_chunk_that_cannot_be_noted_is_not_handed_out(service, monkeypatch):
    client = service.client("4.00")

    def fails(descriptor):
        raise OSError(5, "broken")

    with pytest.raises(cuebx.SpoolUnavailable):
        with client.metered("f", user="ada") as call:
            monkeypatch.setattr("os.fdatasync", fails)
            for _ in call.stream(["one"]):
                raise AssertionError("It was handed out.")
    assert client._running().outage.total() == 0


def test_what_a_late_validate_holds_is_given_back_if_the_call_delivers_nothing(service):
    client = service.client("1.00")
    gate = threading.Event()

    def answer(operation):
        if operation.name == "validate":
            gate.wait(10)
            return GRANTED
        return Answer(200, {}, {"success": True, "message": "Committed.", "status": "FAILED"})

    service.answer = answer
    with pytest.raises(LookupError):
        with client.metered("f", user="ada") as call:
            assert call.is_journaled
            raise LookupError
    gate.set()
    assert client.flush(10)
    [_, (name, commit)] = service.told
    assert (name, commit["usage_id"], commit["success"]) == ("commit", "u1", False)


def test_what_a_lost_validate_may_hold_is_asked_for_and_given_back(service):
    client = service.client("1.00")
    service.answer = lambda operation: NoAnswer("lost", True, True)
    with pytest.raises(LookupError):
        with client.metered("f", user="ada"):
            service.answer = lambda operation: GRANTED if operation.name == "validate" \
                else Answer(200, {}, {"success": True, "message": "Committed.", "status": "FAILED"})
            raise LookupError
    assert client.flush(10)
    assert [name for name, _ in service.told[-2:]] == ["validate", "commit"]


def test_a_call_that_was_granted_does_not_run_again_in_an_outage(service):
    client = service.client("1.00")
    service.answer = lambda operation: GRANTED if operation.name == "validate" \
        else Answer(200, {}, {"success": True, "message": "Committed.", "status": "SUCCESS"})
    with client.metered("f", user="ada", request_id="one"):
        pass
    assert client.flush(10)
    service.answer = lambda operation: None
    with pytest.raises(cuebx.AlreadyFinished):
        client.metered("f", user="ada", request_id="one").__enter__()
    with client.metered("f", user="ada", request_id="two") as call:
        assert call.is_journaled
