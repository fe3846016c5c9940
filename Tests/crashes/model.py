"""One user's account by the rules of the service (docs/reference/rules.md), and nothing more: one
call at a time, no batches, no crashes, no storage. It is the yardstick, and so shares nothing with
the service's code.

Left out is what the crash tests keep from happening: periods do not turn, reservations do not
expire, plans do not change, a day does not end; prices of tokens; and over-use, so that a call is charged
at most what it holds.
"""

from decimal import Decimal
from typing import NamedTuple

PENDING, SUCCESS, FAILED = "PENDING", "SUCCESS", "FAILED"


class Rules(NamedTuple):
    """Amounts in micro-credits."""
    costs: dict
    allocation: int
    per_day: int | None


class Step(NamedTuple):
    """What was done with a hold under a name: what was asked, and how it was answered."""
    kind: str
    name: str
    asked: tuple
    reserved: int
    charged: int


class Log(NamedTuple):
    """A usage log. `cost` is all that it ever held. `accepted` is the outcome of a commit that is queued
    and not yet applied, `accepted_credits` what that is to charge, None for all that is held."""
    feature: str
    cost: int
    status: str = PENDING
    accepted: str | None = None
    charged: int = 0
    accepted_credits: int | None = None
    steps: frozenset = frozenset()

    @property
    def held(self):
        return self.cost - self.charged if self.status == PENDING else 0

    def ends(self, outcome, credits):
        """The log once it has ended so, charging at most what it holds."""
        more = min(self.held if credits is None else credits, self.held) * (outcome == SUCCESS)
        return self._replace(
            status=outcome, accepted=None, accepted_credits=None, charged=self.charged + more)

    def applied(self):
        """The log once its accepted commit is applied."""
        return self.ends(self.accepted, self.accepted_credits)


def amount(asked, name="credits"):
    text = asked.get(name)
    return None if text is None else int(Decimal(text) * 1_000_000)


def ended(log):
    """What a refusal tells of a log. The rules leave open which status is told of one that waits
    for the worker: its own, or the one that it will have."""
    return {} if log.accepted else {"status": log.status}


class Change(NamedTuple):
    """Replaces one fact by another; None is a fact that is not there."""
    key: tuple
    old: object
    new: object


