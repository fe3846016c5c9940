"""The audit sees every broken invariant: each column of the ledger's tables is changed in one row, past
the schema's rules, and the audit must name something. What it cannot see is listed with the reason."""

import contextlib
import itertools
import json
import re
import sqlite3
import time
import uuid

import psycopg
import pytest

from conftest import DAY, PRO, PROVIDER, ROOT, Service
from test_integers import LEAST, MOST, Snapshot
from test_packs import LASTING, bought, dispute, give_back, page
from test_payments import buy, settle

KEYS = {
    "subscriptions": ["id"], "subscription_changes": ["id"],
    "career_subscription_contexts": ["user_id"],
    "credit_grants": ["user_id", "period_number", "kind", "cause"], "career_usage_logs": ["id"],
    "career_usage_steps": ["user_id", "usage_id", "kind", "name"], "standalone_grants": ["id"],
    "usage_draws": ["account_id", "usage_id", "position"], "pack_purchases": ["id"],
    "promotion_codes": ["code"], "code_redemptions": ["code", "user_hash"]}

# Columns of which another value is as good as the one that is there, as far as any row tells.
FREE_TEXT = "a text that nothing decides on"
INVISIBLE = {
    ("subscriptions", "canceled_at"): "Stripe's word alone: reconciliation sees it",
    ("subscriptions", "trial_end"): "Stripe's word alone: reconciliation sees it",
    ("subscriptions", "trial_used"): "may be remembered of a deleted account",
    ("subscription_changes", "at"): "the same millisecond of its id",
    ("subscription_changes", "event"): FREE_TEXT, ("subscription_changes", "reason"): FREE_TEXT,
    ("subscription_changes", "status"): "what a line before the last one told is told by it alone",
    ("subscription_changes", "plan_id"): "what a line before the last one told is told by it alone",
    ("subscription_changes", "stripe_customer_id"):
        "what a line before the last one told is told by it alone",
    ("subscription_changes", "stripe_subscription_id"):
        "what a line before the last one told is told by it alone",
    ("career_subscription_contexts", "period_plan_id"): "one of two paid plans is as likely",
    ("career_subscription_contexts", "period_start"): "a paid period is Stripe's",
    ("career_subscription_contexts", "period_end"): "a paid period is Stripe's",
    ("career_subscription_contexts", "period_anchor"): "a paid period is Stripe's",
    ("career_subscription_contexts", "earliest_expiry"):
        "a bound: any instant before the first end is one",
    ("career_subscription_contexts", "daily_limit"): "a wish of the user's",
    ("career_subscription_contexts", "monthly_limit"): "a wish of the user's",
    ("career_subscription_contexts", "top_up_below"): "a wish of the user's",
    ("career_subscription_contexts", "year_told_id"): "what a mail has said",
    ("career_subscription_contexts", "renewal_asked_at"): "any instant is as likely",
    ("career_subscription_contexts", "limits_counted_at"): "any instant of the same day is as likely",
    ("career_subscription_contexts", "former_credits_left"):
        "what a period that is over had left may have been any",
    ("credit_grants", "credits"): "the allocation of a past period's plan may have been any",
    ("credit_grants", "cause"): "an id of somebody else's world",
    ("credit_grants", "kind"): "a grant of an operator's and of an upgrade differ by the reason only",
    ("credit_grants", "reason"): FREE_TEXT,
    ("credit_grants", "created_at"): "any instant between its neighbours is as likely",
    ("career_usage_logs", "period_number"): "made at the very instant at which a period began",
    ("career_usage_logs", "request_id"): FREE_TEXT, ("career_usage_logs", "payload_hash"): FREE_TEXT,
    ("career_usage_logs", "feature_key"): "any feature of the catalog is as likely",
    ("career_usage_logs", "endpoint"): FREE_TEXT, ("career_usage_logs", "method"): FREE_TEXT,
    ("career_usage_logs", "client_ip"): FREE_TEXT, ("career_usage_logs", "user_agent"): FREE_TEXT,
    ("career_usage_logs", "model"): FREE_TEXT, ("career_usage_logs", "model_used"): FREE_TEXT,
    ("career_usage_logs", "failure_type"): "any failure is as likely",
    ("career_usage_logs", "failure_reason"): FREE_TEXT,
    ("career_usage_logs", "input_chars"): "a measure of the caller's",
    ("career_usage_logs", "max_output_tokens"): "a measure of the caller's",
    ("career_usage_logs", "input_tokens"): "a measure of the caller's",
    ("career_usage_logs", "output_tokens"): "a measure of the caller's",
    ("career_usage_logs", "latency_ms"): "a measure of the caller's",
    ("career_usage_logs", "credits_reserved"): "what was given back may have been any",
    ("career_usage_logs", "created_at"): "the same millisecond of its id",
    ("career_usage_logs", "expires_at"): "how long reservations last is a setting",
    ("career_usage_logs", "committed_at"): "any instant between its neighbours is as likely",
    ("career_usage_logs", "commit_accepted_at"): "any instant before the end is as likely",
    ("career_usage_logs", "commit_accepted_as"): "both or none",
    ("career_usage_logs", "commit_accepted_credits"): "an amount of the caller's",
    ("career_usage_logs", "credits_not_charged"): "an amount of the caller's",
    ("career_usage_logs", "cached_input_tokens"): "a measure of the caller's",
    ("career_usage_logs", "reasoning_tokens"): "a measure of the caller's",
    ("career_usage_logs", "balance_before"): "what could be spent then may have been any",
    ("career_usage_logs", "balance_after"): "what could be spent then may have been any",
    ("career_usage_logs", "catalog_revision"): "one catalog is as likely as another",
    ("career_usage_steps", "kind"): "a part of what was held may have been a raise of it",
    ("career_usage_steps", "name"): FREE_TEXT, ("career_usage_steps", "request"): FREE_TEXT,
    ("career_usage_steps", "credits"): "what was raised and given back may have been any",
    ("career_usage_steps", "credits_reserved"): "what was held in between may have been any",
    ("career_usage_steps", "credits_charged"): "what was charged in between may have been any",
    ("career_usage_steps", "expires_at"): "how long holds last is the caller's to say",
    ("career_usage_steps", "created_at"): "any instant between its neighbours is as likely",
    ("standalone_grants", "source"): "any source is as likely",
    ("standalone_grants", "priority"): "an operator's word",
    ("standalone_grants", "effective_at"): "an operator's word",
    ("standalone_grants", "expires_at"): "an operator's word",
    ("standalone_grants", "is_frozen"): "the payment provider's word alone",
    ("standalone_grants", "cause"): FREE_TEXT, ("standalone_grants", "reason"): FREE_TEXT,
    ("standalone_grants", "actor"): FREE_TEXT,
    ("standalone_grants", "created_at"): "the same millisecond of its id",
    ("career_usage_logs", "credits_overused"): "what a call took beyond is told by it alone",
    ("standalone_grants", "room"): "what may still join a rollover is told by it alone",
    ("standalone_grants", "take_back_total"): "of a rollover that is used up, any may have been asked",
    ("usage_draws", "period_number"): "a period that is over may have been drawn on as well",
    ("pack_purchases", "id"): "its grant is found by its own id, its payment by the page's",
    ("pack_purchases", "pack_id"): "the catalog may have had any", ("pack_purchases", "pack_name"): FREE_TEXT,
    ("pack_purchases", "valid_days"): "the catalog may have said any",
    ("pack_purchases", "price_minor"): "the catalog may have said any",
    ("pack_purchases", "currency"): "the catalog may have said any",
    ("pack_purchases", "success_url"): FREE_TEXT, ("pack_purchases", "cancel_url"): FREE_TEXT,
    ("pack_purchases", "session_id"): "an id of Stripe's", ("pack_purchases", "url"): "a page of Stripe's",
    ("pack_purchases", "payment_intent_id"): "an id of Stripe's",
    ("pack_purchases", "created_at"): "any instant is as likely",
    ("pack_purchases", "expires_at"): "any instant is as likely",
    ("pack_purchases", "paid_at"): "any instant is as likely",
    ("pack_purchases", "paid_minor"): "a price with its tax may have been any",
    ("pack_purchases", "returned_minor"): "what rounds to the same hundredth is as likely",
    ("pack_purchases", "credits"): "what a page that nobody paid promised may have been any",
    ("promotion_codes", "code"): "a code that nobody has redeemed may have any name",
    ("promotion_codes", "credits"): "a code that nobody has redeemed may have given any",
    ("promotion_codes", "total"): "an operator's word",
    ("promotion_codes", "starts_at"): "an operator's word",
    ("promotion_codes", "ends_at"): "an operator's word",
    ("promotion_codes", "valid_days"): "an operator's word",
    ("promotion_codes", "created_at"): "any instant is as likely",
    ("code_redemptions", "user_hash"): "a keyed hash",
    ("code_redemptions", "redeemed_at"): "any instant is as likely",
}
# Of the columns above, the changes that are seen all the same, whatever the row.
SEEN_ALL_THE_SAME = {MOST, LEAST}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A database at rest: a Free user of three months, and one who pays, has upgraded and renewed;
    logs of every kind."""
    folder = tmp_path_factory.mktemp("ledger")
    service = Service(folder, **PROVIDER.settings(folder)).start()
    keep_what_is_left(service, folder)
    free, payer = service.sign_up(), service.sign_up()
    for _ in range(2):
        for user in (free, payer):
            user.spend()
            user.commit(user.validate().json["usage_id"], success=False)
        service.advance(32 * DAY)
    free.validate()
    service.advance(3600)
    free.spend()
    buy(service, payer)
    service.advance(8 * DAY)
    payer.spend()
    assert payer.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    payer.adjust("12.5")
    payer.spend()
    service.advance_past_period(payer)
    payer.adjust("-1")
    free.spend()
    draw_on_grants(service, free)
    for user in (free, payer):
        user.spend(usage_estimate={"input_chars": 5, "max_output_tokens": 5, "model": "m"})
        user.commit(user.validate().json["usage_id"], metrics={
            "model_used": "m", "input_tokens": 1, "output_tokens": 1, "latency_ms": 1})
        user.commit(user.validate().json["usage_id"], headers={"Prefer": "respond-async"})
        user.validate()
    free.commit(free.validate().json["usage_id"], credits="0.25",
                headers={"Prefer": "respond-async"})
    grow(free, "SUCCESS", credits="0.10")
    grow(free, "CANCELED")
    grow(payer, "PENDING")
    service.advance(60)
    lend(free, "SUCCESS")
    lend(payer, "PENDING")
    limits = {"daily_credits": "20", "monthly_credits": "30"}
    assert service.call("PUT", "/career/usage/limits", limits, free.auth).status == 200
    free.spend()
    sell(service, free, payer)
    settle(service)
    service.stop()
    assert service.audit().returncode == 0, service.audit().stdout
    service.break_by_hand()
    service.whole = Snapshot(service)
    return service


def sell(service, free, payer):
    """Packs that are kept, returned in part and in full, frozen, and never paid; codes with and
    without redemptions."""
    bought(service, free)
    give_back(service, bought(service, free), amount=123)
    give_back(service, bought(service, payer, LASTING))
    dispute(service, bought(service, payer))
    assert page(payer).status == 200
    for code in ("SPRING26", "AUTUMN26"):
        added = service.command("codes", "add", code, "--credits", "5", "--total", "9")
        assert added.returncode == 0, added.stderr
    for user in (free, payer):
        assert user.post("/career/credits/redeem", {"code": "SPRING26"}).status == 200


def keep_what_is_left(service, folder):
    """Free months roll over."""
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["plans"][0]["rollover"] = {"max_credits": "3", "periods": 1}
    path = folder / "rolling.json"
    path.write_text(json.dumps(catalog))
    assert service.command("catalog", "sync", CATALOG=str(path)).returncode == 0


def draw_on_grants(service, user):
    """Grants that are whole, drawn on, used up and over; calls that draw on two of them and the pool."""
    assert user.give("0.75", "--priority", "1").returncode == 0
    assert user.give("0.5", "--priority", "2").returncode == 0
    assert user.give("2", "--priority", "99").returncode == 0
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="1").status == 200
    assert user.commit(usage, credits="1.5").status == 200
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(service.now + 60))
    assert user.give("3", "--priority", "1", "--expires-at", end).returncode == 0
    user.commit(user.validate().json["usage_id"], success=False)
    held = user.validate().json["usage_id"]
    assert user.extend(held, hold_seconds=900, additional_credits="2.5").status == 200
    assert user.capture(held, credits="0.5").status == 200
    service.advance(60)


def lend(user, end):
    """A call whose children run, have succeeded and failed, the last of them after it."""
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="3").status == 200
    below = [user.validate(parent_usage_id=usage).json["usage_id"] for _ in range(3)]
    assert user.commit(below[0], credits="0.5").status == 200
    assert user.commit(below[1], success=False).status == 200
    if end == "SUCCESS":
        assert user.commit(usage, credits="0.25").status == 200
        assert user.commit(below[2], success=False).status == 200


def grow(user, end, **commit):
    """A call that is raised, prolonged and charged in part, and how it ends."""
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, hold_seconds=60, additional_credits="0.5").status == 200
    assert user.capture(usage, credits="0.25").status == 200
    if end == "CANCELED":
        assert user.cancel(usage).status == 200
    elif end != "PENDING":
        assert user.commit(usage, success=end == "SUCCESS", **commit).status == 200


class Copies:
    """The ledger's accounts many times over in one database, each time under other ids. One audit judges
    a change in each of the copies: it names rows by their ids, and so tells whose change it has seen."""

    NUMBER = 24
    # What the engine refuses to write although no rule of the schema's is left.
    REFUSALS = (sqlite3.Error, psycopg.Error)

    def __init__(self, service):
        self.service, self.columns = service, service.columns
        plans = {id for (id,) in service.rows("SELECT id FROM plans")}
        # A copy is what its rows are called in the first one.
        self.names = [{} for _ in range(self.NUMBER)]
        self.rows = {}
        for table in ("users", *KEYS):
            self.rows[table] = service.rows(f"SELECT * FROM {table}")
            for value in itertools.chain(*self.rows[table]):
                for number, names in enumerate(self.names):
                    if value not in plans:
                        names[value] = self.name(value, number)
        for table, rows in self.rows.items():
            marks = ", ".join("?" * len(self.columns[table]))
            service.write_many(f"INSERT INTO {table} VALUES ({marks})", [
                self.row(row, number) for number in range(1, self.NUMBER) for row in rows])
        audit = service.audit()
        assert audit.returncode == 0, audit.stdout
        self.ids = [{f"x{number}", *map(str, names.values())}
                    for number, names in enumerate(self.names)]
        self.whole = Snapshot(service)

    @staticmethod
    def name(value, number):
        """An id of the same instant, an address, an id of Stripe's; all else is the same."""
        if isinstance(value, uuid.UUID):
            return uuid.UUID(int=value.int ^ number)
        if isinstance(value, str) and value.startswith("code "):
            return "code " + Copies.name(value[5:], number)
        is_name = isinstance(value, str) and number and re.match(
            r"[a-z]+_(test_)?[A-Za-z0-9]{8}|.*@|[A-Z]{6}26", value)
        return f"{number}{value}" if is_name else value

    def row(self, row, number):
        return [self.names[number].get(value, value) for value in row]

    def where(self, table, row):
        values = dict(zip(self.columns[table], row))
        return " AND ".join(f"{name} = {literal(self.service, values[name])}" for name in KEYS[table])

    def seen(self, cases):
        """For each case that can be written, whether the audit names a row of the copy that it is made
        in. A case is its statement, by the number of the copy, and the ids that it brings."""
        cases = iter(cases)
        while group := list(itertools.islice(cases, self.NUMBER)):
            yield from self.seen_together(group)

    def seen_together(self, group):
        statements = [statement(number) for number, (statement, _) in enumerate(group)]
        written = self.write(statements)
        audit = self.service.audit()
        self.whole.restore()
        assert audit.stderr == "" and audit.returncode in (0, 1), (statements, audit)
        *lines, summary = audit.stdout.splitlines()
        assert audit.returncode == (1 if lines else 0), audit
        if lines and lines[-1].startswith("…") and len(group) > 1:
            # There was more to name than the audit names.
            half = len(group) // 2
            yield from self.seen_together(group[:half])
            yield from self.seen_together(group[half:])
            return
        named = {line.split(": ")[1] for line in lines if not line.startswith("…")}
        told = set()
        for number, (_, brought) in enumerate(group):
            if written[number]:
                found = named & self.ids[number] | named & set(map(str, brought))
                told |= found
                yield group[number], bool(found)
        # Nor does it accuse a copy that nothing was changed in.
        assert named == told, (statements, audit.stdout)

    def write(self, statements):
        """Which of the statements, each for itself, could be carried out."""
        def attempt(run, statement):
            try:
                run(statement)
                return True
            except self.REFUSALS:
                return False

        service = self.service
        if service.uses_sqlite:
            with contextlib.closing(sqlite3.connect(service.database)) as connection, connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                return [attempt(connection.execute, statement) for statement in statements]
        with psycopg.connect(service.environment["DATABASE_URL"]) as connection:
            def run(statement):
                with connection.transaction():
                    connection.execute(statement)

            return [attempt(run, statement) for statement in statements]


