"""What a workspace has to spend beside its plan, what it lets itself spend, and why it was charged."""

import json
import uuid

import pytest

from conftest import together
from teams import Team
from test_billing_email import prove
from test_calls_by_key import Workspace
from test_codes import line, made, redeem
from test_workspace_billing import bought

NONE = {"daily_credits": None, "monthly_credits": None, "alert_at": [50, 80, 100]}


class Space(Workspace):
    """A personal workspace, and what is asked of its account."""

    def ask(self, method, path, body=None, by=None):
        return self.service.call(
            method, f"/api/workspaces/{self.id}{path}", body, headers=(by or self.owner).auth)

    def get(self, path, by=None):
        answer = self.ask("GET", path, by=by)
        assert answer.status == 200, answer
        return answer.json

    def put(self, by=None, **limits):
        return self.ask("PUT", "/usage/limits", limits, by)

    def explain(self, usage):
        return self.get(f"/usage/logs/{usage}")

    def give(self, credits, *more, name=None, source="promotion", reason="A gift"):
        return self.service.command(
            "grants", "add", name or self.client_id, credits, "--source", source, "--reason", reason,
            *more)

    def adjust(self, credits, *more, reason="Because"):
        return self.service.command(
            "workspaces", "adjust", self.client_id, credits, "--reason", reason, *more)

    def spend(self, key, **more):
        usage = self.validate(key).json["usage_id"]
        answer = self.commit(usage, **more)
        assert answer.status == 200, answer
        return usage

    def lines(self, action):
        return [line for line in self.get("/audit-log?limit=100")["items"] if line["action"] == action]

    @property
    def grants(self):
        return self.get("/credits")["grants"]


class Bought(Space):
    """A team that has paid for three seats: 5 000 credits a month."""

    def __init__(self, service):
        self.team = Team(service, seats=0)
        self.service, self.owner = service, self.team.owner
        self.id, self.client_id = self.team.id, self.team.made["client_id"]
        bought(service, self.team)


@pytest.fixture
def space(service):
    return Space(service)


def events(call):
    return [(event["event"], event["request_id"], event["credits"]) for event in call["timeline"]]


# Why


def test_members_read_why_a_call_was_charged_and_by_which_key(service, space):
    key, test = space.key("Nightly"), space.key("Trying", is_test_key=True)
    usage = space.validate(key, "mine").json["usage_id"]
    running = space.explain(usage)
    assert running["status"] == "PENDING" and running["balance_after"] is None
    assert space.settle("extend", usage, extension_id="more", additional_credits="1").status == 200
    assert space.settle("capture", usage, capture_id="part", credits="0.25").status == 200
    assert space.commit(usage, credits="0.5").status == 200
    call = space.explain(usage)
    [listed] = space.get("/usage/logs")["items"]
    assert {name: call[name] for name in listed} == listed
    assert (call["api_key_id"], call["api_key_name"], call["is_test"]) == (key["id"], "Nightly", False)
    assert events(call) == [("held", "mine", "1.00"), ("extended", "more", "1.00"),
                            ("captured", "part", "0.25"), ("settled", None, "0.50"),
                            ("released", None, "1.25")]
    assert (call["balance_before"], call["balance_after"]) == ("100.00", "99.25")
    assert call["grants"] == [{"source": "plan", "grant_id": None, "period": 1, "credits": "0.75"}]
    assert call["price"]["plan"] == "Free" and call["price"]["internal_cost_credits"] == "1.00"
    minute, day = call["windows"]
    assert (minute["limit"], day["limit"], day["calls"]) == (20, 500, 1)
    assert call["sentence"].startswith("This call succeeded and cost 0.75 credits")
    # A test has windows of its own, and no price.
    tried = space.spend(test)
    told = space.explain(tried)
    assert told["is_test"] and told["api_key_name"] == "Trying" and told["price"] is None
    assert told["windows"][1]["calls"] == 1 and told["sentence"].endswith("such calls cost nothing.")
    assert space.explain(usage) == call


def test_another_workspaces_call_a_users_and_none_are_not_found(service, space):
    other = Space(service)
    theirs, career = other.validate(other.key()).json["usage_id"], space.owner.validate().json["usage_id"]
    for usage in (theirs, career, str(uuid.uuid4())):
        answer = space.ask("GET", f"/usage/logs/{usage}")
        assert (answer.status, answer.code) == (404, "usage_not_found"), usage
    assert space.owner.get(f"/career/usage/logs/{theirs}").code == "usage_not_found"
    answer = other.ask("GET", f"/usage/logs/{theirs}", by=space.owner)
    assert (answer.status, answer.code) == (404, "workspace_not_found")
    assert space.ask("GET", "/usage/logs/nonsense").status == 422


