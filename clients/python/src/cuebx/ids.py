"""Ids that sort by the time at which they were made: UUIDv7 (RFC 9562)."""

from __future__ import annotations

import os
import time
import uuid


def new_id() -> str:
    """From the system's random numbers, so that a fork shares none with its parent."""
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
