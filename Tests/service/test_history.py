"""Results of calls that tool servers have kept for their users."""

import json
import uuid

from browser import Browser
from conftest import KEY, PASSWORD, together
from test_payments_queue import ASYNC, until

MIB = 2 ** 20
DATA = {"score": 0.10, "words": ["a", "\u0000", "\u2028", "</script>"], "none": None, "big": 10 ** 30}
NASTY = """<script>alert(1)</script>"'&{{7*7}}"""


def result(title="Match", data=DATA):
    return {"title": title, "data": data}


def kept(user, **more):
    answer = user.commit(user.validate().json["usage_id"], result=result(**more))
    assert answer.status == 200, answer
    return answer


def history(user, query=""):
    answer = user.get("/career/history" + query)
    assert answer.status == 200, answer
    return answer.json


def test_a_result_is_kept_with_its_call_and_found_deleted_and_exported_by_its_user(service, user):
    usage = user.validate().json["usage_id"]
    answer = user.commit(usage, result=result())
    assert answer.json["result_kept"] is True and answer.json["credits_charged"] == "1.00"
    [item] = history(user)["items"]
    assert set(item) == {"id", "title", "data", "feature_key", "usage_id", "created_at"}
    assert (item["title"], item["data"], item["usage_id"]) == ("Match", DATA, usage)
    assert item["feature_key"] == "career.job_match"
    path = f"/career/history/{item['id']}"
    assert user.get(path).json == item
    assert user.get("/auth/me/export").json["analysis_results"] == [item]
    deleted = service.call("DELETE", path, headers=user.auth)
    assert deleted.status == 204
    for method in ("GET", "DELETE"):
        gone = service.call(method, path, headers=user.auth)
        assert gone.status == 404 and gone.json["code"] == "result_not_found"
    # Nor does it come back with a repetition of the commit.
    assert user.commit(usage, result=result()).json["result_kept"] is False
    assert history(user) == {"items": [], "next_cursor": None}
    assert user.balance["credits_used"] == "1.00"


def test_a_call_keeps_its_first_result_however_often_its_commit_is_sent(user):
    usage = user.validate().json["usage_id"]
    answers = together(6, lambda number: user.commit(usage, result=result(f"T{number}")))
    assert {(answer.status, answer.json["result_kept"]) for answer in answers} == {(200, True)}
    [item] = history(user)["items"]
    assert user.commit(usage, result=result("another")).json["result_kept"] is True
    assert user.commit(usage).json["result_kept"] is None
    assert history(user)["items"] == [item]


def test_a_result_that_is_queued_with_its_commit_is_kept_once_that_is_applied(user):
    usage = user.validate().json["usage_id"]
    answer = user.commit(usage, result=result(), headers=ASYNC)
    assert answer.status == 202 and answer.json["result_kept"] is None
    until(lambda: history(user)["items"])
    assert history(user)["items"][0]["data"] == DATA


def test_a_result_that_is_nested_as_deep_as_it_may_be_fits_a_batch_too(service, user):
    deep = json.loads("[" * 20 + "]" * 20)
    usage = user.validate().json["usage_id"]
    answer = service.call("POST", "/career/internal/usage/batch", {"operations": [
        {"op": "commit", "user_id": user.id, "usage_id": usage, "success": True,
         "result": result("deep", deep)}]}, headers=KEY)
    assert answer.json["results"][0]["body"]["result_kept"] is True
    assert history(user)["items"][0]["data"] == deep


def test_an_operation_of_a_batch_keeps_its_result(service, user):
    usages = [user.validate().json["usage_id"] for _ in range(2)]
    answer = service.call("POST", "/career/internal/usage/batch", {"operations": [
        {"op": "commit", "user_id": user.id, "usage_id": usage, "success": True,
         "result": result(usage)} for usage in usages]}, headers=KEY)
    assert [item["body"]["result_kept"] for item in answer.json["results"]] == [True, True]
    assert {item["title"] for item in history(user)["items"]} == set(usages)


BAD = [
    {"title": "", "data": 1}, {"title": "x" * 256, "data": 1}, {"title": 1, "data": 1},
    {"title": "a\0b", "data": 1}, {"data": 1}, {"title": "x"},
    {"title": "x", "data": "y" * (2 ** 18 - 1)}, "text", [], 5,
    {"title": "x", "data": json.loads("[" * 21 + "]" * 21)},
]


def test_a_bad_result_is_422_and_neither_charges_nor_keeps(user):
    usage = user.validate().json["usage_id"]
    for bad in BAD:
        answer = user.commit(usage, result=bad)
        assert answer.status == 422, (bad, answer)
        assert all(error["loc"][:2] == ["body", "result"] for error in answer.json["errors"]), bad
    assert user.commit(usage, success=False).json["credits_charged"] == "0.00"
    assert history(user)["items"] == []


