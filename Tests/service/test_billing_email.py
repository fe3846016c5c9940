"""The address that a workspace's bills go to: who sets it, and that it is proven before it is used."""

import re
import uuid

import pytest

from conftest import together
from teams import Team
from test_stolen_database import texts

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


def write(team, columns, *values):
    """Writes columns of the address's row."""
    team.service.write(
        f"UPDATE workspace_billing_emails SET {columns} WHERE workspace_id = ?", *values, uuid.UUID(team.id))


def expire(team):
    write(team, "code_expires_at = 1")


def listed(team, user):
    """What the list of the user's workspaces tells of it."""
    [found] = [one for one in user.get("/api/workspaces?limit=100").json["items"] if one["id"] == team.id]
    return found["billing_email"], found["pending_billing_email"]


def changes(team):
    """What the audit log says of where bills go, the oldest first."""
    lines = [line for line in team.get("/audit-log?limit=100").json["items"]
             if line["action"] == "billing_email_changed"]
    return [(line["before"], line["after"]) for line in reversed(lines)]


def state(whose, waits):
    return {"billing_email": whose, "waits": waits}


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_bills_go_to_the_owner_and_members_are_not_told_where(service):
    team = Team(service)
    admin, member = team.member("admin"), team.member()
    assert bills(team) == bills(team, admin) == (team.owner.email, None)
    assert bills(team, member) == (None, None)
    prove(team, address())
    assert bills(team, member) == (None, None) and bills(team, admin) == bills(team)


def test_nor_is_an_admin_told_in_the_list_who_has_no_seat_or_has_not_proven_an_address(service):
    team, email, waiting = Team(service), address(), address()
    prove(team, email)
    ask(team, waiting)
    admin, disabled, unproven = team.member("admin"), team.member("admin", "disabled"), team.member("admin")
    service.write("UPDATE users SET email_verified_at = NULL WHERE id = ?", uuid.UUID(unproven.id))
    assert listed(team, team.owner) == listed(team, admin) == (email, waiting)
    assert listed(team, disabled) == listed(team, unproven) == (None, None)


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
    code = service.code(email)
    found = texts(value for table in ("workspace_billing_emails", "workspace_audit", "mails")
                  for row in service.rows(f"SELECT * FROM {table}") for value in row)
    # By chance six digits in a row may stand in a longer number or an id.
    assert not [text for text in found if re.search(rf"(?<![0-9a-f-]){code}(?![0-9a-f-])", text)]
    assert any("[code]" in text for text in found)
    done = verify(team, code)
    assert (done.status, done.json["billing_email"], done.json["pending_billing_email"]) == (200, email, None)
    assert verify(team, code).code == "invalid_code"
    # The audit log outlives addresses, and has none.
    log = team.get("/audit-log")
    assert email.lower().encode() not in log.bytes.lower()
    lines = {line["action"]: line for line in log.json["items"]}
    assert lines["billing_email_changed"]["after"] == state("its own", False)
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
    # Whose code is dead waits no more: the same asked for again is another mail, at once, which has another
    # code and tries of its own.
    assert bills(team) == (team.owner.email, None)
    ask(team, email)
    assert len(service.mail(email)) == 2
    assert verify(team, service.code(email)).status == 200
    for body in ({}, {"otp_code": "12345"}, {"otp_code": 123456}, {"otp_code": "１２３４５６"}):
        assert team.post(VERIFY, body).status == 422


@pytest.mark.parametrize("how", ["another address", "of another address", "of another workspace", "over",
                                 "taken back", "nothing"])
def test_a_code_is_good_for_one_address_of_one_workspace_and_ten_minutes(service, how):
    team, email, waits = Team(service), address(), True
    ask(team, email)
    code = service.code(email)
    if how == "another address":
        ask(team, address())
    elif how == "of another address":
        # The hash is the code's and the workspace's, and the address is not.
        other = address()
        write(team, "pending_email = ?, pending_key = ?", other, other)
    elif how == "of another workspace":
        # The hash is the code's and the address's, and the workspace is not.
        first, team = team, Team(service, owner=team.owner)
        ask(team, email)
        [(hash,)] = service.rows(
            "SELECT code_hash FROM workspace_billing_emails WHERE workspace_id = ?", uuid.UUID(first.id))
        write(team, "code_hash = ?", bytes(hash))
    elif how == "over":
        expire(team)
        waits = False
    elif how == "taken back":
        ask(team, None)
        waits = False
    else:
        team, waits = Team(service), False
    assert verify(team, code).code == "invalid_code"
    found = bills(team)
    assert (found[0], found[1] is not None) == (team.owner.email, waits)
    if how == "of another workspace":
        assert verify(first, code).status == 200


