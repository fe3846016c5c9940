"""Webhooks, their signatures and retries, and the knobs that disturb them and the API."""

import errno
import json
import signal
import socket
import threading
import time

import pytest
import stripe
from conftest import DAY, SECRET, Receiver, wait_for


def test_the_signature_is_that_of_the_sdk(sandbox, api, receiver):
    api.customers.create({"email": "ä@example.test"})
    sandbox.settle()
    body, header = receiver.deliveries[0]
    time_part = int(header.split(",")[0].removeprefix("t="))
    assert header == stripe.WebhookSignature.generate_signature_header(
        body.decode(), SECRET, time_part)
    assert abs(time_part - time.time()) < 30


def test_signatures_use_the_wall_clock(sandbox, api, receiver):
    sandbox.advance(400 * DAY)
    api.customers.create({"email": "a@b.test"})
    sandbox.settle()
    assert receiver.types() == ["customer.created"]
    assert receiver.events()[0]["created"] > time.time() + 399 * DAY


def test_an_event_tells_its_request_and_can_be_fetched(sandbox, api, receiver):
    api.customers.create({"email": "a@b.test"}, {"idempotency_key": "k-evt"})
    sandbox.settle()
    event = receiver.events()[0]
    assert event["request"]["idempotency_key"] == "k-evt"
    assert event["request"]["id"].startswith("req_")
    assert event["pending_webhooks"] == 1
    found = api.events.retrieve(event["id"])
    assert found.pending_webhooks == 0
    assert found.data.object.id == event["data"]["object"]["id"]
    assert [e.id for e in api.events.list({"type": "customer.created"}).data] == [event["id"]]


@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_is_not_2xx_is_tried_again_with_a_new_time(sandbox, api, receiver, status):
    receiver.status = status
    api.customers.create({"email": "a@b.test"})
    wait_for(lambda: len(receiver.deliveries) == 1)
    receiver.status = 200
    sandbox.settle()
    (first, signed), (second, signed_again) = receiver.deliveries
    assert json.loads(first)["id"] == json.loads(second)["id"]
    assert signed != signed_again


def test_a_receiver_may_call_the_api(sandbox, api, receiver):
    seen = []
    receiver.hook = lambda event: seen.append(
        api.customers.retrieve(event["data"]["object"]["id"]).id)
    customer = api.customers.create({"email": "a@b.test"})
    sandbox.settle()
    assert seen == [customer.id]


def test_endpoints_get_the_events_they_asked_for(sandbox, api):
    other = Receiver()
    endpoint = api.webhook_endpoints.create(
        {"url": other.url, "enabled_events": ["product.created"]})
    api.customers.create({"email": "a@b.test"})
    api.products.create({"name": "Plus"})
    sandbox.settle()
    assert len(other.deliveries) == 1
    body, header = other.deliveries[0]
    assert stripe.Webhook.construct_event(body, header, endpoint.secret).type == "product.created"
    assert "secret" not in api.webhook_endpoints.retrieve(endpoint.id)
    api.webhook_endpoints.delete(endpoint.id)
    api.products.create({"name": "Pro"})
    sandbox.settle()
    assert len(other.deliveries) == 1


def test_webhooks_leave_the_machine_never(api):
    with pytest.raises(stripe.InvalidRequestError):
        api.webhook_endpoints.create(
            {"url": "http://example.com/hook", "enabled_events": ["*"]})


def test_held_webhooks_are_released_in_order(sandbox, api, receiver):
    sandbox.knob("webhooks", mode="hold")
    names = [str(n) for n in range(10)]
    for name in names:
        api.customers.create({"name": name})
    assert sandbox.look("webhooks")["held"] == 10
    assert receiver.deliveries == []
    sandbox.knob("webhooks", mode="release")
    sandbox.settle()
    assert [e["data"]["object"]["name"] for e in receiver.events()] == names


def test_held_webhooks_are_shuffled_by_a_seed(sandbox, api, receiver):
    orders = []
    for _ in range(2):
        receiver.clear()
        sandbox.knob("webhooks", mode="hold")
        for n in range(10):
            api.customers.create({"name": str(n)})
        sandbox.knob("webhooks", mode="shuffle", seed=7)
        sandbox.settle()
        orders.append([e["data"]["object"]["name"] for e in receiver.events()])
    assert orders[0] == orders[1] != sorted(orders[0])


