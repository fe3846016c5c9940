"""A real PostgreSQL of the tests' own: Debian's, in a private temporary folder, on a free port of
the loopback interface, stopped when it is done.

    python Tests/servers/postgresql.py COMMAND…    runs the command with CUEBX_TEST_POSTGRESQL set
"""

import contextlib
import glob
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid

from memory import memory_folder
from ports import free_port

HELP = """PostgreSQL's server programs are needed for the tests and were not found.
Install them with:  apt-get install postgresql
They are looked for on PATH and in /usr/lib/postgresql/*/bin."""
VARIABLE = "CUEBX_TEST_POSTGRESQL"


class PostgreSQL:
    """One server. Durable settings are off unless asked for: the tests end processes, not
    machines. An encrypted one takes no connections that are not, and nobody from whom it has not
    seen a certificate; what it needs and its clients may show is in `certificates`."""

    def __init__(self, durable=False, encrypted=False):
        self.bin = find_programs()
        self.folder = tempfile.mkdtemp(
            prefix="cuebx-postgresql-", dir=None if durable else memory_folder())
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.user = unprivileged_user()
        if self.user:
            shutil.chown(self.folder, self.user)
        # What is asked for by default takes both sides milliseconds, for each of thousands of
        # connections; the durable and the encrypted servers of the tests ask for it.
        method = "scram-sha-256" if durable or encrypted else "md5"
        self.run("initdb", "--pgdata", self.data, "--username", "cuebx", "--auth", method,
                 "--pwfile", self.password_file(), "--encoding", "UTF8", "--locale", "C.UTF-8",
                 "--no-sync")
        self.port = free_port()
        settings = {
            "listen_addresses": "'127.0.0.1'", "port": self.port, "max_connections": 300,
            "unix_socket_directories": "''", "shared_buffers": "'128MB'",
            "log_min_messages": "warning",
        }
        if not durable:
            settings |= {
                "autovacuum": "off", "jit": "off", "fsync": "off", "full_page_writes": "off",
                "wal_level": "minimal",
                "max_wal_senders": 0, "max_wal_size": "'256MB'"}
        if encrypted:
            settings |= self.encrypt()
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.start()

    def password_file(self):
        path = os.path.join(self.folder, "password")
        with open(path, "w") as file:
            file.write("cuebx-test")
        os.chmod(path, 0o644)
        return path

    def encrypt(self):
        """Settings with which it goes by certificates of its own."""
        from certificates import make_certificates
        self.certificates = os.path.join(self.folder, "certificates")
        make_certificates(self.certificates)
        if self.user:
            for path in (self.certificates, *glob.glob(self.certificates + "/*")):
                shutil.chown(path, self.user)
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
            file.write("hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n")
        return {
            "ssl": "on", "ssl_ca_file": f"'{self.certificates}/authority.pem'",
            "ssl_cert_file": f"'{self.certificates}/server.pem'",
            "ssl_key_file": f"'{self.certificates}/server.key'"}

    def run(self, program, *arguments):
        command = [os.path.join(self.bin, program), *arguments]
        if self.user:
            command = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups",
                       *command]
        result = subprocess.run(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60,
            # Else each of the thousands of connections looks its functions up anew.
            env={**os.environ, "LD_BIND_NOW": "1"})
        if result.returncode != 0:
            raise RuntimeError(f"{program} failed: {result.stdout}")

    def start(self):
        self.run("pg_ctl", "start", "--wait", "--silent", "--pgdata", self.data,
                 "--log", self.log)

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "--wait", "--silent", "--pgdata", self.data, "--mode", mode)

    def remove(self):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def encrypted_url(self, host="localhost", **parameters):
        """By default whoever goes there trusts the server's authority and shows a certificate."""
        query = {
            "sslmode": "verify-full", "sslrootcert": f"{self.certificates}/authority.pem",
            "sslcert": f"{self.certificates}/client.pem",
            "sslkey": f"{self.certificates}/client.key", **parameters}
        query = "&".join(f"{name}={value}" for name, value in query.items() if value)
        return f"postgres://cuebx:cuebx-test@{host}:{self.port}/postgres?{query}"

    @property
    def url(self):
        return f"postgres://cuebx:cuebx-test@127.0.0.1:{self.port}/postgres?sslmode=disable"


def new_database(url):
    """Makes an empty database on the server of this URL and returns its URL."""
    return make_database(url, "template1")


def copy_database(url):
    """Makes a copy of a database that nobody is connected to and returns its URL."""
    disconnect(url)
    return make_database(url, name_of(url))


def make_database(url, template):
    name = f"t_{uuid.uuid4().hex}"
    # Copying files is the faster way where nothing is synced.
    administer(url, f"CREATE DATABASE {name} TEMPLATE {template}", " STRATEGY FILE_COPY")
    return re.sub(r"/[^/?]*\?", f"/{name}?", url)


def drop_database(url):
    disconnect(url)
    administer(url, f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")


def name_of(url):
    return re.search(r"/([^/?]*)\?", url).group(1)


def administer(url, sql, since_15=""):
    with connected(re.sub(r"/[^/?]*\?", "/postgres?", url)) as connection:
        connection.execute(sql + (since_15 if connection.info.server_version >= 150_000 else ""))


# The main thread's, by URL.
kept = {}


@contextlib.contextmanager
def connected(url):
    """A connection, on which each statement is a transaction of its own. The main thread's stays open
    for what comes next: to open one takes both sides milliseconds, thousands of times."""
    import psycopg
    if threading.current_thread() is not threading.main_thread():
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
        return
    if url in kept and not is_alive(kept[url]):
        disconnect(url)
    if url not in kept:
        # Whoever looks for a service's connections by its name does not find this one.
        kept[url] = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, application_name="tests")
    yield kept[url]


# libpq's PQTRANS_IDLE.
IDLE = 0


def is_alive(connection):
    """The server may have been stopped, and says so on a connection that lies idle."""
    if connection.closed or connection.info.transaction_status != IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def disconnect(url):
    if url in kept:
        kept.pop(url).close()


def find_programs():
    found = shutil.which("initdb")
    folders = [os.path.dirname(found)] if found else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in folders:
        if os.access(os.path.join(folder, "initdb"), os.X_OK):
            return folder
    sys.exit(HELP)


def unprivileged_user():
    """PostgreSQL refuses to run as root; its package makes a user for it."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    sys.exit("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def main(arguments):
    durable = arguments[:1] == ["--durable"]
    command = arguments[1:] if durable else arguments
    # Whoever ends this ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = PostgreSQL(durable)
    try:
        environment = {**os.environ, VARIABLE: server.url}
        return subprocess.run(command, env=environment).returncode
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