@pytest.mark.parametrize("back", [lambda owner: None, lambda owner: owner.email.upper()])
def test_null_and_the_owners_own_address_need_no_code(service, back):
    team, email = Team(service), address()
    prove(team, email)
    ask(team, address())
    assert ask(team, back(team.owner)).status == 200
    assert bills(team) == (team.owner.email, None)
    assert team.acts.count("billing_email_changed") == 2


def test_what_is_changed_and_taken_back_is_noted_and_nothing_else_is(service):
    team, first, second = Team(service), address(), address()
    owners, own = "the owner's", "its own"
    ask(team, first)
    ask(team, None)
    assert changes(team) == [(state(owners, True), state(owners, False))]
    ask(team, None)
    prove(team, first)
    ask(team, first)
    assert changes(team)[1:] == [(state(owners, True), state(own, False))]
    ask(team, second)
    ask(team, first)
    assert changes(team)[2:] == [(state(own, True), state(own, False))]
    prove(team, second)
    ask(team, None)
    assert changes(team)[3:] == [
        (state(own, True), state(own, False)), (state(own, False), state(owners, False))]
    # What is over waits no more: nothing is taken back.
    ask(team, first)
    expire(team)
    ask(team, None)
    assert len(changes(team)) == 5 and bills(team) == (team.owner.email, None)


def test_a_request_that_is_repeated_within_a_minute_mails_nothing_and_its_code_stays_good(service):
    team, email = Team(service), address()
    for _ in range(3):
        assert ask(team, email).json["pending_billing_email"] == email
    assert len(service.mail(email)) == 1 and team.acts.count("billing_email_asked") == 1
    code = service.code(email)
    write(team, "code_expires_at = code_expires_at - 60000000")
    ask(team, email)
    assert len(service.mail(email)) == 2
    again = service.code(email)
    assert code == again or verify(team, code).code == "invalid_code"
    assert verify(team, again).status == 200


def test_an_address_gets_five_codes_a_day_of_one_workspace_and_of_others_all_the_same(service):
    team, other, email = Team(service), Team(service), address()
    for _ in range(5):
        assert ask(team, email).status == 200
        expire(team)
    answer = team.patch("", {"display_name": "Loud", "billing_email": email})
    assert (answer.status, answer.code) == (429, "too_many_attempts") and int(answer.headers["retry-after"])
    assert team.get().json["display_name"] == "Acme" and len(service.mail(email)) == 5
    prove(other, email)
    assert [ask(team, another).status for another in (None, team.owner.email, address())] == [200] * 3
    # Invitations to it count elsewhere.
    assert team.invite(email).status == 201


def test_one_person_has_twenty_codes_a_day_mailed_whatever_workspaces_are_made_for_it(service):
    team = Team(service)
    assert [ask(team, address()).status for _ in range(12)] == [200] * 12
    assert team.delete().status == 204
    again = Team(service, owner=team.owner)
    assert [ask(again, address()).status for _ in range(9)] == [200] * 8 + [429]
    assert ask(Team(service), address()).status == 200


def test_an_address_gets_fifty_codes_a_day_of_all_workspaces_together(service):
    email = address()
    owners = [service.sign_up() for _ in range(3)]
    teams = [Team(service, seats=0, owner=owner) for owner in owners for _ in range(4)]
    last, teams = teams[-1], teams[:10]
    for _ in range(5):
        assert {ask(team, email).status for team in teams} == {200}
        service.write("UPDATE workspace_billing_emails SET code_expires_at = 1 WHERE pending_key = ?", email)
    # The last owner has had ten codes mailed, and none of them of this workspace.
    assert ask(last, email).code == "too_many_attempts" and ask(last, address()).status == 200


