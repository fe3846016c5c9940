"""Workspaces, members, roles, seats."""

import uuid

import pytest

from conftest import together
from teams import SPACES, Team
from test_calls_by_key import Workspace, meters_as_one


@pytest.fixture(scope="module")
def team(service):
    """Whoever changes it leaves it as it was."""
    return Team(service)


NAMES = ["", " ", "x" * 101, "a\nb", "a\x00b", "\x7f", "Win at https://evil.example", "a://b",
         "a://\u0301b", "a\u2028b", "a\u2029b", "a\u202eb", "\u2066a", None, 7]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_mails_could_be_abused_with_is_none(service, team, name):
    answers = [
        team.owner.post(SPACES, {"display_name": name}),
        *([team.patch("", {"display_name": name})] if name is not None else []),
        team.key(name=name)]
    for answer in answers:
        assert answer.status == 422, answer
        assert answer.json["errors"][0]["loc"][-1] in ("display_name", "name")


@pytest.mark.parametrize("slug", ["", "-a", "A", "a_b", "é", "a" * 64, "a/b", "a b"])
def test_a_slug_is_lower_case_letters_digits_and_hyphens(team, slug):
    assert team.owner.post(SPACES, {"display_name": "x", "slug": slug}).status == 422
    assert team.patch("", {"slug": slug}).status == 422


def test_a_description_has_an_end(team):
    assert team.owner.post(SPACES, {"display_name": "x", "description": "d" * 501}).status == 422


def test_any_name_makes_a_slug_and_the_same_name_another(service):
    user = service.sign_up()
    slugs = []
    for name in ["n" * 100, "n" * 100, "日本" * 50, "…", "…"]:
        answer = user.post(SPACES, {"display_name": name})
        assert answer.status == 201 and answer.json["display_name"] == name, answer
        slugs.append(answer.json["slug"])
    assert len(set(slugs)) == 5 and all(len(slug) <= 63 for slug in slugs)


def test_of_new_teams_of_one_name_at_once_each_gets_a_slug(service):
    users, name = [service.sign_up() for _ in range(6)], f"Same {uuid.uuid4().hex}"
    answers = together(6, lambda n: users[n].post(SPACES, {"display_name": name}))
    assert [answer.status for answer in answers] == [201] * 6, answers
    assert len({answer.json["slug"] for answer in answers}) == 6


def test_a_new_team_is_its_owners_and_has_no_subscription(service):
    user = service.sign_up()
    answer = user.post(SPACES, {"display_name": "Acme", "description": "d"})
    made = answer.json
    assert answer.status == 201 and made["client_id"] == "ws_" + made["id"].replace("-", "")
    told = {name: made[name] for name in (
        "display_name", "description", "is_personal", "status", "owner_id", "my_role", "my_status",
        "seat_count", "enabled_member_count", "available_seats", "pending_seat_count")}
    assert told == {
        "display_name": "Acme", "description": "d", "is_personal": False, "status": "active",
        "owner_id": user.id, "my_role": "owner", "my_status": "enabled", "seat_count": 0,
        "enabled_member_count": 1, "available_seats": 0, "pending_seat_count": None}
    assert user.get(f"{SPACES}/{made['id']}").json == made
    assert user.get(SPACES).json == {"items": [made], "next_cursor": None}


def test_a_slug_that_is_taken_is_refused(service, team):
    other = service.sign_up()
    slug = team.made["slug"]
    answer = other.post(SPACES, {"display_name": "x", "slug": slug})
    assert (answer.status, answer.code) == (409, "slug_taken")
    theirs = Team(service, owner=other)
    assert theirs.patch("", {"slug": slug}).code == "slug_taken"
    assert theirs.patch("", {"slug": theirs.made["slug"]}).status == 200


def test_a_user_owns_at_most_ten_teams_without_a_subscription(service):
    user = service.sign_up()
    answers = together(14, lambda n: user.post(SPACES, {"display_name": f"Team {n}"}))
    assert sorted(answer.status for answer in answers) == [201] * 10 + [409] * 4
    assert {answer.code for answer in answers if answer.status == 409} == {"too_many_unpaid_teams"}
    paid = next(answer.json["id"] for answer in answers if answer.status == 201)
    service.write("UPDATE workspaces SET subscription = 'live', seat_count = 1 WHERE id = ?",
                  uuid.UUID(paid))
    assert user.post(SPACES, {"display_name": "x"}).status == 201


