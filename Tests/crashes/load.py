"""Clients that validate and commit over real HTTP as tool servers do, and as they should not: they
retry, repeat, contradict themselves, send earlier ids with other payloads. Each keeps asking while
processes die, and writes down all that it sees."""

import http.client
import json
import random
import threading
import time
import uuid

from history import Call, micro_credits

KEY = {"X-Internal-API-Key": "dev-internal-key", "Content-Type": "application/json"}
USAGE = "/career/internal/usage/"
# Longer than any answer takes that is still to come: the service gives up on a database after 15 s.
TIMEOUT = 30
# Between a try that was not answered and the next, in seconds.
PAUSE = 0.01


class Target:
    """An account that the clients share, with what they have asked for it so far."""

    def __init__(self, user, token):
        self.id = user.id
        self.headers = {"Authorization": f"Bearer {token}", **KEY}
        # (request_id, payload_hash, feature_key, parent) and usage ids, those of calls without a parent
        # once more; clients only append.
        self.requests, self.usages, self.roots = [], [], []


class Client:
    """One thread with a connection to each process. What it chooses depends on its own generator
    and on what the clients know by then."""

    def __init__(self, number, seed, addresses, targets, features, history, stopped):
        self.number = number
        self.random = random.Random(f"{seed}-client-{number}")
        self.addresses, self.targets, self.features = addresses, targets, features
        self.history, self.stopped = history, stopped
        self.connections = [None] * len(addresses)
        self.count = 0
        self.open = []
        # HTTP statuses that no rule knows, with what came with them.
        self.strange = []
        self.statuses = {}
        # Refusals by their codes.
        self.codes = {}
        self.thread = threading.Thread(target=self.work, name=f"client {number}")

    def work(self):
        while not self.stopped.is_set():
            kind, target, asked = self.choose()
            answer = self.settle(kind, target, asked)
            if kind == "validate" and answer and answer.get("code") == "reserved":
                target.usages.append(answer["usage_id"])
                if not asked.get("parent_usage_id"):
                    target.roots.append(answer["usage_id"])
                self.open.append((target, answer["usage_id"]))
        for connection in self.connections:
            if connection:
                connection.close()

    def settle(self, kind, target, asked):
        """Asks until there is an answer; one in five loses interest where there is none."""
        start, tries = time.monotonic_ns(), []
        gives_up = self.random.random() < 0.2
        while True:
            begun = time.monotonic_ns()
            answer, process = self.ask(kind, target, asked)
            if answer is None and process is not None:
                tries.append((process, time.monotonic_ns()))
            if answer or gives_up or self.stopped.is_set():
                break
            # What is down refuses at once; this keeps the others from starving.
            time.sleep(PAUSE)
        if tries:
            self.history.add(Call(kind, target.id, asked, start, tries[-1][1], None, tries))
        if answer:
            self.history.add(Call(kind, target.id, asked, begun, time.monotonic_ns(), answer))
        return answer

    def choose(self):
        """What to ask next: a kind, whom about and what."""
        draw = self.random.random()
        if self.open and draw < 0.10:
            return self.step(*self.random.choice(self.open))
        if self.open and draw < 0.40:
            target, usage_id = self.open.pop(self.random.randrange(len(self.open)))
            return self.outcome(target, usage_id)
        target = self.some(self.targets)
        if draw < 0.72 or not target.requests:
            return self.new_request(target)
        if draw < 0.84:
            return self.earlier_request(target)
        if draw < 0.92 and target.usages:
            # What somebody has done, or will do, perhaps otherwise.
            do = self.random.choice([self.outcome, self.outcome, self.step])
            return do(target, self.some(target.usages))
        if draw < 0.93:
            return self.outcome(target, str(uuid.UUID(int=self.random.getrandbits(128))))
        if draw < 0.94 and target.usages:
            return self.outcome(self.some(self.targets), self.some(target.usages))
        return "balance", target, {}

    def some(self, things):
        """The first of the accounts, and the newest of anything else, come far more often."""
        index = min(int(self.random.paretovariate(0.9)) - 1, len(things) - 1)
        return things[index] if things is self.targets else things[-1 - index]

    def new_request(self, target):
        self.count += 1
        request = (f"{self.number}-{self.count}", self.payload(),
                   self.random.choice(self.features), self.parent(target))
        target.requests.append(request)
        return self.request(target, *request)

    def earlier_request(self, target):
        """Half of them with another payload, a few of the others for another feature."""
        request_id, payload_hash, feature, parent = self.some(target.requests)
        if self.random.random() < 0.1:
            parent = self.parent(target)
        if self.random.random() < 0.5:
            payload_hash = self.payload()
        elif self.random.random() < 0.2:
            feature = self.random.choice(self.features)
        return self.request(target, request_id, payload_hash, feature, parent)

    def parent(self, target):
        """One in six calls is paid out of the hold of another, now and then of somebody else's."""
        if self.random.random() > 1 / 6:
            return None
        if self.random.random() < 0.05:
            target = self.some(self.targets)
        return self.some(target.roots) if target.roots else None

    def request(self, target, request_id, payload_hash, feature, parent):
        asked = {"request_id": request_id, "payload_hash": payload_hash, "feature_key": feature}
        return "validate", target, asked | ({"parent_usage_id": parent} if parent else {})

    def payload(self):
        return f"{self.random.getrandbits(256):064x}"

    def outcome(self, target, usage_id):
        kind = "accept" if self.random.random() < 0.1 else "commit"
        asked = {"usage_id": usage_id, "success": self.random.random() < 0.65}
        if asked["success"] and self.random.random() < 0.3:
            asked["credits"] = self.random.choice(["0", "0.25", "0.75", "5"])
        return kind, target, asked

    def step(self, target, usage_id):
        """A raise, a part or a cancellation; the few names are met again and again."""
        kind = self.random.choices(["extend", "capture", "cancel"], [4, 5, 1])[0]
        asked = {"usage_id": usage_id}
        if kind == "extend":
            asked |= {"extension_id": self.random.choice("ab"), "hold_seconds": 600}
            if self.random.random() < 0.7:
                asked["additional_credits"] = self.random.choice(["0.25", "1"])
        elif kind == "capture":
            asked |= {"capture_id": self.random.choice("abc"),
                      "credits": self.random.choice(["0.1", "0.25", "1"])}
        return kind, target, asked

    def ask(self, kind, target, asked):
        """Asks some process.

        - returns: the answer if there was one; the process, if it may have done what was asked.
        """
        process = self.random.randrange(len(self.addresses))
        try:
            connection = self.connection(process)
        except OSError:
            # Nothing was sent.
            return None, None
        try:
            status, body = self.exchange(connection, kind, target, asked)
        except (OSError, http.client.HTTPException):
            connection.close()
            self.connections[process] = None
            status, body = None, {}
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 429:
            self.codes[body.get("code")] = self.codes.get(body.get("code"), 0) + 1
        if status == 503 and body.get("code") == "overloaded":
            # Refused before any work.
            return None, None
        return self.understood(kind, status, body), process

    def connection(self, process):
        if self.connections[process] is None:
            connection = http.client.HTTPConnection(*self.addresses[process], timeout=TIMEOUT)
            connection.connect()
            self.connections[process] = connection
        return self.connections[process]

    def exchange(self, connection, kind, target, asked):
        headers = dict(target.headers)
        if kind == "balance":
            connection.request("GET", "/career/usage/", headers=headers)
        else:
            body = dict(asked)
            if kind == "validate":
                body |= {"endpoint": "/tool", "method": "POST"}
            else:
                body["user_id"] = target.id
                if not asked.get("success", True):
                    body["failure"] = {"failure_type": "timeout", "reason": "too slow"}
            if kind == "accept":
                headers["Prefer"] = "respond-async"
            connection.request("POST", USAGE + ("commit" if kind == "accept" else kind),
                               json.dumps(body).encode(), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def understood(self, kind, status, body):
        """The answer as the model gives it; None where it is not known what was done."""
        if status is None or status == 503 and body.get("code") == "database_unavailable":
            return None
        if status >= 500 or status in (400, 401, 405, 422):
            self.strange.append((kind, status, body))
            return None
        answer = {"http": status}
        for name in ("code", "usage_id", "success", "status"):
            if name in body:
                answer[name] = body[name]
        for name in ("credits_allocated", "credits_used", "credits_reserved",
                     "credits_remaining", "credits_charged"):
            if name in body:
                answer[name] = micro_credits(body[name])
        return answer


class Load:
    """Clients at work from `with` on, until they are stopped."""

    def __init__(self, seed, addresses, targets, features, history, clients=8):
        self.stopped = threading.Event()
        self.clients = [
            Client(number, seed, addresses, targets, features, history, self.stopped)
            for number in range(clients)]

    def __enter__(self):
        for client in self.clients:
            client.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for client in self.clients:
            client.thread.join()

    @property
    def statuses(self):
        """How often each HTTP status came, None where no answer did."""
        total = {}
        for client in self.clients:
            for status, count in list(client.statuses.items()):
                total[status] = total.get(status, 0) + count
        return total

    @property
    def answered(self):
        return sum(count for status, count in self.statuses.items() if status not in (None, 503))

    @property
    def strange(self):
        return [strange for client in self.clients for strange in client.strange]

    def wait(self, more, status=None, seconds=60, code=None):
        """Until so many more calls were answered, answered with this status or refused with this
        code."""
        def count():
            if code is not None:
                return sum(client.codes.get(code, 0) for client in self.clients)
            return self.answered if status is None else self.statuses.get(status, 0)
        goal, deadline = count() + more, time.monotonic() + seconds
        while count() < goal:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.005)
