"""A sandbox process and a webhook receiver for the tests. Stripe's own SDK is the client."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe

SECRET = "whsec_test_secret"
DAY = 86_400
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/servers"))

import shapes  # noqa: E402
from ports import free_port  # noqa: E402

BINARY = os.environ.get("SANDBOX_BINARY", str(ROOT / ".build/release/stripe-sandbox"))

stripe.enable_telemetry = False


class Receiver:
    """Keeps every webhook that arrives; a test may set the status that is answered."""

    def __init__(self):
        self.deliveries = []
        self.status = 200
        self.hook = None
        self.faults = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Stripe-Signature"]
                status, hook = receiver.status, receiver.hook
                receiver.deliveries.append((body, signature))
                receiver.faults += shapes.event_faults(body)
                if hook:
                    hook(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self, prefix=""):
        """The events in the order of arrival, each with its signature checked."""
        events = []
        for body, signature in list(self.deliveries):
            event = stripe.Webhook.construct_event(body, signature, SECRET)
            if event["type"].startswith(prefix):
                events.append(json.loads(body))
        return events

    def types(self):
        return [event["type"] for event in self.events()]

    def clear(self):
        self.deliveries.clear()
        self.status = 200
        self.hook = None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Sandbox:
    """The process and what the tests do with it beside the SDK."""

    def __init__(self, database, receiver):
        self.database = database
        self.log = database.with_suffix(".log")
        self.receiver = receiver
        self.faults = []
        self.port = free_port()
        self.start()

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [BINARY, "--port", str(self.port), "--database", str(self.database),
                 "--webhook-url", self.receiver.url, "--webhook-secret", SECRET],
                stdout=subprocess.PIPE, stderr=log, text=True)
        lines = queue.Queue()
        threading.Thread(
            target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        line = lines.get(timeout=10)
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]
        self.client = self.client_with()

    def client_with(self, key="sk_test_x", retries=0):
        return stripe.StripeClient(
            key, base_addresses={"api": self.url}, max_network_retries=retries,
            http_client=shapes.CheckedClient(self.faults))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)

    def request(self, method, path, body=None, headers=None, raw=None):
        """Status, headers and text of a plain HTTP call that follows no redirect."""
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        try:
            answer = urllib.request.build_opener(NoRedirect).open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, answer.read().decode()

    def knob(self, path, **body):
        status, _, text = self.request("POST", "/_test/" + path, body)
        assert status == 200, text
        return json.loads(text)

    def look(self, path):
        return json.loads(self.request("GET", "/_test/" + path)[2])

    def press(self, url, **fields):
        """Presses a button of a page."""
        form = urllib.parse.urlencode(fields).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", url, raw=form, headers=headers)

    def now(self):
        return self.look("clock")["now"]

    def advance(self, seconds):
        return self.knob("clock", advance_seconds=seconds)["now"]

    def settle(self):
        answer = self.knob("webhooks/settle")
        assert answer["settled"], answer
        return answer

    # What most tests begin with.

    def price(self, amount, key=None, product=None, interval="month", **extra):
        product = product or self.client.v1.products.create({"name": f"Plan {amount}"}).id
        params = {"product": product, "currency": "usd", "unit_amount": amount,
                  "recurring": {"interval": interval}, **extra}
        if key:
            params["lookup_key"] = key
        return self.client.v1.prices.create(params)

    def customer(self, card="pm_card_visa", **params):
        customer = self.client.v1.customers.create({"email": "ada@example.test", **params})
        if card:
            method = self.client.v1.payment_methods.attach(card, {"customer": customer.id})
            self.client.v1.customers.update(
                customer.id, {"invoice_settings": {"default_payment_method": method.id}})
        return customer

    def subscription(self, price, customer=None, **params):
        customer = customer or self.customer()
        return self.client.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price.id}], **params})

    def session(self, price, customer=None, **params):
        return self.client.v1.checkout.sessions.create({
            "mode": "subscription", "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://127.0.0.1:9/done?cs={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/plans",
            **({"customer": customer.id} if customer else {}), **params})

    def advance_to(self, seconds):
        return self.advance(seconds - self.now())


@pytest.fixture(scope="session")
def receiver():
    return Receiver()


@pytest.fixture(scope="session")
def process(tmp_path_factory, receiver):
    assert os.path.exists(BINARY), f"no sandbox at {BINARY}: build it or set SANDBOX_BINARY"
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "sandbox.db", receiver)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(process, receiver):
    # What the last test left in flight must not arrive in this one.
    receiver.clear()
    process.knob("webhooks", mode="deliver")
    process.settle()
    process.knob("reset")
    receiver.clear()
    process.faults.clear()
    receiver.faults.clear()
    yield process
    process.settle()
    faults = process.faults + receiver.faults
    assert not faults, "not of the SDK's types:\n" + "\n".join(faults[:20])


@pytest.fixture
def api(sandbox):
    return sandbox.client.v1


def wait_for(condition, seconds=10):
    """Polls until a condition holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the condition did not come true in time")