def test_the_operators_command_tells_what_members_read(service, space):
    usage = space.spend(space.key())
    told = service.command("usage", "explain", usage)
    assert told.returncode == 0, told
    holder, sentence, text = told.stdout.splitlines()
    assert holder == f"workspace {space.id}" and sentence == json.loads(text)["sentence"]
    assert json.loads(text) == space.explain(usage)
    answer = json.loads(service.command("usage", "explain", usage, "--json").stdout)
    assert answer["workspace_id"] == space.id and answer["call"]["api_key_name"] == "a key"


# Grants


def test_a_workspace_is_given_credits_by_hand_once_by_their_id(service, space):
    given = space.give("7.5", "--id", "t-1", "--actor", "Ada", "--priority", "3", source="compensation")
    assert given.returncode == 0 and given.stdout.startswith("added "), given
    grant = given.stdout.split()[1]
    again = space.give("9", "--id", "t-1", name=space.id)
    assert again.stdout.split() == ["already", "done", grant], again
    first, pool = space.grants
    assert (first["id"], first["source"], first["amount"], first["priority"]) == (
        grant, "compensation", "7.50", 3)
    assert (pool["id"], pool["amount"], len(pool["lines"])) == ("pool-1", "100.00", 1)
    usage = space.get("/usage")
    assert (usage["credits_allocated"], usage["credits_remaining"]) == ("100.00", "107.50")
    assert usage["by_source"]["compensation"] == "7.50" and usage["by_source"]["plan"] == "100.00"
    [line] = space.lines("credits_granted")
    assert (line["actor"], line["target"]) == ("operator", grant)
    assert line["after"] == {"credits": "7.50", "reason": "A gift", "by": "Ada"}
    # Calls draw on what is first in order, and tell so.
    key = space.key()
    call = space.explain(space.spend(key))
    assert call["grants"] == [
        {"source": "compensation", "grant_id": grant, "period": None, "credits": "1.00"}]
    assert [entry["remaining"] for entry in space.grants] == ["6.50", "100.00"]
    assert service.audit().returncode == 0


def test_what_is_no_grant_of_a_workspace_is_refused(service, space):
    team = Team(service, seats=0)
    for refused, word in (
            (space.give("0"), "no amount"), (space.give("1", "--priority", "101"), "0 to 100"),
            (space.give("1", reason=""), "1 to 1000"),
            (space.give("1", name="ws_" + "0" * 32), "no user or workspace"),
            (space.give("1", "--expires-at", "2020-01-01T00:00:00Z"), "would end before"),
            (space.give("1", "--actor", ""), "1 to 255"),
            (space.give("1", name=team.made["client_id"]), "no subscription"),
            (space.adjust("-100.01"), "more than the period has left"), (space.adjust("0"), "no amount"),
            (space.adjust("1", reason=""), "1 to 1000"), (space.adjust("1000000000"), "more can be given"),
            (service.command("workspaces", "adjust", team.id, "1", "--reason", "x"), "no subscription"),
            (service.command("workspaces", "adjust", "nobody", "1", "--reason", "x"), "no workspace")):
        assert refused.returncode == 1 and word in refused.stderr, (word, refused)
    assert [grant["id"] for grant in space.grants] == ["pool-1"]
    assert space.lines("credits_granted") == space.lines("credits_adjusted") == []
    for bad in ("cursor=x", "limit=0", "limit=101"):
        assert space.ask("GET", f"/credits?{bad}").status == 422
    answer = team.get("/credits")
    assert (answer.status, answer.code) == (404, "subscription_not_found"), answer


def test_an_operator_adjusts_a_period_once_by_name_and_the_audit_log_tells(service, space):
    for n in range(2):
        done = space.adjust("10", "--id", "t-9", "--actor", "Ada")
        assert done.returncode == 0 and ("already" in done.stdout) == bool(n), done
    assert space.adjust("-2.5").stdout == "the period now has 107.50 credits\n"
    assert space.counters == (107_500_000, 0, 0)
    taken, given = space.lines("credits_adjusted")
    assert taken["after"] == {"credits": "-2.50", "reason": "Because"}
    assert given["after"] == {"credits": "10.00", "reason": "Because", "by": "Ada"}
    [pool] = space.grants
    assert [line["kind"] for line in pool["lines"]] == ["plan", "adjustment", "adjustment"]
    assert pool["amount"] == "110.00" and pool["taken_back"] == "2.50"


# Limits


