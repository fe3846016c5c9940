"""The catalog as data: what changing it does, and what it leaves alone."""

import json
import time
import uuid

import pytest

from conftest import FREE, PLUS, PLUS_YEARLY, PRO, PRO_YEARLY, ROOT
from test_payments import buy, checkout
from test_payments_queue import until

LEDGER = ("subscriptions", "career_subscription_contexts", "credit_grants",
          "career_usage_logs", "subscription_changes")
PLANS = "/career/subscriptions/plans"
MATCH = "career.job_match"
THIRD = "0198c0de-0000-7000-8000-000000000009"


@pytest.fixture
def sync(module_service, tmp_path):
    """Applies the shipped catalog with a change; in the end, as it is shipped."""

    def apply(change=lambda catalog: None):
        catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
        change(catalog)
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(catalog))
        return module_service.command("catalog", "sync", CATALOG=str(path))

    yield apply
    assert apply().returncode == 0


def feature(catalog, key):
    [found] = [item for item in catalog["features"] if item["feature_key"] == key]
    return found


def dearer(catalog):
    catalog["plans"][0].update(
        credits_allocation="10.00", multiplier="2.00", rate_limit_per_minute=7)
    feature(catalog, MATCH)["internal_cost_credits"] = "1.75"


def rows(service):
    return {table: sorted(service.rows(f"SELECT * FROM {table}"), key=repr) for table in LEDGER}


def test_a_change_of_the_catalog_touches_no_balance_and_no_reservation(module_service, sync):
    user = module_service.new_user()
    user.spend()
    held = user.validate().json["usage_id"]
    before, balance = rows(module_service), user.balance
    synced = sync(dearer)
    assert synced.returncode == 0 and "plan Free changes" in synced.stdout
    assert rows(module_service) == before
    after = user.balance
    limits = [balance.pop("rate_limits"), after.pop("rate_limits")]
    assert after == balance
    assert [limit[0]["limit"] for limit in limits] == [10, 7]
    assert user.commit(held).json["credits_charged"] == "1.00"
    assert user.balance["credits_used"] == "2.00"


def test_from_the_next_decision_on_the_plans_multiplier_and_costs_apply(module_service, sync):
    user = module_service.new_user()
    held = user.validate(request_id="held").json
    sync(dearer)
    granted = user.validate()
    assert granted.json["credits_reserved"] == "3.50"
    assert granted.headers["x-ratelimit-limit-minute"] == "7"
    # A replay shows what it holds.
    assert user.validate(request_id="held").json["credits_reserved"] == "1.00"
    assert user.commit(granted.json["usage_id"]).json["credits_charged"] == "3.50"
    assert user.commit(held["usage_id"]).json["credits_charged"] == "1.00"
    assert module_service.new_user().balance["credits_allocated"] == "10.00"
    free = module_service.call("GET", f"{PLANS}/{FREE}").json
    assert free["credits_allocation"] == "10.00" and free["rate_limit_per_minute"] == 7


def test_a_running_server_notices_within_a_second_what_another_process_changes(
        module_service, sync):
    user = module_service.new_user()
    letter = {"feature_key": "career.cover_letter", "product_type": "career",
              "internal_cost_credits": "1.25"}

    def validate():
        return user.validate(request_id="r", feature="career.cover_letter")

    def seconds_until(status):
        began = time.monotonic()
        until(lambda: validate().status == status)
        return time.monotonic() - began

    assert validate().status == 422
    # On a busy machine a try may be held up; a server that looks too seldom is late in most.
    for _ in range(5):
        sync(lambda catalog: catalog["features"].append(letter))
        known = seconds_until(200)
        assert user.balance["credits_reserved"] == "1.25"
        sync()
        unknown = seconds_until(422)
        if known < 1 and unknown < 1:
            break
    assert known < 1 and unknown < 1


def test_a_plan_that_is_no_longer_offered_stays_with_those_who_are_on_it(module_service, sync):
    user = module_service.new_user()
    assert buy(module_service, user)["plan"]["name"] == "Plus"
    held = user.validate().json["usage_id"]

    def without_plus(catalog):
        catalog["plans"] = [plan for plan in catalog["plans"] if plan["id"] != PLUS]

    synced = sync(without_plus)
    assert "plan Plus is no longer offered" in synced.stdout
    names = [plan["name"] for plan in module_service.call("GET", PLANS).json["plans"]]
    assert names == ["Free", "Pro", "Plus yearly", "Pro yearly"]
    assert module_service.call("GET", f"{PLANS}/{PLUS}").json["is_active"] is False
    assert user.subscription["plan"]["name"] == "Plus"
    assert user.balance["credits_allocated"] == "500.00"
    assert user.commit(held).status == 200 and user.validate().status == 200
    refused = checkout(module_service.new_user(), PLUS)
    assert refused.status == 404 and refused.code == "plan_not_found"
    assert "Nothing differs" in sync(without_plus).stdout
    upgraded = user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO})
    assert upgraded.status == 200 and upgraded.json["plan"]["name"] == "Pro"


