"""The durable spool: what must be told to the service, on disk before anybody relies on it.

A thread writes what has gathered while it last synced, so that one sync serves many calls.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from .errors import SpoolUnavailable
from .events import Events
from .limits import encoded
from .spool_files import Found, SpoolFile, gather, make_file
from .spool_format import USERS, Record, Todo, encode, todo, version_of

# A file of so many bytes is followed by a new one.
LARGEST_FILE = 64 << 20
# Seconds until the next look, if another process is looking.
LOOK_AGAIN = 1.0
# What is done may wait so many seconds for a record that somebody waits for, and be written with it.
DONE_WAITS = 0.1

Written = Callable[[Optional[Exception]], None]


class Spool:
    """- folder: made with mode 0700 if it is not there; None: in memory, kept by nobody.
    - adopt: called with what another process has left to do, on the spool's thread; `settled` must be
      called for each usage in the end.
    - after_write: called on the spool's thread after each batch of records.
    """

    def __init__(
        self, folder: Path | None, events: Events, adopt: Callable[[Todo], None],
        adopt_every: float, after_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder, self.events, self.adopt = folder, events, adopt
        self.adopt_every, self.after_write = adopt_every, after_write
        self.lock = threading.RLock()
        self.condition = threading.Condition(self.lock)
        self.queue: list[tuple[Record, Written | None]] = []
        # Whether more waits in it than what is done.
        self.is_urgent = False
        # Whether the thread looks within DONE_WAITS at what is done: an outcome was written before.
        self.looks_soon = False
        self.files: dict[str, SpoolFile] = {}
        # Those that are written to, by their version.
        self.current: dict[int, SpoolFile] = {}
        self.known_strange: set[str] = set()
        self.has_looked = folder is None or adopt_every <= 0
        self.next_look = time.monotonic()
        self.is_closing = self.has_ended = False
        # Of calls that were running when it was closed.
        self.running: set[str] = set()
        self.late = threading.Lock()
        self.thread = threading.Thread(target=self.run, name="cuebx-spool", daemon=True)
        self.thread.start()

    # For the client

    def ensure(self, version: int = USERS) -> None:
        """Raises SpoolUnavailable if there is no file of the version to write to."""
        if self.folder is None or version in self.current:
            return
        with self.lock:
            try:
                if version not in self.current:
                    self.current[version] = make_file(self.folder, version)
            except OSError as error:
                self.events.tell("spool_failed", error=error.strerror)
                raise SpoolUnavailable(f"The spool cannot be written: {error.strerror}.") from None

    def append(self, record: Record, written: Written | None = None) -> None:
        """- written: called on the spool's thread once the record is on the disk, or with the error;
          on this one, if the spool was closed meanwhile."""
        is_urgent = record["r"] != "done"
        with self.lock:
            if not self.has_ended:
                self.queue.append((record, written))
                self.is_urgent = self.is_urgent or is_urgent
                if is_urgent or not self.looks_soon:
                    self.condition.notify()
                return
        self.append_late(record, written)

    def append_late(self, record: Record, written: Written | None) -> None:
        """The outcome of a call that was running when the client was closed: written for the next
        process, which the call's file, still under this one's lock, is let go for then."""
        with self.late:
            if not record.get("is_part"):
                self.running.discard(str(record["usage_id"]))
            if self.folder is None or record["r"] == "done":
                error: Exception | None = SpoolUnavailable("The spool was closed.")
                if written:
                    written(error)
                return
            self.write([(record, written)])
            self.let_go()

    def close(self, running: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Writes what waits, and lets the files go: removed if nothing in them is left to be told.

        - running: usages whose outcome may still come; the files that name them are kept until then,
          so that nobody takes them for those of a process that died.
        """
        with self.lock:
            self.running = set(running)
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
            with os.fdopen(descriptor, "wb") as file:
                file.write(encoded({"operation": operation, "status": status, "answer": answer,
                                    "at": int(time.time() * 1000)}))
                file.flush()
                os.fsync(file.fileno())
        except (OSError, ValueError) as error:
            self.events.tell("spool_failed", error=getattr(error, "strerror", "") or "no JSON")

    # The thread

    def run(self) -> None:
        while (batch := self.next_batch()) is not None:
            if batch:
                self.write(batch)
                self.after_write()
            if not self.is_closing and self.seconds_until_look() == 0:
                self.look()
        with self.late:
            self.let_go()

    def next_batch(self) -> list[tuple[Record, Written | None]] | None:
        """What is to be written, once there is something or it is time to look; None: it ends."""
        with self.lock:
            while not self.is_urgent and not self.is_closing:
                left = self.seconds_until_look()
                if left == 0 or self.queue and not self.looks_soon:
                    break
                if not self.looks_soon:
                    self.condition.wait(left)
                elif not self.condition.wait(DONE_WAITS if left is None else min(left, DONE_WAITS)):
                    self.looks_soon = False
            batch, self.queue, self.is_urgent = self.queue, [], False
            if any(record["r"] == "outcome" for record, _ in batch):
                self.looks_soon = True
            self.has_ended = self.is_closing and not batch
            return None if self.has_ended else batch

    def all_files(self) -> list[SpoolFile]:
        return [*self.files.values(), *self.current.values()]

    def let_go(self) -> None:
        """Of the files of a spool that was closed, all that name no call which is still running."""
        for file in self.all_files():
            if file.usages & self.running:
                continue
            file.close(remove=not file.usages)
            self.files.pop(file.path.name, None)
            self.current = {version: each for version, each in self.current.items() if each is not file}

    def seconds_until_look(self) -> float | None:
        """0: it is time; None: there is never anything to look for."""
        if self.folder is None or self.adopt_every <= 0:
            return None
        return max(0.0, self.next_look - time.monotonic())

    def write(self, batch: list[tuple[Record, Written | None]]) -> None:
        parts: dict[int, list[tuple[Record, Written | None]]] = {}
        for each in batch:
            parts.setdefault(version_of(each[0]), []).append(each)
        for version, part in parts.items():
            self.write_version(version, part)

    def write_version(self, version: int, batch: list[tuple[Record, Written | None]]) -> None:
        error: Exception | None = None
        try:
            if self.folder is not None:
                self.write_to_disk(self.folder, version, [record for record, _ in batch],
                                   any(written for _, written in batch))
        except Exception as failure:
            # Of what is judged where it enters, no record is that JSON cannot write.
            reason = failure.strerror if isinstance(failure, OSError) else type(failure).__name__
            self.events.tell("spool_failed", error=reason)
            error = failure
            # Whatever reached the file, nothing is written behind it.
            with self.lock:
                self.retire(version)
        else:
            if self.running:
                self.running -= {str(record["usage_id"]) for record, _ in batch
                                 if record["r"] == "outcome" and not record.get("is_part")}
        for _, written in batch:
            try:
                if written:
                    written(error)
            except Exception as defect:  # The thread that serves all goes on.
                self.events.tell("defect", error=type(defect).__name__)

    def write_to_disk(
        self, folder: Path, version: int, records: list[Record], must_sync: bool,
    ) -> None:
        if (file := self.current.get(version)) is None:
            if all(record["r"] == "done" for record in records):
                return self.forget(records)
            with self.lock:
                if (file := self.current.get(version)) is None:
                    file = self.current[version] = make_file(folder, version)
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
            with self.lock:
                self.retire(version)

    def forget(self, records: list[Record]) -> None:
        """What is done needs no file any more."""
        for record in records:
            if record["r"] == "done":
                # A copy: a call may have a file of the other version made meanwhile.
                for file in self.all_files():
                    file.usages.discard(record["usage_id"])
        if not self.files:
            return
        for name, file in list(self.files.items()):
            if not file.usages:
                del self.files[name]
                file.close(remove=True)

    def retire(self, version: int) -> None:
        """The next record of the version goes to a new file."""
        if file := self.current.pop(version, None):
            self.files[file.path.name] = file
            self.forget([])

    # What others have left

    def look(self) -> None:
        self.next_look = time.monotonic() + self.adopt_every
        if self.folder is not None:
            mine = {file.path.name for file in self.all_files()}
            try:
                found = gather(self.folder, mine)
                if found is None:
                    # Another process is looking; what it leaves is found soon.
                    self.next_look = time.monotonic() + min(LOOK_AGAIN, self.adopt_every)
                else:
                    self.take_over(found)
            except Exception as error:  # The thread that serves all goes on.
                self.events.tell("defect", error=type(error).__name__)
        with self.condition:
            self.has_looked = True
            self.condition.notify_all()

    def take_over(self, found: Found) -> None:
        for name in found.strange - self.known_strange:
            self.known_strange.add(name)
            self.events.tell("spool_unknown", file=name)
        left = todo([record for _, records in found.files for record in records])
        usages = {each.usage_id for each in left}
        for file, records in found.files:
            file.usages = usages & {str(record.get("usage_id")) for record in records}
            if not file.usages:
                file.close(remove=True)
                continue
            self.files[file.path.name] = file
            self.events.tell("spool_adopted", file=file.path.name, usages=len(file.usages))
        for each in left:
            self.adopt(each)

    # After a fork, in the child

    def abandon(self) -> None:
        """Lets go of the parent's files: their locks are the parent's, who has them open too."""
        for file in self.all_files():
            file.close(remove=False)
