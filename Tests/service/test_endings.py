"""How a subscription ends, and how an end is taken back: by Stripe's flag, by a date, as Stripe's own
portal asks for it, or under a schedule. The proxy keeps to docs.stripe.com/billing/subscriptions/cancel
and to what Stripe was seen to answer; see docs/internals/payments.md."""

import json
import time
import urllib.request

import pytest

from conftest import DAY
from test_payments import knob, settle
from test_payments_events import notices
from test_stripe_states import ACTIONS, World, each, refused

BOTH = "Received both cancel_at_period_end and cancel_at parameters. Please pass in only one."
MANAGED = ("The subscription is managed by the subscription schedule `sub_sched_1`, and updating any "
           "cancelation behavior directly is not allowed. Please update the schedule instead.")


class Endings:
    """What Stripe keeps of a subscription's end, in place of the local one."""

    def __init__(self, world, user):
        self.world, self.user = world, user
        self.flag, self.date, self.asked_at, self.schedule = False, None, None, None
        # Some were seen to clear a date with the flag, some not.
        self.flag_clears_date = True
        self.released = 0
        world.proxy.before.append(self.answer)
        world.proxy.after.append(self.bend)

    @property
    def period_end(self):
        return self.world.period_end(self.user)

    def answer(self, method, path, form):
        if method != "POST":
            return None
        if path == "/v1/subscription_schedules/sub_sched_1/release" and self.schedule:
            self.schedule = None
            self.released += 1
            return 200, {"id": "sub_sched_1", "object": "subscription_schedule", "livemode": False,
                         "status": "released"}
        if path != f"/v1/subscriptions/{self.user.paid}":
            return None
        if not {"cancel_at", "cancel_at_period_end"} & set(form):
            return None
        if {"cancel_at", "cancel_at_period_end"} <= set(form):
            return refused(BOTH)
        if self.schedule:
            return refused(MANAGED)
        if form.get("cancel_at_period_end") == "true":
            self.set(True, self.period_end)
        elif form.get("cancel_at_period_end") == "false":
            self.set(False, None if self.flag_clears_date else self.date)
        else:
            assert form["cancel_at"] == ""
            self.set(False, None)
        return 200, self.world.raw(self.user)

    def set(self, flag, date):
        self.flag, self.date = flag, date
        self.asked_at = int(time.time()) if date else None

    def bend(self, method, path, form, answer):
        each(answer, "subscription", self.look)

    def look(self, subscription):
        if subscription["id"] == self.user.paid and subscription["status"] != "canceled":
            subscription.update(
                cancel_at_period_end=self.flag, cancel_at=self.date, canceled_at=self.asked_at,
                schedule=self.schedule)


class EndingWorld(World):
    def raw(self, user):
        request = urllib.request.Request(
            f"{self.service.sandbox}/v1/subscriptions/{user.paid}?expand[0]=latest_invoice",
            headers={"Authorization": "Bearer sk_test_x"})
        return json.loads(urllib.request.urlopen(request, timeout=30).read())

    def period_end(self, user):
        return self.raw(user)["items"]["data"][0]["current_period_end"]

    def hear(self, user):
        """Has the mirror look at it, as an event would."""
        assert self.reconcile("--repair").returncode == 0


@pytest.fixture
def world(own_service):
    world = EndingWorld(own_service)
    yield world
    world.close()


def by_flag(ends):
    ends.set(True, ends.period_end)


def by_portal(ends):
    ends.set(False, ends.period_end)


def by_portal_that_keeps_its_date(ends):
    ends.set(False, ends.period_end)
    ends.flag_clears_date = False


def by_an_earlier_day(ends):
    ends.set(False, ends.period_end - DAY)
    ends.flag_clears_date = False


def by_a_later_day(ends):
    ends.set(False, ends.period_end + 40 * DAY)
    ends.flag_clears_date = False


def by_flag_under_a_schedule(ends):
    ends.set(True, ends.period_end)
    ends.schedule = "sub_sched_1"


HOW = [by_flag, by_portal, by_portal_that_keeps_its_date, by_an_earlier_day, by_a_later_day,
       by_flag_under_a_schedule]


