"""Credits beside the pool of a period: given by hand, drawn on by calls, shown to their user."""

import datetime
import json
import uuid

import pytest

from conftest import ROOT, together
from test_payments_queue import until

PARTS = ("remaining", "held", "captured", "expired", "taken_back")
POOL = ["credits_allocated", "credits_used", "credits_reserved"]


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parts(user, source="promotion"):
    [grant] = [grant for grant in user.grants if grant["source"] == source]
    assert sum(float(grant[name]) for name in PARTS) == float(grant["amount"])
    return [grant[name] for name in PARTS]


def test_a_grant_by_hand_is_made_once_by_its_id_and_listed_with_who_gave_it_and_why(service, user):
    before = user.balance
    added = user.give("7.5", "--id", "ticket-1", "--actor", "Ada", "--priority", "3",
                      source="compensation", reason="An outage")
    assert added.returncode == 0 and added.stdout.startswith("added "), added
    again = user.give("9", "--id", "ticket-1", source="compensation")
    assert again.returncode == 0
    assert again.stdout.split() == ["already", "done", added.stdout.split()[1]]
    gift, pool = user.grants
    assert gift == {
        "id": added.stdout.split()[1], "source": "compensation", "amount": "7.50",
        "remaining": "7.50", "held": "0.00", "captured": "0.00", "expired": "0.00",
        "taken_back": "0.00", "is_frozen": False, "is_paid": False, "priority": 3,
        "effective_at": gift["effective_at"], "expires_at": None, "lines": None,
        "text": "Credits to make up for something that went wrong; they do not end."}
    assert pool["id"] == "pool-1" and pool["source"] == "plan" and pool["amount"] == "25.00"
    assert pool["expires_at"] == before["period_end"] and pool["is_paid"] is False
    assert [(line["kind"], line["credits"]) for line in pool["lines"]] == [("plan", "25.00")]
    balance = user.balance
    assert [balance[name] for name in POOL] == [before[name] for name in POOL]
    assert balance["credits_remaining"] == "32.50"
    assert balance["by_source"] == {
        "plan": "25.00", "rollover": "0.00", "top_up": "0.00", "promotion": "0.00",
        "compensation": "7.50"}
    [kept] = user.get("/auth/me/export").json["grants"]
    assert (kept["reason"], kept["actor"], kept["cause"]) == ("An outage", "Ada", "by_hand ticket-1")
    assert user.give("1").stdout != user.give("1").stdout


def test_calls_draw_on_grants_and_the_pool_and_a_release_goes_home(user):
    assert user.give("2", "--priority", "1").returncode == 0
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="3").status == 200
    assert parts(user) == ["0.00", "2.00", "0.00", "0.00", "0.00"]
    assert parts(user, "plan") == ["23.00", "2.00", "0.00", "0.00", "0.00"]
    assert user.capture(usage, credits="2.5").status == 200
    assert parts(user) == ["0.00", "0.00", "2.00", "0.00", "0.00"]
    balance = user.balance
    assert [balance[name] for name in POOL] == ["25.00", "0.50", "1.50"]
    assert user.commit(usage, success=False).json["credits_charged"] == "2.50"
    assert parts(user, "plan") == ["24.50", "0.00", "0.50", "0.00", "0.00"]
    # What is used up follows what is open.
    assert [grant["source"] for grant in user.grants] == ["plan", "promotion"]
    other = user.validate().json["usage_id"]
    assert user.commit(other).status == 200 and user.balance["credits_used"] == "1.50"
    log = user.get("/career/usage/logs").json["items"][1]
    assert (log["credits_reserved"], log["credits_charged"]) == ("4.00", "2.50")


def test_with_grants_a_user_spends_more_than_the_pool_and_never_more_than_both(user):
    assert user.give("1.5").returncode == 0
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="24").status == 200
    assert user.balance["credits_remaining"] == "1.50"
    answers = together(6, lambda number: user.validate(feature="career.extract_keywords"))
    granted = sum(float(answer.json["credits_reserved"]) for answer in answers
                  if answer.status == 200)
    assert granted <= 1.5 and any(answer.status == 429 for answer in answers)
    refused = user.extend(usage, "more", additional_credits="24")
    assert refused.status == 429 and refused.json["code"] == "quota_exceeded"


