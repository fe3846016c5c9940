"""What an operator sets up at Stripe: the webhook endpoint, the portal, prices; made and checked."""

import json
import re
import urllib.request

import pytest

from conftest import Service
from test_payments import EVENT, buy, post_event, sdk
from test_stripe_commands import price

VERSION = "2026-10-28.endive"


def set_up(service, *arguments, **settings):
    return service.command("stripe", *arguments, **{
        "STRIPE_API_BASE": service.sandbox, "PUBLIC_URL": service.url, **settings})


def off(answer):
    """The subjects of the lines that are off; says so by its status."""
    lines = answer.stdout.splitlines()
    assert all(line.startswith(("ok ", "OFF")) for line in lines), answer
    found = [line.split(":")[0].removeprefix("OFF ") for line in lines if line.startswith("OFF")]
    assert answer.returncode == (1 if found else 0), answer
    return found


def endpoint(service, **more):
    return sdk(service).v1.webhook_endpoints.create({
        "url": f"{service.url}/webhooks/stripe", "enabled_events": ["*"], "api_version": VERSION,
        **more})


def configured(service):
    return sdk(service).v1.webhook_endpoints.list().data[-1].id


# Webhooks


def test_the_endpoint_is_made_with_our_version_events_and_address_and_its_secret_told_once(
        own_service):
    client = sdk(own_service)
    elsewhere = f"{own_service.url}/other"
    made = set_up(own_service, "webhooks", "create", "--url", elsewhere)
    assert made.returncode == 0, made
    [found, _] = client.v1.webhook_endpoints.list().data
    assert (found.url, found.api_version, found.status) == (elsewhere, VERSION, "enabled")
    assert "invoice.paid" in found.enabled_events and "*" not in found.enabled_events
    [secret] = re.findall(r"^STRIPE_WEBHOOK_SECRET=(whsec_\S+)$", made.stdout, re.MULTILINE)
    # One made otherwise, though right, is no reason: nobody may know its secret.
    assert set_up(own_service, "webhooks", "create").returncode == 0
    assert off(set_up(own_service, "webhooks", "check", "--url", elsewhere)) == []
    again = set_up(own_service, "webhooks", "create", "--url", elsewhere)
    assert again.returncode == 1 and secret not in again.stdout + again.stderr
    assert found.id in again.stderr and len(again.stderr.strip().splitlines()) == 1
    assert len(client.v1.webhook_endpoints.list().data) == 3


def test_the_service_takes_what_is_signed_with_the_secret_that_was_told(own_service):
    client = sdk(own_service)
    client.v1.webhook_endpoints.delete(configured(own_service))
    made = set_up(own_service, "webhooks", "create")
    assert client.v1.webhook_endpoints.list().data[0].url == f"{own_service.url}/webhooks/stripe"
    [secret] = re.findall(r"^STRIPE_WEBHOOK_SECRET=(\S+)$", made.stdout, re.MULTILINE)
    assert post_event(own_service, EVENT, secret=secret).status == 400
    other = own_service.beside(
        STRIPE_API_BASE=own_service.sandbox,
        STRIPE_WEBHOOK_SECRET=f"{secret}, whsec_development").start()
    try:
        assert post_event(other, EVENT, secret=secret).status == 200
        assert post_event(other, EVENT).status == 200
    finally:
        other.stop()


FLAWS = [
    ({"api_version": "2024-06-20"}, ["webhook version"]),
    ({"api_version": "2025-03-31.basil"}, ["webhook version"]),
    ({"enabled_events": ["invoice.payment_succeeded"]}, ["webhook events"]),
    ({"api_version": "2020-08-27", "enabled_events": ["invoice.paid"]},
     ["webhook version", "webhook events"]),
]


@pytest.mark.parametrize("flaw,words", FLAWS)
def test_a_check_names_what_is_off_with_the_endpoint(own_service, flaw, words):
    assert off(set_up(own_service, "webhooks", "check")) == []
    bad = endpoint(own_service, **flaw)
    answer = set_up(own_service, "webhooks", "check")
    assert off(answer) == words and bad.id in answer.stdout
    sdk(own_service).v1.webhook_endpoints.update(bad.id, {"disabled": True})
    assert off(set_up(own_service, "webhooks", "check")) == []


def test_a_check_names_an_endpoint_that_is_disabled_or_is_not_there(own_service):
    client = sdk(own_service)
    client.v1.webhook_endpoints.update(configured(own_service), {"disabled": True})
    assert off(set_up(own_service, "webhooks", "check")) == ["webhook status"]
    client.v1.webhook_endpoints.delete(configured(own_service))
    answer = set_up(own_service, "webhooks", "check")
    assert off(answer) == ["webhook address"] and f"{own_service.url}/webhooks" in answer.stdout
    assert off(set_up(own_service, "webhooks", "check", PUBLIC_URL="https://x.example")) \
        == ["webhook address"]


def test_one_of_an_old_version_gets_a_right_one_beside_it_and_is_named_for_deletion(own_service):
    client = sdk(own_service)
    client.v1.webhook_endpoints.delete(configured(own_service))
    old = endpoint(own_service, api_version="2024-06-20")
    made = set_up(own_service, "webhooks", "create")
    assert made.returncode == 0 and f"delete {old.id}" in made.stdout, made
    assert off(set_up(own_service, "webhooks", "check")) == ["webhook version"]
    client.v1.webhook_endpoints.delete(old.id)
    assert off(set_up(own_service, "webhooks", "check")) == []


