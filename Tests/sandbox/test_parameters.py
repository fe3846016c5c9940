"""No parameter is taken and dropped: each is one of Stripe's, and is kept, acted on or refused."""

import json
import re
from pathlib import Path

import parameters
import pytest
import stripe

FORM = {"Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Bearer sk_test_x"}
# Names that older versions have, and what the SDK adds to every request of its own.
OLDER = {"billing_cycle_anchor", "subscription_details[billing_cycle_anchor]",
         "payment_method_types[]"}
OPTIONS = {"api_key", "content_type", "headers", "idempotency_key", "max_network_retries",
           "stripe_account", "stripe_context", "stripe_version"}
ADDRESS = {"city": "Ulm", "country": "DE", "line1": "a", "line2": "b", "postal_code": "89073",
           "state": "BW"}
URL = "https://example.com/x"
DAY = 86_400


def routes(sandbox):
    return {(route["method"], route["path"]): route["parameters"]
            for route in sandbox.look("routes")["routes"]}


def test_every_endpoint_and_parameter_is_one_of_the_sdks(sandbox):
    for (method, path), names in routes(sandbox).items():
        known = parameters.all_names(method, path)
        for name in names:
            plain = name.rstrip("*")
            isKnown = name in known or plain in known or plain.removesuffix("[]") in known
            assert isKnown or name in OLDER, (method, path, name)


def test_every_parameter_of_the_sdk_that_is_not_taken_is_refused_by_name(sandbox):
    count = 0
    for (method, path), names in routes(sandbox).items():
        taken = {re.split(r"[\[*]", name)[0] for name in names}
        known = {name.split("[")[0].rstrip("*")
                 for name in parameters.all_names(method, path)} - OPTIONS
        for name in sorted(known - taken):
            url = path.replace("*", "x_none")
            query = f"?{name}=x" if method != "POST" else ""
            raw = f"{name}=x".encode() if method == "POST" else None
            status, _, text = sandbox.request(method, url + query, headers=FORM, raw=raw)
            error = json.loads(text)["error"]
            assert (status, error.get("code"), error.get("param")) == (
                400, "parameter_unknown", name), (method, path)
            count += 1
    assert count > 200


def test_an_unknown_parameter_below_a_known_one_is_refused_by_name(sandbox):
    for (method, path), names in routes(sandbox).items():
        for name in names:
            if name.endswith("*") or "[" not in name or name.endswith("[]"):
                continue
            wrong = re.sub(r"\[\]", "[0]", name[:-1] + "_x]")
            raw = f"{wrong}=1".encode() if method == "POST" else None
            query = "" if raw else f"?{wrong}=1"
            status, _, text = sandbox.request(
                method, path.replace("*", "x_none") + query, headers=FORM, raw=raw)
            assert (status, json.loads(text)["error"]["param"]) == (400, wrong), (method, path)


# What is kept: the parameters, and where they are seen afterwards if that is elsewhere.

def kept_by_customers():
    return [
        ({"email": "b@c.test"}, {}), ({"name": "B"}, {}), ({"description": "d"}, {}),
        ({"phone": "+49"}, {}), ({"metadata": {"k": "v"}}, {}), ({"balance": -5}, {}),
        ({"tax_exempt": "reverse"}, {}), ({"address": ADDRESS}, {}),
        ({"shipping": {"name": "B", "phone": "1", "address": ADDRESS}}, {}),
        ({"preferred_locales": ["de"]}, {})]


def kept_by_products():
    return [
        ({"name": "P"}, {}), ({"active": False}, {}), ({"description": "d"}, {}),
        ({"metadata": {"k": "v"}}, {}), ({"unit_label": "seat"}, {}), ({"url": URL}, {}),
        ({"statement_descriptor": "CUEBX"}, {}), ({"tax_code": "txcd_1"}, {}),
        ({"images": [URL]}, {}), ({"shippable": True}, {})]


