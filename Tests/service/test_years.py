"""A plan by the year: paid at once, granted by the month, and every move to it and from it."""

import datetime
import json
import uuid

import pytest

from browser import Browser
from conftest import DAY, PLUS, PLUS_YEARLY, PRO, PRO_YEARLY, ROOT
from test_payments import buy, knob, sdk, settle
from test_payments_queue import until
from test_plan_moves import act, at_stripe, follows, invoices, paid, price, reconcile

HOUR = 3600
# What no month of a paid year is.
BROKEN = [
    ("year_start", lambda micros: micros - DAY * 1_000_000),
    ("year_invoice_id", lambda id: id + "x"), ("period_end", lambda micros: micros + 1_000_000),
    ("year_plan_id", lambda id: uuid.UUID(PLUS))]


def span(answer, kind="current_period"):
    """In days."""
    start, end = (answer[f"{kind}_{edge}"][:10] for edge in ("start", "end"))
    return (datetime.date.fromisoformat(end) - datetime.date.fromisoformat(start)).days


def latest_invoice(service):
    [latest] = sdk(service).v1.invoices.list({"limit": 1}).data
    return latest


def words(mail):
    return " ".join(mail["text"].split())


def give_back(service, invoice, amount=None):
    [payment] = sdk(service).v1.invoice_payments.list({"invoice": invoice.id}).data
    sdk(service).v1.refunds.create({
        "payment_intent": payment.payment.payment_intent, **({"amount": amount} if amount else {})})
    settle(service)


def test_a_year_is_paid_once_granted_by_the_month_and_told_of_before_it_renews(own_service):
    service = own_service
    user = paid(service, PLUS_YEARLY)
    subscription, balance = user.subscription, user.balance
    assert subscription["plan"]["interval"] == "year" and subscription["status"] == "active"
    assert subscription["plan"]["credits_cadence"] == "month"
    assert span(subscription) in (365, 366) and 28 <= span(balance, "period") <= 31
    assert latest_invoice(service).amount_paid == 20000
    user.spend()
    made, months = invoices(service), set()
    for _ in range(11):
        service.advance(31 * DAY)
        if user.subscription["current_period_end"] != subscription["current_period_end"]:
            break
        balance = user.balance
        months.add(balance["period_start"])
        assert (balance["credits_allocated"], balance["credits_used"]) == ("500.00", "0.00")
    assert len(months) == 11 and invoices(service) == made
    # 24 days are left, or a few less.
    renewals = lambda: [mail for mail in service.mail(user.email) if "renews on" in mail["subject"]]
    assert renewals() == []
    # While its collection is paused nothing is charged, and nothing told.
    there = at_stripe(service, user).id
    sdk(service).v1.subscriptions.update(there, {"pause_collection": {"behavior": "void"}})
    service.advance(14 * DAY)
    assert renewals() == []
    # A pause that ends before the year does hides nothing.
    sdk(service).v1.subscriptions.update(
        there, {"pause_collection": {"behavior": "void", "resumes_at": service.now + 2 * DAY}})
    service.advance(7 * HOUR)
    [mail] = renewals()
    assert "$200 / year" in mail["text"]
    assert subscription["current_period_end"][:10] in mail["subject"]
    service.advance(7 * HOUR)
    assert len(renewals()) == 1
    # A coupon lowers what is charged: the user is told so, once, and that it is gone.
    coupon = sdk(service).v1.coupons.create({"percent_off": 10, "duration": "forever"})
    sdk(service).v1.subscriptions.update(there, {"discounts": [{"coupon": coupon.id}]})
    for _ in range(2):
        service.advance(7 * HOUR)
        [_, corrected] = renewals()
    assert corrected["subject"] == mail["subject"] + ": another price"
    assert "and $180.00 is charged" in words(corrected)
    sdk(service).v1.subscriptions.update(there, {"discounts": ""})
    service.advance(7 * HOUR)
    [_, _, back] = renewals()
    assert back["subject"] == corrected["subject"] and "$200 / year" in back["text"]
    sdk(service).v1.subscriptions.update(there, {"discounts": [{"coupon": coupon.id}]})
    service.advance(7 * HOUR)
    assert len(renewals()) == 4
    service.advance_past_period(user, 2 * HOUR)
    until(lambda: user.subscription["current_period_start"] == subscription["current_period_end"])
    assert user.balance["credits_allocated"] == "500.00" and len(renewals()) == 4
    assert latest_invoice(service).amount_paid == 18000
    assert reconcile(service).returncode == 0
    for column, change in BROKEN:
        [(value,)] = service.rows(
            f"SELECT {column} FROM career_subscription_contexts WHERE user_id = ?",
            uuid.UUID(user.id))
        write = f"UPDATE career_subscription_contexts SET {column} = ? WHERE user_id = ?"
        service.write(write, change(value), uuid.UUID(user.id))
        assert service.audit().returncode == 1, column
        service.write(write, value, uuid.UUID(user.id))
    # Its money goes back in part: this month and the coming ones have a quarter less.
    give_back(service, latest_invoice(service), 4500)
    until(lambda: user.balance["credits_allocated"] == "375.00")
    [told] = [mail for mail in service.mail(user.email) if "was returned" in mail["subject"]]
    assert "has that part less" in words(told)
    service.advance(32 * DAY)
    assert user.balance["credits_allocated"] == "375.00"
    assert reconcile(service).returncode == 0
    assert user.post("/career/subscriptions/cancel", {"cancel_at_period_end": False}).status == 200
    settle(service)
    ended = user.balance
    assert (ended["credits_allocated"], user.subscription["plan"]["name"]) == ("25.00", "Free")
    assert 28 <= span(ended, "period") <= 31
    assert service.command("dead-letters", "list").stdout.strip() == "No dead letters."


