"""Operations over HTTP: many in one request, or call by call where the service has no `/batch`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import httpx

from .events import Events
from .limits import encoded

# Connections of the pool for each product; more than one are used only where calls go one by one.
MOST_CONNECTIONS = 8
# Of a batch, the service's bounds less some room for the frame around the operations.
MOST_OPERATIONS, MOST_BYTES = 256, (1 << 20) - 16_384
# A service that had no `/batch` is asked for it again after so many seconds.
BATCH_ASKED_AGAIN = 600.0
CONNECT_SECONDS = 5.0
# Where each product's calls are told: those of users, and those of customers by key.
PATHS = {"career": "/career/internal/usage", "api": "/api/internal/usage"}
# What of an answer's headers is read.
READ = frozenset({b"date", b"retry-after", b"x-request-id"})
# Answers to a batch that would be each operation's own: the key is wrong, or it is to be tried later.
OF_ALL = frozenset({401, 408, 429})


class Secret:
    """A text that no representation shows."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass
class Answer:
    """- headers: with names in lower case.
    - body: an object; empty if there was none.
    """

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    received: float = field(default_factory=time.monotonic)

    @property
    def code(self) -> str:
        return str(self.body.get("code") or "")

    @property
    def message(self) -> str:
        return str(self.body.get("message") or self.body.get("detail") or f"HTTP {self.status}")

    @property
    def retry_after(self) -> float | None:
        """Seconds; dates, which the service never sends, are left aside."""
        try:
            return max(0.0, float(self.headers["retry-after"]))
        except (KeyError, ValueError):
            return None

    @property
    def is_customers(self) -> bool:
        """Whether a 401 is a decision on the customer's key; any other is about the tool server's own."""
        return self.code == "invalid_api_key"

    @property
    def is_own(self) -> bool:
        """Whether the service has said it, not a gateway before it: each of its refusals has a code,
        each of its decisions a message."""
        return bool(self.code) or "message" in self.body

    @property
    def is_no_address(self) -> bool:
        """The service's own 404 of an address that it does not have; not a gateway's, nor that of a
        usage that it does not know."""
        return self.status in (404, 405) and self.code in ("not_found", "method_not_allowed")


@dataclass
class NoAnswer:
    """- was_sent: the service may have seen the operation.
    - is_outage: it could not be reached, or did not answer in time.
    """

    message: str
    was_sent: bool
    is_outage: bool = False


Result = Union[Answer, NoAnswer]


@dataclass
class Operation:
    """- token: the user's; api_key: the customer's. Neither is ever a part of the body.
    - done: called once, on the sender's thread, with what came of it.
    - deadline: monotonic seconds, after which nobody waits for it; None: never.
    - retry_until: no further try begins after it.
    - must_be_told: a part of an outcome, as a commit is: sent until the service has judged it,
      whatever a gateway says.
    - last: what came of it last.
    """

    name: str
    body: dict[str, Any]
    done: Callable[[Result], None]
    token: Optional[Secret] = None
    api_key: Optional[Secret] = None
    deadline: Optional[float] = None
    retry_until: Optional[float] = None
    is_rest: bool = False
    must_be_told: bool = False
    is_abandoned: bool = False
    is_unsure: bool = False
    is_in_flight: bool = False
    attempts: int = 0
    last: Optional[Result] = None
    # With what is secret.
    encoded: bytes = field(default=b"", repr=False)
    encoded_alone: bytes = field(default=b"", repr=False)

    def replace(self, body: dict[str, Any]) -> None:
        self.body, self.encoded, self.encoded_alone = body, b"", b""

    @property
    def product(self) -> str:
        """By its body, as the spool has it, too."""
        return "api" if "client_id" in self.body else "career"

    @property
    def sent(self) -> dict[str, Any]:
        """The body as the service gets it."""
        return {**self.body, "api_key": self.api_key.text} if self.api_key else self.body

    def alone(self) -> bytes:
        """As a request has it; the same bytes at each try."""
        if not self.encoded_alone:
            self.encoded_alone = encoded(self.sent)
        return self.encoded_alone

    def element(self) -> bytes:
        """As a batch has it; the same bytes at each try."""
        if not self.encoded:
            head = {"op": self.name, **({"token": self.token.text} if self.token else {})}
            self.encoded = encoded({**head, **self.sent})
        return self.encoded


