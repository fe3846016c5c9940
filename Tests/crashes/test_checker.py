"""The checker itself: what can have been is explained, what was tampered with is not."""

import copy
from dataclasses import replace

import pytest

from checker import EndState, StoredGrant, StoredLog, Violation, check
from history import Call, History, micro_credits, read
from model import Rules

RULES = Rules({"cheap": 1, "dear": 3}, allocation=4, per_day=None)
ME, OTHER = "me", "other"


class Story:
    """A history told call by call; each runs after the one before it unless times are given."""

    def __init__(self):
        self.now, self.calls, self.logs, self.adjustments = 0, [], {}, {}
        self.balances, self.grants = {}, {}

    def call(self, kind, asked, answer, during=None, account=ME, latest=None):
        start, end = during or (self.now + 1, self.now + 2)
        self.now = max(self.now, end)
        self.calls.append(Call(kind, account, asked, start, end, answer, [], latest))
        return self

    def validate(self, request, answer, feature="cheap", payload="p", **more):
        return self.call("validate", {
            "request_id": request, "payload_hash": payload, "feature_key": feature}, answer, **more)

    def reserve(self, request, feature="cheap", code="reserved", **more):
        return self.validate(request, {
            "http": 200, "code": code, "usage_id": request, "status": "PENDING",
            "credits_reserved": RULES.costs[feature]}, feature, **more)

    def child(self, request, parent, answer=None, **more):
        """A call that is paid out of the hold of another."""
        answer = answer or {
            "http": 200, "code": "reserved", "usage_id": request, "status": "PENDING",
            "credits_reserved": 1}
        return self.call("validate", {
            "request_id": request, "payload_hash": "p", "feature_key": "cheap",
            "parent_usage_id": parent}, answer, **more)

    def refuse(self, request, code="quota_exceeded", feature="cheap", **more):
        return self.validate(
            request, {"http": 429, "code": code, "usage_id": None}, feature, **more)

    def commit(self, usage, charged=1, success=True, kind="commit", **more):
        return self.call(kind, {"usage_id": usage, "success": success}, {
            "http": 200, "success": True, "status": "SUCCESS" if success else "FAILED",
            "credits_charged": charged if success else 0}, **more)

    def accept(self, usage, success=True, **more):
        return self.call("accept", {"usage_id": usage, "success": success},
                         {"http": 202, "success": True, "status": "PENDING"}, **more)

    def contradicted(self, usage, status, success, **more):
        return self.call("commit", {"usage_id": usage, "success": success},
                         {"http": 409, "success": False, "status": status}, **more)

    def balance(self, used, reserved, allocated=4, **more):
        return self.call("balance", {}, balance(used, reserved, allocated), **more)

    def stored(self, request, status, feature="cheap", payload="p", account=ME):
        cost = RULES.costs[feature]
        self.logs[request, payload] = StoredLog(
            account, request, payload, request, feature, status, cost,
            cost if status == "SUCCESS" else None)
        return self

    def ends(self, used, reserved, allocated=4, account=ME):
        self.balances[account] = balance(used, reserved, allocated)
        return self

    def check(self, rules=RULES):
        return check(self.calls, rules, EndState(
            list(self.logs.values()), self.adjustments, self.balances, self.grants))

    def fails(self, reason, rules=RULES):
        with pytest.raises(Violation, match=reason):
            self.check(rules)


def balance(used, reserved, allocated=4):
    return {"http": 200, "credits_allocated": allocated, "credits_used": used,
            "credits_reserved": reserved, "credits_remaining": allocated - used - reserved}


def test_a_call_that_is_reserved_and_charged_is_explained():
    story = Story().reserve("a").balance(0, 1).commit("a").balance(1, 0)
    assert story.stored("a", "SUCCESS").ends(1, 0).check() == 4


def part(story, usage, name, credits, reserved, charged, status=200):
    """A part is charged, or told to be larger than what is held."""
    answer = {"http": status, "success": status == 200,
              "code": "captured" if status == 200 else "hold_exceeded"}
    if status == 200:
        answer |= {"status": "PENDING", "credits_reserved": reserved, "credits_charged": charged}
    return story.call("capture", {
        "usage_id": usage, "capture_id": name, "credits": f"0.{credits:06}"}, answer)


def grown(story, cost, charged, status, *names):
    """How a call ended that was charged in parts."""
    story.logs["a", "p"] = StoredLog(
        ME, "a", "p", "a", "dear", status, cost, charged, frozenset(("capture", n) for n in names))
    return story


