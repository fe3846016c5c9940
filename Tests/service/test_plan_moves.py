"""A lower plan that follows at the end of what is paid: how it is asked for, taken back, replaced, made
elsewhere, and what becomes of it if something fails in the middle."""

import itertools
import json
import re
import uuid

import pytest

from conftest import DAY, FREE, PLUS, PRO, together
from test_payments import buy, knob, post_event, sdk, settle
from test_payments_queue import until
from test_stripe_states import ACTIONS, World

HOUR = 3600


def act(user, verb, plan=None):
    return user.post(f"/career/subscriptions/{verb}", plan and {"new_plan_id": plan})


def paid(service, plan=PRO):
    """On a plan whose first month is paid."""
    user = service.new_user()
    buy(service, user, plan)
    service.advance(8 * DAY)
    return user


def at_stripe(service, user):
    (id,), = service.rows(
        "SELECT stripe_subscription_id FROM subscriptions WHERE user_id = ?", uuid.UUID(user.id))
    return sdk(service).v1.subscriptions.retrieve(id)


def reconcile(service, *flags):
    return service.command("stripe", "reconcile", *flags, STRIPE_API_BASE=service.sandbox)


def invoices(service):
    return len(sdk(service).v1.invoices.list({"limit": 100}).data)


def price(service, key):
    return sdk(service).v1.prices.list({"lookup_keys": [key]}).data[0].id


def follows(user):
    subscription = user.subscription
    return subscription["scheduled_plan_id"], subscription["scheduled_at"]


def changes(service, user):
    return [subject["subject"] for subject in service.mail(user.email)
            if "changes to" in subject["subject"]]


# Asked for, and what it leads to


def test_a_lower_plan_begins_when_what_is_paid_ends(own_service):
    service = own_service
    user = paid(service)
    user.spend()
    before, made = user.balance, invoices(service)
    end = user.subscription["current_period_end"]
    preview = act(user, "preview-upgrade", PLUS)
    assert preview.status == 200, preview
    shown = preview.json
    assert (shown["total_due"], shown["proration_amount"]) == ("0.00", "0.00")
    assert (shown["subtotal"], shown["tax"], shown["discounts"]) == ("0.00", "0.00", [])
    assert shown["effective_at"] == end and follows(user) == (None, None)
    answer = act(user, "downgrade", PLUS)
    assert answer.status == 200, answer
    assert (answer.json["scheduled_plan_id"], answer.json["scheduled_at"]) == (PLUS, end)
    assert answer.json["plan"]["name"] == "Pro" and not answer.json["cancel_at_period_end"]
    settle(service)
    assert (follows(user), user.balance, invoices(service)) == ((PLUS, end), before, made)
    # Asked for again, it is the same one.
    schedule = at_stripe(service, user).schedule
    assert act(user, "downgrade", PLUS).json["scheduled_at"] == end
    settle(service)
    assert at_stripe(service, user).schedule == schedule
    [subject] = changes(service, user)
    assert subject == f"Your plan changes to Plus on {end[:10]}"
    assert reconcile(service).returncode == 0
    service.advance_past_period(user, 2 * HOUR)
    later = user.subscription
    assert later["plan"]["name"] == "Plus" and later["status"] == "active"
    assert later["scheduled_plan_id"] is None and at_stripe(service, user).schedule == schedule
    assert user.balance["credits_allocated"] == "500.00" and user.balance["credits_used"] == "0.00"
    [latest] = sdk(service).v1.invoices.list({"limit": 1}).data
    assert (latest.amount_paid, [line.amount for line in latest.lines.data]) == (2000, [2000])
    # While the schedule hangs on, every other move is free.
    assert act(user, "upgrade", PRO).json["plan"]["name"] == "Pro"
    assert at_stripe(service, user).schedule is None
    service.advance_past_period(user, 2 * HOUR)
    assert user.subscription["plan"]["name"] == "Pro" and len(changes(service, user)) == 1
    assert reconcile(service).returncode == 0
    assert service.command("dead-letters", "list").stdout.strip() == "No dead letters."


