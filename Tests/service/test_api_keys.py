"""Keys of workspaces: told once, limited, rotated, revoked."""

import re
import uuid
from datetime import datetime

import pytest

from conftest import together
from teams import SPACES, Team

DAY = 86_400


@pytest.fixture(scope="module")
def team(service):
    return Team(service)


def listed(team):
    return {item["id"]: item for item in team.get("/api-keys?limit=100").json["items"]}


@pytest.mark.parametrize("test,lead", [(False, "cbx_live_"), (True, "cbx_test_")])
def test_a_key_is_told_once_and_is_in_no_row_mail_or_log(service, test, lead):
    team = Team(service)
    answer = team.key(is_test_key=test, expires_in_days=30, credit_limit="2.5")
    made, secret = answer.json, answer.json["api_key"]
    assert answer.status == 201 and re.fullmatch(lead + r"[\w-]{43}", secret)
    assert made["key_prefix"] == secret[:14] and made["is_test_key"] == test
    assert made["credit_limit"] == "2.50" and made["state"] == "live"
    [item] = team.get("/api-keys").json["items"]
    assert "api_key" not in item and item == {n: v for n, v in made.items() if n != "api_key"}
    rows = [value if isinstance(value, bytes) else str(value).encode()
            for rows in service.tables.values() for row in rows for value in row]
    assert [value for value in rows if secret[14:].encode() in value] == []
    assert secret[14:] not in service.log.read_text()
    assert secret[:14] in service.mail(team.owner.email)[-1]["text"]
    assert team.get("/audit-log").json["items"][0]["after"]["key_prefix"] == secret[:14]


def test_a_key_of_the_personal_workspace_needs_no_other_plan(service):
    user = service.sign_up()
    id = user.post(SPACES + "/activate").json["id"]
    assert user.post(f"{SPACES}/{id}/api-keys", {"name": "mine"}).status == 201


@pytest.mark.parametrize("more", [
    {"name": ""}, {"name": "x" * 101}, {"name": None}, {"is_test_key": "no"}, {"expires_in_days": 0},
    {"expires_in_days": 366}, {"expires_in_days": 1.5}, {"credit_limit": "-1"}, {"credit_limit": "x"},
    {"credit_limit": 5}, {"credit_limit": "1e3"}, {"credit_limit": "0.0000001"},
    {"credit_limit": "9" * 32}])
def test_a_bad_key_is_refused_with_its_field(team, more):
    before = len(listed(team))
    answer = team.key(**more)
    assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["body", *more]
    assert len(listed(team)) == before


def test_members_read_keys_and_admins_make_them(team):
    member, admin = team.member(), team.member("admin")
    key = team.key(by=admin).json["id"]
    assert key in {item["id"] for item in team.get("/api-keys", by=member).json["items"]}
    for answer in (
            team.key(by=member), team.patch(f"/api-keys/{key}", {"name": "n"}, member),
            team.delete(f"/api-keys/{key}", member), team.post(f"/api-keys/{key}/rotate", {}, member)):
        assert answer.code == "role_required"


def test_a_key_of_another_workspace_is_not_there(service, team):
    other = Team(service)
    for id in (other.key().json["id"], str(uuid.uuid4())):
        for answer in (
                team.patch(f"/api-keys/{id}", {"name": "n"}), team.delete(f"/api-keys/{id}"),
                team.post(f"/api-keys/{id}/rotate", {})):
            assert (answer.status, answer.code) == (404, "key_not_found")
    assert {item["state"] for item in listed(other).values()} == {"live"}


def test_a_workspace_has_at_most_fifty_live_keys(service):
    team = Team(service)
    first = [team.key(name=str(n)).json["id"] for n in range(48)]
    answers = together(5, lambda _: team.key())
    assert sorted(answer.status for answer in answers) == [201, 201, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"too_many_keys"}
    # Without an overlap the key before makes room for the new one; with one it does not.
    assert team.post(f"/api-keys/{first[0]}/rotate", {"overlap_seconds": 60}).code == "too_many_keys"
    assert listed(team)[first[0]]["expires_at"] is None
    assert team.post(f"/api-keys/{first[0]}/rotate", {}).status == 201
    assert team.delete(f"/api-keys/{first[1]}").status == 204
    assert team.key().status == 201
    assert len(listed(team)) == 52


def test_a_revoked_key_stays_revoked_and_is_listed(team):
    key = team.key().json["id"]
    assert team.delete(f"/api-keys/{key}").status == 204
    at = listed(team)[key]["revoked_at"]
    assert team.delete(f"/api-keys/{key}").status == 204
    assert listed(team)[key]["revoked_at"] == at and listed(team)[key]["state"] == "revoked"
    for answer in (team.patch(f"/api-keys/{key}", {"name": "n"}), team.post(f"/api-keys/{key}/rotate", {})):
        assert (answer.status, answer.code) == (409, "key_not_live")
    assert team.acts.count("key_revoked") == 1