@pytest.fixture(scope="module")
def copies(ledger, tmp_path_factory):
    service = ledger.copy(tmp_path_factory.mktemp("copies"))
    service.break_by_hand()
    return Copies(service)


def literal(service, value):
    if isinstance(value, uuid.UUID):
        return f"X'{value.hex}'" if service.uses_sqlite else f"'{value}'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'" if service.uses_sqlite else f"'\\x{value.hex()}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


def changes(service, value, is_text):
    """Other values in the place of one, by its kind; a text is another in each copy."""
    if isinstance(value, uuid.UUID):
        return [uuid.uuid4()]
    if isinstance(value, bytes):
        return [bytes(reversed(value))]
    if isinstance(value, int):
        return [value + 1, value - 1, value + 86_400_000_000, MOST, LEAST]
    return ["x"] if isinstance(value, str) or is_text else [1]


class Change:
    """A value of a row in place of the one that is there."""

    def __init__(self, copies, table, column, row, value):
        self.copies, self.table, self.column, self.row = copies, table, column, row
        self.value = value

    def statement(self, number):
        value = f"x{number}" if self.value == "x" else self.value
        return (
            f"UPDATE {self.table} SET {self.column} = {literal(self.copies.service, value)} "
            f"WHERE {self.copies.where(self.table, self.copies.row(self.row, number))}")

    @property
    def must_be_seen(self):
        return self.value in SEEN_ALL_THE_SAME or (self.table, self.column) not in INVISIBLE


