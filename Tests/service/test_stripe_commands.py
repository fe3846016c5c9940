"""What an operator does about Stripe: reconcile, the catalog's prices, a sandbox of its own."""

import calendar
import json
import re
import subprocess
import time

import pytest
from stripe import InvalidRequestError

from conftest import BINARY, DAY, ROOT, Service, together
from ports import free_ports
from test_payments import buy, checkout, knob, press, sdk, settle


def stripe(service, *arguments, **settings):
    return service.command(*arguments, STRIPE_API_BASE=service.sandbox, **settings)


def reconcile(service, *flags):
    return stripe(service, "stripe", "reconcile", *flags)


def live(service):
    [subscription] = sdk(service).v1.subscriptions.list().data
    return subscription


def price(service, name):
    return sdk(service).v1.prices.list({"lookup_keys": [name]}).data[0].id


def subscriber(service):
    user = service.new_user()
    buy(service, user)
    service.advance(8 * DAY)
    knob(service, "/_test/webhooks", {"mode": "hold"})
    return user


# Each makes the two sides differ while no webhook comes through, and says how it is told.


def bought(service):
    user = service.new_user()
    page = checkout(user).json["checkout_url"]
    knob(service, "/_test/webhooks", {"mode": "hold"})
    press(page, "pay")
    return user, "is trialing at Stripe, unknown here", "Plus"


def ended(service):
    user = subscriber(service)
    sdk(service).v1.subscriptions.cancel(live(service).id)
    return user, "is over at Stripe, active here", "Free"


def ending(service):
    user = subscriber(service)
    sdk(service).v1.subscriptions.update(live(service).id, {"cancel_at_period_end": True})
    return user, "ends with its period only at Stripe", "Plus"


def not_ending(service):
    user = subscriber(service)
    service.rows("UPDATE subscriptions SET cancel_at_period_end = 1")
    return user, "ends with its period only here", "Plus"


def upgraded(service):
    user = subscriber(service)
    subscription = live(service)
    sdk(service).v1.subscriptions.update(subscription.id, {
        "items": [{"id": subscription["items"]["data"][0]["id"],
                   "price": price(service, "career_pro_monthly")}],
        "proration_behavior": "always_invoice"})
    return user, "is on another plan at Stripe", "Pro"


def renewed(service):
    user = subscriber(service)
    service.advance(31 * DAY)
    return user, "at Stripe, not here", "Plus"


def failed(service):
    user = subscriber(service)
    knob(service, f"/_test/customers/{live(service).customer}", {"card": "decline"})
    service.advance_past_period(user)
    return user, "is past_due at Stripe, active here", "Plus"


def imagined(service):
    user = subscriber(service)
    service.rows("UPDATE subscriptions SET status = 'unpaid'")
    return user, "is active at Stripe, unpaid here", "Plus"


def second(service):
    user = subscriber(service)
    first = live(service)
    sdk(service).v1.subscriptions.create({
        "customer": first.customer, "default_payment_method": first.default_payment_method,
        "items": [{"price": price(service, "career_pro_monthly")}]})
    return user, "is a second live subscription", "Plus"


@pytest.mark.parametrize("drift", [
    bought, ended, ending, not_ending, upgraded, renewed, failed, imagined, second])
def test_where_the_mirror_and_stripe_differ_is_told_and_mended(own_service, drift):
    user, words, plan = drift(own_service)
    before = own_service.rows("SELECT * FROM subscriptions")
    told = reconcile(own_service)
    assert told.returncode == 1, told
    assert words in told.stdout and f"user {user.id}: sub_" in told.stdout
    # Telling changes nothing.
    assert own_service.rows("SELECT * FROM subscriptions") == before
    assert reconcile(own_service).returncode == 1
    mended = reconcile(own_service, "--repair")
    assert mended.returncode == 0 and "All are mended." in mended.stdout, mended
    assert user.subscription["plan"]["name"] == plan
    again = reconcile(own_service)
    assert again.returncode == 0 and "1 customers, 0 differences" in again.stdout, again
    # The webhooks that come after all change nothing more.
    standing = (user.subscription, user.credits)
    knob(own_service, "/_test/webhooks", {"mode": "release"})
    settle(own_service)
    assert (user.subscription, user.credits) == standing