def names(receiver):
    return [event["data"]["object"]["name"] for event in receiver.events()]


def test_held_webhooks_are_released_in_order_each_twice_and_later_ones_doubled(
        sandbox, api, receiver):
    sandbox.knob("webhooks", mode="hold")
    for name in "abc":
        api.customers.create({"name": name})
    sandbox.knob("webhooks", mode="duplicate")
    sandbox.settle()
    assert names(receiver) == list("aabbcc")
    assert len({event["id"] for event in receiver.events()}) == 3
    api.customers.create({"name": "d"})
    sandbox.settle()
    assert names(receiver)[6:] == ["d", "d"]
    sandbox.knob("webhooks", mode="release")
    api.customers.create({"name": "e"})
    sandbox.settle()
    assert names(receiver)[8:] == ["e"]


def test_shuffled_webhooks_can_be_released_each_twice(sandbox, api, receiver):
    sandbox.knob("webhooks", mode="hold")
    for name in "abcdefgh":
        api.customers.create({"name": name})
    sandbox.knob("webhooks", mode="shuffle", seed=7, times=2)
    sandbox.settle()
    order = names(receiver)
    assert sorted(order) == list("aabbccddeeffgghh") != order


@pytest.mark.parametrize("mode", ["release", "deliver", "shuffle"])
@pytest.mark.parametrize("before", [
    {"mode": "duplicate", "times": 3}, {"mode": "hold", "times": 3}, {"mode": "hold"},
    {"hold_types": ["customer.created"], "times": 3}, {"two_event_ids": True},
    {"bad_signature": True}, {"drop_first": 100}])
def test_every_mode_starts_from_delivering_normally_once_each(
        sandbox, api, receiver, before, mode):
    sandbox.knob("webhooks", **before)
    sandbox.knob("webhooks", mode="hold")
    api.customers.create({"name": "held"})
    sandbox.knob("webhooks", mode=mode)
    api.customers.create({"name": "later"})
    sandbox.settle()
    assert sorted(names(receiver)) == ["held", "later"]


def test_hold_holds_what_was_doubled_before(sandbox, api, receiver):
    sandbox.knob("webhooks", mode="duplicate")
    sandbox.knob("webhooks", mode="hold")
    api.customers.create({"name": "a"})
    sandbox.knob("webhooks", mode="hold")
    sandbox.settle()
    assert receiver.deliveries == [] and sandbox.look("webhooks")["held"] == 1


def test_one_type_can_be_held_back(sandbox, api, receiver):
    sandbox.knob("webhooks", hold_types=["customer.created"])
    api.customers.create({"name": "a"})
    api.products.create({"name": "b"})
    sandbox.settle()
    assert receiver.types() == ["product.created"]
    sandbox.knob("webhooks", mode="deliver")
    sandbox.settle()
    assert sorted(receiver.types()) == ["customer.created", "product.created"]


def test_webhooks_can_be_doubled(sandbox, api, receiver):
    sandbox.knob("webhooks", mode="duplicate", times=3)
    api.customers.create({"name": "a"})
    sandbox.settle()
    assert len({e["id"] for e in receiver.events()}) == 1
    assert len(receiver.deliveries) == 3


def test_one_change_can_have_two_event_ids(sandbox, api, receiver):
    sandbox.knob("webhooks", two_event_ids=True)
    customer = api.customers.create({"name": "a"})
    sandbox.settle()
    events = receiver.events()
    assert len({e["id"] for e in events}) == 2
    assert {e["data"]["object"]["id"] for e in events} == {customer.id}


def test_the_first_attempts_can_be_lost(sandbox, api, receiver):
    sandbox.knob("webhooks", drop_first=1)
    api.customers.create({"name": "a"})
    sandbox.settle()
    assert len(receiver.deliveries) == 1


@pytest.mark.parametrize("knob", [{"bad_signature": True}, {"timestamp_offset": -301}])
def test_signatures_can_be_bad_or_old(sandbox, api, receiver, knob):
    sandbox.knob("webhooks", **knob)
    api.customers.create({"name": "a"})
    sandbox.settle()
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(*receiver.deliveries[0], SECRET)


