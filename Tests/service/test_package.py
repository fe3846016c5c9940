"""The Debian package, installed, run and removed in a bare root: Debian's essential packages and
what the package itself says that it needs, nothing else of this machine."""

import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from conftest import BINARY, ROOT
from ports import free_ports

ENGINE = "sqlite"
SECRETS = {
    "JWT_SECRET": "a1" * 32, "TOKEN_HASH_SECRETS": "b2" * 32, "OPERATOR_SECRET": "c3" * 32,
    "INTERNAL_API_KEYS": "d4" * 24, "STRIPE_SECRET_KEY": "sk_live_" + "e5" * 20,
    "STRIPE_WEBHOOK_SECRET": "whsec_" + "f6" * 16}
# Of a package: what is not needed to run it.
UNNEEDED = re.compile(r"^/usr/share/(doc|man|locale|info|lintian|bug)/|/\.$")


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)


def stanzas():
    """Debian's list of what is installed on this machine, by package."""
    found = {}
    for text in pathlib.Path("/var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]+): (.*)$", text, re.M))
        if "ok installed" in fields.get("Status", ""):
            found[fields["Package"]] = (fields, text)
            for name in re.findall(r"[\w.+-]+", re.sub(r"\(.*?\)", "", fields.get("Provides", ""))):
                found.setdefault(name, (fields, text))
    return found


def names(depends):
    for alternatives in depends.split(","):
        yield [re.match(r"[\w.+-]+", one.strip()).group() for one in alternatives.split("|")
               if one.strip()]


def closure(wanted, installed):
    """The packages, and all that they depend on, as this machine has them."""
    seen, waiting = {}, list(wanted)
    while waiting:
        name = waiting.pop()
        fields, text = installed[name]
        if fields["Package"] in seen:
            continue
        seen[fields["Package"]] = (fields, text)
        for alternatives in names(
                ", ".join(filter(None, (fields.get("Depends"), fields.get("Pre-Depends"))))):
            there = [one for one in alternatives if one in installed]
            if there and not any(installed[one][0]["Package"] in seen for one in there):
                waiting.append(there[0])
    return seen


def files_of(package, fields):
    told = run("dpkg-query", "-L", f"{package}:{fields['Architecture']}"
               if fields.get("Multi-Arch") == "same" else package)
    assert told.returncode == 0, told.stderr
    for path in told.stdout.splitlines():
        if path.startswith("/") and not UNNEEDED.search(path) and os.path.lexists(path):
            if os.path.islink(path) or not os.path.isdir(path):
                yield path


def bare_root(root, depends):
    """A Debian as small as it gets: no apt, no Python, no systemd, no libraries but these."""
    installed = stanzas()
    essential = [name for name, (fields, _) in installed.items()
                 if fields.get("Essential") == "yes" and fields["Package"] == name]
    wanted = [alternatives[0] for alternatives in names(depends)]
    packages = closure([*essential, *wanted], installed)
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "tmp", "etc",
                 "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "run"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    listed = sorted({path.lstrip("/") for name, (fields, _) in packages.items()
                     for path in files_of(name, fields)})
    pack = subprocess.Popen(["tar", "-C", "/", "--no-recursion", "-c", "-T", "-"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "-C", str(root), "--keep-directory-symlink", "-x"],
                              stdin=pack.stdout)
    pack.stdin.write("\n".join(listed).encode())
    pack.stdin.close()
    assert unpack.wait(120) == 0 and pack.wait(120) == 0
    pack.stdout.close()
    shutil.copy("/usr/share/base-passwd/passwd.master", root / "etc/passwd")
    shutil.copy("/usr/share/base-passwd/group.master", root / "etc/group")
    (root / "var/lib/dpkg/status").write_text(
        "\n\n".join(text for _, text in packages.values()) + "\n")
    for name, (fields, _) in packages.items():
        for file in pathlib.Path("/var/lib/dpkg/info").glob(f"{name}[.:]*list"):
            shutil.copy(file, root / "var/lib/dpkg/info")
    for name in ("null", "zero", "urandom", "random"):
        device = os.stat(f"/dev/{name}")
        os.mknod(root / "dev" / name, device.st_mode, device.st_rdev)
        os.chmod(root / "dev" / name, 0o666)
    made = run("chroot", root, "/sbin/ldconfig")
    assert made.returncode == 0, made.stderr


def within(root, *command, **more):
    return run("chroot", root, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, **more)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    assert os.geteuid() == 0, "a root of its own is entered as root: run this test as root"
    made = run(sys.executable, ROOT / "scripts/package.py", BINARY,
               tmp_path_factory.mktemp("package"), "--compression", "none")
    assert made.returncode == 0, made.stderr
    return pathlib.Path(made.stdout.strip())