def test_a_hold_of_a_month_that_is_over_is_raised_from_the_new_one(own_service):
    user = own_service.new_user()
    own_service.advance_past_period(user, beyond=-60)
    usage = user.validate(hold_seconds=600).json["usage_id"]
    own_service.advance(120)
    assert user.extend(usage, additional_credits="2").status == 200
    balance = user.balance
    assert [balance[name] for name in POOL] == ["25.00", "0.00", "2.00"]
    assert user.commit(usage, credits="1.5").json["credits_charged"] == "1.50"
    balance = user.balance
    assert [balance[name] for name in POOL] == ["25.00", "0.50", "0.00"]


def test_what_has_ended_is_not_spent_before_the_sweeper_comes_and_is_written_down_by_it(own_service):
    user, other = own_service.new_user(), own_service.new_user()
    end = rfc3339(own_service.now + 600)
    for one in (user, other):
        assert one.give("5", "--expires-at", end, "--priority", "1").returncode == 0
    usage = user.validate().json["usage_id"]
    assert user.grants[0]["expires_at"] == end
    own_service.advance(600)
    balance = user.balance
    assert balance["credits_remaining"] == "25.00" and balance["by_source"]["promotion"] == "0.00"
    assert parts(user) == ["0.00", "1.00", "0.00", "4.00", "0.00"]
    assert user.commit(usage, success=False).status == 200
    assert parts(user) == ["0.00", "0.00", "0.00", "5.00", "0.00"]
    ended = "SELECT remaining, expired FROM standalone_grants WHERE account_id = ?"
    until(lambda: own_service.rows(ended, uuid.UUID(other.id)) == [(0, 5_000_000)])
    assert own_service.rows(
        "SELECT open_grants FROM career_subscription_contexts WHERE user_id = ?",
        uuid.UUID(other.id)) == [(0,)]


def test_grants_outlive_the_month_and_the_list_of_those_that_are_over_has_pages(own_service):
    user = own_service.new_user()
    assert user.give("30").returncode == 0
    end = rfc3339(own_service.now + 60)
    ids = [user.give("1", "--expires-at", end).stdout.split()[1] for _ in range(3)]
    own_service.advance_past_period(user)
    first = user.get("/career/credits?limit=2").json
    sources = [grant["source"] for grant in first["grants"]]
    assert sources == ["plan", "promotion", "promotion", "promotion"]
    assert first["grants"][0]["id"] == "pool-2" and first["grants"][0]["amount"] == "25.00"
    assert first["grants"][1]["remaining"] == "30.00"
    rest = user.get(f"/career/credits?limit=2&cursor={first['next_cursor']}").json
    seen = [grant["id"] for grant in first["grants"][2:] + rest["grants"]]
    assert seen == ids[::-1] and rest["next_cursor"] is None
    assert user.balance["credits_remaining"] == "55.00"
    for bad in ("cursor=x", "limit=0", "limit=101", "limit=x"):
        assert user.get(f"/career/credits?{bad}").status == 422