def test_in_a_trial_it_begins_at_the_trials_end(own_service):
    service = own_service
    user = service.new_user()
    buy(service, user, PRO)
    trial_end = user.subscription["trial_end"]
    assert act(user, "preview-upgrade", PLUS).json["effective_at"] == trial_end
    answer = act(user, "downgrade", PLUS)
    assert answer.json["scheduled_at"] == trial_end and answer.json["status"] == "trialing"
    assert user.balance["credits_allocated"] == "2000.00"
    service.advance(8 * DAY)
    # Stripe tells of the plan and of its payment apart.
    until(lambda: user.balance["credits_allocated"] == "500.00")
    later = user.subscription
    assert (later["plan"]["name"], later["status"]) == ("Plus", "active")
    assert [invoice.amount_paid for invoice in sdk(service).v1.invoices.list().data] == [2000, 0]


def test_downgrades_that_make_no_sense_are_told_apart(own_service):
    service = own_service
    user = service.new_user()
    assert act(user, "downgrade", PLUS).code == "checkout_required"
    assert act(user, "downgrade", FREE).code == "same_plan"
    assert act(user, "downgrade", "0198c0de-0000-7000-8000-0000000000ff").code == "plan_not_found"
    assert act(user, "downgrade", "nonsense").status == 422
    buy(service, user, PLUS)
    assert act(user, "downgrade", PLUS).code == "same_plan"
    refused = act(user, "downgrade", PRO)
    assert (refused.status, refused.code) == (409, "upgrade_not_downgrade")
    assert service.call("POST", "/career/subscriptions/downgrade", {"new_plan_id": PLUS}).status == 401
    # To the free plan it is a cancellation, which is taken back as one.
    assert act(user, "preview-upgrade", FREE).json["total_due"] == "0.00"
    answer = act(user, "downgrade", FREE)
    assert answer.json["cancel_at_period_end"] is True and answer.json["scheduled_plan_id"] is None
    for verb, plan in (("downgrade", FREE), ("upgrade", PRO), ("preview-upgrade", PRO)):
        refused = act(user, verb, plan)
        assert (refused.status, refused.code) == (409, "cancellation_pending"), verb
    assert act(user, "resume").json["cancel_at_period_end"] is False
    assert at_stripe(service, user).cancel_at is None


def test_while_the_last_payment_is_open_no_lower_plan_is_taken(own_service):
    service = own_service
    user = paid(service)
    knob(service, f"/_test/customers/{at_stripe(service, user).customer}", {"card": "decline"})
    service.advance_past_period(user, 2 * HOUR)
    refused = act(user, "downgrade", PLUS)
    assert (refused.status, refused.code) == (402, "payment_past_due")
    assert at_stripe(service, user).schedule is None


def test_a_lower_plan_that_is_not_paid_leaves_the_old_remainder_in_grace(own_service):
    service = own_service
    user = paid(service)
    user.spend()
    left = user.balance["credits_remaining"]
    act(user, "downgrade", PLUS)
    knob(service, f"/_test/customers/{at_stripe(service, user).customer}", {"card": "decline"})
    service.advance_past_period(user, 2 * HOUR)
    assert (user.subscription["plan"]["name"], user.subscription["status"]) == ("Plus", "past_due")
    assert user.balance["credits_remaining"] == left and user.validate().status == 200
    service.advance(3 * DAY)
    assert user.validate().status == 402
    knob(service, f"/_test/customers/{at_stripe(service, user).customer}", {"card": "ok"})
    service.advance(5 * DAY)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_allocated"] == "500.00"


# Taken back and replaced


@pytest.mark.parametrize("how", ["resume", "cancel", "end", "delete"])
def test_it_is_taken_back_by_every_other_move(own_service, how):
    service = own_service
    user = paid(service)
    act(user, "downgrade", PLUS)
    schedule = at_stripe(service, user).schedule
    assert schedule
    assert ACTIONS[how](user).status == 200
    settle(service)
    gone = sdk(service).v1.subscription_schedules.retrieve(schedule)
    assert gone.status == ("released" if how in ("resume", "cancel") else "canceled")
    assert reconcile(service).returncode == 0
    if how == "delete":
        return
    assert follows(user) == (None, None)
    if how == "end":
        assert user.subscription["plan"]["name"] == "Free"
        return
    theirs = at_stripe(service, user)
    assert theirs.schedule is None and theirs.cancel_at_period_end == (how == "cancel")
    service.advance_past_period(user, 2 * HOUR)
    assert user.subscription["plan"]["name"] == ("Pro" if how == "resume" else "Free")


