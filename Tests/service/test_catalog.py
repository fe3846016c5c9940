"""A catalog that is ahead of Stripe."""

import json

from conftest import ROOT

TEAM = "0198c0de-0000-7000-8000-000000000009"
PAGES = {"success_url": "https://x.test/s", "cancel_url": "https://x.test/c"}


def test_a_plan_that_stripe_has_no_price_for_is_502_until_it_has_one(own_service, tmp_path):
    service = own_service
    catalog = json.loads((ROOT / "catalog.json").read_text())
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