def test_the_owner_limits_what_a_workspace_spends(service, space):
    key, test = space.key(), space.key(is_test_key=True)
    assert space.get("/usage/limits") == NONE | {
        "used": {"daily_credits": "0.00", "monthly_credits": "0.00"}}
    space.spend(key, credits="0.5")
    answer = space.put(daily_credits="2", alert_at=[90, 10, 90])
    assert answer.status == 200 and answer.json == {
        "daily_credits": "2.00", "monthly_credits": None, "alert_at": [10, 90],
        "used": {"daily_credits": "0.50", "monthly_credits": "0.50"}}
    usage = space.validate(key).json["usage_id"]
    refused = space.validate(key)
    assert (refused.status, refused.code) == (429, "spending_limit_reached"), refused
    assert int(refused.headers["retry-after"]) > 0
    raised = space.settle("extend", usage, extension_id="e", additional_credits="1")
    assert (raised.status, raised.json["code"]) == (429, "spending_limit_reached")
    # A test costs nothing, and what is running goes on.
    assert space.validate(test).status == 200 and space.commit(usage).status == 200
    assert space.put().json["daily_credits"] is None and space.validate(key).status == 200
    changed = space.lines("limits_changed")
    assert [line["after"]["daily_credits"] for line in changed] == [None, "2.00"]
    assert {line["actor"] for line in changed} == {space.owner.id}
    for bad in ({"daily_credits": "-1"}, {"monthly_credits": 5}, {"alert_at": [0]}, {"alert_at": [101]}):
        assert space.put(**bad).status == 422, bad
    assert len(space.lines("limits_changed")) == 2 and service.audit().returncode == 0


def test_racing_calls_of_ten_keys_stop_at_the_limit_exactly(space):
    keys = [space.key(str(n)) for n in range(10)]
    assert space.put(monthly_credits="4.5").status == 200
    answers = together(10, lambda n: space.validate(keys[n]))
    assert sorted(answer.status for answer in answers) == [200] * 4 + [429] * 6, answers


def test_a_limits_percentages_and_the_credits_marks_are_mailed_once(service, space):
    def told(word):
        return [mail["subject"] for mail in service.mail(space.owner.email) if word in mail["subject"]]

    key = space.key()
    assert space.put(daily_credits="4", alert_at=[50, 100]).status == 200
    for _ in range(4):
        space.spend(key)
    for percent in (50, 100):
        assert [f"{percent} % of its own limit for today" in mail for mail in told("own limit")].count(
            True) == 1
    assert len(told("own limit")) == 2
    assert space.put().status == 200
    usage = space.validate(key).json["usage_id"]
    assert space.settle("extend", usage, extension_id="e", additional_credits="95").status == 200
    # A part counts like a whole call.
    assert space.settle("capture", usage, capture_id="c", credits="80").status == 200
    assert len(told("80 % of its credits")) == 1 and not told("100 % of its credits")
    assert space.commit(usage).status == 200
    assert len(told("100 % of its credits")) == 1 and len(told("of its credits")) == 2
    space.commit(usage)
    assert len(told("of its credits")) == 2 and len(told("own limit")) == 2


def test_a_limit_is_told_to_the_owner_and_to_where_bills_go_and_marks_to_admins(service):
    """And a deleted team keeps its grants under the closed account."""
    space = Bought(service)
    team, payer = space.team, f"bills-{uuid.uuid4().hex[:12]}@example.test"
    admin, member = team.member("admin"), team.member()
    prove(team, payer)
    everybody = {"owner": team.owner.email, "admin": admin.email, "member": member.email, "payer": payer}

    def told(word):
        return {who for who, email in everybody.items()
                if [mail for mail in service.mail(email) if word in mail["subject"]]}

    assert space.put(by=admin, monthly_credits="1").code == "role_required"
    assert space.put(monthly_credits="2", alert_at=[50]).status == 200
    key = space.key()
    space.spend(key)
    assert told("own limit for this month") == {"owner", "payer"}
    assert space.ask("GET", "/usage/limits", by=member).json["used"]["monthly_credits"] == "1.00"
    assert space.put().status == 200
    grant = space.give("3", "--priority", "90").stdout.split()[1]
    usage = space.validate(key).json["usage_id"]
    assert space.settle("extend", usage, extension_id="e", additional_credits="3998").status == 200
    assert space.commit(usage).status == 200
    assert told("80 % of its credits") == {"owner", "admin"}
    held = space.validate(key).json["usage_id"]
    pool, given = space.ask("GET", "/credits", by=member).json["grants"]
    assert (pool["source"], given["id"], given["priority"]) == ("plan", grant, 90)
    assert team.delete().status == 204
    assert service.rows(
        "SELECT amount, remaining FROM api_standalone_grants WHERE account_id = ?",
        uuid.UUID(space.id)) == [(3_000_000, 3_000_000)]
    # What was granted is settled; nothing more is given.
    assert space.commit(held).status == 200
    for refused in (space.give("1"), space.adjust("1")):
        assert refused.returncode == 1 and "workspace " + space.client_id in refused.stderr
    told_why = service.command("usage", "explain", usage)
    assert told_why.returncode == 0 and told_why.stdout.startswith(f"workspace {space.id}")
    assert service.audit().returncode == 0