def test_the_list_pages_and_has_no_others(service):
    user = service.sign_up()
    ids = [user.post(SPACES, {"display_name": str(n)}).json["id"] for n in range(5)]
    found, path = [], SPACES + "?limit=2"
    while path:
        page = user.get(path).json
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        path = cursor and f"{SPACES}?limit=2&cursor={cursor}"
    assert found == ids[::-1]
    for limit in (0, 101, "x"):
        assert user.get(f"{SPACES}?limit={limit}").status == 422


def test_the_personal_workspace_is_made_once_however_often_it_is_asked_for(service):
    user = service.sign_up()
    assert user.get(SPACES).json["items"] == []
    answers = together(8, lambda _: user.post(SPACES + "/activate"))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["id"] for answer in answers}) == 1
    made = answers[0].json
    assert made["is_personal"] and made["seat_count"] == 1 and made["available_seats"] == 0
    assert user.post(SPACES + "/activate").json == made
    assert user.get(SPACES).json["items"] == [made]


def test_a_personal_workspace_is_not_shared_given_away_left_or_deleted(service):
    user = service.sign_up()
    path = f"{SPACES}/{user.post(SPACES + '/activate').json['id']}"
    for answer in (
            user.post(path + "/invitations", {"email": "a@example.test"}),
            user.post(path + "/transfer-ownership", {"user_id": user.id}),
            service.call("DELETE", path, headers=user.auth)):
        assert (answer.status, answer.code) == (409, "personal_workspace")
    assert user.post(path + "/leave").code == "owner_stays"
    assert user.get(path).status == 200


def test_what_is_changed_of_a_workspace_is_noted_and_nothing_else_is(service):
    team = Team(service)
    admin = team.member("admin")
    assert team.patch("", {}).status == 200
    changed = team.patch("", {"display_name": "Other", "description": "d"}, admin).json
    assert (changed["display_name"], changed["slug"]) == ("Other", team.made["slug"])
    assert team.patch("", {"description": None}).json["description"] is None
    lines = team.get("/audit-log").json["items"]
    assert [line["action"] for line in lines] == ["updated", "updated", "created"]
    assert lines[1]["actor"] == admin.id and lines[1]["target"] == team.id
    assert lines[1]["before"]["display_name"] == "Acme" and lines[1]["after"]["description"] == "d"
    assert lines[1]["request_id"] and lines[2]["before"] is None


# Members


def test_a_members_role_is_the_owners_and_what_concerns_an_admin_too(service):
    team = Team(service)
    admin, other, member = team.member("admin"), team.member("admin"), team.member()
    refused = [
        team.patch(f"/members/{member.id}", {"role": "admin"}, admin),
        team.patch(f"/members/{other.id}", {"role": "member"}, admin),
        team.patch(f"/members/{other.id}", {"status": "disabled"}, admin),
        team.patch(f"/members/{admin.id}", {"status": "disabled"}, admin),
        team.delete(f"/members/{other.id}", admin),
        team.invite("a@example.test", "admin", admin)]
    for answer in refused:
        assert (answer.status, answer.code) == (403, "role_required"), answer
    assert team.patch(f"/members/{member.id}", {"status": "disabled"}, admin).json["status"] == "disabled"
    assert team.patch(f"/members/{member.id}", {"role": "admin"}).json["role"] == "admin"
    # A disabled admin neither acts nor lets themselves in again.
    assert team.patch(f"/members/{member.id}", {"status": "enabled"}, member).code == "member_disabled"
    assert team.patch(f"/members/{member.id}", {"status": "enabled"}, admin).code == "role_required"
    assert team.patch(f"/members/{member.id}", {"status": "enabled"}).status == 200
    assert team.delete(f"/members/{other.id}").status == 204
    assert team.get(by=other).code == "workspace_not_found"