def other_schedule(service, user, *keys, **more):
    """Made in Stripe's dashboard: the present month, then one of each price."""
    made = sdk(service).v1.subscription_schedules.create(
        {"from_subscription": at_stripe(service, user).id})
    edit_schedule(service, made.id, *keys, **more)
    return made.id


def edit_schedule(service, id, *keys, **more):
    """In Stripe's dashboard: what is to follow the present month."""
    schedules = sdk(service).v1.subscription_schedules
    now = schedules.retrieve(id).phases[0]
    schedules.update(id, {"phases": [
        {"items": [{"price": item.price, "quantity": 1} for item in now["items"]],
         "start_date": now.start_date, "end_date": now.end_date},
        *({"items": [{"price": price(service, key), "quantity": 1}],
           "duration": {"interval": "year" if "yearly" in key else "month", "interval_count": 1}}
          for key in keys)], **more})
    settle(service)


def test_a_schedule_that_was_made_at_stripe_is_shown_and_not_fought(own_service):
    service = own_service
    user = paid(service)
    end = user.subscription["current_period_end"]
    # The first phase that follows changes nothing of the plan.
    schedule = other_schedule(service, user, "career_pro_monthly", "career_plus_monthly")
    plan, at = follows(user)
    assert plan == PLUS and at > end
    assert reconcile(service).returncode == 0
    assert at_stripe(service, user).schedule == schedule
    # Another lower plan takes its place at once; what is asked for by the user goes first.
    assert act(user, "downgrade", PLUS).json["scheduled_at"] == end
    theirs = sdk(service).v1.subscription_schedules.retrieve(schedule)
    assert len(theirs.phases) == 2 and at_stripe(service, user).schedule == schedule
    assert act(user, "resume").json["scheduled_plan_id"] is None
    assert at_stripe(service, user).schedule is None
    # Each edit is mailed of, also the one that brings back what was told before.
    told = changes(service, user)
    schedule = other_schedule(service, user, "career_plus_monthly")
    for key in ("career_plus_yearly", "career_plus_monthly", "career_plus_yearly"):
        edit_schedule(service, schedule, key)
    [month, year, again, last] = changes(service, user)[len(told):]
    assert month == again != year == last and " Plus yearly " in year


def test_a_schedule_that_was_released_or_remade_at_stripe_is_followed(own_service):
    service = own_service
    user = paid(service)
    act(user, "downgrade", PLUS)
    sdk(service).v1.subscription_schedules.release(at_stripe(service, user).schedule)
    settle(service)
    assert follows(user) == (None, None)
    # Heard of by no event, it is found by reconciliation.
    knob(service, "/_test/webhooks", {"mode": "hold"})
    other_schedule(service, user, "career_plus_monthly")
    assert follows(user) == (None, None)
    assert "change its plan otherwise at Stripe" in reconcile(service).stdout
    assert reconcile(service, "--repair").returncode == 0
    assert follows(user)[0] == PLUS


def test_a_price_of_no_plan_that_is_to_follow_is_not_shown_as_one(own_service):
    service = own_service
    user = paid(service)
    client = sdk(service)
    product = client.v1.products.create({"name": "Something else"})
    client.v1.prices.create({
        "product": product.id, "currency": "usd", "unit_amount": 700, "lookup_key": "else",
        "recurring": {"interval": "month"}})
    other_schedule(service, user, "else")
    assert follows(user) == (None, None)
    assert act(user, "downgrade", PLUS).json["scheduled_plan_id"] == PLUS


# Failures in the middle


class Moves(World):
    def paid(self, plan=PRO):
        user = self.subscriber()
        if plan == PRO:
            assert act(user, "upgrade", PRO).status == 200
        self.service.advance(8 * DAY)
        self.other.offset = self.service.offset
        return user

    def paid_more(self, index):
        """Another user, without moving the clock once more."""
        user = self.paid() if index == 0 else self.subscriber()
        if index:
            user.service = self.service
            assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
            user.service = self.other
        return user

    def fail(self, pattern, status, of=None, times=10):
        """Answers in Stripe's place so many times."""
        left = [times]

        def answer(method, path, form):
            if method == "POST" and re.fullmatch(pattern, path) and (of is None or of in form) \
                    and left[0] > 0:
                left[0] -= 1
                return status, {"error": {"type": "api_error", "message": "no"}}
            return None
        self.proxy.before.append(answer)


