"""Takes the steps of a scenario: see clients/scenarios/README.md."""

import argparse
import asyncio
import base64
import json
import logging
import queue
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import cuebx  # noqa: E402
import httpx  # noqa: E402


class RateLimitError(Exception):
    status_code = 429


class ValidationError(ValueError):
    """As schemas' libraries name theirs."""


class ClientDisconnect(Exception):
    """As web frameworks name theirs."""


ERRORS = {
    "timeout": TimeoutError(), "upstream": httpx.ConnectError("away"), "rate_limited": RateLimitError(),
    "invalid_response": json.JSONDecodeError("no", "", 0), "validation": ValidationError(),
    "client": ClientDisconnect(), "internal": KeyError("x")}
OPTIONS = ("validate_seconds", "commit_seconds", "answer_seconds", "first_pause", "longest_pause",
           "adopt_every", "capture_every", "spool_results")


class Written(logging.Formatter):
    """As a host's logger writes a record with all that comes with it."""

    def format(self, record):
        return f"{super().format(record)} {getattr(record, 'cuebx', '')}"


def told(error):
    logging.getLogger("host").debug("raised %r", error, exc_info=error)
    result = {"kind": type(error).__name__ if isinstance(error, cuebx.CueBXError) else "Defect",
              "message": str(error) if isinstance(error, cuebx.CueBXError) else repr(error)}
    for name in ("status", "code", "retry_after", "usage_id", "usage_status"):
        if (value := getattr(error, name, None)) is not None:
            result[name] = value
    return {"error": result}