def test_a_subscription_that_stripe_has_never_heard_of_is_told_and_takes_nothing_from_the_user(
        own_service):
    user = subscriber(own_service)
    own_service.rows("UPDATE subscriptions SET stripe_subscription_id = 'sub_gone'")
    mended = reconcile(own_service, "--repair")
    assert mended.returncode == 0 and "sub_gone is over at Stripe" in mended.stdout, mended
    assert live(own_service).status == "active"
    assert [invoice.status for invoice in sdk(own_service).v1.invoices.list().data] \
        == ["paid", "paid"]
    assert user.balance["credits_remaining"] == "500.00"
    assert "unknown_subscription" in stripe(own_service, "stripe", "notices").stdout


def test_with_stripe_away_nothing_is_told_to_differ(own_service):
    subscriber(own_service)
    away = own_service.command("stripe", "reconcile", STRIPE_API_BASE="http://127.0.0.1:9")
    assert away.returncode not in (0,) and "differences" not in away.stdout


# Prices


def test_a_catalog_sync_makes_what_stripe_lacks_once(own_service):
    knob(own_service, "/_test/reset", {})
    assert sdk(own_service).v1.prices.list().data == []
    dry = stripe(own_service, "catalog", "sync", "--stripe", "--dry-run")
    assert dry.returncode == 0 and sdk(own_service).v1.prices.list().data == []
    made = stripe(own_service, "catalog", "sync", "--stripe")
    assert made.returncode == 0, made
    assert made.stdout.count("created") == 10
    prices = {item.lookup_key: (item.unit_amount, item.currency,
                                item.recurring and item.recurring.interval)
              for item in sdk(own_service).v1.prices.list().data}
    assert prices == {"career_plus_monthly": (2000, "usd", "month"),
                      "career_pro_monthly": (4000, "usd", "month"),
                      "career_plus_yearly": (20000, "usd", "year"),
                      "career_pro_yearly": (40000, "usd", "year"),
                      "career_pack_100": (500, "usd", None),
                      "career_pack_500": (2000, "usd", None),
                      "api_basic_monthly": (1900, "usd", "month"),
                      "api_basic_seat_monthly": (200, "usd", "month"),
                      "api_professional_monthly": (4900, "usd", "month"),
                      "api_professional_seat_monthly": (500, "usd", "month")}
    again = stripe(own_service, "catalog", "sync", "--stripe")
    assert again.returncode == 0 and "created" not in again.stdout
    assert len(sdk(own_service).v1.prices.list().data) == 10
    assert len(sdk(own_service).v1.products.list().data) == 10
    user = own_service.new_user()
    assert buy(own_service, user)["plan"]["name"] == "Plus"


def test_one_price_that_is_missing_is_made_and_the_other_left(own_service):
    client = sdk(own_service)
    plus = price(own_service, "career_plus_monthly")
    client.v1.prices.update(price(own_service, "career_pro_monthly"), {"active": False})
    made = stripe(own_service, "catalog", "sync", "--stripe")
    assert "career_pro_monthly created" in made.stdout and "plus" not in made.stdout
    assert price(own_service, "career_plus_monthly") == plus


def catalog_with(tmp_path, **changes):
    catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
    catalog["plans"][1].update(changes)
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    return str(path)


def test_another_price_is_for_new_subscribers_and_the_old_ones_keep_their_plan(
        own_service, tmp_path):
    early = own_service.new_user()
    assert buy(own_service, early)["plan"]["name"] == "Plus"
    old = price(own_service, "career_plus_monthly")
    catalog = catalog_with(tmp_path, price="25.00", display_price="$25")
    synced = stripe(own_service, "catalog", "sync", CATALOG=catalog)
    assert synced.returncode == 0, synced
    late = own_service.new_user()
    refused = checkout(late)
    assert refused.status == 502 and refused.json["code"] == "payment_provider_error"

    synced = stripe(own_service, "catalog", "sync", "--stripe", CATALOG=catalog)
    assert synced.returncode == 0, synced
    assert "career_plus_monthly is now 25.00 usd, was 20.00 usd" in synced.stdout
    new = price(own_service, "career_plus_monthly")
    client = sdk(own_service)
    assert new != old and client.v1.prices.retrieve(new).unit_amount == 2500
    assert client.v1.prices.retrieve(old).active
    assert len(client.v1.products.list().data) == 10  # the packs' and the seats' too
    again = stripe(own_service, "catalog", "sync", "--stripe", CATALOG=catalog)
    assert again.stdout.strip() == "Nothing differs."

    assert buy(own_service, late)["plan"]["name"] == "Plus"
    # The first renewal after the trial, at the old price.
    own_service.advance(8 * DAY)
    assert (early.subscription["status"], early.subscription["plan"]["name"]) == ("active", "Plus")
    assert stripe(own_service, "dead-letters", "list").stdout.strip() == "No dead letters."