def test_name_and_limit_of_a_key_change_and_what_is_left_out_stays(team):
    key = team.key(credit_limit="5").json
    path = f"/api-keys/{key['id']}"
    assert team.patch(path, {}).json["credit_limit"] == "5.00"
    assert team.patch(path, {"name": "other"}).json["name"] == "other"
    assert team.patch(path, {"credit_limit": "0"}).json["credit_limit"] == "0.00"
    assert team.patch(path, {"credit_limit": None}).json["credit_limit"] is None
    for body in ({"name": ""}, {"credit_limit": "-1"}, {"name": "https://x.example"}):
        assert team.patch(path, body).status == 422
    assert team.get("/audit-log").json["items"][0]["before"]["credit_limit"] == "0.00"


def test_rotation_ends_the_key_before_at_once_or_after_the_overlap_and_never_later(own_service):
    service, team = own_service, Team(own_service)
    old = team.key(name="a", expires_in_days=2, credit_limit="3").json
    for overlap in (-1, 604_801, "x"):
        assert team.post(f"/api-keys/{old['id']}/rotate", {"overlap_seconds": overlap}).status == 422
    service.advance(DAY)
    new = team.post(f"/api-keys/{old['id']}/rotate", {"overlap_seconds": 3 * DAY})
    assert new.status == 201 and new.json["api_key"] != old["api_key"]
    assert (new.json["name"], new.json["credit_limit"]) == ("a", "3.00")
    # The key before keeps its own, earlier end; the new one lasts as long as that was made for.
    assert listed(team)[old["id"]]["expires_at"] == old["expires_at"]
    assert new.json["expires_at"] > old["expires_at"]
    service.advance(DAY)
    assert listed(team)[old["id"]]["state"] == "expired"
    third = team.post(f"/api-keys/{new.json['id']}/rotate").json
    assert listed(team)[new.json["id"]]["state"] == "expired"
    # One limit over all that a key was rotated from or to.
    assert team.patch(f"/api-keys/{third['id']}", {"credit_limit": "7"}).status == 200
    assert {item["credit_limit"] for item in listed(team).values()} == {"7.00"}


@pytest.mark.parametrize("days", [None, 30])
def test_a_key_in_its_overlap_hands_on_the_lifetime_it_was_made_for(service, days):
    team = Team(service)
    first = team.key(expires_in_days=days).json
    for _ in range(2):
        made = team.post(f"/api-keys/{first['id']}/rotate", {"overlap_seconds": 3600}).json
        made_at, end = (made[name] and datetime.fromisoformat(made[name]) for name in (
            "created_at", "expires_at"))
        assert (end and round((end - made_at).total_seconds() / DAY, 3)) == days


def test_of_two_rotations_at_once_one_is_done(service):
    team = Team(service)
    key = team.key().json["id"]
    answers = together(4, lambda _: team.post(f"/api-keys/{key}/rotate", {}))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert [item["state"] for item in listed(team).values()].count("live") == 1


def test_admins_are_told_of_keys_and_members_are_not(service):
    team = Team(service)
    admin, member, off = team.member("admin"), team.member(), team.member("admin", "disabled")
    key = team.key(name="build").json
    team.delete(f"/api-keys/{key['id']}")
    for reader in (team.owner, admin):
        subjects = [mail["subject"] for mail in service.mail(reader.email)[-2:]]
        assert subjects == ["Acme has a new key", "A key of Acme was revoked"]
    for other in (member, off):
        assert not [mail for mail in service.mail(other.email) if "key" in mail["subject"].lower()]


def test_a_keys_end_is_mailed_of_once_a_week_before(own_service):
    service, team = own_service, Team(own_service)
    soon = team.key(name="soon", expires_in_days=8).json["id"]
    team.key(name="short", expires_in_days=7)
    team.key(name="late", expires_in_days=30)
    rotated = team.key(name="rotated", expires_in_days=9).json["id"]
    revoked = team.key(name="revoked", expires_in_days=8).json["id"]
    assert team.post(f"/api-keys/{rotated}/rotate", {"overlap_seconds": 3 * DAY}).status == 201
    assert team.delete(f"/api-keys/{revoked}").status == 204

    def told():
        return [mail["text"] for mail in service.mail(team.owner.email) if "expires on" in mail["subject"]]

    service.advance(DAY - 60)
    assert told() == []
    service.advance(60)
    [text] = told()
    assert "The key soon" in text and listed(team)[soon]["expires_at"][:10] in text
    # The key that took the place of a rotated one tells of its own end.
    service.advance(DAY)
    service.advance(DAY)
    assert sorted(re.search(r"The key (\w+)", text)[1] for text in told()) == ["rotated", "soon"]