# Codes


def test_a_workspace_is_granted_a_code_once_and_a_person_redeems_it_once(service):
    space = Bought(service)
    admin, member = space.team.member("admin"), space.team.member()
    code = made(service, "10.50", "5", "--valid-days", "30")

    def ask(by=None, code=code, of=space):
        return of.ask("POST", "/credits/redeem", {"code": code}, by)

    assert ask(member).code == "role_required"
    first = ask(admin, f"  {code.lower()}\n")
    assert first.status == 200, first
    assert (first.json["source"], first.json["amount"], first.json["is_paid"]) == (
        "promotion", "10.50", False)
    # Whoever asks again for the workspace is answered with the same, and has not used the code.
    assert ask(admin).json["id"] == ask(space.owner).json["id"] == first.json["id"]
    assert "1 redeemed  of 5" in line(service, code)
    [noted] = space.lines("code_redeemed")
    assert (noted["actor"], noted["target"], noted["after"]) == (
        admin.id, first.json["id"], {"credits": "10.50"})
    assert redeem(admin, code).code == "code_used_up"
    other = Space(service)
    assert ask(other.owner, of=other).status == 200
    mine = Space(service)
    used = made(service, "1", "5")
    assert redeem(mine.owner, used).status == 200
    assert ask(code=used, of=mine).code == "code_used_up"
    assert [entry["id"] for entry in mine.grants] == ["pool-1"]
    assert service.audit().returncode == 0
    # The audit finds one that gave more than its code says.
    wrong = ("UPDATE api_standalone_grants SET amount = amount {0} 1000000, "
             "remaining = remaining {0} 1000000 WHERE cause = ?")
    service.write(wrong.format("+"), f"code {code}")
    audit = service.audit()
    service.write(wrong.format("-"), f"code {code}")
    assert audit.returncode == 1 and "a code's grant is not among" in audit.stdout, audit


def test_each_refusal_of_a_workspaces_code_grants_nothing(service, space):
    def ask(code, of=space):
        return of.ask("POST", "/credits/redeem", {"code": code})

    later = made(service, "5", "5", "--starts-at", "2099-01-01T00:00:00Z")
    ended, one = made(service, "5", "5"), made(service, "5", "1")
    assert service.command("codes", "end", ended).returncode == 0
    assert redeem(service.sign_up(), one).status == 200
    for code, status, name in ((later, 409, "code_not_yet_valid"), (ended, 409, "code_expired"),
                               (one, 409, "code_used_up"), ("NONE", 404, "unknown_code"),
                               ("' OR 1=1 --", 404, "unknown_code"), ("x" * 256, 422, "validation_error")):
        answer = ask(code)
        assert (answer.status, answer.code) == (status, name), code
    for _ in range(8):
        assert ask("NONE").code == "unknown_code"
    good = made(service)
    limited = ask(good)
    assert (limited.status, limited.code) == (429, "too_many_attempts")
    # The person's guesses are counted, wherever they guess.
    assert redeem(space.owner, good).code == "too_many_attempts"
    assert [entry["id"] for entry in space.grants] == ["pool-1"] and not space.lines("code_redeemed")
    team = Team(service, seats=0)
    assert team.post("/credits/redeem", {"code": good}).code == "no_subscription"


def test_of_many_who_redeem_a_code_at_once_each_workspace_and_person_has_it_once(service):
    space, own = Bought(service), Space(service)
    people = [space.owner, space.team.member("admin")]
    code, last = made(service, "7", "9"), made(service, "7", "1")
    answers = together(8, lambda n: space.ask("POST", "/credits/redeem", {"code": code}, people[n % 2]))
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.json["id"] for answer in answers}) == 1 and "1 redeemed  of 9" in line(service, code)
    # For themselves and for their workspace: one of the two.
    answers = together(6, lambda n: redeem(own.owner, last) if n % 2
                       else own.ask("POST", "/credits/redeem", {"code": last}))
    assert {answer.status for answer in answers} == {200, 409}, answers
    assert len({answer.json["id"] for answer in answers if answer.status == 200}) == 1
    assert service.audit().returncode == 0
