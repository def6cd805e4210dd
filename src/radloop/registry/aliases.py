"""Alias moves: each announced and confirmed in the ledger, so that it is known who put a model where, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from radloop.errors import ConfigurationError
from radloop.ledger import Entry, Ledger
from radloop.registry import names
from radloop.registry.versions import ModelVersion, one_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: Kinds of ledger entries.
MOVE = "alias"
FOUND = "alias_found"
APPROVAL = "approval"
REFUSAL = "refusal"


@dataclass(frozen=True)
class Move:
    """One change of an alias; `version` is None where it is withdrawn."""

    use_case: str
    alias: str
    version: int | None
    action: str  # register, promote, rollback or withdraw
    who: str
    why: str

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.why.strip():
            raise ConfigurationError("an alias is not moved without a name and a reason", "say who and why")


def move(client: MlflowClient, ledger: Ledger, wanted: Move, details: dict[str, Any]) -> None:
    """Move an alias: intent before, done after. Moving it to where it is does nothing."""
    before = one_version(client, wanted.use_case, wanted.alias)
    if (before.version if before else None) == wanted.version:
        return
    body = {**vars(wanted), "from": before.version if before else None, **details}
    with ledger.intent(MOVE, body):
        if wanted.version is None:
            client.delete_registered_model_alias(wanted.use_case, wanted.alias)
        else:
            client.set_registered_model_alias(wanted.use_case, wanted.alias, str(wanted.version))


def reconcile(client: MlflowClient, ledger: Ledger) -> list[Entry]:
    """Settle moves that a crash interrupted, by asking MLflow where the alias is now."""

    def happened(entry: Entry) -> bool:
        now = one_version(client, entry.body["use_case"], entry.body["alias"])
        return bool((now.version if now else None) == entry.body["version"])

    return ledger.reconcile(MOVE, happened)


def last_candidate(ledger: Ledger, use_case: str) -> datetime | None:
    """When a training last ended in a registered candidate, whatever its gate said; None where none has yet.

    A candidate whose gate is closed has learnt too; a training that a crash or an absent service ended has no
    candidate.
    """
    entries = ledger.entries(MOVE)
    done = {entry.body["intent"] for entry in entries if entry.phase == "done"}
    times = [
        datetime.fromisoformat(entry.time)
        for entry in entries
        if entry.sequence in done and (entry.body["use_case"], entry.body["action"]) == (use_case, "register")
    ]
    return max(times, default=None)


def champions(ledger: Ledger, use_case: str) -> list[int]:
    """The champions that rollbacks can go back to, the present one last, as the ledger knows them."""
    entries = ledger.entries(MOVE)
    done = {entry.body["intent"] for entry in entries if entry.phase == "done"}
    stack: list[int] = []
    for entry in entries:
        moved = entry.body
        if entry.sequence not in done or (moved["use_case"], moved["alias"]) != (use_case, names.CHAMPION):
            continue
        if moved["action"] == "promote":
            stack.append(moved["version"])
        else:
            while stack and stack[-1] != moved["version"]:
                stack.pop()
    return stack


def note_foreign_move(client: MlflowClient, ledger: Ledger, use_case: str) -> ModelVersion | None:
    """Write down a champion that nobody moved through here, once; returns today's champion.

    MLflow's own pages let anybody move an alias: that cannot be prevented here, but it can be seen.
    """
    now = one_version(client, use_case, names.CHAMPION)
    known = champions(ledger, use_case)
    seen, told = (now.version if now else None), (known[-1] if known else None)
    found = [entry.body for entry in ledger.entries(FOUND) if entry.body["use_case"] == use_case]
    body = {"use_case": use_case, "alias": names.CHAMPION, "version": seen, "ledger_says": told}
    if seen != told and body not in found[-1:]:
        ledger.write(FOUND, body)
    return now