def test_a_suspended_workspace_takes_no_new_address_and_may_give_up_what_it_has(service):
    team, email, new = Team(service), address(), address()
    prove(team, email)
    team.suspend()
    answer = team.patch("", {"display_name": "Loud", "billing_email": new})
    assert (answer.status, answer.code) == (402, "workspace_suspended")
    assert service.mail(new) == [] and team.get().json["display_name"] == "Acme"
    assert ask(team, email).status == 200 and bills(team) == (email, None)
    assert ask(team, None).status == 200 and bills(team) == (team.owner.email, None)


def test_the_mail_has_the_workspaces_new_name_behind_the_code_and_not_in_its_subject(service):
    team, email = Team(service), address()
    name = "Call 555123 now"
    assert team.patch("", {"display_name": name, "billing_email": email}).status == 200
    [mail] = service.mail(email)
    assert mail["subject"] == "The code for a workspace's bills"
    for text in (mail["text"], mail["html"]):
        first, second = re.findall(r"\b\d{6}\b", text)
        assert second == "555123" and name in text and "Acme" not in text
    assert verify(team, first).status == 200


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
    waiting = Team(service)
    ask(waiting, payer.email)
    assert gone.delete().status == 204
    rows = "SELECT count(*) FROM workspace_billing_emails WHERE email_key = ? OR pending_key = ?"
    assert service.rows(rows, payer.email, payer.email)[0][0] == 2
    assert service.call("DELETE", "/auth/me", headers=payer.auth).status == 200
    assert service.rows(rows, payer.email, payer.email)[0][0] == 0
    for one, whose, waits in ((team, "its own", False), (waiting, "the owner's", True)):
        assert bills(one) == (one.owner.email, None)
        [line] = [line for line in one.get("/audit-log").json["items"] if line["actor"] == "erased"]
        assert (line["action"], line["before"], line["after"]) == (
            "billing_email_changed", state(whose, waits), state("the owner's", False))


def of_payer(service, payer):
    """Rows that have the payer's address: proven, and waiting."""
    rows = service.rows("SELECT email_key, pending_key FROM workspace_billing_emails")
    return [[row[place] for row in rows].count(payer.email) for place in (0, 1)]


def test_of_the_payers_deletion_and_the_proof_of_the_address_at_once_nothing_of_the_payer_is_left(service):
    for _ in range(4):
        team, payer, email = Team(service), service.sign_up(), address()
        prove(team, email)
        ask(team, payer.email)
        code, auth = service.code(payer.email), payer.auth
        verified, deleted = together(2, lambda n: service.call("DELETE", "/auth/me", headers=auth)
                                     if n else verify(team, code))
        assert deleted.status == 200 and verified.status in (200, 400), (verified, deleted)
        assert of_payer(service, payer) == [0, 0]
        # If the proof came first, bills went to the payer; else they go where they went before.
        proven = verified.status == 200
        assert bills(team) == (team.owner.email if proven else email, None)
        log = team.get("/audit-log").json["items"]
        [line] = [line for line in log if line["actor"] == "erased"]
        assert line["before"] == state("its own", not proven)
        assert line["after"] == state("the owner's" if proven else "its own", False)


def test_of_the_payers_deletion_and_the_asking_at_once_one_comes_first(service):
    for _ in range(4):
        team, payer = Team(service), service.sign_up()
        auth = payer.auth
        asked, deleted = together(2, lambda n: service.call("DELETE", "/auth/me", headers=auth)
                                  if n else ask(team, payer.email))
        assert (asked.status, deleted.status) == (200, 200), (asked, deleted)
        # Asked for first, the address goes and the mail with it; afterwards it is a stranger's.
        proven, waiting = of_payer(service, payer)
        codes = [mail for mail in service.mail(payer.email) if "workspace's bills" in mail["subject"]]
        assert proven == 0 and waiting == len(codes)


def test_of_the_payers_deletion_and_the_teams_at_once_both_are_done(service):
    for _ in range(4):
        team, payer = Team(service), service.sign_up()
        prove(team, payer.email)
        auth = payer.auth
        closed, deleted = together(2, lambda n: service.call("DELETE", "/auth/me", headers=auth)
                                   if n else team.delete())
        assert (closed.status, deleted.status) == (204, 200), (closed, deleted)
        assert of_payer(service, payer) == [0, 0]


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