def user_of(token):
    """As a host would, but for the signature."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]


class Driver:
    def __init__(self):
        self.calls, self.events, self.client, self.lock = {}, [], None, threading.Lock()

    def answer(self, n, result):
        with self.lock:
            print(json.dumps({"n": n, **result}, default=repr), flush=True)

    def start(self, step):
        if self.client:
            self.client.close()
        self.calls.clear()
        self.events = events = []
        options = {name: step["options"][name] for name in OPTIONS if name in step["options"]}
        if outage := step["options"].get("outage"):
            options["outage"] = cuebx.fail_open_with_journal(**outage, verify_token=user_of)
        self.client = cuebx.Client(
            step["url"], step["internal_key"], step["spool"],
            on_event=lambda event: events.append({"name": event.name, **event.fields}), **options)
        return {"started": True, "can": self.can}

    def metered(self, step):
        whose = {"customer": cuebx.Customer(step["client_id"], step["api_key"])} if "api_key" in step \
            else {"user": step.get("user")}
        return self.client.metered(
            step["feature"], **whose, payload=step.get("payload", ""),
            request_id=step.get("request_id"), endpoint="/v1/tool", estimate=step.get("estimate"),
            hold_seconds=step.get("hold_seconds"),
            parent=self.calls[step["parent"]].call if "parent" in step else None)

    @staticmethod
    def entered(call):
        logging.getLogger("host").debug("entered %r", call)
        return {"entered": True, "usage_id": call.usage_id, "credits_reserved": call.credits_reserved,
                "is_test_key": call.is_test_key}

    @staticmethod
    def settle(call, step):
        if "settle" in step:
            call.settle(**step["settle"])
        if "result" in step:
            call.keep_result(**step["result"])
        if "fail" in step:
            call.fail(**step["fail"])
        if "raise" in step:
            raise ERRORS[step["raise"]]

    @staticmethod
    def chunk(step):
        if "usage" in step:
            usage = step["usage"]
            return {"usage": {name: usage[name] for name in usage if name != "model"},
                    "model": usage.get("model")}
        return step["text"]

    def plain(self, step):
        """Steps that are the same in both modes."""
        if step["do"] == "start":
            return self.start(step)
        if step["do"] == "events":
            print(f"told {step['n']}", file=sys.stderr, flush=True)
            return {"events": [event["name"] for event in self.events], "told": list(self.events)}
        if step["do"] == "gather":
            sender = self.client._engine.sender
            while sum(len(lane.live) for lane in sender.lanes.values()) < step["number"]:
                time.sleep(0.005)
            return {"gathered": True}
        if step["do"] == "flush":
            return {"flushed": self.client.flush(step.get("seconds", 10))}
        return {"closed": self.client.close()}


class Running:
    """A call, and the steps for its body."""

    def __init__(self, steps):
        self.steps, self.call, self.task = steps, None, None


class AsyncDriver(Driver):
    can = ["cancel_calls", "streams", "journal"]

    async def run(self):
        lines = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def read():
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, json.loads(line))
            loop.call_soon_threadsafe(lines.put_nowait, None)

        threading.Thread(target=read, daemon=True).start()
        while (step := await lines.get()) is not None:
            await self.take(step)
        if self.client:
            await asyncio.to_thread(self.client.close)

    async def take(self, step):
        n = step["n"]
        if step["do"] == "begin":
            running = self.calls[step["call"]] = Running(asyncio.Queue())
            running.task = asyncio.ensure_future(self.body(step, running))
        elif step["do"] == "cancel":
            task = self.calls[step["call"]].task
            task.cancel()
            await asyncio.wait({task})
            self.answer(n, {"canceled": task.cancelled()})
        elif step["do"] in ("end", "chunk"):
            self.calls[step["call"]].steps.put_nowait(step)
        else:
            self.answer(n, await asyncio.to_thread(self.plain, step))

    async def body(self, begin, running):
        last = begin
        try:
            async with self.metered(begin) as call:
                running.call = call
                self.answer(begin["n"], self.entered(call))
                last = await (self.consume(call, running) if begin.get("stream")
                              else running.steps.get())
                self.settle(call, last)
            self.answer(last["n"], {"ended": True})
        except asyncio.CancelledError:
            if running.call is None:
                self.answer(begin["n"], {"error": {"kind": "Canceled"}})
            raise
        except Exception as error:
            self.failed(running, last, error)

    def failed(self, running, last, error):
        own = error in ERRORS.values()
        n = getattr(running, "last", last)["n"]
        self.answer(n, {"ended": True, "raised": True} if own else told(error))

    async def consume(self, call, running):
        async def source():
            while True:
                step = running.last = await running.steps.get()
                if step["do"] == "end":
                    if "raise" in step:
                        raise ERRORS[step["raise"]]
                    return
                yield self.chunk(step)

        async for _ in call.stream(source()):
            self.answer(running.last["n"], {"chunk": True})
        return running.last


class SyncDriver(Driver):
    can = ["streams", "journal"]

    def run(self):
        for line in sys.stdin:
            step = json.loads(line)
            if step["do"] == "begin":
                running = self.calls[step["call"]] = Running(queue.Queue())
                threading.Thread(target=self.body, args=(step, running), daemon=True).start()
            elif step["do"] in ("end", "chunk"):
                self.calls[step["call"]].steps.put(step)
            else:
                self.answer(step["n"], self.plain(step))
        if self.client:
            self.client.close()

    def body(self, begin, running):
        last = begin
        try:
            with self.metered(begin) as call:
                running.call = call
                self.answer(begin["n"], self.entered(call))
                last = self.consume(call, running) if begin.get("stream") else running.steps.get()
                self.settle(call, last)
            self.answer(last["n"], {"ended": True})
        except Exception as error:
            AsyncDriver.failed(self, running, last, error)

    def consume(self, call, running):
        def source():
            while True:
                step = running.last = running.steps.get()
                if step["do"] == "end":
                    if "raise" in step:
                        raise ERRORS[step["raise"]]
                    return
                yield self.chunk(step)

        for _ in call.stream(source()):
            self.answer(running.last["n"], {"chunk": True})
        return running.last


if __name__ == "__main__":
    handler = logging.StreamHandler()
    handler.setFormatter(Written("%(name)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["async", "sync"], default="async")
    if parser.parse_args().mode == "async":
        asyncio.run(AsyncDriver().run())
    else:
        SyncDriver().run()
