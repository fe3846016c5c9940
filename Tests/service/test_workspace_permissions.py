"""The permission matrix: each role × each status of a member × each state of a workspace × each
address below a workspace, asked over HTTP. An address that is added fails until it has its line.

Each cell is asked with a body that is none: who is refused is so before it is read."""

import json
import uuid

import pytest

from conftest import ROOT
from teams import SPACES, Team

ROLES = ["member", "admin", "owner"]
STATES = {"active": None, "without": "no_subscription", "inactive": "subscription_inactive",
          "frozen": "workspace_frozen", "suspended": "workspace_suspended"}
ACCESS = {"workspace_not_found", "member_disabled", "email_not_verified", "role_required",
          *filter(None, STATES.values())}


class Route:
    def __init__(self, role, status, adds=False, buys=False, even_disabled=False, does=False):
        # The least role; what is answered to who is let in; whether a frozen or suspended workspace
        # refuses it, or only a suspended one; whether a disabled member is let in; whether the call
        # does what it says.
        self.role, self.status, self.adds, self.buys = role, status, adds, buys
        self.even_disabled, self.does = even_disabled, does

    def refusal(self, role, status, state):
        if role is None:
            return 404, "workspace_not_found"
        if status == "disabled" and not self.even_disabled:
            return 403, "member_disabled"
        if ROLES.index(role) < ROLES.index(self.role):
            return 403, "role_required"
        if self.adds and STATES[state] or self.buys and state == "suspended":
            return 402, STATES[state]
        return None


MATRIX = {
    "GetWorkspace": Route("member", 200),
    "UpdateWorkspace": Route("admin", 422),
    "VerifyBillingEmail": Route("owner", 422),
    "LeaveWorkspace": Route("member", 204, even_disabled=True, does=True),
    "TransferWorkspace": Route("owner", 422),
    "ReactivateMembers": Route("owner", 422, adds=True),
    "ListWorkspaceAudit": Route("admin", 200),
    "ListWorkspaceMembers": Route("member", 200),
    "UpdateWorkspaceMember": Route("admin", 422),
    "RemoveWorkspaceMember": Route("admin", 404),
    "ListWorkspaceInvitations": Route("admin", 200),
    "CreateWorkspaceInvitation": Route("admin", 422, adds=True),
    "ResendWorkspaceInvitation": Route("admin", 404, adds=True),
    "RevokeWorkspaceInvitation": Route("admin", 404),
    "GetWorkspaceSubscription": Route("member", 200),
    "StartWorkspaceCheckout": Route("admin", 422, buys=True),
    "OpenWorkspacePortal": Route("admin", 409),
    "CancelWorkspaceSubscription": Route("owner", 422),
    "ResumeWorkspaceSubscription": Route("owner", 404, buys=True),
    "GetWorkspaceUsage": Route("member", 404),
    "ListWorkspaceUsageLogs": Route("member", 200),
    "SummarizeWorkspaceUsage": Route("member", 200),
    "ExplainWorkspaceUsage": Route("member", 404),
    "ListWorkspaceCredits": Route("member", 404),
    "BuyWorkspacePack": Route("admin", 422, adds=True),
    "RedeemWorkspaceCode": Route("admin", 422, adds=True),
    "GetWorkspaceLimits": Route("member", 404),
    "PutWorkspaceLimits": Route("owner", 422),
    "PreviewWorkspaceSeats": Route("admin", 422),
    "ChangeWorkspaceSeats": Route("admin", 422),
    "PreviewWorkspaceUpgrade": Route("admin", 422),
    "UpgradeWorkspacePlan": Route("admin", 422, adds=True),
    "DowngradeWorkspacePlan": Route("admin", 422),
    "ListAPIKeys": Route("member", 200),
    "CreateAPIKey": Route("admin", 422, adds=True),
    "UpdateAPIKey": Route("admin", 422),
    "RevokeAPIKey": Route("admin", 404),
    "RotateAPIKey": Route("admin", 422, adds=True),
    # Last: who is let in has deleted it.
    "DeleteWorkspace": Route("owner", 204, does=True),
}
# What is asked of no one workspace.
ELSEWHERE = {
    "ListWorkspaces", "CreateWorkspace", "ActivateWorkspace", "ShowInvitation", "AcceptInvitation"}