def test_webhooks_can_be_signed_with_several_secrets(sandbox, api, receiver):
    sandbox.knob("webhooks", secrets=["whsec_new", SECRET])
    api.customers.create({"name": "a"})
    sandbox.settle()
    body, header = receiver.deliveries[0]
    assert header.count("v1=") == 2
    for secret in ["whsec_new", SECRET]:
        stripe.Webhook.construct_event(body, header, secret)


def test_a_subscription_event_can_be_stale(sandbox, api, receiver):
    subscription = sandbox.subscription(sandbox.price(2000))
    sandbox.knob("stale", subscription=subscription.id)
    api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.settle()
    event = receiver.events("customer.subscription.updated")[0]
    assert event["data"]["object"]["cancel_at_period_end"] is False


def test_faults_answer_with_a_status(sandbox, api):
    sandbox.knob("faults", path_prefix="/v1/customers", kind="status", status=500,
                 should_retry=False)
    with pytest.raises(stripe.APIError) as error:
        sandbox.client_with(retries=2).v1.customers.list()
    assert error.value.http_status == 500
    assert error.value.headers["Stripe-Should-Retry"] == "false"
    assert api.customers.list().data == []


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_broken_call_is_repeated_by_its_key(sandbox, api, kind):
    sandbox.knob("faults", path_prefix="/v1/customers", method="POST", kind=kind)
    with pytest.raises(stripe.APIConnectionError):
        api.customers.create({"name": "a"}, {"idempotency_key": "k-drop"})
    assert len(api.customers.list().data) == (1 if kind == "drop_after" else 0)
    api.customers.create({"name": "a"}, {"idempotency_key": "k-drop"})
    assert len(api.customers.list().data) == 1


def test_the_sdk_retries_over_a_broken_call(sandbox):
    sandbox.knob("faults", path_prefix="/v1/customers", method="POST", kind="drop_after")
    patient = sandbox.client_with(retries=2).v1
    patient.customers.create({"name": "a"})
    assert len(patient.customers.list().data) == 1


def test_calls_are_logged(sandbox, api):
    api.customers.create({"name": "a"}, {"idempotency_key": "k-log"})
    assert sandbox.look("requests")["requests"] == [{
        "method": "POST", "path": "/v1/customers", "params": {"name": "a"},
        "idempotency_key": "k-log"}]


@pytest.mark.parametrize("path, body", [
    ("webhooks", {"mode": "x"}), ("faults", {"kind": "x"}), ("faults", {}),
    ("clock", {"advance_seconds": -1}), ("clock", {"advance_seconds": 2 ** 62}), ("clock", {}),
    ("refunds", {}),
    ("customers/cus_none", {"card": "decline"})])
def test_knobs_refuse_what_they_do_not_know(sandbox, path, body):
    status, _, _ = sandbox.request("POST", "/_test/" + path, body)
    assert status in (400, 404)


def test_everything_survives_a_restart(sandbox, api, receiver):
    customer = sandbox.customer()
    subscription = sandbox.subscription(sandbox.price(2000), customer)
    sandbox.advance(DAY)
    sandbox.knob("webhooks", mode="hold")
    api.customers.update(customer.id, {"name": "Ada"})
    before = sandbox.now()
    sandbox.stop()
    sandbox.start()
    assert sandbox.now() >= before
    found = sandbox.client.v1.subscriptions.retrieve(subscription.id)
    assert found.to_dict() == subscription.to_dict()
    receiver.clear()
    sandbox.knob("webhooks", mode="release")
    sandbox.settle()
    assert receiver.types() == ["customer.updated"]


def test_a_webhook_that_a_shutdown_meets_on_its_way_arrives_once(sandbox, api, receiver):
    came, answer = threading.Event(), threading.Event()
    receiver.hook = lambda _: (came.set(), answer.wait(10))
    api.customers.create({"email": "a@b.test"})
    assert came.wait(10)
    log_before = sandbox.log.read_text()
    sandbox.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refuses(sandbox.port))
    assert sandbox.process.poll() is None
    answer.set()
    assert sandbox.process.wait(10) == 0
    assert sandbox.log.read_text() == log_before
    sandbox.start()
    sandbox.settle()
    assert len(receiver.deliveries) == 1


def refuses(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_only_loopback_addresses_are_served(process):
    import subprocess
    from conftest import BINARY
    run = subprocess.run(
        [BINARY, "--port", "0", "--database", ":memory:", "--host", "0.0.0.0"],
        capture_output=True, timeout=10)
    assert run.returncode != 0
