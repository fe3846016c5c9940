"""A world is a fresh database, accounts on it, one process of the service or several, clients, and
somebody who kills processes. In the end all that was seen and stored is put before the checker."""

import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests/servers"), str(ROOT / "Tests/service")]

import jwt  # noqa: E402
import psycopg  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: E402

import postgresql  # noqa: E402
from checker import EndState, StoredGrant, StoredLog, check  # noqa: E402
from conftest import BINARY, Service, User  # noqa: E402, F401
from history import Call, History, micro_credits  # noqa: E402
from load import Load, Target  # noqa: E402
from model import Rules  # noqa: E402
from ports import free_ports  # noqa: E402

ISSUER = "https://people.example.test"
SECONDS_OF_A_DAY = 86_400
# Where a run is kept that ended badly.
KEPT = ROOT / "var/crashes"


class World:
    """- seed: draws the plan, the clients' choices and the instants of the kills.
    - postgres: the URL of a PostgreSQL server on which a database is made, to go with the server;
      None for SQLite.
    - accounts: how many the clients share; the first is asked for most often.
    - database: where SQLite's file is to be, if not in the folder.
    - allocation: credits a month, without a daily limit; if not given, drawn, with what else the plan
      has, and an operator gives grants beside the pool.
    - program: the service's command line, if it is not to be run just so.
    """

    def __init__(self, folder, seed, postgres=None, processes=1, clients=8, accounts=8,
                 database=None, allocation=None, program=None, **settings):
        self.folder, self.seed = Path(folder), seed
        self.random = random.Random(f"{seed}-world")
        self.history = History()
        self.url = postgresql.new_database(postgres) if postgres else None
        self.folder.mkdir(exist_ok=True)
        self.database = Path(database or self.folder / "cuebx.db")
        catalog = self.draw_catalog(allocation)
        self.gives = allocation is None
        self.write_keys()
        self.starts = 0
        self.names = [[] for _ in range(processes)]
        self.services = []
        for number, port in enumerate(free_ports(processes)):
            place = self.folder / str(number)
            place.mkdir()
            self.services.append(Service(
                place, CATALOG=str(catalog), LOG_LEVEL="warning",
                # Each time on the same port, as behind a load balancer.
                PORT=str(port),
                # Nobody pays here; a sandbox would only take time to start.
                STRIPE_API_BASE="http://127.0.0.1:1",
                AUTH_JWKS=str(self.folder / "keys.json"), AUTH_ISSUER=ISSUER,
                AUTH_AUDIENCE="career",
                DATABASE_URL=self.url or f"sqlite:{self.database}", **settings))
            if program:
                self.services[-1].program = program
        self.clients, self.accounts = clients, accounts
        self.kills = 0

    def draw_catalog(self, given):
        """One plan: credits that run out sooner or later, in half of the worlds a daily limit."""
        catalog = json.loads((ROOT / "catalog.json").read_text())["products"]["career"]
        allocation = self.random.choice([20, 60, 200, 1000])
        per_day = self.random.choice([None, None, 30, 100])
        if given is not None:
            allocation, per_day = given, None
        if time.time() % SECONDS_OF_A_DAY > SECONDS_OF_A_DAY - 900:
            # The model knows of no next day.
            per_day = None
        catalog["plans"][0] |= {
            "credits_allocation": f"{allocation}.00", "rate_limit_per_minute": None,
            "rate_limit_per_day": per_day}
        for feature in catalog["features"]:
            # The model knows of no over-use.
            feature.pop("overuse", None)
        path = self.folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        self.rules = Rules(
            {feature["feature_key"]: micro_credits(
                feature.get("default_hold") or feature["internal_cost_credits"])
             for feature in catalog["features"]}, allocation * 1_000_000, per_day)
        return path

    def write_keys(self):
        """Accounts come from an identity provider of our own: no password has to be hashed."""
        self.key = ed25519.Ed25519PrivateKey.generate()
        document = jwt.get_algorithm_by_name("EdDSA").to_jwk(self.key.public_key(), as_dict=True)
        (self.folder / "keys.json").write_text(json.dumps({"keys": [{**document, "kid": "1"}]}))

    def new_user(self):
        """Somebody with the Free plan."""
        now, subject = int(time.time()), str(uuid.uuid4())
        token = jwt.encode(
            {"iss": ISSUER, "aud": "career", "sub": subject, "iat": now, "exp": now + 600},
            self.key, algorithm="EdDSA", headers={"kid": "1"})
        answer = self.services[0].call(
            "GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 200, answer
        return User(self.services[0], "", {}, answer.json["id"])

    def __enter__(self):
        try:
            self.start(0)
            self.users = [self.new_user() for _ in range(self.accounts)]
            # Of whom the clients know nothing.
            self.bystander = self.new_user()
            hour = int(time.time()) + 3600
            self.targets = [
                Target(user, self.services[0].mint(sub=user.id, exp=hour)) for user in self.users]
            for number in range(1, len(self.services)):
                self.start(number)
            self.load = Load(
                self.seed, [(service.host, service.port) for service in self.services],
                self.targets, list(self.rules.costs), self.history, self.clients)
            self.load.__enter__()
            return self
        except BaseException:
            self.end()
            raise

    def __exit__(self, kind, *_):
        self.load.__exit__()
        try:
            if kind is None:
                self.verify()
        except BaseException as error:
            self.keep(error)
            raise
        finally:
            self.end()

    def end(self):
        for service in self.services:
            if service.process and service.process.poll() is None:
                service.kill()

    def keep(self, error):
        """What it takes to look into a failure later."""
        print(f"world {self.seed} failed; its history is kept in {KEPT}", flush=True)
        KEPT.mkdir(parents=True, exist_ok=True)
        self.history.write(KEPT / f"{self.seed}.jsonl")
        read = f"{self.end_state}\n" if hasattr(self, "end_state") else ""
        (KEPT / f"{self.seed}.txt").write_text(f"{error}\n{read}")

    def start(self, number):
        """Starts a process and returns once it answers."""
        service = self.services[number]
        self.name_connections(number)
        if service.process:
            service.process.stdout.close()
        service.start()

    def name_connections(self, number):
        """On PostgreSQL each start's connections have a name of their own, so that one can tell
        when a killed process's last one is gone."""
        self.starts += 1
        if self.url:
            name = f"start-{self.starts}"
            self.names[number].append(name)
            self.services[number].environment["DATABASE_URL"] = (
                f"{self.url}&application_name={name}")

    def kill(self, number):
        """SIGKILL. The process is gone when this returns; what its connections had asked of
        PostgreSQL may still be going on."""
        self.services[number].kill()
        self.kills += 1

    def restart(self, number):
        """Starts a killed process at once, beside whatever is left of its last life."""
        killed = self.names[number]
        self.names[number] = []
        self.start(number)
        if self.url:
            with psycopg.connect(self.url, autocommit=True) as connection:
                while connection.execute(
                        "SELECT 1 FROM pg_stat_activity WHERE application_name = ANY(%s)",
                        [killed]).fetchone():
                    time.sleep(0.005)
        self.history.record_death(number)

    def start_and_kill(self, number, seconds):
        """Kills a process while it starts, perhaps while it recovers the database."""
        service = self.services[number]
        self.name_connections(number)
        if service.process:
            service.process.stdout.close()
        service.process = None
        timer = threading.Timer(
            seconds, lambda: service.process and service.process.kill())
        timer.start()
        with contextlib.suppress(AssertionError):
            # It says that the process ended before it answered.
            service.start()
        timer.join()
        service.kill()
        self.kills += 1

    def give(self):
        """An operator gives credits, by another process, and perhaps repeats that: to the pool, or
        beside it, before what the pool has or after it. Beside a server that writes without a pause SQLite
        may let it wait for too long; it then says so."""
        user = self.random.choice(self.users)
        name, credits = f"gift-{uuid.uuid4()}", self.random.randint(1, 5)
        kind = self.random.choice(["adjust", "grant"]) if self.gives else "adjust"
        how = ["users", "adjust"] if kind == "adjust" else ["grants", "add"]
        more = [] if kind == "adjust" else [
            "--source", "promotion", "--priority", str(self.random.choice([1, 50, 99]))]
        for _ in range(self.random.randint(1, 2)):
            start = time.monotonic_ns()
            done = self.services[0].command(
                *how, user.id, f"{credits}.00", "--reason", "a gift", "--id", name, *more)
            end = time.monotonic_ns()
            assert done.returncode == 0 or "unavailable" in done.stderr, done.stderr
            self.history.record_death("operator")
            self.history.add(Call(
                kind, user.id, {"name": name, "credits": credits * 1_000_000}, start, end,
                {"done": True} if done.returncode == 0 else None, [("operator", end)]))

    def kill_at_random(self, kills):
        """So many kills at random instants, each followed by a start; some hit during a start, and
        some hit all the processes at once."""
        while self.kills < kills:
            time.sleep(self.random.uniform(0, 0.5))
            numbers = list(range(len(self.services)))
            if self.random.random() < 0.8:
                numbers = [self.random.choice(numbers)]
            for number in numbers:
                self.kill(number)
            for number in numbers:
                if self.kills < kills and self.random.random() < 0.2:
                    self.start_and_kill(number, self.random.uniform(0, 0.25))
                self.restart(number)
            if self.random.random() < 0.2:
                self.give()

    def verify(self):
        """Lets the rest come to rest, reads all of it and asks the checker."""
        assert not self.load.strange, self.load.strange[:3]
        self.await_readiness()
        self.drain()
        for number in range(len(self.services)):
            self.history.record_death(number)
        self.end_state = self.read_end()
        audit = self.services[0].audit()
        assert audit.returncode == 0, audit.stdout + audit.stderr
        calls = self.history.finish()
        self.unanswered = sum(call.answer is None for call in calls)
        self.checked = check(calls, self.rules, self.end_state)
        for service in self.services:
            service.stop()

    def await_readiness(self, seconds=30):
        """A process asks a server that was away again after a second at most."""
        deadline = time.monotonic() + seconds
        while any(service.call("GET", "/ready").status != 200 for service in self.services):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def drain(self, seconds=60):
        """Until the worker has applied what was accepted. What a killed worker held comes back
        when its lease of 300 s is over; that is made to be now."""
        service = self.services[0]
        service.write("UPDATE messages SET leased_until = 0 WHERE died_at IS NULL")
        deadline = time.monotonic() + seconds
        while service.rows("SELECT 1 FROM messages"):
            assert time.monotonic() < deadline, service.rows("SELECT * FROM messages LIMIT 5")
            time.sleep(0.02)

    def read_end(self):
        service = self.services[0]

        def text(id):
            return str(uuid.UUID(bytes=id) if isinstance(id, bytes) else id)

        watched = {user.id for user in self.users}
        steps = {}
        for usage, kind, name in service.rows(
                "SELECT usage_id, kind, name FROM career_usage_steps"):
            steps.setdefault(text(usage), set()).add((kind, name))
        logs = [
            StoredLog(text(user), request_id, payload_hash, text(id), *rest,
                      frozenset(steps.get(text(id), ())), lent, parent and text(parent))
            for user, request_id, payload_hash, id, lent, parent, *rest in service.rows("""
                SELECT user_id, request_id, payload_hash, id, credits_lent, parent_usage_id,
                    feature_key, status, credits_reserved,
                    coalesce(credits_charged, credits_captured)
                FROM career_usage_logs""") if text(user) in watched]
        adjustments = {
            (text(user), cause): credits for user, cause, credits in service.rows(
                "SELECT user_id, cause, credits FROM credit_grants WHERE kind = 'adjustment'")}
        grants = {
            (text(user), cause.removeprefix("by_hand ")): StoredGrant(*amounts)
            for user, cause, *amounts in service.rows(
                "SELECT account_id, cause, amount, remaining, held, captured FROM standalone_grants")}
        balances = {}
        for user in self.users:
            answer = user.get("/career/usage/")
            assert answer.status == 200, answer
            balances[user.id] = {"http": 200, **{
                name: micro_credits(value) for name, value in answer.json.items()
                if name.startswith("credits_")}}
            balances[user.id]["by_source"] = {
                source: micro_credits(value) for source, value in answer.json["by_source"].items()}
        return EndState(logs, adjustments, balances, grants)


@contextlib.contextmanager
def scratch_folder():
    """On the disk, not in memory, where the machine tells the two apart."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("CRASHES_FOLDER")) as folder:
        yield Path(folder)
