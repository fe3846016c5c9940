"""The audit: each of the four invariants, broken by hand in the database."""

import threading
import uuid

import pytest

from conftest import Service, together
from ledger_data import fill

HELD, CHARGED, FAILED = "PENDING", "SUCCESS", "FAILED"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A database at rest with one account of three logs."""
    service = Service(tmp_path_factory.mktemp("whole")).start()
    user = service.sign_up()
    user.spend()
    user.commit(user.validate().json["usage_id"], success=False)
    user.validate()
    service.user_id = user.id
    service.stop()
    assert service.audit().returncode == 0
    return service


@pytest.fixture
def ledger(whole, tmp_path):
    """A copy of it, to be broken."""
    service = whole.copy(tmp_path)
    service.user_id = whole.user_id

    def log(status):
        ((id,),) = service.rows("SELECT id FROM career_usage_logs WHERE status = ?", status)
        return str(id)

    service.log_of = log
    return service


def findings(service):
    audit = service.audit()
    assert audit.stderr == ""
    *lines, summary = audit.stdout.splitlines()
    assert audit.returncode == (1 if lines else 0)
    assert summary.endswith(f" {len(lines)} findings")
    return lines


CONTEXT = "UPDATE career_subscription_contexts SET "
LOGS = "UPDATE career_usage_logs SET "


@pytest.mark.parametrize("sql,problem", [
    (CONTEXT + "credits_used = credits_used + 1",
     "credits_used is not the sum of the period's charges (found 1000001, expected 1000000)"),
    (CONTEXT + "credits_used = 0",
     "credits_used is not the sum of the period's charges (found 0, expected 1000000)"),
    (CONTEXT + "credits_reserved = credits_reserved + 1",
     "credits_reserved is not the sum of the period's reservations "
     "(found 1000001, expected 1000000)"),
    (LOGS + "status = 'EXPIRED' WHERE status = 'PENDING'",
     "credits_reserved is not the sum of the period's reservations (found 1000000, expected 0)"),
    ("DELETE FROM career_usage_logs WHERE status = 'SUCCESS'",
     "credits_used is not the sum of the period's charges (found 1000000, expected 0)"),
])
def test_invariant_1_counters_that_are_not_their_logs_sums_are_found(ledger, sql, problem):
    ledger.break_by_hand(sql)
    assert findings(ledger) == [f"invariant 1: {ledger.user_id}: {problem}"]


def test_invariant_2_a_debt_that_is_not_the_sum_of_its_lines_is_found(ledger):
    ledger.break_by_hand(CONTEXT + "credits_owed = 5000000")
    assert findings(ledger) == [
        f"invariant 2: {ledger.user_id}: credits_owed is not the sum of its debt lines "
        "(found 5000000, expected 0)"]


def test_invariant_1_a_log_of_a_period_that_has_not_begun_is_found(ledger):
    ledger.break_by_hand(LOGS + "period_number = 2 WHERE status = 'FAILED'")
    assert findings(ledger) == [
        f"invariant 1: {ledger.log_of(FAILED)}: a log belongs to a period that its account has "
        "not begun (2)"]


def test_invariant_1_a_log_without_an_account_is_found(ledger):
    ledger.break_by_hand("DELETE FROM career_subscription_contexts")
    assert {line.split(": ")[1] for line in findings(ledger)} == {
        ledger.log_of(status) for status in (HELD, CHARGED, FAILED)}


def test_invariant_2_an_allocation_that_is_not_the_sum_of_its_grants_is_found(ledger):
    ledger.break_by_hand(CONTEXT + "credits_allocated = credits_allocated + 1")
    assert findings(ledger) == [
        f"invariant 2: {ledger.user_id}: credits_allocated is not the sum of the period's grants "
        "(found 25000001, expected 25000000)"]


def test_invariant_2_credits_spent_beyond_what_was_granted_are_found(ledger):
    ledger.break_by_hand(
        "UPDATE credit_grants SET credits = 1500000", CONTEXT + "credits_allocated = 1500000")
    assert findings(ledger) == [
        f"invariant 2: {ledger.user_id}: more is used and reserved than was ever granted "
        "(found 2000000, expected 1500000)"]


def test_a_revocation_below_what_was_used_is_no_offence(ledger):
    ledger.break_by_hand(
        "INSERT INTO credit_grants SELECT user_id, period_number, 'revocation', 'refund', "
        "-24000000, NULL, created_at FROM credit_grants",
        CONTEXT + "credits_allocated = 1000000")
    assert findings(ledger) == []


@pytest.mark.parametrize("sql,status", [
    (LOGS + "credits_charged = 1 WHERE status = 'FAILED'", FAILED),
    (LOGS + "credits_charged = 1 WHERE status = 'PENDING'", HELD),
])
def test_invariant_3_a_charge_of_what_did_not_succeed_is_found(ledger, sql, status):
    ledger.break_by_hand(sql)
    assert findings(ledger) == [
        f"invariant 3: {ledger.log_of(status)}: a log is charged otherwise than it was reserved "
        "(found 1, expected none)"]


def test_invariant_3_a_success_that_was_charged_otherwise_is_found_with_its_account(ledger):
    ledger.break_by_hand(LOGS + "credits_charged = 2000000 WHERE status = 'SUCCESS'")
    assert sorted(findings(ledger)) == [
        f"invariant 1: {ledger.user_id}: credits_used is not the sum of the period's charges "
        "(found 1000000, expected 2000000)",
        f"invariant 3: {ledger.log_of(CHARGED)}: a log is charged otherwise than it was reserved "
        "(found 2000000, expected 1000000)"]


@pytest.mark.parametrize("sql,status", [
    (LOGS + "committed_at = created_at - 1 WHERE status = 'SUCCESS'", CHARGED),
    (LOGS + "committed_at = NULL WHERE status = 'FAILED'", FAILED),
    (LOGS + "committed_at = created_at + 1 WHERE status = 'PENDING'", HELD),
])
def test_invariant_3_a_log_that_was_settled_at_no_possible_time_is_found(ledger, sql, status):
    ledger.break_by_hand(sql)
    (finding,) = findings(ledger)
    assert finding.startswith(
        f"invariant 3: {ledger.log_of(status)}: a log was settled before it was made")


def test_invariant_4_a_grant_that_was_made_twice_is_found(ledger):
    # The primary key forbids it, so the table is made anew without one.
    ledger.break_by_hand(
        "CREATE TABLE kept AS SELECT * FROM credit_grants", "DROP TABLE credit_grants",
        "ALTER TABLE kept RENAME TO credit_grants",
        "INSERT INTO credit_grants SELECT * FROM credit_grants",
        CONTEXT + "credits_allocated = 50000000")
    assert findings(ledger) == [
        f"invariant 4: {ledger.user_id}: a period was granted the same twice (found 2, expected 1)"]


def test_offences_beyond_the_bound_are_counted_and_not_named(tmp_path):
    service = Service(tmp_path)
    accounts = fill(service.database, 3000)
    if not service.uses_sqlite:
        # It is made in an SQLite file.
        filled = Service(tmp_path, DATABASE_URL=f"sqlite:{service.database}")
        assert filled.command("export", "export.jsonl").returncode == 0
        assert service.command("import", "export.jsonl").returncode == 0
    audit = service.audit()
    assert audit.returncode == 0, audit.stdout
    assert audit.stdout == f"{accounts} accounts, 3000 logs, 0 findings\n"
    broken = len(service.rows(
        LOGS + "committed_at = created_at - 1 WHERE status = 'FAILED' RETURNING id"))
    assert broken > 100
    audit = service.audit()
    *named, more, summary = audit.stdout.splitlines()
    assert audit.returncode == 1 and len(named) == 100
    assert len(set(named)) == 100
    assert more == f"… and {broken - 100} more"
    assert summary == f"{accounts} accounts, 3000 logs, {broken} findings"


def test_the_audit_beside_a_live_server_sees_one_snapshot_and_holds_nobody_up(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="warning").start()
    users = [service.sign_up() for _ in range(4)]
    for user in users:
        user.adjust("100000")
    stopped = threading.Event()
    audits = []

    def look():
        for _ in range(6):
            audits.append(service.audit())
        stopped.set()

    looking = threading.Thread(target=look)
    looking.start()
    spent = [0] * len(users)

    def spend(index):
        while not stopped.is_set():
            answer = users[index].validate(feature="career.extract_keywords")
            # A Free account may do ten a minute; refusals are decided and written about as well.
            assert answer.status in (200, 429), answer
            if answer.status == 200:
                assert users[index].commit(answer.json["usage_id"]).status == 200
            spent[index] += 1

    together(len(users), spend)
    looking.join()
    assert all(count > 0 for count in spent)
    assert [audit.returncode for audit in audits] == [0] * 6, [audit.stdout for audit in audits]
    service.stop()


def test_an_audit_of_an_older_schema_leaves_it_as_it_is(ledger):
    ledger.break_by_hand(
        "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM "
        "schema_migrations)")
    versions = ledger.rows("SELECT version FROM schema_migrations")
    audit = ledger.audit()
    assert audit.returncode == 1 and "run `cuebx migrate` first" in audit.stderr
    assert ledger.rows("SELECT version FROM schema_migrations") == versions
