"""Calls in one process: decorators, streams, cancellation, secrets, many at once."""

import asyncio
import logging
import threading
import time

import cuebx
import cuebx.spool
import pytest
from cuebx.chunks import Counts, read_chunk
from cuebx.production import Production
from world import Customer

FEATURE = "career.job_match"


def logs_of(career, user):
    assert career.flush(20)
    return [f"{log['status']} {log['failure_type'] or ''}".strip() for log in reversed(user.logs)]


# Decorators


def test_a_function_is_metered_and_its_arguments_say_whose_call_it_is(career, user):
    @career.metered(FEATURE, user=lambda token, text: token, payload=lambda token, text: text)
    def shout(token, text):
        return text.upper()

    assert shout(user.token(), "a") == "A"
    assert shout(user.token(), "a") == "A"
    assert logs_of(career, user) == ["SUCCESS", "SUCCESS"]


def test_the_same_request_id_and_payload_run_once(career, user):
    runs = []

    @career.metered(FEATURE, user=lambda token: token, payload="p", request_id="one")
    def work(token):
        runs.append(1)

    work(user.token())
    assert career.flush()
    with pytest.raises(cuebx.AlreadyFinished) as refused:
        work(user.token())
    assert refused.value.usage_status == "SUCCESS" and len(runs) == 1


def test_a_coroutine_may_take_its_call_and_callers_do_not_see_it(career, user):
    import inspect

    @career.metered(FEATURE, user=lambda token: token)
    async def work(token, metered_call):
        metered_call.fail("upstream_error", "away")
        return metered_call.usage_id

    assert list(inspect.signature(work).parameters) == ["token"]
    assert asyncio.run(work(user.token()))
    assert logs_of(career, user) == ["FAILED upstream_error"]


def test_a_generator_that_is_left_early_is_charged_for_what_it_handed_out(career, user):
    @career.metered(FEATURE, user=lambda token: token)
    def words(token):
        yield from ("a", "b", "c")

    assert list(words(user.token())) == ["a", "b", "c"]
    early = words(user.token())
    assert next(early) == "a"
    early.close()
    assert career.flush()
    charged = [log["credits_charged"] for log in user.logs]
    assert charged == ["1.00", "1.00"]


def test_an_async_generator_is_metered(career, user):
    @career.metered(FEATURE, user=lambda token: token)
    async def words(token):
        for word in ("a", "b"):
            yield word

    async def collect():
        return [word async for word in words(user.token())]

    assert asyncio.run(collect()) == ["a", "b"]
    assert logs_of(career, user) == ["SUCCESS"]


def test_the_body_of_a_refused_call_does_not_run(career, user):
    user.leave("0.50")
    runs = []
    with pytest.raises(cuebx.OutOfCredits, match="Not enough credits") as refused:
        with career.metered(FEATURE, user=user.token()):
            runs.append(1)
    assert not runs and refused.value.retry_after > 0 and refused.value.status == 429


def test_a_metered_call_is_entered_once(career, user):
    once = career.metered(FEATURE, user=user.token())
    with once:
        pass
    with pytest.raises(RuntimeError):
        with once:
            pass


def test_an_exception_passes_through_unchanged(career, user):
    error = LookupError("not here")
    with pytest.raises(LookupError) as raised:
        with career.metered(FEATURE, user=user.token()):
            raise error
    assert raised.value is error
    assert logs_of(career, user) == ["FAILED internal_error"]


def test_the_reason_of_a_failure_has_nothing_of_the_exceptions_text(career, user):
    with pytest.raises(ValueError):
        with career.metered(FEATURE, user=user.token()):
            raise ValueError("the prompt: my salary is 1")
    assert career.flush()
    assert user.logs[0]["failure_reason"] == "ValueError"


# Cancellation


def test_a_canceled_body_is_left_within_fifty_milliseconds_of_a_slow_disk(career, user, monkeypatch):
    gate = threading.Event()
    real = cuebx.spool.os.fdatasync

    async def main():
        inside = asyncio.Event()

        async def run():
            async with career.metered(FEATURE, user=user.token()):
                monkeypatch.setattr("cuebx.spool.os.fdatasync", lambda it: (gate.wait(20), real(it)))
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await inside.wait()
        start = time.monotonic()
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), time.monotonic() - start

    is_canceled, seconds = asyncio.run(main())
    gate.set()
    # Fifty by its own clock; more only if this machine had no time for it.
    assert is_canceled and seconds < 5
    assert logs_of(career, user) == ["FAILED client_error"]


def test_a_task_that_is_canceled_twice_still_leaves_its_outcome(career, user):
    async def main():
        inside = asyncio.Event()

        async def run():
            async with career.metered(FEATURE, user=user.token()):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await inside.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())
    assert logs_of(career, user) == ["FAILED client_error"]


# Many at once


