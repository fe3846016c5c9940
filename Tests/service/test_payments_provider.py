"""When Stripe is away, slow, or answers nonsense: what fails, what does not, what comes of it."""

import json
import time

import pytest

from conftest import DAY, PRO, User, together
from test_payments import buy, checkout, knob, opener, sdk, settle
from test_payments_queue import until

AWAY = (502, 503)


def fault(service, path, method="POST", kind="status", times=50, **more):
    knob(service, "/_test/faults",
         {"path_prefix": path, "method": method, "kind": kind, "times": times, **more})


def live(service):
    [subscription] = sdk(service).v1.subscriptions.list().data
    return subscription


def price(service):
    return live(service)["items"]["data"][0]["price"]["lookup_key"]


def subscriber(service):
    """On Plus, the trial over and the first month paid."""
    user = service.new_user()
    buy(service, user)
    service.advance(8 * DAY)
    assert user.subscription["status"] == "active"
    return user


CALLS = {
    "checkout": lambda user: checkout(user),
    "preview": lambda user: user.post(
        "/career/subscriptions/preview-upgrade", {"new_plan_id": PRO}),
    "upgrade": lambda user: user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}),
    "cancel": lambda user: user.post("/career/subscriptions/cancel"),
    "end": lambda user: user.post(
        "/career/subscriptions/cancel", {"cancel_at_period_end": False}),
    "portal": lambda user: user.post("/career/subscriptions/portal"),
}


@pytest.mark.parametrize("call", ["preview", "upgrade", "cancel", "end", "portal"])
def test_with_stripe_away_a_call_to_it_is_refused_and_changes_nothing(own_service, call):
    user = subscriber(own_service)
    before = (user.subscription, user.credits)
    for method in ("GET", "POST", "DELETE"):
        fault(own_service, "/v1/", method, kind="drop_before")
    refused = CALLS[call](user)
    assert refused.status in AWAY and int(refused.headers["retry-after"]) > 0
    assert refused.headers["content-type"] == "application/problem+json"
    assert (user.subscription, user.credits) == before


def requests(service):
    with opener.open(service.sandbox + "/_test/requests", timeout=30) as answer:
        return json.loads(answer.read())["requests"]


def test_a_checkout_whose_answer_is_lost_is_opened_once(own_service):
    user = own_service.new_user()
    fault(own_service, "/v1/checkout/sessions", kind="drop_after", times=1)
    page = checkout(user)
    assert page.status == 200
    keys = [request["idempotency_key"] for request in requests(own_service)
            if request["path"] == "/v1/checkout/sessions" and request["method"] == "POST"]
    assert len(keys) >= 2 and len(set(keys)) == 1 and None not in keys
    assert [item.id for item in sdk(own_service).v1.checkout.sessions.list().data] \
        == [page.json["session_id"]]
    assert checkout(user).json == page.json


def test_checkouts_begun_in_two_processes_leave_one_page_open(own_service):
    user = own_service.new_user()
    other = own_service.beside(STRIPE_API_BASE=own_service.sandbox).start()
    elsewhere = User(other, user.email, user.tokens, user.id)
    fault(own_service, "/v1/checkout/sessions", kind="hang", seconds=6, times=1)

    def work(index):
        if index == 0:
            return checkout(user)
        until(lambda: own_service.rows("SELECT 1 FROM checkouts"))
        return checkout(elsewhere, PRO)

    try:
        slow, fast = together(2, work)
    finally:
        other.stop()
    assert slow.status == 409 and slow.code == "checkout_superseded"
    assert fast.status == 200
    sessions = sdk(own_service).v1.checkout.sessions.list().data
    assert [item.id for item in sessions if item.status == "open"] == [fast.json["session_id"]]
    assert len(sessions) == 2
    assert checkout(user, PRO).json == fast.json


def test_an_upgrade_whose_answer_is_lost_is_charged_once(own_service):
    user = subscriber(own_service)
    fault(own_service, "/v1/subscriptions", kind="drop_after", times=1)
    upgraded = CALLS["upgrade"](user)
    assert upgraded.status == 200 and upgraded.json["plan"]["name"] == "Pro"
    invoices = sdk(own_service).v1.invoices.list().data
    assert [invoice.billing_reason for invoice in invoices].count("subscription_update") == 1