@pytest.mark.parametrize("table", KEYS)
def test_a_change_of_any_column_of_the_ledger_is_named_or_listed_with_its_reason(copies, table):
    texts = text_columns(copies.service, table)
    made = [
        Change(copies, table, column, row, other)
        for row in copies.rows[table] for column, value in zip(copies.columns[table], row)
        for other in changes(copies.service, value, value is None and column in texts)]
    tried, unseen = 0, {}
    for (statement, _), is_seen in copies.seen(
            (change.statement, [change.value]) for change in made):
        change = statement.__self__
        tried += 1
        # One that hides behind another's is looked for alone.
        if change.must_be_seen and not is_seen \
                and not all(seen for _, seen in copies.seen([(statement, [change.value])])):
            unseen.setdefault((table, change.column), []).append((change.value, change.row))
    assert tried > len(made) * 0.9
    assert not unseen, "\n".join(
        f"{place}: {changes[0]} and {len(changes) - 1} more" for place, changes in unseen.items())


def text_columns(service, table):
    return {name for (name,) in service.rows(
        "SELECT name FROM pragma_table_info(?) WHERE type = 'TEXT'" if service.uses_sqlite else
        """SELECT column_name FROM information_schema.columns
        WHERE table_name = ? AND data_type = 'text'""", table)}


