"""Disks that fail on demand. What can be had depends on who asks, so there are three ways:

- `LimitedDisk`: the kernel refuses to let a file of the service grow (RLIMIT_FSIZE, lowered and
  raised from outside by prlimit). Anybody may do that to a process of their own. SQLite sees EFBIG.
- `SmallDisk`: a real file system of a few megabytes (tmpfs), full by a file that fills it. It is
  mounted in a mount namespace of the test's own, which takes root, or a kernel that grants
  namespaces to everybody (Debian's does; many containers' do not). SQLite sees ENOSPC.
- `FaultyDisk`: a library, preloaded into the service, that has the calls of the C library fail. It
  takes a C compiler, which every Swift toolchain brings. SQLite sees whatever is asked for; only so
  does a disk turn read-only while files on it are open, or lose a sync.
"""

import contextlib
import os
import resource
import shutil
import subprocess
from pathlib import Path

MEGABYTE = 1 << 20


class LimitedDisk:
    def __init__(self, folder):
        self.database = folder / "cuebx.db"
        # Past the limit, a process that does not ignore the signal is killed by it.
        self.program = ["env", "--ignore-signal=XFSZ"]
        self.settings = {}

    def fail(self, world):
        size = max(path.stat().st_size for path in self.database.parent.glob("cuebx.db*"))
        self.limit(world, size)

    def mend(self, world):
        self.limit(world, resource.RLIM_INFINITY)

    def limit(self, world, size):
        for service in world.services:
            # One that was killed takes its limit with it.
            if service.process.poll() is None:
                resource.prlimit(
                    service.process.pid, resource.RLIMIT_FSIZE,
                    (size, resource.RLIM_INFINITY))


class SmallDisk:
    """In the namespace that this process is in, whose mounts nobody else sees."""

    program, settings = [], {}

    def __init__(self, folder, megabytes=24):
        self.place = folder / "disk"
        self.place.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.place], check=True)
        self.database = self.place / "cuebx.db"
        self.ballast = self.place / "ballast"

    def fail(self, world):
        with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def mend(self, world):
        self.ballast.unlink()


class FaultyDisk:
    """- fault: a word of `faulty_disk.c`."""

    program = []

    def __init__(self, folder, fault):
        self.database = folder / "cuebx.db"
        self.fault, self.control = fault, folder / "fault"
        self.control.touch()
        library = folder / "faulty_disk.so"
        compiler = shutil.which("clang") or shutil.which("cc")
        assert compiler, "a C compiler is needed; Swift's toolchain has clang"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", library,
             Path(__file__).with_name("faulty_disk.c"), "-ldl"], check=True)
        self.settings = {"LD_PRELOAD": str(library), "CRASHES_FAULT": str(self.control)}

    def fail(self, world):
        self.control.write_text(self.fault)

    def mend(self, world):
        self.control.write_text("")


def namespace():
    """The command that runs another in a mount namespace of its own, or None where the kernel
    grants none."""
    command = ["unshare", "--mount"]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
    probe = subprocess.run(
        [*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return command if probe.returncode == 0 else None
