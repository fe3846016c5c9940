"""The files of a spool: made, locked, and gathered from those whom nobody holds any more."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .spool_format import Record, UnknownVersion, decode, header

# Of a file that is taken over; a larger one is none of ours.
LARGEST_ADOPTED = 72 << 20
# The files of a process that dies become free one after the other; seconds until all of them are.
ALL_ARE_FREE_AFTER = 0.1
# Seconds after which a file that never got its name is taken for one of a process that was killed.
NAMELESS_FOR = 60.0


class SpoolFile:
    """A file under this process's lock. It is removed once no usage in it is left to be told."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        self.size = 0
        self.usages: set[str] = set()

    def close(self, remove: bool) -> None:
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


@dataclass
class Found:
    """- files: under this process's lock now, with their records.
    - strange: names of files of another format.
    """

    files: list[tuple[SpoolFile, list[Record]]] = field(default_factory=list)
    strange: set[str] = field(default_factory=set)


def make_file(folder: Path, version: int) -> SpoolFile:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4()}.spool"
    hidden = path.with_suffix(".new")
    descriptor = os.open(
        hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # Locked before it has its name: nobody takes over a file that is in use.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, header(version))
        os.fdatasync(descriptor)
        os.rename(hidden, path)
        sync_folder(folder)
    except OSError:
        os.close(descriptor)
        raise
    return SpoolFile(path, descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def gather(folder: Path, mine: set[str]) -> Optional[Found]:
    """All files that nobody holds; None if another process is gathering. One call's records may lie in
    several files, so that one process must have all of them before any is judged."""
    try:
        turn = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Found()  # No folder yet, or none that can be read: `ensure` tells.
    try:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        remove_nameless(folder)
        found = Found()
        add_free(folder, mine, found)
        records = [record for _, some in found.files for record in some]
        ended = {record.get("usage_id") for record in records if record.get("r") != "open"}
        if any(record.get("usage_id") not in ended for record in records):
            # The outcome of what is open may lie in a file that is free in a moment.
            time.sleep(ALL_ARE_FREE_AFTER)
            add_free(folder, mine | {file.path.name for file, _ in found.files}, found)
        return found
    finally:
        # A child that was forked meanwhile has the same lock, and keeps it if it is only closed.
        fcntl.flock(turn, fcntl.LOCK_UN)
        os.close(turn)


def add_free(folder: Path, known: set[str], found: Found) -> None:
    for path in sorted(folder.glob("*.spool")):
        if path.name not in known:
            add_file(path, found)


def add_file(path: Path, found: Found) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # Somebody was faster.
    file = SpoolFile(path, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
            found.files.append((file, decode(read(descriptor))))
            return
    except UnknownVersion:
        found.strange.add(path.name)
    except OSError:
        pass  # It is in use, or was removed.
    file.close(remove=False)


def read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(LARGEST_ADOPTED)


def remove_nameless(folder: Path) -> None:
    """Of processes that were killed between a file's beginning and its name; nothing is in them."""
    for path in folder.glob("*.new"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > NAMELESS_FOR:
                path.unlink()