class Account:
    """Facts are logs, by `("log", account, request_id, payload_hash)`, and adjustments, by
    `("adjust", account, name)`. The sums over them are kept up beside them."""

    def __init__(self, name, rules):
        self.name, self.rules = name, rules
        self.facts = {}
        # The keys of logs whose commit was accepted and not yet applied.
        self.accepted = set()
        self.allocated, self.used, self.reserved, self.granted = rules.allocation, 0, 0, 0
        # Equal for equal facts, in whatever order they came about.
        self.fingerprint = 0

    def decide(self, call):
        """What a call asks for here and now: the answer, and the change if there is one."""
        return getattr(self, call.kind)(call.asked)

    def apply(self, change):
        key, old, new = change
        self.count(old, -1)
        self.count(new, 1)
        if new is None:
            del self.facts[key]
        else:
            self.facts[key] = new
        if getattr(new, "accepted", None):
            self.accepted.add(key)
        else:
            self.accepted.discard(key)
        self.fingerprint ^= hash((key, old)) ^ hash((key, new))

    def undo(self, change):
        self.apply(Change(change.key, change.new, change.old))

    def count(self, fact, sign):
        if isinstance(fact, Log):
            self.granted += sign
            self.used += sign * fact.charged
            self.reserved += sign * fact.held
        elif fact is not None:
            self.allocated += sign * fact

    def validate(self, asked):
        key = ("log", self.name, asked["request_id"], asked["payload_hash"])
        log = self.facts.get(key)
        cost = self.rules.costs[asked["feature_key"]]
        if self.rules.per_day is not None and self.granted >= self.rules.per_day:
            return {"http": 429, "code": "rate_limited", "usage_id": None}, None
        if log and log.feature != asked["feature_key"]:
            return {"http": 409, "code": "request_mismatch"}, None
        if log and (log.status != PENDING or log.accepted):
            return {"http": 409, "code": "request_already_finished", "usage_id": key,
                    **ended(log)}, None
        if log:
            return {"http": 200, "code": "replayed", "usage_id": key, "status": PENDING,
                    "credits_reserved": log.held}, None
        if self.used + self.reserved + cost > self.allocated:
            return {"http": 429, "code": "quota_exceeded", "usage_id": None}, None
        answer = {"http": 200, "code": "reserved", "usage_id": key, "status": PENDING,
                  "credits_reserved": cost}
        return answer, Change(key, None, Log(asked["feature_key"], cost))

    def commit(self, asked):
        refusal, key, log = self.find(asked)
        if refusal:
            return refusal, None
        outcome = SUCCESS if asked["success"] else FAILED
        if (log.accepted or outcome) != outcome or log.status not in (PENDING, outcome):
            return {"http": 409, "success": False, **ended(log)}, None
        new = log
        if log.status == PENDING:
            new = log.applied() if log.accepted else log.ends(outcome, amount(asked))
        answer = {"http": 200, "success": True, "status": outcome, "credits_charged": new.charged}
        return answer, None if new == log else Change(key, log, new)

    def accept(self, asked):
        refusal, key, log = self.find(asked)
        outcome = SUCCESS if asked["success"] else FAILED
        if refusal or log.status != PENDING or log.accepted not in (None, outcome):
            return self.commit(asked)
        answer = {"http": 202, "success": True, "status": PENDING}
        if log.accepted:
            return answer, None
        return answer, Change(key, log, log._replace(
            accepted=outcome, accepted_credits=amount(asked) if asked["success"] else None))

    def extend(self, asked):
        more = amount(asked, "additional_credits") or 0
        return self.step(
            "extend", asked["extension_id"], (asked.get("hold_seconds"), more), asked,
            lambda log: {"http": 429, "code": "quota_exceeded"}
            if self.used + self.reserved + more > self.allocated
            else log._replace(cost=log.cost + more))

    def capture(self, asked):
        part = amount(asked)
        return self.step(
            "capture", asked["capture_id"], (part,), asked,
            lambda log: {"http": 409, "code": "hold_exceeded"} if part > log.held
            else log._replace(charged=log.charged + part))

    def step(self, kind, name, body, asked, change):
        """A known name is answered as the first time; what was refused is not remembered."""
        refusal, key, log = self.find(asked)
        if refusal:
            return refusal, None
        known = next((step for step in log.steps if step[:2] == (kind, name)), None)
        if known and known.asked != body:
            return {"http": 409, "success": False, "code": "request_mismatch"}, None
        if known:
            return self.told(kind, known.reserved, known.charged), None
        if log.status != PENDING or log.accepted:
            return {"http": 409, "success": False, "code": "already_ended"}, None
        new = change(log)
        if isinstance(new, dict):
            return {"success": False, **new}, None
        taken = Step(kind, name, body, new.held, new.charged)
        return (self.told(kind, new.held, new.charged),
                Change(key, log, new._replace(steps=log.steps | {taken})))

    @staticmethod
    def told(kind, reserved, charged):
        return {"http": 200, "success": True, "status": PENDING,
                "code": {"extend": "extended", "capture": "captured"}[kind],
                "credits_reserved": reserved, "credits_charged": charged}

    def cancel(self, asked):
        """What has failed, or is to, is as good as canceled."""
        refusal, key, log = self.find(asked)
        if refusal:
            return refusal, None
        if SUCCESS in (log.status, log.accepted):
            return {"http": 409, "success": False, "code": "already_ended"}, None
        answer = {"http": 200, "success": True, "code": "canceled", "status": FAILED}
        if log.status == FAILED or log.accepted:
            return answer, None
        return answer, Change(key, log, log.ends(FAILED, None))

    def find(self, asked):
        """The log of a commit; `key` is None for an id that nobody was ever given."""
        key = asked["key"]
        if key and key[1] != self.name:
            return {"http": 403, "code": "usage_of_another_user"}, None, None
        if key not in self.facts:
            return {"http": 404, "code": "usage_not_found"}, None, None
        return None, key, self.facts[key]

    def balance(self, asked):
        return {"http": 200, "credits_allocated": self.allocated, "credits_used": self.used,
                "credits_reserved": self.reserved,
                "credits_remaining": max(0, self.allocated - self.used - self.reserved)}, None

    def adjust(self, asked):
        """An operator's adjustment is made once by its name."""
        key = ("adjust", self.name, asked["name"])
        if key in self.facts:
            return {"done": True}, None
        return {"done": True}, Change(key, None, asked["credits"])
