"""The middleware, FastAPI's dependency and MCP's tools, in process, over ASGI."""

import asyncio
from typing import Annotated

import cuebx
import httpx
import pytest
from cuebx import Metered
from cuebx import fastapi as cuebx_fastapi
from cuebx import mcp as cuebx_mcp
from cuebx.asgi import MeteredMiddleware
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from pydantic import BaseModel
from world import Customer

FEATURE = "career.job_match"


class Question(BaseModel):
    text: str


def app_of(career, runs):
    app = FastAPI()
    cuebx_fastapi.install(app)
    JobMatch = Annotated[Metered, Depends(cuebx_fastapi.metered(career, FEATURE))]
    ByKey = Annotated[Metered, Depends(cuebx_fastapi.metered(
        career, "api.job_match", customer=lambda request: cuebx.Customer(
            request.headers.get("x-client-id"), request.headers.get("authorization"))))]

    @app.post("/by-key")
    async def by_key(question: Question, metered: ByKey):
        async with metered as call:
            runs.append(call.usage_id)
            return {"text": "canned" if call.is_test_key else question.text}

    @app.post("/dependency")
    async def dependency(question: Question, metered: JobMatch):
        async with metered as call:
            runs.append(call.usage_id)
            if question.text == "fail":
                raise LookupError(question.text)
            return {"text": question.text}

    @app.post("/middleware")
    async def middleware(request: Request, question: Question):
        runs.append(request.scope["cuebx.call"].usage_id)
        if question.text == "fail":
            raise LookupError(question.text)
        return {"text": question.text}

    @app.post("/streamed")
    async def streamed(request: Request):
        async def chunks():
            for word in ("a", "b", "c"):
                runs.append(word)
                yield word
        return StreamingResponse(chunks(), media_type="text/plain")

    @app.post("/middleware-by-key")
    async def middleware_by_key(request: Request, question: Question):
        call = request.scope["cuebx.call"]
        runs.append(call.usage_id)
        return {"text": "canned" if call.is_test_key else question.text}

    app.add_middleware(MeteredMiddleware, client=career, largest_body=1000, routes={
        "POST /middleware": FEATURE, "POST /streamed": FEATURE})
    app.add_middleware(
        MeteredMiddleware, client=career, routes={"POST /middleware-by-key": "api.job_match"},
        customer=lambda headers: cuebx.Customer(headers.get("x-client-id"), headers.get("authorization")))
    return app


@pytest.fixture
def runs():
    return []


@pytest.fixture
def post(career, user, runs):
    app = app_of(career, runs)

    def post(path, text="hello", token=None, **headers):
        async def main():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            given = {"authorization": f"Bearer {token or user.token()}", **headers}
            async with httpx.AsyncClient(transport=transport, base_url="http://tools") as client:
                return await client.post(path, json={"text": text}, headers={
                    name: value for name, value in given.items() if value})
        return asyncio.run(main())

    return post


def logs_of(career, user):
    assert career.flush(20)
    return [f"{log['status']} {log['failure_type'] or ''}".strip() for log in reversed(user.logs)]


BOTH = pytest.mark.parametrize("path", ["/dependency", "/middleware"])


@BOTH
def test_a_request_is_metered_with_its_address_and_method(path, post, career, user):
    answer = post(path)
    assert answer.status_code == 200 and answer.json() == {"text": "hello"}
    assert logs_of(career, user) == ["SUCCESS"]
    assert (user.logs[0]["endpoint"], user.logs[0]["method"]) == (path, "POST")


@BOTH
def test_a_repeated_idempotency_key_runs_once(path, post, career, user, runs):
    assert post(path, **{"idempotency-key": "k"}).status_code == 200
    assert career.flush()
    again = post(path, **{"idempotency-key": "k"})
    assert again.status_code == 409 and again.json()["code"] == "request_already_finished"
    assert len(runs) == 1 and again.json()["usage_id"] == runs[0]