def test_parts_and_their_repetitions_are_explained():
    story = part(Story().reserve("a", "dear"), "a", "x", 2, 1, 2)
    part(part(story, "a", "x", 2, 1, 2), "a", "y", 2, 1, 2, status=409)
    grown(story.commit("a", 3), 3, 3, "SUCCESS", "x").ends(3, 0).check()


def test_a_part_that_was_charged_twice_is_found():
    story = part(part(Story().reserve("a", "dear"), "a", "x", 1, 2, 1), "a", "x", 1, 1, 2)
    grown(story, 3, 2, "PENDING", "x").ends(2, 1).fails("no order explains")


def test_a_part_that_was_told_and_is_gone_is_found():
    story = part(Story().reserve("a", "dear"), "a", "x", 1, 2, 1)
    grown(story, 3, 0, "PENDING").ends(0, 3).fails("no order explains")


def test_a_canceled_call_that_was_charged_all_the_same_is_found():
    story = Story().reserve("a").call("cancel", {"usage_id": "a"}, {
        "http": 200, "success": True, "code": "canceled", "status": "FAILED"})
    story.stored("a", "SUCCESS").ends(1, 0).fails("no order explains")


def family(charged=1, run=2):
    """A run that holds 3, and a call of 1 out of that."""
    story = Story().reserve("run", "dear").child("a", "run").balance(0, 3)
    story.commit("a", charged).commit("run", run).balance(charged + run, 0)
    story.stored("run", "SUCCESS", "dear").stored("a", "SUCCESS").ends(charged + run, 0)
    story.logs["run", "p"].charged, story.logs["run", "p"].lent = run, charged
    story.logs["a", "p"].parent = "run"
    return story


def test_a_family_is_explained_up_to_its_ceiling():
    assert family().check() == 6
    full = {"http": 429, "code": "parent_hold_exceeded", "usage_id": None}
    over = {"http": 409, "code": "parent_ended", "usage_id": None}
    assert family().child("b", "run", over).check() == 7
    story = Story().reserve("run", "dear").child("a", "run").child("b", "run").child("c", "run")
    story.child("d", "run", full).balance(0, 3).call(
        "cancel", {"usage_id": "run"},
        {"http": 200, "success": True, "code": "canceled", "status": "FAILED"}).balance(0, 0)
    for request in ("a", "b", "c"):
        story.stored(request, "FAILED")
        story.logs[request, "p"].parent = "run"
    story.stored("run", "FAILED", "dear").ends(0, 0)
    assert story.check() == 8


def test_a_family_that_captures_more_than_its_ceiling_is_found():
    family(run=3).fails("no order|otherwise")


def test_a_call_that_was_taken_out_of_the_balance_and_not_of_its_parent_is_found():
    story = Story().reserve("run", "dear").child("a", "run").balance(0, 4)
    story.stored("run", "PENDING", "dear").stored("a", "PENDING").ends(0, 4)
    story.logs["a", "p"].parent = "run"
    story.fails("no order")


def test_an_accepted_child_gives_back_to_its_parent_some_time_later():
    def told(charged):
        story = Story().reserve("run", "dear").child("a", "run").accept("a", success=False)
        story.commit("run", charged)
        story.stored("run", "SUCCESS", "dear").stored("a", "FAILED").ends(charged, 0)
        story.logs["run", "p"].charged, story.logs["a", "p"].parent = charged, "run"
        return story

    told(2).check()
    told(3).check()
    told(1).fails("no order")


def test_an_accepted_commit_charges_what_an_accepted_child_of_it_gave_back_before():
    """The worker applies both some time later, in any order."""
    def told(*charged):
        story = Story().reserve("run", "dear").child("a", "run").accept("a", success=False)
        story.call("accept", {"usage_id": "run", "success": True, "credits": "0.000003"},
                   {"http": 202, "success": True, "status": "PENDING"})
        for credits in charged:
            story.balance(credits, 0)
        story.stored("run", "SUCCESS", "dear").stored("a", "FAILED").ends(charged[-1], 0)
        story.logs["run", "p"].charged, story.logs["a", "p"].parent = charged[-1], "run"
        return story

    told(2).check()
    told(3).check()
    told(1).fails("no order")
    told(2, 3).fails("no order")