def test_an_upgrade_that_is_never_answered_counts_once_its_event_tells_of_it(own_service):
    user = subscriber(own_service)
    knob(own_service, "/_test/webhooks", {"mode": "hold"})
    fault(own_service, "/v1/subscriptions", kind="drop_after")
    assert CALLS["upgrade"](user).status in AWAY
    assert user.subscription["plan"]["name"] == "Plus"
    assert price(own_service) == "career_pro_monthly"
    # Whoever tries again before the event comes is not charged again, and is on Pro from then on.
    assert CALLS["upgrade"](user).code == "same_plan"
    assert user.subscription["plan"]["name"] == "Pro"
    allocated = user.balance["credits_allocated"]
    knob(own_service, "/_test/webhooks", {"mode": "release"})
    settle(own_service)
    assert user.balance["credits_allocated"] == allocated and float(allocated) > 1000
    invoices = sdk(own_service).v1.invoices.list().data
    assert [invoice.billing_reason for invoice in invoices].count("subscription_update") == 1


@pytest.mark.parametrize("call,method", [("cancel", "POST"), ("end", "DELETE")])
def test_a_cancellation_whose_answer_is_lost_is_made_once(own_service, call, method):
    user = subscriber(own_service)
    fault(own_service, "/v1/subscriptions", method, kind="drop_after", times=1)
    assert CALLS[call](user).status == 200
    if call == "cancel":
        assert live(own_service).cancel_at_period_end is True
        assert user.subscription["cancel_at_period_end"] is True
    else:
        assert user.subscription["plan"]["name"] == "Free"
    settle(own_service)
    told = [mail["subject"] for mail in own_service.mail(user.email)]
    assert len([subject for subject in told if "end" in subject and "trial" not in subject]) == 1


def test_a_stripe_that_is_slow_is_waited_for(own_service):
    user = own_service.new_user()
    fault(own_service, "/v1/customers", kind="hang", seconds=3, times=1)
    started = time.monotonic()
    assert checkout(user).status == 200
    assert time.monotonic() - started >= 3
    assert len(sdk(own_service).v1.customers.list().data) == 1


def test_a_hanging_stripe_holds_up_only_a_bounded_number_of_calls_to_it(own_service):
    user = own_service.new_user()
    checkout(user)
    fault(own_service, "/v1/billing_portal", kind="hang", seconds=6, times=100)
    answers = []

    def work(index):
        if index < 300:
            answer = CALLS["portal"](user)
            answers.append(answer)
            return None
        # The others are served meanwhile: behind a call to Stripe they would wait five seconds.
        time.sleep(1)
        started = time.monotonic()
        assert own_service.call("GET", "/career/subscriptions/plans").status == 200
        usage = user.validate(request_id=f"meanwhile-{index}")
        assert usage.status == 200 and user.commit(usage.json["usage_id"]).status == 200
        return time.monotonic() - started

    times = [seconds for seconds in together(304, work) if seconds is not None]
    assert len(times) == 4 and max(times) < 4, times
    refused = [answer for answer in answers if answer.status == 503]
    # 24 are under way and 256 wait; the 20 beyond are told to come again.
    assert len(answers) == 300 and len(refused) >= 20
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert any(answer.status == 200 for answer in answers)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
def test_nothing_of_stripes_errors_is_passed_on_but_codes_and_a_sentence(own_service, status):
    user = subscriber(own_service)
    fault(own_service, "/v1/subscriptions", status=status, should_retry=False)
    refused = CALLS["cancel"](user)
    assert refused.status in AWAY
    assert b"fault" not in refused.bytes and b"sub_" not in refused.bytes
    assert set(refused.json) <= {"type", "title", "status", "detail", "code"}
    assert int(refused.headers["retry-after"]) > 0


def test_of_a_decline_only_its_codes_and_a_sentence_are_passed_on(own_service):
    user = subscriber(own_service)
    knob(own_service, f"/_test/customers/{live(own_service).customer}",
         {"next_charge": "decline"})
    refused = CALLS["upgrade"](user)
    assert refused.status == 402
    assert set(refused.json) == {
        "type", "title", "status", "detail", "code", "decline_code", "stripe_code"}
    assert refused.json["decline_code"] == "generic_decline"
    for id in (b"pi_", b"ch_", b"sub_", b"cus_", b"in_"):
        assert b'"' + id not in refused.bytes
