"""ASGI middleware: calls at some addresses are metered, whatever framework serves them.

    app = MeteredMiddleware(app, career, {"POST /v1/job-match": "career.job_match"})

The body is what the request's hash is over, so it is read before the application sees it. The outcome is
on the disk before the last byte of the answer is sent. The application finds the call as
`scope["cuebx.call"]`, to settle what was used.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Optional

from .call import Call
from .client import Client
from .customers import Customer
from .errors import CueBXError
from .problems import key_of, missing_token, problem_of, wrong_key
from .wire import FailureType

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 10 << 20


class MeteredMiddleware:
    """- routes: "METHOD /path" to the feature's key; other requests pass untouched.
    - largest_body: bytes; beyond it the answer is 413.
    - customer: reads from the headers, whose names are in lower case, who calls by key; then the calls
      of these routes have no user.
    """

    def __init__(
        self, app: App, client: Client, routes: Mapping[str, str], largest_body: int = LARGEST_BODY,
        customer: Callable[[Mapping[str, str]], Customer] | None = None,
    ) -> None:
        self.app, self.client, self.routes = app, client, dict(routes)
        self.largest_body, self.customer = largest_body, customer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feature = self.routes.get(f"{scope.get('method')} {scope.get('path')}")
        if scope["type"] != "http" or feature is None:
            return await self.app(scope, receive, send)
        body = await read_body(receive, self.largest_body)
        if body is None:
            return None  # The client has gone before it had asked.
        headers = {name.decode("latin-1").lower(): value.decode("latin-1")
                   for name, value in scope["headers"]}
        token = bearer(headers.get("authorization"))
        if len(body) > self.largest_body:
            return await answer(send, 413, {}, {"status": 413, "code": "body_too_large"})
        if token is None and self.customer is None:
            return await answer(send, *missing_token())
        try:
            key = key_of(headers.get("idempotency-key"))
        except ValueError as error:
            return await answer(send, *wrong_key(error))
        client = {"ip": scope["client"][0]} if scope.get("client") else None
        whose: dict[str, Any] = {"customer": self.customer(headers)} if self.customer else {"user": token}
        answering = Answering(send)
        try:
            async with self.client.metered(
                    feature, **whose, payload=body, request_id=key,
                    endpoint=scope["path"], method=scope["method"], client=client) as call:
                scope["cuebx.call"] = call
                await self.app(scope, replay(body, receive), answering)
                answering.judge(call)
        except CueBXError as error:
            if answering.status is not None:
                raise
            return await answer(send, *problem_of(error))
        await answering.finish()


class Answering:
    """Passes an answer on, all but its last message, which waits for the outcome."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status: Optional[int] = None
        self.last: Optional[Message] = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.last = message
            return
        await self.send(message)

    def judge(self, call: Call) -> None:
        if self.status is None or self.status >= 400:
            call.fail(failure_of_status(self.status or 500), f"HTTP {self.status}")

    async def finish(self) -> None:
        if self.last is not None:
            await self.send(self.last)


def failure_of_status(status: int) -> FailureType:
    known: dict[int, FailureType] = {
        422: "validation_error", 502: "upstream_error", 503: "upstream_error", 504: "timeout"}
    return known.get(status) or ("client_error" if status < 500 else "internal_error")


def bearer(header: str | None) -> str | None:
    kind, _, token = (header or "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


async def read_body(receive: Receive, most: int) -> bytes | None:
    """What came, a little more than `most` if there was more; None if the client went away."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body") or len(body) > most:
            return body


def replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def answer(send: Send, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/problem+json", **headers, "Content-Length": str(len(content))}
    await send({"type": "http.response.start", "status": status, "headers": [
        (name.lower().encode(), value.encode()) for name, value in headers.items()]})
    await send({"type": "http.response.body", "body": content})