def test_a_plan_keeps_the_lookup_key_by_which_its_subscribers_are_known(own_service, tmp_path):
    refused = stripe(
        own_service, "catalog", "sync",
        CATALOG=catalog_with(tmp_path, lookup_key="career_plus_new"))
    assert refused.returncode == 1
    assert "must keep its lookup_key career_plus_monthly" in refused.stderr
    dry = stripe(own_service, "catalog", "sync", "--dry-run")
    assert "Nothing differs." in dry.stdout


# The clock that the sandbox shares


def sandbox_time(service):
    return knob(service, "/_test/settle", {})["now"]


def service_time(service):
    told = service.call("POST", "/dev/clock", {"advance_seconds": 0}).json["now"][:19]
    return calendar.timegm(time.strptime(told, "%Y-%m-%dT%H:%M:%S"))


def follow(service):
    """Has the tokens of its users be good where its clock stands now."""
    service.offset = service_time(service) - int(time.time())


def test_a_test_clock_moves_its_own_customers_and_not_the_service(own_service):
    start = sandbox_time(own_service)
    clocks = sdk(own_service).v1.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": start + 30 * DAY})
    clocks.advance(clock.id, {"frozen_time": start + 60 * DAY})
    assert sandbox_time(own_service) < start + 3600
    assert service_time(own_service) < start + 3600


def test_the_sandbox_moves_the_service_and_what_falls_due_is_told_before_the_answer(own_service):
    user = own_service.new_user()
    assert buy(own_service, user)["status"] == "trialing"
    start = sandbox_time(own_service)
    reached = knob(own_service, "/_test/clock", {"advance_seconds": 8 * DAY})["now"]
    # The trial's invoice of nothing, and that of the first month.
    assert own_service.rows(
        "SELECT count(*) FROM stripe_events WHERE type = 'invoice.paid'") == [(2,)]
    assert start + 8 * DAY <= reached < start + 8 * DAY + 3600
    assert start + 8 * DAY <= service_time(own_service) < start + 8 * DAY + 3600
    follow(own_service)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_remaining"] == "500.00"


def test_the_clock_may_be_moved_from_both_sides_at_once(own_service):
    buy(own_service, own_service.new_user())
    start = sandbox_time(own_service)

    def move(index):
        if index:
            return own_service.call("POST", "/dev/clock", {"advance_seconds": 5 * DAY}).status
        return knob(own_service, "/_test/clock", {"advance_seconds": 8 * DAY})["now"] > start

    assert together(2, move) == [True, 200]
    assert start + 13 * DAY <= sandbox_time(own_service) < start + 13 * DAY + 3600


# A sandbox of its own


def sandbox_of_its_own(service, *arguments):
    """Starts one for a service, whose environment names its port, and returns once it listens."""
    port = service.environment["STRIPE_API_BASE"].rsplit(":", 1)[1]
    process = subprocess.Popen(
        [BINARY, "sandbox", "--port", port, *arguments], env=service.environment,
        cwd=service.folder, text=True, stdout=subprocess.PIPE,
        stderr=open(service.folder / "sandbox-log", "ab"))
    assert re.search(r"http://127.0.0.1:\d+", process.stdout.readline())
    return process