def test_the_65th_open_grant_is_refused_and_the_others_stay(service, user):
    # After the account's last decision.
    now = int(service.now + 2) * 1_000_000
    service.write_many(
        "INSERT INTO standalone_grants (id, account_id, source, amount, priority, effective_at, "
        "is_paid, cause, created_at, remaining, held, captured, expired, taken_back, "
        "take_back_total, is_frozen) "
        "VALUES (?, ?, 'promotion', 1000000, 50, ?, 0, ?, ?, 1000000, 0, 0, 0, 0, 0, 0)",
        [(uuid.UUID(int=(now // 1000 << 80) | 0x7000 << 64 | 0b10 << 62 | number),
          uuid.UUID(user.id), now, f"by_hand {number}", now) for number in range(63)])
    service.write(
        "UPDATE career_subscription_contexts SET open_grants = 63, decided_at = ? WHERE user_id = ?",
        now, uuid.UUID(user.id))
    assert user.give("1").returncode == 0
    refused = user.give("1")
    assert refused.returncode == 1 and "64 open grants" in refused.stderr
    assert user.balance["credits_remaining"] == "89.00" and len(user.grants) == 65


@pytest.mark.parametrize("arguments,told", [
    (["0"], "no amount"), (["-1"], "no amount"), (["1.0000001"], "no amount"),
    (["1000000000.01"], "no amount"), (["x"], "no amount"),
    (["1", "--priority", "101"], "0 to 100"), (["1", "--priority=-1"], "0 to 100"),
    (["1", "--expires-at", "tomorrow"], "no time"),
    (["1", "--expires-at", "2001-01-01T00:00:00Z"], "end before"),
    (["1", "--effective-at", "2100-01-02T00:00:00Z", "--expires-at", "2100-01-01T00:00:00Z"],
     "end before"),
    (["1", "--id", "x" * 256], "1 to 255"), (["1", "--actor", ""], "1 to 255"),
])
def test_a_bad_grant_is_refused_in_one_line_and_changes_nothing(service, user, arguments, told):
    refused = user.give(*arguments)
    assert refused.returncode == 1 and told in refused.stderr, refused
    assert len(refused.stderr.splitlines()) == 1
    assert service.rows(
        "SELECT 1 FROM standalone_grants WHERE account_id = ?", uuid.UUID(user.id)) == []


def test_a_grant_needs_a_source_a_reason_and_a_user_with_a_subscription(service, user):
    assert service.command("grants", "add", user.id, "1", "--reason", "x").returncode != 0
    assert service.command("grants", "add", user.id, "1", "--source", "promotion").returncode != 0
    assert user.give("1", source="top_up").returncode != 0
    for reason in ("", "x" * 1001):
        refused = user.give("1", reason=reason)
        assert refused.returncode == 1 and "1 to 1000" in refused.stderr
    unknown = service.command("grants", "add", str(uuid.uuid4()), "1", "--source", "promotion",
                              "--reason", "x")
    assert unknown.returncode == 1 and "no user" in unknown.stderr
    assert user.grants == user.grants[:1]


def test_an_adjustment_takes_at_most_what_remains_of_the_period(user):
    assert user.give("10").returncode == 0
    assert user.spend().status == 200
    usage = user.validate().json["usage_id"]
    refused = user.adjust("-23.5")
    assert refused.returncode == 1 and "more than the period has left" in refused.stderr
    assert user.adjust("-23").returncode == 0
    assert user.adjust("-0.01").returncode == 1
    pool = next(grant for grant in user.grants if grant["source"] == "plan")
    assert [pool[name] for name in ("amount", *PARTS)] == [
        "25.00", "0.00", "1.00", "1.00", "0.00", "23.00"]
    assert user.commit(usage).status == 200


def test_what_a_month_leaves_over_is_kept_for_the_next_once_under_many_readers(own_service, tmp_path):
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["plans"][0]["rollover"] = {"max_credits": "10", "periods": 1}
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    assert own_service.command("catalog", "sync", CATALOG=str(path)).returncode == 0
    user = own_service.new_user()
    for _ in range(3):
        assert user.spend().status == 200
    own_service.advance_past_period(user)
    answers = together(6, lambda _: user.validate())
    assert {answer.status for answer in answers} == {200}
    rolled, pool = user.grants
    assert rolled["source"] == "rollover" and rolled["expires_at"] == pool["expires_at"]
    assert [rolled[name] for name in ("amount", *PARTS)] == [
        "10.00", "4.00", "6.00", "0.00", "0.00", "0.00"]
    assert user.balance["by_source"]["rollover"] == "4.00"
    assert user.balance["credits_remaining"] == "29.00"
    assert own_service.rows(
        "SELECT period_number, cause, credits FROM credit_grants WHERE kind = 'forfeiture'"
    ) == [(1, "rollover", -10_000_000)]
    own_service.advance_past_period(user)
    assert user.balance["by_source"]["rollover"] == "10.00"


def test_erasure_ends_grants_and_the_same_address_begins_without_them(own_service):
    user = own_service.sign_up()
    assert user.give("10").returncode == 0
    usage = user.validate().json["usage_id"]
    assert user.extend(usage, additional_credits="30").status == 200
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    for table in ("standalone_grants", "usage_draws"):
        assert own_service.rows(f"SELECT 1 FROM {table}") == []
    again = own_service.sign_up(user.email)
    assert [grant["source"] for grant in again.grants] == ["plan"]


def test_others_have_no_part_in_a_users_grants(service, user, somebody):
    assert user.give("10").returncode == 0
    assert [grant["source"] for grant in somebody.grants] == ["plan"]
    assert somebody.balance["credits_remaining"] == "25.00"
    assert service.call("GET", "/career/credits").status == 401