def test_what_a_child_gives_back_once_the_worker_has_ended_its_parent_is_not_the_parents():
    """An accepted end that charges nothing shows only by what happens to the child."""
    def told(end, reserved, charged):
        story = Story().reserve("run").child("a", "run")
        story.call("accept", {"usage_id": "run", "success": True, "credits": "0.000001"},
                   {"http": 202, "success": True, "status": "PENDING"})
        end(story).balance(0, reserved)
        story.stored("run", "SUCCESS").stored("a", "FAILED").ends(charged, 0)
        story.logs["run", "p"].charged, story.logs["a", "p"].parent = charged, "run"
        return story

    def fail(story):
        return story.commit("a", success=False)

    def cancel(story):
        return story.call("cancel", {"usage_id": "a"}, {
            "http": 200, "success": True, "code": "canceled", "status": "FAILED"})

    for end in (fail, cancel):
        told(end, reserved=0, charged=0).check()
        told(end, reserved=1, charged=1).check()
        told(end, reserved=1, charged=0).fails("no order")


def test_a_lost_commit_is_found():
    Story().reserve("a").commit("a").stored("a", "PENDING").ends(0, 1).fails("no order explains")


def test_a_lost_reservation_is_found():
    Story().reserve("a").ends(0, 0).fails("no order explains")


def test_a_reservation_whose_row_is_gone_with_its_charge_is_found():
    Story().reserve("a").commit("a").reserve("b").stored("b", "PENDING").ends(0, 1).fails(
        "no order explains")


def test_a_double_charge_is_found():
    Story().reserve("a").commit("a").stored("a", "SUCCESS").ends(2, 0).fails("its logs say")


def test_a_double_charge_that_is_seen_in_between_is_found():
    Story().reserve("a").commit("a").commit("a").balance(2, 0).stored("a", "SUCCESS").ends(
        1, 0).fails("no order explains")


def test_a_request_with_two_reservations_is_found():
    story = Story().reserve("a")
    story.validate("a", {"http": 200, "code": "replayed", "usage_id": "another",
                         "status": "PENDING", "credits_reserved": 1})
    story.stored("a", "PENDING").ends(0, 1).fails("reserved twice")


def test_a_second_reservation_of_a_request_is_found():
    Story().reserve("a").reserve("a").stored("a", "PENDING").ends(0, 1).fails("no order explains")


def test_two_requests_with_one_usage_are_found():
    story = Story().reserve("a").stored("a", "PENDING").ends(0, 1)
    story.validate("b", {"http": 200, "code": "reserved", "usage_id": "a", "status": "PENDING",
                         "credits_reserved": 1})
    story.fails("is both")


def test_an_overspend_is_found():
    story = Story().reserve("a", "dear").reserve("b").reserve("c")
    for request, feature in (("a", "dear"), ("b", "cheap"), ("c", "cheap")):
        story.stored(request, "PENDING", feature)
    story.fails("no order explains")
    story.ends(0, 5).fails("over its budget")


def test_a_refusal_with_credits_left_is_found():
    Story().refuse("a").ends(0, 0).fails("no order explains")


def test_a_stale_read_is_found():
    story = Story().reserve("a").commit("a").stored("a", "SUCCESS").ends(1, 0)
    copy.deepcopy(story).balance(1, 0).check()
    story.balance(0, 1).fails("no order explains")


def test_a_read_beside_a_commit_may_see_it_or_not():
    for used, reserved in ((0, 1), (1, 0)):
        story = Story().reserve("a").commit("a", during=(10, 20))
        story.balance(used, reserved, during=(11, 19)).stored("a", "SUCCESS").ends(1, 0).check()


def test_reads_that_see_a_commit_come_and_go_are_found():
    story = Story().reserve("a").commit("a", during=(10, 20))
    story.balance(1, 0, during=(11, 13)).balance(0, 1, during=(14, 16))
    story.stored("a", "SUCCESS").ends(1, 0).fails("no order explains")


def test_racing_calls_are_explained_by_either_order_but_not_by_none():
    story = Story().reserve("a", "dear", during=(1, 9)).refuse("b", feature="dear", during=(1, 8))
    story.stored("a", "PENDING", "dear").ends(0, 3).check()
    story = Story().refuse("a", feature="dear", during=(1, 9))
    story.refuse("b", feature="dear", during=(1, 8)).ends(0, 0).fails("no order explains")


