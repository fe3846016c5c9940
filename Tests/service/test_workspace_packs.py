"""Packs of credits that workspaces buy: by their own customer, granted once, taken back with their
money."""

import json
import tempfile
import uuid

import pytest

from conftest import PROVIDER, ROOT, Service, together
from teams import Team
from test_billing_email import prove
from test_packs import HUNDRED, dispute, give_back, payment, reconcile
from test_payments import URLS, knob, press, sdk, settle
from test_payments_events import notices
from test_stripe_commands import stripe
from test_workspace_billing import live
from test_workspace_credits import Bought, Space

PACK = {"id": "0198c0de-0000-7000-8000-000000000301", "name": "1000 credits", "price": "10.00",
        "currency": "usd", "credits": "1000.00", "valid_days": 365, "lookup_key": "api_pack_1000",
        "is_active": True}


@pytest.fixture(scope="module")
def selling():
    """A server whose catalog sells a pack to workspaces, which the shipped one does not."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, **PROVIDER.settings(folder)).start()
        catalog = json.loads((ROOT / "catalog.json").read_text())
        catalog["products"]["api"]["credit_packs"] = [PACK, {
            **PACK, "id": PACK["id"][:-1] + "2", "name": "Off sale", "is_active": False,
            "lookup_key": "api_pack_off"}]
        path = f"{folder}/packs.json"
        with open(path, "w") as file:
            file.write(json.dumps(catalog))
        synced = stripe(service, "catalog", "sync", "--stripe", CATALOG=path)
        assert synced.returncode == 0, synced
        service.advance(2)
        yield service
        audit = service.audit()
        service.stop()
        assert audit.returncode == 0, audit.stdout


def page(space, by=None, pack=PACK["id"], **more):
    return space.ask("POST", "/credits/checkout", {"pack_id": pack, **URLS, **more}, by)


def buy(service, space, by=None):
    answer = page(space, by)
    assert answer.status == 200, answer
    assert press(answer.json["checkout_url"], "pay")[0] == 303
    settle(service)
    return answer.json["session_id"]


def pack(space):
    [found] = [grant for grant in space.grants if grant["source"] == "top_up"]
    return found


def subjects(service, email):
    return [mail["subject"] for mail in service.mail(email)]


def test_a_team_buys_a_pack_by_its_own_customer_once(selling):
    service = selling
    space = Bought(service)
    team, payer = space.team, f"bills-{uuid.uuid4().hex[:12]}@example.test"
    admin, member = team.member("admin"), team.member()
    prove(team, payer)
    listed = service.call("GET", "/api/subscriptions/packs").json["packs"]
    assert [(one["id"], one["price"], one["credits"]) for one in listed] == [
        (PACK["id"], "10.00", "1000.00")]
    assert PACK["id"] not in str(service.call("GET", "/career/credits/packs").json)
    assert page(space, member).code == "role_required"
    opened = page(space, admin).json
    assert page(space, space.owner).json == opened
    session = buy(service, space, admin)
    assert session == opened["session_id"]
    grant = pack(space)
    assert (grant["amount"], grant["remaining"], grant["is_paid"]) == ("1000.00", "1000.00", True)
    assert space.get("/usage")["by_source"]["top_up"] == "1000.00"
    assert sdk(service).v1.checkout.sessions.retrieve(session).customer == live(service, team).customer
    assert subjects(service, payer).count("Your credits are there (Acme)") == 1
    assert not [one for one in subjects(service, admin.email) if "credits are there" in one]
    assert {noted["actor"] for noted in space.lines("pack_checkout_begun")} == {admin.id, space.owner.id}
    # Each event again, and many at once, grant nothing more; a second page is another payment.
    knob(service, "/_test/webhooks", {"mode": "duplicate"})
    buy(service, space)
    knob(service, "/_test/webhooks", {"mode": "deliver"})
    assert [one["amount"] for one in space.grants if one["source"] == "top_up"] == ["1000.00"] * 2
    assert reconcile(service).returncode == 0


def test_money_of_a_workspaces_pack_that_goes_back_takes_its_share(selling):
    service = selling
    space = Space(service)
    session = buy(service, space)
    assert pack(space)["amount"] == "1000.00"
    give_back(service, session, amount=250)
    assert pack(space)["taken_back"] == "250.00"
    dispute(service, session, amount=750)
    assert pack(space)["is_frozen"] is True and space.get("/usage")["by_source"]["top_up"] == "0.00"
    dispute(service, session, amount=750, status="lost")
    assert (pack(space)["is_frozen"], pack(space)["taken_back"]) == (False, "1000.00")
    returned = "Your payment for credits was returned (Personal workspace)"
    assert subjects(service, space.owner.email).count(returned) == 2
    assert service.audit().returncode == 0
    # The audit judges workspaces' packs, too.
    wrong = "UPDATE workspace_pack_purchases SET credits = credits {} 1 WHERE workspace_id = ?"
    service.write(wrong.format("+"), uuid.UUID(space.id))
    audit = service.audit()
    service.write(wrong.format("-"), uuid.UUID(space.id))
    assert audit.returncode == 1 and "not granted as it was sold" in audit.stdout, audit


def test_reconciliation_finds_what_a_workspace_paid_and_no_row_tells_of(selling):
    service = selling
    space = Space(service)
    session = buy(service, space)
    id = uuid.UUID(space.id)
    service.rows("DELETE FROM api_standalone_grants WHERE account_id = ?", id)
    service.rows("DELETE FROM workspace_pack_purchases WHERE workspace_id = ?", id)
    service.rows("UPDATE api_subscription_contexts SET open_grants = 0 WHERE workspace_id = ?", id)
    told = reconcile(service)
    assert told.returncode == 1 and session in told.stdout and space.id in told.stdout, told
    assert reconcile(service, "--repair").returncode == 0
    assert pack(space)["remaining"] == "1000.00" and reconcile(service).returncode == 0


def test_what_is_no_purchase_of_a_workspace_is_refused(selling):
    service = selling
    space, team = Space(service), Team(service, seats=0)
    for change, status, code in (
            ({"pack": HUNDRED}, 404, "pack_not_found"),
            ({"pack": PACK["id"][:-1] + "2"}, 404, "pack_not_found"),
            ({"pack": "x"}, 422, "validation_error"),
            ({"success_url": "javascript:x"}, 422, "validation_error"),
            ({"cancel_url": None}, 422, "validation_error")):
        answer = page(space, **change)
        assert (answer.status, answer.code) == (status, code), change
    assert service.call("POST", "/career/credits/checkout", {"pack_id": PACK["id"], **URLS},
                        headers=space.owner.auth).code == "pack_not_found"
    body = {"pack_id": PACK["id"], **URLS}
    assert team.post("/credits/checkout", body).code == "no_subscription"
    team.sell(2)
    team.freeze()
    assert team.post("/credits/checkout", body).code == "workspace_frozen"
    assert space.lines("pack_checkout_begun") == [] and service.rows(
        "SELECT 1 FROM workspace_pack_purchases WHERE workspace_id = ?", uuid.UUID(space.id)) == []
    team.set(frozen_at=None)


def test_a_deletion_ends_the_pages_and_a_team_keeps_what_it_has_bought(selling):
    service = selling
    space, own = Bought(service), Space(service)
    buy(service, space)
    buy(service, own)
    chosen, mine = page(space).json, page(own).json
    assert space.team.delete().status == 204
    assert service.call("DELETE", "/auth/me", headers=own.owner.auth).status == 200
    for one in (chosen, mine):
        assert press(one["checkout_url"], "pay")[0] == 410
    settle(service)
    kept = "SELECT paid_minor FROM workspace_pack_purchases WHERE workspace_id = ? AND paid_at > 0"
    assert service.rows(kept, uuid.UUID(space.id)) == [(1000,)]
    assert service.rows(kept, uuid.UUID(own.id)) == []
    assert service.audit().returncode == 0


def test_racing_pages_of_a_workspaces_admins_are_one_customers(selling):
    service = selling
    space = Space(service)
    answers = together(6, lambda _: page(space))
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.json["session_id"] for answer in answers}) == 1
    assert len({sdk(service).v1.checkout.sessions.retrieve(answer.json["session_id"]).customer
                for answer in answers}) == 1


def test_a_bank_that_pays_after_the_deletion_of_a_team_pays_for_nothing_and_it_is_told(selling):
    service = selling
    space = Bought(service)
    kept = buy(service, space)
    late = page(space).json
    assert press(late["checkout_url"], "process")[0] == 303
    settle(service)
    assert [one["amount"] for one in space.grants if one["source"] == "top_up"] == ["1000.00"]
    assert space.team.delete().status == 204
    knob(service, "/_test/webhooks", {"mode": "duplicate"})
    knob(service, "/_test/payments", {
        "payment_intent": payment(service, late["session_id"]), "status": "succeeded"})
    settle(service)
    knob(service, "/_test/webhooks", {"mode": "deliver"})
    assert notices(service).count(f"by {late['session_id']}") == 1
    # What was granted before the deletion follows its money still.
    give_back(service, kept)
    assert kept not in notices(service)
    assert service.rows(
        "SELECT amount, take_back_total FROM api_standalone_grants WHERE account_id = ?",
        uuid.UUID(space.id)) == [(1_000_000_000, 1_000_000_000)]