def day(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "unheard"])
@pytest.mark.parametrize("how", HOW)
def test_an_end_is_told_as_its_day_and_taken_back_as_it_was_made(world, how, is_heard):
    user = world.subscriber()
    knob(world.service, "/_test/webhooks", {"mode": "hold"})
    ends = Endings(world, user)
    how(ends)
    end = ends.date
    if is_heard:
        world.hear(user)
        told = user.subscription
        assert told["cancel_at_period_end"] is True
        assert told["cancel_at"][:10] == day(end), told
        [mail] = [mail for mail in world.service.mail(user.email) if "plan ends on" in mail["subject"]]
        assert day(end) in mail["subject"] and day(end) in mail["text"]
    refusal = ACTIONS["upgrade"](user)
    assert (refusal.status, refusal.code) == (409, "cancellation_pending"), refusal
    assert ACTIONS["preview"](user).code == "cancellation_pending"
    resumed = ACTIONS["resume"](user)
    assert resumed.status == 200, resumed
    assert resumed.json["cancel_at_period_end"] is False and resumed.json["cancel_at"] is None
    assert (ends.flag, ends.date) == (False, None)
    assert user.subscription["cancel_at_period_end"] is False
    assert ACTIONS["upgrade"](user).json["plan"]["name"] == "Pro"
    assert world.reconcile().returncode == 0


@pytest.mark.parametrize("how", HOW)
def test_whoever_cancels_while_an_end_is_pending_is_told_the_day_on_which_it_ends(world, how):
    user = world.subscriber()
    ends = Endings(world, user)
    how(ends)
    answer = ACTIONS["cancel"](user)
    assert answer.status == 200 and answer.json["success"] is True, answer
    assert (ends.flag, ends.date) == (True, ends.period_end)
    assert day(ends.period_end) in answer.json["message"]
    assert user.subscription["cancel_at"][:10] == day(ends.period_end)
    assert ends.schedule is None


@pytest.mark.parametrize("how", HOW)
def test_while_an_end_is_pending_it_can_be_brought_forward_to_now(world, how):
    user = world.subscriber()
    ends = Endings(world, user)
    how(ends)
    assert ACTIONS["end"](user).status == 200
    ended = user.subscription
    assert ended["plan"]["name"] == "Free"
    assert ended["cancel_at_period_end"] is False and ended["cancel_at"] is None
    assert world.raw(user)["status"] == "canceled"


def test_an_end_that_is_moved_at_stripe_is_told_of_once_more(world):
    user = world.subscriber()
    knob(world.service, "/_test/webhooks", {"mode": "hold"})
    ends = Endings(world, user)
    by_portal(ends)
    world.hear(user)
    ends.set(False, ends.period_end + 3 * DAY)
    assert "ends on" in world.reconcile().stdout
    world.hear(user)
    world.hear(user)
    told = [mail["subject"] for mail in world.service.mail(user.email) if "plan ends" in mail["subject"]]
    assert sorted(told) == sorted(
        f"Your plan ends on {day(end)}" for end in (ends.period_end, ends.period_end + 3 * DAY))


def test_a_resumption_that_stripe_did_not_carry_out_is_not_told_as_one(world):
    user = world.subscriber()
    ends = Endings(world, user)
    by_portal(ends)
    # Answers as if it were done, and keeps the date.
    world.proxy.before.insert(0, lambda method, path, form: (
        200, world.raw(user)) if method == "POST" and "cancel_at" in str(form) else None)
    assert ACTIONS["resume"](user).status == 502
    assert user.subscription["cancel_at_period_end"] is True


def test_an_upgrade_releases_the_schedule_that_would_overwrite_it(world):
    user = world.subscriber()
    ends = Endings(world, user)
    ends.schedule = "sub_sched_1"
    assert ACTIONS["upgrade"](user).json["plan"]["name"] == "Pro"
    assert ends.released == 1


def test_the_mails_of_an_end_and_its_taking_back_are_those_of_before(world):
    """Ends by the flag, as the API asks for them, go on as they did."""
    user = world.subscriber()
    assert ACTIONS["cancel"](user).status == 200
    standing = user.subscription
    assert standing["cancel_at"] == standing["current_period_end"]
    assert ACTIONS["resume"](user).json["cancel_at"] is None
    settle(world.service)
    assert notices(world.service).strip() == "No notices."