def test_what_was_not_answered_may_have_been_done_or_not():
    for status, used, reserved in (("SUCCESS", 1, 0), ("PENDING", 0, 1)):
        story = Story().reserve("a")
        story.call("commit", {"usage_id": "a", "success": True}, None, latest=50)
        story.stored("a", status).ends(used, reserved).check()


def test_what_was_not_answered_is_not_done_after_its_process_has_died():
    story = Story().reserve("a")
    story.call("commit", {"usage_id": "a", "success": True}, None, during=(10, 20), latest=30)
    copy.deepcopy(story).balance(0, 1, during=(21, 25)).stored("a", "SUCCESS").ends(1, 0).check()
    story.balance(0, 1, during=(31, 35)).stored("a", "SUCCESS").ends(1, 0)
    story.fails("no order explains")


def test_what_was_not_answered_is_not_done_and_undone():
    story = Story().reserve("a")
    story.call("commit", {"usage_id": "a", "success": True}, None, during=(10, 20), latest=60)
    story.balance(1, 0, during=(21, 25)).balance(0, 1, during=(31, 35))
    story.stored("a", "PENDING").ends(0, 1).fails("no order explains")


def test_a_row_that_nobody_asked_for_is_found():
    Story().stored("a", "PENDING").ends(0, 1).fails("nobody asked")


def test_a_row_that_was_refused_is_found():
    story = Story().reserve("a", "dear").refuse("b", feature="dear")
    story.stored("a", "PENDING", "dear").stored("b", "PENDING", "dear").fails("no order explains")


def test_a_commit_that_contradicts_an_earlier_one_is_found():
    story = Story().reserve("a").commit("a").commit("a", success=False)
    story.stored("a", "FAILED").ends(0, 0).fails("no order explains")
    Story().reserve("a").commit("a").contradicted("a", "SUCCESS", False).stored(
        "a", "SUCCESS").ends(1, 0).check()


def test_an_accepted_commit_is_applied_some_time_later():
    story = Story().reserve("a").accept("a").balance(0, 1).balance(1, 0)
    story.stored("a", "SUCCESS").ends(1, 0)
    copy.deepcopy(story).check()
    story.balance(0, 1).fails("no order explains")


def test_a_failed_call_makes_room_once_it_is_applied_and_not_before_it_is_told():
    story = Story().reserve("a", "dear").refuse("b", feature="dear")
    story.stored("a", "FAILED", "dear").stored("b", "PENDING", "dear").ends(0, 3)
    copy.deepcopy(story).accept("a", success=False).reserve("b", "dear").check()
    copy.deepcopy(story).accept("a", success=False).refuse("b", feature="dear").reserve(
        "b", "dear").balance(0, 3).check()
    story.reserve("b", "dear").accept("a", success=False).fails("no order explains")


def test_an_unanswered_reservation_may_have_found_that_room():
    story = Story().reserve("a", "dear").accept("a", success=False)
    story.call("validate", {"request_id": "b", "payload_hash": "p", "feature_key": "dear"}, None,
               latest=50)
    story.stored("a", "FAILED", "dear").stored("b", "PENDING", "dear").ends(0, 3).check()


def test_an_accepted_commit_that_is_never_applied_is_found():
    Story().reserve("a").accept("a").stored("a", "PENDING").ends(0, 1).fails("no order explains")


def test_an_accepted_commit_that_is_applied_otherwise_is_found():
    Story().reserve("a").accept("a").stored("a", "FAILED").ends(0, 0).fails("no order explains")


def test_a_request_that_has_finished_is_not_granted_again():
    finished = {"http": 409, "code": "request_already_finished", "usage_id": "a",
                "status": "SUCCESS"}
    story = Story().reserve("a").commit("a").stored("a", "SUCCESS").ends(1, 0)
    copy.deepcopy(story).validate("a", finished).check()
    story.reserve("a", code="replayed").fails("no order explains")


def test_a_refilled_daily_limit_is_found():
    rules = RULES._replace(per_day=2)
    story = Story().reserve("a").reserve("b").stored("a", "PENDING").stored("b", "PENDING")
    copy.deepcopy(story).refuse("c", "rate_limited").check(rules)
    story.reserve("c").stored("c", "PENDING").fails("no order explains", rules)


