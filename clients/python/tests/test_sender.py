"""The sending thread, over a transport that answers as it is told: batches, shares, retries, budgets."""

import threading
import time

import pytest
from cuebx.events import Events
from cuebx.sender import MOST_OF_THE_REST, Sender
from cuebx.transport import MOST_BYTES, MOST_OPERATIONS, Answer, NoAnswer, Operation, Secret

OK = Answer(200, {}, {})


class Transport:
    """- answers: by operation's id; a list is worked off, then 200."""

    def __init__(self):
        self.batches, self.answers, self.gate = [], {}, threading.Event()
        self.gate.set()

    def send(self, operations):
        self.batches.append([operation.body["id"] for operation in operations])
        self.gate.wait(20)
        return [self.answer(operation.body["id"]) for operation in operations]

    def answer(self, id):
        left = self.answers.get(id)
        return left.pop(0) if left else OK


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def events():
    return []


@pytest.fixture
def sender(transport, events):
    sender = Sender(transport, Events(events.append), 0.001, 0.002)
    yield sender
    transport.gate.set()
    sender.stop()
    sender.join(10)
    assert not any(thread.is_alive() for thread in sender.threads)


class Asked:
    """An operation and what came of it."""

    def __init__(self, sender, id, name="commit", **more):
        self.there, self.result = threading.Event(), None
        body = {"id": id, **more.pop("body", {})}
        self.operation = Operation(name, body, self.done, **more)
        sender.submit(self.operation)

    def done(self, result):
        self.result = result
        self.there.set()

    def wait(self):
        assert self.there.wait(20)
        return self.result


def until_held(transport, sender, number=1):
    deadline = time.monotonic() + 20
    while len(transport.batches) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_lone_operation_waits_for_nobody_and_what_gathers_goes_together(sender, transport):
    transport.gate.clear()
    first = Asked(sender, "first")
    until_held(transport, sender)
    others = [Asked(sender, number) for number in range(10)]
    transport.gate.set()
    assert first.wait() is OK and all(other.wait() is OK for other in others)
    assert transport.batches == [["first"], list(range(10))]


def test_an_operation_shows_no_secret_before_or_after_it_was_encoded():
    keyed = Operation("validate", {"client_id": "ws"}, print, api_key=Secret("the key"))
    tokened = Operation("validate", {}, print, token=Secret("the token"))
    for operation in (keyed, tokened):
        assert b"the " in operation.element()
        assert "the key" not in repr(operation) and "the token" not in repr(operation)


def test_a_batch_has_at_most_256_operations(sender, transport):
    transport.gate.clear()
    Asked(sender, "first")
    until_held(transport, sender)
    others = [Asked(sender, number) for number in range(600)]
    transport.gate.set()
    for other in others:
        other.wait()
    assert [len(batch) for batch in transport.batches] == [1, MOST_OPERATIONS, MOST_OPERATIONS, 88]


