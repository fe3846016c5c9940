"""Invitations to workspaces: who is invited, by which mail, and who gets the seat."""

import re
import uuid

import pytest

from conftest import PROVIDER, together
from teams import Team, accept

DAY = 86_400


def address():
    return f"{uuid.uuid4().hex}@example.test"


def preview(service, token):
    return service.call("GET", f"/api/invitations/{token}")


def test_an_invitation_is_a_mail_and_its_token_is_nowhere_else(service):
    team = Team(service)
    user = service.sign_up()
    answer = team.invite(user.email.upper())
    token = team.token(user.email)
    assert answer.status == 201 and answer.json["status"] == "pending"
    texts = [answer.bytes, team.get("/invitations").bytes, team.get("/audit-log").bytes]
    assert preview(service, token).status == 200
    texts += [value if isinstance(value, bytes) else str(value).encode()
              for table in ("workspace_invitations", "workspace_audit", "mails", "messages")
              for row in service.rows(f"SELECT * FROM {table}") for value in row]
    texts.append(service.log.read_bytes())
    assert [text for text in texts if token.encode() in text] == []
    mail = service.mail(user.email)[-1]
    assert mail["subject"] == "You are invited to Acme" and "a member" in " ".join(mail["text"].split())


def test_who_holds_the_token_is_told_where_to_and_no_more(service):
    team = Team(service, name="Acme <b>&")
    user = service.sign_up()
    invited = team.invite(user.email, "admin").json
    shown = preview(service, team.token(user.email))
    assert shown.json == {
        "workspace_name": "Acme <b>&", "role": "admin",
        "email_hint": user.email[0] + "***@example.test", "expires_at": invited["expires_at"]}
    assert "<b>" not in service.mail(user.email)[-1]["html"].split("</head>")[1]


def test_an_unknown_used_revoked_and_expired_token_is_answered_alike(own_service):
    service, team = own_service, Team(own_service, seats=9)
    users = [service.sign_up() for _ in range(3)]
    ids = [team.invite(user.email).json["id"] for user in users]
    tokens = [team.token(user.email) for user in users]
    assert accept(users[0], tokens[0]).status == 200
    assert team.delete(f"/invitations/{ids[1]}").status == 204
    service.advance(7 * DAY)
    bad = [*tokens, "A" * 200, "x", "A" * 43, tokens[2].lower(), "%00", "accept-", "é"]
    answers = [preview(service, token.replace("é", "%C3%A9")) for token in bad]
    accepted = [accept(users[2], token) for token in bad if "%" not in token]
    for answer in answers + accepted:
        assert (answer.status, answer.code) in ((404, "invitation_not_found"), (422, "validation_error"))
    assert len({answer.json["detail"] for answer in answers[:7] + accepted[:7]}) == 1
    states = {item["id"]: item["status"] for item in team.get("/invitations").json["items"]}
    assert [states[id] for id in ids] == ["accepted", "revoked", "expired"]
    # What has expired is not sent again, and keeps no new one out.
    assert team.post(f"/invitations/{ids[2]}/resend").code == "invitation_not_found"
    assert team.delete(f"/invitations/{ids[2]}").code == "invitation_not_found"
    assert team.invite(users[2].email).status == 201
    assert accept(users[2], team.token(users[2].email)).status == 200


def test_only_the_invited_address_accepts_and_only_once(service):
    team = Team(service)
    invited, other = service.sign_up(), service.sign_up()
    assert team.invite(invited.email.title()).status == 201
    token = team.token(invited.email)
    answer = accept(other, token)
    assert (answer.status, answer.code) == (403, "invitation_for_another")
    joined = accept(invited, token)
    assert joined.status == 200 and joined.json["my_role"] == "member"
    assert accept(invited, token).code == "invitation_not_found"
    assert team.members[invited.id] == ("member", "enabled")
    assert team.invite(invited.email).code == "already_member"
    assert team.acts[:2] == ["member_joined", "invitation_sent"]


def test_who_signs_up_with_the_invited_address_accepts(service):
    team, email = Team(service), address()
    assert team.invite(email).status == 201
    token = team.token(email)
    user = service.sign_up(email)
    assert accept(user, token).status == 200


