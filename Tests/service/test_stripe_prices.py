"""Which plan a price at Stripe sells: a question that Stripe's data alone answer."""

import random

import pytest

from conftest import PLUS, PRO
from test_payments import buy, checkout, knob, sdk
from test_stripe_commands import catalog_with, price, stripe

KEY = "cuebx_plan_id"
NAMES = {PLUS: "Plus", PRO: "Pro", None: None}


def new_price(service, product, amount=1500, **more):
    return sdk(service).v1.prices.create({
        "product": product, "currency": "usd", "unit_amount": amount,
        "recurring": {"interval": "month"}, **more}).id


def product_of(service, price_id):
    return sdk(service).v1.prices.retrieve(price_id).product


def new_product(service, **more):
    return sdk(service).v1.products.create({"name": "By hand", **more}).id


def unmark(service, price_id):
    """As a price is that was made by hand."""
    sdk(service).v1.prices.update(price_id, {"metadata": {KEY: ""}})


# Each makes prices and says which plan each of them sells; None is no plan of ours.


def under_products_of_their_own(service):
    plus, pro = price(service, "career_plus_monthly"), price(service, "career_pro_monthly")
    return {plus: PLUS, pro: PRO,
            new_price(service, product_of(service, plus)): PLUS,
            new_price(service, product_of(service, pro), 3500): PRO,
            new_price(service, new_product(service)): None}


def made_by_hand_with_just_the_lookup_key(service):
    made = under_products_of_their_own(service)
    for name in ("career_plus_monthly", "career_pro_monthly"):
        unmark(service, price(service, name))
        product = product_of(service, price(service, name))
        sdk(service).v1.products.update(product, {"metadata": {KEY: ""}})
    return made


def under_one_product(service):
    old_plus, old_pro = (price(service, f"career_{name}_monthly") for name in ("plus", "pro"))
    product = new_product(service)
    return {
        new_price(service, product, 2000, lookup_key="career_plus_monthly",
                  transfer_lookup_key=True): PLUS,
        new_price(service, product, 4000, lookup_key="career_pro_monthly",
                  transfer_lookup_key=True): PRO,
        # Their keys have moved away.
        old_plus: PLUS, old_pro: PRO,
        new_price(service, product, metadata={KEY: PRO}): PRO,
        # Which of the two is for nobody to guess.
        new_price(service, product): None}


def whose_key_has_moved_to_a_newer_price(service):
    made = {}
    for name, plan in (("plus", PLUS), ("pro", PRO)):
        old = price(service, f"career_{name}_monthly")
        unmark(service, old)
        product = product_of(service, old)
        made |= {old: plan, new_price(
            service, product, 2500, lookup_key=f"career_{name}_monthly",
            transfer_lookup_key=True): plan}
    return made


def whose_metadata_say_more_than_the_rest(service):
    plus = price(service, "career_plus_monthly")
    product = product_of(service, plus)
    return {plus: PLUS,
            new_price(service, product, metadata={KEY: PRO}): PRO,
            new_price(service, product_of(service, price(service, "career_pro_monthly")),
                      metadata={KEY: "none"}): None,
            new_price(service, new_product(service), metadata={KEY: PLUS}): PLUS,
            new_price(service, new_product(service, metadata={KEY: PRO})): PRO,
            new_price(service, new_product(service), metadata={KEY: "no plan's id"}): None}


WORLDS = [under_products_of_their_own, made_by_hand_with_just_the_lookup_key, under_one_product,
          whose_key_has_moved_to_a_newer_price, whose_metadata_say_more_than_the_rest]


def subscribers(service, world):
    """What the world's prices sell, and a user for each, who subscribes to it without any of our
    processes having heard of it."""
    client = sdk(service)
    users = {}
    # They buy while Stripe has the catalog's prices alone.
    for _ in range(6):
        user = service.new_user()
        buy(service, user)
        users[user.id] = user
    knob(service, "/_test/webhooks", {"mode": "hold"})
    prices = world(service)
    found = {}
    for price_id, subscription in zip(prices, client.v1.subscriptions.list().data):
        client.v1.subscriptions.update(subscription.id, {
            "items": [{"id": subscription["items"]["data"][0]["id"], "price": price_id}],
            "proration_behavior": "none"})
        found[price_id] = users[subscription.metadata["user_id"]]
    return prices, found