def test_an_adjustment_that_is_made_twice_is_found():
    story = Story()
    for _ in range(2):
        story.call("adjust", {"name": "gift", "credits": 2}, {"done": True})
    story.adjustments[ME, "gift"] = 2
    copy.deepcopy(story).ends(0, 0, allocated=6).check()
    story.ends(0, 0, allocated=8).fails("no order explains")


def given(*, left=2, sources=None, **grant):
    """A grant of 2 beside the pool of 4, of which a call of 3 and one of 1 draw 1 each."""
    story = Story()
    for _ in range(2):
        story.call("grant", {"name": "gift", "credits": 2}, {"done": True})
    story.reserve("a", "dear").reserve("b").commit("a", 3)
    story.call("balance", {}, {"http": 200, "credits_allocated": 4, "credits_remaining": 2})
    story.stored("a", "SUCCESS", "dear").stored("b", "PENDING")
    story.grants[ME, "gift"] = StoredGrant(**{"amount": 2, "remaining": 0, "held": 1, "captured": 1} | grant)
    story.balances[ME] = {
        "http": 200, "credits_allocated": 4, "credits_used": 2, "credits_reserved": 0,
        "credits_remaining": left, "by_source": sources or {"plan": 2, "promotion": 0}}
    return story


def test_calls_draw_on_the_pool_and_on_what_is_beside_it():
    given().check()
    story = given().reserve("c", "cheap").reserve("d").stored("c", "PENDING").stored("d", "PENDING")
    story.balances[ME] |= {"credits_reserved": 2, "credits_remaining": 0,
                           "by_source": {"plan": 0, "promotion": 0}}
    copy.deepcopy(story).refuse("e").check()
    story.reserve("e").stored("e", "PENDING").fails("but its logs say")


def test_a_grant_that_was_made_twice_or_is_gone_is_found():
    given(amount=4, remaining=2, left=4, sources={"plan": 2, "promotion": 2}).fails("no order explains")
    story = given()
    story.grants = {}
    story.fails("but its logs say")


@pytest.mark.parametrize("broken, text", [
    ({"captured": 0}, "but its logs say"), ({"held": 0}, "but its logs say"),
    ({"remaining": 1}, "is not conserved"), ({"left": 3}, "of the pool and"),
    ({"sources": {"plan": 1, "promotion": 1}}, "of the pool and")])
def test_a_grant_that_was_drawn_on_otherwise_than_calls_say_is_found(broken, text):
    given(**broken).fails(text)


def test_anothers_usage_is_403_and_changes_nothing():
    story = Story().reserve("a").stored("a", "PENDING").ends(0, 1)
    story.call("commit", {"usage_id": "a", "success": True},
               {"http": 403, "code": "usage_of_another_user"}, account=OTHER)
    story.check()
    story.commit("a", account=OTHER).fails("account other")


def test_a_call_without_an_answer_ends_with_the_next_death_of_its_process():
    history = History()
    history.add(Call("balance", ME, {}, 1, 2, None, [(1, 2)]))
    history.add(Call("balance", ME, {}, 1, 2, None, [(1, 2), (2, 2)]))
    for process in (0, 1, 1, 2, 1):
        history.record_death(process)
    once, again = history.finish()
    assert once.latest == history.deaths[1][0] and again.latest == history.deaths[3][0]


def test_a_history_is_read_back_as_it_was_written(tmp_path):
    history = History()
    history.calls = Story().reserve("a").commit("a").balance(1, 0).calls
    history.write(tmp_path / "history.jsonl")
    assert read(tmp_path / "history.jsonl") == history.calls


def test_credits_are_whole_micro_credits():
    assert micro_credits("0.000001") == 1 and micro_credits("1000000000.00") == 10**15


def test_every_single_lie_about_a_long_history_is_found():
    """Turns each answer of a history into another one, one at a time."""
    story = Story()
    for number in range(6):
        story.reserve(f"r{number}").commit(f"r{number}", success=False).stored(
            f"r{number}", "FAILED").balance(0, 0)
    story.reserve("last").balance(0, 1).commit("last").stored("last", "SUCCESS").ends(1, 0)
    assert story.check() == len(story.calls)
    for index, call in enumerate(story.calls):
        for name in ("http", "status", "credits_used", "credits_charged", "credits_reserved"):
            if name in call.answer:
                lied = copy.deepcopy(story)
                old = call.answer[name]
                lied.calls[index] = replace(
                    call, answer={**call.answer, name: old + 1 if name != "status" else "OTHER"})
                lied.fails("no order explains")
