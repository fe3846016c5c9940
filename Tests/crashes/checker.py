"""Is there an order of the calls, true to their times, in which the model gives every answer that
the clients had, and ends where the database ended?

The accounts do not touch each other, so each is looked at by itself (linearizability is local:
Herlihy and Wing 1990). The search is that of Wing and Gong with Lowe's memory of places that led
nowhere: take any call that no other call ended before, let the model decide on it, go on where the
answer is the one observed, else go back. A call without an answer may be taken, with whatever
answer, or left out, up to the instant from which nothing could carry it out any more.

What the worker does to an accepted commit no client asked for, so it has no call. It is left undone
until an answer says that it must have been done, by a balance, by another accept of the same log,
or by a reservation for which only a failed call can have made room. Whatever order there is, there
is then one like that too.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import combinations

from history import Call
from model import FAILED, PENDING, SUCCESS, Account, Change

# The search of one account gives up after this many steps. Explained histories take about as many
# steps as they have calls.
MAXIMUM_STEPS = 300_000

# The calls that may go otherwise, or have another effect, once others of the family have ended.
FAMILY_MATTERS = ("accept", "commit", "capture", "cancel")


class Violation(AssertionError):
    """What was observed has no explanation by the rules."""


@dataclass
class StoredLog:
    """A row of `career_usage_logs`; amounts in micro-credits."""
    account: str
    request_id: str
    payload_hash: str
    usage_id: str
    feature: str
    status: str
    reserved: int
    charged: int | None
    # The kinds and names of what was done with its hold.
    steps: frozenset = frozenset()
    lent: int = 0
    # The usage id of the log out of whose hold its own was taken.
    parent: str | None = None

    @property
    def held(self):
        return self.reserved - (self.charged or 0) - self.lent if self.status == PENDING else 0

    @property
    def key(self):
        return ("log", self.account, self.request_id, self.payload_hash)


@dataclass
class StoredGrant:
    """A row of `standalone_grants`; amounts in micro-credits."""
    amount: int
    remaining: int
    held: int
    captured: int


@dataclass
class EndState:
    """What was read when all was at rest: the logs, adjustments and grants of the database, by SQL, and
    the balances, as the service told them."""
    logs: list = field(default_factory=list)
    # (account, name) → credits
    adjustments: dict = field(default_factory=dict)
    # account → the fields of the model's answer, and what is left by source
    balances: dict = field(default_factory=dict)
    # (account, name) → StoredGrant
    grants: dict = field(default_factory=dict)

    def grants_of(self, name):
        return [grant for (account, _), grant in self.grants.items() if account == name]


def check(calls, rules, end):
    """Raises Violation where the history cannot have been.

    - returns: how many calls were explained that had an answer.
    """
    keys = keys_of_usages(calls, end)
    check_stored(calls, end)
    of_account = defaultdict(list)
    stored = {log.key: log for log in end.logs}
    reserved = {keys[call.answer["usage_id"]] for call in calls
                if call.answer and call.answer.get("code") == "reserved"}
    for call in calls:
        call = resolve(call, keys)
        if call.answer or could_matter(call, reserved, stored):
            of_account[call.account].append(call)
    for name in sorted(of_account.keys() | end.balances.keys()):
        # What was read when all was at rest comes after everything else.
        balance = end.balances.get(name)
        last = max((call.deadline for call in of_account[name]), default=0) + 1
        history = of_account[name]
        if balance:
            history.append(Call("balance", name, {}, last, last, balance))
        Search(Account(name, rules), history, facts_of(name, end)).run()
    return sum(call.answer is not None for call in calls)


def keys_of_usages(calls, end):
    """What each usage id stands for. A request has one for good, and each has its own."""
    keys, ids = {}, {}
    told = [(log.usage_id, log.key) for log in end.logs]
    told += [
        (call.answer["usage_id"],
         ("log", call.account, call.asked["request_id"], call.asked["payload_hash"]))
        for call in calls if call.kind == "validate" and call.answer
        and call.answer.get("usage_id")]
    for usage_id, key in told:
        if keys.setdefault(usage_id, key) != key:
            raise Violation(f"usage {usage_id} is both {keys[usage_id]} and {key}")
        if ids.setdefault(key, usage_id) != usage_id:
            raise Violation(f"{key} is reserved twice: {ids[key]} and {usage_id}")
    return keys


def check_stored(calls, end):
    """Rows that are wrong whatever the order was."""
    asked = {
        ("log", call.account, call.asked["request_id"], call.asked["payload_hash"])
        for call in calls if call.kind == "validate"}
    for log in end.logs:
        if log.key not in asked:
            raise Violation(f"nobody asked for {log}")
        if (log.charged or 0) + log.lent > log.reserved or log.status == SUCCESS and log.charged is None:
            raise Violation(f"charged otherwise than reserved: {log}")
        if log.status not in (PENDING, SUCCESS, FAILED):
            raise Violation(f"cannot have ended so: {log}")
    for name, balance in end.balances.items():
        logs, grants = [log for log in end.logs if log.account == name], end.grants_of(name)
        # Of the pool, as the balance tells them: the rest was drawn from grants.
        used = sum(log.charged or 0 for log in logs) - sum(grant.captured for grant in grants)
        reserved = sum(log.held for log in logs) - sum(grant.held for grant in grants)
        if (balance["credits_used"], balance["credits_reserved"]) != (used, reserved):
            raise Violation(f"{name}: {balance}, but its logs say {used} and {reserved}")
        if used + reserved > balance["credits_allocated"]:
            raise Violation(f"{name} is over its budget: {balance}")
        if any(grant.amount != grant.remaining + grant.held + grant.captured for grant in grants):
            raise Violation(f"{name} has a grant that is not conserved: {grants}")
        check_sources(name, balance, sum(grant.remaining for grant in grants))


def check_sources(name, balance, given):
    """What is left is told by source, and sums up to what can be drawn."""
    sources = balance.get("by_source")
    if sources is None:
        return
    pool = balance["credits_allocated"] - balance["credits_used"] - balance["credits_reserved"]
    if sources.get("promotion", 0) != given or sources["plan"] != pool \
            or sum(sources.values()) != balance["credits_remaining"]:
        raise Violation(f"{name}: {balance}, but {pool} of the pool and {given} of its grants are left")


def resolve(call, keys):
    """The call with usage ids replaced by what they stand for, as the model speaks of them."""
    asked, answer = dict(call.asked), call.answer and dict(call.answer)
    if "usage_id" in asked:
        asked["key"] = keys.get(asked["usage_id"])
    if asked.get("parent_usage_id"):
        asked["parent"] = keys.get(asked["parent_usage_id"])
    if answer and answer.get("usage_id"):
        answer["usage_id"] = keys.get(answer["usage_id"])
    return replace(call, asked=asked, answer=answer)


def could_matter(call, reserved, stored):
    """Whether a call without an answer can have changed anything, given that each request was
    reserved once, and that a log leaves PENDING once.

    - reserved: the requests that another call was told to have reserved.
    - stored: how each log ended.
    """
    if call.kind == "validate":
        key = ("log", call.account, call.asked["request_id"], call.asked["payload_hash"])
        return key in stored and key not in reserved
    log = stored.get(call.asked.get("key"))
    if call.kind in ("commit", "accept", "cancel"):
        success = call.kind != "cancel" and call.asked["success"]
        return bool(log) and log.status == (SUCCESS if success else FAILED)
    if call.kind in ("extend", "capture"):
        name = call.asked["extension_id" if call.kind == "extend" else "capture_id"]
        return bool(log) and (call.kind, name) in log.steps
    return call.kind in ("adjust", "grant")


def facts_of(name, end):
    """How the model must end: each log's status and cost, each adjustment's amount."""
    keys = {log.usage_id: log.key for log in end.logs}
    facts = {log.key: (log.feature, log.status, log.reserved, log.charged or 0, log.steps,
                       keys.get(log.parent))
             for log in end.logs if log.account == name}
    given = [("adjust", key, credits) for key, credits in end.adjustments.items()]
    given += [("grant", key, grant.amount) for key, grant in end.grants.items()]
    return facts | {(kind, *key): credits for kind, key, credits in given if key[0] == name}


def as_stored(fact):
    if isinstance(fact, int):
        return fact
    return (fact.feature, fact.status, fact.cost, fact.charged,
            frozenset(step[:2] for step in fact.steps), fact.parent)


class Search:
    """Finds an order of one account's calls. The calls not yet taken form a list that is linked
    both ways, in the order of their starts, so that one is taken and put back in one step."""

    def __init__(self, account, calls, facts):
        self.account, self.facts = account, facts
        self.calls = sorted(calls, key=lambda call: call.start)
        count = len(self.calls)
        self.next = [*range(1, count + 1), 0]
        self.previous = [count, *range(count)]
        # The list's head stands behind the last call.
        self.head = count
        self.taken, self.steps, self.depth = 0, 0, 0
        self.deepest, self.stuck = -1, ""
        self.seen = set()
        # What was taken, each with what it changed and what was left to try in its place.
        self.path = []

    def run(self):
        choices = self.choices()
        while True:
            if self.next[self.head] == self.head:
                missing = self.missing()
                if not missing:
                    return
                self.note(missing)
            move = next((move for move in choices if self.enter(*move)), None)
            if move is not None:
                self.path.append((*move, choices))
                choices = self.choices()
                continue
            if not self.path:
                raise Violation(f"no order explains account {self.account.name}: {self.stuck}")
            index, changes, choices = self.path.pop()
            self.leave(index, changes)

    def choices(self):
        """The calls that may come next, each with what it changes: those that no call left ended
        before, the answered ones first; then the ones without an answer; then, where such a call
        has to be decided on, leaving it out."""
        limit, first, index, candidates = math.inf, None, self.next[self.head], []
        while index != self.head and self.calls[index].start <= limit:
            candidates.append(index)
            if self.calls[index].deadline < limit:
                limit, first = self.calls[index].deadline, index
            index = self.next[index]
        candidates.sort(key=lambda index: (
            self.calls[index].answer is None, self.calls[index].deadline))
        told, moves = [], []
        for index in candidates:
            call = self.calls[index]
            ways, reason = self.ways(call)
            moves += [(index, changes) for changes in ways]
            if not ways and call.answer is not None:
                told.append(f"{call}: {reason}")
        if first is not None and self.calls[first].answer is None:
            moves.append((first, []))
        if not moves:
            self.note("; or ".join(told) or "nothing may come next")
        return iter(moves)

    def ways(self, call):
        """The changes, of the worker's and then of its own, with which the rules answer this call
        as it was answered; none, and the reason."""
        ways, reason = [], None
        for settled in self.settled_before(call):
            if call.kind not in FAMILY_MATTERS and any(
                    all(change in settled for change in way) for way, _ in ways):
                # What needs not be done yet can wait; but what children have given back before an
                # acceptance is its own, and what they give back once their parent has ended is not
                # the parent's.
                continue
            for change in settled:
                self.account.apply(change)
            answer, changes = self.account.decide(call)
            for done in reversed(settled):
                self.account.undo(done)
            if call.answer is None and not changes:
                reason = "without an effect it is as if it were left out"
            elif call.answer and any(
                    call.answer.get(name) != value for name, value in answer.items()):
                reason = reason or f"the rules say {answer}"
            elif not all(self.may_become(change) for change in changes):
                reason = reason or f"{[change.new for change in changes]} is not what is stored"
            else:
                ways.append((settled, [*settled, *changes]))
        return [changes for _, changes in ways], reason

    def settled_before(self, call):
        """What the worker may have done since the last call that could tell; the least first."""
        yield []
        keys = [key for key in self.account.accepted
                if self.may_become(self.settling(key)) or self.has_accepted_children(key)]
        own = call.asked.get("key")
        if call.kind in FAMILY_MATTERS:
            # What gives back to whom depends on which of a family have ended.
            keys = [key for key in keys if (key != own or call.kind == "accept")
                    and self.account.root(key) == self.account.root(own)]
        elif call.kind in ("validate", "extend"):
            if call.answer and call.answer.get("code") not in ("reserved", "replayed", "extended"):
                return
            keys = [key for key in keys if self.gives_back(key) or self.has_accepted_children(key)]
        elif call.kind != "balance":
            return
        for count in range(1, len(keys) + 1):
            for chosen in combinations(keys, count):
                for changes in self.settlements(chosen):
                    if call.kind != "balance" or self.makes_up(changes, call.answer):
                        yield changes

    def settlements(self, keys):
        """The ways in which the worker may have applied these accepted commits. A commit with an
        amount charges at most what is held when it is applied, and what a child of it gave back
        before is held, so the order within a family makes a difference."""
        if not keys:
            return [[]]
        alone = next((key for key in keys if not self.is_related(key, keys)), None)
        ways = []
        for key in keys if alone is None else [alone]:
            change = self.settling(key)
            if self.may_become(change):
                self.account.apply(change)
                ways += [[change, *rest]
                         for rest in self.settlements([other for other in keys if other != key])]
                self.account.undo(change)
        return ways

    def is_related(self, key, keys):
        parent = self.account.facts[key].parent
        return any(other == parent or self.account.facts[other].parent == key for other in keys)

    def has_accepted_children(self, key):
        return any(child in self.account.accepted
                   for child in self.account.children.get(key, ()))

    def gives_back(self, key):
        """Whether more can be held once the accepted commit is applied."""
        log = self.account.facts[key]
        return self.account.applied(key).charged - log.charged < self.account.held(key)

    def makes_up(self, changes, balance):
        """Whether these changes are the difference between what is known and what was told."""
        for change in changes:
            self.account.apply(change)
        told = (self.account.used, self.account.reserved, self.account.left)
        for change in reversed(changes):
            self.account.undo(change)
        if self.account.given:
            return told[2] == balance["credits_remaining"]
        return told[:2] == (balance["credits_used"], balance["credits_reserved"])

    def settling(self, key):
        return Change(key, self.account.facts[key], self.account.applied(key))

    def may_become(self, change):
        """A log is never removed, leaves PENDING once and only grows until then, so the stored end
        says already now which ways lead nowhere."""
        stored = self.facts.get(change.key)
        if stored is None:
            return False
        new = as_stored(change.new)
        if isinstance(stored, int) or new[1] != PENDING:
            return new == stored
        return new[0] == stored[0] and new[2] <= stored[2] and new[3] <= stored[3] \
            and new[4] <= stored[4]

    def missing(self):
        """What is stored and has no explanation; what was accepted has been applied by now."""
        settled = next(iter(self.settlements(list(self.account.accepted))), None)
        if settled is None:
            return [f"what is stored of {sorted(self.account.accepted)} is not what was accepted"]
        for change in settled:
            self.account.apply(change)
        found = {key: as_stored(fact) for key, fact in self.account.facts.items()}
        for change in reversed(settled):
            self.account.undo(change)
        return [f"{key} is stored as {stored}, the rules say {found.get(key)}"
                for key, stored in self.facts.items() if found.get(key) != stored]

    def note(self, reason):
        if self.depth > self.deepest:
            self.deepest = self.depth
            self.stuck = f"after {self.depth} of {len(self.calls)} calls: {reason}"

    def enter(self, index, changes):
        """Takes a call, unless that leads to where the search has been."""
        for change in changes:
            self.account.apply(change)
        place = (self.taken | 1 << index, self.account.fingerprint)
        if place in self.seen:
            for change in reversed(changes):
                self.account.undo(change)
            return False
        self.steps += 1
        if self.steps > MAXIMUM_STEPS:
            raise Violation(
                f"no order was found in {self.steps} steps for {self.account.name}: {self.stuck}")
        self.seen.add(place)
        self.taken, self.depth = place[0], self.depth + 1
        self.next[self.previous[index]] = self.next[index]
        self.previous[self.next[index]] = self.previous[index]
        return True

    def leave(self, index, changes):
        self.next[self.previous[index]] = self.previous[self.next[index]] = index
        self.taken, self.depth = self.taken ^ 1 << index, self.depth - 1
        for change in reversed(changes):
            self.account.undo(change)
