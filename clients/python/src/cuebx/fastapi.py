"""For FastAPI: a dependency that knows the request, and refusals as its answers.

    install(app)                                   # refusals become problem+json
    JobMatch = Annotated[Metered, Depends(metered(career, "career.job_match"))]

    @app.post("/v1/job-match")
    async def job_match(body: Question, metered: JobMatch):
        async with metered as call: ...

The handler enters by itself, so that the outcome is on the disk before its answer is sent; a dependency
with `yield` would end after that in some versions of FastAPI and before it in others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from .asgi import bearer
from .client import Client
from .customers import Customer
from .errors import CueBXError
from .metered import Metered
from .problems import key_of, missing_token, problem_of, wrong_key


def metered(
    client: Client, feature: str, *, customer: Callable[[Request], Customer] | None = None, **options: Any,
) -> Callable[[Request], Awaitable[Metered]]:
    """A dependency: the user is the bearer token, the payload the raw body, the request id the caller's
    Idempotency-Key, if there is one. Options are those of `Client.metered`.

    - customer: reads from the request who calls by key; then there is no user.
    """
    async def dependency(request: Request) -> Metered:
        token = bearer(request.headers.get("authorization"))
        if token is None and customer is None:
            status, headers, body = missing_token()
            raise HTTPException(status, body["detail"], {"WWW-Authenticate": headers["WWW-Authenticate"]})
        try:
            key = key_of(request.headers.get("idempotency-key"))
        except ValueError as error:
            status, _, body = wrong_key(error)
            raise HTTPException(status, body["detail"]) from None
        given = {
            **({"customer": customer(request)} if customer else {"user": token}),
            "payload": await request.body(),
            "request_id": key, "endpoint": request.url.path,
            "method": request.method,
            "client": {"ip": request.client.host} if request.client else None, **options}
        return client.metered(feature, **given)

    # FastAPI finds what to hand over by the annotation itself, not by its text.
    dependency.__annotations__["request"] = Request
    return dependency


def install(app: FastAPI) -> None:
    """Answers what keeps a call from running with its status, `Retry-After` and the service's sentence."""
    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, CueBXError)
        status, headers, body = problem_of(error)
        return JSONResponse(body, status, headers, headers["Content-Type"])

    app.add_exception_handler(CueBXError, refused)
