"""What Stripe's SDK says about the parameters of each endpoint, read from its own source."""

import inspect
import pkgutil
import re
import typing
from importlib import import_module

import stripe
import stripe.params

CALL = re.compile(
    r'params: (?:Optional\[)?\s*"(\w+)".*?self\._request\(\s*"(get|post|delete)",\s*"(/v1/[^"]*)"',
    re.DOTALL)


def modules(package):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "._" in found.name and "async" not in found.name:
            yield found.name


def endpoints():
    """The class of the parameters of each method and path; `*` stands for an id."""
    classes = {}
    for name in modules(stripe):
        if not name.endswith("_service"):
            continue
        source = inspect.getsource(import_module(name))
        for part in re.split(r"\n    (?:async )?def ", source):
            found = CALL.search(part)
            if found:
                path = re.sub(r"\{\w+\}", "*", found[3])
                classes[(found[2].upper(), path)] = (found[1], name)
    return classes


def annotation_of(text, module):
    """An annotation that stands in the SDK as text."""
    scope = {**vars(typing), **vars(module)}
    return eval(text, scope) if isinstance(text, str) else text


def params_class(name, service):
    package = service.rsplit(".", 1)[0].replace("stripe", "stripe.params", 1)
    for found in modules(import_module(package)):
        module = import_module(found)
        if hasattr(module, name):
            return getattr(module, name), module
    raise LookupError(name)


def unwrapped(annotation, module):
    """The parts of an annotation: `NotRequired`, unions and texts taken apart."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # A text may join types that stand in the module as texts themselves.
        return [part for piece in split_union(annotation)
                for part in unwrapped(evaluated(piece, module), module)]
    if getattr(typing.get_origin(annotation), "__name__", "") in ("NotRequired", "Required"):
        return unwrapped(typing.get_args(annotation)[0], module)
    if typing.get_origin(annotation) is typing.Union:
        return [part for one in typing.get_args(annotation) for part in unwrapped(one, module)]
    return [annotation]


def split_union(text):
    pieces, depth = [""], 0
    for character in text:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "|" and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces


def evaluated(text, module):
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    scope = {**vars(typing), **vars(module), "NoneType": type(None)}
    for name in names - set(scope):
        scope[name] = typing.Any
    return eval(text.strip(), scope)


def names(kind, module, prefix=""):
    """Every parameter below a class, as the sandbox writes them: `items[][price]`."""
    found = set()
    for name, annotation in kind.__annotations__.items():
        whole = f"{prefix}[{name}]" if prefix else name
        for part in unwrapped(annotation, module):
            found |= names_of(part, module, whole)
    return found


def names_of(part, module, whole):
    if hasattr(part, "__required_keys__"):
        return {whole} | names(part, module, whole)
    origin, arguments = typing.get_origin(part), typing.get_args(part)
    if origin is list:
        inner = {whole, whole + "[]"}
        for one in unwrapped(arguments[0], module):
            inner |= names_of(one, module, whole + "[]")
        return inner
    if origin is dict or "UntypedStripeObject" in str(part):
        return {whole, whole + "*"}
    return {whole}


def all_names(method, path, known=endpoints()):
    name, service = known[(method, path)]
    kind, module = params_class(name, service)
    return names(kind, module)
