"""An AI tool server, small and whole: three tools, metered by the client `cuebx`.

    uvicorn tool_server:app

`CUEBX_URL`, `CUEBX_INTERNAL_KEY` and `CUEBX_SPOOL` say where the service is, by which key, and where the
spool lies; see clients/python/README.md.
"""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import analysis
import cuebx
import cuebx.fastapi
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field

# Characters of a text, and job ads of one request.
LONGEST_TEXT, MOST_ADS = 50_000, 100
PAGE = Path(__file__).parent / "page.html"

career = cuebx.Client()


@asynccontextmanager
async def life(app: FastAPI):
    yield
    await asyncio.to_thread(career.close)


app = FastAPI(title="Career tools", lifespan=life)
cuebx.fastapi.install(app)


def metered(feature: str):
    return Annotated[cuebx.Metered, Depends(cuebx.fastapi.metered(career, feature))]


def customer_of(request: Request):
    """A company whose software asks: its workspace, and its key."""
    return cuebx.Customer(request.headers.get("x-client-id"), request.headers.get("authorization"))


def metered_by_key(feature: str):
    return Annotated[cuebx.Metered, Depends(cuebx.fastapi.metered(career, feature, customer=customer_of))]


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class Resume(BaseModel):
    resume: Text


class Match(Resume):
    job: Text


class Matches(Resume):
    jobs: Annotated[list[Text], Field(min_length=1, max_length=MOST_ADS)]
    # As long as a model would think about each; there to see a call that outlives its first hold.
    seconds_each: Annotated[float, Field(ge=0, le=600)] = 0


@app.post("/v1/resume/keywords")
async def extract_keywords(question: Resume, metered: metered("career.extract_keywords")):
    """What the résumé is about."""
    async with metered:
        found = await asyncio.to_thread(analysis.keywords, question.resume)
        return {"keywords": [vars(keyword) for keyword in found]}


@app.post("/v1/job-match")
async def job_match(question: Match, metered: metered("career.job_match")):
    """How well résumé and job fit, and what is missing."""
    async with metered:
        return await asyncio.to_thread(analysis.job_match, question.resume, question.job)


@app.post("/v1/api/job-match")
async def job_match_by_key(question: Match, metered: metered_by_key("api.job_match")):
    """The same for customers' software, by key; what a test key asks for is made up, and free."""
    async with metered as call:
        if call.is_test_key:
            return analysis.job_match("A résumé: Python.", "Python is required.")
        return await asyncio.to_thread(analysis.job_match, question.resume, question.job)


@app.post("/v1/feedback")
async def feedback(question: Resume, metered: metered("career.feedback_analyzer")):
    """Advice, sentence by sentence, as it is found; who closes the page pays for a call once the first
    sentence came."""
    async def sentences():
        for sentence in analysis.feedback(question.resume):
            await asyncio.sleep(0)
            yield sentence + "\n"

    return StreamingResponse(
        await metered.stream(sentences()), media_type="text/plain; charset=utf-8")


@app.post("/v1/job-match/many")
async def job_matches(question: Matches, metered: metered("career.career_path")):
    """One résumé beside many jobs, a line of JSON each: a call that runs long, and whose hold is
    prolonged meanwhile."""
    async def lines():
        for number, job in enumerate(question.jobs):
            await asyncio.sleep(question.seconds_each)
            match = await asyncio.to_thread(analysis.job_match, question.resume, job)
            yield json.dumps({"number": number, "score": match["score"],
                              "required_missing": match["required_missing"]}) + "\n"

    return StreamingResponse(await metered.stream(lines()), media_type="application/x-ndjson")


@app.get("/", response_class=HTMLResponse)
async def page():
    """Where a person tries the tools; signing in is the service's, from the page."""
    return PAGE.read_text().replace("%SERVICE%", os.environ.get("CUEBX_PUBLIC_URL") or career.url)


@app.get("/health")
async def health():
    return {"status": "ok"}