@pytest.fixture
def world(own_service):
    world = Moves(own_service)
    yield world
    world.close()


SUBSCRIPTION = r"/v1/subscriptions/sub_\w+"
SCHEDULE = r"/v1/subscription_schedules/sub_sched_\w+"


@pytest.mark.parametrize("move", ["cancel", "upgrade"])
@pytest.mark.parametrize("status", [500, 402])
def test_what_was_to_follow_still_follows_if_the_next_move_fails(world, move, status):
    service = world.service
    user = world.paid(PLUS if move == "upgrade" else PRO)
    key = "career_pro_monthly" if move == "upgrade" else "career_plus_monthly"
    before = other_schedule(service, user, key)
    followed = follows(user)
    assert followed[0] is not None
    if status == 402 and move == "upgrade":
        knob(service, f"/_test/customers/{user.customer}", {"next_charge": "decline"})
    else:
        world.fail(SUBSCRIPTION, status)
    refused = ACTIONS[move](user)
    assert refused.status in (402, 503, 502), refused
    world.proxy.before[:] = [world.answer]
    settle(service)
    theirs = at_stripe(service, user)
    assert theirs.schedule not in (None, before) and not theirs.cancel_at_period_end
    assert follows(user) == followed
    assert world.reconcile().returncode == 0
    # And then it is carried out.
    user.service = service
    service.advance_past_period(user, 2 * HOUR)
    assert user.subscription["plan"]["name"] == ("Pro" if move == "upgrade" else "Plus")


def test_a_cancellation_whose_answer_is_lost_is_not_undone_by_what_was_to_follow(world):
    service = world.service
    user = world.paid()
    act(user, "downgrade", PLUS)
    world.proxy.loses = lambda method, path: method == "POST" and re.fullmatch(SUBSCRIPTION, path)
    assert ACTIONS["cancel"](user).status == 503
    world.proxy.loses = lambda method, path: False
    settle(service)
    theirs = at_stripe(service, user)
    assert theirs.cancel_at_period_end is True and theirs.schedule is None
    assert user.subscription["cancel_at_period_end"] is True and follows(user) == (None, None)


@pytest.mark.parametrize("move", ["cancel", "resume", "upgrade"])
def test_a_schedule_that_somebody_else_has_released_keeps_nobody_from_moving(world, move):
    service = world.service
    user = world.paid(PLUS if move == "upgrade" else PRO)
    other_schedule(
        service, user, "career_pro_monthly" if move == "upgrade" else "career_plus_monthly")

    def meanwhile(method, path, form):
        if method == "POST" and path.endswith("/release"):
            sdk(service).v1.subscription_schedules.release(path.split("/")[3])
            world.proxy.before.remove(meanwhile)
        return None
    world.proxy.before.append(meanwhile)
    assert ACTIONS[move](user).status == 200
    assert meanwhile not in world.proxy.before
    theirs = at_stripe(service, user)
    assert theirs.schedule is None and theirs.cancel_at_period_end == (move == "cancel")
    assert follows(user) == (None, None)


def test_a_schedule_that_is_attached_while_a_plan_is_canceled_goes_with_it(world):
    """As by a lower plan that is asked for in another process at the same time."""
    service = world.service
    user = world.paid()

    def meanwhile(method, path, form):
        if method == "POST" and re.fullmatch(SUBSCRIPTION, path):
            world.proxy.before.remove(meanwhile)
            other_schedule(service, user, "career_plus_monthly")
        return None
    world.proxy.before.append(meanwhile)
    assert ACTIONS["cancel"](user).status == 200
    assert meanwhile not in world.proxy.before
    theirs = at_stripe(service, user)
    assert theirs.schedule is None and theirs.cancel_at_period_end is True
    assert follows(user) == (None, None)


@pytest.mark.parametrize("step", ["create", "phases"])
def test_a_downgrade_that_fails_changes_nothing_and_may_be_asked_for_again(world, step):
    service = world.service
    user = world.paid()
    world.fail("/v1/subscription_schedules" if step == "create" else SCHEDULE, 500)
    assert act(user, "downgrade", PLUS).status == 503
    world.proxy.before[:] = [world.answer]
    settle(service)
    assert follows(user) == (None, None) and at_stripe(service, user).schedule is None
    assert act(user, "downgrade", PLUS).json["scheduled_plan_id"] == PLUS
    # A second one that fails leaves the first.
    before = at_stripe(service, user).schedule
    world.fail(SCHEDULE + "/release", 500)
    assert act(user, "resume").status == 503
    settle(service)
    assert follows(user)[0] == PLUS and at_stripe(service, user).schedule == before


