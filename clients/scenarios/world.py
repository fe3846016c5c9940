"""A service for scenarios: the built binary with a database of its own, users, and what its ledger
says in the end. Python's standard library is all it needs."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CUEBX_BINARY", str(ROOT / ".build/release/cuebx"))
KEY = "dev-internal-key"
JWT_SECRET = "dev-jwt-secret-change-me-0123456789abcdef"
PASSWORD = "Passw0rd-x"
TOKEN_SECONDS = 900
MEMORY = "/dev/shm"


def memory_folder():
    """Where nothing waits for a disk; the scenarios end processes, not machines."""
    return MEMORY if Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > 1 << 30 else None


class User:
    def __init__(self, service, email, id):
        self.service, self.email, self.id = service, email, id

    def token(self, seconds=TOKEN_SECONDS, **claims):
        """A token that is good now, wherever the service's clock stands."""
        now = int(time.time()) + self.service.offset
        return mint({"sub": self.id, "email": self.email, "type": "access", "iat": now,
                     "exp": now + seconds, "jti": str(uuid.uuid4()), **claims})

    def get(self, path):
        return self.service.call("GET", path, token=self.token())

    @property
    def balance(self):
        return self.get("/career/usage/")[1]

    @property
    def logs(self):
        """Newest first; all of them."""
        found, cursor = [], ""
        while cursor is not None:
            query = f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""
            page = self.get(f"/career/usage/logs?limit=100{query}")[1]
            found += page["items"]
            cursor = page["next_cursor"]
        return found

    @property
    def history(self):
        """Titles, oldest first."""
        return [item["title"] for item in reversed(self.get("/career/history?limit=100")[1]["items"])]

    def leave(self, credits):
        """Adjusts the balance so that just so many credits are left."""
        left = float(self.balance["credits_remaining"])
        self.service.command("users", "adjust", self.id, "--reason", "a scenario", "--",
                             f"{float(credits) - left:.2f}")


class Customer:
    """A customer of the API product: a personal workspace on the Free plan, and its keys by their names;
    `live` is there from the beginning."""

    def __init__(self, service):
        self.service, self.owner = service, service.new_user()
        status, workspace = service.call("POST", "/api/workspaces/activate", {}, self.owner.token())
        assert status == 200, workspace
        self.id, self.client_id = workspace["id"], workspace["client_id"]
        self.keys = {}
        self.make_key("live")

    def at(self, method, path, body=None):
        path = f"/api/workspaces/{self.id}{path}"
        status, answer = self.service.call(method, path, body, self.owner.token())
        assert status < 300, answer
        return answer

    def make_key(self, name, **more):
        self.keys[name] = self.at("POST", "/api-keys", {"name": name, "is_test_key": False, **more})

    def revoke(self, name):
        self.at("DELETE", f"/api-keys/{self.keys[name]['id']}")

    @property
    def secrets(self):
        return [key["api_key"] for key in self.keys.values()]

    @property
    def balance(self):
        return self.at("GET", "/usage")

    @property
    def logs(self):
        """Newest first."""
        return self.at("GET", "/usage/logs?limit=100")["items"]


class Service:
    """- catalog: what the Free plan has in place of the shipped one, e.g. `rate_limit_per_day`.
    - settings: of the environment, beside a scenario's own.
    """

    def __init__(self, catalog=None, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="cuebx-scenarios-", dir=memory_folder()))
        self.offset = 0
        self.environment = {
            "PATH": os.environ["PATH"], "PORT": "0", "PASSWORD_COST": "4", "LOG_LEVEL": "warning",
            "CATALOG": str(self.write_catalog(catalog or {})),
            "DATABASE_URL": f"sqlite:{self.folder / 'cuebx.db'}",
            # What ran in an outage may be told; a scenario of its own says otherwise.
            "RECORD_WITHIN": "86400",
            # Nobody pays here: no local Stripe has to start.
            "STRIPE_API_BASE": "http://127.0.0.1:1", **settings}
        self.process = None

    def write_catalog(self, changes):
        catalog = json.loads((ROOT / "catalog.json").read_text())
        for product in catalog["products"].values():
            product["plans"][0] |= {
                "rate_limit_per_minute": None, "rate_limit_per_day": None, **changes.get("plan", {})}
            for feature in product["features"]:
                feature |= changes.get("features", {}).get(feature["feature_key"], {})
        path = self.folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        return path

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "serve"], env=self.environment, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=open(self.folder / "log", "ab"))
        line = self.process.stdout.readline()
        assert "http://" in line, (self.folder / "log").read_text()
        address = urllib.parse.urlsplit(re.search(r"http://\S+", line).group())
        self.host, self.port = address.hostname, address.port
        # Else the service would wait once the pipe is full.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        # On the same port again, should it be started once more.
        self.environment["PORT"] = str(self.port)
        return self

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def call(self, method, path, body=None, token=None, headers=None):
        """(status, body as JSON or None)."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()

    def new_user(self):
        email = f"{uuid.uuid4().hex}@example.test"
        status, answer = self.call("POST", "/auth/signup", {"email": email, "password": PASSWORD})
        assert status == 201, answer
        _, mailbox = self.call("GET", "/dev/mailbox?to=" + urllib.parse.quote(email))
        code = re.search(r"\b\d{6}\b", mailbox["messages"][-1]["text"]).group()
        status, tokens = self.call("POST", "/auth/signup/verify", {"email": email, "otp_code": code})
        assert status == 200, tokens
        return User(self, email, claims_of(tokens["access_token"])["sub"])

    def advance(self, seconds):
        status, answer = self.call("POST", "/dev/clock", {"advance_seconds": seconds})
        assert status == 200, answer
        self.offset += seconds

    def command(self, *arguments):
        result = subprocess.run([BINARY, *arguments], env=self.environment, cwd=self.folder,
                                text=True, capture_output=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def knows(self, path):
        return path in self.call("GET", "/openapi.json")[1]["paths"]

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def stop(self):
        """Ends the process, judges the whole ledger, and removes what is left."""
        if self.process.poll() is None:
            self.command("audit")
            self.process.terminate()
            assert self.process.wait(30) == 0, (self.folder / "log").read_text()[-2000:]
        shutil.rmtree(self.folder)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(claims):
    head = encoded(b'{"alg":"HS256","typ":"JWT"}')
    text = f"{head}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(hmac.digest(JWT_SECRET.encode(), text.encode(), hashlib.sha256))}"


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
