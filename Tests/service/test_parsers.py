"""The service's own JSON parser against Python's, on generated and mutated texts: both must agree on
what is JSON. Ours is stricter in three places, which the oracle knows."""

import http.client
import json
import os
import random
import secrets
import unicodedata

import pytest

INPUTS = int(os.environ.get("FUZZ_INPUTS", "3000"))
PIECES = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d\\ude00", b"\\udc00", b"\\u00",
    b"null", b"true", b"false", b"nul", b"NaN", b"Infinity", b"-Infinity", b"0", b"-0", b"01", b"1.",
    b".5", b"1e5", b"1E+", b"-", b"+1", b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\xa0",
    b"\xc2\xa0", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x00", b"\x7f",
    "é".encode(), "e\u0301".encode(), "\u2028".encode(), "\U0001F600".encode(), b"/*x*/", b"'a'",
    b'"a":1', b'"a":', b"[[[[", b"]]]]", b'{"a":{"a":[1,{"b":null}]}}', b"99999999999999999999999"]


def is_json(text):
    """Whether Python takes it for JSON, as strict as Python can be, and in what ours asks beyond."""

    def refuse(*_):
        raise ValueError

    def unique(members):
        # Repeated names are refused, also where they differ only in how an accent is written.
        names = [unicodedata.normalize("NFC", name) for name, _ in members]
        if len(set(names)) < len(names):
            raise ValueError
        return dict(members)

    def check(value, depth):
        # Thirty-two levels; no half of a surrogate pair.
        if depth > 32:
            raise ValueError
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, list):
            for element in value:
                check(element, depth + 1)
        elif isinstance(value, dict):
            for name, element in value.items():
                name.encode()
                check(element, depth + 1)

    try:
        check(json.loads(
            text.decode(), parse_constant=refuse, object_pairs_hook=unique, parse_int=str,
            parse_float=str), 0)
        return True
    except (ValueError, RecursionError):
        return False


def make(rng, depth=0):
    """A text that is JSON."""
    kind = rng.randrange(8 if depth < 5 else 6)
    space = rng.choice(["", "", " ", "\n\t"])
    if kind == 6:
        return f"[{space}{','.join(make(rng, depth + 1) for _ in range(rng.randrange(4)))}]"
    if kind == 7:
        members = {rng.choice("abcdefgé"): make(rng, depth + 1) for _ in range(rng.randrange(4))}
        return "{" + ",".join(f'"{name}"{space}:{text}' for name, text in members.items()) + "}"
    if kind >= 4:
        return json.dumps("".join(rng.choices('ab"\\\n\té\U0001F600\u2028', k=rng.randrange(6))),
                          ensure_ascii=rng.random() < 0.5)
    return rng.choice(["null", "true", "false", "0", "-1", "1.5e-3", "12345678901234567890"])


def mutate(rng, text):
    text = bytearray(text)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(text) + 1)
        match rng.randrange(4):
            case 0:
                text[place:place] = rng.choice(PIECES)
            case 1:
                del text[place:place + rng.randrange(4)]
            case 2:
                text[place:place + 1] = bytes([rng.randrange(256)])
            case 3:
                text[place:place] = text[place:place + rng.randrange(8)]
    return bytes(text)


def judge(connection, text):
    """Whether the service takes it for JSON; what it then thinks of the fields does not matter."""
    connection.request("POST", "/auth/signout", body=text,
                       headers={"Content-Type": "application/json"})
    response = connection.getresponse()
    code = json.loads(response.read()).get("code")
    assert response.status in (200, 400, 422), (response.status, text)
    assert (code == "malformed_json") == (response.status == 400)
    return response.status != 400


@pytest.mark.parametrize("seed", [20_261_123, secrets.randbelow(1 << 32)], ids=["fixed", "fresh"])
def test_what_is_json_to_python_is_json_to_the_service_and_nothing_else_is(service, seed):
    print(f"seed {seed}")
    rng = random.Random(seed)
    connection = http.client.HTTPConnection(service.host, service.port, timeout=30)
    accepted = 0
    for number in range(INPUTS):
        text = mutate(rng, make(rng).encode())
        expected = is_json(text)
        assert judge(connection, text) == expected, f"seed {seed}, input {number}: {text!r}"
        accepted += expected
    connection.close()
    # Both kinds were tried, and not only in passing.
    assert INPUTS / 5 < accepted < INPUTS * 4 / 5


@pytest.mark.parametrize("depth,status", [(32, 422), (33, 422), (34, 400), (5000, 400)])
def test_nesting_is_bounded(service, depth, status):
    # The body itself is the first level, which holds thirty-two more.
    answer = service.call("POST", "/auth/signout", raw=b"[" * depth + b"]" * depth,
                          headers={"Content-Type": "application/json"})
    assert answer.status == status
