"""What can be set, and what it is if nobody does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .outage import FailClosed, OutagePolicy


@dataclass(frozen=True)
class Options:
    """- validate_seconds: the budget of asking, retries included.
    - commit_seconds: for how long an outcome is sent again.
    - answer_seconds: of one request.
    - first_pause, longest_pause: of retries, drawn between 0 and the pause, which doubles.
    - adopt_every: seconds between looks for what other processes left; 0: never.
    - capture_every: seconds between the captures of a stream.
    - most_waiting: operations of this process's calls that may wait for their turn; beyond,
      `Overloaded`.
    - close_seconds: how long `close` waits for the service.
    - if_extension_refused: "go_on" (with an event), or "stop": the next chunk of a stream, or
      `call.check()`, raises `HoldEnded`.
    - spool_results: what `call.keep_result` names is written to the spool with the outcome. Else it is told
      from memory alone, and not kept for the user if this process ends before.
    - outage: `fail_closed()`, or `fail_open_with_journal(…)`.
    """

    validate_seconds: float = 10.0
    commit_seconds: float = 86_400.0
    answer_seconds: float = 10.0
    first_pause: float = 0.1
    longest_pause: float = 10.0
    adopt_every: float = 60.0
    capture_every: float = 5.0
    most_waiting: int = 4_096
    close_seconds: float = 5.0
    if_extension_refused: Literal["go_on", "stop"] = "go_on"
    spool_results: bool = False
    outage: OutagePolicy = FailClosed()