def test_a_year_takes_the_place_of_a_month_at_once_and_a_month_that_of_a_year_at_its_end(own_service):
    service = own_service
    user = paid(service, PLUS)
    user.spend()
    service.advance(9 * DAY)
    shown = act(user, "preview-upgrade", PRO_YEARLY)
    assert shown.status == 200, shown
    shown = shown.json
    answer = act(user, "upgrade", PRO_YEARLY)
    assert answer.status == 200, answer
    settle(service)
    subscription, latest = user.subscription, latest_invoice(service)
    assert f"{latest.amount_paid / 100:.2f}" == shown["total_due"] == shown["proration_amount"]
    assert 38000 < latest.amount_paid < 40000 and len(latest.lines.data) == 2
    assert subscription["plan"]["name"] == "Pro yearly" and span(subscription) in (365, 366)
    # What is left of the month went back with its money; nothing beyond it was used.
    assert user.balance["credits_allocated"] == "2000.00"
    assert subscription["current_period_end"][:10] == shown["billing_period_end"][:10]
    [mail] = [mail for mail in service.mail(user.email) if mail["subject"].startswith("You are now")]
    assert mail["subject"] == "You are now on Pro yearly" and "2000.00" in mail["text"]
    assert f"ends on {subscription['current_period_end'][:10]}" in words(mail)
    anchor = at_stripe(service, user).billing_cycle_anchor
    assert abs(anchor - service.now) < DAY
    assert reconcile(service).returncode == 0
    # Shorter or lower is later, by the other verb.
    assert act(user, "upgrade", PRO).code == "downgrade_not_allowed"
    end = subscription["current_period_end"]
    preview = act(user, "preview-upgrade", PRO).json
    assert (preview["total_due"], preview["effective_at"]) == ("0.00", end)
    assert act(user, "downgrade", PRO).json["scheduled_at"] == end
    settle(service)
    assert follows(user) == (PRO, end)
    service.advance_past_period(user, 2 * HOUR)
    until(lambda: user.subscription["plan"]["name"] == "Pro")
    assert 28 <= span(user.subscription) <= 31
    until(lambda: user.balance["credits_allocated"] == "2000.00")
    assert latest_invoice(service).amount_paid == 4000
    assert [mail for mail in service.mail(user.email) if "renews on" in mail["subject"]] == []
    # A lower rank by the year follows the month, and its year is counted from then.
    end = user.subscription["current_period_end"]
    assert act(user, "downgrade", PLUS_YEARLY).json["scheduled_at"] == end
    begins = lambda: [mail for mail in service.mail(user.email)
                      if mail["subject"] == f"Your year begins on {end[:10]}"]
    assert begins() == []
    service.advance(20 * DAY)
    [mail] = begins()
    assert "changes to Plus yearly, as you have asked for. Then $200 / year is charged" in words(mail)
    service.advance_past_period(user, 2 * HOUR)
    until(lambda: user.subscription["plan"]["name"] == "Plus yearly")
    until(lambda: user.balance["credits_allocated"] == "500.00")
    assert user.subscription["current_period_start"] == end and span(user.subscription) in (365, 366)
    # Within the year the higher plan is prorated, and the coming months are its.
    assert act(user, "upgrade", PRO_YEARLY).status == 200
    settle(service)
    assert 1990 < float(user.balance["credits_allocated"]) < 2000
    assert user.subscription["current_period_start"] == end
    service.advance(32 * DAY)
    assert user.balance["credits_allocated"] == "2000.00"
    assert reconcile(service).returncode == 0
    # In full, its money ends the plan: the upgrade's invoice first changes nothing of that.
    year = [one for one in sdk(service).v1.invoices.list({"limit": 5}).data
            if one.amount_paid == 20000][0]
    give_back(service, year)
    until(lambda: user.subscription["plan"]["name"] == "Free")
    assert user.balance["credits_allocated"] == "25.00"
    assert service.command("dead-letters", "list").stdout.strip() == "No dead letters."


