"""Money: what is shown, previewed and mailed is what Stripe is asked to charge, in any currency."""

import json
from decimal import Decimal

import pytest

from conftest import DAY, PRO, ROOT
from test_payments import buy, knob, sdk
from test_stripe_commands import catalog_with, live, price, stripe

# Currency, the prices of Plus and Pro as an operator may write them, Plus's on the wire, in
# Stripe's unit and in a mail, and the decimals of Stripe's unit.
CURRENCIES = [
    ("usd", "20.00", "40.00", "20.00", 2000, "$20 / month", 2),
    ("eur", "19.9", "40", "19.90", 1990, "€19.90 / month", 2),
    ("USD", "20", "40", "20.00", 2000, "$20 / month", 2),
    ("jpy", "2000.00", "4000", "2000", 2000, "¥2000 / month", 0),
    ("krw", "20000", "40000", "20000", 20000, "KRW 20000 / month", 0),
    ("vnd", "500000", "990000", "500000", 500000, "VND 500000 / month", 0),
    ("clp", "19000", "38000.0", "19000", 19000, "CLP 19000 / month", 0),
    ("isk", "2500", "5000.00", "2500", 250000, "ISK 2500 / month", 2),
    ("ugx", "70000", "140000", "70000", 7000000, "UGX 70000 / month", 2),
    ("huf", "7000.50", "14000", "7000.50", 700050, "HUF 7000.50 / month", 2),
    ("twd", "600.00", "1200.00", "600.00", 60000, "TWD 600.00 / month", 2),
    ("kwd", "6.12", "12.240", "6.120", 6120, "KWD 6.120 / month", 3),
    ("tnd", "60.000", "120", "60.000", 60000, "TND 60.000 / month", 3),
    ("idr", "300000.00", "99000000", "300000.00", 30000000, "IDR 300000.00 / month", 2),
    ("czk", "450", "900", "450.00", 45000, "CZK 450.00 / month", 2),
]


def catalog_in(tmp_path, currency, plus, pro, **more):
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["plans"] = catalog["plans"][:3]
    for plan, cost in zip(catalog["plans"], ("0", plus, pro)):
        plan |= {"currency": currency, "price": cost, **more}
    path = tmp_path / "catalog-in.json"
    path.write_text(json.dumps(catalog))
    return str(path)


def offered(service, name):
    plans = service.call("GET", "/career/subscriptions/plans").json["plans"]
    return next(plan for plan in plans if plan["name"] == name)


@pytest.mark.parametrize(
    "currency,plus,pro,wire,amount,mailed,scale", CURRENCIES, ids=[row[0] for row in CURRENCIES])
def test_in_each_currency_the_price_the_preview_and_the_mail_are_what_is_charged(
        own_service, tmp_path, currency, plus, pro, wire, amount, mailed, scale):
    synced = stripe(own_service, "catalog", "sync", "--stripe",
                    CATALOG=catalog_in(tmp_path, currency, plus, pro))
    assert synced.returncode == 0, synced
    plan = offered(own_service, "Plus")
    assert (plan["price"], plan["currency"]) == (wire, currency.lower())
    client = sdk(own_service)
    sold = client.v1.prices.retrieve(price(own_service, "career_plus_monthly"))
    assert (sold.unit_amount, sold.currency) == (amount, currency.lower())
    user = own_service.new_user()
    assert buy(own_service, user)["plan"]["name"] == "Plus"
    text = " ".join(own_service.mail(user.email)[-1]["text"].split())
    assert f"{mailed} is charged" in text, text
    own_service.advance(8 * DAY)
    [invoice] = [found for found in client.v1.invoices.list().data if found.amount_paid]
    assert invoice.amount_paid == amount
    preview = user.post("/career/subscriptions/preview-upgrade", {"new_plan_id": PRO}).json
    assert preview["currency"] == currency.lower()
    assert user.post("/career/subscriptions/upgrade", {"new_plan_id": PRO}).status == 200
    paid = client.v1.invoices.retrieve(live(own_service).latest_invoice).amount_paid
    assert 0 < paid == Decimal(preview["total_due"]).scaleb(scale)
    assert preview["proration_amount"] == preview["total_due"]
    if scale and currency not in ("isk", "ugx"):
        assert len(preview["total_due"].partition(".")[2]) == scale
    elif not scale:
        assert "." not in preview["total_due"]