def test_one_invitation_an_address_and_workspace(service):
    team, other, email = Team(service), Team(service), address()
    answers = together(4, lambda n: team.invite(email))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert team.invite(email.upper()).code == "already_invited"
    assert other.invite(email).status == 201


def test_a_member_of_another_issuer_is_not_invited(module_service):
    team = Team(module_service)
    user = team.put(module_service.new_user())
    assert team.invite(user.email.upper()).code == "already_member"


def test_a_deletion_takes_no_invitation_of_somebody_else_along(module_service):
    team, user, unproven = Team(module_service), module_service.sign_up(), address()
    other = module_service.new_user(user.email)
    claim = PROVIDER.token(sub=unproven, email=unproven, email_verified=False, now=module_service.time)
    tokens = []
    for email, auth in ((user.email, other.auth), (unproven, {"Authorization": f"Bearer {claim}"})):
        assert team.invite(email).status == 201
        tokens.append(team.token(email))
        assert module_service.call("DELETE", "/auth/me", headers=auth).status == 200
        assert preview(module_service, tokens[-1]).status == 200
    assert module_service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    assert preview(module_service, tokens[0]).code == "invitation_not_found"


def test_an_invitation_needs_a_seat_that_is_free_now(service):
    team = Team(service, seats=1)
    assert team.invite(address()).code == "no_seat_left"
    team.sell(2, pending=1)
    assert team.invite(address()).code == "no_seat_left"
    team.sell(2)
    sent = team.invite(address())
    assert sent.status == 201
    team.sell(1)
    assert team.post(f"/invitations/{sent.json['id']}/resend").code == "no_seat_left"


def test_without_a_subscription_nobody_is_invited_and_nobody_comes(service):
    team = Team(service)
    user = service.sign_up()
    team.invite(user.email)
    token = team.token(user.email)
    for code, stop, start in (
            ("no_subscription", {"subscription": "none", "seat_count": 0},
             {"subscription": "live", "seat_count": 5}),
            ("subscription_inactive", {"subscription": "inactive"}, {"subscription": "live"}),
            ("workspace_frozen", {"frozen_at": 1}, {"frozen_at": None}),
            ("workspace_suspended", {"suspended_at": 1, "suspension_reason": "x"},
             {"suspended_at": None, "suspension_reason": None})):
        team.set(**stop)
        for answer in (team.invite(address()), accept(user, token)):
            assert (answer.status, answer.code) == (402, code)
        team.set(**start)
    assert accept(user, token).status == 200


def test_of_all_who_accept_the_last_seat_one_gets_it_and_the_others_may_try_again(service):
    team = Team(service, seats=9)
    users = [service.sign_up() for _ in range(4)]
    for user in users:
        assert team.invite(user.email).status == 201
    tokens = [team.token(user.email) for user in users]
    team.sell(2)
    answers = together(4, lambda n: accept(users[n], tokens[n]))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 3
    assert {answer.code for answer in answers if answer.status == 409} == {"no_seat_left"}
    team.sell(9)
    again = [accept(users[n], tokens[n]) for n in range(4) if answers[n].status == 409]
    assert {answer.status for answer in again} == {200}


def test_sending_again_gives_another_token_and_seven_days_anew(own_service):
    service, team = own_service, Team(own_service)
    user = service.sign_up()
    sent = team.invite(user.email).json
    old = team.token(user.email)
    service.advance(6 * DAY)
    again = team.post(f"/invitations/{sent['id']}/resend")
    assert again.status == 200 and again.json["expires_at"] > sent["expires_at"]
    new = team.token(user.email)
    service.advance(6 * DAY)
    assert accept(user, old).code == "invitation_not_found"
    assert accept(user, new).status == 200


