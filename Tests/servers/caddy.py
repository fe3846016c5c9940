"""A Caddy of the tests' own, which passes requests on to a server and keeps its connections to that
in a pool. It listens on loopback only, has no admin endpoint and keeps its files in a private
folder."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from ports import free_port


class Caddy:
    def __init__(self, upstream):
        """`upstream` is the server's host and port."""
        if not shutil.which("caddy"):
            raise RuntimeError("caddy is missing: run scripts/install.sh tests")
        self.host, self.port = "127.0.0.1", free_port()
        self.folder = tempfile.mkdtemp(prefix="cuebx-caddy-")
        proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"{upstream[0]}:{upstream[1]}"}]}
        config = {
            "admin": {"disabled": True},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {"http": {"servers": {"tests": {
                "listen": [f"{self.host}:{self.port}"],
                "automatic_https": {"disable": True},
                "routes": [{"handle": [proxy]}]}}}},
        }
        path = os.path.join(self.folder, "caddy.json")
        with open(path, "w") as file:
            json.dump(config, file)
        self.process = subprocess.Popen(
            ["caddy", "run", "--config", path], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={
                "PATH": os.environ["PATH"], "HOME": self.folder, "XDG_CONFIG_HOME": self.folder,
                "XDG_DATA_HOME": self.folder})

    def start(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, \
                    "caddy does not listen"
                time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *failure):
        self.close()