KEPT = {
    "customers": kept_by_customers, "products": kept_by_products,
    "prices": lambda: [
        ({"active": False}, {}), ({"nickname": "n"}, {}), ({"metadata": {"k": "v"}}, {}),
        ({"tax_behavior": "exclusive"}, {}), ({"lookup_key": "l", "transfer_lookup_key": True},
                                              {"lookup_key": "l"})],
    "subscriptions": lambda: [
        ({"description": "d"}, {}), ({"metadata": {"k": "v"}}, {}),
        ({"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}, {}),
        ({"cancellation_details": {"comment": "c", "feedback": "unused"}}, {}),
        ({"pause_collection": {"behavior": "void", "resumes_at": 4_000_000_000}}, {}),
        ({"cancel_at": 4_000_000_000}, {}), ({"cancel_at_period_end": True}, {}),
        ({"collection_method": "charge_automatically"}, {})],
    "coupons": lambda: [({"name": "n"}, {}), ({"metadata": {"k": "v"}}, {})],
}
# What each endpoint of a kind takes and acts on, and the file of the tests that say how.
ACTED = {
    "POST /v1/products": {"id": "test_parameters", "type": "test_parameters"},
    "POST /v1/prices": {
        "currency": "test_parameters", "unit_amount": "test_parameters",
        "product": "test_parameters", "product_data": "test_parameters",
        "recurring": "test_parameters", "billing_scheme": "test_parameters"},
    "POST /v1/customers": {"payment_method": "test_parameters", "test_clock": "test_clocks"},
    "POST /v1/subscriptions": {
        "customer": "test_billing", "items": "test_items", "billing_mode": "test_endings",
        "discounts": "test_items", "default_payment_method": "test_billing",
        "trial_period_days": "test_billing", "trial_end": "test_endings",
        "payment_behavior": "test_invoices", "off_session": None},
    "POST /v1/subscriptions/*": {
        "items": "test_items", "discounts": "test_items", "trial_end": "test_endings",
        "default_payment_method": "test_billing", "payment_behavior": "test_pending_updates",
        "proration_behavior": "test_billing", "proration_date": "test_billing",
        "billing_cycle_anchor": "test_endings", "off_session": None},
    "POST /v1/coupons": {
        "id": "test_items", "percent_off": "test_items", "amount_off": "test_items",
        "currency": "test_items", "duration": "test_items", "duration_in_months": "test_items",
        "max_redemptions": "test_items", "redeem_by": "test_items"},
}


def target(sandbox, kind):
    api = sandbox.client.v1
    return {
        "customers": lambda: api.customers.create({"email": "a@b.test"}),
        "products": lambda: api.products.create({"name": "A"}),
        "prices": lambda: sandbox.price(1000),
        "subscriptions": lambda: sandbox.subscription(sandbox.price(1000)),
        "coupons": lambda: api.coupons.create({"percent_off": 5}),
    }[kind]()


def same(found, wanted):
    """Whether an answer has what was asked for; it may have more."""
    if isinstance(wanted, dict):
        return all(same(found[name], value) for name, value in wanted.items())
    return found == wanted


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_taken_is_seen_afterwards(sandbox, api, kind):
    service = getattr(api, kind)
    for params, seen in KEPT[kind]():
        made = target(sandbox, kind)
        service.update(made.id, params)
        assert same(service.retrieve(made.id).to_dict(), seen or params), params


@pytest.mark.parametrize("kind", KEPT)
def test_no_parameter_of_these_is_forgotten(sandbox, kind):
    kept = {name for params, _ in KEPT[kind]() for name in params}
    for endpoint in [f"POST /v1/{kind}", f"POST /v1/{kind}/*"]:
        method, path = endpoint.split(" ")
        taken = {re.split(r"[\[*]", name)[0] for name in routes(sandbox)[(method, path)]}
        acted = ACTED.get(endpoint, {})
        assert taken - kept - set(acted) <= {"expand", "invoice_settings"}, endpoint
        for file in filter(None, acted.values()):
            assert (Path(__file__).parent / f"{file}.py").exists()


def test_what_makes_a_price_and_a_product_is_seen(sandbox, api):
    product = api.products.create({"name": "P", "id": "prod_own", "type": "good"})
    assert (product.id, product.type) == ("prod_own", "good")
    price = api.prices.create({
        "currency": "EUR", "unit_amount": 700, "billing_scheme": "per_unit",
        "product_data": {"name": "Q", "metadata": {"k": "v"}},
        "recurring": {"interval": "week", "interval_count": 2, "usage_type": "licensed"}})
    assert (price.currency, price.unit_amount, price.unit_amount_decimal) == ("eur", 700, 700)
    made = api.products.retrieve(price.product)
    assert (made.name, made.metadata.k) == ("Q", "v")
    assert (price.recurring.interval, price.recurring.interval_count) == ("week", 2)
    customer = api.customers.create({"payment_method": "pm_card_visa"})
    card = customer.invoice_settings.default_payment_method
    assert api.payment_methods.list({"customer": customer.id, "type": "card"}).data[0].id == card


def test_what_a_checkout_takes_is_seen_there_or_on_what_it_makes(sandbox, api):
    customer = sandbox.customer(None)
    expires = sandbox.now() + 3_600
    params = {
        "client_reference_id": "42", "metadata": {"a": "1"}, "expires_at": expires,
        "locale": "de", "allow_promotion_codes": True, "billing_address_collection": "required",
        "payment_method_collection": "if_required", "allowed_payment_method_types": ["card"],
        "ui_mode": "hosted_page"}
    session = sandbox.session(
        sandbox.price(2000), customer, **params, subscription_data={
            "description": "d", "metadata": {"b": "2"}, "trial_period_days": 5,
            "billing_mode": {"type": "classic"},
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}}})
    assert same(session.to_dict(), params)
    assert session.url and session.payment_status == "unpaid"
    sandbox.press(session.url, action="pay")
    made = api.subscriptions.list({"customer": customer.id}).data[0]
    assert (made.description, made.metadata.b, made.billing_mode.type) == ("d", "2", "classic")
    assert made.trial_settings.end_behavior.missing_payment_method == "cancel"
    assert made.trial_end - made.trial_start == 5 * DAY
    # Nothing is due, so no card is asked for.
    assert made.default_payment_method is None
    assert api.payment_methods.list({"customer": customer.id}).data == []


