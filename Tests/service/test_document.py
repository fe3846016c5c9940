"""The document against the running binary: generated requests, good and bad, alone and in the order
that the document's links give, never meet a 5xx nor an answer that the document does not know."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Service

SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
# A document cannot say all that a request must be: that a code is the mailed one, a signature the
# right one, a feature in the catalog. So "valid by its schema" does not promise a 2xx here.
BEYOND_SCHEMAS = "positive_data_acceptance"
# What a bad request may be refused with. Who may call is judged before the body, and what a workspace
# lacks is part of that: so a body that is none may be answered with 402, too.
REFUSALS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 402, 403, 404, 405, 406, 409, 415, 422, 428, 429, "5xx"]
"""
# How many requests an operation gets of each kind; `make fuzz` asks for more.
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "4")
FRESH_EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "1")


def run(service, user, seed, examples, *selection, unasked=BEYOND_SCHEMAS):
    token = service.mint(sub=user.id, email=user.email, exp=int(time.time()) + 86_400)
    (service.folder / "schemathesis.toml").write_text(REFUSALS)
    result = subprocess.run(
        [SCHEMATHESIS, "run", f"{service.url}/openapi.json", "--no-color",
         "--header", f"Authorization: Bearer {token}",
         "--header", "X-Internal-API-Key: dev-internal-key",
         "--checks", "all", "--exclude-checks", unasked, "--continue-on-failure",
         "--suppress-health-check", "filter_too_much,too_slow",
         "--max-examples", examples, "--seed", str(seed), *selection],
        cwd=service.folder, text=True, capture_output=True, timeout=3600)
    summary = re.search(r"(\d+) generated.*", result.stdout)
    print(f"seed {seed}: {summary.group() if summary else 'nothing ran'}")
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-2000:]
    assert summary and int(summary.group(1)) > 0


@pytest.fixture
def quiet(tmp_path):
    service = Service(tmp_path, LOG_LEVEL="error").start()
    yield service
    audit = service.audit()
    service.stop()
    assert audit.returncode == 0, audit.stdout
    # What went wrong inside would be told here, whatever the answer said.
    assert service.log.read_text() == ""


# The operations whose parts are refused in their places: the whole is answered with 200 though what
# is in it breaks the schema.
BATCHES = ["BatchUsageCalls", "BatchAPIUsage"]


def each_batch(option):
    return [word for batch in BATCHES for word in (option, batch)]


def test_no_generated_request_meets_an_answer_outside_the_document(quiet):
    run(quiet, quiet.sign_up(), 20_261_123, EXAMPLES, "--exclude-operation-id", "DeleteMe",
        *each_batch("--exclude-operation-id"))


def test_nor_does_one_of_a_seed_that_nobody_has_tried(quiet):
    run(quiet, quiet.sign_up(), secrets.randbelow(1 << 32), FRESH_EXAMPLES,
        "--phases", "fuzzing,stateful", "--exclude-operation-id", "DeleteMe",
        *each_batch("--exclude-operation-id"))


def test_nor_does_a_batch_of_generated_operations(quiet):
    run(quiet, quiet.sign_up(), 20_261_130, EXAMPLES, "--phases", "coverage,fuzzing",
        *each_batch("--include-operation-id"), unasked=f"{BEYOND_SCHEMAS},negative_data_rejection")


def test_nor_does_a_user_who_deletes_the_account_in_between(quiet):
    run(quiet, quiet.sign_up(), 1, "2",
        "--phases", "coverage,fuzzing", "--include-operation-id", "DeleteMe")


def test_a_member_that_may_be_left_out_may_be_null_and_the_document_says_so(quiet):
    document = quiet.call("GET", "/openapi.json").json
    name = document["components"]["schemas"]["UpdateMeRequest"]["properties"]["full_name"]
    assert {"type": "null"} in name["anyOf"]
    user = quiet.sign_up(full_name="Ada")
    answer = quiet.call("PATCH", "/auth/me", {"full_name": None}, headers=user.auth)
    assert answer.status == 200 and answer.json["full_name"] is None


def test_the_document_tells_the_headers_of_answers_and_what_is_taken_for_granted(quiet):
    document = quiet.call("GET", "/openapi.json").json
    general = {"401": "WWW-Authenticate", "405": "Allow", "429": "Retry-After",
               "502": "Retry-After", "503": "Retry-After"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                names = set(response["headers"])
                assert "X-Request-ID" in names, (path, status)
                assert names & set(general.values()) == {general.get(status)} - {None}
    assert set(document["components"]["headers"]) == {"X-Request-ID", *general.values()}
    validate = document["paths"]["/career/internal/usage/validate"]["post"]["responses"]
    limits = {f"X-RateLimit-{name}-{window}"
              for name in ("Limit", "Remaining", "Reset") for window in ("Minute", "Day")}
    for status, response in validate.items():
        assert (limits <= set(response["headers"])) == (status in ("200", "402", "409", "429"))
    schemas = document["components"]["schemas"]
    assert schemas["CareerCancelRequest"]["properties"]["cancel_at_period_end"]["default"] is True
    user = quiet.sign_up()
    answer = user.validate()
    assert limits <= {name for name in limits if name.lower() in answer.headers}


@pytest.mark.parametrize("cursor", ["A" * 21, "A" * 23, "=" * 22, "A" * 21 + "B", "+" * 22, "%20" * 22])
def test_a_cursor_is_only_what_was_given_out(quiet, cursor):
    user = quiet.sign_up()
    answer = user.get("/career/usage/logs?cursor=" + cursor)
    assert answer.status == 422 and answer.json["errors"][0]["loc"] == ["query", "cursor"]


def inline_enumerations(value, place=()):
    """Where lists of values stand that have no name of their own."""
    if isinstance(value, dict):
        if "enum" in value and not (len(place) == 3 and place[:2] == ("components", "schemas")):
            yield place
        for name, member in value.items():
            yield from inline_enumerations(member, (*place, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from inline_enumerations(member, (*place, index))


def test_each_enumeration_is_a_component_with_a_name_of_its_own(quiet):
    document = quiet.call("GET", "/openapi.json").json
    assert list(inline_enumerations(document)) == []
    schemas = document["components"]["schemas"]
    named = {name for name, schema in schemas.items() if "enum" in schema}
    assert {"UsageStatus", "FailureType", "SubscriptionStatus", "PlanType", "CreditGrantKind",
            "UsageAccess", "UsageDecision", "UsageGrouping", "RateLimitWindow"} <= named
    # One list has one name.
    lists = [tuple(schemas[name]["enum"]) for name in named]
    assert len(set(lists)) == len(lists)
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in schemas
    for name in schemas:
        assert f'"#/components/schemas/{name}"' in text, name


def test_the_document_names_servers(quiet):
    servers = quiet.call("GET", "/openapi.json").json["servers"]
    assert servers[0]["url"] == "/" and all(server["description"] for server in servers)


def test_the_page_shows_the_values_of_an_enumeration(quiet):
    page = quiet.call("GET", "/docs").bytes.decode()
    article = page.split('id="schema-UsageStatus"')[1].split("</article>")[0]
    assert all(status in article for status in ("PENDING", "SUCCESS", "FAILED", "EXPIRED"))