def test_the_owner_stays_an_enabled_member(service):
    team = Team(service)
    admin, owner = team.member("admin"), team.owner.id
    for answer in (
            team.patch(f"/members/{owner}", {"status": "disabled"}),
            team.patch(f"/members/{owner}", {"role": "member"}),
            team.patch(f"/members/{owner}", {"role": "admin"}),
            team.delete(f"/members/{owner}"), team.delete(f"/members/{owner}", admin),
            team.post("/leave")):
        assert answer.status in (403, 409), answer
        assert answer.code in ("owner_stays", "role_required")
    assert team.patch(f"/members/{owner}", {"role": "owner"}).status == 422
    assert team.members[owner] == ("owner", "enabled")


def test_who_is_no_member_of_this_workspace_is_not_found_in_it(service, team):
    stranger = service.sign_up()
    for id in (stranger.id, str(uuid.uuid4())):
        assert team.patch(f"/members/{id}", {"role": "admin"}).code == "member_not_found"
        assert team.delete(f"/members/{id}").code == "member_not_found"
        assert team.post("/transfer-ownership", {"user_id": id}).code == "not_a_member"


def test_enabling_takes_a_seat_and_fewer_seats_to_come_count_at_once(service):
    team = Team(service, seats=2)
    waiting, member = team.member(status="disabled"), team.member()
    enable = {"status": "enabled"}
    assert team.patch(f"/members/{waiting.id}", enable).code == "no_seat_left"
    team.sell(3, pending=2)
    assert team.get().json["available_seats"] == 0
    assert team.patch(f"/members/{waiting.id}", enable).code == "no_seat_left"
    team.sell(3)
    assert team.patch(f"/members/{waiting.id}", enable).status == 200
    assert team.get().json["enabled_member_count"] == 3
    # Who is enabled already takes no other seat.
    assert team.patch(f"/members/{member.id}", enable).status == 200


def test_a_workspace_that_is_frozen_or_suspended_enables_nobody_and_lessens_all_the_same(service):
    for stop, code in ((Team.freeze, "workspace_frozen"), (Team.suspend, "workspace_suspended")):
        team = Team(service)
        member, admin = team.member(status="disabled"), team.member("admin", "disabled")
        key = team.key().json["id"]
        stop(team)
        for user in (member, admin):
            answer = team.patch(f"/members/{user.id}", {"status": "enabled"})
            assert (answer.status, answer.code) == (402, code)
        assert team.delete(f"/members/{member.id}").status == 204
        assert team.post("/leave", by=admin).status == 204
        assert team.delete(f"/api-keys/{key}").status == 204
        assert team.delete().status == 204


def test_of_all_who_enable_the_last_seat_one_does(service):
    team = Team(service, seats=2)
    waiting = [team.member(status="disabled") for _ in range(6)]
    answers = together(6, lambda n: team.patch(f"/members/{waiting[n].id}", {"status": "enabled"}))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    assert team.get().json["enabled_member_count"] == 2


def test_a_member_leaves_a_disabled_one_too(service):
    team = Team(service)
    member, disabled = team.member(), team.member(status="disabled")
    for user in (member, disabled):
        assert team.post("/leave", by=user).status == 204
        assert team.post("/leave", by=user).code == "workspace_not_found"
        assert user.get(SPACES).json["items"] == []
    assert list(team.members) == [team.owner.id]


def test_a_disabled_member_sees_of_the_workspace_only_that_it_is_there(service):
    team = Team(service)
    disabled = team.member(status="disabled")
    [item] = disabled.get(SPACES).json["items"]
    assert (item["id"], item["my_status"]) == (team.id, "disabled")
    assert team.get(by=disabled).code == "member_disabled"


def test_a_team_is_given_to_an_enabled_member_and_to_nobody_else(service):
    team = Team(service)
    member, disabled = team.member(), team.member("admin", "disabled")
    give = "/transfer-ownership"
    assert team.post(give, {"user_id": disabled.id}).code == "not_a_member"
    assert team.post(give, {"user_id": team.owner.id}).json["my_role"] == "owner"
    answer = team.post(give, {"user_id": member.id})
    assert answer.status == 200 and answer.json["my_role"] == "admin"
    assert answer.json["owner_id"] == member.id
    assert team.post(give, {"user_id": team.owner.id}).code == "role_required"
    assert team.members[member.id] == ("owner", "enabled")
    assert "You own Acme now" == service.mail(member.email)[-1]["subject"]
    assert set(team.acts[:2]) == {"transferred", "member_changed"}


