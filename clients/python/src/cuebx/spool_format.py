"""The bytes of a spool (versions 1 and 2, see clients/spool.md): no file is touched here."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, NamedTuple, Optional

from .limits import encoded

MAGIC = b"CUEBXSPL"
# Whose calls a file has. A client from before there were customers' calls would misread them, and leaves a
# file alone whose version it does not know.
USERS, CUSTOMERS = 1, 2
VERSIONS = (USERS, CUSTOMERS)
HEADER_SIZE = len(MAGIC) + 4
RECORD = struct.Struct(">II")
SMALLEST_PAYLOAD, LARGEST_PAYLOAD = 2, 1 << 20


class UnknownVersion(Exception):
    """Not a file of this format; it is left as it is."""


Record = dict[str, Any]


class Todo(NamedTuple):
    """What is left to do of one usage.

    - user_id, client_id: whose it is: one of both.
    - operations: None if its process died before the outcome.
    - counted: of a call that ran unasked: what it counted against the ceiling; None if it is not known.
    """

    usage_id: str
    user_id: str
    operations: Optional[list[Record]] = None
    counted: Optional[str] = None
    client_id: str = ""


def header(version: int) -> bytes:
    return MAGIC + struct.pack(">I", version)


def version_of(record: Record) -> int:
    """Of the file that a record goes to: all of one usage go to files of one version."""
    return CUSTOMERS if "client_id" in record else USERS


def encode(record: Record) -> bytes:
    """Raises ValueError for what JSON cannot write."""
    payload = encoded(record)
    return RECORD.pack(len(payload), zlib.crc32(payload)) + payload


def decode(data: bytes, newest: int = CUSTOMERS) -> list[Record]:
    """The records that are whole. Raises UnknownVersion.

    - newest: the newest version that is read.
    """
    if len(data) < HEADER_SIZE:
        if not header(0).startswith(data):
            raise UnknownVersion
        return []
    version, = struct.unpack_from(">I", data, len(MAGIC))
    if not data.startswith(MAGIC) or not USERS <= version <= newest:
        raise UnknownVersion
    records, at = [], HEADER_SIZE
    while at + RECORD.size <= len(data):
        length, checksum = RECORD.unpack_from(data, at)
        payload = data[at + RECORD.size:at + RECORD.size + length]
        if not SMALLEST_PAYLOAD <= length <= LARGEST_PAYLOAD or len(payload) < length:
            break
        if zlib.crc32(payload) != checksum:
            break
        try:
            record = json.loads(payload)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        records.append(record)
        at += RECORD.size + length
    return records


def todo(records: list[Record]) -> list[Todo]:
    """What is left to do, in the order of the first record of each usage. The records may be of many
    files, in any order: an outcome counts wherever it lies, and what is done anywhere is done."""
    found: dict[str, Todo] = {}
    done = {str(record.get("usage_id")) for record in records if record.get("r") == "done"}
    for record in records:
        usage = str(record.get("usage_id"))
        if usage in done:
            continue
        known = found.get(usage, Todo(usage, ""))
        if record.get("r") == "open":
            found[usage] = known._replace(
                user_id=str(record.get("user_id") or ""), client_id=str(record.get("client_id") or ""))
        elif record.get("r") == "outcome":
            found[usage] = known._replace(
                operations=list(record.get("operations") or []), counted=record.get("counted"),
                client_id=str(record.get("client_id") or known.client_id))
    return list(found.values())