@pytest.fixture
def pair(tmp_path):
    """Two services that share a sandbox of its own, which the first one has as `stripe`."""
    port, stripe_port = free_ports(2)
    settings = {"STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}"}
    first = Service(tmp_path, PORT=str(port), **settings)
    second = first.beside(**settings)
    first.sandbox = second.sandbox = settings["STRIPE_API_BASE"]
    first.stripe = sandbox_of_its_own(
        first, "--webhook-url", f"http://127.0.0.1:{port}/webhooks/stripe")
    try:
        yield first.start(), second.start()
    finally:
        first.stop()
        second.stop()
        first.stripe.terminate()
        assert first.stripe.wait(30) == 0
    assert first.audit().returncode == 0


def test_the_clock_of_a_sandbox_of_its_own_moves_every_process(pair):
    first, second = pair
    user = first.sign_up()
    assert buy(first, user)["status"] == "trialing"
    begin = sandbox_time(first) + 8 * DAY
    assert begin <= knob(first, "/_test/clock", {"advance_seconds": 8 * DAY})["now"]
    for service in (first, second):
        assert begin <= service_time(service) < begin + 3600
    follow(first)
    assert user.subscription["status"] == "active"
    assert user.balance["credits_remaining"] == "500.00"


def test_a_sandbox_of_its_own_shares_the_clock_of_every_process(pair):
    first, second = pair
    user = first.sign_up()
    assert buy(first, user)["status"] == "trialing"
    # Whichever process is asked, all that falls due is done when it answers.
    second.advance(8 * DAY)
    first.offset = second.offset
    assert user.subscription["status"] == "active"
    assert user.balance["credits_remaining"] == "500.00"
    check_shared_clock(first, second)
    # It finds the clock where it was after a restart.
    first.stripe.terminate()
    assert first.stripe.wait(30) == 0
    first.stripe = sandbox_of_its_own(
        first, "--webhook-url", f"{first.url}/webhooks/stripe")
    check_shared_clock(first, second)
    assert live(first).status == "active"


def check_shared_clock(first, second):
    before = second.now
    created = sdk(first).v1.customers.create().created
    assert before <= created <= second.now


def test_the_sandbox_is_refused_in_production(tmp_path):
    refused = Service(tmp_path).command(
        "sandbox", CUEBX_ENV="production", JWT_SECRET="p" * 40, INTERNAL_API_KEYS="a" * 20,
        STRIPE_SECRET_KEY="sk_test_x", STRIPE_WEBHOOK_SECRET="whsec_x")
    assert refused.returncode == 1 and "development only" in refused.stderr


# The tour


def tour(service, *arguments):
    return service.command("tour", "--url", service.url, *arguments)


def test_the_tour_ends_with_a_page_to_pay_on(own_service):
    walked = tour(own_service)
    assert walked.returncode == 0, walked
    page = re.search(own_service.sandbox + r"/c/pay/cs_test_\w+", walked.stdout)
    assert page and "24.00 left" in walked.stdout
    assert press(page.group(), "pay")[0] == 303


def test_the_tour_finds_the_server_by_the_settings(own_service):
    (own_service.folder / ".env").write_text(f"PORT={own_service.port}\n")
    del own_service.environment["PORT"]
    walked = own_service.command("tour")
    assert walked.returncode == 0 and "24.00 left" in walked.stdout, walked


def test_the_tour_can_go_every_way_from_one_plan_to_another(own_service):
    walked = tour(own_service, "--moves")
    assert walked.returncode == 0, walked
    assert "a trial of Plus, Pro, Plus at the period's end, and Free" in walked.stdout
    assert '"total_due": "0.00"' in walked.stdout
    assert "bought by itself, and a year of Plus" in walked.stdout
    assert own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox).returncode == 0


def test_the_tour_can_go_a_teams_way(own_service):
    walked = tour(own_service, "--team")
    assert walked.returncode == 0, walked
    assert "a team paid for seats, was frozen, paid again and went on" in walked.stdout
    assert own_service.command(
        "stripe", "reconcile", STRIPE_API_BASE=own_service.sandbox).returncode == 0


def test_the_tour_can_go_the_whole_way_by_itself(own_service):
    walked = tour(own_service, "--pay")
    assert walked.returncode == 0, walked
    assert "Free, a trial of Plus, Pro, Free again, and a pack of credits" in walked.stdout
    assert '"status": "trialing"' in walked.stdout
    assert own_service.rows("SELECT count(*) FROM subscriptions WHERE trial_used = 1") == [(1,)]