def test_a_failed_call_keeps_no_result(user):
    usage = user.validate().json["usage_id"]
    answer = user.commit(usage, success=False, result=result())
    assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["body", "result"]
    # Nor does one that has ended otherwise.
    assert user.commit(usage, success=False).status == 200
    assert user.commit(usage, result=result()).status == 409
    assert history(user)["items"] == []


def test_the_largest_result_fits_and_a_page_ends_where_it_would_be_too_large(user):
    data = "y" * (2 ** 18 - 2)
    for number in range(5):
        assert kept(user, title=str(number), data=data).json["result_kept"] is True
    kept(user, title="small", data=None)
    first = history(user, "?limit=100")
    assert [item["title"] for item in first["items"]] == ["small", "4", "3", "2"]
    second = history(user, f"?limit=100&before={first['next_cursor']}")
    assert [item["title"] for item in second["items"]] == ["1", "0"]
    assert second["next_cursor"] is None
    everything = user.get("/auth/me/export").json["analysis_results"]
    assert [item["title"] for item in everything] == ["small", "4", "3", "2", "1", "0"]


def test_pages_follow_each_other_and_show_one_feature_if_asked(user):
    for number in range(3):
        kept(user, title=str(number))
    other = user.validate(feature="career.extract_keywords").json["usage_id"]
    assert user.commit(other, result=result("other")).status == 200
    titles, query = [], "?limit=2"
    while query:
        page = history(user, query)
        titles += [item["title"] for item in page["items"]]
        query = page["next_cursor"] and f"?limit=2&before={page['next_cursor']}"
    assert titles == ["other", "2", "1", "0"]
    only = history(user, "?feature_key=career.extract_keywords")
    assert [item["title"] for item in only["items"]] == ["other"]
    for bad in ("?limit=0", "?limit=101", "?before=x", "?feature_key="):
        assert user.get("/career/history" + bad).status == 422, bad


def fill(service, user, bytes):
    """Has the user's results take so many bytes more, as far as the budget is concerned."""
    service.write(
        "UPDATE career_analysis_totals SET bytes = bytes + ? WHERE user_id = ?", bytes,
        uuid.UUID(user.id))


def test_beyond_the_budget_the_call_is_charged_and_its_result_not_kept(service, user):
    kept(user, data="y" * 100)
    fill(service, user, 50 * MIB - 107 - 50)
    usage = user.validate().json["usage_id"]
    full = user.commit(usage, result=result("T", "y" * 60))
    assert (full.status, full.json["status"], full.json["result_kept"]) == (200, "SUCCESS", False)
    # A repetition is answered as the first; a smaller result of another call fits.
    assert user.commit(usage, result=result("T", "y")).json["result_kept"] is False
    assert kept(user, title="T", data="y").json["result_kept"] is True
    assert len(history(user)["items"]) == 2
    # What is deleted makes room.
    for item in history(user)["items"]:
        service.call("DELETE", f"/career/history/{item['id']}", headers=user.auth)
    assert kept(user, data="y" * 60).json["result_kept"] is True


def test_another_users_results_are_not_there(service, user):
    other = service.sign_up()
    kept(other)
    [item] = history(other)["items"]
    path = f"/career/history/{item['id']}"
    for answer in (user.get(path), service.call("DELETE", path, headers=user.auth)):
        assert answer.status == 404 and answer.json["code"] == "result_not_found"
    assert history(user)["items"] == [] and history(other)["items"] == [item]
    assert service.call("GET", path).status == 401


def test_an_erased_users_results_are_gone_and_others_stay(service):
    user, other = service.sign_up(), service.sign_up()
    kept(user)
    kept(other)
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    for table in ("career_analysis_results", "career_analysis_totals"):
        owners = {str(owner) for (owner,) in service.rows(f"SELECT user_id FROM {table}")}
        assert user.id not in owners and other.id in owners


def test_the_pages_list_show_save_and_delete_a_result(service):
    user = service.sign_up()
    browser = Browser(service)
    browser.get("/signin").send("/signin", email=user.email, password=PASSWORD)
    assert "Nothing is here yet" in browser.get("/account/history").text
    kept(user, title=NASTY, data={"html": NASTY, "long": ["line"] * 9000})
    page = browser.get("/account/history")
    [link] = [link["href"] for link in page.all("a") if link.text == NASTY]
    page = browser.get(link)
    assert page.status == 200 and NASTY in page.text and "This is the beginning." in page.text
    assert page.all("script") == [] and len(page.html.encode()) <= 51_200
    file = browser.get(link + "/file", follow=False)
    assert json.loads(file.bytes)["html"] == NASTY
    assert file.headers["content-disposition"].startswith("attachment")
    page = browser.get(link + "/delete").send(link + "/delete")
    assert page.path == "/account/history" and page.notice == "The result is deleted."
    assert history(user)["items"] == []
    for path in (link, link + "/file", link + "/delete", "/account/history/x"):
        assert browser.get(path).status == 404, path
