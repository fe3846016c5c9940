"""Promotion codes, coupons and tax: who is offered them, what they show and what they start."""

import json
import time

import pytest

from conftest import DAY, PLUS, PRO, PROVIDER, ROOT, User
from test_payments import buy, checkout, press, sdk, settle
from test_plan_moves import act, at_stripe, reconcile
from test_stripe_states import World

HOUR = 3600


def page(service, session):
    return sdk(service).v1.checkout.sessions.retrieve(session)


@pytest.fixture
def shop(own_service):
    """Another process on the same database, in which codes are on."""
    other = own_service.beside(
        STRIPE_API_BASE=own_service.sandbox, STRIPE_PROMOTION_CODES="on").start()
    yield other
    other.stop()


def there(shop, user):
    return User(shop, user.email, user.tokens, user.id)


def test_codes_are_offered_to_who_has_never_bought_and_to_nobody_else(own_service, shop):
    service = own_service
    user = service.new_user()
    plain = page(service, checkout(user).json["session_id"])
    assert (plain.allow_promotion_codes, plain.payment_method_collection) == (None, "always")
    newcomer = service.sign_up()
    answer = checkout(there(shop, newcomer)).json
    offered = page(service, answer["session_id"])
    assert (offered.allow_promotion_codes, offered.payment_method_collection) == (True, "if_required")
    assert press(answer["checkout_url"], "pay")[0] == 303
    settle(service)
    # Canceling and coming back renews no offer, nor does a new account of the same address.
    assert newcomer.post("/career/subscriptions/cancel", {"cancel_at_period_end": False}).status == 200
    again = page(service, checkout(there(shop, newcomer)).json["session_id"])
    assert (again.allow_promotion_codes, again.payment_method_collection) == (None, "always")
    email = newcomer.email
    assert service.call("DELETE", "/auth/me", headers=newcomer.auth).status == 200
    back = service.sign_up(email)
    again = page(service, checkout(there(shop, back)).json["session_id"])
    assert again.allow_promotion_codes is None


def test_a_plan_without_a_trial_counts_as_bought_under_every_account_to_come(own_service, shop):
    service = own_service
    folder = service.folder / "no-trial.json"
    catalog = json.loads((ROOT / "catalog.json").read_text())
    for plan in catalog["products"]["career"]["plans"]:
        plan["trial_days"] = 0
    folder.write_text(json.dumps(catalog))
    assert service.command("catalog", "sync", CATALOG=str(folder)).returncode == 0
    user = service.sign_up()
    email = user.email

    def offered(user):
        return page(service, checkout(there(shop, user)).json["session_id"]).allow_promotion_codes

    # An account that was deleted without having bought anything costs nobody the offer.
    assert offered(user)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    buyer = service.sign_up(email.upper())
    assert offered(buyer)
    assert press(checkout(there(shop, buyer)).json["checkout_url"], "pay")[0] == 303
    settle(service)
    assert buyer.subscription["trial_end"] is None and buyer.subscription["plan"]["name"] == "Plus"
    # Nor does a second account, or a third, that buys nothing, bring it back.
    for _ in range(2):
        assert service.call("DELETE", "/auth/me", headers=buyer.auth).status == 200
        buyer = service.sign_up(email)
        assert offered(buyer) is None
    [(trial, bought)] = service.rows("SELECT trial_used, has_bought FROM former_accounts")
    assert (trial, bought) == (0, 1)


def give(service, user, **coupon):
    made = sdk(service).v1.coupons.create(coupon)
    sdk(service).v1.subscriptions.update(
        at_stripe(service, user).id, {"discounts": [{"coupon": made.id}]})
    settle(service)


def test_a_period_that_a_coupon_pays_for_in_full_starts_as_any_other(own_service):
    service = own_service
    user = service.new_user()
    buy(service, user)
    give(service, user, name="Welcome", percent_off=100, duration="repeating", duration_in_months=2)
    service.advance(8 * DAY)
    assert (user.subscription["status"], user.balance["credits_allocated"]) == ("active", "500.00")
    [first, _] = sdk(service).v1.invoices.list().data
    assert (first.total, first.status) == (0, "paid")
    user.spend()
    service.advance_past_period(user, 2 * HOUR)
    assert user.balance["credits_allocated"] == "500.00" and user.balance["credits_used"] == "0.00"
    assert reconcile(service).returncode == 0


def test_a_coupon_is_told_with_its_end_by_every_preview(own_service):
    service = own_service
    user = service.new_user()
    buy(service, user, PRO)
    service.advance(8 * DAY)
    assert act(user, "preview-upgrade", PLUS).json["discounts"] == []
    give(service, user, name="A quarter off", percent_off=25, duration="repeating",
         duration_in_months=3)
    [told] = act(user, "preview-upgrade", PLUS).json["discounts"]
    assert told["name"] == "A quarter off"
    [discount] = sdk(service).v1.subscriptions.retrieve(
        at_stripe(service, user).id, {"expand": ["discounts"]}).discounts
    assert told["ends_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(discount.end))
    # The lower plan keeps the coupon.
    assert act(user, "downgrade", PLUS).status == 200
    service.advance_past_period(user, 2 * HOUR)
    assert user.subscription["plan"]["name"] == "Plus"
    [latest] = sdk(service).v1.invoices.list({"limit": 1}).data
    assert (latest.subtotal, latest.amount_paid) == (2000, 1500)
    give(service, user, id="forever", percent_off=10, duration="forever")
    [told] = act(user, "preview-upgrade", PRO).json["discounts"]
    assert (told["name"], told["ends_at"]) == ("forever", None)


def test_who_gave_no_card_is_past_due_once_there_is_something_to_pay(own_service, shop):
    service = own_service
    user = service.new_user()
    assert press(checkout(there(shop, user)).json["checkout_url"], "pay")[0] == 303
    settle(service)
    assert user.subscription["status"] == "trialing"
    service.advance(8 * DAY)
    assert user.subscription["status"] == "past_due"
    assert act(user, "upgrade", PRO).code == "payment_past_due"


@pytest.fixture
def world(own_service):
    world = World(own_service)
    world.other.stop()
    world.other = own_service.beside(
        STRIPE_API_BASE=world.proxy.url, STRIPE_TAX="on",
        **PROVIDER.settings(own_service.folder)).start()
    yield world
    world.close()


def test_with_tax_checkout_asks_for_the_address_and_an_upgrade_without_one_is_refused(world):
    user = world.subscriber()
    stranger = world.service.new_user()
    asked = []

    def record(method, path, form):
        if method == "POST" and path == "/v1/checkout/sessions":
            asked.append(form)
            return 400, {"error": {"type": "invalid_request_error", "message": "no tax here"}}
        if method == "POST" and path in ("/v1/invoices/create_preview", f"/v1/subscriptions/{user.paid}"):
            return 400, {"error": {
                "type": "invalid_request_error", "code": "customer_tax_location_invalid",
                "message": "The customer's location isn't recognized."}}
        return None
    world.proxy.before.append(record)
    checkout(User(world.other, stranger.email, stranger.tokens, stranger.id))
    [form] = asked
    assert (form["automatic_tax[enabled]"], form["billing_address_collection"]) == ("true", "required")
    assert form["customer_update[address]"] == "auto" and "allow_promotion_codes" not in form
    for verb in ("preview-upgrade", "upgrade"):
        refused = act(user, verb, PRO)
        assert (refused.status, refused.code) == (409, "address_required"), refused
        assert refused.json["url"].startswith(world.service.sandbox)
    assert user.subscription["plan"]["name"] == "Plus"
