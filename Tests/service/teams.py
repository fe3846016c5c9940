"""Teams of the API product, for tests: made over HTTP, their seats written past the service, since
nothing sells seats yet."""

import re
import time
import uuid

SPACES = "/api/workspaces"


class Team:
    """A team with its owner, who calls through it."""

    def __init__(self, service, seats=5, owner=None, name="Acme"):
        self.service, self.owner = service, owner or service.sign_up()
        answer = self.owner.post(SPACES, {"display_name": name})
        assert answer.status == 201, answer
        self.id, self.made = answer.json["id"], answer.json
        self.path = f"{SPACES}/{self.id}"
        if seats:
            self.sell(seats)

    def sell(self, seats, pending=None):
        self.set(subscription="live", seat_count=seats, pending_seat_count=pending)

    def set(self, **columns):
        """Writes columns of the workspace's row."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self.service.write(
            f"UPDATE workspaces SET {names} WHERE id = ?", *columns.values(), uuid.UUID(self.id))

    def freeze(self):
        self.set(frozen_at=1, subscription="none", seat_count=0, pending_seat_count=None)

    def suspend(self):
        assert self.service.command("workspaces", "suspend", self.id, "--reason", "a test").returncode == 0

    def put(self, user, role="member", status="enabled"):
        """Writes a member past the invitation."""
        self.service.write(
            "INSERT INTO workspace_members (workspace_id, user_id, role, status, joined_at) "
            "VALUES (?, ?, ?, ?, ?)", uuid.UUID(self.id), uuid.UUID(user.id), role, status,
            int(time.time() * 1e6))
        return user

    def member(self, role="member", status="enabled"):
        return self.put(self.service.sign_up(), role, status)

    def call(self, method, path="", body=None, by=None):
        return self.service.call(method, self.path + path, body, headers=(by or self.owner).auth)

    def get(self, path="", by=None):
        return self.call("GET", path, by=by)

    def post(self, path, body=None, by=None):
        return self.call("POST", path, body, by)

    def patch(self, path, body, by=None):
        return self.call("PATCH", path, body, by)

    def delete(self, path="", by=None):
        return self.call("DELETE", path, by=by)

    def invite(self, email, role="member", by=None):
        return self.post("/invitations", {"email": email, "role": role}, by)

    def token(self, email):
        """Out of the newest mail."""
        return re.search(r"^[\w-]{43}$", self.service.mail(email)[-1]["text"], re.M).group()

    def key(self, by=None, **more):
        return self.post("/api-keys", {"name": "k", **more}, by)

    def reactivate(self, *users, by=None):
        return (by or self.owner).post(
            f"/api/subscriptions/workspaces/{self.id}/reactivate", {"user_ids": [user.id for user in users]})

    @property
    def members(self):
        """Role and status of each, by their ids."""
        items = self.get("/members?limit=100").json["items"]
        return {item["user_id"]: (item["role"], item["status"]) for item in items}

    @property
    def acts(self):
        return [line["action"] for line in self.get("/audit-log?limit=100").json["items"]]


def accept(user, token):
    return user.post("/api/invitations/accept", {"token": token})
