"""Two products from one service: each has a catalog of its own."""

from test_payments import sdk

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