def test_many_tasks_of_many_loops_and_many_threads_share_a_client(career, user):
    user.leave("1000")
    token = user.token()

    def by_thread():
        for _ in range(5):
            with career.metered(FEATURE, user=token):
                pass

    async def one():
        async with career.metered(FEATURE, user=token):
            await asyncio.sleep(0)

    async def by_tasks():
        await asyncio.gather(*(one() for _ in range(20)))

    threads = [threading.Thread(target=by_thread) for _ in range(4)]
    threads += [threading.Thread(target=lambda: asyncio.run(by_tasks())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert career.flush(20)
    assert user.balance["credits_used"] == "80.00" and user.balance["credits_reserved"] == "0.00"


def test_beyond_what_may_wait_calls_are_overloaded(service, user, tmp_path):
    with cuebx.Client(service.url, spool=tmp_path, most_waiting=0) as client:
        with pytest.raises(cuebx.Overloaded):
            with client.metered(FEATURE, user=user.token()):
                pass


def test_a_closed_client_asks_nothing(service, user, tmp_path):
    client = cuebx.Client(service.url, spool=tmp_path)
    client.close()
    with pytest.raises(cuebx.CueBXError, match="closed"):
        with client.metered(FEATURE, user=user.token()):
            pass


# Secrets


def test_no_token_key_or_payload_is_in_logs_events_representations_errors_or_files(
        service, user, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    heard = []
    secret, token = "dev-internal-key", user.token()
    with cuebx.Client(service.url, secret, tmp_path, on_event=heard.append) as client:
        metered = client.metered(FEATURE, user=token, payload="the salary")
        with metered as call:
            shown = f"{client!r} {metered!r} {call!r} {client._internal_key!r} {vars(call)!r}"
            shown += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("*.spool"))
        with pytest.raises(cuebx.RequestMismatch) as refused:
            with client.metered("career.career_path", user=token, payload="the salary",
                                request_id=call.request_id):
                pass
        with pytest.raises(cuebx.InvalidToken) as invalid:
            with client.metered(FEATURE, user=token[:-5]):
                pass
    shown += f"{refused.value!r} {invalid.value!r} {heard!r} {caplog.text}"
    for hidden in (secret, token, token[:-5], "the salary"):
        assert hidden not in shown


def test_a_customers_key_is_sent_once_and_told_to_nobody(service, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    heard, acme = [], Customer(service)
    acme.make_key("live")
    [key] = acme.secrets
    customer = cuebx.Customer(acme.client_id, key)

    @cuebx.Client(service.url, spool=tmp_path, on_event=heard.append).metered(
        "api.job_match", customer=lambda name: customer, payload=lambda name: name)
    def greet(name, metered_call):
        assert (metered_call.client_id, metered_call.user_id) == (acme.client_id, "")
        assert not metered_call.is_test_key
        told = [metered_call._usage, metered_call._asking, metered_call, customer]
        return "".join(map(repr, told)) + "".join(
            path.read_bytes().decode("latin-1") for path in tmp_path.glob("*.spool"))

    shown = greet("Ada")
    acme.revoke("live")
    with pytest.raises(cuebx.InvalidApiKey) as refused:
        greet("Ben")
    shown += f"{refused.value!r} {refused.value.__dict__!r} {heard!r} {caplog.text}"
    assert "Secret" in shown and acme.client_id in shown
    assert key not in shown and key[9:] not in shown


def test_a_key_of_development_is_for_this_machine_only():
    with pytest.raises(cuebx.CueBXError, match="internal_key"):
        cuebx.Client("https://career.example.test", spool="memory")


def test_a_listener_that_fails_disturbs_nothing(service, user, tmp_path):
    def fail(event):
        raise KeyError(event.name)

    with cuebx.Client(service.url, spool=tmp_path, on_event=fail) as client:
        with client.metered(FEATURE, user=user.token()):
            pass
        assert client.flush()
    assert user.balance["credits_used"] == "1.00"


# What chunks say


@pytest.mark.parametrize("chunk, size, counts", [
    ("é", 2, Counts()), (b"ab", 2, Counts()), ("", 0, Counts()), (None, 0, Counts()), (17, 0, Counts()),
    ({}, 0, Counts()), ({"choices": []}, 0, Counts()), ({"choices": [{"delta": None}]}, 0, Counts()),
    ({"choices": [{"delta": {"content": "ab"}}, {"delta": {"content": None}}]}, 2, Counts()),
    ({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}]}, 2, Counts()),
    ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, 0, Counts()),
    ({"type": "message_start", "message": {"model": "m", "usage": {
        "input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 4}}}, 0,
     Counts(input_tokens=7, cached_input_tokens=2, model="m")),
    ({"type": "content_block_delta", "delta": {"thinking": "abc"}}, 3, Counts()),
    ({"type": "message_delta", "usage": {"output_tokens": 9}}, 0, Counts(output_tokens=9)),
    ({"type": "response.output_text.delta", "delta": "abcd"}, 4, Counts()),
    ({"text": "ab", "usage": {"input_tokens": 3, "output_tokens": 4}}, 2,
     Counts(input_tokens=3, output_tokens=4)),
], ids=str)
def test_what_a_chunk_says(chunk, size, counts):
    assert read_chunk(chunk) == (size, counts)


def test_parts_of_a_production_sum_up_to_its_total():
    production, parts = Production(), []
    for number in range(50):
        production.add("word " * (number % 7))
        production.chunks += 1
        if number == 30:
            production.add({"usage": {"input_tokens": 90, "output_tokens": 200}})
        if number % 3 == 0 and (part := production.part()):
            production.take(part)
            parts.append(part)
    if part := production.part():
        parts.append(part)
    for name, whole in production.total.items():
        assert sum(part.get(name, 0) for part in parts) == whole


def test_what_was_handed_out_first_is_a_part_even_without_a_token():
    production = Production()
    production.add("ab")
    assert production.part() is None
    production.chunks = 1
    part = production.part()
    assert part == {"input_tokens": 0, "output_tokens": 0}
    production.take(part)
    assert production.part() is None
    production.take(part, -1)
    assert production.part() == part