def test_of_a_transfer_and_a_leave_at_once_one_comes_first(service):
    for _ in range(4):
        team = Team(service)
        member = team.member()
        done = together(2, lambda n: team.post("/leave", by=member) if n else team.post(
            "/transfer-ownership", {"user_id": member.id}))
        statuses = tuple(answer.status for answer in done)
        assert statuses in ((200, 409), (409, 204)), done
        owner = member if statuses[0] == 200 else team.owner
        assert team.get(by=owner).json["owner_id"] == owner.id


def test_a_deleted_team_is_nowhere_and_its_slug_is_free(service):
    team = Team(service)
    member, key, old = team.member(), team.key().json["id"], team.key().json["id"]
    service.write("UPDATE workspace_api_keys SET expires_at = 1 WHERE id = ?", uuid.UUID(old))
    assert team.delete(by=member).code == "role_required"
    assert team.delete().status == 204
    for user in (team.owner, member):
        assert team.get(by=user).code == "workspace_not_found"
        assert user.get(SPACES).json["items"] == []
    assert team.delete().code == "workspace_not_found"
    revoked, expired = (service.rows(
        "SELECT revoked_at FROM workspace_api_keys WHERE id = ?", uuid.UUID(id)) for id in (key, old))
    assert revoked[0][0] and expired == [(None,)]
    assert service.rows(
        "SELECT target FROM workspace_audit WHERE workspace_id = ? AND action = 'key_revoked'",
        uuid.UUID(team.id)) == [(key,)]
    again = {"display_name": "x", "slug": team.made["slug"]}
    assert team.owner.post(SPACES, again).json["slug"] == team.made["slug"]


def test_thousands_of_members_are_paged(service):
    team = Team(service, seats=5_000)
    rows = []
    for number in range(2_000):
        id = uuid.UUID(int=(0x01990000_0000_7000_8000_0000_0000_0000 + number))
        rows.append((id, f"many-{number}-{team.id}@example.test"))
    service.write_many(
        "INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at) "
        "VALUES (?, ?, ?, '-', 1, 1)", [(id, email, email) for id, email in rows])
    service.write_many(
        "INSERT INTO workspace_members (workspace_id, user_id, role, status, joined_at) "
        "VALUES (?, ?, 'member', 'enabled', 1)", [(uuid.UUID(team.id), id) for id, _ in rows])
    first = team.get("/members?limit=100").json
    second = team.get(f"/members?limit=100&cursor={first['next_cursor']}").json
    ids = [item["user_id"] for page in (first, second) for item in page["items"]]
    assert len(set(ids)) == 200 and ids == sorted(ids)
    assert team.get().json["enabled_member_count"] == 2_001
    assert team.delete().status == 204
    service.write("DELETE FROM users WHERE email LIKE 'many-%'")


def test_reactivation_replaces_who_is_enabled_whole_or_not_at_all(service):
    team = Team(service, seats=3)
    kept, gone = team.member(), team.member()
    back, stranger = team.member("admin", "disabled"), service.sign_up()
    before = team.members
    for users, code in (([kept, gone, back], "no_seat_left"), ([back, stranger], "not_a_member"),
                        ([stranger], "not_a_member")):
        answer = team.reactivate(*users)
        assert (answer.status, answer.code) == (409, code)
        assert team.members == before
    assert "owner" not in answer.json["detail"]
    answer = team.reactivate(back, kept, kept)
    assert answer.status == 200 and answer.json["enabled_member_count"] == 3
    assert team.members == {
        team.owner.id: ("owner", "enabled"), kept.id: ("member", "enabled"),
        gone.id: ("member", "disabled"), back.id: ("admin", "enabled")}
    assert service.mail(gone.email)[-1]["subject"] == "Your membership of Acme was disabled"
    # Nobody named: the owner alone is enabled.
    assert team.reactivate().json["enabled_member_count"] == 1
    acts = len(team.acts)
    assert team.reactivate(team.owner).status == 200 and len(team.acts) == acts


