"""OpenTelemetry's names, on the host's own span."""

import cuebx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

FEATURE = "career.job_match"


@pytest.fixture
def spans():
    """The attributes of each span that has ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.tracer = provider.get_tracer("test")
    return exporter


def attributes(spans):
    return [dict(span.attributes) for span in spans.get_finished_spans()]


def test_a_call_describes_the_span_that_it_is_made_in(career, user, spans):
    with spans.tracer.start_as_current_span("well"):
        with career.metered(FEATURE, user=user.token(), request_id="one") as call:
            call.settle(input_tokens=10, output_tokens=5, model="m")
    with spans.tracer.start_as_current_span("failed"), pytest.raises(TimeoutError):
        with career.metered(FEATURE, user=user.token()):
            raise TimeoutError
    well, failed = attributes(spans)
    assert well == {
        "cuebx.feature": FEATURE, "cuebx.request_id": "one", "cuebx.usage_id": call.usage_id,
        "cuebx.credits_reserved": "1.00", "cuebx.outcome": "success", "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    assert (failed["cuebx.outcome"], failed["error.type"]) == ("failure", "timeout")


def test_a_call_that_may_not_run_says_why_and_nothing_of_the_token(career, user, spans):
    token = user.token()
    with spans.tracer.start_as_current_span("refused"), pytest.raises(cuebx.InvalidRequest):
        with career.metered("career.nothing", user=token, payload="secret"):
            raise AssertionError
    [refused] = attributes(spans)
    assert (refused["cuebx.outcome"], refused["error.type"]) == ("not_run", "validation_error")
    assert token not in str(refused) and "secret" not in str(refused) and "cuebx.usage_id" not in refused


def test_a_call_that_was_not_answered_in_time_says_so(service, user, spans, tmp_path):
    with cuebx.Client(service.url, spool=tmp_path, validate_seconds=0.000_001) as client:
        with spans.tracer.start_as_current_span("late"), pytest.raises(cuebx.Unavailable):
            client.metered(FEATURE, user=user.token()).__enter__()
    [told] = attributes(spans)
    assert (told["cuebx.outcome"], told["error.type"]) == ("not_run", "Unavailable")


def test_without_a_span_nothing_is_described(career, user, spans):
    with career.metered(FEATURE, user=user.token()):
        pass
    assert attributes(spans) == []
