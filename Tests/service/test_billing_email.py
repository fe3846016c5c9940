"""The address that a workspace's bills go to: who sets it, and that it is proven before it is used."""

import uuid

import pytest

from conftest import together
from teams import Team

VERIFY = "/billing-email/verify"


def address():
    return f"bills-{uuid.uuid4().hex}@example.test"


def bills(team, by=None):
    found = team.get(by=by).json
    return found["billing_email"], found["pending_billing_email"]


def ask(team, email, by=None):
    return team.call("PATCH", "", {"billing_email": email}, by)


def verify(team, code, by=None):
    return team.post(VERIFY, {"otp_code": code}, by)


def prove(team, email):
    assert ask(team, email).status == 200
    answer = verify(team, team.service.code(email))
    assert answer.status == 200, answer
    return answer.json


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_bills_go_to_the_owner_and_members_are_not_told_where(service):
    team = Team(service)
    admin, member = team.member("admin"), team.member()
    assert bills(team) == bills(team, admin) == (team.owner.email, None)
    assert bills(team, member) == (None, None)
    prove(team, address())
    assert bills(team, member) == (None, None) and bills(team, admin) == bills(team)


def test_only_the_owner_sets_it_and_only_an_address(service):
    team = Team(service)
    admin = team.member("admin")
    for email in (address(), None, team.owner.email):
        answer = ask(team, email, admin)
        assert (answer.status, answer.code) == (403, "role_required")
    assert team.patch("", {"display_name": "Other"}, admin).status == 200
    for email in ("x", "a@b", "a@b.test\n", 7, "", "é@example.test", "a" * 250 + "@b.test"):
        answer = ask(team, email)
        assert answer.status == 422 and answer.json["errors"][0]["loc"][-1] == "billing_email"
    assert bills(team) == (team.owner.email, None)
    assert "billing_email_asked" not in team.acts


def test_an_address_is_used_once_its_code_is_told_and_the_code_lies_nowhere(service):
    team, email = Team(service), address().replace("bills", "Bills")
    answer = ask(team, email)
    assert (answer.json["billing_email"], answer.json["pending_billing_email"]) == (team.owner.email, email)
    [mail] = service.mail(email)
    assert mail["subject"] == "The code for a workspace's bills"
    code = service.code(email)
    found = [value if isinstance(value, bytes) else str(value).encode()
             for table in ("workspace_billing_emails", "workspace_audit", "mails")
             for row in service.rows(f"SELECT * FROM {table}") for value in row]
    assert not [value for value in found if value == code.encode() or b" %s " % code.encode() in value]
    done = verify(team, code)
    assert (done.status, done.json["billing_email"], done.json["pending_billing_email"]) == (200, email, None)
    assert verify(team, code).code == "invalid_code"
    # The audit log outlives addresses, and has none.
    log = team.get("/audit-log")
    assert email.lower().encode() not in log.bytes.lower()
    lines = {line["action"]: line for line in log.json["items"]}
    assert lines["billing_email_changed"]["after"] == {"billing_email": "its own"}
    assert lines["billing_email_asked"]["actor"] == team.owner.id
    # The same once more mails nothing.
    assert ask(team, email).status == 200 and len(service.mail(email)) == 1
    assert bills(team) == (email, None)


def test_five_wrong_codes_end_one(service):
    team, email = Team(service), address()
    ask(team, email)
    code = service.code(email)
    for _ in range(5):
        answer = verify(team, wrong(code))
        assert (answer.status, answer.code) == (400, "invalid_code")
    assert verify(team, code).code == "invalid_code"
    assert bills(team) == (team.owner.email, email)
    # Another mail has another code and tries of its own.
    ask(team, email)
    assert verify(team, service.code(email)).status == 200
    for body in ({}, {"otp_code": "12345"}, {"otp_code": 123456}, {"otp_code": "１２３４５６"}):
        assert team.post(VERIFY, body).status == 422