@BOTH
def test_without_credits_the_answer_is_the_services_sentence(path, post, user, runs):
    user.leave("0.25")
    answer = post(path)
    assert answer.status_code == 429 and answer.json()["code"] == "quota_exceeded"
    assert "Not enough credits" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0 and not runs
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/by-key", "/middleware-by-key"])
def test_a_customer_is_who_the_host_reads_from_the_request(path, post, career, service, runs):
    acme = Customer(service)
    acme.make_key("test", is_test_key=True)
    live, test = acme.secrets
    for key, text in ((live, "hello"), (test, "canned")):
        answer = post(path, token=key, **{"x-client-id": acme.client_id})
        assert answer.status_code == 200 and answer.json() == {"text": text}
    assert career.flush(20) and acme.balance["credits_used"] == "1.00"
    for key, name, status, code in (
            ("cbx_live_" + "x" * 43, acme.client_id, 401, "invalid_api_key"),
            ("none", acme.client_id, 401, "malformed_api_key"),
            (live, "none", 403, "key_of_another_workspace")):
        answer = post(path, token=key, **{"x-client-id": name})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert key not in answer.text and ("www-authenticate" in answer.headers) == (status == 401)
    assert post(path, authorization="", **{"x-client-id": acme.client_id}).status_code == 401
    assert len(runs) == 2


@BOTH
@pytest.mark.parametrize("authorization", ["", "Basic x", "Bearer"])
def test_without_a_bearer_token_it_is_401(path, authorization, post, runs):
    answer = post(path, authorization=authorization)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer" and not runs


@BOTH
def test_with_a_token_that_is_over_it_is_401(path, post, user, runs):
    answer = post(path, token=user.token(-60))
    assert answer.status_code == 401 and answer.json()["title"] == "TokenExpired" and not runs


@BOTH
def test_an_exception_of_the_handler_costs_nothing(path, post, career, user):
    assert post(path, "fail").status_code == 500
    assert logs_of(career, user) == ["FAILED internal_error"]


def test_what_the_framework_refuses_behind_the_middleware_costs_nothing(post, career, user):
    assert post("/middleware", text=None).status_code == 422
    assert logs_of(career, user) == ["FAILED validation_error"]


def test_what_the_framework_refuses_before_the_handler_is_never_asked_for(post, career, user):
    assert post("/dependency", text=None).status_code == 422
    assert logs_of(career, user) == []


def test_a_body_that_is_too_large_is_413(post, runs, user):
    assert post("/middleware", "x" * 2000).status_code == 413
    assert not runs and user.logs == []


def test_a_stream_behind_the_middleware_is_handed_on(post, career, user, runs):
    assert post("/streamed").text == "abc"
    assert logs_of(career, user) == ["SUCCESS"]


def test_the_outcome_is_on_the_disk_before_the_last_byte_is_sent(career, user, tmp_path):
    order = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async def send(message):
        spool = b"".join(path.read_bytes() for path in (tmp_path / "spool").glob("*.spool"))
        order.append((message.get("body"), b'"outcome"' in spool))

    async def receive():
        return {"type": "http.request", "body": b"x"}

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [
        (b"authorization", b"Bearer " + user.token().encode())]}
    asyncio.run(MeteredMiddleware(app, career, {"POST /x": FEATURE})(scope, receive, send))
    assert order == [(None, False), (b"a", False), (b"b", True)]


def test_who_goes_away_before_asking_is_not_asked_for(career, user):
    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
    asyncio.run(MeteredMiddleware(None, career, {"POST /x": FEATURE})(scope, receive, None))
    assert user.logs == []


@pytest.mark.parametrize("error, status, code", [
    (cuebx.Unavailable("x", 3), 503, "metering_unavailable"),
    (cuebx.Overloaded("x"), 503, "metering_unavailable"),
    (cuebx.SpoolUnavailable("x"), 503, "metering_unavailable"),
    (cuebx.ServiceError("x", 500, "internal_error", None), 503, "metering_unavailable"),
    (cuebx.InvalidInternalKey("x", status=401, code="invalid_internal_key"), 500, "metering_misconfigured"),
    (cuebx.InvalidRequest("x", status=422, code="validation_error"), 500, "metering_misconfigured"),
    (cuebx.InvalidApiKey("x", status=401, code="invalid_api_key"), 401, "invalid_api_key"),
    (cuebx.MalformedApiKey("x", status=400, code="malformed_api_key"), 401, "malformed_api_key"),
    (cuebx.KeyOfAnotherWorkspace("x", status=403, code="key_of_another_workspace"), 403,
     "key_of_another_workspace"),
    (cuebx.WorkspaceFrozen("x", status=402, code="workspace_frozen"), 402, "workspace_frozen"),
    (cuebx.KeyLimitReached("x", status=429, code="key_limit_reached", retry_after=9), 429,
     "key_limit_reached"),
    (cuebx.AlreadyRunning("x", status=200, code="replayed"), 409, "replayed"),
    (cuebx.PaymentRequired("x", status=402, code="no_subscription"), 402, "no_subscription"),
    (cuebx.Refused("x", status=429, code="something_new", retry_after=0.2), 429, "something_new"),
])
def test_what_each_error_is_answered_with(error, status, code):
    from cuebx.problems import problem_of

    found, headers, body = problem_of(error)
    assert (found, body["code"]) == (status, code)
    assert ("Retry-After" in headers) == (status in (503, 429))
    assert ("WWW-Authenticate" in headers) == (status == 401)
    assert (str(error) in body["detail"]) == (status not in (500, 503)) or body["detail"] == str(error)


