"""The durable spool: what must be told to the service, on disk before anybody relies on it.

A thread writes what has gathered while it last synced, so that one sync serves many calls.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from .errors import SpoolUnavailable
from .events import Events
from .spool_format import HEADER, Record, Todo, UnknownVersion, decode, encode, todo

# A file of so many bytes is followed by a new one.
LARGEST_FILE = 64 << 20
# Of a file that is taken over; a larger one is none of ours.
LARGEST_ADOPTED = LARGEST_FILE + (8 << 20)

Written = Callable[[Optional[Exception]], None]


class SpoolFile:
    """A file under this process's lock. It is removed once no usage in it is left to be told."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        self.size = 0
        self.usages: set[str] = set()
        self.is_retired = False

    def close(self, remove: bool) -> None:
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


class Spool:
    """- folder: made with mode 0700 if it is not there; None: in memory, kept by nobody.
    - adopt: called with what another process has left to do, on the spool's thread; `settled` must be
      called for each usage in the end.
    """

    def __init__(
        self, folder: Path | None, events: Events, adopt: Callable[[Todo], None],
        adopt_every: float,
    ) -> None:
        self.folder, self.events, self.adopt = folder, events, adopt
        self.adopt_every = adopt_every
        self.condition = threading.Condition()
        self.queue: list[tuple[Record, Written | None]] = []
        self.files: dict[str, SpoolFile] = {}
        self.current: SpoolFile | None = None
        self.known_strange: set[str] = set()
        self.has_looked = folder is None or adopt_every <= 0
        self.next_look = time.monotonic()
        self.is_closing = False
        self.thread = threading.Thread(target=self.run, name="cuebx-spool", daemon=True)
        self.thread.start()

    # For the client

    def ensure(self) -> None:
        """Raises SpoolUnavailable if there is no file to write to."""
        if self.folder is None or self.current is not None:
            return
        with self.condition:
            try:
                if self.current is None:
                    self.current = self.make_file(self.folder)
            except OSError as error:
                self.events.tell("spool_failed", error=error.strerror)
                raise SpoolUnavailable(f"The spool cannot be written: {error.strerror}.") from None

    def append(self, record: Record, written: Written | None = None) -> None:
        """- written: called on the spool's thread once the record is on the disk, or with the error."""
        with self.condition:
            self.queue.append((record, written))
            self.condition.notify()

    def close(self) -> None:
        """Writes what waits, and lets the files go: removed if nothing in them is left to be told."""
        with self.condition:
            self.is_closing = True
            self.condition.notify()
        if self.thread is not threading.current_thread():
            self.thread.join(5)

    def lay_aside(self, operation: Record, status: int, answer: Any) -> None:
        """Keeps for a person what the service refused for good."""
        if self.folder is None:
            return
        folder = self.folder / "refused"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(
                folder / f"{uuid.uuid4()}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"operation": operation, "status": status, "answer": answer,
                           "at": int(time.time() * 1000)}, file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.events.tell("spool_failed", error=error.strerror)

    # The thread

    def run(self) -> None:
        while True:
            with self.condition:
                while not self.queue and not self.is_closing and not self.is_time_to_look():
                    self.condition.wait(self.seconds_until_look())
                batch, self.queue = self.queue, []
                ends = self.is_closing and not batch
            if ends:
                break
            if batch:
                self.write(batch)
            if self.is_time_to_look() and not self.is_closing:
                self.look()
        for file in list(self.files.values()) + ([self.current] if self.current else []):
            file.close(remove=not file.usages)

    def is_time_to_look(self) -> bool:
        return self.folder is not None and self.adopt_every > 0 and time.monotonic() >= self.next_look

    def seconds_until_look(self) -> float | None:
        if self.folder is None or self.adopt_every <= 0:
            return None
        return max(0.0, self.next_look - time.monotonic())

    def write(self, batch: list[tuple[Record, Written | None]]) -> None:
        error: Exception | None = None
        try:
            if self.folder is not None:
                self.write_to_disk(self.folder, [record for record, _ in batch],
                                   any(written for _, written in batch))
        except OSError as failure:
            self.events.tell("spool_failed", error=failure.strerror)
            error = failure
            # Whatever reached the file, nothing is written behind it.
            with self.condition:
                self.retire()
        for _, written in batch:
            if written:
                written(error)

    def write_to_disk(self, folder: Path, records: list[Record], must_sync: bool) -> None:
        with self.condition:
            if self.current is None:
                if all(record["r"] == "done" for record in records):
                    return self.forget(records)
                self.current = self.make_file(folder)
            file = self.current
        data = b"".join(encode(record) for record in records)
        for record in records:
            usage = record["usage_id"]
            if record["r"] != "done":
                file.usages.add(usage)
        view = memoryview(data)
        while view:
            view = view[os.write(file.descriptor, view):]
        if must_sync:
            os.fdatasync(file.descriptor)
        file.size += len(data)
        self.forget(records)
        if file.size >= LARGEST_FILE:
            with self.condition:
                self.retire()

    def forget(self, records: list[Record]) -> None:
        """What is done needs no file any more."""
        for record in records:
            if record["r"] == "done":
                for file in [*self.files.values(), *([self.current] if self.current else [])]:
                    file.usages.discard(record["usage_id"])
        for name, file in list(self.files.items()):
            if not file.usages:
                del self.files[name]
                file.close(remove=True)

    def retire(self) -> None:
        if self.current:
            self.files[self.current.path.name] = self.current
            self.current = None
            self.forget([])

    def make_file(self, folder: Path) -> SpoolFile:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4()}.spool"
        hidden = path.with_suffix(".new")
        descriptor = os.open(
            hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Locked before it has its name: nobody takes over a file that is in use.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, HEADER)
            os.fdatasync(descriptor)
            os.rename(hidden, path)
            sync_folder(folder)
        except OSError:
            os.close(descriptor)
            raise
        return SpoolFile(path, descriptor)

    # What others have left

    def look(self) -> None:
        self.next_look = time.monotonic() + self.adopt_every
        if self.folder is not None:
            with contextlib.suppress(OSError):
                for path in sorted(self.folder.glob("*.spool")):
                    mine = self.current is not None and path == self.current.path
                    if not mine and path.name not in self.files:
                        self.take_over(path)
        with self.condition:
            self.has_looked = True
            self.condition.notify_all()

    def take_over(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # Somebody was faster.
        file = SpoolFile(path, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino != os.stat(path).st_ino:
                return file.close(remove=False)
            left = todo(decode(self.read(descriptor)))
        except UnknownVersion:
            if path.name not in self.known_strange:
                self.known_strange.add(path.name)
                self.events.tell("spool_unknown", file=path.name)
            return file.close(remove=False)
        except OSError:
            return file.close(remove=False)
        if not left:
            return file.close(remove=True)
        file.usages = {usage for usage, _, _ in left}
        self.files[path.name] = file
        self.events.tell("spool_adopted", file=path.name, usages=len(left))
        for each in left:
            self.adopt(each)

    def read(self, descriptor: int) -> bytes:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(LARGEST_ADOPTED)

    # After a fork, in the child

    def abandon(self) -> None:
        """Lets go of the parent's files: their locks are the parent's, who has them open too."""
        for file in [*self.files.values(), *([self.current] if self.current else [])]:
            file.close(remove=False)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
