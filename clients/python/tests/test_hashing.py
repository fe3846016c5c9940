import json
import math
from pathlib import Path

import pytest
from cuebx import canonical_json, payload_hash

VECTORS = json.loads(
    (Path(__file__).resolve().parents[2] / "scenarios/vectors/payload_hash.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["json"], ids=lambda vector: vector["name"])
def test_a_json_value_is_made_canonical_and_hashed(vector):
    value = json.loads(vector["json"])
    assert canonical_json(value) == vector["canonical"]
    if not isinstance(value, str):  # A text is taken as its bytes.
        assert payload_hash(value) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["bytes"], ids=lambda vector: vector["name"])
def test_bytes_are_hashed_as_they_came(vector):
    assert payload_hash(bytes.fromhex(vector["hex"])) == vector["sha256"]
    assert payload_hash(memoryview(bytes.fromhex(vector["hex"]))) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_what_has_no_canonical_json_is_refused(vector):
    with pytest.raises(ValueError):
        canonical_json(json.loads(vector["json"]))


@pytest.mark.parametrize("value", [
    math.nan, math.inf, -math.inf, 2 ** 53 + 1, 10 ** 400, {1: 2}, {"a": object()}, [b"bytes"], {None: 1}])
def test_what_is_no_json_is_refused(value):
    with pytest.raises(ValueError):
        canonical_json(value)


def test_a_text_is_its_utf8():
    assert payload_hash("€") == payload_hash("€".encode())