def test_of_a_reactivation_and_one_who_enables_at_once_no_more_are_enabled_than_there_are_seats(service):
    team = Team(service, seats=2)
    first, second = (team.member(status="disabled") for _ in range(2))
    done = together(2, lambda n: team.reactivate(first) if n else team.patch(
        f"/members/{second.id}", {"status": "enabled"}))
    assert {answer.status for answer in done} <= {200, 409}
    assert team.get().json["enabled_member_count"] == 2


def test_a_personal_workspace_has_nobody_to_reactivate(service):
    user = service.sign_up()
    id = user.post(SPACES + "/activate").json["id"]
    answer = user.post(f"/api/subscriptions/workspaces/{id}/reactivate", {"user_ids": []})
    assert (answer.status, answer.code) == (409, "personal_workspace")


# Deletion of accounts


def test_who_owns_teams_keeps_the_account_and_is_told_which(service):
    team = Team(service, name="Kept")
    other = Team(service, owner=team.owner, name="Too")
    team.owner.post(SPACES + "/activate")
    answer = service.call("DELETE", "/auth/me", headers=team.owner.auth)
    assert (answer.status, answer.code) == (409, "owns_workspaces")
    assert "Kept" in answer.json["detail"] and other.id in answer.json["workspaces"]
    assert team.get().status == 200
    heir = team.member()
    assert team.post("/transfer-ownership", {"user_id": heir.id}).status == 200
    assert other.delete().status == 204
    assert service.call("DELETE", "/auth/me", headers=team.owner.auth).status == 200
    assert list(team_members(service, team)) == [uuid.UUID(heir.id)]
    lines = team.get("/audit-log", by=heir).json["items"]
    assert team.owner.id not in str(lines)
    assert {(line["action"], line["before"]["role"], line["after"]["role"]) for line in lines
            if line["action"] in ("transferred", "member_changed")} == {
        ("transferred", "member", "owner"), ("member_changed", "owner", "admin")}


def team_members(service, team):
    return [id for (id,) in service.rows(
        "SELECT user_id FROM workspace_members WHERE workspace_id = ?", uuid.UUID(team.id))]


def test_a_deletion_ends_memberships_and_takes_the_personal_workspace_along(service):
    team = Team(service)
    gone = team.member("admin")
    personal = gone.post(SPACES + "/activate").json["id"]
    assert gone.post(f"{SPACES}/{personal}/api-keys", {"name": "k"}).status == 201
    made = team.key(by=gone).json
    key = made["id"]
    assert team.invite("late@example.test", by=gone).status == 201
    export = gone.get("/auth/me/export").json
    assert {item["workspace_id"] for item in export["workspaces"]} == {team.id, personal}
    assert key in [item["id"] for item in export["workspace_api_keys"]]
    assert service.call("DELETE", "/auth/me", headers=gone.auth).status == 200
    assert list(team.members) == [team.owner.id]
    assert service.rows("SELECT 1 FROM workspaces WHERE id = ?", uuid.UUID(personal)) == []
    [invitation] = team.get("/invitations").json["items"]
    assert (invitation["status"], invitation["invited_by"]) == ("revoked", None)
    [kept] = team.get("/api-keys").json["items"]
    assert kept["id"] == key and kept["state"] == "live"
    log = team.get("/audit-log").bytes.decode()
    assert gone.id not in log and '"erased"' in log
    lines = {line["action"]: line for line in team.get("/audit-log?limit=2").json["items"]}
    left, revoked = lines["member_left"], lines["invitation_revoked"]
    assert left["after"] == {"live_keys": [made["key_prefix"]]} and revoked["target"] == invitation["id"]
    # The owner is told of the keys, and not who it was.
    mail = service.mail(team.owner.email)[-1]
    assert "former admin" in mail["subject"] and made["key_prefix"] in mail["text"]
    assert gone.email not in mail["text"]


