"""One user's account by the rules of the service (docs/reference/rules.md), and nothing more: one
call at a time, no batches, no crashes, no storage. It is the yardstick, and so shares nothing with
the service's code.

Left out is what the crash tests keep from happening: periods do not turn, reservations and grants do not
expire, plans do not change, a day does not end; prices of tokens; and over-use, so that a call is charged
at most what it holds. Of an account with grants beside its pool it knows what can be drawn of both together,
and not which of them a call was drawn from.
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
    and not yet applied, `accepted_credits` what that is to charge, None for all that is held. `parent` is
    the key of the log out of whose hold its own was taken, `lent` what of its own hold was with its
    children when it ended."""
    feature: str
    cost: int
    status: str = PENDING
    accepted: str | None = None
    charged: int = 0
    accepted_credits: int | None = None
    steps: frozenset = frozenset()
    parent: tuple | None = None
    lent: int = 0

    @property
    def of_parent(self):
        """What of its parent's hold is with it."""
        return self.cost if self.status == PENDING else self.charged + self.lent


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
    """Facts are logs, by `("log", account, request_id, payload_hash)`, and adjustments and grants, by
    `("adjust", account, name)` and `("grant", account, name)`. The sums over them are kept up beside them."""

    def __init__(self, name, rules):
        self.name, self.rules = name, rules
        self.facts = {}
        # The keys of logs whose commit was accepted and not yet applied.
        self.accepted = set()
        self.allocated, self.used, self.reserved, self.granted = rules.allocation, 0, 0, 0
        # In grants beside the pool.
        self.given = 0
        # Equal for equal facts, in whatever order they came about.
        self.fingerprint = 0
        # The keys of logs by those of their parents.
        self.children = {}

    def decide(self, call):
        """What a call asks for here and now: the answer, and the changes in their order."""
        answer, change = getattr(self, call.kind)(call.asked)
        changes = change if isinstance(change, list) else [change] if change else []
        return answer, changes

    def lent(self, key):
        """What of a log's hold is with its children."""
        log = self.facts[key]
        if log.status != PENDING:
            return log.lent
        return sum(self.facts[child].of_parent for child in self.children.get(key, ()))

    def held(self, key):
        log = self.facts[key]
        return log.cost - log.charged - self.lent(key) if log.status == PENDING else 0

    def ended(self, key, outcome, credits):
        """The log once it has ended so, charging at most what it holds."""
        log, held = self.facts[key], self.held(key)
        more = min(held if credits is None else credits, held) * (outcome == SUCCESS)
        return log._replace(
            status=outcome, accepted=None, accepted_credits=None, charged=log.charged + more,
            lent=self.lent(key))

    def applied(self, key):
        """The log once its accepted commit is applied."""
        log = self.facts[key]
        return self.ended(key, log.accepted, log.accepted_credits)

    def one_by_one(self, keys, change_of):
        """The changes of these logs, each made after those before it."""
        changes = []
        for key in keys:
            changes.append(Change(key, self.facts[key], change_of(key)))
            self.apply(changes[-1])
        for change in reversed(changes):
            self.undo(change)
        return changes

    def root(self, key):
        """The first call of a log's family."""
        log = self.facts.get(key)
        return self.root(log.parent) if log and log.parent else key

    def running_below(self, key):
        """Logs that run below one and may be canceled, those below another before that."""
        found = []
        for child in sorted(self.children.get(key, ())):
            found += self.running_below(child)
            if self.facts[child].status == PENDING and not self.facts[child].accepted:
                found.append(child)
        return found

    def apply(self, change):
        key, old, new = change
        parent = getattr(new or old, "parent", None)
        self.count(key, old, parent, -1)
        if new is None:
            del self.facts[key]
        else:
            self.facts[key] = new
        if parent and (old is None or new is None):
            self.children[parent] = self.children.get(parent, frozenset()) ^ {key}
        self.count(key, new, parent, 1)
        if getattr(new, "accepted", None):
            self.accepted.add(key)
        else:
            self.accepted.discard(key)
        self.fingerprint ^= hash((key, old)) ^ hash((key, new))

    def undo(self, change):
        self.apply(Change(change.key, change.new, change.old))

    def count(self, key, fact, parent, sign):
        """A child's fact says what its parent holds, too."""
        if parent:
            self.reserved += sign * self.held(parent)
        if isinstance(fact, Log):
            self.granted += sign
            self.used += sign * fact.charged
            self.reserved += sign * self.held(key)
        elif fact is not None and key[0] == "grant":
            self.given += sign * fact
        elif fact is not None:
            self.allocated += sign * fact

    @property
    def left(self):
        """What can be drawn."""
        return max(0, self.allocated + self.given - self.used - self.reserved)

    def validate(self, asked):
        key = ("log", self.name, asked["request_id"], asked["payload_hash"])
        log = self.facts.get(key)
        cost = self.rules.costs[asked["feature_key"]]
        parent = asked.get("parent")
        if asked.get("parent_usage_id") and parent not in self.facts:
            return {"http": 404, "code": "usage_not_found"}, None
        if self.rules.per_day is not None and self.granted >= self.rules.per_day:
            return {"http": 429, "code": "rate_limited", "usage_id": None}, None
        if log and (log.feature, log.parent) != (asked["feature_key"], parent):
            return {"http": 409, "code": "request_mismatch"}, None
        if log and (log.status != PENDING or log.accepted):
            return {"http": 409, "code": "request_already_finished", "usage_id": key,
                    **ended(log)}, None
        if log:
            return {"http": 200, "code": "replayed", "usage_id": key, "status": PENDING,
                    "credits_reserved": self.held(key)}, None
        if parent and self.has_ended(parent):
            return {"http": 409, "code": "parent_ended", "usage_id": None}, None
        if parent and cost > self.held(parent):
            return {"http": 429, "code": "parent_hold_exceeded", "usage_id": None}, None
        if not parent and cost > self.left:
            return {"http": 429, "code": "quota_exceeded", "usage_id": None}, None
        answer = {"http": 200, "code": "reserved", "usage_id": key, "status": PENDING,
                  "credits_reserved": cost}
        return answer, Change(key, None, Log(asked["feature_key"], cost, parent=parent))

    def has_ended(self, key):
        """Nothing may be taken out of the hold of a log whose commit was accepted."""
        return self.facts[key].status != PENDING or bool(self.facts[key].accepted)

    def commit(self, asked):
        refusal, key, log = self.find(asked)
        if refusal:
            return refusal, None
        outcome = SUCCESS if asked["success"] else FAILED
        if (log.accepted or outcome) != outcome or log.status not in (PENDING, outcome):
            return {"http": 409, "success": False, **ended(log)}, None
        new = log
        if log.status == PENDING:
            new = (self.applied(key) if log.accepted
                   else self.ended(key, outcome, amount(asked)))
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
        credits = amount(asked)
        if credits is None and self.lent(key):
            # What its children give back after this is not the commit's.
            credits = self.held(key)
        return answer, Change(key, log, log._replace(
            accepted=outcome, accepted_credits=credits if asked["success"] else None))

    def extend(self, asked):
        more = amount(asked, "additional_credits") or 0
        return self.step(
            "extend", asked["extension_id"], (asked.get("hold_seconds"), more), asked,
            lambda log, key: self.refused_raise(log, more)
            or log._replace(cost=log.cost + more))

    def refused_raise(self, log, more):
        if not more:
            return None
        if log.parent and self.has_ended(log.parent):
            return {"http": 409, "code": "parent_ended"}
        if log.parent and more > self.held(log.parent):
            return {"http": 429, "code": "parent_hold_exceeded"}
        if not log.parent and more > self.left:
            return {"http": 429, "code": "quota_exceeded"}
        return None

    def capture(self, asked):
        part = amount(asked)
        return self.step(
            "capture", asked["capture_id"], (part,), asked,
            lambda log, key: {"http": 409, "code": "hold_exceeded"} if part > self.held(key)
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
        new = change(log, key)
        if isinstance(new, dict):
            return {"success": False, **new}, None
        held = self.held(key) + (new.cost - new.charged) - (log.cost - log.charged)
        taken = Step(kind, name, body, held, new.charged)
        return (self.told(kind, held, new.charged),
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
        stopped = self.running_below(key)
        if log.status == PENDING and not log.accepted:
            stopped.append(key)
        return answer, self.one_by_one(stopped, lambda each: self.ended(each, FAILED, None))

    def find(self, asked):
        """The log of a commit; `key` is None for an id that nobody was ever given."""
        key = asked["key"]
        if key and key[1] != self.name:
            return {"http": 403, "code": "usage_of_another_user"}, None, None
        if key not in self.facts:
            return {"http": 404, "code": "usage_not_found"}, None, None
        return None, key, self.facts[key]

    def balance(self, asked):
        told = {"http": 200, "credits_allocated": self.allocated, "credits_remaining": self.left}
        if not self.given:
            told |= {"credits_used": self.used, "credits_reserved": self.reserved}
        return told, None

    def adjust(self, asked):
        return self.once("adjust", asked)

    def grant(self, asked):
        return self.once("grant", asked)

    def once(self, kind, asked):
        """What an operator gives is given once by its name."""
        key = (kind, self.name, asked["name"])
        if key in self.facts:
            return {"done": True}, None
        return {"done": True}, Change(key, None, asked["credits"])