def test_a_declined_card_leaves_the_month_as_it_was_and_a_trial_goes_on(own_service):
    service = own_service
    trier = service.new_user()
    buy(service, trier, PLUS)
    trial_end = trier.subscription["trial_end"]
    shown = act(trier, "preview-upgrade", PRO_YEARLY).json
    assert shown["total_due"] == "0.00" and shown["billing_period_end"] == trial_end
    answer = act(trier, "upgrade", PRO_YEARLY).json
    assert (answer["status"], answer["trial_end"]) == ("trialing", trial_end)
    user = paid(service, PLUS)
    until(lambda: trier.subscription["status"] == "active")
    assert span(trier.subscription) in (365, 366)
    before = user.subscription, user.balance
    knob(service, f"/_test/customers/{at_stripe(service, user).customer}", {"next_charge": "decline"})
    refused = act(user, "upgrade", PRO_YEARLY)
    assert (refused.status, refused.code) == (402, "card_declined")
    settle(service)
    assert (user.subscription, user.balance) == before
    assert at_stripe(service, user)["items"].data[0].price.recurring.interval == "month"
    assert reconcile(service).returncode == 0
    # Bought while the month's own invoice is a draft, the year gives the month's rest back.
    service.advance_past_period(user, HOUR // 2)
    renewal = latest_invoice(service)
    assert renewal.status == "draft"
    # The rest is counted from the preview, and the year from the upgrade that follows.
    assert act(user, "preview-upgrade", PLUS_YEARLY).status == 200
    service.advance(60)
    assert act(user, "upgrade", PLUS_YEARLY).status == 200
    service.advance(2 * HOUR)
    settle(service)
    assert sdk(service).v1.invoices.retrieve(renewal.id).status == "paid"
    assert user.balance["credits_allocated"] == "500.00" and span(user.subscription) in (365, 366)
    assert reconcile(service).returncode == 0


def test_a_year_goes_on_when_stripe_knows_its_subscription_again(own_service):
    service = own_service
    user = service.sign_up()
    buy(service, user, PLUS_YEARLY)
    service.advance(8 * DAY)
    user.spend()
    before = user.subscription
    service.rows("UPDATE subscriptions SET stripe_subscription_id = 'sub_gone'")
    mended = reconcile(service, "--repair")
    assert mended.returncode == 0 and "sub_gone is over at Stripe" in mended.stdout, mended
    assert user.subscription["plan"]["name"] == "Plus yearly"
    assert user.subscription["current_period_end"] == before["current_period_end"]
    assert float(user.balance["credits_used"]) > 0
    service.advance(32 * DAY)
    assert (user.balance["credits_allocated"], user.balance["credits_used"]) == ("500.00", "0.00")
    assert reconcile(service).returncode == 0
    # Who has canceled gets the coming months all the same, and is told when.
    assert user.post("/career/subscriptions/cancel").status == 200
    settle(service)
    browser = Browser(service)
    link = user.post("/auth/page-session").json["url"].removeprefix(service.url)
    account = browser.get(link).send("/enter").text
    assert "Your next credits come on" in account and "What is left can be used" not in account


def test_a_year_that_no_invoice_pays_for_is_told_and_found(own_service):
    service = own_service
    user = paid(service, PLUS)
    there = at_stripe(service, user)
    # As Stripe's dashboard does it: prorated, and without a cycle that begins now.
    sdk(service).v1.subscriptions.update(there.id, {
        "items": [{
            "id": there["items"].data[0].id, "price": price(service, "career_plus_yearly")}],
        "proration_behavior": "always_invoice"})
    settle(service)
    until(lambda: user.subscription["plan"]["name"] == "Plus yearly")
    notices = service.command("stripe", "notices", STRIPE_API_BASE=service.sandbox).stdout
    assert "no year is paid for" in notices
    found = reconcile(service)
    assert found.returncode == 1 and "no year is paid for" in found.stdout, found


@pytest.mark.parametrize("change,words", [
    ({"interval": "week"}, "interval must be month or year"),
    ({"interval": "year"}, "plan Plus must stay one by the month")])
def test_a_plans_interval_is_one_of_two_and_stays(own_service, tmp_path, change, words):
    catalog = json.loads((ROOT / "catalog.json").read_text())
    catalog["products"]["career"]["plans"][1].update(change)
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    refused = own_service.command("catalog", "sync", CATALOG=str(path))
    assert refused.returncode == 1 and words in refused.stderr, refused
