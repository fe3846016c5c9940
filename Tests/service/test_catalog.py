"""A catalog that is ahead of Stripe."""

import json

from conftest import ROOT
from test_payments import sdk

TEAM = "0198c0de-0000-7000-8000-000000000009"
PAGES = {"success_url": "https://x.test/s", "cancel_url": "https://x.test/c"}


def test_a_plan_that_stripe_has_no_price_for_is_502_until_it_has_one(own_service, tmp_path):
    service = own_service
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    plan = {**catalog["plans"][2], "id": TEAM, "name": "Max", "rank": 9,
            "lookup_key": "career_max_monthly"}
    catalog["plans"].append(plan)
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    settings = {"CATALOG": str(path), "STRIPE_API_BASE": service.sandbox}
    assert service.command("catalog", "sync", **settings).returncode == 0
    user = service.new_user()
    before = user.subscription
    answer = user.post("/career/subscriptions/checkout", {"plan_id": TEAM, **PAGES})
    assert answer.status == 502 and answer.code == "payment_provider_error"
    assert int(answer.headers["retry-after"]) > 0
    assert "career_max" not in answer.bytes.decode()
    assert user.subscription == before
    made = service.command("catalog", "sync", "--stripe", **settings)
    assert "career_max_monthly created" in made.stdout, made
    answer = user.post("/career/subscriptions/checkout", {"plan_id": TEAM, **PAGES})
    assert answer.status == 200 and answer.json["checkout_url"]


def test_packs_are_listed_and_their_prices_made_at_stripe(own_service, tmp_path):
    service = own_service
    packs = service.call("GET", "/career/credits/packs").json["packs"]
    assert [(pack["name"], pack["price"], pack["credits"], pack["valid_days"]) for pack in packs] == [
        ("100 credits", "5.00", "100.00", 365), ("500 credits", "20.00", "500.00", None)]
    assert all(pack["is_active"] and pack["currency"] == "usd" for pack in packs)
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    path = tmp_path / "catalog.json"
    settings = {"CATALOG": str(path), "STRIPE_API_BASE": service.sandbox}

    def synced(*more):
        path.write_text(json.dumps(catalog))
        return service.command("catalog", "sync", *more, **settings)

    def price():
        return sdk(service).v1.prices.list({"lookup_keys": ["career_pack_100"]}).data[0]

    first = price()
    assert (first.unit_amount, first.recurring, first.type) == (500, None, "one_time")
    assert "Nothing differs" in synced("--stripe").stdout and price().id == first.id
    hundred, other = catalog["credit_packs"]
    hundred["price"], other["is_active"] = "6.00", False
    said = synced("--stripe")
    assert "pack 100 credits changes" in said.stdout, said
    assert "price career_pack_100 is now 6.00 usd, was 5.00 usd" in said.stdout, said
    assert price().unit_amount == 600 and price().product == first.product
    shown = service.call("GET", "/career/credits/packs").json["packs"]
    assert [(pack["id"], pack["price"]) for pack in shown] == [(hundred["id"], "6.00")]
    # What Stripe would not charge is refused whole.
    hundred["price"] = "0.10"
    refused = synced()
    assert refused.returncode == 1 and "100 credits: the price 0.10 usd" in refused.stderr