REFUSED = [
    ("usd", "0.49", "below the least that Stripe charges, 0.50 usd"),
    ("usd", "0", "below the least"), ("usd", "0.00", "below the least"),
    ("gbp", "0.29", "0.30 gbp"), ("jpy", "49", "below the least that Stripe charges, 50 jpy"),
    ("huf", "174.99", "175.00 huf"), ("czk", "14", "15.00 czk"), ("kwd", "0.000", "below"),
    ("usd", "1000000.00", "above the most that Stripe charges, 999999.99 usd"),
    ("jpy", "100000000", "above the most that Stripe charges, 99999999 jpy"),
    ("isk", "1000000", "above the most"), ("idr", "10000000000.00", "above the most"),
    ("usd", "20.005", "more decimals than usd, which has 2"),
    ("jpy", "2000.50", "more decimals than jpy, which has 0"),
    ("isk", "2500.50", "must be whole: isk has no decimals"),
    ("ugx", "70000.01", "must be whole: ugx has no decimals"),
    ("kwd", "6.125", "must end in 0"), ("kwd", "6.1234", "more decimals than kwd, which has 3"),
    ("xyz", "20.00", "in a currency that Stripe does not charge"),
    ("xau", "20.00", "in a currency that Stripe does not charge"),
    ("us", "20.00", "currency must be three letters"),
    ("u$d", "20.00", "currency must be three letters"),
    ("usd", "-20.00", "price must be a price"), ("usd", "20,00", "price must be a price"),
    ("usd", "2e1", "price must be a price"), ("usd", 20, "price must be a price"),
]


@pytest.mark.parametrize("currency,cost,words", REFUSED)
def test_a_price_that_cannot_be_charged_is_refused_by_its_flaw(
        service, tmp_path, currency, cost, words):
    before = offered(service, "Plus")
    refused = service.command(
        "catalog", "sync", CATALOG=catalog_with(tmp_path, currency=currency, price=cost))
    assert refused.returncode == 1 and words in refused.stderr, refused
    assert len(refused.stderr.strip().splitlines()) == 1
    assert offered(service, "Plus") == before


def test_a_free_plan_costs_nothing(own_service, tmp_path):
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["plans"][0]["price"] = "1.00"
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    refused = own_service.command("catalog", "sync", CATALOG=str(path))
    assert refused.returncode == 1 and "Free: a free plan's price must be 0" in refused.stderr


def test_an_earlier_subscribers_mails_name_their_own_price(own_service, tmp_path):
    early = own_service.new_user()
    buy(own_service, early)
    catalog = catalog_with(tmp_path, price="25.00", display_price="$25 / month")
    assert stripe(own_service, "catalog", "sync", "--stripe", CATALOG=catalog).returncode == 0
    late = own_service.new_user()
    buy(own_service, late)
    own_service.advance(5 * DAY)
    for user, mine, other in ((early, "$20.00 / month", "$25"), (late, "$25 / month", "$20")):
        mail = own_service.mail(user.email)[-1]
        text = " ".join(mail["text"].split())
        assert mail["subject"].startswith("Your trial ends"), mail
        assert f"{mine} is charged" in text and other not in text, text


def test_who_pays_for_several_reads_the_price_of_all(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    subscription = live(own_service)
    sdk(own_service).v1.subscriptions.update(subscription.id, {
        "items": [{"id": subscription["items"]["data"][0]["id"], "quantity": 3}]})
    own_service.advance(5 * DAY)
    text = " ".join(own_service.mail(user.email)[-1]["text"].split())
    assert "$60.00 / month is charged" in text


def test_a_display_price_that_does_not_name_the_price_is_warned_of(own_service, tmp_path):
    told = own_service.command(
        "catalog", "sync", "--dry-run", CATALOG=catalog_with(tmp_path, price="25.00"))
    assert told.returncode == 0 and "does not name the price" in told.stderr
    told = own_service.command("catalog", "sync", "--dry-run")
    assert "does not name the price" not in told.stderr


def test_the_local_stripe_counts_currencies_as_stripe_does(own_service):
    client = sdk(own_service)
    product = client.v1.products.create({"name": "x"}).id

    def make(currency, amount):
        return client.v1.prices.create({
            "product": product, "currency": currency, "unit_amount": amount,
            "recurring": {"interval": "month"}}).unit_amount

    assert make("jpy", 2000) == 2000 and make("isk", 250000) == 250000
    for currency, amount in (("isk", 250050), ("ugx", 7000001), ("kwd", 6123),
                             ("usd", 100_000_000)):
        with pytest.raises(Exception, match="(?i)amount"):
            make(currency, amount)


def test_a_plan_may_be_priced_in_another_currency_and_the_check_says_what_that_means(
        own_service, tmp_path):
    catalog = catalog_with(tmp_path, currency="jpy", price="2000")
    assert stripe(own_service, "catalog", "sync", "--stripe", CATALOG=catalog).returncode == 0
    told = stripe(own_service, "stripe", "check", PUBLIC_URL=own_service.url)
    assert told.returncode == 1
    assert "OFF currency: plans are priced in jpy and usd" in told.stdout
    assert f"ok  price: Plus: {price(own_service, 'career_plus_monthly')}, 2000 jpy a month" \
        in told.stdout
    assert knob(own_service, "/_test/settle", {})
