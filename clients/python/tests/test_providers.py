"""Streams of the SDKs `openai` and `anthropic`, from a provider that runs here."""

import asyncio

import anthropic
import openai
import pytest
from provider import WORDS, Provider

FEATURE = "career.job_match"
TEXT = "".join(WORDS)
# What the provider counts in the end.
COUNTS = {"model_used": "small-1", "input_tokens": 120, "output_tokens": 40}


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.close()


def completions(client):
    return client.chat.completions.create(
        model="small-1", stream=True, stream_options={"include_usage": True},
        messages=[{"role": "user", "content": "?"}])


def responses(client):
    return client.responses.create(model="small-1", stream=True, input="?")


def messages(client):
    return client.messages.create(
        model="small-1", stream=True, max_tokens=100, messages=[{"role": "user", "content": "?"}])


def text_of(chunk):
    if hasattr(chunk, "choices"):
        return chunk.choices[0].delta.content if chunk.choices else ""
    delta = getattr(chunk, "delta", "")
    return delta if isinstance(delta, str) else getattr(delta, "text", "") or ""


KINDS = {
    "openai completions": (openai, completions), "openai responses": (openai, responses),
    "anthropic messages": (anthropic, messages)}


def client_of(module, provider, is_async):
    name = {"openai": "OpenAI", "anthropic": "Anthropic"}[module.__name__]
    base = provider.url + ("/v1" if module is openai else "")
    return getattr(module, ("Async" if is_async else "") + name)(
        api_key="none", base_url=base, max_retries=0)


def metrics_of(career, service, user):
    """What the ledger has written down of the user's one call."""
    assert career.flush(20)
    import sqlite3
    import uuid
    with sqlite3.connect(service.folder / "cuebx.db") as database:
        row = database.execute(
            "SELECT model_used, input_tokens, output_tokens FROM career_usage_logs WHERE user_id = ?",
            [uuid.UUID(user.id).bytes]).fetchone()
    return dict(zip(COUNTS, row))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_handed_on_and_settled_by_what_the_provider_counted(
        kind, career, service, user, provider):
    module, create = KINDS[kind]
    with career.metered(FEATURE, user=user.token()) as call:
        stream = call.stream(create(client_of(module, provider, False)))
        assert "".join(text_of(chunk) for chunk in stream) == TEXT
    assert metrics_of(career, service, user) == COUNTS


@pytest.mark.parametrize("kind", KINDS)
def test_an_async_stream_too(kind, career, service, user, provider):
    module, create = KINDS[kind]

    async def main():
        async with client_of(module, provider, True) as client:
            async with career.metered(FEATURE, user=user.token()) as call:
                return "".join([text_of(chunk) async for chunk in call.stream(await create(client))])

    assert asyncio.run(main()) == TEXT
    assert metrics_of(career, service, user) == COUNTS


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_breaks_off_is_charged_for_what_came(kind, career, service, user, provider):
    module, create = KINDS[kind]
    provider.server.breaks_after = 4
    with pytest.raises(Exception):
        with career.metered(FEATURE, user=user.token()) as call:
            for _ in call.stream(create(client_of(module, provider, False))):
                pass
            raise LookupError("the SDK took the end for an end")
    assert career.flush(20)
    assert user.balance["credits_used"] == "1.00" and user.balance["credits_reserved"] == "0.00"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_breaks_off_before_anything_came_costs_nothing(
        kind, career, service, user, provider):
    module, create = KINDS[kind]
    provider.server.breaks_after = 0
    with pytest.raises(Exception):
        with career.metered(FEATURE, user=user.token()) as call:
            for _ in call.stream(create(client_of(module, provider, False))):
                pass
            raise LookupError("the SDK took the end for an end")
    assert career.flush(20)
    assert user.balance["credits_used"] == "0.00" and user.balance["credits_reserved"] == "0.00"


@pytest.mark.parametrize("error, kind", [
    (lambda r: openai.RateLimitError("x", response=r(429), body=None), "rate_limited"),
    (lambda r: openai.BadRequestError("x", response=r(400), body=None), "validation_error"),
    (lambda r: openai.InternalServerError("x", response=r(500), body=None), "upstream_error"),
    (lambda r: openai.APITimeoutError(r(200).request), "timeout"),
    (lambda r: openai.APIConnectionError(request=r(200).request), "upstream_error"),
    (lambda r: anthropic.RateLimitError("x", response=r(429), body=None), "rate_limited"),
    (lambda r: anthropic.APIStatusError("x", response=r(529), body=None), "upstream_error"),
    (lambda r: anthropic.APITimeoutError(r(200).request), "timeout"),
    (lambda r: anthropic.APIResponseValidationError(r(200), body=None), "invalid_response"),
])
def test_the_sdks_errors_have_their_failure_types(error, kind):
    import httpx
    from cuebx import failure_type

    def response(status):
        return httpx.Response(status, request=httpx.Request("POST", "http://127.0.0.1/"))

    assert failure_type(error(response)) == kind
