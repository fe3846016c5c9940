"""What takes its time on the wall's clock; it has been under way since the first of the tests."""


def test_a_body_that_does_not_arrive_is_408_after_half_a_minute(service):
    service.slow.thread.join(45)
    assert b" 408 " in service.slow.answer and b'"request_timeout"' in service.slow.answer
    assert b"Connection: close" in service.slow.answer
    assert 29 < service.slow.seconds < 40
    assert service.call("GET", "/health").status == 200
