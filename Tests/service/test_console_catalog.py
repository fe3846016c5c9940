"""The catalog from the console: what an edited one would cost whom, publishing it, its revisions."""

import json
import re
import time
import uuid

import pytest

from conftest import ROOT
from operators import Operator
from test_console import WHY, acts
from test_payments_queue import until

FEATURE = "career.job_match"


def admin(service):
    who = Operator(service, f"{uuid.uuid4().hex[:12]}@ops.test", "admin")
    who.enter()
    return who


def edited(service, change=lambda catalog: None, **members):
    """The catalog in force with a change, as somebody would send it."""
    number = service.rows("SELECT max(revision) FROM catalog_revisions")[0][0]
    [(text,)] = service.rows("SELECT file FROM catalog_revisions WHERE revision = ?", number)
    catalog = {**json.loads(text), "revision": number, **members}
    change(catalog)
    return json.dumps(catalog, indent=2)


def career(catalog):
    return catalog["products"]["career"]


def cost(amount):
    def change(catalog):
        [feature] = [one for one in career(catalog)["features"] if one["feature_key"] == FEATURE]
        feature["internal_cost_credits"] = amount
    return change


def send(who, act, text, **more):
    address = f"/console/catalog/{act}"
    page = who.get(address)
    fields = {"catalog": text, **WHY, **more}
    if "operator_code" in page.fields(address):
        fields.setdefault("operator_code", who.recovery.pop())
    return page.send(address, **fields)


def answer(service, who, before):
    """What the last what-if came to."""
    def lines():
        return [row for row in service.rows(
            "SELECT outcome, subject FROM operator_actions WHERE actor = ? AND "
            "action = 'try_catalog' ORDER BY id", who.email)]
    until(lambda: len(lines()) > before and lines()[-1][0] != "begun")
    return lines()[-1]


def test_what_if_tells_who_would_pay_more_and_less_and_changes_nothing(own_service):
    who, user, other = admin(own_service), own_service.new_user(), own_service.new_user()
    for _ in range(3):
        assert user.spend().status == 200
    assert other.spend().status == 200
    failed = other.validate().json["usage_id"]
    other.commit(failed, success=False, failure={"failure_type": "timeout", "reason": "x"})
    page = send(who, "try", edited(own_service, cost("1.50")))
    assert page.path == "/console/catalog" and "Begun" in page.notice, page.text
    outcome, told = answer(own_service, who, 0)
    assert outcome == "done"
    [request] = own_service.rows(
        "SELECT request_id FROM operator_actions WHERE action = 'try_catalog'")
    until(lambda: re.search(
        rf"queue=operator_work .*request_id={request[0]} .*message handled",
        own_service.log.read_text()))
    assert told.startswith("4 calls of 2 people: more credits for 2, fewer for 0; 4.00 become 6.00")
    assert f"{user.id}: 3.00 becomes 4.50" in told and user.email not in told
    assert told.index(user.id) < told.index(other.id), "the largest difference first"
    assert "become 6.00" in who.get("/console/catalog").text
    # Nothing is in force of it, and the draft is there for the next look.
    assert own_service.command("catalog", "sync").stdout == "Nothing differs.\n"
    assert '"1.50"' in who.get("/console/catalog/try").html.replace("&quot;", '"')
    send(who, "try", edited(own_service, cost("0.25")))
    assert "more credits for 0, fewer for 2; 4.00 become 1.00" in answer(own_service, who, 1)[1]

    def without(catalog):
        career(catalog)["features"] = [
            one for one in career(catalog)["features"] if one["feature_key"] != FEATURE]

    send(who, "try", edited(own_service, without))
    assert "4 calls of features that are there no more" in answer(own_service, who, 2)[1]


def test_the_line_of_a_what_if_that_is_given_up_on_ends_and_goes_on_with_its_letter(service):
    """Its workers were killed at each try, so that none of them answered."""
    line, letter, now = uuid.uuid4(), uuid.uuid4(), int(time.time() * 1e6)
    service.write(
        "INSERT INTO operator_actions (id, actor, action, outcome, created_at) "
        "VALUES (?, 'somebody', 'try_catalog', 'begun', ?)", line, now)
    service.write(
        "INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until) "
        "VALUES (?, 'operator_work', ?, 3, ?, ?, 0)", letter,
        json.dumps({"line": str(line), "catalog": edited(service)}), now, now)

    def told():
        [row] = service.rows("SELECT outcome, subject FROM operator_actions WHERE id = ?", line)
        return row

    until(lambda: service.rows("SELECT 1 FROM messages WHERE id = ? AND died_at IS NOT NULL", letter))
    assert told()[0] == "failed" and told()[1].startswith("the last try never ended"), told()
    assert service.command("dead-letters", "retry", str(letter)).returncode == 0
    until(lambda: told()[0] == "done")
    assert not told()[1].startswith("the last try")


