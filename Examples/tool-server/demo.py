#!/usr/bin/env python3
"""Starts the service and the tool server and says which pages to open; Ctrl-C ends both.

    make demo                           # http://127.0.0.1:8080 and :8000
    PORT=9080 TOOLS_PORT=9000 make demo
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CUEBX_BINARY", str(ROOT / ".build/release/cuebx"))
# Seconds that each of the two may take to answer.
START_SECONDS = 60


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def wait_for(url, process):
    deadline = time.monotonic() + START_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{url} does not answer")
        time.sleep(0.1)


def start(processes, command, url, **settings):
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, cwd=ROOT, stdout=subprocess.DEVNULL)
    processes.append(process)
    wait_for(url, process)


def main():
    port, tools_port = os.environ.get("PORT", "8080"), os.environ.get("TOOLS_PORT", "8000")
    service, tools = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{tools_port}"
    processes = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        start(processes, [BINARY, "serve"], f"{service}/health",
              PORT=port, CORS_ORIGINS=tools, LOG_LEVEL=os.environ.get("LOG_LEVEL", "warning"))
        start(processes, [sys.executable, "-m", "uvicorn", "tool_server:app", "--port", tools_port,
                          "--app-dir", "Examples/tool-server", "--log-level", "warning"],
              f"{tools}/health", CUEBX_URL=service, PYTHONPATH="clients/python/src",
              CUEBX_SPOOL=str(ROOT / "var/demo-spool"))
        print(f"\nOpen these:\n  {tools}/             the tools: sign up, and spend"
              f"\n  {service}/dev/mailbox  the code that is mailed to you"
              + (f"\n  {service}/account      what you spent" if answers(f"{service}/account")
                 or answers(f"{service}/signin") else "")
              + f"\n  {service}/docs         the service's API"
              f"\n  {tools}/docs         the tools' API\nCtrl-C ends both.", flush=True)
        for process in processes:
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(30)


if __name__ == "__main__":
    main()