def test_an_admins_invitations_end_with_the_admin(service):
    team = Team(service, seats=9)
    admins, waiting = [team.member("admin") for _ in range(3)], []
    for admin in admins:
        user = service.sign_up()
        assert team.invite(user.email, by=admin).status == 201
        waiting.append((user, team.token(user.email)))
        assert team.key(by=admin).status == 201
    late = team.invite(address(), by=admins[0]).json["id"]
    service.write("UPDATE workspace_invitations SET expires_at = 1 WHERE id = ?", uuid.UUID(late))
    assert team.patch(f"/members/{admins[0].id}", {"role": "member"}).status == 200
    assert team.delete(f"/members/{admins[1].id}").status == 204
    assert team.post("/leave", by=admins[2]).status == 204
    for user, token in waiting:
        assert accept(user, token).code == "invitation_not_found"
    told = [mail for mail in service.mail(team.owner.email) if "former admin" in mail["subject"]]
    assert len(told) == 3 and "cbx_live_" in told[0]["text"] and admins[0].email in told[0]["text"]
    lines = team.get("/audit-log?limit=6").json["items"]
    keys = [line["after"]["live_keys"] for line in lines if line["after"]]
    assert [len(named) for named in keys] == [1, 1, 1], lines
    states = {item["id"]: item["status"] for item in team.get("/invitations").json["items"]}
    assert states.pop(late) == "expired" and set(states.values()) == {"revoked"}
    revoked = [line["target"] for line in lines if line["action"] == "invitation_revoked"]
    assert sorted(revoked) == sorted(states)


def test_an_admins_invitation_is_the_owners_to_send_again(service):
    team = Team(service)
    admin = team.member("admin")
    sent = team.invite(address(), "admin").json["id"]
    assert team.post(f"/invitations/{sent}/resend", by=admin).code == "role_required"
    assert team.delete(f"/invitations/{sent}", by=admin).status == 204


def test_an_invitation_of_another_workspace_is_not_there(service):
    team, other = Team(service), Team(service)
    sent = other.invite(address()).json["id"]
    assert team.post(f"/invitations/{sent}/resend").code == "invitation_not_found"
    assert team.delete(f"/invitations/{sent}").code == "invitation_not_found"
    assert other.get("/invitations").json["items"][0]["status"] == "pending"


def test_an_address_gets_three_mails_a_day_and_a_workspace_sends_twenty_an_hour(own_service):
    service, email = own_service, address()
    teams = [Team(service, seats=99) for _ in range(4)]
    assert [team.invite(email).status for team in teams] == [201, 201, 201, 429]
    # What was refused has left nothing.
    assert teams[3].get("/invitations").json["items"] == []
    service.advance(2 * 3600)
    refused = teams[3].invite(email)
    assert refused.code == "too_many_attempts" and int(refused.headers["retry-after"]) > 20 * 3600
    sent = teams[0].get("/invitations").json["items"][0]["id"]
    assert teams[0].post(f"/invitations/{sent}/resend").status == 429
    statuses = [teams[1].invite(address()).status for _ in range(21)]
    assert statuses == [201] * 20 + [429]
    service.advance(3600)
    assert teams[1].invite(address()).status == 201
    service.advance(22 * 3600)
    assert teams[3].invite(email).status == 201


@pytest.mark.parametrize("body", [
    {}, {"email": "x"}, {"email": "a@example.test\n"}, {"email": "a@example.test", "role": "owner"},
    {"email": 1}, {"email": "a@b"}])
def test_a_bad_invitation_is_refused_whole(service, body):
    team = Team(service)
    assert team.post("/invitations", body).status == 422
    assert team.get("/invitations").json["items"] == []


def test_who_joins_is_told_to_the_admins_and_who_goes_is_told_it(service):
    team = Team(service)
    admin, user = team.member("admin"), service.sign_up()
    team.invite(user.email)
    assert accept(user, team.token(user.email)).status == 200
    for reader in (team.owner, admin):
        assert service.mail(reader.email)[-1]["subject"] == f"{user.email} has joined Acme"
    team.patch(f"/members/{user.id}", {"role": "admin"})
    team.patch(f"/members/{user.id}", {"role": "member"})
    team.patch(f"/members/{user.id}", {"status": "disabled"})
    team.patch(f"/members/{user.id}", {"status": "disabled"})
    team.delete(f"/members/{user.id}")
    subjects = [re.sub(" Acme.*", "", mail["subject"]) for mail in service.mail(user.email)][-4:]
    assert subjects == ["Your role in", "Your role in", "Your membership of", "You were removed from"]
