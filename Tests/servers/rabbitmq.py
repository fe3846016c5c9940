"""A real RabbitMQ for the tests: Debian's server on loopback ports of its own, with its data in a
private folder that goes with it. Nothing of a RabbitMQ that the machine may run is touched.

As a command it runs another with the server's address in CUEBX_TEST_AMQP_URL, and its ports in
CUEBX_TEST_RABBITMQ_PORTS:

    .venv/bin/python Tests/servers/rabbitmq.py swift test
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from certificates import make_certificates
from memory import memory_folder
from ports import free_ports

# Beside the wrapper in /usr/sbin, which would run it as another user on system folders.
SERVER = Path(os.environ.get("RABBITMQ_SERVER", "/usr/lib/rabbitmq/bin/rabbitmq-server"))
START_SECONDS = 120
LOGS = Path(__file__).resolve().parents[2] / "var/test"
USER, PASSWORD = "career", "p@ss/word"
PORTS = "CUEBX_TEST_RABBITMQ_PORTS"


class MissingServer(Exception):
    def __init__(self):
        super().__init__(
            f"there is no RabbitMQ server at {SERVER}: \"scripts/install.sh tests\" installs "
            "Debian's rabbitmq-server; another one is named by RABBITMQ_SERVER")


class RunningRabbitMQ:
    """A server that somebody else has started."""

    def __init__(self, port, management, encrypted, certificates):
        self.port, self.management, self.encrypted = port, management, encrypted
        # The folder of those that its encrypted port goes by.
        self.certificates = certificates
        self.vhosts = []

    @property
    def ports(self):
        return f"{self.port} {self.management} {self.encrypted} {self.certificates}"

    def url(self, vhost="%2F"):
        return f"amqp://{USER}:p%40ss%2Fword@127.0.0.1:{self.port}/{vhost}"

    def encrypted_url(self, vhost="%2F", host="localhost", **files):
        """By default whoever goes there trusts the server's authority and shows no certificate."""
        files = {"cacertfile": "authority.pem", **files}
        query = "&".join(f"{name}={self.certificates}/{file}" for name, file in files.items())
        return f"amqps://{USER}:p%40ss%2Fword@{host}:{self.encrypted}/{vhost}?{query}"

    def new_vhost(self):
        """The address of a virtual host that nobody has used yet, and its name."""
        name = f"test-{uuid.uuid4().hex}"
        self.api("PUT", f"/vhosts/{name}", {})
        self.vhosts.append(name)
        return self.url(name), name

    def drop_vhosts(self, number):
        """Drops those beyond the first so many: what lies in a hundred of them keeps it busy."""
        while len(self.vhosts) > number:
            self.api("DELETE", f"/vhosts/{self.vhosts.pop()}")

    def api(self, method, path, body=None):
        """The management plugin's HTTP interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management}/api{path}", method=method,
            data=None if body is None else json.dumps(body).encode())
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None


class RabbitMQ(RunningRabbitMQ):
    """A server of its own."""

    def __init__(self):
        if not SERVER.exists():
            raise MissingServer()
        self.folder = Path(tempfile.mkdtemp(prefix="cuebx-rabbitmq-", dir=memory_folder()))
        port, self.distribution, self.names, management, encrypted = free_ports(5)
        certificates = self.folder / "certificates"
        make_certificates(certificates)
        super().__init__(port, management, encrypted, certificates)
        self.server = None
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        # What it tells of its queues is no older than that.
        (self.folder / "advanced.config").write_text(
            "[{rabbit, [{quorum_tick_interval, 500}]}].\n")
        # No other environment file is read, nor /etc.
        (self.folder / "environment").write_text("")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"listeners.ssl.1 = 127.0.0.1:{self.encrypted}\n"
            f"ssl_options.cacertfile = {certificates}/authority.pem\n"
            f"ssl_options.certfile = {certificates}/server.pem\n"
            f"ssl_options.keyfile = {certificates}/server.key\n"
            # A certificate is not asked for; one that is shown must be good.
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.management}\n"
            f"default_user = {USER}\ndefault_pass = {PASSWORD}\n"
            "log.file.level = info\n"
            "collect_statistics_interval = 1000\n"
            "disk_free_limit.absolute = 1MB\nvm_memory_high_watermark.relative = 0.8\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.names), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "cuebx@localhost", "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
        }
        # The server would leave one of its own running behind it.
        self.name_server = subprocess.Popen(
            ["epmd", "-port", str(self.names), "-address", "127.0.0.1"], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        with open(self.folder / "output", "ab") as output:
            self.server = subprocess.Popen(
                [str(SERVER)], env=self.environment, cwd=self.folder, process_group=0,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    "RabbitMQ did not start:\n" + (self.folder / "output").read_text()[-4000:])
            time.sleep(0.1)
        return self

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"AMQP\0\0\x09\x01")
                if not connection.recv(1):
                    return False
            return self.api("GET", "/overview")["node"] == "cuebx@localhost"
        except (OSError, urllib.error.URLError):
            return False

    def stop(self):
        """As an operator stops it."""
        self.end(signal.SIGTERM)

    def kill(self):
        """As a machine that loses its power does."""
        self.end(signal.SIGKILL)

    def end(self, how):
        if self.server and self.server.poll() is None:
            os.killpg(self.server.pid, how)
            try:
                self.server.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.server.pid, signal.SIGKILL)
                self.server.wait(10)

    def close(self):
        self.kill()
        self.name_server.terminate()
        self.name_server.wait(10)
        self.keep_log()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep_log(self):
        """What the last server said stays where the tests' own output is."""
        with contextlib.suppress(OSError):
            shutil.copy(self.folder / "log/cuebx@localhost.log", LOGS / "rabbitmq-server.log")


def main():
    # Whoever ends this ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = RabbitMQ()
    try:
        server.start()
        environment = {**os.environ, "CUEBX_TEST_AMQP_URL": server.url(), PORTS: server.ports}
        return subprocess.run(sys.argv[1:], env=environment).returncode
    finally:
        server.close()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MissingServer as error:
        sys.exit(f"rabbitmq.py: {error}")