def test_the_endpoint_can_be_made_in_production_before_there_is_a_secret(tmp_path):
    service = Service(tmp_path)
    settings = {
        "CUEBX_ENV": "production", "JWT_SECRET": "p" * 40, "INTERNAL_API_KEYS": "a" * 20,
        "TOKEN_HASH_SECRETS": "t" * 40, "STRIPE_SECRET_KEY": "sk_test_x",
        "PUBLIC_URL": "https://career.example", "PASSWORD_COST": "",
        "STRIPE_API_BASE": "http://127.0.0.1:9"}
    told = service.command("stripe", "webhooks", "create", **settings)
    assert "STRIPE_WEBHOOK_SECRET" not in told.stderr and "Stripe" in told.stderr
    told = service.command("stripe", "reconcile", **settings)
    assert "STRIPE_WEBHOOK_SECRET" in told.stderr


# The portal


def sessions(service):
    """The configurations that portal sessions were made with, the latest last."""
    log = json.loads(urllib.request.urlopen(service.sandbox + "/_test/requests").read())
    return [call["params"].get("configuration") for call in log["requests"]
            if call["path"] == "/v1/billing_portal/sessions"]


def test_the_portal_is_made_once_without_plan_changes_and_every_session_names_it(own_service):
    user = own_service.new_user()
    buy(own_service, user)
    assert user.post("/career/subscriptions/portal").status == 200
    assert off(set_up(own_service, "portal", "check")) == ["portal"]
    assert set_up(own_service, "portal", "create").returncode == 0
    client = sdk(own_service)
    # Without a configuration the first session had the account's own.
    listed = {"is_default": False}
    [made] = client.v1.billing_portal.configurations.list(listed).data
    assert not made.features.subscription_update.enabled
    assert made.features.subscription_cancel.enabled
    assert made.features.subscription_cancel.mode == "at_period_end"
    assert made.features.payment_method_update.enabled and made.features.invoice_history.enabled
    again = set_up(own_service, "portal", "create")
    assert again.returncode == 0 and made.id in again.stdout
    assert [found.id for found in client.v1.billing_portal.configurations.list(listed).data] == [
        made.id]
    assert off(set_up(own_service, "portal", "check")) == []
    assert user.post("/career/subscriptions/portal").status == 200
    assert sessions(own_service) == [None, made.id]


@pytest.mark.parametrize("features", [
    {"subscription_update": {"enabled": True}}, {"payment_method_update": {"enabled": False}},
    {"invoice_history": {"enabled": False}}, {"subscription_cancel": {"enabled": False}},
    {"subscription_cancel": {"mode": "immediately"}}], ids=str)
def test_a_portal_that_was_changed_is_told_and_set_right(own_service, features):
    set_up(own_service, "portal", "create")
    client = sdk(own_service)
    [made] = client.v1.billing_portal.configurations.list().data
    client.v1.billing_portal.configurations.update(made.id, {"features": features})
    answer = set_up(own_service, "portal", "check")
    assert off(answer) == ["portal"] and made.id in answer.stdout
    assert "set right" in set_up(own_service, "portal", "create").stdout
    assert off(set_up(own_service, "portal", "check")) == []


def test_a_configuration_of_somebody_elses_is_not_taken_for_ours(own_service):
    client = sdk(own_service)
    client.v1.billing_portal.configurations.create({
        "features": {"subscription_update": {"enabled": True}}})
    assert off(set_up(own_service, "portal", "check")) == ["portal"]
    set_up(own_service, "portal", "create")
    theirs = client.v1.billing_portal.configurations.create({
        "features": {"subscription_update": {"enabled": True}}})
    assert off(set_up(own_service, "portal", "check")) == []
    assert theirs.features.subscription_update.enabled


# All of it


def archive(service):
    client = sdk(service)
    client.v1.prices.update(price(service, "career_pro_monthly"), {"active": False})
    return ["price"]


def contradict(service):
    sdk(service).v1.prices.update(
        price(service, "career_plus_monthly"), {"metadata": {"cuebx_plan_id": "other"}})
    return ["price", "price"]


def another_amount(service):
    client = sdk(service)
    old = client.v1.prices.retrieve(price(service, "career_plus_monthly"))
    client.v1.prices.create({
        "product": old.product, "currency": "usd", "unit_amount": 1500,
        "recurring": {"interval": "month"}, "lookup_key": "career_plus_monthly",
        "transfer_lookup_key": True})
    return ["price"]


def another_endpoint(service):
    endpoint(service, api_version="2024-06-20")
    return ["webhook version"]


def another_portal(service):
    client = sdk(service)
    [made] = client.v1.billing_portal.configurations.list().data
    client.v1.billing_portal.configurations.update(made.id, {"active": False})
    return ["portal"]


@pytest.mark.parametrize(
    "change", [archive, contradict, another_amount, another_endpoint, another_portal])
def test_a_check_of_all_tells_each_thing_that_is_off_and_changes_nothing(own_service, change):
    assert off(set_up(own_service, "check")) == ["portal"]
    set_up(own_service, "portal", "create")
    answer = set_up(own_service, "check")
    assert off(answer) == []
    for subject in ("portal", "price: Plus", "price: Pro", "currency", "webhook version",
                    "webhook events", "webhook address", "webhook status"):
        assert f"ok  {subject}" in answer.stdout, answer
    words = change(own_service)
    for _ in range(2):
        assert off(set_up(own_service, "check")) == words


def test_with_stripe_away_a_check_is_no_success(own_service):
    away = set_up(own_service, "check", STRIPE_API_BASE="http://127.0.0.1:9")
    assert away.returncode != 0 and "ok " not in away.stdout