def test_a_batch_is_smaller_than_a_mebibyte_and_one_large_operation_goes_alone(sender, transport):
    transport.gate.clear()
    Asked(sender, "first")
    until_held(transport, sender)
    large = [Asked(sender, number, body={"text": "x" * (MOST_BYTES // 3)}) for number in range(4)]
    huge = Asked(sender, "huge", body={"text": "x" * (MOST_BYTES + 1)})
    transport.gate.set()
    for one in [*large, huge]:
        one.wait()
    assert transport.batches == [["first"], [0, 1], [2, 3], ["huge"]]


def test_what_a_spool_held_is_a_quarter_of_a_batch_behind_what_is_live(sender, transport):
    transport.gate.clear()
    Asked(sender, "first")
    until_held(transport, sender)
    rest = [Asked(sender, f"r{number}", is_rest=True) for number in range(200)]
    live = [Asked(sender, number) for number in range(250)]
    transport.gate.set()
    for one in rest + live:
        one.wait()
    second = transport.batches[1]
    assert second[:250] == list(range(250)) and len(second) == MOST_OPERATIONS
    assert all(len([id for id in batch if str(id).startswith("r")]) <= MOST_OF_THE_REST
               for batch in transport.batches)


def test_only_the_element_that_was_answered_503_is_sent_again(sender, transport, events):
    transport.answers = {1: [Answer(503, {"retry-after": "0"}, {}), NoAnswer("away", False)]}
    transport.gate.clear()
    Asked(sender, "first")
    until_held(transport, sender)
    asked = [Asked(sender, number) for number in range(3)]
    transport.gate.set()
    assert all(one.wait() is OK for one in asked)
    assert transport.batches[1:] == [[0, 1, 2], [1], [1]]
    assert [event.fields["attempt"] for event in events] == [1, 2]


@pytest.mark.parametrize("status", [503, 500, 502, 504, 408, 429, 401, 403, 425, 599])
def test_a_commit_is_sent_again_after_what_is_not_for_good(sender, transport, status):
    transport.answers = {1: [Answer(status, {}, {})]}
    assert Asked(sender, 1).wait() is OK


@pytest.mark.parametrize("status, code", [
    (400, "malformed_json"), (403, "usage_of_another_user"), (404, "usage_not_found"), (409, ""),
    (413, "body_too_large"), (415, "unsupported_media_type"), (422, "validation_error")])
def test_a_commit_is_not_sent_again_after_what_is_for_good(sender, transport, status, code):
    told = Answer(status, {}, {"code": code})
    transport.answers = {1: [told]}
    assert Asked(sender, 1).wait() is told
    assert transport.batches == [[1]]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422, 429, 500])
def test_a_decision_on_validate_is_final(sender, transport, status):
    told = Answer(status, {}, {})
    transport.answers = {1: [told]}
    assert Asked(sender, 1, "validate").wait() is told


@pytest.mark.parametrize("code, status", [("invalid_api_key", 401), ("invalid_internal_key", 200)])
def test_a_raise_whose_answer_was_lost_ends_by_what_is_said_of_the_customers_key(
        sender, transport, code, status):
    transport.answers["raise"] = [Answer(401, {}, {"code": code}), Answer(200, {}, {"message": "Extended."})]
    assert Asked(sender, "raise", "extend", is_unsure=True).wait().status == status


def test_a_retry_after_beyond_the_deadline_ends_it_at_once(sender, transport):
    told = Answer(503, {"retry-after": "3600"}, {})
    transport.answers = {1: [told]}
    start = time.monotonic()
    assert Asked(sender, 1, "validate", deadline=start + 60).wait() is told
    assert time.monotonic() - start < 30


def test_a_commit_waits_an_hour_at_most_whatever_retry_after_says(sender):
    told = Answer(503, {"retry-after": "100000"}, {})
    operation = Operation("commit", {"id": 1}, lambda result: None)
    operation.attempts = 1
    assert sender.pause(operation, told) == 3600


@pytest.mark.parametrize("text", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e3"])
def test_a_retry_after_that_is_no_number_of_seconds_counts_as_none_or_as_it_can(text):
    found = Answer(503, {"retry-after": text}, {}).retry_after
    assert found is None or found >= 0


def test_pauses_are_drawn_from_what_doubles_up_to_the_longest(transport, events):
    sender = Sender(transport, Events(None), 0.1, 5.0)
    operation = Operation("commit", {"id": 1}, lambda result: None)
    for attempt in range(1, 60):
        operation.attempts = attempt
        pauses = [sender.pause(operation, NoAnswer("", True)) for _ in range(50)]
        most = min(5.0, 0.1 * 2 ** min(attempt - 1, 30))
        assert 0 <= min(pauses) < most / 2 < max(pauses) <= most
    sender.stop()


def test_who_is_abandoned_before_it_was_sent_is_never_sent(sender, transport):
    transport.gate.clear()
    Asked(sender, "first")
    until_held(transport, sender)
    gone = Asked(sender, "gone", "validate")
    sender.abandon(gone.operation)
    transport.gate.set()
    assert isinstance(gone.wait(), NoAnswer)
    assert transport.batches == [["first"]]


def test_who_is_abandoned_while_its_answer_was_lost_is_asked_for_again(sender, transport):
    transport.answers = {1: [NoAnswer("broken", True)]}
    transport.gate.clear()
    gone = Asked(sender, 1, "validate", deadline=time.monotonic() + 20)
    until_held(transport, sender)
    sender.abandon(gone.operation)
    transport.gate.set()
    assert gone.wait() is OK


def test_a_defect_in_what_follows_an_answer_does_not_end_the_thread(sender, events):
    def fail(result):
        raise KeyError("x")

    sender.submit(Operation("commit", {"id": 0}, fail))
    assert Asked(sender, 1).wait() is OK
    assert [event.name for event in events] == ["defect"]
    with sender.condition:
        assert sender.condition.wait_for(lambda: sender.outstanding == 0, 10)