class Transport:
    """- answer_seconds: how long one request may take."""

    def __init__(
        self, url: str, internal_key: Secret, events: Events, answer_seconds: float,
    ) -> None:
        self.url, self.events = url.rstrip("/"), events
        self.http = httpx.Client(
            timeout=httpx.Timeout(answer_seconds, connect=min(CONNECT_SECONDS, answer_seconds)),
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS * len(PATHS),
                                max_keepalive_connections=MOST_CONNECTIONS * len(PATHS)),
            headers={"User-Agent": "cuebx-python", "Content-Type": "application/json",
                     "X-Internal-API-Key": internal_key.text}, follow_redirects=False)
        # By product and verb: to read an address anew for each call takes as long as all else of it.
        self.addresses: dict[tuple[str, str], httpx.URL] = {}
        self.batch_from = dict.fromkeys(PATHS, 0.0)
        # Of each product its own: the calls of one do not wait for the other's.
        self.one_by_one: dict[str, ThreadPoolExecutor] = {}

    def send(self, operations: list[Operation]) -> list[Result]:
        """What came of each, in order; all are of one product. Raises nothing."""
        if len(operations) == 1:
            return [self.call(operations[0])]
        product = operations[0].product
        if time.monotonic() >= self.batch_from[product]:
            results = self.batch(operations)
            if results is not None:
                return results
        if product not in self.one_by_one:
            self.one_by_one[product] = ThreadPoolExecutor(
                MOST_CONNECTIONS, thread_name_prefix="cuebx-call")
        return list(self.one_by_one[product].map(self.call, operations))

    def call(self, operation: Operation) -> Result:
        token = operation.token
        headers = {"Authorization": f"Bearer {token.text}"} if token else None
        try:
            body = operation.alone()
        except ValueError as error:
            return NoAnswer(f"the operation is {error}", False)
        return self.post(operation.product, operation.name, body, headers)

    def batch(self, operations: list[Operation]) -> list[Result] | None:
        """None: it is to be sent one by one, since the service has no `/batch`, or would not take
        the whole: what is wrong with one operation must not be the others' answer."""
        body = b'{"operations":[' + b",".join(each.element() for each in operations) + b"]}"
        product = operations[0].product
        whole = self.post(product, "batch", body)
        if isinstance(whole, NoAnswer):
            return [whole] * len(operations)
        if whole.is_no_address:
            self.batch_from[product] = time.monotonic() + BATCH_ASKED_AGAIN
            self.events.tell("batch_unsupported")
            return None
        if whole.status in OF_ALL or whole.status >= 500:
            return [whole] * len(operations)
        if whole.status != 200:
            return None
        results = whole.body.get("results")
        if not isinstance(results, list) or len(results) != len(operations):
            return [NoAnswer("the batch's answer cannot be read", True)] * len(operations)
        return [self.element_answer(each, whole) for each in results]

    @staticmethod
    def element_answer(element: Any, whole: Answer) -> Result:
        if not isinstance(element, dict) or not isinstance(element.get("status"), int):
            return NoAnswer("an answer within the batch cannot be read", True)
        headers = {"date": whole.headers.get("date", "")}
        headers |= {str(name).lower(): str(value)
                    for name, value in (element.get("headers") or {}).items()}
        body = element.get("body")
        return Answer(
            element["status"], headers, body if isinstance(body, dict) else {}, whole.received)

    def post(
        self, product: str, verb: str, body: bytes, headers: dict[str, str] | None = None,
    ) -> Result:
        try:
            url = self.addresses.get((product, verb))
            if url is None:
                url = self.addresses[product, verb] = httpx.URL(f"{self.url}{PATHS[product]}/{verb}")
            response = self.http.post(url, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NoAnswer(f"the service cannot be reached ({type(error).__name__})", False, True)
        except httpx.TimeoutException:
            return NoAnswer("the service did not answer in time", True, True)
        except Exception as error:  # Whatever a library throws, the sender must go on.
            return NoAnswer(f"the connection broke ({type(error).__name__})", True)
        return read(response)

    def close(self) -> None:
        for threads in self.one_by_one.values():
            threads.shutdown(wait=False)
        self.http.close()


def read(response: httpx.Response) -> Result:
    try:
        body = json.loads(response.content) if response.content else {}
    except ValueError:
        if response.status_code < 300:
            return NoAnswer("the answer cannot be read", True)
        # A gateway's page, e.g. of a 502.
        body = {}
    headers = {name.decode(): value.decode("latin-1")
               for name, value in ((name.lower(), value) for name, value in response.headers.raw)
               if name in READ}
    return Answer(response.status_code, headers, body if isinstance(body, dict) else {})