@pytest.mark.parametrize("how", ["killed", "Stripe is away", "Stripe takes half of it"])
def test_a_move_that_is_left_in_the_middle_leaves_what_was_to_follow(world, how):
    service = world.service
    user = world.paid()
    act(user, "downgrade", PLUS)
    before = follows(user)
    if how == "killed":
        def kill(method, path, form):
            if method == "POST" and re.fullmatch(SUBSCRIPTION, path):
                world.other.kill()
                return 500, {"error": {"type": "api_error", "message": "no"}}
            return None
        world.proxy.before.append(kill)
        with pytest.raises(OSError):
            ACTIONS["cancel"](user)
        user.service = service
    else:
        world.fail(SUBSCRIPTION, 500)
        world.fail("/v1/subscription_schedules" if how == "Stripe is away" else SCHEDULE, 500)
        assert ACTIONS["cancel"](user).status == 503
        world.proxy.before[:] = [world.answer]
    settle(service)
    theirs = at_stripe(service, user)
    assert not theirs.cancel_at_period_end and theirs.schedule is None
    service.advance(150)
    assert follows(user) == before and at_stripe(service, user).schedule
    assert reconcile(service).returncode == 0


def test_a_move_that_came_to_its_end_is_not_taken_up(own_service):
    service = own_service
    user = paid(service)
    act(user, "downgrade", PLUS)
    assert act(user, "cancel").status == 200 and act(user, "resume").status == 200
    service.advance(150)
    assert follows(user) == (None, None) and at_stripe(service, user).schedule is None
    assert service.rows("SELECT count(*) FROM messages") == [(0,)]


LATER = {
    "resume": lambda user: act(user, "resume"),
    "cancel": lambda user: act(user, "cancel"),
    "cancel and resume": lambda user: [act(user, "cancel"), act(user, "resume")][-1],
    "downgrade and resume": lambda user: [act(user, "downgrade", PLUS), act(user, "resume")][-1],
    "end": lambda user: user.post("/career/subscriptions/cancel", {"cancel_at_period_end": False}),
}


@pytest.mark.parametrize("failed", ["and given back", "in the middle"])
def test_what_a_failed_move_left_to_follow_never_undoes_a_later_decision(world, failed):
    """Each within the two minutes after which a worker looks at the move that failed."""
    service = world.service
    users = {later: world.paid_more(index) for index, later in enumerate(LATER)}
    for user in users.values():
        assert act(user, "downgrade", PLUS).status == 200
    world.fail(SUBSCRIPTION, 500, times=1000)
    if failed == "in the middle":
        world.fail("/v1/subscription_schedules", 500, times=1000)
    for user in users.values():
        assert ACTIONS["cancel"](user).status == 503
    world.proxy.before[:] = [world.answer]
    settle(service)
    for user in users.values():
        assert bool(at_stripe(service, user).schedule) == (failed == "and given back")
        # It was asked for once, and is told of once, however often it is attached.
        assert len(changes(service, user)) == 1
    for later, decide in LATER.items():
        answer = decide(users[later])
        assert answer.status == 200, (later, answer)
    settle(service)
    for later, user in users.items():
        asked_anew = later == "downgrade and resume" and failed == "in the middle"
        assert len(changes(service, user)) == (2 if asked_anew else 1), later
    service.advance(150)
    for later, user in users.items():
        theirs = sdk(service).v1.subscriptions.retrieve(user.paid)
        assert theirs.schedule is None, later
        assert theirs.cancel_at_period_end == (later == "cancel")
        assert (theirs.status == "canceled") == (later == "end")
        assert follows(user) == (None, None), later
    assert service.rows("SELECT count(*) FROM messages") == [(0,)]
    assert reconcile(service).returncode == 0


