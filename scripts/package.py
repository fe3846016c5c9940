#!/usr/bin/env python3
"""Makes the Debian package of the built binary, with its units, settings, completions and manual.

usage: package.py BINARY FOLDER [--compression zstd|none]

Prints the package's path. Needs dpkg-deb, dpkg-shlibdeps (dpkg-dev) and strip (binutils).
"""

import argparse
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHELLS = {"bash": "usr/share/bash-completion/completions/cuebx",
          "zsh": "usr/share/zsh/vendor-completions/_cuebx",
          "fish": "usr/share/fish/vendor_completions.d/cuebx.fish"}
MAINTAINER = "CueBX Career <career@example.com>"


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr}")
    return done.stdout


def put(tree, path, content, mode=0o644):
    """Writes a file of the package."""
    target = tree / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode())
    target.chmod(mode)


def compressed(content):
    # Without a time, so that the same tree makes the same package.
    return gzip.compress(content, mtime=0)


def dependencies(binary):
    """The packages of the shared libraries that the binary names."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "debian").mkdir()
        (pathlib.Path(folder) / "debian/control").write_text(
            f"Source: cuebx\nMaintainer: {MAINTAINER}\n\n"
            "Package: cuebx\nArchitecture: any\nDescription: the service\n")
        told = run("dpkg-shlibdeps", "-O", "--ignore-missing-info", f"-e{binary}", cwd=folder)
    return re.search(r"^shlibs:Depends=(.*)$", told, re.M).group(1)


def fill(tree, binary, version):
    (tree / "DEBIAN").mkdir()
    target = tree / "usr/bin/cuebx"
    target.parent.mkdir(parents=True)
    shutil.copyfile(binary, target)
    target.chmod(0o755)
    subprocess.run(["strip", "--strip-unneeded", str(target)], check=True)
    for unit in ("cuebx.service", "cuebx-worker.service"):
        text = (ROOT / "deploy" / unit).read_text().replace("/usr/local/bin/", "/usr/bin/")
        put(tree, f"usr/lib/systemd/system/{unit}", text)
    put(tree, "etc/cuebx/catalog.json", (ROOT / "catalog.json").read_bytes())
    put(tree, "usr/share/cuebx/cuebx.env.sample", (ROOT / "deploy/cuebx.env.sample").read_bytes())
    for shell, path in SHELLS.items():
        put(tree, path, run(binary, "--generate-completion-script", shell))
    with tempfile.TemporaryDirectory() as pages:
        subprocess.run([ROOT / "scripts/manual.py", binary, pages], check=True)
        for page in pathlib.Path(pages).iterdir():
            put(tree, f"usr/share/man/man1/{page.name}.gz", compressed(page.read_bytes()))
    put(tree, "usr/share/doc/cuebx/changelog.gz", compressed((ROOT / "CHANGELOG.md").read_bytes()))
    put(tree, "usr/share/doc/cuebx/README.md", (ROOT / "README.md").read_bytes())
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
    put(tree, "DEBIAN/control", f"""\
Package: cuebx
Version: {version}
Architecture: {run("dpkg", "--print-architecture").strip()}
Maintainer: {MAINTAINER}
Installed-Size: {size}
Depends: ca-certificates, passwd, tzdata, {dependencies(target)}
Section: net
Priority: optional
Description: subscriptions and metering for an AI career-coaching product
 One service that sells an AI product to individuals and meters it. With SQLite and
 an embedded queue it needs no other server.
""")
    put(tree, "DEBIAN/conffiles", "/etc/cuebx/catalog.json\n")
    for name in ("postinst", "prerm", "postrm"):
        put(tree, f"DEBIAN/{name}", (ROOT / "deploy/debian" / name).read_bytes(), 0o755)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--compression", choices=["zstd", "none"], default="zstd")
    arguments = parser.parse_args()
    binary = str(arguments.binary.resolve())
    version = run(binary, "--version").split()[1]
    os.umask(0o022)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "cuebx"
        tree.mkdir()
        fill(tree, binary, version)
        run("dpkg-deb", f"-Z{arguments.compression}", "--build", "--root-owner-group", str(tree),
            str(arguments.folder))
    print(*sorted(arguments.folder.glob(f"cuebx_{version}_*.deb")))


if __name__ == "__main__":
    main()