@pytest.mark.parametrize("params", [
    {"success_url": "javascript:alert(1)"}, {"success_url": "app"}, {"success_url": "//x"},
    {"cancel_url": "ftp://x/"}, {"cancel_url": "http://"}, {"locale": "xx"},
    {"billing_address_collection": "never"}, {"payment_method_collection": "sometimes"},
    {"allowed_payment_method_types": ["oxxo"]}, {"client_reference_id": "x" * 201},
    {"metadata": {"k": "v" * 501}}, {"metadata": {"k" * 41: "v"}},
    {"metadata": {f"k{n}": "v" for n in range(51)}}, {"discounts": [{"coupon": "none"}]},
    {"line_items": [{"quantity": 1}]}, {"subscription_data": {"trial_end": 1}},
    {"subscription_data": {"trial_period_days": 731}},
    {"subscription_data": {"trial_settings": {"end_behavior": {
        "missing_payment_method": "hope"}}}}])
def test_a_checkout_that_stripe_would_refuse_is_refused(sandbox, api, params):
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.session(sandbox.price(2000), **params)
    assert api.checkout.sessions.list().data == []


@pytest.mark.parametrize("kind, params", [
    ("customers", {"tax_exempt": "some"}), ("customers", {"email": "nobody"}),
    ("customers", {"name": "x" * 351}), ("customers", {"balance": "x"}),
    ("customers", {"metadata": {"k": "v" * 501}}), ("customers", {"shipping": {"phone": "1"}}),
    ("customers", {"metadata": {"k" * 41: "v"}}), ("products", {"active": "maybe"}),
    ("customers", {"metadata": {f"k{n}": "v" for n in range(51)}}),
    ("products", {"url": "nonsense"}), ("products", {"images": ["nonsense"]}),
    ("products", {"images": [URL] * 9}), ("prices", {"tax_behavior": "x"}),
    ("subscriptions", {"trial_settings": {"end_behavior": {"missing_payment_method": "x"}}}),
    ("subscriptions", {"proration_behavior": "x"}), ("subscriptions", {"payment_behavior": "x"}),
    ("subscriptions", {"collection_method": "send_invoice"}),
    ("subscriptions", {"billing_cycle_anchor": {"type": "x"}}),
    ("subscriptions", {"default_payment_method": "pm_none"}),
    ("subscriptions", {"items": [{"price": "price_none"}]}),
    ("subscriptions", {"metadata": {"k": "v" * 501}}),
    ("subscriptions", {"metadata": "x"}), ("subscriptions", {"pause_collection": "x"}),
    ("subscriptions", {"discounts": "x"}), ("customers", {"metadata": "x"}),
    ("customers", {"preferred_locales": "x"}), ("customers", {"address": "x"}),
    ("products", {"metadata": "x"}),
    ("subscriptions", {"cancel_at_period_end": "perhaps"})])
