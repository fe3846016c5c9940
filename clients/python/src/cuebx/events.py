"""What happens inside a client that its host may want to know: structured, and without any secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger("cuebx")

# Names do not change; new ones may come.
LEVELS: Mapping[str, int] = {
    "granted": logging.DEBUG,
    "refused": logging.INFO,
    "settled": logging.DEBUG,
    "retrying": logging.INFO,
    "extended": logging.DEBUG,
    "extend_refused": logging.WARNING,
    "extend_unsupported": logging.WARNING,
    "capture_refused": logging.WARNING,
    "batch_unsupported": logging.INFO,
    "settle_left_out": logging.WARNING,
    "settle_refused": logging.ERROR,
    "result_refused": logging.ERROR,
    "result_not_kept": logging.WARNING,
    "hold_given_back": logging.INFO,
    "commit_refused": logging.ERROR,
    "commit_given_up": logging.ERROR,
    "spool_adopted": logging.WARNING,
    "spool_unknown": logging.ERROR,
    "spool_failed": logging.ERROR,
    "spool_volatile": logging.WARNING,
    "outage_opened": logging.WARNING,
    "outage_refused": logging.WARNING,
    "journaled": logging.WARNING,
    "recorded": logging.INFO,
    "record_refused": logging.ERROR,
    "defect": logging.ERROR,
}


@dataclass(frozen=True)
class Event:
    """- name: one of `LEVELS`.
    - fields: e.g. `usage_id`, `status`, `code`, `seconds`.
    """

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Events:
    """Tells the logger `cuebx` (the fields are in each record's `cuebx`), and who listens."""

    def __init__(self, listener: Callable[[Event], None] | None) -> None:
        self.listener = listener

    def tell(self, name: str, **fields: Any) -> None:
        level = LEVELS.get(name, logging.INFO)
        if log.isEnabledFor(level):
            words = " ".join(f"{key}={value}" for key, value in fields.items())
            log.log(level, "%s %s", name, words, extra={"cuebx": {"event": name, **fields}})
        if self.listener:
            try:
                self.listener(Event(name, fields))
            except Exception as error:  # A listener's defect stays its own.
                log.error("listener_failed %s", type(error).__name__)