class Removal:
    def __init__(self, copies, table, row):
        self.copies, self.table, self.row = copies, table, row

    def statement(self, number):
        where = self.copies.where(self.table, self.copies.row(self.row, number))
        return f"DELETE FROM {self.table} WHERE {where}"


@pytest.mark.parametrize("table", KEYS)
def test_a_row_of_the_ledger_that_is_missing_is_named(copies, table):
    """One of which no other row tells is an adjustment or an upgrade of a period that is over, and a
    log of a period that is over."""
    removals = [Removal(copies, table, row) for row in copies.rows[table]]
    seen = list(copies.seen((removal.statement, []) for removal in removals))
    assert len(seen) == len(removals) > 0
    for (statement, _), is_seen in seen:
        row = statement.__self__.row
        values = dict(zip(copies.columns[table], row))
        if is_seen:
            continue
        if table == "career_usage_steps":
            # A prolongation, or a raise.
            assert values["kind"] == "extend"
        elif table == "pack_purchases":
            # A page that nobody has paid.
            assert values["paid_at"] is None
        elif table == "promotion_codes":
            # A code that nobody has redeemed.
            assert values["redeemed"] == 0
        elif table == "standalone_grants":
            # One that nothing was drawn of, and that is over.
            assert values["held"] == values["captured"] == values["remaining"] == 0
        elif table == "usage_draws":
            # What was held of a grant and given back.
            assert values["held"] == values["captured"] == 0
        elif table == "career_usage_logs":
            ((running,),) = copies.service.rows(
                "SELECT period_number FROM career_subscription_contexts WHERE user_id = ?",
                values["user_id"])
            assert values["period_number"] < running or values["status"] in ("FAILED", "EXPIRED")
        elif table == "subscription_changes":
            # A line between two others.
            times = [at for (at,) in copies.service.rows(
                "SELECT at FROM subscription_changes WHERE subscription_id = ?",
                values["subscription_id"])]
            assert min(times) < values["at"] <= max(times) and len(times) > 1
        else:
            assert table == "credit_grants" and values["kind"] in ("adjustment", "upgrade"), \
                (table, row)


