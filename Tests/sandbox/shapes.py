"""Checks what the sandbox says against the types of Stripe's own SDK, its enumerations included.

Every answer and every event of the whole suite goes through here, so that no test can be written
for a shape which Stripe does not have."""

import json
import typing
from decimal import Decimal
from importlib import import_module

import stripe
from stripe._error_object import ErrorObject
from stripe._list_object import ListObject
from stripe._object_classes import OBJECT_CLASSES
from stripe._stripe_object import StripeObject, UntypedStripeObject

Literal = typing.Literal


def literals(annotation):
    """The words of an enumeration, however deep in the annotation they stand."""
    if typing.get_origin(annotation) is Literal:
        return set(typing.get_args(annotation))
    return set().union(*map(literals, typing.get_args(annotation)), set())


ERROR_CODES = literals(stripe.Invoice.LastFinalizationError.__annotations__["code"])
ERROR_TYPES = literals(ErrorObject.__annotations__["type"]) | {
    "api_error", "card_error", "idempotency_error", "invalid_request_error"}
EVENT_TYPES = literals(stripe.Event.__annotations__["type"])


def class_of(name):
    """The class of a value of the `object` member."""
    if name not in OBJECT_CLASSES:
        return None
    module, attribute = OBJECT_CLASSES[name]
    return getattr(import_module(module), attribute)


def problems(value, path="answer"):
    """What is wrong with an object of the API, with the place of each fault."""
    if not isinstance(value, dict) or not isinstance(value.get("object"), str):
        return [f"{path}: no object of the API"]
    if value["object"] == "list":
        return list_problems(value, None, path)
    found = class_of(value["object"])
    if found is None:
        return [f"{path}: the SDK does not know the object {value['object']}"]
    if value.get("deleted") is True:
        stub = {"id", "object", "deleted"}
        return [] if set(value) == stub else [f"{path}: a deleted object has only {stub}"]
    faults = member_problems(value, found, path)
    if value["object"] == "event":
        faults += event_problems(value, path)
    return faults


def event_problems(event, path):
    faults = [] if event["type"] in EVENT_TYPES else [f"{path}: no event type {event['type']}"]
    return faults + problems(event["data"]["object"], f"{path}({event['type']}).data.object")


def list_problems(value, element, path):
    needed = {"object": str, "data": list, "has_more": bool, "url": str}
    faults = [f"{path}.{name}: is missing or of another type" for name, kind in needed.items()
              if not isinstance(value.get(name), kind)]
    for place, member in enumerate(value.get("data") or []):
        where = f"{path}.data[{place}]"
        faults += type_problems(member, element, where) if element else problems(member, where)
    return faults


def member_problems(value, kind, path):
    annotations = {name: annotation for name, annotation in kind.__annotations__.items()
                   if name != "OBJECT_NAME" and not name.startswith("_")}
    faults = [f"{path}.{name}: the SDK has no such member"
              for name in value if name not in annotations]
    for name, annotation in annotations.items():
        if name in value:
            faults += type_problems(value[name], annotation, f"{path}.{name}")
        elif type(None) not in typing.get_args(annotation):
            faults.append(f"{path}.{name}: is missing")
    return faults


def type_problems(value, annotation, path):
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if origin is typing.Union:
        return union_problems(value, arguments, path)
    if isinstance(annotation, typing.ForwardRef) or isinstance(annotation, str):
        return problems(value, path)
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: is no list"]
        return [fault for place, member in enumerate(value)
                for fault in type_problems(member, arguments[0], f"{path}[{place}]")]
    if origin is ListObject:
        if not isinstance(value, dict):
            return [f"{path}: is no list object"]
        return list_problems(value, arguments[0], path)
    if origin is UntypedStripeObject or annotation is UntypedStripeObject:
        return mapping_problems(value, arguments, path)
    if isinstance(annotation, type) and issubclass(annotation, StripeObject):
        if not isinstance(value, dict):
            return [f"{path}: is no object"]
        if isinstance(value.get("object"), str):
            return problems(value, path)
        return member_problems(value, annotation, path)
    return scalar_problems(value, annotation, path)


def union_problems(value, arguments, path):
    if value is None:
        return [] if type(None) in arguments else [f"{path}: is null"]
    choices = [choice for choice in arguments if choice is not type(None)]
    # The SDK adds `str` to an enumeration for words of later versions; the sandbox has none.
    if any(typing.get_origin(choice) is Literal for choice in choices):
        choices = [choice for choice in choices if choice is not str]
    attempts = [type_problems(value, choice, path) for choice in choices]
    return min(attempts, key=len)


def mapping_problems(value, arguments, path):
    if not isinstance(value, dict):
        return [f"{path}: is no object"]
    element = arguments[0] if arguments else str
    return [fault for name, member in value.items()
            for fault in type_problems(member, element, f"{path}.{name}")]


def scalar_problems(value, annotation, path):
    if annotation is typing.Any:
        return []
    kinds = {Decimal: str, float: (int, float)}
    kind = kinds.get(annotation, annotation)
    if not isinstance(kind, (type, tuple)):
        return [f"{path}: the type {annotation} cannot be checked"]
    isRight = isinstance(value, kind) and (annotation is bool or not isinstance(value, bool))
    return [] if isRight else [f"{path}: {value!r} is no {annotation.__name__}"]


def error_problems(error):
    """What is wrong with a refusal."""
    faults = [f"error.{name}: the SDK has no such member"
              for name in error if name not in ErrorObject.__annotations__]
    if error.get("type") not in ERROR_TYPES:
        faults.append(f"error.type: {error.get('type')!r} is unknown")
    if error.get("code") is not None and error["code"] not in ERROR_CODES:
        faults.append(f"error.code: {error['code']!r} is unknown")
    if not isinstance(error.get("message"), str):
        faults.append("error.message: is missing")
    if "payment_intent" in error:
        faults += problems(error["payment_intent"], "error.payment_intent")
    return faults


def check_answer(body):
    """Fails on an answer of the API which the SDK's types do not describe."""
    answer = json.loads(body)
    error = answer.get("error")
    faults = error_problems(error) if isinstance(error, dict) else problems(answer)
    assert not faults, "\n".join(faults[:20])


def event_faults(body):
    """What is wrong with a webhook. One in the shape of an older version is not checked here."""
    event = json.loads(body)
    current = stripe.api_version
    return problems(event, "event") if event.get("api_version") == current else []


class CheckedClient(stripe.RequestsClient):
    """The SDK's own HTTP client; every answer is checked before the SDK reads it.

    An `AssertionError` would be taken for a failed connection, so faults are kept for the test."""

    def __init__(self, faults, **options):
        super().__init__(**options)
        self.faults = faults

    def request(self, method, url, headers, post_data=None, **options):
        body, status, answered = super().request(method, url, headers, post_data, **options)
        try:
            check_answer(body)
        except (AssertionError, ValueError) as fault:
            self.faults.append(f"{method} {url}: {fault}")
        return body, status, answered
