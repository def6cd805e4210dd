"""When a retrain may run: one in flight per use case, a pause between two, and at most one for each event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from radloop.errors import GateClosed
from radloop.ledger import Entry, Ledger
from radloop.params import Classification
from radloop.serving.feedback import cooled_off

KIND = "retrain"


@contextmanager
def retraining(ledger: Ledger, case: Classification, event: str | None, locks: Path) -> Iterator[None]:
    """Hold the one place for a retrain of this use case, with its intent and its end in the ledger.

    `event` is the id of what asked for it, or None where a person did. Raises GateClosed where another one is in
    flight or has just been, and where this event has had its retrain.
    """
    locks.mkdir(parents=True, exist_ok=True)
    held = FileLock(locks / f"retrain-{case.name}.lock")
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise GateClosed(f"a retrain of {case.name} is in flight.", "wait for its end") from error
    try:
        ledger.reconcile(KIND, lambda entry: False)  # the lock is ours, so an open intent is a dead process's
        _may_run(ledger.entries(KIND), case, event)
        with ledger.intent(KIND, {"use_case": case.name, "event": event}):
            yield
    finally:
        held.release()


def _may_run(history: list[Entry], case: Classification, event: str | None) -> None:
    ours = {entry.sequence: entry for entry in history if entry.body.get("use_case") == case.name}
    if event is not None and any(entry.body.get("event") == event for entry in ours.values()):
        raise GateClosed(f"event {event} has had its retrain of {case.name}.", "nothing is left to do")
    ends = [entry for entry in history if entry.phase == "done" and entry.body.get("intent") in ours]
    last = max((datetime.fromisoformat(str(entry.time)) for entry in ends), default=None)
    cooled_off(last, case.name, case.retrain)