# MCP


def tools_of(career):
    server = FastMCP("tools")

    @server.tool
    @cuebx_mcp.metered(career, FEATURE)
    async def job_match(resume: str, job: str = "") -> str:
        """How well they fit."""
        if resume == "fail":
            raise TimeoutError
        return f"{resume} fits {job}"

    @server.tool
    @cuebx_mcp.metered(career, FEATURE)
    def keywords(resume: str) -> list[str]:
        return resume.split()

    @server.tool
    @cuebx_mcp.metered(career, "api.job_match", customer=lambda **_: cuebx.Customer(
        cuebx_mcp.header_of_request("x-client-id"), cuebx_mcp.header_of_request("authorization")))
    def by_key(resume: str, metered_call: cuebx.Call) -> str:
        return f"{resume} of {metered_call.client_id}"

    return server


def use(career, token, work, **more):
    """Over HTTP, as tools are called: within this process."""
    app = tools_of(career).http_app()

    def client_of(headers=None, timeout=None, auth=None, **more):
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tools",
                                 headers=headers, timeout=timeout, auth=auth)

    async def main():
        headers = {"Authorization": f"Bearer {token}", **more} if token else more
        async with app.router.lifespan_context(app):
            transport = StreamableHttpTransport(
                "http://tools/mcp", headers=headers, httpx_client_factory=client_of)
            async with Client(transport) as client:
                return await work(client)

    return asyncio.run(main())


def test_an_mcp_tool_is_metered_by_its_callers_token(career, user):
    async def work(client):
        [tool] = [tool for tool in await client.list_tools() if tool.name == "job_match"]
        first = await client.call_tool("job_match", {"resume": "mine", "job": "yours"})
        second = await client.call_tool("keywords", {"resume": "a b"})
        return tool, first.data, second.data

    tool, first, second = use(career, user.token(), work)
    assert (first, second) == ("mine fits yours", ["a", "b"])
    assert logs_of(career, user) == ["SUCCESS", "SUCCESS"]
    assert {log["endpoint"] for log in user.logs} == {"mcp:job_match", "mcp:keywords"}


def test_an_mcp_tool_for_customers_is_metered_by_their_key(career, service):
    acme = Customer(service)

    async def work(client):
        return await client.call_tool("by_key", {"resume": "mine"}, raise_on_error=False)

    [key] = acme.secrets
    name = {"x-client-id": acme.client_id}
    assert use(career, key, work, **name).data == f"mine of {acme.client_id}"
    assert career.flush(20) and acme.balance["credits_used"] == "1.00"
    for token, headers, sentence in ((key, {}, "not a key of this client_id"),
                                     (None, name, "not written as an API key"),
                                     ("cbx_live_" + "A" * 43, name, "not a live key")):
        result = use(career, token, work, **headers)
        assert result.is_error and sentence in result.content[0].text


def test_an_mcp_tools_refusal_is_the_services_sentence(career, user):
    user.leave("0.10")

    async def work(client):
        return await client.call_tool("job_match", {"resume": "mine"}, raise_on_error=False)

    result = use(career, user.token(), work)
    assert result.is_error and "Not enough credits" in result.content[0].text


def test_an_mcp_tool_without_a_token_is_refused(career, user):
    async def work(client):
        return await client.call_tool("keywords", {"resume": "a"}, raise_on_error=False)

    result = use(career, None, work)
    assert result.is_error and "bearer token" in result.content[0].text


def test_an_mcp_tool_that_fails_costs_nothing(career, user):
    async def work(client):
        return await client.call_tool("job_match", {"resume": "fail"}, raise_on_error=False)

    assert use(career, user.token(), work).is_error
    assert logs_of(career, user) == ["FAILED timeout"]
