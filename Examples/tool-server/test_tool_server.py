"""The example: what it says of texts, and that each tool is metered."""

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "clients/python/src"), str(ROOT / "clients/scenarios")]

import analysis  # noqa: E402
from world import Customer, Service  # noqa: E402

RESUME = """Ada Example, ada@example.test
- Led a team of 6 and reduced build times by 40% with Swift and CI/CD, 2021 to 2024
- Responsible for the payments service in Python and PostgreSQL
- I am a passionate team player, my code is tested
"""
JOB = """We need a backend engineer.
You must know Python and PostgreSQL. Kubernetes is required.
Nice to have: Swift, C++.
"""


@pytest.fixture(scope="module")
def service():
    service = Service().start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def tools(service, tmp_path_factory):
    os.environ |= {"CUEBX_URL": service.url, "CUEBX_SPOOL": str(tmp_path_factory.mktemp("spool"))}
    import tool_server
    yield tool_server
    tool_server.career.close()


@pytest.fixture
def user(service):
    return service.new_user()


@pytest.fixture
def ask(tools, user):
    def ask(path, body, token=True, **headers):
        async def main():
            transport = httpx.ASGITransport(tools.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tools") as client:
                given = {"Authorization": f"Bearer {user.token()}"} if token else {}
                return await client.post(path, json=body, headers={**given, **headers})
        return asyncio.run(main())
    return ask


# What the tools say


def test_a_match_names_what_is_there_what_is_missing_and_what_was_required():
    match = analysis.job_match(RESUME, JOB)
    assert {"python", "postgresql", "swift"} <= set(match["found"])
    assert "kubernetes" in match["required_missing"] and "c++" in match["missing"]
    assert "c++" not in match["required_missing"] and 0 < match["score"] < 100


@pytest.mark.parametrize("resume, job, score", [
    ("", JOB, 0), (RESUME, "", 0), (JOB, JOB, 100), ("...", "???", 0), ("C++", "Must: C++.", 100)])
def test_the_scores_ends(resume, job, score):
    assert analysis.job_match(resume, job)["score"] == score


def test_what_is_required_weighs_more_than_what_is_nice_to_have():
    job = "Must know Kafka.\nNice to have: Redis."
    assert analysis.job_match("Kafka", job)["score"] > analysis.job_match("Redis", job)["score"]


def test_keywords_are_names_and_pairs_not_stop_words():
    found = [keyword.word for keyword in analysis.keywords(
        "Machine learning with C++ and the C++ team. Machine learning for fraud detection. "
        "Fraud detection is what we do.")]
    assert {"machine learning", "c++", "fraud detection"} <= set(found)
    assert not {"the", "and", "with"} & set(found)


def test_feedback_says_what_it_is_said_of():
    told = " ".join(analysis.feedback(RESUME))
    assert "1 of 3 points begin with what you did" in told and "“responsible for”" in told
    assert "team player" in told and "email" not in told and "python" in told.lower()


@pytest.mark.parametrize("text", ["", " ", "\0", "\n\n", "•", "x" * 50_000, "é" * 1000, "a b " * 5000])
def test_no_text_breaks_a_tool(text):
    assert list(analysis.feedback(text))
    analysis.keywords(text)
    analysis.job_match(text, text)


# That they are metered


@pytest.mark.parametrize("path, body, feature", [
    ("/v1/resume/keywords", {"resume": RESUME}, "career.extract_keywords"),
    ("/v1/job-match", {"resume": RESUME, "job": JOB}, "career.job_match"),
    ("/v1/feedback", {"resume": RESUME}, "career.feedback_analyzer"),
    ("/v1/job-match/many", {"resume": RESUME, "jobs": [JOB, "Redis"]}, "career.career_path"),
])
def test_each_tool_is_charged_once(path, body, feature, ask, tools, user):
    answer = ask(path, body, **{"Idempotency-Key": "one"})
    assert answer.status_code == 200 and answer.text
    assert tools.career.flush(20)
    assert ask(path, body, **{"Idempotency-Key": "one"}).status_code == 409
    [log] = user.logs
    assert (log["status"], log["feature_key"], log["endpoint"]) == ("SUCCESS", feature, path)


def test_a_customers_software_asks_by_key_and_a_test_is_canned_and_free(ask, tools, service):
    acme = Customer(service)
    acme.make_key("test", is_test_key=True)
    live, test = ({"Authorization": f"Bearer {key}", "X-Client-ID": acme.client_id} for key in acme.secrets)
    body = {"resume": RESUME, "job": JOB}
    assert ask("/v1/api/job-match", body, **live).json() == analysis.job_match(RESUME, JOB)
    assert ask("/v1/api/job-match", body, **test).json()["score"] == 100
    assert tools.career.flush(20) and acme.balance["credits_used"] == "1.00"
    acme.revoke("live")
    refused = ask("/v1/api/job-match", body, **live)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")


def test_many_jobs_are_a_line_each(ask):
    lines = ask("/v1/job-match/many", {"resume": RESUME, "jobs": [JOB] * 3}).text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]


@pytest.mark.parametrize("path", ["/v1/job-match", "/v1/feedback"])
def test_a_refusal_is_an_answer_before_anything_is_sent(path, ask, user):
    user.leave("0.10")
    answer = ask(path, {"resume": RESUME, "job": JOB})
    assert answer.status_code == 429 and answer.json()["code"] == "quota_exceeded"


@pytest.mark.parametrize("body", [{}, {"resume": ""}, {"resume": "x" * 50_001}, {"resume": 1}])
def test_wrong_input_is_422_and_never_asked_for(body, ask, user):
    assert ask("/v1/resume/keywords", body).status_code == 422
    assert user.logs == []


def test_without_a_token_it_is_401(ask):
    assert ask("/v1/feedback", {"resume": RESUME}, token=False).status_code == 401


def test_a_stream_that_nobody_begins_to_read_is_given_back(tools, user):
    async def main():
        async def source():
            yield "never"
        stream = await tools.career.metered("career.job_match", user=user.token()).stream(source())
        del stream

    asyncio.run(main())
    assert tools.career.flush(20)
    assert [(log["status"], log["failure_type"]) for log in user.logs] == [("FAILED", "client_error")]


def test_the_page_names_the_service(tools, service):
    async def main():
        async with httpx.AsyncClient(
                transport=httpx.ASGITransport(tools.app), base_url="http://tools") as client:
            return (await client.get("/")).text
    text = asyncio.run(main())
    assert f'const service = "{service.url}"' in text and "%SERVICE%" not in text