def test_values_that_stripe_would_refuse_are_refused_and_change_nothing(
        sandbox, api, kind, params):
    service = getattr(api, kind)
    made = target(sandbox, kind)
    with pytest.raises(stripe.InvalidRequestError):
        service.update(made.id, params)
    assert service.retrieve(made.id).to_dict() == made.to_dict()


@pytest.mark.parametrize("params", [
    {"unit_amount": -1}, {"unit_amount": 100_000_000}, {"unit_amount": "x"}, {"currency": "usdx"},
    {"currency": "xyz"},
    {"recurring": {"interval": "decade"}}, {"recurring": {"interval_count": 2}},
    {"recurring": {"interval": "year", "interval_count": 4}}, {"billing_scheme": "tiered"},
    {"recurring": {"interval": "month", "usage_type": "metered"}}, {"product": "prod_none"}])
def test_a_price_that_stripe_would_refuse_is_refused(sandbox, api, params):
    product = api.products.create({"name": "P"}).id
    with pytest.raises(stripe.InvalidRequestError):
        api.prices.create({"product": product, "currency": "usd", "unit_amount": 100, **params})
    assert api.prices.list().data == []


@pytest.mark.parametrize("currency, amount, isRight", [
    ("isk", 150, False), ("isk", 200, True), ("ugx", 1, False), ("kwd", 1005, False),
    ("kwd", 1010, True), ("jpy", 2001, True), ("huf", 12345, True)])
def test_digits_that_a_currency_does_not_have_are_refused(
        sandbox, api, currency, amount, isRight):
    if isRight:
        assert sandbox.price(amount, currency=currency).unit_amount == amount
    else:
        with pytest.raises(stripe.InvalidRequestError):
            sandbox.price(amount, currency=currency)


def test_a_tax_behavior_is_set_once(sandbox, api):
    price = sandbox.price(1000)
    api.prices.update(price.id, {"tax_behavior": "inclusive"})
    with pytest.raises(stripe.InvalidRequestError):
        api.prices.update(price.id, {"tax_behavior": "exclusive"})


def test_a_detached_card_is_gone(sandbox, api, receiver):
    customer = sandbox.customer()
    card = api.customers.retrieve(customer.id).invoice_settings.default_payment_method
    subscription = sandbox.subscription(
        sandbox.price(2000), customer, default_payment_method=card)
    api.payment_methods.detach(card)
    assert api.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    assert api.subscriptions.retrieve(subscription.id).default_payment_method is None
    for call in [lambda: api.payment_methods.detach(card),
                 lambda: api.payment_methods.attach(card, {"customer": customer.id}),
                 lambda: sandbox.subscription(
                     sandbox.price(3000), customer, default_payment_method=card)]:
        with pytest.raises(stripe.InvalidRequestError):
            call()
    sandbox.advance_to(subscription["items"].data[0].current_period_end + 3_601)
    found = api.subscriptions.retrieve(subscription.id)
    assert found.status == "past_due"