def test_a_feature_that_is_no_longer_offered_is_refused_and_its_logs_stay(module_service, sync):
    user, other = module_service.new_user(), module_service.new_user()
    held = user.validate(feature="career.career_path").json

    def without_paths(catalog):
        catalog["features"].remove(feature(catalog, "career.career_path"))

    assert "career.career_path is no longer offered" in sync(without_paths).stdout
    until(lambda: other.validate(feature="career.career_path").status == 422)
    assert module_service.rows(
        "SELECT is_active FROM feature_cost_configs WHERE feature_key = ?",
        "career.career_path") == [(0,)]
    assert user.commit(held["usage_id"]).json["credits_charged"] == held["credits_reserved"]
    [log] = user.get("/career/usage/logs").json["items"]
    assert log["feature_key"] == "career.career_path" and log["status"] == "SUCCESS"
    assert "Nothing differs" in sync(without_paths).stdout


@pytest.mark.parametrize("number,key", [(1, None), (0, "career_free_monthly")])
def test_a_paid_plan_and_only_that_has_a_lookup_key(module_service, sync, number, key):
    before = module_service.call("GET", PLANS).json
    revision = module_service.rows("SELECT catalog_revision FROM installation")
    refused = sync(lambda catalog: catalog["plans"][number].update(lookup_key=key))
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "a paid plan, and only that, has a lookup_key" in refused.stderr
    assert module_service.call("GET", PLANS).json == before
    assert module_service.rows("SELECT catalog_revision FROM installation") == revision
    with pytest.raises(Exception, match="(?i)check"):
        module_service.write(
            "UPDATE plans SET lookup_key = ? WHERE rank = ?", key, number)


@pytest.fixture
def apply(own_service, tmp_path):
    """Applies the shipped catalog with a change, to a server of the test's own."""

    def apply(change=lambda catalog: None, *arguments):
        catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
        change(catalog)
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(catalog))
        return own_service.command("catalog", "sync", *arguments, CATALOG=str(path))

    return apply


def refused_alike(service, apply, change):
    """What a sync says that is refused, as its rehearsal is; nothing has changed."""
    before = service.rows("SELECT * FROM plans"), service.rows(
        "SELECT catalog_revision FROM installation")
    dry, refused = apply(change, "--dry-run"), apply(change)
    assert dry.returncode == refused.returncode == 1, (dry, refused)
    assert dry.stderr == refused.stderr and refused.stderr.count("\n") == 1
    assert "constraint" not in refused.stderr.lower() and "UNIQUE" not in refused.stderr
    assert (service.rows("SELECT * FROM plans"), service.rows(
        "SELECT catalog_revision FROM installation")) == before
    return refused.stderr


def with_a_third(multiplier, **more):
    def change(catalog):
        catalog["plans"].append({
            **catalog["plans"][1], "id": THIRD, "name": "Third", "rank": 9,
            "lookup_key": "career_third_monthly", "multiplier": multiplier, **more})
    return change


def test_a_sync_after_which_nothing_could_be_read_is_refused_whole(own_service, apply):
    def finer(catalog):
        with_a_third("0.333333")(catalog)
        for item in catalog["features"]:
            item["internal_cost_credits"] = "3.00"

    assert apply(finer).returncode == 0
    # The file no longer has the plan; half a credit times its multiplier has seven decimals.
    said = refused_alike(own_service, apply, lambda catalog: None)
    assert "on Third has no exact cost in micro-credits" in said and "is_active false" in said
    assert own_service.new_user().validate().json["credits_reserved"] == "3.00"
    assert own_service.command("dead-letters", "list").returncode == 0
    mended = apply(with_a_third("1.00", is_active=False))
    assert mended.returncode == 0, mended
    assert apply().returncode == 0
    assert own_service.command("dead-letters", "list").returncode == 0


def test_a_sync_mends_a_stored_catalog_that_nothing_can_read(own_service, apply):
    own_service.write(
        "UPDATE plan_pricing_rules SET multiplier = 333333 WHERE plan_id = ?", uuid.UUID(PLUS))
    broken = own_service.command("dead-letters", "list")
    assert broken.returncode == 1 and "the catalog is refused" in broken.stderr
    mended = apply()
    assert mended.returncode == 0 and "plan Plus changes" in mended.stdout
    assert own_service.command("dead-letters", "list").returncode == 0


