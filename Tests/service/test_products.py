"""Two products from one service: each has a catalog of its own."""

import json

import stripe

from conftest import DAY, ROOT, Service, databases
from test_payments import buy, post_event, sdk, settle
from test_payments_events import dead_letters

CAREER, API = "/career/subscriptions/plans", "/api/subscriptions/plans"
BASIC = "0198c0de-0000-7000-8000-000000000202"
PAGES = {"success_url": "https://x.test/s", "cancel_url": "https://x.test/c"}


def test_the_shipped_api_plans_are_these(service):
    plans = service.call("GET", API).json["plans"]
    shown = [tuple(plan[name] for name in (
        "name", "type", "price", "seat_price", "min_seats", "max_seats", "trial_days", "credits_allocation",
        "rate_limit_per_minute", "rate_limit_per_day")) for plan in plans]
    assert shown == [
        ("Free", "free", "0.00", "0.00", 1, 1, 0, "100.00", 20, 500),
        ("Basic", "paid", "19.00", "2.00", 1, 5, 7, "5000.00", 60, 10000),
        ("Professional", "paid", "49.00", "5.00", 1, None, 7, "25000.00", 300, None)]
    for plan in plans:
        assert service.call("GET", f"{API}/{plan['id']}").json == plan
    career, api = (
        dict(service.rows(
            "SELECT feature_key, internal_cost_credits FROM feature_cost_configs "
            f"WHERE product_type = '{product}'")) for product in ("career", "api"))
    assert {key.removeprefix("career."): cost for key, cost in career.items()} == {
        key.removeprefix("api."): cost for key, cost in api.items()}


def test_each_product_shows_and_meters_its_own_alone(service, user):
    career, api = (service.call("GET", at).json["plans"] for at in (CAREER, API))
    assert not {plan["id"] for plan in career} & {plan["id"] for plan in api}
    for at, others in ((CAREER, api), (API, career)):
        for plan in others:
            assert service.call("GET", f"{at}/{plan['id']}").code == "plan_not_found"
    before = user.subscription
    for path, body in (
        ("checkout", {"plan_id": BASIC, **PAGES}), ("preview-upgrade", {"new_plan_id": BASIC}),
        ("upgrade", {"new_plan_id": BASIC}), ("downgrade", {"new_plan_id": BASIC}),
    ):
        answer = user.post(f"/career/subscriptions/{path}", body)
        assert answer.status in (404, 409), (path, answer)
    assert user.subscription == before
    answer = user.validate(feature="api.job_match")
    assert answer.status == 422 and "unknown_feature" in str(answer.json), answer
    assert service.rows(f"SELECT count(*) FROM career_usage_logs WHERE feature_key LIKE 'api.%'") == [(0,)]
    assert "api." not in service.call("GET", "/pricing").bytes.decode()


def test_prices_of_seats_are_made_at_stripe(service):
    keys = ["api_basic_monthly", "api_basic_seat_monthly"]
    found = {price.lookup_key: price for price in sdk(service).v1.prices.list({"lookup_keys": keys}).data}
    plan, seat = (found[key] for key in keys)
    assert (plan.unit_amount, seat.unit_amount) == (1900, 200)
    assert all(price.recurring.interval == "month" for price in (plan, seat))
    assert plan.metadata.to_dict() == {"cuebx_plan_id": BASIC}
    assert seat.metadata.to_dict() == {"cuebx_plan_id": BASIC, "cuebx_item": "seat"}
    assert plan.product != seat.product


def test_without_the_api_product_whatever_stripe_tells_of_nobody_is_worked_off(tmp_path):
    career = json.loads((ROOT / "catalog.json").read_text())
    del career["products"]["api"]
    (tmp_path / "catalog.json").write_text(json.dumps(career))
    service = Service(tmp_path, DATABASE_URL=databases.make_empty(tmp_path),
                      CATALOG=str(tmp_path / "catalog.json"))
    assert service.command("migrate").returncode == 0
    service.start()
    payer, stays = service.sign_up(), service.sign_up()
    for user in (payer, stays):
        assert buy(service, user)["plan"]["name"] == "Plus"
    # Ends a subscription at Stripe whose holder is gone by the time its event is worked off.
    assert service.call("DELETE", "/auth/me", headers=payer.auth).status == 200
    client = sdk(service)
    canceled = next(item for item in client.v1.subscriptions.list({"status": "all"}).data
                    if item.status == "canceled")
    theirs = json.loads(json.dumps(canceled.to_dict(), default=str))
    unknown = {"id": "sub_unknown", "object": "subscription", "customer": "cus_unknown"}
    for number, (kind, about) in enumerate([
            ("customer.subscription.deleted", theirs),
            ("customer.subscription.updated", theirs),
            ("customer.subscription.updated", unknown),
            ("checkout.session.completed", {
                "id": "cs_unknown", "object": "checkout.session", "subscription": "sub_unknown"}),
            ("customer.deleted", {"id": "cus_unknown", "object": "customer"})]):
        answer = post_event(service, {
            "id": f"evt_nobodys_{number}", "object": "event", "type": kind, "created": 1,
            "livemode": False, "api_version": stripe.api_version, "data": {"object": about}})
        assert answer.status == 200, (kind, answer)
    # Whatever failed comes again until it is given up on.
    for _ in range(8):
        service.advance(DAY)
    settle(service)
    assert dead_letters(service) == "No dead letters."
    assert service.command(
        "stripe", "reconcile", STRIPE_API_BASE=service.sandbox).returncode == 0
    done = service.command(
        "users", "deactivate", stays.id, "--cancel", "now", STRIPE_API_BASE=service.sandbox)
    assert done.returncode == 0 and "canceled sub_" in done.stdout, done
    service.stop()
