"""Accounts made, locked and erased by an operator at the command line."""

import pytest

from conftest import PASSWORD, together
from test_identity import email, refresh, sign_in


def create(service, address, password="Operator-1"):
    return service.command("users", "create", address, CUEBX_USER_PASSWORD=password)


def test_an_account_is_made_without_a_mail_and_has_the_free_plan(service):
    address = "Op." + email()
    made = create(service, address)
    assert made.returncode == 0 and made.stdout.startswith("created "), made
    assert service.mail(address) == []
    answer = sign_in(service, address.upper(), "Operator-1")
    assert answer.status == 200
    headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert service.call("GET", "/auth/me", headers=headers).json["email_verified"] is True
    plan = service.call("GET", "/career/subscriptions", headers=headers).json["plan"]
    assert plan["name"] == "Free"
    found = service.command("users", "find", address.upper()).stdout
    assert "active    yes" in found and "operator" not in found


def test_making_an_account_twice_changes_nothing(service):
    address = email()
    id = create(service, address).stdout.split()[1]
    again = create(service, address.upper(), "Another-Pass1")
    assert again.returncode == 0 and again.stdout.startswith(f"{id} is there already"), again
    assert sign_in(service, address, "Operator-1").status == 200
    assert sign_in(service, address, "Another-Pass1").status == 401


def test_making_an_account_twice_at_once_makes_one(service):
    address = email()
    made = together(3, lambda _: create(service, address))
    assert [command.returncode for command in made] == [0, 0, 0], made
    assert sorted("created" in command.stdout for command in made) == [False, False, True]


def test_an_unproven_sign_up_gets_the_operators_password_and_loses_its_own(service):
    address = email()
    service.call("POST", "/auth/signup", {
        "email": address, "password": PASSWORD, "full_name": "Mallory"})
    code = service.code(address)
    made = create(service, address)
    assert made.returncode == 0 and made.stdout.startswith("verified "), made
    assert sign_in(service, address).status == 401
    assert sign_in(service, address, "Operator-1").status == 200
    # The code that was under way opens nothing any more.
    body = {"email": address, "otp_code": code}
    assert service.call("POST", "/auth/signup/verify", body).status == 400
    assert "Mallory" not in service.command("users", "find", address).stdout


@pytest.mark.parametrize("is_verified", [True, False])
def test_a_deactivated_account_is_not_made_anew(service, is_verified):
    address = service.sign_up().email if is_verified else email()
    if not is_verified:
        service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    assert service.command("users", "deactivate", address).returncode == 0
    made = create(service, address)
    assert made.returncode == 1 and "reactivate" in made.stderr
    assert made.stderr.count("\n") == 1
    assert "active    no" in service.command("users", "find", address).stdout
    assert sign_in(service, address, "Operator-1").status == 401


@pytest.mark.parametrize("address,password,told", [
    ("no address", "Operator-1", "no email address"), ("op@example.test", "weak", "8 to 128"),
    ("op@example.test", "alllower1", "upper-case")])
def test_a_bad_address_or_password_makes_nothing(service, address, password, told):
    made = create(service, address, password)
    assert made.returncode == 1 and told in made.stderr and made.stderr.count("\n") == 1


def test_deleting_and_being_made_anew_mints_no_second_allowance(own_service):
    user = own_service.sign_up()
    for _ in range(3):
        user.spend()
    assert own_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert create(own_service, user.email).returncode == 0
    token = sign_in(own_service, user.email, "Operator-1").json["access_token"]
    balance = own_service.call(
        "GET", "/career/usage", headers={"Authorization": f"Bearer {token}"}).json
    assert balance["credits_remaining"] == "22.00"


def test_a_deactivated_user_is_out_at_once_and_in_again_when_reactivated(service):
    user = service.sign_up()
    assert service.command("users", "deactivate", user.email).returncode == 0
    answer = user.get("/auth/me")
    assert answer.status == 403 and answer.code == "account_deactivated"
    assert user.validate().status == 403
    assert refresh(service, user.tokens["refresh_token"]).status == 401
    assert sign_in(service, user.email).status == 403
    assert service.command("users", "reactivate", user.id).returncode == 0
    assert sign_in(service, user.email).status == 200


def test_an_unknown_user_is_told_in_one_line(service):
    for verb in ("find", "deactivate", "reactivate"):
        answer = service.command("users", verb, "nobody@example.test")
        assert answer.returncode == 1 and answer.stderr == "cuebx: no user nobody@example.test\n"