@pytest.mark.parametrize("world", WORLDS)
def test_every_process_finds_the_same_plan_of_a_price_in_whatever_order_it_looks(
        own_service, world):
    prices, users = subscribers(own_service, world)
    # An inactive price sells to nobody new and means what it meant.
    inactive = list(prices)[-1]
    sdk(own_service).v1.prices.update(inactive, {"active": False})
    seed = random.randrange(2 ** 32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(3):
        other = own_service.beside(STRIPE_API_BASE=own_service.sandbox).start()
        try:
            order = list(users)
            chance.shuffle(order)
            for price_id in order:
                for process in chance.sample([own_service, other], 2):
                    process.call(
                        "POST", "/career/subscriptions/resume", {}, headers=users[price_id].auth)
                    shown = process.call(
                        "GET", "/career/subscriptions/", headers=users[price_id].auth).json
                    # Who pays for none of our plans stays on the one that was bought.
                    assert shown["plan"]["name"] == NAMES[prices[price_id] or PLUS], price_id
        finally:
            other.stop()
    # The operator is told of each subscription to such a price, once.
    told = stripe(own_service, "stripe", "notices").stdout
    assert told.count("has a price of no plan of ours") \
        == sum(plan is None for plan in prices.values()), told
    reconciled = stripe(own_service, "stripe", "reconcile")
    assert reconciled.returncode == 0, reconciled


def test_a_price_that_may_be_of_two_plans_is_an_error_in_one_line_at_sync(own_service):
    prices = under_one_product(own_service)
    [stray] = [price_id for price_id, plan in prices.items() if plan is None]
    refused = stripe(own_service, "catalog", "sync", "--stripe")
    assert refused.returncode == 1, refused
    [line] = refused.stderr.strip().splitlines()
    assert stray in line and "Plus or Pro" in line and KEY in line
    # The rest was done: each price says itself what it sells.
    client = sdk(own_service)
    for price_id, plan in prices.items():
        assert client.v1.prices.retrieve(price_id).metadata.to_dict().get(KEY) == plan
    client.v1.prices.update(stray, {"metadata": {KEY: "none"}})
    assert stripe(own_service, "catalog", "sync", "--stripe").returncode == 0


@pytest.mark.parametrize("text,words", [(PRO, "say otherwise"), ("elsewhere", "say otherwise")])
def test_a_lookup_key_and_metadata_that_contradict_are_an_error_and_sell_nothing(
        own_service, text, words):
    plus = price(own_service, "career_plus_monthly")
    sdk(own_service).v1.prices.update(plus, {"metadata": {KEY: text}})
    refused = stripe(own_service, "catalog", "sync", "--stripe")
    assert refused.returncode == 1 and plus in refused.stderr and words in refused.stderr
    assert checkout(own_service.new_user()).status == 502
    assert price(own_service, "career_plus_monthly") == plus


def test_a_sync_writes_into_each_price_what_it_sells_so_that_a_later_move_changes_nothing(
        own_service, tmp_path):
    made, users = subscribers(own_service, made_by_hand_with_just_the_lookup_key)
    synced = stripe(own_service, "catalog", "sync", "--stripe")
    assert synced.returncode == 0 and synced.stdout.count("is marked") == 4, synced
    assert "is marked" not in stripe(own_service, "catalog", "sync", "--stripe").stdout
    # Another plan's price comes under the same product, and the key moves to a new price.
    product = product_of(own_service, price(own_service, "career_plus_monthly"))
    new_price(own_service, product, 4000, lookup_key="career_pro_monthly",
              transfer_lookup_key=True)
    catalog = catalog_with(tmp_path, price="25.00", display_price="$25")
    synced = stripe(own_service, "catalog", "sync", "--stripe", CATALOG=catalog)
    assert synced.returncode == 0, synced
    for price_id, plan in made.items():
        users[price_id].post("/career/subscriptions/resume")
        assert users[price_id].subscription["plan"]["name"] == NAMES[plan or PLUS]


def test_a_yearly_price_with_the_plans_key_is_not_sold_as_a_monthly_one(own_service):
    product = product_of(own_service, price(own_service, "career_plus_monthly"))
    new_price(own_service, product, 2000, recurring={"interval": "year"},
              lookup_key="career_plus_monthly", transfer_lookup_key=True)
    assert checkout(own_service.new_user()).status == 502
    assert stripe(own_service, "catalog", "sync", "--stripe").returncode == 0
    assert buy(own_service, own_service.new_user())["plan"]["name"] == "Plus"


def test_a_plan_whose_price_or_product_was_archived_is_sold_again_after_a_sync(own_service):
    client = sdk(own_service)
    plus = price(own_service, "career_plus_monthly")
    client.v1.prices.update(plus, {"active": False})
    pro = price(own_service, "career_pro_monthly")
    client.v1.prices.update(pro, {"active": False})
    client.v1.products.update(product_of(own_service, pro), {"active": False})
    assert stripe(own_service, "catalog", "sync", "--stripe").returncode == 0
    for name, old, plan in (("plus", plus, PLUS), ("pro", pro, PRO)):
        [new] = client.v1.prices.list({
            "lookup_keys": [f"career_{name}_monthly"], "active": True}).data
        assert new.id != old and client.v1.products.retrieve(new.product).active
        assert buy(own_service, own_service.new_user(), plan)["plan"]["name"] == NAMES[plan]