def test_a_move_that_fails_does_not_undo_what_was_decided_while_it_was_under_way(world):
    service = world.service
    users = {later: world.paid_more(index) for index, later in enumerate(LATER)}
    for later, decide in LATER.items():
        user = users[later]
        assert act(user, "downgrade", PLUS).status == 200

        decided = []

        def meanwhile(method, path, form):
            if method != "POST" or not re.fullmatch(SUBSCRIPTION, path):
                return None
            if not decided:
                user.service = service
                decided.append(decide(user).status)
                user.service = world.other
            return 500, {"error": {"type": "api_error", "message": "no"}}
        world.proxy.before.append(meanwhile)
        assert ACTIONS["cancel"](user).status == 503 and decided == [200], later
        world.proxy.before[:] = [world.answer]
    settle(service)
    service.advance(150)
    for later, user in users.items():
        theirs = sdk(service).v1.subscriptions.retrieve(user.paid)
        assert theirs.schedule is None, later
        assert theirs.cancel_at_period_end == (later == "cancel"), later
        assert follows(user) == (None, None), later


# Orders


KINDS = ("subscription_schedule.created", "customer.subscription.updated",
         "subscription_schedule.updated")


def test_the_events_of_the_move_in_other_orders_each_twice_end_alike(own_service):
    service = own_service
    orders = list(itertools.permutations(range(3)))[::2 if service.uses_sqlite else 5]
    users = [paid(service) if not index else service.new_user() for index in range(len(orders))]
    for user in users[1:]:
        buy(service, user, PRO)
    service.advance(8 * DAY)
    known = {event.id for event in sdk(service).v1.events.list({"limit": 100}).auto_paging_iter()}
    knob(service, "/_test/webhooks", {"mode": "hold"})
    for user in users:
        assert act(user, "downgrade", PLUS).status == 200
    ends = {user.id: at_stripe(service, user)["items"]["data"][0]["current_period_end"]
            for user in users}
    service.advance(max(ends.values()) - service.now + 2 * HOUR)
    told = {}
    for event in sdk(service).v1.events.list({"limit": 100}).auto_paging_iter():
        if event.id not in known and event.type in KINDS + ("invoice.paid",):
            told.setdefault(event.data.object["customer"], []).append(json.loads(str(event)))
    customers = {str(id): customer for id, customer in service.rows(
        "SELECT user_id, stripe_customer_id FROM subscriptions")}
    for number, (user, order) in enumerate(zip(users, orders)):
        events = told[customers[user.id]][:6]
        half = len(events) // 2
        halves = [events[:half], events[half:]]
        for place in order:
            shuffled = halves[place % 2][place:] + halves[place % 2][:place]
            for event in shuffled:
                for id in (event["id"], f"{event['id']}_{number}_{place}"):
                    assert post_event(service, {**event, "id": id}).status == 200
    settle(service)
    for user in users:
        assert user.subscription["plan"]["name"] == "Plus" and follows(user) == (None, None)
        assert user.balance["credits_allocated"] == "500.00"
        assert changes(service, user) in ([], [f"Your plan changes to Plus on "
                                               f"{user.subscription['current_period_start'][:10]}"])
    assert service.rows(
        """SELECT max(number) FROM (SELECT count(*) AS number FROM credit_grants
            WHERE cause LIKE 'in_%' GROUP BY user_id, cause) AS made""") == [(1,)]


def test_a_period_that_turns_in_the_middle_leaves_a_plan_that_is_true(world):
    service = world.service
    user = world.paid()
    end = user.subscription["current_period_end"]

    def turn(method, path, form):
        if method == "POST" and re.fullmatch(SCHEDULE, path):
            world.proxy.before.remove(turn)
            service.advance_past_period(user, 2 * HOUR)
            world.other.offset = service.offset
        return None
    world.proxy.before.append(turn)
    answer = act(user, "downgrade", PLUS)
    assert answer.status in (200, 502, 503), answer
    settle(service)
    again = act(user, "downgrade", PLUS)
    assert again.status == 200 and again.json["plan"]["name"] == "Pro", again
    assert again.json["scheduled_at"] == again.json["current_period_end"] > end
    assert world.reconcile().returncode == 0


def test_two_moves_at_once_end_as_one_of_them(own_service):
    service = own_service
    user = paid(service)
    answers = together(4, lambda index: act(user, "downgrade", PLUS) if index % 2 else act(user, "cancel"))
    assert all(answer.status in (200, 409) for answer in answers), answers
    settle(service)
    theirs = at_stripe(service, user)
    assert theirs.cancel_at_period_end != (theirs.schedule is not None)
    assert user.subscription["cancel_at_period_end"] == theirs.cancel_at_period_end
    assert reconcile(service).returncode == 0