@pytest.fixture(scope="module")
def root(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("bare")
    bare_root(root, run("dpkg-deb", "-f", package, "Depends").stdout)
    assert not (root / "usr/bin/cuebx").exists() and not (root / "usr/bin/python3").exists()
    os.link(package, root / "cuebx.deb")
    installed = within(root, "dpkg", "-i", "/cuebx.deb")
    assert installed.returncode == 0, installed
    yield root
    shutil.rmtree(root)


def test_the_package_names_what_its_binary_needs(package):
    depends = run("dpkg-deb", "-f", package, "Depends").stdout
    for name in ("libc6", "libcurl4", "libpq5", "librabbitmq4", "libsqlite3-0", "tzdata"):
        assert name in [one for alternatives in names(depends) for one in alternatives], depends
    version = run("dpkg-deb", "-f", package, "Version").stdout.strip()
    assert run(BINARY, "--version").stdout == f"cuebx {version}\n"


def test_every_file_of_the_package_is_roots_and_nobody_elses_to_write(package):
    lines = run("dpkg-deb", "-c", package).stdout.splitlines()
    assert len(lines) > 50
    for line in lines:
        mode, owner = line.split()[:2]
        assert owner == "root/root" and mode[5] == mode[8] == "-" and "s" not in mode, line


def test_what_was_installed_is_where_debian_looks(root):
    for path in ("usr/share/bash-completion/completions/cuebx",
                 "usr/share/zsh/vendor-completions/_cuebx",
                 "usr/share/fish/vendor_completions.d/cuebx.fish",
                 "usr/share/man/man1/cuebx-users-find.1.gz", "etc/cuebx/catalog.json"):
        assert (root / path).stat().st_size > 100, path
    page = gzip.decompress((root / "usr/share/man/man1/cuebx.1.gz").read_bytes())
    assert page.startswith(b'.TH "CUEBX" "1"')
    for unit in ("cuebx.service", "cuebx-worker.service"):
        text = (root / "usr/lib/systemd/system" / unit).read_text()
        [program] = re.findall(r"^ExecStart=(\S+)", text, re.M)
        assert (root / program.lstrip("/")).is_file(), program


def test_the_settings_are_roots_alone_and_the_database_the_services(root):
    assert oct((root / "etc/cuebx/cuebx.env").stat().st_mode & 0o777) == "0o600"
    passwd = (root / "etc/passwd").read_text()
    user = re.search(r"^cuebx:[^:]*:(\d+):(\d+):.*:(\S+)$", passwd, re.M)
    assert user.group(3) == "/usr/sbin/nologin"
    folder = (root / "var/lib/cuebx").stat()
    assert folder.st_uid == int(user.group(1)) and oct(folder.st_mode & 0o777) == "0o700"


def settings(root, **more):
    """What the unit would be given: the file as the package made it, with secrets filled in."""
    found = {}
    for line in (root / "etc/cuebx/cuebx.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name] = value
    return {**found, **more}


def serve(root, **more):
    """Starts the service as its unit does: as its user, in its folder, with its settings."""
    given = [f"{name}={value}" for name, value in settings(root, **more).items()]
    # /proc is there for this process alone: its arguments are read from it.
    inside = ["chroot", "--userspec=cuebx:cuebx", str(root), "/usr/bin/env", "-i",
              "-C", "/var/lib/cuebx", *given, "/usr/bin/cuebx", "serve"]
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec "$@"', str(root),
         *inside],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_without_secrets_it_does_not_start_and_says_which_is_missing(root):
    process = serve(root)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "JWT_SECRET" in told, told


def test_an_upgrade_whose_restart_fails_is_told_and_is_installed(root):
    systemctl = root / "usr/bin/systemctl"
    (root / "run/systemd/system").mkdir(parents=True)
    systemctl.write_text('#!/bin/sh\n[ "$1" != try-restart ]\n')
    systemctl.chmod(0o755)
    try:
        upgraded = within(root, "dpkg", "-i", "/cuebx.deb")
        assert upgraded.returncode == 0 and "could not be restarted" in upgraded.stderr, upgraded
        status = within(root, "dpkg-query", "-W", "-f", "${db:Status-Status}", "cuebx")
        assert status.stdout == "installed", status
    finally:
        systemctl.unlink()
        shutil.rmtree(root / "run/systemd")


def test_it_serves_in_production_stops_and_is_removed_without_the_database(root):
    [port] = free_ports(1)
    process = serve(root, **SECRETS, PORT=str(port), SMTP_URL="")
    try:
        line = process.stdout.readline()
        assert "serves on" in line, process.communicate(timeout=10)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    database = root / "var/lib/cuebx/cuebx.db"
    assert database.stat().st_size > 0 and oct(database.stat().st_mode & 0o777) == "0o600"
    # An installation over it keeps what an operator has written.
    (root / "etc/cuebx/cuebx.env").write_text("MINE=1\n")
    assert within(root, "dpkg", "-i", "/cuebx.deb").returncode == 0
    assert (root / "etc/cuebx/cuebx.env").read_text() == "MINE=1\n"
    removed = within(root, "dpkg", "--remove", "cuebx")
    assert removed.returncode == 0, removed
    assert not (root / "usr/bin/cuebx").exists()
    assert not list((root / "usr/share/man/man1").glob("cuebx*"))
    assert database.exists() and (root / "etc/cuebx/cuebx.env").exists()
    purged = within(root, "dpkg", "--purge", "cuebx")
    assert purged.returncode == 0 and "was kept" in purged.stderr, purged
    assert database.exists() and not (root / "etc/cuebx").exists()
