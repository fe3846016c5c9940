"""Parts of a hold that are charged while its call runs, and what becomes of those that were not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .holds import Usage, has_error, is_positive, is_unknown_verb, with_part
from .transport import Answer, Operation, Result

if TYPE_CHECKING:
    from .engine import Engine


class Captures:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def capture(
        self, usage: Usage, body: dict[str, Any], taken: Callable[[Answer], None],
        not_taken: Callable[[bool], None],
    ) -> None:
        """Charges a part of the hold while the call runs.

        - not_taken: called if it was not charged and will not be, with whether the hold is too small.
        """
        def done(result: Result) -> None:
            if isinstance(result, Answer) and result.status == 200:
                self.note_reserved(usage, result)
                return taken(result)
            if has_error(result, "not_priced") and self.charge_all(usage, body, usage.credits_reserved):
                # It is charged; its tokens are for the log.
                return not_taken(False)
            self.tell(usage, result)
            not_taken(isinstance(result, Answer) and result.code == "hold_exceeded")

        self.engine.in_order(usage, Operation(
            "capture", body, done, deadline=time.monotonic() + self.engine.options.commit_seconds))

    def owe(self, usage: Usage, body: dict[str, Any]) -> None:
        """What a capture was to charge whose call has ended meanwhile: its commit does."""
        with self.engine.lock:
            usage.owed.append(body)
            waiting = [each for each in usage.waiting if each.name == "commit"]
        for commit in waiting:
            self.pay(usage, commit)

    def pay(self, usage: Usage, commit: Operation) -> None:
        """A commit that is about to be sent takes what is owed; one that is to give back is preceded
        by a capture of it."""
        with self.engine.lock:
            owed, usage.owed = usage.owed, []
        for body in owed:
            if usage.is_taken_whole and not commit.body.get("success"):
                continue
            if commit.body.get("success") or not self.engine.can_capture(usage):
                commit.replace(with_part(commit.body, body.get("metrics", {})))
            else:
                self.outcome_capture(usage, body)

    def outcome_capture(self, usage: Usage, body: dict[str, Any]) -> None:
        self.engine.in_order(usage, Operation(
            "capture", body, lambda result: self.judge_outcome(usage, body, result),
            is_rest=usage.is_rest, must_be_told=True,
            deadline=time.monotonic() + self.engine.options.commit_seconds), is_next=True)

    def judge_outcome(self, usage: Usage, body: dict[str, Any], result: Result) -> None:
        """Of a capture that is a part of an outcome, whose commit waits behind it."""
        if isinstance(result, Answer) and result.status == 200:
            return self.note_reserved(usage, result)
        self.tell(usage, result)
        if not isinstance(result, Answer):
            return
        is_exceeded = result.code == "hold_exceeded"
        if is_unknown_verb(result):
            return self.charge_by_commit(usage, body)
        if not is_exceeded and not has_error(result, "not_priced"):
            return
        if is_exceeded and any(each.name == "commit" and each.body.get("success") for each in usage.waiting):
            # A commit may take more than what is held, if the feature's overuse allows it.
            return self.charge_by_commit(usage, body)
        held = str(result.body.get("credits_reserved", usage.credits_reserved)) if is_exceeded \
            else usage.credits_reserved
        if not self.charge_all(usage, body, held):
            # Of what another process left, nobody knows how much is held.
            self.charge_by_commit(usage, body)

    def charge_all(self, usage: Usage, body: dict[str, Any], held: str) -> bool:
        """In place of a part that is more than what is left, or has no price of its own. Whether
        there was anything to charge."""
        if "metrics" not in body or not is_positive(held):
            return False
        usage.is_taken_whole = True
        whole = {**usage.named, "capture_id": f"{body['capture_id']}-whole", "credits": held}
        self.outcome_capture(usage, whole)
        return True

    def charge_by_commit(self, usage: Usage, capture: dict[str, Any]) -> None:
        """What could not be captured is charged with the commit that waits behind it: one that was to
        give back becomes a success, one of a success has the part's tokens, too."""
        with self.engine.lock:
            for following in usage.waiting:
                if following.name == "commit":
                    following.replace(with_part(following.body, capture.get("metrics", {})))

    def note_reserved(self, usage: Usage, answer: Answer) -> None:
        usage.credits_reserved = str(answer.body.get("credits_reserved", usage.credits_reserved))

    def tell(self, usage: Usage, result: Result) -> None:
        if isinstance(result, Answer) and is_unknown_verb(result):
            self.engine.no_captures(usage)
        if not has_error(result, "not_priced"):
            status = {"status": result.status, "code": result.code} if isinstance(result, Answer) else {}
            self.engine.events.tell(
                "capture_refused", usage_id=usage.usage_id, reason=result.message, **status)