def test_a_rehearsed_sync_of_a_new_database_leaves_it_empty(own_service, tmp_path):
    settings = {"DATABASE_URL": f"sqlite:{tmp_path / 'new.db'}"}
    for verb in ("would be applied", "would be applied"):
        dry = own_service.command("catalog", "sync", "--dry-run", **settings)
        assert dry.returncode == 0 and "plan Free is new" in dry.stdout and verb in dry.stdout
    synced = own_service.command("catalog", "sync", **settings)
    assert synced.returncode == 0 and "plan Free is new" in synced.stdout
    assert "Nothing differs" in own_service.command("catalog", "sync", **settings).stdout


def test_a_plan_of_another_id_takes_no_stored_plans_name_or_key(own_service, apply):
    def renumbered(catalog):
        catalog["plans"][1]["id"] = THIRD

    said = refused_alike(own_service, apply, renumbered)
    assert "the same name and lookup_key career_plus_monthly" in said and PLUS in said

    def without_plus(catalog):
        del catalog["plans"][1]

    assert apply(without_plus).returncode == 0
    # A plan that is no longer offered has its name and its key too.
    said = refused_alike(own_service, apply, renumbered)
    assert "the same name and lookup_key career_plus_monthly" in said and PLUS in said


def test_plans_may_take_over_each_others_names(own_service, apply):
    def swapped(catalog):
        plus, pro = catalog["plans"][1:3]
        plus["name"], pro["name"] = pro["name"], plus["name"]

    dry = apply(swapped, "--dry-run")
    assert dry.returncode == 0 and "2 changes would be applied" in dry.stdout
    assert apply(swapped).returncode == 0
    plans = own_service.call("GET", PLANS).json["plans"]
    names = {plan["id"]: plan["name"] for plan in plans if plan["interval"] == "month"}
    assert names == {FREE: "Free", PLUS: "Pro", PRO: "Plus"}


def test_a_currency_has_three_letters(own_service, apply):
    def without_currency(catalog):
        catalog["plans"][1]["currency"] = "us"

    said = refused_alike(own_service, apply, without_currency)
    assert "currency must be three letters" in said


def test_the_shipped_plans_are_these(service):
    plans = service.call("GET", PLANS).json["plans"]
    shown = [tuple(plan[name] for name in (
        "id", "name", "type", "price", "currency", "trial_days", "credits_allocation",
        "rate_limit_per_minute", "rate_limit_per_day", "interval", "rank")) for plan in plans]
    assert shown == [
        (FREE, "Free", "free", "0.00", "usd", 0, "25.00", 10, 100, "month", 0),
        (PLUS, "Plus", "paid", "20.00", "usd", 7, "500.00", 30, 1000, "month", 1),
        (PRO, "Pro", "paid", "40.00", "usd", 7, "2000.00", 60, None, "month", 3),
        (PLUS_YEARLY, "Plus yearly", "paid", "200.00", "usd", 7, "500.00", 30, 1000, "year", 2),
        (PRO_YEARLY, "Pro yearly", "paid", "400.00", "usd", 7, "2000.00", 60, None, "year", 4)]
    assert {plan["credits_cadence"] for plan in plans} == {"month"}
    assert service.rows("SELECT DISTINCT multiplier FROM plan_pricing_rules") == [(1_000_000,)]


def test_the_shipped_features_are_these_and_cost_half_a_credit_to_two(service):
    costs = dict(service.rows(
        "SELECT feature_key, internal_cost_credits FROM feature_cost_configs "
        "WHERE product_type = 'career'"))
    assert set(costs) == {f"career.{name}" for name in (
        "career_path", "extract_keywords", "feedback_analyzer", "generate_feedback", "job_match",
        "extract_cues.resume", "extract_cues.feedback", "extract_cues.interview",
        "extract_cues.assessment", "reframe_feedback", "coach_chat")}
    assert costs[MATCH] == 1_000_000
    assert all(500_000 <= cost <= 2_000_000 for cost in costs.values())
    # One shows how a call is priced by its tokens.
    priced = service.rows(
        "SELECT feature_key, token_prices, default_hold FROM feature_cost_configs "
        "WHERE token_prices IS NOT NULL AND product_type = 'career'")
    assert [(key, hold) for key, _, hold in priced] == [("career.coach_chat", 2_000_000)]
    assert [price["model"] for price in json.loads(priced[0][1])] == ["coach-large*", "coach-*"]


def test_token_prices_without_a_default_hold_are_refused(own_service, apply):
    def unheld(catalog):
        del feature(catalog, "career.coach_chat")["default_hold"]

    said = refused_alike(own_service, apply, unheld)
    assert "career.coach_chat has token_prices and so needs a default_hold" in said
    with pytest.raises(Exception, match="(?i)check"):
        own_service.write("UPDATE feature_cost_configs SET token_prices = '[]', "
                          "default_hold = NULL WHERE feature_key = ?", MATCH)