PLANTED = {
    "a past period is overspent":
        "UPDATE career_usage_logs SET credits_reserved = 900000000, credits_charged = 900000000 "
        "WHERE status = 'SUCCESS' AND period_number = 1",
    "a log of a past period is charged again":
        "UPDATE credit_grants SET credits = 500000 WHERE period_number = 1",
    "every line of the history is gone": "DELETE FROM subscription_changes",
    "every grant is gone": "DELETE FROM credit_grants",
    "the grant of a past period is gone":
        "DELETE FROM credit_grants WHERE period_number = 1 AND kind = 'plan'",
    "every subscription is gone": "DELETE FROM subscriptions",
    "every user is gone": "DELETE FROM users",
    "every account is gone": "DELETE FROM career_subscription_contexts",
    "an account lies an hour in the future":
        "UPDATE career_subscription_contexts SET decided_at = decided_at + 3600000000",
    "an account lies a year in the future":
        "UPDATE career_subscription_contexts SET decided_at = decided_at + 31536000000000",
    "a charge came after the end":
        "UPDATE career_usage_logs SET expires_at = created_at + 1 WHERE status = 'SUCCESS'",
    "a finished log is of the future":
        "UPDATE career_usage_logs SET committed_at = committed_at + 31536000000000 "
        "WHERE status = 'FAILED'",
    "accounts have each other's subscriptions":
        "UPDATE subscriptions SET user_id = id",
    "what is held lapses before the account looks":
        "UPDATE career_subscription_contexts SET earliest_expiry = earliest_expiry + 31536000000000",
    "an account forgets what it holds":
        "UPDATE career_subscription_contexts SET earliest_expiry = NULL",
    "a holder who is locked out may act":
        "UPDATE users SET is_active = 0",
    "an account has another plan than its subscription":
        "UPDATE career_subscription_contexts SET subscription_status = 'past_due'",
    "a part was charged that nobody asked for":
        "UPDATE career_usage_logs SET credits_captured = credits_captured + 1 WHERE status = 'FAILED'",
    "a part was forgotten": "DELETE FROM career_usage_steps WHERE kind = 'capture'",
    "a success gave back what it had charged":
        "UPDATE career_usage_logs SET credits_released = credits_released + 1 WHERE status = 'SUCCESS'",
    "a hold was raised by more than it held":
        "UPDATE career_usage_steps SET credits = 900000000 WHERE kind = 'extend'",
    "a grant has more left than it had":
        "UPDATE standalone_grants SET remaining = remaining + 1000000",
    "a grant was drawn on by nobody":
        "UPDATE standalone_grants SET captured = captured + 1, amount = amount + 1 "
        "WHERE captured > 0",
    "a call's draws are gone": "DELETE FROM usage_draws",
    "a call hides its draws": "UPDATE career_usage_logs SET has_draws = 0",
    "a call draws on a grant that nobody has":
        "UPDATE usage_draws SET grant_id = usage_id WHERE grant_id IS NOT NULL",
    "an account forgets its grants": "UPDATE career_subscription_contexts SET open_grants = 0",
    "an account has grants that are gone": "DELETE FROM standalone_grants",
    "a grant was not taken back":
        "UPDATE standalone_grants SET take_back_total = 1 WHERE remaining > 0",
    "what was spent is forgotten":
        "UPDATE career_subscription_contexts SET day_captured = 0, month_captured = 0",
    "what is held counts against no limit":
        "UPDATE career_subscription_contexts SET held_in_all = 0",
    "limits count nothing":
        "UPDATE career_subscription_contexts SET limits_counted_at = NULL, day_captured = NULL, "
        "month_captured = NULL, held_in_all = NULL",
    "a part of a success is forgotten":
        "DELETE FROM career_usage_steps WHERE kind = 'capture' AND usage_id IN "
        "(SELECT id FROM career_usage_logs WHERE status = 'SUCCESS')",
    "more was taken of a pack than its money's share":
        "UPDATE standalone_grants SET take_back_total = take_back_total + 10000, "
        "taken_back = taken_back + 10000, remaining = remaining - 10000 "
        "WHERE source = 'top_up' AND take_back_total > 0 AND remaining > 10000",
    "what was given was to be taken back":
        "UPDATE standalone_grants SET take_back_total = 1 WHERE source = 'promotion' AND remaining = 0",
    "a code gave more than it says":
        "UPDATE standalone_grants SET amount = amount + 1000000, remaining = remaining + 1000000 "
        "WHERE cause LIKE 'code %'",
    "a code was redeemed by nobody":
        "UPDATE promotion_codes SET redeemed = 1 WHERE redeemed = 0",
    "a code is gone": "DELETE FROM promotion_codes WHERE redeemed > 0",
    "a rollover is larger than what its period forfeited":
        "UPDATE standalone_grants SET amount = amount + 1, expired = expired + 1 "
        "WHERE source = 'rollover'",
    "a rollover is of another period":
        "UPDATE standalone_grants SET cause = cause || '9' WHERE source = 'rollover'",
    "a call has lent more than its children took":
        "UPDATE career_usage_logs SET credits_lent = credits_lent + 1, "
        "credits_reserved = credits_reserved + 1 "
        "WHERE status = 'PENDING' AND credits_lent > 0",
    "a call has lent what it gave back":
        "UPDATE career_usage_logs SET credits_lent = credits_lent + 1, "
        "credits_released = credits_released - 1 WHERE status = 'SUCCESS' AND credits_lent > 0",
    "a call gave back what it has lent":
        "UPDATE career_usage_logs SET credits_lent = credits_lent - 1, "
        "credits_released = credits_released + 1 WHERE status = 'SUCCESS' AND credits_lent > 0",
    "a period left over what it had used": (
        "UPDATE credit_grants SET credits = credits - 25000000 WHERE kind = 'forfeiture'",
        "UPDATE standalone_grants SET amount = amount + 25000000, expired = expired + 25000000 "
        "WHERE source = 'rollover'"),
    "a child has no parent":
        "DELETE FROM career_usage_logs WHERE status = 'SUCCESS' AND credits_lent > 0",
    "a pool forfeited nothing": "DELETE FROM credit_grants WHERE kind = 'forfeiture'",
    "a window was emptied":
        "UPDATE career_subscription_contexts SET minute_count = 0, day_count = 0",
    "a period runs the other way":
        "UPDATE career_subscription_contexts SET period_end = period_start - 1",
    "an invoice was granted in two periods":
        "UPDATE credit_grants SET cause = (SELECT max(cause) FROM credit_grants "
        "WHERE kind = 'plan' AND cause <> 'free_month') WHERE kind = 'plan' "
        "AND cause <> 'free_month'",
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_past_the_schemas_rules_is_named(ledger, what):
    planted = PLANTED[what]
    ledger.break_by_hand(*([planted] if isinstance(planted, str) else planted))
    audit = ledger.audit()
    ledger.whole.restore()
    assert audit.returncode == 1 and audit.stderr == "", audit
    assert len(audit.stdout.splitlines()) >= 2


def test_a_request_that_was_reserved_for_twice_is_named(ledger, tmp_path):
    copy = ledger.copy(tmp_path)
    copy.break_by_hand("DROP INDEX career_usage_logs_by_request")
    ids = [id for (id,) in copy.rows(
        "SELECT id FROM career_usage_logs WHERE status = 'SUCCESS' ORDER BY id")][:2]
    copy.rows("UPDATE career_usage_logs SET request_id = 'same', payload_hash = ?", "ab" * 32)
    audit = copy.audit()
    assert len(ids) == 2 and audit.returncode == 1
    assert "a request was reserved for more than once" in audit.stdout