OPERATIONS = {
    operation["operationId"]: (method.upper(), path, "requestBody" in operation)
    for path, methods in json.loads((ROOT / "openapi.json").read_text())["paths"].items()
    if path.startswith((SPACES, "/api/invitations")) or "{workspace_id}" in path
    for method, operation in methods.items()}


def test_every_address_has_a_line_in_the_matrix():
    assert set(OPERATIONS) == set(MATRIX) | ELSEWHERE
    below = {name for name, (_, path, _) in OPERATIONS.items() if "{workspace_id}" in path}
    assert below == set(MATRIX)


@pytest.fixture(scope="module")
def teams(service):
    """A team in each state, all with the same members; kept as such from the audit."""
    people = {(role, status): service.sign_up()
              for role in ("admin", "member") for status in ("enabled", "disabled")}
    owner, stranger = service.sign_up(), service.sign_up()
    teams = {state: Team(service, owner=owner) for state in STATES}
    for team in teams.values():
        for (role, status), user in people.items():
            team.put(user, role, status)
    teams["without"].set(subscription="none", seat_count=0)
    teams["inactive"].set(subscription="inactive")
    teams["frozen"].freeze()
    teams["suspended"].suspend()
    yield teams, {(None, None): stranger, ("owner", "enabled"): owner, **people}
    for team in teams.values():
        service.write("DELETE FROM workspace_members WHERE workspace_id = ?", uuid.UUID(team.id))
        team.set(owner_id=None, slug=None, closed_at=1, subscription="none", seat_count=0,
                 pending_seat_count=None, frozen_at=None)


def ask(service, name, team, user):
    method, path, has_body = OPERATIONS[name]
    path = path.replace("{workspace_id}", team.id)
    for other in ("user_id", "key_id", "invitation_id", "usage_id"):
        path = path.replace("{%s}" % other, str(uuid.uuid4()))
    return service.call(method, path, [] if has_body else None, headers=user.auth)


@pytest.mark.parametrize("name", MATRIX)
def test_each_cell_is_answered_by_the_matrix(service, teams, name):
    route = MATRIX[name]
    teams, people = teams
    for state, team in teams.items():
        # The owner last, who may delete the team.
        for (role, status), user in sorted(people.items(), key=lambda cell: cell[0][0] == "owner"):
            answer = ask(service, name, team, user)
            refusal = route.refusal(role, status, state)
            cell = (name, role, status, state, answer)
            if refusal:
                assert (answer.status, answer.code) == refusal, cell
            elif name == "LeaveWorkspace" and role == "owner":
                assert (answer.status, answer.code) == (409, "owner_stays"), cell
            else:
                assert answer.status == route.status, cell
                assert answer.status < 400 or answer.code not in ACCESS, cell
                if name == "LeaveWorkspace":
                    team.put(user, role, status)


def test_what_is_no_id_and_what_is_nobodys_is_answered_as_to_a_stranger(service, teams):
    user = teams[1][("owner", "enabled")]
    for name, (method, path, has_body) in OPERATIONS.items():
        if name in ELSEWHERE:
            continue
        for id in (str(uuid.uuid4()), "x", "%00", "me"):
            answer = service.call(
                method, path.replace("{workspace_id}", id).replace("{", "").replace("}", ""),
                [] if has_body else None, headers=user.auth)
            assert (answer.status, answer.code) == (404, "workspace_not_found"), (name, id, answer)


def test_who_has_not_proven_an_address_is_told_so_and_a_stranger_is_not(service):
    team = Team(service)
    admin, stranger = team.member("admin"), service.sign_up()
    for user in (admin, stranger, team.owner):
        service.write("UPDATE users SET email_verified_at = NULL WHERE id = ?", uuid.UUID(user.id))
    for name in set(MATRIX) - {"DeleteWorkspace"}:
        answer = ask(service, name, team, admin)
        assert (answer.status, answer.code) == (403, "email_not_verified"), (name, answer)
        assert ask(service, name, team, stranger).code == "workspace_not_found"
    for user in (admin, stranger):
        for path, body in ((SPACES, {"display_name": "x"}), (SPACES + "/activate", None),
                           ("/api/invitations/accept", {"token": "x"})):
            assert user.post(path, body).code == "email_not_verified"
    for user in (admin, stranger, team.owner):
        service.write("UPDATE users SET email_verified_at = 1 WHERE id = ?", uuid.UUID(user.id))