# A failure that is kept with its key.

@pytest.mark.parametrize("acts", [False, True])
def test_a_failure_that_is_kept_is_repeated_to_its_key_for_a_day(sandbox, api, acts):
    sandbox.knob("faults", path_prefix="/v1/customers", kind="stored", status=500, acts=acts)
    for attempt in range(2):
        with pytest.raises(stripe.APIError) as error:
            api.customers.create({"email": "a@b.test"}, {"idempotency_key": "kept"})
        assert ("Idempotent-Replayed" in error.value.headers) == bool(attempt)
    assert len(api.customers.list().data) == int(acts)
    assert api.customers.create({"email": "a@b.test"}, {"idempotency_key": "new"}).id
    sandbox.advance(DAY + 1)
    assert api.customers.create({"email": "a@b.test"}, {"idempotency_key": "kept"}).id


# Lists.

def test_lists_within_objects_come_in_pages_too(sandbox, api):
    prices = [sandbox.price(100 * n + 100) for n in range(5)]
    customer = sandbox.customer()
    subscription = api.subscriptions.create({
        "customer": customer.id, "items": [{"price": price.id} for price in prices]})
    lines = api.invoices.line_items.list(subscription.latest_invoice, {"limit": 2})
    assert (len(lines.data), lines.has_more) == (2, True)
    rest = api.invoices.line_items.list(
        subscription.latest_invoice, {"limit": 10, "starting_after": lines.data[1].id})
    assert (len(rest.data), rest.has_more) == (3, False)
    session = sandbox.session(prices[0], line_items=[
        {"price": price.id, "quantity": 1} for price in prices])
    found = api.checkout.sessions.line_items.list(session.id, {"limit": 4})
    assert (len(found.data), found.has_more) == (4, True)


def test_lists_of_everything_are_cut_by_the_time_of_creation(sandbox, api):
    first = sandbox.subscription(sandbox.price(2000))
    sandbox.advance(2 * DAY)
    since = sandbox.now()
    second = sandbox.subscription(sandbox.price(3000))
    api.coupons.create({"percent_off": 5})
    for kind in [api.customers, api.products, api.prices, api.subscriptions, api.invoices,
                 api.charges, api.payment_intents, api.invoice_payments, api.events]:
        late = kind.list({"created": {"gte": since}, "limit": 100}).data
        early = kind.list({"created": {"lt": since}, "limit": 100}).data
        assert late and early and all(one.created >= since for one in late)
        assert all(one.created < since for one in early)
    by_price = api.subscriptions.list({"price": second["items"].data[0].price.id}).data
    assert [one.id for one in by_price] == [second.id] != [first.id]
    for kind in [api.customers, api.charges, api.events]:
        for limit in [0, 101, "x"]:
            with pytest.raises(stripe.InvalidRequestError):
                kind.list({"limit": limit})
    for kind in [api.invoices, api.subscriptions, api.checkout.sessions]:
        with pytest.raises(stripe.InvalidRequestError):
            kind.list({"status": "bad"})


def test_events_are_listed_by_their_type_and_by_the_group_of_it(sandbox, api):
    sandbox.subscription(sandbox.price(2000))
    every = api.events.list({"limit": 100}).data
    for group in ["invoice.*", "customer.subscription.*", "invoice.paid", "none.*"]:
        found = api.events.list({"type": group, "limit": 100}).data
        assert [one.id for one in found] == [
            one.id for one in every if one.type == group or group[-1] == "*"
            and one.type.startswith(group[:-1])]
        assert bool(found) == (group != "none.*")