@pytest.mark.parametrize("act", ["try", "publish"])
@pytest.mark.parametrize("text, words", [
    ("{", "is not JSON"), ("[]", "plans must be a list"), ('{"plans": []}', "features must be a list"),
    ("<script>alert(1)</script>", "is not JSON")])
def test_a_text_that_is_no_catalog_is_refused_beside_the_field_and_kept(service, act, text, words):
    who = admin(service)
    before = service.rows("SELECT catalog_revision FROM installation")
    page = send(who, act, text)
    assert page.status == 422 and words in page.problems[0][0], page.text
    assert page.problems[0][1] == "#catalog" and page.all("script") == []
    assert page.all("textarea")[0].text == text
    assert service.rows("SELECT catalog_revision FROM installation") == before
    assert acts(service, who)[-1][1] == "refused"


def test_publishing_puts_it_in_force_keeps_the_file_and_ends_the_draft(own_service):
    who = admin(own_service)
    page = send(who, "publish", edited(own_service, cost("2.00")))
    assert page.path == "/console/catalog" and "Published" in page.notice, page.text
    assert own_service.new_user().validate().json["credits_reserved"] == "2.00"
    [(number, is_published, made_by, reason)] = own_service.rows(
        "SELECT revision, is_published, made_by, reason FROM catalog_revisions "
        "ORDER BY revision DESC LIMIT 1")
    assert (number, is_published, made_by, reason) == (2, 1, who.email, "a test")
    # The file is offered, says its revision, and syncs to nothing.
    answer = who.get(f"/console/catalog/revisions/{number}", follow=False)
    assert answer.headers["content-disposition"] == f'attachment; filename="catalog-{number}.json"'
    path = own_service.folder / "offered.json"
    path.write_bytes(answer.bytes)
    assert json.loads(answer.bytes)["revision"] == number
    synced = own_service.command("catalog", "sync", CATALOG=str(path))
    assert synced.stdout == "Nothing differs.\n", synced
    assert f"/console/catalog/revisions/{number}" in who.get("/console/catalog/revisions").html
    assert who.get("/console/catalog/revisions/99").status == 404
    assert who.get("/console/catalog/revisions/x").status == 404
    assert own_service.rows("SELECT count(*) FROM catalog_drafts") == [(0,)]


def test_a_file_from_before_a_publication_is_refused_without_force(own_service):
    who = admin(own_service)
    older = own_service.folder / "older.json"
    older.write_text(edited(own_service, cost("3.00")))
    stale = edited(own_service, cost("5.00"))
    assert "Published" in send(who, "publish", edited(own_service, cost("2.00"))).notice
    by_hand = str(ROOT / "catalog.json")
    for file, says in [(str(older), "is revision 1"), (by_hand, "has no revision")]:
        for more in ([], ["--dry-run"]):
            refused = own_service.command("catalog", "sync", *more, CATALOG=file)
            assert refused.returncode == 1 and says in refused.stderr, refused
            assert "revision 2 was published since" in refused.stderr
    # Another operator who had begun before publishes nothing over it either.
    page = send(who, "publish", stale)
    assert page.status == 422 and "revision 2 was published since" in page.problems[0][0]
    forced = own_service.command("catalog", "sync", "--force", CATALOG=by_hand)
    assert forced.returncode == 0 and re.search("costs 1.00, was 2.00", forced.stdout), forced
    # What is in force may be synced again. A file from before the publication stays older than it,
    # though the newest revision is the command's now.
    assert own_service.command("catalog", "sync", CATALOG=by_hand).stdout == "Nothing differs.\n"
    refused = own_service.command("catalog", "sync", CATALOG=str(older))
    assert refused.returncode == 1 and "revision 2 was published since" in refused.stderr, refused
    newer = own_service.folder / "newer.json"
    newer.write_text(json.dumps({**json.loads(older.read_text()), "revision": 2}))
    synced = own_service.command("catalog", "sync", CATALOG=str(newer))
    assert synced.returncode == 0 and "costs 3.00" in synced.stdout, synced
    # In the console only an edit of the newest file is published, whoever made that.
    for text in (stale, edited(own_service, cost("5.00"), revision=2),
                 edited(own_service, cost("5.00"), revision=99)):
        page = send(who, "publish", text)
        assert page.status == 422 and "revision 4 was synced since" in page.problems[0][0], page.text
    assert "Published" in send(who, "publish", edited(own_service, cost("5.00"))).notice


def test_what_a_publication_would_break_is_refused(own_service):
    who = admin(own_service)

    def other_key(catalog):
        career(catalog)["plans"][1]["lookup_key"] = "career_other_monthly"

    page = send(who, "publish", edited(own_service, other_key))
    assert page.status == 422 and "must keep its lookup_key" in page.problems[0][0]
    assert own_service.rows("SELECT max(revision) FROM catalog_revisions") == [(1,)]