def test_of_a_deletion_and_a_new_team_at_once_one_comes_first(service):
    for _ in range(4):
        user = service.sign_up()
        made, deleted = together(2, lambda n: service.call(
            "DELETE", "/auth/me", headers=user.auth) if n else user.post(
            SPACES, {"display_name": "x"}))
        assert made.status in (201, 401) and deleted.status in (200, 409), (made, deleted)
        assert (made.status == 201) == (deleted.status == 409)


def test_of_a_deletion_and_what_the_same_user_decides_at_once_one_comes_first(service):
    for _ in range(4):
        team = Team(service)
        gone = team.member("admin")
        sent, made, deleted = together(3, lambda n: (
            lambda: team.invite(f"{uuid.uuid4().hex}@example.test", by=gone),
            lambda: team.key(by=gone),
            lambda: service.call("DELETE", "/auth/me", headers=gone.auth))[n]())
        assert deleted.status == 200 and {sent.status, made.status} <= {201, 401, 404}, (sent, made, deleted)
        for item in team.get("/invitations").json["items"]:
            assert (item["status"], item["invited_by"]) == ("revoked", None)
        makers = service.rows(
            "SELECT created_by FROM workspace_api_keys WHERE workspace_id = ?", uuid.UUID(team.id))
        assert set(makers) <= {(None,)} and gone.id not in team.get("/audit-log").bytes.decode()


def test_a_personal_workspaces_free_period_outlives_its_users_account(service):
    space = Workspace(service)
    usage = space.validate(space.key()).json["usage_id"]
    assert space.commit(usage).status == 200
    left = space.owner.get(f"{SPACES}/{space.id}").json["credits"]["remaining"]
    assert left != "100.00"
    assert service.call("DELETE", "/auth/me", headers=space.owner.auth).status == 200
    again = service.sign_up(space.owner.email).post(SPACES + "/activate")
    assert again.status == 200 and again.json["id"] != space.id
    assert again.json["credits"]["remaining"] == left


def test_of_a_deletion_and_what_the_personal_workspace_spends_at_once_nothing_is_left(service):
    for _ in range(4):
        space = Workspace(service)
        key = space.key()
        usage = space.validate(key).json["usage_id"]
        answers = together(4, lambda n: (
            lambda: service.call("DELETE", "/auth/me", headers=space.owner.auth),
            lambda: space.commit(usage),
            lambda: space.validate(key),
            lambda: space.settle("extend", usage, extension_id="e", hold_seconds=60))[n]())
        assert answers[0].status == 200 and all(answer.status < 500 for answer in answers), answers
        for table in ("api_subscription_contexts", "api_usage_logs", "api_usage_steps"):
            assert service.rows(
                f"SELECT 1 FROM {table} WHERE workspace_id = ?", uuid.UUID(space.id)) == [], table


def test_of_a_deletion_and_an_activation_at_once_no_account_is_left_alone(service):
    for _ in range(4):
        user = service.sign_up()
        made, deleted = together(2, lambda n: service.call(
            "DELETE", "/auth/me", headers=user.auth) if n else user.post(SPACES + "/activate"))
        assert made.status in (200, 401) and deleted.status == 200, (made, deleted)
    assert service.rows(
        "SELECT 1 FROM api_subscription_contexts WHERE workspace_id NOT IN (SELECT id FROM workspaces)"
    ) == []


# Operators


def test_a_command_suspends_with_a_reason_and_lifts_it(service):
    team = Team(service)
    assert service.command("workspaces", "suspend", team.id).returncode != 0
    assert service.command("workspaces", "suspend", team.id, "--reason", "").returncode == 1
    assert service.command("workspaces", "suspend", str(uuid.uuid4()), "--reason", "x").returncode == 1
    for _ in range(2):
        team.suspend()
    assert team.get().json["status"] == "suspended"
    assert team.key().code == "workspace_suspended"
    assert team.get("/audit-log").json["items"][0]["after"] == {"reason": "a test"}
    shown = service.command("workspaces", "show", team.made["client_id"]).stdout
    assert team.id in shown and "suspended" in shown and team.owner.email in shown
    assert f"{team.id}  {team.made['slug']}" in service.command("workspaces", "list").stdout
    assert service.command("workspaces", "unsuspend", team.made["slug"]).returncode == 0
    assert team.get().json["status"] == "active"
    assert team.acts == ["unsuspended", "suspended", "created"]


