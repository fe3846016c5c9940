"""Codes that users redeem for credits."""

import contextlib
import datetime
import json
import sqlite3
import threading
import uuid

import psycopg
import pytest

from conftest import DAY, together
from test_packs import grants, left
from test_payments_queue import until

REDEEM = "/career/credits/redeem"


def codes(service, *arguments):
    return service.command("codes", *arguments)


def made(service, credits="10.00", total="5", *more):
    """A code of the test's own."""
    code = f"T{uuid.uuid4().hex[:12]}".upper()
    answer = codes(service, "add", code, "--credits", credits, "--total", total, *more)
    assert answer.returncode == 0, answer
    return code


def redeem(user, code):
    return user.post(REDEEM, {"code": code})


def line(service, code):
    [found] = [line for line in codes(service, "list").stdout.splitlines()
               if line.startswith(code + " ")]
    return found


def at(service, seconds):
    """The service's time so many seconds from now, as the command reads it."""
    moment = datetime.datetime.fromtimestamp(service.time + seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_code_is_redeemed_once_and_answers_the_same_again(module_service):
    service = module_service
    user = service.new_user()
    code = made(service, "10.50", "5", "--valid-days", "30")
    first = redeem(user, f"  {code.lower()}\n")
    assert first.status == 200
    grant = first.json
    assert (grant["source"], grant["amount"], grant["is_paid"]) == ("promotion", "10.50", False)
    assert left(user) == "35.50"
    assert [redeem(user, code).json["id"] for _ in range(3)] == [grant["id"]] * 3
    assert left(user) == "35.50" and "1 redeemed  of 5" in line(service, code)
    # It is used before the plan's credits if it ends before them, and its code's end leaves it.
    assert codes(service, "end", code).stdout == f"{code} was redeemed 1 of 5 times\n"
    assert redeem(user, code).json["id"] == grant["id"]
    assert redeem(service.new_user(), code).code == "code_expired"
    service.advance(30 * DAY + 1)
    assert redeem(user, code).json["id"] == grant["id"] and left(user) == "25.00"


def test_each_refusal_has_its_answer_and_grants_nothing(module_service):
    service = module_service
    user = service.new_user()
    later = made(service, "5", "5", "--starts-at", at(service, DAY))
    short = made(service, "5", "5", "--ends-at", at(service, 60))
    one = made(service, "5", "1")
    assert redeem(user, later).code == "code_not_yet_valid"
    assert redeem(service.new_user(), one).status == 200
    used = redeem(user, one)
    assert (used.status, used.code) == (409, "code_used_up")
    service.advance(61)
    assert redeem(user, short).code == "code_expired"
    for nonsense in ("", "NONE", "é", "a b", "x" * 255, "' OR 1=1 --"):
        refused = redeem(user, nonsense)
        assert (refused.status, refused.code) == (404, "unknown_code"), nonsense
    assert redeem(user, "x" * 256).status == 422 and redeem(user, None).status == 422
    assert left(user) == "25.00" and grants(user) == []
    assert service.call("POST", REDEEM, {"code": one}).status == 401
    service.advance(DAY)
    assert redeem(user, later).status == 200


def test_ten_wrong_codes_in_a_quarter_of_an_hour_are_enough(module_service):
    service = module_service
    user, other = service.new_user(), service.new_user()
    code = made(service)
    answers = together(14, lambda number: redeem(user, f"GUESS{number}"))
    assert sorted(answer.status for answer in answers) == [404] * 10 + [429] * 4
    blocked = redeem(user, code)
    assert (blocked.status, blocked.code) == (429, "too_many_attempts")
    assert 0 < int(blocked.headers["retry-after"]) <= 900
    assert redeem(other, code).status == 200
    service.advance(901)
    assert redeem(user, code).status == 200


@contextlib.contextmanager
def decisions_wait(service, user, statement):
    """Meanwhile nothing is decided on the user's account; then the statement comes first."""
    if service.uses_sqlite:
        with contextlib.closing(sqlite3.connect(service.database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute(statement)
            connection.commit()
    else:
        with psycopg.connect(service.environment["DATABASE_URL"]) as connection:
            connection.execute(
                "SELECT 1 FROM career_subscription_contexts WHERE user_id = %s FOR UPDATE", [user.id])
            yield
            connection.execute(statement)


def test_a_right_code_that_is_sent_at_once_with_wrong_ones_counts_after_them(module_service):
    """It was looked for when nine were wrong; it is granted only if there are still no ten."""
    service = module_service
    user, code, answers = service.new_user(), made(service), []
    for number in range(9):
        assert redeem(user, f"GUESS{number}").status == 404
    thread = threading.Thread(target=lambda: answers.append(redeem(user, code)))
    with decisions_wait(service, user, "UPDATE code_attempts SET wrong = 10 WHERE wrong = 9"):
        thread.start()
        until(lambda: "cuebx_ledger_operations_in_progress 1\n"
              in service.call("GET", "/metrics").bytes.decode())
    thread.join()
    assert (answers[0].status, answers[0].code) == (429, "too_many_attempts")
    assert 0 < int(answers[0].headers["retry-after"]) <= 900
    assert grants(user) == []
    assert codes(service, "end", code).stdout == f"{code} was redeemed 0 of 5 times\n"


def test_an_erased_and_re_made_account_is_the_same_user(module_service):
    service = module_service
    user = service.sign_up()
    code = made(service)
    assert redeem(user, code).status == 200
    assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    again = service.sign_up(email=user.email.upper())
    assert again.id != user.id
    refused = redeem(again, code)
    assert (refused.status, refused.code) == (409, "code_used_up")
    assert "1 redeemed  of 5" in line(service, code) and grants(again) == []
    # No row that is left tells whose it was.
    assert user.email not in json.dumps(service.rows("SELECT * FROM code_redemptions"), default=str)


def test_a_code_for_ten_is_redeemed_by_ten_however_many_try_at_once(module_service):
    service = module_service
    rush, beside = made(service, "1", "10"), made(service, "2", "10")
    users = [service.new_user() for _ in range(14)]
    # Each tries twice at once, and redeems another code meanwhile.
    answers = together(42, lambda index: redeem(
        users[index % 14], beside if index >= 28 else rush))
    assert {answer.status for answer in answers} == {200, 409}
    assert {answer.code for answer in answers if answer.status == 409} == {"code_used_up"}
    for first, code in ((0, rush), (28, beside)):
        last = 28 if code == rush else 42
        ids = {answer.json["id"] for answer in answers[first:last] if answer.status == 200}
        assert len(ids) == 10 and "10 redeemed  of 10" in line(service, code)
    assert sum(len(grants(user)) for user in users) == 20


@pytest.mark.parametrize("arguments,said", [
    (["A B", "--credits", "1", "--total", "1"], "1 to 64 letters"),
    (["A", "--credits", "0", "--total", "1"], "above 0"),
    (["A", "--credits", "1.0000001", "--total", "1"], "above 0"),
    (["A", "--credits", "1", "--total", "0"], "--total must be"),
    (["A", "--credits", "1", "--total", "1", "--valid-days", "0"], "--valid-days must be"),
    (["A", "--credits", "1", "--total", "1", "--starts-at", "soon"], "--starts-at must be"),
    (["A", "--credits", "1", "--total", "1", "--ends-at", "2001-01-01T00:00:00Z"], "--ends-at")])
def test_a_code_that_makes_no_sense_is_refused_in_one_line(module_service, arguments, said):
    refused = codes(module_service, "add", *arguments)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert said in refused.stderr
    assert module_service.rows("SELECT * FROM promotion_codes WHERE code = 'A'") == []


def test_a_code_is_made_once_and_an_unknown_one_is_not_ended(own_service):
    assert "No codes." in codes(own_service, "list").stdout
    code = made(own_service)
    again = codes(own_service, "add", code.lower(), "--credits", "99", "--total", "1")
    assert again.returncode == 1 and "there already" in again.stderr
    assert "10.00 credits  0 redeemed  of 5" in codes(own_service, "list").stdout
    unknown = codes(own_service, "end", "none")
    assert unknown.returncode == 1 and "no code NONE" in unknown.stderr
