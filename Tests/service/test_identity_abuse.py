"""What strangers may try on sign-up, sign-in and codes, and what they learn by it: nothing."""

import itertools
import threading
import time
import uuid

import pytest

from conftest import PASSWORD, Service, together
from test_identity import email, sign_in
from test_operations import PRODUCTION

WRONG = "Wrong-Passw0rd"
VERIFY, CONFIRM = "/auth/signup/verify", "/auth/password/reset/confirm"


def wrong_code(service, address):
    mails = service.mail(address)
    return "111111" if mails and "000000" in mails[-1]["text"] else "000000"


def try_code(service, path, address, code=None):
    body = {"email": address, "otp_code": code or wrong_code(service, address)}
    if path == CONFIRM:
        body["new_password"] = PASSWORD
    return service.call("POST", path, body)


def start_sign_up(service):
    address = email()
    service.call("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    return address


def every_kind_of_address(service):
    known, locked = service.sign_up().email, service.sign_up().email
    unverified, locked_unverified = start_sign_up(service), start_sign_up(service)
    for address in (locked, locked_unverified):
        assert service.command("users", "deactivate", address).returncode == 0
    return {"unknown": email(), "known": known, "unverified": unverified,
            "deactivated": locked, "deactivated and unverified": locked_unverified}


def told(answer):
    headers = {name: value for name, value in answer.headers.items()
               if name not in ("date", "x-request-id", "content-length")}
    text = {name: value for name, value in answer.json.items() if name != "email"}
    # How long to wait counts the seconds that the test itself took.
    headers.pop("retry-after", None)
    return answer.status, headers, text


@pytest.mark.parametrize("path,ask", [
    (VERIFY, "/auth/signup/resend"), (VERIFY, "/auth/signup"),
    (CONFIRM, "/auth/password/reset")])
def test_tries_of_a_code_are_counted_alike_for_every_address(service, path, ask):
    answers = {}
    for kind, address in every_kind_of_address(service).items():
        more = {"password": PASSWORD} if ask == "/auth/signup" else {}
        steps = []
        for _ in range(2):
            steps += [try_code(service, path, address) for _ in range(6)]
            steps += [service.call("POST", ask, {"email": address, **more})]
        answers[kind] = [told(step) for step in steps]
    assert [status for status, _, _ in answers["unknown"]][:6] == [400] * 5 + [429]
    for kind, steps in answers.items():
        assert steps == answers["unknown"], kind


@pytest.mark.parametrize("path", ["/auth/signup", "/auth/signup/resend", "/auth/password/reset"])
def test_mails_are_throttled_without_a_word_for_every_address(service, path):
    more = {"password": PASSWORD} if path == "/auth/signup" else {}
    answers = {}
    for kind, address in every_kind_of_address(service).items():
        answers[kind] = [
            told(service.call("POST", path, {"email": address, **more})) for _ in range(7)]
        # One of the five is the sign-up's own.
        assert len(service.mail(address)) <= 5, kind
    for kind, steps in answers.items():
        assert steps == answers["unknown"], kind


def test_wrong_passwords_are_counted_alike_for_every_address(service):
    answers = {}
    for kind, address in every_kind_of_address(service).items():
        answers[kind] = [told(sign_in(service, address, WRONG)) for _ in range(11)]
    assert [status for status, _, _ in answers["unknown"]] == [401] * 10 + [429]
    for kind, steps in answers.items():
        assert steps == answers["unknown"], kind


def test_refused_tries_lock_nothing_more(service):
    address = start_sign_up(service)
    statuses = [try_code(service, VERIFY, address).status for _ in range(12)]
    assert statuses == [400] * 5 + [429] * 7
    service.call("POST", "/auth/signup/resend", {"email": address})
    assert try_code(service, VERIFY, address, service.code(address)).status == 200


def test_a_locked_account_is_refused_before_its_code_is_looked_at(service, user):
    service.call("POST", "/auth/password/reset", {"email": user.email})
    for _ in range(10):
        assert sign_in(service, user.email, WRONG).status == 401
    for code in (service.code(user.email), wrong_code(service, user.email)):
        answer = try_code(service, CONFIRM, user.email, code)
        assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    assert service.rows("SELECT count(*) FROM one_time_codes WHERE user_id = ?",
                        uuid.UUID(user.id)) == [(1,)]


def test_a_deactivated_account_is_let_in_by_no_code(service):
    address = start_sign_up(service)
    assert service.command("users", "deactivate", address).returncode == 0
    answer = try_code(service, VERIFY, address, service.code(address))
    assert answer.status == 403 and answer.code == "account_deactivated"
    user = service.sign_up()
    assert service.command("users", "deactivate", user.id).returncode == 0
    service.call("POST", "/auth/password/reset", {"email": user.email})
    body = {"email": user.email, "otp_code": service.code(user.email), "new_password": "Newer-Pass1"}
    answer = service.call("POST", CONFIRM, body)
    assert answer.status == 403 and answer.code == "account_deactivated"
    assert service.command("users", "reactivate", user.id).returncode == 0
    assert sign_in(service, user.email).status == 200


def begin(number, work):
    """Starts the work that often; returns its answers, and waits until the first is there."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(work())) for _ in range(number)]
    for thread in threads:
        thread.start()
    while not answers:
        time.sleep(0.005)
    return answers, threads


@pytest.mark.parametrize("change", ["deactivated", "deleted", "password"])
def test_who_changes_while_a_password_is_hashed_gets_no_session(tmp_path, change):
    service = Service(tmp_path, PASSWORD_COST="").start()
    other = service.sign_up(password="Another-Passw0rd1")
    refusal = 403 if change == "deactivated" else 401
    # Nothing keeps the hashing from being done before the change is: on a busy machine it is told
    # again, of another user and with more that wait for their turn.
    for number in (10, 20, 30, 40):
        if change_while_hashed(service, change, other, number) == {200, refusal}:
            break
    else:
        pytest.fail("no password was being hashed when its user changed")
    service.stop()


def change_while_hashed(service, change, other, number):
    """Returns what was answered to sign-ins of a user who changed after the first answer; none of
    them has a session that is good."""
    user = service.sign_up()
    id = uuid.UUID(user.id)
    # What comes next need not connect first.
    assert service.rows("SELECT count(*) FROM users WHERE id = ?", id) == [(1,)]
    # Two passwords are hashed at a time, so most of these are still waiting for their turn.
    answers, threads = begin(number, lambda: sign_in(service, user.email))
    if change == "deactivated":
        service.write(
            "UPDATE users SET is_active = 0 WHERE id = ?", id)
        service.write(
            "UPDATE career_subscription_contexts SET standing = 'deactivated' WHERE user_id = ?", id)
    elif change == "deleted":
        assert service.call("DELETE", "/auth/me", headers=user.auth).status == 200
    else:
        service.write(
            """UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE id = ?)
            WHERE id = ?""", uuid.UUID(other.id), id)
    service.write("UPDATE sessions SET revoked_at = 1 WHERE user_id = ?", id)
    for thread in threads:
        thread.join()
    assert service.rows(
        "SELECT count(*) FROM sessions WHERE user_id = ? AND revoked_at IS NULL",
        id) == [(0,)]
    return {answer.status for answer in answers}


def test_guesses_sent_at_once_learn_no_more_than_one_after_another(service):
    user = service.sign_up()

    def change(current):
        body = {"current_password": current, "new_password": "Newer-Pass1"}
        return service.call("POST", "/auth/password/change", body, headers=user.auth)

    answers = together(16, lambda index: change(WRONG))
    assert sorted(answer.status for answer in answers) == [400] * 10 + [429] * 6
    assert change(PASSWORD).status == 429


def test_sign_ups_at_the_same_time_make_one_account(service):
    address = email()
    answers = together(6, lambda index: service.call(
        "POST", "/auth/signup",
        {"email": address.upper() if index % 2 else address, "password": PASSWORD}))
    assert [answer.status for answer in answers] == [201] * 6
    assert len({answer.json["message"] for answer in answers}) == 1
    assert service.rows("SELECT count(*) FROM users WHERE email_key = ?", address) == [(1,)]
    assert try_code(service, VERIFY, address, service.code(address)).status == 200


def test_a_user_who_vanishes_meanwhile_is_401_and_no_failure(service):
    seen = set()
    for _ in range(6):
        user = service.sign_up()
        headers, over = user.auth, threading.Event()

        def work(index):
            if index == 0:
                assert service.call("DELETE", "/auth/me", headers=headers).status == 200
                over.set()
            while index > 0:
                last = over.is_set()
                path = "/career/subscriptions/activate"
                seen.add(service.call("POST", path, headers=headers).status)
                if last:
                    break

        together(6, work)
    assert seen == {200, 401}


def guess(service, **headers):
    """A wrong code for an address that nobody has used, which costs no hash."""
    body = {"email": email(), "otp_code": "000000"}
    return service.call("POST", VERIFY, body, headers=headers).status


def test_one_network_has_fifty_failures(tmp_path):
    service = Service(tmp_path, **PRODUCTION, TRUSTED_PROXIES="127.0.0.1").start()
    for mine, also_mine, others in (
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")):
        # What a client itself says comes first; the proxy adds the address that it saw.
        told = {"X-Forwarded-For": f"198.51.100.1, {mine}"}
        assert [guess(service, **told) for _ in range(50)] == [400] * 50
        assert guess(service, **{"X-Forwarded-For": also_mine}) == 429
        assert guess(service, **{"X-Forwarded-For": others}) == 400
    service.stop()


def test_a_forwarded_address_of_nobody_trusted_counts_for_nothing(tmp_path):
    service = Service(tmp_path, **PRODUCTION).start()
    statuses = [guess(service, **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(51)]
    assert statuses == [400] * 50 + [429]
    service.stop()


def test_an_address_has_one_count_however_it_is_written(tmp_path):
    service = Service(tmp_path, **PRODUCTION, TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8").start()
    for spellings, other in (
            (["203.0.113.7", " 203.0.113.7 ", "203.0.113.7:4711", "::ffff:203.0.113.7",
              "[::ffff:203.0.113.7]:80", "\t203.0.113.7", "203.0.113.7 , 10.1.2.3",
              "203.0.113.7,[::ffff:10.9.8.7]:1"], "203.0.113.8:4711"),
            (["2001:db8::1", "2001:DB8:0:0::1", "[2001:db8::1]", "[2001:db8:0::0:1]:443"],
             "[2001:db8:1::1]")):
        told = itertools.cycle(spellings)
        statuses = [guess(service, **{"X-Forwarded-For": next(told)}) for _ in range(51)]
        assert statuses == [400] * 50 + [429]
        for spelling in spellings:
            assert guess(service, **{"X-Forwarded-For": spelling}) == 429, spelling
        assert guess(service, **{"X-Forwarded-For": other}) == 400
    service.stop()


def test_what_is_no_address_counts_for_whoever_forwarded_it(tmp_path):
    service = Service(tmp_path, **PRODUCTION, TRUSTED_PROXIES="127.0.0.1").start()
    statuses = [guess(service, **{"X-Forwarded-For": f"203.0.113.9, no-{number}"})
                for number in range(51)]
    assert statuses == [400] * 50 + [429]
    assert guess(service, **{"X-Forwarded-For": "no, 203.0.113.9"}) == 400
    service.stop()


def test_a_proxy_is_known_also_where_the_service_listens_on_ipv6(tmp_path):
    service = Service(tmp_path, **PRODUCTION, HOST="::", TRUSTED_PROXIES="127.0.0.1").start()
    # The peer is then ::ffff:127.0.0.1.
    service.host = "127.0.0.1"
    for number in range(51):
        assert guess(service, **{"X-Forwarded-For": f"203.0.113.{number}"}) == 400
    service.stop()