@pytest.mark.parametrize("how", ["another address", "another workspace", "over", "taken back", "nothing"])
def test_a_code_is_good_for_one_address_of_one_workspace_and_ten_minutes(service, how):
    team, email = Team(service), address()
    ask(team, email)
    code = service.code(email)
    if how == "another address":
        ask(team, address())
    elif how == "another workspace":
        team = Team(service, owner=team.owner)
        ask(team, address())
    elif how == "over":
        service.write("UPDATE workspace_billing_emails SET code_expires_at = 1 WHERE workspace_id = ?",
                      uuid.UUID(team.id))
    elif how == "taken back":
        ask(team, None)
    else:
        team = Team(service)
    assert verify(team, code).code == "invalid_code"
    assert bills(team)[0] == team.owner.email


@pytest.mark.parametrize("back", [lambda owner: None, lambda owner: owner.email.upper()])
def test_null_and_the_owners_own_address_need_no_code(service, back):
    team, email = Team(service), address()
    prove(team, email)
    ask(team, address())
    assert ask(team, back(team.owner)).status == 200
    assert bills(team) == (team.owner.email, None)
    assert team.acts.count("billing_email_changed") == 2


def test_an_address_gets_three_mails_a_day_and_what_is_refused_changes_nothing(service):
    team, email = Team(service), address()
    for _ in range(3):
        assert ask(team, email).status == 200
    code = service.code(email)
    answer = team.patch("", {"display_name": "Loud", "billing_email": email})
    assert (answer.status, answer.code) == (429, "too_many_attempts") and int(answer.headers["retry-after"])
    assert team.get().json["display_name"] == "Acme"
    # Invitations to it count in the same place.
    assert team.invite(email).code == "too_many_attempts"
    assert verify(team, code).status == 200


def test_of_many_who_tell_the_code_at_once_one_is_right(service):
    team, email = Team(service), address()
    ask(team, email)
    code = service.code(email)
    answers = together(6, lambda _: verify(team, code))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400, 400]
    assert team.acts.count("billing_email_changed") == 1


def test_a_new_owner_gets_the_bills_unless_there_is_an_address_of_its_own(service):
    team, other = Team(service), Team(service)
    email = address()
    prove(other, email)
    for one, expected in ((team, None), (other, email)):
        heir = one.member()
        assert one.post("/transfer-ownership", {"user_id": heir.id}).status == 200
        assert bills(one, heir)[0] == (expected or heir.email)
        # Who was the owner is an admin now, and sets it no more.
        assert ask(one, address()).code == "role_required"
        assert verify(one, "000000").code == "role_required"


def test_a_deleted_team_and_an_erased_person_leave_no_address(service):
    team, gone, payer = Team(service), Team(service), service.sign_up()
    prove(team, payer.email)
    prove(gone, payer.email)
    ask(Team(service), payer.email)
    assert gone.delete().status == 204
    rows = "SELECT count(*) FROM workspace_billing_emails WHERE email_key = ? OR pending_key = ?"
    assert service.rows(rows, payer.email, payer.email)[0][0] == 2
    assert service.call("DELETE", "/auth/me", headers=payer.auth).status == 200
    assert service.rows(rows, payer.email, payer.email)[0][0] == 0
    assert bills(team) == (team.owner.email, None)
    [line] = [line for line in team.get("/audit-log").json["items"] if line["actor"] == "erased"]
    assert (line["action"], line["after"]) == ("billing_email_changed", {"billing_email": "the owner's"})


def test_the_owners_export_has_it_and_an_admins_has_not(service):
    team, email, waiting = Team(service), address(), address()
    admin = team.member("admin")
    prove(team, email)
    ask(team, waiting)
    for user, expected in ((team.owner, (email, waiting)), (admin, (None, None))):
        [found] = [one for one in user.get("/auth/me/export").json["workspaces"]
                   if one["workspace_id"] == team.id]
        assert (found["billing_email"], found["pending_billing_email"]) == expected


def test_a_frozen_team_and_a_personal_workspace_say_where_bills_go(service):
    team = Team(service)
    team.freeze()
    prove(team, address())
    personal = team.owner.post("/api/workspaces/activate").json
    path = f"/api/workspaces/{personal['id']}"
    email = address()
    asked = service.call("PATCH", path, {"billing_email": email}, headers=team.owner.auth)
    assert asked.json["pending_billing_email"] == email
    answer = team.owner.post(path + VERIFY, {"otp_code": service.code(email)})
    assert (answer.status, answer.json["billing_email"]) == (200, email)