def test_a_command_gives_a_team_away_whose_owner_is_gone(service):
    team = Team(service)
    member, disabled = team.member(), team.member(status="disabled")
    personal = member.post(SPACES + "/activate").json["id"]
    assert service.command("users", "deactivate", team.owner.id).returncode == 0
    for workspace, user in ((team.id, disabled.email), (team.id, "nobody@example.test"),
                            (personal, member.email), ("none", member.email)):
        assert service.command("workspaces", "transfer", workspace, user).returncode == 1
    assert service.command("workspaces", "transfer", team.id, member.email).returncode == 0
    assert team.get(by=member).json["my_role"] == "owner"
    assert team.get("/audit-log", by=member).json["items"][0]["actor"] == "operator"
    # Whoever was the owner stays an admin, and comes back as one.
    assert service.command("users", "reactivate", team.owner.id).returncode == 0
    assert team.get().json["my_role"] == "admin"


def test_the_audit_finds_what_must_not_be(own_service):
    team = Team(own_service, seats=2)
    member = team.member()
    assert own_service.audit().returncode == 0
    id, user = uuid.UUID(team.id), uuid.UUID(member.id)
    breaks = [
        ("its owner is no enabled member",
         "UPDATE workspace_members SET status = ? WHERE workspace_id = ? AND user_id <> ?",
         ("disabled", id, user), ("enabled", id, user)),
        ("more members are enabled", "UPDATE workspaces SET seat_count = ? WHERE id = ?",
         (1, id), (2, id)),
        ("it is frozen", "UPDATE workspaces SET frozen_at = ? WHERE id = ?", (1, id), (None, id)),
        ("without a subscription", "UPDATE workspaces SET subscription = ? WHERE id = ?",
         ("none", id), ("live", id))]
    for problem, statement, broken, mended in breaks:
        own_service.write(statement, *broken)
        audit = own_service.audit()
        assert audit.returncode == 1 and problem in audit.stdout and team.id in audit.stdout, problem
        own_service.write(statement, *mended)
    personal, other = uuid.UUID(Workspace(own_service).id), uuid.uuid4()
    move = "UPDATE api_subscription_contexts SET workspace_id = ? WHERE workspace_id = ?"
    own_service.write(move, other, personal)
    audit = own_service.audit()
    assert audit.returncode == 1 and f"{other}: there is none, and it has an account" in audit.stdout
    own_service.write(move, personal, other)
    assert own_service.audit().returncode == 0


def test_three_processes_decide_as_one(own_service):
    others = [own_service.beside(STRIPE_API_BASE=own_service.sandbox).start() for _ in range(2)]
    processes = [own_service, *others]

    def at_once(calls):
        """Each of the calls by another process."""
        return together(len(calls), lambda n: processes[n % 3].call(*calls[n][1:], headers=calls[n][0].auth))

    try:
        user = own_service.sign_up()
        made = at_once([(user, "POST", SPACES + "/activate")] * 6)
        assert len({answer.json["id"] for answer in made}) == 1
        meters_as_one(Workspace(own_service), processes)
        team = Team(own_service, seats=9)
        users = [own_service.sign_up() for _ in range(3)]
        for invited in users:
            assert team.invite(invited.email).status == 201
        tokens = [team.token(invited.email) for invited in users]
        team.sell(2)
        answers = at_once([(invited, "POST", "/api/invitations/accept", {"token": token})
                           for invited, token in zip(users, tokens)])
        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        [member] = [invited for invited, answer in zip(users, answers) if answer.status == 200]
        give, leave = at_once([
            (team.owner, "POST", team.path + "/transfer-ownership", {"user_id": member.id}),
            (member, "POST", team.path + "/leave")])
        assert (give.status, leave.status) in ((200, 409), (409, 204))
        owner = member if give.status == 200 else team.owner
        keys = at_once([(owner, "POST", team.path + "/api-keys", {"name": str(n)}) for n in range(54)])
        assert sorted(answer.status for answer in keys) == [201] * 50 + [409] * 4
        assert own_service.audit().returncode == 0
    finally:
        for other in others:
            other.stop()
